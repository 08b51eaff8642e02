// What the request machine is told, what it asks for and what it remembers: plain data. What it
// does with them, `request.ts` has.

import type { Outcome } from '../core/effect.ts'
import type { NodeId } from '../core/raft/config.ts'

/** Whom a client may ask, and how patiently. */
export interface RequestConfig {
  /** All nodes it may ask, at least one, none twice. A hint at any other node counts as none. */
  readonly nodes: readonly NodeId[]
  /** Milliseconds, at least 1, that an attempt may go unanswered; then another node is asked. */
  readonly attemptTimeoutMs: number
  /**
   * Pause, milliseconds, at least 1, after `overloaded`, `unknown`, `notLeader` without a usable
   * hint, or a reply that does not settle the call. The random bits take up to half of it off, so
   * that clients that were refused together do not come back together.
   */
  readonly retryPauseMs: number
}

/** What happened since the last step. */
export type RequestEvent =
  /** The application asks. */
  | {
      readonly type: 'call'
      /** Names the call in its result; not the number of a call still under way. */
      readonly call: number
      readonly payload: Uint8Array
      /** Milliseconds for the whole call. At 0 it fails unsent; may be Infinity. */
      readonly timeoutMs: number
      /**
       * True when the payload carries a request id, so that asking again has no second effect. A
       * read has none at all, and is asked again whatever this says.
       */
      readonly retry: boolean
      /** True when the machine is only asked: any reply is the answer, and nothing can happen. */
      readonly read: boolean
      /** `attemptTimeoutMs` for this call alone: one that waits for a lock has time. */
      readonly attemptTimeoutMs?: number
    }
  /** A node answered the attempt `request`. */
  | {
      readonly type: 'reply'
      readonly request: number
      readonly outcome: Outcome<Uint8Array>
      /** Another node that leads, as the one that answered has it; null: none is known. */
      readonly leader: NodeId | null
    }
  /** The attempt `request` was never carried, and never will be: it cannot be appended. */
  | { readonly type: 'unsent'; readonly request: number }
  /** What was carried to `node` and has no answer yet will get none: its connection broke. */
  | { readonly type: 'lost'; readonly node: NodeId }
  /** The application waits no longer for the answer of `call`, which ends now. */
  | { readonly type: 'giveUp'; readonly call: number }

/** What the host is asked to do, in order. */
export type RequestEffect =
  /** One attempt. `request` is its number, from 1, never used twice in a client's life. */
  | {
      readonly type: 'send'
      readonly to: NodeId
      readonly request: number
      readonly read: boolean
      readonly payload: Uint8Array
    }
  /** The end of a call. Exactly one a call. */
  | { readonly type: 'result'; readonly call: number; readonly result: CallResult }

/** What a reply says of its call; of one that is no read. */
export type Weight =
  /** It is the answer. */
  | 'final'
  /** The attempt was applied, and the answer will go to a newer one. */
  | 'superseded'
  /**
   * The attempt was applied and had no effect, but nothing keeps another one from having it: the
   * answer, unless another may still be applied.
   */
  | 'noEffect'
  /**
   * The attempt had no effect, and no later one will have any: the answer, unless an earlier one
   * may have had it, whose answer nobody can give any more.
   */
  | 'tooLate'

/** How a call ended. */
export type CallResult =
  /** Answered. `firstSentMs`: the clock's reading just before the first attempt was sent. */
  | { readonly type: 'done'; readonly reply: Uint8Array; readonly firstSentMs: number }
  /** It has not happened and will not; a read found no answer. `refusal`: see `Call`. */
  | { readonly type: 'failed'; readonly refusal: Call['refusal'] }
  /** It may have happened, may still happen, or never. Not of a read. */
  | { readonly type: 'unknown' }

/** A client's calls under way and what it remembers. Plain data; an old one stays usable. */
export interface RequestState {
  /** The last reading of the clock, milliseconds. */
  readonly nowMs: number
  /** Place in `nodes` where a call begins while no leader is known. */
  readonly start: number
  /** The node that last answered `done`, or that it said leads, until it disappoints. */
  readonly leader: NodeId | null
  /** Nodes that have disappointed: not taken for the leader on another's word for a while. */
  readonly doubted: readonly Doubt[]
  /** Number of the next attempt. */
  readonly nextRequest: number
  readonly calls: readonly Call[]
}

/** A node that may be out of reach for this client, until it answers or that time is over. */
export interface Doubt {
  readonly node: NodeId
  readonly untilMs: number
}

/** A call under way. */
export interface Call {
  readonly call: number
  readonly payload: Uint8Array
  /** Whether it may be asked again though an attempt may have been appended. */
  readonly retry: boolean
  readonly read: boolean
  /** When the call as a whole gives up. */
  readonly deadlineMs: number
  readonly attemptTimeoutMs: number
  /** Null until something was sent. */
  readonly firstSentMs: number | null
  /** Attempts not answered yet, given up or not: each may have been appended. */
  readonly open: readonly Attempt[]
  /** True once an answer said that an entry was appended, or may have been, or made no sense. */
  readonly ambiguous: boolean
  /** The last answer, if it was one of these, which are about more than who leads. */
  readonly refusal: 'overloaded' | 'malformed' | 'forbidden' | 'tooLarge' | null
  /** The node asked last. */
  readonly asked: NodeId | null
  /** Where in `nodes` to go when nobody is known to lead; hints do not move it. */
  readonly ring: number
  /** Hints followed, or nodes found out of reach, in a row. */
  readonly hops: number
  readonly phase: Phase
}

/** One sending of a call's payload. */
export interface Attempt {
  readonly request: number
  readonly to: NodeId
}

/** What a call waits for: the answer to its newest attempt, or the moment to ask `to` next. */
export type Phase =
  | { readonly type: 'waiting'; readonly request: number; readonly untilMs: number }
  /** `to` is null when the node is chosen only then. */
  | { readonly type: 'pausing'; readonly to: NodeId | null; readonly untilMs: number }

/** One turn's input. `now`: integer milliseconds, monotonic, at least 0, read after `events`. */
export interface RequestInput {
  readonly now: number
  /** 32 random bits, of which the pauses of this turn are made. */
  readonly random: number
  readonly events: readonly RequestEvent[]
}
