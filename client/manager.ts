// Locks by their keys, for an application that keeps no handles: it takes them, finds them again,
// and gives all back at the end.

import { abortable } from './abortable.ts'
import type { DistributedLock, Held } from './distributed-lock.ts'
import type { Duration } from './duration.ts'
import { abortedError, LockError } from './errors.ts'
import type { LockHandle } from './lock-handle.ts'
import type { AcquireOptions, HoldOptions } from './lock-options.ts'
import { onAbort } from './on-abort.ts'

/** One acquire, which callers of the same key share, and the lock that came of it. */
interface Shared {
  readonly acquired: Promise<LockHandle>
  /** Aborted once the signals of all that share it are. */
  readonly unwanted: AbortController
  wantedBy: number
  readonly stopsListening: (() => void)[]
}

/** A lock that is tracked. */
interface Tracked {
  readonly lock: LockHandle
  readonly shared: Shared
}

/** Tracks the locks that are taken through it. */
export class Manager {
  readonly #locks: DistributedLock
  readonly #held = new Map<string, Tracked>()
  /** Acquires under way: one of a key at a time, and no key waits for another's. */
  readonly #acquiring = new Map<string, Shared>()

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

  /**
   * Takes a lock and keeps track of it; the same handle while it is still held and valid. Calls
   * that come while one of that key is under way share it, by its terms: only the signal is each
   * caller's own. It ends his wait; the acquire itself, and the refresh of the lock, end when the
   * signals of all that share it are aborted.
   */
  async acquireLock(
    key: string,
    ttl: Duration,
    options: AcquireOptions = {},
  ): Promise<LockHandle> {
    const held = this.#held.get(key)?.lock
    if (held?.isValid() === true) return held
    const { signal, ...terms } = options
    const what = `failed to acquire lock ${key}`
    if (signal?.aborted === true) throw abortedError(what, key, signal)
    const shared = this.#acquiring.get(key) ?? this.#acquire(key, ttl, terms)
    shared.wantedBy += 1
    const unwanted = (): void => {
      shared.wantedBy -= 1
      if (shared.wantedBy > 0) return
      // Whoever asks from now on is not to share what is given up.
      if (this.#acquiring.get(key) === shared) this.#acquiring.delete(key)
      shared.unwanted.abort(signal?.reason)
    }
    shared.stopsListening.push(onAbort(signal, unwanted))
    return abortable(shared.acquired, what, key, signal)
  }

  /** Gives a tracked lock back; rejects with `NOT_FOUND` when there is none of that key. */
  async releaseLock(key: string): Promise<boolean> {
    const held = this.#held.get(key)
    if (held === undefined) throw new LockError('NOT_FOUND', `lock ${key} not found`, { key })
    const freed = await held.lock.release()
    if (this.#held.get(key) === held) this.#untrack(key)
    return freed
  }

  /**
   * Gives all tracked locks back, each whatever becomes of the others; none is tracked afterwards.
   * Rejects with `RELEASE_FAILED` and all that failed, as an `AggregateError`, in its `cause`.
   */
  async releaseAll(): Promise<void> {
    // What is being taken now would else outlive the call.
    await Promise.allSettled([...this.#acquiring.values()].map(({ acquired }) => acquired))
    const held = [...this.#held]
    for (const [key] of held) this.#untrack(key)
    const ended = await Promise.allSettled(held.map(([, { lock }]) => lock.release()))
    const errors = ended.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))
    if (errors.length === 0) return
    const keys = held.flatMap(([key], at) => (ended[at]?.status === 'rejected' ? [key] : []))
    const message = `failed to release some locks: ${keys.join(', ')}`
    throw new LockError('RELEASE_FAILED', message, { cause: new AggregateError(errors, message) })
  }

  #acquire(key: string, ttl: Duration, terms: AcquireOptions): Shared {
    const unwanted = new AbortController()
    const { signal } = unwanted
    const acquired = this.#locks.lock(key, ttl, { ...terms, signal })
    const shared = { acquired, unwanted, wantedBy: 0, stopsListening: [] }
    this.#acquiring.set(key, shared)
    const ended = (): void => {
      if (this.#acquiring.get(key) === shared) this.#acquiring.delete(key)
    }
    const granted = (lock: LockHandle): void => {
      ended()
      // Granted at the very moment when the last caller gave up.
      if (signal.aborted) return void lock.release().catch(() => null)
      this.#untrack(key)
      this.#held.set(key, { lock, shared })
    }
    const failed = (): void => {
      ended()
      stopListening(shared)
    }
    acquired.then(granted, failed)
    return shared
  }

  #untrack(key: string): void {
    const held = this.#held.get(key)
    if (held === undefined) return
    this.#held.delete(key)
    stopListening(held.shared)
  }
}

function stopListening({ stopsListening }: Shared): void {
  for (const stop of stopsListening.splice(0)) stop()
}
