// Waits whose clients are gone for now: each is cancelled after a grace, unless somebody asks with
// the same request id before. It knows neither HTTP nor the wire.

import type { Acquire } from '../core/lock/command.ts'
import type { Cancel, Time } from './time.ts'

/** How a wait is given up, and after how long. */
export interface ParkedWaitsOptions {
  readonly graceMs: number
  readonly time: Time
  /** Cancels the acquire, as often as that takes. It must not throw. */
  readonly cancel: (command: Acquire) => void
}

/** The waits of one node that nobody listens to. */
export class ParkedWaits {
  readonly #options: ParkedWaitsOptions
  readonly #timers = new Map<string, Cancel>()

  constructor(options: ParkedWaitsOptions) {
    this.#options = options
  }

  /** How many there are. */
  get size(): number {
    return this.#timers.size
  }

  /** Starts the grace of a wait. What is returned ends it: the wait was answered. */
  park(command: Acquire): () => void {
    const id = identity(command)
    this.#timers.get(id)?.()
    const { time, graceMs, cancel } = this.#options
    const timer = time.at(time.now() + graceMs, () => {
      this.#timers.delete(id)
      cancel(command)
    })
    this.#timers.set(id, timer)
    return () => {
      if (this.#timers.get(id) !== timer) return
      timer()
      this.#timers.delete(id)
    }
  }

  /** Somebody asks for it again: it is not cancelled. */
  asked(command: Acquire): void {
    if (this.#timers.size === 0) return
    const id = identity(command)
    this.#timers.get(id)?.()
    this.#timers.delete(id)
  }

  /** Forgets all: the waits end at their own deadlines. */
  close(): void {
    for (const cancel of this.#timers.values()) cancel()
    this.#timers.clear()
  }
}

function identity({ key, owner, requestId }: Acquire): string {
  return JSON.stringify([key, owner, requestId])
}
