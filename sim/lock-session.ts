// Sessions as their client sees them: how it numbers its calls, until when it may count on all that
// it has in one, and which of those it has opened it still knows.

import { safeEndMs } from '../client/lease.ts'
import type { LockCommand } from '../core/lock/command.ts'
import type { Call, SessionCommand } from '../core/session/command.ts'
import { EPSILON_PPM } from './scenario.ts'

/** It acknowledges only every so many calls, so that more than the last one can come again. */
const ACKNOWLEDGED_EACH = 4

export class ClientSession {
  /** Under which the service knows it. */
  readonly id: number
  readonly #ttlMs: number
  #untilMs = -Infinity
  #sequence = 0
  #acknowledged = 0

  /** @param ttlMs how long it lives after its client was last heard, milliseconds of log time */
  constructor(id: number, ttlMs: number) {
    this.id = id
    this.#ttlMs = ttlMs
  }

  /** Until when it lives for sure, exclusive, milliseconds of the client's clock. */
  get untilMs(): number {
    return this.#untilMs
  }

  /** What was first sent at `firstSentMs` has been answered: it was heard then, or later. */
  heard(firstSentMs: number): void {
    this.#untilMs = Math.max(this.#untilMs, safeEndMs(firstSentMs, this.#ttlMs, EPSILON_PPM))
  }

  /** The answer of the last call is not waited for any more: the next one keeps it out. */
  gaveUp(): void {
    this.#acknowledged = this.#sequence
  }

  /** The next call. All before it are answered, or given up. */
  call(command: LockCommand, bound: boolean): Call<LockCommand> {
    if (this.#sequence % ACKNOWLEDGED_EACH === 0) this.#acknowledged = this.#sequence
    const acknowledged = this.#acknowledged
    const sequence = ++this.#sequence
    return { type: 'call', session: this.id, sequence, acknowledged, bound, command }
  }
}

/** The sessions of a client, until it learns of their end. */
export class ClientSessions {
  readonly #known = new Map<number, ClientSession>()
  #newest: ClientSession | null = null

  /** The one that it uses; null: it has none. */
  get newest(): ClientSession | null {
    return this.#newest
  }

  /** The one of this id; null when it is none of its own, or is over. */
  of(id: number): ClientSession | null {
    return this.#known.get(id) ?? null
  }

  /** One was opened, by a request first sent at `firstSentMs`. */
  opened(id: number, ttlMs: number, firstSentMs: number): void {
    const session = new ClientSession(id, ttlMs)
    session.heard(firstSentMs)
    this.#known.set(id, session)
    this.#newest = session
  }

  /** One is over. */
  ended(session: ClientSession): void {
    this.#known.delete(session.id)
    if (this.#newest === session) this.#newest = null
  }
}

/** How a client asks for something. */
export interface Way {
  /** Whose it is; null: its owner's, outside of all sessions. */
  readonly session: ClientSession | null
  /** By whose numbers it has its effect once; null: by its request id. */
  readonly guard: ClientSession | null
}

/** Outside of all sessions. */
export const PLAIN: Way = { session: null, guard: null }

/** A command, asked for in this way. */
export function inWay(command: LockCommand, { session, guard }: Way): SessionCommand<LockCommand> {
  return guard === null ? { type: 'plain', command } : guard.call(command, session !== null)
}
