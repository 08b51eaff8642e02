// The replicated log as a persistent vector: an old log stays readable after any later edit.
//
// Logs share chunks. A slot once written is never overwritten: appending where another log has
// already written copies that chunk (and the list of chunks) first. So the newest log appends in
// constant time, and a fork costs one chunk. A log starts behind its base: what came before is in a
// snapshot.

import type { LogBase } from '../effect.ts'
import { invariant } from '../invariant.ts'
import type { Entry } from './message.ts'

const CHUNK_ENTRIES = 64

/** Entries `base.index` + 1 to `lastIndex`. Private but for these; use the functions below. */
export interface Log {
  readonly base: LogBase
  readonly lastIndex: number
  readonly lastTerm: number
  readonly lastStampMs: number
  /** Index before the first slot of the first chunk. */
  readonly origin: number
  /** Shared with other logs, which may have written more behind what this one counts. */
  readonly chunks: Entry[][]
}

/** The base of a log that nothing was ever dropped from. */
export const NO_BASE: LogBase = { index: 0, term: 0, stampMs: 0 }

/** The log without entries behind `base`. A new one each time, since chunks may be shared. */
export function emptyLog(base: LogBase = NO_BASE): Log {
  const { index, term, stampMs } = base
  return { base, lastIndex: index, lastTerm: term, lastStampMs: stampMs, origin: index, chunks: [] }
}

/** The entry at `index`, which must be behind the base and not behind the end. */
export function entryAt(log: Log, index: number): Entry {
  invariant(index > log.base.index && index <= log.lastIndex, 'log: index outside of the log')
  const place = index - log.origin - 1
  const chunk = log.chunks[Math.floor(place / CHUNK_ENTRIES)] as Entry[]
  return chunk[place % CHUNK_ENTRIES] as Entry
}

/** The term at `index`, the base's too; -1 where there is no entry, or none any more. */
export function termAt(log: Log, index: number): number {
  if (index === log.lastIndex) return log.lastTerm
  if (index === log.base.index) return log.base.term
  return index > log.lastIndex || index < log.base.index ? -1 : entryAt(log, index).term
}

/** A log with `entry` behind the last one. Terms and stamps never fall along a log. */
export function append(log: Log, entry: Entry): Log {
  invariant(entry.term >= log.lastTerm, 'log: a term fell along the log')
  invariant(entry.stampMs >= log.lastStampMs, 'log: a stamp fell along the log')
  const { base, origin } = log
  const slot = (log.lastIndex - origin) % CHUNK_ENTRIES
  const at = (log.lastIndex - origin - slot) / CHUNK_ENTRIES
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
  return { base, lastIndex, lastTerm: entry.term, lastStampMs: entry.stampMs, origin, chunks }
}

/** The log up to `lastIndex`, which is not before the base. */
export function truncate(log: Log, lastIndex: number): Log {
  const { base, origin, chunks } = log
  invariant(lastIndex >= base.index, 'log: truncation before the base')
  invariant(lastIndex <= log.lastIndex, 'log: truncation beyond the end')
  if (lastIndex === base.index) return emptyLog(base)
  const { term, stampMs } = entryAt(log, lastIndex)
  return { base, lastIndex, lastTerm: term, lastStampMs: stampMs, origin, chunks }
}

/** The log without what comes before `index` and at it, which becomes its base. */
export function compact(log: Log, index: number): Log {
  if (index <= log.base.index) return log
  const { lastIndex, lastTerm, lastStampMs } = log
  const { term, stampMs } = entryAt(log, index)
  const base = { index, term, stampMs }
  if (index === lastIndex) return emptyLog(base)
  const dropped = Math.floor((index - log.origin) / CHUNK_ENTRIES)
  const origin = log.origin + dropped * CHUNK_ENTRIES
  // Always a list of its own: two logs of one list would count its chunks from different origins.
  const chunks = log.chunks.slice(dropped)
  return { base, lastIndex, lastTerm, lastStampMs, origin, chunks }
}

/** Entries `first` to `last`, both included; none when `last` is below `first`. */
export function slice(log: Log, first: number, last: number): readonly Entry[] {
  const entries: Entry[] = []
  for (let index = first; index <= last; index++) entries.push(entryAt(log, index))
  return entries
}

/**
 * The highest index, `index` at most, that may be of `term` at most. Terms never fall along a log,
 * so all in between are of later ones. Below the base nothing is known: there `index` itself may
 * be, and so may the index before the base when the base is of a later term.
 */
export function lastIndexUpToTerm(log: Log, index: number, term: number): number {
  const { base } = log
  if (index < base.index) return index
  let low = base.index
  let high = index
  while (low < high) {
    const middle = high - ((high - low) >>> 1)
    if (termAt(log, middle) <= term) low = middle
    else high = middle - 1
  }
  return low === base.index && base.term > term ? low - 1 : low
}
