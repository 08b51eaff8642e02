// The ways between the raft ports of real nodes: each node dials each other through a port of its
// own here, so that one can be cut off as a network does it: nothing arrives, and nobody is told.

import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { freePorts } from '../../bench/ports.ts'
import type { Place } from './node-cluster.ts'

/** The way by which `from` dials `to`, and the connections that go by it. */
interface Link {
  readonly from: Place
  readonly to: Place
  readonly server: Server
  readonly sockets: Set<Socket>
}

export class Links {
  readonly #links: Link[] = []
  readonly #cut = new Set<Place>()
  readonly #nowhere: number

  private constructor(nowhere: number) {
    this.#nowhere = nowhere
  }

  /** A link each way between any two of them. */
  static async between(places: readonly Place[]): Promise<Links> {
    const [nowhere = 0] = await freePorts(1)
    const links = new Links(nowhere)
    for (const from of places) {
      for (const to of places) if (from !== to) await links.#add(from, to)
    }
    return links
  }

  /** The options by which a node knows the others by links alone, instead of its own peers. */
  argsOf(place: Place): readonly string[] {
    const peers = this.#links.filter(({ from }) => from === place).map(({ to, server }) => {
      return `${to.id}:127.0.0.1:${(server.address() as AddressInfo).port}`
    })
    // What it says of itself leads nowhere: nobody finds a way around the links.
    return ['--peers', peers.join(','), '--advertise', `127.0.0.1:${this.#nowhere}`]
  }

  /** From now on nothing goes to that node and nothing comes from it; its sockets stay open. */
  cut(place: Place): void {
    this.#cut.add(place)
    for (const link of this.#links) {
      if (this.#isCut(link)) for (const socket of link.sockets) socket.pause()
    }
  }

  /** All goes through again, what was sent meanwhile too. */
  heal(): void {
    this.#cut.clear()
    for (const { sockets } of this.#links) for (const socket of sockets) socket.resume()
  }

  async close(): Promise<void> {
    for (const { server, sockets } of this.#links) {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    }
  }

  async #add(from: Place, to: Place): Promise<void> {
    const server = createServer((near) => {
      const far = connect(to.raftPort, '127.0.0.1')
      this.#join(link, near, far)
      this.#join(link, far, near)
    })
    const link: Link = { from, to, server, sockets: new Set() }
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    this.#links.push(link)
  }

  #join(link: Link, socket: Socket, other: Socket): void {
    link.sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('data', (bytes) => other.write(bytes))
    socket.on('error', () => undefined)
    socket.on('close', () => {
      link.sockets.delete(socket)
      other.destroy()
    })
    if (this.#isCut(link)) socket.pause()
  }

  #isCut({ from, to }: Link): boolean {
    return this.#cut.has(from) || this.#cut.has(to)
  }
}
