// A cluster that stands in for the service: HTTP servers on ephemeral ports that take the upgrade
// and speak frames, over one lock machine that they share. Nodes can be told to misbehave.

import { createServer } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { ServerOptions } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Outcome } from '../../core/effect.ts'
import { lockService } from '../../core/lock/machine.ts'
import { decodeClientRequest, encodeClientReply } from '../../transports/client-codec.ts'
import { FrameReader, streamFrame } from '../../transports/stream-frames.ts'

type Done = (outcome: Outcome<Uint8Array>) => void

const machine = lockService()

/** The lock machine and its time, which a cluster would replicate. */
class SharedMachine {
  #state = machine.initial()
  #index = 0
  readonly #waiting = new Map<number, Done>()
  #timer: NodeJS.Timeout | null = null
  /** Commands that were applied, those that nobody asked for left out. */
  commandsCount = 0

  ask(payload: Uint8Array, read: boolean, done: Done): void {
    const command = machine.decodeCommand(payload)
    if (command === null) return done({ type: 'malformed' })
    if (read) {
      const reply = machine.query(this.#state, command, this.#now())
      if (reply === null) return done({ type: 'malformed' })
      return done({ type: 'done', index: this.#index, reply: machine.encodeReply(reply) })
    }
    this.#expire()
    this.commandsCount += 1
    this.#apply(command, done)
    this.#setTimer()
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  #now(): number {
    return Math.floor(performance.now())
  }

  #apply(command: NonNullable<ReturnType<typeof machine.decodeCommand>>, done: Done | null): void {
    this.#index += 1
    const index = this.#index
    const context = { index, timeMs: this.#now(), version: 1 }
    const [state, reply, events] = machine.apply(this.#state, command, context)
    this.#state = state
    if (reply !== null) done?.({ type: 'done', index, reply: machine.encodeReply(reply) })
    else if (done !== null) this.#waiting.set(index, done)
    for (const event of events) {
      if (event.type !== 'answer') continue
      const answer = machine.encodeReply(event.reply)
      this.#waiting.get(event.index)?.({ type: 'done', index, reply: answer })
      this.#waiting.delete(event.index)
    }
  }

  #expire(): void {
    for (let due = machine.due(this.#state); due !== null; due = machine.due(this.#state)) {
      if (due.atMs > this.#now()) return
      this.#apply(due.command, null)
    }
  }

  #setTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    const due = machine.due(this.#state)
    if (due === null) return
    const then = (): void => {
      this.#expire()
      this.#setTimer()
    }
    this.#timer = setTimeout(then, Math.max(0, due.atMs - this.#now()))
    this.#timer.unref()
  }
}

/** How a node behaves. */
export type Mood =
  /** Answers. */
  | { readonly type: 'serves' }
  /** Takes requests and says nothing, as one that is stopped. */
  | { readonly type: 'silent' }
  /** Applies requests, and breaks the connection in the place of an answer. */
  | { readonly type: 'breaks' }
  /** Says that another leads: its id, or null. */
  | { readonly type: 'follows'; readonly leader: string | null }
  | { readonly type: 'overloaded' }

export class StandInNode {
  name: string
  readonly #machine: SharedMachine
  readonly #token: string | null
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  mood: Mood = { type: 'serves' }
  /** Whom its answers say to ask rather; null: nobody. */
  leader: string | null = null
  port = 0
  /** Connections that were upgraded so far, and requests that came, those of each chunk counted. */
  upgrades = 0
  chunks: number[] = []

  constructor(
    name: string,
    shared: SharedMachine,
    token: string | null,
    tls: ServerOptions | null,
  ) {
    this.name = name
    this.#machine = shared
    this.#token = token
    this.#server = tls === null ? createServer() : createSecureServer(tls)
    this.#server.on('connection', (socket: Socket) => this.#keep(socket))
    this.#server.on('upgrade', (request, socket) => this.#upgrade(request, socket as Socket))
  }

  get address(): string {
    return `localhost:${this.port}`
  }

  listen(port = 0): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, 'localhost', () => {
        this.port = (this.#server.address() as AddressInfo).port
        resolve()
      })
    })
  }

  /** Breaks all connections and refuses new ones. */
  stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.breakConnections()
    return closed
  }

  breakConnections(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => this.#sockets.delete(socket))
  }

  #upgrade(request: IncomingMessage, socket: Socket): void {
    this.#keep(socket)
    const isAsked = request.url === '/client' && request.headers.upgrade === 'lockstep/1'
    const isLetIn =
      this.#token === null || request.headers.authorization === `Bearer ${this.#token}`
    if (!isAsked || !isLetIn) {
      socket.end(`HTTP/1.1 ${isAsked ? '401 Unauthorized' : '400 Bad Request'}\r\n\r\n`)
      return
    }
    this.upgrades += 1
    const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade']
    lines.push('Upgrade: lockstep/1', `Lockstep-Node: ${this.name}`, '', '')
    socket.write(lines.join('\r\n'))
    const reader = new FrameReader(1 << 20)
    socket.on('data', (chunk: Uint8Array) => {
      let count = 0
      reader.push(chunk, (body) => {
        count += 1
        this.#read(socket, body)
      })
      this.chunks.push(count)
    })
  }

  #read(socket: Socket, body: Uint8Array): void {
    const decoded = decodeClientRequest(body)
    if (decoded.type !== 'request') return void socket.destroy()
    const { request, read, payload } = decoded.request
    const answer = (outcome: Outcome<Uint8Array>): void => {
      if (this.mood.type === 'silent') return
      if (this.mood.type === 'breaks') return void socket.destroy()
      socket.write(streamFrame(encodeClientReply({ request, outcome, leader: this.leader })))
    }
    switch (this.mood.type) {
      case 'serves':
      case 'breaks':
        return this.#machine.ask(payload, read, answer)
      case 'silent':
        return
      case 'follows':
        return answer({ type: 'notLeader', leader: this.mood.leader })
      case 'overloaded':
        return answer({ type: 'overloaded' })
    }
  }
}

export interface StandInOptions {
  readonly count?: number
  readonly token?: string
  readonly tls?: ServerOptions
}

export class StandIn {
  readonly nodes: readonly StandInNode[]
  readonly #machine = new SharedMachine()

  constructor({ count = 3, token, tls }: StandInOptions = {}) {
    this.nodes = Array.from({ length: count }, (_, at) => {
      return new StandInNode(`node${at + 1}`, this.#machine, token ?? null, tls ?? null)
    })
  }

  get addresses(): string[] {
    return this.nodes.map(({ address }) => address)
  }

  get commandsCount(): number {
    return this.#machine.commandsCount
  }

  async listen(): Promise<this> {
    for (const node of this.nodes) await node.listen()
    return this
  }

  async close(): Promise<void> {
    this.#machine.close()
    await Promise.all(this.nodes.map((node) => node.stop()))
  }
}
