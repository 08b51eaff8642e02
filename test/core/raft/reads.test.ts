// Reads without the log: a leader answers once a majority has answered a round that began after the
// read came. Ref: thesis 6.4 (BUGS: R1, R3, R4, R8, R9, M9, N12). Leases are in lease.test.ts.

import * as assert from 'uvu/assert'
import type { Outcome } from '../../../core/effect.ts'
import type { NodeId } from '../../../core/raft/config.ts'
import { suite } from '../../harness.ts'
import { GARBAGE } from './journal.ts'
import {
  appendAccepted,
  appendRejected,
  appendRequest,
  BASE_MS,
  Cluster,
  messages,
  only,
} from './kit.ts'

const test = suite('reads')
const THREE = ['a', 'b', 'c']

/** A leader `a` that has committed its noop at 1, and `count` commands behind it. */
function leading(count = 2, voters: readonly NodeId[] = THREE): Cluster {
  const cluster = new Cluster({ voters })
  cluster.elect('a')
  for (let request = 0; request < count; request++) cluster.request('a', 900 + request, 'x')
  cluster.settle()
  cluster.beat('a')
  for (const node of voters) cluster.take(node)
  return cluster
}

/** Node `a` leads alone with its test, and nothing of its term is committed. */
function solo(voters: readonly NodeId[] = THREE): Cluster {
  const cluster = new Cluster({ voters, running: ['a'] })
  cluster.fire('a', 'election')
  for (const peer of voters.slice(1)) {
    cluster.receive('a', peer, { type: 'preVoteReply', term: 1, granted: true })
  }
  for (const peer of voters.slice(1)) {
    cluster.receive('a', peer, { type: 'voteReply', term: 1, granted: true })
  }
  cluster.drop()
  cluster.take('a')
  return cluster
}

function done(index: number, reply: string): Outcome<string> {
  return { type: 'done', index, reply }
}

test('leader: a read: forces a round at once, and is answered when a majority has answered \
it', () => {
  const cluster = leading()
  const effects = cluster.read('a', 7, 'count')
  const [round, ...rest] = messages(effects).map((one) => one.type === 'appendRequest' && one.round)
  assert.equal(rest, [round])
  assert.is(cluster.leader('a').round, round)
  assert.equal(only(effects, 'persist'), [], 'nothing is written for it')
  assert.equal(cluster.replies('a'), [])
  cluster.deliver({ to: 'b' })
  cluster.deliver({ to: 'a', from: 'b' })
  assert.equal(cluster.replies('a'), [[7, done(3, '2')]])
})

test('leader: nothing of its term is committed: the read waits, and is answered after', () => {
  const cluster = solo()
  cluster.read('a', 7, 'count')
  const { round } = cluster.leader('a')
  cluster.receive('a', 'b', appendAccepted(1, 0, round))
  cluster.receive('a', 'c', appendAccepted(1, 0, round))
  assert.equal(cluster.replies('a'), [], 'a majority answers, but the commit index may be old')
  cluster.receive('a', 'b', appendAccepted(1, 1, round))
  assert.is(cluster.raft('a').commit, 1)
  assert.equal(cluster.replies('a'), [[7, done(1, '0')]])
})

test('leader: a command is appended before the read comes: it is in what the read sees', () => {
  const cluster = leading(0)
  cluster.request('a', 6, 'x')
  cluster.read('a', 7, 'count')
  const { round } = cluster.leader('a')
  cluster.receive('a', 'b', appendAccepted(1, 1, round))
  assert.equal(cluster.replies('a'), [], 'the leadership is confirmed, the command not committed')
  cluster.receive('a', 'b', appendAccepted(1, 2, round))
  assert.equal(cluster.replies('a').map(([request]) => request).sort(), [6, 7])
})

test('leader: its commit is of the last entry that a snapshot covers: counts as its own \
term', () => {
  const cluster = new Cluster({ voters: ['a'], config: { snapshotKeepEntries: 0 } })
  cluster.elect('a', [])
  cluster.snapshot('a')
  assert.is(cluster.raft('a').log.base.index, 1)
  cluster.read('a', 7, 'count')
  assert.equal(cluster.replies('a'), [[7, done(1, '0')]])
})

test('round: an answer to an earlier one: does not count, however late it comes', () => {
  const cluster = leading()
  cluster.fire('a', 'heartbeat')
  cluster.deliver({ to: 'b' })
  cluster.deliver({ to: 'c' })
  const early = cluster.drop({ to: 'a' })
  assert.is(early.length, 2)
  cluster.read('a', 7, 'count')
  for (const { from, message } of early) cluster.receive('a', from, message)
  assert.equal(cluster.replies('a'), [])
  cluster.settle()
  assert.is(cluster.replies('a').length, 1)
})

test('round: a second read while the first waits: gets its own', () => {
  const cluster = leading()
  cluster.read('a', 1, 'count')
  const first = cluster.leader('a').round
  cluster.read('a', 2, 'count')
  assert.is(cluster.leader('a').round, first + 1)
  cluster.receive('a', 'b', appendAccepted(1, 3, first))
  assert.equal(cluster.replies('a').map(([request]) => request), [1])
  cluster.receive('a', 'b', appendAccepted(1, 3, first + 1))
  assert.equal(cluster.replies('a').map(([request]) => request), [1, 2])
})

test('round: all reads of one turn share one', () => {
  const cluster = leading()
  const { round } = cluster.leader('a')
  const payload = Uint8Array.of(4, 108, 97, 115, 116)
  const reads = [1, 2, 3].map((request) => ({ type: 'read', request, payload }) as const)
  const effects = cluster.step('a', reads)
  assert.is(messages(effects).length, 2)
  assert.is(cluster.leader('a').round, round + 1)
  cluster.settle()
  assert.equal(cluster.replies('a'), [1, 2, 3].map((request) => [request, done(3, '3@0 x')]))
})

test('round: refusals and chunks of snapshots answer it as well', () => {
  const cluster = leading()
  cluster.read('a', 1, 'count')
  const { round } = cluster.leader('a')
  cluster.receive('a', 'b', appendRejected({ term: 1, prevIndex: 3, round }))
  assert.is(cluster.replies('a').length, 1)
  cluster.read('a', 2, 'count')
  const next = cluster.leader('a').round
  cluster.receive('a', 'b', { type: 'snapshotReply', term: 1, round: next, index: 9, offset: 0 })
  assert.is(cluster.replies('a').length, 2)
})

test('majority: of voters alone: two of five, learners and strangers are none', () => {
  const voters = ['a', 'b', 'c', 'd', 'e']
  const cluster = leading(0, voters)
  cluster.change('a', 50, { type: 'change', voters, learners: ['x', 'y'], autoLeave: true })
  cluster.settle()
  cluster.read('a', 7, 'count')
  cluster.take('a')
  const { round } = cluster.leader('a')
  for (const peer of ['b', 'x', 'y', 'nobody']) {
    cluster.receive('a', peer, appendAccepted(1, 2, round))
  }
  assert.equal(cluster.replies('a'), [])
  cluster.receive('a', 'c', appendAccepted(1, 2, round))
  assert.is(cluster.replies('a').length, 1)
})

test('majority: of both configurations in joint consensus', () => {
  const cluster = leading(0)
  const voters = ['a', 'd', 'e']
  cluster.change('a', 50, { type: 'change', voters, learners: [], autoLeave: false })
  cluster.read('a', 7, 'count')
  const { round } = cluster.leader('a')
  for (const peer of ['b', 'c']) cluster.receive('a', peer, appendAccepted(1, 2, round))
  assert.equal(cluster.replies('a'), [])
  cluster.receive('a', 'd', appendAccepted(1, 2, round))
  const reads = cluster.replies('a').filter(([request]) => request === 7)
  assert.is(reads.length, 1)
})

test('majority: becomes smaller: a read that waits for it is answered at once', () => {
  const cluster = leading(0)
  cluster.change('a', 50, { type: 'change', voters: ['a'], learners: [], autoLeave: true })
  cluster.deliver({ to: 'b' })
  const [ack] = cluster.drop({ from: 'b' })
  assert.ok(ack !== undefined)
  cluster.read('a', 7, 'count')
  cluster.drop()
  assert.equal(cluster.replies('a'), [])
  const effects = cluster.receive('a', 'b', ack.message)
  assert.equal(only(effects, 'reply').map(({ request }) => request), [7])
})

test('majority: of one: answered in the very turn, but after a restart not before its noop', () => {
  const cluster = new Cluster({ voters: ['a'], diskAtOnce: false })
  cluster.elect('a', [])
  cluster.request('a', 1, 'x')
  cluster.persist('a')
  cluster.take('a')
  cluster.read('a', 2, 'count')
  assert.equal(cluster.replies('a'), [[2, done(2, '1')]])
  cluster.restart('a')
  cluster.fire('a', 'election')
  cluster.persist('a')
  cluster.read('a', 3, 'count')
  assert.is(cluster.leader('a').commit, 0)
  assert.equal(cluster.replies('a'), [])
  cluster.persist('a')
  assert.equal(cluster.replies('a'), [[3, done(3, '1')]])
})

test('leadership: lost while a read waits: notLeader, and nothing of it is answered twice', () => {
  const cluster = leading()
  cluster.read('a', 7, 'count')
  const { round } = cluster.leader('a')
  cluster.receive('a', 'b', appendRequest({ term: 2, prevIndex: 3, prevTerm: 1 }))
  assert.equal(cluster.replies('a'), [[7, { type: 'notLeader', leader: 'b' }]])
  cluster.receive('a', 'c', appendAccepted(1, 3, round))
  assert.is(cluster.replies('a').length, 1)
})

test('leadership: lost and won again: answers to rounds of the first term confirm nothing', () => {
  const cluster = leading()
  const rounds = cluster.leader('a').round + 5
  cluster.receive('a', 'b', appendRequest({ term: 2, prevIndex: 3, prevTerm: 1 }))
  cluster.elect('a')
  cluster.beat('a')
  cluster.take('a')
  cluster.read('a', 8, 'count')
  cluster.receive('a', 'b', appendAccepted(1, 3, rounds))
  cluster.receive('a', 'b', appendAccepted(2, 3, rounds))
  assert.equal(cluster.replies('a'), [])
})

test('sees: what was done before it was asked, also by a leader that has just won', () => {
  const cluster = leading()
  cluster.request('a', 1, 'mine')
  cluster.deliver({ to: 'b' })
  cluster.deliver({ to: 'a', from: 'b' })
  assert.is(cluster.replies('a')[0]?.[1].type, 'done')
  cluster.elect('b', ['c'])
  cluster.read('b', 2, 'last')
  cluster.settle(['b', 'c'])
  assert.equal(cluster.replies('b'), [[2, done(5, '4@0 mine')]])
})

test('payload: no command at all, or one that needs the log: malformed', () => {
  const cluster = leading()
  cluster.step('a', [{ type: 'read', request: 1, payload: GARBAGE }])
  cluster.read('a', 2, 'x')
  cluster.settle()
  assert.equal(cluster.replies('a'), [[1, { type: 'malformed' }], [2, { type: 'malformed' }]])
  assert.is(cluster.raft('a').log.lastIndex, 3)
})

test('follower: asks its leader, and answers once it has applied as much', () => {
  const cluster = leading()
  cluster.request('a', 1, 'y')
  cluster.deliver({ to: 'c' })
  cluster.deliver({ to: 'a', from: 'c' })
  cluster.drop()
  assert.is(cluster.raft('a').commit, 4)
  cluster.read('b', 7, 'count')
  assert.equal(cluster.network.map((packet) => packet.to), ['a'])
  cluster.deliver({ to: 'a' })
  const lost = cluster.drop({ to: 'b' })
  assert.ok(lost.length > 0)
  cluster.deliver({ to: 'c' })
  cluster.deliver({ to: 'a' })
  cluster.deliver({ to: 'b', type: 'readReply' })
  assert.equal(cluster.replies('b'), [], 'it is told of 4, and has 3')
  cluster.beat('a')
  cluster.beat('a')
  assert.equal(cluster.replies('b'), [[7, done(4, '3')]])
})

test('follower: knows no leader: notLeader at once', () => {
  const cluster = new Cluster({ voters: THREE })
  cluster.read('b', 7, 'count')
  assert.equal(cluster.replies('b'), [[7, { type: 'notLeader', leader: null }]])
})

test('follower: the question or the answer is lost: given up after a while, with the \
leader', () => {
  for (const type of ['readRequest', 'readReply'] as const) {
    const cluster = leading()
    cluster.read('b', 7, 'count')
    const since = cluster.nowMs
    while (cluster.replies('b').length === 0) {
      cluster.drop({ type })
      cluster.advance(BASE_MS / 3)
      for (const node of THREE) cluster.step(node)
      cluster.drop({ type })
      cluster.deliver({ type: 'appendRequest' })
      cluster.deliver({ type: 'appendAccepted' })
      assert.ok(cluster.nowMs - since <= 7 * BASE_MS)
    }
    assert.equal(cluster.replies('b'), [[7, { type: 'notLeader', leader: 'a' }]])
  }
})

test('follower: its leader changes while it waits: notLeader, and the late answer says \
nothing', () => {
  const cluster = leading()
  cluster.read('b', 7, 'count')
  cluster.deliver({ to: 'a' })
  cluster.deliver({ to: 'c' })
  cluster.deliver({ to: 'a' })
  const [late] = cluster.drop({ type: 'readReply' })
  assert.ok(late !== undefined)
  cluster.receive('b', 'c', appendRequest({ term: 2, prevIndex: 3, prevTerm: 1 }))
  assert.equal(cluster.replies('b'), [[7, { type: 'notLeader', leader: 'c' }]])
  cluster.receive('b', 'a', late.message)
  assert.is(cluster.replies('b').length, 1)
})

test('follower: an answer to a read of an earlier life: answers none of this one', () => {
  const cluster = leading()
  cluster.read('b', 7, 'count')
  cluster.deliver({ to: 'a' })
  cluster.deliver({ to: 'c' })
  cluster.deliver({ to: 'a' })
  const [old] = cluster.drop({ type: 'readReply' })
  assert.ok(old !== undefined)
  cluster.restart('b')
  cluster.beat('a')
  cluster.read('b', 7, 'count')
  cluster.receive('b', 'a', old.message, old.message)
  assert.equal(cluster.replies('b'), [])
  cluster.settle()
  assert.is(cluster.replies('b').length, 1)
})

test.run()
