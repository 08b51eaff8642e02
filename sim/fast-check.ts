// Scenarios as fast-check arbitraries: what it finds it shrinks, to one node, no faults, few
// operations and early times. The only file that needs fast-check.

import fc from 'fast-check'
import type { Operation } from '../checker/history.ts'
import type { LockInput, LockOutput } from '../checker/lock-history.ts'
import type { Limits } from '../core/lock/limits.ts'
import { windowEntriesMin } from './catch-up.ts'
import type { ClockError } from './clock.ts'
import { lockLimits, lockOperations, record } from './fast-check-locks.ts'
import type { LockOperation } from './lock-operation.ts'
import { EPSILON_PPM, FAULT_KINDS, SPARES_MAX } from './scenario.ts'
import type { ClientStep, CrashPoint, Fault, FaultKind, Scenario, Target } from './scenario.ts'
import { simulate } from './simulate.ts'

export { lockCommands, lockOperations } from './fast-check-locks.ts'
export type { CommandConstraints, TimedCommand } from './fast-check-locks.ts'

/** How large scenarios may be. Everything has a default. */
export interface ScenarioConstraints {
  /** Nodes at most, 1 to 7; default 5. */
  readonly nodesMax?: number
  /** Clients at most, 1 or more; default 4. */
  readonly clientsMax?: number
  /** Operations of each client at most; default 20. */
  readonly operationsMax?: number
  /** Faults at most; default 8. */
  readonly faultsMax?: number
  /** Kinds of fault that may strike; default all. */
  readonly faults?: readonly FaultKind[]
  /** How long things go wrong at most, milliseconds of simulated time; default 8 000. */
  readonly fireMsMax?: number
}

/** Scenarios of the lock service. */
export interface LockConstraints extends ScenarioConstraints {
  /** How many locks the clients share; default 2. */
  readonly keys?: number
}

/** Scenarios of a user's own machine. */
export interface OperationConstraints<Op> extends ScenarioConstraints {
  /** What a client does. */
  readonly operation: fc.Arbitrary<Op>
}

const DEFAULTS = {
  nodesMax: 5,
  clientsMax: 4,
  operationsMax: 20,
  faultsMax: 8,
  faults: FAULT_KINDS,
  fireMsMax: 8_000,
} as const

const KEYS = 2
const PAUSE_MS_MAX = 400
const LASTS_MS_MAX = 2_000

type Bounds = Required<ScenarioConstraints>

/**
 * Any scenario within the constraints, as plain data for `simulate({ scenario })`.
 *
 * @throws TypeError when a constraint makes no sense.
 */
export function scenarios<Op>(constraints: OperationConstraints<Op>): fc.Arbitrary<Scenario<Op>>
export function scenarios(constraints?: LockConstraints): fc.Arbitrary<Scenario<LockOperation>>
export function scenarios<Op>(
  constraints: LockConstraints | OperationConstraints<Op> = {},
): fc.Arbitrary<Scenario<Op>> | fc.Arbitrary<Scenario<LockOperation>> {
  const bounds: Bounds = { ...DEFAULTS, ...constraints }
  const problem = boundsProblem(bounds)
  if (problem !== null) throw new TypeError(`scenarios: ${problem}`)
  if ('operation' in constraints) {
    return scenariosOf(bounds, constraints.operation, fc.constant(null))
  }
  return scenariosOf(bounds, lockOperations(constraints.keys ?? KEYS), fc.option(lockLimits()))
}

/**
 * Histories as clients of a lock service wrote them down in disasters, all of them right: what a
 * checker of one's own must accept. Times are microseconds of true time.
 *
 * @throws TypeError when a constraint makes no sense.
 */
export function lockHistories(
  constraints?: LockConstraints,
): fc.Arbitrary<readonly Operation<LockInput, LockOutput>[]> {
  return scenarios(constraints).map((scenario) => simulate({ scenario }).history)
}

function boundsProblem(bounds: Bounds): string | null {
  const { nodesMax, clientsMax, operationsMax, faultsMax, fireMsMax } = bounds
  const isWithin = (value: number, least: number, most: number): boolean =>
    Number.isSafeInteger(value) && value >= least && value <= most
  if (!isWithin(nodesMax, 1, 7)) return 'nodesMax must be from 1 to 7'
  if (!isWithin(clientsMax, 1, 64)) return 'clientsMax must be from 1 to 64'
  for (const [name, value] of Object.entries({ operationsMax, faultsMax, fireMsMax })) {
    if (!isWithin(value, 0, 0x7fffffff)) return `${name} must be an integer of 0 or more`
  }
  return null
}

/** What is drawn: each part by itself, so that each shrinks alone; then made to fit. */
interface Drawn<Op> {
  readonly seed: number
  readonly nodes: number
  readonly spares: number
  readonly electionTimeoutMs: number
  readonly appendBytesMax: number
  readonly inFlightMessagesMax: number
  readonly settings: Settings
  readonly delayUs: readonly [number, number]
  readonly syncUs: readonly [number, number]
  /** Of as many members as there can be, then of the clients; perfect where there is none. */
  readonly clocks: readonly ClockError[]
  readonly faults: readonly Fault[]
  readonly clients: readonly (readonly ClientStep<Op>[])[]
  readonly fireMs: number
  readonly dead: readonly number[]
  readonly limits: Partial<Limits> | null
}

function scenariosOf<Op>(
  bounds: Bounds,
  operation: fc.Arbitrary<Op>,
  limits: fc.Arbitrary<Partial<Limits> | null>,
): fc.Arbitrary<Scenario<Op>> {
  const { nodesMax, clientsMax, operationsMax, faultsMax, fireMsMax } = bounds
  const clocksMax = nodesMax + SPARES_MAX + clientsMax
  const kinds = new Set(bounds.faults)
  const fault = faultOf(bounds, kinds)
  const step = record({ pauseMs: fc.integer({ min: 0, max: PAUSE_MS_MAX }), operation })
  const steps = fc.array(step, { maxLength: operationsMax, size: 'max' })
  const drawn = record<Drawn<Op>>({
    seed: fc.nat(0xffff),
    nodes: fc.integer({ min: 1, max: nodesMax }),
    spares: fc.nat(kinds.has('membership') ? SPARES_MAX : 0),
    electionTimeoutMs: fc.constantFrom(150, 100, 300),
    appendBytesMax: fc.constantFrom(65_536, 200, 1),
    inFlightMessagesMax: fc.constantFrom(1_024, 20, 3, 1),
    settings: settings(kinds),
    delayUs: fc.constantFrom([500, 1_000], [50, 500], [1_000, 10_000]),
    syncUs: fc.constantFrom([100, 200], [50, 500], [1_000, 10_000]),
    clocks: fc.array(clockOf(kinds), { maxLength: clocksMax, size: 'max' }),
    faults: fc.array(fault ?? fc.constant(NO_FAULT), {
      maxLength: fault === null ? 0 : faultsMax,
      size: 'max',
    }),
    clients: fc.array(steps, { minLength: 1, maxLength: clientsMax, size: 'max' }),
    fireMs: fc.integer({ min: 0, max: fireMsMax }),
    dead: kinds.has('crash') ? fc.subarray(upTo(nodesMax + SPARES_MAX)) : fc.constant([]),
    limits,
  })
  // Without the bias toward small values: large worlds find more, and shrinking makes them small.
  return fc.noBias(drawn).map((parts) => fit(parts, nodesMax))
}

/** What each replica is told beyond its timeouts, and the size of its messages. */
type Settings = Pick<
  Scenario<never>,
  | 'diskTimeoutMs'
  | 'uncommittedBytesMax'
  | 'snapshotEntriesMin'
  | 'snapshotKeepEntries'
  | 'snapshotChunkBytes'
  | 'forwarding'
  | 'leaseReads'
>

function settings(kinds: ReadonlySet<FaultKind>): fc.Arbitrary<Settings> {
  const isCompacted = kinds.has('compaction')
  return record<Settings>({
    diskTimeoutMs: fc.constantFrom(1_500, 200),
    uncommittedBytesMax: fc.constantFrom(16_777_216, 1_000),
    snapshotEntriesMin: isCompacted ? fc.constantFrom(1_000_000, 20, 5) : fc.constant(1_000_000),
    snapshotKeepEntries: fc.constantFrom(0, 3, 50),
    snapshotChunkBytes: fc.constantFrom(65_536, 1_000, 100),
    forwarding: fc.boolean(),
    leaseReads: fc.boolean(),
  })
}

function clockOf(kinds: ReadonlySet<FaultKind>): fc.Arbitrary<ClockError> {
  return record({
    offsetMs: fc.nat(kinds.has('skew') ? 10_000_000 : 0),
    driftPpm: kinds.has('drift')
      ? fc.integer({ min: -EPSILON_PPM, max: EPSILON_PPM })
      : fc.constant(0),
  })
}

const NO_FAULT: Fault = { type: 'loss', atMs: 0, forMs: 0, per1024: 0 }
const CRASH_POINTS: readonly CrashPoint[] = [
  'now',
  'persist',
  'synced',
  'voted',
  'acknowledged',
  'won',
]

/** Any fault of these kinds; null when there is none. Nodes and clients are made to fit later. */
function faultOf(bounds: Bounds, kinds: ReadonlySet<FaultKind>): fc.Arbitrary<Fault> | null {
  const { nodesMax, clientsMax, fireMsMax } = bounds
  const span = {
    atMs: fc.integer({ min: 0, max: fireMsMax }),
    forMs: fc.integer({ min: 1, max: LASTS_MS_MAX }),
  }
  const node: fc.Arbitrary<Target> = fc.nat(nodesMax).map((at) => (at === nodesMax ? 'leader' : at))
  const side = fc.subarray(upTo(nodesMax + SPARES_MAX + clientsMax))
  const withLeader = fc.boolean()
  const per1024 = fc.integer({ min: 1, max: 500 })
  const upToUs = fc.constantFrom(5_000, 50_000, 400_000, 2_000_000)
  const torn = kinds.has('torn') ? fc.boolean() : fc.constant(false)
  const client = fc.nat(clientsMax - 1)
  const power = fc.boolean()
  const addUs = fc.constantFrom(5_000, 50_000, 300_000)
  const point = fc.constantFrom(...CRASH_POINTS)
  const members = {
    voters: fc.subarray(upTo(nodesMax + SPARES_MAX)),
    learners: fc.subarray(upTo(nodesMax + SPARES_MAX)),
    explicit: fc.boolean(),
  }
  const type = <Type extends Fault['type']>(name: Type): fc.Arbitrary<Type> => fc.constant(name)
  const all: { readonly [Type in Fault['type']]: fc.Arbitrary<Fault> } = {
    partition: record({ type: type('partition'), ...span, side, withLeader }),
    oneway: record({ type: type('oneway'), ...span, side, withLeader }),
    partial: record({ type: type('partial'), ...span, a: node, b: fc.nat(nodesMax - 1) }),
    isolate: record({ type: type('isolate'), ...span }),
    crash: record({ type: type('crash'), ...span, node, point, power, torn }),
    pause: record({ type: type('pause'), ...span, node, midTurn: fc.boolean() }),
    clientpause: record({ type: type('clientpause'), ...span, client }),
    slowdisk: record({ type: type('slowdisk'), ...span, node, addUs }),
    syncerror: record({ type: type('syncerror'), ...span, node }),
    rot: record({ type: type('rot'), ...span, node }),
    membership: record({ type: type('membership'), ...span, ...members }),
    transfer: record({ type: type('transfer'), ...span, to: fc.nat(nodesMax) }),
    forget: record({ type: type('forget'), ...span, node: fc.nat(nodesMax - 1) }),
    upgrade: record({ type: type('upgrade'), ...span, node: fc.nat(nodesMax + SPARES_MAX - 1) }),
    raise: record({ type: type('raise'), ...span }),
    loss: record({ type: type('loss'), ...span, per1024 }),
    duplicate: record({ type: type('duplicate'), ...span, per1024, upToUs }),
    delay: record({ type: type('delay'), ...span, per1024, upToUs }),
    reorder: record({ type: type('reorder'), ...span, per1024, upToUs }),
  }
  const chosen = Object.entries(all).filter(([name]) => kinds.has(name as FaultKind))
  return chosen.length === 0 ? null : fc.oneof(...chosen.map(([, fault]) => fault))
}

/** Leaves out what cannot be in so small a world, and what would come after the fire. */
function fit<Op>(drawn: Drawn<Op>, nodesMax: number): Scenario<Op> {
  const { nodes, spares, fireMs, electionTimeoutMs } = drawn
  const members = nodes + spares
  const [delayMinUs, delayMaxUs] = drawn.delayUs
  const [syncMinUs, syncMaxUs] = drawn.syncUs
  const clients = drawn.clients.map((steps) => begun(steps, fireMs))
  const windowMin = windowEntriesMin(clients.length, { delayMaxUs, syncMaxUs })
  const clientAt = (_: unknown, client: number): number => nodesMax + SPARES_MAX + client
  const places = [...upTo(members), ...clients.map(clientAt)]
  const dead = drawn.dead.filter((node) => node < members)
  return {
    seed: String(drawn.seed),
    nodes,
    spares,
    electionTimeoutMs,
    heartbeatIntervalMs: Math.floor(electionTimeoutMs / 3),
    appendBytesMax: drawn.appendBytesMax,
    inFlightMessagesMax: Math.max(windowMin, drawn.inFlightMessagesMax),
    inFlightBytesMax: 1_048_576,
    ...drawn.settings,
    delayMinUs,
    delayMaxUs,
    syncMinUs,
    syncMaxUs,
    clocks: places.map((place) => drawn.clocks[place] ?? { offsetMs: 0, driftPpm: 0 }),
    faults: drawn.faults
      .filter((fault) => fault.atMs < fireMs)
      .map((fault) => fitFault(fault, members, places)),
    clients,
    fireMs,
    dead: dead.slice(0, Math.floor((members - 1) / 2)),
    ...(drawn.limits === null ? {} : { limits: drawn.limits }),
  }
}

/** @param places for each endpoint, its number in the largest world */
function fitFault(fault: Fault, nodes: number, places: readonly number[]): Fault {
  const fitTarget = (target: Target): Target => (target === 'leader' ? target : target % nodes)
  switch (fault.type) {
    case 'partition':
    case 'oneway': {
      const side = fault.side.map((place) => places.indexOf(place)).filter((at) => at >= 0)
      return { ...fault, side }
    }
    case 'partial':
      return { ...fault, a: fitTarget(fault.a), b: fault.b % nodes }
    case 'crash':
    case 'pause':
    case 'slowdisk':
    case 'syncerror':
    case 'rot':
      return { ...fault, node: fitTarget(fault.node) }
    case 'membership': {
      const fitAll = (all: readonly number[]): number[] => all.filter((at) => at < nodes)
      return { ...fault, voters: fitAll(fault.voters), learners: fitAll(fault.learners) }
    }
    case 'transfer':
      return { ...fault, to: fault.to % nodes }
    case 'forget':
    case 'upgrade':
      return { ...fault, node: fault.node % nodes }
    case 'clientpause':
      return { ...fault, client: fault.client % (places.length - nodes) }
    case 'isolate':
    case 'raise':
    case 'loss':
    case 'duplicate':
    case 'delay':
    case 'reorder':
      return fault
  }
}

/** The steps that can begin before the fire ends. */
function begun<Op>(steps: readonly ClientStep<Op>[], fireMs: number): readonly ClientStep<Op>[] {
  let atMs = 0
  return steps.filter(({ pauseMs }) => (atMs += pauseMs) < fireMs)
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, at) => at)
}
