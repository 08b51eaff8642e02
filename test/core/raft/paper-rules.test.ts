// The rules of the Raft paper (extended version), one test each, its sentence in the title: what
// Figure 2 says of state and of all servers, section 5.1 of who asks whom, and the properties of
// Figure 3 that are to hold in any disorder.

import * as assert from 'uvu/assert'
import type { AppendRequest, Message } from '../../../core/raft/message.ts'
import { suite } from '../../harness.ts'
import {
  appendAccepted,
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
} from './kit.ts'
import { disorder, FIVE, solo, THREE, voteRequest } from './paper.ts'

const test = suite('paper-rules')

// Figure 2, State

test('Figure 2, state: "updated on stable storage before responding to RPCs": term, vote and \
log', () => {
  const cluster = new Cluster({ voters: THREE, running: ['a'], diskAtOnce: false })
  const { network } = cluster
  cluster.receive('a', 'b', voteRequest(1, 0, 0))
  assert.equal(network, [], 'the vote waits')
  cluster.persist('a')
  assert.equal(cluster.member('a').disk.hardState, { term: 1, vote: 'b' })
  assert.equal(cluster.sent({ type: 'voteReply' }).map(({ granted }) => granted), [true])
  cluster.drop()
  cluster.receive('a', 'b', appendRequest({ term: 1, entries: entries(1) }))
  assert.equal(network, [], 'the acknowledgement waits')
  cluster.persist('a')
  assert.equal(cluster.member('a').disk.entries, entries(1))
  assert.equal(cluster.sent({ type: 'appendAccepted' }), [appendAccepted(1, 1)])
  cluster.drop()
  cluster.receive('a', 'b', appendRequest({ term: 5, prevIndex: 4, prevTerm: 1 }))
  assert.equal(network, [], 'a refusal speaks of the new term')
  cluster.persist('a')
  assert.is(cluster.member('a').disk.hardState.term, 5)
  assert.is(cluster.sent({ type: 'appendRejected' }).length, 1)
})

test('Figure 2, state: currentTerm, commitIndex and lastApplied are "initialized to 0", votedFor \
is "null if none", the "first index is 1"', () => {
  const cluster = new Cluster({ voters: THREE })
  const { raft, applied } = cluster.member('a').state
  assert.equal([raft.term, raft.vote, raft.log.lastIndex, raft.commit, applied], [0, null, 0, 0, 0])
  cluster.receive('a', 'b', appendRequest({ prevIndex: 0, entries: entries(1), commit: 1 }))
  assert.is(cluster.raft('a').log.lastIndex, 1)
  assert.equal(cluster.member('a').state.machine.lines, ['1@0 x'])
})

test('Figure 2, state: currentTerm, commitIndex, lastApplied and matchIndex "increase \
monotonically": in any disorder', () => {
  const terms = new Map<string, number>()
  disorder(({ node, before, after }) => {
    assert.ok(after.raft.term >= (terms.get(node) ?? 0), 'through restarts as well')
    terms.set(node, after.raft.term)
    assert.ok(after.raft.commit >= before.raft.commit)
    assert.ok(after.applied >= before.applied)
    if (before.raft.role !== 'leader' || after.raft.role !== 'leader') return
    if (before.raft.term !== after.raft.term) return
    for (const [at, { matchIndex }] of after.raft.progress.entries()) {
      assert.ok(matchIndex >= (before.raft.progress[at]?.matchIndex ?? 0))
    }
  })
})

test('Figure 2, state: log[] "each entry contains command for state machine, and term when entry \
was received by leader"', () => {
  const cluster = new Cluster({ voters: THREE })
  cluster.elect('a')
  cluster.request('a', 1, 'x')
  cluster.settle()
  cluster.elect('b', ['c'])
  cluster.request('b', 2, 'y')
  cluster.settle()
  const found = logOf(cluster.raft('c')).filter(({ kind }) => kind === 'command')
  const received = [{ ...entry(1, 'x'), stampMs: 0 }, { ...entry(2, 'y'), stampMs: 0 }]
  assert.equal(found.map((one) => ({ ...one, stampMs: 0 })), received)
})

test('Figure 2, state: nextIndex and matchIndex are "reinitialized after election": to "leader \
last log index + 1" and to 0', () => {
  const past = { a: restored({ term: 2, vote: null }, 1, 2, 2) }
  const cluster = new Cluster({ voters: THREE, running: ['a'], restored: past })
  const win = (term: number): void => {
    cluster.fire('a', 'election')
    cluster.receive('a', 'b', { type: 'preVoteReply', term, granted: true })
    cluster.receive('a', 'b', { type: 'voteReply', term, granted: true })
    assert.is(cluster.leader('a').term, term)
    for (const { nextIndex, matchIndex } of cluster.leader('a').progress) {
      assert.is(matchIndex, 0)
      // The noop of the new term comes behind what was its log when it won.
      assert.is(nextIndex, cluster.raft('a').log.lastIndex)
    }
  }
  win(3)
  cluster.receive('a', 'b', appendAccepted(3, 4))
  assert.is(cluster.progress('a', 'b').matchIndex, 4)
  cluster.receive('a', 'b', { type: 'voteReply', term: 4, granted: false })
  win(5)
})

// Figure 2, Rules for Servers, and 5.1

test('Figure 2, all servers: "if commitIndex > lastApplied: increment lastApplied, apply \
log[lastApplied] to state machine": all of it, in order', () => {
  const cluster = solo(1)
  const log = [entry(1, 'x'), entry(1, 'y'), entry(1, 'z')]
  cluster.receive('a', 'b', appendRequest({ entries: log }))
  assert.equal(cluster.member('a').state.machine.lines, [])
  cluster.receive('a', 'b', appendRequest({ prevIndex: 3, prevTerm: 1, commit: 2 }))
  assert.is(cluster.member('a').state.applied, 2)
  assert.equal(cluster.member('a').state.machine.lines, ['1@0 x', '2@0 y'])
})

test('Figure 2, followers: "if election timeout elapses without receiving AppendEntries RPC from \
current leader or granting vote to candidate: convert to candidate": at that very moment', () => {
  const cluster = solo(1, 1)
  cluster.receive('a', 'b', appendRequest({}))
  const { electionAtMs } = cluster.raft('a').timers
  cluster.advance(10)
  // Neither an old leader nor a vote refused puts it off.
  cluster.receive('a', 'c', appendRequest({ term: 0 }))
  cluster.receive('a', 'c', voteRequest(0, 0, 0))
  assert.equal(messages(cluster.step('a', [], electionAtMs - 1)), [])
  assert.is(cluster.raft('a').role, 'follower')
  const asked = messages(cluster.step('a', [], electionAtMs))
  // It asks for pre-votes first: docs/divergences.md, Elections.
  assert.equal(asked.map(({ type }) => type), ['preVoteRequest', 'preVoteRequest'])
  cluster.receive('a', 'b', { type: 'preVoteReply', term: 2, granted: true })
  assert.is(cluster.raft('a').role, 'candidate')
})

test('Figure 2, candidates: "on conversion to candidate [...] reset election timer, send \
RequestVote RPCs to all other servers"', () => {
  const cluster = new Cluster({ voters: FIVE, running: ['a'], diskAtOnce: false })
  cluster.fire('a', 'election')
  const stoodAtMs = cluster.raft('a').timers.electionAtMs
  cluster.drop()
  cluster.advance(BASE_MS - 1)
  cluster.receive('a', 'b', { type: 'preVoteReply', term: 1, granted: true })
  cluster.receive('a', 'c', { type: 'preVoteReply', term: 1, granted: true })
  assert.is(cluster.raft('a').role, 'candidate')
  assert.is.not(cluster.raft('a').timers.electionAtMs, stoodAtMs)
  assert.ok(cluster.raft('a').timers.electionAtMs >= cluster.nowMs + BASE_MS)
  // Once its own vote is durable: docs/divergences.md, Elections.
  cluster.persist('a')
  const sent = cluster.network.map(({ to, message }) => [to, message.type])
  assert.equal(sent, ['b', 'c', 'd', 'e'].map((to) => [to, 'voteRequest']))
})

test('Figure 2, leaders: "if last log index >= nextIndex for a follower: send AppendEntries RPC \
with log entries starting at nextIndex": with the index and term of the one before', () => {
  const past = { a: restored({ term: 2, vote: null }, 1, 2, 2) }
  const cluster = new Cluster({ voters: THREE, running: ['a'], restored: past })
  cluster.fire('a', 'election')
  cluster.receive('a', 'b', { type: 'preVoteReply', term: 3, granted: true })
  cluster.receive('a', 'b', { type: 'voteReply', term: 3, granted: true })
  const hint = { hintIndex: 1, hintTerm: 1 }
  cluster.receive('a', 'b', appendRejected({ term: 3, prevIndex: 3, ...hint }))
  assert.is(cluster.progress('a', 'b').nextIndex, 2)
  const log = logOf(cluster.raft('a'))
  const at = { term: 3, prevIndex: 1, prevTerm: 1 }
  const sent = cluster.sent({ type: 'appendRequest', to: 'b' }).at(-1)
  assert.equal(sent, appendRequest({ ...at, entries: log.slice(1) }), 'and more than one at once')
})

test('Figure 2, leaders: "if successful: update nextIndex and matchIndex for follower": what was \
acknowledged is not sent again', () => {
  const past = { a: restored({ term: 2, vote: null }, 1, 2, 2) }
  const cluster = new Cluster({ voters: THREE, running: ['a'], restored: past })
  cluster.fire('a', 'election')
  cluster.receive('a', 'b', { type: 'preVoteReply', term: 3, granted: true })
  cluster.receive('a', 'b', { type: 'voteReply', term: 3, granted: true })
  cluster.drop()
  cluster.receive('a', 'b', appendAccepted(3, 4))
  const { nextIndex, matchIndex } = cluster.progress('a', 'b')
  assert.equal([nextIndex, matchIndex], [5, 4])
  assert.equal(cluster.network.filter((packet) => packet.to === 'b'), [])
  cluster.request('a', 2, 'y')
  const [sent] = cluster.sent({ type: 'appendRequest', to: 'b' })
  assert.equal([sent?.prevIndex, sent?.entries.length], [4, 1])
})

test('5.1: "followers are passive: they issue no requests on their own but simply respond to \
requests from leaders and candidates"', () => {
  const cluster = solo(1, 1)
  cluster.receive('a', 'b', appendRequest({}))
  const until = cluster.raft('a').timers.electionAtMs
  for (; cluster.nowMs < until - 1; cluster.advance(1)) {
    assert.equal(messages(cluster.step('a')), [])
  }
  const asked: Message[] = [
    appendRequest({ entries: entries(1) }),
    appendRequest({ prevIndex: 9, prevTerm: 1 }),
  ]
  for (const message of asked) assert.is(messages(cluster.receive('a', 'b', message)).length, 1)
})

test('5.1: "terms are numbered with consecutive integers", and "each term begins with an \
election": nobody is in a term in which nobody stood', () => {
  const stood = new Set([0])
  disorder(({ after, effects }) => {
    for (const { trace } of only(effects, 'trace')) {
      if (trace.type !== 'becameCandidate') continue
      assert.ok(stood.has(trace.term - 1), 'no term is skipped')
      stood.add(trace.term)
    }
    assert.ok(stood.has(after.raft.term))
  })
  assert.ok(stood.size > 5)
})

test('5.1: "current terms are exchanged whenever servers communicate": each message carries its \
sender\'s', () => {
  const types = new Set<string>()
  disorder(({ after, effects }) => {
    for (const message of messages(effects)) {
      types.add(message.type)
      // A pre-vote speaks of the term to come: docs/divergences.md, Elections.
      const isPreVote = message.type === 'preVoteRequest'
      if (isPreVote) assert.is(message.term, after.raft.term + 1)
      else if (message.type === 'preVoteReply' && message.granted) continue
      else assert.is(message.term, after.raft.term, message.type)
    }
  })
  assert.ok(types.size >= 7, [...types].join())
})

test('5.1: "servers retry RPCs if they do not receive a response in a timely manner": appends at \
each heartbeat, votes by the next election', () => {
  const cluster = new Cluster({ voters: THREE, running: ['a'] })
  cluster.fire('a', 'election')
  cluster.receive('a', 'b', { type: 'preVoteReply', term: 1, granted: true })
  cluster.drop()
  const { electionAtMs } = cluster.raft('a').timers
  // A request for a vote is not repeated within its term: docs/divergences.md, Elections.
  assert.equal(messages(cluster.step('a', [], electionAtMs - 1)), [])
  const asked = messages(cluster.step('a', [], electionAtMs))
  assert.equal(asked.map(({ type }) => type), ['preVoteRequest', 'preVoteRequest'])
  cluster.receive('a', 'c', { type: 'preVoteReply', term: 2, granted: true })
  cluster.drop()
  cluster.receive('a', 'c', { type: 'voteReply', term: 2, granted: true })
  const lost = cluster.drop({ to: 'b' }).map(({ message }) => message as AppendRequest)
  assert.is(lost[0]?.entries.length, 1)
  cluster.fire('a', 'heartbeat')
  assert.is(cluster.drop({ to: 'b' }).length, 1)
  cluster.receive('a', 'b', appendAccepted(2, 0, 1))
  const again = cluster.sent({ type: 'appendRequest', to: 'b' })
  assert.equal(again.map((message) => message.entries), lost.map((message) => message.entries))
})

// 5.2 and 5.3, of all that can happen

test('5.2: "at most one candidate can win the election for a particular term": Election Safety, in \
every order in which three others hear of two', () => {
  for (let order = 0; order < 8; order++) {
    const cluster = new Cluster({ voters: FIVE })
    for (const node of ['a', 'b']) cluster.fire(node, 'election')
    cluster.deliver({ type: 'preVoteRequest' })
    cluster.deliver({ type: 'preVoteReply' })
    for (const [at, to] of ['c', 'd', 'e'].entries()) {
      const first = (order >> at) % 2 === 0 ? 'a' : 'b'
      for (const from of [first, first === 'a' ? 'b' : 'a']) {
        assert.is(cluster.deliver({ type: 'voteRequest', from, to }), 1)
      }
    }
    cluster.deliver({ type: 'voteReply' })
    const leaders = ['a', 'b'].filter((node) => cluster.raft(node).role === 'leader')
    assert.equal([cluster.raft('a').term, cluster.raft('b').term], [1, 1])
    assert.is(leaders.length, 1, `order ${order}`)
  }
})

test('5.2: "at most one candidate can win the election for a particular term": in any \
disorder', () => {
  const leaders = new Map<number, string>()
  disorder(({ node, after: { raft } }) => {
    if (raft.role !== 'leader') return
    assert.is(leaders.get(raft.term) ?? node, node)
    leaders.set(raft.term, node)
  })
  assert.ok(leaders.size > 20, `${leaders.size} terms had a leader`)
})

test('5.3: "if two entries in different logs have the same index and term, then they store the \
same command" and "the logs are identical in all preceding entries": Log Matching, in any \
disorder', () => {
  // Of each entry, named by index and term: what it holds, and the term of the one before it.
  const known = new Map<string, string>()
  disorder(({ before, after: { raft } }) => {
    if (raft.log === before.raft.log) return
    let prevTerm = 0
    for (const [at, { term, kind, payload }] of logOf(raft).entries()) {
      const name = `${at + 1} ${term}`
      const found = `${prevTerm} ${kind} ${payload}`
      assert.is(known.get(name) ?? found, found)
      known.set(name, found)
      prevTerm = term
    }
  })
  assert.ok(known.size > 20, `${known.size} entries`)
})

test('5.4.3: "if a server has applied a log entry at a given index [...], no other server will \
ever apply a different log entry for the same index": State Machine Safety, in any \
disorder', () => {
  const applied = new Map<number, string>()
  disorder(({ after: { machine } }) => {
    for (const line of machine.lines) {
      const index = Number.parseInt(line, 10)
      assert.is(applied.get(index) ?? line, line)
      applied.set(index, line)
    }
  })
  assert.ok(applied.size > 5, `${applied.size} commands`)
})

test.run()
