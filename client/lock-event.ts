// What a client tells of its locks while they are taken, held and given back, and who is told: for
// holders that must know, and for whoever counts and measures.

import type { LockError } from './errors.ts'

/** What all events of one lock say. */
interface OfLock {
  readonly key: string
  readonly owner: string
}

/** What happens to a lock that was taken. */
export type HandleEvent =
  /** A renewal was answered: the lease lasts `ttlMs` from its sending on. */
  | (OfLock & { readonly type: 'renewed'; readonly ttlMs: number })
  /** A renewal of the automatic refresh failed; it is tried again while the lease lasts. */
  | (OfLock & { readonly type: 'renewFailed'; readonly error: LockError })
  /** Given back. `freed`: false when it was not held any more. */
  | (OfLock & { readonly type: 'released'; readonly heldMs: number; readonly freed: boolean })
  /** A release that may not have reached the store: the lock frees itself when its lease ends. */
  | (OfLock & { readonly type: 'releaseFailed'; readonly error: LockError })
  /** Not held any more, and not given back. */
  | (OfLock & { readonly type: 'lost'; readonly heldMs: number; readonly error: LockError })

/** What a client tells: what happens to all its locks, and how they were asked for. */
export type ClientEvent =
  | HandleEvent
  | (OfLock & {
      readonly type: 'acquired'
      readonly fencingToken: number
      /** From the call to the grant. */
      readonly waitedMs: number
    })
  /** A try that found it held by another. */
  | (OfLock & { readonly type: 'busy'; readonly waitedMs: number })
  | (OfLock & {
      readonly type: 'acquireFailed'
      readonly waitedMs: number
      readonly error: LockError
    })
  /** A listener threw. */
  | { readonly type: 'listenerFailed'; readonly error: unknown }

type Listener<Event> = (event: Event) => void

/**
 * Tells listeners; what they throw goes to `failed`, and never out of here. Of what they throw when
 * told of just that, nobody is told.
 */
export class Emitter<Event extends { readonly type: string }> {
  readonly #failed: (error: unknown) => void
  /** Null until somebody listens: to most handles nobody does. */
  #listeners: Map<string, Set<Listener<never>>> | null = null

  constructor(failed: (error: unknown) => void) {
    this.#failed = failed
  }

  /** Calls `listener` with each event of that type from now on. Returns what ends it. */
  on<Type extends Event['type']>(
    type: Type,
    listener: Listener<Extract<Event, { readonly type: Type }>>,
  ): () => void {
    this.#listeners ??= new Map()
    const listeners = this.#listeners.get(type) ?? new Set()
    this.#listeners.set(type, listeners)
    listeners.add(listener)
    return () => {
      listeners.delete(listener)
    }
  }

  emit(event: Event): void {
    const listeners = this.#listeners?.get(event.type)
    if (listeners === undefined) return
    const failed = event.type === 'listenerFailed' ? (): void => {} : this.#failed
    for (const listener of [...listeners] as Listener<Event>[]) {
      try {
        // One that returns a promise is heard too: what it rejects with would end the process.
        const returned: unknown = listener(event)
        if (returned instanceof Promise) returned.catch(failed)
      } catch (error) {
        failed(error)
      }
    }
  }
}
