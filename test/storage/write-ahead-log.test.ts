// The log's promises to its host: reports, group commit, refusals; and what it recovers in order.

import * as assert from 'uvu/assert'
import { equalBytes } from '../../core/bytes.ts'
import type { LogBase, Persist, Snapshot } from '../../core/effect.ts'
import { MemoryDisk } from '../../storage/memory-disk.ts'
import { RECORD_BYTES_MAX } from '../../storage/record.ts'
import { suite } from '../harness.ts'
import {
  baseAt,
  entry,
  identity,
  open,
  persistCheckpoint,
  persistEntries,
  persistHardState,
  snapshotAt
} from './support.ts'

const test = suite('write-ahead log')

const payloadsOf = (disk: MemoryDisk): number[][] =>
  open(disk).recovered.entries.map(({ payload }) => [...payload])

test('log: an empty directory: is formatted, and holds nothing', () => {
  const disk = new MemoryDisk()
  const { recovered, reports } = open(disk)
  const hardState = { term: 0, vote: null }
  const base = baseAt(0, 0)
  const nothing = { hardState, snapshot: null, base, entries: [], damage: null }
  assert.equal(recovered, { ...nothing, tornBytes: 0, records: 0 })
  assert.equal(disk.list(), ['log-0-1'])
  assert.equal(reports, [])
  disk.flush()
  assert.equal(reports, [{ type: 'opened' }])
})

test('log: another life: recovers the hard state and the entries', () => {
  const disk = new MemoryDisk()
  const { log } = open(disk)
  disk.flush()
  log.append(persistHardState(1, { term: 2, vote: '0' }))
  log.append(persistEntries(2, 1, entry(1, 10), entry(2, 20)))
  log.append({ ...persistEntries(3, 3, entry(3, 30)), hardState: { term: 3, vote: null } })
  const { recovered } = open(disk)
  assert.equal(recovered.hardState, { term: 3, vote: null })
  assert.equal(recovered.entries, [entry(1, 10), entry(2, 20), entry(3, 30)])
  assert.is(recovered.records, 4)
})

test('log: entries from an index on: replace all that stood there', () => {
  const disk = new MemoryDisk()
  const { log } = open(disk)
  disk.flush()
  log.append(persistEntries(1, 1, entry(1, 1), entry(1, 2), entry(1, 3)))
  log.append(persistEntries(2, 2, entry(2, 9)))
  assert.equal(payloadsOf(disk), [[1], [9]])
})

test('log: a truncation without new entries: is kept', () => {
  const disk = new MemoryDisk()
  const { log } = open(disk)
  disk.flush()
  log.append(persistEntries(1, 1, entry(1, 1), entry(1, 2)))
  log.append(persistEntries(2, 1))
  assert.equal(payloadsOf(disk), [])
})

test('log: several appends before a sync: one sync covers all of them', () => {
  const disk = new MemoryDisk()
  const { log, reports } = open(disk)
  disk.flush()
  for (let id = 1; id <= 3; id++) log.append(persistEntries(id, id, entry(1, id)))
  log.sync()
  assert.is(disk.syncsWaiting, 1)
  assert.is(reports.length, 1)
  disk.flush()
  assert.equal(reports.slice(1), [{ type: 'persisted', id: 3 }])
})

test('log: syncs asked for while one runs: share the next, which starts when it ends', () => {
  const disk = new MemoryDisk()
  const { log, reports } = open(disk)
  disk.flush()
  for (let id = 1; id <= 4; id++) {
    log.append(persistEntries(id, id, entry(1, id)))
    log.sync()
    assert.is(disk.syncsWaiting, 1)
  }
  disk.flush()
  assert.equal(reports.slice(1), [{ type: 'persisted', id: 1 }])
  assert.is(disk.syncsWaiting, 1)
  disk.flush()
  assert.equal(reports.slice(2), [{ type: 'persisted', id: 4 }])
  assert.is(disk.syncsWaiting, 0)
})

test('log: an append after the sync started: is not reported by it', () => {
  const disk = new MemoryDisk()
  const { log, reports } = open(disk)
  disk.flush()
  log.append(persistEntries(1, 1, entry(1, 1)))
  log.sync()
  log.append(persistEntries(2, 2, entry(1, 2)))
  disk.flush()
  assert.equal(reports.slice(1), [{ type: 'persisted', id: 1 }])
  assert.is(disk.syncsWaiting, 0)
  log.sync()
  disk.flush()
  assert.equal(reports.slice(2), [{ type: 'persisted', id: 2 }])
})

test('log: a sync with nothing appended: does nothing', () => {
  const disk = new MemoryDisk()
  const { log } = open(disk)
  log.sync()
  assert.is(disk.syncsWaiting, 1)
  disk.flush()
  log.sync()
  assert.is(disk.syncsWaiting, 0)
})

test('log: a host that appends and syncs inside a report: goes on', () => {
  const disk = new MemoryDisk()
  const { log, reports } = open(disk)
  const push = reports.push.bind(reports)
  let id = 0
  reports.push = report => {
    id += 1
    log.append(persistEntries(id, id, entry(1, id)))
    log.sync()
    return push(report)
  }
  for (let flush = 0; flush < 4; flush++) disk.flush()
  assert.equal(reports, [{ type: 'opened' }, ...[1, 2, 3].map(id => ({ type: 'persisted', id }))])
})

test('log: a failed sync: is reported once, and all later calls are refused', () => {
  const disk = new MemoryDisk()
  const { log, reports } = open(disk)
  disk.flush()
  log.append(persistEntries(1, 1, entry(1, 1)))
  log.sync()
  log.append(persistEntries(2, 2, entry(1, 2)))
  log.sync()
  const error = new Error('EIO')
  disk.flush(error)
  assert.equal(reports.slice(1), [{ type: 'failed', error }])
  assert.is(disk.syncsWaiting, 0)
  assert.throws(() => log.append(persistEntries(3, 3, entry(1, 3))), /after a failed sync/)
  assert.throws(() => log.sync(), /after a failed sync/)
})

test('log: a failed first sync: is reported instead of opened', () => {
  const disk = new MemoryDisk()
  const { log, reports } = open(disk)
  const error = new Error('EIO')
  disk.flush(error)
  assert.equal(reports, [{ type: 'failed', error }])
  assert.throws(() => log.append(persistEntries(1, 1, entry(1, 1))), /after a failed sync/)
})

test('log: the start after a failed sync: writes again all that no sync has made durable', () => {
  const disk = new MemoryDisk()
  const { log } = open(disk)
  disk.flush()
  log.append(persistEntries(1, 1, entry(1, 1)))
  log.sync()
  const synced = disk.read('log-0-1')
  disk.flush()
  log.append(persistEntries(2, 2, entry(1, 2)))
  log.sync()
  disk.flush(new Error('EIO'))
  // The system takes what was written for clean: only what is written anew will ever be synced.
  const forgetful = new MemoryDisk()
  forgetful.write('log-0-1', 0, synced)
  const { recovered } = open({
    list: () => disk.list(),
    read: (file) => disk.read(file),
    write: (file, offset, bytes) => forgetful.write(file, offset, bytes),
    truncate: (file, size) => forgetful.truncate(file, size),
    remove: (file) => forgetful.remove(file),
    sync: (done) => forgetful.sync(done),
  })
  assert.equal(recovered.entries, [entry(1, 1), entry(1, 2)])
  assert.equal(forgetful.read('log-0-1'), disk.read('log-0-1'))
  assert.ok(forgetful.read('log-0-1').length > synced.length)
})

test('log: appends out of order: break an invariant', () => {
  const disk = new MemoryDisk()
  const { log } = open(disk)
  const first = persistEntries(1, 1, entry(1, 1))
  assert.throws(() => log.append(first), /before it was opened/)
  disk.flush()
  assert.throws(() => log.append(persistEntries(2, 1)), /ids must count up/)
  log.append(first)
  assert.throws(() => log.append(first), /ids must count up/)
  assert.throws(() => log.append(persistEntries(2, 3)), /a gap before the new entries/)
  assert.throws(() => log.append(persistEntries(2, 0)), /before the first index/)
})

test('log: a vote for "", a record too big: break an invariant', () => {
  const disk = new MemoryDisk()
  const { log } = open(disk)
  disk.flush()
  const vote = persistHardState(1, { term: 1, vote: '' })
  assert.throws(() => log.append(vote), /a vote for the empty string/)
  const huge = { ...entry(1), payload: new Uint8Array(RECORD_BYTES_MAX) }
  const second = new MemoryDisk()
  const { log: secondLog } = open(second)
  second.flush()
  assert.throws(() => secondLog.append(persistEntries(1, 1, huge)), /a record beyond 64 MiB/)
})

test('log: a checkpoint: takes the place of all before it, and is gone on with', () => {
  const disk = new MemoryDisk()
  const { log } = open(disk)
  disk.flush()
  log.append(persistEntries(1, 1, entry(1, 1), entry(1, 2), entry(1, 3), entry(1, 4)))
  log.append(persistCheckpoint(2, snapshotAt(3, 1, 9, 8), baseAt(2, 1), entry(1, 3)))
  log.append(persistEntries(3, 4, entry(2, 40)))
  const { recovered } = open(disk)
  assert.equal(recovered.snapshot, snapshotAt(3, 1, 9, 8))
  assert.equal(recovered.base, baseAt(2, 1))
  assert.equal(recovered.entries, [entry(1, 3), entry(2, 40)])
  assert.equal(recovered.hardState, { term: 1, vote: '0' })
})

test('log: a checkpoint: removes the older file after a sync that covers it, not before', () => {
  const disk = new MemoryDisk()
  const { log, reports } = open(disk)
  disk.flush()
  log.append(persistEntries(1, 1, entry(1, 1)))
  log.sync()
  log.append(persistCheckpoint(2, snapshotAt(1, 1), baseAt(1, 1)))
  log.sync()
  disk.flush()
  assert.equal(reports.at(-1), { type: 'persisted', id: 1 })
  assert.equal(disk.list(), ['log-0-1', 'log-0-2'])
  log.append(persistCheckpoint(3, snapshotAt(1, 1), baseAt(1, 1)))
  disk.flush()
  assert.equal(reports.at(-1), { type: 'persisted', id: 2 })
  assert.equal(disk.list(), ['log-0-2', 'log-0-3'])
  log.sync()
  disk.flush()
  assert.equal(reports.at(-1), { type: 'persisted', id: 3 })
  assert.equal(disk.list(), ['log-0-3'])
})

test('log: several checkpoints in one sync: only the last one is left', () => {
  const disk = new MemoryDisk()
  const { log } = open(disk)
  disk.flush()
  for (let id = 1; id <= 10; id++) {
    log.append(persistCheckpoint(id, snapshotAt(id, 1, id), baseAt(id, 1)))
  }
  log.sync()
  disk.flush()
  assert.equal(disk.list(), ['log-0-11'])
  assert.equal(open(disk).recovered.snapshot, snapshotAt(10, 1, 10))
})

test('log: a checkpoint in parts of any size: comes back as it went', () => {
  const entries = [entry(1, 1), entry(1, 2, 2, 2), entry(2), entry(2, 3)]
  const snapshot = snapshotAt(6, 1, ...Array.from({ length: 50 }, (_, at) => at))
  for (const checkpointPartBytes of [1, 2, 7, 26, 30, 50, 51, 80, 1000]) {
    const disk = new MemoryDisk()
    const { log } = open(disk, identity, { checkpointPartBytes })
    disk.flush()
    log.append(persistCheckpoint(1, snapshot, baseAt(5, 1), ...entries))
    const { recovered } = open(disk)
    assert.equal(recovered.snapshot, snapshot)
    assert.equal(recovered.entries, entries)
    assert.equal(recovered.base, baseAt(5, 1))
    assert.ok(recovered.records <= 1 + 50 / checkpointPartBytes + entries.length)
  }
})

test('log: a snapshot and entries beyond a record: are split, the largest entry included', () => {
  const disk = new MemoryDisk()
  const { log } = open(disk)
  disk.flush()
  const bytes = new Uint8Array(70 * 1024 * 1024).map((_, at) => at % 251)
  const snapshot = { ...snapshotAt(1, 1), bytes, bytesCount: bytes.length }
  const large = { ...entry(1), payload: new Uint8Array(RECORD_BYTES_MAX - 100).fill(7) }
  log.append(persistCheckpoint(1, snapshot, baseAt(0, 0), entry(1), large, entry(1, 2)))
  const { recovered } = open(disk)
  assert.is(recovered.records, 20)
  assert.ok(equalBytes(recovered.snapshot?.bytes ?? bytes.slice(1), bytes))
  assert.is(recovered.entries[1]?.payload.length, large.payload.length)
  assert.equal(recovered.entries[2], entry(1, 2))
})

test('log: the start after a failed sync of a checkpoint: writes all of it again', () => {
  const disk = new MemoryDisk()
  const { log } = open(disk)
  disk.flush()
  const before = disk.read('log-0-1')
  log.append(persistCheckpoint(1, snapshotAt(1, 1, 5), baseAt(1, 1)))
  log.sync()
  disk.flush(new Error('EIO'))
  const forgetful = new MemoryDisk()
  forgetful.write('log-0-1', 0, before)
  open({
    list: () => disk.list(),
    read: file => disk.read(file),
    write: (file, offset, bytes) => forgetful.write(file, offset, bytes),
    truncate: (file, size) => forgetful.truncate(file, size),
    remove: file => forgetful.remove(file),
    sync: done => forgetful.sync(done)
  })
  assert.equal(forgetful.list(), ['log-0-1', 'log-0-2'])
  forgetful.flush()
  assert.equal(forgetful.list(), ['log-0-2'])
  assert.equal(open(forgetful).recovered.snapshot, snapshotAt(1, 1, 5))
})

test('log: a checkpoint that is not whole, entries that a snapshot covers: are refused', () => {
  const disk = new MemoryDisk()
  const { log } = open(disk)
  disk.flush()
  const good = persistCheckpoint(1, snapshotAt(3, 2), baseAt(2, 1), entry(2), entry(2))
  const refused = (changes: Partial<Persist>, reason: RegExp): void => {
    assert.throws(() => log.append({ ...good, ...changes }), reason)
  }
  const other = (snapshot: Snapshot, base: LogBase): Partial<Persist> => {
    return { checkpoint: { snapshot, base }, firstIndex: base.index + 1 }
  }
  refused({ hardState: null }, /without term and vote/)
  refused({ logChanged: false }, /without its log/)
  refused({ firstIndex: 4 }, /without its log/)
  refused(other({ ...snapshotAt(3, 2), bytesCount: 1 }, baseAt(2, 1)), /another size/)
  refused(other(snapshotAt(3, 2), baseAt(4, 2)), /a base behind its snapshot/)
  refused(other(snapshotAt(3, 2), baseAt(2, 3)), /of a later term/)
  refused(other(snapshotAt(3, 2), { ...baseAt(2, 1), stampMs: 21 }), /of a later stamp/)
  refused(other(snapshotAt(3, 2), baseAt(3, 1)), /not the entry of its snapshot/)
  refused(other(snapshotAt(5, 2), baseAt(2, 1)), /ends before its snapshot/)
  refused(other(snapshotAt(3, 3), baseAt(2, 1)), /not that of its snapshot/)
  assert.equal(disk.list(), ['log-0-1'])
  log.append(good)
  assert.throws(() => log.append(persistEntries(2, 3, entry(2))), /what a snapshot covers/)
  assert.throws(() => log.append(persistEntries(2, 2, entry(2))), /before the first index/)
  assert.throws(() => log.append(persistEntries(2, 6, entry(2))), /a gap before/)
  const older = persistCheckpoint(2, snapshotAt(2, 2), baseAt(2, 2))
  assert.throws(() => log.append(older), /older than the last/)
  assert.throws(() => log.append(persistHardState(2, { term: 1, vote: null })), /term falls/)
  log.append(persistEntries(2, 5, entry(2, 5)))
  assert.equal(open(disk).recovered.entries, [entry(2), entry(2), entry(2, 5)])
})

test.run()
