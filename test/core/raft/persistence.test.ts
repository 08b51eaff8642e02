// Numbered, asynchronous persistence: what waits for the disk, what does not, and that no late,
// skipped or outdated completion counts for more than it is worth (BUGS: E5, C14, C16, C17).

import * as assert from 'uvu/assert'
import type { Event } from '../../../core/event.ts'
import type { VoteRequest } from '../../../core/raft/message.ts'
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
  terms,
} from './kit.ts'

const test = suite('persistence')
const THREE = ['a', 'b', 'c']

/** Asks for a vote in term 2, with an empty log. */
const VOTE_REQUEST: VoteRequest = {
  type: 'voteRequest',
  term: 2,
  lastTerm: 0,
  lastIndex: 0,
  transfer: false,
}

/** Node `a` of three, alone with its test; its disk waits to be told. */
function solo(term = 1, ...log: number[]): Cluster {
  const past = restored({ term, vote: null }, ...log)
  return new Cluster({
    voters: THREE,
    running: ['a'],
    restored: { a: past },
    diskAtOnce: false,
  })
}

/** The same, leading term 2; nothing of that term's log is durable. */
function soloLeader(...log: number[]): Cluster {
  const cluster = solo(1, ...log)
  cluster.fire('a', 'election')
  cluster.receive('a', 'b', { type: 'preVoteReply', term: 2, granted: true })
  cluster.persist('a')
  cluster.receive('a', 'b', { type: 'voteReply', term: 2, granted: true })
  cluster.drop()
  assert.is(cluster.leader('a').term, 2)
  return cluster
}

test('vote: granted: leaves only once it is durable', () => {
  const cluster = solo(1)
  const effects = cluster.receive('a', 'b', VOTE_REQUEST)
  const [persist] = only(effects, 'persist')
  const [vote] = only(effects, 'sendAfter')
  assert.equal(persist?.hardState, { term: 2, vote: 'b' })
  assert.is(vote?.after, persist?.id)
  assert.equal(cluster.sent({ type: 'voteReply' }), [])
  cluster.persist('a')
  assert.is(cluster.sent({ type: 'voteReply' }).length, 1)
})

test('vote: granted in a term that is on disk already: is written all the same', () => {
  const cluster = solo(2)
  const effects = cluster.receive('a', 'b', VOTE_REQUEST)
  assert.equal(only(effects, 'persist')[0]?.hardState, { term: 2, vote: 'b' })
  assert.is(only(effects, 'sendAfter')[0]?.after, 1)
})

test('vote: asked again before it is durable: the repeated answer waits for the same write', () => {
  const cluster = solo(1)
  cluster.receive('a', 'b', VOTE_REQUEST)
  const again = cluster.receive('a', 'b', VOTE_REQUEST)
  assert.equal(only(again, 'persist'), [])
  assert.is(only(again, 'sendAfter')[0]?.after, 1)
})

test('vote: a candidate: asks for votes only once its own term and vote are durable', () => {
  const cluster = solo(1)
  cluster.fire('a', 'election')
  const effects = cluster.receive('a', 'b', { type: 'preVoteReply', term: 2, granted: true })
  const [persist] = only(effects, 'persist')
  assert.equal(persist?.hardState, { term: 2, vote: 'a' })
  for (const { after } of only(effects, 'sendAfter')) assert.is(after, persist?.id)
  assert.equal(cluster.sent({ type: 'voteRequest' }), [])
  cluster.persist('a')
  assert.is(cluster.sent({ type: 'voteRequest' }).length, 2)
})

test('vote: a candidate of an even cluster: does not count itself before its vote is \
durable', () => {
  const cluster = new Cluster({ voters: ['a', 'b'], running: ['a'], diskAtOnce: false })
  cluster.fire('a', 'election')
  cluster.receive('a', 'b', { type: 'preVoteReply', term: 1, granted: true })
  cluster.receive('a', 'b', { type: 'voteReply', term: 1, granted: true })
  assert.is(cluster.raft('a').role, 'candidate')
  cluster.persist('a')
  assert.is(cluster.raft('a').role, 'leader')
})

test('vote: the write of an earlier term completes late: is no vote of this term', () => {
  const cluster = new Cluster({ voters: ['a', 'b'], running: ['a'], diskAtOnce: false })
  cluster.fire('a', 'election')
  cluster.receive('a', 'b', { type: 'preVoteReply', term: 1, granted: true })
  cluster.receive('a', 'b', { type: 'preVoteReply', term: 2, granted: false })
  cluster.fire('a', 'election')
  cluster.receive('a', 'b', { type: 'preVoteReply', term: 3, granted: true })
  assert.is(cluster.raft('a').term, 3)
  cluster.receive('a', 'b', { type: 'voteReply', term: 3, granted: true })
  cluster.persist('a', 1)
  assert.is(cluster.raft('a').role, 'candidate')
  cluster.persist('a', 3)
  assert.is(cluster.raft('a').role, 'leader')
})

test('vote: the node dies before its vote is durable: it may vote anew, since nobody heard', () => {
  const cluster = solo(1)
  cluster.receive('a', 'b', VOTE_REQUEST)
  cluster.restart('a')
  assert.is(cluster.raft('a').term, 1)
  cluster.advance(BASE_MS)
  cluster.receive('a', 'c', VOTE_REQUEST)
  cluster.persist('a')
  cluster.restart('a')
  assert.is(cluster.raft('a').vote, 'c')
  cluster.advance(BASE_MS)
  const [reply] = messages(cluster.receive('a', 'b', VOTE_REQUEST))
  assert.is(reply?.type === 'voteReply' && reply.granted, false)
})

test('acknowledgement: entries accepted: leaves only after their write', () => {
  const cluster = solo(1)
  const effects = cluster.receive('a', 'b', appendRequest({ entries: entries(1, 1) }))
  const [persist] = only(effects, 'persist')
  const [ack] = only(effects, 'sendAfter')
  assert.is(ack?.after, persist?.id)
  assert.equal(cluster.sent({ type: 'appendAccepted' }), [])
  cluster.persist('a')
  assert.is(cluster.sent({ type: 'appendAccepted' })[0]?.matchIndex, 2)
})

test('acknowledgement: a heartbeat or a repeat while the write is under way: waits for it \
too', () => {
  const cluster = solo(1)
  const request = appendRequest({ entries: entries(1, 1) })
  cluster.receive('a', 'b', request)
  const repeats = [request, appendRequest({ prevIndex: 2, prevTerm: 1 })]
  for (const repeat of repeats) {
    const effects = cluster.receive('a', 'b', repeat)
    assert.equal(only(effects, 'persist'), [])
    assert.is(only(effects, 'sendAfter')[0]?.after, 1)
  }
  assert.equal(cluster.sent({ type: 'appendAccepted' }), [])
})

test('acknowledgement: nothing under way: leaves at once', () => {
  const cluster = solo(1, 1)
  const effects = cluster.receive('a', 'b', appendRequest({ prevIndex: 1, prevTerm: 1 }))
  assert.is(only(effects, 'sendAfter')[0]?.after, 0)
})

test('acknowledgement: the first of two writes is durable: only what rests on it leaves', () => {
  const cluster = solo(1)
  cluster.receive('a', 'b', appendRequest({ entries: entries(1) }))
  cluster.receive('a', 'b', appendRequest({ prevIndex: 1, prevTerm: 1, entries: entries(1) }))
  cluster.persist('a', 1)
  assert.equal(cluster.sent({ type: 'appendAccepted' }).map(({ matchIndex }) => matchIndex), [1])
  cluster.persist('a', 2)
  const acks = cluster.sent({ type: 'appendAccepted' }).map(({ matchIndex }) => matchIndex)
  assert.equal(acks, [1, 2])
})

test('leader: its own disk is slow: a majority of others commits without it', () => {
  const cluster = soloLeader()
  cluster.receive('a', 'b', {
    type: 'appendAccepted',
    term: 2,
    matchIndex: 1,
    round: 0,
    versions: 1,
  })
  assert.is(cluster.raft('a').commit, 0, 'one of three')
  cluster.receive('a', 'c', {
    type: 'appendAccepted',
    term: 2,
    matchIndex: 1,
    round: 0,
    versions: 1,
  })
  assert.is(cluster.raft('a').commit, 1)
  assert.is(cluster.leader('a').durableIndex, 0)
})

test('leader: its own write is durable: it counts itself, then and not before', () => {
  const cluster = soloLeader()
  cluster.request('a', 0, 'x')
  cluster.receive('a', 'b', {
    type: 'appendAccepted',
    term: 2,
    matchIndex: 2,
    round: 0,
    versions: 1,
  })
  assert.is(cluster.raft('a').commit, 0)
  cluster.persist('a', 2)
  assert.is(cluster.raft('a').commit, 1, 'the noop')
  cluster.persist('a', 3)
  assert.is(cluster.raft('a').commit, 2)
})

test('leader: elected while older writes are under way: they are not durable yet', () => {
  // Its vote's write is durable, but the host has not said so when the last vote comes.
  const cluster = solo(1)
  cluster.receive('a', 'b', appendRequest({ entries: entries(1, 1) }))
  cluster.advance(2 * BASE_MS)
  cluster.fire('a', 'election')
  cluster.receive('a', 'b', { type: 'preVoteReply', term: 2, granted: true })
  const id = cluster.reachDisk('a')
  cluster.receive('a', 'b', { type: 'voteReply', term: 2, granted: true })
  cluster.receive('a', 'c', { type: 'voteReply', term: 2, granted: true })
  assert.is(cluster.leader('a').durableIndex, 0)
  cluster.step('a', [{ type: 'persisted', id }])
  assert.is(cluster.leader('a').durableIndex, 2)
  cluster.persist('a')
  assert.is(cluster.leader('a').durableIndex, 3)
})

test('completions: ids skip: a later id stands for all before it', () => {
  const cluster = soloLeader()
  for (let request = 0; request < 4; request++) cluster.request('a', request, 'x')
  const id = cluster.reachDisk('a')
  cluster.step('a', [{ type: 'persisted', id }])
  assert.is(cluster.leader('a').durableIndex, 5)
  assert.equal(cluster.raft('a').pending, [])
})

test('completions: late, twice or out of order: an older id takes nothing back', () => {
  const cluster = soloLeader()
  for (let request = 0; request < 4; request++) cluster.request('a', request, 'x')
  cluster.reachDisk('a')
  const told: Event[] = [4, 3, 3, 1, 4].map((id) => ({ type: 'persisted', id }))
  for (const event of told) {
    cluster.step('a', [event])
    assert.is(cluster.leader('a').durableIndex, 3)
  }
  assert.equal(cluster.raft('a').pending.map(({ id }) => id), [5, 6])
})

test('ABA: an index rewritten in a new term: the old write\'s completion does not make it \
durable', () => {
  // `a` leads term 2 and writes entry 1; term 3 writes over it; `a` leads term 4 with entry 1 of 3.
  const cluster = soloLeader()
  cluster.receive('a', 'c', appendRequest({ term: 3, entries: entries(3) }))
  assert.equal(cluster.raft('a').pending.map(({ lastIndex, lastTerm }) => [lastIndex, lastTerm]), [
    [1, 2],
    [1, 3],
  ])
  cluster.advance(2 * BASE_MS)
  cluster.fire('a', 'election')
  cluster.receive('a', 'b', { type: 'preVoteReply', term: 4, granted: true })
  cluster.reachDisk('a')
  cluster.receive('a', 'b', { type: 'voteReply', term: 4, granted: true })
  cluster.receive('a', 'c', { type: 'voteReply', term: 4, granted: true })
  assert.is(cluster.leader('a').durableIndex, 0)
  cluster.step('a', [{ type: 'persisted', id: 2 }])
  assert.is(cluster.leader('a').durableIndex, 0, 'the write of term 2 says nothing of term 3')
  cluster.step('a', [{ type: 'persisted', id: 3 }])
  assert.is(cluster.leader('a').durableIndex, 1)
})

test('ABA: an acknowledgement of an earlier leadership: does not count in the present one', () => {
  const cluster = new Cluster({ voters: THREE, running: ['a'] })
  const lead = (term: number): void => {
    cluster.fire('a', 'election')
    cluster.receive('a', 'b', { type: 'preVoteReply', term, granted: true })
    cluster.receive('a', 'b', { type: 'voteReply', term, granted: true })
    assert.is(cluster.leader('a').term, term)
  }
  lead(1)
  cluster.request('a', 0, 'x')
  cluster.receive('a', 'c', appendRequest({ term: 2, entries: entries(2, 2) }))
  cluster.advance(2 * BASE_MS)
  lead(3)
  cluster.receive('a', 'b', {
    type: 'appendAccepted',
    term: 1,
    matchIndex: 2,
    round: 0,
    versions: 1,
  })
  cluster.receive('a', 'c', {
    type: 'appendAccepted',
    term: 2,
    matchIndex: 3,
    round: 0,
    versions: 1,
  })
  const matches = cluster.leader('a').progress.map(({ matchIndex }) => matchIndex)
  assert.equal(matches, [0, 0])
  assert.is(cluster.raft('a').commit, 0)
})

test('turn: a hundred requests: one write with all of them and one append a peer', () => {
  const cluster = soloLeader()
  cluster.receive('a', 'b', {
    type: 'appendAccepted',
    term: 2,
    matchIndex: 1,
    round: 0,
    versions: 1,
  })
  cluster.receive('a', 'c', {
    type: 'appendAccepted',
    term: 2,
    matchIndex: 1,
    round: 0,
    versions: 1,
  })
  const events: Event[] = Array.from({ length: 100 }, (_, request) => {
    return { type: 'request', request, payload: Uint8Array.of(1, 65) }
  })
  const effects = cluster.step('a', events)
  const persists = only(effects, 'persist')
  assert.is(persists.length, 1)
  assert.is(persists[0]?.firstIndex, 2)
  assert.is(persists[0]?.entries.length, 100)
  assert.equal(only(effects, 'send').map(({ to }) => to), ['b', 'c'])
})

test('turn: appends, a truncation and a vote in one turn: one write that holds their \
outcome', () => {
  const cluster = solo(1, 1)
  const effects = cluster.receive(
    'a', 'b',
    appendRequest({ prevIndex: 1, prevTerm: 1, entries: entries(1, 1, 1) }),
    appendRequest({ term: 2, prevIndex: 2, prevTerm: 1, entries: entries(2) }),
    appendRequest({ term: 2, prevIndex: 3, prevTerm: 2, entries: entries(2) }),
  )
  const [persist, second] = only(effects, 'persist')
  assert.is(second, undefined)
  assert.equal(persist?.hardState, { term: 2, vote: null })
  assert.is(persist?.firstIndex, 2)
  assert.equal(persist?.entries.map(({ term }) => term), [1, 2, 2])
  cluster.persist('a')
  assert.equal(cluster.member('a').disk.entries.map(({ term }) => term), terms(cluster.raft('a')))
})

test('turn: a later message cuts deeper than an earlier one wrote: the write starts there', () => {
  const cluster = solo(1, 1, 1)
  const effects = cluster.receive(
    'a', 'b',
    appendRequest({ prevIndex: 2, prevTerm: 1, entries: entries(1, 1) }),
    appendRequest({ term: 2, prevIndex: 1, prevTerm: 1, entries: entries(2) }),
  )
  assert.is(only(effects, 'persist')[0]?.firstIndex, 2)
  cluster.persist('a')
  assert.equal(cluster.member('a').disk.entries.map(({ term }) => term), [1, 2])
})

test('turn: the term alone changes: the write holds no entry and cuts none', () => {
  const cluster = solo(1, 1, 1)
  const effects = cluster.receive('a', 'b', appendAccepted(5, 0))
  const [persist] = only(effects, 'persist')
  assert.equal(persist, {
    type: 'persist',
    id: 1,
    hardState: { term: 5, vote: null },
    checkpoint: null,
    firstIndex: 3,
    entries: [],
    logChanged: false,
  })
})

test('restart: whatever prefix of the writes was durable: a log and a term that were once', () => {
  for (let durable = 0; durable <= 3; durable++) {
    const cluster = solo(1)
    cluster.receive('a', 'b', appendRequest({ entries: entries(1, 1) }))
    const third = { term: 3, prevIndex: 1, prevTerm: 1, entries: entries(3) }
    cluster.receive('a', 'c', appendRequest(third))
    const fourth = { term: 4, prevIndex: 2, prevTerm: 3, entries: entries(4) }
    cluster.receive('a', 'b', appendRequest(fourth))
    cluster.reachDisk('a', durable)
    cluster.restart('a')
    const raft = cluster.raft('a')
    const expected = [[1, []], [1, [1, 1]], [3, [1, 3]], [4, [1, 3, 4]]] as const
    assert.equal([raft.term, terms(raft)], expected[durable])
    assert.is(raft.commit, 0)
  }
})

test.run()
