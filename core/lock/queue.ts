// The queue of a held key: who waits, who is next, who has waited too long. First come, first
// served. A key nobody holds has no queue.

import { invariant } from '../invariant.ts'
import type { OrderedMap } from '../ordered-map.ts'
import { mapDelete, mapFirst, mapGet, mapRank, mapSet } from '../ordered-map.ts'
import type { Acquire } from './command.ts'
import { answerLate } from './memo.ts'
import type { Holding, Waiter, WaitingMemo } from './records.ts'
import { waitDeadlineMs } from './records.ts'
import type { Draft } from './state.ts'
import { addWaiter, dropWaiter, putHolding, putMemo } from './state.ts'

/** Puts a request at the end of the queue. */
export function enqueue(draft: Draft, id: string, holding: Holding, command: Acquire): void {
  const { index, timeMs } = draft
  const waiter = { command, enteredIndex: index, enteredMs: timeMs, latestIndex: index }
  putWaiters(draft, holding, mapSet(holding.waiters, index, waiter))
  addWaiter(draft, waiter)
  putMemo(draft, null, { type: 'waiting', id, command, enteredIndex: index })
  const { key, owner, requestId } = command
  const deadlineMs = waitDeadlineMs(waiter)
  draft.events.push({ type: 'queued', key, owner, index, timeMs, requestId, deadlineMs })
}

/** A request that waits came again: it keeps its place, and the newer attempt gets its answer. */
export function attach(draft: Draft, memo: WaitingMemo): void {
  const holding = mapGet(draft.locks, memo.command.key)
  invariant(holding !== undefined, 'lock: a request waits for a key that nobody holds')
  const waiter = mapGet(holding.waiters, memo.enteredIndex)
  invariant(waiter !== undefined, 'lock: a waiting memo has no waiter')
  const { command, enteredIndex, enteredMs, latestIndex } = waiter
  const after = { command, enteredIndex, enteredMs, latestIndex: draft.index }
  dropWaiter(draft, waiter)
  putWaiters(draft, holding, mapSet(holding.waiters, enteredIndex, after))
  addWaiter(draft, after)
  const position = mapRank(holding.waiters, enteredIndex) + 1
  draft.events.push({ type: 'answer', index: latestIndex, reply: { type: 'queued', position } })
}

/**
 * Ends a holding and gives the key to the first of its queue whose wait has not run out; those
 * before it are told so. When none is left the key is free.
 */
export function endHolding(draft: Draft, holding: Holding): void {
  const { index, timeMs } = draft
  let waiters = holding.waiters
  for (let first = mapFirst(waiters); first !== null; first = mapFirst(waiters)) {
    const waiter = first[1]
    waiters = mapDelete(waiters, first[0])
    dropWaiter(draft, waiter)
    if (waitDeadlineMs(waiter) <= timeMs) {
      timeOut(draft, waiter)
      continue
    }
    const { command, enteredIndex, enteredMs } = waiter
    const grantedAfterMs = timeMs - enteredMs
    begin(draft, holding, command, enteredIndex, waiters)
    const token = draft.tokenBase + index
    const { ttlMs } = command
    const reply = { type: 'granted', token, count: 1, ttlMs, grantedAfterMs } as const
    return answerLate(draft, command, waiter.latestIndex, reply)
  }
  putHolding(draft, holding, null)
}

/** Begins a holding at this entry, in place of another when there is one, and tells watchers. */
export function begin(
  draft: Draft,
  before: Holding | null,
  command: Acquire,
  enteredIndex: number,
  waiters: OrderedMap<number, Waiter>,
): void {
  const { index, timeMs } = draft
  const { key, owner, requestId } = command
  const token = draft.tokenBase + index
  const deadlineMs = timeMs + command.ttlMs
  putHolding(draft, before, { key, owner, token, count: 1, deadlineMs, waiters })
  draft.events.push({
    type: 'granted',
    key,
    owner,
    index,
    timeMs,
    token,
    requestId,
    enteredIndex,
    deadlineMs,
  })
}

/** Takes a waiter whose wait has run out from the queue. */
export function timeOutWaiter(draft: Draft, holding: Holding, waiter: Waiter): void {
  putWaiters(draft, holding, mapDelete(holding.waiters, waiter.enteredIndex))
  dropWaiter(draft, waiter)
  timeOut(draft, waiter)
}

function timeOut(draft: Draft, waiter: Waiter): void {
  const { index, timeMs } = draft
  const { command, enteredIndex, latestIndex } = waiter
  const { key, owner, requestId } = command
  const deadlineMs = waitDeadlineMs(waiter)
  draft.events.push({
    type: 'waitTimedOut',
    key,
    owner,
    index,
    timeMs,
    requestId,
    enteredIndex,
    deadlineMs,
  })
  answerLate(draft, command, latestIndex, { type: 'timeout' })
}

function putWaiters(draft: Draft, before: Holding, waiters: OrderedMap<number, Waiter>): void {
  const { key, owner, token, count, deadlineMs } = before
  putHolding(draft, before, { key, owner, token, count, deadlineMs, waiters })
}
