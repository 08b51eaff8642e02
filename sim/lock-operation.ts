// What a simulated client of the lock service does, as plain data, and how that is drawn.

import type { RandomStream } from './random.ts'
import type { ClientStep } from './scenario.ts'

/** How a client asks in its session, while it has one, for what is not to be the session's. */
export interface Unbound {
  /** False: without a request id. */
  readonly named: boolean
  /** How it cancels an acquire that it gives up: in its session, or outside, by its id. */
  readonly cancel: 'call' | 'plain'
}

/** Takes a lock, or takes it once more. */
export interface AcquireOperation {
  readonly type: 'acquire'
  readonly unbound?: Unbound
  readonly key: string
  readonly mode: 'exclusive' | 'shared'
  /** Null: as long as the client's session; of a client that has none, a second. */
  readonly ttlMs: number | null
  readonly waitMs: number
  /** False: a refresh, when the client holds the lock already. */
  readonly reentrant: boolean
  readonly lockDelayMs: number
  /** When it stops waiting for an answer, if earlier than usual. What it gives up it cancels. */
  readonly giveUpMs: number | null
  /** True: a client of guarded calls goes on with other locks while it waits. */
  readonly aside?: boolean
}

/** While a client has a session, what it asks of a lock that is not plain goes in it. */
export interface SessionOperation {
  readonly type: 'session'
  /** `keep` opens one when there is none; `rotate` opens another, and leaves the one there is. */
  readonly what: 'keep' | 'close' | 'rotate'
  /** How long the one lives that is opened. */
  readonly ttlMs: number
}

/** What a client does, as plain data. What it holds by then decides what comes of it. */
export type LockOperation =
  | AcquireOperation
  | SessionOperation
  /** Without a token: of whatever the client may hold, known to it or not. */
  | {
      readonly type: 'renew'
      readonly unbound?: Unbound
      readonly key: string
      /** Null: as long as the last time. */
      readonly ttlMs: number | null
      readonly withToken: boolean
      /** When a client of guarded calls gives it up. */
      readonly giveUpMs?: number
    }
  | {
      readonly type: 'release'
      readonly unbound?: Unbound
      readonly key: string
      readonly withToken: boolean
      readonly all: boolean
      readonly giveUpMs?: number
    }
  /** As an operator, of whoever holds it, or of the last holding that the client was told of. */
  | {
      readonly type: 'forceRelease'
      readonly unbound?: Unbound
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

/** What is done with one lock. */
type KeyOperation = Exclude<LockOperation, SessionOperation>

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
      if (operation.type === 'session' || isPlain(operation.key)) return step
      return { pauseMs, operation: sharing(operation, random) }
    }),
  )
}

function sharing(operation: KeyOperation, random: RandomStream): LockOperation {
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
      if (operation.type === 'session' || !random.chance(part)) return step
      return { pauseMs, operation: { type: 'status', key: operation.key } }
    }),
  )
}

/** Lives of sessions in a world. A client that waits is heard every 300 ms: some last less. */
const SESSION_TTLS_MS = [[200], [200, 1_000], [400, 1_000, 3_000], [3_000, 6_000]] as const

/** What clients do, in many worlds with sessions, and locks that last as long as these. */
export function withSessions(clients: Steps, random: RandomStream): Steps {
  if (!random.chance(500)) return clients
  const part = random.pick([150, 300])
  const ttlsMs: readonly number[] = random.pick(SESSION_TTLS_MS)
  // All of them at one lock, which then has a queue.
  const isHot = random.chance(400)
  return clients.map((steps) => {
    if (random.chance(250)) return steps
    return steps.map((step) => {
      const { pauseMs } = step
      if (step.operation.type === 'session' || isPlain(step.operation.key)) return step
      if (random.chance(part)) {
        const what = random.chance(150) ? 'close' : 'keep'
        return { pauseMs, operation: { type: 'session', what, ttlMs: random.pick(ttlsMs) } }
      }
      const operation = isHot ? { ...step.operation, key: 'k1' } : step.operation
      if (operation.type !== 'acquire') return { pauseMs, operation }
      const ttlMs = random.chance(500) ? null : operation.ttlMs
      return { pauseMs, operation: { ...operation, ttlMs, waitMs: operation.waitMs * 2 } }
    })
  })
}

/**
 * What clients do, in many worlds with calls that are not bound to the session that they come in,
 * also about locks that are never taken in any, and with sessions that take one another's place.
 */
export function withUnbound(clients: Steps, random: RandomStream): Steps {
  if (!random.chance(400)) return clients
  const part = random.pick([300, 700])
  return clients.map((steps) =>
    steps.map((step) => {
      const { pauseMs, operation } = step
      switch (operation.type) {
        case 'acquire':
        case 'release':
        case 'renew':
        case 'forceRelease': {
          if (!random.chance(part)) return step
          const cancel = random.chance(500) ? 'call' : 'plain'
          const unbound = { named: cancel === 'plain' || random.chance(700), cancel } as const
          return { pauseMs, operation: { ...operation, unbound } }
        }
        case 'session':
          if (operation.what === 'close' || !random.chance(200)) return step
          return { pauseMs, operation: { ...operation, what: 'rotate' } }
        default:
          return step
      }
    }),
  )
}

/** A session that lasts less than a wait goes unheard: an unanswered call is asked every 300 ms. */
const BRIEF_TTL_MS = 200

/**
 * What clients do, in some worlds in which they all queue for one lock, in sessions that run out
 * while they wait: it then comes to be free just as the next one's has.
 */
export function withBriefSessions(clients: Steps, random: RandomStream): Steps {
  if (!random.chance(60)) return clients
  return clients.map((steps) =>
    steps.map(({ pauseMs }) => {
      return { pauseMs: Math.min(pauseMs, 20), operation: inBriefSession(random) }
    }),
  )
}

function inBriefSession(random: RandomStream): LockOperation {
  const key = 'k1'
  const what = random.below(100)
  if (what < 30) return { type: 'session', what: 'keep', ttlMs: BRIEF_TTL_MS }
  if (what < 60) {
    const usual = { mode: 'exclusive', lockDelayMs: 0, giveUpMs: null, ttlMs: null } as const
    const waitMs = random.pick([400, 1_600])
    return { type: 'acquire', key, waitMs, reentrant: false, ...usual }
  }
  if (what < 90) return { type: 'release', key, withToken: false, all: true }
  return { type: 'forceRelease', key, now: true, withToken: false }
}
