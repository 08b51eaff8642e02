// What a lock stands on: the few things that the client asks of a store of locks. Belief in leases,
// retries of a try, re-entry and refreshing are the client's, the same for every backend.
//
// All lengths are whole milliseconds. Each promise rejects with a `LockError` and nothing else.

import type { Mode } from '../core/lock/command.ts'

/** What a backend can do: tests and users read this, nobody guesses. */
export interface BackendSupports {
  /**
   * `strict`: tokens grow with every holding of a key, whatever fails. `best-effort`: unless the
   * store loses what it had confirmed. `none`: every token is 0.
   */
  readonly fencing: 'strict' | 'best-effort' | 'none'
  /** `push`: the store keeps a queue and `waitMs` is heeded. `poll`: it only says who has it. */
  readonly wait: 'push' | 'poll'
  /** First come, first served among those that wait. */
  readonly fair: boolean
  /** Whether several may hold a key together, in mode `shared`. */
  readonly shared: boolean
}

/** Asks for a lock. */
export interface AcquireRequest {
  readonly key: string
  readonly owner: string
  readonly mode: Mode
  readonly ttlMs: number
  /** How long to wait, Infinity included; 0 only tries, and all that a polled backend gets. */
  readonly waitMs: number
  /** The holder's own words, for others to read in a status. */
  readonly metadata: Readonly<Record<string, string>>
}

/** How an acquire ended. */
export type AcquireReply =
  | GrantedReply
  /** Another has it. */
  | {
      readonly type: 'busy'
      readonly holder: string | null
      /** To the end of the holder's lease; null: not known. */
      readonly remainingMs: number | null
    }
  /** The wait ended without a grant: after `waitMs`, or after the longest that the store takes. */
  | { readonly type: 'timeout' }
  /** It was granted, and the lease was over before the answer came. */
  | { readonly type: 'expired' }

/** The owner has the lock: for the first time, or once more when it had it already. */
export interface GrantedReply {
  readonly type: 'granted'
  /** The fencing token: above that of any earlier holding of the key, the same on re-entry. */
  readonly token: number
  /** How often the owner has taken it and not given it back. */
  readonly count: number
  /** Length of the lease, from the grant on. Re-entry never brings its end nearer. */
  readonly ttlMs: number
  /** By the store's clock, from when the request reached it to the grant. */
  readonly grantedAfterMs: number
  /** Before the request first left, by the clock that the backend was given. */
  readonly firstSentMs: number
}

/** Asks for a lease to end `ttlMs` from now, which may be earlier than before. Never acquires. */
export interface RenewRequest {
  readonly key: string
  readonly owner: string
  /** The holding that is meant. */
  readonly token: number
  readonly ttlMs: number
}

/** How a renewal ended. `expired`: that holding is over, and its lock may be another's. */
export type RenewReply = { readonly type: 'renewed' } | { readonly type: 'expired' }

/** Gives a lock back: one count of it, or all. */
export interface ReleaseRequest {
  readonly key: string
  readonly owner: string
  /** The holding that is meant. */
  readonly token: number
  readonly all: boolean
}

/** How a release ended. `notHolder`: that holding was over already, and nothing has changed. */
export type ReleaseReply =
  | { readonly type: 'released'; /** 0: the lock is free. */ readonly count: number }
  | { readonly type: 'notHolder' }

/** How a key stands. */
export interface LockStatus {
  readonly locked: boolean
  /** One of the holders; null when there is none. */
  readonly owner: string | null
  /** Null when nobody holds it. */
  readonly mode: Mode | null
  /** That holder's fencing token; 0 when there is none. */
  readonly fencingToken: number
  /** To the end of that holder's lease; null when nobody holds it, or it is not known. */
  readonly remainingMs: number | null
  readonly metadata: Readonly<Record<string, string>>
  /** How many wait for it; null when the backend keeps no queue. */
  readonly waiters: number | null
}

/**
 * A store of locks.
 *
 * A `signal` that is aborted ends the call with `ABORTED` at once. The backend then sees to it that
 * nothing stays held: it takes the request out of the queue, and gives back what was granted
 * meanwhile. After `close` every call ends with `CLOSED`.
 */
export interface LockBackend {
  readonly supports: BackendSupports
  acquire(request: AcquireRequest, signal?: AbortSignal): Promise<AcquireReply>
  renew(request: RenewRequest, signal?: AbortSignal): Promise<RenewReply>
  release(request: ReleaseRequest, signal?: AbortSignal): Promise<ReleaseReply>
  status(key: string, signal?: AbortSignal): Promise<LockStatus>
  /** Lets go of connections and timers. Locks that are held stay so until their leases end. */
  close?(): Promise<void>
}
