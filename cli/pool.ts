// Runs seeds on worker threads. Seeds are handed out one at a time, in order, so that at any moment
// all but the last few are done; what comes back comes in any order.

import { Worker } from 'node:worker_threads'
import { failedReport } from '../sim/campaign.ts'
import type { SeedReport, Setting } from '../sim/campaign.ts'
import type { SeedRange } from './values.ts'

/** What every thread is told once. */
export interface WorkerJob {
  readonly setting: Setting
  /** Runs each seed twice and compares. */
  readonly twice: boolean
  readonly traceLines: number
}

export interface PoolOptions {
  readonly job: WorkerJob
  readonly seeds: SeedRange
  /** How many threads. */
  readonly jobs: number
  /** Asked before each seed: false starts no more. */
  mayStart(): boolean
  onReport(report: SeedReport): void
  /** Ends the threads at once; what they were running is lost. */
  readonly signal: AbortSignal
}

/** Resolves when every seed that was started has been reported, or all was aborted. */
export async function runSeeds(options: PoolOptions): Promise<void> {
  const { seeds, jobs, signal } = options
  const threadsCount = Math.min(jobs, seeds.last - seeds.first + 1)
  const running = new Set<Worker>()
  const terminateAll = (): void => {
    for (const worker of running) void worker.terminate()
  }
  signal.addEventListener('abort', terminateAll)
  let next = seeds.first
  const take = (): number | undefined =>
    next > seeds.last || signal.aborted || !options.mayStart() ? undefined : next++
  try {
    const threads = Array.from({ length: threadsCount }, () => runThread(options, take, running))
    await Promise.all(threads)
  } finally {
    signal.removeEventListener('abort', terminateAll)
    await Promise.all([...running].map((worker) => worker.terminate()))
  }
}

/** Keeps one thread busy; a thread that dies over a seed is replaced. */
async function runThread(
  options: PoolOptions,
  take: () => number | undefined,
  running: Set<Worker>,
): Promise<void> {
  for (let seed = take(); seed !== undefined; seed = take()) {
    const worker = new Worker(WORKER_URL, { workerData: options.job, resourceLimits: ROOM })
    running.add(worker)
    const death = await feed(worker, seed, take, options.onReport)
    running.delete(worker)
    if (options.signal.aborted) return
    if (death === null) {
      await worker.terminate()
      return
    }
    // A thread that cannot even start would lose every seed there is.
    if (death.seed === null) throw death.error
    options.onReport(failedReport(death.seed, death.error))
  }
}

/** How a thread died, and over which seed; null when it never got to run one. */
interface Death {
  readonly seed: number | null
  readonly error: unknown
}

/** Gives `worker` one seed after the other. Resolves when there is none left, or it died. */
function feed(
  worker: Worker,
  firstSeed: number,
  take: () => number | undefined,
  onReport: (report: SeedReport) => void,
): Promise<Death | null> {
  return new Promise((resolve) => {
    let seed: number | null = null
    const give = (next: number | undefined): void => {
      if (next === undefined) return resolve(null)
      seed = next
      worker.postMessage(next)
    }
    worker.on('message', (message: SeedReport | typeof READY) => {
      if (message === READY) return give(firstSeed)
      onReport(message)
      give(take())
    })
    worker.on('error', (error) => resolve({ seed, error }))
    worker.on('exit', (code) => {
      resolve({ seed, error: new Error(`the thread ended with code ${code}`) })
    })
  })
}

/** What a thread says when it has loaded. */
export const READY = 'ready'

/** A world makes much that dies young; with room for it, less is copied before it does. */
const ROOM = { maxYoungGenerationSizeMb: 192 }

const WORKER_URL: URL = new URL('./worker.js', import.meta.url)
