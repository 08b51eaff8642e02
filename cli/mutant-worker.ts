// Runs seeds one after the other, as `lockstep sim` does by default, until one breaks a rule. It
// is started as a thread from a mutant's own copy of the program, and so runs that copy's core.

import { parentPort, workerData } from 'node:worker_threads'
import { InvariantError } from '../core/invariant.ts'
import { DEFAULT_SETTING, seedOptions } from '../sim/campaign.ts'
import { simulate } from '../sim/simulate.ts'

/** What the thread is told. */
export interface HuntOrder {
  readonly firstSeed: number
  readonly lastSeed: number
  /** It begins no seed after this long. */
  readonly budgetMs: number
}

/** What the thread says: signs of life, and then how it ended. */
export type HuntReport = { readonly type: 'began'; readonly seed: number } | HuntEnd

export type HuntEnd =
  | {
      readonly type: 'killed'
      readonly seed: number
      readonly oracle: string
      readonly message: string
      readonly seconds: number
    }
  /** It threw something that no oracle and no invariant is behind. */
  | {
      readonly type: 'error'
      readonly seed: number
      readonly message: string
      readonly seconds: number
    }
  /** `undecided`: a history could not be judged within its limits. */
  | {
      readonly type: 'survived'
      readonly seeds: number
      readonly undecided: number
      readonly seconds: number
    }

function hunt({ firstSeed, lastSeed, budgetMs }: HuntOrder): HuntEnd {
  const startedAt = performance.now()
  const seconds = (): number => (performance.now() - startedAt) / 1_000
  let undecided = 0
  let seed = firstSeed
  for (; seed <= lastSeed && performance.now() - startedAt < budgetMs; seed++) {
    parentPort?.postMessage({ type: 'began', seed } satisfies HuntReport)
    try {
      const { verdict, violation } = simulate(seedOptions(seed, DEFAULT_SETTING))
      if (violation !== null) return { type: 'killed', seed, ...violation, seconds: seconds() }
      if (verdict === 'unknown') undecided++
    } catch (error) {
      const isInvariant = error instanceof InvariantError
      const message = isInvariant ? error.message : said(error)
      const rest = { seed, message, seconds: seconds() }
      if (!isInvariant) return { type: 'error', ...rest }
      return { type: 'killed', oracle: 'invariant', ...rest }
    }
  }
  return { type: 'survived', seeds: seed - firstSeed, undecided, seconds: seconds() }
}

function said(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : `threw ${String(error)}`
}

parentPort?.postMessage(hunt(workerData as HuntOrder))
