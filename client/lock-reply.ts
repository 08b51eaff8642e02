// What a reply of the lock service means for the request that got it: the client's half of the
// promise that a request has one fate.

import { unreachable } from '../core/invariant.ts'
import type { LockReply } from '../core/lock/reply.ts'
import type { SessionReason, SessionReply } from '../core/session/command.ts'
import type { Weight } from './request.ts'

/** Weighs a reply for the request machine, of a call of a session too. */
export function weighServiceReply(reply: SessionReply<LockReply>): Weight {
  switch (reply.type) {
    case 'replied':
      return weighLockReply(reply.reply)
    case 'superseded':
      return 'superseded'
    case 'rejected':
      return weightOf(reply.reason)
    case 'opened':
    case 'keptAlive':
    case 'closed':
    case 'expired':
      return 'final'
    default:
      return unreachable(reply)
  }
}

/** None of these is remembered. A session that has ended, and a number that is over, stay so. */
function weightOf(reason: SessionReason): Weight {
  switch (reason) {
    case 'sessionEnded':
    case 'alreadyAnswered':
      return 'tooLate'
    case 'tooManyUnacknowledged':
    case 'tooManySessions':
      return 'noEffect'
    case 'sequenceReused':
    case 'ttlOutOfRange':
      return 'final'
    default:
      return unreachable(reason)
  }
}

/**
 * Weighs a reply for the request machine. `overloaded` and `requestIdReused` are not remembered:
 * only of a request that has no other attempt out are they the last word.
 */
export function weighLockReply(reply: LockReply): Weight {
  if (reply.type === 'queued') return 'superseded'
  if (reply.type !== 'rejected') return 'final'
  const { reason } = reply
  return reason === 'overloaded' || reason === 'requestIdReused' ? 'noEffect' : 'final'
}
