// One end of a connection to a TCP transport, spoken by hand: it says only what a test lets it say,
// and keeps all that it hears.

import type { Socket } from 'node:net'
import type { NodeId } from '../../core/raft/config.ts'
import { decodeGreeting, encodeGreeting, isGreeting } from '../../transports/handshake.ts'
import type { Greeting, Introduction } from '../../transports/handshake.ts'
import { FrameReader, streamFrame } from '../../transports/stream-frames.ts'
import { plainSocket, standingOf, until } from './tcp-place.ts'

export function introductionOf(node: NodeId, more: Partial<Introduction> = {}): Introduction {
  const versions = { versionMin: 1, versionMax: 1 }
  return { ...standingOf(node), ...versions, address: '127.0.0.1:1', url: null, ...more }
}

export class RawNode {
  readonly socket: Socket
  readonly frames: Uint8Array[] = []
  readonly greetings: Greeting[] = []
  isEnded = false
  readonly #reader = new FrameReader(1_000_000)

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('close', () => (this.isEnded = true))
    socket.on('data', chunk => {
      this.#reader.push(chunk, body => {
        const greeting = isGreeting(body) ? decodeGreeting(body) : null
        if (greeting === null) this.frames.push(body)
        else if (greeting.type !== 'beat') this.greetings.push(greeting)
      })
    })
  }

  static async dial(port: number): Promise<RawNode> {
    return new RawNode(await plainSocket(port))
  }

  /** Dials, and is taken in. */
  static async join(port: number, introduction: Introduction, life = 1): Promise<RawNode> {
    const raw = await RawNode.dial(port)
    raw.say({ type: 'hello', life, introduction })
    await until(() => raw.greetings.length > 0)
    raw.say({ type: 'verdict', verdict: { type: 'admit' } })
    return raw
  }

  say(greeting: Greeting): void {
    this.frame(encodeGreeting(greeting))
  }

  frame(body: Uint8Array): void {
    this.socket.write(streamFrame(body))
  }

  end(): void {
    this.socket.destroy()
  }
}
