// What the lock machine answers. All times are milliseconds of log time, all numbers integers from
// 0. Nothing happens here.

import type { Mode } from './command.ts'

/**
 * Why a request was refused. Nothing happened.
 *
 * `overloaded`: no more replies can be remembered, for this owner or in all, until old ones are
 * dropped. So neither is this one, and it is the last word on this attempt alone: another attempt
 * of the same request may find room, and have its effect.
 *
 * `requestIdReused`: this id was used for another request on the same key by the same owner, which
 * is still remembered. It too speaks of one attempt: once that other one is forgotten, this one may
 * have its effect.
 */
export type Reason = Problem | Refusal | 'overloaded' | 'requestIdReused'

/**
 * What is wrong with a request whatever the state. Not remembered: all attempts fail alike, and the
 * same id may be used again.
 */
export type Problem =
  /** The key has no characters. */
  | 'keyEmpty'
  /** The key has more UTF-8 bytes than the limit. */
  | 'keyTooLong'
  /** The key has a lone surrogate, and so no UTF-8 form. */
  | 'keyNotText'
  | 'ownerEmpty'
  | 'ownerTooLong'
  | 'ownerNotText'
  | 'requestIdEmpty'
  | 'requestIdTooLong'
  | 'requestIdNotText'
  /** No request id, and it is no call of a session. */
  | 'requestIdMissing'
  /** No length of a lease, outside of all sessions. */
  | 'ttlMissing'
  /** The lease is no integer, or shorter or longer than the limits. */
  | 'ttlOutOfRange'
  /** The wait is no integer, or longer than the limit. */
  | 'waitOutOfRange'
  /** The token is no integer from 0 to 2^53 - 1. */
  | 'tokenOutOfRange'
  /** The lock-delay is no integer, or longer than the limit. */
  | 'lockDelayOutOfRange'
  | 'metadataTooLong'
  | 'metadataNotText'
  /** The size of a page is no integer from 1. */
  | 'maxOutOfRange'

/**
 * What cannot be done as things are. Remembered like every answer, lest an attempt that was delayed
 * have its effect after another was refused. Who asks once more later does so under a new id.
 */
export type Refusal =
  /** As many requests wait for this key as may. */
  | 'tooManyWaiters'
  /** The owner holds and waits for as many locks as it may. */
  | 'tooManyLocks'
  /** As many keys are held as may be in all. */
  | 'tooManyKeys'
  /** The lock was taken as often as it may by one owner. */
  | 'countTooHigh'
  /** The owner holds the lock shared: to wait for an exclusive one, it would wait for itself. */
  | 'upgrade'
  /** The lock was taken from its holder, who keeps it for the rest of its lease only. */
  | 'revoked'
  /** A holder keeps the lock as long as its session: there is no end of a lease to wait for. */
  | 'noDeadline'

/** The owner has the lock. */
export interface Granted {
  readonly type: 'granted'
  /**
   * Fencing token: grows with every new holding of the key, the same while one lasts. Shared
   * holders that one entry let in have the same.
   */
  readonly token: number
  /** How often the owner has taken it and not given it back. */
  readonly count: number
  /** From the grant to the end of the lease; null: it ends with the session. */
  readonly ttlMs: number | null
  /** From the request's own first entry to the grant. */
  readonly grantedAfterMs: number
}

/** Someone else has the lock or comes first, and the request does not wait. */
export interface Held {
  readonly type: 'held'
  /** Of one of the holders, the first by session and name; null while a lock-delay runs. */
  readonly owner: string | null
  /** Of that holder; 0 while a lock-delay runs. */
  readonly token: number
  /** To the end of its lease, or of the lock-delay; null: it ends with the session. */
  readonly remainingMs: number | null
}

/**
 * Not final: a newer attempt with the same request id took this one's place in the queue, and will
 * get the answer. `position` counts from 1, the next in turn.
 */
export interface Queued {
  readonly type: 'queued'
  readonly position: number
}

/** The wait ended without a grant. */
export interface Timeout {
  readonly type: 'timeout'
}

/** The wait was given up, or its session ended. */
export interface Cancelled {
  readonly type: 'cancelled'
}

/** Given back; `count` is what is left of the holding, 0 when it ended. */
export interface Released {
  readonly type: 'released'
  readonly count: number
}

/** A release that changed nothing: owner or token are not those of a present holding. */
export interface NotHolder {
  readonly type: 'notHolder'
  /** Token of the present holding, one of them where there are several; 0 when there is none. */
  readonly token: number
}

/** The lease ends `ttlMs` after the renewal; null: it ends with the session. */
export interface Renewed {
  readonly type: 'renewed'
  readonly token: number
  readonly ttlMs: number | null
}

/** The holding that was to be renewed, or that a repeated request was granted, has ended. */
export interface Expired {
  readonly type: 'expired'
  /** Token of the present holding, one of them where there are several; 0 when there is none. */
  readonly token: number
}

/** The lock is taken from its holders. */
export interface Forced {
  readonly type: 'forced'
  /** How many there were. */
  readonly holders: number
  /** To the end of their last lease; 0 when they have lost it. */
  readonly remainingMs: number
}

/** How a key stands. Where nobody holds it `owner` is null, and the rest of a holder 0 or empty. */
export interface StatusReply {
  readonly type: 'status'
  /** Whether anyone holds it. */
  readonly locked: boolean
  readonly mode: Mode | null
  readonly owner: string | null
  readonly session: number | null
  readonly token: number
  readonly count: number
  /** What the lease was last set by; null: it is as long as the session, or there is no holder. */
  readonly ttlMs: number | null
  /** Null: as long as the session. 0 also when the lease has run out and no `expire` has come. */
  readonly remainingMs: number | null
  readonly metadata: string
  /** Whether it was taken from its holder, who has it for the rest of its lease. */
  readonly revoked: boolean
  readonly holders: number
  readonly waiters: number
  /** What is left of a lock-delay, in which nobody gets it. */
  readonly delayMs: number
}

/** One holder. */
export interface HolderView {
  readonly owner: string
  readonly session: number | null
  readonly token: number
  readonly count: number
  readonly remainingMs: number | null
  readonly metadata: string
  readonly revoked: boolean
}

/** Some of the holders. */
export interface Holders {
  readonly type: 'holders'
  readonly mode: Mode | null
  readonly holders: readonly HolderView[]
  /** What `after` is to be for the next page; null: there is none. */
  readonly next: string | null
}

/** One of those that wait. */
export interface WaiterView {
  readonly owner: string
  readonly session: number | null
  readonly mode: Mode
  /** From 1, the next in turn. */
  readonly position: number
  readonly waitedMs: number
  readonly remainingMs: number
}

/** Some of those that wait. */
export interface Waiters {
  readonly type: 'waiters'
  readonly waiters: readonly WaiterView[]
  readonly next: number | null
}

/** One lock in a list. */
export interface LockView {
  readonly key: string
  /** Null while a lock-delay runs. */
  readonly mode: Mode | null
  /** Of one of the holders, as in `Held`. */
  readonly owner: string | null
  readonly token: number
  readonly holders: number
  readonly waiters: number
}

/** Some of the locks. */
export interface Locks {
  readonly type: 'locks'
  readonly locks: readonly LockView[]
  readonly next: string | null
}

/** How many locks there are. */
export interface LockCount {
  readonly type: 'lockCount'
  readonly locks: number
}

/** What one `expire` ended. */
export interface Swept {
  readonly type: 'swept'
  /** Holdings: shared ones are counted one by one. */
  readonly locks: number
  readonly waiters: number
  readonly delays: number
}

/** The request was refused and changed nothing. */
export interface Rejected {
  readonly type: 'rejected'
  readonly reason: Reason
}

/** The request cannot be done as things are, and changed nothing. */
export interface Refused extends Rejected {
  readonly reason: Refusal
}

/** The replies that are remembered, and given again to the same request. */
export type FinalReply =
  | Granted
  | Held
  | Timeout
  | Cancelled
  | Released
  | NotHolder
  | Renewed
  | Expired
  | Forced
  | Refused

/** The replies to queries. */
export type QueryReply = StatusReply | Holders | Waiters | Locks | LockCount

/** All replies. */
export type LockReply = FinalReply | Queued | QueryReply | Swept | Rejected
