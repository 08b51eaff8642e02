// The one error of the client. Programs look at `code`, which is stable; people read `message`.

/** Why a call failed. Stable: a code may be added, and none changes its meaning. */
export type LockErrorCode =
  /** The lock did not become free in time. Nothing is held. */
  | 'TIMEOUT'
  /** Another owner has it, or this one may not any more. */
  | 'NOT_OWNER'
  /** The lease is over: renewed too late, or granted too late to be of use. */
  | 'LEASE_EXPIRED'
  /** The lock was lost while it was held. The reason of a handle's `signal`. */
  | 'LOST'
  /** The service has no majority. It has not happened and will not. */
  | 'NO_QUORUM'
  /** No answer came: it may have happened, may still happen, or never. */
  | 'UNKNOWN'
  /** No node could be reached, and the message says why. It has not happened and will not. */
  | 'UNAVAILABLE'
  /** The caller's signal was aborted. Nothing is held. */
  | 'ABORTED'
  /** Too much at once: ask again later. It has not happened. */
  | 'OVERLOADED'
  /** A limit of the service was reached, as on waiters for a key. It has not happened. */
  | 'LIMIT'
  /** The request makes no sense, whatever the state. */
  | 'INVALID'
  /** The service knows no such token, or the token may not do this. */
  | 'UNAUTHORIZED'
  /** The client was closed. */
  | 'CLOSED'
  /** The manager has no lock of that key. */
  | 'NOT_FOUND'
  /** Some locks could not be given back; `cause` is an `AggregateError`. */
  | 'RELEASE_FAILED'

const RETRYABLE: ReadonlySet<LockErrorCode> = new Set<LockErrorCode>([
  'TIMEOUT',
  'LEASE_EXPIRED',
  'NO_QUORUM',
  'UNKNOWN',
  'UNAVAILABLE',
  'OVERLOADED',
])

/** What a `LockError` may say beside its code and message. */
export interface LockErrorDetails {
  readonly key?: string | null
  readonly cause?: unknown
}

/** A call of the client that failed. It throws no other error. */
export class LockError extends Error {
  readonly code: LockErrorCode
  /** The key that it was about; null when it was about none or several. */
  readonly key: string | null
  /** Whether the same call may succeed later. */
  readonly retryable: boolean

  constructor(code: LockErrorCode, message: string, details: LockErrorDetails = {}) {
    const { key = null, cause } = details
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'LockError'
    this.code = code
    this.key = key
    this.retryable = RETRYABLE.has(code)
  }
}

/**
 * Whether what failed so may have happened all the same, or may yet. Of an error that is none of
 * ours nothing is known.
 */
export function mayHaveHappened(error: unknown): boolean {
  if (!(error instanceof LockError)) return true
  return error.code === 'UNKNOWN' || error.code === 'ABORTED' || error.code === 'CLOSED'
}

/** The lock did not become free in time. */
export function timeoutError(key: string, waitedMs: number): LockError {
  const message = `lock acquisition timeout: failed to acquire lock ${key} within ${waitedMs} ms`
  return new LockError('TIMEOUT', message, { key })
}

/** The caller gave up. */
export function abortedError(what: string, key: string, signal: AbortSignal): LockError {
  return new LockError('ABORTED', `${what}: aborted`, { key, cause: signal.reason })
}

/** The lock is not the caller's any more. */
export function expiredError(key: string): LockError {
  return new LockError('LEASE_EXPIRED', `lock no longer owned or expired: ${key}`, { key })
}

/** The client was closed before or while it was asked. */
export function closedError(key: string | null): LockError {
  return new LockError('CLOSED', 'the lock client is closed: make a new one', { key })
}
