// `connect()`: a client of the lock service, by the addresses of its nodes.

import { randomBytes } from 'node:crypto'
import type { LockBackend } from '../backend.ts'
import { Caller } from '../caller.ts'
import type { ClientClock } from '../clock.ts'
import { systemClock } from '../clock.ts'
import { DistributedLock } from '../distributed-lock.ts'
import type { Duration } from '../duration.ts'
import { toMs } from '../duration.ts'
import { LockError } from '../errors.ts'
import { ServiceBackend, weighReply } from '../service-backend.ts'
import type { TlsOptions } from '../tls-options.ts'
import { SocketCarrier } from './carrier.ts'

/** Where the lock service is, and how it is asked. */
export interface ConnectOptions {
  /** `host:port` of the HTTP API of each node; one is enough, and all are better. */
  readonly nodes: readonly string[]
  /** Said to be who one is, if the service wants to know. */
  readonly token?: string
  /** TLS: `{}` for a server with a public certificate; else at least its `ca`. */
  readonly tls?: TlsOptions
  /** How long a call may take that does not wait for a lock; 5 s when left out. */
  readonly requestTimeout?: Duration
  /** How long one node may take to answer before another is asked; 500 ms when left out. */
  readonly attemptTimeout?: Duration
  /** True: the process does not end by itself while a lock is held. */
  readonly keepProcessAlive?: boolean
  /** The computer's when left out. */
  readonly clock?: ClientClock
}

const REQUEST_TIMEOUT_MS = 5_000
const ATTEMPT_TIMEOUT_MS = 500
const RETRY_PAUSE_MS = 50
const DIAL_TIMEOUT_MS = 2_000

/**
 * A client of the lock service. Nothing is dialled before the first call. Throws `INVALID` for
 * options that make no sense.
 */
export function connect(options: ConnectOptions): DistributedLock {
  const { clock = systemClock, keepProcessAlive = false } = options
  return new DistributedLock(serviceBackend(options), { clock, keepProcessAlive })
}

/** The lock service as a backend, for what stands on backends. */
export function serviceBackend(options: ConnectOptions): LockBackend {
  const { nodes, token = null, tls = null, clock = systemClock } = options
  for (const node of nodes) checkAddress(node)
  if (nodes.length === 0) throw invalid('nodes is empty: name one node at least')
  if (new Set(nodes).size < nodes.length) throw invalid('nodes names one twice')
  const attemptTimeoutMs = msOf('attemptTimeout', options.attemptTimeout ?? ATTEMPT_TIMEOUT_MS)
  const caller = new Caller({
    nodes,
    attemptTimeoutMs,
    retryPauseMs: RETRY_PAUSE_MS,
    clock,
    random: () => Math.floor(Math.random() * 0x100000000),
    weigh: weighReply,
    open: (events) =>
      new SocketCarrier({ nodes, token, tls, dialTimeoutMs: DIAL_TIMEOUT_MS }, events),
  })
  const client = randomBytes(16).toString('hex')
  let requests = 0
  return new ServiceBackend({
    caller,
    newRequestId: () => `${client}.${requests++}`,
    requestTimeoutMs: msOf('requestTimeout', options.requestTimeout ?? REQUEST_TIMEOUT_MS),
    waitMarginMs: attemptTimeoutMs,
  })
}

/** A name, an IPv4 address or an IPv6 address in brackets, and a port. */
const ADDRESS = /^(\[[0-9a-fA-F:.]+\]|[^\s:/@]+):\d{1,5}$/

function checkAddress(node: unknown): void {
  if (typeof node === 'string' && ADDRESS.test(node)) return
  throw invalid(`node ${JSON.stringify(node)} is not host:port`)
}

function msOf(name: string, duration: Duration): number {
  const ms = toMs(duration)
  if (ms !== null && ms > 0) return ms
  throw invalid(`${name} is ${JSON.stringify(duration)}, not a duration above 0`)
}

function invalid(why: string): LockError {
  return new LockError('INVALID', `connect: ${why}`)
}
