// One disaster as plain data: who is there, what goes wrong and when, and what the clients do. The
// seed draws it; a user, a shrinker or a capsule may as well write it by hand.

import type { ClockError } from './clock.ts'

/** Nodes are endpoints 0 to nodes - 1; clients follow. */
export type Endpoint = number

/** A node by its number, or whoever leads at that moment. */
export type Target = number | 'leader'

/** When a crash strikes: at once, or right after the node has next done this. */
export type CrashPoint = 'now' | 'persist' | 'synced' | 'voted' | 'acknowledged' | 'won'

interface Span {
  /** When it begins, milliseconds of true time. */
  readonly atMs: number
  /** How long it lasts, milliseconds of true time. */
  readonly forMs: number
}

/** One fault. All of it is data; `Target` and `withLeader` are resolved when it begins. */
export type Fault =
  /** `side` and all others cannot talk, in either direction. */
  | (Span & {
      readonly type: 'partition'
      readonly side: readonly Endpoint[]
      readonly withLeader: boolean
    })
  /** What `side` sends to all others is lost; what they send arrives. */
  | (Span & {
      readonly type: 'oneway'
      readonly side: readonly Endpoint[]
      readonly withLeader: boolean
    })
  /** Two nodes cannot talk; each can with everyone else. */
  | (Span & { readonly type: 'partial'; readonly a: Target; readonly b: number })
  /** Whoever wins an election next is cut off from all others at that very moment. */
  | (Span & { readonly type: 'isolate' })
  /** The node dies with all volatile state. `power`: what was not synced is at risk as well. */
  | (Span & {
      readonly type: 'crash'
      readonly node: Target
      readonly point: CrashPoint
      readonly power: boolean
      readonly torn: boolean
    })
  /** The process stands still. `midTurn`: between reading its clock and stepping. */
  | (Span & { readonly type: 'pause'; readonly node: Target; readonly midTurn: boolean })
  | (Span & { readonly type: 'clientpause'; readonly client: number })
  /** Each sync takes `addUs` longer. */
  | (Span & { readonly type: 'slowdisk'; readonly node: Target; readonly addUs: number })
  /** Of 1024 messages this many are lost, sent twice, or held back by up to `upToUs`. */
  | (Span & { readonly type: 'loss'; readonly per1024: number })
  | (Span & { readonly type: 'duplicate'; readonly per1024: number; readonly upToUs: number })
  | (Span & { readonly type: 'delay'; readonly per1024: number; readonly upToUs: number })
  | (Span & { readonly type: 'reorder'; readonly per1024: number; readonly upToUs: number })

/** One thing a client does: waits, then asks. */
export interface ClientStep<Operation> {
  readonly pauseMs: number
  readonly operation: Operation
}

export interface Scenario<Operation> {
  /** Seeds every decision that the scenario leaves open: delays, timeouts, torn bytes. */
  readonly seed: string
  readonly nodes: number
  readonly electionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  /** Payload bytes of one AppendEntries, and entries sent beyond the last acknowledged one. */
  readonly appendBytesMax: number
  readonly inFlightEntriesMax: number
  /** Messages take from `delayMinUs` to `delayMaxUs` when nothing is wrong. */
  readonly delayMinUs: number
  readonly delayMaxUs: number
  /** Syncs take from `syncMinUs` to `syncMaxUs` when nothing is wrong. */
  readonly syncMinUs: number
  readonly syncMaxUs: number
  /** One for each endpoint, nodes first. */
  readonly clocks: readonly ClockError[]
  readonly faults: readonly Fault[]
  /** What each client does, one after the other, until the fire ends. */
  readonly clients: readonly (readonly ClientStep<Operation>[])[]
  /** How long the fire lasts, milliseconds of true time. Then all heals, and must make progress. */
  readonly fireMs: number
  /** Nodes that are dead for good when all else heals: fewer than a majority. */
  readonly dead: readonly number[]
}

/** The kinds of fault, as named on the command line and counted in results. */
export const FAULT_KINDS = [
  'loss',
  'delay',
  'duplicate',
  'reorder',
  'partition',
  'oneway',
  'partial',
  'isolate',
  'crash',
  'torn',
  'pause',
  'slowdisk',
  'clientpause',
  'skew',
  'drift',
] as const

export type FaultKind = (typeof FAULT_KINDS)[number]

/** The declared bound on a clock's rate error, parts per million. */
export const EPSILON_PPM = 500

/** Why a scenario cannot be run, as a sentence, or null. */
export function scenarioProblem<Operation>(scenario: Scenario<Operation>): string | null {
  const { nodes, clients, clocks, dead, faults } = scenario
  const endpoints = nodes + clients.length
  if (!Number.isSafeInteger(nodes) || nodes < 1 || nodes > 7) return 'nodes must be from 1 to 7'
  if (clocks.length !== endpoints) return `clocks must be ${endpoints}, one for each endpoint`
  if (dead.length > 0 && dead.length * 2 >= nodes) return 'dead nodes must be a minority'
  if (!Number.isSafeInteger(scenario.fireMs) || scenario.fireMs < 0) {
    return 'fireMs must be an integer of 0 or more'
  }
  if (scenario.heartbeatIntervalMs >= scenario.electionTimeoutMs) {
    return 'heartbeatIntervalMs must be below electionTimeoutMs'
  }
  for (const fault of faults) {
    if (fault.atMs < 0 || fault.forMs < 0) return `a ${fault.type} begins or lasts below 0 ms`
    const { type } = fault
    const named =
      type === 'partition' || type === 'oneway'
        ? fault.side
        : type === 'clientpause'
          ? [nodes + fault.client]
          : type === 'partial'
            ? [fault.a, fault.b]
            : 'node' in fault
              ? [fault.node]
              : []
    const unknown = named.find((endpoint) => endpoint !== 'leader' && endpoint >= endpoints)
    if (unknown !== undefined) return `a ${type} names endpoint ${unknown} of ${endpoints}`
  }
  return null
}
