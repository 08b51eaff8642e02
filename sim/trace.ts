// The designed trace: one fixed-column line for each change worth seeing, newest last.
//
//   time in seconds | one glyph a node | who | what
//
// Glyphs: f follower, p precandidate, c candidate, L leader, = stalled, x down.

interface Line {
  readonly at: number
  readonly text: string
}

/**
 * Keeps the last `limit` lines; with a limit of 0 it keeps none and costs nothing. What the
 * workload says comes so often that it would crowd out the rest: it gets a third, or what is left.
 */
export class TraceLines {
  readonly #limit: number
  #lines: Line[] = []
  #details: Line[] = []
  #count = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  get isOn(): boolean {
    return this.#limit > 0
  }

  /** @param glyphs one for each node; `isDetail`: the workload says it */
  add(timeUs: number, glyphs: string, who: string, what: string, isDetail: boolean): void {
    if (this.#limit === 0) return
    const seconds = (timeUs / 1e6).toFixed(6).padStart(11)
    const line = { at: this.#count++, text: `${seconds}  ${glyphs}  ${who.padEnd(5)} ${what}` }
    if (isDetail) this.#details = this.#kept(this.#details, line)
    else this.#lines = this.#kept(this.#lines, line)
  }

  lines(): string[] {
    const detailsMin = Math.floor(this.#limit / 3)
    const lines = last(this.#lines, this.#limit - Math.min(detailsMin, this.#details.length))
    const details = last(this.#details, this.#limit - lines.length)
    return [...lines, ...details].sort((a, b) => a.at - b.at).map(({ text }) => text)
  }

  #kept(lines: Line[], line: Line): Line[] {
    lines.push(line)
    return lines.length < this.#limit * 2 ? lines : last(lines, this.#limit)
  }
}

function last(lines: Line[], count: number): Line[] {
  return count === 0 ? [] : lines.slice(-count)
}

/** The letter of a node in a line: what it is, or that it is not. */
export function glyphOf(status: string, role: string | undefined): string {
  if (status === 'down' || role === undefined) return 'x'
  if (status === 'stalled') return '='
  return role === 'leader' ? 'L' : (role[0] as string)
}
