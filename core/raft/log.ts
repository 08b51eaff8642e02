// The replicated log as a persistent vector: an old log stays readable after any later edit.
//
// Logs share chunks. A slot once written is never overwritten: appending where another log has
// already written copies that chunk (and the list of chunks) first. So the newest log appends in
// constant time, and a fork costs one chunk.

import { invariant } from '../invariant.ts'
import type { Entry } from './message.ts'

const CHUNK_ENTRIES = 64

/** Entries 1 to `lastIndex`. Treat every field as private; use the functions below. */
export interface Log {
  readonly lastIndex: number
  readonly lastTerm: number
  readonly lastStampMs: number
  /** Shared with other logs, which may have written more behind what this one counts. */
  readonly chunks: Entry[][]
}

/** The log without entries. A new one each time, since a log's chunks may be shared. */
export function emptyLog(): Log {
  return { lastIndex: 0, lastTerm: 0, lastStampMs: 0, chunks: [] }
}

/** The entry at `index`, which must be from 1 to `lastIndex`. */
export function entryAt(log: Log, index: number): Entry {
  invariant(index >= 1 && index <= log.lastIndex, 'log: index outside of the log')
  const chunk = log.chunks[Math.floor((index - 1) / CHUNK_ENTRIES)] as Entry[]
  return chunk[(index - 1) % CHUNK_ENTRIES] as Entry
}

/** The term at `index`: 0 at index 0, -1 beyond the end. */
export function termAt(log: Log, index: number): number {
  if (index === log.lastIndex) return log.lastTerm
  if (index === 0) return 0
  return index > log.lastIndex ? -1 : entryAt(log, index).term
}

/** A log with `entry` behind the last one. Terms and stamps never fall along a log. */
export function append(log: Log, entry: Entry): Log {
  invariant(entry.term >= log.lastTerm, 'log: a term fell along the log')
  invariant(entry.stampMs >= log.lastStampMs, 'log: a stamp fell along the log')
  const slot = log.lastIndex % CHUNK_ENTRIES
  const at = (log.lastIndex - slot) / CHUNK_ENTRIES
  let chunks = log.chunks
  if (slot === 0) {
    if (chunks.length > at) chunks = chunks.slice(0, at)
    chunks.push([entry])
  } else {
    const chunk = chunks[at] as Entry[]
    if (chunk.length === slot) chunk.push(entry)
    else {
      chunks = chunks.slice(0, at)
      chunks.push([...chunk.slice(0, slot), entry])
    }
  }
  const lastIndex = log.lastIndex + 1
  return { lastIndex, lastTerm: entry.term, lastStampMs: entry.stampMs, chunks }
}

/** The log's first `lastIndex` entries. */
export function truncate(log: Log, lastIndex: number): Log {
  invariant(lastIndex >= 0 && lastIndex <= log.lastIndex, 'log: truncation beyond the end')
  if (lastIndex === 0) return emptyLog()
  const last = entryAt(log, lastIndex)
  return { lastIndex, lastTerm: last.term, lastStampMs: last.stampMs, chunks: log.chunks }
}

/** Entries `first` to `last`, both included; none when `last` is below `first`. */
export function slice(log: Log, first: number, last: number): readonly Entry[] {
  const entries: Entry[] = []
  for (let index = first; index <= last; index++) entries.push(entryAt(log, index))
  return entries
}

/**
 * The highest index, `index` at most, whose term is `term` at most; 0 when there is none. `index`
 * must not be beyond the end. Since terms never fall along a log, all in between are of later ones.
 */
export function lastIndexUpToTerm(log: Log, index: number, term: number): number {
  let low = 0
  let high = index
  while (low < high) {
    const middle = high - ((high - low) >>> 1)
    if (termAt(log, middle) <= term) low = middle
    else high = middle - 1
  }
  return low
}
