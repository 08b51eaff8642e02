// The words for what can go wrong with a request: stable codes that HTTP answers, metrics and logs
// share. It knows no status code and no sentence.

import type { LockReply, Reason } from '../core/lock/reply.ts'
import { unreachable } from '../core/invariant.ts'
import type { Answer } from './lock-service.ts'

/** Why the service did not do what was asked. */
export type FailureCode =
  | 'held'
  | 'wait_timeout'
  | 'cancelled'
  | 'not_owner'
  | 'expired'
  | 'bad_request'
  | 'request_id_reused'
  | 'too_many_requests'
  | 'too_many_waiters'
  | 'too_many_locks'
  | 'too_many_keys'
  | 'count_too_high'
  | 'upgrade'
  | 'revoked'
  | 'no_deadline'
  | 'no_quorum'
  | 'overloaded'
  | 'too_large'
  | 'unknown'

const OF_REASONS: Readonly<Partial<Record<Reason, FailureCode>>> = {
  overloaded: 'too_many_requests',
  requestIdReused: 'request_id_reused',
  tooManyWaiters: 'too_many_waiters',
  tooManyLocks: 'too_many_locks',
  tooManyKeys: 'too_many_keys',
  countTooHigh: 'count_too_high',
  upgrade: 'upgrade',
  revoked: 'revoked',
  noDeadline: 'no_deadline',
}

/** The failure that a reply tells of, or null. All that is wrong by itself is `bad_request`. */
export function replyFailure(reply: LockReply): FailureCode | null {
  switch (reply.type) {
    case 'held':
    case 'cancelled':
    case 'expired':
      return reply.type
    case 'timeout':
      return 'wait_timeout'
    case 'notHolder':
      return 'not_owner'
    case 'rejected':
      return OF_REASONS[reply.reason] ?? 'bad_request'
    case 'granted':
    case 'queued':
    case 'released':
    case 'renewed':
    case 'forced':
    case 'status':
    case 'holders':
    case 'waiters':
    case 'locks':
    case 'lockCount':
    case 'swept':
      return null
    default:
      return unreachable(reply)
  }
}

/** The failure of an answer, or null. */
export function answerFailure(answer: Answer): FailureCode | null {
  switch (answer.type) {
    case 'reply':
      return replyFailure(answer.reply)
    case 'queued':
      return null
    case 'noQuorum':
      return 'no_quorum'
    case 'unknown':
      return 'unknown'
    case 'refused':
      if (answer.reason === 'overloaded') return 'overloaded'
      return answer.reason === 'tooLarge' ? 'too_large' : 'bad_request'
    default:
      return unreachable(answer)
  }
}
