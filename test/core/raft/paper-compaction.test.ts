// The rules of the Raft paper (extended version), one test each, its sentence in the title: section
// 7 and Figure 13, log compaction and InstallSnapshot.

import * as assert from 'uvu/assert'
import { foundedBy } from '../../../core/raft/membership.ts'
import type { SnapshotRequest } from '../../../core/raft/message.ts'
import { journal } from './journal.ts'
import { suite } from '../../harness.ts'
import {
  appendAccepted,
  appendRequest,
  Cluster,
  entries,
  entry,
  membershipEntry,
  restored,
  terms,
} from './kit.ts'
import { onlyMessage, THREE } from './paper.ts'

const test = suite('paper-compaction')

const STATE = journal.encodeSnapshot({ lines: ['1@0 x'], dues: [] })

/** A chunk of a snapshot of entries 1 to 5, the last of term 2. */
function chunk(from: number, to = STATE.length): SnapshotRequest {
  const membership = foundedBy(THREE)
  const snapshot = { index: 5, term: 2, stampMs: 0, membership, bytesCount: STATE.length }
  const bytes = STATE.subarray(from, to)
  return { type: 'snapshotRequest', term: 3, round: 0, snapshot, offset: from, bytes }
}

/** Node `a` with a past, which keeps nothing before a snapshot. */
function alone(...log: number[]): Cluster {
  const past = restored({ term: 3, vote: null }, ...log)
  const config = { snapshotKeepEntries: 0 }
  return new Cluster({ voters: THREE, running: ['a'], restored: { a: past }, config })
}

test('7: "each server takes snapshots independently, covering just the committed entries in its \
log"', () => {
  const cluster = alone()
  cluster.receive('a', 'b', appendRequest({ term: 3, entries: entries(1, 2, 3), commit: 2 }))
  cluster.snapshot('a')
  assert.is(cluster.raft('a').snapshot?.index, 2)
  assert.equal(terms(cluster.raft('a')), [3])
})

test('7: "the last included index [...] and the last included term [...] are preserved to support \
the AppendEntries consistency check for the first log entry following the snapshot"', () => {
  const cluster = alone()
  cluster.receive('a', 'b', appendRequest({ term: 3, entries: entries(1, 2), commit: 2 }))
  cluster.snapshot('a')
  const next = { term: 3, prevIndex: 2, entries: entries(3) }
  const accept = onlyMessage(cluster.receive('a', 'b', appendRequest({ ...next, prevTerm: 2 })))
  assert.equal(accept, appendAccepted(3, 3))
  assert.throws(() => cluster.receive('a', 'b', appendRequest({ ...next, prevTerm: 1 })))
})

test('7: "the snapshot also includes the latest configuration in the log as of last included \
index"', () => {
  const members = { ...foundedBy(THREE), learners: ['d'] }
  const cluster = alone()
  const log = [entry(1), membershipEntry(1, members), entry(1)]
  cluster.receive('a', 'b', appendRequest({ term: 3, entries: log, commit: 3 }))
  cluster.snapshot('a')
  assert.equal(cluster.raft('a').snapshot?.membership, members)
})

test('7: "once a server completes writing a snapshot, it may delete all log entries up through the \
last included index, as well as any prior snapshot": one record does both', () => {
  const cluster = alone()
  cluster.receive('a', 'b', appendRequest({ term: 3, entries: entries(1, 1, 1), commit: 1 }))
  cluster.snapshot('a')
  cluster.receive('a', 'b', appendRequest({ term: 3, prevIndex: 3, prevTerm: 1, commit: 3 }))
  cluster.snapshot('a')
  const { disk } = cluster.member('a')
  assert.equal([disk.snapshot?.index, disk.base.index, disk.entries], [3, 3, []])
})

test('7: "the leader must occasionally send snapshots to followers that lag behind [...] when the \
leader has already discarded the next log entry that it needs to send"', () => {
  const cluster = new Cluster({ voters: THREE, config: { snapshotKeepEntries: 0 } })
  cluster.elect('a', ['b'])
  cluster.request('a', 1, 'x')
  cluster.settle(['a', 'b'])
  cluster.beat('a', ['a', 'b'])
  assert.equal(cluster.sent({ type: 'snapshotRequest' }), [])
  cluster.snapshot('a')
  cluster.fire('a', 'heartbeat')
  assert.is(cluster.sent({ type: 'snapshotRequest', to: 'c' }).length > 0, true)
  assert.equal(cluster.sent({ type: 'snapshotRequest', to: 'b' }), [])
  cluster.settle()
  cluster.beat('a')
  assert.is(cluster.raft('c').commit, 2)
})

test('7: "if [...] the follower receives a snapshot that describes a prefix of its log, then log \
entries covered by the snapshot are deleted but entries following the snapshot are still \
valid"', () => {
  const cluster = alone(1, 1, 1, 1, 2, 3, 3)
  cluster.receive('a', 'b', chunk(0))
  assert.is(cluster.raft('a').log.base.index, 5)
  assert.equal(terms(cluster.raft('a')), [3, 3])
})

test('Figure 13, 1: "reply immediately if term < currentTerm"', () => {
  const cluster = alone(1)
  const answer = onlyMessage(cluster.receive('a', 'b', { ...chunk(0), term: 2 }))
  assert.is(answer.term, 3)
  assert.is(cluster.raft('a').log.base.index, 0)
})

test('Figure 13, 2 to 4: "create new snapshot file if first chunk [...], write data into snapshot \
file at given offset, reply and wait for more data chunks if done is false"', () => {
  const cluster = alone(1)
  const more = { type: 'snapshotReply', term: 3, round: 0, index: 5 }
  assert.equal(onlyMessage(cluster.receive('a', 'b', chunk(0, 3))), { ...more, offset: 3 })
  assert.equal(onlyMessage(cluster.receive('a', 'b', chunk(3, 5))), { ...more, offset: 5 })
  assert.is(cluster.raft('a').commit, 0)
  assert.equal(onlyMessage(cluster.receive('a', 'b', chunk(5))), appendAccepted(3, 5))
  assert.equal(cluster.member('a').state.machine.lines, ['1@0 x'])
})

test('Figure 13, 5: "discard any existing or partial snapshot with a smaller index"', () => {
  const cluster = alone(1)
  cluster.receive('a', 'b', chunk(0, 3))
  const { snapshot } = chunk(0)
  const later = { ...chunk(0), snapshot: { ...snapshot, index: 9 } }
  cluster.receive('a', 'b', later)
  assert.is(cluster.raft('a').snapshot?.index, 9)
  assert.is(cluster.raft('a').incoming, null)
  assert.is(cluster.member('a').disk.snapshot?.index, 9)
})

test('Figure 13, 6: "if existing log entry has same index and term as snapshot\'s last included \
entry, retain log entries following it and reply"', () => {
  const cluster = alone(1, 1, 1, 1, 2, 3)
  assert.equal(onlyMessage(cluster.receive('a', 'b', chunk(0))), appendAccepted(3, 5))
  assert.equal(cluster.member('a').disk.entries.map(({ term }) => term), [3])
})

test('Figure 13, 7 and 8: "discard the entire log, reset state machine using snapshot contents \
(and \
load snapshot\'s cluster configuration)"', () => {
  const cluster = alone(1, 1, 1, 1, 1, 1)
  const members = { ...foundedBy(THREE), learners: ['d'] }
  const { snapshot } = chunk(0)
  cluster.receive('a', 'b', { ...chunk(0), snapshot: { ...snapshot, membership: members } })
  const { raft, machine } = cluster.member('a').state
  assert.equal([raft.log.base.index, raft.log.lastIndex, raft.commit], [5, 5, 5])
  assert.equal(machine.lines, ['1@0 x'])
  assert.equal(raft.memberships, [{ index: 5, membership: members }])
})

test.run()
