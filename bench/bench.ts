// What a bench is, and how time is taken: in passes over fixed work, of which the median counts.

import { arch, cpus, platform } from 'node:os'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** One bench. `npm run bench -- NAME` runs it. */
export interface Bench {
  readonly name: string
  /** One line: what it measures. */
  readonly summary: string
  /** Options beyond those of all benches that it takes. */
  readonly takes?: readonly string[]
  /** Does the work and answers plain data, for `--json`. */
  run(passes: number, options: BenchOptions): object | Promise<object>
  /** The same data as lines for people. */
  lines(result: object): readonly string[]
}

/** Options that some benches take. */
export interface BenchOptions {
  /** Only a little of the work, to see that it runs. */
  readonly isQuick: boolean
  /** A folder of histories with a manifest. */
  readonly histories: string | null
  /** Other systems are measured beside ours. */
  readonly hasPeers: boolean
  /** How many locks are held; null: as many as the bench is about. */
  readonly locks: number | null
}

/** What one pass took. */
export interface Seconds {
  readonly wall: number
  /** Of all threads of this process: the engine's helpers for memory and compiling included. */
  readonly cpu: number
}

/** Runs `work` and takes the time. */
export function timed(work: () => void): Seconds {
  const cpuBefore = process.cpuUsage()
  const wallBefore = performance.now()
  work()
  const wallMs = performance.now() - wallBefore
  const { user, system } = process.cpuUsage(cpuBefore)
  return { wall: wallMs / 1e3, cpu: (user + system) / 1e6 }
}

/** The middle one; of an even count the higher of the two. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[sorted.length >>> 1] ?? 0
}

/** The median of all passes, the least, and the most. */
export interface Measured {
  readonly median: number
  readonly least: number
  readonly most: number
}

/** Of one figure a pass. */
export function measured(values: readonly number[]): Measured {
  return {
    median: rounded(median(values)),
    least: rounded(Math.min(...values)),
    most: rounded(Math.max(...values)),
  }
}

/** Small figures to a thousandth, others to one. */
function rounded(value: number): number {
  return value >= 100 ? Math.round(value) : Math.round(value * 1e3) / 1e3
}

/** A figure as it is printed for people. */
export function rangeOf(values: Measured | undefined): string {
  return values === undefined ? '' : `${values.median} (${values.least} to ${values.most})`
}

/** Bytes in use after a full collection. */
export function heapBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** What was measured on. */
export function machine(): object {
  const all = cpus()
  const model = all[0]?.model ?? 'unknown'
  return { cpu: model, cores: all.length, system: `${platform()} ${arch()}`, node: process.version }
}
