// A clock that stands still until a test moves it: what would take half a minute takes no time, and
// comes out the same each time.

import type { ClientClock } from './clock.ts'

interface Timer {
  readonly atMs: number
  readonly then: () => void
}

/** A clock for tests, driven by hand. */
export class DrivenClock implements ClientClock {
  #nowMs = 0
  #sleptMs = 0
  readonly #timers = new Set<Timer>()

  now(): number {
    return this.#nowMs
  }

  wallNow(): number {
    return 1_700_000_000_000 + this.#nowMs + this.#sleptMs
  }

  setTimer(afterMs: number, then: () => void): () => void {
    const timer = { atMs: this.#nowMs + Math.max(0, Math.ceil(afterMs)), then }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** How many timers are set: none, once nothing is held and nothing waits. */
  get timersCount(): number {
    return this.#timers.size
  }

  /** Moves time on, and stops at each timer on the way until all that follows from it is done. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    await settle()
    for (let next = this.#next(untilMs); next !== null; next = this.#next(untilMs)) {
      this.#timers.delete(next)
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      next.then()
      await settle()
    }
    this.#nowMs = untilMs
    await settle()
  }

  /** Moves time on as for a process that is stopped: whatever was due comes only afterwards. */
  async freeze(ms: number): Promise<void> {
    this.#nowMs += ms
    await this.advance(0)
  }

  /** Moves only wall time on, as when the machine sleeps and its monotonic clock stands still. */
  sleep(ms: number): void {
    this.#sleptMs += ms
  }

  #next(untilMs: number): Timer | null {
    let first: Timer | null = null
    for (const timer of this.#timers) {
      if (timer.atMs <= untilMs && (first === null || timer.atMs < first.atMs)) first = timer
    }
    return first
  }
}

/** Until every promise that can be settled without time passing is. */
function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0))
}
