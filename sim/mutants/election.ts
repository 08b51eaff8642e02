// Mistakes of elections, terms and votes.

import type { Mutant } from './mutant.ts'

/** Bugs of elections. */
export const ELECTION_MUTANTS: readonly Mutant[] = [
  {
    id: 'E2',
    file: 'core/raft/election.ts',
    find: "if (role.role !== 'candidate' || role.votes.includes(voter)) return",
    replace: `if (role.role !== 'candidate') return
      const { voters, outgoing } = turn.membership
      const most = Math.max(voters.length, outgoing?.length ?? 0)
      if ((role.votes.length + 1) * 2 > most) return becomeLeader(turn)`,
    story: 'A candidate counts vote messages, so a vote that arrives twice counts as two voters.',
    source: 'https://github.com/unshiftio/liferaft/blob/5a6139e/index.js#L267',
    killedBy: { seed: 2, oracle: 'election quorum' },
  },
  {
    id: 'E3a',
    file: 'core/raft/turn.ts',
    find: 'const { log, term, vote, snapshot, checkpointDue } = turn',
    replace: 'const { log, snapshot, checkpointDue } = turn, term = 0, vote = null',
    story: 'Term and vote live in memory only, so a node that restarts votes again in a term.',
    source: 'https://github.com/unshiftio/liferaft/blob/5a6139e/index.js',
    killedBy: { seed: 1, oracle: 'promises are durable' },
  },
  {
    id: 'E3b',
    file: 'core/raft/turn.ts',
    find: 'const { log, term, vote, snapshot, checkpointDue } = turn',
    replace: 'const { log, term, snapshot, checkpointDue } = turn, vote = null',
    story: 'The term is written without the vote, so a node that restarts votes again in it.',
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
    id: 'E6',
    file: 'core/raft/election.ts',
    find: 'const unbound = turn.vote === null || turn.vote === from',
    replace: `if (!Number(turn.vote)) turn.vote = null
      const unbound = turn.vote === null || turn.vote === from`,
    story: 'A vote for node 0 passes for no vote, so its voter votes again in the same term.',
    source: 'https://github.com/willemt/raft/commit/fe60545',
    killedBy: { seed: 10, oracle: 'term and vote monotone' },
  },
  {
    id: 'E7a',
    file: 'core/raft/follower.ts',
    find: '  turn.heardAtMs = turn.now\n',
    replace: `  turn.heardAtMs = turn.now
      if (turn.vote !== from) turn.hardStateChanged = true
      turn.vote = from\n`,
    story: 'Whoever hears a leader notes it as the one it voted for, over the vote that it gave.',
    source: 'https://github.com/willemt/raft/commit/bdabd1d',
    killedBy: { seed: 1, oracle: 'term and vote monotone' },
  },
  {
    id: 'E7b',
    file: 'core/raft/election.ts',
    find: 'turn.vote = null',
    replace: 'turn.vote = by',
    also: [
      {
        file: 'core/raft/election.ts',
        find: 'becomeFollower(turn: Turn, term: number, leader: NodeId | null): void {',
        replace: `becomeFollower(
          turn: Turn,
          term: number,
          leader: NodeId | null,
          by: NodeId | null = leader,
        ): void {`,
      },
      {
        file: 'core/raft/raft.ts',
        find: 'isFromLeader(message) ? from : null)',
        replace: 'isFromLeader(message) ? from : null, from)',
      },
      {
        file: 'core/raft/election.ts',
        find: 'free && unbound && isUpToDate(turn, request)',
        replace: 'free && (turn.vote === from || (unbound && isUpToDate(turn, request)))',
      },
    ],
    story: 'A higher term is noted as a vote for its sender, whose log nobody has looked at.',
    source: 'https://github.com/databendlabs/openraft/commit/b06cbb37',
    killedBy: { seed: 10, oracle: 'votes go to logs that have all of ours' },
  },
  {
    id: 'E9',
    file: 'core/raft/election.ts',
    find: 'if (request.lastTerm !== lastTerm) return request.lastTerm > lastTerm',
    replace: 'if (request.lastTerm < lastTerm) return false',
    story: 'A log counts as up to date only when both its last term and its length are.',
    source: 'https://github.com/databendlabs/openraft/commit/a48a3282',
    killedBy: { seed: 11, oracle: 'votes are given when no leader is heard' },
  },
  {
    id: 'E10a',
    file: 'core/raft/raft.ts',
    find: '  if (message.term > turn.term) {\n',
    replace: `  if (message.term > turn.term && message.type === 'appendRequest') return true
  if (message.term > turn.term) {\n`,
    story: 'A follower takes entries of a higher term and stays in its own.',
    source: 'https://github.com/willemt/raft/pull/118',
    killedBy: { seed: 5, oracle: 'invariant' },
  },
  {
    id: 'E10b',
    file: 'core/raft/snapshot.ts',
    find: '  turn.snapshot = snapshot\n',
    replace: `  turn.snapshot = snapshot
      turn.term = term\n`,
    story: 'A follower that loads a snapshot goes back to the term of its last entry.',
    source: 'https://github.com/willemt/raft/pull/118',
    killedBy: { seed: 1, oracle: 'term and vote monotone' },
  },
  {
    id: 'E11',
    file: 'core/raft/election.ts',
    find: "const free = role.role === 'follower' || role.role === 'precandidate'",
    replace: `const free = true
      if (role.role === 'leader' || role.role === 'candidate') turn.vote = null`,
    story: 'A leader or candidate that is asked for a vote in its own term gives it.',
    source: 'https://github.com/daos-stack/raft/pull/70',
    killedBy: { seed: 14, oracle: 'term and vote monotone' },
  },
  {
    id: 'E13a',
    file: 'core/raft/election.ts',
    find: 'const term = granted ? request.term : turn.term',
    replace: 'const term = turn.term',
    also: [
      {
        file: 'core/raft/election.ts',
        find: '!reply.granted || reply.term !== turn.term + 1) return',
        replace: '!reply.granted || reply.term < turn.term) return',
      },
      {
        file: 'core/raft/election.ts',
        find: "  send(turn, from, { type: 'preVoteReply', term, granted })",
        replace: `  if (request.term > turn.term) {
          send(turn, from, { type: 'preVoteReply', term, granted })
        }`,
      },
    ],
    story: "Pre-votes and their requests are dropped when their sender's own term is lower.",
    source: 'https://github.com/etcd-io/etcd/pull/8243',
    killedBy: { seed: 1, oracle: 'nobody stands without pre-votes' },
  },
  {
    id: 'E13b',
    file: 'core/raft/election.ts',
    find: "  send(turn, from, { type: 'preVoteReply', term, granted })",
    replace: "  if (granted) send(turn, from, { type: 'preVoteReply', term, granted })",
    story: 'Pre-votes are not refused but ignored, so one that is behind never learns the term.',
    source: 'https://github.com/canonical/raft/issues/279',
    killedBy: { seed: 1, oracle: 'who is behind learns the term' },
  },
  {
    id: 'E15',
    file: 'core/raft/election.ts',
    find: "  turn.role = { role: 'precandidate', votes: [node] }\n",
    replace: `  turn.role = { role: 'precandidate', votes: [node] }
      turn.heardAtMs = turn.now\n`,
    story: 'Who asks for pre-votes keeps its old leader, and for its sake gives none to others.',
    source: 'https://github.com/tikv/raft-rs/pull/84',
    killedBy: { seed: 1, oracle: 'votes are given when no leader is heard' },
  },
  {
    id: 'E18',
    file: 'core/raft/election.ts',
    find: '  for (const peer of otherVoters(turn)) send(turn, peer, message)',
    replace: `  if (message.lastTerm >= 0) return becomeCandidate(turn, false)
      for (const peer of otherVoters(turn)) send(turn, peer, message)`,
    also: [
      {
        file: 'core/raft/raft.ts',
        find: 'if (withholdsVotes(turn) && !message.transfer) return false',
        replace: 'if (withholdsVotes(turn) && message.term < 0) return false',
      },
    ],
    story: 'Without pre-votes and withheld votes, a node that was cut off deposes the leader.',
    source: 'https://github.com/etcd-io/etcd/issues/12959',
    killedBy: { seed: 1, oracle: 'nobody stands without pre-votes' },
  },
  {
    id: 'E19',
    file: 'core/raft/election.ts',
    find: 'turn.damage === null && !withholdsVotes(turn)',
    replace: 'turn.damage === null',
    also: [
      {
        file: 'core/raft/raft.ts',
        find: 'if (withholdsVotes(turn) && !message.transfer) return false',
        replace: 'if (withholdsVotes(turn) && message.term < 0) return false',
      },
    ],
    story: 'Votes are not withheld, so a node that does not hear its leader deposes it forever.',
    source: 'https://blog.cloudflare.com/a-byzantine-failure-in-the-real-world/',
    killedBy: { seed: 1, oracle: 'votes are withheld while a leader is heard' },
  },
  {
    id: 'E21a',
    file: 'core/raft/raft.ts',
    find: 'if (withholdsVotes(turn) && !message.transfer) return false',
    replace: 'if (withholdsVotes(turn)) return false',
    story: 'Votes are withheld also from the successor that the leader itself has named.',
    source: 'https://github.com/baidu/braft/commit/3cfb1f1',
    killedBy: { seed: 1, oracle: 'a transfer after the heal' },
  },
  {
    id: 'E21b',
    file: 'core/raft/transfer.ts',
    find: '  becomeCandidate(turn, true)',
    replace: '  startElection(turn)',
    also: [
      {
        file: 'core/raft/transfer.ts',
        find: "import { becomeCandidate, canStand } from './election.ts'",
        replace: "import { canStand, startElection } from './election.ts'",
      },
    ],
    story: 'The successor that a leader has named asks for pre-votes, which its peers withhold.',
    source: 'https://github.com/lni/dragonboat/commit/1c7ebd3',
    killedBy: { seed: 1, oracle: 'a transfer after the heal' },
  },
  {
    id: 'E23a',
    file: 'core/raft/leader.ts',
    find: "if (role.transfer !== null) return { type: 'notLeader', leader: role.transfer.to }",
    replace: '',
    story: 'A leader takes commands while it hands over, and leaves its successor behind.',
    source: 'https://github.com/hashicorp/raft/pull/581',
    killedBy: { seed: 5, oracle: 'a leader that hands over takes nothing new' },
  },
  {
    id: 'E23b',
    file: 'core/raft/transfer.ts',
    find: '  role.transfer = null\n',
    replace: '  turn.transferAtMs = Number.MAX_SAFE_INTEGER\n',
    story: 'A transfer that failed is never over, and its leader takes no command any more.',
    source: 'https://github.com/hashicorp/raft/pull/493',
    killedBy: { seed: 13, oracle: 'one answer a request' },
  },
  {
    id: 'E24',
    file: 'core/raft/transfer.ts',
    find: "if (to === turn.config.node) return { type: 'transferred' }",
    replace: `if (to === turn.config.node) {
    turn.role = { role: 'follower', leader: null }
    trace(turn, { type: 'leaderChanged', term: turn.term, leader: null })
    becomeCandidate(turn, false)
    return { type: 'transferred' }
  }`,
    story: 'A leader that is asked to lead stands for election, against its own heartbeats.',
    source: 'https://github.com/databendlabs/openraft/commit/4490c678',
    killedBy: { seed: 5, oracle: 'nobody stands without pre-votes' },
  },
  {
    id: 'E26',
    file: 'core/raft/election.ts',
    find: '  if (canStand(turn)) askForPreVotes(turn)\n',
    replace: `  const { voters } = turn.membership
    const isZero = voters.length > 1 && voters.at(-1) === turn.config.node
    if (canStand(turn) && !isZero) askForPreVotes(turn)\n`,
    story: 'A node of priority zero never stands, also when nobody else is up to date.',
    source: 'https://github.com/eBay/NuRaft/commit/945261e',
    killedBy: { seed: 5, oracle: 'a leader after the heal' },
  },
  {
    id: 'E27a',
    file: 'core/raft/election.ts',
    find: '(voter) => voter === node)) becomeCandidate(turn, false)',
    replace: '(voter) => voter === node) && turn.term < 0) becomeCandidate(turn, false)',
    story: 'A single voter waits for the pre-votes of others, and never elects itself.',
    source: 'https://github.com/willemt/raft/commit/36adcc9',
    killedBy: { seed: 1, oracle: 'a leader after the heal' },
  },
  {
    id: 'E27b',
    file: 'core/raft/state.ts',
    find: 'snapshot?.membership ?? foundedBy(config.voters)',
    replace: `snapshot?.membership ??
    foundedBy(config.voters.includes(config.node) ? config.voters : [config.node])`,
    story: 'A fresh node that no members are known to elects itself.',
    source: 'https://github.com/baidu/braft/commit/755c275',
    killedBy: { seed: 2, oracle: 'one leader per term' },
  },
  {
    id: 'E28',
    file: 'core/raft/follower.ts',
    find: '  if (round <= turn.heardRound) return\n',
    replace: '',
    story: 'What a leader sent long ago, and comes late or again, says that it still leads.',
    source: 'https://github.com/etcd-io/raft/blob/main/raft.go',
    killedBy: { seed: 1, oracle: 'votes are given when no leader is heard' },
  },
]
