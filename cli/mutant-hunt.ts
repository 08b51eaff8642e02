// Judges one mutant: runs seeds on its copy of the program in a thread of its own, and the killing
// seed on the unmutated copy as well. It tells a kill from everything that is none.

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { Kill } from '../sim/mutants/mutant.ts'
import type { Original } from './mutant-build.ts'
import type { HuntEnd, HuntOrder, HuntReport } from './mutant-worker.ts'

/** What to judge. */
export interface Suspect {
  readonly id: string
  readonly killedBy: Kill | null
  /** Folder of the mutated copy of the program. */
  readonly copy: string
  readonly original: Original
}

/** How to judge it. */
export interface HuntPlan {
  /** How long seeds are tried, from 1 on. */
  readonly budgetMs: number
  /** First tries the recorded seed alone. */
  readonly recorded: boolean
  /** A seed that takes longer counts as hung. */
  readonly hangMs: number
  /** Called as a seed begins. */
  readonly onSeed: (seed: number) => void
}

/** How it went. */
export interface Trial {
  readonly id: string
  readonly killed: boolean
  /** What caught it; null when nothing did. */
  readonly oracle: string | null
  readonly seed: number | null
  readonly seconds: number
  /** What else must be said: how many seeds it survived, an error, that the record is outdated. */
  readonly note: string | null
}

/** Far above the time of any seed, also on a busy machine. */
export const HANG_MS = 60_000

/** Runs a mutant and judges what came of it. */
export async function tryMutant(suspect: Suspect, plan: HuntPlan): Promise<Trial> {
  if (!plan.recorded) return search(suspect, plan, null)
  const { killedBy, copy } = suspect
  if (killedBy === null) return search(suspect, plan, 're-record: no kill is recorded')
  const { seed, oracle } = killedBy
  const report = await hunt(copy, { firstSeed: seed, lastSeed: seed, budgetMs: Infinity }, plan)
  if (report.type === 'killed') {
    const note = report.oracle === oracle ? null : `re-record: "${oracle}" was recorded`
    return confirmed(suspect, report, plan, note)
  }
  if (report.type === 'error') return failed(suspect, report)
  return search(suspect, plan, `re-record: seed ${seed} does not kill it any more`)
}

async function search(suspect: Suspect, plan: HuntPlan, note: string | null): Promise<Trial> {
  const { copy, id } = suspect
  const lastSeed = Number.MAX_SAFE_INTEGER
  const report = await hunt(copy, { firstSeed: 1, lastSeed, budgetMs: plan.budgetMs }, plan)
  if (report.type === 'killed') return confirmed(suspect, report, plan, note)
  if (report.type === 'error') return failed(suspect, report)
  const { seeds, seconds } = report
  const survived = `survived ${seeds} seeds`
  const both = note === null ? survived : `${survived}; ${note}`
  return { id, killed: false, oracle: null, seed: null, seconds, note: both }
}

/** A kill counts only when the unmutated program is ok on the same seed. */
async function confirmed(
  { id, original }: Suspect,
  kill: Extract<HuntEnd, { readonly type: 'killed' }>,
  plan: HuntPlan,
  note: string | null,
): Promise<Trial> {
  const { seed, oracle, seconds } = kill
  const trial: Trial = { id, killed: true, oracle, seed, seconds, note }
  if (original.soundSeeds.has(seed)) return trial
  const order = { firstSeed: seed, lastSeed: seed, budgetMs: Infinity }
  const report = await hunt(original.folder, order, { ...plan, onSeed: () => undefined })
  if (report.type === 'survived' && report.undecided === 0) {
    original.soundSeeds.add(seed)
    return trial
  }
  const how =
    report.type === 'killed'
      ? `breaks "${report.oracle}"`
      : report.type === 'error'
        ? report.message
        : 'is undecided'
  const problem = `error: without the mutant seed ${seed} is not ok either: ${how}`
  return { ...trial, killed: false, oracle: null, note: problem }
}

function failed({ id }: Suspect, report: Extract<HuntEnd, { readonly type: 'error' }>): Trial {
  const { seed, message, seconds } = report
  return { id, killed: false, oracle: null, seed, seconds, note: `error: ${message}` }
}

/** Runs seeds on the copy of the program in `folder`. A thread that shows no life is ended. */
export function hunt(
  folder: string,
  order: HuntOrder,
  plan: Pick<HuntPlan, 'hangMs' | 'onSeed'>,
): Promise<HuntEnd> {
  const startedAt = performance.now()
  let seed = order.firstSeed
  return new Promise((resolve) => {
    const worker = new Worker(pathToFileURL(join(folder, 'cli/mutant-worker.js')), {
      workerData: order,
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: 2_048 },
    })
    const end = (report: HuntEnd): void => {
      clearTimeout(timer)
      void worker.terminate()
      resolve(report)
    }
    const error = (message: string): void => {
      end({ type: 'error', seed, message, seconds: (performance.now() - startedAt) / 1_000 })
    }
    const hung = (): void => error(`hung: seed ${seed} ran for more than ${plan.hangMs} ms`)
    let timer = setTimeout(hung, plan.hangMs)
    worker.on('message', (report: HuntReport) => {
      if (report.type !== 'began') return end(report)
      seed = report.seed
      plan.onSeed(seed)
      clearTimeout(timer)
      timer = setTimeout(hung, plan.hangMs)
    })
    worker.on('error', (thrown) => error(`the thread broke: ${String(thrown)}`))
    worker.on('exit', (code) => error(`the thread ended with code ${code} and no word`))
  })
}
