// What a leader decides: which commands it takes, what is committed, and when it must stop. Ref:
// Raft 5.3, 5.4.2; its own disk write in parallel, thesis 10.2.1; stepping down, thesis 6.2.

import type { Outcome } from '../effect.ts'
import { invariant } from '../invariant.ts'
import { becomeFollower } from './election.ts'
import { append, entryAt, termAt } from './log.ts'
import type { NodeId } from './config.ts'
import { isVoter, membersOf } from './membership.ts'
import type { Entry } from './message.ts'
import { newProgress, unheard } from './progress.ts'
import type { Progress } from './progress.ts'
import { isQuorum, quorumValue } from './quorum.ts'
import type { Leader, LoggedMembership, PendingPersist } from './state.ts'
import type { Editable, Turn } from './turn.ts'
import { hasCommittedInTerm, markDirty, setMemberships, trace } from './turn.ts'
import { encodeMembership } from './membership.ts'
import type { Membership } from './membership.ts'
import { encodeVersion } from './version.ts'

/** Why a leader does not take `payload` now, or null when it does. */
export function refusal(turn: Turn, payload: Uint8Array): Outcome<never> | null {
  const { role, config } = turn
  invariant(role.role === 'leader', 'leader: asked without leading')
  // Whoever is to lead must not be left behind by what comes meanwhile.
  if (role.transfer !== null) return { type: 'notLeader', leader: role.transfer.to }
  if (payload.length > config.entryBytesMax) return { type: 'tooLarge' }
  const { uncommittedBytes } = role
  const fits = uncommittedBytes + payload.length <= config.uncommittedBytesMax
  return fits || uncommittedBytes === 0 ? null : { type: 'overloaded' }
}

/** Appends a command; returns its index. Only for a leader. */
export function propose(turn: Turn, payload: Uint8Array): number {
  return appendOwn(turn, 'command', payload)
}

/** Appends a version of the machine's rules; returns the index. Only for a leader. */
export function proposeVersion(turn: Turn, version: number): number {
  return appendOwn(turn, 'version', encodeVersion(version))
}

/** Appends members, which are active from now on; returns the index. Only for a leader. */
export function proposeMembership(turn: Turn, membership: Membership): number {
  const index = appendOwn(turn, 'membership', encodeMembership(membership))
  setMemberships(turn, [...turn.memberships, { index, membership }])
  const role = turn.role as Editable<Leader>
  role.progress = membersOf(membership)
    .filter((member) => member !== turn.config.node)
    .map((peer) => progressOf(role, peer) ?? newProgress(peer, index))
  // Fewer may be needed now than before.
  advanceCommit(turn)
  return index
}

/** What is known of `peer`, if it gets the log. */
export function progressOf(role: Leader, peer: NodeId): Progress | null {
  for (const progress of role.progress) if (progress.peer === peer) return progress
  return null
}

/** Puts `progress` in the place of what was known of that peer. */
export function setProgress(role: Editable<Leader>, progress: Progress): void {
  const after = role.progress.slice()
  for (let at = 0; at < after.length; at++) {
    if ((after[at] as Progress).peer === progress.peer) after[at] = progress
  }
  role.progress = after
}

/** Our own disk holds what the log ended with when `persisted` was issued, if it still does. */
export function onOwnDurable(turn: Turn, persisted: PendingPersist): void {
  const { role } = turn
  if (role.role !== 'leader' || persisted.lastIndex <= role.durableIndex) return
  // The index may have been written anew since: only index and term together name an entry.
  if (termAt(turn.log, persisted.lastIndex) !== persisted.lastTerm) return
  role.durableIndex = persisted.lastIndex
  advanceCommit(turn)
}

/** Commits what a majority holds durably, if it is of our own term (Raft 5.4.2, Figure 8). */
export function advanceCommit(turn: Turn): void {
  const { role, log, config } = turn
  if (role.role !== 'leader') return
  const majority = quorumValue(turn.membership, (voter) => {
    if (voter === config.node) return role.durableIndex
    return progressOf(role, voter)?.matchIndex ?? 0
  })
  if (majority <= turn.commit || termAt(log, majority) !== turn.term) return
  for (let index = turn.commit + 1; index <= majority; index++) {
    role.uncommittedBytes -= entryAt(log, index).payload.length
  }
  turn.commit = majority
}

/** Once an election timeout: goes on only when a majority answered since the last time. */
export function checkQuorum(turn: Turn, role: Editable<Leader>): void {
  const { node, electionTimeoutMs } = turn.config
  const hears = (voter: NodeId): boolean =>
    voter === node || (progressOf(role, voter)?.heard ?? false)
  if (!isQuorum(turn.membership, hears)) {
    trace(turn, { type: 'quorumLost', term: turn.term })
    becomeFollower(turn, turn.term, null)
    return
  }
  turn.quorumAtMs = turn.now + electionTimeoutMs
  role.progress = role.progress.map(unheard)
}

/** The disk has finished nothing for too long: someone else should lead. */
export function onDiskStalled(turn: Turn): void {
  trace(turn, { type: 'diskStalled', term: turn.term })
  becomeFollower(turn, turn.term, null)
}

/** Joint consensus that is committed ends by itself, if it was asked to. */
export function leaveJointConsensus(turn: Turn): void {
  const { membership } = turn
  if (turn.role.role !== 'leader' || !membership.autoLeave || !isMembershipCommitted(turn)) return
  if (!hasCommittedInTerm(turn) || turn.role.transfer !== null) return
  const { voters, learners } = membership
  proposeMembership(turn, { voters, outgoing: null, learners, autoLeave: false })
}

/**
 * True for a leader that has committed a membership in which it does not vote (Raft 6). One that
 * was elected so has first to commit what it was elected for.
 */
export function isRemoved(turn: Turn): boolean {
  const { role, config } = turn
  if (role.role !== 'leader' || isVoter(turn.membership, config.node)) return false
  return isMembershipCommitted(turn) && hasCommittedInTerm(turn)
}

/** Whether the active members are committed, and not only in this log. */
export function isMembershipCommitted(turn: Turn): boolean {
  return (turn.memberships.at(-1) as LoggedMembership).index <= turn.commit
}

function appendOwn(turn: Turn, kind: Entry['kind'], payload: Uint8Array): number {
  const { role } = turn
  invariant(role.role === 'leader', 'leader: proposed without leading')
  const stampMs = role.clockStartMs + (turn.now - turn.leadSinceMs)
  turn.log = append(turn.log, { term: turn.term, stampMs, kind, payload })
  role.uncommittedBytes += payload.length
  markDirty(turn, turn.log.lastIndex)
  return turn.log.lastIndex
}
