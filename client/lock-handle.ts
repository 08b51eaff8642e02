// A lock in the hands of whoever took it: what it may be taken for, for how long, and how it is
// kept and given back. The interface is the application's; what is behind it, `own-handle.ts`.

import type { Duration } from './duration.ts'
import type { HandleEvent } from './lock-event.ts'

/** How a call may be given up. What was asked for may happen all the same. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined
}

/** A lock that was taken. Nothing in it throws from a timer. */
export interface LockHandle {
  readonly key: string
  readonly owner: string
  /**
   * Above that of any earlier holding of the key. Whatever the lock protects keeps the greatest
   * that it has seen and refuses lesser ones; 0 where the backend has none.
   */
  readonly fencingToken: number
  /** Milliseconds that the lease lasts from a renewal on, as of the last one. */
  readonly ttl: number
  /** The wall time at which the lock stops being valid as things are: for display. */
  readonly expiresAt: Date
  /**
   * Aborted when the lock is lost, by the monotonic clock and with no help from the network, before
   * it can be another's; its reason is a `LockError` with the code `LOST`. Not by a release.
   */
  readonly signal: AbortSignal
  /** Whether the lock may be acted on now, by a reading of the clock at this very call. */
  isValid(): boolean
  /** Calls `listener` with each event of that type from now on. Returns what ends it. */
  on<Type extends HandleEvent['type']>(
    type: Type,
    listener: (event: Extract<HandleEvent, { readonly type: Type }>) => void,
  ): () => void
  /**
   * Makes the lease last `ttl` from now, by default as long as the last time; that may be shorter.
   * Rejects with `LEASE_EXPIRED` when the lock is not held any more: it is never taken anew.
   */
  refresh(ttl?: Duration, options?: CallOptions): Promise<void>
  /** Takes the lock once more: another handle of the same holding, to be released as well. */
  reenter(options?: CallOptions): Promise<LockHandle>
  /**
   * Gives the lock back. True: it was held until now. False: it was not held any more, which is no
   * error. Rejects when the store did not answer; the lock then frees itself when its lease ends.
   * Ends validity at once. A second call changes nothing, or tries again what has failed.
   */
  release(options?: CallOptions): Promise<boolean>
  /** Releases, and never rejects: the lease frees what could not be given back. */
  [Symbol.asyncDispose](): Promise<void>
}
