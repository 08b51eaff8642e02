// What is behind a `LockHandle`: one share of a holding, with its signal, its events and its
// automatic refresh.

import { abortable } from './abortable.ts'
import { autoRefresh } from './auto-refresh.ts'
import type { ClientClock } from './clock.ts'
import type { Duration } from './duration.ts'
import { expiredError, LockError } from './errors.ts'
import type { Holder, Holding } from './holding.ts'
import type { ClientEvent, HandleEvent } from './lock-event.ts'
import { Emitter } from './lock-event.ts'
import type { CallOptions, LockHandle } from './lock-handle.ts'
import { positiveMs } from './lock-options.ts'
import { onAbort } from './on-abort.ts'

/** What a handle finds around it. */
export interface HandleParts {
  readonly clock: ClientClock
  readonly keepsAlive: boolean
  /** Tells the client's listeners. */
  readonly tell: (event: ClientEvent) => void
  /** Takes the holding once more. */
  readonly reenter: (holding: Holding, signal: AbortSignal | undefined) => Promise<LockHandle>
}

export class OwnHandle implements LockHandle, Holder {
  readonly key: string
  readonly owner: string
  readonly fencingToken: number
  readonly #holding: Holding
  readonly #parts: HandleParts
  readonly #events: Emitter<HandleEvent>
  readonly #heldSinceMs: number
  #abort: AbortController | null = null
  #stopRefresh: (() => void) | null = null
  #isReleased = false
  #releasing: Promise<boolean> | null = null

  constructor(holding: Holding, parts: HandleParts) {
    this.key = holding.names.key
    this.owner = holding.names.owner
    this.fencingToken = holding.token
    this.#holding = holding
    this.#parts = parts
    this.#events = new Emitter((error) => parts.tell({ type: 'listenerFailed', error }))
    this.#heldSinceMs = parts.clock.now()
    holding.add(this)
  }

  get ttl(): number {
    return this.#holding.ttlMs
  }

  get expiresAt(): Date {
    const { clock } = this.#parts
    const leftMs = Math.max(0, this.#holding.safeUntilMs - clock.now())
    return new Date(clock.wallNow() + leftMs)
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController()
    const { lostBy } = this.#holding
    if (lostBy !== null && !this.#isReleased) this.#abort.abort(lostBy)
    return this.#abort.signal
  }

  isValid(): boolean {
    return !this.#isReleased && this.#holding.isValid()
  }

  on<Type extends HandleEvent['type']>(
    type: Type,
    listener: (event: Extract<HandleEvent, { readonly type: Type }>) => void,
  ): () => void {
    return this.#events.on(type, listener)
  }

  async refresh(ttl: Duration = this.ttl, { signal }: CallOptions = {}): Promise<void> {
    const ttlMs = positiveMs('ttl', ttl, this.key)
    if (this.#isReleased) throw expiredError(this.key)
    await abortable(this.#renew(ttlMs), `failed to renew lock ${this.key}`, this.key, signal)
  }

  async reenter({ signal }: CallOptions = {}): Promise<LockHandle> {
    if (!this.isValid()) throw expiredError(this.key)
    return this.#parts.reenter(this.#holding, signal)
  }

  release({ signal }: CallOptions = {}): Promise<boolean> {
    this.#releasing ??= this.#isReleased ? this.#give(true) : this.#release()
    return abortable(this.#releasing, `failed to release lock ${this.key}`, this.key, signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release().catch(() => false)
  }

  /** Renews every third of `ttlMs`, until the release, the loss or the abort. */
  startRefresh(ttlMs: number, signal: AbortSignal | undefined): void {
    const { clock, keepsAlive } = this.#parts
    const stop = autoRefresh({
      clock,
      keepsAlive,
      ttlMs,
      grantedTtlMs: this.ttl,
      renew: () => this.#renew(ttlMs),
      isValid: () => this.isValid(),
      failed: (error) => this.#tellFailed('renewFailed', error),
    })
    const stopListening = onAbort(signal, stop)
    this.#stopRefresh = () => {
      stop()
      stopListening()
    }
  }

  lost(error: LockError): void {
    this.#stopRefresh?.()
    const { key, owner } = this
    this.#tell({ type: 'lost', key, owner, heldMs: this.#heldMs(), error })
    this.#abort?.abort(error)
  }

  async #renew(ttlMs: number): Promise<void> {
    await this.#holding.renew(ttlMs)
    const { key, owner } = this
    if (!this.#isReleased) this.#tell({ type: 'renewed', key, owner, ttlMs })
  }

  #release(): Promise<boolean> {
    this.#stopRefresh?.()
    const isHeld = this.isValid()
    this.#isReleased = true
    const answer = this.#give(false)
    if (isHeld) return answer
    // Nobody waits for it, but others are served earlier where the store still has it.
    answer.catch(() => false)
    return Promise.resolve(false)
  }

  async #give(again: boolean): Promise<boolean> {
    const heldMs = this.#heldMs()
    const { key, owner } = this
    const holding = this.#holding
    try {
      const reply = await (again ? holding.releaseAgain() : holding.release(this))
      const freed = reply.type === 'released'
      this.#tell({ type: 'released', key, owner, heldMs, freed })
      return freed
    } catch (error) {
      if (holding.canReleaseAgain) this.#releasing = null
      throw this.#tellFailed('releaseFailed', error)
    }
  }

  #heldMs(): number {
    return this.#parts.clock.now() - this.#heldSinceMs
  }

  #tellFailed(type: 'renewFailed' | 'releaseFailed', cause: unknown): LockError {
    const { key, owner } = this
    const error =
      cause instanceof LockError
        ? cause
        : new LockError('UNKNOWN', `lock ${key}: ${String(cause)}`, { key, cause })
    this.#tell({ type, key, owner, error })
    return error
  }

  #tell(event: HandleEvent): void {
    this.#events.emit(event)
    this.#parts.tell(event)
  }
}
