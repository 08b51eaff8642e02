// Majorities as the oracles count them: apart from the core, whose own count may be what is wrong.

import type { NodeId } from '../core/raft/config.ts'
import type { Membership } from '../core/raft/membership.ts'

/** Whether more than half of the voters are among those that `has` names, of both sets if two. */
export function isMajorityOf(membership: Membership, has: (node: NodeId) => boolean): boolean {
  for (const voters of [membership.voters, membership.outgoing]) {
    if (voters !== null && voters.filter(has).length * 2 <= voters.length) return false
  }
  return true
}

/** The voters, for people to read. */
export function votersInWords({ voters, outgoing }: Membership): string {
  const now = voters.join(' ')
  return outgoing === null ? now : `${now} and of ${outgoing.join(' ')}`
}
