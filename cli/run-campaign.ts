// Runs a campaign to its end, its budget or an interrupt, and adds it up. The sums do not depend on
// the number of threads: reports are added in the order of their seeds.

import { Tally } from '../sim/campaign.ts'
import type { CampaignSummary, SeedReport } from '../sim/campaign.ts'
import { runSeeds } from './pool.ts'
import { Progress } from './progress.ts'
import type { Screen } from './screen.ts'
import type { SimOptions } from './sim-options.ts'

/** What came of a campaign. */
export interface CampaignOutcome {
  readonly summary: CampaignSummary
  readonly wallSeconds: number
  /** Broken off by the user. */
  readonly interrupted: boolean
  /** The budget ran out before the seeds did. */
  readonly budgetUsedUp: boolean
  /** The report of the only seed, when there was just one to run. */
  readonly single: SeedReport | null
}

/** Runs the seeds of `options`. An interrupt (ctrl-c) ends it early, with what was done so far. */
export async function runCampaign(options: SimOptions, screen: Screen): Promise<CampaignOutcome> {
  const { seeds, budgetMs, jobs, setting, twice, trace } = options
  const startedMs = performance.now()
  const elapsedMs = (): number => performance.now() - startedMs
  const progress = new Progress(screen, options)
  const tally = new OrderedTally(new Tally(setting), seeds.first)
  const abort = new AbortController()
  let budgetUsedUp = false
  let single: SeedReport | null = null
  const interrupt = (): void => abort.abort()
  process.on('SIGINT', interrupt)
  try {
    await runSeeds({
      job: { setting, twice, traceLines: trace ? TRACE_LINES_ALL : 0 },
      seeds,
      jobs,
      mayStart: () => {
        budgetUsedUp = budgetMs !== null && elapsedMs() >= budgetMs
        return !budgetUsedUp
      },
      onReport: (report) => {
        if (seeds.first === seeds.last) single = report
        tally.add(report)
        progress.add(report)
      },
      signal: abort.signal,
    })
  } finally {
    process.off('SIGINT', interrupt)
    progress.end()
  }
  const summary = tally.summary()
  const wallSeconds = elapsedMs() / 1_000
  return { summary, wallSeconds, interrupted: abort.signal.aborted, budgetUsedUp, single }
}

/** More lines than a run has. */
const TRACE_LINES_ALL = 10_000_000

/** Takes reports in any order and adds them in the order of their seeds. */
class OrderedTally {
  readonly #tally: Tally
  readonly #waiting = new Map<number, SeedReport>()
  #next: number

  constructor(tally: Tally, first: number) {
    this.#tally = tally
    this.#next = first
  }

  add(report: SeedReport): void {
    this.#waiting.set(report.seed, report)
    for (;;) {
      const next = this.#waiting.get(this.#next)
      if (next === undefined) return
      this.#waiting.delete(this.#next++)
      this.#tally.add(next)
    }
  }

  /** After an interrupt some seeds are missing; those behind them count all the same. */
  summary(): CampaignSummary {
    const rest = [...this.#waiting.values()].sort((a, b) => a.seed - b.seed)
    this.#waiting.clear()
    for (const report of rest) this.#tally.add(report)
    return this.#tally.summary()
  }
}
