// How many requests the lock machine remembers, counted from outside by the rule it states: those
// that wait, and those that were answered, the oldest forgotten first once their time is over.

import type { Limits } from '../core/lock/limits.ts'

/** Counts the memos of one run. */
export class LockMemos {
  readonly #limits: Limits
  readonly #byOwner = new Map<string, number>()
  #count = 0
  /** In the order of their answers; those before `#oldest` are forgotten. */
  readonly #answered: { readonly owner: string; readonly atMs: number }[] = []
  #oldest = 0

  constructor(limits: Limits) {
    this.#limits = limits
  }

  /** A command is applied at this log time: first some of what is old is forgotten. */
  forget(timeMs: number): void {
    const { memosDroppedMax, memoLifeMs } = this.#limits
    for (let count = 0; count < memosDroppedMax; count++) {
      const oldest = this.#answered[this.#oldest]
      if (oldest === undefined || oldest.atMs + memoLifeMs > timeMs) return
      this.#oldest++
      this.#add(oldest.owner, -1)
    }
  }

  /** A new request is remembered. */
  opened(owner: string): void {
    this.#add(owner, 1)
  }

  /** A request that was opened is answered. */
  answered(owner: string, atMs: number): void {
    this.#answered.push({ owner, atMs })
  }

  /** Whether there is no room for one more of this owner. */
  isFull(owner: string): boolean {
    const { memosMax, memosPerOwnerMax } = this.#limits
    return this.#count >= memosMax || this.of(owner) >= memosPerOwnerMax
  }

  of(owner: string): number {
    return this.#byOwner.get(owner) ?? 0
  }

  #add(owner: string, count: number): void {
    this.#count += count
    this.#byOwner.set(owner, this.of(owner) + count)
  }
}
