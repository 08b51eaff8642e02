// Digests of the records, each over all of its fields: the state's digest is their sum, and so does
// not depend on their order. Whoever adds a field to a record adds it here and in the snapshot.
// Nothing here is asked for when a command is applied.

import type { Lanes } from '../hash.ts'
import { Hash128, addLanes } from '../hash.ts'
import { unreachable } from '../invariant.ts'
import { NO_LANES, mapSum, queueSum, remembered } from '../sum.ts'
import type { Acquire, Cancel, LockRequest } from './command.ts'
import type { AnsweredMemo, Holding, Lock, Waiter } from './records.ts'
import type { FinalReply } from './reply.ts'
import type { EndedBy, LockState } from './state.ts'

/** Of a holding. */
export function holdingLanes(holding: Holding): Lanes {
  const hash = new Hash128()
  hash.word(1)
  hash.text(holding.key)
  hash.text(holding.owner)
  hashIntegerOrNull(hash, holding.session)
  hash.integer(holding.enteredIndex)
  hash.integer(holding.token)
  hash.integer(holding.count)
  hashIntegerOrNull(hash, holding.ttlMs)
  hashIntegerOrNull(hash, holding.deadlineMs)
  hash.word(holding.revoked ? 1 : 0)
  hash.integer(holding.lockDelayMs)
  hash.text(holding.metadata)
  return hash.lanes()
}

/** Of a waiter; its waiting memo follows from it. */
export function waiterLanes(waiter: Waiter): Lanes {
  const hash = new Hash128()
  hash.word(2)
  hashRequest(hash, waiter.command)
  hashIntegerOrNull(hash, waiter.session)
  hash.word(waiter.hasMemo ? 1 : 0)
  hash.integer(waiter.enteredIndex)
  hash.integer(waiter.enteredMs)
  hash.integer(waiter.latestIndex)
  return hash.lanes()
}

/** Of an answered request. */
export function memoLanes(memo: AnsweredMemo): Lanes {
  const hash = new Hash128()
  hash.word(3)
  hashRequest(hash, memo.command)
  hashReply(hash, memo.reply)
  hash.integer(memo.index)
  hash.integer(memo.atMs)
  hash.integer(memo.ordinal)
  return hash.lanes()
}

/**
 * Of a lock, without its holdings and waiters: each of them has its own. So an exclusive one, which
 * says nothing else, has none, and the usual lock costs one digest.
 */
export function lockLanes(lock: Lock): Lanes {
  if (lock.type === 'exclusive') return NO_LANES
  const hash = new Hash128()
  hash.word(lock.type === 'shared' ? (lock.closed ? 9 : 4) : 5)
  hash.text(lock.key)
  hash.integer(lock.type === 'shared' ? lock.delayUntilMs : lock.untilMs)
  return hash.lanes()
}

/** Of a session that has ended and still has claims. */
export function endedLanes(session: number, by: EndedBy): Lanes {
  const hash = new Hash128()
  hash.word(by === 'close' ? 6 : 7)
  hash.integer(session)
  return hash.lanes()
}

/** Of all records of a state. */
export function stateLanes({ locks, answered, ended }: LockState): Lanes {
  return addLanes(addLanes(locksSum(locks), memosSum(answered)), endedSum(ended))
}

const holdingSum = remembered(holdingLanes)
const holdersSum = mapSum(holdingSum)
const waitersSum = mapSum(remembered(waiterLanes))
const locksSum = mapSum(remembered(allOfLock))
const memosSum = queueSum(remembered(memoLanes))
const endedSum = mapSum((by: EndedBy, session: number) => endedLanes(session, by))

/** Of a lock with its holdings and waiters. */
function allOfLock(lock: Lock): Lanes {
  const own = addLanes(lockLanes(lock), waitersSum(lock.waiters))
  if (lock.type === 'delayed') return own
  return addLanes(own, lock.type === 'shared' ? holdersSum(lock.holders) : holdingSum(lock.holder))
}

function hashRequest(hash: Hash128, request: LockRequest | Cancel): void {
  hash.text(request.key)
  hash.text(request.owner)
  hash.word(request.requestId === null ? 0 : 1)
  if (request.requestId !== null) hash.text(request.requestId)
  switch (request.type) {
    case 'acquire':
      return hashTerms(hash, request)
    case 'release':
      hash.word(request.all ? 4 : 3)
      return hashIntegerOrNull(hash, request.token)
    case 'renew':
      hash.word(5)
      hashIntegerOrNull(hash, request.ttlMs)
      return hashIntegerOrNull(hash, request.token)
    case 'forceRelease':
      hash.word(request.now ? 7 : 6)
      return hashIntegerOrNull(hash, request.token)
    case 'cancel':
      return hash.word(8)
    default:
      return unreachable(request)
  }
}

function hashTerms(hash: Hash128, acquire: Acquire): void {
  hash.word(acquire.reentrant ? 2 : 1)
  hash.word(acquire.mode === 'shared' ? 1 : 0)
  hashIntegerOrNull(hash, acquire.ttlMs)
  hash.integer(acquire.waitMs)
  hash.integer(acquire.lockDelayMs)
  hash.text(acquire.metadata)
}

function hashIntegerOrNull(hash: Hash128, value: number | null): void {
  hash.word(value === null ? 0 : 1)
  if (value !== null) hash.integer(value)
}

function hashReply(hash: Hash128, reply: FinalReply): void {
  switch (reply.type) {
    case 'granted':
      hash.word(1)
      hash.integer(reply.token)
      hash.integer(reply.count)
      hashIntegerOrNull(hash, reply.ttlMs)
      return hash.integer(reply.grantedAfterMs)
    case 'held':
      hash.word(2)
      hash.word(reply.owner === null ? 0 : 1)
      if (reply.owner !== null) hash.text(reply.owner)
      hash.integer(reply.token)
      return hashIntegerOrNull(hash, reply.remainingMs)
    case 'timeout':
      return hash.word(3)
    case 'released':
      hash.word(4)
      return hash.integer(reply.count)
    case 'notHolder':
      hash.word(5)
      return hash.integer(reply.token)
    case 'renewed':
      hash.word(6)
      hash.integer(reply.token)
      return hashIntegerOrNull(hash, reply.ttlMs)
    case 'expired':
      hash.word(7)
      return hash.integer(reply.token)
    case 'rejected':
      hash.word(8)
      return hash.text(reply.reason)
    case 'cancelled':
      return hash.word(9)
    case 'forced':
      hash.word(10)
      hash.integer(reply.holders)
      return hash.integer(reply.remainingMs)
    default:
      return unreachable(reply)
  }
}
