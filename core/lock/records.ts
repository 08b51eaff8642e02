// The records of the lock machine and what follows from each by itself: its key in every index.
// Each record names one lock key, so that a range of keys can be cut out with all that is theirs.

import { pairOrder } from '../key-order.ts'
import type { OrderedMap } from '../ordered-map.ts'
import type { Acquire, FinalReply, LockRequest } from './command.ts'

/** A held key. A key nobody holds has no record, and so no waiters. */
export interface Holding {
  readonly key: string
  readonly owner: string
  readonly token: number
  readonly count: number
  readonly deadlineMs: number
  /** By the index they came in with, and so in order of turn. */
  readonly waiters: OrderedMap<number, Waiter>
}

/** A request in the queue of its key. */
export interface Waiter {
  readonly command: Acquire
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
  readonly command: LockRequest
  readonly reply: FinalReply
  /** Index and log time of the entry that brought the answer. */
  readonly index: number
  readonly atMs: number
  /** Its place among the answers of that entry. */
  readonly ordinal: number
}

/** What is known of a request id. */
export type Memo = WaitingMemo | AnsweredMemo

/** When the lease of a key runs out. */
export interface LeaseDeadline {
  readonly atMs: number
  readonly key: string
}

/** When the wait of a request for a key runs out. */
export interface WaitDeadline {
  readonly atMs: number
  readonly key: string
  readonly enteredIndex: number
}

/** When a waiter's wait runs out. */
export function waitDeadlineMs(waiter: Waiter): number {
  return waiter.enteredMs + waiter.command.waitMs
}

/** Key of a request's memo: the three texts, told apart by their lengths whatever they hold. */
export function memoId(request: LockRequest): string {
  const { key, owner, requestId } = request
  return `${key}\u0000${owner}\u0000${requestId}\u0000${key.length},${owner.length}`
}

/** Key of a holding among the leases: by deadline, then token, then lock key. */
export function leaseOrder(holding: Holding): string {
  return pairOrder(holding.deadlineMs, holding.token) + holding.key
}

/** Key of a waiter among the waits: by deadline, then first index. */
export function waitOrder(waiter: Waiter): string {
  return pairOrder(waitDeadlineMs(waiter), waiter.enteredIndex)
}

/** Key of an answer among the memos to forget: by index, then ordinal. */
export function memoOrder(memo: AnsweredMemo): string {
  return pairOrder(memo.index, memo.ordinal)
}
