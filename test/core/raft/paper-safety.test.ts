// The rules of the Raft paper (extended version), one test each, its sentence in the title:
// sections 5.4 to 5.6, and what Figure 2 says of commitment.

import * as assert from 'uvu/assert'
import { suite } from '../../harness.ts'
import {
  appendAccepted,
  appendRequest,
  BASE_MS,
  Cluster,
  entries,
  logOf,
  only,
  restored,
} from './kit.ts'
import { FIVE, onlyMessage, solo, THREE, voteRequest } from './paper.ts'

const test = suite('paper-safety')

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
  const accepted = {
    type: 'appendAccepted',
    term: 4,
    matchIndex: 2,
    round: 0,
    versions: 1,
  } as const
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
      cluster.receive('0', peer, {
        type: 'appendAccepted',
        term: 1,
        matchIndex: 1,
        round: 0,
        versions: 1,
      })
    }
    assert.is(acks, Math.floor(size / 2) + 1, `${size} voters`)
  }
})

test('5.4.3: Leader Completeness: whoever lacks a committed entry is elected by no \
majority', () => {
  const past = {
    a: restored({ term: 2, vote: null }, 1, 2),
    b: restored({ term: 2, vote: null }, 1, 2),
    c: restored({ term: 2, vote: null }, 1),
  }
  const cluster = new Cluster({ voters: THREE, restored: past })
  for (let attempt = 0; attempt < 5; attempt++) {
    cluster.advance(2 * BASE_MS)
    cluster.fire('c', 'election')
    cluster.settle()
    assert.is.not(cluster.raft('c').role, 'leader')
  }
})

test('5.4.3: State Machine Safety: a node applies entries in the order of the log, each \
once', () => {
  const cluster = solo(1)
  cluster.receive('a', 'b', appendRequest({ entries: entries(1, 1, 1, 1), commit: 2 }))
  cluster.receive('a', 'b', appendRequest({ prevIndex: 4, prevTerm: 1, commit: 4 }))
  cluster.receive('a', 'b', appendRequest({ entries: entries(1, 1), commit: 2 }))
  assert.equal(only(cluster.take('a'), 'applied').map(({ index }) => index), [1, 2, 3, 4])
})

test('5.5: "if a server crashes after completing an RPC but before responding, then it will \
receive the same RPC again after it restarts": Raft\'s RPCs are idempotent', () => {
  const cluster = solo(1, 1)
  const request = appendRequest({ prevIndex: 1, prevTerm: 1, entries: entries(1, 1), commit: 2 })
  cluster.receive('a', 'b', request)
  const before = cluster.member('a').disk
  cluster.restart('a')
  const answer = onlyMessage(cluster.receive('a', 'b', request))
  assert.equal(answer, appendAccepted(1, 3))
  assert.equal(cluster.member('a').disk, before)
  assert.is(cluster.raft('a').commit, 2)
})

test('5.6: "broadcastTime << electionTimeout": a leader\'s heartbeats are well within the \
timeout', () => {
  const { heartbeatIntervalMs, electionTimeoutMs } = solo().configOf('a')
  assert.ok(3 * heartbeatIntervalMs <= electionTimeoutMs)
})

test('5.5: "Raft handles these failures by retrying indefinitely; if the crashed server restarts, \
then the RPC will complete successfully"', () => {
  const cluster = new Cluster({ voters: THREE })
  cluster.elect('a', ['c'])
  for (let beat = 0; beat < 100; beat++) {
    cluster.advance(50)
    cluster.fire('a', 'heartbeat')
    assert.is(cluster.drop({ to: 'b' }).length, 1, 'each time again')
    cluster.settle(['a', 'c'])
  }
  cluster.restart('b')
  cluster.beat('a')
  cluster.beat('a')
  assert.equal(logOf(cluster.raft('b')), logOf(cluster.raft('a')))
})

test('5.5: a vote: "will receive the same RPC again after it restarts": gives it again, and to \
nobody else', () => {
  const cluster = solo(1, 1)
  const granted = onlyMessage(cluster.receive('a', 'b', voteRequest(2, 1, 1)))
  assert.equal(granted, { type: 'voteReply', term: 2, granted: true })
  cluster.restart('a')
  cluster.advance(BASE_MS)
  const refused = { type: 'voteReply', term: 2, granted: false }
  assert.equal(onlyMessage(cluster.receive('a', 'c', voteRequest(2, 1, 9))), refused)
  assert.equal(onlyMessage(cluster.receive('a', 'b', voteRequest(2, 1, 1))), granted)
})

test('5.6: "the system must not produce incorrect results just because some event happens more \
quickly or slowly than expected": a leader that slept commits nothing more', () => {
  const cluster = new Cluster({ voters: THREE })
  cluster.elect('a')
  cluster.beat('a')
  cluster.drop()
  cluster.request('a', 1, 'old')
  // It sleeps before any of it leaves; its own clock does not move.
  const asleep = cluster.drop()
  cluster.elect('b', ['c'])
  cluster.request('b', 2, 'new')
  cluster.settle(['b', 'c'])
  for (const { to, message } of asleep) cluster.receive(to, 'a', message)
  cluster.settle()
  cluster.beat('b')
  for (const node of THREE) {
    const lines = cluster.member(node).state.machine.lines.map((line) => line.split(' ')[1])
    assert.equal(lines, ['new'], node)
  }
  assert.equal(cluster.replies('a'), [[1, { type: 'unknown' }]])
})

test.run()
