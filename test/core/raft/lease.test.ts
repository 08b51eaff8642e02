// Reads by lease: until when a leader may answer alone, and what ends that at once. Ref: thesis
// 6.4.1 (BUGS: R6).

import * as assert from 'uvu/assert'
import type { Config } from '../../../core/raft/config.ts'
import { suite } from '../../harness.ts'
import { appendAccepted, appendRequest, BASE_MS, Cluster, messages } from './kit.ts'

const test = suite('lease')
const THREE = ['a', 'b', 'c']
/** 150 ms less twice 500 parts per million, whole milliseconds, less the rounding of two clocks. */
const LEASE_MS = 147

/** Leads, has committed its noop and holds a lease from this very moment. */
function leading(config: Partial<Config> = {}): Cluster {
  const cluster = new Cluster({ voters: THREE, config: { leaseReads: true, ...config } })
  cluster.elect('a')
  cluster.beat('a')
  for (const node of THREE) cluster.take(node)
  return cluster
}

/** Whether `a` answers alone, now. */
function answersAlone(cluster: Cluster): boolean {
  cluster.take('a')
  cluster.read('a', 7, 'count')
  cluster.drop()
  return cluster.replies('a').length === 1
}

test('valid: answers at once and alone, until the last millisecond', () => {
  const cluster = leading()
  assert.is(cluster.raft('a').timers.leaseUntilMs, cluster.nowMs + LEASE_MS)
  const effects = cluster.read('a', 7, 'count')
  assert.equal(messages(effects), [])
  assert.equal(cluster.replies('a'), [[7, { type: 'done', index: 1, reply: '0' }]])
  cluster.advance(LEASE_MS - 1)
  assert.ok(answersAlone(cluster))
})

test('expired: asks the others again', () => {
  const cluster = leading()
  cluster.advance(LEASE_MS)
  assert.not(answersAlone(cluster))
})

test('drift: the more clocks may differ, the shorter', () => {
  for (const [clockDriftPpm, leaseMs] of [[0, 148], [500, 147], [10_000, 145], [100_000, 118]]) {
    const cluster = leading({ clockDriftPpm: clockDriftPpm as number })
    assert.is(cluster.raft('a').timers.leaseUntilMs, cluster.nowMs + (leaseMs as number))
  }
})

test('off: a leader that was not told to trust its clock: always asks', () => {
  assert.not(answersAlone(leading({ leaseReads: false })))
})

test('measured: from when the round was sent, not from when it was answered', () => {
  const cluster = leading()
  cluster.advance(50)
  const sentAtMs = cluster.nowMs
  cluster.step('a')
  cluster.advance(40)
  cluster.settle()
  assert.is(cluster.raft('a').timers.leaseUntilMs, sentAtMs + LEASE_MS)
})

test('measured: by a majority: one answer of five voters renews nothing', () => {
  const voters = ['a', 'b', 'c', 'd', 'e']
  const cluster = new Cluster({ voters, config: { leaseReads: true } })
  cluster.elect('a')
  cluster.beat('a')
  const { leaseUntilMs } = cluster.raft('a').timers
  cluster.advance(50)
  cluster.step('a')
  cluster.settle(['a', 'b'])
  assert.is(cluster.raft('a').timers.leaseUntilMs, leaseUntilMs)
  cluster.advance(50)
  const sentAtMs = cluster.nowMs - 50
  cluster.step('a')
  cluster.settle()
  assert.is(cluster.raft('a').timers.leaseUntilMs, sentAtMs + LEASE_MS, 'from the lost round on')
})

test('transfer: once it told another to stand for election: none any more in this term', () => {
  const cluster = leading()
  cluster.transfer('a', 1, 'b')
  assert.equal(cluster.sent({ type: 'timeoutNow' }).length, 1)
  cluster.drop()
  assert.not(answersAlone(cluster))
  // The transfer fails, the leader goes on, and new rounds are answered.
  for (let round = 0; round < 6; round++) {
    cluster.advance(BASE_MS / 3)
    cluster.step('a')
    cluster.settle(['a', 'c'])
  }
  assert.is(cluster.leader('a').transfer, null)
  assert.not(answersAlone(cluster), 'the message may still be on its way')
  cluster.read('a', 8, 'count')
  cluster.settle()
  assert.ok(cluster.replies('a').length >= 1, 'reads are answered by rounds')
})

test('transfer: begun, and the successor is not told yet: none either', () => {
  const cluster = leading()
  cluster.request('a', 3, 'x')
  cluster.drop()
  cluster.transfer('a', 1, 'b')
  assert.equal(cluster.sent({ type: 'timeoutNow' }), [])
  assert.not(answersAlone(cluster))
})

test('step-down: takes it along, and a new leadership begins without', () => {
  const cluster = leading()
  cluster.receive('a', 'b', appendRequest({ term: 2, prevIndex: 1, prevTerm: 1 }))
  cluster.take('a')
  cluster.read('a', 7, 'count')
  assert.equal(cluster.replies('a'), [], 'it asks its leader')
  cluster.elect('a')
  assert.not(answersAlone(cluster))
  cluster.beat('a')
  assert.ok(answersAlone(cluster))
})

test('new leader: that led a moment ago: its old lease is no lease of this term', () => {
  const cluster = leading()
  const until = cluster.raft('a').timers.leaseUntilMs
  cluster.transfer('a', 1, 'b')
  cluster.settle()
  cluster.beat('b')
  cluster.transfer('b', 1, 'a')
  cluster.settle()
  assert.is(cluster.leader('a').term, 3)
  assert.is(cluster.raft('a').commit, 3)
  assert.ok(cluster.nowMs < until)
  assert.not(answersAlone(cluster))
})

test('new leader: before an entry of its term is committed: none, whatever is answered', () => {
  const cluster = new Cluster({ voters: THREE, running: ['a'], config: { leaseReads: true } })
  cluster.fire('a', 'election')
  cluster.receive('a', 'b', { type: 'preVoteReply', term: 1, granted: true })
  cluster.receive('a', 'b', { type: 'voteReply', term: 1, granted: true })
  cluster.fire('a', 'heartbeat')
  cluster.receive('a', 'b', appendAccepted(1, 0, cluster.leader('a').round))
  assert.ok(cluster.raft('a').timers.leaseUntilMs > cluster.nowMs)
  assert.not(answersAlone(cluster))
})

test('others: whoever answered withholds its vote for longer than the lease lasts', () => {
  const cluster = leading()
  const until = cluster.raft('a').timers.leaseUntilMs
  cluster.nowMs = until
  const request = { type: 'voteRequest', term: 9, lastIndex: 9, lastTerm: 9 } as const
  for (const node of ['b', 'c']) {
    cluster.step(node, [{ type: 'forgetLeader' }])
    assert.equal(messages(cluster.receive(node, 'x', { ...request, transfer: false })), [], node)
  }
})

test('forgetLeader: an operator\'s word lets a follower vote at once, where there are no \
leases', () => {
  const cluster = leading({ leaseReads: false })
  const request = { type: 'voteRequest', term: 9, lastIndex: 9, lastTerm: 9 } as const
  assert.equal(messages(cluster.receive('b', 'c', { ...request, transfer: false })), [])
  cluster.step('b', [{ type: 'forgetLeader' }])
  const [vote] = messages(cluster.receive('b', 'c', { ...request, transfer: false }))
  assert.equal(vote, { type: 'voteReply', term: 9, granted: true })
  cluster.step('a', [{ type: 'forgetLeader' }])
  assert.is(cluster.raft('a').role, 'leader', 'a leader forgets nobody')
})

test.run()
