// What the lock service answered, in the words of the HTTP API: bodies of successes, and problems
// of failures with what the caller can do about them.

import type { Cancel, LockRequest } from '../../core/lock/command.ts'
import type { Granted, LockReply, Renewed, StatusReply } from '../../core/lock/reply.ts'
import { formatDuration } from '../../client/duration.ts'
import { answerFailure } from '../failure.ts'
import type { Answer } from '../lock-service.ts'
import { Problem } from './problem.ts'
import type { ProblemExtra } from './problem.ts'

/** A lock as its holder is told of it. */
export interface LockBody {
  readonly key: string
  readonly owner: string
  readonly ttl?: string
  /** By this node's wall clock, for display. */
  readonly expires_at: string | null
  /** The fencing token, under its older name. */
  readonly version: number
  readonly fencing_token: number
  readonly count?: number
  readonly mode?: 'exclusive' | 'shared'
  readonly metadata?: string
  /** The lease lasts at least so long. */
  readonly remaining_ms: number | null
}

/** When to ask again where nothing is known of it. */
const RETRY_MS = 1_000

/** The lock of a grant that came `tookMs` after its request. */
export function grantedLock(
  command: Extract<LockRequest, { type: 'acquire' }>,
  { token, count, ttlMs, grantedAfterMs }: Granted,
  tookMs: number,
): LockBody {
  const { key, owner, mode, metadata } = command
  const left = ttlMs === null ? null : Math.max(0, ttlMs + grantedAfterMs - tookMs)
  return { ...lockBody(key, owner, command.ttlMs, token, left), count, mode, metadata }
}

/** The lock of a renewal that came `tookMs` after its request. */
export function renewedLock(
  { key, owner }: LockRequest,
  { token, ttlMs }: Renewed,
  tookMs: number,
): LockBody {
  const left = ttlMs === null ? null : Math.max(0, ttlMs - tookMs)
  return lockBody(key, owner, ttlMs, token, left)
}

/** The lock of a holder as a query found it, `tookMs` ago at most. */
export function foundLock(key: string, status: StatusReply, tookMs: number): LockBody {
  const { owner, token, count, mode, metadata, ttlMs, remainingMs } = status
  const left = remainingMs === null ? null : Math.max(0, remainingMs - tookMs)
  const body = lockBody(key, owner ?? '', ttlMs, token, left)
  return { ...body, count, mode: mode ?? 'exclusive', metadata }
}

function lockBody(
  key: string,
  owner: string,
  ttlMs: number | null,
  token: number,
  remainingMs: number | null,
): LockBody {
  const ends = remainingMs === null ? null : new Date(Date.now() + remainingMs).toISOString()
  return {
    key,
    owner,
    ...(ttlMs === null ? {} : { ttl: formatDuration(ttlMs) }),
    expires_at: ends,
    version: token,
    fencing_token: token,
    remaining_ms: remainingMs,
  }
}

/** What a request was about, for the sentence of its failure. */
type Asked = LockRequest | Cancel

/** The problem of an answer that is no success. */
export function answerProblem(answer: Answer, asked: Asked): Problem {
  const code = answerFailure(answer) ?? 'internal'
  switch (answer.type) {
    case 'reply':
      return replyProblem(answer.reply, asked)
    case 'noQuorum':
      return noQuorum()
    case 'unknown': {
      const { requestId } = asked
      const detail = 'it may have happened, or may happen yet: ask again with the same request_id'
      return new Problem('unknown', detail, { request_id: requestId }, RETRY_MS)
    }
    case 'refused': {
      if (answer.reason !== 'overloaded') return new Problem(code, 'the request was not taken')
      const detail = 'too much waits to be committed: nothing has happened, ask again later'
      return new Problem(code, detail, {}, RETRY_MS)
    }
    case 'queued':
      return new Problem('internal', 'it waits')
  }
}

/** The problem of a request that no leader took. */
export function noQuorum(): Problem {
  const detail = 'no leader can be reached: it has not happened and will not, ask again later'
  return new Problem('no_quorum', detail, {}, RETRY_MS)
}

function replyProblem(reply: LockReply, { key, owner }: Asked): Problem {
  const name = JSON.stringify(key)
  switch (reply.type) {
    case 'held': {
      const { owner: holder, token, remainingMs } = reply
      const extra = { holder, fencing_token: token, remaining_ms: remainingMs }
      const detail = holder === null ? `${name} is kept from all for now` : `${name} is held`
      return new Problem('held', detail, extra, Math.max(1, remainingMs ?? RETRY_MS))
    }
    case 'timeout':
      return new Problem('wait_timeout', `the wait for ${name} ended without it`, {}, RETRY_MS)
    case 'cancelled':
      return new Problem('cancelled', `the wait for ${name} was cancelled`)
    case 'notHolder': {
      const extra = { fencing_token: reply.token }
      const detail = `${JSON.stringify(owner)} does not hold ${name}, or not by this token`
      return new Problem('not_owner', detail, extra)
    }
    case 'expired': {
      const extra = { fencing_token: reply.token }
      return new Problem('expired', `the holding of ${name} has ended`, extra)
    }
    case 'rejected':
      return rejection(reply, name)
    default:
      return new Problem('internal', `the service answered ${reply.type}`)
  }
}

function rejection(reply: Extract<LockReply, { type: 'rejected' }>, name: string): Problem {
  const code = answerFailure({ type: 'reply', reply }) ?? 'internal'
  const extra: ProblemExtra = {}
  switch (code) {
    case 'too_many_requests': {
      const detail = 'the answers of this owner cannot all be remembered: ask again later'
      return new Problem(code, detail, extra, 10 * RETRY_MS)
    }
    case 'request_id_reused':
      return new Problem(code, `the request id was used for another request on ${name}`)
    case 'too_many_waiters':
      return new Problem(code, `as many wait for ${name} as may`, extra, RETRY_MS)
    case 'too_many_locks':
      return new Problem(code, 'the owner holds and waits for as many locks as it may', extra)
    case 'too_many_keys':
      return new Problem(code, 'as many keys are held as may be', extra, RETRY_MS)
    case 'count_too_high':
      return new Problem(code, `${name} was taken as often as it may be`)
    case 'upgrade':
      return new Problem(code, `the owner holds ${name} shared: it would wait for itself`)
    case 'revoked':
      return new Problem(code, `an operator took ${name}: its lease cannot be renewed`)
    case 'no_deadline':
      return new Problem(code, `${name} is held as long as a session`)
    default:
      return new Problem('bad_request', `the request was rejected: ${reply.reason}`)
  }
}
