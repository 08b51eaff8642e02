// The client that an application holds: takes locks by key, waits for them, and runs functions
// under them. It stands on any backend, and decides nothing of who gets a lock.

import { abortable, pause } from './abortable.ts'
import type {
  AcquireRequest,
  GrantedReply,
  LockBackend,
  LockStatus,
} from './backend.ts'
import type { ClientClock } from './clock.ts'
import { systemClock } from './clock.ts'
import type { Duration } from './duration.ts'
import { abortedError, expiredError, LockError, timeoutError } from './errors.ts'
import { Holding, leaseOf, wallAheadMs } from './holding.ts'
import type { Ground, HoldingNames } from './holding.ts'
import type { ClientEvent } from './lock-event.ts'
import { Emitter } from './lock-event.ts'
import type { CallOptions, LockHandle } from './lock-handle.ts'
import type { AcquireOptions, HoldOptions, LockOptions, LockTerms } from './lock-options.ts'
import { checkText, termsOf } from './lock-options.ts'
import { randomOwner } from './owner.ts'
import { OwnHandle } from './own-handle.ts'
import type { HandleParts } from './own-handle.ts'

/** What a client of locks may be given. */
export interface DistributedLockOptions {
  /** The computer's when left out. The backend must have been given the same. */
  readonly clock?: ClientClock
  /** True: the process does not end by itself while a lock is held. */
  readonly keepProcessAlive?: boolean
  /** A name that nobody else has; 16 random bytes when left out. */
  readonly newOwner?: () => string
}

/** What a function under a lock is given. */
export interface Held {
  /** Aborted when the lock is lost: stop what needs it. */
  readonly signal: AbortSignal
  readonly fencingToken: number
  readonly lock: LockHandle
}

/** Takes locks. Safe to share within a process: each call is an owner of its own. */
export class DistributedLock {
  readonly #backend: LockBackend
  readonly #clock: ClientClock
  readonly #ground: Ground
  readonly #parts: HandleParts
  readonly #newOwner: () => string
  readonly #events: Emitter<ClientEvent>
  /** What owners have that the application named: they may take it once more. */
  readonly #named = new Map<string, Holding>()

  constructor(backend: LockBackend, options: DistributedLockOptions = {}) {
    const { clock = systemClock, keepProcessAlive: keepsAlive = false } = options
    this.#backend = backend
    this.#clock = clock
    this.#newOwner = options.newOwner ?? randomOwner
    this.#ground = { backend, clock, keepsAlive }
    this.#events = new Emitter((error) => this.#events.emit({ type: 'listenerFailed', error }))
    const tell = (event: ClientEvent): void => this.#events.emit(event)
    const reenter = (holding: Holding, signal: AbortSignal | undefined): Promise<LockHandle> =>
      this.#reenter(holding, signal)
    this.#parts = { clock, keepsAlive, tell, reenter }
  }

  /** What the backend can do. */
  get supports(): LockBackend['supports'] {
    return this.#backend.supports
  }

  /** Takes a lock, and waits up to 30 s for it unless the options say otherwise. */
  lock(key: string, ttl: Duration, options: AcquireOptions = {}): Promise<LockHandle> {
    return this.lockWithOptions({ ...options, key, ttl })
  }

  /** Takes a lock if it is free now; null when another has it. */
  async tryLock(
    key: string,
    ttl: Duration,
    options: Omit<AcquireOptions, 'timeout' | 'retryInterval'> = {},
  ): Promise<LockHandle | null> {
    return this.#take(termsOf({ ...options, key, ttl }), true)
  }

  /**
   * Takes a lock and waits for it. Rejects with a `LockError`: `TIMEOUT` when it did not become
   * free in time, `ABORTED` when `signal` was; see the other codes there.
   */
  async lockWithOptions(options: LockOptions): Promise<LockHandle> {
    const terms = termsOf(options)
    const handle = await this.#take(terms, false)
    if (handle === null) throw timeoutError(terms.key, terms.timeoutMs)
    return handle
  }

  /** Who has a lock now. */
  async status(key: string, { signal }: CallOptions = {}): Promise<LockStatus> {
    checkText('the key', key, key)
    const what = `failed to look at lock ${key}`
    return abortable(this.#backend.status(key, signal), what, key, signal)
  }

  /**
   * Runs `fn` under a lock, which is refreshed meanwhile and released in the end. What `fn` throws
   * is thrown; when the lock was lost before `fn` had ended well, `LOST` is thrown. A release that
   * fails is told by the event `releaseFailed` alone.
   */
  async withLock<Value>(
    key: string,
    options: Duration | HoldOptions,
    fn: (held: Held) => Value | Promise<Value>,
  ): Promise<Value> {
    return runUnder(await this.lockWithOptions(sectionOptions(key, options)), fn)
  }

  /** Like `withLock` if the lock is free now; else `fn` does not run. */
  async tryWithLock<Value>(
    key: string,
    options: Duration | HoldOptions,
    fn: (held: Held) => Value | Promise<Value>,
  ): Promise<{ readonly ran: true; readonly value: Value } | { readonly ran: false }> {
    const handle = await this.#take(termsOf(sectionOptions(key, options)), true)
    return handle === null ? { ran: false } : { ran: true, value: await runUnder(handle, fn) }
  }

  /** Calls `listener` with each event of that type from now on. Returns what ends it. */
  on<Type extends ClientEvent['type']>(
    type: Type,
    listener: (event: Extract<ClientEvent, { readonly type: Type }>) => void,
  ): () => void {
    return this.#events.on(type, listener)
  }

  /**
   * Ends connections and whatever waits, with `CLOSED`. What is held is not given back: release it
   * first, or its leases run out.
   */
  async close(): Promise<void> {
    await this.#backend.close?.()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** A handle; null when it is busy and only tried, or the time is over. */
  async #take(terms: LockTerms, isTry: boolean): Promise<LockHandle | null> {
    const { key, signal } = terms
    const owner = terms.owner ?? this.#newOwner()
    const sinceMs = this.#clock.now()
    const waited = (): number => this.#clock.now() - sinceMs
    try {
      if (signal?.aborted === true) throw acquireAborted(key, signal)
      const handle = await this.#wait(terms, owner, isTry, sinceMs)
      if (handle !== null) {
        const { fencingToken } = handle
        this.#events.emit({ type: 'acquired', key, owner, fencingToken, waitedMs: waited() })
        if (terms.autoRefresh) handle.startRefresh(terms.refreshTtlMs, signal)
      } else if (isTry) this.#events.emit({ type: 'busy', key, owner, waitedMs: waited() })
      else throw timeoutError(key, terms.timeoutMs)
      return handle
    } catch (cause) {
      const error = acquireError(key, cause)
      this.#events.emit({ type: 'acquireFailed', key, owner, waitedMs: waited(), error })
      throw error
    }
  }

  async #wait(
    terms: LockTerms,
    owner: string,
    isTry: boolean,
    sinceMs: number,
  ): Promise<OwnHandle | null> {
    const { key, mode, ttlMs, metadata, signal } = terms
    this.#checkMode(terms)
    const isPushed = this.#backend.supports.wait === 'push'
    const untilMs = sinceMs + terms.timeoutMs
    for (;;) {
      const leftMs = untilMs - this.#clock.now()
      const waitMs = isPushed && !isTry ? Math.max(0, leftMs) : 0
      const aheadMs = wallAheadMs(this.#clock)
      const request = { key, owner, mode, ttlMs, waitMs, metadata }
      const reply = await this.#backend.acquire(request, signal)
      if (reply.type === 'granted') {
        const handle = this.#handleOf(reply, request, terms, aheadMs)
        if (handle !== null) return handle
        await this.#giveBack(request, reply, terms)
      }
      if (isTry) {
        if (reply.type === 'busy') return null
        throw expiredError(key)
      }
      if (this.#clock.now() >= untilMs) return null
      if (isPushed && reply.type !== 'busy') continue
      const pauseMs = Math.min(terms.retryIntervalMs, untilMs - this.#clock.now())
      await pause(this.#clock, pauseMs, signal)
      if (signal?.aborted === true) throw acquireAborted(key, signal)
    }
  }

  /** To share what it holds alone would take that from a handle that believes in it. */
  #checkMode({ key, owner, mode }: LockTerms): void {
    const held = owner === null ? undefined : this.#named.get(nameOf(key, owner))
    if (held === undefined || held.names.mode === mode || !held.isValid()) return
    const why = `its owner holds it in mode ${held.names.mode}: release it, and ask anew`
    throw new LockError('INVALID', `failed to acquire lock ${key}: ${why}`, { key })
  }

  /** The handle of a grant; null where it came too late, and is to be given back. */
  #handleOf(
    reply: GrantedReply,
    request: AcquireRequest,
    terms: LockTerms,
    aheadMs: number,
  ): OwnHandle | null {
    const { key, owner, mode } = request
    const { owner: named, signal } = terms
    if (signal?.aborted === true) {
      void this.#giveBack(request, reply, terms)
      throw acquireAborted(key, signal)
    }
    const held = named === null ? undefined : this.#named.get(nameOf(key, owner))
    if (held !== undefined && held.token === reply.token && held.isValid()) {
      held.reentered(reply)
      if (held.isValid()) return new OwnHandle(held, this.#parts)
    }
    return this.#hold({ key, owner, mode, ownerIsShared: named !== null }, reply, aheadMs)
  }

  /** Gives back what nobody has a handle of. Never rejects. */
  #giveBack(request: AcquireRequest, reply: GrantedReply, terms: LockTerms): Promise<unknown> {
    const { key, owner } = request
    const all = terms.owner === null
    return this.#backend.release({ key, owner, token: reply.token, all }).catch(() => null)
  }

  /** A new holding of what was granted; null when its lease is over. */
  #hold(names: HoldingNames, reply: GrantedReply, aheadMs: number): OwnHandle | null {
    const lease = leaseOf(reply, this.#clock)
    if (lease === 'tooLate') return null
    const holding = new Holding(names, this.#ground, lease, reply.ttlMs, aheadMs)
    if (!holding.isValid()) return null
    const handle = new OwnHandle(holding, this.#parts)
    if (!names.ownerIsShared) return handle
    const name = nameOf(names.key, names.owner)
    this.#named.set(name, holding)
    holding.whenEnded(() => {
      if (this.#named.get(name) === holding) this.#named.delete(name)
    })
    return handle
  }

  async #reenter(holding: Holding, signal: AbortSignal | undefined): Promise<LockHandle> {
    const { key, owner, mode } = holding.names
    const request = { key, owner, mode, ttlMs: holding.ttlMs, waitMs: 0, metadata: {} }
    const reply = await this.#backend.acquire(request, signal)
    const isOurs = reply.type === 'granted' && reply.token === holding.token
    if (isOurs) {
      holding.reentered(reply)
      if (holding.isValid()) return new OwnHandle(holding, this.#parts)
    } else holding.foundExpired()
    if (reply.type === 'granted') {
      // To hold on as if nothing had happened would be a lie.
      const { token } = reply
      void this.#backend.release({ key, owner, token, all: false }).catch(() => null)
    }
    throw expiredError(key)
  }
}

/** Runs a function under a lock that was taken for it, and releases the lock. */
export async function runUnder<Value>(
  lock: LockHandle,
  fn: (held: Held) => Value | Promise<Value>,
): Promise<Value> {
  const { signal, fencingToken } = lock
  try {
    const value = await fn({ signal, fencingToken, lock })
    if (!lock.isValid() && signal.aborted) throw signal.reason
    return value
  } finally {
    await lock.release().catch(() => false)
  }
}

function sectionOptions(key: string, options: Duration | HoldOptions): LockOptions {
  const given = typeof options === 'object' ? options : { ttl: options }
  return { autoRefresh: true, ...given, key }
}

function nameOf(key: string, owner: string): string {
  return `${key.length}:${key}${owner}`
}

function acquireAborted(key: string, signal: AbortSignal): LockError {
  return abortedError(`failed to acquire lock ${key}`, key, signal)
}

/** What an acquire throws: a `LockError` that names the lock. */
function acquireError(key: string, cause: unknown): LockError {
  if (cause instanceof LockError) return cause
  return new LockError('UNKNOWN', `failed to acquire lock ${key}: ${String(cause)}`, { key, cause })
}
