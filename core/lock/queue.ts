// The queue of a key: who waits, and how a wait ends without a grant. First come, first served.

import { invariant } from '../invariant.ts'
import { mapDelete, mapEntries, mapGet, mapRank, mapSet, mapSize } from '../ordered-map.ts'
import type { GaveUp } from './admission.ts'
import { admit, endWait, tellContended, withWaiters } from './admission.ts'
import type { Acquire, Cancel } from './command.ts'
import type { Lock, Waiter, WaitingMemo } from './records.ts'
import { memoId, waitDeadlineMs } from './records.ts'
import type { Draft } from './state.ts'
import { addWaiter, dropWaiter, putLock, putMemo } from './state.ts'

/** Puts a request at the end of the queue. */
export function enqueue(draft: Draft, lock: Lock, command: Acquire): void {
  const { index, timeMs, session } = draft
  const hasMemo = !draft.guarded
  const entered = { enteredIndex: index, enteredMs: timeMs, latestIndex: index }
  const waiter: Waiter = { command, session, hasMemo, ...entered }
  const isFirst = mapSize(lock.waiters) === 0
  const after = withWaiters(lock, mapSet(lock.waiters, index, waiter))
  putLock(draft, lock, after)
  addWaiter(draft, waiter)
  if (hasMemo) {
    putMemo(draft, null, { type: 'waiting', id: memoId(command), command, enteredIndex: index })
  }
  const { key, owner, mode, requestId } = command
  const deadlineMs = waitDeadlineMs(waiter)
  const where = { key, owner, session, index, timeMs }
  draft.events.push({ type: 'queued', ...where, mode, requestId, deadlineMs })
  if (isFirst && lock.type !== 'delayed') tellContended(draft, after)
}

/** A request that waits came again: it keeps its place, and the newer attempt gets its answer. */
export function attach(draft: Draft, memo: WaitingMemo): void {
  const [lock, waiter] = waiterOf(draft, memo)
  const { enteredIndex, latestIndex } = waiter
  const after: Waiter = { ...waiter, latestIndex: draft.index }
  dropWaiter(draft, waiter)
  putLock(draft, lock, withWaiters(lock, mapSet(lock.waiters, enteredIndex, after)))
  addWaiter(draft, after)
  const position = mapRank(lock.waiters, enteredIndex) + 1
  draft.events.push({ type: 'answer', index: latestIndex, reply: { type: 'queued', position } })
}

/** Takes a waiter from the queue without a grant, which may let in those behind it. */
export function leave(draft: Draft, lock: Lock, waiter: Waiter, by: GaveUp): void {
  endWait(draft, waiter, by)
  admit(draft, lock, withWaiters(lock, mapDelete(lock.waiters, waiter.enteredIndex)))
}

/** Ends the wait of a request that waits. */
export function cancelWaiting(draft: Draft, memo: WaitingMemo): void {
  const [lock, waiter] = waiterOf(draft, memo)
  leave(draft, lock, waiter, 'cancel')
}

/**
 * Ends waits of an owner for a key, of its session or outside of all; how many there were. A cancel
 * that is not guarded means those alone that are, since memos tell of the others.
 */
export function cancelAll(draft: Draft, { key, owner, requestId }: Cancel): number {
  const { session, guarded } = draft
  const isMeant = (waiter: Waiter): boolean =>
    waiter.session === session &&
    waiter.command.owner === owner &&
    (guarded || !waiter.hasMemo) &&
    (requestId === null || waiter.command.requestId === requestId)
  const lock = mapGet(draft.locks, key)
  if (lock === undefined) return 0
  const meant = [...mapEntries(lock.waiters)].map(([, waiter]) => waiter).filter(isMeant)
  if (meant.length === 0) return 0
  let { waiters } = lock
  for (const waiter of meant) {
    endWait(draft, waiter, 'cancel')
    waiters = mapDelete(waiters, waiter.enteredIndex)
  }
  admit(draft, lock, withWaiters(lock, waiters))
  return meant.length
}

function waiterOf(draft: Draft, { command, enteredIndex }: WaitingMemo): readonly [Lock, Waiter] {
  const lock = mapGet(draft.locks, command.key)
  invariant(lock !== undefined, 'lock: a request waits for a key that is free')
  const waiter = mapGet(lock.waiters, enteredIndex)
  invariant(waiter !== undefined, 'lock: a waiting memo has no waiter')
  return [lock, waiter]
}
