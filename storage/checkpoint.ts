// A checkpoint on its way to disk: the records that it is split over, and what every checkpoint
// must satisfy, written or read. It knows no files, and no checksums.

import type { Checkpoint, LogBase, Persist } from '../core/effect.ts'
import type { Entry, SnapshotHeader } from '../core/raft/message.ts'
import type { CheckpointHead, RecordContent } from './record.ts'

/** Bytes of a snapshot and its entries that one record takes, about (4 MiB). */
export const CHECKPOINT_PART_BYTES: number = 4 * 1024 * 1024

/** What an entry takes beside its payload, at most. */
const ENTRY_BYTES = 25

/** Where the log of a group starts that has dropped nothing. */
export const NO_BASE: LogBase = { index: 0, term: 0, stampMs: 0 }

/**
 * The records of a checkpoint, in order: the head first, then all bytes, then all entries. Each
 * takes about `partBytes`, or a single entry that is larger. The first `stagedCount` bytes are left
 * out: they were written ahead of the head.
 */
export function checkpointRecords(
  { entries }: Persist,
  { snapshot, base }: Checkpoint,
  partBytes: number,
  stagedCount: number
): readonly RecordContent[] {
  const records: RecordContent[] = []
  let offset = stagedCount
  let count = 0
  let completes = false
  while (!completes) {
    const isFirst = records.length === 0
    const bytes = snapshot.bytes.subarray(offset, offset + partBytes)
    offset += bytes.length
    const from = count
    let room = offset < snapshot.bytes.length ? 0 : partBytes - bytes.length
    for (let entry = entries[count]; entry !== undefined; entry = entries[++count]) {
      const needed = entry.payload.length + ENTRY_BYTES
      const isAlone = !isFirst && bytes.length === 0 && count === from
      if (needed > room && !isAlone) break
      room -= needed
    }
    completes = offset === snapshot.bytes.length && count === entries.length
    const logChanged = count > from
    const before = from === 0 ? base : (entries[from - 1] as Entry)
    records.push({
      logChanged,
      firstIndex: logChanged ? base.index + 1 + from : 0,
      prevTerm: logChanged ? before.term : 0,
      entries: entries.slice(from, count),
      head: isFirst ? headOf(snapshot, base) : null,
      bytes,
      completes
    })
  }
  return records
}

/** What is wrong with the head of a checkpoint, or null. */
export function headProblem({ snapshot, base }: CheckpointHead): string | null {
  if (base.index > snapshot.index) return 'a base behind its snapshot'
  if (base.term > snapshot.term) return 'a base of a later term than its snapshot'
  if (base.stampMs > snapshot.stampMs) return 'a base of a later stamp than its snapshot'
  if (base.index === snapshot.index && !isSamePlace(base, snapshot)) {
    return 'a base that is not the entry of its snapshot'
  }
  return null
}

/** Why `entries`, the whole log behind the base, do not go with the snapshot; null when they do. */
export function logProblem(
  { snapshot, base }: CheckpointHead,
  entries: readonly Entry[]
): string | null {
  if (base.index === snapshot.index) return null
  const last = entries[snapshot.index - base.index - 1]
  if (last === undefined) return 'a log that ends before its snapshot'
  return isSamePlace(last, snapshot) ? null : 'a log whose entry is not that of its snapshot'
}

function headOf(snapshot: SnapshotHeader, base: LogBase): CheckpointHead {
  const { index, term, stampMs, membership, version, bytesCount } = snapshot
  return { snapshot: { index, term, stampMs, membership, version, bytesCount }, base }
}

function isSamePlace(a: Omit<LogBase, 'index'>, b: Omit<LogBase, 'index'>): boolean {
  return a.term === b.term && a.stampMs === b.stampMs
}
