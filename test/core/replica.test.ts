// The replica around the consensus: who gets which answer, when due commands are proposed, and what
// log time its entries carry.

import * as assert from 'uvu/assert'
import type { Outcome } from '../../core/effect.ts'
import type { Event } from '../../core/event.ts'
import type { Config } from '../../core/raft/config.ts'
import { suite } from '../harness.ts'
import { encodeText, GARBAGE } from './raft/journal.ts'
import {
  appendAccepted,
  appendRequest,
  BASE_MS,
  Cluster,
  entry,
  logOf,
  machine,
  messages,
  only,
  replies,
  restored,
} from './raft/kit.ts'

const test = suite('replica')
const THREE = ['a', 'b', 'c']
const UNKNOWN: Outcome<string> = { type: 'unknown' }

function leading(id = 'a', config: Partial<Config> = {}): Cluster {
  const cluster = new Cluster({ voters: THREE, config })
  cluster.elect(id)
  cluster.take(id)
  return cluster
}

function request(id: number, text: string): Event {
  return { type: 'request', request: id, payload: encodeText(text) }
}

/** The stamps and texts of a log. */
function stamped(cluster: Cluster, id: string): [number, string][] {
  return logOf(cluster.raft(id)).map(({ stampMs, kind, payload }) => {
    return [stampMs, kind === 'noop' ? 'noop' : new TextDecoder().decode(payload.subarray(1))]
  })
}

/** Lets `id` commit whatever it can, and tells the others. */
function work(cluster: Cluster, id = 'a'): void {
  cluster.settle()
  cluster.fire(id, 'heartbeat')
  cluster.settle()
}

test('reply: a follower that does not forward: notLeader, with the leader as soon as one was \
heard', () => {
  const cluster = new Cluster({ voters: THREE, config: { forwarding: false } })
  const nobody = { type: 'notLeader', leader: null } as const
  assert.equal(replies(cluster.request('b', 4, 'x')), [[4, nobody]])
  cluster.elect('a')
  assert.equal(replies(cluster.request('b', 5, 'x')), [[5, { type: 'notLeader', leader: 'a' }]])
  assert.is(cluster.raft('b').log.lastIndex, 1, 'nothing was appended')
})

test('reply: a precandidate and a candidate: know no leader', () => {
  const cluster = leading()
  cluster.fire('b', 'election')
  const nobody = { type: 'notLeader', leader: null } as const
  assert.equal(replies(cluster.request('b', 1, 'x')), [[1, nobody]])
  cluster.receive('b', 'c', { type: 'preVoteReply', term: 2, granted: true })
  assert.equal(replies(cluster.request('b', 2, 'x')), [[2, nobody]])
})

test('reply: no command of the machine: malformed, and nothing is appended', () => {
  const cluster = leading()
  for (const payload of [GARBAGE, new Uint8Array(0), Uint8Array.of(1, 65, 65)]) {
    const effects = cluster.step('a', [{ type: 'request', request: 0, payload }])
    assert.equal(replies(effects), [[0, { type: 'malformed' }]])
  }
  assert.is(cluster.raft('a').log.lastIndex, 1)
})

test('reply: several requests in one turn: each its own, in the order of the log', () => {
  const cluster = leading()
  cluster.step('a', [request(9, 'x'), request(0, 'y'), request(4, 'z')])
  cluster.settle()
  assert.equal(replies(cluster.take('a')), [
    [9, { type: 'done', index: 2, reply: 'did x' }],
    [0, { type: 'done', index: 3, reply: 'did y' }],
    [4, { type: 'done', index: 4, reply: 'did z' }],
  ])
})

test('reply: the same payload twice: two entries and two answers', () => {
  const cluster = leading()
  cluster.step('a', [request(1, 'x'), request(2, 'x')])
  work(cluster)
  assert.equal(replies(cluster.take('a')).map(([id]) => id), [1, 2])
  work(cluster)
  assert.equal(replies(cluster.take('a')), [], 'and never again')
})

test('reply: followers apply the same entries: and answer nobody', () => {
  const cluster = leading()
  cluster.request('a', 1, 'x')
  work(cluster)
  for (const id of ['b', 'c']) {
    const effects = cluster.take(id)
    assert.equal(replies(effects), [])
    assert.equal(only(effects, 'applied').map(({ index, reply }) => [index, reply]), [
      [1, null],
      [2, 'did x'],
    ])
  }
  const [a, b, c] = THREE.map((id) => cluster.member(id).state.machine)
  assert.equal(b, a)
  assert.equal(c, a)
})

test('reply: leadership is lost by a higher term: unknown at once, and never a second \
answer', () => {
  const cluster = leading()
  cluster.request('a', 1, 'x')
  cluster.drop()
  const lost = cluster.receive('a', 'b', appendAccepted(2, 0))
  assert.equal(replies(lost), [[1, UNKNOWN]])
  cluster.take('a')
  const heir = { term: 2, prevIndex: 2, prevTerm: 1, commit: 3, entries: [entry(2, null)] }
  cluster.receive('a', 'b', appendRequest(heir))
  assert.is(cluster.raft('a').commit, 3, 'it did happen')
  assert.equal(replies(cluster.take('a')), [])
})

test('reply: leadership is lost for want of a majority: unknown', () => {
  const cluster = leading()
  cluster.request('a', 1, 'x')
  cluster.drop()
  cluster.advance(BASE_MS)
  cluster.step('a')
  cluster.drop()
  cluster.advance(BASE_MS)
  cluster.step('a')
  assert.equal(replies(cluster.take('a')), [[1, UNKNOWN]])
})

test('reply: asked and overwritten in one turn: unknown, though an entry of that index \
applies', () => {
  const cluster = leading()
  const heir = { term: 2, prevIndex: 1, prevTerm: 1, commit: 2, entries: [entry(2, 'theirs')] }
  const effects = cluster.step('a', [
    request(1, 'ours'),
    { type: 'received', from: 'b', message: appendRequest(heir) },
  ])
  assert.equal(replies(effects), [[1, UNKNOWN]])
  const applied = only(effects, 'applied').filter(({ index }) => index === 2)
  assert.equal(applied.map(({ reply }) => reply), ['did theirs'])
})

test('reply: asked, and committed by the next leader in one turn: done', () => {
  const cluster = leading()
  cluster.request('a', 1, 'x')
  cluster.drop()
  const heir = { term: 2, prevIndex: 2, prevTerm: 1, commit: 3, entries: [entry(2, null)] }
  const effects = cluster.receive('a', 'b', appendRequest(heir))
  assert.equal(replies(effects), [[1, { type: 'done', index: 2, reply: 'did x' }]])
})

test('reply: after the step down within a turn: notLeader, with the new leader', () => {
  const cluster = leading('a', { forwarding: false })
  const effects = cluster.step('a', [
    { type: 'received', from: 'b', message: appendRequest({ term: 2, prevIndex: 1, prevTerm: 1 }) },
    request(1, 'x'),
  ])
  assert.equal(replies(effects), [[1, { type: 'notLeader', leader: 'b' }]])
})

test('late answers: routed to the request whose command is meant, others keep waiting', () => {
  const cluster = leading()
  cluster.step('a', [request(7, 'late'), request(8, 'late'), request(9, 'x')])
  cluster.settle()
  assert.equal(replies(cluster.take('a')).map(([id]) => id), [9])
  cluster.request('a', 10, 'answer 3')
  cluster.settle()
  assert.equal(replies(cluster.take('a')), [
    [10, { type: 'done', index: 5, reply: 'ok' }],
    [8, { type: 'done', index: 3, reply: 'late 3' }],
  ])
  cluster.request('a', 11, 'answer 2')
  cluster.request('a', 12, 'answer 2')
  cluster.settle()
  const last = replies(cluster.take('a'))
  assert.equal(last.map(([id]) => id), [11, 7, 12], 'one answer each, the second one goes nowhere')
})

test('late answers: for nobody here, such as on a follower or for a command of old: no \
reply', () => {
  const cluster = leading()
  cluster.request('a', 1, 'late')
  cluster.settle()
  cluster.request('a', 2, 'answer 1')
  cluster.request('a', 3, 'answer 99')
  work(cluster)
  assert.equal(replies(cluster.take('a')).map(([id]) => id), [2, 3])
  assert.equal(replies(cluster.take('b')), [])
})

test('late answers: leadership is lost meanwhile: unknown, and the answer then comes to \
nobody', () => {
  const cluster = leading()
  cluster.request('a', 1, 'late')
  work(cluster)
  cluster.receive('a', 'b', {
    type: 'appendAccepted',
    term: 2,
    matchIndex: 0,
    round: 0,
    versions: 1,
  })
  assert.equal(replies(cluster.take('a')), [[1, UNKNOWN]])
  cluster.elect('a')
  cluster.request('a', 2, 'answer 2')
  cluster.settle()
  assert.equal(replies(cluster.take('a')).map(([id]) => id), [2])
})

test('apply: a follower with much to apply: some a turn, acknowledges first, wants the next turn \
at once', () => {
  const cluster = new Cluster({ voters: THREE, appliesAtOnce: false })
  cluster.elect('a')
  cluster.settle()
  const texts = Array.from({ length: 40 }, (_, at) => request(at, `x${at}`))
  cluster.step('a', texts)
  cluster.settle()
  assert.is(cluster.member('a').state.applied, 41, 'a leader applies all at once')
  const { applied } = cluster.member('b').state
  assert.is(applied, 1)
  const { round } = cluster.leader('a')
  const more = { term: 1, prevIndex: 41, prevTerm: 1, entries: [entry(1, 'more')], commit: 41 }
  const effects = cluster.receive('b', 'a', appendRequest({ ...more, round: round + 1 }))
  assert.is(only(effects, 'sendAfter').length, 1, 'what came is acknowledged in the same turn')
  assert.is(only(effects, 'applied').length, 16)
  const { state } = cluster.member('b')
  assert.ok(state.applied < 41, 'there is more')
  assert.is(machine.deadlineMs(state), state.raft.timers.nowMs)
  while (cluster.member('b').state.applied < 41) {
    assert.ok(only(cluster.step('b'), 'applied').length <= 16)
  }
  const { electionAtMs } = cluster.raft('b').timers
  assert.is(machine.deadlineMs(cluster.member('b').state), electionAtMs, 'nothing is left')
})

test('due: its log time comes: the leader proposes it then, not a millisecond before', () => {
  const cluster = leading()
  cluster.request('a', 1, 'due 40')
  work(cluster)
  const { leadSinceMs } = cluster.raft('a').timers
  assert.is(machine.deadlineMs(cluster.member('a').state), leadSinceMs + 40)
  cluster.nowMs = leadSinceMs + 39
  assert.equal(only(cluster.step('a'), 'persist'), [])
  cluster.nowMs = leadSinceMs + 40
  const [persist] = only(cluster.step('a'), 'persist')
  assert.equal(persist?.entries, [{ ...entry(1, 'tick'), stampMs: 40 }])
  cluster.settle()
  assert.equal(cluster.member('a').state.machine.dues, [])
})

test('due: followers: never propose it', () => {
  const cluster = leading()
  cluster.request('a', 1, 'due 10')
  work(cluster)
  for (const id of ['b', 'c']) {
    assert.equal(cluster.member(id).state.machine.dues, [10])
    assert.equal(only(cluster.fire(id, 'due'), 'persist'), [])
    assert.is(machine.deadlineMs(cluster.member(id).state), cluster.raft(id).timers.electionAtMs)
  }
})

test('due: one at a time: the next only once the last one is applied', () => {
  const cluster = leading()
  cluster.step('a', [request(1, 'due 10'), request(2, 'due 10'), request(3, 'due 20')])
  work(cluster)
  const before = cluster.raft('a').log.lastIndex
  cluster.advance(15)
  for (let turn = 0; turn < 5; turn++) cluster.step('a')
  assert.is(cluster.raft('a').log.lastIndex, before + 1)
  cluster.settle()
  assert.equal(cluster.member('a').state.machine.dues, [20])
  cluster.advance(5)
  cluster.step('a')
  assert.is(cluster.raft('a').log.lastIndex, before + 2)
})

test('due: overdue at a new leader: only once an entry of its own term is committed', () => {
  const cluster = leading()
  cluster.request('a', 1, 'due 0')
  cluster.deliver({ to: 'b' })
  cluster.drop()
  cluster.elect('b', ['c'])
  const log = stamped(cluster, 'b').map(([, text]) => text)
  assert.equal(log, ['noop', 'due 0', 'noop', 'tick'])
  const restarted = new Cluster({
    voters: THREE,
    running: ['a'],
    restored: { a: restored({ term: 1, vote: null }) },
  })
  restarted.receive('a', 'b', appendRequest({ commit: 1, entries: [entry(1, 'due 0')] }))
  restarted.advance(BASE_MS)
  restarted.fire('a', 'election')
  restarted.receive('a', 'b', { type: 'preVoteReply', term: 2, granted: true })
  restarted.receive('a', 'b', { type: 'voteReply', term: 2, granted: true })
  for (let turn = 0; turn < 3; turn++) restarted.fire('a', 'due')
  assert.is(restarted.leader('a').log.lastIndex, 2, 'the noop is not committed')
  const ack = { type: 'appendAccepted', term: 2, matchIndex: 2, round: 0, versions: 1 } as const
  restarted.receive('a', 'b', ack)
  assert.is(restarted.raft('a').log.lastIndex, 3)
})

test('log time: a leader: starts at the highest stamp of its log and goes on with its own \
clock', () => {
  const cluster = new Cluster({
    voters: THREE,
    restored: { a: { ...restored({ term: 1, vote: null }), entries: [entry(1, 'old', 5_000)] } },
  })
  cluster.elect('a', ['b'])
  cluster.advance(70)
  cluster.request('a', 1, 'x')
  cluster.advance(30)
  cluster.request('a', 2, 'y')
  assert.equal(stamped(cluster, 'a'), [
    [5_000, 'old'],
    [5_000, 'noop'],
    [5_070, 'x'],
    [5_100, 'y'],
  ])
})

test('log time: a new leader: counts stamps that are not committed, and not the outage', () => {
  const cluster = leading()
  cluster.advance(BASE_MS / 2)
  cluster.request('a', 1, 'uncommitted')
  cluster.deliver({ to: 'b' })
  cluster.drop()
  cluster.advance(60_000)
  cluster.elect('b', ['c'])
  cluster.advance(7)
  cluster.request('b', 1, 'x')
  assert.equal(stamped(cluster, 'b').map(([stampMs]) => stampMs), [0, 75, 75, 82])
})

test('log time: the node\'s clock goes back: stands still', () => {
  const cluster = leading()
  cluster.advance(10)
  cluster.request('a', 1, 'x')
  cluster.advance(-500)
  cluster.request('a', 2, 'y')
  assert.equal(stamped(cluster, 'a').map(([stampMs]) => stampMs), [0, 10, 10])
})

test('log time: commands see the greatest stamp up to their own', () => {
  const cluster = leading()
  cluster.advance(33)
  cluster.request('a', 1, 'x')
  cluster.settle()
  const applied = only(cluster.take('a'), 'applied')
  assert.equal(applied.map(({ timeMs }) => timeMs), [33])
  assert.is(cluster.member('a').state.clockMs, 33)
})

test('restart: the log is applied again from its start: once it is known to be committed', () => {
  const cluster = leading()
  cluster.request('a', 1, 'x')
  work(cluster)
  cluster.restart('b')
  assert.is(cluster.member('b').state.applied, 0)
  cluster.fire('a', 'heartbeat')
  cluster.settle()
  assert.is(cluster.member('b').state.applied, 2)
  assert.equal(cluster.member('b').state.machine, cluster.member('a').state.machine)
})

test('deadline: a step at it: moves it on, for every role', () => {
  const cluster = new Cluster({ voters: THREE })
  for (let step = 0; step < 200; step++) {
    const deadlines = THREE.map((id) => machine.deadlineMs(cluster.member(id).state))
    cluster.nowMs = Math.max(cluster.nowMs, Math.min(...deadlines))
    for (const id of THREE) {
      const effects = cluster.step(id)
      const late = machine.deadlineMs(cluster.member(id).state) <= cluster.nowMs
      assert.not(late, `${id} at ${cluster.nowMs}: ${messages(effects).length}`)
    }
    if (step % 3 > 0) cluster.settle()
  }
})

test.run()
