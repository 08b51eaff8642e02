// A replica's state for people and dashboards: plain data, and nothing that a program should rest
// its decisions on. It reads the state and changes nothing.

import type { PersistId } from './effect.ts'
import type { Config, NodeId } from './raft/config.ts'
import { isVoter } from './raft/membership.ts'
import type { Membership } from './raft/membership.ts'
import type { Progress } from './raft/progress.ts'
import { activeMembership, leaderOf } from './raft/state.ts'
import type { Role } from './raft/state.ts'
import type { ReplicaState } from './work.ts'

/** What a leader knows of one of the other members. */
export interface PeerStatus {
  readonly peer: NodeId
  readonly isVoter: boolean
  readonly mode: Progress['mode']
  /** The log up to here is known to be equal and durable there. */
  readonly matchIndex: number
  /** The next entry to send. */
  readonly nextIndex: number
  /** Messages with entries that it has not acknowledged, and their payload bytes. */
  readonly inFlightMessages: number
  readonly inFlightBytes: number
  /** It gets no entries and no chunks before an answer or the next heartbeat. */
  readonly isPaused: boolean
  /** It has answered since the last check of the quorum. */
  readonly isHeard: boolean
  /** How many versions of the machine's rules it has said to know; 0 before it said anything. */
  readonly versions: number
  /** The snapshot that it is getting, or null. */
  readonly snapshot: SnapshotStatus | null
}

/** A snapshot on its way to a peer. */
export interface SnapshotStatus {
  readonly index: number
  /** The next byte to send, of `bytesCount`. */
  readonly offset: number
  readonly bytesCount: number
}

/** One replica at one moment. */
export interface ReplicaStatus {
  readonly node: NodeId
  readonly role: Role['role']
  readonly term: number
  /** The leader of this term, when it is known. */
  readonly leader: NodeId | null
  readonly commitIndex: number
  readonly appliedIndex: number
  readonly lastIndex: number
  /** Index of the latest snapshot; 0 when there is none. */
  readonly snapshotIndex: number
  /** Index of the last entry that was dropped from the log; 0 when none was. */
  readonly baseIndex: number
  /** The members that decide now, and the index from which they do. */
  readonly membership: Membership
  readonly membershipIndex: number
  /** The version of the machine's rules that is in force. */
  readonly version: number
  /** Writes that are not known to be durable, oldest first. */
  readonly pendingPersists: readonly PersistId[]
  /** Leader: the other members, sorted by name; empty on all others. */
  readonly peers: readonly PeerStatus[]
  /** Leader: to whom the leadership is being transferred, or null. */
  readonly transferTo: NodeId | null
}

/** Describes a replica as plain data. */
export function statusOf<State>(state: ReplicaState<State>): ReplicaStatus {
  const { raft, applied } = state
  const { config, log, memberships } = raft
  const membership = activeMembership(raft)
  const isLeader = raft.role === 'leader'
  return {
    node: config.node,
    role: raft.role,
    term: raft.term,
    leader: leaderOf(raft),
    commitIndex: raft.commit,
    appliedIndex: applied,
    lastIndex: log.lastIndex,
    snapshotIndex: raft.snapshot?.index ?? 0,
    baseIndex: log.base.index,
    membership,
    membershipIndex: memberships.at(-1)?.index ?? 0,
    version: state.version,
    pendingPersists: raft.pending.map(({ id }) => id),
    peers: isLeader ? raft.progress.map((peer) => peerStatus(config, membership, peer)) : [],
    transferTo: isLeader ? (raft.transfer?.to ?? null) : null,
  }
}

function peerStatus(config: Config, membership: Membership, progress: Progress): PeerStatus {
  const { peer, mode, matchIndex, nextIndex, heard, versions } = progress
  const isStream = mode === 'replicate'
  return {
    peer,
    isVoter: isVoter(membership, peer),
    mode,
    matchIndex,
    nextIndex,
    inFlightMessages: isStream ? progress.inFlight.length : 0,
    inFlightBytes: isStream ? progress.inFlightBytes : 0,
    isPaused: isPaused(config, progress),
    isHeard: heard,
    versions,
    snapshot: snapshotStatus(progress),
  }
}

function snapshotStatus(progress: Progress): SnapshotStatus | null {
  if (progress.mode !== 'snapshot') return null
  const { snapshot, offset } = progress
  return { index: snapshot.index, offset, bytesCount: snapshot.bytesCount }
}

function isPaused(config: Config, progress: Progress): boolean {
  if (progress.mode !== 'replicate') return progress.paused
  const { inFlight, inFlightBytes } = progress
  const { inFlightMessagesMax, inFlightBytesMax } = config
  return inFlight.length >= inFlightMessagesMax || inFlightBytes >= inFlightBytesMax
}
