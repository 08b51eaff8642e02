// The wire protocol on one page: what replicas of a group say to each other. Ref: Raft, Figure 2,
// and Ongaro's thesis 9.6 for PreVote.

/** One entry of the replicated log. Its index is its place in the log, from 1. */
export interface Entry {
  readonly term: number
  /** Milliseconds of log time at which its leader appended it; never falls along a log. */
  readonly stampMs: number
  /** `noop` opens a leader's term; `command` goes to the state machine. */
  readonly kind: 'noop' | 'command'
  /** The encoded command; empty for a `noop`. */
  readonly payload: Uint8Array
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
  readonly entries: readonly Entry[]
}

/** The log up to `matchIndex` equals the sender's of that term, and is durable here. */
export interface AppendAccepted {
  readonly type: 'appendAccepted'
  readonly term: number
  readonly matchIndex: number
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
}

/** Messages that promise something the sender's disk must hold first. */
export type PromiseMessage = VoteRequest | VoteReply | AppendAccepted | AppendRejected

/** Messages that promise nothing new, and leave at once. */
export type FreeMessage = PreVoteRequest | PreVoteReply | AppendRequest

/** All that replicas say to each other. */
export type Message = PromiseMessage | FreeMessage
