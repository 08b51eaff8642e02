// What a host tells a replica: the only way in. All plain data.

import type { PersistId } from './effect.ts'
import type { NodeId } from './raft/config.ts'
import type { MembershipChange } from './raft/membership.ts'
import type { Message } from './raft/message.ts'

/**
 * What is asked of a replica and answered by one `reply` effect. `request` is the host's own id
 * for the answer, from 0, unique among those unanswered.
 */
export type RequestEvent =
  /** Someone asks for a command. */
  | { readonly type: 'request'; readonly request: number; readonly payload: Uint8Array }
  /** Someone asks for a query: a command that `Machine.query` answers without the log. */
  | { readonly type: 'read'; readonly request: number; readonly payload: Uint8Array }
  /** An operator asks for other members. Only a leader can. */
  | {
      readonly type: 'changeMembership'
      readonly request: number
      readonly change: MembershipChange
    }
  /** An operator asks that `to` lead. Only a leader can. */
  | { readonly type: 'transferLeadership'; readonly request: number; readonly to: NodeId }
  /**
   * Someone asks that the machine go by that version of its rules from now on. Only a leader can,
   * and once all members know it.
   */
  | { readonly type: 'raiseVersion'; readonly request: number; readonly version: number }

/** One thing that happened to a replica. */
export type Event =
  /** A peer's message arrived. Loss, duplication, delay and reordering are expected. */
  | { readonly type: 'received'; readonly from: NodeId; readonly message: Message }
  | RequestEvent
  /** Every persist up to `id` is durable. Ids come in growing order, and may skip. */
  | { readonly type: 'persisted'; readonly id: PersistId }
  /** Answers a `takeSnapshot`. */
  | { readonly type: 'snapshotTaken'; readonly index: number; readonly bytes: Uint8Array }
  /** The host wants a snapshot now, however few entries were applied since the last. */
  | { readonly type: 'snapshotWanted' }
  /**
   * An operator knows that the leader is gone: a follower stops withholding its vote for it.
   * Ignored where `leaseReads` are on, which rest on that.
   */
  | { readonly type: 'forgetLeader' }
  /** Does what passing that deadline does, whatever the clock says. For explorers and tests. */
  | { readonly type: 'timerFired'; readonly timer: TimerName }

/**
 * The deadlines of a replica: the consensus' own, `asked` for what was asked of a leader and not
 * answered, and the machine's (`Machine.due`).
 */
export type TimerName =
  | 'election'
  | 'heartbeat'
  | 'quorum'
  | 'disk'
  | 'transfer'
  | 'asked'
  | 'due'

/** One turn's input. */
export interface Input {
  /**
   * This node's monotonic milliseconds, an integer, read after the last event was dequeued. One
   * below an earlier one is read as the earlier one.
   */
  readonly now: number
  /** 32 random bits, unsigned, new in each turn. */
  readonly random: number
  readonly events: readonly Event[]
}
