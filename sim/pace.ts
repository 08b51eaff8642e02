// The pace of a world. Whoever asks anew whenever it hears no, without a pause, asks without end:
// time hardly goes on then, and neither does the run.

import { Violation } from './violation.ts'

const STORM = 'no storm of messages'

/** The rules that are looked at here. */
export const PACE_ORACLES: readonly string[] = [STORM]

const SECOND_US = 1_000_000
/** Events of each node and client in a second of simulated time, at most; a hundred are usual. */
const EVENTS_MAX = 10_000

/** Counts the events of each second. */
export class Pace {
  readonly #max: number
  readonly #evaluated: (oracle: string) => void
  #second = 0
  #count = 0

  constructor(endpoints: number, evaluated: (oracle: string) => void) {
    this.#max = endpoints * EVENTS_MAX
    this.#evaluated = evaluated
  }

  /** Something happens. Throws `Violation`. */
  event(timeUs: number): void {
    const second = Math.floor(timeUs / SECOND_US)
    if (second !== this.#second) {
      this.#second = second
      this.#count = 0
      this.#evaluated(STORM)
    }
    this.#count += 1
    if (this.#count <= this.#max) return
    const many = `${this.#count} events within second ${second}`
    throw new Violation(STORM, `${many}: somebody never rests`)
  }
}
