// The trace hash: whatever differs between two runs, it differs.

import * as assert from 'uvu/assert'
import type { Checkpoint, Effect, Persist } from '../../core/effect.ts'
import type { Outcome } from '../../core/outcome.ts'
import type { Message, SnapshotHeader } from '../../core/raft/message.ts'
import { DurableView } from '../../sim/durable.ts'
import { KIND } from '../../sim/event-queue.ts'
import type { SimEvent } from '../../sim/event-queue.ts'
import type { Packet, Rule } from '../../sim/network.ts'
import type { Decisions } from '../../sim/random.ts'
import { scenarioOf, simulate } from '../../sim/simulate.ts'
import type { LockResult } from '../../sim/simulate.ts'
import { TraceHash } from '../../sim/trace-hash.ts'
import { bytesWire, referenceWire } from '../../sim/wire.ts'
import type { Wire } from '../../sim/wire.ts'
import { suite } from '../harness.ts'
import { registerMachine, registerModel, registerWorkload } from './register-machine.ts'
import type { RegisterMachine } from './register-machine.ts'
import { members, snapshotOf } from './support.ts'

const test = suite('sim/trace-hash')
const SMALL = { seed: 4, nodes: 3, clients: 2, faults: [], fireMs: 2_000 } as const

interface Run {
  readonly hash: string
  /** A digest after each event. */
  readonly digests: readonly number[]
}

function run(rules: readonly Rule[] = [], machine: RegisterMachine = registerMachine()): Run {
  const digests: number[] = []
  const result = simulate({
    ...SMALL,
    machine,
    workload: registerWorkload(),
    model: registerModel,
    rules,
    onEvent: (_event, digest) => void digests.push(digest),
  })
  assert.is(result.verdict, 'ok')
  assert.match(result.traceHash, /^[0-9a-f]{32}$/)
  return { hash: result.traceHash, digests }
}

/** Applies `act` to the 100th message that node 0 is sent by another. */
function onOne(act: (packet: Packet) => ReturnType<Rule>): Rule {
  let count = 0
  return (packet) => {
    if (packet.to !== 0 || packet.from > 2 || ++count !== 100) return { type: 'pass' }
    return act(packet)
  }
}

/** How many events come before the two runs part. */
function commonEvents(a: Run, b: Run): number {
  const at = a.digests.findIndex((digest, place) => digest !== b.digests[place])
  return at < 0 ? a.digests.length : at
}

test('trace hash: the same run again, and rules that do nothing: the same hash', () => {
  const [first, second] = [run(), run([() => ({ type: 'pass' })])]
  assert.equal(second, first)
})

test('trace hash: one byte of one payload: another hash', () => {
  const flip = onOne((packet) => {
    const bytes = packet.payload as Uint8Array
    bytes[0] = (bytes[0] as number) ^ 1
    return { type: 'pass' }
  })
  const [first, second] = [run(), run([flip])]
  assert.is.not(second.hash, first.hash)
  assert.ok(commonEvents(first, second) > 100, 'up to there nothing differs')
})

test('trace hash: one delay by one millisecond: another hash', () => {
  const [first, second] = [run(), run([onOne(() => ({ type: 'delay', byUs: 1_000 }))])]
  assert.is.not(second.hash, first.hash)
  assert.ok(commonEvents(first, second) > 100, 'up to there nothing differs')
})

test('trace hash: one message lost, one doubled: other hashes', () => {
  const lost = run([onOne(() => ({ type: 'drop' }))])
  const doubled = run([onOne(() => ({ type: 'duplicate', afterUs: 1_000 }))])
  assert.is(new Set([run().hash, lost.hash, doubled.hash]).size, 3)
})

/** A register whose state holds `mark` as well, which nobody is ever told. */
function marked(mark: number): RegisterMachine {
  const plain = registerMachine()
  return {
    ...plain,
    encodeSnapshot: (value) => Uint8Array.of(mark, ...plain.encodeSnapshot(value)),
    decodeSnapshot: (bytes) => plain.decodeSnapshot(bytes.subarray(1)),
  }
}

test('trace hash: one field of the final states: another hash, after the same events', () => {
  const [first, second] = [run([], marked(1)), run([], marked(2))]
  // Until the drill, in which a snapshot is written.
  const parted = first.digests.findIndex((digest, at) => digest !== second.digests[at])
  assert.ok(parted < 0 || parted > 0.6 * first.digests.length, `${parted}`)
  assert.is.not(second.hash, first.hash)
})

test('trace hash: one field of the final states of a run that broke a rule: another hash', () => {
  const hashOf = (mark: number): string => {
    let turns = 0
    const fickle = { name: 'fickle', stepped: () => (++turns === 500 ? 'enough' : null) }
    const machine = marked(mark)
    const result = simulate({ ...SMALL, machine, workload: registerWorkload(), oracles: [fickle] })
    assert.is(result.violation?.oracle, 'fickle')
    return result.traceHash
  }
  assert.is(hashOf(1), hashOf(1))
  assert.is.not(hashOf(1), hashOf(2))
})

test('trace hash: what a dead node has on its disk: another hash, after the same events', () => {
  const scenario = { ...scenarioOf({ ...SMALL, keys: 1 }), dead: [2] }
  const runWith = (decisions?: Decisions): { digests: number[]; result: LockResult } => {
    const digests: number[] = []
    const onEvent = (_event: SimEvent, digest: number): void => void digests.push(digest)
    const played = decisions === undefined ? {} : { decisions }
    return { result: simulate({ scenario, record: true, onEvent, ...played }), digests }
  }
  const first = runWith()
  const { decisions } = first.result
  const kept = decisions['disk/2']?.[0] as number
  assert.equal(decisions['disk/2'], [kept], 'it dies once, when all else heals')
  // How many of the unsynced writes are left on the disk, which nobody will ever read.
  const second = runWith({ ...decisions, 'disk/2': [kept === 0 ? 1 : 0] })
  assert.is(second.result.misfit, null)
  assert.equal(second.digests, first.digests)
  assert.is.not(second.result.traceHash, first.result.traceHash)
})

test('trace hash: one reply of the machine: another hash', () => {
  const honest = registerMachine()
  let count = 0
  const once = registerMachine({
    encodeReply: (reply) => honest.encodeReply(reply === true && ++count === 40 ? 1 : reply),
  })
  const hash = simulate({ ...SMALL, machine: once, workload: registerWorkload() }).traceHash
  const plain = simulate({ ...SMALL, machine: honest, workload: registerWorkload() }).traceHash
  assert.ok(count >= 40)
  assert.is.not(hash, plain)
})

const event: SimEvent = {
  timeUs: 2 ** 40,
  sequence: 7,
  kind: KIND.deliver,
  target: 1,
  source: 2,
  payload: Uint8Array.of(1, 2, 3, 4, 5),
}
const edits: readonly Partial<SimEvent>[] = [
  { timeUs: 2 ** 40 + 1 },
  { timeUs: 2 ** 41 },
  { sequence: 8 },
  { kind: KIND.clientDeliver },
  { target: 2 },
  { source: 1 },
  { payload: Uint8Array.of(1, 2, 3, 4, 6) },
  { payload: Uint8Array.of(0, 2, 3, 4, 5) },
  { payload: Uint8Array.of(1, 2, 3, 4, 5, 0) },
  { payload: null },
]

test('trace hash: one event: each of its fields counts', () => {
  const hashOf = (edit: Partial<SimEvent>): string => {
    const hash = new TraceHash(bytesWire('c', '0'))
    hash.event({ ...event, ...edit })
    return hash.hex()
  }
  const hashes = [hashOf({}), ...edits.map(hashOf)]
  assert.is(new Set(hashes).size, hashes.length)
})

const entry = { term: 3, stampMs: 9, kind: 'command', payload: Uint8Array.of(1) } as const
const message: Extract<Message, { type: 'appendRequest' }> = {
  type: 'appendRequest',
  term: 3,
  prevIndex: 4,
  prevTerm: 2,
  commit: 4,
  round: 1,
  entries: [entry],
}
const header: SnapshotHeader = {
  index: 9,
  term: 2,
  stampMs: 7,
  membership: members('01'),
  version: 1,
  bytesCount: 5,
}
const rejected: Extract<Message, { type: 'appendRejected' }> = {
  type: 'appendRejected',
  term: 3,
  prevIndex: 1,
  hintIndex: 1,
  hintTerm: 1,
  round: 0,
  damaged: false,
}
const chunk: Extract<Message, { type: 'snapshotRequest' }> = {
  type: 'snapshotRequest',
  term: 3,
  round: 1,
  snapshot: header,
  offset: 2,
  bytes: Uint8Array.of(1),
}
const headers: readonly Partial<SnapshotHeader>[] = [
  { index: 8 },
  { term: 1 },
  { stampMs: 8 },
  { bytesCount: 6 },
  { version: 2 },
  { membership: members('02') },
  { membership: members('01', '12') },
  { membership: { ...members('01', '12'), autoLeave: false } },
  { membership: { ...members('01'), learners: ['2'] } },
]
const outcomes: readonly Outcome<Uint8Array>[] = [
  { type: 'done', index: 1, reply: Uint8Array.of(1) },
  { type: 'done', index: 2, reply: Uint8Array.of(1) },
  { type: 'done', index: 1, reply: Uint8Array.of(2) },
  { type: 'changed', index: 1 },
  { type: 'changed', index: 2 },
  { type: 'transferred' },
  { type: 'notLeader', leader: null },
  { type: 'notLeader', leader: '1' },
  { type: 'malformed' },
  { type: 'tooLarge' },
  { type: 'overloaded' },
  { type: 'refused', reason: 'pending' },
  { type: 'refused', reason: 'notVoter' },
  { type: 'unknown' },
]
const messages: readonly Message[] = [
  message,
  { ...message, term: 4 },
  { ...message, prevIndex: 5 },
  { ...message, prevTerm: 1 },
  { ...message, commit: 3 },
  { ...message, round: 2 },
  { ...message, entries: [] },
  { ...message, entries: [{ ...entry, payload: Uint8Array.of(2) }] },
  { ...message, entries: [{ ...entry, kind: 'noop' }] },
  { ...message, entries: [{ ...entry, kind: 'membership' }] },
  { ...message, entries: [{ ...entry, kind: 'version' }] },
  { ...message, entries: [{ ...entry, stampMs: 10 }] },
  { type: 'voteRequest', term: 3, lastIndex: 1, lastTerm: 1, transfer: false },
  { type: 'voteRequest', term: 3, lastIndex: 1, lastTerm: 1, transfer: true },
  { type: 'voteReply', term: 3, granted: true },
  { type: 'voteReply', term: 3, granted: false },
  { type: 'preVoteReply', term: 3, granted: true },
  { type: 'appendAccepted', term: 3, matchIndex: 1, round: 0, versions: 1 },
  { type: 'appendAccepted', term: 3, matchIndex: 2, round: 0, versions: 1 },
  { type: 'appendAccepted', term: 3, matchIndex: 1, round: 1, versions: 1 },
  { type: 'appendAccepted', term: 3, matchIndex: 1, round: 1, versions: 2 },
  rejected,
  { ...rejected, round: 1 },
  { ...rejected, damaged: true },
  chunk,
  { ...chunk, round: 2 },
  { ...chunk, offset: 3 },
  { ...chunk, bytes: Uint8Array.of(2) },
  ...headers.map((edit) => ({ ...chunk, snapshot: { ...header, ...edit } })),
  { type: 'snapshotReply', term: 3, round: 1, index: 9, offset: 2 },
  { type: 'snapshotReply', term: 3, round: 2, index: 9, offset: 2 },
  { type: 'snapshotReply', term: 3, round: 1, index: 8, offset: 2 },
  { type: 'snapshotReply', term: 3, round: 1, index: 9, offset: 3 },
  { type: 'timeoutNow', term: 3 },
  { type: 'readRequest', term: 3, id: 1 },
  { type: 'readRequest', term: 3, id: 2 },
  { type: 'readReply', term: 3, id: 1, index: 1 },
  { type: 'readReply', term: 3, id: 1, index: 2 },
  { type: 'forwardRequest', term: 3, id: 1, payload: Uint8Array.of(1) },
  { type: 'forwardRequest', term: 3, id: 1, payload: Uint8Array.of(2) },
  ...outcomes.map((outcome) => ({ type: 'forwardReply', term: 3, id: 1, outcome }) as const),
  { type: 'forwardReply', term: 3, id: 2, outcome: { type: 'unknown' } },
]

function hashes(wire: Wire, take: (hash: TraceHash, message: Message) => void): Set<string> {
  return new Set(
    messages.map((one) => {
      const hash = new TraceHash(wire)
      take(hash, one)
      return hash.hex()
    }),
  )
}

test('trace hash: one message: each of its fields counts, delivered or sent', () => {
  const delivered = hashes(referenceWire(), (hash, payload) => hash.event({ ...event, payload }))
  assert.is(delivered.size, messages.length)
  const sent = hashes(referenceWire(), (hash, one) => {
    const effect = { type: 'send', to: '1', message: one } as Effect<never, never>
    hash.effects([effect], { encodeReply: () => new Uint8Array(0) })
  })
  assert.is(sent.size, messages.length)
})

const applied: Effect<Uint8Array, never> = {
  type: 'applied',
  index: 1,
  term: 1,
  timeMs: 1,
  reply: null,
  events: [],
}
const persist: Persist = {
  type: 'persist',
  id: 1,
  hardState: { term: 1, vote: null },
  checkpoint: null,
  firstIndex: 0,
  entries: [],
  logChanged: false,
}
const notLeader: Effect<Uint8Array, never> = {
  type: 'reply',
  request: 1,
  outcome: { type: 'notLeader', leader: null },
}
const pairs: readonly (readonly [Effect<Uint8Array, never>, Effect<Uint8Array, never>])[] = [
  [applied, { ...applied, reply: new Uint8Array(0) }],
  [persist, { ...persist, hardState: { term: 1, vote: '' } }],
  [notLeader, { ...notLeader, outcome: { type: 'notLeader', leader: '' } }],
]

const snapshot = snapshotOf(3, 1, members('01'), Uint8Array.of(1, 2))
const checkpoint: Checkpoint = { snapshot, base: { index: 2, term: 1, stampMs: 10 } }
const checkpoints: readonly (Checkpoint | null)[] = [
  null,
  checkpoint,
  { snapshot, base: { index: 3, term: 1, stampMs: 10 } },
  { snapshot, base: { index: 2, term: 0, stampMs: 10 } },
  { snapshot, base: { index: 2, term: 1, stampMs: 0 } },
  { ...checkpoint, snapshot: { ...snapshot, index: 4 } },
  { ...checkpoint, snapshot: { ...snapshot, bytes: Uint8Array.of(1, 3) } },
  { ...checkpoint, snapshot: { ...snapshot, membership: members('02') } },
]

test('trace hash: one checkpoint: each of its fields counts, written or on a dead disk', () => {
  const persists = checkpoints.map((one) => {
    return { ...persist, checkpoint: one, logChanged: one !== null }
  })
  const written = persists.map((one) => {
    const hash = new TraceHash(referenceWire())
    hash.effects<Uint8Array, never>([one], { encodeReply: (reply) => reply as Uint8Array })
    return hash.hex()
  })
  assert.is(new Set(written).size, checkpoints.length)
  const dead = persists.map((one) => {
    const hash = new TraceHash(referenceWire())
    const durable = new DurableView(['0', '1'])
    durable.issue(one)
    durable.reported(1)
    hash.dead(durable, { list: () => [], read: () => new Uint8Array(0) })
    return hash.hex()
  })
  assert.is(new Set(dead).size, checkpoints.length)
})

test('trace hash: nothing, and something empty: other hashes, whatever follows', () => {
  const kind = KIND.deliver
  // The first is the second behind a word of 0, which is what something empty might leave.
  const longer = { timeUs: 0, sequence: 0, kind, target: 1, source: (kind << 16) | 2 }
  const shorter = { timeUs: 0, sequence: (kind << 16) | 1, kind, target: 2, source: 0 }
  const hashOf = (effect: Effect<Uint8Array, never>, next: SimEvent): string => {
    const hash = new TraceHash(bytesWire('c', '0'))
    hash.effects([effect], { encodeReply: (reply: Uint8Array) => reply })
    hash.event(next)
    return hash.hex()
  }
  for (const [nothing, empty] of pairs) {
    const first = { ...longer, payload: new Uint8Array(0) }
    const second = { ...shorter, payload: null }
    assert.is.not(hashOf(nothing, first), hashOf(empty, second))
    assert.is.not(hashOf(nothing, first), hashOf(empty, first))
  }
})

test.run()
