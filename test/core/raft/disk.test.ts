// A disk that is slow, stalls, or reports late: who steps down, who does not, and what a late
// report is worth. Ref: thesis 10.2.1 (BUGS: C14, C16). What waits for the disk is in
// persistence.test.ts.

import * as assert from 'uvu/assert'
import { suite } from '../../harness.ts'
import {
  appendAccepted,
  appendRequest,
  BASE_MS,
  Cluster,
  entries,
  messages,
  only,
  restored,
} from './kit.ts'

const test = suite('disk')
const THREE = ['a', 'b', 'c']
const DISK_MS = 400

/** `a` leads three with a disk that does what a test says; the others answer by `hear`. */
function leading(): Cluster {
  const cluster = new Cluster({
    voters: THREE, running: ['a'], diskAtOnce: false, config: { diskTimeoutMs: DISK_MS },
  })
  cluster.fire('a', 'election')
  cluster.receive('a', 'b', { type: 'preVoteReply', term: 1, granted: true })
  cluster.persist('a')
  cluster.receive('a', 'b', { type: 'voteReply', term: 1, granted: true })
  cluster.persist('a')
  assert.is(cluster.leader('a').durableIndex, 1)
  cluster.take('a')
  return cluster
}

/** Time passes while `b` answers every heartbeat with all that it was sent. */
function hear(cluster: Cluster, forMs: number): void {
  for (let left = forMs; left > 0; left -= Math.min(left, 10)) {
    cluster.advance(Math.min(left, 10))
    cluster.step('a')
    const { role, log, term } = cluster.raft('a')
    if (role !== 'leader') return
    cluster.receive('a', 'b', appendAccepted(term, log.lastIndex))
  }
}

test('stalled: no write is finished for the timeout: the leader steps down, and says so', () => {
  const cluster = leading()
  cluster.request('a', 1, 'x')
  hear(cluster, DISK_MS - 1)
  assert.is(cluster.raft('a').role, 'leader')
  assert.is(cluster.raft('a').commit, 1, 'one of three')
  hear(cluster, 1)
  assert.is(cluster.raft('a').role, 'follower')
  assert.is(cluster.raft('a').term, 1, 'in its own term')
  assert.ok(cluster.traces('a').includes('diskStalled'))
  assert.equal(cluster.replies('a'), [[1, { type: 'unknown' }]])
})

test('stalled: the next election is another\'s: its heartbeats do not hide it, and it may \
vote', () => {
  const cluster = leading()
  cluster.request('a', 1, 'x')
  hear(cluster, DISK_MS)
  cluster.advance(BASE_MS)
  const request = { type: 'voteRequest', term: 2, lastIndex: 2, lastTerm: 1 } as const
  const effects = cluster.receive('a', 'b', { ...request, transfer: false })
  assert.equal(messages(effects), [{ type: 'voteReply', term: 2, granted: true }])
  cluster.drop()
  assert.equal(cluster.sent({ type: 'voteReply' }), [], 'which waits for the disk as ever')
  cluster.persist('a')
  assert.is(cluster.sent({ type: 'voteReply' }).length, 1)
})

test('stalled: in the midst of a transfer: the operator is not told that it was done', () => {
  const cluster = leading()
  cluster.request('a', 1, 'x')
  hear(cluster, DISK_MS - 50)
  cluster.transfer('a', 7, 'c')
  hear(cluster, 50)
  assert.is(cluster.raft('a').role, 'follower')
  assert.equal(cluster.replies('a').map(([request, { type }]) => [request, type]), [
    [1, 'unknown'],
    [7, 'unknown'],
  ])
})

test('slow: each write finished starts the time anew, though others wait behind it', () => {
  const cluster = leading()
  for (let request = 0; request < 12; request++) {
    cluster.request('a', request, 'x')
    hear(cluster, DISK_MS / 4)
    if (request > 1) cluster.persist('a', cluster.raft('a').pending[0]?.id)
    assert.is(cluster.raft('a').role, 'leader', `${request}`)
  }
  assert.ok(cluster.raft('a').pending.length > 0)
})

test('idle: nothing to write: no time runs, and it begins with the next write', () => {
  const cluster = leading()
  hear(cluster, 5 * DISK_MS)
  assert.is(cluster.raft('a').role, 'leader')
  cluster.request('a', 1, 'x')
  hear(cluster, DISK_MS - 1)
  assert.is(cluster.raft('a').role, 'leader')
  cluster.persist('a')
  hear(cluster, 5 * DISK_MS)
  assert.is(cluster.raft('a').role, 'leader')
})

test('followers: a stalled one: steps down from nothing, and acknowledges nothing', () => {
  const cluster = new Cluster({
    voters: THREE, running: ['b'], diskAtOnce: false, config: { diskTimeoutMs: DISK_MS },
  })
  for (let beat = 0; beat < 20; beat++) {
    cluster.advance(50)
    cluster.receive('b', 'a', appendRequest({ entries: entries(1), round: beat }))
    cluster.take('b')
    assert.equal(cluster.step('b'), [])
  }
  assert.equal(cluster.network, [])
  cluster.persist('b')
  assert.is(cluster.sent({ type: 'appendAccepted' }).length, 20)
})

test('late: a report that comes after the step-down: makes nothing committed', () => {
  const cluster = leading()
  cluster.request('a', 1, 'x')
  cluster.receive('a', 'b', appendAccepted(1, 1))
  const { commit } = cluster.raft('a')
  cluster.receive('a', 'c', appendRequest({ term: 2, prevIndex: 1, prevTerm: 1 }))
  cluster.persist('a')
  assert.is(cluster.raft('a').commit, commit)
})

test('late: a report of an entry that a snapshot has taken the place of: counts all the \
same', () => {
  const cluster = leading()
  cluster.receive('a', 'b', appendAccepted(1, 1))
  cluster.request('a', 1, 'x')
  cluster.receive('a', 'b', appendAccepted(1, 2))
  cluster.receive('a', 'c', appendAccepted(1, 2))
  assert.is(cluster.raft('a').commit, 2, 'by the others')
  cluster.snapshot('a')
  assert.is(cluster.leader('a').durableIndex, 1)
  cluster.persist('a')
  assert.is(cluster.leader('a').durableIndex, 2)
})

test('ABA: an index is written by the old term, dropped, and written anew: each report stands for \
its own write', () => {
  // Entry 2 of term 1 is being written; term 2 puts its own there; `a` leads term 3 and has it.
  const past = restored({ term: 1, vote: null }, 1)
  const cluster = new Cluster({
    voters: THREE, running: ['a'], restored: { a: past }, diskAtOnce: false,
  })
  const prev = { prevIndex: 1, prevTerm: 1 }
  cluster.receive('a', 'b', appendRequest({ term: 1, ...prev, entries: entries(1, 1, 1) }))
  cluster.receive('a', 'c', appendRequest({ term: 2, ...prev, entries: entries(2) }))
  const next = { term: 2, prevIndex: 2, prevTerm: 2, entries: entries(2) }
  cluster.receive('a', 'c', appendRequest(next))
  cluster.advance(2 * BASE_MS)
  cluster.fire('a', 'election')
  cluster.receive('a', 'b', { type: 'preVoteReply', term: 3, granted: true })
  cluster.reachDisk('a')
  for (const peer of ['b', 'c']) {
    cluster.receive('a', peer, { type: 'voteReply', term: 3, granted: true })
  }
  const durable: number[] = []
  for (const id of [1, 2, 3, 4, 5]) {
    cluster.step('a', [{ type: 'persisted', id }])
    durable.push(cluster.leader('a').durableIndex)
  }
  // Of the first write nothing is left, though the log is longer again by now.
  assert.equal(durable, [0, 2, 3, 3, 4])
})

test('ABA: reports twice, skipped and out of order: what was durable stays so', () => {
  const cluster = leading()
  for (let request = 0; request < 3; request++) cluster.request('a', request, 'x')
  const ids = cluster.raft('a').pending.map(({ id }) => id)
  const [first, , third] = ids as [number, number, number]
  cluster.reachDisk('a')
  for (const id of [third, first, third, 0]) cluster.step('a', [{ type: 'persisted', id }])
  assert.is(cluster.leader('a').durableIndex, 4)
  assert.equal(cluster.raft('a').pending, [])
})

test('new leader: whose last write had stalled as a follower: leads once its disk is back', () => {
  const cluster = new Cluster({
    voters: ['a'], diskAtOnce: false, config: { diskTimeoutMs: DISK_MS },
  })
  cluster.fire('a', 'election')
  cluster.advance(10 * DISK_MS)
  cluster.step('a')
  assert.is(cluster.raft('a').role, 'candidate', 'it waits for its own vote')
  cluster.persist('a')
  assert.is(cluster.raft('a').role, 'leader')
  cluster.persist('a')
  assert.is(cluster.raft('a').commit, 1)
  assert.equal(only(cluster.take('a'), 'trace').filter(({ trace }) => {
    return trace.type === 'diskStalled'
  }), [])
})

test.run()
