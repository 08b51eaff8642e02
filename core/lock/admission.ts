// Who has a key and who comes next: how a holding begins, goes on and ends, and how the queue moves
// up. First come, first served, and shared ones side by side: who comes later passes nobody.

import type { OrderedMap } from '../ordered-map.ts'
import { emptyMap, mapDelete, mapFirst, mapGet, mapSet, mapSize } from '../ordered-map.ts'
import type { Acquire, Mode } from './command.ts'
import type { WaitEndedEvent } from './event.ts'
import { answerLate } from './memo.ts'
import type { ExclusiveLock, Holding, Lock, SharedLock, Waiter } from './records.ts'
import { holderId, holdingOf, remainingMs, waitDeadlineMs } from './records.ts'
import type { FinalReply, Refusal } from './reply.ts'
import type { Draft } from './state.ts'
import { dropWaiter, putHolding, putLock } from './state.ts'

/** A key that nobody holds, while an entry is applied: the next may have it, after the delay. */
export interface Vacant {
  readonly type: 'vacant'
  readonly key: string
  readonly waiters: OrderedMap<number, Waiter>
  readonly delayUntilMs: number
}

/** Why a waiter leaves the queue, and gets nothing. */
export type GaveUp = Exclude<WaitEndedEvent['by'], 'reentry'>

/** What of a request counts when it gets the lock. */
type Claimant = Pick<Waiter, 'command' | 'session' | 'enteredIndex'>

/** A key that nobody waits for nor holds. */
export function vacant(key: string): Vacant {
  return { type: 'vacant', key, waiters: emptyMap(), delayUntilMs: 0 }
}

/**
 * Lets in whoever is next and can go, and puts the key's record. `before`: what the record is by
 * now; `now`: what has become of it.
 */
export function admit(draft: Draft, before: Lock | null, now: Lock | Vacant): void {
  const { key, waiters } = now
  if (now.type === 'vacant' && now.delayUntilMs > draft.timeMs) {
    const { index, timeMs } = draft
    const untilMs = now.delayUntilMs
    draft.events.push({ type: 'delayed', key, index, timeMs, untilMs })
    return putLock(draft, before, { type: 'delayed', key, untilMs, waiters })
  }
  let lock = now
  let isAnyoneNew = false
  for (let first = nextIn(lock); first !== null; first = nextIn(lock)) {
    lock = withWaiters(lock, mapDelete(lock.waiters, first.enteredIndex))
    const reason = whyGone(draft, first)
    // Its owner may have come to hold it by another request that waited.
    const { session, command } = first
    const mine = lock.type === 'shared' ? holdingOf(lock, session, command.owner) : null
    if (reason !== null) endWait(draft, first, reason)
    else if (lock.type === 'shared' && mine !== null) lock = reenter(draft, lock, mine, first)
    else {
      isAnyoneNew = true
      lock = letIn(draft, lock, first)
    }
  }
  putLock(draft, before, lock.type === 'vacant' ? null : lock)
  if (isAnyoneNew && mapSize(lock.waiters) > 0) tellContended(draft, lock)
}

/** The first of the queue, if there is room for it beside those that hold the key. */
function nextIn(lock: Lock | Vacant): Waiter | null {
  if (lock.type === 'exclusive' || lock.type === 'delayed') return null
  const first = mapFirst(lock.waiters)?.[1] ?? null
  if (lock.type === 'vacant' || first === null) return first
  return lock.closed || first.command.mode === 'exclusive' ? null : first
}

/** Why a waiter must not be let in. */
function whyGone(draft: Draft, waiter: Waiter): GaveUp | null {
  if (waitDeadlineMs(waiter) <= draft.timeMs) return 'timeout'
  const { session } = waiter
  return session !== null && mapGet(draft.ended, session) !== undefined ? 'session' : null
}

/** What events of a holding begin with. */
export function whose(draft: Draft, { key, owner, session }: Holding): {
  readonly key: string
  readonly owner: string
  readonly session: number | null
  readonly index: number
  readonly timeMs: number
} {
  return { key, owner, session, index: draft.index, timeMs: draft.timeMs }
}

/** Ends a wait without a grant. The waiter's lock is the caller's. */
export function endWait(draft: Draft, waiter: Waiter, by: GaveUp): void {
  dropWaiter(draft, waiter)
  tellWaitEnded(draft, waiter, by)
  answerLate(draft, waiter, { type: by === 'timeout' ? 'timeout' : 'cancelled' })
}

function tellWaitEnded(draft: Draft, waiter: Waiter, by: WaitEndedEvent['by']): void {
  const { index, timeMs } = draft
  const { command, session, enteredIndex } = waiter
  const { key, owner, requestId } = command
  const deadlineMs = waitDeadlineMs(waiter)
  const where = { key, owner, session, index, timeMs }
  draft.events.push({ type: 'waitEnded', ...where, by, requestId, enteredIndex, deadlineMs })
}

/** Tells watchers that somebody waits for a key that is held. */
export function tellContended(draft: Draft, { key, waiters }: Lock | Vacant): void {
  const { index, timeMs } = draft
  draft.events.push({ type: 'contended', key, index, timeMs, waiters: mapSize(waiters) })
}

/** Gives the lock to one that has waited, and is not in the queue any more. */
function letIn(draft: Draft, lock: Lock | Vacant, waiter: Waiter): Lock | Vacant {
  dropWaiter(draft, waiter)
  const grantedAfterMs = draft.timeMs - waiter.enteredMs
  const after = begin(draft, lock, waiter)
  const token = draft.tokenBase + draft.index
  const { ttlMs } = waiter.command
  answerLate(draft, waiter, { type: 'granted', token, count: 1, ttlMs, grantedAfterMs })
  return after
}

/** A waiter whose owner holds the lock shared by now: it re-enters. */
function reenter(draft: Draft, lock: SharedLock, mine: Holding, waiter: Waiter): Lock {
  dropWaiter(draft, waiter)
  tellWaitEnded(draft, waiter, 'reentry')
  const grantedAfterMs = draft.timeMs - waiter.enteredMs
  const after = again(draft, lock, mine, waiter.command)
  const reply = typeof after === 'string' ? refused(after) : grantedAgain(draft, after)
  answerLate(draft, waiter, reply.type === 'granted' ? { ...reply, grantedAfterMs } : reply)
  return typeof after === 'string' ? lock : withHolding(lock, after)
}

/** Begins a holding at this entry, beside others when it is shared, and tells watchers. */
export function begin(draft: Draft, lock: Lock | Vacant, claimant: Claimant): Lock {
  const { index, timeMs } = draft
  const { command, session, enteredIndex } = claimant
  const { key, owner, mode, ttlMs, lockDelayMs, metadata, requestId } = command
  const token = draft.tokenBase + index
  const deadlineMs = ttlMs === null ? null : timeMs + ttlMs
  const holding: Holding = {
    key,
    owner,
    session,
    enteredIndex,
    token,
    count: 1,
    ttlMs,
    deadlineMs,
    revoked: false,
    lockDelayMs,
    metadata,
  }
  putHolding(draft, null, holding)
  draft.events.push({
    type: 'granted',
    key,
    owner,
    session,
    index,
    timeMs,
    mode,
    token,
    requestId,
    enteredIndex,
    deadlineMs,
  })
  const { waiters } = lock
  if (mode === 'exclusive') return { type: 'exclusive', key, holder: holding, waiters }
  const others = lock.type === 'shared' ? lock.holders : emptyMap<string, Holding>()
  const holders = mapSet(others, holderId(session, owner), holding)
  const delayUntilMs = lock.type === 'shared' ? lock.delayUntilMs : 0
  return { type: 'shared', key, holders, delayUntilMs, closed: false, waiters }
}

/**
 * The holder's own acquire, a re-entry or a refresh, neither of which brings the end of the lease
 * nearer: the holding after it, or why not. The caller puts it into its lock.
 */
export function again(
  draft: Draft,
  lock: ExclusiveLock | SharedLock,
  holding: Holding,
  command: Acquire,
): Holding | Refusal {
  if (lock.type === 'shared' && command.mode === 'exclusive') return 'upgrade'
  if (holding.revoked) return 'revoked'
  const count = holding.count + (command.reentrant ? 1 : 0)
  if (count > draft.limits.countMax) return 'countTooHigh'
  const { deadlineMs, ttlMs } = holding
  const asked = command.ttlMs === null ? null : draft.timeMs + command.ttlMs
  const isLater = deadlineMs !== null && (asked === null || asked > deadlineMs)
  const lease = isLater
    ? { deadlineMs: asked, ttlMs: command.ttlMs }
    : { deadlineMs, ttlMs }
  return update(draft, command.mode, holding, { ...lease, count, revoked: false })
}

/** What can change of a holding. */
type Terms = Pick<Holding, 'count' | 'ttlMs' | 'deadlineMs' | 'revoked'>

/** Changes a holding and tells watchers. The caller puts it into its lock. */
export function update(draft: Draft, mode: Mode, before: Holding, terms: Terms): Holding {
  const { index, timeMs } = draft
  const { key, owner, session, enteredIndex, token, lockDelayMs, metadata } = before
  const { count, ttlMs, deadlineMs, revoked } = terms
  const after: Holding = {
    key,
    owner,
    session,
    enteredIndex,
    token,
    count,
    ttlMs,
    deadlineMs,
    revoked,
    lockDelayMs,
    metadata,
  }
  putHolding(draft, before, after)
  draft.events.push({
    type: 'updated',
    key,
    owner,
    session,
    index,
    timeMs,
    mode,
    token,
    count,
    deadlineMs,
  })
  return after
}

/** The answer to the holder's own acquire. */
export function grantedAgain(draft: Draft, holding: Holding): FinalReply {
  const { token, count } = holding
  const ttlMs = remainingMs(holding, draft.timeMs)
  return { type: 'granted', token, count, ttlMs, grantedAfterMs: 0 }
}

/** The answer to what cannot be done. */
export function refused(reason: Refusal): FinalReply {
  return { type: 'rejected', reason }
}

/**
 * Ends a holding of this lock. `isLost`: it was not given back, and so its lock-delay begins. The
 * caller has told watchers.
 */
export function endHolding(
  draft: Draft,
  lock: ExclusiveLock | SharedLock,
  holding: Holding,
  isLost: boolean,
): void {
  admit(draft, lock, withoutHolding(draft, lock, holding, isLost))
}

/** Like `endHolding`, for the caller to go on with. */
export function withoutHolding(
  draft: Draft,
  lock: ExclusiveLock | SharedLock,
  holding: Holding,
  isLost: boolean,
): SharedLock | Vacant {
  putHolding(draft, holding, null)
  const { key, waiters } = lock
  const hasDelay = isLost && holding.lockDelayMs > 0
  const ownDelayMs = hasDelay ? draft.timeMs + holding.lockDelayMs : 0
  if (lock.type === 'exclusive') return { type: 'vacant', key, waiters, delayUntilMs: ownDelayMs }
  const delayUntilMs = Math.max(lock.delayUntilMs, ownDelayMs)
  const holders = mapDelete(lock.holders, holderId(holding.session, holding.owner))
  if (mapSize(holders) === 0) return { type: 'vacant', key, waiters, delayUntilMs }
  return { type: 'shared', key, holders, delayUntilMs, closed: lock.closed, waiters }
}

/** The lock with this queue. */
export function withWaiters<Any extends Lock | Vacant>(
  lock: Any,
  waiters: OrderedMap<number, Waiter>,
): Any {
  return { ...lock, waiters }
}

/** The lock with this holding in place of the owner's former one. */
export function withHolding(
  lock: ExclusiveLock | SharedLock,
  holding: Holding,
): ExclusiveLock | SharedLock {
  const { key, waiters } = lock
  if (lock.type === 'exclusive') return { type: 'exclusive', key, holder: holding, waiters }
  const { delayUntilMs, closed } = lock
  const holders = mapSet(lock.holders, holderId(holding.session, holding.owner), holding)
  return { type: 'shared', key, holders, delayUntilMs, closed, waiters }
}
