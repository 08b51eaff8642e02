// Who carries a client's requests to the cluster, as whoever asks sees it: the caller of an
// application, or a simulated client. No promise and no signal, so that both can be asked.

import type { CallResult } from './request-data.ts'

/** Ends what was begun, at once or soon; nothing when that is over. */
export type GiveUp = () => void

/** How one request is made. */
export interface AskTerms {
  readonly timeoutMs: number
  readonly read: boolean
  readonly attemptTimeoutMs?: number | undefined
}

/** Asks the cluster. */
export interface Asker {
  /** Monotonic milliseconds. */
  now(): number
  /**
   * Asks, again and again until the time is over; every payload carries a request id. `then` is
   * told the end once, after this has returned. Given up, it ends at once: `failed` or `unknown`.
   */
  ask(payload: Uint8Array, terms: AskTerms, then: (result: CallResult) => void): GiveUp
  /** Calls `then` once, in `afterMs`. Returns what calls it off. */
  setTimer(afterMs: number, then: () => void): () => void
}
