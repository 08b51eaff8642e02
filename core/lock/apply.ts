// The rules of the lock machine: what each command does to the records, and what it is answered.
// Everything rests on the state, the command and its place in the log, and on nothing else.

import { unreachable } from '../invariant.ts'
import type { Answer } from '../machine.ts'
import { emptyMap, mapEntries, mapGet, mapSet, mapSize } from '../ordered-map.ts'
import type { SessionContext } from '../session/apply.ts'
import type { SessionEnded } from '../session/command.ts'
import type { Vacant } from './admission.ts'
import {
  admit,
  again,
  begin,
  endHolding,
  grantedAgain,
  refused,
  update,
  vacant,
  whose,
  withHolding,
  withoutHolding,
} from './admission.ts'
import type {
  Acquire,
  Cancel,
  ForceRelease,
  LockCommand,
  LockRequest,
  Release,
  Renew,
} from './command.ts'
import type { LockEvent } from './event.ts'
import type { Limits } from './limits.ts'
import { requestProblem } from './limits.ts'
import { expire } from './expire.ts'
import { dropOldMemos, isSameRequest, memosFull, remember, repeatedReply } from './memo.ts'
import { queryReply } from './query.ts'
import { attach, cancelAll, cancelWaiting, enqueue } from './queue.ts'
import type { ExclusiveLock, Holding, Lock, SharedLock } from './records.ts'
import {
  firstHolding,
  holderId,
  holdingOf,
  memoId,
  presentToken,
  remainingMs,
} from './records.ts'
import type { FinalReply, LockReply } from './reply.ts'
import type { Draft, LockState } from './state.ts'
import {
  closeDraft,
  locksOf,
  memoOf,
  openDraft,
  putEnded,
  putHolding,
  putLock,
  useOf,
} from './state.ts'

/** What is known after an entry, and what happened. */
type Events = readonly (LockEvent | Answer<LockReply>)[]

/** `Machine.apply` under these limits. */
export function applyCommand(
  state: LockState,
  command: LockCommand,
  context: SessionContext,
  limits: Limits,
): readonly [LockState, LockReply | null, Events] {
  const draft = openDraft(state, context, limits)
  dropOldMemos(draft)
  const reply = applyTo(draft, command)
  return [closeDraft(draft), reply, draft.events]
}

/** A session has ended: what it has is lost, by `expire` and a bounded number at a time. */
export function endSession(
  state: LockState,
  { session, by, index, timeMs }: SessionEnded,
  limits: Limits,
): LockState {
  const draft = openDraft(state, { index, timeMs, session, guarded: false }, limits)
  if (locksOf(draft, session, '') > 0) putEnded(draft, session, by)
  return closeDraft(draft)
}

function applyTo(draft: Draft, command: LockCommand): LockReply | null {
  switch (command.type) {
    case 'acquire':
    case 'release':
    case 'renew':
    case 'forceRelease':
      return applyRequest(draft, command)
    case 'cancel':
      return cancel(draft, command)
    case 'status':
    case 'listHolders':
    case 'listWaiters':
    case 'listLocks':
    case 'countLocks':
      return queryReply(draft.locks, command, draft.timeMs, draft.limits)
    case 'expire':
      return expire(draft, command)
    default:
      return unreachable(command)
  }
}

/** One effect and one answer per request id, however often the request comes. */
function applyRequest(draft: Draft, command: LockRequest): LockReply | null {
  const reason = requestProblem(command, draft, draft.limits)
  if (reason !== null) return { type: 'rejected', reason }
  if (draft.guarded) return applyNew(draft, command)
  const id = memoId(command)
  const memo = memoOf(draft, command.owner, id)
  if (memo !== undefined) {
    if (!isSameRequest(memo.command, command)) {
      return { type: 'rejected', reason: 'requestIdReused' }
    }
    if (memo.type === 'answered') return repeatedReply(draft, memo)
    attach(draft, memo)
    return null
  }
  if (memosFull(draft, command.owner)) return { type: 'rejected', reason: 'overloaded' }
  const reply = applyNew(draft, command)
  if (reply !== null) remember(draft, id, null, command, reply)
  return reply
}

function applyNew(draft: Draft, command: LockRequest): FinalReply | null {
  switch (command.type) {
    case 'acquire':
      return acquire(draft, command)
    case 'release':
      return release(draft, command)
    case 'renew':
      return renew(draft, command)
    case 'forceRelease':
      return forceRelease(draft, command)
    default:
      return unreachable(command)
  }
}

function acquire(draft: Draft, command: Acquire): FinalReply | null {
  const { key, owner, mode, ttlMs, waitMs } = command
  const { session, limits } = draft
  const lock = mapGet(draft.locks, key)
  const mine = holdingOf(lock, session, owner)
  if (lock !== undefined && lock.type !== 'delayed' && mine !== null) {
    return acquireAgain(draft, command, lock, mine)
  }
  const isFull = (): boolean => locksOf(draft, session, owner) >= limits.locksPerOwnerMax
  const isOpen = lock?.type === 'shared' && !lock.closed && mapSize(lock.waiters) === 0
  const joins = isOpen && mode === 'shared'
  if (lock === undefined || joins) {
    if (isFull()) return refused('tooManyLocks')
    if (lock === undefined && mapSize(draft.locks) >= limits.keysMax) return refused('tooManyKeys')
    const claimant = { command, session, enteredIndex: draft.index }
    putLock(draft, lock ?? null, begin(draft, lock ?? vacant(key), claimant))
    const token = draft.tokenBase + draft.index
    return { type: 'granted', token, count: 1, ttlMs, grantedAfterMs: 0 }
  }
  if (waitMs === 0) return held(draft, lock)
  // Waiters count as well, so that a grant never finds its owner's share full.
  if (isFull()) return refused('tooManyLocks')
  if (mapSize(lock.waiters) >= limits.waitersPerKeyMax) return refused('tooManyWaiters')
  enqueue(draft, lock, command)
  return null
}

function held(draft: Draft, lock: Lock): FinalReply {
  const first = firstHolding(lock)
  if (first !== null) {
    const { owner, token } = first
    return { type: 'held', owner, token, remainingMs: remainingMs(first, draft.timeMs) }
  }
  const untilMs = lock.type === 'delayed' ? lock.untilMs : 0
  return { type: 'held', owner: null, token: 0, remainingMs: Math.max(0, untilMs - draft.timeMs) }
}

/** By the holder: a re-entry or a refresh, and a downgrade when it wants no more than to share. */
function acquireAgain(
  draft: Draft,
  command: Acquire,
  lock: ExclusiveLock | SharedLock,
  mine: Holding,
): FinalReply {
  const after = again(draft, lock, mine, command)
  if (typeof after === 'string') return refused(after)
  if (lock.type === command.mode) putLock(draft, lock, withHolding(lock, after))
  else admit(draft, lock, shared(lock, after))
  return grantedAgain(draft, after)
}

/** The lock of an exclusive holder who shares it from now on. */
function shared({ key, waiters }: Lock, holding: Holding): SharedLock {
  const id = holderId(holding.session, holding.owner)
  const holders = mapSet(emptyMap<string, Holding>(), id, holding)
  return { type: 'shared', key, holders, delayUntilMs: 0, closed: false, waiters }
}

function release(draft: Draft, command: Release): FinalReply {
  const lock = mapGet(draft.locks, command.key)
  const meant = meantBy(draft, lock, command)
  if (meant === null) return { type: 'notHolder', token: presentToken(lock) }
  const [held, mine] = meant
  if (mine.count > 1 && !command.all) {
    const { ttlMs, deadlineMs, revoked } = mine
    const count = mine.count - 1
    const after = update(draft, held.type, mine, { count, ttlMs, deadlineMs, revoked })
    putLock(draft, held, withHolding(held, after))
    return { type: 'released', count }
  }
  draft.events.push({ type: 'released', ...whose(draft, mine), token: mine.token })
  endHolding(draft, held, mine, false)
  return { type: 'released', count: 0 }
}

function renew(draft: Draft, command: Renew): FinalReply {
  const lock = mapGet(draft.locks, command.key)
  const meant = meantBy(draft, lock, command)
  if (meant === null) return { type: 'expired', token: presentToken(lock) }
  const [held, mine] = meant
  if (mine.revoked) return refused('revoked')
  const { token, count } = mine
  const ttlMs = command.ttlMs ?? mine.ttlMs
  const deadlineMs = ttlMs === null ? null : draft.timeMs + ttlMs
  const after = update(draft, held.type, mine, { count, ttlMs, deadlineMs, revoked: false })
  putLock(draft, held, withHolding(held, after))
  return { type: 'renewed', token, ttlMs }
}

/** Without `now` the holders keep the lock for the rest of their leases, and no longer. */
function forceRelease(draft: Draft, command: ForceRelease): FinalReply {
  const { key, token, now } = command
  const lock = mapGet(draft.locks, key)
  if (lock === undefined) return { type: 'forced', holders: 0, remainingMs: 0 }
  if (lock.type === 'delayed') {
    if (now) admit(draft, lock, { ...vacant(key), waiters: lock.waiters })
    return { type: 'forced', holders: 0, remainingMs: 0 }
  }
  const all = lock.type === 'exclusive' ? [lock.holder] : sharers(lock)
  const meant = all.filter((holding) => token === null || holding.token === token)
  if (now) {
    takeAway(draft, lock, meant)
    return { type: 'forced', holders: meant.length, remainingMs: 0 }
  }
  if (meant.some(({ deadlineMs }) => deadlineMs === null)) return refused('noDeadline')
  let after: ExclusiveLock | SharedLock = lock
  let lastMs = 0
  for (const holding of meant) {
    const deadlineMs = holding.deadlineMs ?? 0
    lastMs = Math.max(lastMs, deadlineMs - draft.timeMs)
    after = withHolding(after, revoke(draft, holding, deadlineMs))
  }
  if (after.type === 'shared' && meant.length === all.length) after = { ...after, closed: true }
  putLock(draft, lock, after)
  return { type: 'forced', holders: meant.length, remainingMs: lastMs }
}

function sharers({ holders }: SharedLock): readonly Holding[] {
  return [...mapEntries(holders)].map(([, holding]) => holding)
}

function takeAway(
  draft: Draft,
  lock: ExclusiveLock | SharedLock,
  meant: readonly Holding[],
): void {
  let after: Lock | Vacant = lock
  for (const holding of meant) {
    const { token } = holding
    draft.events.push({ type: 'lost', ...whose(draft, holding), token, by: 'force' })
    if (after.type === 'exclusive' || after.type === 'shared') {
      after = withoutHolding(draft, after, holding, true)
    }
  }
  admit(draft, lock, after)
}

function revoke(draft: Draft, before: Holding, deadlineMs: number): Holding {
  const after: Holding = { ...before, revoked: true }
  putHolding(draft, before, after)
  const { token } = before
  draft.events.push({ type: 'revoked', ...whose(draft, before), token, deadlineMs })
  return after
}

/** The fate of an acquire, which is `cancelled` when it has none yet. */
function cancel(draft: Draft, command: Cancel): LockReply {
  const reason = requestProblem(command, draft, draft.limits)
  if (reason !== null) return { type: 'rejected', reason }
  if (draft.guarded) return cancelGuarded(draft, command)
  // What is guarded has no memo: a session knows of it.
  const isAny = useOf(draft, command.owner).guardedWaits > 0
  const guardedCount = isAny ? cancelAll(draft, command) : 0
  const id = memoId(command)
  const memo = memoOf(draft, command.owner, id)
  if (memo === undefined) {
    if (guardedCount > 0) return { type: 'cancelled' }
    if (memosFull(draft, command.owner)) return { type: 'rejected', reason: 'overloaded' }
    remember(draft, id, null, command, { type: 'cancelled' })
    return { type: 'cancelled' }
  }
  const { type } = memo.command
  if (type !== 'acquire' && type !== 'cancel') {
    return { type: 'rejected', reason: 'requestIdReused' }
  }
  if (memo.type === 'answered') return repeatedReply(draft, memo)
  cancelWaiting(draft, memo)
  return { type: 'cancelled' }
}

/** Its session sees to it that what it has given up does not come any more. */
function cancelGuarded(draft: Draft, command: Cancel): LockReply {
  if (cancelAll(draft, command) > 0) return { type: 'cancelled' }
  const mine = holdingOf(mapGet(draft.locks, command.key), draft.session, command.owner)
  return mine === null ? { type: 'cancelled' } : grantedAgain(draft, mine)
}

/** The lock and the holding that a command of its holder means, or null. */
function meantBy(
  draft: Draft,
  lock: Lock | undefined,
  { owner, token }: Release | Renew,
): readonly [ExclusiveLock | SharedLock, Holding] | null {
  if (lock === undefined || lock.type === 'delayed') return null
  const mine = holdingOf(lock, draft.session, owner)
  if (mine === null || (token !== null && token !== mine.token)) return null
  return [lock, mine]
}
