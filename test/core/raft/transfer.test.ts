// Transfer of the leadership: nothing new is taken, the successor is brought up to date and told to
// stand for election, and whatever fails, the group goes on. Ref: thesis 3.10 (BUGS: E21, E23,
// E24).

import * as assert from 'uvu/assert'
import type { Outcome } from '../../../core/effect.ts'
import type { NodeId } from '../../../core/raft/config.ts'
import { suite } from '../../harness.ts'
import { appendAccepted, appendRequest, BASE_MS, Cluster, messages, only } from './kit.ts'

const test = suite('transfer')
const FIVE = ['a', 'b', 'c', 'd', 'e']
const THREE = ['a', 'b', 'c']
const MOVED: Outcome<string> = { type: 'transferred' }

function leading(voters: readonly NodeId[] = FIVE): Cluster {
  const cluster = new Cluster({ voters })
  cluster.elect('a')
  cluster.beat('a')
  for (const node of voters) cluster.take(node)
  return cluster
}

function refused(reason: string): Outcome<string> {
  return { type: 'refused', reason } as Outcome<string>
}

test('done: the successor leads the next term, though all have just heard the old leader', () => {
  const cluster = leading()
  cluster.transfer('a', 7, 'd')
  cluster.settle()
  assert.is(cluster.leader('d').term, 2)
  assert.equal(cluster.replies('a'), [[7, MOVED]])
  assert.is(cluster.raft('a').role, 'follower')
  cluster.beat('d')
  for (const node of FIVE) assert.is(cluster.raft(node).commit, 2, node)
})

test('done: its request for votes says that it comes from the leader; others do not', () => {
  const cluster = leading()
  cluster.transfer('a', 7, 'b')
  cluster.deliver({ type: 'timeoutNow' })
  const asked = cluster.sent({ type: 'voteRequest' })
  assert.equal(asked.map(({ transfer }) => transfer), [true, true, true, true])
  assert.equal(cluster.sent({ type: 'preVoteRequest' }), [], 'without asking first')
  const plain = leading()
  plain.advance(BASE_MS)
  plain.fire('b', 'election')
  plain.receive('b', 'c', { type: 'preVoteReply', term: 2, granted: true })
  plain.receive('b', 'd', { type: 'preVoteReply', term: 2, granted: true })
  assert.equal(plain.sent({ type: 'voteRequest' }).map(({ transfer }) => transfer), [
    false, false, false, false,
  ])
})

test('behind: the successor is told only once it has all', () => {
  const cluster = leading()
  cluster.request('a', 1, 'x')
  cluster.drop({ to: 'b' })
  cluster.settle(['a', 'c', 'd', 'e'])
  cluster.request('a', 2, 'y')
  cluster.transfer('a', 7, 'b')
  assert.equal(cluster.sent({ type: 'timeoutNow' }), [])
  cluster.beat('a')
  cluster.beat('a', ['a', 'b'])
  cluster.settle()
  assert.is(cluster.leader('b').term, 2)
  assert.is(cluster.raft('b').log.lastIndex, 4)
})

test('meanwhile: commands are refused, with whom to ask; nothing is appended', () => {
  const cluster = leading(THREE)
  cluster.request('a', 1, 'due 10')
  cluster.settle()
  cluster.take('a')
  cluster.transfer('a', 7, 'b')
  cluster.drop()
  const { lastIndex } = cluster.raft('a').log
  cluster.request('a', 8, 'x')
  assert.equal(cluster.replies('a'), [[8, { type: 'notLeader', leader: 'b' }]])
  cluster.advance(20)
  cluster.step('a')
  assert.is(cluster.raft('a').log.lastIndex, lastIndex, 'nor what log time calls for')
  assert.equal(only(cluster.take('a'), 'persist'), [])
})

test('meanwhile: joint consensus is not left, and is left once the transfer has failed', () => {
  const cluster = leading()
  cluster.change('a', 1, { type: 'change', voters: THREE, learners: [], autoLeave: true })
  cluster.transfer('a', 7, 'c')
  cluster.drop()
  assert.ok(cluster.leader('a').transfer !== null)
  cluster.advance(BASE_MS / 3)
  cluster.step('a')
  cluster.settle(['a', 'b', 'd'])
  assert.equal([cluster.raft('a').commit, cluster.raft('a').log.lastIndex], [2, 2])
  for (let round = 0; round < 4; round++) {
    cluster.advance(BASE_MS / 3)
    cluster.step('a')
    cluster.settle(['a', 'b', 'd'])
  }
  assert.is(cluster.raft('a').log.lastIndex, 3)
  assert.equal(cluster.replies('a').map(([request]) => request), [7, 1])
})

test('failed: the successor does not take over in time: the leader says so and goes on', () => {
  const cluster = leading(THREE)
  cluster.transfer('a', 7, 'b')
  const beats = (): void => {
    cluster.advance(BASE_MS / 3)
    cluster.step('a')
    cluster.settle(['a', 'c'])
  }
  for (let round = 0; round < 2; round++) beats()
  assert.equal(cluster.replies('a'), [])
  beats()
  assert.equal(cluster.replies('a'), [[7, refused('timedOut')]])
  assert.ok(cluster.traces('a').includes('transferTimedOut'))
  cluster.request('a', 8, 'x')
  cluster.settle(['a', 'c'])
  assert.is(cluster.replies('a')[1]?.[1].type, 'done')
  assert.is(cluster.leader('a').term, 1)
})

test('failed: the leader loses its own term without a successor: unknown', () => {
  const cluster = leading(THREE)
  cluster.advance(BASE_MS)
  cluster.step('a')
  cluster.advance(10)
  cluster.transfer('a', 7, 'b')
  cluster.drop()
  cluster.advance(BASE_MS - 10)
  cluster.step('a')
  assert.is(cluster.raft('a').role, 'follower')
  assert.equal(cluster.replies('a'), [[7, { type: 'unknown' }]])
})

test('timeoutNow: is said again with each answer of the successor, since it may be lost', () => {
  const cluster = leading(THREE)
  cluster.transfer('a', 7, 'b')
  cluster.drop()
  cluster.fire('a', 'heartbeat')
  cluster.deliver({ type: 'appendRequest', to: 'b' })
  cluster.deliver({ type: 'appendAccepted', from: 'b' })
  assert.is(cluster.sent({ type: 'timeoutNow', to: 'b' }).length, 1)
  cluster.receive('a', 'c', appendAccepted(1, 1))
  assert.is(cluster.sent({ type: 'timeoutNow' }).length, 1, 'not with those of others')
})

test('timeoutNow: of an earlier term, or to a learner or stranger: starts no election', () => {
  const cluster = leading(THREE)
  cluster.receive('b', 'c', appendRequest({ term: 2, prevIndex: 1, prevTerm: 1 }))
  assert.equal(cluster.receive('b', 'a', { type: 'timeoutNow', term: 1 }), [])
  assert.is(cluster.raft('b').role, 'follower')
  const learner = new Cluster({ voters: ['a'], running: ['a', 'x'] })
  learner.elect('a', [])
  learner.change('a', 1, { type: 'change', voters: ['a'], learners: ['x'], autoLeave: true })
  learner.settle()
  assert.equal(messages(learner.receive('x', 'a', { type: 'timeoutNow', term: 1 })), [])
  assert.is(learner.raft('x').role, 'follower')
})

test('timeoutNow: twice, or to a leader: raises the term once at most', () => {
  const cluster = leading(THREE)
  const now = { type: 'timeoutNow', term: 1 } as const
  cluster.receive('b', 'a', now, now, now)
  assert.is(cluster.raft('b').term, 2)
  cluster.settle()
  assert.is(cluster.leader('b').term, 2)
  cluster.receive('b', 'a', now, { type: 'timeoutNow', term: 2 })
  assert.is(cluster.leader('b').term, 2)
})

test('vote: a log that lacks something: is refused, however the election came about', () => {
  const cluster = leading(THREE)
  cluster.request('a', 1, 'x')
  cluster.deliver({ to: 'c' })
  cluster.drop()
  cluster.receive('b', 'a', { type: 'timeoutNow', term: 1 })
  cluster.deliver({ type: 'voteRequest' })
  const votes = cluster.sent({ type: 'voteReply' })
  assert.equal(votes.map(({ granted }) => granted), [false, false])
})

test('refused: to whom it cannot go', () => {
  const answerTo = (cluster: Cluster, to: NodeId): Outcome<string> | undefined => {
    cluster.take('a')
    cluster.transfer('a', 7, to)
    return cluster.replies('a')[0]?.[1]
  }
  const cluster = leading(THREE)
  assert.equal(answerTo(cluster, 'a'), MOVED, 'it leads already')
  assert.equal(answerTo(cluster, 'nobody'), refused('notVoter'))
  cluster.change('a', 1, { type: 'change', voters: THREE, learners: ['x'], autoLeave: true })
  cluster.settle()
  assert.equal(answerTo(cluster, 'x'), refused('notVoter'))
  cluster.change('a', 1, { type: 'change', voters: ['a', 'b'], learners: [], autoLeave: false })
  cluster.settle()
  assert.equal(answerTo(cluster, 'c'), refused('notVoter'), 'it votes, but is on its way out')
  assert.is(answerTo(cluster, 'b'), undefined)
  assert.equal(answerTo(cluster, 'b'), refused('pending'))
  const [, outcome] = new Cluster({ voters: THREE }).transfer('b', 1, 'a')
  assert.is(outcome, undefined)
})

test('refused: by a follower: notLeader', () => {
  const cluster = leading(THREE)
  cluster.transfer('b', 7, 'c')
  assert.equal(cluster.replies('b'), [[7, { type: 'notLeader', leader: 'a' }]])
})

test('refused: to one that is far behind, or gets a snapshot: farBehind', () => {
  const cluster = new Cluster({ voters: THREE, config: { snapshotKeepEntries: 0 } })
  cluster.elect('a')
  cluster.beat('a')
  const payload = Uint8Array.of(1, 120)
  const events = Array.from({ length: 1_001 }, (_, request) => {
    return { type: 'request', request, payload } as const
  })
  cluster.step('a', events)
  cluster.settle(['a', 'b'])
  cluster.take('a')
  cluster.transfer('a', 7, 'c')
  assert.equal(cluster.replies('a'), [[7, refused('farBehind')]])
  cluster.snapshot('a')
  cluster.fire('a', 'heartbeat')
  cluster.settle(['a', 'b'])
  cluster.receive('a', 'c', { ...appendAccepted(1, 1) })
  cluster.take('a')
  cluster.transfer('a', 8, 'b')
  cluster.settle()
  assert.is(cluster.leader('b').term, 2)
})

test.run()
