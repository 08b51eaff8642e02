// How a lock is asked for: the options of an application, checked and made into milliseconds.

import { isWellFormed } from '../core/bytes.ts'
import type { Mode } from '../core/lock/command.ts'
import type { Duration } from './duration.ts'
import { toMs } from './duration.ts'
import { LockError } from './errors.ts'

/** How a lock is taken, beside its key and its TTL. */
export interface AcquireOptions {
  /** How long to wait for it: 30 s when left out; 0: until it is granted or `signal` aborted. */
  readonly timeout?: Duration
  /** Pause between tries, with backends that only answer tries; 100 ms when left out or 0. */
  readonly retryInterval?: Duration
  /** For others to read in a status. */
  readonly metadata?: Readonly<Record<string, string>>
  /** Whether the lease is renewed while the lock is held, each third of `refreshTtl`. */
  readonly autoRefresh?: boolean
  /** How long each renewal makes the lease last; the TTL when left out. */
  readonly refreshTtl?: Duration
  /**
   * Who takes it: one of its own for each call when left out, so that calls exclude each other. The
   * same owner takes the lock once more, and gives it back as often.
   */
  readonly owner?: string
  /** `exclusive` when left out. */
  readonly mode?: Mode
  /** Ends the wait when aborted, and the automatic refresh of a lock that is held. */
  readonly signal?: AbortSignal
}

/** How a lock is taken, its TTL included. */
export interface HoldOptions extends AcquireOptions {
  /** How long the lock stays taken without a renewal. */
  readonly ttl: Duration
}

/** All there is to say about a lock that is asked for. */
export interface LockOptions extends HoldOptions {
  readonly key: string
}

/** Options in milliseconds, with nothing left out. */
export interface LockTerms {
  readonly key: string
  readonly ttlMs: number
  /** Infinity: no end. */
  readonly timeoutMs: number
  readonly retryIntervalMs: number
  readonly metadata: Readonly<Record<string, string>>
  readonly autoRefresh: boolean
  readonly refreshTtlMs: number
  /** Null: one that nobody else has. */
  readonly owner: string | null
  readonly mode: Mode
  readonly signal: AbortSignal | undefined
}

const TIMEOUT_MS = 30_000
const RETRY_INTERVAL_MS = 100

/** Checks options; throws `INVALID`, naming the one that is wrong. */
export function termsOf(options: LockOptions): LockTerms {
  const { key, owner = null, mode = 'exclusive', metadata = {}, signal } = options
  checkText('the key', key, key)
  if (owner !== null) checkText('the owner', owner, key)
  if (mode !== 'exclusive' && mode !== 'shared') {
    throw invalid(key, `mode is ${String(mode)}, not exclusive or shared`)
  }
  const ttlMs = positiveMs('ttl', options.ttl, key)
  const timeoutMs = durationMs('timeout', options.timeout ?? TIMEOUT_MS, key)
  const retryMs = durationMs('retryInterval', options.retryInterval ?? RETRY_INTERVAL_MS, key)
  return {
    key,
    ttlMs,
    timeoutMs: timeoutMs === 0 ? Infinity : timeoutMs,
    retryIntervalMs: retryMs === 0 ? RETRY_INTERVAL_MS : retryMs,
    metadata,
    autoRefresh: options.autoRefresh ?? false,
    refreshTtlMs: positiveMs('refreshTtl', options.refreshTtl ?? ttlMs, key),
    owner,
    mode,
    signal,
  }
}

/** Milliseconds of a TTL; throws `INVALID`. */
export function positiveMs(name: string, duration: Duration, key: string): number {
  const ms = durationMs(name, duration, key)
  if (ms === 0) throw invalid(key, `${name} is 0, and needs to be longer`)
  return ms
}

/** Throws `INVALID` where a key is none, before anything is sent. */
export function checkText(what: string, text: unknown, key: string): asserts text is string {
  if (typeof text !== 'string' || text.length === 0) {
    const given = JSON.stringify(text)
    throw invalid(String(key), `${what} is ${given}, not a text of at least one character`)
  }
  if (!isWellFormed(text)) throw invalid(key, `${what} has a lone surrogate, and so no UTF-8 form`)
}

function durationMs(name: string, duration: Duration, key: string): number {
  const ms = toMs(duration)
  if (ms !== null) return ms
  const given = typeof duration === 'string' ? JSON.stringify(duration) : String(duration)
  const wanted = 'whole milliseconds from 0, or text such as "30s", "1m30s" or "500ms"'
  throw invalid(key, `${name} is ${given}, not ${wanted}`)
}

function invalid(key: string, why: string): LockError {
  return new LockError('INVALID', `lock ${key}: ${why}`, { key })
}
