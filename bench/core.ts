// How fast the core is without disk and network: three nodes in one thread, all with PreVote and
// CheckQuorum, entries of 16 bytes, by processor time.
//
// A step is one call of `replica.step`. An entry is in flight from its request to its reply.
//
// No peer is measured in the same run. etcd's Raft, the core of the same kind, makes 59 to 96
// thousand entries and 0.47 to 0.77 million steps a second in Go with three nodes and 8 steps an
// entry, on one core of another machine, at 2.5 GHz: an aim, not a comparison.

import { ByteWriter } from '../core/bytes.ts'
import { append, emptyLog } from '../core/raft/log.ts'
import type { Log } from '../core/raft/log.ts'
import { heapBytes, machine, measured, rangeOf, timed } from './bench.ts'
import type { Bench, Measured } from './bench.ts'
import { OneThreadCluster, PAYLOAD, makeEntries } from './one-thread-cluster.ts'

interface CoreResult {
  readonly bench: 'core'
  /** One event a step, and so 8 steps an entry. */
  readonly stepsPerSecond: number
  readonly entriesPerSecond: {
    /** Each is committed and applied on all three before the next is asked for. */
    readonly inFlight1: number
    /** A node takes all that has arrived in one step: requests that wait share one append. */
    readonly inFlight64: number
  }
  /**
   * Of a log of `ENTRIES_MANY`, all of the heap but for the payload's bytes. Payloads are what the
   * core's own writer makes, and so what codecs and machines make: views of a common slab.
   */
  readonly bytesPerEntry: number
  /** The same for payloads that are arrays of their own: 200 bytes each, and the core's part. */
  readonly bytesPerEntryOwnArrays: number
  /** Nanoseconds of a step, one event each, by the entries in the log; and how much that grows. */
  readonly costPerStep: {
    readonly at1000Entries: number
    readonly at1000000Entries: number
    readonly ratio: number
  }
  readonly stepsPerEntry: Readonly<Record<string, number>>
  readonly spread: Readonly<Record<string, Measured>>
  readonly passes: number
  readonly machine: object
}

const ENTRIES_FEW = 1_000
const ENTRIES_MANY = 1_000_000
/** Entries of one pass. */
const SINGLE_ENTRIES = 40_000
const TOGETHER_ENTRIES = 200_000
const ALONE_ENTRIES = 40_000
const IN_FLIGHT = 64

export const coreBench: Bench = {
  name: 'core',
  summary: 'steps and entries per processor second of three nodes, bytes per entry',
  run,
  lines: (result) => linesOf(result as CoreResult),
}

function run(passes: number): CoreResult {
  const writer = new ByteWriter()
  const bytesPerEntry = measureBytesPerEntry(() => {
    writer.raw(PAYLOAD)
    return writer.finish()
  })
  const bytesPerEntryOwnArrays = measureBytesPerEntry(() => PAYLOAD.slice())
  const few = makeEntries(ENTRIES_FEW)
  const many = makeEntries(ENTRIES_MANY)
  const meters = {
    single: new Meter(() => single(few)),
    alone: new Meter(() => alone(few)),
    together: new Meter(() => together(few)),
    atMany: new Meter(() => single(many)),
  }
  // Warm-up: the engine compiles what is hot. The passes then take turns, so that what disturbs
  // the machine for a while disturbs all of them.
  const all = Object.values(meters)
  for (const meter of all) meter.pass()
  for (const meter of all) meter.clear()
  for (let pass = 0; pass < passes; pass++) for (const meter of all) meter.pass()
  const stepsPerSecond = meters.single.stepsPerSecond()
  const atMany = meters.atMany.stepsPerSecond()
  const inFlight1 = meters.alone.entriesPerSecond()
  const inFlight64 = meters.together.entriesPerSecond()
  return {
    bench: 'core',
    stepsPerSecond: stepsPerSecond.median,
    entriesPerSecond: { inFlight1: inFlight1.median, inFlight64: inFlight64.median },
    bytesPerEntry,
    bytesPerEntryOwnArrays,
    costPerStep: {
      at1000Entries: Math.round(1e9 / stepsPerSecond.median),
      at1000000Entries: Math.round(1e9 / atMany.median),
      ratio: Math.round((100 * stepsPerSecond.median) / atMany.median) / 100,
    },
    stepsPerEntry: {
      single: meters.single.stepsPerEntry(),
      inFlight1: meters.alone.stepsPerEntry(),
      inFlight64: meters.together.stepsPerEntry(),
    },
    spread: { stepsPerSecond, inFlight1, inFlight64, stepsPerSecondAt1000000Entries: atMany },
    passes,
    machine: machine(),
  }
}

/** What one pass did. */
interface Done {
  readonly entries: number
  readonly steps: number
  readonly cpuSeconds: number
}

/** Repeats one kind of pass and keeps the times. */
class Meter {
  readonly #run: () => Done
  #done: Done[] = []

  constructor(run: () => Done) {
    this.#run = run
  }

  pass(): void {
    this.#done.push(this.#run())
  }

  clear(): void {
    this.#done = []
  }

  stepsPerSecond(): Measured {
    return measured(this.#done.map(({ steps, cpuSeconds }) => steps / cpuSeconds))
  }

  entriesPerSecond(): Measured {
    return measured(this.#done.map(({ entries, cpuSeconds }) => entries / cpuSeconds))
  }

  stepsPerEntry(): number {
    const { steps = 0, entries = 1 } = this.#done[0] ?? {}
    return Math.round((100 * steps) / entries) / 100
  }
}

/**
 * One entry after the other, each event in a step of its own: the request, the leader's persist,
 * two appends, two persists of followers, two acknowledgements.
 */
function single(before: Entries): Done {
  const cluster = new OneThreadCluster('single', before)
  return done(cluster, SINGLE_ENTRIES, () => cluster.ask(SINGLE_ENTRIES, 1))
}

/** One entry after the other, and after each a heartbeat that tells the followers to commit. */
function alone(before: Entries): Done {
  const cluster = new OneThreadCluster('together', before)
  return done(cluster, ALONE_ENTRIES, () => {
    for (let count = 0; count < ALONE_ENTRIES; count++) {
      cluster.ask(1, 1)
      cluster.heartbeat()
    }
  })
}

function together(before: Entries): Done {
  const cluster = new OneThreadCluster('together', before)
  return done(cluster, TOGETHER_ENTRIES, () => cluster.ask(TOGETHER_ENTRIES, IN_FLIGHT))
}

type Entries = ReturnType<typeof makeEntries>

/** Takes the time of `work`, of which nothing is missing on any node in the end. */
function done(cluster: OneThreadCluster, entries: number, work: () => void): Done {
  const appliedBefore = cluster.appliedOnAll
  const stepsBefore = cluster.steps
  const { cpu: cpuSeconds } = timed(work)
  const steps = cluster.steps - stepsBefore
  cluster.heartbeat()
  if (cluster.appliedOnAll - appliedBefore !== entries) throw new Error('an entry is missing')
  return { entries, steps, cpuSeconds }
}

/** The heap that a long log holds, by what a full collection leaves before and after. */
function measureBytesPerEntry(makePayload: () => Uint8Array): number {
  // A log that was made to compile the code first: what the engine notes then is not the log's.
  makeLog(ENTRIES_FEW, makePayload)
  const before = heapBytes()
  const log = makeLog(ENTRIES_MANY, makePayload)
  const bytesPerEntry = (heapBytes() - before) / log.lastIndex
  return Math.round(10 * (bytesPerEntry - PAYLOAD.length)) / 10
}

function makeLog(count: number, makePayload: () => Uint8Array): Log {
  let log = emptyLog()
  for (let stampMs = 0; stampMs < count; stampMs++) {
    log = append(log, { term: 1, stampMs, kind: 'command', payload: makePayload() })
  }
  return log
}

function linesOf(result: CoreResult): readonly string[] {
  const { costPerStep, bytesPerEntry, bytesPerEntryOwnArrays, stepsPerEntry } = result
  const { stepsPerSecond, inFlight1, inFlight64 } = result.spread as Record<string, Measured>
  return [
    `core: three nodes in one thread, by processor time, median of ${result.passes} passes`,
    `machine: ${JSON.stringify(result.machine)}`,
    `steps/s, one event a step: ${rangeOf(stepsPerSecond)}`,
    `entries/s, 1 in flight: ${rangeOf(inFlight1)}`,
    `entries/s, ${IN_FLIGHT} in flight: ${rangeOf(inFlight64)}`,
    `steps per entry: ${JSON.stringify(stepsPerEntry)}`,
    `bytes per entry beyond its ${PAYLOAD.length}: ${bytesPerEntry}`,
    `the same, payloads in arrays of their own: ${bytesPerEntryOwnArrays}`,
    `ns per step by entries in the log: ${JSON.stringify(costPerStep)}`,
  ]
}
