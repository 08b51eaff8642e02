// The state of the lock machine: records and indexes, and the few functions that put and drop a
// record in both, so that they never disagree. It knows none of the rules of locking.

import { invariant } from '../invariant.ts'
import type { Answer } from '../machine.ts'
import type { OrderedMap } from '../ordered-map.ts'
import { emptyMap, mapDelete, mapGet, mapOf, mapRank, mapSet, mapSize } from '../ordered-map.ts'
import type { Queue } from '../queue.ts'
import { emptyQueue, queueAdd, queueDrop } from '../queue.ts'
import type { SessionContext } from '../session/apply.ts'
import type { SessionEnded } from '../session/command.ts'
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
  waitDeadlineMs,
  waitOrder,
} from './records.ts'
import type { LockReply } from './reply.ts'

/** How a session ended. */
export type EndedBy = SessionEnded['by']

/** What one owner has outside of all sessions. One with nothing has no record. */
export interface OwnerUse {
  /** How many locks it holds and waits for. */
  readonly locks: number
  /** How many of those that it waits for are of calls, and so have no memo. */
  readonly guardedWaits: number
  /** Its requests that are remembered, by `memoId`. */
  readonly memos: OrderedMap<string, Memo>
}

const NO_USE: OwnerUse = { locks: 0, guardedWaits: 0, memos: emptyMap() }

/** All of the lock machine. `locks`, `answered`, `ended` and `tokenBase` say it all. */
export interface LockState {
  /** Added to an entry's index to give a token. */
  readonly tokenBase: number
  /** By key. */
  readonly locks: OrderedMap<string, Lock>
  /** Memos of requests that are answered, the oldest first. */
  readonly answered: Queue<AnsweredMemo>
  /** How many requests are remembered, those that wait among them. */
  readonly memosCount: number
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
}

/** The state before the first command. */
export const INITIAL: LockState = {
  tokenBase: 0,
  locks: emptyMap(),
  answered: emptyQueue(),
  memosCount: 0,
  leaseDeadlines: emptyMap(),
  waitDeadlines: emptyMap(),
  delayDeadlines: emptyMap(),
  claims: emptyMap(),
  ended: emptyMap(),
  owners: emptyMap(),
}

/** The state in the making while one command is applied. Nobody sees it before it is closed. */
export interface Draft {
  readonly index: number
  readonly timeMs: number
  /** The session whose command it is. */
  readonly session: number | null
  /** A session sees to it that the command has its effect once. */
  readonly guarded: boolean
  readonly limits: Limits
  readonly events: (LockEvent | Answer<LockReply>)[]
  answersCount: number
  readonly tokenBase: number
  locks: OrderedMap<string, Lock>
  answered: Queue<AnsweredMemo>
  memosCount: number
  leaseDeadlines: OrderedMap<string, Holding>
  waitDeadlines: OrderedMap<string, WaitDeadline>
  delayDeadlines: OrderedMap<string, DelayDeadline>
  claims: OrderedMap<string, Claim>
  ended: OrderedMap<number, EndedBy>
  owners: OrderedMap<string, OwnerUse>
  /** The owner looked at last, what it has in `owners` if anything, and what it has by now. */
  lastOwner: string | null
  lastBefore: OwnerUse | undefined
  lastUse: OwnerUse
}

/** A draft that begins as `state`, which stays as it is. */
export function openDraft(
  state: LockState,
  context: Omit<SessionContext, 'version'>,
  limits: Limits,
): Draft {
  return {
    index: context.index,
    timeMs: context.timeMs,
    session: context.session,
    guarded: context.guarded,
    limits,
    events: [],
    answersCount: 0,
    tokenBase: state.tokenBase,
    locks: state.locks,
    answered: state.answered,
    memosCount: state.memosCount,
    leaseDeadlines: state.leaseDeadlines,
    waitDeadlines: state.waitDeadlines,
    delayDeadlines: state.delayDeadlines,
    claims: state.claims,
    ended: state.ended,
    owners: state.owners,
    lastOwner: null,
    lastBefore: undefined,
    lastUse: NO_USE,
  }
}

/** The finished state. */
export function closeDraft(draft: Draft): LockState {
  putLastOwner(draft)
  return {
    tokenBase: draft.tokenBase,
    locks: draft.locks,
    answered: draft.answered,
    memosCount: draft.memosCount,
    leaseDeadlines: draft.leaseDeadlines,
    waitDeadlines: draft.waitDeadlines,
    delayDeadlines: draft.delayDeadlines,
    claims: draft.claims,
    ended: draft.ended,
    owners: draft.owners,
  }
}

/**
 * Replaces what is known of a key; null before: nothing was, null after: it is free. Its holdings
 * and waiters have functions of their own.
 */
export function putLock(draft: Draft, before: Lock | null, after: Lock | null): void {
  if (after !== null) draft.locks = mapSet(draft.locks, after.key, after)
  else if (before !== null) draft.locks = mapDelete(draft.locks, before.key)
  if (before?.type === 'delayed') {
    if (after?.type === 'delayed' && before.untilMs === after.untilMs) return
    draft.delayDeadlines = mapDelete(draft.delayDeadlines, delayOrder(before))
  }
  if (after !== null) putDelay(draft, after)
}

function putDelay(draft: Draft, lock: Lock): void {
  if (lock.type !== 'delayed') return
  const deadline = { atMs: lock.untilMs, key: lock.key }
  draft.delayDeadlines = mapSet(draft.delayDeadlines, delayOrder(lock), deadline)
}

/** Puts all that is known of keys, in their order, into a draft that has none; see `putLock`. */
export function putAllLocks(draft: Draft, locks: readonly Lock[]): void {
  draft.locks = mapOf(locks.map(({ key }) => key), locks)
  for (const lock of locks) putDelay(draft, lock)
}

/** Replaces a holding, which its lock has to hold; null before: it begins, null after: it ends. */
export function putHolding(draft: Draft, before: Holding | null, after: Holding | null): void {
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

/**
 * Puts all holdings into a draft that has none, nor waiters. False: two of them have one place in
 * an index, and the draft is of no use.
 */
export function putAllHoldings(draft: Draft, holdings: readonly Holding[]): boolean {
  for (const holding of holdings) {
    if (holding.session === null) addLocks(draft, holding.owner, 1)
  }
  const leases = holdings.filter(isLease).sort(compareLeases)
  draft.leaseDeadlines = mapOf(leases.map((one) => leaseOrder(one, one.deadlineMs)), leases)
  const claims = holdings.filter(isClaim).sort(compareClaims).map(claimOf)
  const order = ({ session, enteredIndex }: Claim): string => claimOrder(session, enteredIndex)
  draft.claims = mapOf(claims.map(order), claims)
  return isRising(leases, compareLeases) && isRising(claims, compareClaims)
}

type Lease = Holding & { readonly deadlineMs: number }
type SessionHolding = Holding & { readonly session: number }

function isLease(holding: Holding): holding is Lease {
  return holding.deadlineMs !== null
}

function isClaim(holding: Holding): holding is SessionHolding {
  return holding.session !== null
}

function claimOf({ key, owner, session, enteredIndex }: SessionHolding): Claim {
  return { key, owner, session, enteredIndex }
}

/** As `leaseOrder` does. */
function compareLeases(a: Lease, b: Lease): number {
  return a.deadlineMs - b.deadlineMs || a.token - b.token || a.enteredIndex - b.enteredIndex
}

/** As `claimOrder` does. */
function compareClaims(a: Claim | SessionHolding, b: Claim | SessionHolding): number {
  return a.session - b.session || a.enteredIndex - b.enteredIndex
}

function isRising<Item>(items: readonly Item[], compare: (a: Item, b: Item) => number): boolean {
  return items.every((item, at) => at === 0 || compare(items[at - 1] as Item, item) < 0)
}

function leaseOrderOf(holding: Holding | null): string | null {
  if (holding === null || holding.deadlineMs === null) return null
  return leaseOrder(holding, holding.deadlineMs)
}

/** Puts a waiter into the indexes and its owner's count; its lock has to hold it. */
export function addWaiter(draft: Draft, waiter: Waiter): void {
  const { command, session, enteredIndex } = waiter
  const deadline = { atMs: waitDeadlineMs(waiter), key: command.key, enteredIndex }
  draft.waitDeadlines = mapSet(draft.waitDeadlines, waitOrder(waiter), deadline)
  addClaim(draft, { key: command.key, owner: command.owner, session, enteredIndex })
  if (isGuardedOutside(waiter)) addGuardedWaits(draft, command.owner, 1)
}

/** Undoes `addWaiter`. */
export function dropWaiter(draft: Draft, waiter: Waiter): void {
  const { command, session, enteredIndex } = waiter
  draft.waitDeadlines = mapDelete(draft.waitDeadlines, waitOrder(waiter))
  dropClaim(draft, { key: command.key, owner: command.owner, session, enteredIndex })
  if (isGuardedOutside(waiter)) addGuardedWaits(draft, command.owner, -1)
}

function isGuardedOutside({ session, hasMemo }: Waiter): boolean {
  return session === null && !hasMemo
}

/** What there is of a holding or a wait for whoever has it. */
type Claimed = Pick<Holding, 'key' | 'owner' | 'session' | 'enteredIndex'>

function addClaim(draft: Draft, { key, owner, session, enteredIndex }: Claimed): void {
  if (session === null) return addLocks(draft, owner, 1)
  const claim = { key, owner, session, enteredIndex }
  draft.claims = mapSet(draft.claims, claimOrder(session, enteredIndex), claim)
}

function dropClaim(draft: Draft, { owner, session, enteredIndex }: Claimed): void {
  if (session === null) return addLocks(draft, owner, -1)
  draft.claims = mapDelete(draft.claims, claimOrder(session, enteredIndex))
  const isEnded = mapGet(draft.ended, session) !== undefined
  if (isEnded && locksOf(draft, session, owner) === 0) putEnded(draft, session, null)
}

/** Marks a session as ended; null: it has no claims left, and is forgotten. */
export function putEnded(draft: Draft, session: number, after: EndedBy | null): void {
  if (after === null) draft.ended = mapDelete(draft.ended, session)
  else draft.ended = mapSet(draft.ended, session, after)
}

/** How many locks are held and waited for by an owner, or by all owners of its session together. */
export function locksOf(draft: Draft, session: number | null, owner: string): number {
  if (session === null) return useOf(draft, owner).locks
  const { claims } = draft
  return mapRank(claims, claimOrder(session + 1, 0)) - mapRank(claims, claimOrder(session, 0))
}

/** The memo of an owner's request, or undefined. */
export function memoOf(draft: Draft, owner: string, id: string): Memo | undefined {
  return mapGet(useOf(draft, owner).memos, id)
}

/** Puts the memo of a request, in place of its waiting one when there is one. */
export function putMemo(draft: Draft, before: Memo | null, after: Memo): void {
  invariant(before === null || before.type === 'waiting', 'lock: a request is answered twice')
  const { locks, guardedWaits, memos } = useOf(draft, after.command.owner)
  draft.lastUse = { locks, guardedWaits, memos: mapSet(memos, after.id, after) }
  if (before === null) draft.memosCount += 1
  if (after.type === 'waiting') return
  draft.answered = queueAdd(draft.answered, after)
}

/**
 * Puts all memos into a draft that has none, the answered ones in their order. False: two are of
 * one request, and the draft is of no use.
 */
export function putAllMemos(draft: Draft, memos: readonly Memo[]): boolean {
  for (const memo of memos) {
    if (memoOf(draft, memo.command.owner, memo.id) !== undefined) return false
    putMemo(draft, null, memo)
  }
  return true
}

/** Forgets the request that was answered first. */
export function dropOldestMemo(draft: Draft, memo: AnsweredMemo): void {
  draft.answered = queueDrop(draft.answered)
  draft.memosCount -= 1
  const { locks, guardedWaits, memos } = useOf(draft, memo.command.owner)
  draft.lastUse = { locks, guardedWaits, memos: mapDelete(memos, memo.id) }
}

/** What an owner has outside of all sessions. Kept aside: most commands are of one owner alone. */
export function useOf(draft: Draft, owner: string): OwnerUse {
  if (owner === draft.lastOwner) return draft.lastUse
  putLastOwner(draft)
  const use = mapGet(draft.owners, owner)
  draft.lastOwner = owner
  draft.lastBefore = use
  draft.lastUse = use ?? NO_USE
  return draft.lastUse
}

function addLocks(draft: Draft, owner: string, count: number): void {
  const { locks, guardedWaits, memos } = useOf(draft, owner)
  invariant(locks + count >= 0, 'lock: an owner has less than no locks')
  draft.lastUse = { locks: locks + count, guardedWaits, memos }
}

function addGuardedWaits(draft: Draft, owner: string, count: number): void {
  const { locks, guardedWaits, memos } = useOf(draft, owner)
  invariant(guardedWaits + count >= 0, 'lock: an owner has less than no guarded waits')
  draft.lastUse = { locks, guardedWaits: guardedWaits + count, memos }
}

function putLastOwner(draft: Draft): void {
  const { lastOwner: owner, lastBefore: before, lastUse: use } = draft
  if (owner === null || use === before) return
  if (use.locks > 0 || mapSize(use.memos) > 0) draft.owners = mapSet(draft.owners, owner, use)
  else if (before !== undefined) draft.owners = mapDelete(draft.owners, owner)
}
