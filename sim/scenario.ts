// One disaster as plain data: who is there, what goes wrong and when, and what the clients do. The
// seed draws it; a user, a shrinker or a capsule may as well write it by hand.

import type { Limits } from '../core/lock/limits.ts'
import type { ClockError } from './clock.ts'
import { limitsProblem } from './lock-limits.ts'

/** Members are endpoints 0 to nodes + spares - 1; clients follow. */
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
  /** Two nodes cannot talk; each can with everyone else. When `a` is `b`, `b` is the next node. */
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
  /** The next sync of the node fails, and forgets; the process dies of it, for `forMs`. */
  | (Span & { readonly type: 'syncerror'; readonly node: Target })
  /**
   * A byte that the node's disk had kept changes, and the process restarts, down for `forMs`. Only
   * where a majority that has lost nothing is left, and where members never change.
   */
  | (Span & { readonly type: 'rot'; readonly node: Target })
  /**
   * An operator asks the leader for other members. `explicit`: joint consensus is left only when
   * `forMs` are over, by whoever leads then.
   */
  | (Span & {
      readonly type: 'membership'
      readonly voters: readonly number[]
      readonly learners: readonly number[]
      readonly explicit: boolean
    })
  /** An operator asks the leader to let another node lead. */
  | (Span & { readonly type: 'transfer'; readonly to: number })
  /** An operator tells a node that its leader is gone. */
  | (Span & { readonly type: 'forget'; readonly node: number })
  /** The process restarts into the next build of the machine, down for `forMs`. */
  | (Span & { readonly type: 'upgrade'; readonly node: number })
  /** An operator asks the leader to go by the rules of the next build. */
  | (Span & { readonly type: 'raise' })
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
  /** How many nodes found the cluster, as its voters. */
  readonly nodes: number
  /** Nodes beyond these that run from the start and wait to be taken in. */
  readonly spares: number
  /** What each replica is told; see the core's `Config`. */
  readonly electionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  readonly diskTimeoutMs: number
  readonly appendBytesMax: number
  readonly inFlightMessagesMax: number
  readonly inFlightBytesMax: number
  readonly uncommittedBytesMax: number
  readonly snapshotEntriesMin: number
  readonly snapshotKeepEntries: number
  readonly snapshotChunkBytes: number
  readonly forwarding: boolean
  readonly leaseReads: boolean
  /** Messages take from `delayMinUs` to `delayMaxUs` when nothing is wrong. */
  readonly delayMinUs: number
  readonly delayMaxUs: number
  /** Syncs take from `syncMinUs` to `syncMaxUs` when nothing is wrong. */
  readonly syncMinUs: number
  readonly syncMaxUs: number
  /** One for each endpoint, members first. */
  readonly clocks: readonly ClockError[]
  readonly faults: readonly Fault[]
  /** What each client does, one after the other, until the fire ends. */
  readonly clients: readonly (readonly ClientStep<Operation>[])[]
  /** How long the fire lasts, milliseconds of true time. Then all heals, and must make progress. */
  readonly fireMs: number
  /**
   * Limits of the lock machine other than its usual ones; a machine of the user's own has its own.
   * A short `memoLifeMs` is safe only while no request is under way for longer than those drawn.
   */
  readonly limits?: Partial<Limits>
  /** Clients that ask through the calls of the client library; the others number theirs. */
  readonly guarded?: readonly GuardedSetting[]
  /**
   * Nodes that are dead for good when all else heals; those only that no configuration in any log
   * needs for its majority.
   */
  readonly dead: readonly number[]
}

/** A client that asks as an application does, through the calls of the client library. */
export interface GuardedSetting {
  readonly client: number
  /** How long its sessions last, milliseconds, and after how many numbers it takes another. */
  readonly sessionTtlMs: number
  readonly rotateSpan: number
  /** Of 1024 of its requests this many never leave, and so many connections break behind one. */
  readonly unsentPer1024: number
  readonly brokenPer1024: number
  /** How long a turn of its event loop lasts, milliseconds: what comes meanwhile comes together. */
  readonly turnMs: number
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
  'syncerror',
  'membership',
  'transfer',
  'forget',
  'upgrade',
  'raise',
  'compaction',
  'rot',
  'clientpause',
  'skew',
  'drift',
] as const

export type FaultKind = (typeof FAULT_KINDS)[number]

/** The declared bound on a clock's rate error, parts per million. */
export const EPSILON_PPM = 500

/** The most by which clocks go wrong, as far as anyone counts on: what is declared, or more. */
export function worstDriftPpm(clocks: readonly ClockError[]): number {
  return Math.max(EPSILON_PPM, ...clocks.map(({ driftPpm }) => Math.abs(driftPpm)))
}

/** Nodes beyond the founders at most. */
export const SPARES_MAX = 2

/** Beyond this a clock is no clock: a tenth of the rate, parts per million. */
const DRIFT_PPM_MAX = 100_000

/** Why a scenario cannot be run, as a sentence, or null. */
export function scenarioProblem<Operation>(scenario: Scenario<Operation>): string | null {
  const { nodes, spares, clients, clocks, dead } = scenario
  const members = nodes + spares
  const endpoints = members + clients.length
  if (!isWithin(nodes, 1, 7)) return 'nodes must be from 1 to 7'
  if (!isWithin(spares, 0, SPARES_MAX)) return `spares must be from 0 to ${SPARES_MAX}`
  for (const name of ['forwarding', 'leaseReads'] as const) {
    if (typeof scenario[name] !== 'boolean') return `${name} must be true or false`
  }
  for (const [name, least] of LEAST) {
    const value = scenario[name]
    if (!isWithin(value, least)) return `${name} must be an integer of ${least} or more`
  }
  if (scenario.heartbeatIntervalMs >= scenario.electionTimeoutMs) {
    return 'heartbeatIntervalMs must be below electionTimeoutMs'
  }
  if (scenario.delayMaxUs < scenario.delayMinUs) return 'delayMaxUs must not be below delayMinUs'
  if (scenario.syncMaxUs < scenario.syncMinUs) return 'syncMaxUs must not be below syncMinUs'
  if (clocks.length !== endpoints) return `clocks must be ${endpoints}, one for each endpoint`
  for (const { offsetMs, driftPpm } of clocks) {
    if (!isWithin(offsetMs, 0)) return 'an offsetMs must be an integer of 0 or more'
    const isSlow = isWithin(driftPpm, -DRIFT_PPM_MAX, DRIFT_PPM_MAX)
    if (!isSlow) return `a driftPpm must be an integer within ${DRIFT_PPM_MAX} of 0`
  }
  if (dead.some((node) => !isWithin(node, 0, members - 1))) {
    return 'a dead node is none of the nodes'
  }
  for (const steps of clients) {
    if (steps.some(({ pauseMs }) => !isWithin(pauseMs, 0))) {
      return 'a pauseMs must be an integer of 0 or more'
    }
  }
  const limited = limitsProblem(scenario.limits ?? {})
  if (limited !== null) return `limits: ${limited}`
  for (const setting of scenario.guarded ?? []) {
    if (!isWithin(setting.client, 0, clients.length - 1)) return 'guarded: no such client'
    if (!isWithin(setting.sessionTtlMs, 1)) return 'guarded: sessionTtlMs must be 1 or more'
    if (!isWithin(setting.rotateSpan, 1)) return 'guarded: rotateSpan must be 1 or more'
    if (!isWithin(setting.turnMs, 0)) return 'guarded: turnMs must be 0 or more'
    for (const name of ['unsentPer1024', 'brokenPer1024'] as const) {
      if (!isWithin(setting[name], 0, 1023)) return `guarded: ${name} must be from 0 to 1023`
    }
  }
  for (const fault of scenario.faults) {
    const problem = faultProblem(fault, members, clients.length)
    if (problem !== null) return `a ${fault.type}: ${problem}`
  }
  return null
}

/** The least value of each number of a scenario. */
const LEAST = [
  ['fireMs', 0],
  ['electionTimeoutMs', 2],
  ['heartbeatIntervalMs', 1],
  ['diskTimeoutMs', 1],
  ['appendBytesMax', 1],
  ['inFlightMessagesMax', 1],
  ['inFlightBytesMax', 1],
  ['uncommittedBytesMax', 1],
  ['snapshotEntriesMin', 1],
  ['snapshotKeepEntries', 0],
  ['snapshotChunkBytes', 1],
  ['delayMinUs', 0],
  ['delayMaxUs', 0],
  ['syncMinUs', 0],
  ['syncMaxUs', 0],
] as const

function faultProblem(fault: Fault, nodes: number, clients: number): string | null {
  if (!isWithin(fault.atMs, 0)) return 'atMs must be an integer of 0 or more'
  if (!isWithin(fault.forMs, 0)) return 'forMs must be an integer of 0 or more'
  switch (fault.type) {
    case 'partition':
    case 'oneway': {
      const unknown = fault.side.find((at) => !isWithin(at, 0, nodes + clients - 1))
      return unknown === undefined ? null : `endpoint ${unknown} of ${nodes + clients}`
    }
    case 'partial':
      return targetProblem(fault.a, nodes) ?? targetProblem(fault.b, nodes)
    case 'clientpause':
      return isWithin(fault.client, 0, clients - 1) ? null : `client ${fault.client} of ${clients}`
    case 'slowdisk':
      if (!isWithin(fault.addUs, 0)) return 'addUs must be an integer of 0 or more'
      return targetProblem(fault.node, nodes)
    case 'crash':
    case 'pause':
    case 'syncerror':
    case 'rot':
      return targetProblem(fault.node, nodes)
    case 'isolate':
    case 'raise':
      return null
    case 'membership': {
      const unknown = [...fault.voters, ...fault.learners].find((at) => !isWithin(at, 0, nodes - 1))
      return unknown === undefined ? null : `node ${unknown} of ${nodes}`
    }
    case 'transfer':
      return targetProblem(fault.to, nodes)
    case 'forget':
    case 'upgrade':
      return targetProblem(fault.node, nodes)
    case 'loss':
      return isWithin(fault.per1024, 0, 1024) ? null : 'per1024 must be from 0 to 1024'
    case 'duplicate':
    case 'delay':
    case 'reorder':
      if (!isWithin(fault.upToUs, 0)) return 'upToUs must be an integer of 0 or more'
      return isWithin(fault.per1024, 0, 1024) ? null : 'per1024 must be from 0 to 1024'
  }
}

function targetProblem(target: Target, nodes: number): string | null {
  if (target === 'leader' || isWithin(target, 0, nodes - 1)) return null
  return `node ${target} of ${nodes}`
}

function isWithin(value: number, least: number, most: number = Number.MAX_SAFE_INTEGER): boolean {
  return Number.isSafeInteger(value) && value >= least && value <= most
}
