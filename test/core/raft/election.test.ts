// What keeps elections rare and possible: PreVote, CheckQuorum and withheld votes (Ongaro's thesis,
// 4.2.3, 6.2 and 9.6), ids that read as falsy, and clusters of every size.

import * as assert from 'uvu/assert'
import type { Message, PreVoteRequest, VoteRequest } from '../../../core/raft/message.ts'
import { suite } from '../../harness.ts'
import {
  appendRejected,
  appendRequest,
  BASE_MS,
  Cluster,
  messages,
  only,
  restored,
  terms,
} from './kit.ts'

const test = suite('election')
const THREE = ['a', 'b', 'c']

function solo(term = 1, ...log: number[]): Cluster {
  const past = restored({ term, vote: null }, ...log)
  return new Cluster({ voters: THREE, running: ['a'], restored: { a: past } })
}

function preVoteRequest(term: number, lastTerm = 0, lastIndex = 0): PreVoteRequest {
  return { type: 'preVoteRequest', term, lastTerm, lastIndex }
}

function voteRequest(term: number, lastTerm = 0, lastIndex = 0): VoteRequest {
  return { type: 'voteRequest', term, lastTerm, lastIndex, transfer: false }
}

test('pre-vote: a node times out: no term changes and nothing is written until a majority \
agrees', () => {
  const cluster = new Cluster({ voters: ['a', 'b', 'c', 'd', 'e'], running: ['a'] })
  for (let attempt = 0; attempt < 50; attempt++) {
    const effects = cluster.fire('a', 'election')
    cluster.receive('a', 'b', { type: 'preVoteReply', term: 1, granted: true })
    assert.equal(only(effects, 'persist'), [])
    assert.equal(messages(effects), Array(4).fill(preVoteRequest(1)))
    cluster.advance(2 * BASE_MS)
  }
  assert.is(cluster.raft('a').term, 0)
  assert.is(cluster.member('a').disk.hardState.term, 0)
})

test('pre-vote: granted: echoes the asked term, and the granter keeps its own', () => {
  const cluster = solo(3)
  const [reply] = messages(cluster.receive('a', 'b', preVoteRequest(9)))
  assert.equal(reply, { type: 'preVoteReply', term: 9, granted: true })
  assert.is(cluster.raft('a').term, 3)
  assert.is(cluster.raft('a').vote, null)
})

test('pre-vote: granted: moves no timer, writes nothing, binds nobody', () => {
  const cluster = solo(3)
  const { timers } = cluster.raft('a')
  const effects = cluster.receive('a', 'b', preVoteRequest(4))
  assert.equal(cluster.raft('a').timers, { ...timers, nowMs: cluster.nowMs })
  assert.equal(only(effects, 'persist'), [])
  const [reply] = messages(cluster.receive('a', 'c', preVoteRequest(4)))
  assert.is(reply?.type === 'preVoteReply' && reply.granted, true)
})

test('pre-vote: an asker behind: is refused with our term, and takes it over', () => {
  const cluster = solo(6)
  for (const term of [5, 6]) {
    const [reply] = messages(cluster.receive('a', 'b', preVoteRequest(term)))
    assert.equal(reply, { type: 'preVoteReply', term: 6, granted: false })
  }
  const asker = solo(2)
  asker.fire('a', 'election')
  asker.receive('a', 'b', { type: 'preVoteReply', term: 6, granted: false })
  assert.is(asker.raft('a').role, 'follower')
  assert.is(asker.raft('a').term, 6)
})

test('pre-vote: replies of another attempt, or when nobody asked: count for nothing', () => {
  const cluster = solo(2)
  const grant = (term: number): Message => ({ type: 'preVoteReply', term, granted: true })
  cluster.receive('a', 'b', grant(3))
  assert.is(cluster.raft('a').role, 'follower')
  cluster.fire('a', 'election')
  cluster.receive('a', 'b', grant(2), grant(4), { type: 'preVoteReply', term: 2, granted: false })
  assert.is(cluster.raft('a').role, 'precandidate')
  cluster.receive('a', 'b', grant(3))
  assert.is(cluster.raft('a').role, 'candidate')
})

test('pre-vote: a leader speaks up: the precandidate follows it', () => {
  const cluster = solo(2)
  cluster.fire('a', 'election')
  cluster.receive('a', 'b', appendRequest({ term: 2 }))
  const raft = cluster.raft('a')
  assert.is(raft.role === 'follower' && raft.leader, 'b')
})

test('pre-vote: a node returns from isolation: the leader stays and the term does not move', () => {
  const cluster = new Cluster({ voters: THREE })
  cluster.elect('a')
  for (let attempt = 0; attempt < 10; attempt++) {
    for (const id of ['a', 'b']) cluster.step(id)
    cluster.fire('a', 'heartbeat')
    cluster.settle(['a', 'b'])
    cluster.step('c')
    cluster.drop({ from: 'c' })
    cluster.advance(BASE_MS - 1)
  }
  assert.is(cluster.raft('c').role, 'precandidate')
  cluster.fire('a', 'heartbeat')
  cluster.fire('c', 'election')
  cluster.settle()
  assert.is(cluster.leader('a').term, 1)
  assert.is(cluster.raft('c').role, 'follower')
})

test('pre-vote: both terms differ (etcd 8243): the one ahead with the older log lets the other \
win', () => {
  const cluster = new Cluster({
    voters: ['a', 'b'],
    restored: {
      a: restored({ term: 2, vote: null }, 1, 2),
      b: restored({ term: 9, vote: 'b' }, 1),
    },
  })
  cluster.fire('a', 'election')
  cluster.settle()
  cluster.advance(BASE_MS)
  cluster.fire('a', 'election')
  cluster.settle()
  assert.is(cluster.leader('a').term, 10)
})

test('votes: a leader was heard within a base timeout: requests are dropped, the term \
stays', () => {
  const cluster = solo(1)
  cluster.receive('a', 'b', appendRequest({}))
  cluster.advance(BASE_MS - 1)
  assert.equal(cluster.receive('a', 'c', voteRequest(9, 9, 9)), [])
  const [reply] = messages(cluster.receive('a', 'c', preVoteRequest(9, 9, 9)))
  assert.equal(reply, { type: 'preVoteReply', term: 1, granted: false })
  assert.is(cluster.raft('a').term, 1)
  cluster.advance(1)
  const [vote] = messages(cluster.receive('a', 'c', voteRequest(9, 9, 9)))
  assert.equal(vote, { type: 'voteReply', term: 9, granted: true })
})

test('votes: a node started within a base timeout: withholds, since it forgot whom it had \
heard', () => {
  const cluster = new Cluster({ voters: THREE })
  cluster.elect('a')
  cluster.restart('b')
  cluster.advance(BASE_MS - 1)
  assert.equal(cluster.receive('b', 'c', voteRequest(9, 9, 9)), [])
  const [reply] = messages(cluster.receive('b', 'c', preVoteRequest(9, 9, 9)))
  assert.equal(reply, { type: 'preVoteReply', term: 1, granted: false })
  cluster.advance(1)
  const [vote] = messages(cluster.receive('b', 'c', voteRequest(9, 9, 9)))
  assert.is(vote?.type === 'voteReply' && vote.granted, true)
})

test('votes: a leader: withholds as long as it leads, however long it led', () => {
  const cluster = new Cluster({ voters: THREE })
  cluster.elect('a')
  for (let beat = 0; beat < 10; beat++) {
    cluster.advance(50)
    cluster.fire('a', 'heartbeat')
    cluster.settle()
  }
  assert.equal(cluster.receive('a', 'c', voteRequest(9, 9, 9)), [])
  const [reply] = messages(cluster.receive('a', 'c', preVoteRequest(9, 9, 9)))
  assert.equal(reply, { type: 'preVoteReply', term: 1, granted: false })
  assert.is(cluster.leader('a').term, 1)
})

test('votes: a message of an old leader: counts as none heard', () => {
  const cluster = solo(5)
  cluster.receive('a', 'b', appendRequest({ term: 4 }))
  const [vote] = messages(cluster.receive('a', 'c', voteRequest(6)))
  assert.is(vote?.type === 'voteReply' && vote.granted, true)
})

test('quorum: a leader hears no majority for an election timeout: steps down and says so', () => {
  const cluster = new Cluster({ voters: ['a', 'b', 'c', 'd', 'e'] })
  cluster.elect('a')
  cluster.take('a')
  for (let beat = 0; beat < 2; beat++) {
    cluster.advance(BASE_MS / 2)
    cluster.step('a')
    cluster.settle(['a', 'b'])
  }
  cluster.advance(BASE_MS)
  cluster.step('a')
  assert.is(cluster.raft('a').role, 'follower')
  assert.is(cluster.raft('a').term, 1, 'in its own term: nobody else leads it')
  const lost = { type: 'trace', trace: { type: 'quorumLost', term: 1 } } as const
  assert.ok(cluster.take('a').some((effect) => JSON.stringify(effect) === JSON.stringify(lost)))
})

test('quorum: a majority, itself included, answers: it stays, refusals count as answers', () => {
  const cluster = new Cluster({ voters: THREE, running: ['a', 'b'] })
  cluster.elect('a')
  for (let round = 0; round < 20; round++) {
    cluster.advance(BASE_MS / 3)
    cluster.step('a')
    cluster.settle()
  }
  assert.is(cluster.leader('a').term, 1)
  for (let round = 0; round < 9; round++) {
    cluster.advance(BASE_MS / 3)
    cluster.receive('a', 'c', appendRejected({ term: 1, prevIndex: 1 }))
  }
  assert.is(cluster.leader('a').term, 1)
})

test('quorum: answers of an older term or from a stranger: do not count', () => {
  const cluster = new Cluster({
    voters: THREE,
    restored: { a: restored({ term: 4, vote: null }) },
  })
  cluster.elect('a')
  for (let round = 0; round < 9; round++) {
    cluster.advance(BASE_MS / 3)
    cluster.receive('a', 'b', {
      type: 'appendAccepted',
      term: 4,
      matchIndex: 1,
      round: 0,
      versions: 1,
    })
    cluster.receive('a', 'x', {
      type: 'appendAccepted',
      term: 5,
      matchIndex: 1,
      round: 0,
      versions: 1,
    })
  }
  assert.is(cluster.raft('a').role, 'follower')
})

test('quorum: a leader that stepped down: may vote at once for whoever is up to date', () => {
  const cluster = new Cluster({ voters: THREE })
  cluster.elect('a')
  cluster.advance(BASE_MS)
  cluster.step('a')
  cluster.advance(BASE_MS)
  cluster.step('a')
  assert.is.not(cluster.raft('a').role, 'leader')
  const [vote] = messages(cluster.receive('a', 'c', voteRequest(2, 1, 1)))
  assert.is(vote?.type === 'voteReply' && vote.granted, true)
})

test('ids: "0" and the like: vote, lead and are voted for as any other', () => {
  const voters = ['0', 'NaN', 'false']
  for (const id of voters) {
    const cluster = new Cluster({ voters })
    cluster.elect(id)
    cluster.fire(id, 'heartbeat')
    cluster.settle()
    for (const other of voters) {
      const raft = cluster.raft(other)
      assert.is(raft.vote, id)
      assert.is(raft.commit, 1)
      if (raft.role === 'follower') assert.is(raft.leader, id)
    }
    const [voter] = voters.filter((other) => other !== id) as [string]
    const [third] = voters.filter((other) => other !== id && other !== voter) as [string]
    cluster.advance(2 * BASE_MS)
    const [refused] = messages(cluster.receive(voter, third, voteRequest(1, 9, 9)))
    assert.is(refused?.type === 'voteReply' && refused.granted, false, 'a vote for "0" is a vote')
  }
})

test('sizes: one voter: elects itself, and commits only what is durable', () => {
  const cluster = new Cluster({ voters: ['a'], diskAtOnce: false })
  cluster.fire('a', 'election')
  assert.is(cluster.raft('a').role, 'candidate', 'its own vote is not durable yet')
  cluster.persist('a')
  assert.is(cluster.leader('a').term, 1)
  assert.is(cluster.raft('a').commit, 0)
  cluster.persist('a')
  assert.is(cluster.raft('a').commit, 1)
  cluster.request('a', 0, 'x')
  assert.equal(only(cluster.take('a'), 'reply'), [])
  cluster.persist('a')
  assert.is(only(cluster.take('a'), 'reply').length, 1)
  for (let beat = 0; beat < 10; beat++) {
    cluster.advance(BASE_MS)
    cluster.step('a')
  }
  assert.is(cluster.leader('a').term, 1, 'it is its own majority')
})

test('sizes: two and four voters: half of them are no majority', () => {
  for (const voters of [['a', 'b'], ['a', 'b', 'c', 'd']]) {
    const half = voters.slice(0, voters.length / 2)
    const cluster = new Cluster({ voters, running: half })
    cluster.fire('a', 'election')
    cluster.settle()
    assert.is(cluster.raft('a').role, 'precandidate')
    const more = new Cluster({ voters, running: voters.slice(0, voters.length / 2 + 1) })
    more.elect('a')
    assert.is(more.raft('a').commit, 1)
  }
})

test('sizes: one to seven voters on their own clocks: a leader within three timeouts', () => {
  for (let size = 1; size <= 7; size++) {
    const voters = Array.from({ length: size }, (_, at) => `n${at}`)
    const cluster = new Cluster({ voters })
    const leads = () => voters.some((id) => cluster.raft(id).role === 'leader')
    for (let ms = 0; ms < 6 * BASE_MS && !leads(); ms++) {
      cluster.advance(1)
      for (const id of voters) cluster.step(id)
      cluster.settle()
    }
    assert.ok(leads(), `${size} voters`)
  }
})

test('a leader that is heard: each of its rounds once: not by what comes late or again', () => {
  const cluster = solo()
  const deadline = () => cluster.raft('a').timers.electionAtMs
  const hear = (round: number, term = 1) => {
    cluster.advance(1)
    cluster.receive('a', 'b', appendRequest({ term, round }))
    return cluster.raft('a').timers.heardAtMs === cluster.nowMs
  }
  assert.is(hear(0), true)
  assert.is(hear(5), true)
  const before = deadline()
  assert.is(hear(5), false)
  assert.is(hear(3), false)
  assert.is(deadline(), before)
  cluster.advance(2 * BASE_MS)
  cluster.step('a')
  assert.is(cluster.raft('a').role, 'precandidate')
  // The old one is answered all the same, and changes no role.
  const [answer] = only(cluster.receive('a', 'b', appendRequest({ round: 4 })), 'sendAfter')
  assert.is(answer?.message.type, 'appendAccepted')
  assert.is(cluster.raft('a').role, 'precandidate')
  const asked = cluster.receive('a', 'c', preVoteRequest(2))
  assert.equal(messages(asked), [{ type: 'preVoteReply', term: 2, granted: true }])
  assert.is(hear(6), true)
  assert.is(cluster.raft('a').role, 'follower')
  assert.is(hear(0, 2), true, 'another leader counts its own rounds')
  assert.is(hear(1, 2), true)
})

test('votes: split: nobody wins, and a later attempt does', () => {
  const cluster = new Cluster({ voters: ['a', 'b'] })
  cluster.fire('a', 'election')
  cluster.fire('b', 'election')
  cluster.deliver({ type: 'preVoteRequest' })
  cluster.deliver({ type: 'preVoteReply' })
  cluster.deliver()
  assert.is(cluster.raft('a').role, 'candidate')
  assert.is(cluster.raft('b').role, 'candidate')
  cluster.elect('a')
  assert.is(cluster.leader('a').term, 2)
  assert.equal(terms(cluster.raft('b')), [2])
})

test.run()
