// What a reply of the lock service means for the request that got it: the client's half of the
// promise that a request has one fate.

import type { LockReply } from '../core/lock/reply.ts'
import type { Weight } from './request.ts'

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
