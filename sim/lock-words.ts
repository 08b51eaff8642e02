// What a simulated client asks and is told, in other words: the commands of its lists, what an
// answer in a session says of the locks, and both in the words of the checker.

import type { LockInput, LockOutput } from '../checker/lock-history.ts'
import type { Cancel, LockCommand, LockRequest } from '../core/lock/command.ts'
import type { LockReply } from '../core/lock/reply.ts'
import type { SessionReply } from '../core/session/command.ts'
import type { LockOperation } from './lock-operation.ts'
import type { Ended } from './workload.ts'

/** How many a client lists at a time. */
const PAGE = 3

/** The query of an operation that lists. */
export function listOf({
  key,
  what,
}: Extract<LockOperation, { readonly type: 'list' }>): LockCommand {
  switch (what) {
    case 'holders':
      return { type: 'listHolders', key, after: null, max: PAGE }
    case 'waiters':
      return { type: 'listWaiters', key, after: null, max: PAGE }
    case 'locks':
      return { type: 'listLocks', prefix: 'k', after: null, max: PAGE }
    case 'count':
      return { type: 'countLocks', prefix: 'k' }
  }
}

/** What an answer says of the locks. A call that is refused as such may have its effect yet. */
export function withinReply(ended: Ended<SessionReply<LockReply>>): Ended<LockReply> {
  if (ended.type !== 'done') return ended
  const { reply, firstSentMs } = ended
  return reply.type === 'replied'
    ? { type: 'done', reply: reply.reply, firstSentMs }
    : { type: 'unknown' }
}

/** What is asked, in the words of the checker, if it has any. */
export function inputOf(command: LockRequest | Cancel): LockInput | null {
  const { key, owner } = command
  switch (command.type) {
    case 'acquire': {
      const { ttlMs, waitMs } = command
      return ttlMs === null ? null : { type: 'acquire', key, owner, ttlMs, waitMs }
    }
    case 'renew': {
      const { token, ttlMs } = command
      return ttlMs === null ? null : { type: 'renew', key, owner, token, ttlMs }
    }
    case 'release':
      return { type: 'release', key, owner, token: command.token }
    case 'cancel':
    case 'forceRelease':
      return null
  }
}

/** The service's words in those of the checker. */
export function outputOf(reply: LockReply): LockOutput | null {
  switch (reply.type) {
    case 'granted':
      return { type: 'granted', token: reply.token, count: reply.count }
    case 'held':
    case 'expired':
      return { type: reply.type, token: reply.token }
    case 'timeout':
    case 'notHolder':
      return { type: reply.type }
    case 'released':
      return { type: 'released', count: reply.count }
    case 'renewed': {
      const { token, ttlMs } = reply
      return ttlMs === null ? null : { type: 'renewed', token, ttlMs }
    }
    case 'status': {
      const { locked, token, owner } = reply
      return { type: 'status', locked, token, owner: owner ?? '' }
    }
    case 'rejected':
      return { type: 'rejected', reason: reply.reason }
    default:
      return null
  }
}
