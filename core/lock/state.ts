// The state of the lock machine: records, indexes and digest, and the few functions that put and
// drop a record in all three, so that they never disagree. It knows none of the rules of locking.

import type { Lanes } from '../hash.ts'
import { addLanes, subtractLanes } from '../hash.ts'
import { invariant } from '../invariant.ts'
import type { Answer, ApplyContext } from '../machine.ts'
import type { OrderedMap } from '../ordered-map.ts'
import { emptyMap, mapDelete, mapFrom, mapGet, mapSet } from '../ordered-map.ts'
import type { LockEvent, LockReply } from './command.ts'
import { holdingLanes, memoLanes, waiterLanes } from './digest.ts'
import type { AnsweredMemo, Holding, LeaseDeadline, Memo, WaitDeadline, Waiter } from './records.ts'
import { leaseOrder, memoOrder, waitDeadlineMs, waitOrder } from './records.ts'

/** What one owner has. One with nothing has no record. */
export interface OwnerUse {
  /** Locks held and waited for. */
  readonly locks: number
  readonly memos: number
}

const NO_USE: OwnerUse = { locks: 0, memos: 0 }

/** All of the lock machine. `locks`, answered `memos` and `tokenBase` say it all. */
export interface LockState {
  /** Added to an entry's index to give a token. */
  readonly tokenBase: number
  /** By key. */
  readonly locks: OrderedMap<string, Holding>
  /** By `memoId`. */
  readonly memos: OrderedMap<string, Memo>
  /** The answered ones by index and ordinal, and so the oldest first. */
  readonly memoOrder: OrderedMap<string, AnsweredMemo>
  /** By deadline, token and key. */
  readonly leaseDeadlines: OrderedMap<string, LeaseDeadline>
  /** By deadline and first index. */
  readonly waitDeadlines: OrderedMap<string, WaitDeadline>
  /** By owner. */
  readonly owners: OrderedMap<string, OwnerUse>
  /** Sum over the records, whatever their order. */
  readonly digest: Lanes
}

/** The state before the first command. */
export const INITIAL: LockState = {
  tokenBase: 0,
  locks: emptyMap(),
  memos: emptyMap(),
  memoOrder: emptyMap(),
  leaseDeadlines: emptyMap(),
  waitDeadlines: emptyMap(),
  owners: emptyMap(),
  digest: [0, 0, 0, 0],
}

/** The state in the making while one command is applied. Nobody sees it before it is closed. */
export interface Draft {
  readonly index: number
  readonly timeMs: number
  readonly events: (LockEvent | Answer<LockReply>)[]
  answersCount: number
  readonly tokenBase: number
  locks: OrderedMap<string, Holding>
  memos: OrderedMap<string, Memo>
  memoOrder: OrderedMap<string, AnsweredMemo>
  leaseDeadlines: OrderedMap<string, LeaseDeadline>
  waitDeadlines: OrderedMap<string, WaitDeadline>
  owners: OrderedMap<string, OwnerUse>
  /** The owner counted last and what it has, not yet in `owners`. */
  countedOwner: string | null
  countedUse: OwnerUse
  digest: Lanes
}

/** A draft that begins as `state`, which stays as it is. */
export function openDraft(state: LockState, context: ApplyContext): Draft {
  return {
    index: context.index,
    timeMs: context.timeMs,
    events: [],
    answersCount: 0,
    tokenBase: state.tokenBase,
    locks: state.locks,
    memos: state.memos,
    memoOrder: state.memoOrder,
    leaseDeadlines: state.leaseDeadlines,
    waitDeadlines: state.waitDeadlines,
    owners: state.owners,
    countedOwner: null,
    countedUse: NO_USE,
    digest: state.digest,
  }
}

/** The finished state. */
export function closeDraft(draft: Draft): LockState {
  putCounted(draft)
  return {
    tokenBase: draft.tokenBase,
    locks: draft.locks,
    memos: draft.memos,
    memoOrder: draft.memoOrder,
    leaseDeadlines: draft.leaseDeadlines,
    waitDeadlines: draft.waitDeadlines,
    owners: draft.owners,
    digest: draft.digest,
  }
}

/** Replaces a holding; null before: it begins, null after: it ends. Its waiters are not counted. */
export function putHolding(draft: Draft, before: Holding | null, after: Holding | null): void {
  if (after !== null) draft.locks = mapSet(draft.locks, after.key, after)
  else if (before !== null) draft.locks = mapDelete(draft.locks, before.key)
  if (before !== null && after !== null && sameHolding(before, after)) return
  if (before !== null) {
    draft.leaseDeadlines = mapDelete(draft.leaseDeadlines, leaseOrder(before))
    draft.digest = subtractLanes(draft.digest, holdingLanes(before))
  }
  if (after !== null) {
    const deadline = { atMs: after.deadlineMs, key: after.key }
    draft.leaseDeadlines = mapSet(draft.leaseDeadlines, leaseOrder(after), deadline)
    draft.digest = addLanes(draft.digest, holdingLanes(after))
  }
  if (before !== null && after !== null && before.owner === after.owner) return
  if (before !== null) addUse(draft, before.owner, -1, 0)
  if (after !== null) addUse(draft, after.owner, 1, 0)
}

/** Puts a waiter into the index, the digest and its owner's count; the caller holds its record. */
export function addWaiter(draft: Draft, waiter: Waiter): void {
  const { command, enteredIndex } = waiter
  const deadline = { atMs: waitDeadlineMs(waiter), key: command.key, enteredIndex }
  draft.waitDeadlines = mapSet(draft.waitDeadlines, waitOrder(waiter), deadline)
  draft.digest = addLanes(draft.digest, waiterLanes(waiter))
  addUse(draft, command.owner, 1, 0)
}

/** Undoes `addWaiter`. */
export function dropWaiter(draft: Draft, waiter: Waiter): void {
  draft.waitDeadlines = mapDelete(draft.waitDeadlines, waitOrder(waiter))
  draft.digest = subtractLanes(draft.digest, waiterLanes(waiter))
  addUse(draft, waiter.command.owner, -1, 0)
}

/** Puts the memo of a request, in place of its waiting one when there is one. */
export function putMemo(draft: Draft, before: Memo | null, after: Memo): void {
  invariant(before === null || before.type === 'waiting', 'lock: a request is answered twice')
  draft.memos = mapSet(draft.memos, after.id, after)
  if (before === null) addUse(draft, after.command.owner, 0, 1)
  if (after.type === 'waiting') return
  draft.memoOrder = mapSet(draft.memoOrder, memoOrder(after), after)
  draft.digest = addLanes(draft.digest, memoLanes(after))
}

/**
 * Puts all memos into a draft that has none, the answered ones in their order. False: two are of
 * one request, and the draft is of no use.
 */
export function putAllMemos(draft: Draft, memos: readonly Memo[]): boolean {
  const byId = [...memos].sort((a, b) => (a.id < b.id ? -1 : 1))
  const ids = byId.map(({ id }) => id)
  if (ids.some((id, at) => id === ids[at + 1])) return false
  draft.memos = mapFrom(ids, byId)
  const answered = memos.filter((memo) => memo.type === 'answered')
  draft.memoOrder = mapFrom(answered.map(memoOrder), answered)
  for (const memo of answered) draft.digest = addLanes(draft.digest, memoLanes(memo))
  const counts = new Map<string, number>()
  for (const { command } of memos) counts.set(command.owner, (counts.get(command.owner) ?? 0) + 1)
  for (const [owner, count] of counts) addUse(draft, owner, 0, count)
  return true
}

/** Forgets an answered request. */
export function dropMemo(draft: Draft, memo: AnsweredMemo): void {
  draft.memos = mapDelete(draft.memos, memo.id)
  draft.memoOrder = mapDelete(draft.memoOrder, memoOrder(memo))
  draft.digest = subtractLanes(draft.digest, memoLanes(memo))
  addUse(draft, memo.command.owner, 0, -1)
}

/** What an owner has. */
export function useOf(draft: Draft, owner: string): OwnerUse {
  if (owner === draft.countedOwner) return draft.countedUse
  return mapGet(draft.owners, owner) ?? NO_USE
}

/** Counts for an owner. Kept aside until the next owner's turn: most commands are of one alone. */
function addUse(draft: Draft, owner: string, locks: number, memos: number): void {
  const use = useOf(draft, owner)
  if (owner !== draft.countedOwner) putCounted(draft)
  draft.countedOwner = owner
  draft.countedUse = { locks: use.locks + locks, memos: use.memos + memos }
}

function putCounted(draft: Draft): void {
  const { countedOwner: owner, countedUse: use } = draft
  if (owner === null) return
  invariant(use.locks >= 0 && use.memos >= 0, 'lock: an owner has less than nothing')
  const none = use.locks === 0 && use.memos === 0
  draft.owners = none ? mapDelete(draft.owners, owner) : mapSet(draft.owners, owner, use)
}

function sameHolding(a: Holding, b: Holding): boolean {
  return a.token === b.token && a.count === b.count && a.deadlineMs === b.deadlineMs
}
