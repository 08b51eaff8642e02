// The rules of the Raft paper (extended version), one test each, its sentence in the title:
// sections 5.1 and 5.2, and what Figure 2 says of followers and candidates.

import * as assert from 'uvu/assert'
import type { Message } from '../../../core/raft/message.ts'
import { suite } from '../../harness.ts'
import {
  appendRejected,
  appendRequest,
  BASE_MS,
  Cluster,
  entries,
  entry,
  messages,
  only,
  restored,
  terms,
} from './kit.ts'
import { FIVE, onlyMessage, solo, THREE, voteRequest } from './paper.ts'

const test = suite('paper-election')

// 5.1

test('5.1: "if one server\'s current term is smaller than the other\'s, then it updates its \
current term to the larger value": every kind of message of a higher term', () => {
  const carriers: Message[] = [
    voteRequest(7, 0, 0),
    { type: 'voteReply', term: 7, granted: false },
    { type: 'preVoteReply', term: 7, granted: false },
    appendRequest({ term: 7 }),
    { type: 'appendAccepted', term: 7, matchIndex: 0, round: 0, versions: 1 },
    appendRejected({ term: 7, prevIndex: 1 }),
  ]
  for (const message of carriers) {
    const cluster = solo(3, 1)
    cluster.receive('a', 'b', message)
    assert.is(cluster.raft('a').term, 7, message.type)
    assert.is(cluster.member('a').disk.hardState.term, 7, 'and it is written down')
  }
})

test('5.1: "if a candidate or leader discovers that its term is out of date, it immediately \
reverts to follower state": precandidate, candidate and leader', () => {
  const message: Message = { type: 'appendAccepted', term: 9, matchIndex: 0, round: 0, versions: 1 }
  const precandidate = solo()
  precandidate.fire('a', 'election')
  const candidate = solo()
  candidate.fire('a', 'election')
  candidate.receive('a', 'b', { type: 'preVoteReply', term: 2, granted: true })
  const leader = new Cluster({ voters: THREE })
  leader.elect('a')
  const roles: [Cluster, string][] = [
    [precandidate, 'precandidate'],
    [candidate, 'candidate'],
    [leader, 'leader'],
  ]
  for (const [cluster, role] of roles) {
    assert.is(cluster.raft('a').role, role)
    cluster.receive('a', 'b', message)
    assert.is(cluster.raft('a').role, 'follower')
    assert.is(cluster.raft('a').term, 9)
    assert.is(cluster.raft('a').vote, null)
  }
})

test('5.1: "if a server receives a request with a stale term number, it rejects the request": and \
tells its own term; stale answers are dropped', () => {
  const cluster = solo(5)
  const vote = cluster.receive('a', 'b', voteRequest(4, 9, 9))
  assert.equal(onlyMessage(vote), { type: 'voteReply', term: 5, granted: false })
  const append = onlyMessage(cluster.receive('a', 'b', appendRequest({ term: 4 })))
  assert.is(append.type, 'appendRejected')
  assert.is(append.term, 5)
  const before = cluster.raft('a')
  const stale: Message[] = [
    { type: 'voteReply', term: 4, granted: true },
    { type: 'preVoteReply', term: 4, granted: false },
    { type: 'appendAccepted', term: 4, matchIndex: 0, round: 0, versions: 1 },
    appendRejected({ term: 4, prevIndex: 1 }),
  ]
  assert.equal(cluster.receive('a', 'b', ...stale), [])
  assert.equal(cluster.raft('a').timers, before.timers)
  assert.is(cluster.raft('a').term, 5)
})

test('5.1: a stale leader: is no leader heard, and moves no timer', () => {
  const cluster = solo(5)
  const { electionAtMs, heardAtMs } = cluster.raft('a').timers
  cluster.receive('a', 'b', appendRequest({ term: 4, entries: entries(4) }))
  assert.is(cluster.raft('a').timers.electionAtMs, electionAtMs)
  assert.is(cluster.raft('a').timers.heardAtMs, heardAtMs)
  assert.is(cluster.raft('a').log.lastIndex, 0)
})

// 5.2

test('5.2: "when servers start up, they begin as followers": with what their disk held', () => {
  const cluster = new Cluster({
    voters: THREE,
    restored: { a: restored({ term: 4, vote: 'b' }, 1, 2, 4) },
  })
  const raft = cluster.raft('a')
  assert.is(raft.role, 'follower')
  assert.is(raft.term, 4)
  assert.is(raft.vote, 'b')
  assert.equal(terms(raft), [1, 2, 4])
  assert.is(raft.commit, 0)
})

test('5.2: "a server remains in follower state as long as it receives valid RPCs from a leader": \
each heartbeat moves its deadline', () => {
  const cluster = solo()
  for (let beat = 0; beat < 20; beat++) {
    cluster.advance(BASE_MS - 1)
    cluster.receive('a', 'b', appendRequest({ round: beat }))
    assert.is(cluster.raft('a').role, 'follower')
    assert.ok(cluster.raft('a').timers.electionAtMs >= cluster.nowMs + BASE_MS)
  }
})

test('5.2: "election timeouts are chosen randomly from a fixed interval": from base to twice base, \
and anew at each attempt', () => {
  const drawn: number[] = []
  const cluster = solo()
  for (let attempt = 0; attempt < 400; attempt++) {
    cluster.advance(1)
    cluster.fire('a', 'election')
    drawn.push(cluster.raft('a').timers.electionAtMs - cluster.nowMs)
  }
  assert.is(Math.min(...drawn) >= BASE_MS && Math.max(...drawn) <= 2 * BASE_MS, true)
  assert.ok(new Set(drawn).size > BASE_MS / 2, 'most of the interval occurs')
  assert.ok(Math.min(...drawn) < BASE_MS * 1.1 && Math.max(...drawn) > BASE_MS * 1.9)
})

test('5.2: "to begin an election, a follower increments its current term [and] votes for itself": \
once a majority would vote for it', () => {
  const cluster = solo(3, 1, 2)
  cluster.fire('a', 'election')
  assert.is(cluster.raft('a').term, 3)
  const effects = cluster.receive('a', 'c', { type: 'preVoteReply', term: 4, granted: true })
  assert.is(cluster.raft('a').role, 'candidate')
  assert.is(cluster.raft('a').vote, 'a')
  assert.equal(only(effects, 'persist').map(({ hardState }) => hardState), [{ term: 4, vote: 'a' }])
  const request = voteRequest(4, 2, 2)
  assert.equal(cluster.sent({ type: 'voteRequest' }), [request, request])
})

test('5.2: "a candidate wins an election if it receives votes from a majority": of distinct \
voters', () => {
  const cluster = new Cluster({ voters: FIVE, running: ['a'] })
  cluster.fire('a', 'election')
  cluster.receive('a', 'b', { type: 'preVoteReply', term: 1, granted: true })
  cluster.receive('a', 'b', { type: 'preVoteReply', term: 1, granted: true })
  assert.is(cluster.raft('a').role, 'precandidate', 'one pre-vote twice is one')
  cluster.receive('a', 'c', { type: 'preVoteReply', term: 1, granted: true })
  assert.is(cluster.raft('a').role, 'candidate')
  const vote: Message = { type: 'voteReply', term: 1, granted: true }
  cluster.receive('a', 'b', vote, vote, vote)
  cluster.receive('a', 'stranger', vote)
  cluster.receive('a', 'a', vote)
  cluster.receive('a', 'c', { type: 'voteReply', term: 1, granted: false })
  assert.is(cluster.raft('a').role, 'candidate')
  cluster.receive('a', 'd', vote)
  assert.is(cluster.raft('a').role, 'leader')
})

test('5.2: "each server will vote for at most one candidate in a given term, on a \
first-come-first-served basis": and repeats the same vote', () => {
  const cluster = solo(1, 1)
  const granted = { type: 'voteReply', term: 2, granted: true }
  assert.equal(onlyMessage(cluster.receive('a', 'b', voteRequest(2, 1, 1))), granted)
  const refused = { type: 'voteReply', term: 2, granted: false }
  assert.equal(onlyMessage(cluster.receive('a', 'c', voteRequest(2, 1, 9))), refused)
  assert.equal(onlyMessage(cluster.receive('a', 'b', voteRequest(2, 1, 1))), granted)
  const next = { type: 'voteReply', term: 3, granted: true }
  assert.equal(onlyMessage(cluster.receive('a', 'c', voteRequest(3, 1, 1))), next)
})

test('5.2: two candidates in one turn: one gets the vote, and one record says so', () => {
  const cluster = solo(1, 1)
  const effects = cluster.step('a', [
    { type: 'received', from: 'c', message: voteRequest(2, 1, 1) },
    { type: 'received', from: 'b', message: voteRequest(2, 1, 1) },
  ])
  const [persist] = only(effects, 'persist')
  assert.equal(persist?.hardState, { term: 2, vote: 'c' })
  const votes = only(effects, 'sendAfter')
  assert.equal(votes.map(({ to, after }) => [to, after]), [['c', 1], ['b', 1]])
  const granted = votes.map(({ message }) => message.type === 'voteReply' && message.granted)
  assert.equal(granted, [true, false])
})

test('5.2: candidates and leaders of the same term: do not vote for another', () => {
  const cluster = solo()
  cluster.fire('a', 'election')
  cluster.receive('a', 'b', { type: 'preVoteReply', term: 2, granted: true })
  const reply = onlyMessage(cluster.receive('a', 'c', voteRequest(2, 9, 9)))
  assert.equal(reply, { type: 'voteReply', term: 2, granted: false })
  cluster.receive('a', 'b', { type: 'voteReply', term: 2, granted: true })
  assert.is(cluster.raft('a').role, 'leader')
  assert.equal(cluster.receive('a', 'c', voteRequest(2, 9, 9)), [])
  assert.is(cluster.raft('a').vote, 'a')
})

test('5.2: "if the leader\'s term [...] is at least as large as the candidate\'s current term, \
then the candidate recognizes the leader as legitimate": an equal term is enough', () => {
  const cluster = solo()
  cluster.fire('a', 'election')
  cluster.receive('a', 'b', { type: 'preVoteReply', term: 2, granted: true })
  assert.is(cluster.raft('a').role, 'candidate')
  cluster.receive('a', 'c', appendRequest({ term: 2 }))
  const raft = cluster.raft('a')
  assert.is(raft.role === 'follower' && raft.leader, 'c')
  assert.is(raft.vote, 'a', 'its vote of this term stays given')
})

test('5.2: "if the term in the RPC is smaller than the candidate\'s current term, then the \
candidate rejects the RPC and continues in candidate state"', () => {
  const cluster = solo()
  cluster.fire('a', 'election')
  cluster.receive('a', 'b', { type: 'preVoteReply', term: 2, granted: true })
  const answer = onlyMessage(cluster.receive('a', 'c', appendRequest({ term: 1 })))
  assert.is(answer.type === 'appendRejected' && answer.term, 2)
  assert.is(cluster.raft('a').role, 'candidate')
})

test('5.2: "each candidate will time out and start a new election": votes of the last one are \
void', () => {
  const cluster = solo()
  cluster.fire('a', 'election')
  cluster.receive('a', 'b', { type: 'preVoteReply', term: 2, granted: true })
  cluster.advance(2 * BASE_MS + 1)
  cluster.step('a')
  assert.is(cluster.raft('a').role, 'precandidate')
  cluster.receive('a', 'b', { type: 'voteReply', term: 2, granted: true })
  assert.is(cluster.raft('a').role, 'precandidate')
  cluster.receive('a', 'b', { type: 'preVoteReply', term: 3, granted: true })
  cluster.receive('a', 'c', { type: 'voteReply', term: 2, granted: true })
  assert.is(cluster.raft('a').role, 'candidate')
  assert.is(cluster.raft('a').term, 3)
})

test('Figure 2, followers: "granting vote to candidate" restarts the election timeout; refusing \
does not', () => {
  const cluster = solo(1, 1)
  const { electionAtMs } = cluster.raft('a').timers
  cluster.receive('a', 'b', voteRequest(1, 0, 0))
  assert.is(cluster.raft('a').timers.electionAtMs, electionAtMs)
  cluster.receive('a', 'c', voteRequest(1, 1, 1))
  assert.ok(cluster.raft('a').timers.electionAtMs >= cluster.nowMs + BASE_MS)
})

test('5.2: "once a candidate wins an election, it becomes leader. It then sends heartbeat messages \
to all of the other servers": in the very turn', () => {
  const cluster = solo(1, 1)
  cluster.fire('a', 'election')
  cluster.receive('a', 'b', { type: 'preVoteReply', term: 2, granted: true })
  cluster.drop()
  const effects = cluster.receive('a', 'b', { type: 'voteReply', term: 2, granted: true })
  const sends = only(effects, 'send')
  assert.equal(sends.map(({ to }) => to), ['b', 'c'])
  for (const { message } of sends) {
    const noop = entry(2, null)
    assert.equal(message, appendRequest({ term: 2, prevIndex: 1, prevTerm: 1, entries: [noop] }))
  }
})

test('Figure 2, leaders: "repeat during idle periods to prevent election timeouts": a heartbeat to \
each peer, an interval apart, and none between', () => {
  const cluster = new Cluster({ voters: THREE })
  cluster.elect('a')
  const interval = cluster.configOf('a').heartbeatIntervalMs
  for (let beat = 0; beat < 5; beat++) {
    cluster.advance(interval - 1)
    assert.equal(messages(cluster.step('a')), [])
    cluster.advance(1)
    const beats = messages(cluster.step('a'))
    assert.is(beats.length, 2)
    for (const message of beats) {
      const { term, log, commit } = cluster.raft('a')
      const at = { prevIndex: log.lastIndex, prevTerm: log.lastTerm }
      assert.equal(message, appendRequest({ term, commit, ...at, round: beat + 1 }))
    }
    cluster.settle()
  }
  assert.is(cluster.raft('a').role, 'leader')
})

test('5.2: "to establish its authority and prevent new elections": the heartbeats keep followers \
followers', () => {
  const cluster = new Cluster({ voters: THREE })
  cluster.elect('a')
  for (let ms = 0; ms < 3_000; ms += 10) {
    cluster.advance(10)
    for (const id of THREE) cluster.step(id)
    cluster.settle()
  }
  assert.is(cluster.leader('a').term, 1)
})

test('5.2: "if many followers become candidates at the same time, votes could be split so that no \
candidate obtains a majority": nobody leads, and a new election with its own term brings \
one', () => {
  const four = ['a', 'b', 'c', 'd']
  const cluster = new Cluster({ voters: four })
  for (const node of ['a', 'b']) cluster.fire(node, 'election')
  cluster.deliver({ type: 'preVoteRequest' })
  cluster.deliver({ type: 'preVoteReply' })
  cluster.deliver({ type: 'voteRequest', from: 'a', to: 'c' })
  cluster.deliver({ type: 'voteRequest', from: 'b', to: 'd' })
  cluster.settle()
  assert.equal(four.map((node) => cluster.raft(node).role === 'leader'), four.map(() => false))
  assert.equal(['a', 'b'].map((node) => cluster.raft(node).role), ['candidate', 'candidate'])
  const [a, b] = ['a', 'b'].map((node) => cluster.raft(node).timers.electionAtMs)
  assert.is.not(a, b, 'they do not time out together again')
  cluster.elect('a')
  assert.is(cluster.leader('a').term, 2)
})

test('5.2: "each candidate restarts its randomized election timeout at the start of an election, \
and it waits for that timeout to elapse before starting the next election"', () => {
  const cluster = solo()
  for (let attempt = 0; attempt < 20; attempt++) {
    const { electionAtMs } = cluster.raft('a').timers
    cluster.advance(electionAtMs - 1 - cluster.nowMs)
    assert.equal(messages(cluster.step('a')), [])
    cluster.advance(1)
    assert.is(messages(cluster.step('a')).length, 2)
    assert.ok(cluster.raft('a').timers.electionAtMs >= cluster.nowMs + BASE_MS)
  }
})

test.run()
