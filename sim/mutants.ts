// Real consensus bugs as data: each is one edit of our own source that makes it wrong in a way some
// system once shipped. The simulator must catch every one; `lockstep mutants` shows that it does.

/** What caught a mutant when it was last recorded. */
export interface Kill {
  readonly seed: number
  /** Name of the oracle, or `invariant` when the core itself noticed. */
  readonly oracle: string
}

/** One bug, to be injected into the source. The core has no switches for it. */
export interface Mutant {
  readonly id: string
  /** Path of the source from the root of the repository. */
  readonly file: string
  /** Occurs exactly once in that file. */
  readonly find: string
  /** What stands there instead. The result still type-checks. */
  readonly replace: string
  /** What is wrong now, in one sentence. */
  readonly story: string
  /** Where it happened, or was argued about. */
  readonly source: string
  /** Written by `lockstep mutants --record`; null when nothing caught it. */
  readonly killedBy: Kill | null
}

/** All mutants. Ids are those of the field's list of bugs; L is for locks, and ours. */
export const MUTANTS: readonly Mutant[] = [
  {
    id: 'E2',
    file: 'core/raft/election.ts',
    find: 'if (role.votes.includes(voter)) return',
    replace: '',
    story: 'A candidate counts vote messages, so a vote that arrives twice counts as two voters.',
    source: 'https://github.com/unshiftio/liferaft/blob/5a6139e/index.js#L267',
    killedBy: { seed: 10, oracle: 'election quorum' },
  },
  {
    id: 'E3',
    file: 'core/raft/turn.ts',
    find: 'const { log, term, vote } = turn',
    replace: 'const { log } = turn, term = 0, vote = null',
    story: 'Term and vote live in memory only, so a node that restarts votes again in a term.',
    source: 'https://github.com/willemt/raft/commit/854a06d',
    killedBy: { seed: 1, oracle: 'promises are durable' },
  },
  {
    id: 'E5',
    file: 'core/raft/turn.ts',
    find: "type: 'sendAfter', after,",
    replace: "type: 'sendAfter', after: message.type === 'voteRequest' ? 0 : after,",
    story: 'A candidate asks for votes before its own term and vote are on its disk.',
    source: 'https://github.com/sofastack/sofa-jraft/commit/5222f3f',
    killedBy: { seed: 1, oracle: 'promises are durable' },
  },
  {
    id: 'C1',
    file: 'core/raft/leader.ts',
    find: 'termAt(log, majority) === turn.term',
    replace: 'termAt(log, majority) > 0',
    story: 'A leader commits by counting copies of entries of any term (Raft, Figure 8).',
    source: 'https://github.com/logcabin/logcabin/issues/44',
    killedBy: { seed: 2, oracle: 'no electable node lacks a committed entry' },
  },
  {
    id: 'C3',
    file: 'core/raft/state.ts',
    find: 'Math.floor(voters / 2) + 1',
    replace: 'Math.ceil(voters / 2)',
    story: 'Half of an even number of voters passes for a majority.',
    source: 'https://github.com/hashicorp/raft/commit/163a55f',
    killedBy: { seed: 4, oracle: 'election quorum' },
  },
  {
    id: 'C8',
    file: 'core/raft/follower.ts',
    find: 'if (termAt(turn.log, index) === entry.term) continue',
    replace: '',
    story: 'A follower drops its log on any overlap, so a late message deletes later entries.',
    source: 'https://github.com/willemt/raft/commit/3e011ae',
    killedBy: { seed: 1, oracle: 'invariant' },
  },
  {
    id: 'C17',
    file: 'core/raft/turn.ts',
    find: "type: 'sendAfter', after,",
    replace: "type: 'sendAfter', after: message.type === 'appendAccepted' ? 0 : after,",
    story: 'A follower acknowledges entries before they are on its disk.',
    source: 'https://github.com/yugabyte/yugabyte-db/issues/32875',
    killedBy: { seed: 1, oracle: 'promises are durable' },
  },
  {
    id: 'X8',
    file: 'core/replica.ts',
    find: 'const timeMs = work.clockMs',
    replace: 'const timeMs = turn.now',
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
    killedBy: { seed: 1, oracle: 'no early expiry' },
  },
]
