// What the lock machine tells watchers and oracles, beside the late answers. All times are
// milliseconds of log time. Nothing happens here.

import type { Mode } from './command.ts'

/** What all events say: where, and at which entry and log time. */
interface Happened {
  readonly key: string
  readonly index: number
  readonly timeMs: number
}

/** What events of one owner say: whose. */
interface OwnerEvent extends Happened {
  readonly owner: string
  readonly session: number | null
}

/** A request found the lock held and waits. Its `index` is its place in the order of turns. */
export interface QueuedEvent extends OwnerEvent {
  readonly type: 'queued'
  readonly mode: Mode
  readonly requestId: string | null
  readonly deadlineMs: number
}

/** A holding began. */
export interface GrantedEvent extends OwnerEvent {
  readonly type: 'granted'
  readonly mode: Mode
  readonly token: number
  readonly requestId: string | null
  /** Index of the request's own first entry: less than `index` for one that waited. */
  readonly enteredIndex: number
  readonly deadlineMs: number | null
}

/**
 * A holding goes on: by re-entry, refresh, renewal, downgrade or the release of one count of
 * several.
 */
export interface UpdatedEvent extends OwnerEvent {
  readonly type: 'updated'
  readonly mode: Mode
  readonly token: number
  readonly count: number
  readonly deadlineMs: number | null
}

/** A holding ended by its owner's release. */
export interface ReleasedEvent extends OwnerEvent {
  readonly type: 'released'
  readonly token: number
}

/** A holding ended since its lease had run out at `deadlineMs`. */
export interface ExpiredEvent extends OwnerEvent {
  readonly type: 'expired'
  readonly token: number
  readonly deadlineMs: number
}

/** A holding goes on, but not beyond its deadline: an operator wants the lock. */
export interface RevokedEvent extends OwnerEvent {
  readonly type: 'revoked'
  readonly token: number
  readonly deadlineMs: number
}

/** A holding ended and not by its owner, nor by its lease. */
export interface LostEvent extends OwnerEvent {
  readonly type: 'lost'
  readonly token: number
  readonly by: 'session' | 'force'
}

/**
 * A wait ended without a grant. By `reentry`: its owner has come to hold the lock by another
 * request, and this one was answered as one more of the holder's.
 */
export interface WaitEndedEvent extends OwnerEvent {
  readonly type: 'waitEnded'
  readonly by: 'timeout' | 'cancel' | 'session' | 'reentry'
  readonly requestId: string | null
  readonly enteredIndex: number
  readonly deadlineMs: number
}

/** Somebody waits for a key that is held, and nobody did: its holders might hurry. */
export interface ContendedEvent extends Happened {
  readonly type: 'contended'
  readonly waiters: number
}

/** A key is held by nobody, and kept from all until `untilMs`. */
export interface DelayedEvent extends Happened {
  readonly type: 'delayed'
  readonly untilMs: number
}

/** What watchers and oracles see, beside the late answers. */
export type LockEvent =
  | QueuedEvent
  | GrantedEvent
  | UpdatedEvent
  | ReleasedEvent
  | ExpiredEvent
  | RevokedEvent
  | LostEvent
  | WaitEndedEvent
  | ContendedEvent
  | DelayedEvent
