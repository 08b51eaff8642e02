// The state of one replica's consensus: plain readonly data, a union on `role`. Whatever only one
// role needs exists only on that role.

import type { HardState, LogBase, LogEnd, PersistId, Snapshot } from '../effect.ts'
import { invariant } from '../invariant.ts'
import type { Config, NodeId } from './config.ts'
import type { Log } from './log.ts'
import { append, emptyLog } from './log.ts'
import { decodeMembership, foundedBy } from './membership.ts'
import type { Membership } from './membership.ts'
import type { Entry, SnapshotHeader } from './message.ts'
import type { Progress } from './progress.ts'

/** A persist under way, and what the log ended with when it was issued. */
export interface PendingPersist {
  readonly id: PersistId
  readonly lastIndex: number
  readonly lastTerm: number
}

/**
 * Every point in time of the consensus, in this node's monotonic milliseconds. One that is not in
 * use says nothing.
 */
export interface Timers {
  /** The greatest `now` seen. */
  readonly nowMs: number
  /** All but leaders: when to ask for pre-votes. */
  readonly electionAtMs: number
  /** When a leader was last heard, or the node started. Votes are withheld for a while after. */
  readonly heardAtMs: number
  /** Leader: when to send heartbeats. */
  readonly heartbeatAtMs: number
  /** Leader: when it must have heard from a majority. */
  readonly quorumAtMs: number
  /** Leader: when it won. Its stamps advance from `Leader.clockStartMs` with the time since. */
  readonly leadSinceMs: number
  /** While writes are pending: when the disk must have finished one. */
  readonly diskAtMs: number
  /** Leader with a transfer: when that has failed. */
  readonly transferAtMs: number
  /** Leader: when the round that is to renew its lease was sent. */
  readonly leaseSentAtMs: number
  /** Leader: until when no other can have been elected. */
  readonly leaseUntilMs: number
  /** While something is asked of a leader: when to give up what was asked before the last time. */
  readonly askedAtMs: number
}

/** The members from an index of the log on. */
export interface LoggedMembership {
  readonly index: number
  readonly membership: Membership
}

/** A snapshot that has arrived in part. */
export interface IncomingSnapshot {
  /** Term of the leader that sends it: chunks of two leaders are never joined. */
  readonly leaderTerm: number
  readonly snapshot: SnapshotHeader
  readonly chunks: readonly Uint8Array[]
  readonly receivedBytes: number
}

/** What every role has. */
export interface Common {
  readonly config: Config
  readonly term: number
  readonly vote: NodeId | null
  readonly log: Log
  readonly commit: number
  /**
   * The members as of the snapshot or the founding, then every later change that the log holds. The
   * last is active, committed or not (Raft 6); a truncation takes back what it drops.
   */
  readonly memberships: readonly LoggedMembership[]
  /** The latest snapshot, written or being written. */
  readonly snapshot: Snapshot | null
  readonly incoming: IncomingSnapshot | null
  /**
   * Not null: the disk has lost part of the log, which once ended here. Until it is as up to date
   * again this replica does not vote: it cannot say what a candidate must have.
   */
  readonly damage: LogEnd | null
  /** The latest round that was heard of this term's leader, in its count; -1 before the first. */
  readonly heardRound: number
  readonly timers: Timers
  readonly nextPersistId: PersistId
  /** Persists not yet reported durable, oldest first. */
  readonly pending: readonly PendingPersist[]
}

/** Takes entries from the leader, and votes. */
export interface Follower {
  readonly role: 'follower'
  /** The leader of this term, when it was heard. */
  readonly leader: NodeId | null
}

/** Asks whether an election could be won, before it disturbs anyone with a new term. */
export interface Precandidate {
  readonly role: 'precandidate'
  /** Who would vote for us, ourselves first, each once. */
  readonly votes: readonly NodeId[]
}

/** Stands for election in a term of its own. */
export interface Candidate {
  readonly role: 'candidate'
  /** Whose durable vote we have, each once; ourselves once our own vote is durable. */
  readonly votes: readonly NodeId[]
  /** Our own vote is durable when this persist is. */
  readonly votePersistId: PersistId
}

/** A read that waits until it is sure that nobody else leads. */
export interface PendingRead {
  readonly id: number
  /** Who asked, or null for our own host. */
  readonly peer: NodeId | null
  /** The end of our log when it came: it is answered from the state after that, or a later one. */
  readonly index: number
  /** Confirmed when a majority has answered this round; 0 within the turn in which it came. */
  readonly round: number
}

/** The leadership is on its way to `to`. */
export interface Transfer {
  readonly to: NodeId
  readonly request: number
}

/** Decides the order of entries, and what is committed. */
export interface Leader {
  readonly role: 'leader'
  /** One for each other member, sorted by name. */
  readonly progress: readonly Progress[]
  /** How far this leader's own log is durable. */
  readonly durableIndex: number
  /** Log time at which this leader's term began: the highest stamp in its log when it won. */
  readonly clockStartMs: number
  /** Payload bytes that are not committed. */
  readonly uncommittedBytes: number
  /** Rounds of heartbeats sent in this term. */
  readonly round: number
  /** In the order in which they came. */
  readonly reads: readonly PendingRead[]
  /** The round that is to renew the lease, sent at `leaseSentAtMs`; 0 when none is under way. */
  readonly leaseRound: number
  /** It told another node in this term to stand for election: no lease can be trusted any more. */
  readonly hasSentTimeoutNow: boolean
  readonly transfer: Transfer | null
}

/** What a replica is, and what only that role has. */
export type Role = Follower | Precandidate | Candidate | Leader
/** The whole state of one replica's consensus. */
export type RaftState = Common & Role

/** What a replica finds on its disk when it starts. */
export interface Restored {
  readonly hardState: HardState
  readonly snapshot: Snapshot | null
  /** Before the first entry; at most the snapshot's index, and zeros without a snapshot. */
  readonly base: LogBase
  readonly entries: readonly Entry[]
  /** Not null: entries behind these are lost, of a log that ended here. Term and vote are not. */
  readonly damage: LogEnd | null
}

/** What a replica without a past starts from. */
export const NOTHING_RESTORED: Restored = {
  hardState: { term: 0, vote: null },
  snapshot: null,
  base: { index: 0, term: 0, stampMs: 0 },
  entries: [],
  damage: null,
}

/**
 * The state at start, a follower whose log is what the disk held. It withholds votes for one base
 * election timeout: it may have promised a leader so before it went down.
 *
 * @param now this node's monotonic milliseconds
 * @param random 32 random bits
 */
export function initialRaft(
  config: Config,
  restored: Restored,
  now: number,
  random: number,
): RaftState {
  const { hardState, snapshot, base, entries, damage } = restored
  let log = emptyLog(base)
  const snapshotIndex = snapshot?.index ?? 0
  const first = snapshot?.membership ?? foundedBy(config.voters)
  const memberships: LoggedMembership[] = [{ index: snapshotIndex, membership: first }]
  for (const entry of entries) {
    log = append(log, entry)
    if (entry.kind !== 'membership' || log.lastIndex <= snapshotIndex) continue
    memberships.push({ index: log.lastIndex, membership: membershipOf(entry) })
  }
  invariant(log.lastTerm <= hardState.term, 'raft: an entry of a term that was never here')
  invariant(base.index <= snapshotIndex, 'raft: the log begins behind its snapshot')
  invariant(log.lastIndex >= snapshotIndex, 'raft: the log ends before its snapshot')
  const electionAtMs = now + config.electionTimeoutMs + (random % (config.electionTimeoutMs + 1))
  return {
    role: 'follower',
    leader: null,
    config,
    term: hardState.term,
    vote: hardState.vote,
    log,
    commit: snapshotIndex,
    memberships,
    snapshot,
    incoming: null,
    damage,
    heardRound: -1,
    timers: {
      nowMs: now,
      electionAtMs,
      heardAtMs: now,
      heartbeatAtMs: now,
      quorumAtMs: now,
      leadSinceMs: now,
      diskAtMs: now,
      transferAtMs: now,
      leaseSentAtMs: now,
      leaseUntilMs: now,
      askedAtMs: now,
    },
    nextPersistId: 1,
    pending: [],
  }
}

/** The members that a `membership` entry names. */
export function membershipOf(entry: Entry): Membership {
  const membership = decodeMembership(entry.payload)
  invariant(membership !== null, 'raft: a membership entry that names no members')
  return membership
}

/** The members that decide now: the last that the log names. */
export function activeMembership({ memberships }: Pick<Common, 'memberships'>): Membership {
  return (memberships.at(-1) as LoggedMembership).membership
}

/** Whom a replica takes for the leader of its term. */
export function leaderOf(state: Role & { readonly config: Config }): NodeId | null {
  if (state.role === 'leader') return state.config.node
  return state.role === 'follower' ? state.leader : null
}

/** When `step` must run again even if nothing arrives, in this node's monotonic milliseconds. */
export function raftDeadlineMs(state: RaftState): number {
  const { timers } = state
  if (state.role !== 'leader') return timers.electionAtMs
  let atMs = Math.min(timers.heartbeatAtMs, timers.quorumAtMs)
  if (state.pending.length > 0) atMs = Math.min(atMs, timers.diskAtMs)
  if (state.transfer !== null) atMs = Math.min(atMs, timers.transferAtMs)
  return atMs
}
