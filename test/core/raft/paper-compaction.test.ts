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
  BASE_MS,
  Cluster,
  entries,
  entry,
  membershipEntry,
  only,
  restored,
  terms,
} from './kit.ts'
import { onlyMessage, THREE } from './paper.ts'

const test = suite('paper-compaction')

const STATE = journal.encodeSnapshot({ lines: ['1@0 x'], dues: [] })

/** A chunk of a snapshot of entries 1 to 5, the last of term 2. */
function chunk(from: number, to = STATE.length): SnapshotRequest {
  const membership = foundedBy(THREE)
  const place = { index: 5, term: 2, stampMs: 0 }
  const snapshot = { ...place, membership, version: 1, bytesCount: STATE.length }
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
(and load snapshot\'s cluster configuration)"', () => {
  const cluster = alone(1, 1, 1, 1, 1, 1)
  const members = { ...foundedBy(THREE), learners: ['d'] }
  const { snapshot } = chunk(0)
  cluster.receive('a', 'b', { ...chunk(0), snapshot: { ...snapshot, membership: members } })
  const { raft, machine } = cluster.member('a').state
  assert.equal([raft.log.base.index, raft.log.lastIndex, raft.commit], [5, 5, 5])
  assert.equal(machine.lines, ['1@0 x'])
  assert.equal(raft.memberships, [{ index: 5, membership: members }])
})

test('7: "one simple strategy is to take a snapshot when the log reaches a fixed size": counted in \
entries, and never twice', () => {
  // Entries, where the paper counts bytes: docs/divergences.md, Snapshots.
  const config = { snapshotEntriesMin: 3 }
  const cluster = new Cluster({ voters: THREE, running: ['a'], config })
  const wanted: number[] = []
  for (let index = 1; index <= 7; index++) {
    const at = { prevIndex: index - 1, prevTerm: index === 1 ? 0 : 1, commit: index }
    const effects = cluster.receive('a', 'b', appendRequest({ ...at, entries: entries(1) }))
    wanted.push(...only(effects, 'takeSnapshot').map((effect) => effect.index))
    if (cluster.member('a').wanted !== null) cluster.finishSnapshot('a')
  }
  assert.equal(wanted, [3, 6])
})

test('7: "new updates can be accepted without impacting the snapshot being written"', () => {
  const cluster = alone()
  cluster.receive('a', 'b', appendRequest({ term: 3, entries: entries(1, 2, 3), commit: 1 }))
  cluster.step('a', [{ type: 'snapshotWanted' }])
  cluster.receive('a', 'b', appendRequest({ term: 3, prevIndex: 3, prevTerm: 3, commit: 2 }))
  assert.is(cluster.member('a').state.machine.lines.length, 2, 'the log goes on meanwhile')
  cluster.finishSnapshot('a')
  const { snapshot, log } = cluster.raft('a')
  assert.equal([snapshot?.index, snapshot?.term, log.base.index], [1, 1, 1])
  assert.equal(journal.decodeSnapshot(snapshot?.bytes as Uint8Array)?.lines, ['1@0 x'])
  assert.is(cluster.member('a').state.machine.lines.length, 2)
})

test('7: "a snapshot that describes a prefix of its log (due to retransmission or by mistake)": of \
what is committed: takes nothing back', () => {
  const cluster = alone()
  const log = entries(1, 1, 1, 1, 2, 3)
  cluster.receive('a', 'b', appendRequest({ term: 3, entries: log, commit: 6 }))
  const { lines } = cluster.member('a').state.machine
  assert.is(onlyMessage(cluster.receive('a', 'b', chunk(0))).type, 'appendAccepted')
  assert.equal([cluster.raft('a').commit, cluster.raft('a').log.lastIndex], [6, 6])
  assert.equal(cluster.member('a').state.machine.lines, lines)
})

test('Figure 13: "leaders always send chunks in order", the last of them is "done", and each one \
is sent until it is answered', () => {
  const config = { snapshotKeepEntries: 0, snapshotChunkBytes: 4 }
  const cluster = new Cluster({ voters: THREE, config })
  cluster.elect('a', ['b'])
  cluster.request('a', 1, 'some text')
  cluster.settle(['a', 'b'])
  cluster.snapshot('a')
  const size = cluster.raft('a').snapshot?.bytesCount ?? 0
  cluster.beat('a', ['a', 'b'])
  for (let offset = 0; offset < size; offset += 4) {
    cluster.drop()
    cluster.fire('a', 'heartbeat')
    const [sent, ...more] = cluster.sent({ type: 'snapshotRequest', to: 'c' })
    assert.equal(more, [])
    assert.ok(sent !== undefined)
    assert.is(sent.offset, offset)
    assert.is(sent.bytes.length, Math.min(4, size - offset))
    cluster.deliver({ to: 'c' })
    assert.is(cluster.raft('c').commit > 0, offset + 4 >= size)
    cluster.deliver({ to: 'a', from: 'c' })
  }
  assert.is(cluster.progress('a', 'c').mode, 'replicate')
})

test('Figure 13: "this gives the follower a sign of life with each chunk, so it can reset its \
election timer"', () => {
  const cluster = alone(1)
  for (let offset = 0; offset < STATE.length; offset++) {
    cluster.advance(BASE_MS - 1)
    cluster.receive('a', 'b', { ...chunk(offset, offset + 1), round: offset })
    const raft = cluster.raft('a')
    assert.is(raft.role === 'follower' && raft.leader, 'b')
    assert.ok(raft.timers.electionAtMs >= cluster.nowMs + BASE_MS)
  }
  assert.is(cluster.raft('a').commit, 5)
})

test('Figure 13, results: "term: currentTerm, for leader to update itself": and the leader\'s for \
its follower', () => {
  const leader = new Cluster({ voters: THREE })
  leader.elect('a')
  leader.receive('a', 'b', { type: 'snapshotReply', term: 9, round: 0, index: 1, offset: 0 })
  assert.equal([leader.raft('a').role, leader.raft('a').term], ['follower', 9])
  const follower = alone(1)
  follower.receive('a', 'b', { ...chunk(0, 3), term: 9 })
  assert.is(follower.raft('a').term, 9)
})

test('Figure 13, 5: "save snapshot file": before it is acknowledged', () => {
  const past = restored({ term: 3, vote: null }, 1)
  const options = { voters: THREE, running: ['a'], diskAtOnce: false }
  const cluster = new Cluster({ ...options, restored: { a: past } })
  cluster.receive('a', 'b', chunk(0))
  assert.equal(cluster.network, [])
  assert.is(cluster.member('a').disk.snapshot, null)
  cluster.persist('a')
  assert.equal(cluster.sent({ type: 'appendAccepted' }), [appendAccepted(3, 5)])
  cluster.restart('a')
  assert.equal(cluster.member('a').state.machine.lines, ['1@0 x'])
})

test.run()
