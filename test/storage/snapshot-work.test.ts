// A snapshot in the making, on a log and a disk in memory.

import * as assert from 'uvu/assert'
import { MemoryDisk } from '../../storage/memory-disk.ts'
import { SnapshotWork } from '../../storage/snapshot-work.ts'
import { suite } from '../harness.ts'
import { baseAt, entry, open, persistCheckpoint, persistEntries, snapshotAt } from './support.ts'

const test = suite('storage/snapshot-work')

/** A snapshot as of entry 2 in the making, on a log of three, and what came of it. */
function making() {
  const disk = new MemoryDisk()
  const { log, reports } = open(disk)
  disk.flush()
  const three = persistEntries(1, 1, entry(1), entry(1), entry(1))
  log.append(three)
  let isSoon = false
  const taken: Uint8Array[] = []
  const parts = [Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5, 6)]
  const work = new SnapshotWork(parts, log, {
    index: 2,
    soon: () => (isSoon = true),
    taken: (bytes) => taken.push(bytes),
    stageBytes: 2,
  })
  work.appended(three)
  /** Steps and syncs until `isEnough`, or until nothing is left to do. */
  const run = (isEnough: () => boolean = () => false): void => {
    while (!isEnough() && (isSoon || disk.syncsWaiting > 0)) {
      const from = reports.length
      if (isSoon) {
        isSoon = false
        work.step()
      } else disk.flush()
      for (const { type } of reports.slice(from)) if (type === 'staged') work.staged()
    }
  }
  return { disk, log, work, taken, run }
}

test('snapshot work: left alone: all of it is staged, and then handed over', () => {
  const { disk, taken, run } = making()
  run()
  assert.equal(taken, [Uint8Array.of(1, 2, 3, 4, 5, 6)])
  assert.equal(disk.list(), ['log-0-1', 'log-0-2'])
})

test("snapshot work: a leader's overtakes it while it is staged: no file of it is left", () => {
  const { disk, log, work, taken, run } = making()
  run(() => disk.list().length > 1)
  const checkpoint = persistCheckpoint(2, snapshotAt(3, 1, 9), baseAt(3, 1))
  log.append(checkpoint)
  work.appended(checkpoint)
  log.sync()
  run()
  assert.equal(disk.list(), ['log-0-3'])
  assert.equal(taken, [new Uint8Array(0)], 'whoever asked for it is answered')
})

test('snapshot work: a checkpoint that covers less: it goes on', () => {
  const { log, work, taken, run } = making()
  const checkpoint = persistCheckpoint(2, snapshotAt(1, 1, 9), baseAt(1, 1), entry(1), entry(1))
  log.append(checkpoint)
  work.appended(checkpoint)
  log.sync()
  run()
  assert.is(taken[0]?.length, 6)
})

test.run()
