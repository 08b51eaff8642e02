// Mistakes of the lock machine and of client sessions.

import type { Mutant } from './mutant.ts'

/** Bugs of locks and sessions. */
export const LOCK_MUTANTS: readonly Mutant[] = [
  {
    id: 'X8',
    file: 'core/replica.ts',
    find: 'const timeMs = work.clockMs',
    replace: 'const timeMs = work.turn.now',
    story: "The state machine goes by the applying node's own clock, which others do not share.",
    source: 'https://github.com/hashicorp/nomad/pull/13725',
    killedBy: { seed: 1, oracle: 'equal replies at equal index' },
  },
  {
    id: 'L1',
    file: 'core/lock/limits.ts',
    find: 'memoLifeMs: 600_000',
    replace: 'memoLifeMs: 1',
    story: 'Replies are forgotten too soon, so a request that is sent again takes effect twice.',
    source: 'https://github.com/logcabin/logcabin/commit/163fba5',
    killedBy: { seed: 1, oracle: 'one fate for each request' },
  },
  {
    id: 'L2',
    file: 'core/raft/election.ts',
    find: 'clockStartMs: log.lastStampMs',
    replace: 'clockStartMs: Math.max(log.lastStampMs, turn.now)',
    story: 'A new leader sets log time by its own clock, so one that is ahead ends leases early.',
    source: 'https://github.com/etcd-io/etcd/issues/7320',
    killedBy: { seed: 1, oracle: 'no early end of a wait' },
  },
]
