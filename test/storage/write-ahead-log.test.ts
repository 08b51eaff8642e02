// The log's promises to its host: reports, group commit, refusals; and what it recovers in order.

import * as assert from 'uvu/assert'
import { MemoryDisk } from '../../storage/memory-disk.ts'
import { RECORD_BYTES_MAX } from '../../storage/record.ts'
import { suite } from '../harness.ts'
import { entry, open, persistEntries, persistHardState } from './support.ts'

const test = suite('write-ahead log')

const payloadsOf = (disk: MemoryDisk): number[][] =>
  open(disk).recovered.entries.map(({ payload }) => [...payload])

test('log: an empty directory: is formatted, and holds nothing', () => {
  const disk = new MemoryDisk()
  const { recovered, reports } = open(disk)
  const hardState = { term: 0, vote: null }
  assert.equal(recovered, { hardState, entries: [], tornBytes: 0, records: 0 })
  assert.equal(disk.list(), ['log-0'])
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
  const synced = disk.read('log-0')
  disk.flush()
  log.append(persistEntries(2, 2, entry(1, 2)))
  log.sync()
  disk.flush(new Error('EIO'))
  // The system takes what was written for clean: only what is written anew will ever be synced.
  const forgetful = new MemoryDisk()
  forgetful.write('log-0', 0, synced)
  const { recovered } = open({
    list: () => disk.list(),
    read: (file) => disk.read(file),
    write: (file, offset, bytes) => forgetful.write(file, offset, bytes),
    truncate: (file, size) => forgetful.truncate(file, size),
    sync: (done) => forgetful.sync(done),
  })
  assert.equal(recovered.entries, [entry(1, 1), entry(1, 2)])
  assert.equal(forgetful.read('log-0'), disk.read('log-0'))
  assert.ok(forgetful.read('log-0').length > synced.length)
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

test.run()
