// One turn's working copy of the consensus state: taken apart at the start, edited in place by the
// other files of this folder, put together once at the end. Nothing of it outlives the turn.

import type { LogEnd, MessageProblem, Outcome, PersistId, RaftEffect, Snapshot } from '../effect.ts'
import type { TraceEvent } from '../effect.ts'
import { invariant, unreachable } from '../invariant.ts'
import type { Config, NodeId } from './config.ts'
import type { Log } from './log.ts'
import { slice, termAt } from './log.ts'
import { sameMembership } from './membership.ts'
import type { Membership } from './membership.ts'
import type { ForwardReply, ForwardRequest, FreeMessage, PromiseMessage } from './message.ts'
import { activeMembership } from './state.ts'
import type { Candidate, Follower, IncomingSnapshot, Leader, LoggedMembership } from './state.ts'
import type { PendingPersist, Precandidate, RaftState, Timers, Transfer } from './state.ts'

/** No index: they count from 1. */
const NOTHING_DIRTY = 0

/** `T` as one turn edits it. */
export type Editable<T> = { -readonly [Key in keyof T]: T[Key] }

/** A role as one turn edits it. */
export type EditableRole =
  | Editable<Follower>
  | Editable<Precandidate>
  | Editable<Candidate>
  | Editable<Leader>

/** Everything of `RaftState`, editable, and what the turn will ask of the host. */
export interface Turn {
  readonly config: Config
  /** How many versions of the machine's rules this build knows. */
  readonly versions: number
  readonly now: number
  term: number
  vote: NodeId | null
  log: Log
  commit: number
  memberships: readonly LoggedMembership[]
  /** The active one: the last of `memberships`. */
  membership: Membership
  snapshot: Snapshot | null
  incoming: IncomingSnapshot | null
  damage: LogEnd | null
  heardRound: number
  role: EditableRole
  electionAtMs: number
  heardAtMs: number
  heartbeatAtMs: number
  quorumAtMs: number
  leadSinceMs: number
  diskAtMs: number
  transferAtMs: number
  leaseSentAtMs: number
  leaseUntilMs: number
  askedAtMs: number
  nextPersistId: PersistId
  pending: readonly PendingPersist[]
  /** 32 random bits, remixed at each draw. */
  random: number
  hardStateChanged: boolean
  /** Lowest index whose entry changed in this turn. */
  dirtyFrom: number
  /** The snapshot is new: the turn's persist replaces all that the disk holds. */
  checkpointDue: boolean
  /** Every peer gets a message in this turn. */
  heartbeatDue: boolean
  /** Promises made in this turn, to leave after its persist. */
  readonly promises: { readonly to: NodeId; readonly message: PromiseMessage }[]
  readonly effects: RaftEffect[]
  /** For the replica: a leader's snapshot is complete, and is to be read and installed. */
  arrived: { readonly from: NodeId; readonly round: number; readonly snapshot: Snapshot } | null
  /** For the replica: reads that may be answered from the state after `index`. */
  readonly readable: { readonly id: number; readonly index: number }[]
  /** For the replica: what peers pass on, and what became of what we passed on. */
  readonly forwarded: {
    readonly from: NodeId
    readonly message: ForwardRequest | ForwardReply
  }[]
  /** For the replica: a later term ended our leadership amid a transfer. Who leads is not known. */
  handedOver: Transfer | null
  /** For the replica: how requests ended that the consensus kept. */
  readonly answers: { readonly request: number; readonly outcome: Outcome<never> }[]
}

/** Opens a turn on `state`. A `now` below an earlier one counts as the earlier one. */
export function openTurn(state: RaftState, now: number, random: number, versions: number): Turn {
  const { timers } = state
  return {
    config: state.config,
    versions,
    now: now > timers.nowMs ? now : timers.nowMs,
    term: state.term,
    vote: state.vote,
    log: state.log,
    commit: state.commit,
    memberships: state.memberships,
    membership: activeMembership(state),
    snapshot: state.snapshot,
    incoming: state.incoming,
    damage: state.damage,
    heardRound: state.heardRound,
    role: editable(state),
    electionAtMs: timers.electionAtMs,
    heardAtMs: timers.heardAtMs,
    heartbeatAtMs: timers.heartbeatAtMs,
    quorumAtMs: timers.quorumAtMs,
    leadSinceMs: timers.leadSinceMs,
    diskAtMs: timers.diskAtMs,
    transferAtMs: timers.transferAtMs,
    leaseSentAtMs: timers.leaseSentAtMs,
    leaseUntilMs: timers.leaseUntilMs,
    askedAtMs: timers.askedAtMs,
    nextPersistId: state.nextPersistId,
    pending: state.pending,
    random,
    hardStateChanged: false,
    dirtyFrom: NOTHING_DIRTY,
    checkpointDue: false,
    heartbeatDue: false,
    promises: [],
    effects: [],
    arrived: null,
    readable: [],
    forwarded: [],
    handedOver: null,
    answers: [],
  }
}

/** Whom this replica takes for the leader of its term at this moment of the turn. */
export function knownLeader({ role, config }: Turn): NodeId | null {
  if (role.role === 'leader') return config.node
  return role.role === 'follower' ? role.leader : null
}

/** Sends at once: the message promises nothing that is not durable. */
export function send(turn: Turn, to: NodeId, message: FreeMessage): void {
  turn.effects.push({ type: 'send', to, message })
}

/** Sends once all that this turn persists is durable. */
export function sendPromise(turn: Turn, to: NodeId, message: PromiseMessage): void {
  turn.promises.push({ to, message })
}

/** Tells observers. */
export function trace(turn: Turn, event: TraceEvent): void {
  turn.effects.push({ type: 'trace', trace: event })
}

/** Notes that a message was dropped for what is wrong with it. */
export function refuse(turn: Turn, from: NodeId, reason: MessageProblem): void {
  trace(turn, { type: 'refused', from, reason })
}

/** Notes that the entries from `index` on are not what the disk holds. */
export function markDirty(turn: Turn, index: number): void {
  if (turn.dirtyFrom === NOTHING_DIRTY || index < turn.dirtyFrom) turn.dirtyFrom = index
}

/** Ends the damage of the log, once it is as up to date as it was (Raft 5.4.1 orders the two). */
export function checkRepaired(turn: Turn): void {
  const { damage, log } = turn
  if (damage === null) return
  const { lastIndex, lastTerm } = log
  if (lastTerm < damage.term || (lastTerm === damage.term && lastIndex < damage.index)) return
  turn.damage = null
  trace(turn, { type: 'repaired', lastIndex })
}

/** Makes the last of `memberships` the active one. */
export function setMemberships(turn: Turn, memberships: readonly LoggedMembership[]): void {
  const active = memberships.at(-1) as LoggedMembership
  const before = turn.membership
  turn.memberships = memberships
  turn.membership = active.membership
  // By value: equal states must do the same, whether or not they share objects.
  if (sameMembership(before, active.membership)) return
  trace(turn, { type: 'membershipChanged', ...active })
}

/** Whether this leader has committed an entry of its own term, and so knows what is committed. */
export function hasCommittedInTerm(turn: Turn): boolean {
  return termAt(turn.log, turn.commit) === turn.term
}

/** An election timeout, from the base to twice the base, drawn anew at each call. */
export function drawElectionTimeoutMs(turn: Turn): number {
  let bits = Math.imul(turn.random ^ (turn.random >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  turn.random = (bits ^ (bits >>> 16)) >>> 0
  const base = turn.config.electionTimeoutMs
  return base + (turn.random % (base + 1))
}

/** Issues the turn's one persist, when anything changed, and then the promises that rest on it. */
export function flushPersist(turn: Turn): void {
  const logChanged = turn.dirtyFrom !== NOTHING_DIRTY || turn.checkpointDue
  if (turn.hardStateChanged || logChanged) persist(turn, logChanged)
  const after = turn.pending.length === 0 ? 0 : turn.nextPersistId - 1
  for (const { to, message } of turn.promises) {
    // A promise of a term that this very turn has left behind rests on nothing that is written.
    if (message.term < turn.term) continue
    turn.effects.push({ type: 'sendAfter', after, to, message })
  }
}

function persist(turn: Turn, logChanged: boolean): void {
  const id = turn.nextPersistId++
  const { log, term, vote, snapshot, checkpointDue } = turn
  let firstIndex = logChanged ? turn.dirtyFrom : log.lastIndex + 1
  if (checkpointDue) firstIndex = log.base.index + 1
  const pending = { id, lastIndex: log.lastIndex, lastTerm: log.lastTerm }
  if (turn.pending.length === 0) turn.diskAtMs = turn.now + turn.config.diskTimeoutMs
  turn.pending = turn.pending.length === 0 ? [pending] : [...turn.pending, pending]
  invariant(!checkpointDue || snapshot !== null, 'turn: a checkpoint without a snapshot')
  turn.effects.push({
    type: 'persist',
    id,
    hardState: turn.hardStateChanged || checkpointDue ? { term, vote } : null,
    checkpoint: checkpointDue && snapshot !== null ? { snapshot, base: log.base } : null,
    firstIndex,
    entries: slice(log, firstIndex, log.lastIndex),
    logChanged,
  })
}

/** Puts the state together again. */
export function closeTurn(turn: Turn): RaftState {
  invariant(turn.commit <= turn.log.lastIndex, 'raft: committed beyond the end of the log')
  invariant(turn.commit >= turn.log.base.index, 'raft: dropped what is not committed')
  const timers = timersOf(turn)
  const { config, term, vote, log, commit, memberships, snapshot, incoming } = turn
  const { damage, heardRound, nextPersistId, pending, role } = turn
  // Each role spells its fields out: a spread would cost more than the rest of a quiet turn.
  switch (role.role) {
    case 'follower':
      return {
        role: 'follower',
        leader: role.leader,
        config,
        term,
        vote,
        log,
        commit,
        memberships,
        snapshot,
        incoming,
        damage,
        heardRound,
        timers,
        nextPersistId,
        pending,
      }
    case 'precandidate':
      return {
        role: 'precandidate',
        votes: role.votes,
        config,
        term,
        vote,
        log,
        commit,
        memberships,
        snapshot,
        incoming,
        damage,
        heardRound,
        timers,
        nextPersistId,
        pending,
      }
    case 'candidate':
      return {
        role: 'candidate',
        votes: role.votes,
        votePersistId: role.votePersistId,
        config,
        term,
        vote,
        log,
        commit,
        memberships,
        snapshot,
        incoming,
        damage,
        heardRound,
        timers,
        nextPersistId,
        pending,
      }
    case 'leader':
      return leaderState(turn, role, timers)
    default:
      return unreachable(role)
  }
}

function leaderState(turn: Turn, role: Leader, timers: Timers): RaftState {
  const { config, term, vote, log, commit, memberships, snapshot, incoming } = turn
  const { damage, heardRound, nextPersistId, pending } = turn
  return {
    role: 'leader',
    progress: role.progress,
    durableIndex: role.durableIndex,
    clockStartMs: role.clockStartMs,
    uncommittedBytes: role.uncommittedBytes,
    round: role.round,
    reads: role.reads,
    leaseRound: role.leaseRound,
    hasSentTimeoutNow: role.hasSentTimeoutNow,
    transfer: role.transfer,
    config,
    term,
    vote,
    log,
    commit,
    memberships,
    snapshot,
    incoming,
    damage,
    heardRound,
    timers,
    nextPersistId,
    pending,
  }
}

function timersOf(turn: Turn): Timers {
  return {
    nowMs: turn.now,
    electionAtMs: turn.electionAtMs,
    heardAtMs: turn.heardAtMs,
    heartbeatAtMs: turn.heartbeatAtMs,
    quorumAtMs: turn.quorumAtMs,
    leadSinceMs: turn.leadSinceMs,
    diskAtMs: turn.diskAtMs,
    transferAtMs: turn.transferAtMs,
    leaseSentAtMs: turn.leaseSentAtMs,
    leaseUntilMs: turn.leaseUntilMs,
    askedAtMs: turn.askedAtMs,
  }
}

function editable(state: RaftState): EditableRole {
  switch (state.role) {
    case 'follower':
      return { role: 'follower', leader: state.leader }
    case 'precandidate':
      return { role: 'precandidate', votes: state.votes }
    case 'candidate':
      return { role: 'candidate', votes: state.votes, votePersistId: state.votePersistId }
    case 'leader':
      return {
        role: 'leader',
        progress: state.progress,
        durableIndex: state.durableIndex,
        clockStartMs: state.clockStartMs,
        uncommittedBytes: state.uncommittedBytes,
        round: state.round,
        reads: state.reads,
        leaseRound: state.leaseRound,
        hasSentTimeoutNow: state.hasSentTimeoutNow,
        transfer: state.transfer,
      }
    default:
      return unreachable(state)
  }
}
