// The time that the client lives by, as an interface, and the computer's own. Belief in a lease
// rests on the monotonic clock; wall time is for display, and tells that a machine has slept.

/** A clock and its timers. */
export interface ClientClock {
  /** Monotonic milliseconds, whole, at least 0, rounded down. */
  now(): number
  /** Milliseconds of wall time, since 1970. */
  wallNow(): number
  /**
   * Calls `then` once, `afterMs` milliseconds from now or a little later. With `keepsAlive` the
   * process does not end before. Returns what calls it off.
   */
  setTimer(afterMs: number, then: () => void, keepsAlive: boolean): () => void
}

/** The longest that timers can be set for: 2^31 - 1 ms. Who waits longer sets another one then. */
const TIMER_MS_MAX = 2_147_483_647

/** The computer's clock. */
export const systemClock: ClientClock = {
  now: () => Math.floor(performance.now()),
  wallNow: () => Date.now(),
  setTimer(afterMs, then, keepsAlive) {
    const timer = setTimeout(then, Math.min(Math.max(0, afterMs), TIMER_MS_MAX))
    if (!keepsAlive && typeof timer === 'object') timer.unref()
    return () => clearTimeout(timer)
  },
}
