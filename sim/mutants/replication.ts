// Mistakes of replication and commitment, durability of promises included.

import type { Mutant } from './mutant.ts'

/** Bugs of replication. */
export const REPLICATION_MUTANTS: readonly Mutant[] = [
  {
    id: 'C1',
    file: 'core/raft/leader.ts',
    find: 'termAt(log, majority) !== turn.term',
    replace: 'termAt(log, majority) <= 0',
    story: 'A leader commits by counting copies of entries of any term (Raft, Figure 8).',
    source: 'https://github.com/logcabin/logcabin/issues/44',
    killedBy: { seed: 29, oracle: 'no electable node lacks a committed entry' },
  },
  {
    id: 'C3a',
    file: 'core/raft/quorum.ts',
    find: 'Math.floor(voters / 2) + 1',
    replace: 'Math.ceil(voters / 2)',
    story: 'Half of an even number of voters passes for a majority.',
    source: 'https://github.com/hashicorp/raft/commit/163a55f',
    killedBy: { seed: 1, oracle: 'committed is durable on a quorum' },
  },
  {
    id: 'C3b',
    file: 'core/raft/quorum.ts',
    find: 'const quorum = quorumSize(values.length)',
    replace: 'const quorum = Math.max(1, quorumSize(values.length) - 1)',
    story: 'Of the sorted indices of the voters the wrong one passes for what a majority has.',
    source: 'https://github.com/databendlabs/openraft/commit/d60f1e85',
    killedBy: { seed: 1, oracle: 'committed is durable on a quorum' },
  },
  {
    id: 'C5',
    file: 'core/raft/progress.ts',
    find: 'const matchIndex = Math.max(before.matchIndex, index)',
    replace: 'const matchIndex = index',
    story: 'An acknowledgement that comes late takes back what a peer is known to have.',
    source: 'https://github.com/bakwc/PySyncObj/issues/167',
    killedBy: { seed: 1, oracle: 'what a peer has is not forgotten' },
  },
  {
    id: 'C7',
    file: 'core/raft/follower.ts',
    find: 'const commit = Math.min(request.commit, matchIndex)',
    replace: 'const commit = Math.min(request.commit, turn.log.lastIndex)',
    story: 'A follower commits all that it has, also what no message has shown to be equal.',
    source: 'https://github.com/cowsql/raft/commit/000eacf2',
    killedBy: { seed: 2, oracle: 'committed entry never changes' },
  },
  {
    id: 'C8a',
    file: 'core/raft/follower.ts',
    find: 'if (termAt(turn.log, index) === entry.term) continue',
    replace: '',
    story: 'A follower drops its log on any overlap, so a late message deletes later entries.',
    source: 'https://github.com/willemt/raft/commit/3e011ae',
    killedBy: { seed: 1, oracle: 'invariant' },
  },
  {
    id: 'C8b',
    file: 'core/raft/follower.ts',
    find: '  appendMissing(turn, request)\n',
    replace: `  appendMissing(turn, request)
      if (prevIndex >= turn.commit && prevIndex + entries.length < turn.log.lastIndex) {
        dropFrom(turn, prevIndex + entries.length + 1)
        markDirty(turn, prevIndex + entries.length + 1)
      }\n`,
    story: 'A follower drops what is behind the last entry of any message, a heartbeat too.',
    source: 'https://github.com/unshiftio/liferaft/blob/5a6139e/index.js',
    killedBy: { seed: 1, oracle: 'committed entry never leaves a disk' },
  },
  {
    id: 'C10',
    file: 'core/raft/follower.ts',
    find: "{ type: 'appendAccepted', term, matchIndex, round, versions }",
    replace:
      "{ type: 'appendAccepted', term, matchIndex: turn.log.lastIndex, round, versions }",
    story: 'A follower acknowledges all that it has, also what no message has shown to be equal.',
    source: 'https://github.com/etcd-io/etcd/pull/1366',
    killedBy: { seed: 9, oracle: 'promises are durable' },
  },
  {
    id: 'C12a',
    file: 'core/raft/follower.ts',
    find: 'let index = request.prevIndex',
    replace: 'let index = Math.max(request.prevIndex, turn.log.base.index)',
    story: 'A follower that has compacted takes entries from before its log for those behind it.',
    source: 'https://github.com/willemt/raft/pull/118',
    killedBy: { seed: 6, oracle: 'invariant' },
  },
  {
    id: 'C12b',
    file: 'core/raft/replication.ts',
    find: '      peer = sendingSnapshot(peer, latestSnapshot(turn))',
    replace: `      peer = turn.log.base.index === 0
        ? sendingSnapshot(peer, latestSnapshot(turn))
        : probing(peer, turn.log.base.index + 1)`,
    story: 'A peer that needs a snapshot gets messages from where the log begins now instead.',
    source: 'https://github.com/willemt/raft/pull/118',
    killedBy: { seed: 1, oracle: 'caught up after the heal' },
  },
  {
    id: 'C14',
    file: 'core/raft/raft.ts',
    find: 'if (message.term === turn.term) return true',
    replace: "if (message.term === turn.term || message.type === 'appendAccepted') return true",
    story: 'Acknowledgements of an earlier term count for what has taken the place of its entries.',
    source: 'https://github.com/tigerbeetle/tigerbeetle/commit/e2cce24bd',
    killedBy: { seed: 6, oracle: 'answers of an earlier term count for nothing' },
  },
  {
    id: 'C16a',
    file: 'core/raft/leader.ts',
    find: 'if (voter === config.node) return role.durableIndex',
    replace: 'if (voter === config.node) return log.lastIndex',
    story: 'A leader counts its own copy of an entry before it is on its disk.',
    source: 'https://github.com/etcd-io/etcd/issues/14370',
    killedBy: { seed: 1, oracle: 'committed is durable on a quorum' },
  },
  {
    id: 'C16b',
    file: 'core/raft/election.ts',
    find: 'durableIndex: turn.pending.length === 0 ? log.lastIndex : 0',
    replace: 'durableIndex: log.lastIndex + 1',
    story: 'A new leader counts the entry that opens its term as written before it is.',
    source: 'https://github.com/databendlabs/openraft/commit/a9f696a9',
    killedBy: { seed: 1, oracle: 'committed is durable on a quorum' },
  },
  {
    id: 'C17a',
    file: 'core/raft/turn.ts',
    find: "type: 'sendAfter', after,",
    replace: "type: 'sendAfter', after: message.type === 'appendAccepted' ? 0 : after,",
    story: 'A follower acknowledges entries before they are on its disk.',
    source: 'https://github.com/yugabyte/yugabyte-db/issues/32875',
    killedBy: { seed: 1, oracle: 'promises are durable' },
  },
  {
    id: 'C17b',
    file: 'core/raft/turn.ts',
    find: 'const after = turn.pending.length === 0 ? 0 : turn.nextPersistId - 1',
    replace: 'const after = turn.hardStateChanged || logChanged ? turn.nextPersistId - 1 : 0',
    story: 'The answer to a heartbeat acknowledges entries whose writing is still under way.',
    source: 'https://github.com/nats-io/nats-server/issues/7567',
    killedBy: { seed: 1, oracle: 'promises are durable' },
  },
  {
    id: 'C19a',
    file: 'core/replica.ts',
    find: "if (turn.role.role !== 'leader' || turn.term !== state.raft.term) {",
    replace: "if (turn.role.role === 'leader' && turn.term !== state.raft.term) {",
    story: 'A leader that steps down leaves those who wait for its entries without an answer.',
    source: 'https://github.com/databendlabs/openraft/commit/43dd8b6f',
    killedBy: { seed: 1, oracle: 'nobody waits for a leader that is gone' },
  },
  {
    id: 'C19b',
    file: 'core/replica.ts',
    find: "if (turn.role.role !== 'leader' || turn.term !== state.raft.term) {",
    replace: "if (turn.role.role === 'leader' && turn.term !== state.raft.term) {",
    also: [
      {
        file: 'core/replica.ts',
        find: 'if (replaced !== undefined && replaced.term !== term) {',
        replace: 'if (replaced !== undefined && replaced.term > term) {',
      },
    ],
    story: "Who waited for an entry is told of success when another leader's has taken its place.",
    source: 'https://github.com/redpanda-data/redpanda/issues/3003',
    killedBy: { seed: 1, oracle: 'nobody waits for a leader that is gone' },
  },
  {
    id: 'C21a',
    file: 'core/raft/replication.ts',
    find: "return before.mode === 'probe' ? prevIndex !== asked : prevIndex > asked",
    replace: "return before.mode !== 'probe' || prevIndex !== asked",
    story: 'What was sent counts as there, so a message that was lost is never sent again.',
    source: 'https://github.com/microsoft/CCF/issues/5341',
    killedBy: { seed: 1, oracle: 'caught up after the heal' },
  },
  {
    id: 'C21b',
    file: 'core/raft/replication.ts',
    find: 'return Math.max(before.matchIndex, equalUpTo) + 1',
    replace: 'return equalUpTo + 1',
    also: [
      {
        file: 'core/raft/replication.ts',
        find: 'function goBack({ log }: Turn, before: Progress, reply: AppendRejected)',
        replace: 'function goBack({ log }: Turn, reply: AppendRejected)',
      },
      {
        file: 'core/raft/replication.ts',
        find: 'goBack(turn, after, reply)',
        replace: 'goBack(turn, reply)',
      },
    ],
    story: 'A late refusal takes a leader back behind what the peer is known to have.',
    source: 'https://github.com/bakwc/PySyncObj/issues/167',
    killedBy: { seed: 4, oracle: 'what a peer has is not forgotten' },
  },
  {
    id: 'C23',
    file: 'core/raft/follower.ts',
    find: 'const hintIndex = lastIndexUpToTerm(log,',
    replace: 'const found = lastIndexUpToTerm(log,',
    also: [
      {
        file: 'core/raft/follower.ts',
        find: '  const hintTerm = termAt(log, hintIndex)',
        replace: `  const hintIndex = log.lastIndex - found > 5 ? log.lastIndex : found
      const hintTerm = termAt(log, hintIndex)`,
      },
      {
        file: 'core/raft/replication.ts',
        find: 'Math.min(prevIndex - 1, hintIndex), hintTerm)',
        replace: 'Math.min(log.lastIndex, hintIndex), log.lastTerm)',
      },
      {
        file: 'core/raft/replication.ts',
        find: 'const { prevIndex, hintIndex, hintTerm } = reply',
        replace: 'const { hintIndex } = reply',
      },
    ],
    story: 'A follower looks for a conflict in a window only, and else names its last entry.',
    source: 'https://github.com/databendlabs/openraft/commit/6d53aa12',
    killedBy: { seed: 10, oracle: 'caught up after the heal' },
  },
  {
    id: 'C25a',
    file: 'core/raft/progress.ts',
    find: 'const inFlightBytes = before.inFlightBytes - bytesCount',
    replace: `const isReset = count === before.inFlight.length
      const inFlightBytes = before.inFlightBytes - (isReset ? 0 : bytesCount)`,
    story: 'The list of what is in flight is reset without the count of its bytes.',
    source: 'https://github.com/etcd-io/raft/commit/e419ba5',
    killedBy: { seed: 1, oracle: 'bytes under way are counted' },
  },
  {
    id: 'C25b',
    file: 'core/raft/reconfigure.ts',
    find: '  const after = changed(turn.membership, change)\n',
    replace: `  const after = changed(turn.membership, change)
      const counted = role as { uncommittedBytes: number }
      if (typeof after === 'string') counted.uncommittedBytes += JSON.stringify(change).length\n`,
    story: 'A change of members that is refused keeps its share of the cap on uncommitted bytes.',
    source: 'https://github.com/etcd-io/raft/commit/a370b6f',
    killedBy: { seed: 1, oracle: 'bytes under way are counted' },
  },
  {
    id: 'C26a',
    file: 'core/raft/replication.ts',
    find: '    const isOpen = takesEntries(turn, peer)\n',
    replace: `    if (peer.mode === 'replicate' && heartbeatDue && !takesEntries(turn, peer)) {
      const [oldest, ...inFlight] = peer.inFlight
      const inFlightBytes = peer.inFlightBytes - (oldest?.bytesCount ?? 0)
      peer = { ...peer, inFlight, inFlightBytes }
    }
    const isOpen = takesEntries(turn, peer)\n`,
    story: 'What is in flight is forgotten to make room, so a peer that is stuck gets ever more.',
    source: 'https://github.com/etcd-io/etcd/commit/42419da',
    killedBy: { seed: 2, oracle: 'what is in flight is within its caps' },
  },
  {
    id: 'C26b',
    file: 'core/raft/replication.ts',
    find: 'if (!heartbeatDue && !isOpen) continue',
    replace: `const isFull = peer.mode === 'replicate' && peer.nextIndex <= turn.log.lastIndex
      if (!isOpen && (!heartbeatDue || isFull)) continue`,
    story: 'A peer with all that may be in flight under way gets no heartbeat either.',
    source: 'https://github.com/etcd-io/etcd/commit/42419da',
    killedBy: { seed: 24, oracle: 'caught up after the heal' },
  },
  {
    id: 'C28a',
    file: 'core/raft/raft.ts',
    find: 'isFromLeader(message) ? from : null)',
    replace: `isFromLeader(message) ? from : null)
    if (last.role === 'leader') {
      turn.heartbeatDue = true
      sendAppends(turn, last)
    }`,
    also: [
      {
        file: 'core/raft/raft.ts',
        find: '  if (message.term > turn.term) {\n',
        replace: '  const last = turn.role\n  if (message.term > turn.term) {\n',
      },
    ],
    story: 'A leader that steps down sends once more, its old entries under the new term.',
    source: 'https://issues.apache.org/jira/browse/RATIS-2154',
    killedBy: { seed: 1, oracle: 'only its leader speaks in a term' },
  },
  {
    id: 'C28b',
    file: 'core/raft/election.ts',
    find: '  endTransfer(turn, isLater)\n',
    replace: `  endTransfer(turn, isLater)
      if (turn.commit < turn.log.lastIndex && isLater) {
        turn.log = truncate(turn.log, turn.commit)
        setMemberships(turn, turn.memberships.filter(({ index }) => index <= turn.commit))
        markDirty(turn, turn.commit + 1)
      }\n`,
    also: [
      {
        file: 'core/raft/election.ts',
        find: "import { append, entryAt, termAt } from './log.ts'",
        replace: `import { append, entryAt, termAt, truncate } from './log.ts'
        import { setMemberships } from './turn.ts'`,
      },
    ],
    story: 'Who becomes a follower drops all that is not committed, also what it acknowledged.',
    source: 'https://github.com/microsoft/CCF/issues/5674',
    killedBy: { seed: 1, oracle: 'committed entry never leaves a disk' },
  },
  {
    id: 'C29a',
    file: 'core/raft/quorum.ts',
    find: 'Math.min(value, majorityValue(outgoing, valueOf))',
    replace: 'majorityValue(outgoing, valueOf)',
    story: 'In joint consensus the old configuration alone decides what is committed.',
    source: 'https://github.com/databendlabs/openraft/commit/6c0ccaf3',
    killedBy: { seed: 1, oracle: 'committed is durable on a quorum' },
  },
  {
    id: 'C29b',
    file: 'core/raft/leader.ts',
    find: '  markDirty(turn, turn.log.lastIndex)\n',
    replace: `  markDirty(turn, turn.log.lastIndex)
      if (isQuorum(turn.membership, (voter) => voter === turn.config.node)) {
        role.uncommittedBytes = 0
        turn.commit = turn.log.lastIndex
      }\n`,
    story: 'A single voter commits at once what it appends, also what makes it one of many.',
    source: 'https://github.com/databendlabs/openraft/commit/a5064712',
    killedBy: { seed: 1, oracle: 'committed is durable on a quorum' },
  },
]
