// Whoever comes and goes: learners and their promotion, nodes that were removed, the leader among
// them, and what a smaller majority means for what was waiting (BUGS: M7, M9, M10, M12, M13).

import * as assert from 'uvu/assert'
import type { NodeId } from '../../../core/raft/config.ts'
import { foundedBy } from '../../../core/raft/membership.ts'
import type { MembershipChange } from '../../../core/raft/membership.ts'
import { activeMembership } from '../../../core/raft/state.ts'
import { suite } from '../../harness.ts'
import { appendAccepted, appendRequest, BASE_MS, Cluster, messages, only } from './kit.ts'

const test = suite('members')
const THREE = ['a', 'b', 'c']
const FOUR = ['a', 'b', 'c', 'd']

/** Three founders led by `a`; `d` runs outside of them. */
function leading(voters: readonly NodeId[] = THREE): Cluster {
  const cluster = new Cluster({ voters, running: FOUR })
  cluster.elect('a', voters.filter((voter) => voter !== 'a'))
  cluster.beat('a')
  for (const node of FOUR) cluster.take(node)
  return cluster
}

function to(voters: readonly NodeId[], learners: readonly NodeId[] = []): MembershipChange {
  return { type: 'change', voters, learners, autoLeave: true }
}

/** Runs the change to its end, and tells all. */
function make(cluster: Cluster, change: MembershipChange, by = 'a'): void {
  cluster.change(by, 900, change)
  cluster.settle()
  if (cluster.raft(by).role === 'leader') cluster.beat(by)
}

test('outside: a node that nobody has taken in: never stands for election', () => {
  const cluster = leading()
  for (let attempt = 0; attempt < 10; attempt++) {
    cluster.advance(2 * BASE_MS)
    assert.equal(messages(cluster.step('d')), [])
    assert.equal(messages(cluster.fire('d', 'election')), [])
    cluster.receive('d', 'a', { type: 'timeoutNow', term: 1 })
    assert.is(cluster.raft('d').role, 'follower')
  }
})

test('learner: gets the log and applies it: and counts in no majority', () => {
  const cluster = leading()
  make(cluster, to(THREE, ['d']))
  assert.is(cluster.raft('d').commit, 2)
  assert.equal(activeMembership(cluster.raft('d')).learners, ['d'])
  cluster.request('a', 1, 'x')
  cluster.deliver({ to: 'd' })
  cluster.deliver({ from: 'd' })
  assert.is(cluster.raft('a').commit, 2, 'the leader and a learner')
  cluster.drop()
  cluster.fire('d', 'election')
  assert.is(cluster.raft('d').role, 'follower')
  cluster.fire('b', 'election')
  assert.equal(cluster.network.map((packet) => packet.to), ['a', 'c'], 'nobody asks it')
})

test('learner: a leader that hears its learner alone: steps down', () => {
  const cluster = leading()
  make(cluster, to(THREE, ['d']))
  for (let round = 0; round < 9; round++) {
    cluster.advance(BASE_MS / 3)
    cluster.step('a')
    cluster.settle(['a', 'd'])
  }
  assert.is.not(cluster.raft('a').role, 'leader')
})

test('promotion: a learner that has not heard of its own: votes all the same', () => {
  const cluster = leading()
  make(cluster, to(THREE, ['d']))
  // `a` and `b` have the promotion, `d` does not; `a` and `c` are lost.
  cluster.change('a', 1, to(FOUR))
  cluster.deliver({ to: 'b' })
  cluster.drop()
  assert.not(activeMembership(cluster.raft('d')).voters.includes('d'))
  cluster.elect('b', ['c', 'd'])
  cluster.settle(['b', 'c', 'd'])
  assert.equal(activeMembership(cluster.raft('d')), foundedBy(FOUR))
})

test('promotion: a slow one counts as heard at first: taking it in costs no leadership', () => {
  const cluster = leading(['a'])
  cluster.advance(BASE_MS - 1)
  cluster.step('a')
  cluster.change('a', 1, to(['a', 'd']))
  cluster.advance(1)
  cluster.step('a')
  assert.is(cluster.raft('a').role, 'leader')
  cluster.settle()
  assert.is(cluster.raft('a').commit, 3)
})

test('demotion: a voter becomes a learner: goes on with the log, and does not stand', () => {
  const cluster = leading()
  make(cluster, to(['a', 'b'], ['c']))
  assert.is(cluster.raft('c').commit, 3)
  cluster.fire('c', 'election')
  assert.is(cluster.raft('c').role, 'follower')
  const before = cluster.progress('a', 'c').matchIndex
  cluster.request('a', 1, 'x')
  cluster.settle()
  assert.is(cluster.progress('a', 'c').matchIndex, before + 1)
})

test('progress: a change: keeps what is known of whoever stays, and forgets whoever goes', () => {
  const cluster = leading()
  const before = cluster.progress('a', 'b')
  cluster.change('a', 1, to(['a', 'b', 'd']))
  assert.is(cluster.progress('a', 'b').matchIndex, before.matchIndex)
  assert.equal(cluster.leader('a').progress.map(({ peer }) => peer), ['b', 'c', 'd'])
  cluster.settle()
  assert.equal(cluster.leader('a').progress.map(({ peer }) => peer), ['b', 'd'])
  cluster.receive('a', 'c', appendAccepted(1, 3))
  const peers = cluster.leader('a').progress.map(({ peer }) => peer)
  assert.equal(peers, ['b', 'd'], 'a late answer takes nobody in')
})

test('removed: the leader: leads until the others have committed it, tells them and steps \
down', () => {
  const cluster = leading()
  cluster.change('a', 1, to(['b', 'c']))
  assert.is(cluster.raft('a').role, 'leader')
  cluster.deliver({ to: 'b' })
  cluster.deliver({ to: 'a' })
  assert.is(cluster.raft('a').commit, 1, 'itself and one of two is no majority of the new')
  cluster.deliver({ to: 'c' })
  cluster.deliver({ to: 'a' })
  assert.is(cluster.raft('a').log.lastIndex, 3)
  assert.is(cluster.raft('a').role, 'leader', 'it is not among those that it counts')
  cluster.drop({ to: 'c' })
  cluster.deliver({ to: 'b' })
  cluster.deliver({ to: 'a', from: 'b' })
  assert.is(cluster.raft('a').commit, 2)
  cluster.beat('a', ['a', 'c'])
  assert.is(cluster.raft('a').role, 'follower')
  assert.ok(cluster.traces('a').includes('removed'))
  assert.equal(cluster.replies('a'), [[1, { type: 'changed', index: 3 }]])
})

test('removed: the leader: the others know of the commit without another word', () => {
  const cluster = leading()
  cluster.change('a', 1, to(['b', 'c']))
  cluster.settle()
  assert.is(cluster.raft('a').role, 'follower')
  for (const node of ['b', 'c']) assert.is(cluster.raft(node).commit, 3, node)
  cluster.advance(2 * BASE_MS)
  assert.equal(messages(cluster.step('a')), [], 'and it never stands again')
  cluster.elect('b', ['c'])
  cluster.settle()
})

test('removed: a leader that becomes a learner: steps down as well, and follows', () => {
  const cluster = leading()
  make(cluster, to(['b', 'c'], ['a']))
  assert.is(cluster.raft('a').role, 'follower')
  cluster.elect('b', ['c'])
  cluster.beat('b')
  assert.is(cluster.raft('a').commit, cluster.raft('b').commit)
})

test('removed: a node that does not know: moves no term and costs no leader its place', () => {
  const cluster = leading()
  cluster.change('a', 1, to(['a', 'b']))
  for (let left = 3; left > 0; left--) {
    cluster.settle(['a', 'b'])
    cluster.fire('a', 'heartbeat')
  }
  assert.is(activeMembership(cluster.raft('c')).voters.length, 3, 'it never heard of it')
  for (let round = 0; round < 30; round++) {
    cluster.advance(BASE_MS / 3)
    for (const node of THREE) cluster.step(node)
    cluster.settle()
  }
  assert.is(cluster.leader('a').term, 1)
  const request = { type: 'voteRequest', term: 9, lastIndex: 9, lastTerm: 9 } as const
  assert.equal(cluster.receive('b', 'c', { ...request, transfer: false }), [])
  assert.equal(cluster.receive('a', 'c', { ...request, transfer: false }), [])
})

test('removed: the leader is lost before that is committed, and only it has the entry: stands \
when it is asked, and ends what it began', () => {
  const cluster = leading(['a', 'b'])
  cluster.change('a', 1, to(['b'], ['a']))
  for (const node of ['b', 'a']) cluster.deliver({ to: node })
  assert.is(cluster.raft('a').log.lastIndex, 3)
  assert.is(cluster.raft('a').commit, 2, 'joint consensus is committed, and its end is not')
  for (let round = 0; round < 3; round++) {
    cluster.drop()
    cluster.advance(BASE_MS)
    cluster.step('a')
  }
  cluster.drop()
  assert.is.not(cluster.raft('a').role, 'leader')
  cluster.take('a')
  cluster.fire('b', 'election')
  cluster.settle(['a', 'b'])
  assert.is.not(cluster.raft('b').role, 'leader', 'the log of `a` is longer: asked, it stands')
  assert.ok(cluster.traces('a').includes('becameLeader'))
  assert.is(cluster.raft('a').role, 'follower', 'it led until its removal was committed')
  assert.is(cluster.raft('b').commit, 4)
  assert.equal(activeMembership(cluster.raft('b')).voters, ['b'])
  cluster.advance(BASE_MS)
  assert.equal(messages(cluster.fire('a', 'election')), [], 'and never stands again')
  const isAsked = (lastIndex: number, lastTerm: number): boolean => {
    const message = { type: 'preVoteRequest', term: 9, lastIndex, lastTerm } as const
    const said = messages(cluster.receive('a', 'c', message))
    return said.some(({ type }) => type === 'preVoteRequest')
  }
  assert.is(isAsked(2, 1), false, 'not for one that lacks its removal, which b has')
  assert.is(isAsked(9, 0), false, 'nor for one whose log is longer, but of earlier terms')
  assert.is(isAsked(3, 1), true, 'but for one that may have taken it in again since')
})

test('fewer: joint consensus is left: what the smaller majority has is committed at once', () => {
  const cluster = leading()
  cluster.change('a', 1, to(['a']))
  cluster.deliver({ to: 'b' })
  const [ack] = cluster.drop({ from: 'b' })
  assert.ok(ack !== undefined)
  cluster.request('a', 2, 'x')
  cluster.drop()
  assert.is(cluster.raft('a').commit, 1)
  const effects = cluster.receive('a', 'b', ack.message)
  assert.equal(only(effects, 'applied').map(({ index }) => index), [2, 3])
  assert.equal(cluster.replies('a').map(([request]) => request), [2, 1])
})

test('fewer: a removed follower answers: counts for nothing any more', () => {
  const cluster = new Cluster({ voters: ['a', 'b', 'c', 'd', 'e'] })
  cluster.elect('a')
  cluster.beat('a')
  make(cluster, to(THREE))
  cluster.request('a', 1, 'x')
  const { lastIndex } = cluster.raft('a').log
  for (const peer of ['d', 'e']) cluster.receive('a', peer, appendAccepted(1, lastIndex))
  assert.is(cluster.raft('a').commit, lastIndex - 1)
})

test('one: a group of one takes in a second and a third, and lets the first go', () => {
  const cluster = leading(['a'])
  make(cluster, to(['a', 'b']))
  make(cluster, to(['a', 'b', 'c']))
  make(cluster, to(['b', 'c']))
  cluster.elect('b', ['c'])
  cluster.request('b', 1, 'x')
  cluster.settle()
  assert.is(cluster.replies('b').at(-1)?.[1].type, 'done')
  assert.is(cluster.raft('a').role, 'follower')
})

test('away: a removed node comes back: is brought on like any other', () => {
  const cluster = leading()
  make(cluster, to(['a', 'b']))
  cluster.request('a', 1, 'x')
  cluster.settle()
  make(cluster, to(THREE))
  assert.is(cluster.raft('c').commit, cluster.raft('a').commit)
  assert.equal(cluster.member('c').state.machine, cluster.member('a').state.machine)
  cluster.receive('c', 'a', appendRequest({ term: 1 }))
})

test.run()
