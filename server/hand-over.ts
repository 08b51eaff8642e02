// Hands the leadership to another node before this one stops, so that clients do not wait for an
// election. It knows neither signals nor sockets.

import type { NodeId } from '../core/raft/config.ts'
import type { ReplicaStatus } from '../core/status.ts'
import type { RunningReplica } from './replica.ts'

/** Who should lead next: of the voters that were heard of late, the one with most of the log. */
export function successorOf({ peers, role, node }: ReplicaStatus): NodeId | null {
  if (role !== 'leader') return null
  const able = peers.filter(({ peer, isVoter, isHeard, mode }) => {
    return peer !== node && isVoter && isHeard && mode !== 'snapshot'
  })
  const [first] = able.sort((a, b) => b.matchIndex - a.matchIndex)
  return first?.peer ?? null
}

/**
 * Hands the leadership over if this node has it, within that time. Resolves with who leads now, or
 * null.
 */
export async function handOver<State, Command, Reply>(
  replica: RunningReplica<State, Command, Reply>,
  withinMs: number,
): Promise<NodeId | null> {
  const to = successorOf(replica.status())
  if (to === null) return null
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), withinMs)
  })
  const outcome = await Promise.race([replica.transferLeadership(to), late])
  clearTimeout(timer)
  return outcome?.type === 'transferred' ? to : null
}
