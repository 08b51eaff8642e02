// What the outcomes of one request's attempts mean taken together: the answer, or that it is to be
// asked again, or that nobody can know. Pure; when to ask and whom is the caller's.
//
// The same request id may be asked for as often as one likes: the machine remembers its answer.

import type { LockReply } from '../core/lock/reply.ts'
import { unreachable } from '../core/invariant.ts'
import type { ServiceOutcome } from './lock-replica.ts'

/** What is known of a request that was asked for once or more. */
export interface Attempts {
  /** True for what changes nothing, and so never is in doubt. */
  readonly isRead: boolean
  /** Attempts that are not answered; each may have been appended. */
  readonly openCount: number
  /** An attempt was begun, and what became of it is not known. */
  readonly isAmbiguous: boolean
  /** Since when no leader took it, by the host's clock; null: one does, or none was asked. */
  readonly leaderlessSinceMs: number | null
}

/** What to do now. */
export type Verdict =
  | { readonly type: 'reply'; readonly reply: LockReply }
  /** It waits, and another attempt, of somebody else with the same id, gets the answer. */
  | { readonly type: 'takenOver'; readonly position: number }
  /** It was refused before anything happened, and nothing will. */
  | { readonly type: 'refused'; readonly reason: 'overloaded' | 'tooLarge' | 'malformed' }
  /** Ask again after a pause. */
  | { readonly type: 'again' }
  /** A later attempt is out: wait for it. */
  | { readonly type: 'wait' }

/** Before the first attempt. */
export function noAttempts(isRead: boolean): Attempts {
  return { isRead, openCount: 0, isAmbiguous: false, leaderlessSinceMs: null }
}

/** One more attempt is out. */
export function attempted(before: Attempts): Attempts {
  const { isRead, openCount, isAmbiguous, leaderlessSinceMs } = before
  return { isRead, openCount: openCount + 1, isAmbiguous, leaderlessSinceMs }
}

/** Whether it may have happened, or may happen yet, if nobody asks any more. */
export function mayHappen({ isRead, openCount, isAmbiguous }: Attempts): boolean {
  return !isRead && (isAmbiguous || openCount > 0)
}

/** An attempt was answered at `nowMs`; `isNewest`: none was made after it. */
export function judge(
  before: Attempts,
  outcome: ServiceOutcome,
  isNewest: boolean,
  nowMs: number,
): readonly [Attempts, Verdict] {
  const { isRead } = before
  const openCount = before.openCount - 1
  const known = { isRead, openCount, isAmbiguous: before.isAmbiguous, leaderlessSinceMs: null }
  const doubtful = { ...known, isAmbiguous: true, leaderlessSinceMs: before.leaderlessSinceMs }
  const retry: Verdict = { type: isNewest ? 'again' : 'wait' }
  switch (outcome.type) {
    case 'done': {
      const { reply } = outcome
      if (reply.type !== 'replied') return [known, { type: 'refused', reason: 'malformed' }]
      return replied(known, reply.reply, isNewest)
    }
    case 'notLeader': {
      const leaderlessSinceMs = before.leaderlessSinceMs ?? nowMs
      return [{ ...known, leaderlessSinceMs }, retry]
    }
    case 'overloaded':
      if (mayHappen(known)) return [known, retry]
      return [known, { type: 'refused', reason: 'overloaded' }]
    case 'malformed':
    case 'tooLarge':
      return [known, { type: 'refused', reason: outcome.type }]
    case 'unknown':
    case 'changed':
    case 'transferred':
    case 'refused':
    case 'forbidden':
      // The last four answer what was never asked, and tell no more than the first.
      return [doubtful, retry]
    default:
      return unreachable(outcome)
  }
}

/** `overloaded` and `requestIdReused` speak of one attempt alone: another may have its effect. */
function replied(
  known: Attempts,
  reply: LockReply,
  isNewest: boolean,
): readonly [Attempts, Verdict] {
  if (reply.type === 'queued') {
    const doubtful = { ...known, isAmbiguous: true }
    if (!isNewest) return [doubtful, { type: 'wait' }]
    return [doubtful, { type: 'takenOver', position: reply.position }]
  }
  const isOfOneAttempt =
    reply.type === 'rejected' &&
    (reply.reason === 'overloaded' || reply.reason === 'requestIdReused')
  if (isOfOneAttempt && mayHappen(known)) return [known, { type: isNewest ? 'again' : 'wait' }]
  return [known, { type: 'reply', reply }]
}
