// The transport over TCP: whom to dial, which connection a frame leaves by, and what is told of
// it. What is said on a connection is connection.ts's; who belongs to a cluster is the host's.
//
// Order: a node sends to a peer by one connection until that is dead, and only then by another. So
// a frame that comes by another one says that nothing more may be read from the first.

import type { Server, Socket } from 'node:net'
import type { NodeId } from '../../core/raft/config.ts'
import { FRAME_VERSIONS, isGreeting, nameOf } from '../handshake.ts'
import type { Introduction, Verdict } from '../handshake.ts'
import type { Receiver, Transport, TransportSupports } from '../transport.ts'
import { Connection } from './connection.ts'
import type { ConnectionLimits, ConnectionOwner, Ending, Side } from './connection.ts'
import { Dialler } from './dialler.ts'
import type { Pauses } from './dialler.ts'
import { dialSocket, listen, makeServer } from './sockets.ts'
import { addressText, readAddress, TCP_LIMITS } from './tcp-options.ts'
import type { Address, TcpLimits, TcpNotice, TcpOptions, TcpPeer } from './tcp-options.ts'

const TICK_MS = 250
/** Failures of those who dialled us that are told within a tick: logs are not theirs to fill. */
const FAILURES_TOLD_MAX = 20

/** The connections to one node, by which frames to it leave and from it come. */
interface Route {
  readonly node: NodeId
  readonly connections: Connection[]
  sending: Connection
  /** Null: no frame has come yet, or none by a connection that is still there. */
  receiving: Connection | null
}

/** A transport over TCP, and what it knows of the others. */
export interface TcpTransport extends Transport {
  /** Where it listens: once it is open, the port is the true one. */
  readonly address: Address
  /** What is known of each peer that was named, or is connected, sorted by name. */
  peers(): TcpPeer[]
  /** What the node of that name last said of itself, if it was named or taken in; else null. */
  heard(name: string): Introduction | null
  /** Dials now whoever is not connected: for a node that has something new to say of itself. */
  dialAll(): void
}

/** Makes a transport that is not open. Nothing is dialled before `open`. */
export function tcpTransport(options: TcpOptions): TcpTransport {
  return new Tcp(options)
}

class Tcp implements TcpTransport, ConnectionOwner {
  readonly supports: TransportSupports
  readonly #options: TcpOptions
  readonly #limits: TcpLimits
  readonly #connectionLimits: ConnectionLimits
  readonly #pauses: Pauses
  readonly #life: number
  readonly #diallers = new Map<string, Dialler>()
  readonly #dialled = new Map<Dialler, Connection>()
  readonly #heard = new Map<string, Introduction>()
  readonly #connections = new Set<Connection>()
  /** Accepted, and not admitted: the oldest first. */
  readonly #strangers = new Set<Connection | Socket>()
  readonly #routes = new Map<NodeId, Route>()
  #dirty: Connection[] = []
  #receiver: Receiver | null = null
  #server: Server | null = null
  #opening: Promise<void> | null = null
  #isClosing = false
  #closing: Promise<void> | null = null
  #clock: NodeJS.Timeout | null = null
  #crowdedCount = 0
  /** Failures of those who dialled us since the last tick. */
  #failureCount = 0
  #port: number

  constructor(options: TcpOptions) {
    const { random = Math.random } = options
    const limits = { ...TCP_LIMITS, ...options.limits }
    this.#options = options
    this.#limits = limits
    this.#pauses = { ...limits, random }
    this.#life = Math.floor(random() * 2 ** 48)
    this.#port = options.listen.port
    this.#connectionLimits = {
      ...limits,
      handshakeTicks: Math.ceil(limits.handshakeTimeoutMs / TICK_MS),
      silentTicks: Math.ceil(limits.silenceTimeoutMs / TICK_MS)
    }
    const authentication = options.tls !== null
    this.supports = { order: true, authentication, frameBytesMax: limits.frameBytesMax }
    for (const [name, address] of options.peers) this.#addDialler(name, address)
  }

  get address(): Address {
    return { host: this.#options.listen.host, port: this.#port }
  }

  open(receiver: Receiver): Promise<void> {
    if (this.#opening !== null || this.#isClosing) {
      return Promise.reject(new Error('this transport was opened or closed before: make a new one'))
    }
    this.#opening = this.#open(receiver)
    return this.#opening
  }

  send(to: NodeId, frame: Uint8Array): void {
    const route = this.#routes.get(to)
    if (route === undefined || this.#isClosing) return
    const { frameBytesMax } = this.#limits
    if (frame.length < 2 || frame.length > frameBytesMax || isGreeting(frame)) return
    if (route.sending.take(frame)) this.#dirty.push(route.sending)
  }

  flush(): void {
    if (this.#dirty.length === 0) return
    const dirty = this.#dirty
    this.#dirty = []
    for (const connection of dirty) connection.flush()
  }

  close(): Promise<void> {
    this.#isClosing = true
    this.#closing ??= this.#close()
    return this.#closing
  }

  peers(): TcpPeer[] {
    const rows: TcpPeer[] = []
    for (const { node, sending } of this.#routes.values()) {
      const name = nameOf(node)
      const address = this.#diallers.get(name)?.address
      rows.push({
        name,
        node,
        address: address === undefined || address === null ? sending.place : addressText(address),
        url: sending.theirs?.url ?? null,
        connected: true,
        queuedBytes: sending.queuedBytes
      })
    }
    for (const { name, address } of this.#diallers.values()) {
      if (address === null || this.#isConnected(name)) continue
      const { node = null, url = null } = this.#heard.get(name) ?? {}
      const text = addressText(address)
      rows.push({ name, node, address: text, url, connected: false, queuedBytes: 0 })
    }
    return rows.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  }

  heard(name: string): Introduction | null {
    return this.#heard.get(name) ?? null
  }

  dialAll(): void {
    if (this.#receiver === null) return
    for (const dialler of this.#diallers.values()) dialler.now()
  }

  introduce(): Introduction {
    const { advertise = this.address, introduce, url } = this.#options
    const places = { address: addressText(advertise), url: url?.() ?? null }
    return { ...introduce(), ...FRAME_VERSIONS, ...places }
  }

  consider(theirs: Introduction, side: Side): Verdict {
    const name = nameOf(theirs.node)
    if (this.#diallers.has(name)) this.#heard.set(name, theirs)
    return this.#options.consider(theirs, side)
  }

  admitted(connection: Connection): void {
    const { theirs } = connection
    if (theirs === null) return
    const { node } = theirs
    const name = nameOf(node)
    this.#strangers.delete(connection)
    this.#heard.set(name, theirs)
    const route = this.#routes.get(node)
    if (route === undefined) {
      const first = { node, connections: [connection], sending: connection, receiving: null }
      this.#routes.set(node, first)
    } else {
      route.connections.push(connection)
      for (const other of [...route.connections]) {
        if (other !== connection && isReplacedBy(other, connection)) other.close()
      }
    }
    const address = readAddress(theirs.address)
    const dialler = this.#diallers.get(name) ?? this.#addDialler(name, null)
    if (address !== null) dialler.learn(address)
    dialler.succeeded()
    this.#tell({ type: 'connected', node, place: connection.place, side: connection.side })
  }

  received(connection: Connection, frame: Uint8Array): void {
    const route = connection.node === null ? undefined : this.#routes.get(connection.node)
    if (route === undefined || this.#isClosing) return
    const before = route.receiving
    route.receiving = connection
    if (before !== null && before !== connection) before.close()
    this.#receiver?.received(route.node, frame)
  }

  closed(connection: Connection, ending: Ending): void {
    this.#connections.delete(connection)
    this.#strangers.delete(connection)
    const wasAdmitted = this.#leaveRoute(connection)
    const { node, place } = connection
    const dialler = this.#diallerOf(connection)
    if (dialler !== null) {
      if (this.#dialled.get(dialler) === connection) this.#dialled.delete(dialler)
      if (!this.#isClosing && !this.#isConnected(dialler.name)) dialler.again()
    }
    if (wasAdmitted && node !== null) this.#tell({ type: 'disconnected', node, place, ending })
    else this.#tellFailure(connection, ending, dialler)
  }

  async #open(receiver: Receiver): Promise<void> {
    const { tls, listen: at } = this.#options
    try {
      this.#server = makeServer(tls, this.#limits.handshakeTimeoutMs, {
        onRaw: (socket) => this.#raw(socket),
        onReady: (socket) => this.#accept(socket),
        onFailed: (socket, error) => this.#tlsFailed(socket, error)
      })
    } catch (error) {
      const { message } = error as Error
      throw new Error(`the TLS certificate, key or CA cannot be used: ${message}`, { cause: error })
    }
    await listen(this.#server, at)
    if (this.#isClosing) throw new Error('this transport was closed while it opened')
    // An accept that fails, for want of a descriptor say, is tried again by the next that comes.
    this.#server.on('error', () => {})
    const address = this.#server.address()
    if (address !== null && typeof address === 'object') this.#port = address.port
    this.#receiver = receiver
    this.#clock = setInterval(() => this.#tick(), TICK_MS)
    this.dialAll()
  }

  async #close(): Promise<void> {
    this.#receiver = null
    for (const dialler of this.#diallers.values()) dialler.stop()
    const connections = [...this.#connections]
    for (const connection of connections) connection.close()
    for (const stranger of this.#strangers) {
      if (!(stranger instanceof Connection)) stranger.destroy()
    }
    if (this.#clock !== null) clearInterval(this.#clock)
    await this.#opening?.catch(() => {})
    const server = this.#server
    if (server !== null) await new Promise<void>((resolve) => server.close(() => resolve()))
    await Promise.all(connections.map((connection) => connection.gone()))
  }

  #tick(): void {
    for (const connection of [...this.#connections]) connection.tick()
    if (this.#crowdedCount > 0) this.#tell({ type: 'crowded', closedCount: this.#crowdedCount })
    const count = this.#failureCount - FAILURES_TOLD_MAX
    if (count > 0) this.#tell({ type: 'untold', count })
    this.#crowdedCount = 0
    this.#failureCount = 0
  }

  /** Someone connected, who has to show a certificate before anything else. */
  #raw(socket: Socket): void {
    if (this.#isClosing) socket.destroy()
    else this.#addStranger(socket)
    socket.once('close', () => this.#strangers.delete(socket))
  }

  #accept(socket: Socket): void {
    const { remoteAddress: host, remotePort: port } = socket
    if (this.#isClosing || host === undefined || port === undefined) {
      socket.destroy()
      return
    }
    for (const stranger of this.#strangers) {
      if (stranger instanceof Connection || stranger.remotePort !== port) continue
      if (stranger.remoteAddress === host) this.#strangers.delete(stranger)
    }
    this.#addStranger(this.#connect(socket, 'accepted', addressText({ host, port }), null))
  }

  #addStranger(stranger: Connection | Socket): void {
    this.#strangers.add(stranger)
    if (this.#strangers.size <= this.#limits.strangersMax) return
    const [oldest] = this.#strangers
    if (oldest === undefined) return
    this.#crowdedCount++
    this.#strangers.delete(oldest)
    if (oldest instanceof Connection) oldest.close()
    else oldest.destroy()
  }

  #tlsFailed(socket: Socket, error: Error): void {
    const { remoteAddress: host = '?', remotePort: port = 0 } = socket
    const ending = { type: 'broken', reason: `TLS: ${error.message}` } as const
    const place = addressText({ host, port })
    this.#tellAccepted({ type: 'failed', name: null, place, side: 'accepted', ending })
  }

  #dial(dialler: Dialler, address: Address): void {
    if (this.#isClosing || this.#isConnected(dialler.name)) return
    if (this.#dialled.has(dialler)) return
    const socket = dialSocket(address, this.#options.tls, () => connection.begin())
    const connection = this.#connect(socket, 'dialled', addressText(address), dialler.name)
    this.#dialled.set(dialler, connection)
  }

  #connect(socket: Socket, side: Side, place: string, expected: string | null): Connection {
    const connection = new Connection(place, {
      socket,
      side,
      expected,
      life: this.#life,
      limits: this.#connectionLimits,
      owner: this
    })
    this.#connections.add(connection)
    return connection
  }

  #addDialler(name: string, address: Address | null): Dialler {
    const dialler = new Dialler(name, address, this.#pauses, (one, at) => this.#dial(one, at))
    this.#diallers.set(name, dialler)
    return dialler
  }

  #diallerOf(connection: Connection): Dialler | null {
    for (const [dialler, dialled] of this.#dialled) if (dialled === connection) return dialler
    return connection.node === null ? null : (this.#diallers.get(nameOf(connection.node)) ?? null)
  }

  #isConnected(name: string): boolean {
    for (const node of this.#routes.keys()) if (nameOf(node) === name) return true
    return false
  }

  /** Frames leave by another connection from now on, if there is one. */
  #leaveRoute(connection: Connection): boolean {
    const route = connection.node === null ? undefined : this.#routes.get(connection.node)
    const at = route?.connections.indexOf(connection) ?? -1
    if (route === undefined || at < 0) return false
    route.connections.splice(at, 1)
    const [next] = route.connections
    if (next === undefined) this.#routes.delete(route.node)
    else {
      if (route.sending === connection) route.sending = next
      if (route.receiving === connection) route.receiving = null
    }
    return true
  }

  #tellFailure(connection: Connection, ending: Ending, dialler: Dialler | null): void {
    if (ending.type === 'closed' || ending.type === 'later') return
    const { node, place, side } = connection
    if (dialler !== null && side === 'dialled') {
      const reason = `${place} ${ending.reason}`
      if (dialler.failureTold === reason) return
      dialler.failureTold = reason
    }
    const name = node === null ? (dialler?.name ?? null) : nameOf(node)
    const notice = { type: 'failed', name, place, side, ending } as const
    if (side === 'dialled') this.#tell(notice)
    else this.#tellAccepted(notice)
  }

  #tellAccepted(notice: TcpNotice): void {
    if (++this.#failureCount <= FAILURES_TOLD_MAX) this.#tell(notice)
  }

  #tell(notice: TcpNotice): void {
    if (!this.#isClosing) this.#options.onNotice?.(notice)
  }
}

/** Whether the other end has given `older` up, since it made or answered `newer`. */
function isReplacedBy(older: Connection, newer: Connection): boolean {
  return older.theirLife !== newer.theirLife || older.side === newer.side
}
