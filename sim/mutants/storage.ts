// Mistakes of the write-ahead log and of its faults.

import type { Mutant } from './mutant.ts'

/** Bugs of storage. */
export const STORAGE_MUTANTS: readonly Mutant[] = [
  {
    id: 'D5a',
    file: 'core/replica.ts',
    find: 'applied: snapshot?.index ?? 0,',
    replace: 'applied: restored.base.index,',
    story: 'A restart applies entries again that the restored state already contains.',
    source: 'https://github.com/etcd-io/etcd/issues/13766',
    killedBy: { seed: 1, oracle: 'commit and applied monotone' },
  },
  {
    id: 'D5b',
    file: 'core/raft/snapshot.ts',
    find: 'const { term, stampMs } = entryAt(turn.log, index)',
    replace: `index = turn.commit
  const { term, stampMs } = entryAt(turn.log, index)`,
    story: 'A snapshot is kept with an applied index that is ahead of its state.',
    source: 'https://github.com/lni/dragonboat/commit/7d5dc73',
    killedBy: { seed: 1, oracle: 'snapshots on disk are the log' },
  },
  {
    id: 'D6a',
    file: 'core/raft/turn.ts',
    find: 'const after = turn.pending.length === 0 ? 0 : turn.nextPersistId - 1',
    replace: 'const after = turn.pending.length === 0 || !logChanged ? 0 : turn.nextPersistId - 1',
    story: 'A write of term and vote alone is not waited for, so votes leave before they are kept.',
    source: 'https://github.com/tikv/raft-rs/issues/372',
    killedBy: { seed: 1, oracle: 'promises are durable' },
  },
  {
    id: 'D6b',
    file: 'core/raft/election.ts',
    find: 'turn.vote = null\n    turn.hardStateChanged = true',
    replace: 'turn.vote = null',
    story: 'A term that a node learns from another is not written until it votes.',
    source: 'https://github.com/etcd-io/etcd/issues/14143',
    killedBy: { seed: 1, oracle: 'memory is what the disk holds' },
  },
  {
    id: 'D6c',
    file: 'storage/write-ahead-log.ts',
    find: `this.#state = 'failed'
      report({ type: 'failed', error: result })
      return`,
    replace: 'return this.#startSync()',
    story: 'A sync that failed is tried again, and succeeds over pages that were dropped.',
    source: 'https://www.usenix.org/conference/atc20/presentation/rebello',
    killedBy: { seed: 8, oracle: 'durable is recovered' },
  },
  {
    id: 'D4a',
    file: 'core/raft/election.ts',
    find: 'return damage === null && isVoter(membership, config.node)',
    replace: 'return (damage === null || damage.index > 0) && isVoter(membership, config.node)',
    also: [
      {
        file: 'core/raft/raft.ts',
        find: 'if (turn.damage !== null) return false',
        replace: '',
      },
      {
        file: 'core/raft/election.ts',
        find: 'turn.damage === null && !withholdsVotes(turn)',
        replace: '!withholdsVotes(turn)',
      },
    ],
    story: 'A node whose disk has lost part of the log votes and stands as if all were there.',
    source: 'https://github.com/nats-io/nats-server/issues/7556',
    killedBy: { seed: 19, oracle: 'leader completeness' },
  },
  {
    id: 'D4b',
    file: 'core/raft/replication.ts',
    find: 'if (reply.damaged && reply.hintIndex < before.matchIndex) {',
    replace: 'if (reply.damaged && reply.hintIndex < 0) {',
    story: 'A leader takes a node that has lost entries for one whose refusal comes late.',
    source: 'https://github.com/nats-io/nats-server/issues/7556',
    killedBy: { seed: 19, oracle: 'what a peer has lost it is sent again' },
  },
]
