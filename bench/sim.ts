// How fast the simulated world runs, on one thread, with every oracle and the trace hash on:
// through the production codec and log, past both of them, and with nothing to do.

import type { LockOperation } from '../sim/lock-operation.ts'
import type { ClientStep, Scenario } from '../sim/scenario.ts'
import { scenarioOf, simulate } from '../sim/simulate.ts'
import { machine, median, timed } from './bench.ts'
import type { Bench, BenchOptions, Seconds } from './bench.ts'

type Work = readonly Scenario<LockOperation>[]

/** The speed of one kind of run. */
interface Speed {
  readonly eventsPerSecond: number
  readonly simSecondsPerWallSecond: number
  /** Client operations, by wall time. */
  readonly operationsPerSecond: number
  readonly operationsPerSimSecond: number
  /** Of the median pass. */
  readonly seconds: Seconds
  /** The same speeds by the processor's time, which a busy machine stretches less. */
  readonly byCpuTime: { readonly eventsPerSecond: number; readonly simSecondsPerSecond: number }
  readonly events: number
  readonly simSeconds: number
}

interface SimResult extends Speed {
  readonly bench: 'sim'
  readonly reference: Speed
  readonly idle: Speed
  readonly work: object
  readonly passes: number
  readonly machine: object
}

const SEEDS_COUNT = 6
const NODES = 5
const CLIENTS = 8
const ELECTION_TIMEOUT_MS = 150
const HEARTBEAT_INTERVAL_MS = 50
const OPERATIONS_PER_SIM_SECOND_MIN = 40
/** What is left of the clients' pauses, so that they ask as often as that. */
const HURRY = 0.4

export const simBench: Bench = {
  name: 'sim',
  summary: 'events and simulated seconds per second, under fire and idle: --quick',
  takes: ['quick'],
  run,
  lines: (result) => linesOf(result as SimResult),
}

function run(passes: number, { isQuick }: BenchOptions): SimResult {
  const seeds = seedsOfSteadyMembers(isQuick ? 1 : SEEDS_COUNT)
  const fire = seeds.map(busyScenario)
  const idle = [idleScenario(seeds[0] as number)]
  // Warm-up: the engine compiles what is hot. The passes then take turns, so that what disturbs
  // the machine for a while disturbs all three.
  const all = [new Meter(fire, 'bytes'), new Meter(fire, 'reference'), new Meter(idle, 'bytes')]
  for (const meter of all) meter.warmUp()
  for (let pass = 0; pass < passes; pass++) for (const meter of all) meter.pass()
  const [bytes, reference, calm] = all.map((meter) => meter.speed()) as [Speed, Speed, Speed]
  if (bytes.operationsPerSimSecond < OPERATIONS_PER_SIM_SECOND_MIN) {
    throw new Error(`the work is too light: ${bytes.operationsPerSimSecond} operations a second`)
  }
  const timeouts = { electionTimeoutMs: ELECTION_TIMEOUT_MS, heartbeatMs: HEARTBEAT_INTERVAL_MS }
  const faults = 'swarm, without changes of members'
  const work = { seeds, nodes: NODES, clients: CLIENTS, ...timeouts, faults }
  return { bench: 'sim', ...bytes, reference, idle: calm, work, passes, machine: machine() }
}

/** Repeats one kind of run and keeps the times. */
class Meter {
  readonly #work: Work
  readonly #wire: 'bytes' | 'reference'
  readonly #seconds: Seconds[] = []
  #events = 0
  #simSeconds = 0
  #operations = 0

  constructor(work: Work, wire: 'bytes' | 'reference') {
    this.#work = work
    this.#wire = wire
  }

  warmUp(): void {
    this.#runAll()
  }

  pass(): void {
    this.#seconds.push(timed(() => this.#runAll()))
  }

  speed(): Speed {
    const wall = median(this.#seconds.map((seconds) => seconds.wall))
    const cpu = median(this.#seconds.map((seconds) => seconds.cpu))
    const events = this.#events
    const simSeconds = this.#simSeconds
    return {
      eventsPerSecond: Math.round(events / wall),
      simSecondsPerWallSecond: rounded(simSeconds / wall),
      operationsPerSecond: Math.round(this.#operations / wall),
      operationsPerSimSecond: rounded(this.#operations / simSeconds),
      seconds: { wall: rounded(wall), cpu: rounded(cpu) },
      byCpuTime: {
        eventsPerSecond: Math.round(events / cpu),
        simSecondsPerSecond: rounded(simSeconds / cpu),
      },
      events,
      simSeconds: rounded(simSeconds),
    }
  }

  #runAll(): void {
    this.#events = 0
    this.#simSeconds = 0
    this.#operations = 0
    for (const scenario of this.#work) {
      const result = simulate({ scenario, wire: this.#wire })
      if (result.verdict !== 'ok') {
        throw new Error(`seed ${scenario.seed}: ${result.verdict}: ${result.violation?.message}`)
      }
      this.#events += result.events
      this.#simSeconds += result.simSeconds
      const { ok, fail, unknown } = result.operations
      this.#operations += ok + fail + unknown
    }
  }
}

/** The first seeds whose worlds keep their five members: with others the work would be another. */
function seedsOfSteadyMembers(count: number): readonly number[] {
  const seeds: number[] = []
  for (let seed = 1; seeds.length < count; seed++) {
    const { spares, faults } = commonScenario(seed)
    if (spares === 0 && !faults.some(({ type }) => type === 'membership')) seeds.push(seed)
  }
  return seeds
}

/** The seed's own disaster among five nodes, with clients that ask more often. */
function busyScenario(seed: number): Scenario<LockOperation> {
  const scenario = commonScenario(seed)
  const { clients } = scenario
  return {
    ...scenario,
    clients: clients.map((steps, at) => {
      const more = clients[(at + 1) % clients.length] ?? []
      return [...steps, ...more].map(hurried)
    }),
  }
}

function hurried(step: ClientStep<LockOperation>): ClientStep<LockOperation> {
  return { ...step, pauseMs: Math.ceil(step.pauseMs * HURRY) }
}

/** Five nodes that only keep each other company. */
function idleScenario(seed: number): Scenario<LockOperation> {
  const scenario = commonScenario(seed)
  return { ...scenario, faults: [], dead: [], clients: scenario.clients.map(() => []) }
}

function commonScenario(seed: number): Scenario<LockOperation> {
  const scenario = scenarioOf({ seed, nodes: NODES, clients: CLIENTS })
  const electionTimeoutMs = ELECTION_TIMEOUT_MS
  return { ...scenario, electionTimeoutMs, heartbeatIntervalMs: HEARTBEAT_INTERVAL_MS }
}

function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000
}

function linesOf(result: SimResult): readonly string[] {
  const { work, machine: where } = result
  return [
    `sim: one thread, median of ${result.passes} passes`,
    `work: ${JSON.stringify(work)}`,
    `machine: ${JSON.stringify(where)}`,
    speedLine('through bytes', result),
    speedLine('by reference', result.reference),
    speedLine('idle', result.idle),
  ]
}

function speedLine(name: string, speed: Speed): string {
  const { eventsPerSecond, simSecondsPerWallSecond, operationsPerSecond, byCpuTime } = speed
  return [
    `${name}: ${eventsPerSecond} events/s (${byCpuTime.eventsPerSecond} by processor time)`,
    `${simSecondsPerWallSecond} simulated s per wall s`,
    `${operationsPerSecond} operations/s`,
  ].join(', ')
}
