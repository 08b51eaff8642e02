// Mistakes of changing members.

import type { Mutant } from './mutant.ts'

/** Bugs of membership. */
export const MEMBERSHIP_MUTANTS: readonly Mutant[] = [
  {
    id: 'M1',
    file: 'core/raft/reconfigure.ts',
    find: 'if (!hasCommittedInTerm(turn))',
    replace: 'if (turn.commit === 0 && !hasCommittedInTerm(turn))',
    story: 'A new leader changes members before it has committed anything in its own term.',
    source: 'https://github.com/databendlabs/openraft/pull/2051',
    killedBy: { seed: 1, oracle: 'one change of members at a time' },
  },
  {
    id: 'M3a',
    file: 'core/raft/election.ts',
    find: 'const peers = membersOf(turn.membership)',
    replace: `turn.memberships = turn.memberships.filter(({ index }) => index <= turn.commit)
  turn.membership = turn.memberships.at(-1)?.membership ?? turn.membership
  const peers = membersOf(turn.membership)`,
    story: 'A new leader ignores members that its log names and that are not committed.',
    source: 'https://github.com/eBay/NuRaft/commit/306fe0f',
    killedBy: { seed: 1, oracle: 'members are those of the log' },
  },
  {
    id: 'M3b',
    file: 'core/raft/follower.ts',
    find: '(logged) => logged.index < index',
    replace: '() => true',
    story: 'Members named by entries that a follower drops from its log stay in force.',
    source: 'https://github.com/RedisLabs/redisraft/commit/619e623',
    killedBy: { seed: 13, oracle: 'members are those of the log' },
  },
  {
    id: 'M3c',
    file: 'core/raft/follower.ts',
    find: 'setMemberships(turn, kept)',
    replace: 'setMemberships(turn, kept.slice(0, 1))',
    story: 'Dropped members are rolled back in the wrong order, and end at the oldest known.',
    source: 'https://github.com/eBay/NuRaft/commit/98b42ac',
    killedBy: { seed: 13, oracle: 'members are those of the log' },
  },
  {
    id: 'M5',
    file: 'core/raft/leader.ts',
    find: `const { membership } = turn
  if (turn.role.role !== 'leader' || !membership.autoLeave || !isMembershipCommitted(turn)) return`,
    replace: `const committed = turn.memberships.filter(({ index }) => index <= turn.commit)
  const { membership } = committed.at(-1) as LoggedMembership
  if (turn.role.role !== 'leader' || !membership.autoLeave) return`,
    story: 'A leader ends joint consensus again and again until the end of it is committed.',
    source: 'https://github.com/etcd-io/etcd/commit/bd3c759',
    killedBy: { seed: 1, oracle: 'one change of members at a time' },
  },
  {
    id: 'M5b',
    file: 'core/raft/leader.ts',
    find: '!membership.autoLeave || !isMembershipCommitted(turn)',
    replace: '!membership.autoLeave',
    story: 'A leader ends joint consensus before the joint configuration is committed.',
    source: 'https://github.com/etcd-io/etcd/commit/bd3c759',
    killedBy: { seed: 1, oracle: 'one change of members at a time' },
  },
  {
    id: 'M7a',
    file: 'core/raft/election.ts',
    find: 'const { lastTerm, lastIndex } = turn.log\n',
    replace: `const { lastTerm, lastIndex } = turn.log
  const known = turn.memberships.findLast(({ index }) => index <= turn.commit)
  if (!isVoter(known?.membership ?? turn.membership, turn.config.node)) return false
`,
    story: 'A promoted learner refuses to vote until it knows that its promotion is committed.',
    source: 'https://github.com/etcd-io/etcd/commit/abb533c',
    killedBy: { seed: 1, oracle: 'votes are given when no leader is heard' },
  },
  {
    id: 'M7b',
    file: 'core/raft/election.ts',
    find: `canStand({ membership, config, damage }: Turn): boolean {
  return damage === null && isVoter(membership, config.node)`,
    replace: `canStand({ memberships, commit, membership, config, damage }: Turn): boolean {
  const known = memberships.findLast(({ index }) => index <= commit)?.membership ?? membership
  return damage === null && isVoter(known, config.node)`,
    story: 'A promoted learner does not stand until it knows that its promotion is committed.',
    source: 'https://github.com/tikv/raft-rs/issues/58',
    killedBy: { seed: 3, oracle: 'a leader after a loss of power' },
  },
  {
    id: 'M9',
    file: 'core/raft/reads.ts',
    find: 'if (role.reads.length === 0 && role.leaseRound === 0) return',
    replace: 'if (role.progress.length === 0) return',
    story: 'Reads wait for an answer of a peer also when the last peer was removed.',
    source: 'https://github.com/tikv/raft-rs/issues/363',
    killedBy: { seed: 3, oracle: 'a fresh read after the heal' },
  },
  {
    id: 'M10a',
    file: 'core/replica.ts',
    find: 'if (membershipOf(entry).autoLeave) return',
    replace: `const before = work.turn.memberships.findLast((logged) => logged.index < index)
  if (JSON.stringify(before?.membership) === JSON.stringify(membershipOf(entry))) return
  if (membershipOf(entry).autoLeave) return`,
    story: 'A change to the members that there are already stays under way for ever.',
    source: 'https://github.com/etcd-io/etcd/commit/141a265',
    killedBy: { seed: 1, oracle: 'a change of members after the heal' },
  },
  {
    id: 'M10b',
    file: 'core/raft/progress.ts',
    find: 'const heard = true',
    replace: 'const heard = false',
    story: 'A member counts as silent from the moment it is taken in, which deposes the leader.',
    source: 'https://github.com/etcd-io/etcd/commit/a3afec7',
    killedBy: { seed: 1, oracle: 'a leader gives up only unheard' },
  },
  {
    id: 'M12',
    file: 'core/raft/snapshot.ts',
    find: 'const end = offset + bytes.length',
    replace: `const end = offset + bytes.length, { node } = turn.config
  const isDemoted = snapshot.membership.learners.includes(node)
  if (isDemoted && turn.membership.voters.includes(node)) return`,
    story: 'A voter refuses the snapshot from which it would learn that it is a learner now.',
    source: 'https://github.com/etcd-io/etcd/commit/2f28e8a',
    killedBy: { seed: 33, oracle: 'a chunk of a snapshot is answered' },
  },
  {
    id: 'M13a',
    file: 'core/raft/leader.ts',
    find: 'progressOf(role, peer) ?? newProgress(peer, index)',
    replace: 'newProgress(peer, index)',
    story: 'After a change of members a leader forgets what its peers have acknowledged.',
    source: 'https://github.com/databendlabs/openraft/issues/584',
    killedBy: { seed: 1, oracle: 'what a peer has is not forgotten' },
  },
  {
    id: 'M13b',
    file: 'core/replica.ts',
    find: "if (entry.kind === 'membership') onMembershipApplied(machine, work, index, entry)",
    replace: `if (entry.kind === 'membership') {
      const { turn } = work
      turn.membership = membershipOf(entry)
      turn.memberships = [...turn.memberships, { index, membership: turn.membership }]
      onMembershipApplied(machine, work, index, entry)
    }`,
    story: 'Applying the log again after a restart takes removed members back.',
    source: 'https://github.com/RedisLabs/redisraft/commit/bec180f',
    killedBy: { seed: 1, oracle: 'members are those of the log' },
  },
]
