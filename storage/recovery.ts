// What the bytes of one log file mean: a good log with or without a torn tail, one that has lost
// entries, one that was never finished, corruption beyond repair, or somebody else's. Pure: it
// reads bytes and touches no disk. Which of several files counts is generations.ts's to say.
//
// A record that fails its checksum is a torn tail when nothing durable can have been there, and has
// rotted otherwise. Marks decide. Every record repeats how far the file was synced when it was
// written, and a note with a new mark follows each sync. So whatever a crash may take away lies
// behind all marks, and a bad record at or behind the highest mark is torn and below it has rotted.
// Marks of records before the bad one cannot reach it, so the rest of the file is searched for one
// that does. Undecidable is only the last batch if it rots before its note has reached the disk.
//
// What has rotted is passed over, and stays where it is. A promise leaves only after the sync of
// its record, and the mark that covers it is written after that. So the very record that proves the
// rot was written after every promise that rests on what is lost, and each record states the term,
// the vote and the end of the log as of itself: these are never lost, if perhaps more than was
// promised. Only entries are. The log is `damaged` when it does not end where it says that it
// ended.
//
// Behind a gap, entries are taken only where the term of the one before them is that of ours at
// that index: then ours is the log that they were appended to (log matching, Raft 5.3), whatever
// was in what is lost. What is left is always a log as it once was, on this node or the leader's.
// The entries that peers send again follow the last good record, and fit when the file is read
// anew.
//
// The header of the first generation is synced alone, before its first record is written. So a bad
// header with bytes behind it has rotted; one with nothing behind it opened a log that never held
// anything. A later generation begins with its checkpoint, whose snapshot may be written ahead, and
// counts once a sync has covered all of that: no mark in it is above 0 unless its header and all of
// its checkpoint are durable. So a bad header or checkpoint has rotted when a mark is found behind
// it, and else is a generation that was never finished. What its header must have been is known,
// and so is the seed: with the header alone nothing is lost. With a part of the checkpoint all of
// it is: snapshot, and entries.

import type { HardState, LogBase, LogEnd, Snapshot } from '../core/effect.ts'
import type { Entry } from '../core/raft/message.ts'
import { headProblem, logProblem, NO_BASE } from './checkpoint.ts'
import { isBehind } from './log-terms.ts'
import { decodeHeader, decodeRecord, encodeHeader } from './record.ts'
import type { CheckpointHead, GoodHeader, LogIdentity, LogRecord } from './record.ts'
import { sizeOf, survey } from './survey.ts'
import type { Frame, Survey } from './survey.ts'

/** What a log held, or what of it is left. */
export interface Recovered {
  /** Term 0 and no vote when none was ever written. */
  readonly hardState: HardState
  /** Null when the log begins with entry 1 and no checkpoint was ever written, or it is lost. */
  readonly snapshot: Snapshot | null
  /** The place before the first of `entries`: at most that of the snapshot, or zeros. */
  readonly base: LogBase
  /** Entries `base.index + 1` to `base.index + entries.length`. */
  readonly entries: readonly Entry[]
  /**
   * Not null: what was durable has rotted, and the log once ended here. The entries are a log as it
   * once was, often the beginning of what it is to be; the hard state is whole.
   */
  readonly damage: LogEnd | null
  /**
   * Bytes cut off: a torn tail, and later generations that were never finished. Zeros at the end of
   * a file say nothing and are not counted: a disk may write them ahead of the log.
   */
  readonly tornBytes: number
  /** Good records of the file, notes among them. */
  readonly records: number
}

/** Durable bytes are wrong beyond repair: the node must not run, nor take them for absent. */
export interface Corrupt {
  readonly type: 'corrupt'
  /** Which generation of the log it is. */
  readonly generation: number
  /** Byte offset in its file of the record that is wrong. */
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
  /** Sequence of that record. */
  readonly sequence: number
  /** Crc of the header, which seeds every record's. */
  readonly seed: number
  /** Highest mark of all: bytes below it are known to be durable. */
  readonly syncedTo: number
}

/** A file whose header and checkpoint never became durable: absent, empty, or torn amid them. */
export interface Unfinished {
  readonly type: 'unfinished'
  /** Byte offset where it is not as it should have been. */
  readonly offset: number
}

export type LogContents = Readable | Unfinished | Corrupt | Foreign

interface Replay {
  readonly generation: number
  hardState: HardState
  /** Where the log ends as the last record has it. */
  end: LogEnd
  head: CheckpointHead | null
  /** The snapshot's bytes so far, as views of the file's. */
  parts: Uint8Array[]
  partsBytes: number
  /** False until the checkpoint that opens the file was read to its end. */
  isComplete: boolean
  /** The checkpoint that opened the file has rotted. */
  isCheckpointLost: boolean
  /** Records before the present one have rotted. */
  isGapped: boolean
  base: LogBase
  entries: Entry[]
  records: number
  sequence: number
  syncedTo: number
}

/** Reads a whole log file, which should be that of `identity` in that generation. */
export function readLog(
  bytes: Uint8Array,
  identity: LogIdentity,
  generation: number
): LogContents {
  const header = decodeHeader(bytes)
  if (header.type === 'newer') {
    const reason = `log format version ${header.version} is newer than this build's`
    return { type: 'foreign', reason }
  }
  if (header.type === 'bad') return withoutHeader(bytes, identity, generation)
  for (const part of ['cluster', 'group', 'node'] as const) {
    const [found, wanted] = [header.identity[part], identity[part]]
    if (found === wanted) continue
    const reason = `log of ${part} ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`
    return { type: 'foreign', reason }
  }
  if (header.generation !== generation) {
    const reason = `generation ${header.generation} of the log, not ${generation}`
    return { type: 'foreign', reason }
  }
  return replay(bytes, header, false)
}

/** Goes on with the header that must have been there. */
function withoutHeader(
  bytes: Uint8Array,
  identity: LogIdentity,
  generation: number
): LogContents {
  const wanted = encodeHeader(identity, generation)
  if (sizeOf(bytes) <= wanted.length) return { type: 'unfinished', offset: 0 }
  const contents = replay(bytes, decodeHeader(wanted) as GoodHeader, true)
  if (contents.type !== 'readable' || contents.recovered.records > 0) return contents
  return corrupt(generation, 0, 'the header is bad, and no record behind it can be read')
}

function replay(bytes: Uint8Array, header: GoodHeader, isHeaderBad: boolean): LogContents {
  const { generation, crc: seed } = header
  const state = emptyReplay(generation)
  let at = header.size
  const start: Frame = { offset: 0, end: at, sequence: 0, syncedTo: 0, term: 0 }
  let rest: Survey | null = isHeaderBad ? survey(bytes, seed, start, true) : null
  if (generation > 1 && rest?.syncedTo === 0) return { type: 'unfinished', offset: 0 }
  let next = 0
  while (at < bytes.length) {
    const parsed = decodeRecord(bytes, at, seed)
    if (parsed.type === 'senseless') {
      return corrupt(generation, at, 'a malformed record of the right checksum')
    }
    if (parsed.type === 'record') {
      const problem = take(parsed.record, at, state)
      if (problem !== null) return corrupt(generation, at, problem)
      at = parsed.end
      continue
    }
    const { sequence, syncedTo, hardState } = state
    const last: Frame = { offset: 0, end: at, sequence, syncedTo, term: hardState.term }
    rest ??= survey(bytes, seed, last, false)
    if (at >= rest.rottenBefore) break
    while ((rest.frames[next] as Frame).offset < at) next += 1
    const frame = rest.frames[next] as Frame
    passOver(state, frame.sequence - 1)
    at = frame.offset
  }
  if (!state.isComplete) return { type: 'unfinished', offset: at }
  const { sequence, syncedTo } = state
  const recovered = recoveredOf(state, Math.max(0, sizeOf(bytes) - at))
  return { type: 'readable', recovered, end: at, sequence, seed, syncedTo }
}

function emptyReplay(generation: number): Replay {
  return {
    generation,
    hardState: { term: 0, vote: null },
    end: { index: 0, term: 0 },
    head: null,
    parts: [],
    partsBytes: 0,
    isComplete: generation === 1,
    isCheckpointLost: false,
    isGapped: false,
    base: NO_BASE,
    entries: [],
    records: 0,
    sequence: 0,
    syncedTo: 0
  }
}

function recoveredOf(state: Replay, tornBytes: number): Recovered {
  const { hardState, end, base, entries, records } = state
  const own = endOf(state)
  const isWhole = own.index === end.index && own.term === end.term
  const damage = isWhole ? null : end
  return { hardState, snapshot: snapshotOf(state), base, entries, damage, tornBytes, records }
}

/** Where the entries end that are left. */
function endOf({ base, entries }: Replay): LogEnd {
  return { index: base.index + entries.length, term: entries.at(-1)?.term ?? base.term }
}

/** Goes on behind rotten records, up to the one of that sequence. */
function passOver(state: Replay, sequence: number): void {
  state.sequence = sequence
  state.isGapped = true
  if (state.isComplete) return
  state.isComplete = true
  state.isCheckpointLost = true
  state.head = null
  state.parts = []
  state.partsBytes = 0
  state.base = NO_BASE
  state.entries = []
}

/** Applies `record`, whose checksum is right, or says why it cannot follow what was replayed. */
function take(record: LogRecord, offset: number, state: Replay): string | null {
  const { sequence, syncedTo, hardState, end } = record
  if (sequence !== state.sequence + 1) return 'a record out of sequence'
  if (syncedTo > offset) return 'a mark beyond its own record'
  if (syncedTo < state.syncedTo) return 'a mark below an earlier one'
  if (hardState.vote === '') return 'a vote for the empty string'
  if (hardState.term < state.hardState.term) return 'the current term falls'
  state.hardState = hardState
  state.end = end
  // Until a sync covers the checkpoint no mark is above 0: these are its parts, and what followed.
  const isOfLost = state.isCheckpointLost && syncedTo === 0
  const problem = isOfLost ? null : takeContent(record, state)
  if (problem !== null) return problem
  if (state.isComplete && !state.isGapped && isBehind(end, endOf(state))) {
    return 'an end before that of the log'
  }
  state.records += 1
  state.sequence = sequence
  state.syncedTo = syncedTo
  return null
}

function takeContent(record: LogRecord, state: Replay): string | null {
  const problem = state.isComplete ? strayProblem(record) : takePart(record, state)
  if (problem !== null) return problem
  if (record.logChanged) {
    const wrong = takeEntries(record, state)
    if (wrong !== null) return wrong
  }
  return record.completes ? complete(state) : null
}

function strayProblem({ head, bytes, completes }: LogRecord): string | null {
  return head === null && bytes.length === 0 && !completes ? null : 'a stray part of a checkpoint'
}

/** Takes what a record of the checkpoint has, but for its entries. */
function takePart(record: LogRecord, state: Replay): string | null {
  const { head } = record
  if (head !== null && state.head !== null) return 'a checkpoint with two heads'
  if (head === null && state.head === null && (record.logChanged || record.completes)) {
    return 'a checkpoint without a head'
  }
  if (record.syncedTo > 0) return 'a mark amid a checkpoint'
  if (head !== null) {
    const problem = headProblem(head)
    if (problem !== null) return problem
    state.head = head
    state.base = head.base
  }
  if (record.bytes.length > 0) {
    state.parts.push(record.bytes)
    state.partsBytes += record.bytes.length
  }
  if (record.logChanged && record.firstIndex !== state.base.index + state.entries.length + 1) {
    return 'entries out of order in a checkpoint'
  }
  return null
}

function takeEntries(record: LogRecord, state: Replay): string | null {
  const { firstIndex, prevTerm, entries } = record
  const { base } = state
  const kept = firstIndex - base.index - 1
  if (kept < 0) return 'entries before the first index'
  if (state.isComplete && firstIndex <= (state.head?.snapshot.index ?? 0)) {
    return 'entries in place of what the snapshot covers'
  }
  const before = kept === 0 ? base : state.entries[kept - 1]
  if (before === undefined || before.term !== prevTerm) {
    // What they follow is lost.
    if (state.isGapped) return null
    return before === undefined ? 'a gap in the log of entries' : 'entries that follow another log'
  }
  let last: Omit<LogBase, 'index'> = before
  for (const entry of entries) {
    if (entry.term < last.term) return 'a term falls along the log'
    if (entry.stampMs < last.stampMs) return 'a stamp falls along the log'
    last = entry
  }
  state.entries.length = kept
  for (const entry of entries) state.entries.push(entry)
  return null
}

function complete(state: Replay): string | null {
  const head = state.head as CheckpointHead
  if (state.partsBytes !== head.snapshot.bytesCount) return 'a snapshot of another size'
  state.isComplete = true
  return logProblem(head, state.entries)
}

/** Joins the parts, once: a copy, so that the file's bytes need not be kept. */
function snapshotOf({ head, parts, partsBytes }: Replay): Snapshot | null {
  if (head === null) return null
  const bytes = new Uint8Array(partsBytes)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return { ...head.snapshot, bytes }
}

function corrupt(generation: number, offset: number, reason: string): Corrupt {
  return { type: 'corrupt', generation, offset, reason }
}
