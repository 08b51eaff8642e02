// Mistakes of reads that do not go through the log.

import type { Mutant } from './mutant.ts'

/** Bugs of reads. */
export const READ_MUTANTS: readonly Mutant[] = [
  {
    id: 'R1',
    file: 'core/raft/reads.ts',
    find: 'index: turn.log.lastIndex',
    replace: 'index: turn.commit',
    story: 'A new leader answers reads from what it knows committed before its term commits.',
    source: 'https://github.com/etcd-io/etcd/pull/7331',
    killedBy: { seed: 2, oracle: 'reads are fresh' },
  },
  {
    id: 'R3',
    file: 'core/asked.ts',
    find: `const asked = mapGet(work.asked, id)
  if (asked?.type !== 'read' || asked.index !== null) return
  work.asked = mapSet(work.asked, id, { ...asked, index })`,
    replace: `for (const [other, asked] of mapEntries(work.asked)) {
    if (asked.type !== 'read' || asked.index !== null || other < id) continue
    work.asked = mapSet(work.asked, other, { ...asked, index })
  }`,
    story: 'An answer to an earlier read passes for one to every read that waits by now.',
    source: 'https://github.com/etcd-io/etcd/issues/20418',
    killedBy: { seed: 20, oracle: 'reads are fresh' },
  },
  {
    id: 'R4a',
    file: 'core/raft/reads.ts',
    find: 'return progressOf(role, voter)?.ackedRound ?? 0',
    replace: `const { learners } = turn.membership
    const rounds = [voter, ...learners].map((one) => progressOf(role, one)?.ackedRound ?? 0)
    return Math.max(...rounds)`,
    story: 'Answers of learners count towards the majority that confirms a read.',
    source: 'https://github.com/etcd-io/etcd/commit/77ae04b',
    killedBy: { seed: 7, oracle: 'a read is confirmed by a majority' },
  },
  {
    id: 'R4b',
    file: 'core/raft/reads.ts',
    find: 'if (voter === config.node) return role.round',
    replace: `const { voters } = turn.membership
    const other = voters.find((one) => one !== config.node)
    if (voter === config.node || voter === other) return role.round`,
    story: 'A read is confirmed by one voter less than a majority.',
    source: 'https://github.com/databendlabs/openraft/commit/d60f1e85',
    killedBy: { seed: 6, oracle: 'a read is confirmed by a majority' },
  },
  {
    id: 'R6a',
    file: 'core/raft/reads.ts',
    find: ' || role.hasSentTimeoutNow || role.transfer !== null',
    replace: ' || role.round === 0',
    story: 'A leader keeps its lease while another is told to take over.',
    source: 'https://github.com/databendlabs/openraft/issues/1747',
    killedBy: { seed: 28, oracle: 'no lease outlasts a transfer' },
  },
  {
    id: 'R6b',
    file: 'core/raft/election.ts',
    find: "if (role.role !== 'follower' || config.leaseReads) return",
    replace: "if (role.role !== 'follower') return",
    story: 'A follower that is told to forget its leader votes while that leader has its lease.',
    source:
      'https://github.com/etcd-io/raft/blob/main/testdata/forget_leader_read_only_lease_based.txt',
    killedBy: { seed: 6, oracle: 'what leases rest on is not forgotten' },
  },
  {
    id: 'R8',
    file: 'core/raft/reads.ts',
    find: 'index: turn.log.lastIndex',
    replace: 'index: role.progress.length === 0 ? turn.commit : turn.log.lastIndex',
    story: 'A single node that restarts answers reads before it knows again what is committed.',
    source: 'https://github.com/sofastack/sofa-jraft/issues/1049',
    killedBy: { seed: 3, oracle: 'reads are fresh' },
  },
  {
    id: 'R9a',
    file: 'core/raft/reads.ts',
    find: '  turn.heartbeatDue = true\n',
    replace: '',
    story: 'A read waits for the next heartbeat that is due, and starts none of its own.',
    source: 'https://github.com/logcabin/logcabin/commit/35b46b5',
    killedBy: { seed: 4, oracle: 'a read starts its own round' },
  },
  {
    id: 'R9b',
    file: 'core/asked.ts',
    find: '(isOver && index === null) || (isTick && ticks >= READ_TICKS_MAX)',
    replace: '!isOver && isTick && ticks >= READ_TICKS_MAX',
    story: 'Reads that wait for a leader which is gone are never answered.',
    source: 'https://issues.apache.org/jira/browse/RATIS-2044',
    killedBy: { seed: 1, oracle: 'every read is answered' },
  },
]
