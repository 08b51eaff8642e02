// Log time: it goes with the clock of the leader that stamps, stands still while there is none, and
// never goes back. So no change of leaders shortens or lengthens what is measured by it.

import { Violation } from './violation.ts'

/** The rules that are looked at here. */
export const LOG_TIME_ORACLES: readonly string[] = ['log time goes by its leader']

const [OWN] = LOG_TIME_ORACLES as readonly [string]

/** Stamps and clocks are whole milliseconds, at both ends. */
const GRANULARITY_MS = 2

/** The least true time, microseconds, that a span of log time takes by clocks this far wrong. */
export function leastUs(spanMs: number, driftPpm: number): number {
  return spanMs * 1_000 * (1 - (2 * driftPpm) / 1e6) - GRANULARITY_MS * 1_000
}

/** Follows the entries in their order. */
export class LogTime {
  readonly #driftPpm: number
  readonly #evaluated: (oracle: string) => void
  #term = 0
  /** Stamp of the entry that opened the term, and the true time at which its leader gave it. */
  #firstMs = 0
  #firstUs = 0
  #lastMs = 0

  /** @param driftPpm the most by which a clock of this world goes wrong, parts per million */
  constructor(driftPpm: number, evaluated: (oracle: string) => void) {
    this.#driftPpm = driftPpm
    this.#evaluated = evaluated
  }

  /** An entry is applied for the first time anywhere: log time by it, and when it was stamped. */
  applied(index: number, term: number, timeMs: number, appendedUs: number): void {
    this.#evaluated(OWN)
    if (term !== this.#term) {
      if (timeMs !== this.#lastMs) {
        const what = `term ${term} begins at ${timeMs} ms of log time`
        throw new Violation(OWN, `${what}, and the one before it ended at ${this.#lastMs}`)
      }
      this.#term = term
      this.#firstMs = timeMs
      this.#firstUs = appendedUs
      return
    }
    this.#lastMs = timeMs
    const ranMs = timeMs - this.#firstMs
    const trueMs = (appendedUs - this.#firstUs) / 1_000
    if (Math.abs(ranMs - trueMs) <= (trueMs * this.#driftPpm) / 1e6 + GRANULARITY_MS) return
    const since = `since term ${term} began, and its leader's clock ${trueMs.toFixed(3)} ms`
    throw new Violation(OWN, `by entry ${index} log time has run ${ranMs} ms ${since}`)
  }
}
