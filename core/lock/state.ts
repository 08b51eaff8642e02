// The state of the lock machine: records, indexes and digest, and the few functions that put and
// drop a record in all three, so that they never disagree. It knows none of the rules of locking.

import type { Lanes } from '../hash.ts'
import { addLanes, subtractLanes } from '../hash.ts'
import { invariant } from '../invariant.ts'
import type { Answer } from '../machine.ts'
import type { OrderedMap } from '../ordered-map.ts'
import { emptyMap, mapDelete, mapFrom, mapGet, mapRank, mapSet } from '../ordered-map.ts'
import type { SessionContext } from '../session/apply.ts'
import type { SessionEnded } from '../session/command.ts'
import { endedLanes, holdingLanes, lockLanes, memoLanes, waiterLanes } from './digest.ts'
import type { LockEvent } from './event.ts'
import type { Limits } from './limits.ts'
import type {
  AnsweredMemo,
  Claim,
  DelayDeadline,
  Holding,
  Lock,
  Memo,
  WaitDeadline,
  Waiter,
} from './records.ts'
import {
  claimOrder,
  delayOrder,
  leaseOrder,
  memoOrder,
  waitDeadlineMs,
  waitOrder,
} from './records.ts'
import type { LockReply } from './reply.ts'

/** How a session ended. */
export type EndedBy = SessionEnded['by']

/** What one owner has outside of all sessions. One with nothing has no record. */
export interface OwnerUse {
  /** Locks held and waited for. */
  readonly locks: number
  readonly memos: number
}

const NO_USE: OwnerUse = { locks: 0, memos: 0 }

/** All of the lock machine. `locks`, answered `memos`, `ended` and `tokenBase` say it all. */
export interface LockState {
  /** Added to an entry's index to give a token. */
  readonly tokenBase: number
  /** By key. */
  readonly locks: OrderedMap<string, Lock>
  /** By `memoId`. */
  readonly memos: OrderedMap<string, Memo>
  /** The answered ones by index and ordinal, and so the oldest first. */
  readonly memoOrder: OrderedMap<string, AnsweredMemo>
  /** Holdings with a deadline, by `leaseOrder`. */
  readonly leaseDeadlines: OrderedMap<string, Holding>
  /** By `waitOrder`. */
  readonly waitDeadlines: OrderedMap<string, WaitDeadline>
  /** Delayed locks, by `delayOrder`. */
  readonly delayDeadlines: OrderedMap<string, DelayDeadline>
  /** Holdings and waits of sessions, by `claimOrder`. */
  readonly claims: OrderedMap<string, Claim>
  /** Sessions that have ended and still have claims. */
  readonly ended: OrderedMap<number, EndedBy>
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
  delayDeadlines: emptyMap(),
  claims: emptyMap(),
  ended: emptyMap(),
  owners: emptyMap(),
  digest: [0, 0, 0, 0],
}

/** The state in the making while one command is applied. Nobody sees it before it is closed. */
export interface Draft {
  readonly index: number
  readonly timeMs: number
  /** The session whose command it is. */
  readonly session: number | null
  readonly limits: Limits
  readonly events: (LockEvent | Answer<LockReply>)[]
  answersCount: number
  readonly tokenBase: number
  locks: OrderedMap<string, Lock>
  memos: OrderedMap<string, Memo>
  memoOrder: OrderedMap<string, AnsweredMemo>
  leaseDeadlines: OrderedMap<string, Holding>
  waitDeadlines: OrderedMap<string, WaitDeadline>
  delayDeadlines: OrderedMap<string, DelayDeadline>
  claims: OrderedMap<string, Claim>
  ended: OrderedMap<number, EndedBy>
  owners: OrderedMap<string, OwnerUse>
  /** The owner counted last and what it has, not yet in `owners`. */
  countedOwner: string | null
  countedUse: OwnerUse
  digest: Lanes
}

/** A draft that begins as `state`, which stays as it is. */
export function openDraft(state: LockState, context: SessionContext, limits: Limits): Draft {
  return {
    index: context.index,
    timeMs: context.timeMs,
    session: context.session,
    limits,
    events: [],
    answersCount: 0,
    tokenBase: state.tokenBase,
    locks: state.locks,
    memos: state.memos,
    memoOrder: state.memoOrder,
    leaseDeadlines: state.leaseDeadlines,
    waitDeadlines: state.waitDeadlines,
    delayDeadlines: state.delayDeadlines,
    claims: state.claims,
    ended: state.ended,
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
    delayDeadlines: draft.delayDeadlines,
    claims: draft.claims,
    ended: draft.ended,
    owners: draft.owners,
    digest: draft.digest,
  }
}

/**
 * Replaces what is known of a key; null before: nothing was, null after: it is free. Its holdings
 * and waiters have functions of their own.
 */
export function putLock(draft: Draft, before: Lock | null, after: Lock | null): void {
  if (after !== null) draft.locks = mapSet(draft.locks, after.key, after)
  else if (before !== null) draft.locks = mapDelete(draft.locks, before.key)
  if (before !== null && after !== null && saysTheSame(before, after)) return
  if (before !== null) {
    draft.digest = subtractLanes(draft.digest, lockLanes(before))
    if (before.type === 'delayed') {
      draft.delayDeadlines = mapDelete(draft.delayDeadlines, delayOrder(before))
    }
  }
  if (after === null) return
  draft.digest = addLanes(draft.digest, lockLanes(after))
  if (after.type !== 'delayed') return
  const deadline = { atMs: after.untilMs, key: after.key }
  draft.delayDeadlines = mapSet(draft.delayDeadlines, delayOrder(after), deadline)
}

/** Whether two records of a key differ in their holdings and waiters alone. */
function saysTheSame(a: Lock, b: Lock): boolean {
  switch (a.type) {
    case 'exclusive':
      return b.type === 'exclusive'
    case 'shared':
      return b.type === 'shared' && a.delayUntilMs === b.delayUntilMs && a.closed === b.closed
    case 'delayed':
      return b.type === 'delayed' && a.untilMs === b.untilMs
  }
}

/** Replaces a holding, which its lock has to hold; null before: it begins, null after: it ends. */
export function putHolding(draft: Draft, before: Holding | null, after: Holding | null): void {
  if (before !== null) draft.digest = subtractLanes(draft.digest, holdingLanes(before))
  if (after !== null) draft.digest = addLanes(draft.digest, holdingLanes(after))
  const orderBefore = leaseOrderOf(before)
  const orderAfter = leaseOrderOf(after)
  if (orderBefore !== null && orderBefore !== orderAfter) {
    draft.leaseDeadlines = mapDelete(draft.leaseDeadlines, orderBefore)
  }
  if (orderAfter !== null && after !== null) {
    draft.leaseDeadlines = mapSet(draft.leaseDeadlines, orderAfter, after)
  }
  if (before !== null && after !== null) return
  if (before !== null) dropClaim(draft, before)
  if (after !== null) addClaim(draft, after)
}

function leaseOrderOf(holding: Holding | null): string | null {
  if (holding === null || holding.deadlineMs === null) return null
  return leaseOrder(holding, holding.deadlineMs)
}

/** Puts a waiter into the indexes, the digest and its owner's count; its lock has to hold it. */
export function addWaiter(draft: Draft, waiter: Waiter): void {
  const { command, session, enteredIndex } = waiter
  const deadline = { atMs: waitDeadlineMs(waiter), key: command.key, enteredIndex }
  draft.waitDeadlines = mapSet(draft.waitDeadlines, waitOrder(waiter), deadline)
  draft.digest = addLanes(draft.digest, waiterLanes(waiter))
  addClaim(draft, { key: command.key, owner: command.owner, session, enteredIndex })
}

/** Undoes `addWaiter`. */
export function dropWaiter(draft: Draft, waiter: Waiter): void {
  const { command, session, enteredIndex } = waiter
  draft.waitDeadlines = mapDelete(draft.waitDeadlines, waitOrder(waiter))
  draft.digest = subtractLanes(draft.digest, waiterLanes(waiter))
  dropClaim(draft, { key: command.key, owner: command.owner, session, enteredIndex })
}

/** What there is of a holding or a wait for whoever has it. */
type Claimed = Pick<Holding, 'key' | 'owner' | 'session' | 'enteredIndex'>

function addClaim(draft: Draft, { key, owner, session, enteredIndex }: Claimed): void {
  if (session === null) return addUse(draft, owner, 1, 0)
  const claim = { key, owner, session, enteredIndex }
  draft.claims = mapSet(draft.claims, claimOrder(session, enteredIndex), claim)
}

function dropClaim(draft: Draft, { owner, session, enteredIndex }: Claimed): void {
  if (session === null) return addUse(draft, owner, -1, 0)
  draft.claims = mapDelete(draft.claims, claimOrder(session, enteredIndex))
  const isEnded = mapGet(draft.ended, session) !== undefined
  if (isEnded && locksOf(draft, session, owner) === 0) putEnded(draft, session, null)
}

/** Marks a session as ended; null: it has no claims left, and is forgotten. */
export function putEnded(draft: Draft, session: number, after: EndedBy | null): void {
  const before = mapGet(draft.ended, session)
  if (before !== undefined) {
    draft.digest = subtractLanes(draft.digest, endedLanes(session, before))
  }
  if (after === null) {
    draft.ended = mapDelete(draft.ended, session)
    return
  }
  draft.ended = mapSet(draft.ended, session, after)
  draft.digest = addLanes(draft.digest, endedLanes(session, after))
}

/** How many locks are held and waited for by an owner, or by all owners of its session together. */
export function locksOf(draft: Draft, session: number | null, owner: string): number {
  if (session === null) return useOf(draft, owner).locks
  const { claims } = draft
  return mapRank(claims, claimOrder(session + 1, 0)) - mapRank(claims, claimOrder(session, 0))
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

/** What an owner has outside of all sessions. */
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
