// Lengths of time as people write them: Go's durations ("30s", "1m30s", "500ms") to whole
// milliseconds and back. Pure text and numbers; what a length is for is the caller's.

/** A length of time: milliseconds, or text such as "30s", "1m30s" or "500ms". */
export type Duration = number | string

const MS_PER_UNIT: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
}

const PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y

/**
 * Milliseconds of a duration in Go's notation; null when it is none, is negative, or is no whole
 * number of milliseconds below 2^53. Every number needs its unit, except that "0" is fine alone.
 */
export function parseDuration(text: string): number | null {
  if (text === '0') return 0
  if (text.length === 0 || text.length > 64) return null
  let ms = 0
  PART.lastIndex = 0
  while (PART.lastIndex < text.length) {
    const part = PART.exec(text)
    if (part === null) return null
    const [, digits = '', unit = ''] = part
    ms += Number(digits) * (MS_PER_UNIT[unit] ?? 0)
  }
  const whole = Math.round(ms)
  // Decimal fractions are not exact in binary: 1.1s is 1100 ms all the same.
  return Math.abs(ms - whole) < 1e-7 && Number.isSafeInteger(whole) ? whole : null
}

/** Milliseconds as Go writes a duration: "1m30s", "500ms", "1.5s", "0s". */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s'
  if (ms < 1_000) return `${ms}ms`
  const hours = Math.floor(ms / 3_600_000)
  const minutes = Math.floor(ms / 60_000) % 60
  const seconds = `${(ms % 60_000) / 1_000}s`
  if (hours > 0) return `${hours}h${minutes}m${seconds}`
  return minutes > 0 ? `${minutes}m${seconds}` : seconds
}

/** Milliseconds of a duration in either form; null when it is none or is negative. */
export function toMs(duration: Duration): number | null {
  if (typeof duration === 'string') return parseDuration(duration)
  return Number.isSafeInteger(duration) && duration >= 0 ? duration : null
}
