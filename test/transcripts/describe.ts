// How effects, messages, entries and states read in a transcript: one line each, always the same
// for the same data. It decides nothing.

import type { Effect, Outcome, Persist, TraceEvent } from '../../core/effect.ts'
import { unreachable } from '../../core/invariant.ts'
import type { NodeId } from '../../core/raft/config.ts'
import { decodeMembership } from '../../core/raft/membership.ts'
import type { Membership } from '../../core/raft/membership.ts'
import type { Entry, Message } from '../../core/raft/message.ts'
import type { PeerStatus, ReplicaStatus } from '../../core/status.ts'
import { decodeText } from './text-machine.ts'
import type { Nothing } from './text-machine.ts'

/** More alike entries in a row than this are told as a range. */
const RUN_MAX = 8
/** Ids of what is asked of a leader start anew, from a multiple of this, in each life. */
const ASKED_IDS = 2 ** 20

/** The short names of messages, as commands and output call them. */
export const MESSAGE_NAMES: Readonly<Record<Message['type'], string>> = {
  preVoteRequest: 'preVote',
  preVoteReply: 'preVoteReply',
  voteRequest: 'vote',
  voteReply: 'voteReply',
  appendRequest: 'append',
  appendAccepted: 'accepted',
  appendRejected: 'rejected',
  snapshotRequest: 'snapshot',
  snapshotReply: 'snapshotReply',
  timeoutNow: 'timeoutNow',
  readRequest: 'read',
  readReply: 'readReply',
  forwardRequest: 'forward',
  forwardReply: 'forwardReply',
}

/** The name of a message; an append without entries is a heartbeat. */
export function nameOf(message: Message): string {
  const isHeartbeat = message.type === 'appendRequest' && message.entries.length === 0
  return isHeartbeat ? 'heartbeat' : MESSAGE_NAMES[message.type]
}

/** A message: from whom to whom, its kind, its term, and what that kind says. */
export function describeMessage(from: NodeId, to: NodeId, message: Message): string {
  return `${from}→${to} ${nameOf(message)} term ${message.term}${contentOf(message)}`
}

function contentOf(message: Message): string {
  switch (message.type) {
    case 'preVoteRequest':
      return ` last ${message.lastIndex}/${message.lastTerm}`
    case 'voteRequest': {
      const why = message.transfer ? ' by transfer' : ''
      return ` last ${message.lastIndex}/${message.lastTerm}${why}`
    }
    case 'preVoteReply':
    case 'voteReply':
      return message.granted ? ' yes' : ' no'
    case 'appendRequest': {
      const { prevIndex, prevTerm, commit, round, entries } = message
      const said = ` prev ${prevIndex}/${prevTerm} commit ${commit} round ${round}`
      return entries.length === 0 ? said : `${said} [${describeEntries(prevIndex + 1, entries)}]`
    }
    case 'appendAccepted':
      return ` match ${message.matchIndex} round ${message.round}`
    case 'appendRejected': {
      const { prevIndex, hintIndex, hintTerm, round } = message
      return ` prev ${prevIndex} hint ${hintIndex}/${hintTerm} round ${round}`
    }
    case 'snapshotRequest': {
      const { snapshot, offset, bytes, round } = message
      const range = `bytes ${offset}..${offset + bytes.length} of ${snapshot.bytesCount}`
      const members = describeMembership(snapshot.membership)
      return ` ${snapshot.index}/${snapshot.term} ${members} ${range} round ${round}`
    }
    case 'snapshotReply':
      return ` ${message.index} wants ${message.offset} round ${message.round}`
    case 'timeoutNow':
      return ''
    case 'readRequest':
      return ` #${message.id % ASKED_IDS}`
    case 'readReply':
      return ` #${message.id % ASKED_IDS} index ${message.index}`
    case 'forwardRequest':
      return ` #${message.id % ASKED_IDS} "${decodeText(message.payload)}"`
    case 'forwardReply': {
      const { outcome } = message
      const decoded =
        outcome.type === 'done' ? { ...outcome, reply: decodeText(outcome.reply) } : outcome
      return ` #${message.id % ASKED_IDS} ${describeOutcome(decoded)}`
    }
    default:
      return unreachable(message)
  }
}

/** Entries from `first` on: `4/2 "x"`; long runs of commands of one term as `4..20/2`. */
export function describeEntries(first: number, entries: readonly Entry[]): string {
  const said: string[] = []
  for (let at = 0; at < entries.length; ) {
    const entry = entries[at] as Entry
    let end = at
    while (isLike(entry, entries[end])) end++
    if (end - at > RUN_MAX) {
      said.push(`${first + at}..${first + end - 1}/${entry.term}`)
      at = end
    } else {
      said.push(describeEntry(first + at, entry))
      at++
    }
  }
  return said.join(', ')
}

function isLike(a: Entry, b: Entry | undefined): boolean {
  return b !== undefined && a.kind === 'command' && b.kind === a.kind && a.term === b.term
}

function describeEntry(index: number, { term, kind, payload }: Entry): string {
  const at = `${index}/${term}`
  if (kind === 'noop') return `${at} noop`
  if (kind === 'command') return `${at} "${decodeText(payload)}"`
  return `${at} ${describeMembership(decodeMembership(payload) as Membership)}`
}

/** Members in one line. */
export function describeMembership(membership: Membership): string {
  const { voters, outgoing, learners, autoLeave } = membership
  let said = `voters ${voters.join(' ')}`
  if (outgoing !== null) said += ` outgoing ${outgoing.join(' ')}`
  if (learners.length > 0) said += ` learners ${learners.join(' ')}`
  if (outgoing !== null) said += autoLeave ? ' auto' : ' explicit'
  return said
}

/** How a request ended. */
export function describeOutcome(outcome: Outcome<string | null>): string {
  switch (outcome.type) {
    case 'done':
      return `done at ${outcome.index}: "${outcome.reply}"`
    case 'changed':
      return `changed at ${outcome.index}`
    case 'notLeader':
      return outcome.leader === null ? 'notLeader' : `notLeader, ask ${outcome.leader}`
    case 'refused':
      return `refused, ${outcome.reason}`
    case 'transferred':
    case 'malformed':
    case 'forbidden':
    case 'tooLarge':
    case 'overloaded':
    case 'unknown':
      return outcome.type
    default:
      return unreachable(outcome)
  }
}

/** A write, as it is issued. */
export function describePersist(persist: Persist): string {
  const { id, hardState, checkpoint, firstIndex, entries, logChanged } = persist
  let said = `persist #${id}`
  if (hardState !== null) said += ` term ${hardState.term} vote ${hardState.vote ?? 'none'}`
  if (checkpoint !== null) {
    said += ` snapshot ${checkpoint.snapshot.index}/${checkpoint.snapshot.term}`
    said += ` base ${checkpoint.base.index}`
  }
  const lastIndex = firstIndex + entries.length - 1
  if (entries.length > 0) said += ` entries ${firstIndex}..${lastIndex}`
  else if (logChanged) said += ' no entries'
  return said
}

/** One effect of a turn of `node`, or null for what the driver tells in its own way. */
export function describeEffect(
  node: NodeId,
  effect: Effect<string, Nothing>,
  askedOf: (request: number) => string,
): string {
  switch (effect.type) {
    case 'persist':
      return `${node} ${describePersist(effect)}`
    case 'send':
      return `send ${describeMessage(node, effect.to, effect.message)}`
    case 'sendAfter': {
      const said = describeMessage(node, effect.to, effect.message)
      return `after #${effect.after}: send ${said}`
    }
    case 'reply':
      return `${node} reply to ${askedOf(effect.request)}: ${describeOutcome(effect.outcome)}`
    case 'applied':
      return `${node} applied ${effect.index}/${effect.term}`
    case 'takeSnapshot':
      return `${node} wants a snapshot at ${effect.index}`
    case 'trace':
      return `${node} ${describeTrace(effect.trace)}`
    default:
      return unreachable(effect)
  }
}

function describeTrace(trace: TraceEvent): string {
  switch (trace.type) {
    case 'becameFollower':
      return `becomes follower, term ${trace.term}`
    case 'becamePrecandidate':
      return `becomes precandidate, term ${trace.term}`
    case 'becameCandidate':
      return `becomes candidate, term ${trace.term}`
    case 'becameLeader':
      return `becomes leader, term ${trace.term}, log ends at ${trace.lastIndex}`
    case 'leaderChanged':
      return trace.leader === null ? 'knows no leader' : `takes ${trace.leader} for the leader`
    case 'truncated':
      return `drops entries ${trace.fromIndex}..${trace.toIndex}`
    case 'quorumLost':
      return 'has lost its quorum'
    case 'diskStalled':
      return 'has a stalled disk'
    case 'removed':
      return 'is removed'
    case 'membershipChanged':
      return `members from ${trace.index}: ${describeMembership(trace.membership)}`
    case 'snapshotTaken':
      return `has a snapshot at ${trace.index}, log base ${trace.baseIndex}`
    case 'snapshotInstalled':
      return `installs the snapshot at ${trace.index}`
    case 'repaired':
      return `is repaired up to ${trace.lastIndex}`
    case 'transferStarted':
      return `transfers to ${trace.to}`
    case 'transferTimedOut':
      return `gives up the transfer to ${trace.to}`
    case 'refused':
      return `refuses a message of ${trace.from}, ${trace.reason}`
    default:
      return unreachable(trace)
  }
}

/** What `status N` prints. */
export function describeStatus(status: ReplicaStatus): string[] {
  const { node, role, term, leader, commitIndex, appliedIndex, lastIndex } = status
  const lines = [
    `${node} ${role} term ${term} leader ${leader ?? 'unknown'}`,
    `  commit ${commitIndex} applied ${appliedIndex} last ${lastIndex}` +
      ` snapshot ${status.snapshotIndex} base ${status.baseIndex}`,
    `  members from ${status.membershipIndex}: ${describeMembership(status.membership)}`,
  ]
  const { pendingPersists, transferTo } = status
  if (pendingPersists.length > 0) {
    lines.push(`  pending ${pendingPersists.map((id) => `#${id}`).join(' ')}`)
  }
  if (transferTo !== null) lines.push(`  transfers to ${transferTo}`)
  return [...lines, ...status.peers.map(describePeer)]
}

function describePeer(peer: PeerStatus): string {
  const { mode, matchIndex, nextIndex, inFlightMessages, inFlightBytes, snapshot } = peer
  let said = `  ${peer.peer} ${mode} match ${matchIndex} next ${nextIndex}`
  if (inFlightMessages > 0) said += ` in flight ${inFlightMessages} (${inFlightBytes} bytes)`
  if (snapshot !== null) {
    said += ` snapshot ${snapshot.index} at ${snapshot.offset} of ${snapshot.bytesCount}`
  }
  if (peer.isPaused) said += ' paused'
  if (!peer.isHeard) said += ' unheard'
  return peer.isVoter ? said : `${said} learner`
}
