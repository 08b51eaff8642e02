// What a step asks of its host. The host executes effects in order; it decides nothing.
//
// The driver's duties: (1) write each `persist` to the log, in order, and report it with a
// `persisted` event once it is durable; (2) send each `send` at once and each `sendAfter` once its
// persist is durable, losing messages at will; (3) hand each `reply` to whoever asked.

import type { MachineEvent } from './machine.ts'
import type { Entry, FreeMessage, PromiseMessage } from './raft/message.ts'
import type { NodeId } from './raft/config.ts'

/** Number of a persist, from 1, growing by 1 within one life of a replica. 0: nothing to await. */
export type PersistId = number

/** Term and vote, which must survive a restart (Raft, Figure 2). */
export interface HardState {
  readonly term: number
  readonly vote: NodeId | null
}

/** Write to disk, as one atomic record. At most one a turn. */
export interface Persist {
  readonly type: 'persist'
  readonly id: PersistId
  /** The new term and vote, or null when neither changed. */
  readonly hardState: HardState | null
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

/** How a request ended. */
export type Outcome<Reply> =
  /** Applied at `index`; `reply` is the machine's. */
  | { readonly type: 'done'; readonly index: number; readonly reply: Reply }
  /** Not appended, so it has not and will not happen. `leader` is whom to ask, when known. */
  | { readonly type: 'notLeader'; readonly leader: NodeId | null }
  /** The payload is no command of this machine. It has not and will not happen. */
  | { readonly type: 'malformed' }
  /** Appended, and then leadership was lost: it may happen, or may have happened, or never. */
  | { readonly type: 'unknown' }

/** Answers one `request` event. Exactly one a request, unless the node stops before. */
export interface ReplyEffect<Reply> {
  readonly type: 'reply'
  /** The id that the host gave in the `request` event. */
  readonly request: number
  readonly outcome: Outcome<Reply>
}

/** One entry was applied to the machine. `reply` is null for a `noop` or a late answer. */
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

/** What an observer is told; produced by the role files of `raft/`. */
export type TraceEvent =
  | { readonly type: 'becameFollower'; readonly term: number; readonly leader: NodeId | null }
  | { readonly type: 'becamePrecandidate'; readonly term: number }
  | { readonly type: 'becameCandidate'; readonly term: number }
  | { readonly type: 'becameLeader'; readonly term: number; readonly lastIndex: number }
  /** A conflicting suffix was dropped: entries `fromIndex` to `toIndex` are gone. */
  | { readonly type: 'truncated'; readonly fromIndex: number; readonly toIndex: number }
  /** A leader gave up: it did not hear from a majority for an election timeout. */
  | { readonly type: 'quorumLost'; readonly term: number }

/** What the consensus alone asks for. */
export type RaftEffect = Persist | Send | SendAfter | Trace

/** All that a step can ask of its host. */
export type Effect<Reply, Event> = RaftEffect | ReplyEffect<Reply> | Applied<Reply, Event>
