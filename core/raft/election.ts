// Elections: PreVote, votes, and the change of roles. Ref: Raft 5.2, 5.4.1; thesis 3.10 (transfer),
// 4.2.3 (votes withheld while a leader is heard), 9.6 (PreVote).

import { invariant } from '../invariant.ts'
import type { NodeId } from './config.ts'
import { append, entryAt, termAt } from './log.ts'
import { isVoter, membersOf } from './membership.ts'
import type { PreVoteReply, PreVoteRequest, VoteReply, VoteRequest } from './message.ts'
import { newProgress } from './progress.ts'
import { isQuorum } from './quorum.ts'
import type { LoggedMembership } from './state.ts'
import type { Turn } from './turn.ts'
import { drawElectionTimeoutMs, knownLeader, markDirty, send, sendPromise, trace } from './turn.ts'

const NO_PAYLOAD = new Uint8Array(0)

/** Becomes a follower of `term`, which is not below the present one. */
export function becomeFollower(turn: Turn, term: number, leader: NodeId | null): void {
  invariant(term >= turn.term, 'election: the term fell')
  const isLater = term > turn.term
  const isNews = leader !== knownLeader(turn) || (isLater && leader !== null)
  endTransfer(turn, isLater)
  if (isLater) {
    turn.term = term
    turn.heardRound = -1
    turn.vote = null
    turn.hardStateChanged = true
  }
  turn.role = { role: 'follower', leader }
  turn.electionAtMs = turn.now + drawElectionTimeoutMs(turn)
  trace(turn, { type: 'becameFollower', term })
  if (isNews) trace(turn, { type: 'leaderChanged', term, leader })
}

/** The election timeout passed: asks for pre-votes, if our own log says that we vote. */
export function startElection(turn: Turn): void {
  turn.electionAtMs = turn.now + drawElectionTimeoutMs(turn)
  leaveLeader(turn)
  if (canStand(turn)) askForPreVotes(turn)
}

/** Asks whether an election could be won, without touching the term. */
function askForPreVotes(turn: Turn): void {
  const { node } = turn.config
  leaveLeader(turn)
  turn.role = { role: 'precandidate', votes: [node] }
  trace(turn, { type: 'becamePrecandidate', term: turn.term })
  const { lastIndex, lastTerm } = turn.log
  const message = { type: 'preVoteRequest', term: turn.term + 1, lastIndex, lastTerm } as const
  for (const peer of otherVoters(turn)) send(turn, peer, message)
  if (isQuorum(turn.membership, (voter) => voter === node)) becomeCandidate(turn, false)
}

/** Whether we may stand: our log is all that we ever acknowledged, and says that we vote. */
export function canStand({ membership, config, damage }: Turn): boolean {
  return damage === null && isVoter(membership, config.node)
}

/** Stands for election at once. `transfer`: since the leader asked for it. */
export function becomeCandidate(turn: Turn, transfer: boolean): void {
  const { node } = turn.config
  leaveLeader(turn)
  turn.term += 1
  turn.heardRound = -1
  turn.vote = node
  turn.hardStateChanged = true
  turn.role = { role: 'candidate', votes: [], votePersistId: turn.nextPersistId }
  turn.electionAtMs = turn.now + drawElectionTimeoutMs(turn)
  const { term } = turn
  trace(turn, { type: 'becameCandidate', term })
  const { lastIndex, lastTerm } = turn.log
  const message = { type: 'voteRequest', term, lastIndex, lastTerm, transfer } as const
  for (const peer of otherVoters(turn)) sendPromise(turn, peer, message)
}

/**
 * Answers whether we would vote. It changes no timer.
 *
 * Whoever asks counts us among the voters. When its log is not worthy of our vote, and by our own
 * log we do not vote, it may be that neither can go on without the other: our log ends with a
 * removal of ours that is not committed, or we learned what no voter that is left has. Then we must
 * win, to pass on what we have (thesis 4.2.2). Not so when it lacks the committed entry that leaves
 * us out: those who vote by that entry go on without us both.
 */
export function onPreVoteRequest(turn: Turn, from: NodeId, request: PreVoteRequest): void {
  const isFree = request.term > turn.term && turn.damage === null && !withholdsVotes(turn)
  const granted = isFree && isUpToDate(turn, request)
  const term = granted ? request.term : turn.term
  send(turn, from, { type: 'preVoteReply', term, granted })
  if (!isFree || granted || isVoter(turn.membership, turn.config.node)) return
  if (!lacksMembers(turn, request)) askForPreVotes(turn)
}

/** Whether our members are committed, and a log that ends like this does not have their entry. */
function lacksMembers(turn: Turn, { lastTerm, lastIndex }: PreVoteRequest): boolean {
  const { index } = turn.memberships.at(-1) as LoggedMembership
  return index <= turn.commit && (lastIndex < index || lastTerm < termAt(turn.log, index))
}

/** Counts each peer that would vote for us once; with a majority, stands for election. */
export function onPreVoteReply(turn: Turn, from: NodeId, reply: PreVoteReply): void {
  const { role } = turn
  if (role.role !== 'precandidate' || !reply.granted || reply.term !== turn.term + 1) return
  if (role.votes.includes(from)) return
  const votes = [...role.votes, from]
  role.votes = votes
  if (isQuorum(turn.membership, (voter) => votes.includes(voter))) becomeCandidate(turn, false)
}

/**
 * Grants at most one vote a term, to a log that is at least as up to date. The term is ours.
 * Whether we are a voter is for the candidate's log to say: ours may lack our promotion.
 */
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

/** An operator says that the leader is gone. Leases rest on our waiting: with them we wait. */
export function forgetLeader(turn: Turn): void {
  const { role, config } = turn
  if (role.role !== 'follower' || config.leaseReads) return
  turn.heardAtMs = turn.now - config.electionTimeoutMs
  leaveLeader(turn)
}

function countVote(turn: Turn, voter: NodeId): void {
  const { role } = turn
  if (role.role !== 'candidate' || role.votes.includes(voter)) return
  const votes = [...role.votes, voter]
  role.votes = votes
  if (isQuorum(turn.membership, (node) => votes.includes(node))) becomeLeader(turn)
}

/** Opens its term with a `noop`, whose commit commits all that came before (Raft 5.4.2, 8). */
function becomeLeader(turn: Turn): void {
  const { config, log, term, now } = turn
  const peers = membersOf(turn.membership).filter((member) => member !== config.node)
  let uncommittedBytes = 0
  for (let index = turn.commit + 1; index <= log.lastIndex; index++) {
    uncommittedBytes += entryAt(log, index).payload.length
  }
  turn.role = {
    role: 'leader',
    progress: peers.map((peer) => newProgress(peer, log.lastIndex + 1)),
    durableIndex: turn.pending.length === 0 ? log.lastIndex : 0,
    clockStartMs: log.lastStampMs,
    uncommittedBytes,
    round: 0,
    reads: [],
    leaseRound: 0,
    hasSentTimeoutNow: false,
    transfer: null,
  }
  turn.leadSinceMs = now
  turn.heartbeatAtMs = now + config.heartbeatIntervalMs
  turn.quorumAtMs = now + config.electionTimeoutMs
  turn.leaseUntilMs = now
  trace(turn, { type: 'becameLeader', term, lastIndex: log.lastIndex })
  trace(turn, { type: 'leaderChanged', term, leader: config.node })
  const stampMs = log.lastStampMs
  turn.log = append(log, { term, stampMs, kind: 'noop', payload: NO_PAYLOAD })
  markDirty(turn, turn.log.lastIndex)
}

/** A follower knows of no leader any more: nothing is asked of the one that it followed. */
function leaveLeader(turn: Turn): void {
  const { role, term } = turn
  invariant(role.role !== 'leader', 'election: a leader stands for election')
  if (role.role !== 'follower' || role.leader === null) return
  role.leader = null
  trace(turn, { type: 'leaderChanged', term, leader: null })
}

/** A leader that goes takes a transfer with it. A later term is not yet a later leader. */
function endTransfer(turn: Turn, isLater: boolean): void {
  const { role } = turn
  if (role.role !== 'leader' || role.transfer === null) return
  const { transfer } = role
  if (isLater) turn.handedOver = transfer
  else turn.answers.push({ request: transfer.request, outcome: { type: 'unknown' } })
}

function otherVoters(turn: Turn): readonly NodeId[] {
  const { membership, config } = turn
  return membersOf(membership).filter((member) => {
    return member !== config.node && isVoter(membership, member)
  })
}

/** Raft 5.4.1: the later last term wins; with equal ones the longer log. */
function isUpToDate(turn: Turn, request: VoteRequest | PreVoteRequest): boolean {
  const { lastTerm, lastIndex } = turn.log
  if (request.lastTerm !== lastTerm) return request.lastTerm > lastTerm
  return request.lastIndex >= lastIndex
}
