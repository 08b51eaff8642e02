// The write-ahead log of one replica on a Disk: files `log-<group>-<generation>`, of which the
// newest is appended to. It owns the order of writes, group commit, marks, and when files go; what
// bytes mean is record.ts's and recovery.ts's, which file counts is generations.ts's. It knows no
// Raft beyond what a `Persist` is, and no time.
//
// Why nothing stale comes back to life. Offsets only grow within a life. A crash may keep a later
// record and lose an earlier one; then reading ends at the lost one, and what lies behind is cut.
// The cut is made durable before the log reports `opened`, and nothing is appended before that: so
// a new record at an old offset never has an old one behind it, whatever its length or sequence.
// The same sync covers records that a dying process wrote and nobody had synced, so that the node
// never promises, on what it read at its start, what a power loss could still take away. They are
// written once more before it: after a sync that failed, the operating system takes them for clean,
// and would sync nothing. Some may have been acknowledged, with only the mark lost: writing the
// same bytes in their place must not harm them, even when a crash interrupts it.
//
// Why a checkpoint is atomic, and loses nothing. It opens the next generation, which counts only
// when all of it is there; until then the older one does, and is not touched any more. Every
// persist after it goes to the new file, and reports are contiguous: none of them is reported
// before a sync has covered the checkpoint too. So whenever the old file has to count, all that was
// ever reported is in it. It is removed after such a sync, and the sync of an `opened` is one. A
// generation that a crash left unfinished is removed before the sync of `opened`, so that the next
// checkpoint finds no bytes under that name. Sequences and marks start anew with each file: they
// only order what is in it, and the crc of a record is seeded with the generation, so none passes
// in another file.
//
// Why a snapshot may be written ahead of its checkpoint. What is staged goes to a generation that
// nothing completes before the checkpoint does: until then it is an unfinished one, and no mark is
// in it, whatever syncs have covered it meanwhile; the persists of that time go to the file before.
// A generation that is given up is removed, and no other one gets its number in this life.
//
// Why damage is not forgotten. What has rotted is never written over, and new records follow the
// last good one. Every record of a log that has lost entries states the end that it once had, until
// its own is as up to date: the rule by which the replica votes again. What the node acknowledges
// until then ends below that, so the statement covers it too.

import { ByteWriter } from '../core/bytes.ts'
import type { Checkpoint, HardState, LogEnd, Persist, PersistId } from '../core/effect.ts'
import { invariant, InvariantError } from '../core/invariant.ts'
import { CHECKPOINT_PART_BYTES, checkpointRecords, headProblem, logProblem } from './checkpoint.ts'
import type { Disk, SyncResult } from './disk.ts'
import { findLog } from './generations.ts'
import { isBehind, LogTerms } from './log-terms.ts'
import { decodeHeader, encodeHeader, encodeRecord, logFile, NOTE } from './record.ts'
import type { GoodHeader, LogIdentity, RecordContent } from './record.ts'
import { readLog } from './recovery.ts'
import type { Corrupt, Foreign, Readable, Recovered } from './recovery.ts'

/** What the log tells its host, each time after a sync and never within a call of the host. */
export type LogReport =
  /** First and once: what was recovered is durable, and `append` may be called. */
  | { readonly type: 'opened' }
  /** Every persist up to `id` is durable. Ids rise from one report to the next. */
  | { readonly type: 'persisted'; readonly id: PersistId }
  /** What was staged is on the disk: stage more. */
  | { readonly type: 'staged' }
  /** A sync failed: the last report. Nothing unreported is durable; stop the node, do not retry. */
  | { readonly type: 'failed'; readonly error: Error }

/** How opening a log ended. Only `ok` leaves something to run on, damaged or not. */
export type Recovery =
  | { readonly type: 'ok'; readonly log: WriteAheadLog; readonly recovered: Recovered }
  | Corrupt
  | Foreign

/** Appends what a replica must not forget. Made by `openLog`. */
export interface WriteAheadLog {
  /**
   * Writes one persist, atomic and durable only after a sync. Ids count from 1 in each life.
   * Throws InvariantError before `opened`, after `failed`, on an id or index out of order, on
   * entries in place of what the snapshot covers, and on a checkpoint that is not self-contained.
   */
  append(persist: Persist): void
  /**
   * Writes the first bytes of a snapshot, up to `end`, ahead of the checkpoint that is to hold it,
   * and asks for a sync; a `staged` report ends it. A checkpoint of a snapshot with these very
   * `bytes`, the same array, then writes only what is left. By itself what is staged counts for
   * nothing: other bytes take its place, and a crash drops it. Throws like `append`.
   */
  stage(bytes: Uint8Array, end: number): void
  /**
   * Asks that all appended so far become durable: call it once a turn that appended. One sync runs
   * at a time; calls during it share the next, which covers all that was appended until it starts
   * (group commit). Answered by a `persisted` report; does nothing when nothing is to be done.
   */
  sync(): void
}

/** What may be set. */
export interface LogOptions {
  /** Bytes of a checkpoint that one record takes, about; 4 MiB. Tests make it small. */
  readonly checkpointPartBytes?: number
}

/**
 * Opens the log of `identity`, formatting it when there is none; cuts a torn tail, and removes what
 * unfinished or outdated checkpoints left. What was recovered can be read at once; start the
 * replica at the `opened` report. A log that has lost entries is opened too: see
 * `Recovered.damage`.
 */
export function openLog(
  disk: Disk,
  identity: LogIdentity,
  report: (report: LogReport) => void,
  options: LogOptions = {}
): Recovery {
  const found = findLog(disk, identity)
  if (found.type !== 'found') return found
  const { generation, bytes, older, unfinished } = found
  let { contents } = found
  for (const newer of unfinished) disk.remove(logFile(identity.group, newer))
  const file = logFile(identity.group, generation)
  if (contents.type === 'unfinished') {
    // What may be left of an earlier try is no longer than the header, which so covers it.
    const header = encodeHeader(identity, generation)
    disk.write(file, 0, header)
    contents = readLog(header, identity, generation) as Readable
  } else {
    const { end, syncedTo } = contents
    if (contents.recovered.tornBytes > 0) disk.truncate(file, end)
    if (syncedTo < end) disk.write(file, syncedTo, bytes.subarray(syncedTo, end))
  }
  const tornBytes = contents.recovered.tornBytes + found.unfinishedBytes
  const recovered = { ...contents.recovered, tornBytes }
  const partBytes = options.checkpointPartBytes ?? CHECKPOINT_PART_BYTES
  invariant(partBytes >= 1, 'log: parts of a checkpoint without bytes')
  const log = new FileLog({ disk, identity, report, partBytes }, generation, older, contents)
  log.open()
  return { type: 'ok', log, recovered }
}

/** A file that is written to, and where and after what the next record goes. */
interface Tail {
  readonly generation: number
  readonly file: string
  readonly seed: number
  end: number
  sequence: number
  syncedTo: number
}

/** A snapshot that is written ahead: its first `count` bytes are. */
interface Staged {
  readonly bytes: Uint8Array
  readonly tail: Tail
  count: number
}

/** What a sync covers. */
interface Covered {
  readonly generation: number
  readonly end: number
  readonly id: PersistId
  readonly isStage: boolean
}

interface Surroundings {
  readonly disk: Disk
  readonly identity: LogIdentity
  readonly report: (report: LogReport) => void
  readonly partBytes: number
}

class FileLog implements WriteAheadLog {
  readonly #around: Surroundings
  readonly #writer = new ByteWriter()
  #state: 'opening' | 'open' | 'failed' = 'opening'
  /** Generations that a later one, not known to be durable yet, takes the place of. */
  #older: number[]
  /** The highest generation that has a file, or had one in this life. */
  #newest: number
  #tail: Tail
  #staged: Staged | null = null
  #hardState: HardState
  #snapshotIndex: number
  #baseIndex: number
  #terms: LogTerms
  /** Where the log once ended, while it is not as up to date again; else null. */
  #damage: LogEnd | null
  #appendedId: PersistId = 0
  /** The highest id that a sync, running or done, covers. */
  #coveredId: PersistId = 0
  #reportedId: PersistId = 0
  /** Staged since the last sync began. */
  #isStageDirty = false
  #syncRunning = false
  #syncWanted = false

  constructor(around: Surroundings, generation: number, older: readonly number[], from: Readable) {
    const { hardState, snapshot, base, entries, damage } = from.recovered
    this.#around = around
    this.#older = [...older]
    this.#newest = generation
    const { seed, end, sequence, syncedTo } = from
    const file = logFile(around.identity.group, generation)
    this.#tail = { generation, file, seed, end, sequence, syncedTo }
    this.#hardState = hardState
    this.#snapshotIndex = snapshot?.index ?? 0
    this.#baseIndex = base.index
    this.#terms = new LogTerms(base, entries)
    this.#damage = damage
  }

  open(): void {
    this.#startSync()
  }

  append(persist: Persist): void {
    invariant(this.#state !== 'opening', 'log: appended to before it was opened')
    invariant(this.#state !== 'failed', 'log: appended to after a failed sync')
    invariant(persist.id === this.#appendedId + 1, 'log: persist ids must count up by one')
    const { hardState, checkpoint } = persist
    if (hardState !== null) {
      invariant(hardState.term >= this.#hardState.term, 'log: the current term falls')
      invariant(hardState.vote !== '', 'log: a vote for the empty string')
      this.#hardState = hardState
    }
    if (checkpoint === null) this.#appendRecord(persist)
    else this.#appendCheckpoint(persist, checkpoint)
    this.#appendedId = persist.id
  }

  stage(bytes: Uint8Array, end: number): void {
    invariant(this.#state !== 'opening', 'log: staged to before it was opened')
    invariant(this.#state !== 'failed', 'log: staged to after a failed sync')
    let staged = this.#staged
    if (staged === null || staged.bytes !== bytes) {
      this.#dropStaged()
      staged = { bytes, tail: this.#begin(), count: 0 }
      this.#staged = staged
    }
    invariant(end >= staged.count && end <= bytes.length, 'log: staged out of order')
    const { partBytes } = this.#around
    while (staged.count < end) {
      const part = bytes.subarray(staged.count, Math.min(end, staged.count + partBytes))
      this.#write(staged.tail, { ...NOTE, bytes: part })
      staged.count += part.length
    }
    this.#isStageDirty = true
    this.sync()
  }

  sync(): void {
    invariant(this.#state !== 'failed', 'log: synced after a failed sync')
    if (this.#appendedId === this.#coveredId && !this.#isStageDirty) return
    if (this.#syncRunning) this.#syncWanted = true
    else this.#startSync()
  }

  #appendRecord({ logChanged, firstIndex, entries }: Persist): void {
    let prevTerm = 0
    if (logChanged) {
      invariant(firstIndex > this.#baseIndex, 'log: entries before the first index')
      invariant(firstIndex > this.#snapshotIndex, 'log: entries in place of what a snapshot covers')
      invariant(firstIndex <= this.#terms.end.index + 1, 'log: a gap before the new entries')
      prevTerm = this.#terms.termAt(firstIndex - 1)
      this.#terms.replace(firstIndex, entries)
      this.#checkRepaired()
    }
    const changed = { logChanged, firstIndex: logChanged ? firstIndex : 0, prevTerm, entries }
    this.#write(this.#tail, { ...NOTE, ...changed })
  }

  /** Ends the damage once the log is as up to date as it was, as the replica does. */
  #checkRepaired(): void {
    if (this.#damage !== null && !isBehind(this.#terms.end, this.#damage)) this.#damage = null
  }

  /** Opens the next generation, which holds nothing but the checkpoint. */
  #appendCheckpoint(persist: Persist, checkpoint: Checkpoint): void {
    const { snapshot, base } = checkpoint
    const { hardState, logChanged, firstIndex, entries } = persist
    invariant(hardState !== null, 'log: a checkpoint without term and vote')
    invariant(logChanged && firstIndex === base.index + 1, 'log: a checkpoint without its log')
    invariant(snapshot.bytesCount === snapshot.bytes.length, 'log: a snapshot of another size')
    invariant(snapshot.index >= this.#snapshotIndex, 'log: a snapshot older than the last')
    const problem = headProblem(checkpoint) ?? logProblem(checkpoint, entries)
    if (problem !== null) throw new InvariantError(problem)
    this.#snapshotIndex = snapshot.index
    this.#baseIndex = base.index
    this.#terms = new LogTerms(base, entries)
    this.#checkRepaired()

    if (this.#staged?.bytes !== snapshot.bytes) this.#dropStaged()
    const { tail, count } = this.#staged ?? { tail: this.#begin(), count: 0 }
    this.#staged = null
    this.#older.push(this.#tail.generation)
    this.#tail = tail
    const { partBytes } = this.#around
    const left = checkpointRecords(persist, checkpoint, partBytes, count)
    for (const part of left) this.#write(tail, part)
  }

  /** Opens the file of the next generation. */
  #begin(): Tail {
    const { disk, identity } = this.#around
    this.#newest += 1
    const generation = this.#newest
    const file = logFile(identity.group, generation)
    const header = encodeHeader(identity, generation)
    disk.write(file, 0, header)
    const { crc: seed, size: end } = decodeHeader(header) as GoodHeader
    return { generation, file, seed, end, sequence: 0, syncedTo: 0 }
  }

  #dropStaged(): void {
    if (this.#staged !== null) this.#around.disk.remove(this.#staged.tail.file)
    this.#staged = null
  }

  #startSync(): void {
    this.#syncRunning = true
    this.#coveredId = this.#appendedId
    const { generation, end } = this.#tail
    const covered = { generation, end, id: this.#appendedId, isStage: this.#isStageDirty }
    this.#isStageDirty = false
    this.#around.disk.sync(result => this.#syncEnded(result, covered))
  }

  #syncEnded(result: SyncResult, { generation, end, id, isStage }: Covered): void {
    const { report } = this.#around
    if (result !== null) {
      this.#state = 'failed'
      report({ type: 'failed', error: result })
      return
    }
    const opened = this.#state === 'opening'
    this.#state = 'open'
    this.#syncRunning = false
    this.#removeBefore(generation)
    const isNews = id > this.#reportedId
    this.#reportedId = id
    // A note of how far the log is synced. It asks for no sync of its own: the next covers it. A
    // file that a checkpoint has left meanwhile needs none: that sync also ends its use.
    if (generation === this.#tail.generation && (isNews || opened)) {
      this.#tail.syncedTo = end
      this.#write(this.#tail, NOTE)
    }
    if (this.#syncWanted) {
      this.#syncWanted = false
      this.#startSync()
    }
    if (opened) report({ type: 'opened' })
    if (isNews) report({ type: 'persisted', id })
    if (isStage) report({ type: 'staged' })
  }

  /** `durable` is on disk, checkpoint and all: nothing that is older counts any more. */
  #removeBefore(durable: number): void {
    const { disk, identity } = this.#around
    for (const older of this.#older) {
      if (older < durable) disk.remove(logFile(identity.group, older))
    }
    this.#older = this.#older.filter(older => older >= durable)
  }

  #write(tail: Tail, content: RecordContent): void {
    const sequence = tail.sequence + 1
    const end = this.#damage ?? this.#terms.end
    const state = { sequence, syncedTo: tail.syncedTo, hardState: this.#hardState, end }
    const bytes = encodeRecord(this.#writer, tail.seed, state, content)
    this.#around.disk.write(tail.file, tail.end, bytes)
    tail.end += bytes.length
    tail.sequence = sequence
  }
}
