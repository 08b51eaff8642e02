// The connection to one node: dialled over HTTP when something is to be sent, made into a stream of
// frames by an upgrade, and dialled anew after it broke. It never keeps the process from ending.

import { request as httpRequest } from 'node:http'
import type { ClientRequest as HttpRequest, IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Socket } from 'node:net'
import type { SecureContextOptions } from 'node:tls'
import { unreachable } from '../../core/invariant.ts'
import { decodeClientReply, encodeClientRequest } from '../../transports/client-codec.ts'
import type { ClientReply, ClientRequest } from '../../transports/client-codec.ts'
import { FrameBatch, FrameReader } from '../../transports/stream-frames.ts'
import type { Pem, TlsOptions } from '../tls-options.ts'

/** Where a node is, and how it is asked to talk frames. */
export interface LinkOptions {
  /** `host:port`, as the application wrote it. */
  readonly address: string
  readonly token: string | null
  /** Null: plain TCP. */
  readonly tls: TlsOptions | null
  readonly dialTimeoutMs: number
}

/** Whom a link tells. */
export interface LinkEvents {
  /** It is connected, to the node of that name. */
  opened(name: string): void
  replied(reply: ClientReply): void
  /** A request was not carried and will not be. */
  unsent(request: number): void
  /** It broke: what was carried and not answered will not be. */
  lost(): void
  /** It could not be connected. */
  failed(): void
}

/** Why the last dial failed. */
export interface LinkProblem {
  readonly isRefused: boolean
  readonly text: string
}

type State =
  | { readonly type: 'closed' }
  /** Nothing is dialled before `untilMs`, by `performance.now()`. */
  | { readonly type: 'resting'; readonly untilMs: number }
  | { readonly type: 'dialling'; readonly dial: HttpRequest; readonly queue: ClientRequest[] }
  | { readonly type: 'open'; readonly socket: Socket; readonly batch: FrameBatch }

const REST_MS_MIN = 50
const REST_MS_MAX = 1_000
const KEEP_ALIVE_MS = 10_000
const LINGER_MS = 1_000
const REPLY_BYTES_MAX = 16 * 1024 * 1024

/** The path and the protocol of the upgrade. */
const PATH = '/client'
const PROTOCOL = 'lockstep/1'

export class Link {
  readonly #options: LinkOptions
  readonly #events: LinkEvents
  #state: State = { type: 'resting', untilMs: -Infinity }
  #failures = 0
  #problem: LinkProblem | null = null

  constructor(options: LinkOptions, events: LinkEvents) {
    this.#options = options
    this.#events = events
  }

  /** Why it could not be connected the last time; null when it was, or was never tried. */
  get problem(): LinkProblem | null {
    return this.#problem
  }

  get isDialling(): boolean {
    return this.#state.type === 'dialling'
  }

  send(request: ClientRequest): void {
    const state = this.#state
    switch (state.type) {
      case 'open':
        state.batch.add(encodeClientRequest(request))
        return
      case 'dialling':
        state.queue.push(request)
        return
      case 'resting':
        if (performance.now() < state.untilMs) this.#events.unsent(request.request)
        else this.#dial([request])
        return
      case 'closed':
        this.#events.unsent(request.request)
        return
      default:
        unreachable(state)
    }
  }

  /** Connects, though nothing is to be sent yet: true, unless it cannot now or is open. */
  dial(): boolean {
    const state = this.#state
    if (state.type !== 'resting' || performance.now() < state.untilMs) return false
    this.#dial([])
    return true
  }

  flush(): void {
    const state = this.#state
    if (state.type === 'open' && state.batch.bytesCount > 0) state.socket.write(state.batch.take())
  }

  /** Takes a request back that still waits for the connection: true if there was one. */
  withdraw(request: number): boolean {
    const state = this.#state
    if (state.type !== 'dialling') return false
    const at = state.queue.findIndex((other) => other.request === request)
    if (at >= 0) state.queue.splice(at, 1)
    return at >= 0
  }

  close(): void {
    const state = this.#state
    this.#state = { type: 'closed' }
    if (state.type === 'dialling') state.dial.destroy()
    if (state.type !== 'open') return
    // What was flushed still leaves; a node that does not hear of the end is not waited for.
    const { socket } = state
    socket.end()
    setTimeout(() => socket.destroy(), LINGER_MS).unref()
  }

  #dial(queue: ClientRequest[]): void {
    const { token, tls, dialTimeoutMs } = this.#options
    const headers: Record<string, string> = { Connection: 'Upgrade', Upgrade: PROTOCOL }
    if (token !== null) headers['Authorization'] = `Bearer ${token}`
    const options = { ...this.#place(), path: PATH, headers, agent: false as const }
    const dial =
      tls === null ? httpRequest(options) : httpsRequest({ ...options, ...secureOf(tls) })
    this.#state = { type: 'dialling', dial, queue }
    const late = new Error(`no answer within ${dialTimeoutMs} ms`)
    const timer = setTimeout(() => dial.destroy(late), dialTimeoutMs)
    timer.unref()
    dial.on('socket', (socket) => socket.unref())
    dial.on('upgrade', (response, socket, head) => {
      clearTimeout(timer)
      this.#opened(dial, response, socket as Socket, head)
    })
    dial.on('response', (response) => {
      clearTimeout(timer)
      this.#refused(dial, response)
    })
    dial.on('error', (error) => {
      clearTimeout(timer)
      this.#failed(dial, { isRefused: false, text: textOf(error) })
    })
    dial.end()
  }

  /** Host and port, of an IPv6 address without its brackets. */
  #place(): { readonly host: string; readonly port: string } {
    const { hostname, port } = new URL(`http://${this.#options.address}`)
    return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: port === '' ? '80' : port }
  }

  #opened(dial: HttpRequest, response: IncomingMessage, socket: Socket, head: Uint8Array): void {
    const state = this.#state
    if (state.type !== 'dialling' || state.dial !== dial) {
      socket.destroy()
      return
    }
    this.#failures = 0
    this.#problem = null
    const batch = new FrameBatch()
    for (const request of state.queue) batch.add(encodeClientRequest(request))
    this.#state = { type: 'open', socket, batch }
    socket.setNoDelay(true)
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    socket.unref()
    const reader = new FrameReader(REPLY_BYTES_MAX)
    const read = (chunk: Uint8Array): void => {
      if (reader.push(chunk, (body) => this.#read(socket, body)) !== null) socket.destroy()
    }
    socket.on('data', read)
    // What follows an error is `close`.
    socket.on('error', () => {})
    socket.on('end', () => socket.destroy())
    socket.on('close', () => this.#lost(socket))
    this.#events.opened(String(response.headers['lockstep-node'] ?? ''))
    this.flush()
    if (head.length > 0) read(head)
  }

  #read(socket: Socket, body: Uint8Array): void {
    if (this.#state.type === 'closed') return
    const decoded = decodeClientReply(body)
    if (decoded.type === 'reply') this.#events.replied(decoded.reply)
    else socket.destroy()
  }

  #lost(socket: Socket): void {
    const state = this.#state
    if (state.type !== 'open' || state.socket !== socket) return
    this.#state = { type: 'resting', untilMs: -Infinity }
    this.#events.lost()
  }

  #refused(dial: HttpRequest, response: IncomingMessage): void {
    const { statusCode = 0, statusMessage = '' } = response
    response.resume()
    dial.destroy()
    const isRefused = statusCode === 401 || statusCode === 403
    const text = `HTTP ${statusCode} ${statusMessage} to the upgrade to ${PROTOCOL}`
    this.#failed(dial, { isRefused, text })
  }

  #failed(dial: HttpRequest, problem: LinkProblem): void {
    const state = this.#state
    if (state.type !== 'dialling' || state.dial !== dial) return
    this.#problem = problem
    const restMs = Math.min(REST_MS_MAX, REST_MS_MIN << Math.min(this.#failures, 10))
    this.#failures += 1
    this.#state = { type: 'resting', untilMs: performance.now() + restMs }
    for (const { request } of state.queue) this.#events.unsent(request)
    this.#events.failed()
  }
}

/** TLS options in Node's terms. */
function secureOf(tls: TlsOptions): SecureContextOptions & { readonly servername?: string } {
  const { ca, cert, key, passphrase, servername } = tls
  const bytesOf = (pem: Pem): string | Buffer => (typeof pem === 'string' ? pem : Buffer.from(pem))
  const listOf = (pems: Pem | readonly Pem[]): (string | Buffer)[] =>
    typeof pems === 'string' || pems instanceof Uint8Array ? [bytesOf(pems)] : pems.map(bytesOf)
  return {
    ...(ca === undefined ? {} : { ca: listOf(ca) }),
    ...(cert === undefined ? {} : { cert: bytesOf(cert) }),
    ...(key === undefined ? {} : { key: bytesOf(key) }),
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(servername === undefined ? {} : { servername }),
  }
}

/** What went wrong; where several addresses were tried, with the first. */
function textOf(error: Error): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error
  return first instanceof Error && first.message !== '' ? first.message : String(error)
}
