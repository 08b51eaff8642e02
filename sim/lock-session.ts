// A session as its client sees it: how it numbers its calls, and until when it may count on all
// that it has in it.

import { safeEndMs } from '../client/lease.ts'
import type { LockCommand } from '../core/lock/command.ts'
import type { Call } from '../core/session/command.ts'
import { EPSILON_PPM } from './scenario.ts'

/** It acknowledges only every so many calls, so that more than the last one can come again. */
const ACKNOWLEDGED_EACH = 4

export class ClientSession {
  /** Under which the service knows it. */
  readonly id: number
  readonly #ttlMs: number
  #untilMs = -Infinity
  #sequence = 0
  #acknowledged = 0

  /** @param ttlMs how long it lives after its client was last heard, milliseconds of log time */
  constructor(id: number, ttlMs: number) {
    this.id = id
    this.#ttlMs = ttlMs
  }

  /** Until when it lives for sure, exclusive, milliseconds of the client's clock. */
  get untilMs(): number {
    return this.#untilMs
  }

  /** What was first sent at `firstSentMs` has been answered: it was heard then, or later. */
  heard(firstSentMs: number): void {
    this.#untilMs = Math.max(this.#untilMs, safeEndMs(firstSentMs, this.#ttlMs, EPSILON_PPM))
  }

  /** The answer of the last call is not waited for any more: the next one keeps it out. */
  gaveUp(): void {
    this.#acknowledged = this.#sequence
  }

  /** The next call. All before it are answered, or given up. */
  call(command: LockCommand): Call<LockCommand> {
    if (this.#sequence % ACKNOWLEDGED_EACH === 0) this.#acknowledged = this.#sequence
    const acknowledged = this.#acknowledged
    const sequence = ++this.#sequence
    return { type: 'call', session: this.id, sequence, acknowledged, bound: true, command }
  }
}
