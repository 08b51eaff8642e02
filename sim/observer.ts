// Looks at everything that happens in a run: feeds the oracles, counts faults and probes, tells the
// workload of each entry as it is first applied, and writes the trace.

import type { Effect, SendAfter, TraceEvent } from '../core/effect.ts'
import type { Machine } from '../core/machine.ts'
import { entryAt } from '../core/raft/log.ts'
import { isAnswer } from '../core/replica.ts'
import type { ReplicaState } from '../core/replica.ts'
import type { Recovered } from '../storage/recovery.ts'
import type { BecameDurable } from './durable.ts'
import type { Step } from './node.ts'
import { RaftOracles } from './raft-oracles.ts'
import type { ObservedNode } from './raft-oracles.ts'
import type { FaultKind } from './scenario.ts'
import { Violation } from './violation.ts'
import type { FirstApplied } from './workload.ts'

/** What the observer is given by the world. */
export interface ObserverHost<Command, Reply, MachineEvent> {
  timeUs(): number
  trace(who: string, what: string): void
  applied(entry: FirstApplied<Command, Reply, MachineEvent>): void
  hashEffects(effects: readonly Effect<Reply, MachineEvent>[]): void
}

/** A rule of the user's own, looked at after every turn: null, or what is wrong. */
export interface UserOracle<State, Reply, MachineEvent> {
  readonly name: string
  stepped(step: Step<State, Reply, MachineEvent>): string | null
}

export class Observer<State, Command, Reply, MachineEvent extends { readonly type: string }> {
  readonly faults: Record<string, number> = {}
  readonly probes: Record<string, number> = {}
  readonly #machine: Machine<State, Command, Reply, MachineEvent>
  readonly #oracles: RaftOracles<State, Command, Reply, MachineEvent>
  readonly #others: Record<string, number> = {}
  readonly #nodes: readonly ObservedNode<State>[]
  readonly #names: readonly string[]
  readonly #users: readonly UserOracle<State, Reply, MachineEvent>[]
  readonly #host: ObserverHost<Command, Reply, MachineEvent>
  #firstApplied = 0

  /** @param known names of the oracles that are not of the consensus, nor the user's own */
  constructor(
    machine: Machine<State, Command, Reply, MachineEvent>,
    nodes: readonly ObservedNode<State>[],
    names: readonly string[],
    known: readonly string[],
    users: readonly UserOracle<State, Reply, MachineEvent>[],
    host: ObserverHost<Command, Reply, MachineEvent>,
  ) {
    this.#machine = machine
    this.#oracles = new RaftOracles(machine, nodes, names)
    this.#nodes = nodes
    this.#names = names
    this.#users = users
    this.#host = host
    // One that is never looked at shows by its 0.
    for (const oracle of [...known, ...users.map(({ name }) => name)]) this.#others[oracle] = 0
  }

  stepped(step: Step<State, Reply, MachineEvent>): void {
    this.#host.hashEffects(step.effects)
    const { after, node } = step
    for (const effect of step.effects) {
      if (effect.type === 'trace') this.#onTrace(node, effect.trace)
    }
    this.#oracles.stepped(step)
    for (const effect of step.effects) {
      if (effect.type === 'applied' && effect.index > this.#firstApplied) {
        this.#firstApplied = effect.index
        const { index, term, timeMs, reply, events } = effect
        const appendedUs = this.#oracles.appendedUs(index, term)
        const others = events.filter((event) => !isAnswer(event)) as MachineEvent[]
        const { kind, payload } = entryAt(after.raft.log, index)
        const command = kind === 'noop' ? null : this.#machine.decodeCommand(payload)
        const entry = { node, index, timeMs, command, reply, events: others, appendedUs }
        this.#host.applied(entry)
      }
    }
    for (const user of this.#users) {
      this.evaluated(user.name)
      const problem = user.stepped(step)
      if (problem !== null) throw new Violation(user.name, problem)
    }
  }

  readonly leaves = (node: number, effect: SendAfter): void => this.#oracles.leaves(node, effect)

  readonly durable = (node: number, what: BecameDurable): void => this.#oracles.durable(node, what)

  readonly crashed = (node: number, torn: number): void => {
    if (torn > 0) this.fired('torn')
    this.#host.trace(`n${this.#names[node]}`, torn > 0 ? 'crashed, a write is torn' : 'crashed')
  }

  /** Called with the state that a crash is about to take away. */
  readonly crashing = (node: number, state: ReplicaState<State>): void => {
    const { raft } = state
    if (raft.role === 'leader' && raft.progress.length > 0) {
      const replicated = Math.max(...raft.progress.map((progress) => progress.matchIndex))
      if (raft.log.lastIndex > replicated) this.probe('leader crashed with unreplicated entries')
    }
    this.#oracles.checkWhole(node, state, false)
  }

  readonly recovered = (node: number, recovered: Recovered, problem: string | null): void => {
    if (recovered.tornBytes > 0) this.probe('torn record found at restart')
    const { hardState, entries, tornBytes } = recovered
    const found = `term ${hardState.term}, ${entries.length} entries, ${tornBytes} bytes torn`
    this.#host.trace(`n${this.#names[node]}`, `starts with ${found}`)
    this.#oracles.recovered(node, entries, problem)
  }

  /** The run is over, and this is where it left the node. */
  finished(node: number, state: ReplicaState<State>): void {
    this.#oracles.checkWhole(node, state, true)
  }

  fired(kind: FaultKind): void {
    this.faults[kind] = (this.faults[kind] ?? 0) + 1
  }

  probe(name: string): void {
    this.probes[name] = (this.probes[name] ?? 0) + 1
  }

  evaluated(oracle: string): void {
    this.#others[oracle] = (this.#others[oracle] ?? 0) + 1
  }

  /** How often each oracle was evaluated. */
  oracleCounts(): Readonly<Record<string, number>> {
    return { ...this.#oracles.evaluated, ...this.#others }
  }

  #onTrace(node: number, trace: TraceEvent): void {
    if (trace.type === 'truncated') {
      this.probe('conflicting suffix truncated')
      const { fromIndex, toIndex } = trace
      this.#host.trace(`n${this.#names[node]}`, `drops entries ${fromIndex} to ${toIndex}`)
      return
    }
    const { commit } = this.#nodes[node]?.state?.raft ?? { commit: 0 }
    const what = `${IN_WORDS[trace.type]} term ${trace.term}, committed ${commit}`
    this.#host.trace(`n${this.#names[node]}`, what)
  }
}

/** The changes of role as the trace says them. */
const IN_WORDS = {
  becameFollower: 'follows in',
  becamePrecandidate: 'asks for pre-votes in',
  becameCandidate: 'stands for',
  becameLeader: 'leads',
  quorumLost: 'hears no majority in',
} as const
