// Shorthands of the log's tests.

import type { HardState, Persist } from '../../core/effect.ts'
import type { Entry } from '../../core/raft/message.ts'
import type { Disk } from '../../storage/disk.ts'
import type { LogIdentity } from '../../storage/record.ts'
import type { Recovered } from '../../storage/recovery.ts'
import { openLog } from '../../storage/write-ahead-log.ts'
import type { LogReport, WriteAheadLog } from '../../storage/write-ahead-log.ts'

export const identity: LogIdentity = { cluster: 'c1', group: '0', node: '0' }

export function entry(term: number, ...payload: number[]): Entry {
  const kind = payload.length > 0 ? 'command' : 'noop'
  return { term, stampMs: term * 10, kind, payload: Uint8Array.from(payload) }
}

export function persistEntries(id: number, firstIndex: number, ...entries: Entry[]): Persist {
  return { type: 'persist', id, hardState: null, firstIndex, entries, logChanged: true }
}

export function persistHardState(id: number, hardState: HardState): Persist {
  return { type: 'persist', id, hardState, firstIndex: 0, entries: [], logChanged: false }
}

export interface Opened {
  readonly log: WriteAheadLog
  readonly recovered: Recovered
  readonly reports: LogReport[]
}

/** Opens the log and fails the test when it cannot be used. Syncs are the caller's to end. */
export function open(disk: Disk, whose: LogIdentity = identity): Opened {
  const reports: LogReport[] = []
  const recovery = openLog(disk, whose, report => reports.push(report))
  if (recovery.type !== 'ok') throw new Error(`${recovery.type}: ${recovery.reason}`)
  return { log: recovery.log, recovered: recovery.recovered, reports }
}
