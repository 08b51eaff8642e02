// The rules of the Raft paper (extended version), one test each, its sentence in the title: section
// 5.3, and what Figure 2 says of AppendEntries.

import * as assert from 'uvu/assert'
import type { AppendRequest } from '../../../core/raft/message.ts'
import { suite } from '../../harness.ts'
import { encodeText } from './journal.ts'
import {
  appendRejected,
  appendRequest,
  Cluster,
  entries,
  logOf,
  messages,
  only,
  restored,
  terms,
} from './kit.ts'
import { answerTo, onlyMessage, solo, THREE } from './paper.ts'

const test = suite('paper-replication')

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
    assert.equal(answer, { type: 'appendAccepted', term: 3, matchIndex, round: 0, versions: 1 })
    assert.equal(terms(cluster.raft('a')), [1, 1, 2, 2])
  }
  assert.equal(only(cluster.take('a'), 'persist').filter(({ logChanged }) => logChanged), [])
})

test('Figure 2, AppendEntries 4: "append any new entries not already in the log": the same message \
twice is the same log', () => {
  const cluster = solo(1, 1)
  const request = appendRequest({ term: 1, prevIndex: 1, prevTerm: 1, entries: entries(1, 1) })
  const accepted = { type: 'appendAccepted', term: 1, matchIndex: 3, round: 0, versions: 1 }
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
  cluster.receive('a', 'b', { type: 'appendAccepted', term, matchIndex: 9, round: 0, versions: 1 })
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
  cluster.receive('a', 'b', {
    type: 'appendAccepted',
    term: 2,
    matchIndex: 6,
    round: 0,
    versions: 1,
  })
  cluster.receive('a', 'b', {
    type: 'appendAccepted',
    term: 2,
    matchIndex: 3,
    round: 0,
    versions: 1,
  })
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

test('5.3: "it includes that index in future AppendEntries RPCs (including heartbeats) so that the \
other servers eventually find out", and "once a follower learns that a log entry is committed, it \
applies the entry to its local state machine"', () => {
  for (const next of ['heartbeat', 'command']) {
    const cluster = new Cluster({ voters: THREE })
    cluster.elect('a')
    cluster.request('a', 1, 'x')
    cluster.settle()
    assert.is(cluster.raft('a').commit, 2)
    assert.equal(cluster.member('b').state.machine.lines, [], 'it does not know yet')
    if (next === 'heartbeat') cluster.fire('a', 'heartbeat')
    else cluster.request('a', 2, 'y')
    cluster.deliver({ to: 'b' })
    assert.is(cluster.raft('b').commit, 2)
    assert.is(cluster.member('b').state.machine.lines.length, 1)
  }
})

test('5.3: "a leader creates at most one entry with a given log index in a given term, and log \
entries never change their position"', () => {
  const cluster = new Cluster({ voters: THREE })
  cluster.elect('a')
  const payload = encodeText('x')
  const wish = { type: 'request', payload } as const
  cluster.step('a', [{ ...wish, request: 1 }, { ...wish, request: 2 }])
  cluster.request('a', 3, 'y')
  const before = logOf(cluster.raft('a'))
  assert.equal(before.map(({ kind }) => kind), ['noop', 'command', 'command', 'command'])
  cluster.settle()
  const indexes = cluster.replies('a').map(([, outcome]) => 'index' in outcome && outcome.index)
  assert.equal(indexes, [2, 3, 4])
  for (const node of THREE) assert.equal(logOf(cluster.raft(node)), before, node)
})

test('5.3: "a new entry can be replicated with a single round of RPCs to a majority", and "a \
single slow follower will not impact performance"', () => {
  const cluster = new Cluster({ voters: THREE })
  cluster.elect('a', ['b'])
  cluster.drop()
  for (let request = 1; request <= 200; request++) {
    cluster.request('a', request, 'x')
    assert.is(cluster.deliver({ type: 'appendRequest', to: 'b' }), 1)
    assert.is(cluster.deliver({ type: 'appendAccepted', to: 'a' }), 1)
    assert.is(cluster.raft('a').commit, request + 1)
  }
  assert.is(cluster.raft('c').log.lastIndex, 0)
})

test.run()
