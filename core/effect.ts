// What a step asks of its host. The host executes effects in order; it decides nothing.
//
// The driver's duties: (1) write each `persist` to the log, in order, and report it with a
// `persisted` event once it is durable; (2) send each `send` at once and each `sendAfter` once its
// persist is durable, losing messages at will; (3) hand each `reply` to whoever asked; (4) answer
// each `takeSnapshot` with a `snapshotTaken` event, whenever it suits.

import type { MachineEvent } from './machine.ts'
import type { Entry, FreeMessage, PromiseMessage, SnapshotHeader } from './raft/message.ts'
import type { NodeId } from './raft/config.ts'
import type { Membership } from './raft/membership.ts'
import type { Outcome } from './outcome.ts'

export type { Outcome, RefusalReason } from './outcome.ts'

/** Number of a persist, from 1, growing by 1 within one life of a replica. 0: nothing to await. */
export type PersistId = number

/** Term and vote, which must survive a restart (Raft, Figure 2). */
export interface HardState {
  readonly term: number
  readonly vote: NodeId | null
}

/** A snapshot with its bytes. */
export interface Snapshot extends SnapshotHeader {
  /** What `Machine.encodeSnapshot` made of the state after entry `index`. */
  readonly bytes: Uint8Array
}

/** The place before a log's first entry: that of the last one dropped, or zeros. */
export interface LogBase {
  readonly index: number
  readonly term: number
  readonly stampMs: number
}

/** Where a log ends: which of two is more up to date goes by the term, then the index. */
export interface LogEnd {
  readonly index: number
  readonly term: number
}

/**
 * What a disk is to hold from now on in place of all that it held: a snapshot, and the log from
 * `base` on, which is at most the snapshot's index.
 */
export interface Checkpoint {
  readonly snapshot: Snapshot
  readonly base: LogBase
}

/** Write to disk, as one atomic record. At most one a turn. */
export interface Persist {
  readonly type: 'persist'
  readonly id: PersistId
  /** The new term and vote, or null when neither changed. Never null beside a checkpoint. */
  readonly hardState: HardState | null
  /**
   * Not null: this persist holds all that matters, and whatever was written before it is to be
   * dropped once this is durable. Then `entries` are all of the log behind `checkpoint.base`.
   */
  readonly checkpoint: Checkpoint | null
  /** Entries from `firstIndex` on; whatever the log held from there on is gone. */
  readonly firstIndex: number
  readonly entries: readonly Entry[]
  /** False when only the hard state is written. */
  readonly logChanged: boolean
}

/** Leaves at once. */
export interface Send {
  readonly type: 'send'
  readonly to: NodeId
  readonly message: FreeMessage
}

/** Leaves when every persist up to `after` is durable; dropped if the node dies before. */
export interface SendAfter {
  readonly type: 'sendAfter'
  readonly after: PersistId
  readonly to: NodeId
  readonly message: PromiseMessage
}

/**
 * Encode the machine's state as it is after this very step (`state.machine`, which nobody edits),
 * at leisure and over as many turns as it takes, and hand it back as `snapshotTaken` with the same
 * index. One at a time.
 */
export interface TakeSnapshot {
  readonly type: 'takeSnapshot'
  readonly index: number
}

/** Answers one request event. Exactly one a request, unless the node stops before. */
export interface ReplyEffect<Reply> {
  readonly type: 'reply'
  /** The id that the host gave in the event. */
  readonly request: number
  readonly outcome: Outcome<Reply>
}

/** One entry was applied to the machine. `reply` is null for a late answer, or no command. */
export interface Applied<Reply, Event> {
  readonly type: 'applied'
  readonly index: number
  readonly term: number
  readonly timeMs: number
  readonly reply: Reply | null
  readonly events: readonly MachineEvent<Reply, Event>[]
}

/** Something an observer may want to know; a host may drop it. */
export interface Trace {
  readonly type: 'trace'
  readonly trace: TraceEvent
}

/** What an observer is told; produced by the files of `raft/`. */
export type TraceEvent =
  | { readonly type: 'becameFollower'; readonly term: number }
  | { readonly type: 'becamePrecandidate'; readonly term: number }
  | { readonly type: 'becameCandidate'; readonly term: number }
  | { readonly type: 'becameLeader'; readonly term: number; readonly lastIndex: number }
  /** Whom this node takes for the leader of its term: said at every change, none is left out. */
  | { readonly type: 'leaderChanged'; readonly term: number; readonly leader: NodeId | null }
  /** A conflicting suffix was dropped: entries `fromIndex` to `toIndex` are gone. */
  | { readonly type: 'truncated'; readonly fromIndex: number; readonly toIndex: number }
  /** A leader gave up: it did not hear from a majority for an election timeout. */
  | { readonly type: 'quorumLost'; readonly term: number }
  /** A leader gave up: its disk has finished no write for `diskTimeoutMs`. */
  | { readonly type: 'diskStalled'; readonly term: number }
  /** A leader gave up: it is no voter of the membership that it has committed. */
  | { readonly type: 'removed'; readonly term: number }
  /** Members that are active from now on, committed or not: appended, rolled back, or restored. */
  | {
      readonly type: 'membershipChanged'
      readonly index: number
      readonly membership: Membership
    }
  /** The log is again as up to date as it was before its disk lost part of it. */
  | { readonly type: 'repaired'; readonly lastIndex: number }
  /** A snapshot of our own state, or of the leader's, is on its way to the disk. */
  | { readonly type: 'snapshotTaken'; readonly index: number; readonly baseIndex: number }
  | { readonly type: 'snapshotInstalled'; readonly index: number }
  /** The leadership is being handed to `to`. */
  | { readonly type: 'transferStarted'; readonly to: NodeId }
  | { readonly type: 'transferTimedOut'; readonly to: NodeId }
  /** A message that no correct peer sends now: it changed nothing. Hosts count these. */
  | { readonly type: 'refused'; readonly from: NodeId; readonly reason: MessageProblem }

/** What is wrong with a refused message. */
export type MessageProblem =
  /** It says that it is from the node that received it. */
  | 'fromSelf'
  /** Its term is further ahead than elections could have brought it. */
  | 'termTooFar'
  /** Its entries are of falling terms or stamps, or of terms above its own. */
  | 'badEntries'
  /** It answers entries or a round that were never sent. */
  | 'neverSent'
  /** Its snapshot is older than what is committed here. */
  | 'olderSnapshot'
  /** Its snapshot is none: wrong size, or nothing that the machine can read. */
  | 'badSnapshot'

/** What the consensus alone asks for. */
export type RaftEffect = Persist | Send | SendAfter | TakeSnapshot | Trace

/** All that a step can ask of its host. */
export type Effect<Reply, Event> = RaftEffect | ReplyEffect<Reply> | Applied<Reply, Event>
