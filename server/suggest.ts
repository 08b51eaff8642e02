// Guesses what a mistyped word was meant to be.

/** Adds `(did you mean ...?)` to a problem when one of `known` is close to `word`. */
export function withSuggestion(problem: string, word: string, known: readonly string[]): string {
  const nearest = nearestOf(word, known)
  return nearest === undefined ? problem : `${problem} (did you mean '${nearest}'?)`
}

/** The known word that fewest edits make of `word`, if those are few enough to be a slip. */
function nearestOf(word: string, known: readonly string[]): string | undefined {
  const distances = known.map((candidate) => ({ candidate, edits: editsBetween(word, candidate) }))
  const [best] = distances.sort((a, b) => a.edits - b.edits)
  if (best === undefined) return undefined
  const editsMax = Math.max(1, Math.floor(Math.max(word.length, best.candidate.length) / 3))
  return best.edits <= editsMax ? best.candidate : undefined
}

/** Insertions, deletions and replacements of a character, and swaps of two neighbours. */
function editsBetween(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, at) => at)]
  const at = (i: number, j: number): number => rows[i]?.[j] as number
  for (let i = 1; i <= a.length; i++) {
    rows.push([i])
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let edits = Math.min(at(i - 1, j - 1) + (same ? 0 : 1), at(i - 1, j) + 1, at(i, j - 1) + 1)
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (isSwap) edits = Math.min(edits, at(i - 2, j - 2) + 1)
      rows[i]?.push(edits)
    }
  }
  return at(a.length, b.length)
}
