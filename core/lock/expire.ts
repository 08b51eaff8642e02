// What time brings to an end: waits, leases and lock-delays, and whatever an ended session has. A
// bounded number at a time, in an order that rests on the records alone.

import { invariant } from '../invariant.ts'
import { mapEntries, mapFirst, mapGet } from '../ordered-map.ts'
import { admit, endHolding, vacant, whose } from './admission.ts'
import type { Expire } from './command.ts'
import { leave } from './queue.ts'
import type { ExclusiveLock, Lock, SharedLock } from './records.ts'
import { claimOrder, holdingOf } from './records.ts'
import type { LockReply } from './reply.ts'
import type { Draft } from './state.ts'

/**
 * What ended sessions have first, then waits, so that no freed key meets a queue of waits run out;
 * then leases, and delays last.
 */
export function expire(draft: Draft, { max }: Expire): LockReply {
  const ended = { waiters: 0, locks: 0, delays: 0 }
  const count = (): number => ended.waiters + ended.locks + ended.delays
  while (count() < max && endClaim(draft, ended)) continue
  for (; count() < max; ended.waiters++) {
    const first = mapFirst(draft.waitDeadlines)
    if (first === null || first[1].atMs > draft.timeMs) break
    const lock = lockOf(draft, first[1].key)
    const waiter = mapGet(lock.waiters, first[1].enteredIndex)
    invariant(waiter !== undefined, 'lock: a wait deadline without a waiter')
    leave(draft, lock, waiter, 'timeout')
  }
  for (; count() < max; ended.locks++) {
    const first = mapFirst(draft.leaseDeadlines)?.[1]
    if (first === undefined || first.deadlineMs === null) break
    const { token, deadlineMs } = first
    if (deadlineMs > draft.timeMs) break
    draft.events.push({ type: 'expired', ...whose(draft, first), token, deadlineMs })
    endHolding(draft, heldOf(draft, first.key), first, true)
  }
  for (; count() < max; ended.delays++) {
    const first = mapFirst(draft.delayDeadlines)
    if (first === null || first[1].atMs > draft.timeMs) break
    const lock = lockOf(draft, first[1].key)
    admit(draft, lock, { ...vacant(lock.key), waiters: lock.waiters })
  }
  return { type: 'swept', ...ended }
}

/** Ends one wait or holding of a session that has ended; false when there is none. */
function endClaim(draft: Draft, ended: { waiters: number; locks: number }): boolean {
  const first = mapFirst(draft.ended)
  if (first === null) return false
  const [session, by] = first
  const next = mapEntries(draft.claims, claimOrder(session, 0)).next()
  invariant(next.done !== true && next.value[1].session === session, 'lock: nothing to end')
  const { key, owner, enteredIndex } = next.value[1]
  const waiter = mapGet(lockOf(draft, key).waiters, enteredIndex)
  if (waiter !== undefined) {
    ended.waiters++
    leave(draft, lockOf(draft, key), waiter, 'session')
    return true
  }
  const lock = heldOf(draft, key)
  const holding = holdingOf(lock, session, owner)
  invariant(holding !== null, 'lock: a claim of one who neither waits nor holds')
  ended.locks++
  draft.events.push({
    type: 'lost',
    ...whose(draft, holding),
    token: holding.token,
    by: 'session',
  })
  endHolding(draft, lock, holding, by === 'expiry')
  return true
}

function lockOf(draft: Draft, key: string): Lock {
  const lock = mapGet(draft.locks, key)
  invariant(lock !== undefined, 'lock: a record of a key that is free')
  return lock
}

function heldOf(draft: Draft, key: string): ExclusiveLock | SharedLock {
  const lock = lockOf(draft, key)
  invariant(lock.type !== 'delayed', 'lock: a holding of a key that nobody holds')
  return lock
}
