// How a request ends: what the host hands to whoever asked, and what a leader tells a follower that
// passed the request on. It knows neither messages nor effects.

import type { NodeId } from './raft/config.ts'
import type { MembershipProblem } from './raft/membership.ts'

/** Why a leader refuses what is asked of it, before anything happened. */
export type RefusalReason =
  | MembershipProblem
  /** The leader has committed nothing in its own term yet: ask again in a moment. */
  | 'notCommittedInTerm'
  /** An earlier change of members or version, or transfer, is still under way. */
  | 'pending'
  /** The machine's rules are of that version, or of a later one. */
  | 'versionInForce'
  /**
   * A member has not told this leader in its term that its build knows that version; or one that is
   * to get a vote has not, of the version in force.
   */
  | 'versionUnsupported'
  /** The leadership is on its way to another node. */
  | 'transferring'
  /** Only a voter can lead. */
  | 'notVoter'
  /** The node that is to lead lacks too much of the log. */
  | 'farBehind'
  /** The node that was to lead did not take over in time; this one goes on. */
  | 'timedOut'

/** How a request ended. */
export type Outcome<Reply> =
  /** Applied at `index`, or read from the state after it; `reply` is the machine's. */
  | { readonly type: 'done'; readonly index: number; readonly reply: Reply }
  /** The members, or the version of the machine's rules, are as asked since entry `index`. */
  | { readonly type: 'changed'; readonly index: number }
  /** Another node leads than when it was asked: the one that was named, or a third. */
  | { readonly type: 'transferred' }
  /** Not appended, so it has not and will not happen. `leader` is whom to ask, when known. */
  | { readonly type: 'notLeader'; readonly leader: NodeId | null }
  /** The payload is no command of this machine, or no read. It has not and will not happen. */
  | { readonly type: 'malformed' }
  /**
   * Whoever asks may not do this. It has not and will not happen. A host says so on behalf of those
   * that it lets in; no replica does.
   */
  | { readonly type: 'forbidden' }
  /** The payload exceeds `entryBytesMax`. It has not and will not happen. */
  | { readonly type: 'tooLarge' }
  /** Too much waits to be committed. It has not and will not happen: ask again later. */
  | { readonly type: 'overloaded' }
  /** A change of members or version, or a transfer, that was not made. */
  | { readonly type: 'refused'; readonly reason: RefusalReason }
  /** Begun, and then leadership was lost: it may happen, or may have happened, or never. */
  | { readonly type: 'unknown' }
