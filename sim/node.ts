// One simulated machine that runs a replica: it executes effects in order, owns a disk and a
// clock, and can die or stall at any point. The host's duties are those of core/effect.ts.

import type { Effect, SendAfter } from '../core/effect.ts'
import type { Event } from '../core/event.ts'
import { UnknownVersionError } from '../core/invariant.ts'
import type { NodeId } from '../core/raft/config.ts'
import { NOTHING_RESTORED } from '../core/raft/state.ts'
import { versionsOf } from '../core/replica.ts'
import { snapshotParts } from '../core/snapshot-parts.ts'
import type { ReplicaState } from '../core/work.ts'
import type { Recovered } from '../storage/recovery.ts'
import { openLog } from '../storage/write-ahead-log.ts'
import type { LogReport, WriteAheadLog } from '../storage/write-ahead-log.ts'
import { readClockMs, trueTimeUs } from './clock.ts'
import { rotByte, SimulatedDisk } from './disk.ts'
import { DurableView } from './durable.ts'
import { KIND } from './event-queue.ts'
import type { ArmedCrash, Build, NodeParts, Read, Surroundings } from './node-parts.ts'
import { NodeRequests } from './node-requests.ts'
import type { Operation } from './node-requests.ts'
import { NodeSnapshots } from './node-snapshot.ts'
import { loseUnsynced, openReferenceLog } from './reference-log.ts'
import type { ReferenceStore } from './reference-log.ts'
import type { CrashPoint } from './scenario.ts'

/** `source` of a `phase` event that says: this node stalled in the middle of a turn. */
export const STALLED_MID_TURN = 1

const TWO_32 = 0x100000000

/** A turn's time on the processor: what arrives meanwhile goes into the next turn together. */
export const TURN_US = 40

const NOTHING_RECOVERED: Recovered = { ...NOTHING_RESTORED, tornBytes: 0, records: 0 }

const NO_EVENTS: Event[] = []

export class SimulatedNode<State, Command, Reply, MachineEvent extends { readonly type: string }> {
  readonly durable: DurableView
  status: 'up' | 'down' | 'stalled' = 'down'
  state: ReplicaState<State> | null = null
  /** Counts the node's lives: what was scheduled in an earlier one is void. */
  life = 0
  /** Strikes when the node does what it waits for. */
  armed: ArmedCrash | null = null
  /** The fault that will strike the next sync to end. It is the disk's, and outlives a crash. */
  failingSync: number | null = null
  /** The next turn stalls between reading the clock and stepping. */
  stallMidTurn = false
  readonly #parts: NodeParts<State, Command, Reply, MachineEvent>
  readonly #around: Surroundings<State, Reply, MachineEvent>
  readonly #disk: SimulatedDisk
  readonly #store: ReferenceStore = { records: [], durableCount: 0 }
  readonly #encoders = new Map<NodeId, { to: number; encode: (message: never) => unknown }>()
  #build: Build<State, Command, Reply, MachineEvent>
  #log: WriteAheadLog | null = null
  #recovered: Recovered = NOTHING_RECOVERED
  #inbox: Event[] = NO_EVENTS
  #stalledInput: Read | null = null
  #busyUntilUs = 0
  #turnScheduled = false
  #timerAtUs = Infinity
  /** The deadline that the timer was set for, by the node's clock. */
  #timerForMs = Infinity
  #durableId = 0
  #promises: SendAfter[] = []
  readonly #requests: NodeRequests<Reply>
  readonly #snapshots: NodeSnapshots
  readonly #strike: (fault: number) => void

  constructor(
    parts: NodeParts<State, Command, Reply, MachineEvent>,
    around: Surroundings<State, Reply, MachineEvent>,
    strike: (fault: number) => void,
  ) {
    this.#parts = parts
    this.#build = parts.builds[0]
    this.#around = around
    this.#strike = strike
    this.#disk = new SimulatedDisk(() => {
      const atUs = around.timeUs() + around.syncTimeUs(index)
      around.schedule(atUs, KIND.synced, index, this.life, null)
    })
    const { index, members, wire } = parts
    this.#snapshots = new NodeSnapshots(index, around, parts.diskRandom)
    const { node, voters } = parts.config
    this.#requests = new NodeRequests(wire, this.#build.machine, {
      send: (client, payload) => around.send(index, client, payload),
      answered: (request, outcome, isOpen) => around.answered(index, request, outcome, isOpen),
      operated: (request, outcome) => around.operated(index, request, outcome),
    })
    this.durable = new DurableView(voters)
    members.forEach((peer, to) => {
      if (peer !== node) this.#encoders.set(peer, { to, encode: wire.encoder(node, peer) })
    })
  }

  /** What a restart would read. */
  get disk(): Pick<SimulatedDisk, 'list' | 'read'> {
    return this.#disk
  }

  /** What the node's clock shows now, milliseconds. */
  get nowMs(): number {
    return readClockMs(this.#parts.clock, this.#around.timeUs())
  }

  /** How many versions of the machine's rules the build knows that is installed. */
  get versions(): number {
    return versionsOf(this.#build.machine)
  }

  /** Installs the next build, while the process is down. */
  upgrade(): void {
    this.#build = this.#parts.builds[1]
  }

  /** The process starts: reads its disk, and runs once what it read is durable. */
  boot(): void {
    const { config, index, byReference } = this.#parts
    this.life++
    this.status = 'up'
    this.#busyUntilUs = 0
    const report = (said: LogReport): void => this.#onLogReport(said)
    const recovery = byReference
      ? openReferenceLog(this.#disk, this.#store, report)
      : openLog(this.#disk, config, report)
    if (recovery.type !== 'ok') {
      const problem = `found a ${recovery.type} log: ${recovery.reason}`
      this.#around.recovered(index, NOTHING_RECOVERED, problem)
      return
    }
    this.#log = recovery.log
    const { recovered } = recovery
    this.#around.recovered(index, recovered, this.durable.found(recovered))
    this.#recovered = recovered
  }

  /** The process dies; `power`: so does the machine, with what was not synced. */
  crash(power: boolean, torn: boolean): void {
    const { index, diskRandom } = this.#parts
    if (this.state !== null) this.#around.crashing(index, this.state)
    this.life++
    this.status = 'down'
    this.state = null
    this.#log = null
    this.#inbox = NO_EVENTS
    this.#stalledInput = null
    this.stallMidTurn = false
    this.#turnScheduled = false
    this.#timerAtUs = Infinity
    this.#timerForMs = Infinity
    this.#durableId = 0
    this.#promises = []
    this.#requests.clear()
    this.#snapshots.clear()
    this.armed = null
    const result = this.#disk.crash({ power, torn }, diskRandom)
    const lostCount = result.lost + result.torn + (power ? loseUnsynced(this.#store) : 0)
    this.durable.crashed(lostCount > 0)
    this.#around.crashed(index, result.torn)
  }

  /** A byte that is durable changes, where the log can tell; false when there is none. */
  rot(): boolean {
    const hasRotten = rotByte(this.#disk, this.#parts.diskRandom)
    if (hasRotten) this.durable.isRotten = true
    return hasRotten
  }

  /** The process stands still until `resume`. */
  stall(): void {
    if (this.status === 'up') this.status = 'stalled'
  }

  resume(): void {
    this.stallMidTurn = false
    if (this.status !== 'stalled') return
    this.status = 'up'
    const stalled = this.#stalledInput
    this.#stalledInput = null
    if (stalled !== null) this.#step(stalled)
    if (this.status === 'up') this.#wake()
  }

  /** Something arrived from an endpoint: a peer below `members.length`, else a client. */
  receive(from: number, payload: unknown): void {
    if (this.status === 'down') return
    const { wire, members } = this.#parts
    const peer = members[from]
    if (peer !== undefined) {
      const message = wire.readMessage(payload)
      if (message !== null) this.#enqueue({ type: 'received', from: peer, message })
      return
    }
    const asked = wire.readRequest(payload)
    if (asked === null) return
    const request = this.#requests.ofClient(from, asked.request)
    if (asked.read) this.#around.readArrived(this.#parts.index, request)
    const type = asked.read ? 'read' : 'request'
    this.#enqueue({ type, request, payload: asked.payload })
  }

  /** An operator asks something of the node; returns the number of a request that is answered. */
  operate(operation: Operation): number | null {
    if (this.status === 'down' || this.state === null) return null
    if (operation.type === 'forgetLeader' || operation.type === 'snapshotWanted') {
      this.#enqueue(operation)
      return null
    }
    const request = this.#requests.ofOperator()
    this.#enqueue({ ...operation, request })
    return request
  }

  /** Operators give up the changes of members that this node has not begun with. */
  dropMembershipChanges(): void {
    const isOther = ({ type }: Event): boolean => type !== 'changeMembership'
    this.#inbox = this.#inbox.filter(isOther)
    const read = this.#stalledInput
    if (read === null) return
    const events = read.input.events.filter(isOther)
    this.#stalledInput = { readUs: read.readUs, input: { ...read.input, events } }
  }

  /** An operator asks the machine's query of the node; null when there is none. */
  query(): number | null {
    const { query, index } = this.#parts
    if (this.status === 'down' || this.state === null || query === null) return null
    const request = this.#requests.ofOperator()
    this.#around.readArrived(index, request)
    this.#enqueue({ type: 'read', request, payload: query })
    return request
  }

  /** The next step of a snapshot that was begun in that life is due. */
  goOnWithSnapshot(life: number): void {
    if (life === this.life) this.#snapshots.step(this.status === 'up')
  }

  /** A turn that was put off until the processor is free. */
  turn(life: number): void {
    if (life !== this.life) return
    this.#turnScheduled = false
    // Also with an empty inbox: it may be a timer that went off while the processor was busy.
    if (this.status === 'up') this.#takeTurn()
  }

  /** The timer that was set for `atUs` went off. */
  timer(life: number, atUs: number): void {
    if (life !== this.life || atUs !== this.#timerAtUs) return
    this.#timerAtUs = Infinity
    this.#timerForMs = Infinity
    if (this.status === 'up') this.#wake()
  }

  /** The oldest sync ended. */
  synced(life: number): void {
    if (life !== this.life) return
    const { failingSync } = this
    if (failingSync === null) return this.#disk.finishSync()
    this.failingSync = null
    this.#strike(failingSync)
    this.#disk.failSync(this.#parts.diskRandom)
  }

  #onLogReport(report: LogReport): void {
    if (report.type === 'opened') {
      const { config, random, index } = this.#parts
      const { replica } = this.#build
      this.#around.durable(index, this.durable.opened())
      const drawn = random.below(TWO_32)
      const start = () => replica.initial(config, this.#recovered, this.nowMs, drawn)
      this.state = this.#unlessOutdated(start)
      if (this.status === 'up') this.#wake()
      return
    }
    if (report.type === 'failed') return this.crash(false, false)
    if (report.type === 'staged') return this.#snapshots.staged()
    const { index } = this.#parts
    this.#around.durable(index, this.durable.reported(report.id))
    if (this.#strikesAt('synced')) return
    this.#durableId = report.id
    // A stalled process cannot send; what it holds back leaves when it goes on.
    if (this.status === 'up' && !this.#releasePromises()) return
    this.#enqueue({ type: 'persisted', id: report.id })
  }

  #enqueue(event: Event): void {
    // Most turns take one event: a list of one, and not the room that a push makes.
    if (this.#inbox.length === 0) this.#inbox = [event]
    else this.#inbox.push(event)
    if (this.status === 'up' && this.state !== null) this.#wake()
  }

  /** Takes a turn now, or when the processor is free. */
  #wake(): void {
    if (this.#turnScheduled) return
    const nowUs = this.#around.timeUs()
    if (nowUs >= this.#busyUntilUs) {
      this.#takeTurn()
      return
    }
    this.#turnScheduled = true
    const { index } = this.#parts
    this.#around.schedule(this.#busyUntilUs, KIND.turn, index, this.life, null)
  }

  #takeTurn(): void {
    const { state } = this
    if (state === null || !this.#releasePromises()) return
    const { random, index } = this.#parts
    const nowMs = this.nowMs
    if (this.#inbox.length === 0 && this.#build.replica.deadlineMs(state) > nowMs) {
      this.#setTimer()
      return
    }
    const events = this.#inbox
    this.#inbox = NO_EVENTS
    const readUs = this.#around.timeUs()
    const read = { input: { now: nowMs, random: random.below(TWO_32), events }, readUs }
    this.#busyUntilUs = readUs + TURN_US
    if (this.stallMidTurn) {
      this.#stalledInput = read
      this.status = 'stalled'
      this.#around.schedule(readUs, KIND.phase, index, STALLED_MID_TURN, null)
      return
    }
    this.#step(read)
  }

  #step({ input, readUs }: Read): void {
    const { index } = this.#parts
    const { replica } = this.#build
    const before = this.state as ReplicaState<State>
    const turn = this.#unlessOutdated(() => replica.step(before, input))
    if (turn === null) return
    const [after, effects] = turn
    this.state = after
    this.#around.stepped({ node: index, readUs, before, after, input, effects })
    let persisted = false
    for (const effect of effects) {
      if (effect.type === 'persist') persisted = true
      if (!this.#execute(effect)) return
    }
    if (persisted) this.#log?.sync()
    this.#setTimer()
  }

  /** What `run` gives; null when the node had to stop, since others go by rules it lacks. */
  #unlessOutdated<Result>(run: () => Result): Result | null {
    try {
      return run()
    } catch (error) {
      if (!(error instanceof UnknownVersionError)) throw error
      this.crash(false, false)
      this.#around.outdated(this.#parts.index)
      return null
    }
  }

  /** Executes one effect; false when the node died of it. */
  #execute(effect: Effect<Reply, MachineEvent>): boolean {
    const { index } = this.#parts
    switch (effect.type) {
      case 'persist':
        this.durable.issue(effect)
        this.#log?.append(effect)
        this.#snapshots.appended(effect)
        return !this.#strikesAt('persist')
      case 'send': {
        const link = this.#encoders.get(effect.to)
        if (link === undefined) return true
        const isOnce = effect.message.type === 'forwardRequest'
        this.#around.send(index, link.to, link.encode(effect.message as never), isOnce)
        return true
      }
      case 'sendAfter':
        if (effect.after <= this.#durableId) return this.#sendPromise(effect)
        this.#promises.push(effect)
        return true
      case 'reply':
        this.#requests.answer(effect, (this.state as ReplicaState<State>).raft)
        return true
      case 'trace':
        if (effect.trace.type !== 'becameLeader') return true
        this.#around.won(index)
        return !this.#strikesAt('won')
      case 'takeSnapshot':
        this.#takeSnapshot(effect.index)
        return true
      case 'applied':
        return true
    }
  }

  #takeSnapshot(index: number): void {
    const { machine } = this.state as ReplicaState<State>
    const parts = snapshotParts(this.#build.machine, machine)
    this.#snapshots.begin(this.life, index, parts, this.#log as WriteAheadLog, (bytes) => {
      this.#enqueue({ type: 'snapshotTaken', index, bytes })
    })
  }

  /** Sends what is durable by now; false when the node died of it. */
  #releasePromises(): boolean {
    for (;;) {
      const first = this.#promises[0]
      if (first === undefined || first.after > this.#durableId) return true
      this.#promises.shift()
      if (!this.#sendPromise(first)) return false
    }
  }

  #sendPromise(effect: SendAfter): boolean {
    const link = this.#encoders.get(effect.to)
    if (link === undefined) return true
    const { index } = this.#parts
    this.#around.leaves(index, effect)
    this.#around.send(index, link.to, link.encode(effect.message as never))
    const { message } = effect
    if (message.type === 'voteReply' && message.granted) return !this.#strikesAt('voted')
    return message.type !== 'appendAccepted' || !this.#strikesAt('acknowledged')
  }

  #strikesAt(point: CrashPoint): boolean {
    const { armed } = this
    if (armed === null || armed.point !== point) return false
    this.#strike(armed.fault)
    return true
  }

  #setTimer(): void {
    const { state } = this
    if (state === null) return
    const { clock, index } = this.#parts
    const deadlineMs = this.#build.replica.deadlineMs(state)
    if (deadlineMs >= this.#timerForMs) return
    // An earlier timer finds the deadline moved, and sets itself anew.
    // A stall may lie between the clock's reading and now.
    const leastUs = Math.max(this.#busyUntilUs, this.#around.timeUs())
    const atUs = Math.max(trueTimeUs(clock, deadlineMs), leastUs)
    this.#timerAtUs = atUs
    this.#timerForMs = deadlineMs
    this.#around.schedule(atUs, KIND.timer, index, this.life, null)
  }
}
