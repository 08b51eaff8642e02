// The rules of the Raft paper (extended version), one test each, its sentence in the title: section
// 8, client interaction, and what Figure 2 and 5.1 say of who serves clients.

import * as assert from 'uvu/assert'
import { withSessions } from '../../../core/session/machine.ts'
import { suite } from '../../harness.ts'
import { journal } from './journal.ts'
import {
  appendAccepted,
  appendRequest,
  Cluster,
  logOf,
  messages,
  restored,
} from './kit.ts'
import { solo, THREE } from './paper.ts'

const test = suite('paper-clients')
const NOBODY = { term: 1, vote: null }

// Whom to ask

test('8: "if the client\'s first choice is not the leader, that server will reject the client\'s \
request and supply information about the most recent leader it has heard from"', () => {
  const cluster = new Cluster({ voters: THREE, config: { forwarding: false } })
  cluster.request('a', 1, 'x')
  cluster.receive('a', 'b', appendRequest({}))
  cluster.request('a', 2, 'x')
  cluster.receive('a', 'c', appendRequest({ term: 2 }))
  cluster.request('a', 3, 'x')
  const leaders = [null, 'b', 'c']
  const told = leaders.map((leader, at) => [at + 1, { type: 'notLeader', leader }])
  assert.equal(cluster.replies('a'), told)
  assert.is(cluster.raft('a').log.lastIndex, 0)
})

test('5.1: "if a client contacts a follower, the follower redirects it to the leader": or asks the \
leader itself', () => {
  // By default a follower passes commands on: docs/divergences.md, Clients.
  const cluster = new Cluster({ voters: THREE })
  cluster.elect('a')
  cluster.beat('a')
  for (const node of THREE) cluster.take(node)
  cluster.request('b', 1, 'x')
  assert.is(cluster.raft('b').log.lastIndex, 1, 'the leader handles it, and nobody else')
  assert.equal(cluster.network.map(({ to, message }) => [to, message.type]), [
    ['a', 'forwardRequest'],
  ])
  cluster.settle()
  assert.equal(cluster.replies('b'), [[1, { type: 'done', index: 2, reply: 'did x' }]])
})

test('8: "if the leader crashes, client requests will time out": one that is deposed says that it \
does not know', () => {
  const cluster = new Cluster({ voters: THREE })
  cluster.elect('a')
  cluster.take('a')
  cluster.request('a', 1, 'x')
  cluster.drop()
  assert.equal(cluster.replies('a'), [])
  cluster.receive('a', 'b', { type: 'voteReply', term: 2, granted: false })
  assert.equal(cluster.replies('a'), [[1, { type: 'unknown' }]])
})

// Exactly once

test('8: "the state machine tracks the latest serial number processed for each client [...]. If it \
receives a command whose serial number has already been executed, it responds immediately without \
re-executing the request"', () => {
  // A machine around the machine: docs/divergences.md, Clients.
  const machine = withSessions(journal)
  let state = machine.initial()
  let index = 0
  const apply = (command: Parameters<typeof machine.apply>[1]) => {
    const [after, reply] = machine.apply(state, command, { index: ++index, timeMs: 0, version: 1 })
    state = after
    return reply
  }
  const opened = [1, 2].map(() => apply({ type: 'openSession', ttlMs: 60_000 }))
  assert.equal(opened.map((reply) => reply?.type), ['opened', 'opened'])
  const call = (session: number, sequence: number, command: string) => {
    return apply({ type: 'call', session, sequence, acknowledged: 0, bound: true, command })
  }
  const first = call(1, 1, 'x')
  assert.equal(first, { type: 'replied', reply: 'did x' })
  assert.equal(call(1, 1, 'x'), first, 'the response of then')
  assert.equal(state.inner.lines, ['3@0 x'])
  call(2, 1, 'x')
  call(1, 2, 'x')
  assert.equal(call(1, 1, 'x'), first)
  assert.equal(state.inner.lines, ['3@0 x', '5@0 x', '6@0 x'], 'another client, another number')
})

// Reads

test('8: "each leader commit a blank no-op entry into the log at the start of its term"', () => {
  const cluster = new Cluster({ voters: THREE, restored: { b: restored(NOBODY, 1) } })
  cluster.elect('b')
  const last = logOf(cluster.raft('b')).at(-1)
  assert.equal(last, { term: 2, stampMs: 0, kind: 'noop', payload: new Uint8Array(0) })
  assert.is(cluster.raft('b').commit, 2)
})

test('8: "a leader must check whether it has been deposed before processing a read-only request": \
by exchanging heartbeats with a majority', () => {
  const cluster = new Cluster({ voters: THREE })
  cluster.elect('a')
  cluster.beat('a')
  // `b` leads by the vote of `c`, and `a` does not know.
  cluster.elect('b', ['c'])
  cluster.request('b', 1, 'new')
  cluster.settle(['b', 'c'])
  assert.is(cluster.raft('a').role, 'leader')
  cluster.take('a')
  cluster.read('a', 2, 'count')
  assert.equal(cluster.replies('a'), [])
  cluster.settle()
  assert.equal(cluster.replies('a')[0]?.[1].type, 'notLeader')
})

test('8: "at the start of its term, it may not know which [entries are committed]": no read before \
its noop is', () => {
  const cluster = solo(3, 1, 2)
  cluster.fire('a', 'election')
  cluster.receive('a', 'b', { type: 'preVoteReply', term: 4, granted: true })
  cluster.receive('a', 'b', { type: 'voteReply', term: 4, granted: true })
  cluster.read('a', 1, 'count')
  cluster.receive('a', 'b', appendAccepted(4, 2, 99))
  assert.equal(cluster.replies('a'), [])
})

test('8: "Raft handles this by having the leader exchange heartbeat messages with a majority of \
the cluster before responding to read-only requests": begun after the read came, and of no \
entry', () => {
  const cluster = new Cluster({ voters: THREE })
  cluster.elect('a')
  cluster.beat('a')
  cluster.take('a')
  cluster.fire('a', 'heartbeat')
  const { lastIndex } = cluster.raft('a').log
  const { round } = cluster.leader('a')
  const effects = cluster.read('a', 1, 'count')
  assert.equal(messages(effects).map(({ type }) => type), ['appendRequest', 'appendRequest'])
  cluster.receive('a', 'b', appendAccepted(1, lastIndex, round))
  assert.equal(cluster.replies('a'), [], 'the answer to a heartbeat of before')
  cluster.receive('a', 'b', appendAccepted(1, lastIndex, round + 1))
  const outcome = { type: 'done', index: lastIndex, reply: '0' }
  assert.equal(cluster.replies('a'), [[1, outcome]], 'b and a itself are a majority')
  assert.is(cluster.raft('a').log.lastIndex, lastIndex, 'nothing was written into the log')
})

test.run()
