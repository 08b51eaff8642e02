// The records of the lock machine and what follows from each by itself: its key in every index.
// Each record names one lock key, so that a range of keys can be cut out with all that is theirs.

import { integerOrder, pairOrder } from '../key-order.ts'
import type { OrderedMap } from '../ordered-map.ts'
import { mapFirst, mapGet, mapSize } from '../ordered-map.ts'
import type { Acquire, Cancel, LockRequest } from './command.ts'
import type { FinalReply } from './reply.ts'

/** What is known of a key. One that nobody holds, nor a lock-delay keeps, has no record. */
export type Lock = ExclusiveLock | SharedLock | DelayedLock

interface Common {
  readonly key: string
  /** By the index they came in with, and so in order of turn. */
  readonly waiters: OrderedMap<number, Waiter>
}

/** A key with one holder, who is alone. */
export interface ExclusiveLock extends Common {
  readonly type: 'exclusive'
  readonly holder: Holding
}

/** A key with one shared holder or more. */
export interface SharedLock extends Common {
  readonly type: 'shared'
  /** By `holderId`. */
  readonly holders: OrderedMap<string, Holding>
  /** Until when lost holders' lock-delays keep the key once the last holder has gone; 0: none. */
  readonly delayUntilMs: number
  /** All of its holders were revoked: nobody joins them. */
  readonly closed: boolean
}

/** A key that nobody holds, kept from all for a while, since it was lost and not given back. */
export interface DelayedLock extends Common {
  readonly type: 'delayed'
  readonly untilMs: number
}

/** What one owner has of a key. */
export interface Holding {
  readonly key: string
  readonly owner: string
  readonly session: number | null
  /** Index of the first entry of the acquire that began it. No other claim has it. */
  readonly enteredIndex: number
  readonly token: number
  readonly count: number
  /** What the deadline was last set by; null with it. */
  readonly ttlMs: number | null
  /** Null: it ends with its session. */
  readonly deadlineMs: number | null
  /** Whether it cannot be renewed, nor taken again. */
  readonly revoked: boolean
  readonly lockDelayMs: number
  readonly metadata: string
}

/** A request in the queue of its key. */
export interface Waiter {
  readonly command: Acquire
  readonly session: number | null
  /** It is remembered by its request id, here; else its session sees to its being one. */
  readonly hasMemo: boolean
  /** Index and log time of the request's first entry. */
  readonly enteredIndex: number
  readonly enteredMs: number
  /** Index of the latest entry with the same request: the one to be answered. */
  readonly latestIndex: number
}

/** A request that still waits: its answer is not known. */
export interface WaitingMemo {
  readonly type: 'waiting'
  /** Its `memoId`. */
  readonly id: string
  readonly command: Acquire
  readonly enteredIndex: number
}

/** What a request was answered, for when it comes again. */
export interface AnsweredMemo {
  readonly type: 'answered'
  /** Its `memoId`. */
  readonly id: string
  /** A cancel: the acquire itself has not come yet. */
  readonly command: LockRequest | Cancel
  readonly reply: FinalReply
  /** Index and log time of the entry that brought the answer. */
  readonly index: number
  readonly atMs: number
  /** Its place among the answers of that entry. */
  readonly ordinal: number
}

/** What is known of a request id. */
export type Memo = WaitingMemo | AnsweredMemo

/** When a lock-delay is over. */
export interface DelayDeadline {
  readonly atMs: number
  readonly key: string
}

/** When the wait of a request for a key runs out. */
export interface WaitDeadline {
  readonly atMs: number
  readonly key: string
  readonly enteredIndex: number
}

/** What a session has: a holding or a wait. */
export interface Claim {
  readonly key: string
  readonly owner: string
  readonly session: number
  readonly enteredIndex: number
}

/** What an owner has of a key, or null. */
export function holdingOf(
  lock: Lock | undefined,
  session: number | null,
  owner: string,
): Holding | null {
  if (lock === undefined || lock.type === 'delayed') return null
  if (lock.type === 'shared') return mapGet(lock.holders, holderId(session, owner)) ?? null
  const { holder } = lock
  return holder.owner === owner && holder.session === session ? holder : null
}

/** The holder of a key, the first by `holderId` where there are several; null: there is none. */
export function firstHolding(lock: Lock | undefined): Holding | null {
  if (lock === undefined || lock.type === 'delayed') return null
  return lock.type === 'exclusive' ? lock.holder : (mapFirst(lock.holders)?.[1] ?? null)
}

/** Its token, or 0. */
export function presentToken(lock: Lock | undefined): number {
  return firstHolding(lock)?.token ?? 0
}

/** How many hold a key. */
export function holdersCount(lock: Lock | undefined): number {
  if (lock === undefined || lock.type === 'delayed') return 0
  return lock.type === 'exclusive' ? 1 : mapSize(lock.holders)
}

/** What is left of a lease at a time; null: it ends with its session. */
export function remainingMs({ deadlineMs }: Holding, timeMs: number): number | null {
  return deadlineMs === null ? null : Math.max(0, deadlineMs - timeMs)
}

/** When a waiter's wait runs out. */
export function waitDeadlineMs(waiter: Waiter): number {
  return waiter.enteredMs + waiter.command.waitMs
}

/** Key of a request's memo among its owner's: both texts, told apart whatever they hold. */
export function memoId({ key, requestId }: LockRequest | Cancel): string {
  return `${requestId}\u0000${key}\u0000${key.length}`
}

/** Key of a holding among the shared ones of its key: by session, those without one first. */
export function holderId(session: number | null, owner: string): string {
  return integerOrder(session ?? 0) + owner
}

/** Key of a holding with a deadline among the leases: by deadline, then token, then first index. */
export function leaseOrder({ token, enteredIndex }: Holding, deadlineMs: number): string {
  return pairOrder(deadlineMs, token) + integerOrder(enteredIndex)
}

/** Key of a waiter among the waits: by deadline, then first index. */
export function waitOrder(waiter: Waiter): string {
  return pairOrder(waitDeadlineMs(waiter), waiter.enteredIndex)
}

/** Key of a delayed lock among the delays: by their end, then key. */
export function delayOrder({ untilMs, key }: DelayedLock): string {
  return integerOrder(untilMs) + key
}

/** Key of a claim among those of sessions: by session, then first index. */
export function claimOrder(session: number, enteredIndex: number): string {
  return pairOrder(session, enteredIndex)
}
