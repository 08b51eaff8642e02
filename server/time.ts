// What a host takes from the system: a monotonic clock, random bits, and when to go on. Tests bring
// their own.

import { getRandomValues } from 'node:crypto'

/** Ends a timer; harmless when it has gone off. */
export type Cancel = () => void

/** Clock, chance and timers of one host. */
export interface Time {
  /** Monotonic milliseconds, rounded down; read anew at each call. */
  now(): number
  /** 32 random bits, unsigned. */
  random(): number
  /** Runs `then` once the event loop has delivered what is there, and never within this call. */
  soon(then: () => void): void
  /** Runs `then` when `now` has reached `atMs`, or a little earlier or later. */
  at(atMs: number, then: () => void): Cancel
}

/** The longest that setTimeout takes. */
const TIMEOUT_MS_MAX = 0x7fffffff

const bits = new Uint32Array(256)
let bitsLeft = 0

/** The system's. */
export const systemTime: Time = {
  now: () => Math.floor(performance.now()),
  random: () => {
    if (bitsLeft === 0) {
      getRandomValues(bits)
      bitsLeft = bits.length
    }
    return bits[--bitsLeft] as number
  },
  soon: (then) => void setImmediate(then),
  at: (atMs, then) => {
    const delayMs = Math.min(Math.max(0, Math.ceil(atMs - performance.now())), TIMEOUT_MS_MAX)
    const timer = setTimeout(then, delayMs)
    return () => clearTimeout(timer)
  },
}
