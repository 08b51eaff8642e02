// What the bytes of a log file mean: a fresh log, a good one with or without a torn tail,
// corruption, or somebody else's. Pure: it reads bytes and touches no disk.
//
// A record that fails its checksum is a torn tail when nothing durable can have been there, and is
// corruption otherwise. Marks decide. Every record repeats how far the log was synced when it was
// written, and a note with a new mark follows each sync. So whatever a crash may take away lies
// behind all marks, and a bad record at or behind the highest mark is torn and below it has rotted.
// Marks of records before the bad one cannot reach it, so the rest of the file is searched for one
// that does. Undecidable is only the last batch if it rots before its note has reached the disk.
//
// The header is synced alone, before the first record is written. So a bad header with bytes behind
// it has rotted; one with nothing behind it opened a log that never held anything.

import type { HardState } from '../core/effect.ts'
import type { Entry } from '../core/raft/message.ts'
import { decodeHeader, decodeRecord, encodeHeader, RECORD_BYTES_MIN } from './record.ts'
import type { LogIdentity, LogRecord } from './record.ts'

/** What a log held. */
export interface Recovered {
  /** Term 0 and no vote when none was ever written. */
  readonly hardState: HardState
  /** Entries 1 to `entries.length`. */
  readonly entries: readonly Entry[]
  /** Bytes of a torn tail behind the last good record; 0 when there is none. */
  readonly tornBytes: number
  /** Good records, notes among them. */
  readonly records: number
}

/** Durable bytes are wrong: the node must not run on them, nor treat them as absent. */
export interface Corrupt {
  readonly type: 'corrupt'
  /** Byte offset of the record that is wrong. */
  readonly offset: number
  readonly reason: string
}

/** The log is in order, but not this node's, or written by a newer build. */
export interface Foreign {
  readonly type: 'foreign'
  readonly reason: string
}

/** A log that can be used. */
export interface Readable {
  readonly type: 'readable'
  readonly recovered: Recovered
  /** Byte offset behind the last good record: where the next is written. */
  readonly end: number
  /** Crc of the header, which seeds every record's. */
  readonly seed: number
  /** Highest mark of all: bytes below it are known to be durable. */
  readonly syncedTo: number
}

/** A file to be formatted anew: absent, empty, or with a header that never became durable. */
export interface Fresh {
  readonly type: 'fresh'
}

export type LogContents = Readable | Fresh | Corrupt | Foreign

interface Replay {
  hardState: HardState
  entries: Entry[]
  records: number
  syncedTo: number
}

/** Reads a whole log file, which should be that of `identity`. */
export function readLog(bytes: Uint8Array, identity: LogIdentity): LogContents {
  const header = decodeHeader(bytes)
  if (header.type === 'newer') {
    const reason = `log format version ${header.version} is newer than this build's`
    return { type: 'foreign', reason }
  }
  if (header.type === 'bad') {
    if (bytes.length <= encodeHeader(identity).length) return { type: 'fresh' }
    return { type: 'corrupt', offset: 0, reason: 'the header is bad and records follow it' }
  }
  for (const part of ['cluster', 'group', 'node'] as const) {
    const [found, wanted] = [header.identity[part], identity[part]]
    if (found === wanted) continue
    const reason = `log of ${part} ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`
    return { type: 'foreign', reason }
  }
  return replay(bytes, header.size, header.crc)
}

function replay(bytes: Uint8Array, start: number, seed: number): Readable | Corrupt {
  const state: Replay = { hardState: { term: 0, vote: null }, entries: [], records: 0, syncedTo: 0 }
  let at = start
  while (at < bytes.length) {
    const parsed = decodeRecord(bytes, at, seed)
    if (parsed.type === 'bad') break
    if (parsed.type === 'senseless') return corrupt(at, 'a malformed record of the right checksum')
    const problem = problemOf(parsed.record, at, state)
    if (problem !== null) return corrupt(at, problem)
    apply(parsed.record, state)
    at = parsed.end
  }
  if (hasMarkBeyond(bytes, at, seed, state.records)) {
    return corrupt(at, 'a bad record below a mark of what was synced')
  }
  const { hardState, entries, records, syncedTo } = state
  const tornBytes = bytes.length - at
  const recovered = { hardState, entries, tornBytes, records }
  return { type: 'readable', recovered, end: at, seed, syncedTo }
}

/** Why `record`, whose checksum is right, cannot follow what was replayed; null when it can. */
function problemOf(record: LogRecord, offset: number, state: Replay): string | null {
  const { hardState, firstIndex, entries } = record
  if (record.sequence !== state.records + 1) return 'a record out of sequence'
  if (record.syncedTo > offset) return 'a mark beyond its own record'
  if (record.syncedTo < state.syncedTo) return 'a mark below an earlier one'
  if (hardState !== null) {
    if (hardState.vote === '') return 'a vote for the empty string'
    if (hardState.term < state.hardState.term) return 'the current term falls'
  }
  if (!record.logChanged) return null
  if (firstIndex < 1) return 'entries before the first index'
  if (firstIndex > state.entries.length + 1) return 'a gap in the log of entries'
  let last = state.entries[firstIndex - 2]
  for (const entry of entries) {
    if (last !== undefined && entry.term < last.term) return 'a term falls along the log'
    if (last !== undefined && entry.stampMs < last.stampMs) return 'a stamp falls along the log'
    last = entry
  }
  return null
}

function apply(record: LogRecord, state: Replay): void {
  if (record.hardState !== null) state.hardState = record.hardState
  if (record.logChanged) {
    state.entries.length = record.firstIndex - 1
    for (const entry of record.entries) state.entries.push(entry)
  }
  state.records = record.sequence
  state.syncedTo = record.syncedTo
}

/**
 * True when a good record behind `bad` says that the bytes at `bad` were durable. Since a bad
 * length tells nothing of where the next record starts, every offset is tried. A payload could be
 * crafted to look like such a record and turn a crash into a refusal to start; it would have to
 * guess the header's crc, the sequence and the offset, and never makes the log accept anything.
 */
function hasMarkBeyond(bytes: Uint8Array, bad: number, seed: number, records: number): boolean {
  for (let at = bad + 1; at + RECORD_BYTES_MIN <= bytes.length; at++) {
    const parsed = decodeRecord(bytes, at, seed)
    if (parsed.type !== 'record' || parsed.record.sequence <= records) continue
    if (parsed.record.syncedTo > bad && parsed.record.syncedTo <= at) return true
  }
  return false
}

function corrupt(offset: number, reason: string): Corrupt {
  return { type: 'corrupt', offset, reason }
}
