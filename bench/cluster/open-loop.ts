// An open loop: locks are taken at times that are set before, whatever became of earlier ones. So a
// node that stands still is seen by all that come meanwhile, and not by one of them.

import type { DistributedLock } from '../../client/index.ts'
import { pause, percentiles } from './closed-loop.ts'

/** What came of it; milliseconds from when a lock was due to be asked for to its grant. */
export interface OpenFigures {
  readonly count: number
  readonly acquireMs: { readonly p50: number; readonly p99: number; readonly most: number }
  readonly errors: number
  readonly firstError: string | null
}

const TTL_MS = 30_000

/** Takes a lock each `everyMs` and gives it back, until `work` has ended and all are done. */
export async function openLoop(
  locks: DistributedLock,
  everyMs: number,
  work: Promise<unknown>,
): Promise<OpenFigures> {
  const acquires: number[] = []
  let errors = 0
  let firstError: string | null = null
  const take = async (dueMs: number, at: number): Promise<void> => {
    try {
      const lock = await locks.lock(`probe/${at}`, TTL_MS)
      acquires.push(performance.now() - dueMs)
      await lock.release()
    } catch (error) {
      errors++
      firstError ??= (error as Error).message
    }
  }
  let isOver = false
  const over = work.finally(() => (isOver = true))
  const all: Promise<void>[] = []
  const startMs = performance.now()
  for (let at = 0; !isOver; at++) {
    const dueMs = startMs + at * everyMs
    const leftMs = dueMs - performance.now()
    if (leftMs > 0) await pause(leftMs)
    all.push(take(dueMs, at))
  }
  await Promise.all([over, ...all])
  const most = Math.round(acquires.reduce((top, ms) => Math.max(top, ms), 0) * 100) / 100
  const acquireMs = { ...percentiles(acquires), most }
  return { count: acquires.length, acquireMs, errors, firstError }
}
