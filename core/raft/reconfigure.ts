// Changes of members, as a leader takes them: when one may begin. Ref: Raft 6; thesis 4.3 (joint
// consensus); Ongaro, raft-dev 2015 (an entry of the leader's own term must be committed before).

import type { RefusalReason } from '../effect.ts'
import { isMembershipCommitted, proposeMembership } from './leader.ts'
import { changed } from './membership.ts'
import type { MembershipChange } from './membership.ts'
import type { Leader } from './state.ts'
import type { Turn } from './turn.ts'
import { hasCommittedInTerm } from './turn.ts'
import { newVotersKnow } from './version.ts'

/**
 * Appends a change and returns the index of its entry, or why it cannot be made now. `version`: the
 * one by which the end of the log goes.
 */
export function changeMembership(
  turn: Turn,
  role: Leader,
  change: MembershipChange,
  version: number,
): number | RefusalReason {
  if (!hasCommittedInTerm(turn)) return 'notCommittedInTerm'
  if (!isMembershipCommitted(turn)) return 'pending'
  if (role.transfer !== null) return 'transferring'
  const after = changed(turn.membership, change)
  if (typeof after === 'string') return after
  if (!newVotersKnow(turn, role, after, version)) return 'versionUnsupported'
  return proposeMembership(turn, after)
}
