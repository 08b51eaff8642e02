// The connections of a client, one for each node that it has asked. It knows nodes by the addresses
// that the application gave, and learns their names, by which they speak of each other.

import type { NodeId } from '../../core/raft/config.ts'
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
  /** The names of nodes, by their addresses: as of the last connection to each. */
  readonly #names = new Map<string, string>()

  constructor(options: SocketOptions, events: CarrierEvents) {
    this.#events = events
    const { token, tls, dialTimeoutMs } = options
    for (const address of options.nodes) {
      const link = new Link(
        { address, token, tls, dialTimeoutMs },
        {
          opened: (name) => this.#names.set(address, name),
          replied: (reply) => events.replied(this.#withAddresses(reply)),
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

  /** Puts addresses in the place of names. */
  #withAddresses(reply: ClientReply): ClientReply {
    const { request, outcome } = reply
    if (reply.leader === null && outcome.type !== 'notLeader') return reply
    const leader = this.#addressOf(reply.leader)
    if (outcome.type !== 'notLeader') return { request, outcome, leader }
    return { request, outcome: { ...outcome, leader: this.#addressOf(outcome.leader) }, leader }
  }

  /** A name that is not known is no hint, until a connection to one of the others has told it. */
  #addressOf(id: NodeId | null): string | null {
    if (id === null) return null
    const name = nameOf(id)
    for (const [address, other] of this.#names) if (other === name) return address
    this.#learnName()
    return null
  }

  /** Dials one of the nodes whose name is not known, unless one is being dialled. */
  #learnName(): void {
    const nameless = [...this.#links].flatMap(([address, link]) => {
      return this.#names.has(address) ? [] : [link]
    })
    if (nameless.some((link) => link.isDialling)) return
    for (const link of nameless) if (link.dial()) return
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
