// The write-ahead log of one replica: one file, `log-<group>`, on a Disk. It owns the order of
// writes, group commit and marks; what bytes mean is record.ts's and recovery.ts's. It knows no
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

import { ByteWriter } from '../core/bytes.ts'
import type { HardState, Persist, PersistId } from '../core/effect.ts'
import { invariant } from '../core/invariant.ts'
import type { Entry } from '../core/raft/message.ts'
import type { Disk, SyncResult } from './disk.ts'
import { encodeHeader, encodeRecord } from './record.ts'
import type { LogIdentity } from './record.ts'
import { readLog } from './recovery.ts'
import type { Corrupt, Foreign, Readable, Recovered } from './recovery.ts'

/** What the log tells its host, each time after a sync and never within a call of the host. */
export type LogReport =
  /** First and once: what was recovered is durable, and `append` may be called. */
  | { readonly type: 'opened' }
  /** Every persist up to `id` is durable. Ids rise from one report to the next. */
  | { readonly type: 'persisted'; readonly id: PersistId }
  /** A sync failed: the last report. Nothing unreported is durable; stop the node, do not retry. */
  | { readonly type: 'failed'; readonly error: Error }

/** How opening a log ended. Only `ok` leaves something to run on. */
export type Recovery =
  | { readonly type: 'ok'; readonly log: WriteAheadLog; readonly recovered: Recovered }
  | Corrupt
  | Foreign

/** Appends what a replica must not forget. Made by `openLog`. */
export interface WriteAheadLog {
  /**
   * Writes one record, atomic and durable only after a sync. Ids count from 1 in each life.
   * Throws InvariantError before `opened`, after `failed`, and on an id or index out of order.
   */
  append(persist: Persist): void
  /**
   * Asks that all appended so far become durable: call it once a turn that appended. One sync runs
   * at a time; calls during it share the next, which covers all that was appended until it starts
   * (group commit). Answered by a `persisted` report; does nothing when nothing is to be done.
   */
  sync(): void
}

/**
 * Opens the log of `identity`, formatting it when there is none, and cuts a torn tail. What was
 * recovered can be read at once; start the replica at the `opened` report.
 */
export function openLog(
  disk: Disk,
  identity: LogIdentity,
  report: (report: LogReport) => void
): Recovery {
  const file = logFile(identity.group)
  const bytes = disk.read(file)
  let contents = readLog(bytes, identity)
  if (contents.type === 'fresh') {
    // What may be left of an earlier try is no longer than the header, which so covers it.
    const header = encodeHeader(identity)
    disk.write(file, 0, header)
    contents = readLog(header, identity) as Readable
  } else if (contents.type === 'readable') {
    const { end, syncedTo } = contents
    if (contents.recovered.tornBytes > 0) disk.truncate(file, end)
    if (syncedTo < end) disk.write(file, syncedTo, bytes.subarray(syncedTo, end))
  } else return contents
  const log = new FileLog(disk, file, contents, report)
  log.open()
  return { type: 'ok', log, recovered: contents.recovered }
}

/** Name of the file that holds the log of `group`. */
export function logFile(group: string): string {
  return `log-${group}`
}

class FileLog implements WriteAheadLog {
  readonly #disk: Disk
  readonly #file: string
  readonly #seed: number
  readonly #report: (report: LogReport) => void
  readonly #writer = new ByteWriter()
  #state: 'opening' | 'open' | 'failed' = 'opening'
  #end: number
  #sequence: number
  #syncedTo: number
  #lastIndex: number
  #appendedId: PersistId = 0
  /** The highest id that a sync, running or done, covers. */
  #coveredId: PersistId = 0
  #syncRunning = false
  #syncWanted = false

  constructor(disk: Disk, file: string, from: Readable, report: (report: LogReport) => void) {
    this.#disk = disk
    this.#file = file
    this.#report = report
    this.#seed = from.seed
    this.#end = from.end
    this.#syncedTo = from.syncedTo
    this.#sequence = from.recovered.records
    this.#lastIndex = from.recovered.entries.length
  }

  open(): void {
    this.#startSync()
  }

  append(persist: Persist): void {
    invariant(this.#state !== 'opening', 'log: appended to before it was opened')
    invariant(this.#state !== 'failed', 'log: appended to after a failed sync')
    invariant(persist.id === this.#appendedId + 1, 'log: persist ids must count up by one')
    const { hardState, logChanged, entries } = persist
    if (logChanged) {
      invariant(persist.firstIndex >= 1, 'log: entries before the first index')
      invariant(persist.firstIndex <= this.#lastIndex + 1, 'log: a gap before the new entries')
      this.#lastIndex = persist.firstIndex + entries.length - 1
    }
    const firstIndex = logChanged ? persist.firstIndex : 0
    this.#write(hardState, logChanged, firstIndex, entries)
    this.#appendedId = persist.id
  }

  sync(): void {
    invariant(this.#state !== 'failed', 'log: synced after a failed sync')
    if (this.#appendedId === this.#coveredId) return
    if (this.#syncRunning) this.#syncWanted = true
    else this.#startSync()
  }

  #startSync(): void {
    this.#syncRunning = true
    this.#coveredId = this.#appendedId
    const end = this.#end
    const id = this.#appendedId
    this.#disk.sync(result => this.#syncEnded(result, end, id))
  }

  #syncEnded(result: SyncResult, end: number, id: PersistId): void {
    if (result !== null) {
      this.#state = 'failed'
      this.#report({ type: 'failed', error: result })
      return
    }
    const opened = this.#state === 'opening'
    this.#state = 'open'
    this.#syncRunning = false
    this.#syncedTo = end
    // A note of how far the log is synced. It asks for no sync of its own: the next covers it.
    this.#write(null, false, 0, [])
    if (this.#syncWanted) {
      this.#syncWanted = false
      this.#startSync()
    }
    this.#report(opened ? { type: 'opened' } : { type: 'persisted', id })
  }

  #write(
    hardState: HardState | null,
    logChanged: boolean,
    firstIndex: number,
    entries: readonly Entry[]
  ): void {
    const sequence = this.#sequence + 1
    const syncedTo = this.#syncedTo
    const record = { sequence, syncedTo, hardState, logChanged, firstIndex, entries }
    const bytes = encodeRecord(this.#writer, this.#seed, record)
    this.#disk.write(this.#file, this.#end, bytes)
    this.#end += bytes.length
    this.#sequence = sequence
  }
}
