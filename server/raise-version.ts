// Sees to it that the machine goes by the newest rules that all members know, a while after the
// last of them runs a build that knows them. Whether they all do is the replica's to say.

import type { RunningReplica } from './replica.ts'

/** What is asked of a replica. */
type Raised = Pick<RunningReplica<unknown, never, unknown>, 'raiseVersion' | 'status'>

/** How often a leader looks whether it can. */
const LOOK_MS = 5_000

/**
 * Asks from time to time, while `replica` leads, for the next version of the rules up to `known`. A
 * refusal changes nothing. Returns what ends it.
 */
export function keepRaisingVersion(
  replica: Raised,
  known: number,
  lookMs: number = LOOK_MS,
): () => void {
  const timer = setInterval(() => {
    const { role, version } = replica.status()
    if (role === 'leader' && version < known) void replica.raiseVersion(version + 1)
  }, lookMs)
  return () => clearInterval(timer)
}
