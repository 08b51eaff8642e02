// The simulated world of one run: the event loop, the nodes and clients in it, the faults that
// begin and end, and what is looked at on the way. One thread, no promises, no clock but its own.

import type { Operation } from '../checker/history.ts'
import { canonical } from '../core/canonical.ts'
import type { Outcome } from '../core/effect.ts'
import { InvariantError } from '../core/invariant.ts'
import type { Machine } from '../core/machine.ts'
import { versionsOf } from '../core/replica.ts'
import type { ReplicaState } from '../core/work.ts'
import { SimulatedClient, sumOf } from './client.ts'
import type { Outcomes } from './client.ts'
import { trueTimeUs } from './clock.ts'
import type { ClockError } from './clock.ts'
import { EventQueue, KIND } from './event-queue.ts'
import type { Kind, SimEvent } from './event-queue.ts'
import { FaultInjector } from './fault-injector.ts'
import { SimulatedNetwork } from './network.ts'
import type { Rule } from './network.ts'
import { SimulatedNode } from './node.ts'
import { nodeConfig } from './node-config.ts'
import type { Build, Step } from './node-parts.ts'
import { Observer } from './observer.ts'
import type { UserOracle } from './observer.ts'
import { Pace, PACE_ORACLES } from './pace.ts'
import type { Streams } from './random.ts'
import { Recovery, RECOVERY_ORACLES } from './recovery.ts'
import { worstDriftPpm } from './scenario.ts'
import type { FaultKind, Scenario } from './scenario.ts'
import { sharedBuild } from './shared-machine.ts'
import { TraceHash } from './trace-hash.ts'
import { glyphOf, TraceLines } from './trace.ts'
import { Violation } from './violation.ts'
import { bytesWire, referenceWire } from './wire.ts'
import type { Wire } from './wire.ts'
import type { Play, Stage, Workload } from './workload.ts'

/** One run, fully determined. */
export interface WorldOptions<
  State,
  Command,
  Reply,
  MachineEvent extends { readonly type: string },
  Op,
  Input,
  Output,
> {
  /** The build that all nodes begin with, and the one that upgrades bring. */
  readonly builds: readonly [
    Machine<State, Command, Reply, MachineEvent>,
    Machine<State, Command, Reply, MachineEvent>,
  ]
  readonly workload: Workload<Command, Reply, MachineEvent, Op, Input, Output>
  readonly scenario: Scenario<Op>
  readonly streams: Streams
  readonly rules: readonly Rule[]
  readonly oracles: readonly UserOracle<State, Reply, MachineEvent>[]
  /** False: messages and log records go by reference. */
  readonly bytes: boolean
  /** Lines of trace to keep. */
  readonly traceLines: number
  /** Called for each event with a digest of the run so far. */
  readonly onEvent: ((event: SimEvent, digest: number) => void) | null
}

/** How a run ended, and what it counted. */
export interface WorldResult<Input, Output> {
  readonly violation: { readonly oracle: string; readonly message: string } | null
  readonly events: number
  readonly simSeconds: number
  readonly traceHash: string
  readonly faults: Readonly<Record<string, number>>
  readonly oracles: Readonly<Record<string, number>>
  readonly probes: Readonly<Record<string, number>>
  /** How the clients' operations ended. */
  readonly operations: Outcomes
  readonly history: readonly Operation<Input, Output>[]
  readonly trace: readonly string[]
}

/** Names of the nodes, sorted as voters are. The first, "0", is falsy once it is a number. */
export function nodeNames(nodes: number): readonly string[] {
  return Array.from({ length: nodes }, (_, index) => String(index))
}

/** Runs one world to its end. */
export function runWorld<
  State,
  Command,
  Reply,
  MachineEvent extends { readonly type: string },
  Op,
  Input,
  Output,
>(
  options: WorldOptions<State, Command, Reply, MachineEvent, Op, Input, Output>,
): WorldResult<Input, Output> {
  return new World(options).run()
}

class World<
  State,
  Command,
  Reply,
  MachineEvent extends { readonly type: string },
  Op,
  Input,
  Output,
> {
  readonly #options: WorldOptions<State, Command, Reply, MachineEvent, Op, Input, Output>
  readonly #queue = new EventQueue()
  /** The build that nodes begin with, and the one that upgrades bring: it knows all rules. */
  readonly #builds: readonly [
    Build<State, Command, Reply, MachineEvent>,
    Build<State, Command, Reply, MachineEvent>,
  ]
  readonly #hash: TraceHash
  readonly #lines: TraceLines
  readonly #nodes: SimulatedNode<State, Command, Reply, MachineEvent>[] = []
  readonly #clients: SimulatedClient<Command, Reply, Op, Input, Output>[] = []
  readonly #network: SimulatedNetwork
  readonly #observer: Observer<State, Command, Reply, MachineEvent>
  readonly #pace: Pace
  readonly #injector: FaultInjector
  readonly #recovery: Recovery<Op, Output>
  readonly #play: Play<Command, Reply, MachineEvent, Op, Input, Output>
  readonly #later = new Map<number, () => void>()
  #laterCount = 0
  #timeUs = 0
  #events = 0
  #healed = false

  // What the parts of the world are given of it, bound once.
  readonly timeUs = (): number => this.#timeUs
  readonly schedule = (
    atUs: number,
    kind: number,
    target: number,
    source: number,
    payload: unknown,
  ): void => this.#queue.push(atUs, kind as Kind, target, source, payload)
  readonly send = (from: number, to: number, payload: unknown, once = false): void =>
    this.#network.send(this.#timeUs, from, to, payload, once)
  readonly later = (delayUs: number, then: () => void): void => {
    const id = this.#laterCount++
    this.#later.set(id, then)
    this.#queue.push(this.#timeUs + delayUs, KIND.custom, -1, id, null)
  }
  readonly trace = (who: string, what: string): void => this.#trace(who, what)

  constructor(options: WorldOptions<State, Command, Reply, MachineEvent, Op, Input, Output>) {
    this.#options = options
    const { scenario, streams, workload } = options
    const [first, machine] = options.builds
    const build = sharedBuild(first)
    this.#builds = [build, first === machine ? build : sharedBuild(machine)]
    const isUpgraded = scenario.faults.some(({ type }) => type === 'upgrade')
    const versions = versionsOf(isUpgraded ? machine : first)
    const members = scenario.nodes + scenario.spares
    const names = nodeNames(members)
    const founders = names.slice(0, scenario.nodes)
    const wire = options.bytes ? bytesWire('simulated', '0') : referenceWire()
    this.#hash = new TraceHash(wire)
    this.#lines = new TraceLines(options.traceLines)
    const { timeUs, schedule, trace } = this
    const fired = (kind: FaultKind): void => this.#observer.fired(kind)
    const known = [...(workload.oracles ?? []), ...RECOVERY_ORACLES, ...PACE_ORACLES]
    if (workload.judge !== undefined) known.push('linearizable')
    this.#observer = new Observer(machine, this.#nodes, names, founders, known, options.oracles, {
      clockDriftPpm: worstDriftPpm(scenario.clocks),
      timeUs,
      trace,
      applied: (entry) => this.#play.applied?.(entry),
      hashEffects: (effects) => this.#hash.effects(effects, machine),
    })
    const endpoints = members + scenario.clients.length
    const deliver = (atUs: number, from: number, to: number, payload: unknown): void => {
      const kind = to < members ? KIND.deliver : KIND.clientDeliver
      this.#queue.push(atUs, kind, to, from, payload)
    }
    const net = { endpoints, deliver, fired }
    this.#network = new SimulatedNetwork(net, scenario, streams, options.rules)
    const nodes = this.#nodes
    const clients = this.#clients
    const network = this.#network
    const probe = (name: string): void => this.#observer.probe(name)
    const world = { nodes, names, clients, network, versions }
    const reach = { ...world, timeUs, schedule, fired, probe, trace }
    this.#injector = new FaultInjector(scenario, reach)
    this.#play = workload.open(this.#stage())
    this.#addNodes(names, founders, wire)
    this.#addClients(names, wire)
    const isDead = (node: number): boolean => this.#injector.isDead(node)
    const snapshotBytes = (state: ReplicaState<unknown>): number =>
      machine.encodeSnapshot(state.machine as State).length
    const endRules = (): void => this.#network.endRules()
    const seen = { nodes, names, versions, clients, timeUs, trace }
    const host = { ...seen, isDead, endRules, snapshotBytes }
    const evaluated = (oracle: string): void => this.#observer.evaluated(oracle)
    this.#pace = new Pace(endpoints, evaluated)
    this.#recovery = new Recovery(scenario, workload, { ...host, evaluated })
  }

  #addNodes(names: readonly string[], founders: readonly string[], wire: Wire): void {
    const { scenario, streams, workload } = this.#options
    const builds = this.#builds
    const [{ machine }] = builds
    const byReference = !this.#options.bytes
    const asked = workload.query?.()
    const query = asked === undefined ? null : machine.encodeCommand(asked)
    const { leaves, durable, crashing, crashed, recovered } = this.#observer
    const { readArrived, answered } = this.#observer
    const { timeUs, schedule, send } = this
    const injector = this.#injector
    const around = {
      timeUs,
      schedule,
      send,
      stepped: (step: Step<State, Reply, MachineEvent>) => this.#observer.stepped(step),
      won: (node: number) => injector.won(node),
      outdated: (node: number) => injector.outdated(node),
      leaves,
      durable,
      crashing,
      crashed,
      recovered,
      readArrived,
      answered,
      operated: (node: number, request: number, outcome: Outcome<Reply>) => {
        this.#observer.operated(node, outcome)
        this.#recovery.operated(node, request, outcome)
      },
      syncTimeUs: (node: number) => injector.syncTimeUs(node, streams),
    }
    names.forEach((node, index) => {
      const config = nodeConfig(scenario, node, founders)
      const clock = this.#clock(index)
      const random = streams.stream(`node/${index}`)
      const diskRandom = streams.stream(`disk/${index}`)
      const parts = {
        index,
        members: names,
        config,
        clock,
        builds,
        wire,
        query,
        byReference,
        random,
        diskRandom,
      }
      const strike = (fault: number): void => injector.strike(index, fault)
      this.#nodes.push(new SimulatedNode(parts, around, strike))
    })
  }

  #addClients(names: readonly string[], wire: Wire): void {
    const { scenario, streams, workload } = this.#options
    const [{ machine }] = this.#builds
    const { timeUs, schedule, send, trace, later } = this
    const probe = (name: string): void => this.#observer.probe(name)
    scenario.clients.forEach((steps, client) => {
      const endpoint = this.#nodes.length + client
      const clock = this.#clock(endpoint)
      const random = streams.stream(`request/${client}`)
      const actor = this.#play.actor(client)
      const setting = scenario.guarded?.find((one) => one.client === client)
      const connection = setting && { ...setting, random: streams.stream(`connection/${client}`) }
      const around = { timeUs, schedule, send, later, probe, trace }
      const parts = {
        client,
        endpoint,
        nodes: names,
        clock,
        steps,
        actor,
        machine,
        weigh: (reply: Reply) => actor.weigh?.(reply) ?? workload.weigh(reply),
        wire,
        random,
        connection: connection ?? null,
      }
      this.#clients.push(new SimulatedClient(parts, around))
    })
  }

  run(): WorldResult<Input, Output> {
    let violation: WorldResult<Input, Output>['violation'] = null
    try {
      for (const node of this.#nodes) node.boot()
      this.#injector.start()
      // The fire ends by an event of its own, so that time never goes back.
      const id = this.#laterCount++
      this.#later.set(id, () => this.#heal())
      this.#queue.push(this.#options.scenario.fireMs * 1_000, KIND.custom, -1, id, null)
      this.#loop()
      this.#finish()
    } catch (error) {
      if (error instanceof Violation) violation = { oracle: error.oracle, message: error.message }
      else if (error instanceof InvariantError) {
        violation = { oracle: 'invariant', message: error.message }
      } else throw error
      this.#trace('ORACLE', `${violation.oracle}: ${violation.message}`)
    }
    for (const client of this.#clients) client.close()
    this.#hashEnd()
    return {
      violation,
      events: this.#events,
      simSeconds: this.#timeUs / 1e6,
      traceHash: this.#hash.hex(),
      faults: this.#observer.faults,
      oracles: this.#observer.oracleCounts(),
      probes: this.#observer.probes,
      operations: sumOf(this.#clients.map(({ ended }) => ended)),
      history: this.#clients.flatMap((client) => client.history),
      trace: this.#lines.lines(),
    }
  }

  #loop(): void {
    const { onEvent } = this.#options
    for (;;) {
      const event = this.#queue.pop()
      if (event === undefined) return
      if (event.timeUs < this.#timeUs) throw new RangeError('world: an event lies in the past')
      this.#timeUs = event.timeUs
      this.#events++
      this.#pace.event(event.timeUs)
      this.#hash.event(event)
      this.#handle(event)
      if (onEvent !== null) onEvent(event, this.#hash.digest())
      if (this.#healed && this.#recovery.isDone()) return
    }
  }

  #handle(event: SimEvent): void {
    const { kind, target, source, payload, timeUs } = event
    switch (kind) {
      case KIND.deliver:
        if (this.#network.passes(source, target)) this.#node(target).receive(source, payload)
        return
      case KIND.clientDeliver:
        if (this.#network.passes(source, target)) this.#client(target).receive(payload)
        return
      case KIND.turn:
        return this.#node(target).turn(source)
      case KIND.timer:
        return this.#node(target).timer(source, timeUs)
      case KIND.synced:
        return this.#node(target).synced(source)
      case KIND.snapshot:
        return this.#node(target).goOnWithSnapshot(source)
      case KIND.clientTimer:
        return this.#client(target).timer(timeUs)
      case KIND.clientOperation:
        return this.#client(target).operate()
      case KIND.custom: {
        const then = this.#later.get(source)
        this.#later.delete(source)
        then?.()
        return
      }
      case KIND.phase:
      case KIND.faultBegins:
      case KIND.faultEnds:
      case KIND.resume:
      case KIND.restart:
        this.#injector.handle(kind, target, source)
    }
  }

  #heal(): void {
    this.#healed = true
    this.#trace('world', 'the fire ends: all heals but what is dead for good')
    this.#injector.heal()
    this.#recovery.begin(this.#timeUs)
    // Something must happen even in a world without heartbeats, so that bounds are looked at.
    const { lookUntilUs } = this.#recovery
    for (let atUs = this.#timeUs; atUs <= lookUntilUs; atUs += POLL_US) {
      this.#queue.push(atUs, KIND.custom, -1, this.#laterCount++, null)
    }
  }

  /** After the last event: whole states, and the clients' history. */
  #finish(): void {
    const { workload } = this.#options
    this.#nodes.forEach((node, index) => {
      if (node.state !== null) this.#observer.finished(index, node.state)
    })
    for (const client of this.#clients) client.close()
    if (workload.judge === undefined) return
    this.#observer.evaluated('linearizable')
    const judgement = workload.judge(this.#clients.flatMap((client) => client.history))
    if (judgement.verdict === 'violation') throw new Violation('linearizable', judgement.message)
    if (judgement.verdict === 'unknown') this.#observer.probe('history undecided')
  }

  /** However the run ended: with what it left each node. */
  #hashEnd(): void {
    const [, { machine }] = this.#builds
    for (const { state, durable, disk } of this.#nodes) {
      if (state === null) this.#hash.dead(durable, disk)
      else this.#hash.state(canonical(machine, state))
    }
  }

  #stage(): Stage {
    return {
      timeUs: () => this.#timeUs,
      clientTimeUs: (client, clockMs) => {
        return trueTimeUs(this.#clock(this.#nodes.length + client), clockMs)
      },
      clockDriftPpm: worstDriftPpm(this.#options.scenario.clocks),
      isCutOff: (client, node) => this.#network.isCut(this.#nodes.length + client, node),
      later: this.later,
      probe: (name) => this.#observer.probe(name),
      evaluated: (oracle) => this.#observer.evaluated(oracle),
      fail: (oracle, message) => {
        throw new Violation(oracle, message)
      },
      isTraced: this.#lines.isOn,
      trace: (who, what) => this.#trace(who, what, true),
    }
  }

  #clock(endpoint: number): ClockError {
    return this.#options.scenario.clocks[endpoint] as ClockError
  }

  #node(index: number): SimulatedNode<State, Command, Reply, MachineEvent> {
    return this.#nodes[index] as SimulatedNode<State, Command, Reply, MachineEvent>
  }

  #client(endpoint: number): SimulatedClient<Command, Reply, Op, Input, Output> {
    const client = this.#clients[endpoint - this.#nodes.length]
    return client as SimulatedClient<Command, Reply, Op, Input, Output>
  }

  #trace(who: string, what: string, isDetail = false): void {
    if (!this.#lines.isOn) return
    const glyphs = this.#nodes.map((node) => glyphOf(node.status, node.state?.raft.role))
    this.#lines.add(this.#timeUs, glyphs.join(''), who, what, isDetail)
  }
}

/** How often the bounds of the recovery are looked at, microseconds. */
const POLL_US = 20_000
