// A network within one process: tests, and programs that embed several replicas, connect them by
// it. Deterministic where the given `defer` is. It knows nothing of what frames say.

import type { NodeId } from '../core/raft/config.ts'
import type { Receiver, Transport, TransportSupports } from './transport.ts'

/** How an in-process network delivers, and what it carries. */
export interface InProcessOptions {
  /** Runs `callback` soon and never within the call, earlier ones first: `queueMicrotask`, say. */
  readonly defer: (callback: () => void) => void
  /** Bytes of the longest frame that is carried. Default: 64 MiB. */
  readonly frameBytesMax?: number
  /** Bytes on their way from one node to another, above which frames are dropped. 16 MiB. */
  readonly queuedBytesMax?: number
}

/** A network within one process. */
export interface InProcessNetwork {
  /**
   * Makes the transport of `node`. Its `open` rejects while another one of that node is open. A
   * node that comes back takes a new one.
   */
  transport(node: NodeId): Transport
}

const MIB = 1_048_576

/** Makes a network to which nobody is connected yet. */
export function inProcessNetwork(options: InProcessOptions): InProcessNetwork {
  const { defer, frameBytesMax = 64 * MIB, queuedBytesMax = 16 * MIB } = options
  const network: Network = {
    defer,
    queuedBytesMax,
    supports: { order: true, authentication: true, frameBytesMax },
    open: new Map()
  }
  return { transport: (node) => new InProcessTransport(network, node) }
}

interface Network {
  readonly defer: (callback: () => void) => void
  readonly queuedBytesMax: number
  readonly supports: TransportSupports
  /** Who is connected. */
  readonly open: Map<NodeId, InProcessTransport>
}

interface Parcel {
  readonly to: InProcessTransport
  readonly frame: Uint8Array
}

class InProcessTransport implements Transport {
  readonly supports: TransportSupports
  readonly #network: Network
  readonly #node: NodeId
  #state: 'made' | 'opening' | 'open' | 'closed' = 'made'
  #receiver: Receiver | null = null
  /** What was taken in this turn. */
  #taken: Parcel[] = []
  /** Bytes taken for each receiver and not delivered. */
  readonly #queuedBytes = new Map<InProcessTransport, number>()

  constructor(network: Network, node: NodeId) {
    this.#network = network
    this.#node = node
    this.supports = network.supports
  }

  async open(receiver: Receiver): Promise<void> {
    if (this.#state !== 'made') {
      throw new Error(`the transport of ${this.#node} is ${this.#state}: open each one once`)
    }
    this.#state = 'opening'
    await new Promise<void>((resolve) => this.#network.defer(resolve))
    if (this.#state !== 'opening') {
      throw new Error(`the transport of ${this.#node} was closed while it opened`)
    }
    if (this.#network.open.has(this.#node)) {
      this.#state = 'closed'
      throw new Error(`${this.#node} is connected already: close its other transport first`)
    }
    this.#network.open.set(this.#node, this)
    this.#receiver = receiver
    this.#state = 'open'
  }

  send(to: NodeId, frame: Uint8Array): void {
    const target = this.#network.open.get(to)
    if (this.#state !== 'open' || target === undefined || target === this) return
    if (frame.length > this.supports.frameBytesMax) return
    const queuedBytes = (this.#queuedBytes.get(target) ?? 0) + frame.length
    if (queuedBytes > this.#network.queuedBytesMax) return
    this.#queuedBytes.set(target, queuedBytes)
    // What arrives is the receiver's own, and the same frame may go to several.
    this.#taken.push({ to: target, frame: frame.slice() })
  }

  flush(): void {
    const parcels = this.#taken
    if (parcels.length === 0) return
    this.#taken = []
    this.#network.defer(() => this.#deliver(parcels))
  }

  async close(): Promise<void> {
    if (this.#state === 'open') this.#network.open.delete(this.#node)
    this.#state = 'closed'
    this.#receiver = null
    this.#taken = []
  }

  #deliver(parcels: readonly Parcel[]): void {
    for (const { to, frame } of parcels) {
      const leftBytes = (this.#queuedBytes.get(to) ?? 0) - frame.length
      if (leftBytes > 0) this.#queuedBytes.set(to, leftBytes)
      else this.#queuedBytes.delete(to)
    }
    for (const { to, frame } of parcels) {
      if (this.#state === 'open') to.#receiver?.received(this.#node, frame)
    }
  }
}
