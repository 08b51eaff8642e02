// What requests were answered, so that one that comes again has no second effect, and none at all
// once it was refused. A reply is remembered for a while of log time; the share of each owner and
// the whole are bounded, and `overloaded` is the one answer of the state that cannot be kept.
//
// So the promise of one fate ends with a memo's life: no attempt may be appended later than that
// after the answer to another. A client gives up in time, less what its messages may be under way.

import { invariant } from '../invariant.ts'
import { mapFirst, mapGet, mapSize } from '../ordered-map.ts'
import type { FinalReply, LockReply, LockRequest } from './command.ts'
import type { Limits } from './limits.ts'
import type { AnsweredMemo, Memo } from './records.ts'
import { memoId } from './records.ts'
import type { Draft } from './state.ts'
import { dropMemo, putMemo, useOf } from './state.ts'

/** Drops the oldest memos whose time is over, a bounded number of them. */
export function dropOldMemos(draft: Draft, limits: Limits): void {
  for (let count = 0; count < limits.memosDroppedMax; count++) {
    const oldest = mapFirst(draft.memoOrder)
    if (oldest === null || oldest[1].atMs + limits.memoLifeMs > draft.timeMs) return
    dropMemo(draft, oldest[1])
  }
}

/** True when a new request of this owner could not be remembered. */
export function memosFull(draft: Draft, owner: string, limits: Limits): boolean {
  if (mapSize(draft.memos) >= limits.memosMax) return true
  return useOf(draft, owner).memos >= limits.memosPerOwnerMax
}

/** Remembers the answer of a request; `before` is its waiting memo, when it has waited. */
export function remember(
  draft: Draft,
  id: string,
  before: Memo | null,
  command: LockRequest,
  reply: FinalReply,
): void {
  const ordinal = draft.answersCount
  draft.answersCount = ordinal + 1
  const { index, timeMs } = draft
  putMemo(draft, before, { type: 'answered', id, command, reply, index, atMs: timeMs, ordinal })
}

/** Answers a request that has waited: remembers the reply and tells its latest attempt. */
export function answerLate(
  draft: Draft,
  command: LockRequest,
  latestIndex: number,
  reply: FinalReply,
): void {
  const id = memoId(command)
  const memo = mapGet(draft.memos, id)
  invariant(memo !== undefined && memo.type === 'waiting', 'lock: a waiter has no waiting memo')
  remember(draft, id, memo, command, reply)
  draft.events.push({ type: 'answer', index: latestIndex, reply })
}

/** The reply to a request that was answered before. */
export function repeatedReply(draft: Draft, memo: AnsweredMemo): LockReply {
  const { command, reply } = memo
  if (reply.type !== 'granted') return reply
  const holding = mapGet(draft.locks, command.key)
  if (holding === undefined) return { type: 'expired', token: 0 }
  if (holding.owner === command.owner && holding.token === reply.token) return reply
  return { type: 'expired', token: holding.token }
}

/** True when two requests of the same key, owner and id ask for the same thing. */
export function sameBody(a: LockRequest, b: LockRequest): boolean {
  if (a.type === 'acquire') {
    return (
      b.type === 'acquire' &&
      a.ttlMs === b.ttlMs &&
      a.waitMs === b.waitMs &&
      a.reentrant === b.reentrant
    )
  }
  if (a.type === 'release') return b.type === 'release' && a.token === b.token && a.all === b.all
  return b.type === 'renew' && a.token === b.token && a.ttlMs === b.ttlMs
}
