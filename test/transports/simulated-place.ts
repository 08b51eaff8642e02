// Transports over the simulated network, for the conformance suite: its time passes at `pause`, and
// its weather delays and reorders. What the adapter adds is what a connection has: a cap.

import type { NodeId } from '../../core/raft/config.ts'
import { EventQueue, KIND } from '../../sim/event-queue.ts'
import { SimulatedNetwork } from '../../sim/network.ts'
import { openStreams } from '../../sim/random.ts'
import { STAGE_NODES } from '../../transports/conformance-party.ts'
import type { TransportPlace } from '../../transports/conformance-party.ts'
import type { Receiver, Transport } from '../../transports/transport.ts'
import { CALM } from '../sim/support.ts'

const PAUSE_US = 5_000
const QUEUED_BYTES_MAX = 250_000
const WEATHER = { atMs: 0, forMs: 1_000_000, per1024: 300, upToUs: 20_000 }

interface Packet {
  readonly to: SimulatedTransport
  readonly from: SimulatedTransport
  readonly frame: Uint8Array
}

/** A simulated network with a transport for each node. */
export class SimulatedPlace implements TransportPlace {
  readonly network: SimulatedNetwork
  readonly open: Map<NodeId, SimulatedTransport> = new Map()
  nowUs = 0
  readonly #queue = new EventQueue()

  constructor() {
    const host = {
      endpoints: STAGE_NODES.length,
      deliver: (atUs: number, from: number, to: number, payload: unknown) => {
        this.#queue.push(atUs, KIND.deliver, to, from, payload)
      },
      fired: () => {}
    }
    this.network = new SimulatedNetwork(host, CALM, openStreams('place', false, null), [])
    this.network.begin(0, { type: 'delay', ...WEATHER }, [])
    this.network.begin(1, { type: 'reorder', ...WEATHER }, [])
    this.network.begin(2, { type: 'duplicate', ...WEATHER }, [])
  }

  make(node: NodeId): Transport {
    return new SimulatedTransport(this, node)
  }

  async pause(): Promise<void> {
    this.nowUs += PAUSE_US
    for (let next = this.#queue.pop(); next !== undefined; next = this.#queue.pop()) {
      const { to, from, frame } = next.payload as Packet
      if (next.timeUs > this.nowUs) {
        this.#queue.push(next.timeUs, next.kind, next.target, next.source, next.payload)
        return
      }
      to.arrive(from, frame)
    }
  }

  async end(): Promise<void> {}
}

class SimulatedTransport implements Transport {
  readonly supports: Transport['supports'] = {
    order: false,
    authentication: true,
    frameBytesMax: QUEUED_BYTES_MAX,
  }
  readonly #place: SimulatedPlace
  readonly #node: NodeId
  readonly #queuedBytes = new Map<SimulatedTransport, number>()
  #receiver: Receiver | null = null
  #taken: Packet[] = []

  constructor(place: SimulatedPlace, node: NodeId) {
    this.#place = place
    this.#node = node
  }

  async open(receiver: Receiver): Promise<void> {
    await Promise.resolve()
    this.#place.open.set(this.#node, this)
    this.#receiver = receiver
  }

  send(node: NodeId, frame: Uint8Array): void {
    const to = this.#place.open.get(node)
    if (this.#receiver === null || to === undefined || to === this) return
    const queuedBytes = (this.#queuedBytes.get(to) ?? 0) + frame.length
    if (queuedBytes > QUEUED_BYTES_MAX) return
    this.#queuedBytes.set(to, queuedBytes)
    this.#taken.push({ to, from: this, frame: frame.slice() })
  }

  flush(): void {
    const at = (one: SimulatedTransport): number => STAGE_NODES.findIndex(id => id === one.#node)
    for (const packet of this.#taken) {
      this.#place.network.send(this.#place.nowUs, at(this), at(packet.to), packet, true)
    }
    this.#taken = []
  }

  async close(): Promise<void> {
    if (this.#receiver !== null) this.#place.open.delete(this.#node)
    this.#receiver = null
  }

  arrive(from: SimulatedTransport, frame: Uint8Array): void {
    from.#queuedBytes.set(this, (from.#queuedBytes.get(this) ?? 0) - frame.length)
    if (from.#receiver !== null) this.#receiver?.received(from.#node, frame)
  }
}
