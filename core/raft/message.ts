// The wire protocol on one page: what replicas of a group say to each other. Ref: Raft, Figure 2
// and section 7; Ongaro's thesis 3.10 (transfer), 6.4 (reads), 9.6 (PreVote).

import type { Outcome } from '../outcome.ts'
import type { Membership } from './membership.ts'

/**
 * What an entry is for: `noop` opens a leader's term, `command` goes to the state machine,
 * `membership` says who the members are from here on, `version` by which rules the machine goes.
 */
export type EntryKind = 'noop' | 'command' | 'membership' | 'version'

/** One entry of the replicated log. Its index is its place in the log, from 1. */
export interface Entry {
  readonly term: number
  /** Milliseconds of log time at which its leader appended it; never falls along a log. */
  readonly stampMs: number
  readonly kind: EntryKind
  /** The encoded command, membership or version; empty for a `noop`. */
  readonly payload: Uint8Array
}

/** All that a snapshot says of the log that it stands for, and how many bytes it has. */
export interface SnapshotHeader {
  /** The last entry that the snapshot covers (`lastIncludedIndex`), its term and its stamp. */
  readonly index: number
  readonly term: number
  readonly stampMs: number
  /** The membership as of `index`. */
  readonly membership: Membership
  /** The version of the machine's rules as of `index`, from 1. */
  readonly version: number
  readonly bytesCount: number
}

/** Would you vote for me in `term`? Binds nobody: `term` is the asker's term + 1. */
export interface PreVoteRequest {
  readonly type: 'preVoteRequest'
  readonly term: number
  readonly lastIndex: number
  readonly lastTerm: number
}

/** `term` echoes the request on a grant, and is the answerer's own on a refusal. */
export interface PreVoteReply {
  readonly type: 'preVoteReply'
  readonly term: number
  readonly granted: boolean
}

/** RequestVote. Leaves only when the candidate's own term and vote are durable. */
export interface VoteRequest {
  readonly type: 'voteRequest'
  readonly term: number
  readonly lastIndex: number
  readonly lastTerm: number
  /** The leader itself asked for this election: votes are not withheld for its sake. */
  readonly transfer: boolean
}

/** Leaves only when the vote is durable. */
export interface VoteReply {
  readonly type: 'voteReply'
  readonly term: number
  readonly granted: boolean
}

/** AppendEntries, a heartbeat when it carries no entries. Leaves in parallel with the disk. */
export interface AppendRequest {
  readonly type: 'appendRequest'
  readonly term: number
  readonly prevIndex: number
  readonly prevTerm: number
  readonly commit: number
  /** The leader's count of heartbeat rounds; the answer echoes it. */
  readonly round: number
  readonly entries: readonly Entry[]
}

/** The log up to `matchIndex` equals the sender's of that term, and is durable here. */
export interface AppendAccepted {
  readonly type: 'appendAccepted'
  readonly term: number
  readonly matchIndex: number
  readonly round: number
  /** How many versions of the machine's rules the sender's build knows. */
  readonly versions: number
}

/**
 * The entry before the new ones is missing or of another term. Nothing beyond `hintIndex` can
 * match. What the sender has there is of `hintTerm`, so nothing of a later term in the leader's
 * log can match either (Raft 5.3, the optimisation of conflicting terms, for both logs).
 */
export interface AppendRejected {
  readonly type: 'appendRejected'
  readonly term: number
  /** `prevIndex` of the refused request; 0 when it was refused for its term. */
  readonly prevIndex: number
  readonly hintIndex: number
  readonly hintTerm: number
  readonly round: number
  /** The sender's disk has lost entries: what it acknowledged before may not be there any more. */
  readonly damaged: boolean
}

/** InstallSnapshot: one chunk of the bytes, from `offset` on. Also counts as a heartbeat. */
export interface SnapshotRequest {
  readonly type: 'snapshotRequest'
  readonly term: number
  readonly round: number
  readonly snapshot: SnapshotHeader
  readonly offset: number
  readonly bytes: Uint8Array
}

/**
 * The next byte that is wanted of the snapshot at `index`: what was received goes on from there,
 * or starts again. A complete snapshot is answered with `appendAccepted`, once it is durable.
 */
export interface SnapshotReply {
  readonly type: 'snapshotReply'
  readonly term: number
  readonly round: number
  readonly index: number
  readonly offset: number
}

/** The leader wants the receiver to lead: it stands for election at once (thesis 3.10). */
export interface TimeoutNow {
  readonly type: 'timeoutNow'
  readonly term: number
}

/** A follower asks how far it must have applied before it may answer a read. */
export interface ReadRequest {
  readonly type: 'readRequest'
  readonly term: number
  readonly id: number
}

/** The sender led after the request was sent, and what was committed by then ends at `index`. */
export interface ReadReply {
  readonly type: 'readReply'
  readonly term: number
  readonly id: number
  readonly index: number
}

/** A follower passes a command on. The transport delivers it once at most. */
export interface ForwardRequest {
  readonly type: 'forwardRequest'
  readonly term: number
  readonly id: number
  readonly payload: Uint8Array
}

/** How a forwarded command ended; a reply of the machine is encoded. */
export interface ForwardReply {
  readonly type: 'forwardReply'
  readonly term: number
  readonly id: number
  readonly outcome: Outcome<Uint8Array>
}

/** Messages that promise something the sender's disk must hold first. */
export type PromiseMessage = VoteRequest | VoteReply | AppendAccepted | AppendRejected

/** Messages that promise nothing new, and leave at once. */
export type FreeMessage =
  | PreVoteRequest
  | PreVoteReply
  | AppendRequest
  | SnapshotRequest
  | SnapshotReply
  | TimeoutNow
  | ReadRequest
  | ReadReply
  | ForwardRequest
  | ForwardReply

/** All that replicas say to each other. */
export type Message = PromiseMessage | FreeMessage
