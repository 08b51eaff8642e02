// A write-ahead log that keeps records by reference and no bytes: the fast twin of storage's, with
// the same reports, for measuring what codec and log cost.

import type { Persist } from '../core/effect.ts'
import { NOTHING_RESTORED } from '../core/raft/state.ts'
import type { Recovered } from '../storage/recovery.ts'
import type { LogReport, Recovery, WriteAheadLog } from '../storage/write-ahead-log.ts'
import type { Entry } from '../core/raft/message.ts'
import type { SimulatedDisk } from './disk.ts'

/** What survives a crash of one node whose log goes by reference. */
export interface ReferenceStore {
  records: Persist[]
  /** How many of them, the first, survive a loss of power too. */
  durableCount: number
}

/** The power fails: what was not synced is gone. Returns how many records were. */
export function loseUnsynced(store: ReferenceStore): number {
  const lost = store.records.length - store.durableCount
  store.records.length = store.durableCount
  return lost
}

/** Opens the log over `store`; `disk` only says when a sync ends. */
export function openReferenceLog(
  disk: SimulatedDisk,
  store: ReferenceStore,
  report: (report: LogReport) => void,
): Recovery {
  const recovered = replayed(store)
  let coveredCount = store.records.length
  let reportedCount = coveredCount
  let running = false
  let wanted = false
  let isOpen = false
  let isStageDirty = false
  const log: WriteAheadLog = {
    append: (persist) => {
      store.records.push(persist)
    },
    stage: () => {
      isStageDirty = true
      log.sync()
    },
    sync: () => {
      if (store.records.length === coveredCount && !isStageDirty) return
      if (running) wanted = true
      else start()
    },
  }
  function start(): void {
    running = true
    coveredCount = store.records.length
    const count = coveredCount
    const isNews = count > reportedCount
    const isStage = isStageDirty
    isStageDirty = false
    disk.sync((error) => {
      if (error !== null) return report({ type: 'failed', error })
      running = false
      store.durableCount = count
      const id = store.records[count - 1]?.id
      if (wanted) {
        wanted = false
        start()
      }
      reportedCount = count
      const wasOpen = isOpen
      isOpen = true
      if (!wasOpen) report({ type: 'opened' })
      else if (isNews && id !== undefined) report({ type: 'persisted', id })
      if (isStage) report({ type: 'staged' })
    })
  }
  start()
  return { type: 'ok', log, recovered }
}

/** What the records say together. */
function replayed({ records }: ReferenceStore): Recovered {
  let { hardState, snapshot, base } = NOTHING_RESTORED
  let entries: Entry[] = []
  for (const persist of records) {
    if (persist.hardState !== null) hardState = persist.hardState
    if (persist.checkpoint !== null) {
      snapshot = persist.checkpoint.snapshot
      base = persist.checkpoint.base
      entries = persist.entries.slice()
    } else if (persist.logChanged) {
      entries.length = persist.firstIndex - base.index - 1
      entries.push(...persist.entries)
    }
  }
  return { hardState, snapshot, base, entries, damage: null, tornBytes: 0, records: 0 }
}
