// The library's front door to the simulated world: one seed or scenario in, one verdict out. The
// machine under test is the lock service unless the caller brings another.

import type { Operation } from '../checker/history.ts'
import { linearize } from '../checker/linearize.ts'
import type { LockInput, LockOutput } from '../checker/lock-history.ts'
import type { Model } from '../checker/model.ts'
import type { LockEvent } from '../core/lock/event.ts'
import { lockService } from '../core/lock/machine.ts'
import type { LockReply } from '../core/lock/reply.ts'
import type { LockState } from '../core/lock/state.ts'
import type { Machine } from '../core/machine.ts'
import type { SessionEvent, SessionReply } from '../core/session/command.ts'
import type { SessionState } from '../core/session/state.ts'
import type { ReplicaState } from '../core/work.ts'
import { countedBuilds } from './counted-machine.ts'
import type { Counted } from './counted-machine.ts'
import type { SimEvent } from './event-queue.ts'
import { withGuarded } from './guarded-worlds.ts'
import { drawLimits } from './lock-limits.ts'
import {
  withBriefSessions,
  withQueries,
  withSessions,
  withSharing,
  withUnbound,
} from './lock-operation.ts'
import type { LockOperation } from './lock-operation.ts'
import { lockWorkload } from './lock-workload.ts'
import type { Rule } from './network.ts'
import type { UserOracle } from './observer.ts'
import { openStreams } from './random.ts'
import type { Decisions, Misfit, Streams } from './random.ts'
import { FAULT_KINDS, scenarioProblem, worstDriftPpm } from './scenario.ts'
import type { FaultKind, Scenario } from './scenario.ts'
import { drawScenario } from './swarm.ts'
import type { Workload } from './workload.ts'
import { runWorld } from './world.ts'

/** What every simulation may be told. Everything has a default. */
export interface CommonOptions<Op> {
  /** Decides everything that is not said otherwise. Default 1. */
  readonly seed?: number | string
  /** 1 to 7; drawn from the seed when left out. */
  readonly nodes?: number
  /** Default 8. */
  readonly clients?: number
  /** `swarm` (default): the seed decides which kinds strike. A list: just these. */
  readonly faults?: 'swarm' | readonly FaultKind[]
  /** How long things go wrong, milliseconds of simulated time. Default 30 000. */
  readonly fireMs?: number
  /** Runs this scenario instead of drawing one from the seed. */
  readonly scenario?: Scenario<Op>
  /**
   * Looked at for each message, in order; the first answer other than `pass` counts. They hold
   * until all logs are equal after the heal: the bounds of what comes then leave no room for loss.
   */
  readonly rules?: readonly Rule[]
  /** Plays back recorded decisions where they fit. */
  readonly decisions?: Decisions
  /** Records every decision into the result. */
  readonly record?: boolean
  /** Lines of trace to keep; default 0. */
  readonly traceLines?: number
  /** `bytes` (default): through the production codec and log. `reference`: past both, faster. */
  readonly wire?: 'bytes' | 'reference'
  /** Called after each event with a digest of the run so far. */
  readonly onEvent?: (event: SimEvent, digest: number) => void
}

/** Simulates the lock service. */
export interface LockOptions extends CommonOptions<LockOperation> {
  /** How many locks the clients share; default 4. */
  readonly keys?: number
  readonly oracles?: readonly UserOracle<
    SessionState<LockState>,
    SessionReply<LockReply>,
    SessionEvent<LockEvent>
  >[]
}

/** Simulates a machine of the user's own under every fault. */
export interface MachineOptions<
  State,
  Command,
  Reply,
  MachineEvent extends { readonly type: string },
  Op,
  Input,
  Output,
  ModelState = unknown,
> extends CommonOptions<Op> {
  readonly machine: Machine<State, Command, Reply, MachineEvent>
  /**
   * What the fault `upgrade` restarts nodes into, and knows more versions of its rules; `machine`
   * when left out. Both read each other's commands, replies and snapshots.
   */
  readonly nextBuild?: Machine<State, Command, Reply, MachineEvent>
  readonly workload: Workload<Command, Reply, MachineEvent, Op, Input, Output>
  /** What answers are right: the history must be linearizable, unless `workload` judges itself. */
  readonly model?: Model<ModelState, Input, Output>
  readonly oracles?: readonly UserOracle<State, Reply, MachineEvent>[]
}

/** What came of a simulation. */
export interface SimulateResult<Op, Input, Output> {
  /** `unknown`: no rule was seen broken, but the history could not be judged within its limits. */
  readonly verdict: 'ok' | 'violation' | 'unknown'
  /** Which rule was broken, and how; null unless `verdict` is `violation`. */
  readonly violation: { readonly oracle: string; readonly message: string } | null
  readonly scenario: Scenario<Op>
  readonly events: number
  readonly simSeconds: number
  /** 32 hexadecimal digits over every event, effect and final state. */
  readonly traceHash: string
  /** How often each kind of fault struck. */
  readonly faults: Readonly<Record<string, number>>
  /** How the clients' operations ended, those too that the history has no words for. */
  readonly operations: { readonly ok: number; readonly fail: number; readonly unknown: number }
  /** How often each rule was looked at. */
  readonly oracles: Readonly<Record<string, number>>
  /** How often each situation worth reaching was reached. */
  readonly probes: Readonly<Record<string, number>>
  readonly history: readonly Operation<Input, Output>[]
  readonly trace: readonly string[]
  /** What was decided, when recording. */
  readonly decisions: Decisions
  /** The first played decision that did not fit, or null. */
  readonly misfit: Misfit | null
}

/** The outcome of a simulated lock service. */
export type LockResult = SimulateResult<LockOperation, LockInput, LockOutput>

/** What holds where nothing is said. */
export const DEFAULTS = { clients: 8, keys: 4, faults: 'swarm', fireMs: 30_000 } as const

/**
 * Runs one seeded disaster, synchronously, and judges it.
 *
 * @throws TypeError when the options make no sense; a broken rule is a result, not an error.
 */
export function simulate(options?: LockOptions): LockResult
export function simulate<
  State,
  Command,
  Reply,
  MachineEvent extends { readonly type: string },
  Op,
  Input,
  Output,
  ModelState = unknown,
>(
  options: MachineOptions<State, Command, Reply, MachineEvent, Op, Input, Output, ModelState>,
): SimulateResult<Op, Input, Output>
export function simulate<
  State,
  Command,
  Reply,
  MachineEvent extends { readonly type: string },
  Op,
  Input,
  Output,
  ModelState,
>(
  options:
    | LockOptions
    | MachineOptions<State, Command, Reply, MachineEvent, Op, Input, Output, ModelState> = {},
): LockResult | SimulateResult<Op, Input, Output> {
  if ('machine' in options) {
    const { machine, workload } = options
    const streams = streamsOf(options)
    const scenario = options.scenario ?? draw(options, workload.draw, streams)
    const builds = [machine, options.nextBuild ?? machine] as const
    return run(options, streams, scenario, builds, judgedBy(options.model, workload))
  }
  const streams = streamsOf(options)
  const scenario = options.scenario ?? drawLocks(options, streams)
  const limits = scenario.limits ?? {}
  const drift = worstDriftPpm(scenario.clocks)
  const { guarded } = scenario
  const workload = lockWorkload(options.keys ?? DEFAULTS.keys, limits, drift, guarded)
  const service = lockService(limits)
  if (!scenario.faults.some(({ type }) => type === 'upgrade')) {
    return run(options, streams, scenario, [service, service], workload)
  }
  const oracles = (options.oracles ?? []).map(ofInner)
  return run({ ...options, oracles }, streams, scenario, countedBuilds(service), workload)
}

/** The scenario that a seed draws, without running it. */
export function scenarioOf(options: LockOptions): Scenario<LockOperation> {
  return drawLocks(options, openStreams(String(options.seed ?? 1), false, null))
}

function streamsOf<Op>(options: CommonOptions<Op>): Streams {
  const seed = options.scenario?.seed ?? String(options.seed ?? 1)
  return openStreams(seed, options.record ?? false, options.decisions ?? null)
}

function drawLocks(options: LockOptions, streams: Streams): Scenario<LockOperation> {
  const scenario = draw(options, lockWorkload(options.keys ?? DEFAULTS.keys).draw, streams)
  // A capsule of the time before there were limits has none.
  const limits = streams.knows('limits') ? drawLimits(streams.stream('limits')) : {}
  let { clients } = scenario
  if (streams.knows('queries')) clients = withQueries(clients, streams.stream('queries'))
  if (streams.knows('sharing')) clients = withSharing(clients, streams.stream('sharing'))
  if (streams.knows('sessions')) clients = withSessions(clients, streams.stream('sessions'))
  if (streams.knows('unbound')) clients = withUnbound(clients, streams.stream('unbound'))
  if (streams.knows('brief')) clients = withBriefSessions(clients, streams.stream('brief'))
  const guarded = streams.knows('guarded') ? withGuarded(clients, streams.stream('guarded')) : {}
  return { ...scenario, clients, limits, ...guarded }
}

function draw<Op>(
  options: CommonOptions<Op>,
  drawOperation: Workload<never, never, never, Op, never, never>['draw'],
  streams: Streams,
): Scenario<Op> {
  const problem = optionsProblem(options as CommonOptions<never>)
  if (problem !== null) throw new TypeError(`simulate: ${problem}`)
  const { nodes, clients, faults, fireMs } = options
  const common = { clients: clients ?? DEFAULTS.clients, faults: faults ?? DEFAULTS.faults }
  const rest = { fireMs: fireMs ?? DEFAULTS.fireMs, ...(nodes === undefined ? {} : { nodes }) }
  const swarm = { ...common, ...rest }
  return drawScenario(String(options.seed ?? 1), streams, swarm, drawOperation)
}

function optionsProblem({ nodes, clients, faults }: CommonOptions<never>): string | null {
  if (nodes !== undefined && !(Number.isSafeInteger(nodes) && nodes >= 1 && nodes <= 7)) {
    return 'nodes must be an integer from 1 to 7'
  }
  if (clients !== undefined && !(Number.isSafeInteger(clients) && clients >= 1)) {
    return 'clients must be an integer of 1 or more'
  }
  if (faults === undefined || faults === 'swarm') return null
  if (!Array.isArray(faults)) return `faults must be 'swarm' or a list, not ${String(faults)}`
  const unknown = faults.find((kind) => !FAULT_KINDS.includes(kind as FaultKind))
  if (unknown === undefined) return null
  return `faults does not know '${String(unknown)}'; it takes some of ${FAULT_KINDS.join(', ')}`
}

function run<
  State,
  Command,
  Reply,
  MachineEvent extends { readonly type: string },
  Op,
  Input,
  Output,
>(
  options: CommonOptions<Op> & {
    readonly oracles?: readonly UserOracle<State, Reply, MachineEvent>[]
  },
  streams: Streams,
  scenario: Scenario<Op>,
  builds: readonly [
    Machine<State, Command, Reply, MachineEvent>,
    Machine<State, Command, Reply, MachineEvent>,
  ],
  workload: Workload<Command, Reply, MachineEvent, Op, Input, Output>,
): SimulateResult<Op, Input, Output> {
  const problem = scenarioProblem(scenario)
  if (problem !== null) throw new TypeError(`simulate: ${problem}`)
  const result = runWorld({
    builds,
    workload,
    scenario,
    streams,
    rules: options.rules ?? [],
    oracles: options.oracles ?? [],
    bytes: options.wire !== 'reference',
    traceLines: options.traceLines ?? 0,
    onEvent: options.onEvent ?? null,
  })
  const undecided = (result.probes['history undecided'] ?? 0) > 0
  const verdict = result.violation !== null ? 'violation' : undecided ? 'unknown' : 'ok'
  const decisions = streams.decisions()
  return { ...result, verdict, scenario, decisions, misfit: streams.misfit() }
}

/** An oracle of the user's own, in a world whose machine counts besides. */
function ofInner<State, Reply, MachineEvent>(
  oracle: UserOracle<State, Reply, MachineEvent>,
): UserOracle<Counted<State>, Reply, MachineEvent> {
  const innerOf = ({ machine, ...rest }: ReplicaState<Counted<State>>): ReplicaState<State> => {
    return { ...rest, machine: machine.inner }
  }
  return {
    name: oracle.name,
    stepped: ({ before, after, ...step }) =>
      oracle.stepped({ ...step, before: innerOf(before), after: innerOf(after) }),
  }
}

/** The workload, with its history judged by `model` where it brings no judge of its own. */
function judgedBy<Command, Reply, MachineEvent, Op, Input, Output, ModelState>(
  model: Model<ModelState, Input, Output> | undefined,
  workload: Workload<Command, Reply, MachineEvent, Op, Input, Output>,
): Workload<Command, Reply, MachineEvent, Op, Input, Output> {
  if (model === undefined || workload.judge !== undefined) return workload
  return {
    draw: (random, client) => workload.draw(random, client),
    fresh: () => workload.fresh(),
    isServed: (output) => workload.isServed(output),
    ...(workload.query === undefined ? {} : { query: () => workload.query?.() as Command }),
    weigh: (reply) => workload.weigh(reply),
    oracles: workload.oracles ?? [],
    open: (stage) => workload.open(stage),
    judge: (history) => linearize(model, history),
  }
}
