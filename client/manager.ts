// Locks by their keys, for an application that keeps no handles: it takes them, finds them again,
// and gives all back at the end.

import type { DistributedLock, Held } from './distributed-lock.ts'
import type { Duration } from './duration.ts'
import { LockError } from './errors.ts'
import type { LockHandle } from './lock-handle.ts'
import type { AcquireOptions, HoldOptions } from './lock-options.ts'

/** Tracks the locks that are taken through it. */
export class Manager {
  readonly #locks: DistributedLock
  readonly #held = new Map<string, LockHandle>()
  /** Acquires under way: one of a key at a time, and no key waits for another's. */
  readonly #acquiring = new Map<string, Promise<LockHandle>>()

  constructor(locks: DistributedLock) {
    this.#locks = locks
  }

  /** Runs `fn` under a lock: see `DistributedLock.withLock`. The lock is not tracked. */
  withLock<Value>(
    key: string,
    options: Duration | HoldOptions,
    fn: (held: Held) => Value | Promise<Value>,
  ): Promise<Value> {
    return this.#locks.withLock(key, options, fn)
  }

  /** Runs `fn` if the lock is free now: see `DistributedLock.tryWithLock`. */
  tryWithLock<Value>(
    key: string,
    options: Duration | HoldOptions,
    fn: (held: Held) => Value | Promise<Value>,
  ): Promise<{ readonly ran: true; readonly value: Value } | { readonly ran: false }> {
    return this.#locks.tryWithLock(key, options, fn)
  }

  /** Takes a lock and keeps track of it; the same handle while it is still held and valid. */
  async acquireLock(
    key: string,
    ttl: Duration,
    options: AcquireOptions = {},
  ): Promise<LockHandle> {
    const held = this.#held.get(key)
    if (held?.isValid() === true) return held
    const underWay = this.#acquiring.get(key)
    if (underWay !== undefined) return underWay
    const acquiring = this.#acquire(key, ttl, options)
    this.#acquiring.set(key, acquiring)
    return acquiring
  }

  /** Gives a tracked lock back; rejects with `NOT_FOUND` when there is none of that key. */
  async releaseLock(key: string): Promise<boolean> {
    const lock = this.#held.get(key)
    if (lock === undefined) throw new LockError('NOT_FOUND', `lock ${key} not found`, { key })
    const freed = await lock.release()
    if (this.#held.get(key) === lock) this.#held.delete(key)
    return freed
  }

  /**
   * Gives all tracked locks back, each whatever becomes of the others; none is tracked afterwards.
   * Rejects with `RELEASE_FAILED` and all that failed, as an `AggregateError`, in its `cause`.
   */
  async releaseAll(): Promise<void> {
    // What is being taken now would else outlive the call.
    await Promise.allSettled(this.#acquiring.values())
    const held = [...this.#held]
    this.#held.clear()
    const ended = await Promise.allSettled(held.map(([, lock]) => lock.release()))
    const errors = ended.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))
    if (errors.length === 0) return
    const keys = held.flatMap(([key], at) => (ended[at]?.status === 'rejected' ? [key] : []))
    const message = `failed to release some locks: ${keys.join(', ')}`
    throw new LockError('RELEASE_FAILED', message, { cause: new AggregateError(errors, message) })
  }

  async #acquire(key: string, ttl: Duration, options: AcquireOptions): Promise<LockHandle> {
    try {
      const lock = await this.#locks.lock(key, ttl, options)
      this.#held.set(key, lock)
      return lock
    } finally {
      this.#acquiring.delete(key)
    }
  }
}
