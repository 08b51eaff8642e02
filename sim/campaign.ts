// Many seeds, one summary: what is kept of each run, and how the runs add up. Whoever runs them, in
// whatever order and on however many threads, adds the reports in the order of their seeds.

import { Hash128 } from '../core/hash.ts'
import { FAULT_KINDS } from './scenario.ts'
import type { FaultKind } from './scenario.ts'
import { DEFAULTS, simulate } from './simulate.ts'
import type { LockOptions, LockResult } from './simulate.ts'

/** What is the same for all seeds of a campaign. */
export interface Setting {
  /** 1 to 7; drawn by each seed when left out. */
  readonly nodes?: number
  readonly clients: number
  readonly keys: number
  readonly faults: 'swarm' | readonly FaultKind[]
  readonly fireMs: number
}

export const DEFAULT_SETTING: Setting = DEFAULTS

type Counts = Readonly<Record<string, number>>

/** What is kept of one run. Plain data, so that it can pass between threads. */
export interface SeedReport {
  readonly seed: number
  readonly verdict: 'ok' | 'violation' | 'unknown'
  readonly violation: { readonly oracle: string; readonly message: string } | null
  /** What the run threw that is no verdict, with its stack: a defect of the simulator itself. */
  readonly error: string | null
  readonly events: number
  readonly simSeconds: number
  /** How long things went wrong, in simulated time. */
  readonly fireSeconds: number
  /** Empty when the run threw. */
  readonly traceHash: string
  readonly faults: Counts
  readonly operations: LockResult['operations']
  readonly oracles: Counts
  readonly probes: Counts
  readonly trace: readonly string[]
}

/** One rule seen broken. `seed` is null when it takes the whole campaign to see it. */
export interface CampaignViolation {
  readonly seed: number | null
  readonly oracle: string
  readonly message: string
}

/** How a campaign ended. */
export interface CampaignSummary {
  /** `unknown`: no rule was seen broken, but some seed could not be judged. */
  readonly verdict: 'ok' | 'violation' | 'unknown'
  /** How many ran. */
  readonly seeds: number
  readonly events: number
  readonly simSeconds: number
  readonly faults: Counts
  readonly operations: LockResult['operations']
  readonly oracles: Counts
  readonly probes: Counts
  readonly medians: Medians
  /** 32 hexadecimal digits over every seed and its trace hash. */
  readonly campaignHash: string
  readonly violations: readonly CampaignViolation[]
  readonly errors: readonly { readonly seed: number; readonly error: string }[]
  /** Seeds whose history could not be judged within its limits. */
  readonly undecided: readonly number[]
}

/** Of each seed: how long things went wrong, how many operations were answered, what struck. */
export interface Medians {
  readonly fireSeconds: number
  readonly answeredOperations: number
  readonly faultKinds: number
}

/** Situations that any two clients get into. */
const PROBES_OF_FEW: readonly string[] = [
  'leader crashed with unreplicated entries',
  'conflicting suffix truncated',
  'torn record found at restart',
  'lease ran out behind a partition',
  'waiter promoted after the holder was lost',
  'retry answered from memory',
  'members changed',
  'removed leader steps down',
  'snapshot installed',
  'restart from a snapshot',
  'transfer started',
  'version raised',
]

/** Situations that take more clients, and locks to choose from. */
const PROBES_OF_MANY: readonly string[] = [
  'refused: tooManyWaiters',
  'refused: tooManyLocks',
  'refused: tooManyKeys',
  'refused: countTooHigh',
  'refused: overloaded',
  'room for memos again',
  'late grant given back',
  'lock freed without naming its token',
  'all levels released at once',
  'lock refreshed',
]

/** Situations that a campaign must have been in, or it proves little. */
export const REQUIRED_PROBES: readonly string[] = [...PROBES_OF_FEW, ...PROBES_OF_MANY]

/** From this many seeds on, what never came up or was never looked at is no accident. */
export const REACHABILITY_SEEDS = 200

/** The options of one seed of a campaign. */
export function seedOptions(seed: number, setting: Setting): LockOptions {
  return { seed, ...setting }
}

/** Runs one seed. Whatever it throws is a report too. */
export function runSeed(seed: number, options: LockOptions): SeedReport {
  try {
    return reportOf(seed, simulate({ ...options, seed }))
  } catch (error) {
    return failedReport(seed, error)
  }
}

/** What is kept of a run. */
export function reportOf(seed: number, result: LockResult): SeedReport {
  const { verdict, violation, events, simSeconds, traceHash } = result
  const { faults, operations, oracles, probes, trace } = result
  const fireSeconds = Math.min(simSeconds, result.scenario.fireMs / 1_000)
  const judged = { verdict, violation, error: null, traceHash, trace }
  const counts = { faults, operations, oracles, probes }
  return { seed, events, simSeconds, fireSeconds, ...judged, ...counts }
}

/** The report of a run that threw what is no verdict. */
export function failedReport(seed: number, error: unknown): SeedReport {
  const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return {
    seed,
    verdict: 'unknown',
    violation: null,
    error: reason,
    events: 0,
    simSeconds: 0,
    fireSeconds: 0,
    traceHash: '',
    faults: {},
    operations: { ok: 0, fail: 0, unknown: 0 },
    oracles: {},
    probes: {},
    trace: [],
  }
}

/** Adds up reports, given in the order of their seeds. */
export class Tally {
  readonly #setting: Setting
  readonly #faults: Record<string, number> = {}
  readonly #oracles: Record<string, number> = {}
  readonly #probes: Record<string, number> = {}
  readonly #operations = { ok: 0, fail: 0, unknown: 0 }
  readonly #violations: CampaignViolation[] = []
  readonly #errors: { seed: number; error: string }[] = []
  readonly #undecided: number[] = []
  readonly #fireSeconds: number[] = []
  readonly #answered: number[] = []
  readonly #kinds: number[] = []
  readonly #hash = new Hash128()
  #seeds = 0
  #events = 0
  #simUs = 0

  constructor(setting: Setting) {
    this.#setting = setting
    for (const kind of FAULT_KINDS) {
      if (setting.faults === 'swarm' || setting.faults.includes(kind)) this.#faults[kind] = 0
    }
    for (const probe of REQUIRED_PROBES) this.#probes[probe] = 0
  }

  add(report: SeedReport): void {
    const { seed, violation, error, operations } = report
    this.#seeds++
    this.#hash.integer(seed)
    this.#hash.text(report.traceHash)
    if (error !== null) {
      this.#errors.push({ seed, error })
      return
    }
    this.#events += report.events
    this.#simUs += Math.round(report.simSeconds * 1e6)
    addCounts(this.#faults, report.faults)
    addCounts(this.#oracles, report.oracles)
    addCounts(this.#probes, report.probes)
    this.#operations.ok += operations.ok
    this.#operations.fail += operations.fail
    this.#operations.unknown += operations.unknown
    if (violation !== null) this.#violations.push({ seed, ...violation })
    else if (report.verdict === 'unknown') this.#undecided.push(seed)
    this.#fireSeconds.push(report.fireSeconds)
    this.#answered.push(operations.ok + operations.fail)
    this.#kinds.push(Object.values(report.faults).filter((count) => count > 0).length)
  }

  summary(): CampaignSummary {
    const violations = [...this.#violations]
    for (const [what, names] of Object.entries(this.#missed())) {
      if (names.length === 0) continue
      const message = `never ${what} in ${this.#seeds} seeds: ${names.join('; ')}`
      violations.push({ seed: null, oracle: 'reachability', message })
    }
    const isUndecided = this.#errors.length + this.#undecided.length > 0
    return {
      verdict: violations.length > 0 ? 'violation' : isUndecided ? 'unknown' : 'ok',
      seeds: this.#seeds,
      events: this.#events,
      simSeconds: this.#simUs / 1e6,
      faults: { ...this.#faults },
      operations: { ...this.#operations },
      oracles: { ...this.#oracles },
      probes: { ...this.#probes },
      medians: {
        fireSeconds: median(this.#fireSeconds),
        answeredOperations: median(this.#answered),
        faultKinds: median(this.#kinds),
      },
      campaignHash: this.#hash.hex(),
      violations,
      errors: [...this.#errors],
      undecided: [...this.#undecided],
    }
  }

  /**
   * Required situations that never came up, and oracles that never had anything to look at, where
   * the setting lets them at all.
   */
  #missed(): { readonly reached: readonly string[]; readonly evaluated: readonly string[] } {
    const { faults, nodes, clients, keys, fireMs } = this.#setting
    const isWorldWhole =
      faults === 'swarm' &&
      (nodes ?? 3) >= 3 &&
      clients >= 2 &&
      fireMs >= DEFAULT_SETTING.fireMs
    if (this.#seeds < REACHABILITY_SEEDS || !isWorldWhole) return { reached: [], evaluated: [] }
    const isCrowded = clients >= 4 && keys >= 2
    const probes = isCrowded ? REQUIRED_PROBES : PROBES_OF_FEW
    const oracles = isCrowded ? Object.keys(this.#oracles) : []
    return {
      reached: probes.filter((probe) => this.#probes[probe] === 0),
      evaluated: oracles.filter((oracle) => this.#oracles[oracle] === 0),
    }
  }
}

function addCounts(totals: Record<string, number>, counts: Counts): void {
  for (const [name, count] of Object.entries(counts)) totals[name] = (totals[name] ?? 0) + count
}

function median(numbers: readonly number[]): number {
  if (numbers.length === 0) return 0
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length >>> 1
  const upper = sorted[middle] as number
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2
}
