// What requests were answered, so that one that comes again has no second effect, and none at all
// once it was refused. A reply is remembered for a while of log time; the share of each owner and
// the whole are bounded, and `overloaded` is the one answer of the state that cannot be kept.
//
// So the promise of one fate ends with a memo's life: no attempt may be appended later than that
// after the answer to another. A client gives up in time, less what its messages may be under way.
//
// Calls of sessions, bound or not, are remembered by the session, and not here.

import { invariant, unreachable } from '../invariant.ts'
import { mapGet, mapSize } from '../ordered-map.ts'
import { queueFirst } from '../queue.ts'
import type { Cancel, LockRequest } from './command.ts'
import type { AnsweredMemo, Memo, Waiter } from './records.ts'
import { holdingOf, memoId, presentToken } from './records.ts'
import type { FinalReply, LockReply } from './reply.ts'
import type { Draft } from './state.ts'
import { dropOldestMemo, memoOf, putMemo, useOf } from './state.ts'

/** Drops the oldest memos whose time is over, a bounded number of them. */
export function dropOldMemos(draft: Draft): void {
  const { memosDroppedMax, memoLifeMs } = draft.limits
  for (let count = 0; count < memosDroppedMax; count++) {
    const oldest = queueFirst(draft.answered)
    if (oldest === null || oldest.atMs + memoLifeMs > draft.timeMs) return
    dropOldestMemo(draft, oldest)
  }
}

/** True when a new request of this owner could not be remembered. */
export function memosFull(draft: Draft, owner: string): boolean {
  const { memosMax, memosPerOwnerMax } = draft.limits
  return draft.memosCount >= memosMax || mapSize(useOf(draft, owner).memos) >= memosPerOwnerMax
}

/** Remembers the answer of a request; `before` is its waiting memo, when it has waited. */
export function remember(
  draft: Draft,
  id: string,
  before: Memo | null,
  command: LockRequest | Cancel,
  reply: FinalReply,
): void {
  const ordinal = draft.answersCount
  draft.answersCount = ordinal + 1
  const { index, timeMs } = draft
  putMemo(draft, before, { type: 'answered', id, command, reply, index, atMs: timeMs, ordinal })
}

/** Answers a request that has waited: remembers the reply and tells its latest attempt. */
export function answerLate(draft: Draft, waiter: Waiter, reply: FinalReply): void {
  const { command, hasMemo, latestIndex } = waiter
  if (hasMemo) {
    const id = memoId(command)
    const memo = memoOf(draft, command.owner, id)
    invariant(memo !== undefined && memo.type === 'waiting', 'lock: a waiter has no waiting memo')
    remember(draft, id, memo, command, reply)
  }
  draft.events.push({ type: 'answer', index: latestIndex, reply })
}

/** The reply to a request that was answered before. */
export function repeatedReply(draft: Draft, { command, reply }: AnsweredMemo): LockReply {
  if (reply.type !== 'granted') return reply
  const lock = mapGet(draft.locks, command.key)
  const holding = holdingOf(lock, null, command.owner)
  if (holding !== null && holding.token === reply.token) return reply
  return { type: 'expired', token: presentToken(lock) }
}

/** Whether a request of the same key, owner and id asks for the same thing. */
export function isSameRequest(before: LockRequest | Cancel, now: LockRequest): boolean {
  switch (before.type) {
    case 'acquire':
      return (
        now.type === 'acquire' &&
        before.mode === now.mode &&
        before.ttlMs === now.ttlMs &&
        before.waitMs === now.waitMs &&
        before.reentrant === now.reentrant &&
        before.lockDelayMs === now.lockDelayMs &&
        before.metadata === now.metadata
      )
    case 'cancel':
      // It knows of the acquire no more than its id.
      return now.type === 'acquire'
    case 'release':
      return now.type === 'release' && before.token === now.token && before.all === now.all
    case 'renew':
      return now.type === 'renew' && before.token === now.token && before.ttlMs === now.ttlMs
    case 'forceRelease':
      return now.type === 'forceRelease' && before.token === now.token && before.now === now.now
    default:
      return unreachable(before)
  }
}
