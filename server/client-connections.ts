// The connections of client libraries to one node: made of HTTP connections by `GET /client` with
// `Upgrade: lockstep/1`, counted, and closed with the server.

import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { nameOf } from './cluster-view.ts'
import { ClientConnection } from './client-connection.ts'
import type { ConnectionLimits } from './client-connection.ts'
import type { Authoriser } from './http/auth.ts'
import { endWith } from './http/end-with.ts'
import { Problem, problemDocument, PROBLEMS } from './http/problem.ts'
import type { LockMetrics } from './lock-metrics.ts'
import type { LockService } from './lock-service.ts'

/** The protocol that a client asks for. */
export const CLIENT_PROTOCOL = 'lockstep/1'

/** The bounds of client connections. All have defaults. */
export interface ClientConnectionsOptions extends Partial<ConnectionLimits> {
  /** Connections at a time; more are refused with 503. 10 000. */
  readonly connectionsMax?: number
}

/** Connections at a time of a node that is told nothing else. */
export const CLIENT_CONNECTIONS_MAX = 10_000

const LIMITS: ConnectionLimits = {
  // A command has 1 MiB at most; the rest is for what stands around it.
  frameBytesMax: 1_048_576 + 1_024,
  openMax: 20_000,
  backlogBytesMax: 1_048_576,
  idleMs: 600_000,
}

/** What client connections stand on. */
export interface ClientFrontEnd {
  readonly service: LockService
  readonly metrics: LockMetrics
  readonly authoriser: Authoriser
}

/** All of one node. */
export class ClientConnections {
  readonly #frontEnd: ClientFrontEnd
  readonly #limits: ConnectionLimits
  readonly #connectionsMax: number
  readonly #connections = new Set<ClientConnection>()
  #isClosed = false

  constructor(frontEnd: ClientFrontEnd, options: ClientConnectionsOptions = {}) {
    const { connectionsMax = CLIENT_CONNECTIONS_MAX, ...limits } = options
    this.#frontEnd = frontEnd
    this.#limits = { ...LIMITS, ...limits }
    this.#connectionsMax = connectionsMax
  }

  /** How many there are. */
  get size(): number {
    return this.#connections.size
  }

  /** Takes over the connection of a request to upgrade, or refuses it with a problem. */
  upgrade(request: IncomingMessage, socket: Socket, head: Uint8Array): void {
    // Node leaves a socket that is to be upgraded without anybody who hears of its errors.
    socket.on('error', () => undefined)
    try {
      this.#accept(request, socket, head)
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      refuseUpgrade(socket, error)
    }
  }

  /** Closes all, and takes no more. */
  close(): void {
    this.#isClosed = true
    for (const connection of [...this.#connections]) connection.close()
  }

  #accept(request: IncomingMessage, socket: Socket, head: Uint8Array): void {
    const { service, metrics, authoriser } = this.#frontEnd
    if (request.headers.upgrade?.toLowerCase() !== CLIENT_PROTOCOL) {
      throw new Problem('bad_request', `the only upgrade is to ${CLIENT_PROTOCOL}`)
    }
    if (request.method !== 'GET') throw new Problem('bad_request', 'an upgrade is asked by GET')
    const access = authoriser.identify(request.headers.authorization)
    if (this.#isClosed || this.#connections.size >= this.#connectionsMax) {
      const detail = `this node takes ${this.#connectionsMax} client connections: use another`
      throw new Problem('overloaded', detail, {}, 1_000)
    }
    const lines = [
      'HTTP/1.1 101 Switching Protocols',
      'Connection: Upgrade',
      `Upgrade: ${CLIENT_PROTOCOL}`,
      `Lockstep-Node: ${headerText(nameOf(service.replica.config.node))}`,
    ]
    socket.write(`${lines.join('\r\n')}\r\n\r\n`)
    const connection: ClientConnection = new ClientConnection(socket, {
      service,
      metrics,
      access: authoriser.isOn ? access : null,
      limits: this.#limits,
      onClosed: () => void this.#connections.delete(connection),
    })
    this.#connections.add(connection)
    if (head.length > 0) connection.read(head)
  }
}

/** A name as the value of a header: what is no visible ASCII is percent-encoded. */
function headerText(name: string): string {
  return /^[!-~]*$/.test(name) ? name : encodeURIComponent(name)
}

/** Answers a request to upgrade with a problem, and closes its connection. */
export function refuseUpgrade(socket: Socket, problem: Problem): void {
  const body = JSON.stringify(problemDocument(problem))
  const { status, title } = PROBLEMS[problem.code]
  const head = [
    `HTTP/1.1 ${status} ${title}`,
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  endWith(socket, `${head.join('\r\n')}\r\n\r\n${body}`)
}
