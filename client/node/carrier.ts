// The connections of a client, one for each node that it has asked. It knows nodes by the addresses
// that the application gave, and learns their names, by which they speak of each other.

import type { ClientReply, ClientRequest } from '../../transports/client-codec.ts'
import type { Carrier, CarrierEvents, NodeProblem } from '../caller.ts'
import type { TlsOptions } from '../tls-options.ts'
import { Link } from './link.ts'

/** Where the nodes are, and how they are asked. */
export interface SocketOptions {
  /** `host:port` of each node's HTTP API: its id for the caller. */
  readonly nodes: readonly string[]
  readonly token: string | null
  readonly tls: TlsOptions | null
  readonly dialTimeoutMs: number
}

/** Of a node that is being dialled for the first time. */
const NO_ANSWER = { isRefused: false, text: 'no answer yet' }

/** What a node's incarnation is in its id, `name@incarnation`. */
const INCARNATION = /@[0-9a-f]{8}$/

export class SocketCarrier implements Carrier {
  readonly #events: CarrierEvents
  readonly #links = new Map<string, Link>()
  /** Addresses by the names of nodes. */
  readonly #addresses = new Map<string, string>()

  constructor(options: SocketOptions, events: CarrierEvents) {
    this.#events = events
    const { token, tls, dialTimeoutMs } = options
    for (const address of options.nodes) {
      const link = new Link(
        { address, token, tls, dialTimeoutMs },
        {
          opened: (name) => this.#addresses.set(name, address),
          replied: (reply) => events.replied(this.#withAddress(reply)),
          unsent: (request) => events.unsent(request),
          lost: () => events.lost(address),
          failed: () => this.#failed(),
        },
      )
      this.#links.set(address, link)
    }
  }

  send(node: string, request: ClientRequest): void {
    this.#links.get(node)?.send(request)
  }

  flush(): void {
    for (const link of this.#links.values()) link.flush()
  }

  withdraw(node: string, request: number): boolean {
    return this.#links.get(node)?.withdraw(request) ?? false
  }

  soon(then: () => void): void {
    // After the promises that this turn has settled: what they ask for leaves with the rest.
    process.nextTick(then)
  }

  problems(): readonly NodeProblem[] {
    return [...this.#links].flatMap(([node, link]) => {
      const problem = link.problem ?? (link.isDialling ? NO_ANSWER : null)
      return problem === null ? [] : [{ node, ...problem }]
    })
  }

  close(): void {
    for (const link of this.#links.values()) link.close()
  }

  /** Puts the address in the place of the name; a name that is not known is no hint. */
  #withAddress(reply: ClientReply): ClientReply {
    const { request, outcome } = reply
    if (outcome.type !== 'notLeader' || outcome.leader === null) return reply
    const leader = this.#addresses.get(nameOf(outcome.leader)) ?? null
    return { request, outcome: { type: 'notLeader', leader } }
  }

  #failed(): void {
    const problems = [...this.#links.values()].map(({ problem }) => problem)
    if (problems.includes(null)) return
    if (problems.some((problem) => problem?.isRefused === true)) this.#events.refused()
  }
}

/** A node's name, as it stands in the header that tells it. */
function nameOf(id: string): string {
  const name = id.replace(INCARNATION, '')
  return /^[!-~]*$/.test(name) ? name : encodeURIComponent(name)
}
