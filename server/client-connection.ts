// One connection of the client library: requests come in frames, go to the replica as they are, and
// are answered in any order. It decides nothing about locks; a client retries by itself.
//
// The way of a request is the hot path of the service: no promise, and nothing is decoded but where
// a token or a narrower TTL has to be looked at, or a client has gone.

import type { Socket } from 'node:net'
import { decodeCommand, encodeCommand, encodeReply, decodeReply } from '../core/lock/codec.ts'
import type { Acquire, LockCommand } from '../core/lock/command.ts'
import { unreachable } from '../core/invariant.ts'
import type { NodeId } from '../core/raft/config.ts'
import {
  decodeCommand as decodeSessionCommand,
  encodeReply as encodeSessionReply,
} from '../core/session/codec.ts'
import { decodeClientRequest, encodeClientReply } from '../transports/client-codec.ts'
import { FrameBatch, FrameReader } from '../transports/stream-frames.ts'
import type { Access } from './http/auth.ts'
import type { ProblemCode } from './http/problem.ts'
import type { LockMetrics } from './lock-metrics.ts'
import type { ServiceCommand, ServiceOutcome } from './lock-replica.ts'
import type { LockService } from './lock-service.ts'

/** What a connection may use, and for how long. */
export interface ConnectionLimits {
  /** Bytes of one frame. */
  readonly frameBytesMax: number
  /** Requests that may be unanswered at a time; more are answered `overloaded`. */
  readonly openMax: number
  /** Bytes of answers that may wait for a client to read them before no more is read from it. */
  readonly backlogBytesMax: number
  /** How long a connection without an open request may say nothing, milliseconds. */
  readonly idleMs: number
}

/** What a connection stands on. */
export interface ConnectionOptions {
  readonly service: LockService
  readonly metrics: LockMetrics
  /** What its token allows; null: everything, and nobody looks. */
  readonly access: Access | null
  readonly limits: ConnectionLimits
  readonly onClosed: () => void
}

const COMMANDS = { encodeCommand, decodeCommand }
const REPLIES = { encodeReply, decodeReply }

/** Speaks with one client over a socket that it owns from now on. */
export class ClientConnection {
  readonly #socket: Socket
  readonly #options: ConnectionOptions
  readonly #reader: FrameReader
  readonly #batch = new FrameBatch()
  /** What is unanswered, by the client's number; an empty payload for what changes nothing. */
  readonly #open = new Map<number, Uint8Array>()
  /** Once the client is gone: ends the grace of its waits. */
  #leaves: Map<number, () => void> | null = null
  #isFlushing = false

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket
    this.#options = options
    this.#reader = new FrameReader(options.limits.frameBytesMax)
    socket.setNoDelay(true)
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    socket.setTimeout(options.limits.idleMs, () => this.#idle())
    socket.on('data', (chunk: Uint8Array) => this.read(chunk))
    socket.on('drain', () => socket.resume())
    socket.on('end', () => socket.end())
    // What follows an error is `close`.
    socket.on('error', () => undefined)
    socket.once('close', () => this.#closed())
  }

  /** Takes bytes; those that came with the head of the upgrade too. */
  read(chunk: Uint8Array): void {
    const problem = this.#reader.push(chunk, (body) => this.#received(body))
    if (problem !== null) this.#socket.destroy()
  }

  /** Sends what is answered, and closes: what is not is unknown to the client. */
  close(): void {
    this.#flush()
    this.#socket.end()
    this.#socket.destroySoon()
  }

  #received(body: Uint8Array): void {
    const decoded = decodeClientRequest(body)
    const open = this.#open
    if (decoded.type !== 'request' || open.has(decoded.request.request)) {
      this.#socket.destroy()
      return
    }
    const { request, read, payload } = decoded.request
    const isFull = open.size >= this.#options.limits.openMax
    const refusal = isFull ? OVERLOADED : this.#refusal(payload)
    if (refusal !== null) {
      if (!read) this.#count(refusal, performance.now())
      return this.#send(request, refusal)
    }
    open.set(request, read ? NOTHING : payload)
    const { service } = this.#options
    if (read) {
      service.replica.ask('read', payload, (outcome) => this.#answered(request, outcome))
      return
    }
    const startMs = performance.now()
    service.replica.ask('request', payload, (outcome) => {
      this.#count(outcome, startMs)
      this.#answered(request, outcome)
    })
  }

  #answered(request: number, outcome: ServiceOutcome): void {
    this.#open.delete(request)
    if (this.#leaves === null) this.#send(request, outcome)
    else if (outcome.type === 'done') this.#leaves.get(request)?.()
  }

  #send(request: number, outcome: ServiceOutcome): void {
    if (!this.#socket.writable) return
    const encoded =
      outcome.type === 'done'
        ? {
            type: outcome.type,
            index: outcome.index,
            reply: encodeSessionReply(REPLIES, outcome.reply),
          }
        : outcome
    this.#batch.add(encodeClientReply({ request, outcome: encoded, leader: this.#otherLeader() }))
    if (this.#isFlushing) return
    this.#isFlushing = true
    // Behind all that this turn of the replica answers: they leave in one write.
    process.nextTick(() => this.#flush())
  }

  /** Whom the client should rather ask; null: this node leads, or knows nobody who does. */
  #otherLeader(): NodeId | null {
    const { replica } = this.#options.service
    const leader = replica.leader()
    return leader === replica.config.node ? null : leader
  }

  #flush(): void {
    this.#isFlushing = false
    if (this.#batch.bytesCount === 0 || !this.#socket.writable) return
    this.#socket.write(this.#batch.take())
    // A client that does not read its answers is not read from: it goes on when they have drained.
    if (this.#socket.writableLength > this.#options.limits.backlogBytesMax) this.#socket.pause()
  }

  #count(outcome: ServiceOutcome, startMs: number): void {
    const { metrics } = this.#options
    if (outcome.type === 'done') {
      const { reply } = outcome
      if (reply.type === 'replied') metrics.answered(reply.reply, performance.now() - startMs)
      return
    }
    const code = FAILURES[outcome.type]
    if (code !== undefined) metrics.failed(code)
  }

  /** What is answered to what this node does not pass on; null: it does. */
  #refusal(payload: Uint8Array): ServiceOutcome | null {
    const { access, service } = this.#options
    if (access === null && !service.hasParked && !service.isTtlNarrowed) return null
    const command = decodeSessionCommand(COMMANDS, payload)
    // The replica says that it is malformed.
    if (command === null) return null
    if (access !== null && !isAllowed(access, command)) return { type: 'forbidden' }
    if (command.type !== 'plain' && command.type !== 'call') return null
    const asked = command.command
    if (asked.type !== 'acquire' && asked.type !== 'renew') return null
    const { ttlMsMin, ttlMsMax } = service.limits
    if (asked.ttlMs !== null && (asked.ttlMs < ttlMsMin || asked.ttlMs > ttlMsMax)) {
      return TTL_OUT_OF_RANGE
    }
    // A client that came back asks with the id of a wait that is about to be given up.
    const wait = parkable(command)
    if (wait !== null) service.asked(wait)
    return null
  }

  #idle(): void {
    if (this.#open.size === 0) this.#socket.destroy()
  }

  /** Waits are given up after the grace, but for those that end with a session. */
  #closed(): void {
    this.#leaves = new Map()
    for (const [request, payload] of this.#open) {
      if (payload.length === 0) continue
      const command = decodeSessionCommand(COMMANDS, payload)
      const wait = command === null ? null : parkable(command)
      if (wait !== null) this.#leaves.set(request, this.#options.service.park(wait))
    }
    this.#options.onClosed()
  }
}

const NOTHING = new Uint8Array(0)
const OVERLOADED: ServiceOutcome = { type: 'overloaded' }
/** What is counted. Of the others a client asks another node. */
const FAILURES: Readonly<Partial<Record<ServiceOutcome['type'], ProblemCode>>> = {
  malformed: 'bad_request',
  forbidden: 'forbidden',
  tooLarge: 'too_large',
  overloaded: 'overloaded',
  unknown: 'unknown',
}
/** As the machine would answer, whose own limits are wider. */
const TTL_OUT_OF_RANGE: ServiceOutcome = {
  type: 'done',
  index: 0,
  reply: { type: 'replied', reply: { type: 'rejected', reason: 'ttlOutOfRange' } },
}
const KEEP_ALIVE_MS = 15_000
/** Whoever may do one of these may do it in a session. */
const SESSION_VERBS = ['acquire', 'renew', 'release'] as const

/** The wait that a command is, if it has a name by which it can be given up. */
function parkable(command: ServiceCommand): Acquire | null {
  const isOutside = command.type === 'plain' || (command.type === 'call' && !command.bound)
  if (!isOutside || command.command.type !== 'acquire') return null
  const { waitMs, requestId } = command.command
  return waitMs === 0 || requestId === null ? null : command.command
}

/** Whether a token allows a command. */
export function isAllowed(access: Access, command: ServiceCommand): boolean {
  switch (command.type) {
    case 'openSession':
    case 'keepAlive':
    case 'closeSession':
      return SESSION_VERBS.some((verb) => access.mayEver(verb))
    case 'call':
    case 'plain':
      return isLockAllowed(access, command.command)
    case 'expireSessions':
      return access.mayEver('admin')
    default:
      return unreachable(command)
  }
}

function isLockAllowed(access: Access, command: LockCommand): boolean {
  switch (command.type) {
    case 'acquire':
    case 'cancel':
      return access.may('acquire', command.key)
    case 'release':
    case 'renew':
      return access.may(command.type, command.key)
    case 'forceRelease':
      return access.may('admin', command.key)
    case 'status':
    case 'listHolders':
    case 'listWaiters':
      return access.may('read', command.key)
    case 'listLocks':
    case 'countLocks':
      return access.may('read', command.prefix)
    case 'expire':
      return access.mayEver('admin')
    default:
      return unreachable(command)
  }
}
