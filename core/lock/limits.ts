// The bounds of the lock machine and the check of requests against them. Every node of a group must
// have the same limits: they decide what `apply` does.

import { isWellFormed, utf8Bytes } from '../bytes.ts'
import { unreachable } from '../invariant.ts'
import type { Whence } from '../session/apply.ts'
import type { Cancel, LockQuery, LockRequest } from './command.ts'
import type { Problem, Reason, Refusal } from './reply.ts'

/** The bounds; bytes are those of UTF-8. */
export interface Limits {
  readonly keyBytesMax: number
  readonly ownerBytesMax: number
  readonly requestIdBytesMax: number
  readonly ttlMsMin: number
  readonly ttlMsMax: number
  readonly waitMsMax: number
  readonly lockDelayMsMax: number
  readonly metadataBytesMax: number
  readonly waitersPerKeyMax: number
  /**
   * Locks that one owner may hold and wait for, together; the owners of one session count as one.
   */
  readonly locksPerOwnerMax: number
  /** Keys that may be held in all. */
  readonly keysMax: number
  readonly countMax: number
  /** How long a reply is remembered at least, in log time: longer than any client keeps asking. */
  readonly memoLifeMs: number
  /** Replies that are remembered, and requests that wait, in all. */
  readonly memosMax: number
  /** The share of one owner in them. */
  readonly memosPerOwnerMax: number
  /** Old memos that one command drops at most. */
  readonly memosDroppedMax: number
  /** The `max` of the `expire` that `due` asks for. */
  readonly expireMax: number
  /** What a page of a list has at most. */
  readonly pageMax: number
}

/** The limits of a machine made without any. */
export const LIMITS: Limits = {
  keyBytesMax: 1_024,
  ownerBytesMax: 256,
  requestIdBytesMax: 96,
  ttlMsMin: 100,
  ttlMsMax: 86_400_000,
  waitMsMax: 86_400_000,
  lockDelayMsMax: 60_000,
  metadataBytesMax: 4_096,
  waitersPerKeyMax: 10_000,
  locksPerOwnerMax: 10_000,
  keysMax: 10_000_000,
  countMax: 1_000_000,
  memoLifeMs: 600_000,
  memosMax: 1_000_000,
  memosPerOwnerMax: 10_000,
  memosDroppedMax: 8,
  expireMax: 1_000,
  pageMax: 1_000,
}

const REFUSALS: readonly Reason[] = [
  'tooManyWaiters',
  'tooManyLocks',
  'tooManyKeys',
  'countTooHigh',
  'upgrade',
  'revoked',
  'noDeadline',
]

/** True when it depends on the state: then the reply is remembered. */
export function isRefusal(reason: Reason): reason is Refusal {
  return REFUSALS.includes(reason)
}

/**
 * What is wrong with a request by itself, or null. `apply` asks this too; a front end asks first,
 * since text without a UTF-8 form would not survive `encodeCommand`.
 */
export function requestProblem(
  command: LockRequest | Cancel,
  { session, guarded }: Whence,
  limits: Limits,
): Problem | null {
  const { key, owner, requestId } = command
  if (key.length === 0) return 'keyEmpty'
  if (tooLong(key, limits.keyBytesMax)) return 'keyTooLong'
  if (!isWellFormed(key)) return 'keyNotText'
  if (owner.length === 0) return 'ownerEmpty'
  if (tooLong(owner, limits.ownerBytesMax)) return 'ownerTooLong'
  if (!isWellFormed(owner)) return 'ownerNotText'
  if (requestId === null) {
    if (!guarded) return 'requestIdMissing'
  } else {
    if (requestId.length === 0) return 'requestIdEmpty'
    if (tooLong(requestId, limits.requestIdBytesMax)) return 'requestIdTooLong'
    if (!isWellFormed(requestId)) return 'requestIdNotText'
  }
  return termsProblem(command, session, limits)
}

/** What is wrong with all but the names. */
function termsProblem(
  command: LockRequest | Cancel,
  session: number | null,
  limits: Limits,
): Problem | null {
  switch (command.type) {
    case 'acquire': {
      const { ttlMs, waitMs, lockDelayMs, metadata } = command
      if (ttlMs === null && session === null) return 'ttlMissing'
      if (ttlMs !== null && !within(ttlMs, limits.ttlMsMin, limits.ttlMsMax)) {
        return 'ttlOutOfRange'
      }
      if (!within(waitMs, 0, limits.waitMsMax)) return 'waitOutOfRange'
      if (!within(lockDelayMs, 0, limits.lockDelayMsMax)) return 'lockDelayOutOfRange'
      if (tooLong(metadata, limits.metadataBytesMax)) return 'metadataTooLong'
      return isWellFormed(metadata) ? null : 'metadataNotText'
    }
    case 'renew': {
      const { token, ttlMs } = command
      if (token !== null && !within(token, 0, Infinity)) return 'tokenOutOfRange'
      const isWithin = ttlMs === null || within(ttlMs, limits.ttlMsMin, limits.ttlMsMax)
      return isWithin ? null : 'ttlOutOfRange'
    }
    case 'release':
    case 'forceRelease':
      return command.token === null || within(command.token, 0, Infinity) ? null : 'tokenOutOfRange'
    case 'cancel':
      return null
    default:
      return unreachable(command)
  }
}

/** What is wrong with a query, or null: a front end asks first, as with requests. */
export function queryProblem(query: LockQuery, limits: Limits): Problem | null {
  if ('max' in query && !within(query.max, 1, Infinity)) return 'maxOutOfRange'
  if (query.type === 'listLocks' || query.type === 'countLocks') {
    if (tooLong(query.prefix, limits.keyBytesMax)) return 'keyTooLong'
    return isWellFormed(query.prefix) ? null : 'keyNotText'
  }
  if (query.key.length === 0) return 'keyEmpty'
  if (tooLong(query.key, limits.keyBytesMax)) return 'keyTooLong'
  return isWellFormed(query.key) ? null : 'keyNotText'
}

function tooLong(text: string, bytesMax: number): boolean {
  if (text.length * 3 <= bytesMax) return false
  return text.length > bytesMax || utf8Bytes(text) > bytesMax
}

function within(value: number, least: number, most: number): boolean {
  return Number.isSafeInteger(value) && value >= least && value <= most
}
