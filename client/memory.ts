// Locks in this process's memory, for tests of code that takes locks: the service's own lock
// machine, driven by one clock, without a network. What it decides, the service decides alike.

import type { LockCommand } from '../core/lock/command.ts'
import type { Limits } from '../core/lock/limits.ts'
import { LIMITS } from '../core/lock/limits.ts'
import type { LockMachine } from '../core/lock/machine.ts'
import { lockMachine } from '../core/lock/machine.ts'
import type { LockReply } from '../core/lock/reply.ts'
import type { LockState } from '../core/lock/state.ts'
import type {
  AcquireReply,
  AcquireRequest,
  BackendSupports,
  LockBackend,
  LockStatus,
  ReleaseReply,
  ReleaseRequest,
  RenewReply,
  RenewRequest,
} from './backend.ts'
import type { ClientClock } from './clock.ts'
import { systemClock } from './clock.ts'
import {
  acquireCommand,
  acquireReply,
  releaseCommand,
  releaseReply,
  renewCommand,
  renewReply,
  statusReply,
} from './commands.ts'
import { abortedError, closedError } from './errors.ts'
import { onAbort } from './on-abort.ts'
import { cancelCommand, giveBackCommand } from './undo.ts'

/** What a store in memory may be given. */
export interface MemoryOptions {
  /** The computer's when left out. */
  readonly clock?: ClientClock
  /** Bounds on keys, TTLs and waits; those of the service where left out. */
  readonly limits?: Partial<Limits>
}

/**
 * A store of locks in memory. Clients that are to exclude each other share one: each `backend()`
 * is a client's own, to close, on the same locks.
 */
export class MemoryStore {
  readonly #clock: ClientClock
  readonly #machine: LockMachine
  readonly #waiting = new Map<number, (reply: LockReply) => void>()
  readonly #waitMsMax: number
  #state: LockState
  #index = 0
  #requests = 0
  #stopTimer: (() => void) | null = null

  constructor(options: MemoryOptions = {}) {
    this.#clock = options.clock ?? systemClock
    // Each command is applied once: there is nothing to remember it for.
    this.#machine = lockMachine({ ...options.limits, memoLifeMs: 0 })
    this.#waitMsMax = options.limits?.waitMsMax ?? LIMITS.waitMsMax
    this.#state = this.#machine.initial()
  }

  /** A backend on these locks. */
  backend(): LockBackend {
    return new MemoryBackend(this)
  }

  get clock(): ClientClock {
    return this.#clock
  }

  get waitMsMax(): number {
    return this.#waitMsMax
  }

  requestId(): string {
    this.#requests += 1
    return `r${this.#requests}`
  }

  /** Applies a command now; what waits is answered later. */
  async ask(command: LockCommand): Promise<LockReply> {
    this.#expire()
    const reply = this.#apply(command)
    const index = this.#index
    const answer = reply ?? new Promise<LockReply>((resolve) => this.#waiting.set(index, resolve))
    this.#setTimer()
    return answer
  }

  #apply(command: LockCommand): LockReply | null {
    this.#index += 1
    const context = { index: this.#index, timeMs: this.#clock.now(), version: 1 }
    const [state, reply, events] = this.#machine.apply(this.#state, command, context)
    this.#state = state
    for (const event of events) {
      if (event.type !== 'answer') continue
      this.#waiting.get(event.index)?.(event.reply)
      this.#waiting.delete(event.index)
    }
    return reply
  }

  /** Ends what has run out by now. */
  #expire(): void {
    for (;;) {
      const due = this.#machine.due(this.#state)
      if (due === null || due.atMs > this.#clock.now()) return
      this.#apply(due.command)
    }
  }

  #setTimer(): void {
    this.#stopTimer?.()
    this.#stopTimer = null
    const due = this.#machine.due(this.#state)
    if (due === null) return
    const then = (): void => {
      this.#expire()
      this.#setTimer()
    }
    // Whoever waits must be answered; a lease may run out unseen.
    const keepsAlive = this.#waiting.size > 0
    this.#stopTimer = this.#clock.setTimer(due.atMs - this.#clock.now(), then, keepsAlive)
  }
}

/** A store of its own and a client's backend on it: all that a test of one client needs. */
export function memoryBackend(options: MemoryOptions = {}): LockBackend {
  return new MemoryStore(options).backend()
}

class MemoryBackend implements LockBackend {
  readonly supports: BackendSupports = {
    fencing: 'strict',
    wait: 'push',
    fair: true,
    shared: true,
  }
  readonly #store: MemoryStore
  readonly #closing = new AbortController()

  constructor(store: MemoryStore) {
    this.#store = store
  }

  async acquire(request: AcquireRequest, signal?: AbortSignal): Promise<AcquireReply> {
    const { key } = request
    this.#check(`failed to acquire lock ${key}`, key, signal)
    const store = this.#store
    const waitMs = Math.min(request.waitMs, store.waitMsMax)
    const command = acquireCommand(request, waitMs, store.requestId())
    const firstSentMs = store.clock.now()
    const answer = store.ask(command)
    const reply = await unlessAborted(answer, [signal, this.#closing.signal])
    if (reply !== null) return acquireReply(key, reply, firstSentMs)
    void store.ask(cancelCommand(command))
    const late = await answer
    if (late.type === 'granted') {
      void store.ask(giveBackCommand(command, late, store.requestId()))
    }
    if (signal?.aborted === true) throw abortedError(`failed to acquire lock ${key}`, key, signal)
    throw closedError(key)
  }

  async renew(request: RenewRequest, signal?: AbortSignal): Promise<RenewReply> {
    const { key } = request
    this.#check(`failed to renew lock ${key}`, key, signal)
    return renewReply(key, await this.#store.ask(renewCommand(request, this.#store.requestId())))
  }

  async release(request: ReleaseRequest, signal?: AbortSignal): Promise<ReleaseReply> {
    const { key } = request
    this.#check(`failed to release lock ${key}`, key, signal)
    const command = releaseCommand(request, this.#store.requestId())
    return releaseReply(key, await this.#store.ask(command))
  }

  async status(key: string, signal?: AbortSignal): Promise<LockStatus> {
    this.#check(`failed to look at lock ${key}`, key, signal)
    return statusReply(key, await this.#store.ask({ type: 'status', key, holder: null }))
  }

  async close(): Promise<void> {
    this.#closing.abort()
  }

  #check(what: string, key: string, signal: AbortSignal | undefined): void {
    if (this.#closing.signal.aborted) throw closedError(key)
    if (signal?.aborted === true) throw abortedError(what, key, signal)
  }
}

/** The reply; null once one of the signals is aborted, if that is first. */
function unlessAborted(
  answer: Promise<LockReply>,
  signals: readonly (AbortSignal | undefined)[],
): Promise<LockReply | null> {
  return new Promise((resolve) => {
    const stops = signals.map((signal) => onAbort(signal, () => resolve(null)))
    void answer.then((reply) => {
      for (const stop of stops) stop()
      resolve(reply)
    })
  })
}
