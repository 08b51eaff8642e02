// What a simulated node is made of, what it finds around it, and what it says of each turn.

import type { Effect, Outcome, SendAfter } from '../core/effect.ts'
import type { Input } from '../core/event.ts'
import type { Machine } from '../core/machine.ts'
import type { Config, NodeId } from '../core/raft/config.ts'
import type { Replica } from '../core/replica.ts'
import type { ReplicaState } from '../core/work.ts'
import type { Recovered } from '../storage/recovery.ts'
import type { ClockError } from './clock.ts'
import type { BecameDurable } from './durable.ts'
import type { RandomStream } from './random.ts'
import type { CrashPoint } from './scenario.ts'
import type { Wire } from './wire.ts'

/** What happened in one turn. */
export interface Step<State, Reply, MachineEvent> {
  readonly node: number
  /** True time at which `input.now` was read, microseconds; a stall may lie between it and now. */
  readonly readUs: number
  readonly before: ReplicaState<State>
  readonly after: ReplicaState<State>
  readonly input: Input
  readonly effects: readonly Effect<Reply, MachineEvent>[]
}

/** An input, and when its clock was read. */
export interface Read {
  readonly input: Input
  readonly readUs: number
}

/** A crash that waits for its point. */
export interface ArmedCrash {
  readonly point: CrashPoint
  readonly fault: number
}

/** What a node finds around it, and whom it tells. */
export interface Surroundings<State, Reply, MachineEvent> {
  timeUs(): number
  schedule(timeUs: number, kind: number, target: number, source: number, payload: unknown): void
  /** `once`: the network never doubles it. */
  send(from: number, to: number, payload: unknown, once?: boolean): void
  /** The node has won an election; what it has to say has not left it yet. */
  won(node: number): void
  /** A turn was made; its effects are not executed yet. */
  stepped(step: Step<State, Reply, MachineEvent>): void
  /** A promise leaves the node. */
  leaves(node: number, effect: SendAfter): void
  /** Persists became durable. */
  durable(node: number, what: BecameDurable): void
  /** The node is about to die with this state. */
  crashing(node: number, state: ReplicaState<State>): void
  crashed(node: number, torn: number): void
  /** The node has read its disk again. `problem` says what it should have found and did not. */
  recovered(node: number, recovered: Recovered, problem: string | null): void
  /** A query has reached the node, as its request of that number. */
  readArrived(node: number, request: number): void
  /** A request of that number was answered. `isOpen`: for the first time in this life. */
  answered(node: number, request: number, outcome: Outcome<Reply>, isOpen: boolean): void
  /** What an operator asked of the node has ended. */
  operated(node: number, request: number, outcome: Outcome<Reply>): void
  /** The node has stopped: the group goes by rules that its build does not know. */
  outdated(node: number): void
  syncTimeUs(node: number): number
}

/** What is installed on a node. */
export interface Build<State, Command, Reply, MachineEvent extends { readonly type: string }> {
  readonly machine: Machine<State, Command, Reply, MachineEvent>
  readonly replica: Replica<State, Reply, MachineEvent>
}

/** What a node is made of. */
export interface NodeParts<State, Command, Reply, MachineEvent extends { readonly type: string }> {
  readonly index: number
  /** All that there are, in the order of their endpoints. */
  readonly members: readonly NodeId[]
  readonly config: Config
  readonly clock: ClockError
  /** What it starts with, and what an upgrade puts in its place; their formats are the same. */
  readonly builds: readonly [
    Build<State, Command, Reply, MachineEvent>,
    Build<State, Command, Reply, MachineEvent>,
  ]
  readonly wire: Wire
  /** A query that the machine answers, encoded; null when it has none. */
  readonly query: Uint8Array | null
  readonly byReference: boolean
  readonly random: RandomStream
  readonly diskRandom: RandomStream
}
