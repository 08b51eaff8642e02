// How frames travel between the replicas of a cluster: the interface that a host drives and that
// every transport implements. What a frame says is the codec's; whom to trust is the transport's.

import type { NodeId } from '../core/raft/config.ts'

/** What a transport promises beyond the interface: hosts and tests read this, nobody guesses. */
export interface TransportSupports {
  /** Frames from one peer arrive in the order they were sent, as far as they arrive. */
  readonly order: boolean
  /** `from` is proved, not claimed: by a handshake that a stranger fails. */
  readonly authentication: boolean
  /** Bytes of the longest frame that is carried; a longer one is dropped. */
  readonly frameBytesMax: number
}

/** Whom a transport tells. Its methods are never called within a call of the host. */
export interface Receiver {
  /**
   * A frame arrived. `frame` is the receiver's: the transport does not touch its bytes again.
   * Called on the receiving node, after `open` and never after `close` has begun.
   */
  received(from: NodeId, frame: Uint8Array): void
}

/**
 * Carries frames from one node to the others.
 *
 * Reliability: a frame arrives whole or not at all, **at most once**, with no bit changed, at the
 * node that it was sent to. It may be lost at any time and without a word, and is never sent again
 * by the transport itself: the consensus repeats what matters, and rests on a command that it
 * passed on not coming twice. A delay may be of any length.
 */
export interface Transport {
  readonly supports: TransportSupports
  /**
   * Begins to receive. Called once, by the host. Rejects with an `Error` that names what could not
   * be had, such as a port in use. Frames sent before it has resolved are dropped.
   */
  open(receiver: Receiver): Promise<void>
  /**
   * Takes a frame for a peer; called by the host any number of times in a turn. Never throws and
   * never waits: a frame to a peer that is unknown, not connected, or that reads too slowly for
   * what is queued already, is dropped. The transport may keep `frame`; nobody changes it.
   * Every frame has a version and a kind, so two bytes at least; a transport may use kinds from 16.
   */
  send(to: NodeId, frame: Uint8Array): void
  /** Ends a turn: what was taken since the last call leaves, together where that is cheaper. */
  flush(): void
  /** Stops receiving and sending; resolves when nothing is left open. May be called twice. */
  close(): Promise<void>
}
