// A backend's requests in the words of the lock machine, and its replies in those of a backend:
// what the service and the store in memory have in common.

import type { Acquire, Release, Renew } from '../core/lock/command.ts'
import type { LockReply, Reason } from '../core/lock/reply.ts'
import type {
  AcquireReply,
  AcquireRequest,
  LockStatus,
  ReleaseReply,
  ReleaseRequest,
  RenewReply,
  RenewRequest,
} from './backend.ts'
import type { LockErrorCode } from './errors.ts'
import { LockError } from './errors.ts'

/** An acquire, which waits `waitMs`. */
export function acquireCommand(
  request: AcquireRequest,
  waitMs: number,
  requestId: string,
): Acquire {
  const { key, owner, mode, ttlMs, metadata } = request
  return {
    type: 'acquire',
    key,
    owner,
    mode,
    ttlMs,
    waitMs,
    reentrant: true,
    lockDelayMs: 0,
    metadata: encodeMetadata(metadata),
    requestId,
  }
}

export function renewCommand(request: RenewRequest, requestId: string | null): Renew {
  const { key, owner, token, ttlMs } = request
  return { type: 'renew', key, owner, token, ttlMs, requestId }
}

export function releaseCommand(request: ReleaseRequest, requestId: string | null): Release {
  const { key, owner, token, all } = request
  return { type: 'release', key, owner, token, all, requestId }
}

/** What the machine's answer says of an acquire that was first sent at `firstSentMs`. */
export function acquireReply(key: string, reply: LockReply, firstSentMs: number): AcquireReply {
  switch (reply.type) {
    case 'granted': {
      const { token, count, ttlMs, grantedAfterMs } = reply
      // None but a lease of a session has no end of its own, and this one was asked for with one.
      if (ttlMs === null) throw senseless(key, reply)
      return { type: 'granted', token, count, ttlMs, grantedAfterMs, firstSentMs }
    }
    case 'held':
      return { type: 'busy', holder: reply.owner, remainingMs: reply.remainingMs }
    case 'timeout':
    case 'expired':
      return { type: reply.type }
    case 'cancelled':
      throw new LockError('ABORTED', `failed to acquire lock ${key}: cancelled`, { key })
    default:
      throw senseless(key, reply)
  }
}

export function renewReply(key: string, reply: LockReply): RenewReply {
  if (reply.type === 'renewed' || reply.type === 'expired') return { type: reply.type }
  throw senseless(key, reply)
}

export function releaseReply(key: string, reply: LockReply): ReleaseReply {
  if (reply.type === 'released') return { type: 'released', count: reply.count }
  if (reply.type === 'notHolder') return { type: 'notHolder' }
  throw senseless(key, reply)
}

export function statusReply(key: string, reply: LockReply): LockStatus {
  if (reply.type !== 'status') throw senseless(key, reply)
  const { locked, owner, mode, token, remainingMs, metadata, waiters } = reply
  return {
    locked,
    owner,
    mode,
    fencingToken: token,
    remainingMs: locked ? remainingMs : null,
    metadata: decodeMetadata(metadata),
    waiters,
  }
}

/** The holder's words as text: none is no text at all. */
function encodeMetadata(metadata: Readonly<Record<string, string>>): string {
  return Object.keys(metadata).length === 0 ? '' : JSON.stringify(metadata)
}

/** Total: of text that another client wrote in another form nothing is made. */
function decodeMetadata(text: string): Readonly<Record<string, string>> {
  if (text === '') return {}
  try {
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return {}
    return Object.fromEntries(Object.entries(parsed).map(([name, value]) => [name, String(value)]))
  } catch {
    return {}
  }
}

/** The error for an answer that is none to what was asked: a refusal, in nearly all cases. */
function senseless(key: string, reply: LockReply): LockError {
  if (reply.type === 'rejected') return rejectedError(key, reply.reason)
  return new LockError('UNKNOWN', `lock ${key}: the service answered "${reply.type}"`, { key })
}

const REJECTIONS: Readonly<Record<Reason, readonly [LockErrorCode, string]>> = {
  keyEmpty: ['INVALID', 'a key needs at least one character'],
  keyTooLong: ['INVALID', 'the key is longer than the service takes'],
  keyNotText: ['INVALID', 'the key has a lone surrogate, and so no UTF-8 form'],
  ownerEmpty: ['INVALID', 'an owner needs at least one character'],
  ownerTooLong: ['INVALID', 'the owner is longer than the service takes'],
  ownerNotText: ['INVALID', 'the owner has a lone surrogate, and so no UTF-8 form'],
  requestIdEmpty: ['INVALID', 'a request id needs at least one character'],
  requestIdTooLong: ['INVALID', 'the request id is longer than the service takes'],
  requestIdNotText: ['INVALID', 'the request id has a lone surrogate'],
  requestIdMissing: ['INVALID', 'a request id is needed'],
  requestIdReused: ['INVALID', 'the request id was used for another request'],
  ttlMissing: ['INVALID', 'a TTL is needed'],
  ttlOutOfRange: ['INVALID', 'the TTL is shorter or longer than the service takes'],
  waitOutOfRange: ['INVALID', 'the wait is longer than the service takes'],
  tokenOutOfRange: ['INVALID', 'the fencing token is none'],
  lockDelayOutOfRange: ['INVALID', 'the lock-delay is longer than the service takes'],
  metadataTooLong: ['INVALID', 'the metadata is longer than the service takes'],
  metadataNotText: ['INVALID', 'the metadata has a lone surrogate, and so no UTF-8 form'],
  maxOutOfRange: ['INVALID', 'the size of a page is none'],
  tooManyWaiters: ['LIMIT', 'as many wait for this key as may'],
  tooManyLocks: ['LIMIT', 'the owner has and waits for as many locks as it may'],
  tooManyKeys: ['LIMIT', 'as many keys are locked as may be in all'],
  countTooHigh: ['LIMIT', 'the owner has taken the lock as often as it may'],
  upgrade: ['INVALID', 'a shared lock cannot become exclusive: release it, and ask anew'],
  revoked: ['NOT_OWNER', 'an operator has taken the lock away from the end of its lease on'],
  noDeadline: ['INVALID', 'a holder keeps the lock as long as its session'],
  overloaded: ['OVERLOADED', 'the service remembers as many requests as it may: ask again later'],
}

function rejectedError(key: string, reason: Reason): LockError {
  const [code, why] = REJECTIONS[reason]
  return new LockError(code, `lock ${key}: ${why}`, { key })
}
