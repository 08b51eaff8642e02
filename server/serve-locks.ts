// The lock service of a node on its replica, over HTTP and client connections: a fastify that is
// ready and listens nowhere. It adds to the API what the node as a whole knows.

import type { FastifyInstance } from 'fastify'
import type { TcpTransport } from '../transports/node/tcp.ts'
import { addressText } from '../transports/node/tcp-options.ts'
import type { ClusterView } from './cluster-view.ts'
import { registerLockApi } from './http/api.ts'
import type { TokenRule } from './http/auth.ts'
import { Problem, sendProblem } from './http/problem.ts'
import { httpServer } from './http/server.ts'
import type { LockFeed } from './lock-feed.ts'
import type { LockReplica } from './lock-replica.ts'
import type { Logger } from './node-log.ts'
import type { NodeOptions } from './options.ts'

/** What the service stands on. */
export interface FrontOptions {
  readonly options: NodeOptions
  readonly replica: LockReplica
  readonly feed: LockFeed
  readonly tcp: TcpTransport
  /** Where clients reach this node; null: not known. */
  readonly url: string | null
  readonly tokens: readonly TokenRule[]
  readonly logger: Logger
  /** Connections of client libraries. */
  readonly clientsMax: number
  /** What the operator calls the node. */
  readonly name: string
  readonly isStopping: () => boolean
}

/** The service, ready to be given requests. */
export interface LockFront {
  readonly fastify: FastifyInstance
  /** Answers what waits, and takes nothing more. */
  close(): Promise<void>
}

/** Makes the service. */
export async function serveLocks(front: FrontOptions): Promise<LockFront> {
  const { options, replica, feed, tokens, logger, isStopping } = front
  const api = {
    replica,
    feed,
    tokens,
    cluster: viewOf(front),
    clientConnections: { connectionsMax: front.clientsMax },
    ttlMsDefault: options.defaultTtlMs,
    limits: { ttlMsMin: options.minTtlMs, ttlMsMax: options.maxTtlMs },
  }
  const fastify = httpServer({ logger })
  fastify.addHook('onRequest', async (request, reply) => {
    if (!isStopping() || !/^\/(readyz|health)(\?|$)/.test(request.url)) return
    return sendProblem(reply, new Problem('not_ready', 'this node is stopping', {}, 1_000))
  })
  await registerLockApi(fastify, api)
  await fastify.ready()
  return { fastify, close: () => fastify.close() }
}

/** The nodes that the transport knows, and this one. */
function viewOf({ replica, tcp, options, url }: FrontOptions): ClusterView {
  return {
    nodes: () => {
      const address = addressText(options.advertise ?? tcp.address)
      const own = { id: replica.config.node, address, url, isConnected: true }
      const others = tcp.peers().flatMap(({ node, connected: isConnected, ...places }) => {
        return node === null ? [] : [{ id: node, ...places, isConnected }]
      })
      return [own, ...others]
    },
  }
}
