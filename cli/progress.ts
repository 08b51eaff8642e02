// How far a campaign has come: one line drawn over and over on a terminal, and in a log a plain
// line now and then, so that nobody takes a long campaign for a hung one.

import type { SeedReport } from '../sim/campaign.ts'
import { counted, duration, integer } from './format.ts'
import type { Screen } from './screen.ts'
import type { SimOptions } from './sim-options.ts'

const DRAW_EVERY_MS = 100
const LOG_EVERY_MS = 30_000
const BAR_CELLS = 24
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

export class Progress {
  readonly #screen: Screen
  readonly #options: Pick<SimOptions, 'seeds' | 'budgetMs'>
  readonly #now: () => number
  readonly #startedMs: number
  #drawnMs: number
  #loggedMs: number
  #done = 0
  #events = 0
  #violations = 0

  /** @param now milliseconds of a monotonic clock */
  constructor(
    screen: Screen,
    options: Pick<SimOptions, 'seeds' | 'budgetMs'>,
    now: () => number = () => performance.now(),
  ) {
    this.#screen = screen
    this.#options = options
    this.#now = now
    this.#startedMs = now()
    this.#drawnMs = this.#startedMs
    this.#loggedMs = this.#startedMs
    this.#screen.status(this.#line(0))
  }

  add(report: SeedReport): void {
    this.#done++
    this.#events += report.events
    if (report.violation !== null || report.error !== null) this.#violations++
    const nowMs = this.#now()
    if (nowMs - this.#drawnMs >= DRAW_EVERY_MS) {
      this.#drawnMs = nowMs
      this.#screen.status(this.#line(nowMs - this.#startedMs))
    }
    if (!this.#screen.hasStatus && nowMs - this.#loggedMs >= LOG_EVERY_MS) {
      this.#loggedMs = nowMs
      const elapsed = duration((nowMs - this.#startedMs) / 1_000)
      this.#screen.complain(`${this.#counts()} after ${elapsed}`)
    }
  }

  end(): void {
    this.#screen.status('')
  }

  #line(elapsedMs: number): string {
    const part = this.#part(elapsedMs)
    const perSecond = elapsedMs === 0 ? 0 : (this.#events / elapsedMs) * 1_000
    const left = part > 0 && part < 1 && elapsedMs > 1_000 ? (elapsedMs / part) * (1 - part) : null
    const pieces = [this.#counts(), `${integer(perSecond)} events/s`]
    if (left !== null) pieces.push(`${duration(Math.ceil(left / 1_000))} left`)
    const { paint, columns } = this.#screen
    const rest = pieces.join('  ').slice(0, Math.max(0, columns - BAR_CELLS - 4))
    return ` ${paint(this.#violations > 0 ? 'red' : 'cyan', bar(part))}  ${rest}`
  }

  #counts(): string {
    const bad = this.#violations === 0 ? '' : `  ${integer(this.#violations)} failed`
    const total = this.#total()
    if (total > SEEDS_COUNTABLE) return `${counted(this.#done, 'seed')}${bad}`
    return `${integer(this.#done)} of ${counted(total, 'seed')}${bad}`
  }

  /** The part that is done, 0 to 1: of the seeds or of the budget, whichever ends first. */
  #part(elapsedMs: number): number {
    const { budgetMs } = this.#options
    const ofSeeds = this.#done / this.#total()
    const ofBudget = budgetMs === null ? 0 : elapsedMs / budgetMs
    return Math.min(1, Math.max(ofSeeds, ofBudget))
  }

  #total(): number {
    const { first, last } = this.#options.seeds
    return last - first + 1
  }
}

/** From here on the budget ends the campaign, not the seeds. */
const SEEDS_COUNTABLE = 1e12

/** A bar of which a part, 0 to 1, is full. */
export function bar(part: number): string {
  const eighths = Math.floor(part * BAR_CELLS * 8)
  const full = '█'.repeat(Math.floor(eighths / 8))
  const cells = full + (EIGHTHS[eighths % 8] as string)
  return `${cells.padEnd(BAR_CELLS, '·')}`
}
