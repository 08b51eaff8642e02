// What a host tells a replica: the only way in. All plain data.

import type { PersistId } from './effect.ts'
import type { NodeId } from './raft/config.ts'
import type { Message } from './raft/message.ts'

/** One thing that happened to a replica. */
export type Event =
  /** A peer's message arrived. Loss, duplication, delay and reordering are expected. */
  | { readonly type: 'received'; readonly from: NodeId; readonly message: Message }
  /** Someone asks for a command. `request` is the host's own id for the answer, from 0. */
  | { readonly type: 'request'; readonly request: number; readonly payload: Uint8Array }
  /** Every persist up to `id` is durable. Ids come in growing order, and may skip. */
  | { readonly type: 'persisted'; readonly id: PersistId }
  /** Does what passing that deadline does, whatever the clock says. For explorers and tests. */
  | { readonly type: 'timerFired'; readonly timer: TimerName }

/** The deadlines of a replica: three of the consensus, and the machine's own (`Machine.due`). */
export type TimerName = 'election' | 'heartbeat' | 'quorum' | 'due'

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
