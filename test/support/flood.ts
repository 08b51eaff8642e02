// Connections without end to one port: as many as can be held, and a new one for each that is
// closed.

import { connect } from 'node:net'
import type { Socket } from 'node:net'

/** A new one comes so long after one was closed, milliseconds: there is no hurry. */
const AGAIN_MS = 20

export class Flood {
  /** How many were closed by the other side. */
  closedCount = 0
  readonly #sockets = new Set<Socket>()
  readonly #port: number
  readonly #text: string
  #isOver = false

  /** Holds `count` connections to `port`, and sends `text` on each. */
  constructor(port: number, count: number, text: string) {
    this.#port = port
    this.#text = text
    for (let one = 0; one < count; one += 1) this.#connect()
  }

  /** Lets go of all. */
  end(): void {
    this.#isOver = true
    for (const socket of this.#sockets) socket.destroy()
  }

  #connect(): void {
    if (this.#isOver) return
    const socket = connect({ port: this.#port, host: '127.0.0.1' })
    this.#sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.#sockets.delete(socket)
      this.closedCount += 1
      setTimeout(() => this.#connect(), AGAIN_MS)
    })
    socket.resume()
    socket.write(this.#text)
  }
}
