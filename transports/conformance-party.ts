// What the conformance suite of transports drives them with: a stage with three nodes, which notes
// whatever a transport should not have done. It knows of one what the interface says.

import { ByteReader, ByteWriter, equalBytes } from '../core/bytes.ts'
import type { NodeId } from '../core/raft/config.ts'
import { FRAME_KIND, FRAME_VERSION } from './codec.ts'
import type { Transport } from './transport.ts'

/** Where transports stand that reach each other, on a network that loses nothing by itself. */
export interface TransportPlace {
  /**
   * Makes the transport of a node, not opened yet. The next one that is made for the same node is
   * its restart, after the one before was closed: it is reached as that one was.
   */
  make(node: StageNode): Transport
  /** Lets a little time pass, of the order of 5 ms: what can happen by then happens. */
  pause(): Promise<void>
  /** Takes away all that is left of the place. */
  end(): Promise<void>
  /** A transport whose `open` must fail, such as one of a port that is taken. */
  makeUnopenable?(): Promise<Transport>
}

/** The nodes of a place, by their ids. */
export type StageNode = 'a@00000001' | 'b@00000002' | 'c@00000003'

/** All nodes of a place. */
export const STAGE_NODES: readonly StageNode[] = ['a@00000001', 'b@00000002', 'c@00000003']

/** Pauses after which something that did not happen is taken never to happen. */
const PAUSES_MAX = 2_000
/** Pauses within which something too much would have happened. */
const PAUSES_QUIET = 20

/** The nodes of one case, and what went wrong between them. */
export class Stage {
  readonly place: TransportPlace
  /** What a transport did that none may do. */
  readonly faults: string[] = []
  readonly #numberLast = new Map<NodeId, number>()
  readonly #links = new Map<string, { readonly numbers: Set<number>; highest: number }>()
  readonly #parties: Party[] = []

  constructor(place: TransportPlace) {
    this.place = place
  }

  /** A node that is not open yet. */
  make(node: StageNode): Party {
    const party = new Party(this, node)
    this.#parties.push(party)
    return party
  }

  /** A node that is open, and connected to nobody for all it knows. */
  async open(node: StageNode): Promise<Party> {
    const party = this.make(node)
    await party.open()
    return party
  }

  /** Two nodes that reach each other. */
  async pair(): Promise<readonly [Party, Party]> {
    const a = await this.open('a@00000001')
    const b = await this.open('b@00000002')
    await this.connect(a, b)
    return [a, b]
  }

  /** Ends when each of the two hears the other. */
  async connect(a: Party, b: Party): Promise<void> {
    await a.reach(b)
    await b.reach(a)
  }

  /** Ends when `isTrue`; throws when it does not become so. */
  async until(what: string, isTrue: () => boolean): Promise<void> {
    for (let pauses = 0; !isTrue(); pauses++) {
      if (pauses === PAUSES_MAX) this.#fail([`it did not come about that ${what}`])
      await this.place.pause()
    }
  }

  /** Lets the time pass in which something too much would have come. */
  async quiet(): Promise<void> {
    for (let pauses = 0; pauses < PAUSES_QUIET; pauses++) await this.place.pause()
  }

  /** The number of the next frame of a node, in all its lives. */
  number(node: NodeId): number {
    const number = (this.#numberLast.get(node) ?? 0) + 1
    this.#numberLast.set(node, number)
    return number
  }

  /** Notes that a frame arrived, and what is wrong with that. Null: it is none that was sent. */
  arrived(at: Party, from: NodeId, frame: Uint8Array): number | null {
    const read = readStageFrame(frame)
    if (read === null) return this.#fault(`${at.node} received other bytes than were sent`)
    if (read.to !== at.node) return this.#fault(`${at.node} received a frame for ${read.to}`)
    if (read.from !== from) {
      return this.#fault(`a frame of ${read.from} was received as one of ${from}`)
    }
    const link = this.#linkOf(from, at.node)
    if (link.numbers.has(read.number)) this.#fault(`${at.node} received a frame twice`)
    else if (at.transport.supports.order && read.number < link.highest) {
      this.#fault(`${at.node} received a frame behind one that was sent after it`)
    }
    link.numbers.add(read.number)
    link.highest = Math.max(link.highest, read.number)
    return read.number
  }

  /** Closes all that is open; throws when anything was wrong. */
  async end(): Promise<void> {
    for (const party of this.#parties) await party.close()
    await this.quiet()
    await this.place.end()
    if (this.faults.length > 0) this.#fail([])
  }

  #linkOf(from: NodeId, to: NodeId): { readonly numbers: Set<number>; highest: number } {
    const key = `${from} ${to}`
    const link = this.#links.get(key) ?? { numbers: new Set(), highest: 0 }
    this.#links.set(key, link)
    return link
  }

  #fault(fault: string): null {
    this.faults.push(fault)
    return null
  }

  #fail(more: readonly string[]): never {
    throw new Error([...this.faults, ...more].join('; '))
  }
}

/** One life of a node. */
export class Party {
  readonly node: StageNode
  readonly transport: Transport
  /** Numbers of the frames that arrived here, by sender, in order. */
  readonly arrivals: Map<NodeId, number[]> = new Map()
  readonly #stage: Stage
  #isWithinCall = false
  #hasBegunToClose = false

  constructor(stage: Stage, node: StageNode) {
    this.#stage = stage
    this.node = node
    this.transport = stage.place.make(node)
  }

  async open(): Promise<void> {
    const received = (from: NodeId, frame: Uint8Array): void => this.#received(from, frame)
    await this.#call(() => this.transport.open({ received }))
  }

  /** Takes a frame of so many bytes for `to`; answers its number. */
  send(to: NodeId, bytes = 60): number {
    const number = this.#stage.number(this.node)
    const frame = stageFrame(this.node, to, number, bytes)
    this.#call(() => this.transport.send(to, frame))
    return number
  }

  flush(): void {
    this.#call(() => this.transport.flush())
  }

  /** Sends so many frames in one turn; answers their numbers. */
  sendTurn(to: NodeId, count = 1, bytes = 60): number[] {
    const numbers = Array.from({ length: count }, () => this.send(to, bytes))
    this.flush()
    return numbers
  }

  /** Whether all those frames of `from` have arrived. */
  has(from: Party, numbers: readonly number[]): boolean {
    const arrived = new Set(this.arrivals.get(from.node))
    return numbers.every((number) => arrived.has(number))
  }

  /** Sends frames to `to`, turn by turn, until one of them has arrived. */
  async reach(to: Party): Promise<void> {
    const sent: number[] = []
    await this.#stage.until(`a frame from ${this.node} arrives at ${to.node}`, () => {
      if (sent.some((number) => to.has(this, [number]))) return true
      sent.push(...this.sendTurn(to.node))
      return false
    })
  }

  async close(): Promise<void> {
    this.#hasBegunToClose = true
    await this.#call(() => this.transport.close())
  }

  #received(from: NodeId, frame: Uint8Array): void {
    const { faults } = this.#stage
    if (this.#isWithinCall) faults.push(`the receiver of ${this.node} was called within a call`)
    if (this.#hasBegunToClose) faults.push(`the receiver of ${this.node} was called after close`)
    const number = this.#stage.arrived(this, from, frame)
    // What arrives is the receiver's own: nobody else may see this.
    frame.fill(0)
    if (number === null) return
    const numbers = this.arrivals.get(from)
    if (numbers === undefined) this.arrivals.set(from, [number])
    else numbers.push(number)
  }

  #call<Answer>(call: () => Answer): Answer {
    this.#isWithinCall = true
    try {
      return call()
    } finally {
      this.#isWithinCall = false
    }
  }
}

/** Throws an error of that text when it is not so. */
export function expect(isSo: boolean, otherwise: string): void {
  if (!isSo) throw new Error(otherwise)
}

/** A frame that begins as every frame of ours does, and follows from what is said of it. */
function stageFrame(from: NodeId, to: NodeId, number: number, bytes: number): Uint8Array {
  const writer = new ByteWriter()
  writer.u8(FRAME_VERSION)
  writer.u8(FRAME_KIND.replica)
  writer.text(from)
  writer.text(to)
  writer.varint(number)
  writer.varint(bytes)
  const start = writer.finish()
  const frame = new Uint8Array(Math.max(bytes, start.length))
  frame.set(start)
  for (let at = start.length; at < frame.length; at++) frame[at] = (at * (number + 7)) >>> 3
  return frame
}

/** What a frame says, or null when it is not one of ours in every bit. */
function readStageFrame(
  frame: Uint8Array
): { readonly from: NodeId; readonly to: NodeId; readonly number: number } | null {
  const reader = new ByteReader(frame, 2)
  const from = reader.text()
  const to = reader.text()
  const number = reader.varint()
  const bytes = reader.varint()
  if (!reader.ok || bytes > frame.length) return null
  if (!equalBytes(frame, stageFrame(from, to, number, bytes))) return null
  return { from, to, number }
}
