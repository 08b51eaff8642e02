// The rules of the Raft paper (extended version), one test each, its sentence in the title: Figure
// 2 and sections 5.1 to 5.4, as far as they concern the core.

import * as assert from 'uvu/assert'
import type { AppendRequest, Message, VoteRequest } from '../../../core/raft/message.ts'
import { suite } from '../../harness.ts'
import type { JournalEffect } from './kit.ts'
import {
  appendRejected,
  appendRequest,
  BASE_MS,
  Cluster,
  entries,
  entry,
  logOf,
  messages,
  only,
  restored,
  terms,
} from './kit.ts'

const test = suite('paper')
const THREE = ['a', 'b', 'c']
const FIVE = ['a', 'b', 'c', 'd', 'e']
const NOBODY = { term: 1, vote: null }

/** Node `a` of three, alone with its test, with a past. */
function solo(term = 1, ...log: number[]): Cluster {
  const past = restored({ term, vote: null }, ...log)
  return new Cluster({ voters: THREE, running: ['a'], restored: { a: past } })
}

function voteRequest(term: number, lastTerm: number, lastIndex: number): VoteRequest {
  return { type: 'voteRequest', term, lastTerm, lastIndex }
}

function onlyMessage(effects: readonly JournalEffect[]): Message {
  const all = messages(effects)
  assert.is(all.length, 1)
  return all[0] as Message
}

/** What `a` answers to `request` of `b`. */
function answerTo(cluster: Cluster, request: AppendRequest): Message {
  return onlyMessage(cluster.receive('a', 'b', request))
}

// 5.1

test('5.1: "if one server\'s current term is smaller than the other\'s, then it updates its \
current term to the larger value": every kind of message of a higher term', () => {
  const carriers: Message[] = [
    voteRequest(7, 0, 0),
    { type: 'voteReply', term: 7, granted: false },
    { type: 'preVoteReply', term: 7, granted: false },
    appendRequest({ term: 7 }),
    { type: 'appendAccepted', term: 7, matchIndex: 0 },
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
  const message: Message = { type: 'appendAccepted', term: 9, matchIndex: 0 }
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
    { type: 'appendAccepted', term: 4, matchIndex: 0 },
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
    cluster.receive('a', 'b', appendRequest({}))
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
  const request = { type: 'voteRequest', term: 4, lastIndex: 2, lastTerm: 2 } as const
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
      assert.equal(message, appendRequest({ term, commit, ...at }))
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

// 5.3

test('5.3: "the leader appends the command to its log as a new entry, then issues AppendEntries \
RPCs in parallel to each of the other servers": not waiting for its own disk', () => {
  const cluster = new Cluster({ voters: THREE, diskAtOnce: false })
  cluster.elect('a')
  const effects = cluster.request('a', 1, 'x')
  assert.is(only(effects, 'persist').length, 1)
  assert.equal(only(effects, 'send').map(({ to }) => to), ['b', 'c'])
  assert.equal(only(effects, 'sendAfter'), [])
})

test('5.3: "when the entry has been safely replicated [...], the leader applies the entry [...] \
and returns the result": and not before', () => {
  const cluster = new Cluster({ voters: THREE })
  cluster.elect('a')
  cluster.take('a')
  cluster.request('a', 7, 'x')
  assert.equal(only(cluster.take('a'), 'reply'), [])
  cluster.deliver({ to: 'b' })
  cluster.deliver({ to: 'a' })
  const effects = cluster.take('a')
  const outcome = { type: 'done', index: 2, reply: 'did x' } as const
  assert.equal(only(effects, 'reply'), [{ type: 'reply', request: 7, outcome }])
  assert.is(only(effects, 'applied').length, 1)
})

test('5.3: "if followers crash or run slowly [...] the leader retries AppendEntries RPCs \
indefinitely": until the follower has all', () => {
  const cluster = new Cluster({ voters: THREE })
  cluster.elect('a')
  for (let request = 0; request < 5; request++) {
    cluster.request('a', request, `x${request}`)
    cluster.deliver({ to: 'c' })
    cluster.deliver({ from: 'c' })
    cluster.drop()
  }
  assert.is(cluster.raft('b').log.lastIndex, 1)
  cluster.fire('a', 'heartbeat')
  cluster.settle()
  cluster.fire('a', 'heartbeat')
  cluster.settle()
  assert.equal(terms(cluster.raft('b')), terms(cluster.raft('a')))
  assert.is(cluster.raft('b').commit, cluster.raft('a').commit)
})

test('Figure 2, AppendEntries 2: "reply false if log doesn\'t contain an entry at prevLogIndex \
whose term matches prevLogTerm": missing, and of another term', () => {
  const cluster = solo(3, 1, 1, 2)
  const missing = appendRequest({ term: 3, prevIndex: 5, prevTerm: 2, entries: entries(3) })
  const short = appendRejected({ term: 3, prevIndex: 5, hintIndex: 3, hintTerm: 2 })
  assert.equal(answerTo(cluster, missing), short)
  const other = appendRequest({ term: 3, prevIndex: 3, prevTerm: 3, entries: entries(3) })
  const conflict = appendRejected({ term: 3, prevIndex: 3, hintIndex: 3, hintTerm: 2 })
  assert.equal(answerTo(cluster, other), conflict)
  assert.equal(terms(cluster.raft('a')), [1, 1, 2], 'and nothing is dropped')
})

test('Figure 2, AppendEntries 3: "if an existing entry conflicts with a new one (same index but \
different terms), delete the existing entry and all that follow it"', () => {
  const cluster = solo(4, 1, 1, 2, 2, 2)
  const effects = cluster.receive(
    'a', 'b', appendRequest({ term: 4, prevIndex: 1, prevTerm: 1, entries: entries(1, 3) }))
  assert.equal(terms(cluster.raft('a')), [1, 1, 3])
  const [persist] = only(effects, 'persist')
  assert.is(persist?.firstIndex, 3, 'only what changed is written')
  assert.equal(persist?.entries, entries(3))
  const truncated = { type: 'truncated', fromIndex: 3, toIndex: 5 } as const
  assert.equal(only(effects, 'trace').at(-1)?.trace, truncated)
  assert.equal(cluster.member('a').disk.entries.map(({ term }) => term), [1, 1, 3])
})

test('Figure 2, AppendEntries 3: only on a conflict: an old or empty message drops nothing', () => {
  const cluster = solo(3, 1, 1, 2, 2)
  const harmless = [
    appendRequest({ term: 3 }),
    appendRequest({ term: 3, prevIndex: 1, prevTerm: 1 }),
    appendRequest({ term: 3, entries: entries(1) }),
    appendRequest({ term: 3, prevIndex: 1, prevTerm: 1, entries: entries(1, 2) }),
  ]
  for (const [at, matchIndex] of [0, 1, 1, 3].entries()) {
    const answer = answerTo(cluster, harmless[at] as AppendRequest)
    assert.equal(answer, { type: 'appendAccepted', term: 3, matchIndex })
    assert.equal(terms(cluster.raft('a')), [1, 1, 2, 2])
  }
  assert.equal(only(cluster.take('a'), 'persist').filter(({ logChanged }) => logChanged), [])
})

test('Figure 2, AppendEntries 4: "append any new entries not already in the log": the same message \
twice is the same log', () => {
  const cluster = solo(1, 1)
  const request = appendRequest({ term: 1, prevIndex: 1, prevTerm: 1, entries: entries(1, 1) })
  const accepted = { type: 'appendAccepted', term: 1, matchIndex: 3 }
  assert.equal(answerTo(cluster, request), accepted)
  const again = cluster.receive('a', 'b', request)
  assert.equal(onlyMessage(again), accepted)
  assert.equal(only(again, 'persist'), [])
  assert.equal(terms(cluster.raft('a')), [1, 1, 1])
})

test('Figure 2, AppendEntries 5: "set commitIndex = min(leaderCommit, index of last new entry)": \
never our own unproven tail', () => {
  const cluster = solo(2, 1, 1, 1, 1)
  cluster.receive('a', 'b', appendRequest({ term: 2, prevIndex: 1, prevTerm: 1, commit: 4 }))
  assert.is(cluster.raft('a').commit, 1, 'the heartbeat proved no more than entry 1')
  const one = { prevIndex: 1, prevTerm: 1, entries: entries(1) }
  cluster.receive('a', 'b', appendRequest({ term: 2, ...one, commit: 4 }))
  assert.is(cluster.raft('a').commit, 2)
  cluster.receive('a', 'b', appendRequest({ term: 2, prevIndex: 4, prevTerm: 1, commit: 3 }))
  assert.is(cluster.raft('a').commit, 3)
  cluster.receive('a', 'b', appendRequest({ term: 2, prevIndex: 4, prevTerm: 1, commit: 1 }))
  assert.is(cluster.raft('a').commit, 3, 'an old message takes nothing back')
})

test('5.3: "if a follower\'s log is inconsistent with the leader\'s, the AppendEntries consistency \
check will fail [...] the leader decrements nextIndex and retries": all of Figure 7', () => {
  const leaderLog = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6]
  const followers = {
    b: [1, 1, 1, 4, 4, 5, 5, 6, 6],
    c: [1, 1, 1, 4],
    d: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
    e: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
    f: [1, 1, 1, 4, 4, 4, 4],
    g: [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
  }
  const past: Record<string, ReturnType<typeof restored>> = {
    a: restored({ term: 7, vote: null }, ...leaderLog),
  }
  for (const [id, log] of Object.entries(followers)) {
    past[id] = restored({ term: 7, vote: null }, ...log)
  }
  const cluster = new Cluster({ voters: ['a', ...Object.keys(followers)], restored: past })
  cluster.elect('a', ['b', 'c', 'f', 'g'])
  cluster.fire('a', 'heartbeat')
  cluster.settle()
  for (let beat = 0; beat < 3; beat++) {
    cluster.fire('a', 'heartbeat')
    cluster.settle()
  }
  for (const id of Object.keys(followers)) {
    assert.equal(terms(cluster.raft(id)), [...leaderLog, 8], id)
    assert.is(cluster.raft(id).commit, 11, id)
  }
})

test('5.3: "one AppendEntries RPC will be required for each term with conflicting entries, rather \
than one RPC per entry"', () => {
  const past = {
    a: restored({ term: 9, vote: null }, 1, ...Array.from({ length: 300 }, () => 8)),
    b: restored({ term: 7, vote: null }, 1, ...Array.from({ length: 200 }, () => 7)),
    c: restored({ term: 9, vote: null }, 1),
  }
  const cluster = new Cluster({ voters: THREE, restored: past })
  cluster.elect('a', ['c'])
  cluster.drop()
  cluster.take('b')
  cluster.fire('a', 'heartbeat')
  cluster.settle(['a', 'b'])
  const rejected = messages(cluster.take('b')).filter(({ type }) => type === 'appendRejected')
  assert.ok(rejected.length <= 2, `${rejected.length} refusals`)
  assert.is(cluster.raft('b').log.lastIndex, 302)
})

test('5.3: "a leader never overwrites or deletes entries in its own log": not for any \
answer', () => {
  const cluster = new Cluster({ voters: THREE })
  cluster.elect('a')
  cluster.request('a', 1, 'x')
  const before = logOf(cluster.raft('a'))
  const { term } = cluster.raft('a')
  cluster.receive('a', 'b', appendRejected({ term, prevIndex: 1 }))
  cluster.receive('a', 'b', { type: 'appendAccepted', term, matchIndex: 9 })
  assert.equal(logOf(cluster.raft('a')), before)
  assert.is(cluster.raft('a').commit, 1, 'nor counts what it does not have')
})

test('Figure 2, leaders: "if AppendEntries fails because of log inconsistency: decrement \
nextIndex": never to a match or below, whatever comes late or twice', () => {
  const cluster = solo()
  cluster.fire('a', 'election')
  cluster.receive('a', 'b', { type: 'preVoteReply', term: 2, granted: true })
  cluster.receive('a', 'b', { type: 'voteReply', term: 2, granted: true })
  for (let request = 0; request < 9; request++) cluster.request('a', request, 'x')
  cluster.receive('a', 'b', { type: 'appendAccepted', term: 2, matchIndex: 6 })
  cluster.receive('a', 'b', { type: 'appendAccepted', term: 2, matchIndex: 3 })
  const b = () => {
    const found = cluster.leader('a').progress.find(({ peer }) => peer === 'b')
    assert.ok(found !== undefined)
    return found
  }
  assert.is(b().matchIndex, 6, 'a match never falls')
  for (const prevIndex of [0, 3, 6]) {
    cluster.receive('a', 'b', appendRejected({ term: 2, prevIndex }))
    assert.ok(b().nextIndex > b().matchIndex)
    assert.is(b().mode, 'replicate', 'a refusal of what has matched since is old')
  }
  cluster.receive('a', 'b', appendRejected({ term: 2, prevIndex: 9, hintIndex: 2, hintTerm: 2 }))
  assert.is(b().nextIndex, 7)
})

// 5.4

test('5.4.1: "if the logs have last entries with different terms, then the log with the later term \
is more up-to-date": however much shorter', () => {
  const cluster = solo(5, 1, 3, 3, 3)
  const ask = (lastTerm: number, lastIndex: number, term: number) => {
    const reply = onlyMessage(cluster.receive('a', 'b', voteRequest(term, lastTerm, lastIndex)))
    return reply.type === 'voteReply' && reply.granted
  }
  assert.is(ask(2, 99, 6), false)
  assert.is(ask(4, 1, 7), true)
})

test('5.4.1: "if the logs end with the same term, then whichever log is longer is more \
up-to-date": equal is enough', () => {
  const cluster = solo(5, 1, 3, 3, 3)
  const ask = (lastIndex: number, term: number) => {
    const reply = onlyMessage(cluster.receive('a', 'b', voteRequest(term, 3, lastIndex)))
    return reply.type === 'voteReply' && reply.granted
  }
  assert.equal([ask(3, 6), ask(4, 7), ask(5, 8)], [false, true, true])
})

test('5.4.1: the same rule for pre-votes', () => {
  const asks: [number, number, boolean][] = [
    [3, 4, true],
    [3, 3, false],
    [2, 9, false],
    [4, 1, true],
  ]
  for (const [lastTerm, lastIndex, granted] of asks) {
    const cluster = solo(5, 1, 3, 3, 3)
    const request = { type: 'preVoteRequest', term: 6, lastTerm, lastIndex } as const
    const reply = onlyMessage(cluster.receive('a', 'b', request))
    assert.equal(reply, { type: 'preVoteReply', term: granted ? 6 : 5, granted })
  }
})

test('5.4.2, Figure 8: "Raft never commits log entries from previous terms by counting \
replicas"', () => {
  // S1 of Figure 8 (c): leader of term 4, entry 2 of term 2 is on a majority, none of term 4.
  const past = {
    a: restored({ term: 3, vote: null }, 1, 2),
    b: restored({ term: 3, vote: null }, 1, 2),
    c: restored({ term: 3, vote: null }, 1),
  }
  const cluster = new Cluster({ voters: FIVE, running: ['a', 'b', 'c'], restored: past })
  cluster.fire('a', 'election')
  cluster.deliver({ type: 'preVoteRequest' })
  cluster.deliver({ type: 'preVoteReply' })
  cluster.deliver({ type: 'voteRequest' })
  cluster.deliver({ type: 'voteReply' })
  assert.is(cluster.leader('a').term, 4)
  cluster.drop()
  const accepted = { type: 'appendAccepted', term: 4, matchIndex: 2 } as const
  for (const peer of ['b', 'c', 'd', 'e']) cluster.receive('a', peer, accepted)
  assert.is(cluster.raft('a').commit, 0)
})

test('5.4.2: "once an entry from the current term has been committed in this way, then all prior \
entries are committed indirectly"', () => {
  const past = { a: restored({ term: 3, vote: null }, 1, 2) }
  const cluster = new Cluster({ voters: THREE, restored: past })
  cluster.elect('a', ['b'])
  const applied = only(cluster.take('a'), 'applied').map(({ index, term }) => [index, term])
  assert.equal(applied, [[1, 1], [2, 2], [3, 4]])
})

test('Figure 2, leaders: "if there exists an N such that [...] a majority of matchIndex[i] >= N": \
exactly a majority, for every size', () => {
  for (let size = 1; size <= 7; size++) {
    const voters = Array.from({ length: size }, (_, at) => String(at))
    const cluster = new Cluster({ voters, running: ['0'] })
    cluster.fire('0', 'election')
    for (const peer of voters.slice(1)) {
      cluster.receive('0', peer, { type: 'preVoteReply', term: 1, granted: true })
    }
    for (const peer of voters.slice(1)) {
      cluster.receive('0', peer, { type: 'voteReply', term: 1, granted: true })
    }
    assert.is(cluster.raft('0').role, 'leader')
    let acks = 1
    while (cluster.raft('0').commit === 0) {
      const peer = voters[acks++] as string
      cluster.receive('0', peer, { type: 'appendAccepted', term: 1, matchIndex: 1 })
    }
    assert.is(acks, Math.floor(size / 2) + 1, `${size} voters`)
  }
})

test('8: "each leader commit a blank no-op entry into the log at the start of its term"', () => {
  const cluster = new Cluster({ voters: THREE, restored: { b: restored(NOBODY, 1) } })
  cluster.elect('b')
  const last = logOf(cluster.raft('b')).at(-1)
  assert.equal(last, { term: 2, stampMs: 0, kind: 'noop', payload: new Uint8Array(0) })
  assert.is(cluster.raft('b').commit, 2)
})

test.run()
