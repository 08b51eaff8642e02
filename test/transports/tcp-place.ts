// TCP transports on this machine for tests: one for each of the nodes of a stage, on ports that
// stay the same over their restarts, and plain sockets to throw at them.

import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import type { NodeId } from '../../core/raft/config.ts'
import { STAGE_NODES } from '../../transports/conformance-party.ts'
import type { StageNode, TransportPlace } from '../../transports/conformance-party.ts'
import { nameOf } from '../../transports/handshake.ts'
import type { Standing } from '../../transports/handshake.ts'
import { tcpTransport } from '../../transports/node/tcp.ts'
import type { TcpTransport } from '../../transports/node/tcp.ts'
import type { Address, TcpNotice, TcpOptions, TlsFiles } from '../../transports/node/tcp-options.ts'

export const HOST = '127.0.0.1'

export const pause = (): Promise<void> => new Promise(resolve => setTimeout(resolve, 5))

/** Waits until it is so; the test's own deadline ends it otherwise. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await pause()
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

export function standingOf(node: NodeId, cluster: string | null = 'c1'): Standing {
  return { node, cluster, founding: null, promise: null }
}

/** A transport that takes everybody in, with short pauses, and what it noticed. */
export interface Made {
  readonly transport: TcpTransport
  readonly notices: TcpNotice[]
}

export function makeTcp(
  node: NodeId,
  port: number,
  peers: readonly (readonly [string, number])[],
  more: Partial<TcpOptions> = {}
): Made {
  const notices: TcpNotice[] = []
  const options: TcpOptions = {
    listen: { host: HOST, port },
    peers: new Map<string, Address>(peers.map(([name, at]) => [name, { host: HOST, port: at }])),
    tls: null,
    introduce: () => standingOf(node),
    consider: () => ({ type: 'admit' }),
    onNotice: notice => void notices.push(notice),
    ...more,
    limits: { retryMinMs: 5, retryMaxMs: 40, ...more.limits }
  }
  return { transport: tcpTransport(options), notices }
}

/** The place of a stage: each node dials all others, or only those that are given. */
export class TcpPlace implements TransportPlace {
  readonly #ports: ReadonlyMap<StageNode, number>
  readonly #tls: TlsFiles | null
  readonly #dials: (node: StageNode, peer: StageNode) => boolean
  /** Whose port nobody else can have. */
  #holder: TcpTransport | null = null

  constructor(
    ports: ReadonlyMap<StageNode, number>,
    tls: TlsFiles | null = null,
    dials: (node: StageNode, peer: StageNode) => boolean = () => true
  ) {
    this.#ports = ports
    this.#tls = tls
    this.#dials = dials
  }

  make(node: StageNode): TcpTransport {
    const peers = [...this.#ports].flatMap(([peer, port]) => {
      const isDialled = peer !== node && this.#dials(node, peer)
      return isDialled ? [[nameOf(peer), port] as const] : []
    })
    const limits = { frameBytesMax: 250_000, queuedBytesMax: 250_000 }
    const port = this.#ports.get(node) ?? 0
    return makeTcp(node, port, peers, { tls: this.#tls, limits }).transport
  }

  async pause(): Promise<void> {
    await pause()
  }

  async end(): Promise<void> {
    await this.#holder?.close()
  }

  async makeUnopenable(): Promise<TcpTransport> {
    this.#holder = makeTcp('x@00000009', 0, []).transport
    await this.#holder.open({ received: () => {} })
    return makeTcp('x@00000009', this.#holder.address.port, []).transport
  }
}

/** A port for each node of a stage. */
export async function stagePorts(): Promise<Map<StageNode, number>> {
  const ports = new Map<StageNode, number>()
  for (const node of STAGE_NODES) ports.set(node, await freePort())
  return ports
}

/** A plain connection to a transport. */
export async function plainSocket(port: number): Promise<Socket> {
  const socket = connect(port, HOST)
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}
