// What the tests of locks share: a store in memory on a driven clock, and ways to look at promises.

import { DistributedLock } from '../../client/distributed-lock.ts'
import type { DistributedLockOptions } from '../../client/distributed-lock.ts'
import { DrivenClock } from '../../client/driven-clock.ts'
import { LockError } from '../../client/errors.ts'
import type { LockErrorCode } from '../../client/errors.ts'
import type { LockBackend } from '../../client/backend.ts'
import { MemoryStore } from '../../client/memory.ts'

export interface Scene {
  readonly clock: DrivenClock
  readonly store: MemoryStore
  readonly locks: DistributedLock
  /** Another client of the same store, over a backend that may be changed. */
  client(change?: (backend: LockBackend) => LockBackend): DistributedLock
}

export function scene(options: DistributedLockOptions = {}): Scene {
  const clock = new DrivenClock()
  const store = new MemoryStore({ clock })
  const client: Scene['client'] = (change = (backend) => backend) =>
    new DistributedLock(change(store.backend()), { clock, ...options })
  return { clock, store, locks: client(), client }
}

/** How a promise has ended so far. */
export interface Watched<Value> {
  state: 'pending' | 'done' | 'failed'
  value?: Value
  error?: unknown
}

export function watch<Value>(promise: Promise<Value>): Watched<Value> {
  const watched: Watched<Value> = { state: 'pending' }
  promise.then(
    (value) => Object.assign(watched, { state: 'done', value }),
    (error) => Object.assign(watched, { state: 'failed', error }),
  )
  return watched
}

/** The `LockError` that a promise rejects with. */
export async function failure(promise: Promise<unknown>): Promise<LockError> {
  try {
    await promise
  } catch (error) {
    if (error instanceof LockError) return error
    throw new Error(`rejected with something else: ${String(error)}`)
  }
  throw new Error('it did not reject')
}

export async function codeOf(promise: Promise<unknown>): Promise<LockErrorCode> {
  return (await failure(promise)).code
}

/** A promise that the test ends. */
export function gate<Value = void>(): {
  readonly promise: Promise<Value>
  readonly open: (value: Value) => void
  readonly fail: (error: unknown) => void
} {
  let open: (value: Value) => void = () => {}
  let fail: (error: unknown) => void = () => {}
  const promise = new Promise<Value>((resolve, reject) => {
    open = resolve
    fail = reject
  })
  return { promise, open, fail }
}
