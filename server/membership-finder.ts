// Brings a node into its cluster: founds it with the others, or finds that there is one already. It
// joins the state machine of founding.ts to the TCP transport and the data directory, and decides
// nothing itself.

import { randomBytes } from 'node:crypto'
import type { NodeId } from '../core/raft/config.ts'
import { tcpTransport } from '../transports/node/tcp.ts'
import type { TcpTransport } from '../transports/node/tcp.ts'
import type { TcpNotice, TlsFiles } from '../transports/node/tcp-options.ts'
import { nameOf } from '../transports/handshake.ts'
import type { Introduction, Verdict } from '../transports/handshake.ts'
import type { Receiver, Transport } from '../transports/transport.ts'
import type { DataDirectory } from './data-directory.ts'
import { considerStanding, membershipOf, standingOf, startFounding } from './founding.ts'
import type { FoundingState, Membership } from './founding.ts'
import { nodeIdOf } from './node-identity.ts'
import type { NodeOptions } from './options.ts'

/** What a node is made of on its way into a cluster. */
export interface FinderOptions {
  readonly options: NodeOptions
  readonly directory: DataDirectory
  readonly tls: TlsFiles | null
  /** Connections of those who have not said who they are. */
  readonly strangersMax: number
  readonly onNotice: (notice: TcpNotice) => void
  /** A founding or a promise could not be written down: the node cannot go on. */
  readonly onFailure: (error: Error) => void
}

/** A node on its way into a cluster, or in it. */
export class MembershipFinder {
  readonly node: NodeId
  readonly tcp: TcpTransport
  /** Resolves once the node belongs to a cluster. */
  readonly found: Promise<Membership>
  /** Where clients reach this node, once its port is known. */
  url: string | null = null
  readonly #finder: FinderOptions
  /** Why the last dial of a name failed. */
  readonly #failures = new Map<string, string>()
  #resolve: (membership: Membership) => void = () => undefined
  #state: FoundingState
  #receiver: Receiver | null = null

  constructor(finder: FinderOptions) {
    const { options, directory, tls, strangersMax } = finder
    this.#finder = finder
    this.node = nodeIdOf(directory.identity)
    this.found = new Promise((resolve) => (this.#resolve = resolve))
    const before = directory.identity
    this.#state = startFounding({
      node: this.node,
      peers: options.peers.map(({ id }) => id),
      cluster: randomBytes(8).toString('hex'),
      belonging: { founding: before.founding, promise: before.promise },
    })
    const { founding, promise } = this.#state.belonging
    if (founding !== before.founding || promise !== before.promise) this.#keep()
    this.tcp = tcpTransport({
      listen: { host: options.raftHost, port: options.raftPort },
      ...(options.advertise === null ? {} : { advertise: options.advertise }),
      peers: new Map(options.peers.map(({ id, host, port }) => [id, { host, port }])),
      tls,
      url: () => this.url,
      introduce: () => standingOf(this.#state),
      consider: (theirs, side) => this.#consider(theirs, side),
      onNotice: (notice) => this.#notice(notice),
      limits: { strangersMax },
    })
  }

  /** Begins to listen and to dial. Rejects with an `Error` that names what could not be had. */
  async open(): Promise<void> {
    await this.tcp.open({ received: (from, frame) => this.#receiver?.received(from, frame) })
    this.#tell()
  }

  /** Sentences on who is missing; none when the node belongs to a cluster. */
  waitsFor(): readonly string[] {
    if (this.#state.belonging.founding !== null) return []
    const { peers } = this.#finder.options
    const missing = peers.filter(({ id }) => this.tcp.heard(id) === null)
    if (missing.length > 0) {
      return missing.map(({ id }) => `it waits for ${id}: ${this.#failures.get(id) ?? 'dialling'}`)
    }
    const [first = ''] = peers.map(({ id }) => id).sort()
    if (first < nameOf(this.node)) return [`it waits for ${first} to found it`]
    return ['it founds one now']
  }

  /** The transport for the replica: it is open already, and drops what comes before its `open`. */
  transport(): Transport {
    const { tcp } = this
    return {
      supports: tcp.supports,
      open: (receiver) => Promise.resolve(void (this.#receiver = receiver)),
      send: (to, frame) => tcp.send(to, frame),
      flush: () => tcp.flush(),
      close: () => {
        this.#receiver = null
        return tcp.close()
      },
    }
  }

  #consider(theirs: Introduction, side: 'dialled' | 'accepted'): Verdict {
    const before = this.#state
    const { state, verdict } = considerStanding(before, theirs, side)
    this.#state = state
    if (state.belonging === before.belonging) return verdict
    try {
      this.#keep()
    } catch (error) {
      this.#state = before
      this.#finder.onFailure(error as Error)
      return { type: 'later' }
    }
    // It has something new to say of itself, to those too who were told before.
    setImmediate(() => {
      this.tcp.dialAll()
      this.#tell()
    })
    return verdict
  }

  #keep(): void {
    const { directory } = this.#finder
    const { founding, promise } = this.#state.belonging
    if (founding !== null) directory.recordFounding(founding)
    else if (promise !== null) directory.recordPromise(promise)
  }

  #tell(): void {
    const membership = membershipOf(this.#state)
    if (membership !== null) this.#resolve(membership)
  }

  #notice(notice: TcpNotice): void {
    if (notice.type === 'failed' && notice.name !== null && 'reason' in notice.ending) {
      this.#failures.set(notice.name, notice.ending.reason)
    }
    this.#finder.onNotice(notice)
  }
}
