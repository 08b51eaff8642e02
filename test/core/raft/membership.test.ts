// Changes of members, seen from outside: what is refused, who decides while one takes over from the
// other, how it ends, and what becomes of whoever goes and comes. Ref: Raft 6; thesis 4.2, 4.3
// (BUGS: M1, M3, M5, M7, M9, M10, C29). The arithmetic alone is in quorum.test.ts.

import * as assert from 'uvu/assert'
import type { Outcome } from '../../../core/effect.ts'
import type { NodeId } from '../../../core/raft/config.ts'
import { foundedBy } from '../../../core/raft/membership.ts'
import type { Membership, MembershipChange } from '../../../core/raft/membership.ts'
import { NOTHING_RESTORED, activeMembership } from '../../../core/raft/state.ts'
import { suite } from '../../harness.ts'
import {
  appendAccepted,
  appendRequest,
  BASE_MS,
  Cluster,
  entry,
  membershipEntry,
  only,
} from './kit.ts'

const test = suite('membership')
const THREE = ['a', 'b', 'c']
const ALL = ['a', 'b', 'c', 'd', 'e']

/** A cluster of three whose leader `a` has committed its noop; `d` and `e` run outside of it. */
function leading(voters: readonly NodeId[] = THREE, running: readonly NodeId[] = ALL): Cluster {
  const cluster = new Cluster({ voters, running })
  cluster.elect('a', voters.filter((voter) => voter !== 'a'))
  cluster.beat('a')
  for (const node of running) cluster.take(node)
  return cluster
}

function to(voters: readonly NodeId[], learners: readonly NodeId[] = []): MembershipChange {
  return { type: 'change', voters, learners, autoLeave: true }
}

function stay(voters: readonly NodeId[], learners: readonly NodeId[] = []): MembershipChange {
  return { type: 'change', voters, learners, autoLeave: false }
}

const LEAVE: MembershipChange = { type: 'leave' }

function membersAt(cluster: Cluster, id: NodeId): Membership {
  return activeMembership(cluster.raft(id))
}

function refusal(reason: string): Outcome<string> {
  return { type: 'refused', reason } as Outcome<string>
}

/** What `a` answers at once to `change`. */
function answerTo(cluster: Cluster, change: MembershipChange): Outcome<string> | undefined {
  cluster.take('a')
  cluster.change('a', 77, change)
  return cluster.replies('a')[0]?.[1]
}

test('refused: what makes no sense: says why, and appends nothing', () => {
  const cases: [MembershipChange, string][] = [
    [to([]), 'noVoters'],
    [to([], ['d']), 'noVoters'],
    [to(['a', '']), 'badId'],
    [to(['a', 'b'], ['']), 'badId'],
    [to(['a', 'b', 'a']), 'duplicateId'],
    [to(['a', 'b'], ['d', 'd']), 'duplicateId'],
    [to(['a', 'b'], ['b']), 'duplicateId'],
    [LEAVE, 'notJoint'],
  ]
  for (const [change, reason] of cases) {
    const cluster = leading()
    assert.equal(answerTo(cluster, change), refusal(reason))
    assert.is(cluster.raft('a').log.lastIndex, 1)
    assert.equal(membersAt(cluster, 'a'), foundedBy(THREE))
  }
})

test('refused: by a follower: notLeader with the leader', () => {
  const cluster = leading()
  cluster.change('b', 3, to(['a', 'b']))
  assert.equal(cluster.replies('b'), [[3, { type: 'notLeader', leader: 'a' }]])
})

test('refused: nothing of the leader\'s own term is committed: notCommittedInTerm', () => {
  // Ongaro, 2015: else two leaders could change to configurations whose majorities do not meet.
  const cluster = new Cluster({ voters: THREE })
  cluster.fire('a', 'election')
  cluster.deliver({ type: 'preVoteRequest' })
  cluster.deliver({ type: 'preVoteReply' })
  cluster.deliver({ type: 'voteRequest' })
  cluster.deliver({ type: 'voteReply' })
  assert.equal(answerTo(cluster, to(['a', 'b'])), refusal('notCommittedInTerm'))
  cluster.deliver({ to: 'b' })
  cluster.deliver({ to: 'a' })
  assert.is(answerTo(cluster, to(['a', 'b'])), undefined)
})

test('refused: an earlier change is not committed: pending, of learners alone too', () => {
  for (const first of [to(['a', 'b', 'd']), to(THREE, ['d'])]) {
    const cluster = leading()
    assert.is(answerTo(cluster, first), undefined)
    assert.equal(answerTo(cluster, to(THREE, ['e'])), refusal('pending'))
    assert.equal(answerTo(cluster, LEAVE), refusal('pending'))
    cluster.settle()
    assert.is(answerTo(cluster, to(THREE, ['e'])), undefined)
  }
})

test('refused: joint consensus that waits for a leave: isJoint', () => {
  const cluster = leading()
  cluster.change('a', 1, stay(['a', 'b', 'd']))
  cluster.settle()
  assert.equal(answerTo(cluster, to(['a', 'b'])), refusal('isJoint'))
  assert.is(answerTo(cluster, LEAVE), undefined)
})

test('refused: the leadership is being transferred: transferring', () => {
  const cluster = leading()
  cluster.transfer('a', 1, 'b')
  assert.equal(answerTo(cluster, to(['a', 'b'])), refusal('transferring'))
})

test('refused: a change never uses up what may wait to be committed', () => {
  const cluster = leading()
  for (let attempt = 0; attempt < 3; attempt++) answerTo(cluster, to([]))
  assert.is(cluster.leader('a').uncommittedBytes, 0)
})

/** Asks for `first`; when the answer of `b` commits it, `second` is asked in the very turn. */
function askAsItCommits(first: MembershipChange, second: MembershipChange): Cluster {
  const cluster = leading()
  cluster.change('a', 1, first)
  cluster.deliver({ to: 'b', type: 'appendRequest' })
  const [ack] = cluster.drop({ from: 'b' })
  assert.ok(ack !== undefined)
  cluster.step('a', [
    { type: 'received', from: 'b', message: ack.message },
    { type: 'changeMembership', request: 2, change: second },
  ])
  cluster.settle()
  return cluster
}

test('answer: a change commits in the turn in which the next is asked: each is answered', () => {
  const cluster = askAsItCommits(to(THREE, ['d']), to(THREE, ['e']))
  assert.equal(cluster.replies('a'), [
    [2, refusal('pending')],
    [1, { type: 'changed', index: 2 }],
  ])
})

test('answer: joint consensus that ends by itself commits in the turn in which a leave is asked: \
the change is answered once it is left', () => {
  const cluster = askAsItCommits(to(['a', 'b']), LEAVE)
  assert.equal(cluster.replies('a'), [
    [2, refusal('pending')],
    [1, { type: 'changed', index: 3 }],
  ])
})

test('answer: changed: only when joint consensus is left, and that is committed', () => {
  const cluster = leading()
  cluster.change('a', 5, to(['a', 'b', 'd']))
  const joint = { voters: ['a', 'b', 'd'], outgoing: THREE, learners: [], autoLeave: true }
  assert.equal(membersAt(cluster, 'a'), joint)
  cluster.deliver({ to: 'b' })
  cluster.deliver({ to: 'a', from: 'b' })
  assert.is(cluster.raft('a').commit, 2, 'joint consensus is committed')
  assert.is(cluster.raft('a').log.lastIndex, 3, 'and the next members are on their way')
  assert.equal(membersAt(cluster, 'a'), foundedBy(['a', 'b', 'd']))
  assert.equal(cluster.replies('a'), [])
  cluster.settle()
  assert.equal(cluster.replies('a'), [[5, { type: 'changed', index: 3 }]])
  assert.is(cluster.raft('a').log.lastIndex, 3, 'it is left once')
})

test('answer: joint consensus that stays: changed once it is committed, and again once \
left', () => {
  const cluster = leading()
  cluster.change('a', 5, stay(['a', 'b', 'd']))
  cluster.settle()
  assert.equal(cluster.replies('a'), [[5, { type: 'changed', index: 2 }]])
  for (let beat = 0; beat < 3; beat++) cluster.beat('a')
  assert.is(cluster.raft('a').log.lastIndex, 2, 'nothing ends it')
  cluster.change('a', 6, LEAVE)
  cluster.settle()
  assert.equal(cluster.replies('a')[1], [6, { type: 'changed', index: 3 }])
  assert.equal(membersAt(cluster, 'a'), foundedBy(['a', 'b', 'd']))
})

test('answer: the same voters with other learners: one entry, without joint consensus', () => {
  const cluster = leading()
  for (const [request, learners] of [['d'], ['d', 'e'], ['d', 'e'], []].entries()) {
    const before = cluster.raft('a').log.lastIndex
    cluster.change('a', request, to(THREE, learners))
    cluster.settle()
    assert.is(cluster.raft('a').log.lastIndex, before + 1)
    assert.equal(membersAt(cluster, 'a'), { ...foundedBy(THREE), learners })
  }
  assert.equal(cluster.replies('a').map(([, { type }]) => type), Array(4).fill('changed'))
})

test('answer: the leadership is lost meanwhile: unknown, whoever ends the change', () => {
  const cluster = leading()
  cluster.change('a', 5, to(['a', 'b', 'd']))
  cluster.receive('a', 'b', appendRequest({ term: 2, prevIndex: 1, prevTerm: 1 }))
  assert.equal(cluster.replies('a'), [[5, { type: 'unknown' }]])
})

test('joint: commits only with a majority of each: of the old alone, of the new alone, of \
both', () => {
  for (const [acks, commits] of [
    [['b', 'c'], false],
    [['d', 'e'], false],
    [['b', 'd'], true],
    [['c', 'e'], true],
  ] as const) {
    const cluster = leading(THREE, ['a', 'b', 'c'])
    cluster.change('a', 1, stay(['a', 'd', 'e']))
    for (const peer of acks) cluster.receive('a', peer, appendAccepted(1, 2))
    assert.is(cluster.raft('a').commit, commits ? 2 : 1, acks.join())
  }
})

test('joint: votes of a majority of each are needed to lead, and so are pre-votes', () => {
  const joint = { voters: ['a', 'd', 'e'], outgoing: THREE, learners: [], autoLeave: false }
  const past = {
    ...NOTHING_RESTORED,
    hardState: { term: 1, vote: null },
    entries: [membershipEntry(1, joint)],
  }
  for (const [voters, wins] of [
    [['b', 'c'], false],
    [['d', 'e'], false],
    [['d', 'b'], true],
  ] as const) {
    const cluster = new Cluster({ voters: THREE, running: ['a'], restored: { a: past } })
    cluster.fire('a', 'election')
    assert.equal(cluster.network.map((packet) => packet.to), ['b', 'c', 'd', 'e'])
    for (const peer of voters) {
      cluster.receive('a', peer, { type: 'preVoteReply', term: 2, granted: true })
    }
    assert.is(cluster.raft('a').role, wins ? 'candidate' : 'precandidate', voters.join())
    if (!wins) {
      for (const peer of ['b', 'd']) {
        cluster.receive('a', peer, { type: 'preVoteReply', term: 2, granted: true })
      }
    }
    for (const peer of voters) {
      cluster.receive('a', peer, { type: 'voteReply', term: 2, granted: true })
    }
    assert.is(cluster.raft('a').role, wins ? 'leader' : 'candidate', voters.join())
  }
})

test('joint: a leader hears a majority of the old alone: steps down', () => {
  const cluster = leading()
  cluster.change('a', 1, stay(['a', 'd', 'e']))
  for (let round = 0; round < 9; round++) {
    cluster.advance(BASE_MS / 3)
    cluster.step('a')
    cluster.settle(THREE)
  }
  assert.is.not(cluster.raft('a').role, 'leader')
})

test('joint: its leader is lost: the next one, by both majorities, ends it by itself', () => {
  const cluster = leading()
  cluster.change('a', 1, to(['b', 'c', 'd']))
  cluster.deliver({ from: 'a' })
  cluster.drop()
  assert.is(membersAt(cluster, 'b').outgoing?.length, 3, 'active, though not committed')
  cluster.elect('b', ['c', 'd'])
  cluster.settle(['b', 'c', 'd'])
  assert.equal(membersAt(cluster, 'b'), foundedBy(['b', 'c', 'd']))
  assert.is(cluster.raft('b').commit, cluster.raft('b').log.lastIndex)
})

test('active: from the append on: the leader counts by the members that it has not \
committed', () => {
  const cluster = leading(['a'], ['a', 'b', 'c'])
  cluster.change('a', 1, stay(['a', 'b', 'c']))
  assert.is(cluster.raft('a').commit, 1, 'its own disk was a majority before')
  cluster.settle()
  assert.is(cluster.raft('a').commit, 2)
})

test('active: a follower drops the entry: the members before are active again, and it says \
so', () => {
  const cluster = leading()
  cluster.change('a', 1, stay(['a', 'b', 'd']))
  cluster.deliver({ to: 'b' })
  assert.equal(membersAt(cluster, 'b').voters, ['a', 'b', 'd'])
  cluster.take('b')
  cluster.receive('b', 'c', appendRequest({
    term: 2, prevIndex: 1, prevTerm: 1, entries: [entry(2, null)],
  }))
  assert.equal(membersAt(cluster, 'b'), foundedBy(THREE))
  const told = only(cluster.take('b'), 'trace').map(({ trace }) => trace)
  const changed = { type: 'membershipChanged', index: 0, membership: foundedBy(THREE) } as const
  assert.ok(told.some((trace) => JSON.stringify(trace) === JSON.stringify(changed)))
})

test('active: two entries dropped at once, the second kept members: the last kept is \
active', () => {
  const cluster = new Cluster({ voters: THREE, running: ['a'] })
  const learners = (...nodes: string[]): Membership => ({ ...foundedBy(THREE), learners: nodes })
  const entries = [
    membershipEntry(1, learners('d')),
    membershipEntry(1, learners('e')),
    membershipEntry(1, learners('f')),
  ]
  cluster.receive('a', 'b', appendRequest({ term: 1, entries }))
  assert.equal(membersAt(cluster, 'a'), learners('f'))
  const other = { term: 2, prevIndex: 1, prevTerm: 1, entries: [entry(2)] }
  cluster.receive('a', 'c', appendRequest(other))
  assert.equal(membersAt(cluster, 'a'), learners('d'))
  assert.is(cluster.raft('a').memberships.length, 2)
})

test('active: after a restart: the last that the log on disk names', () => {
  const cluster = leading()
  cluster.change('a', 1, stay(['a', 'b', 'd']))
  cluster.settle()
  for (const node of ['a', 'b', 'd']) {
    cluster.restart(node)
    assert.equal(membersAt(cluster, node).voters, ['a', 'b', 'd'])
    assert.equal(membersAt(cluster, node).outgoing, THREE)
  }
})

test.run()
