// Elections: PreVote, votes, and the change of roles. Ref: Raft 5.2, 5.4.1; thesis 4.2.3 (votes
// withheld while a leader is heard), 6.2 (a leader without a majority steps down), 9.6 (PreVote).

import { invariant } from '../invariant.ts'
import type { NodeId } from './config.ts'
import { append } from './log.ts'
import type { PreVoteReply, PreVoteRequest, VoteReply, VoteRequest } from './message.ts'
import { quorumSize } from './state.ts'
import type { Progress } from './state.ts'
import type { Turn } from './turn.ts'
import { drawElectionTimeoutMs, markDirty, send, sendPromise, trace } from './turn.ts'

const NO_PAYLOAD = new Uint8Array(0)

/** Becomes a follower of `term`, which is not below the present one. */
export function becomeFollower(turn: Turn, term: number, leader: NodeId | null): void {
  invariant(term >= turn.term, 'election: the term fell')
  if (term > turn.term) {
    turn.term = term
    turn.vote = null
    turn.hardStateChanged = true
  }
  turn.role = { role: 'follower', leader }
  turn.electionAtMs = turn.now + drawElectionTimeoutMs(turn)
  trace(turn, { type: 'becameFollower', term, leader })
}

/** The election timeout passed: asks for pre-votes, without touching the term. */
export function startElection(turn: Turn): void {
  turn.electionAtMs = turn.now + drawElectionTimeoutMs(turn)
  turn.role = { role: 'precandidate', votes: [] }
  trace(turn, { type: 'becamePrecandidate', term: turn.term })
  const { lastIndex, lastTerm } = turn.log
  const message = { type: 'preVoteRequest', term: turn.term + 1, lastIndex, lastTerm } as const
  for (const peer of turn.config.voters) if (peer !== turn.config.node) send(turn, peer, message)
  if (quorumSize(turn.config.voters.length) === 1) becomeCandidate(turn)
}

/** Answers whether we would vote. It changes nothing here, not even a timer. */
export function onPreVoteRequest(turn: Turn, from: NodeId, request: PreVoteRequest): void {
  const granted =
    request.term > turn.term && !withholdsVotes(turn) && isUpToDate(turn, request)
  const term = granted ? request.term : turn.term
  send(turn, from, { type: 'preVoteReply', term, granted })
}

/** Counts each peer that would vote for us once; with a majority, stands for election. */
export function onPreVoteReply(turn: Turn, from: NodeId, reply: PreVoteReply): void {
  const { role } = turn
  if (role.role !== 'precandidate' || !reply.granted || reply.term !== turn.term + 1) return
  if (role.votes.includes(from)) return
  const votes = [...role.votes, from]
  turn.role = { role: 'precandidate', votes }
  if (votes.length + 1 >= quorumSize(turn.config.voters.length)) becomeCandidate(turn)
}

/** Grants at most one vote a term, to a log that is at least as up to date. The term is ours. */
export function onVoteRequest(turn: Turn, from: NodeId, request: VoteRequest): void {
  const { role } = turn
  const free = role.role === 'follower' || role.role === 'precandidate'
  const unbound = turn.vote === null || turn.vote === from
  const granted = free && unbound && isUpToDate(turn, request)
  if (granted) {
    if (turn.vote === null) {
      turn.vote = from
      turn.hardStateChanged = true
    }
    if (role.role === 'precandidate') becomeFollower(turn, turn.term, null)
    turn.electionAtMs = turn.now + drawElectionTimeoutMs(turn)
  }
  sendPromise(turn, from, { type: 'voteReply', term: turn.term, granted })
}

/** Counts each voter once; with a majority, leads. */
export function onVoteReply(turn: Turn, from: NodeId, reply: VoteReply): void {
  if (reply.granted) countVote(turn, from)
}

/** Our own vote counts once it is durable; only now can others have been asked for theirs. */
export function onVoteDurable(turn: Turn): void {
  turn.electionAtMs = turn.now + drawElectionTimeoutMs(turn)
  countVote(turn, turn.config.node)
}

/**
 * Whether votes and pre-votes are withheld: we lead, heard a leader less than a base election
 * timeout ago, or started as short a time ago (and may have heard one before).
 */
export function withholdsVotes(turn: Turn): boolean {
  const { role, now, heardAtMs, config } = turn
  return role.role === 'leader' || now - heardAtMs < config.electionTimeoutMs
}

function countVote(turn: Turn, voter: NodeId): void {
  const { role } = turn
  if (role.role !== 'candidate') return
  if (role.votes.includes(voter)) return
  const votes = [...role.votes, voter]
  turn.role = { role: 'candidate', votes, votePersistId: role.votePersistId }
  if (votes.length >= quorumSize(turn.config.voters.length)) becomeLeader(turn)
}

function becomeCandidate(turn: Turn): void {
  const { node, voters } = turn.config
  turn.term += 1
  turn.vote = node
  turn.hardStateChanged = true
  turn.role = { role: 'candidate', votes: [], votePersistId: turn.nextPersistId }
  turn.electionAtMs = turn.now + drawElectionTimeoutMs(turn)
  trace(turn, { type: 'becameCandidate', term: turn.term })
  const { lastIndex, lastTerm } = turn.log
  const message = { type: 'voteRequest', term: turn.term, lastIndex, lastTerm } as const
  for (const peer of voters) if (peer !== node) sendPromise(turn, peer, message)
}

/** Opens its term with a `noop`, whose commit commits all that came before (Raft 5.4.2, 8). */
function becomeLeader(turn: Turn): void {
  const { config, log } = turn
  const progress: Progress[] = []
  for (const peer of config.voters) {
    if (peer === config.node) continue
    const nextIndex = log.lastIndex + 1
    progress.push({ peer, mode: 'probe', nextIndex, matchIndex: 0, paused: false, heard: true })
  }
  const durableIndex = turn.pending.length === 0 ? log.lastIndex : 0
  turn.role = { role: 'leader', progress, durableIndex, clockStartMs: log.lastStampMs }
  turn.leadSinceMs = turn.now
  turn.heartbeatAtMs = turn.now + config.heartbeatIntervalMs
  turn.quorumAtMs = turn.now + config.electionTimeoutMs
  trace(turn, { type: 'becameLeader', term: turn.term, lastIndex: log.lastIndex })
  const stampMs = log.lastStampMs
  turn.log = append(log, { term: turn.term, stampMs, kind: 'noop', payload: NO_PAYLOAD })
  markDirty(turn, turn.log.lastIndex)
}

/** Raft 5.4.1: the later last term wins; with equal ones the longer log. */
function isUpToDate(turn: Turn, request: VoteRequest | PreVoteRequest): boolean {
  const { lastTerm, lastIndex } = turn.log
  if (request.lastTerm !== lastTerm) return request.lastTerm > lastTerm
  return request.lastIndex >= lastIndex
}
