// Majorities, of one configuration and of two at once. Pure arithmetic. Ref: Raft 5.2, 6 ("separate
// majorities from both the old and new configurations").

import type { NodeId } from './config.ts'
import type { Membership } from './membership.ts'

/** Votes or acknowledgements that make a majority of `voters`: (n / 2) + 1. */
export function quorumSize(voters: number): number {
  return Math.floor(voters / 2) + 1
}

/** Whether those that `has` names are a majority of the voters: in joint consensus of both sets. */
export function isQuorum(membership: Membership, has: (node: NodeId) => boolean): boolean {
  const { voters, outgoing } = membership
  return isMajority(voters, has) && (outgoing === null || isMajority(outgoing, has))
}

/** The highest value that a majority reaches: in joint consensus of both sets. */
export function quorumValue(membership: Membership, valueOf: (node: NodeId) => number): number {
  const { voters, outgoing } = membership
  const value = majorityValue(voters, valueOf)
  return outgoing === null ? value : Math.min(value, majorityValue(outgoing, valueOf))
}

function isMajority(voters: readonly NodeId[], has: (node: NodeId) => boolean): boolean {
  let count = 0
  for (const voter of voters) if (has(voter)) count++
  return count >= quorumSize(voters.length)
}

function majorityValue(voters: readonly NodeId[], valueOf: (node: NodeId) => number): number {
  const values = voters.map(valueOf)
  const quorum = quorumSize(values.length)
  let best = -Infinity
  // Voters are few: counting for each one costs less than sorting.
  for (const value of values) {
    if (value <= best) continue
    let count = 0
    for (const other of values) if (other >= value) count++
    if (count >= quorum) best = value
  }
  return best
}
