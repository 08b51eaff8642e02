// The rules of the lock machine: what each command does to the records, and what it is answered.
// Everything rests on the state, the command and its place in the log, and on nothing else.

import { invariant, unreachable } from '../invariant.ts'
import type { Answer, ApplyContext } from '../machine.ts'
import { emptyMap, mapFirst, mapGet, mapSize } from '../ordered-map.ts'
import type {
  Acquire,
  Expire,
  FinalReply,
  LockCommand,
  LockEvent,
  LockReply,
  LockRequest,
  Refusal,
  Release,
  Renew,
  Status,
} from './command.ts'
import type { Limits } from './limits.ts'
import { requestProblem } from './limits.ts'
import { dropOldMemos, memosFull, remember, repeatedReply, sameBody } from './memo.ts'
import { attach, begin, endHolding, enqueue, timeOutWaiter } from './queue.ts'
import type { Holding } from './records.ts'
import { memoId } from './records.ts'
import type { Draft, LockState } from './state.ts'
import { closeDraft, openDraft, putHolding, useOf } from './state.ts'

/** `Machine.apply` under these limits. */
export function applyCommand(
  state: LockState,
  command: LockCommand,
  context: ApplyContext,
  limits: Limits,
): readonly [LockState, LockReply | null, readonly (LockEvent | Answer<LockReply>)[]] {
  const draft = openDraft(state, context)
  dropOldMemos(draft, limits)
  const reply = applyTo(draft, command, limits)
  return [closeDraft(draft), reply, draft.events]
}

/** `Machine.query` under these limits: only `status` changes nothing. */
export function queryCommand(
  state: LockState,
  command: LockCommand,
  timeMs: number,
  limits: Limits,
): LockReply | null {
  return command.type === 'status' ? statusReply(state.locks, command, timeMs, limits) : null
}

function applyTo(draft: Draft, command: LockCommand, limits: Limits): LockReply | null {
  switch (command.type) {
    case 'acquire':
    case 'release':
    case 'renew':
      return applyRequest(draft, command, limits)
    case 'status':
      return statusReply(draft.locks, command, draft.timeMs, limits)
    case 'expire':
      return expire(draft, command)
    default:
      return unreachable(command)
  }
}

/** One effect and one answer per request id, however often the request comes. */
function applyRequest(draft: Draft, command: LockRequest, limits: Limits): LockReply | null {
  const reason = requestProblem(command, limits)
  if (reason !== null) return { type: 'rejected', reason }
  const id = memoId(command)
  const memo = mapGet(draft.memos, id)
  if (memo !== undefined) {
    if (!sameBody(memo.command, command)) return { type: 'rejected', reason: 'requestIdReused' }
    if (memo.type === 'answered') return repeatedReply(draft, memo)
    attach(draft, memo)
    return null
  }
  if (memosFull(draft, command.owner, limits)) return { type: 'rejected', reason: 'overloaded' }
  const reply = applyNew(draft, id, command, limits)
  if (reply !== null) remember(draft, id, null, command, reply)
  return reply
}

function applyNew(
  draft: Draft,
  id: string,
  command: LockRequest,
  limits: Limits,
): FinalReply | null {
  switch (command.type) {
    case 'acquire':
      return acquire(draft, id, command, limits)
    case 'release':
      return release(draft, command)
    case 'renew':
      return renew(draft, command)
    default:
      return unreachable(command)
  }
}

function acquire(
  draft: Draft,
  id: string,
  command: Acquire,
  limits: Limits,
): FinalReply | null {
  const { key, owner, ttlMs, waitMs } = command
  const holding = mapGet(draft.locks, key)
  if (holding !== undefined && holding.owner === owner) {
    return acquireAgain(draft, command, holding, limits)
  }
  const locksFull = useOf(draft, owner).locks >= limits.locksPerOwnerMax
  if (holding === undefined) {
    if (locksFull) return refused('tooManyLocks')
    if (mapSize(draft.locks) >= limits.keysMax) return refused('tooManyKeys')
    begin(draft, null, command, draft.index, emptyMap())
    const token = draft.tokenBase + draft.index
    return { type: 'granted', token, count: 1, ttlMs, grantedAfterMs: 0 }
  }
  if (waitMs === 0) {
    const remainingMs = Math.max(0, holding.deadlineMs - draft.timeMs)
    return { type: 'held', owner: holding.owner, token: holding.token, remainingMs }
  }
  // Waiters count as well, so that a grant never finds its owner's share full.
  if (locksFull) return refused('tooManyLocks')
  if (mapSize(holding.waiters) >= limits.waitersPerKeyMax) return refused('tooManyWaiters')
  enqueue(draft, id, holding, command)
  return null
}

/** By the holder: a re-entry or a refresh, neither of which brings the end of the lease nearer. */
function acquireAgain(
  draft: Draft,
  command: Acquire,
  holding: Holding,
  limits: Limits,
): FinalReply {
  const count = holding.count + (command.reentrant ? 1 : 0)
  if (count > limits.countMax) return refused('countTooHigh')
  const deadlineMs = Math.max(holding.deadlineMs, draft.timeMs + command.ttlMs)
  update(draft, holding, count, deadlineMs)
  const ttlMs = deadlineMs - draft.timeMs
  return { type: 'granted', token: holding.token, count, ttlMs, grantedAfterMs: 0 }
}

function refused(reason: Refusal): FinalReply {
  return { type: 'rejected', reason }
}

function release(draft: Draft, command: Release): FinalReply {
  const { key, owner } = command
  const holding = mapGet(draft.locks, key)
  if (holding === undefined) return { type: 'notHolder', token: 0 }
  const { token } = holding
  if (!isMeant(holding, command)) return { type: 'notHolder', token }
  if (holding.count > 1 && !command.all) {
    const count = holding.count - 1
    update(draft, holding, count, holding.deadlineMs)
    return { type: 'released', count }
  }
  const { index, timeMs } = draft
  draft.events.push({ type: 'released', key, owner, index, timeMs, token })
  endHolding(draft, holding)
  return { type: 'released', count: 0 }
}

function renew(draft: Draft, command: Renew): FinalReply {
  const holding = mapGet(draft.locks, command.key)
  if (holding === undefined) return { type: 'expired', token: 0 }
  const { token } = holding
  if (!isMeant(holding, command)) return { type: 'expired', token }
  const { ttlMs } = command
  update(draft, holding, holding.count, draft.timeMs + ttlMs)
  return { type: 'renewed', token, ttlMs }
}

/** True when the command is the holder's, and of this holding if it names one. */
function isMeant(holding: Holding, command: Release | Renew): boolean {
  if (holding.owner !== command.owner) return false
  return command.token === null || command.token === holding.token
}

function update(draft: Draft, before: Holding, count: number, deadlineMs: number): void {
  const { key, owner, token, waiters } = before
  const { index, timeMs } = draft
  putHolding(draft, before, { key, owner, token, count, deadlineMs, waiters })
  draft.events.push({ type: 'updated', key, owner, index, timeMs, token, count, deadlineMs })
}

function statusReply(
  locks: LockState['locks'],
  command: Status,
  timeMs: number,
  limits: Limits,
): LockReply {
  const reason = requestProblem(command, limits)
  if (reason !== null) return { type: 'rejected', reason }
  const holding = mapGet(locks, command.key)
  if (holding === undefined) {
    return {
      type: 'status',
      locked: false,
      owner: null,
      token: 0,
      count: 0,
      remainingMs: 0,
      waiters: 0,
    }
  }
  const { owner, token, count, deadlineMs } = holding
  const remainingMs = Math.max(0, deadlineMs - timeMs)
  const waiters = mapSize(holding.waiters)
  return { type: 'status', locked: true, owner, token, count, remainingMs, waiters }
}

/** Waiters first, by deadline, then leases: so no freed key meets a queue of waits run out. */
function expire(draft: Draft, command: Expire): LockReply {
  const { index, timeMs } = draft
  let waiters = 0
  for (; waiters < command.max; waiters++) {
    const first = mapFirst(draft.waitDeadlines)
    if (first === null || first[1].atMs > timeMs) break
    const holding = holdingOf(draft, first[1].key)
    const waiter = mapGet(holding.waiters, first[1].enteredIndex)
    invariant(waiter !== undefined, 'lock: a wait deadline without a waiter')
    timeOutWaiter(draft, holding, waiter)
  }
  let locks = 0
  for (; waiters + locks < command.max; locks++) {
    const first = mapFirst(draft.leaseDeadlines)
    if (first === null || first[1].atMs > timeMs) break
    const holding = holdingOf(draft, first[1].key)
    const { key, owner, token, deadlineMs } = holding
    draft.events.push({ type: 'expired', key, owner, index, timeMs, token, deadlineMs })
    endHolding(draft, holding)
  }
  return { type: 'swept', locks, waiters }
}

function holdingOf(draft: Draft, key: string): Holding {
  const holding = mapGet(draft.locks, key)
  invariant(holding !== undefined, 'lock: a deadline of a key that nobody holds')
  return holding
}
