// One machine's monotonic clock: it starts anywhere and runs at a slightly wrong rate. Integers
// only. True time is the simulation's own, in microseconds.

/** How a clock differs from true time. */
export interface ClockError {
  /** Reading at true time 0, milliseconds: 0 or more. */
  readonly offsetMs: number
  /** Rate error, parts per million; positive runs fast. */
  readonly driftPpm: number
}

const MILLION = 1_000_000

/** What the clock shows at a true time, whole milliseconds. */
export function readClockMs(clock: ClockError, trueUs: number): number {
  const driftUs = Math.floor((trueUs * clock.driftPpm) / MILLION)
  return clock.offsetMs + Math.floor((trueUs + driftUs) / 1_000)
}

/** The first true time, microseconds, at which the clock shows `clockMs` or more; 0 at least. */
export function trueTimeUs(clock: ClockError, clockMs: number): number {
  const shownUs = (clockMs - clock.offsetMs) * 1_000
  let trueUs = Math.floor(shownUs - (shownUs * clock.driftPpm) / (MILLION + clock.driftPpm)) - 2
  if (trueUs < 0) trueUs = 0
  while (readClockMs(clock, trueUs) < clockMs) trueUs++
  return trueUs
}
