// A cluster delivered by hand: every message, every disk write and every millisecond moves only
// when a test says so. Each step is held to what any step must keep: one persist and one append a
// peer at most, replies once, and no edit of an old state.

import * as assert from 'uvu/assert'
import type { Outcome, Persist, PersistId, SendAfter } from '../../../core/effect.ts'
import type { Event, Input, TimerName } from '../../../core/event.ts'
import type { Config, NodeId } from '../../../core/raft/config.ts'
import { DEFAULTS, configProblem } from '../../../core/raft/config.ts'
import type { Message } from '../../../core/raft/message.ts'
import type { Common, Leader, RaftState, Restored } from '../../../core/raft/state.ts'
import { NOTHING_RESTORED, leaderOf } from '../../../core/raft/state.ts'
import { replica } from '../../../core/replica.ts'
import type { Replica } from '../../../core/replica.ts'
import type { ReplicaState } from '../../../core/work.ts'
import type { Journal, Noted } from './journal.ts'
import { encodeText, journal } from './journal.ts'
import { applyWrite, deepFreeze, only, replies } from './parts.ts'
import type { JournalEffect } from './parts.ts'
import type { MembershipChange } from '../../../core/raft/membership.ts'
import type { Progress } from '../../../core/raft/progress.ts'

export {
  appendAccepted,
  appendRejected,
  appendRequest,
  applyWrite,
  deepFreeze,
  diskLastIndex,
  diskTermAt,
  entries,
  entry,
  logOf,
  membershipEntry,
  messages,
  only,
  replies,
  restored,
  terms,
} from './parts.ts'
export type { JournalEffect } from './parts.ts'

export type State = ReplicaState<Journal>

export const machine: Replica<Journal, string, Noted> = replica(journal)

/** Base election timeout of every test, milliseconds. */
export const BASE_MS: number = DEFAULTS.electionTimeoutMs

export interface Packet {
  readonly from: NodeId
  readonly to: NodeId
  readonly message: Message
}

export interface ClusterOptions {
  /** Who founds the group. */
  readonly voters: readonly NodeId[]
  /** Which nodes run, founders or not; messages to others stay in `network`. All founders. */
  readonly running?: readonly NodeId[]
  readonly config?: Partial<Config>
  readonly restored?: Readonly<Record<NodeId, Restored>>
  /** False: nothing becomes durable until `persist` says so. */
  readonly diskAtOnce?: boolean
  /** False: what a turn left to be applied waits for the next `step`. */
  readonly appliesAtOnce?: boolean
  /** How many versions of its rules the build of each node knows; 1 where it is not said. */
  readonly versions?: Readonly<Record<NodeId, number>>
  /** Sees every message as it leaves. */
  readonly onPost?: (packet: Packet) => void
  /** Sees every turn. */
  readonly onStep?: (turn: Turn) => void
}

/** One turn of one node, as it was taken. */
export interface Turn {
  readonly node: NodeId
  readonly before: State
  readonly input: Input
  readonly after: State
  readonly effects: readonly JournalEffect[]
}

/** One node, its disk, and what waits for the disk. */
export interface Member {
  state: State
  /** What a crash would leave. */
  disk: Restored
  /** Issued, and not durable yet. */
  writes: Persist[]
  /** Messages that wait for the disk. */
  parked: SendAfter[]
  /** All effects since the last `take`. */
  effects: JournalEffect[]
  /** The snapshot that it wants to be taken, encoded when it said so. */
  wanted: { readonly index: number; readonly bytes: Uint8Array } | null
}

/** Which packets: by kind of message, sender, receiver; what is not given fits all. */
export interface Choice {
  readonly type?: Message['type']
  readonly from?: NodeId
  readonly to?: NodeId
}

export class Cluster {
  readonly options: ClusterOptions
  readonly network: Packet[] = []
  /** From the start on, an election timeout has passed: nobody withholds votes for its restart. */
  nowMs = 1_000
  readonly #members = new Map<NodeId, Member>()
  readonly #builds = new Map<NodeId, Replica<Journal, string, Noted>>()
  #draws = 0

  constructor(options: ClusterOptions) {
    this.options = options
    for (const [id, versions] of Object.entries(options.versions ?? {})) this.install(id, versions)
    for (const id of options.running ?? options.voters) {
      this.#start(id, options.restored?.[id] ?? NOTHING_RESTORED)
    }
    this.nowMs += BASE_MS
  }

  configOf(node: NodeId): Config {
    const { voters, config } = this.options
    return { cluster: 'test', group: '0', ...DEFAULTS, node, voters, ...config }
  }

  member(id: NodeId): Member {
    const member = this.#members.get(id)
    assert.ok(member !== undefined, `no node ${id}`)
    return member
  }

  raft(id: NodeId): RaftState {
    return this.member(id).state.raft
  }

  /** The leader's view; fails when `id` does not lead. */
  leader(id: NodeId): Common & Leader {
    const raft = this.raft(id)
    assert.is(raft.role, 'leader', `${id} leads`)
    return raft as Common & Leader
  }

  /** One turn. */
  step(id: NodeId, events: readonly Event[] = [], nowMs: number = this.nowMs): JournalEffect[] {
    const member = this.member(id)
    const random = Math.imul(++this.#draws, 0x9e3779b1) >>> 0
    const input = { now: nowMs, random, events }
    const before = member.state
    const [state, all] = this.#build(id).step(before, input)
    const effects = [...all]
    checkStep(before, state, effects)
    member.state = deepFreeze(state)
    this.options.onStep?.({ node: id, before, input, after: state, effects })
    member.effects.push(...effects)
    for (const effect of effects) {
      if (effect.type === 'persist') member.writes.push(effect)
      else if (effect.type === 'send') this.#post(id, effect.to, effect.message)
      else if (effect.type === 'sendAfter') member.parked.push(effect)
      else if (effect.type === 'takeSnapshot') {
        assert.is(effect.index, state.applied, 'of the state after this step')
        const bytes = journal.encodeSnapshot(state.machine)
        member.wanted = { index: effect.index, bytes }
      }
    }
    this.#release(id)
    if (this.options.diskAtOnce !== false) this.persist(id)
    if (this.options.appliesAtOnce !== false) effects.push(...this.#applyRest(id, nowMs))
    return effects
  }

  /** A message arrives from `from`, which need not run. */
  receive(id: NodeId, from: NodeId, ...messages: Message[]): JournalEffect[] {
    return this.step(id, messages.map((message) => ({ type: 'received', from, message })))
  }

  request(id: NodeId, request: number, text: string): JournalEffect[] {
    return this.step(id, [{ type: 'request', request, payload: encodeText(text) }])
  }

  read(id: NodeId, request: number, text: string): JournalEffect[] {
    return this.step(id, [{ type: 'read', request, payload: encodeText(text) }])
  }

  change(id: NodeId, request: number, change: MembershipChange): JournalEffect[] {
    return this.step(id, [{ type: 'changeMembership', request, change }])
  }

  transfer(id: NodeId, request: number, to: NodeId): JournalEffect[] {
    return this.step(id, [{ type: 'transferLeadership', request, to }])
  }

  /** Hands in the snapshot that the node asked for. */
  finishSnapshot(id: NodeId): JournalEffect[] {
    const member = this.member(id)
    const { wanted } = member
    assert.ok(wanted !== null, `${id} wants a snapshot`)
    member.wanted = null
    return this.step(id, [{ type: 'snapshotTaken', ...wanted }])
  }

  /** Makes the node take a snapshot of all that it has applied. */
  snapshot(id: NodeId): JournalEffect[] {
    this.step(id, [{ type: 'snapshotWanted' }])
    return this.finishSnapshot(id)
  }

  /** What a leader knows of `peer`. */
  progress(id: NodeId, peer: NodeId): Progress {
    const found = this.leader(id).progress.find((progress) => progress.peer === peer)
    assert.ok(found !== undefined, `${id} sends to ${peer}`)
    return found
  }

  /** Answers to requests of `id` since the last `take`. */
  replies(id: NodeId): [number, Outcome<string>][] {
    return replies(this.member(id).effects)
  }

  /** The trace events of `id` since the last `take`, by their types. */
  traces(id: NodeId): string[] {
    return only(this.member(id).effects, 'trace').map(({ trace }) => trace.type)
  }

  /** Heartbeats and their answers, until nothing moves: all that is committed is known. */
  beat(id: NodeId, nodes?: readonly NodeId[]): void {
    this.fire(id, 'heartbeat')
    this.settle(nodes)
  }

  fire(id: NodeId, timer: TimerName): JournalEffect[] {
    return this.step(id, [{ type: 'timerFired', timer }])
  }

  /** Time passes; nobody notices until its next step. */
  advance(byMs: number): void {
    this.nowMs += byMs
  }

  /** The writes up to `upTo` (default: all) reach the disk, and the node is told so. */
  persist(id: NodeId, upTo: PersistId = Infinity): JournalEffect[] {
    const done = this.reachDisk(id, upTo)
    return done === 0 ? [] : this.step(id, [{ type: 'persisted', id: done }])
  }

  /** The writes up to `upTo` reach the disk; the node is not told. Returns the last id, or 0. */
  reachDisk(id: NodeId, upTo: PersistId = Infinity): number {
    const member = this.member(id)
    let last = 0
    for (const write of member.writes) {
      if (write.id > upTo) break
      member.disk = applyWrite(member.disk, write)
      last = write.id
    }
    member.writes = member.writes.filter((write) => write.id > last)
    this.#release(id)
    return last
  }

  /** Delivers what fits, in order, what is sent meanwhile included, until nothing fits. */
  deliver(choice: Choice = {}): number {
    let count = 0
    for (;;) {
      const at = this.network.findIndex((packet) => {
        return fits(packet, choice) && this.#members.has(packet.to)
      })
      if (at < 0) return count
      const [packet] = this.network.splice(at, 1) as [Packet]
      this.receive(packet.to, packet.from, packet.message)
      count++
    }
  }

  /** Loses what fits; returns it. */
  drop(choice: Choice = {}): Packet[] {
    const lost = this.network.filter((packet) => fits(packet, choice))
    for (const packet of lost) this.network.splice(this.network.indexOf(packet), 1)
    return lost
  }

  /** What is on its way and fits, the messages alone. */
  sent<Type extends Message['type']>(
    choice: Choice & { readonly type: Type },
  ): Extract<Message, { readonly type: Type }>[] {
    const packets = this.network.filter((packet) => fits(packet, choice))
    return packets.map(({ message }) => message as Extract<Message, { readonly type: Type }>)
  }

  /** Makes `id` leader with the votes of `by`, and delivers its noop to them. */
  elect(id: NodeId, by: readonly NodeId[] = this.#others(id)): void {
    this.drop()
    // As soon as none of them withholds its vote, and so before their own timeouts, for most.
    for (const voter of by) {
      this.nowMs = Math.max(this.nowMs, this.raft(voter).timers.heardAtMs + BASE_MS)
    }
    this.fire(id, 'election')
    this.settle([id, ...by])
    assert.is(this.raft(id).role, 'leader', `${id} was elected`)
  }

  /** Disks and network work among `nodes` until nothing moves; what goes elsewhere is lost. */
  settle(nodes: readonly NodeId[] = [...this.#members.keys()]): void {
    for (let moved = true; moved; ) {
      moved = false
      for (const id of nodes) if (this.persist(id).length > 0) moved = true
      for (const packet of this.network.splice(0)) {
        if (!nodes.includes(packet.to) || !nodes.includes(packet.from)) continue
        this.receive(packet.to, packet.from, packet.message)
        moved = true
      }
    }
  }

  raise(id: NodeId, request: number, version: number): JournalEffect[] {
    return this.step(id, [{ type: 'raiseVersion', request, version }])
  }

  /** From its next start on the node's build knows so many versions. */
  install(id: NodeId, versions: number): void {
    this.#builds.set(id, replica({ ...journal, versions }))
  }

  /** The node loses its memory and starts again from its disk. */
  restart(id: NodeId): void {
    this.#start(id, this.member(id).disk)
  }

  /** All effects of `id` since the last call. */
  take(id: NodeId): JournalEffect[] {
    return this.member(id).effects.splice(0)
  }

  #others(id: NodeId): NodeId[] {
    return [...this.#members.keys()].filter((other) => other !== id)
  }

  #build(id: NodeId): Replica<Journal, string, Noted> {
    return this.#builds.get(id) ?? machine
  }

  #start(id: NodeId, restored: Restored): void {
    const config = this.configOf(id)
    assert.is(configProblem(config), null)
    const state = deepFreeze(this.#build(id).initial(config, restored, this.nowMs, ++this.#draws))
    const nothing = { writes: [], parked: [], effects: [], wanted: null }
    this.#members.set(id, { state, disk: restored, ...nothing })
  }

  #post(from: NodeId, to: NodeId, message: Message): void {
    this.network.push({ from, to, message })
    this.options.onPost?.({ from, to, message })
  }

  /** A follower applies some entries a turn, and wants the next turn at once. */
  #applyRest(id: NodeId, nowMs: number): JournalEffect[] {
    const { applied, raft } = this.member(id).state
    return applied < raft.commit ? this.step(id, [], nowMs) : []
  }

  #release(id: NodeId): void {
    const member = this.member(id)
    const oldest = member.writes[0]?.id ?? Infinity
    const free = member.parked.filter(({ after }) => after < oldest)
    member.parked = member.parked.filter(({ after }) => after >= oldest)
    for (const { to, message } of free) this.#post(id, to, message)
  }
}

/** What every step keeps, whatever went in. */
export function checkStep(
  before: State,
  after: State,
  effects: readonly JournalEffect[],
): void {
  const persists = only(effects, 'persist')
  assert.ok(persists.length <= 1, 'one persist a turn')
  const appends = only(effects, 'send').filter(({ message }) => {
    return message.type === 'appendRequest' || message.type === 'snapshotRequest'
  })
  const peers = new Set(appends.map(({ to }) => to))
  assert.is(peers.size, appends.length, 'one append a peer and turn')
  for (const { after: id } of only(effects, 'sendAfter')) {
    assert.ok(id < after.raft.nextPersistId, 'waits for no persist that was not issued')
  }
  const answered = only(effects, 'reply').map(({ request }) => request)
  assert.is(new Set(answered).size, answered.length, 'each request is answered once')
  assert.ok(after.raft.term >= before.raft.term, 'the term never falls')
  assert.ok(after.raft.commit >= before.raft.commit, 'the commit index never falls')
  const isBehind = after.applied < after.raft.commit
  if (before.raft.role === 'leader' || after.raft.role === 'leader') {
    assert.not(isBehind, 'a leader has applied all that is committed')
  }
  assert.ok(after.applied <= after.raft.commit, 'only what is committed is applied')
  assert.ok(!isBehind || after.applied > before.applied, 'each turn applies some')
  if (before.raft.vote !== null && after.raft.term === before.raft.term) {
    assert.is(after.raft.vote, before.raft.vote, 'a vote never changes within its term')
  }
  let leader = leaderOf(before.raft)
  for (const { trace } of only(effects, 'trace')) {
    if (trace.type === 'leaderChanged') leader = trace.leader
  }
  assert.is(leader, leaderOf(after.raft), 'no change of the leader goes untold')
  assert.ok(after.raft.log.base.index <= after.raft.commit, 'only what is committed is dropped')
  const isDue = machine.deadlineMs(after) <= after.raft.timers.nowMs
  assert.is(isDue, isBehind, 'no deadline is left behind but for what is still to be applied')
}

function fits(packet: Packet, { type, from, to }: Choice): boolean {
  const { message } = packet
  if (type !== undefined && message.type !== type) return false
  return (from === undefined || packet.from === from) && (to === undefined || packet.to === to)
}
