// Judges histories of a string that is put and appended to, without a search, where what is written
// differs, at least at different times, and nothing begins with another: then what a read saw tells
// which writes it is made of, and in which order. A put and what is appended to it is a block of
// versions; so is what is appended to the empty string. Appended where nobody looks, a write is a
// block of its own: it can stand at the end of any other. Linear in the length of what was read.

import { conflict, judgeBlocks } from './block-monitor.ts'
import type { Operation } from './history.ts'
import { StringBlocks, type Place, type StringInput } from './kv-blocks.ts'
import type { Judged } from './model.ts'

/** So many ways to tell writes of the same are tried. */
const waysMax = 32

/**
 * Null: there are too many ways to tell who wrote what was read, and only a search can find one.
 * The string is empty at first.
 */
export function judgeStrings<Input extends StringInput>(
  operations: readonly Operation<Input, string>[],
): Judged<Input, string> | null {
  const blocks = new StringBlocks(operations)
  if (!blocks.readOperations()) return null
  const problem = blocks.readReads()
  if (problem !== null) return problem.type === 'unclear' ? null : problem
  const places = blocks.placesShared()
  if (!Array.isArray(places)) return places
  if (places.length === 0) return judgeBlocks(operations, blocks.versions())
  const ways = waysOf(places)
  if (ways === null) return null
  const conflicts: (Judged<Input, string> & { readonly type: 'conflict' })[] = []
  for (const way of ways) {
    for (const [index, { block, at }] of places.entries()) block.rows[at] = way[index] as number
    const judged = judgeBlocks(operations, blocks.versions())
    if (judged.type === 'ordered') return judged
    conflicts.push(judged)
  }
  const [first] = conflicts
  if (first !== undefined) return conflict(first.reason, conflicts.flatMap((one) => one.operations))
  const writes = places.flatMap(({ candidates }) => candidates.map((one) => blocks.makers[one]))
  const all = [...writes, ...places.map(({ seenBy }) => seenBy)]
  const found = all.map((at) => operations[at as number] as Operation<Input, string>)
  return conflict('it is there more often than it was appended', found)
}

/** By place: the version there; each is in one place only. Null: there are too many ways. */
function waysOf(places: readonly Place[]): number[][] | null {
  let ways: number[][] = [[]]
  for (const { candidates } of places) {
    ways = ways.flatMap((way) => {
      return candidates.filter((one) => !way.includes(one)).map((one) => [...way, one])
    })
    if (ways.length > waysMax) return null
  }
  return ways
}
