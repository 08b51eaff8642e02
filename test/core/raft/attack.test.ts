// Interleavings that broke the core once, each by hand: every message, every disk write and every
// millisecond moves only when a test says so. It brings a driver of its own, so that nothing that
// the kit holds a run to hides what happens here.

import * as assert from 'uvu/assert'
import type { Effect, Outcome, Persist, SendAfter } from '../../../core/effect.ts'
import type { Event } from '../../../core/event.ts'
import type { Machine } from '../../../core/machine.ts'
import type { Config, NodeId } from '../../../core/raft/config.ts'
import { DEFAULTS } from '../../../core/raft/config.ts'
import { encodeMembership } from '../../../core/raft/membership.ts'
import type { Entry, Message } from '../../../core/raft/message.ts'
import type { Restored } from '../../../core/raft/state.ts'
import { NOTHING_RESTORED } from '../../../core/raft/state.ts'
import { replica } from '../../../core/replica.ts'
import type { ReplicaState } from '../../../core/work.ts'
import { suite } from '../../harness.ts'

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)
const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

/** Notes its commands, one letter or more each; `?` reads them. */
const notes: Machine<string, string, string, { readonly type: 'noted' }> = {
  initial: () => '',
  apply: (state, command) => [state + command, state + command, []],
  query: (state, command) => (command === '?' ? state : null),
  due: () => null,
  encodeCommand: encode,
  decodeCommand: decode,
  encodeReply: encode,
  decodeReply: decode,
  encodeSnapshot: encode,
  decodeSnapshot: decode,
  hash: (state) => state,
}
const machine = replica(notes)
type State = ReplicaState<string>

interface Member {
  state: State
  disk: Restored
  durable: number
  persists: Persist[]
  promises: SendAfter[]
}
interface Packet {
  readonly from: NodeId
  readonly to: NodeId
  readonly message: Message
}

class Group {
  readonly members = new Map<NodeId, Member>()
  readonly answers = new Map<number, Outcome<string>[]>()
  readonly traces: string[] = []
  /** False: snapshots are asked for and not taken. */
  snapshots = true
  packets: Packet[] = []
  nowMs = 1_000
  /** Whether a packet gets through. */
  passes: (packet: Packet) => boolean = () => true
  readonly #config: Omit<Config, 'node'>

  constructor(voters: readonly NodeId[], nodes: readonly NodeId[], config: Partial<Config> = {}) {
    this.#config = { ...DEFAULTS, cluster: 'c', group: '0', voters, ...config }
    for (const node of nodes) this.start(node, NOTHING_RESTORED)
  }

  start(node: NodeId, disk = this.get(node).disk): void {
    const state = machine.initial({ ...this.#config, node }, disk, this.nowMs, 7)
    this.members.set(node, { state, disk, durable: 0, persists: [], promises: [] })
  }

  get(node: NodeId): Member {
    return this.members.get(node) as Member
  }

  step(node: NodeId, ...events: Event[]): readonly Effect<string, { readonly type: 'noted' }>[] {
    const member = this.get(node)
    // Nodes that always drew alike would stand for election at once for ever.
    const random = (this.nowMs * 2_654_435_761 + node.charCodeAt(0) * 40_503) >>> 0
    const [state, effects] = machine.step(member.state, { now: this.nowMs, random, events })
    member.state = state
    for (const effect of effects) {
      if (effect.type === 'persist') member.persists.push(effect)
      else if (effect.type === 'send') this.packets.push({ from: node, ...effect })
      else if (effect.type === 'sendAfter') member.promises.push(effect)
      else if (effect.type === 'trace') this.traces.push(`${node} ${effect.trace.type}`)
      else if (effect.type === 'reply') {
        const { request, outcome } = effect
        this.answers.set(request, [...(this.answers.get(request) ?? []), outcome])
      } else if (effect.type === 'takeSnapshot' && this.snapshots) {
        const bytes = encode(state.machine)
        this.step(node, { type: 'snapshotTaken', index: effect.index, bytes })
      }
    }
    this.#release(member, node)
    return effects
  }

  /** Makes all writes of `node` durable; true when there were any. The core is not told. */
  sync(node: NodeId): boolean {
    const member = this.get(node)
    const any = member.persists.length > 0
    for (const persist of member.persists.splice(0)) {
      const { id, hardState, checkpoint, firstIndex, entries, logChanged } = persist
      const before = member.disk
      const base = checkpoint?.base ?? before.base
      const kept = checkpoint === null ? before.entries.slice(0, firstIndex - base.index - 1) : []
      member.disk = {
        hardState: hardState ?? before.hardState,
        snapshot: checkpoint?.snapshot ?? before.snapshot,
        base,
        damage: null,
        entries: logChanged ? [...kept, ...entries] : before.entries,
      }
      member.durable = id
    }
    this.#release(member, node)
    return any
  }

  #release(member: Member, node: NodeId): void {
    const ripe = member.promises.filter(({ after }) => after <= member.durable)
    member.promises = member.promises.filter(({ after }) => after > member.durable)
    for (const { to, message } of ripe) this.packets.push({ from: node, to, message })
  }

  /** Makes all writes of `node` durable and tells the core; true when there were any. */
  persisted(node: NodeId): boolean {
    if (!this.sync(node)) return false
    this.step(node, { type: 'persisted', id: this.get(node).durable })
    return true
  }

  deliver({ from, to, message }: Packet): void {
    if (this.members.has(to)) this.step(to, { type: 'received', from, message })
  }

  /** Delivers and syncs until nothing moves; what does not pass is lost. */
  settle(): void {
    for (let turns = 0; turns < 1_000; turns++) {
      let moved = false
      for (const node of this.members.keys()) moved = this.persisted(node) || moved
      const packet = this.packets.shift()
      if (packet === undefined && !moved) return
      if (packet !== undefined && this.passes(packet)) this.deliver(packet)
    }
    throw new Error('it never settles')
  }

  /** Lets time pass, millisecond by millisecond, with everybody healthy. */
  run(ms: number): void {
    for (let passed = 0; passed < ms; passed++) {
      this.nowMs++
      for (const [node, { state }] of this.members) {
        if (machine.deadlineMs(state) <= this.nowMs) this.step(node)
      }
      this.settle()
    }
  }

  elect(node: NodeId): void {
    this.nowMs += 2 * this.#config.electionTimeoutMs
    this.step(node, { type: 'timerFired', timer: 'election' })
    this.settle()
    assert.is(this.get(node).state.raft.role, 'leader', `${node} leads`)
  }

  leaders(): readonly NodeId[] {
    return [...this.members.keys()].filter((node) => this.get(node).state.raft.role === 'leader')
  }
}

const test = suite('core/raft: attacks')

test('raft: the removal of the leader is in its own log alone: the rest still get a leader', () => {
  const group = new Group(['a', 'b'], ['a', 'b'])
  group.elect('a')
  // The entry that leaves joint consensus reaches nobody.
  group.passes = ({ from, message }) =>
    from !== 'a' || message.type !== 'appendRequest' || message.prevIndex < 2
  const change = { type: 'change', voters: ['b'], learners: [], autoLeave: true } as const
  group.step('a', { type: 'changeMembership', request: 1, change })
  group.settle()
  assert.equal(group.get('a').state.raft.memberships.at(-1)?.membership.voters, ['b'])
  assert.is(group.get('b').state.raft.log.lastIndex, 2, 'b holds the joint configuration alone')
  group.start('a')
  group.start('b')
  group.passes = () => true
  group.run(20 * DEFAULTS.electionTimeoutMs)
  assert.equal(group.leaders(), ['b'], 'b leads by itself in the end')
  assert.equal(group.get('b').state.raft.memberships.at(-1)?.membership.outgoing, null)
})

test('raft: a learner alone has what the last leader wrote: the rest still get a leader', () => {
  const noop = { stampMs: 0, kind: 'noop', payload: encode('') } as const
  const members = (voters: NodeId[], outgoing: NodeId[] | null, learners: NodeId[]): Entry => {
    const membership = { voters, outgoing, learners, autoLeave: outgoing !== null }
    return { term: 1, stampMs: 0, kind: 'membership', payload: encodeMembership(membership) }
  }
  const old = ['a', 'b', 'd']
  const common = [{ ...noop, term: 1 }, members(old, null, ['c'])]
  const disk = (...entries: Entry[]): Restored => {
    const hardState = { term: 2, vote: null }
    return { ...NOTHING_RESTORED, hardState, entries: [...common, ...entries] }
  }
  const group = new Group(old, [])
  // Leader a of term 1 wanted c alone; leader d of term 2 reached c alone, and is gone.
  group.start('a', disk(members(['c'], old, [])))
  group.start('b', disk())
  group.start('c', disk({ ...noop, term: 2 }))
  group.run(20 * DEFAULTS.electionTimeoutMs)
  const [leader = '', ...others] = group.leaders()
  assert.ok(leader === 'a' || leader === 'b', `${leader} leads`)
  assert.equal(others, [])
  assert.ok(group.traces.includes('c removed'), 'c led, and left it to those who vote')
})

test('raft: a snapshot is outdated while it is on its way: the peer gets the next one', () => {
  const config = { snapshotEntriesMin: 3, snapshotKeepEntries: 0 }
  const group = new Group(['a', 'b', 'c'], ['a', 'b', 'c'], config)
  group.passes = ({ to }) => to !== 'c'
  group.elect('a')
  let request = 0
  const write = (): void => {
    for (let times = 0; times < 3; times++) {
      group.step('a', { type: 'request', request: request++, payload: encode('x') })
      group.settle()
    }
  }
  write()
  // The only chunk for c stays on its way, while the leader takes another snapshot.
  const held: Packet[] = []
  group.passes = (packet) => {
    const isChunk = packet.message.type === 'snapshotRequest'
    if (isChunk) held.push(packet)
    return !isChunk
  }
  group.run(DEFAULTS.heartbeatIntervalMs)
  assert.is.not(held.length, 0)
  write()
  group.passes = () => true
  group.deliver(held[0] as Packet)
  group.run(10 * DEFAULTS.electionTimeoutMs)
  assert.is(group.get('c').state.applied, group.get('a').state.applied)
  assert.equal(group.leaders(), ['a'])
})

test('raft: the leader of a half received snapshot is gone: its chunks are dropped', () => {
  const group = new Group(['a', 'b'], ['b'])
  const membership = { voters: ['a', 'b'], outgoing: null, learners: [], autoLeave: false }
  const snapshot = { index: 5, term: 1, stampMs: 0, membership, version: 1, bytesCount: 2 }
  const chunk = { term: 1, round: 0, snapshot, offset: 0, bytes: encode('x') }
  group.step('b', { type: 'received', from: 'a', message: { type: 'snapshotRequest', ...chunk } })
  assert.is(group.get('b').state.raft.incoming?.receivedBytes, 1)
  const message = { type: 'voteReply', term: 2, granted: false } as const
  group.step('b', { type: 'received', from: 'a', message })
  assert.is(group.get('b').state.raft.incoming, null)
})

test('replica: a change of members follows in the turn that commits another: both answered', () => {
  const group = new Group(['a'], ['a'])
  group.elect('a')
  const learners = (...names: NodeId[]) =>
    ({ type: 'change', voters: ['a'], learners: names, autoLeave: true }) as const
  group.step('a', { type: 'changeMembership', request: 1, change: learners('b') })
  group.sync('a')
  group.step(
    'a',
    { type: 'persisted', id: group.get('a').durable },
    { type: 'changeMembership', request: 2, change: learners() },
  )
  group.settle()
  assert.equal(group.answers.get(1), [{ type: 'changed', index: 2 }])
  assert.equal(group.answers.get(2), [{ type: 'refused', reason: 'pending' }])
})

test('raft: a state whose objects are copies does the same as one that shares them', () => {
  const group = new Group(['a'], ['a', 'b'], { snapshotKeepEntries: 0 })
  group.snapshots = false
  group.elect('a')
  const change = { type: 'change', voters: ['a'], learners: ['b'], autoLeave: true } as const
  group.step('a', { type: 'changeMembership', request: 1, change })
  group.settle()
  const { state } = group.get('b')
  const { log, commit, memberships } = state.raft
  const { index, membership } = memberships.at(-1) as (typeof memberships)[number]
  // All that b has, as a snapshot of a later index would bring it: with the very same members.
  assert.is(log.lastIndex, index)
  const effectsOf = (members: typeof membership) => {
    const index = commit + 5
    const place = { index, term: 1, stampMs: 9_999 }
    const snapshot = { ...place, membership: members, version: 1, bytesCount: 1 }
    const message = { term: 1, round: 0, snapshot, offset: 0, bytes: encode('x') }
    const received = { type: 'snapshotRequest', ...message } as const
    const events = [{ type: 'received', from: 'a', message: received }] as const
    return machine.step(state, { now: group.nowMs, random: 0, events })[1]
  }
  assert.equal(effectsOf(membership), effectsOf(structuredClone(membership)))
})

test('raft: reads come without a pause where leases are on: a lease answers most of them', () => {
  const group = new Group(['a', 'b', 'c'], ['a', 'b', 'c'], { leaseReads: true })
  group.elect('a')
  let asked = 0
  const reads = 100
  for (let request = 1; request <= reads; request++) {
    group.run(10)
    const read = { type: 'read', request, payload: encode('?') } as const
    if (group.step('a', read).some(({ type }) => type === 'send')) asked++
    group.settle()
    assert.is(group.answers.get(request)?.[0]?.type, 'done')
  }
  assert.ok(asked < reads / 4, `${asked} of ${reads} reads asked the others`)
})

test('replica: the leader of a learner is gone: what it passed on is answered', () => {
  const group = new Group(['a'], ['a', 'b'])
  group.elect('a')
  const change = { type: 'change', voters: ['a'], learners: ['b'], autoLeave: true } as const
  group.step('a', { type: 'changeMembership', request: 1, change })
  group.settle()
  group.members.delete('a')
  group.step('b', { type: 'request', request: 2, payload: encode('x') })
  group.run(3 * DEFAULTS.electionTimeoutMs)
  assert.equal(group.answers.get(2), [{ type: 'unknown' }])
  group.step('b', { type: 'request', request: 3, payload: encode('x') })
  assert.equal(group.answers.get(3), [{ type: 'notLeader', leader: null }])
})

/** A group whose leader a has told b to stand, and where b has asked a alone for its vote. */
function handingOver(): Group {
  const group = new Group(['a', 'b', 'c'], ['a', 'b', 'c'])
  group.elect('a')
  group.passes = ({ from, to }) => from !== 'b' || to === 'a'
  group.step('a', { type: 'transferLeadership', request: 1, to: 'b' })
  group.passes = ({ from, to, message }) =>
    (from !== 'b' || to === 'a') && message.type !== 'voteReply'
  group.settle()
  assert.is(group.get('a').state.raft.role, 'follower')
  group.passes = () => true
  return group
}

test('replica: the successor falls before it is elected: nobody says that it leads', () => {
  const group = handingOver()
  assert.equal(group.answers.get(1), undefined, 'nobody is elected yet')
  group.members.delete('b')
  group.nowMs += DEFAULTS.electionTimeoutMs
  group.elect('a')
  assert.equal(group.answers.get(1), [{ type: 'refused', reason: 'timedOut' }])
})

test('replica: the successor is elected late: the transfer is answered when it is', () => {
  const group = handingOver()
  group.run(10 * DEFAULTS.electionTimeoutMs)
  const [leader] = group.leaders()
  const refused = { type: 'refused', reason: 'timedOut' } as const
  assert.equal(group.answers.get(1), [leader === 'a' ? refused : { type: 'transferred' }])
})

test.run()
