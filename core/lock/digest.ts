// Digests of the records, each over all of its fields: the state's digest is their sum, and so does
// not depend on their order. Whoever adds a field to a record adds it here and in the snapshot.

import type { Lanes } from '../hash.ts'
import { Hash128 } from '../hash.ts'
import { unreachable } from '../invariant.ts'
import type { FinalReply, LockRequest } from './command.ts'
import type { AnsweredMemo, Holding, Waiter } from './records.ts'

/** Of a holding, without its waiters: each of them has its own. */
export function holdingLanes(holding: Holding): Lanes {
  const hash = new Hash128()
  hash.word(1)
  hash.text(holding.key)
  hash.text(holding.owner)
  hash.integer(holding.token)
  hash.integer(holding.count)
  hash.integer(holding.deadlineMs)
  return hash.lanes()
}

/** Of a waiter; its waiting memo follows from it. */
export function waiterLanes(waiter: Waiter): Lanes {
  const hash = new Hash128()
  hash.word(2)
  hashRequest(hash, waiter.command)
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

function hashRequest(hash: Hash128, request: LockRequest): void {
  hash.text(request.key)
  hash.text(request.owner)
  hash.text(request.requestId)
  switch (request.type) {
    case 'acquire':
      hash.word(request.reentrant ? 2 : 1)
      hash.integer(request.ttlMs)
      return hash.integer(request.waitMs)
    case 'release':
      hash.word(request.all ? 4 : 3)
      return hashToken(hash, request.token)
    case 'renew':
      hash.word(5)
      hash.integer(request.ttlMs)
      return hashToken(hash, request.token)
    default:
      return unreachable(request)
  }
}

function hashToken(hash: Hash128, token: number | null): void {
  hash.word(token === null ? 0 : 1)
  if (token !== null) hash.integer(token)
}

function hashReply(hash: Hash128, reply: FinalReply): void {
  switch (reply.type) {
    case 'granted':
      hash.word(1)
      hash.integer(reply.token)
      hash.integer(reply.count)
      hash.integer(reply.ttlMs)
      return hash.integer(reply.grantedAfterMs)
    case 'held':
      hash.word(2)
      hash.text(reply.owner)
      hash.integer(reply.token)
      return hash.integer(reply.remainingMs)
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
      return hash.integer(reply.ttlMs)
    case 'expired':
      hash.word(7)
      return hash.integer(reply.token)
    case 'rejected':
      hash.word(8)
      return hash.text(reply.reason)
    default:
      return unreachable(reply)
  }
}
