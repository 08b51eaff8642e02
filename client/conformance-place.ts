// Where the conformance cases of backends run, and the words in which they are written.

import type {
  AcquireReply,
  AcquireRequest,
  BackendSupports,
  GrantedReply,
  LockBackend,
} from './backend.ts'
import { LockError } from './errors.ts'
import type { LockErrorCode } from './errors.ts'

/** A store of locks, its clients and their time. */
export interface BackendPlace {
  /** A backend of another client of this store; closing it is the place's part too. */
  client(): LockBackend
  /** The clock that the backends were given, milliseconds. */
  now(): number
  /** Lets at least so much time pass. */
  pass(ms: number): Promise<void>
  /** Ends everything. */
  close(): Promise<void>
}

/** One thing that every backend must do. */
export interface BackendCase {
  /** `situation: expectation`. */
  readonly title: string
  /** Whether a backend that supports this can be asked it. */
  readonly needs: (supports: BackendSupports) => boolean
  /** Ends well, or throws. */
  run(place: BackendPlace): Promise<void>
}

/** For cases that can be asked of all. */
export const ofAll = (): boolean => true

/** A lease that nobody waits to see the end of, and one that somebody does. */
export const LONG_MS = 60_000
export const SHORT_MS = 1_000

/** How often what must happen some time is looked for, and how long. */
const LOOK_MS = 50
const PATIENCE_MS = 10_000

/** How a request is made. */
export type Terms = Partial<Omit<AcquireRequest, 'key' | 'owner'>>

/** Asks for a lock: exclusively, without waiting, for long, if nothing else is said. */
export function acquire(
  backend: LockBackend,
  key: string,
  owner: string,
  terms: Terms = {},
  signal?: AbortSignal,
): Promise<AcquireReply> {
  const usual = { mode: 'exclusive', ttlMs: LONG_MS, waitMs: 0, metadata: {} } as const
  return backend.acquire({ key, owner, ...usual, ...terms }, signal)
}

/** The same, of a lock that must be free. */
export async function take(
  backend: LockBackend,
  key: string,
  owner: string,
  terms: Terms = {},
): Promise<GrantedReply> {
  const reply = await acquire(backend, key, owner, terms)
  if (reply.type === 'granted') return reply
  throw new Error(`${owner} asked for a lock that is free, and was told ${JSON.stringify(reply)}`)
}

/** Asks for a lock that must be held. */
export async function expectBusy(
  backend: LockBackend,
  key: string,
  owner: string,
  terms: Terms = {},
): Promise<void> {
  const reply = await acquire(backend, key, owner, terms)
  const { type } = reply
  expect(type === 'busy', `${owner} asked for a lock that is held, and was told ${type}`)
}

/** Throws unless it is so. */
export function expect(isSo: boolean, otherwise: string): asserts isSo {
  if (!isSo) throw new Error(otherwise)
}

/** The end of a promise that must reject with this code. */
export async function expectCode(code: LockErrorCode, promise: Promise<unknown>): Promise<void> {
  const ended: unknown = await promise.catch((error: unknown) => error)
  expect(ended instanceof LockError, `${code} was to come, and it was ${JSON.stringify(ended)}`)
  expect(ended.code === code, `${code} was to come, and it was ${ended.code}: ${ended.message}`)
}

/** Waits, as time passes, until something is so. */
export async function until(
  place: BackendPlace,
  what: string,
  isSo: () => boolean | Promise<boolean>,
): Promise<void> {
  const endMs = place.now() + PATIENCE_MS
  while (!(await isSo())) {
    expect(place.now() < endMs, `waited for ${PATIENCE_MS} ms, and never: ${what}`)
    await place.pass(LOOK_MS)
  }
}

/** The value of a promise, as time passes. */
export async function ended<Value>(place: BackendPlace, promise: Promise<Value>): Promise<Value> {
  let isOver = false
  const over = (): void => {
    isOver = true
  }
  promise.then(over, over)
  await until(place, 'a call ends', () => isOver)
  return promise
}

/** A key that no other case, and no run before, has used. */
export function newKey(): string {
  const numbers = crypto.getRandomValues(new Uint32Array(2))
  return `conformance/${numbers.join('-')}`
}
