// One session of the service as its client has it: the numbers of its calls, up to which of them
// all are over, and how long it is sure to last. It asks nobody and reads no clock.

import { DRIFT_PPM_DEFAULT, safeEndMs } from './lease.ts'

export class Session {
  readonly id: number
  readonly #ttlMs: number
  /** Exclusive. */
  #sureUntilMs: number
  #sequence = 0
  #acknowledged = 0
  /** Numbers of calls that are over, though an earlier one is not. */
  readonly #over = new Set<number>()

  /** A session whose opening was sent first at `sentMs`. */
  constructor(id: number, ttlMs: number, sentMs: number) {
    this.id = id
    this.#ttlMs = ttlMs
    this.#sureUntilMs = safeEndMs(sentMs, ttlMs, DRIFT_PPM_DEFAULT)
  }

  /** The number of a new call. */
  begin(): number {
    this.#sequence += 1
    return this.#sequence
  }

  /** A call is answered, or given up for good: it may be forgotten. */
  end(sequence: number): void {
    if (sequence > this.#acknowledged + 1) this.#over.add(sequence)
    if (sequence !== this.#acknowledged + 1) return
    do this.#acknowledged += 1
    while (this.#over.delete(this.#acknowledged + 1))
  }

  /** A call was answered that was sent first at `sentMs`: the session lasted anew from there on. */
  heard(sentMs: number): void {
    if (this.#sureUntilMs === -Infinity) return
    const untilMs = safeEndMs(sentMs, this.#ttlMs, DRIFT_PPM_DEFAULT)
    this.#sureUntilMs = Math.max(this.#sureUntilMs, untilMs)
  }

  /** It takes no more calls. */
  leave(): void {
    this.#sureUntilMs = -Infinity
  }

  /** False: it may be over by now, or was left. */
  isSure(now: number): boolean {
    return now < this.#sureUntilMs
  }

  /** The highest number up to which all calls are over. */
  get acknowledged(): number {
    return this.#acknowledged
  }

  /** How far the newest number is above the acknowledged one. */
  get span(): number {
    return this.#sequence - this.#acknowledged
  }

  /** Whether all calls are over. */
  get isIdle(): boolean {
    return this.#acknowledged === this.#sequence
  }
}
