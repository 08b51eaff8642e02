// One turn of the consensus: events in, deadlines checked, one persist and one message a peer out.
// It knows nothing of the state machine.

import type { MessageProblem, RaftEffect } from '../effect.ts'
import type { Event, RequestEvent } from '../event.ts'
import { unreachable } from '../invariant.ts'
import type { NodeId } from './config.ts'
import {
  becomeFollower,
  forgetLeader,
  onPreVoteReply,
  onPreVoteRequest,
  onVoteDurable,
  onVoteReply,
  onVoteRequest,
  startElection,
  withholdsVotes,
} from './election.ts'
import { onAppendRequest } from './follower.ts'
import { checkQuorum, isRemoved, leaveJointConsensus } from './leader.ts'
import { onDiskStalled, onOwnDurable } from './leader.ts'
import { decodeMembership } from './membership.ts'
import type { AppendRequest, Message } from './message.ts'
import { confirmReads, measureLease, requestRead, startReads } from './reads.ts'
import { onAppendAccepted, onAppendRejected, onSnapshotReply, sendAppends } from './replication.ts'
import { dropUselessChunks, onSnapshotRequest } from './snapshot.ts'
import type { PendingPersist, RaftState } from './state.ts'
import { abortTransfer, onTimeoutNow } from './transfer.ts'
import type { Turn } from './turn.ts'
import {
  closeTurn,
  drawElectionTimeoutMs,
  flushPersist,
  refuse,
  sendPromise,
  trace,
} from './turn.ts'
import { decodeVersion, FIRST_VERSION } from './version.ts'

/** An event that the consensus handles; requests are the replica's. */
export type RaftEvent = Exclude<
  Event,
  RequestEvent | { readonly type: 'snapshotTaken' | 'snapshotWanted' }
>

/**
 * How many terms ahead of ours a message may be. Elections raise the term by one each: nobody is
 * ever so far ahead, and one that says so would use up the numbers that there are.
 */
const TERM_JUMP_MAX = 0x100000000

/** Handles one event within a turn. */
export function handleEvent(turn: Turn, event: RaftEvent): void {
  switch (event.type) {
    case 'received':
      return receive(turn, event.from, event.message)
    case 'persisted':
      return onPersisted(turn, event.id)
    case 'forgetLeader':
      return forgetLeader(turn)
    case 'timerFired':
      if (event.timer === 'election') turn.electionAtMs = turn.now
      else if (event.timer === 'heartbeat') turn.heartbeatAtMs = turn.now
      else if (event.timer === 'quorum') turn.quorumAtMs = turn.now
      else if (event.timer === 'disk') turn.diskAtMs = turn.now
      else if (event.timer === 'transfer') turn.transferAtMs = turn.now
      else if (event.timer === 'asked') turn.askedAtMs = turn.now
      return
    default:
      return unreachable(event)
  }
}

/** Does what the passed deadlines call for. */
export function checkDeadlines(turn: Turn): void {
  const { role, now } = turn
  if (role.role !== 'leader') {
    if (now < turn.electionAtMs) return
    // A disk slower than the timeout: another term would not make our own vote durable sooner.
    if (role.role === 'candidate' && !role.votes.includes(turn.config.node)) {
      turn.electionAtMs = now + drawElectionTimeoutMs(turn)
    } else startElection(turn)
    return
  }
  if (turn.pending.length > 0 && now >= turn.diskAtMs) return onDiskStalled(turn)
  if (role.transfer !== null && now >= turn.transferAtMs) abortTransfer(turn, role)
  if (now >= turn.heartbeatAtMs) {
    turn.heartbeatDue = true
    role.round++
    measureLease(turn, role)
  }
  if (now >= turn.quorumAtMs) checkQuorum(turn, role)
}

/** What a leader does once the events are handled: reads, and the ends of changes of members. */
export function settle(turn: Turn): void {
  leaveJointConsensus(turn)
  const { role } = turn
  if (role.role !== 'leader') return
  startReads(turn, role)
  confirmReads(turn, role)
  if (!isRemoved(turn)) return
  // The others learn of it with this: nobody else can tell them that it is committed.
  turn.heartbeatDue = true
  sendAppends(turn, role)
  trace(turn, { type: 'removed', term: turn.term })
  becomeFollower(turn, turn.term, null)
}

/** Ends a turn: what to send, what to persist, and the state after it. */
export function finishTurn(turn: Turn): readonly [RaftState, RaftEffect[]] {
  if (turn.role.role === 'leader') sendAppends(turn, turn.role)
  dropUselessChunks(turn)
  flushPersist(turn)
  return [closeTurn(turn), turn.effects]
}

function receive(turn: Turn, from: NodeId, message: Message): void {
  const problem = problemOf(turn, from, message)
  if (problem !== null) return refuse(turn, from, problem)
  if (!acceptTerm(turn, from, message)) return
  switch (message.type) {
    case 'preVoteRequest':
      return onPreVoteRequest(turn, from, message)
    case 'preVoteReply':
      return onPreVoteReply(turn, from, message)
    case 'voteRequest':
      return onVoteRequest(turn, from, message)
    case 'voteReply':
      return onVoteReply(turn, from, message)
    case 'appendRequest':
      return onAppendRequest(turn, from, message)
    case 'appendAccepted':
      return onAppendAccepted(turn, from, message)
    case 'appendRejected':
      return onAppendRejected(turn, from, message)
    case 'snapshotRequest':
      return onSnapshotRequest(turn, from, message)
    case 'snapshotReply':
      return onSnapshotReply(turn, from, message)
    case 'timeoutNow':
      return onTimeoutNow(turn)
    case 'readRequest':
      if (turn.role.role === 'leader') requestRead(turn, turn.role, message.id, from)
      return
    case 'readReply':
      turn.readable.push({ id: message.id, index: message.index })
      return
    case 'forwardRequest':
    case 'forwardReply':
      turn.forwarded.push({ from, message })
      return
    default:
      return unreachable(message)
  }
}

/** What no correct peer sends. Looked at before anything is changed. */
function problemOf(turn: Turn, from: NodeId, message: Message): MessageProblem | null {
  if (from === turn.config.node) return 'fromSelf'
  if (message.term > turn.term + TERM_JUMP_MAX) return 'termTooFar'
  if (message.type === 'appendRequest') return areGoodEntries(message) ? null : 'badEntries'
  if (message.type !== 'snapshotRequest') return null
  const { snapshot, offset, bytes, term } = message
  const isWithin = offset + bytes.length <= snapshot.bytesCount && snapshot.term <= term
  return isWithin && snapshot.version >= FIRST_VERSION ? null : 'badSnapshot'
}

/** Whether a leader of that term can have sent these. */
function areGoodEntries({ term, prevTerm, entries }: AppendRequest): boolean {
  let lastTerm = prevTerm
  let lastStampMs = 0
  for (const entry of entries) {
    if (entry.term < lastTerm || entry.stampMs < lastStampMs) return false
    if (entry.kind === 'membership' && decodeMembership(entry.payload) === null) return false
    if (entry.kind === 'version' && decodeVersion(entry.payload) === null) return false
    lastTerm = entry.term
    lastStampMs = entry.stampMs
  }
  return lastTerm <= term
}

/**
 * The rules of terms for all roles (Raft 5.1): a higher term makes us its follower, a lower one is
 * answered with ours and dropped. True when the message is to be handled.
 */
function acceptTerm(turn: Turn, from: NodeId, message: Message): boolean {
  // Pre-votes speak of terms that nobody is in yet: they move no term.
  if (message.type === 'preVoteRequest') return true
  if (message.type === 'preVoteReply' && message.granted) return true
  if (message.type === 'voteRequest' && message.term >= turn.term) {
    if (turn.damage !== null) return false
    // Unless it is the leader's own wish: it would have withheld for its own sake.
    if (withholdsVotes(turn) && !message.transfer) return false
  }
  if (message.term > turn.term) {
    becomeFollower(turn, message.term, isFromLeader(message) ? from : null)
    return true
  }
  if (message.term === turn.term) return true
  const { term } = turn
  if (message.type === 'voteRequest') {
    sendPromise(turn, from, { type: 'voteReply', term, granted: false })
  } else if (message.type === 'appendRequest' || message.type === 'snapshotRequest') {
    // It tells a leader of old our term, and must not pass for the answer to one of its new probes.
    const nothing = { prevIndex: 0, hintIndex: 0, hintTerm: 0, round: 0, damaged: false } as const
    sendPromise(turn, from, { type: 'appendRejected', term, ...nothing })
  }
  return false
}

/** Messages that only the leader of their term sends. */
function isFromLeader({ type }: Message): boolean {
  return type === 'appendRequest' || type === 'snapshotRequest' || type === 'timeoutNow'
}

/** Every persist up to `id` is durable. */
function onPersisted(turn: Turn, id: number): void {
  let last: PendingPersist | null = null
  let count = 0
  for (const pending of turn.pending) {
    if (pending.id > id) break
    last = pending
    count++
  }
  if (last === null) return
  turn.pending = turn.pending.slice(count)
  turn.diskAtMs = turn.now + turn.config.diskTimeoutMs
  const { role } = turn
  if (role.role === 'candidate' && role.votePersistId <= id) onVoteDurable(turn)
  onOwnDurable(turn, last)
}
