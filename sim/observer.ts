// Looks at everything that happens in a run: feeds the oracles, counts faults and probes, tells the
// workload of each entry as it is first applied, and writes the trace.

import type { Effect, Outcome, SendAfter, TraceEvent } from '../core/effect.ts'
import type { Machine } from '../core/machine.ts'
import { entryAt } from '../core/raft/log.ts'
import { isAnswer } from '../core/replica.ts'
import type { ReplicaState } from '../core/work.ts'
import type { Recovered } from '../storage/recovery.ts'
import type { BecameDurable } from './durable.ts'
import { ELECTION_ORACLES, ElectionOracles } from './election-oracles.ts'
import { LEADER_ORACLES, LeaderOracles } from './leader-oracles.ts'
import { LOG_TIME_ORACLES, LogTime } from './log-time.ts'
import { MEMBERSHIP_ORACLES, MembershipOracles } from './membership-oracles.ts'
import { NODE_ORACLES, NodeOracles } from './node-oracles.ts'
import type { Step } from './node-parts.ts'
import { PEER_ORACLES, PeerOracles } from './peer-oracles.ts'
import { RaftOracles } from './raft-oracles.ts'
import { READ_ORACLES, ReadOracles } from './read-oracles.ts'
import type { ObservedNode } from './raft-oracles.ts'
import type { FaultKind } from './scenario.ts'
import { SNAPSHOT_ORACLES, SnapshotOracles } from './snapshot-oracles.ts'
import { VERSION_ORACLES, VersionOracles } from './version-oracles.ts'
import { Violation } from './violation.ts'
import type { FirstApplied } from './workload.ts'

/** What the observer is given by the world. */
export interface ObserverHost<Command, Reply, MachineEvent> {
  /** The most by which a clock of this world goes wrong, parts per million. */
  readonly clockDriftPpm: number
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
  readonly #memberships: MembershipOracles
  readonly #elections: ElectionOracles
  readonly #leaders: LeaderOracles
  readonly #peers: PeerOracles
  readonly #each: NodeOracles
  readonly #reads: ReadOracles
  readonly #snapshots: SnapshotOracles
  readonly #versions: VersionOracles
  readonly #logTime: LogTime
  /** By node and request: what was committed anywhere when the query arrived. */
  readonly #readsFrom: Map<number, number>[]
  #firstApplied = 0

  /** @param known names of the oracles that are not of the consensus, nor the user's own */
  constructor(
    machine: Machine<State, Command, Reply, MachineEvent>,
    nodes: readonly (ObservedNode<State> & { readonly versions: number })[],
    names: readonly string[],
    founders: readonly string[],
    known: readonly string[],
    users: readonly UserOracle<State, Reply, MachineEvent>[],
    host: ObserverHost<Command, Reply, MachineEvent>,
  ) {
    this.#machine = machine
    this.#oracles = new RaftOracles(machine, nodes, names, founders)
    const evaluated = (oracle: string): void => this.evaluated(oracle)
    this.#memberships = new MembershipOracles(names, evaluated)
    this.#elections = new ElectionOracles(names, evaluated)
    this.#leaders = new LeaderOracles(nodes, names, evaluated)
    this.#peers = new PeerOracles(names, evaluated)
    this.#each = new NodeOracles(nodes, names, evaluated)
    this.#reads = new ReadOracles(names, evaluated)
    this.#snapshots = new SnapshotOracles(names, evaluated)
    this.#versions = new VersionOracles(nodes, names, evaluated)
    this.#logTime = new LogTime(host.clockDriftPpm, evaluated)
    this.#readsFrom = names.map(() => new Map<number, number>())
    this.#nodes = nodes
    this.#names = names
    this.#users = users
    this.#host = host
    // One that is never looked at shows by its 0.
    const of = [MEMBERSHIP_ORACLES, ELECTION_ORACLES, LEADER_ORACLES, PEER_ORACLES, NODE_ORACLES]
    const more = [READ_ORACLES, SNAPSHOT_ORACLES, VERSION_ORACLES, LOG_TIME_ORACLES]
    const own = [...of.flat(), ...more.flat(), FRESH, ONCE]
    const all = [...own, ...known, ...users.map(({ name }) => name)]
    for (const oracle of all) this.#others[oracle] = 0
  }

  stepped(step: Step<State, Reply, MachineEvent>): void {
    this.#host.hashEffects(step.effects)
    const { after, node } = step
    for (const effect of step.effects) {
      if (effect.type === 'trace') this.#onTrace(node, effect.trace)
    }
    this.#oracles.stepped(step)
    this.#memberships.stepped(step)
    this.#elections.stepped(step)
    this.#leaders.stepped(step)
    this.#peers.stepped(step)
    this.#each.stepped(step)
    this.#reads.stepped(step)
    this.#snapshots.stepped(step)
    this.#versions.stepped(step, this.#oracles.versionAsOf(after.applied))
    for (const effect of step.effects) {
      if (effect.type === 'applied' && effect.index > this.#firstApplied) {
        this.#firstApplied = effect.index
        const { index, term, timeMs, reply, events } = effect
        const appendedUs = this.#oracles.appendedUs(index, term)
        this.#logTime.applied(index, term, timeMs, appendedUs)
        const answers = events.filter((event) => isAnswer(event))
        const others = events.filter((event) => !isAnswer(event)) as MachineEvent[]
        const { kind, payload } = entryAt(after.raft.log, index)
        if (kind === 'version') this.probe('version raised')
        const command = kind === 'command' ? this.#machine.decodeCommand(payload) : null
        const told = { reply, events: others, answers }
        this.#host.applied({ node, index, timeMs, command, ...told, appendedUs })
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

  readonly readArrived = (node: number, request: number): void => {
    this.#readsFrom[node]?.set(request, this.#oracles.committedIndex)
  }

  /** A node answers: once, and a query from no older state than was committed when it came. */
  readonly answered = (
    node: number,
    request: number,
    outcome: Outcome<Reply>,
    isOpen: boolean,
  ): void => {
    this.evaluated(ONCE)
    const name = this.#names[node]
    if (!isOpen) throw new Violation(ONCE, `node ${name}: it answered request ${request} again`)
    const committed = this.#readsFrom[node]?.get(request)
    if (committed === undefined) return
    this.#readsFrom[node]?.delete(request)
    if (outcome.type !== 'done') return
    this.evaluated(FRESH)
    if (outcome.index >= committed) return
    const what = `it answered a query from the state after entry ${outcome.index}`
    throw new Violation(FRESH, `node ${name}: ${what}, when ${committed} was committed before`)
  }

  readonly operated = (node: number, outcome: Outcome<Reply>): void => {
    const why = outcome.type === 'refused' ? `refused (${outcome.reason})` : outcome.type
    this.probe(`operator: ${why}`)
    this.#host.trace(`n${this.#names[node]}`, `answers the operator: ${why}`)
  }

  readonly crashed = (node: number, torn: number): void => {
    this.#readsFrom[node]?.clear()
    this.#memberships.crashed(node)
    this.#elections.crashed(node)
    this.#each.crashed(node)
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
    const { hardState, base, entries, tornBytes } = recovered
    if (recovered.snapshot !== null) this.probe('restart from a snapshot')
    const behind = base.index === 0 ? '' : ` behind ${base.index}`
    const has = `${entries.length} entries${behind}`
    const found = `term ${hardState.term}, ${has}, ${tornBytes} bytes torn`
    this.#host.trace(`n${this.#names[node]}`, `starts with ${found}`)
    this.#oracles.recovered(node, recovered, problem)
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
    const probe = PROBES[trace.type]
    if (probe !== undefined) this.probe(probe)
    const { commit } = this.#nodes[node]?.state?.raft ?? { commit: 0 }
    const what = inWords(trace, commit)
    if (what !== null) this.#host.trace(`n${this.#names[node]}`, what)
  }
}

const FRESH = 'reads are fresh'
const ONCE = 'one answer a request'

/** What is worth counting. */
const PROBES: { readonly [Type in TraceEvent['type']]?: string } = {
  truncated: 'conflicting suffix truncated',
  diskStalled: 'leader with a stalled disk steps down',
  removed: 'removed leader steps down',
  membershipChanged: 'members changed',
  snapshotTaken: 'snapshot taken',
  snapshotInstalled: 'snapshot installed',
  repaired: 'log repaired by peers',
  transferStarted: 'transfer started',
  transferTimedOut: 'transfer timed out',
}

/** What happened in a node, for people; null for what says nothing beside the rest. */
function inWords(trace: TraceEvent, commit: number): string | null {
  switch (trace.type) {
    case 'becameFollower':
      return `follows in term ${trace.term}, committed ${commit}`
    case 'becamePrecandidate':
      return `asks for pre-votes in term ${trace.term}, committed ${commit}`
    case 'becameCandidate':
      return `stands for term ${trace.term}, committed ${commit}`
    case 'becameLeader':
      return `leads term ${trace.term}, committed ${commit}`
    case 'quorumLost':
      return `hears no majority in term ${trace.term}, committed ${commit}`
    case 'diskStalled':
      return `steps down in term ${trace.term}: its disk stalls`
    case 'removed':
      return `steps down in term ${trace.term}: it is no voter any more`
    case 'truncated':
      return `drops entries ${trace.fromIndex} to ${trace.toIndex}`
    case 'membershipChanged': {
      const { voters, outgoing, learners } = trace.membership
      const old = outgoing === null ? '' : ` and ${outgoing.join(' ')}`
      const also = learners.length === 0 ? '' : `, learners ${learners.join(' ')}`
      return `goes by voters ${voters.join(' ')}${old}${also} (entry ${trace.index})`
    }
    case 'snapshotTaken':
      return `keeps a snapshot at ${trace.index}, entries behind ${trace.baseIndex}`
    case 'snapshotInstalled':
      return `installs its leader's snapshot at ${trace.index}`
    case 'repaired':
      return `has again what its disk had lost, up to ${trace.lastIndex}`
    case 'transferStarted':
      return `wants node ${trace.to} to lead`
    case 'transferTimedOut':
      return `goes on leading: node ${trace.to} did not take over`
    case 'leaderChanged':
    case 'refused':
      return null
  }
}
