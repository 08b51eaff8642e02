// What the lock machine is asked, what it answers and what it tells watchers: its public types.
// All times are milliseconds of log time, all numbers integers from 0. Nothing happens here.

/** Takes the lock, takes it once more, or waits for it. */
export interface Acquire {
  readonly type: 'acquire'
  readonly key: string
  readonly owner: string
  /** Length of the lease, counted from the grant. */
  readonly ttlMs: number
  /** How long to wait in the queue; 0 only tries. */
  readonly waitMs: number
  /** What the holder's own acquire does: true adds one to the count, false only keeps the lease. */
  readonly reentrant: boolean
  readonly requestId: string
}

/** Gives the lock back: one count of it, or all. */
export interface Release {
  readonly type: 'release'
  readonly key: string
  readonly owner: string
  /**
   * The holding that is meant; null means whatever the owner holds, and so a later holding too, if
   * an attempt that nobody waits for any more comes as late as that.
   */
  readonly token: number | null
  readonly all: boolean
  readonly requestId: string
}

/** Sets the lease to end `ttlMs` from now, which may be earlier than before. Never acquires. */
export interface Renew {
  readonly type: 'renew'
  readonly key: string
  readonly owner: string
  /** The holding that is meant; null means whatever the owner holds. */
  readonly token: number | null
  readonly ttlMs: number
  readonly requestId: string
}

/** Asks who holds the lock. Changes nothing. */
export interface Status {
  readonly type: 'status'
  readonly key: string
}

/** Ends what has run out, at most `max` waiters and leases together. The leader proposes it. */
export interface Expire {
  readonly type: 'expire'
  readonly max: number
}

/** The commands of clients that have an effect, and so an owner and a request id. */
export type LockRequest = Acquire | Release | Renew

/** All commands. */
export type LockCommand = LockRequest | Status | Expire

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
  /** The lease is no integer, or shorter or longer than the limits. */
  | 'ttlOutOfRange'
  /** The wait is no integer, or longer than the limit. */
  | 'waitOutOfRange'
  /** The token is no integer from 0 to 2^53 - 1. */
  | 'tokenOutOfRange'

/**
 * A limit that was reached. Remembered like every answer, lest an attempt that was delayed have its
 * effect after another was refused. Who asks once more later does so under a new id.
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

/** The owner has the lock. */
export interface Granted {
  readonly type: 'granted'
  /** Fencing token: grows with every new holding of the key, the same while one lasts. */
  readonly token: number
  /** How often the owner has taken it and not given it back. */
  readonly count: number
  /** From the grant to the end of the lease. */
  readonly ttlMs: number
  /** From the request's own first entry to the grant. */
  readonly grantedAfterMs: number
}

/** Someone else has the lock, and the request does not wait. */
export interface Held {
  readonly type: 'held'
  readonly owner: string
  readonly token: number
  readonly remainingMs: number
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

/** Given back; `count` is what is left of the holding, 0 when the lock was freed. */
export interface Released {
  readonly type: 'released'
  readonly count: number
}

/** A release that changed nothing: owner or token are not those of the present holding. */
export interface NotHolder {
  readonly type: 'notHolder'
  /** Token of the present holding, 0 when there is none. */
  readonly token: number
}

/** The lease ends `ttlMs` after the renewal. */
export interface Renewed {
  readonly type: 'renewed'
  readonly token: number
  readonly ttlMs: number
}

/** The holding that was to be renewed, or that a repeated request was granted, has ended. */
export interface Expired {
  readonly type: 'expired'
  /** Token of the present holding, 0 when there is none. */
  readonly token: number
}

/** Who holds a key. `owner` is null and the numbers are 0 when nobody does. */
export interface StatusReply {
  readonly type: 'status'
  readonly locked: boolean
  readonly owner: string | null
  readonly token: number
  readonly count: number
  /** 0 also when the lease has run out and no `expire` has come yet. */
  readonly remainingMs: number
  readonly waiters: number
}

/** What one `expire` ended. */
export interface Swept {
  readonly type: 'swept'
  readonly locks: number
  readonly waiters: number
}

/** The request was refused and changed nothing. */
export interface Rejected {
  readonly type: 'rejected'
  readonly reason: Reason
}

/** The request met a limit and changed nothing. */
export interface Refused extends Rejected {
  readonly reason: Refusal
}

/** The replies that are remembered, and given again to the same request. */
export type FinalReply =
  | Granted
  | Held
  | Timeout
  | Released
  | NotHolder
  | Renewed
  | Expired
  | Refused

/** All replies. */
export type LockReply = FinalReply | Queued | StatusReply | Swept | Rejected

/** What all events say: where, and at which entry and log time. */
interface Happened {
  readonly key: string
  readonly owner: string
  readonly index: number
  readonly timeMs: number
}

/** A request found the lock held and waits. Its `index` is its place in the order of turns. */
export interface QueuedEvent extends Happened {
  readonly type: 'queued'
  readonly requestId: string
  readonly deadlineMs: number
}

/** A holding began. */
export interface GrantedEvent extends Happened {
  readonly type: 'granted'
  readonly token: number
  readonly requestId: string
  /** Index of the request's own first entry: less than `index` for one that waited. */
  readonly enteredIndex: number
  readonly deadlineMs: number
}

/** A holding goes on, by re-entry, refresh, renewal or the release of one count of several. */
export interface UpdatedEvent extends Happened {
  readonly type: 'updated'
  readonly token: number
  readonly count: number
  readonly deadlineMs: number
}

/** A holding ended by its owner's release. */
export interface ReleasedEvent extends Happened {
  readonly type: 'released'
  readonly token: number
}

/** A holding ended since its lease had run out at `deadlineMs`. */
export interface ExpiredEvent extends Happened {
  readonly type: 'expired'
  readonly token: number
  readonly deadlineMs: number
}

/** A wait ended without a grant. */
export interface WaitTimedOutEvent extends Happened {
  readonly type: 'waitTimedOut'
  readonly requestId: string
  readonly enteredIndex: number
  readonly deadlineMs: number
}

/** What watchers and oracles see, beside the late answers. */
export type LockEvent =
  | QueuedEvent
  | GrantedEvent
  | UpdatedEvent
  | ReleasedEvent
  | ExpiredEvent
  | WaitTimedOutEvent
