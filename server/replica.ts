// The host of one replica: it brings events in, runs turns, and executes what they ask for, on a
// disk and a transport that are given. It decides nothing; its duties are those of core/effect.ts.
//
// A turn runs once the event loop has delivered all that is there, so one turn takes in many
// messages, makes one record of the log, and its messages leave together. The clock is read after
// the last event is dequeued. What a leader is asked for while its disk syncs waits for the end of
// that: only then could its own record be written, and more of them are carried by one.

import type { Effect, Outcome, SendAfter, TraceEvent } from '../core/effect.ts'
import type { Event, Input } from '../core/event.ts'
import { invariant, UnknownVersionError } from '../core/invariant.ts'
import type { Machine } from '../core/machine.ts'
import { configProblem } from '../core/raft/config.ts'
import type { Config, NodeId } from '../core/raft/config.ts'
import type { MembershipChange } from '../core/raft/membership.ts'
import type { Message } from '../core/raft/message.ts'
import { leaderOf } from '../core/raft/state.ts'
import { replica } from '../core/replica.ts'
import type { Replica } from '../core/replica.ts'
import { snapshotParts } from '../core/snapshot-parts.ts'
import { statusOf } from '../core/status.ts'
import type { ReplicaStatus } from '../core/status.ts'
import type { ReplicaState } from '../core/work.ts'
import type { Disk } from '../storage/disk.ts'
import type { Recovered } from '../storage/recovery.ts'
import { SnapshotWork } from '../storage/snapshot-work.ts'
import { openLog } from '../storage/write-ahead-log.ts'
import type { LogReport, WriteAheadLog } from '../storage/write-ahead-log.ts'
import { decodeFrame, frameEncoder } from '../transports/codec.ts'
import type { Transport } from '../transports/transport.ts'
import { ReplicaError } from './replica-error.ts'
import { systemTime } from './time.ts'
import type { Cancel, Time } from './time.ts'

/** What a replica is made of. */
export interface ReplicaOptions<
  State,
  Command,
  Reply,
  MachineEvent extends { readonly type: string },
> {
  readonly machine: Machine<State, Command, Reply, MachineEvent>
  /** Who it is, who founded its group, timeouts and caps. */
  readonly config: Config
  /** Carries messages to the other members. The replica opens it, and closes it when it stops. */
  readonly transport: Transport
  readonly disk: Disk
  /** Clock, chance and timers; the system's when left out. */
  readonly time?: Time
  /** Told of what the consensus does, for logs and metrics. It must not throw. */
  readonly onTrace?: (trace: TraceEvent) => void
  /** Told of every command that was applied, in order, with its events. It must not throw. */
  readonly onApplied?: (applied: AppliedCommand<Reply, MachineEvent>) => void
}

/** One entry that was applied, as watchers see it. */
export type AppliedCommand<Reply, MachineEvent> = Extract<
  Effect<Reply, MachineEvent>,
  { type: 'applied' }
>

/** Why a replica runs no more. */
export type StopReason =
  | { readonly type: 'closed' }
  /** A sync of the disk failed: what was not acknowledged may be lost. Start the process anew. */
  | { readonly type: 'diskFailed'; readonly error: Error }
  /**
   * The group goes by newer rules than this build's machine knows. Nothing is lost: start a newer
   * build on the same disk.
   */
  | { readonly type: 'unknownVersion'; readonly error: Error }
  /** A rule that can never be broken was broken: do not start it again before it is looked at. */
  | { readonly type: 'broken'; readonly error: Error }

/** A replica that runs. All its methods may be called at any time, also after it has stopped. */
export interface RunningReplica<State, Command, Reply> {
  readonly config: Config
  /** What the disk held at the start. */
  readonly recovered: Recovered
  /** Resolves when it has stopped, for whatever reason. */
  readonly stopped: Promise<StopReason>
  /** Asks for a command, linearizably, durably. `unknown`: it may have happened, or happen yet. */
  propose(command: Command): Promise<Outcome<Reply>>
  /** Asks a query, linearizably, without the log. */
  read(query: Command): Promise<Outcome<Reply>>
  /**
   * The same for an encoded command (`request`) or query (`read`). `done` is called exactly once,
   * never within this call, and must not throw.
   */
  ask(
    type: 'request' | 'read',
    payload: Uint8Array,
    done: (outcome: Outcome<Reply>) => void,
  ): void
  /** Answers a query from this node's own state, which may be old; null: none can be. */
  readStale(query: Command): Reply | null
  changeMembership(change: MembershipChange): Promise<Outcome<Reply>>
  transferLeadership(to: NodeId): Promise<Outcome<Reply>>
  /**
   * Asks that the machine go by that version of its rules: `changed` once it does everywhere that
   * the entry was applied, `refused` while a member is not known to have a build that knows it.
   */
  raiseVersion(version: number): Promise<Outcome<Reply>>
  /** Asks for a snapshot now, however little was applied since the last. */
  takeSnapshot(): void
  status(): ReplicaStatus
  /** Who leads, as far as this node knows; itself, if it does. Cheap, unlike `status`. */
  leader(): NodeId | null
  /** The machine's state as of now, and its clock. */
  state(): { readonly machine: State; readonly applied: number; readonly clockMs: number }
  /** Stops it: what is unanswered is answered `unknown`. Resolves with `stopped`. */
  close(): Promise<StopReason>
}

/**
 * Starts a replica: reads its disk, opens its transport, and resolves once what it read is durable.
 *
 * @throws ReplicaError `badConfig`, `corruptLog`, `foreignLog`, `diskFailed`, or `unknownVersion`
 * where the snapshot on disk is of rules that `machine` does not know; and whatever opening the
 * transport rejects with.
 */
export async function startReplica<
  State,
  Command,
  Reply,
  MachineEvent extends { readonly type: string },
>(
  options: ReplicaOptions<State, Command, Reply, MachineEvent>,
): Promise<RunningReplica<State, Command, Reply>> {
  const problem = configProblem(options.config)
  if (problem !== null) throw new ReplicaError('badConfig', `cannot start a replica: ${problem}`)
  const host = new ReplicaHost(options)
  await host.open()
  return host
}

const NO_EVENTS: readonly Event[] = []

class ReplicaHost<State, Command, Reply, MachineEvent extends { readonly type: string }>
  implements RunningReplica<State, Command, Reply>
{
  readonly config: Config
  readonly stopped: Promise<StopReason>
  readonly #options: ReplicaOptions<State, Command, Reply, MachineEvent>
  readonly #replica: Replica<State, Reply, MachineEvent>
  readonly #time: Time
  readonly #encoders = new Map<NodeId, (message: Message) => Uint8Array>()
  readonly #requests = new Map<number, (outcome: Outcome<Reply>) => void>()
  #resolveStopped: (reason: StopReason) => void = () => undefined
  #log: WriteAheadLog | null = null
  #recovered: Recovered | null = null
  #state: ReplicaState<State> | null = null
  #stopReason: StopReason | null = null
  #inbox: Event[] = []
  /** Requests that came while a leader's disk syncs. */
  #held: Event[] = []
  #appendedId = 0
  #isTurnScheduled = false
  #nextRequest = 0
  #durableId = 0
  #promises: SendAfter[] = []
  #snapshot: SnapshotWork | null = null
  #timer: Cancel | null = null
  #timerForMs = Infinity

  constructor(options: ReplicaOptions<State, Command, Reply, MachineEvent>) {
    this.#options = options
    this.config = options.config
    this.#replica = replica(options.machine)
    this.#time = options.time ?? systemTime
    this.stopped = new Promise((resolve) => {
      this.#resolveStopped = resolve
    })
  }

  async open(): Promise<void> {
    const { transport } = this.#options
    await this.#openLog()
    await transport.open({ received: (from, frame) => this.#received(from, frame) })
    const { now, random } = this.#time
    try {
      this.#state = this.#replica.initial(this.config, this.recovered, now(), random())
    } catch (error) {
      if (!(error instanceof UnknownVersionError)) throw error
      this.#stop({ type: 'unknownVersion', error })
      await this.stopped
      throw new ReplicaError('unknownVersion', error.message, error)
    }
    this.#wake()
  }

  get recovered(): Recovered {
    invariant(this.#recovered !== null, 'host: asked before it was started')
    return this.#recovered
  }

  propose(command: Command): Promise<Outcome<Reply>> {
    const payload = this.#options.machine.encodeCommand(command)
    return new Promise((resolve) => this.ask('request', payload, resolve))
  }

  read(query: Command): Promise<Outcome<Reply>> {
    const payload = this.#options.machine.encodeCommand(query)
    return new Promise((resolve) => this.ask('read', payload, resolve))
  }

  ask(
    type: 'request' | 'read',
    payload: Uint8Array,
    done: (outcome: Outcome<Reply>) => void,
  ): void {
    this.#request(done, (request) => ({ type, request, payload }))
  }

  readStale(query: Command): Reply | null {
    const { machine, clockMs } = this.state()
    return this.#options.machine.query(machine, query, clockMs)
  }

  changeMembership(change: MembershipChange): Promise<Outcome<Reply>> {
    return this.#operator((request) => ({ type: 'changeMembership', request, change }))
  }

  transferLeadership(to: NodeId): Promise<Outcome<Reply>> {
    return this.#operator((request) => ({ type: 'transferLeadership', request, to }))
  }

  raiseVersion(version: number): Promise<Outcome<Reply>> {
    return this.#operator((request) => ({ type: 'raiseVersion', request, version }))
  }

  takeSnapshot(): void {
    this.#enqueue({ type: 'snapshotWanted' })
  }

  status(): ReplicaStatus {
    return statusOf(this.#running())
  }

  leader(): NodeId | null {
    return leaderOf(this.#running().raft)
  }

  state(): { readonly machine: State; readonly applied: number; readonly clockMs: number } {
    const { machine, applied, clockMs } = this.#running()
    return { machine, applied, clockMs }
  }

  close(): Promise<StopReason> {
    this.#stop({ type: 'closed' })
    return this.stopped
  }

  #running(): ReplicaState<State> {
    invariant(this.#state !== null, 'host: asked before it was started')
    return this.#state
  }

  /** Resolves once what the log holds is durable. */
  #openLog(): Promise<void> {
    return new Promise((resolve, reject) => {
      const report = (said: LogReport): void => {
        if (said.type === 'opened') return resolve()
        if (said.type === 'persisted') return this.#persisted(said.id)
        if (said.type === 'staged') return this.#snapshot?.staged()
        const { error } = said
        this.#stop({ type: 'diskFailed', error })
        reject(new ReplicaError('diskFailed', `the disk failed: ${error.message}`, error))
      }
      const recovery = openLog(this.#options.disk, this.config, report)
      if (recovery.type !== 'ok') {
        const code = recovery.type === 'corrupt' ? 'corruptLog' : 'foreignLog'
        reject(new ReplicaError(code, `the log cannot be used: ${recovery.reason}`))
        return
      }
      this.#log = recovery.log
      this.#recovered = recovery.recovered
    })
  }

  #received(from: NodeId, bytes: Uint8Array): void {
    const decoded = decodeFrame(bytes)
    if (decoded.type !== 'frame') return
    const { frame } = decoded
    const { cluster, group, node } = this.config
    if (frame.cluster !== cluster || frame.group !== group) return
    if (frame.to !== node || frame.from !== from) return
    this.#enqueue({ type: 'received', from, message: frame.message })
  }

  #operator(event: (request: number) => Event): Promise<Outcome<Reply>> {
    return new Promise((resolve) => this.#request(resolve, event))
  }

  #request(done: (outcome: Outcome<Reply>) => void, event: (request: number) => Event): void {
    if (this.#stopReason !== null) {
      // Nothing was begun, and nobody else is known: as good as a node that knows no leader.
      this.#time.soon(() => done({ type: 'notLeader', leader: null }))
      return
    }
    const request = this.#nextRequest++
    this.#requests.set(request, done)
    const asked = event(request)
    const isHeld = this.#durableId < this.#appendedId && this.leader() === this.config.node
    if (asked.type === 'request' && isHeld) this.#held.push(asked)
    else this.#enqueue(asked)
  }

  #enqueue(event: Event): void {
    if (this.#stopReason !== null) return
    this.#inbox.push(event)
    this.#wake()
  }

  #wake(): void {
    if (this.#isTurnScheduled || this.#state === null || this.#stopReason !== null) return
    this.#isTurnScheduled = true
    this.#time.soon(() => this.#turn())
  }

  #turn(): void {
    this.#isTurnScheduled = false
    const state = this.#state
    if (state === null || this.#stopReason !== null) return
    const events = this.#inbox.length === 0 ? NO_EVENTS : this.#inbox
    this.#inbox = []
    const input: Input = { now: this.#time.now(), random: this.#time.random(), events }
    if (events.length > 0 || this.#replica.deadlineMs(state) <= input.now) {
      try {
        this.#step(state, input)
      } catch (error) {
        const type = error instanceof UnknownVersionError ? 'unknownVersion' : 'broken'
        this.#stop({ type, error: error as Error })
        return
      }
    }
    this.#setTimer(input.now)
  }

  #step(before: ReplicaState<State>, input: Input): void {
    const [state, effects] = this.#replica.step(before, input)
    this.#state = state
    let isPersisting = false
    for (const effect of effects) {
      if (effect.type === 'persist') isPersisting = true
      this.#execute(effect)
    }
    if (isPersisting) this.#log?.sync()
    // Another leads, and its disk may be in better health.
    if (this.#held.length > 0 && this.leader() !== this.config.node) this.#release()
    this.#options.transport.flush()
  }

  #execute(effect: Effect<Reply, MachineEvent>): void {
    switch (effect.type) {
      case 'persist':
        this.#appendedId = effect.id
        this.#log?.append(effect)
        this.#snapshot?.appended(effect)
        return
      case 'send':
        this.#send(effect.to, effect.message)
        return
      case 'sendAfter':
        if (effect.after <= this.#durableId) this.#send(effect.to, effect.message)
        else this.#promises.push(effect)
        return
      case 'reply': {
        const done = this.#requests.get(effect.request)
        this.#requests.delete(effect.request)
        done?.(effect.outcome)
        return
      }
      case 'applied':
        this.#options.onApplied?.(effect)
        return
      case 'trace':
        this.#options.onTrace?.(effect.trace)
        return
      case 'takeSnapshot':
        this.#takeSnapshot(effect.index)
    }
  }

  /** A little at a time: what has come meanwhile goes first. */
  #takeSnapshot(index: number): void {
    const parts = snapshotParts(this.#options.machine, this.#running().machine)
    const soon = (): void => this.#time.soon(() => this.#snapshot?.step())
    const taken = (bytes: Uint8Array) => this.#enqueue({ type: 'snapshotTaken', index, bytes })
    this.#snapshot = new SnapshotWork(parts, this.#log as WriteAheadLog, { index, soon, taken })
  }

  #send(to: NodeId, message: Message): void {
    let encode = this.#encoders.get(to)
    if (encode === undefined) {
      const { cluster, group, node } = this.config
      encode = frameEncoder({ cluster, group, from: node, to })
      this.#encoders.set(to, encode)
    }
    this.#options.transport.send(to, encode(message))
  }

  /** What waited for this leaves at once; the replica hears of it in its next turn. */
  #persisted(id: number): void {
    if (this.#stopReason !== null) return
    this.#durableId = id
    const count = this.#promises.findIndex(({ after }) => after > id)
    const ready = this.#promises.splice(0, count === -1 ? this.#promises.length : count)
    for (const { to, message } of ready) this.#send(to, message)
    if (ready.length > 0) this.#options.transport.flush()
    this.#enqueue({ type: 'persisted', id })
    this.#release()
  }

  #release(): void {
    for (const asked of this.#held.splice(0)) this.#enqueue(asked)
  }

  /** An earlier timer than needed stays: it finds the deadline moved, and sets itself anew. */
  #setTimer(now: number): void {
    if (this.#state === null || this.#stopReason !== null) return
    const deadlineMs = this.#replica.deadlineMs(this.#state)
    if (deadlineMs <= now) return this.#wake()
    if (deadlineMs >= this.#timerForMs) return
    this.#timer?.()
    this.#timerForMs = deadlineMs
    this.#timer = this.#time.at(deadlineMs, () => {
      this.#timer = null
      this.#timerForMs = Infinity
      this.#wake()
    })
  }

  #stop(reason: StopReason): void {
    if (this.#stopReason !== null) return
    this.#stopReason = reason
    this.#timer?.()
    this.#timer = null
    this.#inbox = []
    this.#held = []
    this.#promises = []
    this.#snapshot = null
    const open = [...this.#requests.values()]
    this.#requests.clear()
    for (const done of open) this.#time.soon(() => done({ type: 'unknown' }))
    const resolve = (): void => this.#resolveStopped(reason)
    this.#options.transport.close().then(resolve, resolve)
  }
}
