// The bounds of the lock machine and the check of requests against them. Every node of a group must
// have the same limits: they decide what `apply` does.

import { isWellFormed, utf8Bytes } from '../bytes.ts'
import type { LockRequest, Problem, Reason, Refusal, Status } from './command.ts'

/** The bounds; bytes are those of UTF-8. */
export interface Limits {
  readonly keyBytesMax: number
  readonly ownerBytesMax: number
  readonly requestIdBytesMax: number
  readonly ttlMsMin: number
  readonly ttlMsMax: number
  readonly waitMsMax: number
  readonly waitersPerKeyMax: number
  /** Locks that one owner may hold and wait for, together. */
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
}

/** The limits of a machine made without any. */
export const LIMITS: Limits = {
  keyBytesMax: 1_024,
  ownerBytesMax: 256,
  requestIdBytesMax: 96,
  ttlMsMin: 100,
  ttlMsMax: 86_400_000,
  waitMsMax: 86_400_000,
  waitersPerKeyMax: 10_000,
  locksPerOwnerMax: 10_000,
  keysMax: 10_000_000,
  countMax: 1_000_000,
  memoLifeMs: 600_000,
  memosMax: 1_000_000,
  memosPerOwnerMax: 10_000,
  memosDroppedMax: 8,
  expireMax: 1_000,
}

const REFUSALS: readonly Reason[] = [
  'tooManyWaiters',
  'tooManyLocks',
  'tooManyKeys',
  'countTooHigh',
]

/** True when a limit was reached: then the reply is remembered. */
export function isRefusal(reason: Reason): reason is Refusal {
  return REFUSALS.includes(reason)
}

/**
 * What is wrong with a request by itself, or null. `apply` asks this too; a front end asks first,
 * since text without a UTF-8 form would not survive `encodeCommand`.
 */
export function requestProblem(command: LockRequest | Status, limits: Limits): Problem | null {
  const { key } = command
  if (key.length === 0) return 'keyEmpty'
  if (tooLong(key, limits.keyBytesMax)) return 'keyTooLong'
  if (!isWellFormed(key)) return 'keyNotText'
  if (command.type === 'status') return null
  const { owner, requestId } = command
  if (owner.length === 0) return 'ownerEmpty'
  if (tooLong(owner, limits.ownerBytesMax)) return 'ownerTooLong'
  if (!isWellFormed(owner)) return 'ownerNotText'
  if (requestId.length === 0) return 'requestIdEmpty'
  if (tooLong(requestId, limits.requestIdBytesMax)) return 'requestIdTooLong'
  if (!isWellFormed(requestId)) return 'requestIdNotText'
  if (command.type !== 'acquire' && command.token !== null && !within(command.token, 0, Infinity)) {
    return 'tokenOutOfRange'
  }
  if (command.type === 'release') return null
  if (!within(command.ttlMs, limits.ttlMsMin, limits.ttlMsMax)) return 'ttlOutOfRange'
  if (command.type === 'renew' || within(command.waitMs, 0, limits.waitMsMax)) return null
  return 'waitOutOfRange'
}

function tooLong(text: string, bytesMax: number): boolean {
  if (text.length * 3 <= bytesMax) return false
  return text.length > bytesMax || utf8Bytes(text) > bytesMax
}

function within(value: number, least: number, most: number): boolean {
  return Number.isSafeInteger(value) && value >= least && value <= most
}
