// Carries out the schedule of faults: begins and ends each one, resolves whom it means, and heals
// everything when the fire ends.

import type { LoggedMembership, RaftState } from '../core/raft/state.ts'
import { KIND } from './event-queue.ts'
import type { Kind } from './event-queue.ts'
import type { SimulatedNetwork } from './network.ts'
import { isMajorityOf } from './majority.ts'
import { STALLED_MID_TURN } from './node.ts'
import type { Operation } from './node-requests.ts'
import type { Streams } from './random.ts'
import type { CrashPoint, Endpoint, Fault, FaultKind, Scenario, Target } from './scenario.ts'

/** A node, as far as faults reach into it. */
interface FaultyNode {
  readonly life: number
  readonly versions: number
  readonly status: 'up' | 'down' | 'stalled'
  readonly state: { readonly raft: Pick<RaftState, 'role' | 'term' | 'memberships'> } | null
  readonly durable: {
    readonly memberships: readonly LoggedMembership[]
    readonly isWhole: boolean
  }
  armed: { readonly point: CrashPoint; readonly fault: number } | null
  failingSync: number | null
  stallMidTurn: boolean
  boot(): void
  crash(power: boolean, torn: boolean): void
  stall(): void
  resume(): void
  operate(operation: Operation): number | null
  dropMembershipChanges(): void
  rot(): boolean
  upgrade(): void
}

/** What the injector works on. */
export interface InjectorHost {
  readonly nodes: readonly FaultyNode[]
  readonly names: readonly string[]
  readonly clients: readonly { pause(): void; resume(): void }[]
  readonly network: SimulatedNetwork
  /** How many versions of the machine's rules the newest build knows that is ever installed. */
  readonly versions: number
  timeUs(): number
  schedule(timeUs: number, kind: Kind, target: number, source: number, payload: unknown): void
  fired(kind: FaultKind): void
  /** Counts that something worth reaching was reached. */
  probe(name: string): void
  trace(who: string, what: string): void
}

/** How long a node is down that had to stop until it had a newer build, milliseconds. */
const OUTDATED_MS = 200

/** With fewer entries a snapshot the log is said to be compacted on purpose. */
const COMPACTION_ENTRIES_MAX = 1_000

export class FaultInjector {
  readonly #scenario: Scenario<unknown>
  readonly #host: InjectorHost
  /** For each node, what its syncs take longer, and the fault that will stall it in a turn. */
  readonly #slowUs: number[]
  readonly #stallForMs: number[]
  /** For each fault that began: the node it was resolved to. */
  readonly #resolved = new Map<number, number>()
  /** Faults that wait for the next node to win an election. */
  #waitingForWinner: number[] = []
  #dead: ReadonlySet<number> = new Set()
  #healed = false

  constructor(scenario: Scenario<unknown>, host: InjectorHost) {
    this.#scenario = scenario
    this.#host = host
    this.#slowUs = Array.from({ length: scenario.nodes + scenario.spares }, () => 0)
    this.#stallForMs = Array.from({ length: scenario.nodes + scenario.spares }, () => 0)
  }

  /** Puts the schedule into the queue. */
  start(): void {
    const { faults, clocks, nodes, spares } = this.#scenario
    if (this.#scenario.snapshotEntriesMin < COMPACTION_ENTRIES_MAX) this.#host.fired('compaction')
    faults.forEach((fault, index) => {
      this.#host.schedule(fault.atMs * 1_000, KIND.faultBegins, -1, index, null)
    })
    clocks.forEach((clock, at) => {
      if (at < nodes + spares && clock.offsetMs !== 0) this.#host.fired('skew')
      if (at < nodes + spares && clock.driftPpm !== 0) this.#host.fired('drift')
    })
  }

  /** How long the next sync of a node takes. */
  syncTimeUs(node: number, streams: Streams): number {
    const { syncMinUs, syncMaxUs } = this.#scenario
    const slowUs = this.#slowUs[node] as number
    if (slowUs > 0) this.#host.fired('slowdisk')
    return slowUs + streams.stream(`sync/${node}`).between(syncMinUs, syncMaxUs)
  }

  handle(kind: Kind, target: number, source: number): void {
    if (kind === KIND.phase) return this.#onStalled(target, source)
    if (kind === KIND.restart) return this.#restart(target)
    if (kind === KIND.resume) {
      const node = this.#host.nodes[target]
      if (node?.life === source) node.resume()
      return
    }
    const fault = this.#scenario.faults[source]
    if (fault === undefined || this.#healed) return
    if (kind === KIND.faultBegins) this.#begin(fault, source)
    else this.#end(fault, source)
  }

  /** A crash that waited for its point strikes, or an error that waited for a sync. */
  strike(node: number, fault: number): void {
    const what = this.#scenario.faults[fault]
    if (what?.type === 'crash') this.#crash(node, what)
    else if (what?.type === 'syncerror') {
      this.#host.fired('syncerror')
      this.#host.trace(`n${node}`, 'a sync fails')
      this.#restartIn(what.forMs, node)
    }
  }

  /** A node had to stop, since it did not know the rules by which the group goes. */
  outdated(at: number): void {
    this.#host.probe('stopped by rules that it lacks')
    this.#host.trace(`n${at}`, 'stops: it lacks rules by which the others go')
    this.#node(at).upgrade()
    this.#restartIn(OUTDATED_MS, at)
  }

  /** A node has won an election, and has told nobody yet. */
  won(node: number): void {
    const index = this.#waitingForWinner.shift()
    const fault = index === undefined ? undefined : this.#scenario.faults[index]
    if (index === undefined || fault === undefined || this.#healed) return
    const { network, schedule, timeUs, trace } = this.#host
    network.begin(index, fault, [node])
    trace('net', `isolate: n${node} for ${fault.forMs} ms`)
    schedule(timeUs() + fault.forMs * 1_000, KIND.faultEnds, -1, index, null)
  }

  /** Everything ends; nodes that are dead for good go down and are cut off. */
  heal(): void {
    this.#healed = true
    // Else members could change to such as have just died.
    for (const node of this.#host.nodes) node.dropMembershipChanges()
    const dead = this.#chooseDead()
    this.#dead = dead
    this.#host.network.heal(dead)
    this.#slowUs.fill(0)
    for (const client of this.#host.clients) client.resume()
    this.#host.nodes.forEach((node, index) => {
      node.armed = null
      node.failingSync = null
      if (dead.has(index)) {
        if (node.status !== 'down') node.crash(true, false)
        return
      }
      // Whoever was not reached by the rolling restart is now.
      if (node.versions < this.#host.versions) {
        if (node.status !== 'down') node.crash(false, false)
        node.upgrade()
      }
      if (node.status === 'down') node.boot()
      else node.resume()
    })
  }

  /** Whether a node stays dead after the heal. */
  isDead(node: number): boolean {
    return this.#dead.has(node)
  }

  /** Those of the scenario that no configuration needs for a majority that has lost nothing. */
  #chooseDead(): ReadonlySet<number> {
    const dead = new Set<number>()
    for (const node of this.#scenario.dead) {
      dead.add(node)
      if (!this.#hasMajorities(dead)) dead.delete(node)
    }
    return dead
  }

  /** Whether each configuration in any log has a majority without `missing` and the damaged. */
  #hasMajorities(missing: ReadonlySet<number>): boolean {
    const { nodes, names } = this.#host
    const counts = (name: string): boolean => {
      const at = names.indexOf(name)
      return !missing.has(at) && this.#node(at).durable.isWhole
    }
    const all = nodes.flatMap(({ state, durable }) => {
      return [...durable.memberships, ...(state?.raft.memberships ?? [])]
    })
    return all.every(({ membership }) => isMajorityOf(membership, counts))
  }

  #beginRot(fault: Extract<Fault, { readonly type: 'rot' }>): void {
    if (this.#scenario.faults.some(({ type }) => type === 'membership')) return
    const at = this.#resolve(fault.node)
    const node = this.#node(at)
    // One that is down may not have read yet what an earlier loss left.
    if (node.status !== 'up' || !this.#hasMajorities(new Set([at])) || !node.rot()) return
    this.#host.fired('rot')
    this.#host.trace(`n${at}`, 'its disk loses a byte')
    node.crash(false, false)
    this.#restartIn(fault.forMs, at)
  }

  #begin(fault: Fault, index: number): void {
    const { schedule, network, timeUs } = this.#host
    const untilUs = timeUs() + fault.forMs * 1_000
    switch (fault.type) {
      case 'crash':
        return this.#beginCrash(fault, index)
      case 'syncerror':
        // It waits for a sync, and the node is down for as long as it lasts.
        this.#node(this.#resolve(fault.node)).failingSync = index
        return
      case 'pause':
        return this.#beginPause(fault)
      case 'isolate':
        this.#waitingForWinner.push(index)
        return
      case 'clientpause':
        this.#host.fired('clientpause')
        this.#host.clients[fault.client]?.pause()
        this.#host.trace(`c${fault.client}`, `pauses for ${fault.forMs} ms`)
        break
      case 'slowdisk': {
        const node = this.#resolve(fault.node)
        this.#resolved.set(index, node)
        this.#slowUs[node] = (this.#slowUs[node] as number) + fault.addUs
        this.#host.trace(`n${node}`, `syncs take ${fault.addUs / 1_000} ms longer`)
        break
      }
      case 'partition':
      case 'oneway': {
        const side = [...fault.side]
        const leader = this.#resolve('leader')
        if (fault.withLeader && !side.includes(leader)) side.push(leader)
        network.begin(index, fault, side)
        this.#host.trace('net', `${fault.type}: ${this.#name(side)} for ${fault.forMs} ms`)
        break
      }
      case 'rot':
        return this.#beginRot(fault)
      case 'membership':
        this.#host.fired('membership')
        this.#operate(this.#resolve('leader'), this.#changeOf(fault))
        if (fault.explicit) break
        return
      case 'transfer':
        this.#host.fired('transfer')
        return this.#operate(this.#resolve('leader'), {
          type: 'transferLeadership',
          to: this.#host.names[fault.to] as string,
        })
      case 'upgrade':
        return this.#upgrade(fault)
      case 'raise':
        this.#host.fired('raise')
        return this.#operate(this.#resolve('leader'), {
          type: 'raiseVersion',
          version: this.#host.versions,
        })
      case 'forget':
        this.#host.fired('forget')
        return this.#operate(fault.node, { type: 'forgetLeader' })
      case 'partial': {
        const a = this.#resolve(fault.a)
        const b = fault.b === a ? (a + 1) % this.#host.nodes.length : fault.b
        if (a === b) return
        const side = [a, b]
        network.begin(index, fault, side)
        this.#host.trace('net', `partial: ${this.#name(side)} for ${fault.forMs} ms`)
        break
      }
      default:
        network.begin(index, fault, [])
    }
    schedule(untilUs, KIND.faultEnds, -1, index, null)
  }

  #operate(at: number, operation: Operation): void {
    this.#node(at).operate(operation)
  }

  #changeOf(fault: Extract<Fault, { readonly type: 'membership' }>): Operation {
    const named = (nodes: readonly number[]): readonly string[] =>
      nodes.map((node) => this.#host.names[node] as string)
    const [voters, learners] = [named(fault.voters), named(fault.learners)]
    const change = { type: 'change', voters, learners, autoLeave: !fault.explicit } as const
    return { type: 'changeMembership', change }
  }

  #end(fault: Fault, index: number): void {
    if (fault.type === 'membership') {
      const change = { type: 'leave' } as const
      this.#operate(this.#resolve('leader'), { type: 'changeMembership', change })
    } else if (fault.type === 'clientpause') {
      this.#host.clients[fault.client]?.resume()
      this.#host.trace(`c${fault.client}`, 'goes on')
    } else if (fault.type === 'slowdisk') {
      const node = this.#resolved.get(index) as number
      this.#slowUs[node] = (this.#slowUs[node] as number) - fault.addUs
    } else {
      this.#host.network.end(index)
      if ('side' in fault || fault.type === 'partial' || fault.type === 'isolate') {
        this.#host.trace('net', `the ${fault.type} ends`)
      }
    }
  }

  #beginCrash(fault: Extract<Fault, { readonly type: 'crash' }>, index: number): void {
    const at = this.#resolve(fault.node)
    if (fault.point === 'now') this.#crash(at, fault)
    else this.#node(at).armed = { point: fault.point, fault: index }
  }

  #crash(at: number, fault: Extract<Fault, { readonly type: 'crash' }>): void {
    const node = this.#node(at)
    if (node.status === 'down') return
    this.#host.fired('crash')
    node.crash(fault.power, fault.torn)
    this.#restartIn(fault.forMs, at)
  }

  #upgrade({ node: at, forMs }: Extract<Fault, { readonly type: 'upgrade' }>): void {
    const node = this.#node(at)
    this.#host.fired('upgrade')
    this.#host.trace(`n${at}`, 'is upgraded')
    // One that is down comes back as it would have, of the new build.
    if (node.status !== 'down') {
      node.crash(false, false)
      this.#restartIn(forMs, at)
    }
    node.upgrade()
  }

  #restartIn(forMs: number, at: number): void {
    this.#host.schedule(this.#host.timeUs() + forMs * 1_000, KIND.restart, at, 0, null)
  }

  #restart(at: number): void {
    if (this.#healed && this.#dead.has(at)) return
    const node = this.#node(at)
    if (node.status === 'down') node.boot()
  }

  #beginPause(fault: Extract<Fault, { readonly type: 'pause' }>): void {
    const at = this.#resolve(fault.node)
    const node = this.#node(at)
    if (node.status !== 'up') return
    if (fault.midTurn) {
      node.stallMidTurn = true
      this.#stallForMs[at] = fault.forMs
      return
    }
    node.stall()
    this.#stalled(at, fault.forMs, 'stalls')
  }

  #onStalled(at: number, source: number): void {
    if (source !== STALLED_MID_TURN || this.#host.nodes[at]?.status !== 'stalled') return
    this.#stalled(at, this.#stallForMs[at] as number, 'stalls between its clock and its step')
  }

  #stalled(at: number, forMs: number, how: string): void {
    this.#host.fired('pause')
    this.#host.trace(`n${at}`, `${how} for ${forMs} ms`)
    const { schedule, timeUs } = this.#host
    const { life } = this.#node(at)
    schedule(timeUs() + forMs * 1_000, KIND.resume, at, life, null)
  }

  #node(at: number): FaultyNode {
    return this.#host.nodes[at] as FaultyNode
  }

  #resolve(target: Target): number {
    if (target !== 'leader') return target
    let found = 0
    let term = -1
    this.#host.nodes.forEach((node, at) => {
      if (node.state?.raft.role !== 'leader' || node.state.raft.term <= term) return
      found = at
      term = node.state.raft.term
    })
    return found
  }

  #name(side: readonly Endpoint[]): string {
    const members = this.#host.nodes.length
    return side.map((at) => (at < members ? `n${at}` : `c${at - members}`)).join(' ')
  }
}
