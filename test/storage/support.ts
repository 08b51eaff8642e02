// Shorthands of the log's tests.

import type { HardState, LogBase, Persist, Snapshot } from '../../core/effect.ts'
import { foundedBy } from '../../core/raft/membership.ts'
import type { Entry } from '../../core/raft/message.ts'
import type { Disk } from '../../storage/disk.ts'
import type { LogContent } from '../../storage/log-content.ts'
import type { LogIdentity } from '../../storage/record.ts'
import type { Recovered } from '../../storage/recovery.ts'
import { openLog } from '../../storage/write-ahead-log.ts'
import type { LogOptions, LogReport, WriteAheadLog } from '../../storage/write-ahead-log.ts'

export const identity: LogIdentity = { cluster: 'c1', group: '0', node: '0' }

export function entry(term: number, ...payload: number[]): Entry {
  const kind = payload.length > 0 ? 'command' : 'noop'
  return { term, stampMs: term * 10, kind, payload: Uint8Array.from(payload) }
}

const bare = { type: 'persist' as const, hardState: null, checkpoint: null }

export function persistEntries(id: number, firstIndex: number, ...entries: Entry[]): Persist {
  return { ...bare, id, firstIndex, entries, logChanged: true }
}

export function persistHardState(id: number, hardState: HardState): Persist {
  return { ...bare, id, hardState, firstIndex: 0, entries: [], logChanged: false }
}

/** A snapshot up to `index`, whose last entry is `entry(term)`. */
export function snapshotAt(index: number, term: number, ...content: number[]): Snapshot {
  const bytes = Uint8Array.from(content)
  const membership = foundedBy(['0', 'n2'])
  const place = { index, term, stampMs: term * 10 }
  return { ...place, membership, version: 1, bytesCount: bytes.length, bytes }
}

export function baseAt(index: number, term: number): LogBase {
  return { index, term, stampMs: term * 10 }
}

/** A checkpoint whose hard state has the term of its last entry, or of the snapshot. */
export function persistCheckpoint(
  id: number,
  snapshot: Snapshot,
  base: LogBase,
  ...entries: Entry[]
): Persist {
  const term = entries.at(-1)?.term ?? snapshot.term
  const checkpoint = { snapshot, base }
  const hardState = { term, vote: '0' }
  const firstIndex = base.index + 1
  return { type: 'persist', id, hardState, checkpoint, firstIndex, entries, logChanged: true }
}

/** Equal for equal contents, whatever else is beside them. */
export function textOf({ hardState, snapshot, base, entries }: LogContent): string {
  return JSON.stringify([hardState, snapshot, base, entries])
}

export interface Opened {
  readonly log: WriteAheadLog
  readonly recovered: Recovered
  readonly reports: LogReport[]
}

/** Opens the log and fails the test when it cannot be used. Syncs are the caller's to end. */
export function open(disk: Disk, whose: LogIdentity = identity, options?: LogOptions): Opened {
  const reports: LogReport[] = []
  const recovery = openLog(disk, whose, report => reports.push(report), options)
  if (recovery.type !== 'ok') throw new Error(`${recovery.type}: ${recovery.reason}`)
  return { log: recovery.log, recovered: recovery.recovered, reports }
}
