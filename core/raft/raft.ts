// One turn of the consensus: events in, deadlines checked, one persist and one message a peer out.
// It knows nothing of the state machine.

import type { RaftEffect } from '../effect.ts'
import type { Event } from '../event.ts'
import { unreachable } from '../invariant.ts'
import type { NodeId } from './config.ts'
import {
  becomeFollower,
  onPreVoteReply,
  onPreVoteRequest,
  onVoteDurable,
  onVoteReply,
  onVoteRequest,
  startElection,
  withholdsVotes,
} from './election.ts'
import { onAppendRequest } from './follower.ts'
import { checkQuorum, sendAppends } from './leader.ts'
import { onAppendAccepted, onAppendRejected, onOwnDurable } from './leader.ts'
import type { Message } from './message.ts'
import type { PendingPersist, RaftState } from './state.ts'
import type { Turn } from './turn.ts'
import { closeTurn, drawElectionTimeoutMs, flushPersist, sendPromise } from './turn.ts'

/** An event that the consensus handles; requests are the replica's. */
export type RaftEvent = Exclude<Event, { readonly type: 'request' }>

/** Handles one event within a turn. */
export function handleEvent(turn: Turn, event: RaftEvent): void {
  switch (event.type) {
    case 'received':
      return receive(turn, event.from, event.message)
    case 'persisted':
      return onPersisted(turn, event.id)
    case 'timerFired':
      if (event.timer === 'election') turn.electionAtMs = turn.now
      else if (event.timer === 'heartbeat') turn.heartbeatAtMs = turn.now
      else if (event.timer === 'quorum') turn.quorumAtMs = turn.now
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
  if (now >= turn.quorumAtMs) checkQuorum(turn, role)
  if (now >= turn.heartbeatAtMs) {
    turn.heartbeatDue = true
    turn.heartbeatAtMs = now + turn.config.heartbeatIntervalMs
  }
}

/** Ends a turn: what to send, what to persist, and the state after it. */
export function finishTurn(turn: Turn): readonly [RaftState, RaftEffect[]] {
  if (turn.role.role === 'leader') sendAppends(turn, turn.role)
  flushPersist(turn)
  return [closeTurn(turn), turn.effects]
}

function receive(turn: Turn, from: NodeId, message: Message): void {
  if (from === turn.config.node || !turn.config.voters.includes(from)) return
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
    default:
      return unreachable(message)
  }
}

/**
 * The rules of terms for all roles (Raft 5.1): a higher term makes us its follower, a lower one is
 * answered with ours and dropped. True when the message is to be handled.
 */
function acceptTerm(turn: Turn, from: NodeId, message: Message): boolean {
  // Pre-votes speak of terms that nobody is in yet: they move no term.
  if (message.type === 'preVoteRequest') return true
  if (message.type === 'preVoteReply' && message.granted) return true
  if (message.type === 'voteRequest' && message.term >= turn.term && withholdsVotes(turn)) {
    return false
  }
  if (message.term > turn.term) {
    becomeFollower(turn, message.term, message.type === 'appendRequest' ? from : null)
    return true
  }
  if (message.term === turn.term) return true
  const { term } = turn
  if (message.type === 'voteRequest') {
    sendPromise(turn, from, { type: 'voteReply', term, granted: false })
  } else if (message.type === 'appendRequest') {
    // It tells a leader of old our term, and must not pass for the answer to one of its new probes.
    const nothing = { prevIndex: 0, hintIndex: 0, hintTerm: 0 } as const
    sendPromise(turn, from, { type: 'appendRejected', term, ...nothing })
  }
  return false
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
  const { role } = turn
  if (role.role === 'candidate' && role.votePersistId <= id) onVoteDurable(turn)
  onOwnDurable(turn, last)
}
