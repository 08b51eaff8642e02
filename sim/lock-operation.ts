// What a simulated client of the lock service does, as plain data, and how that is drawn.

import type { RandomStream } from './random.ts'
import type { ClientStep } from './scenario.ts'

/** Takes a lock, or takes it once more. */
export interface AcquireOperation {
  readonly type: 'acquire'
  readonly key: string
  readonly mode: 'exclusive' | 'shared'
  readonly ttlMs: number
  readonly waitMs: number
  /** False: a refresh, when the client holds the lock already. */
  readonly reentrant: boolean
  readonly lockDelayMs: number
  /** When it stops waiting for an answer, if earlier than usual. What it gives up it cancels. */
  readonly giveUpMs: number | null
}

/** What a client does, as plain data. What it holds by then decides what comes of it. */
export type LockOperation =
  | AcquireOperation
  /** Without a token: of whatever the client may hold, known to it or not. */
  | {
      readonly type: 'renew'
      readonly key: string
      /** Null: as long as the last time. */
      readonly ttlMs: number | null
      readonly withToken: boolean
    }
  | {
      readonly type: 'release'
      readonly key: string
      readonly withToken: boolean
      readonly all: boolean
    }
  /** As an operator, of whoever holds it, or of the last holding that the client was told of. */
  | {
      readonly type: 'forceRelease'
      readonly key: string
      readonly now: boolean
      readonly withToken: boolean
    }
  | { readonly type: 'status'; readonly key: string; readonly throughLog?: boolean }
  | {
      readonly type: 'list'
      readonly key: string
      readonly what: 'holders' | 'waiters' | 'locks' | 'count'
      readonly throughLog?: boolean
    }
  /** Writes to the resource that the lock protects, `delayUs` after looking at the lease. */
  | { readonly type: 'write'; readonly key: string; readonly delayUs: number }

type Steps = readonly (readonly ClientStep<LockOperation>[])[]

/** The key of the operation that shows that anyone is served. */
export const KEY_OF_FRESH = 'fresh'

/**
 * Whether a lock is only ever held by one at a time and taken from nobody, so that histories have
 * words for all that happens to it. Every other one of those that are drawn is.
 */
export function isPlain(key: string): boolean {
  return !/^k\d*[13579]$/.test(key)
}

/** Draws what can be done with any lock. */
export function drawOperation(random: RandomStream, keys: number): LockOperation {
  const key = `k${random.below(keys)}`
  const ttlMs = random.pick([200, 400, 1_000, 3_000])
  const what = random.below(100)
  if (what < 40) {
    const waitMs = random.chance(600) ? random.pick([100, 400, 1_200]) : 0
    const usual = { mode: 'exclusive', lockDelayMs: 0, giveUpMs: null } as const
    return { type: 'acquire', key, ttlMs, waitMs, reentrant: what >= 8, ...usual }
  }
  if (what < 65) return { type: 'release', key, withToken: what >= 47, all: what % 4 === 0 }
  if (what < 77) return { type: 'renew', key, ttlMs, withToken: what >= 68 }
  if (what < 88) return { type: 'status', key, throughLog: what === 87 }
  return { type: 'write', key, delayUs: random.pick([100, 5_000, 200_000]) }
}

/**
 * What clients do, in most worlds with locks that are shared, kept by a delay, waited for and given
 * up, and taken away by operators. `random` is of a stream of its own, as below.
 */
export function withSharing(clients: Steps, random: RandomStream): Steps {
  if (!random.chance(700)) return clients
  return clients.map((steps) =>
    steps.map((step) => {
      const { pauseMs, operation } = step
      return isPlain(operation.key) ? step : { pauseMs, operation: sharing(operation, random) }
    }),
  )
}

function sharing(operation: LockOperation, random: RandomStream): LockOperation {
  const { key } = operation
  switch (operation.type) {
    case 'acquire': {
      const { type, ttlMs, waitMs, reentrant } = operation
      const mode = random.chance(600) ? 'shared' : 'exclusive'
      const lockDelayMs = random.chance(250) ? random.pick([100, 400]) : 0
      const giveUpMs = random.chance(150) ? random.pick([20, 60, 300]) : null
      return { type, key, mode, ttlMs, waitMs, reentrant, lockDelayMs, giveUpMs }
    }
    case 'renew':
      return random.chance(300) ? { ...operation, ttlMs: null } : operation
    case 'release': {
      if (!random.chance(80)) return operation
      const now = random.chance(500)
      return { type: 'forceRelease', key, now, withToken: random.chance(400) }
    }
    case 'status': {
      if (!random.chance(300)) return operation
      const what = random.pick(['holders', 'waiters', 'locks', 'count'] as const)
      return { type: 'list', key, what, throughLog: random.chance(300) }
    }
    default:
      return operation
  }
}

/**
 * What clients do, in some worlds with queries in place of much of it: a stale answer shows where
 * they are many.
 */
export function withQueries(clients: Steps, random: RandomStream): Steps {
  if (!random.chance(300)) return clients
  const part = random.pick([400, 800])
  return clients.map((steps) =>
    steps.map((step) => {
      const { pauseMs, operation } = step
      if (!random.chance(part)) return step
      return { pauseMs, operation: { type: 'status', key: operation.key } }
    }),
  )
}
