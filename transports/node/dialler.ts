// When to dial one peer: at once, and then after pauses that grow while it cannot be reached. How
// that is done, and whether it still has to be, is its owner's.

import type { Address } from './tcp-options.ts'
import { addressText } from './tcp-options.ts'

/** Failures after which a peer that nobody named when we started is left to dial us. */
const LEARNED_FAILURES_MAX = 30

/** How long to wait, milliseconds, and by what chance. */
export interface Pauses {
  readonly retryMinMs: number
  readonly retryMaxMs: number
  /** A number from 0 to below 1. */
  readonly random: () => number
}

/** Dials one peer, over and over, as long as its owner does not say that it is there. */
export class Dialler {
  readonly name: string
  /** The reason of the last failure that an operator was told; null: none since it was there. */
  failureTold: string | null = null
  /** Where the operator says that it is; null: we only know it from itself. */
  readonly #named: Address | null
  /** Where it says that it is. */
  #learned: Address | null = null
  readonly #pauses: Pauses
  readonly #dial: (dialler: Dialler, address: Address) => void
  #failures = 0
  #timer: NodeJS.Timeout | null = null

  /** `dial` is called when it is time, and must call `again` when that came to nothing. */
  constructor(
    name: string,
    named: Address | null,
    pauses: Pauses,
    dial: (dialler: Dialler, address: Address) => void
  ) {
    this.name = name
    this.#named = named
    this.#pauses = pauses
    this.#dial = dial
  }

  /** Where it is dialled next. */
  get address(): Address | null {
    if (this.#named === null || this.#learned === null) return this.#named ?? this.#learned
    // A peer that has moved says so where we find it; what the operator said may be right again.
    return this.#failures % 2 === 0 ? this.#named : this.#learned
  }

  /** Notes where it says that it is. */
  learn(address: Address): void {
    const isNamed = this.#named !== null && addressText(this.#named) === addressText(address)
    this.#learned = isNamed ? null : address
  }

  /** It is there: the next pause is a short one. */
  succeeded(): void {
    this.#failures = 0
    this.failureTold = null
    this.stop()
  }

  /** Dials now, whatever the pause would be. */
  now(): void {
    this.stop()
    const { address } = this
    if (address !== null) this.#dial(this, address)
  }

  /** Dials after the next pause. */
  again(): void {
    if (this.#timer !== null) return
    if (this.#named === null && this.#failures >= LEARNED_FAILURES_MAX) return
    const { retryMinMs, retryMaxMs, random } = this.#pauses
    const longestMs = Math.min(retryMaxMs, retryMinMs * 2 ** Math.min(this.#failures, 16))
    this.#failures++
    // Between half and all of it, so that nodes that lost each other do not dial in step.
    this.#timer = setTimeout(() => this.now(), (longestMs * (1 + random())) / 2)
  }

  /** Dials no more until it is told to. */
  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }
}
