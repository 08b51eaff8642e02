// A write-ahead log that keeps records by reference and no bytes: the fast twin of storage's, with
// the same reports, for measuring what codec and log cost.

import type { Persist } from '../core/effect.ts'
import type { LogReport, Recovery, WriteAheadLog } from '../storage/write-ahead-log.ts'
import type { Entry } from '../core/raft/message.ts'
import type { SimulatedDisk } from './disk.ts'

/** What survives a crash of one node whose log goes by reference. */
export interface ReferenceStore {
  durable: Persist[]
}

/** Opens the log over `store`; `disk` only says when a sync ends. */
export function openReferenceLog(
  disk: SimulatedDisk,
  store: ReferenceStore,
  report: (report: LogReport) => void,
): Recovery {
  let hardState: { term: number; vote: string | null } = { term: 0, vote: null }
  const entries: Entry[] = []
  for (const persist of store.durable) {
    if (persist.hardState !== null) hardState = persist.hardState
    if (persist.logChanged) {
      entries.length = persist.firstIndex - 1
      entries.push(...persist.entries)
    }
  }
  let unsynced: Persist[] = []
  let running = false
  let wanted = false
  const log: WriteAheadLog = {
    append: (persist) => {
      unsynced.push(persist)
    },
    sync: () => {
      if (unsynced.length === 0) return
      if (running) wanted = true
      else start()
    },
  }
  function start(): void {
    running = true
    const batch = unsynced
    unsynced = []
    disk.sync(() => {
      running = false
      store.durable.push(...batch)
      if (wanted) {
        wanted = false
        start()
      }
      const last = batch.at(-1)
      report(last === undefined ? { type: 'opened' } : { type: 'persisted', id: last.id })
    })
  }
  start()
  return { type: 'ok', log, recovered: { hardState, entries, tornBytes: 0, records: 0 } }
}
