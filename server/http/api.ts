// The HTTP API of the lock service as a plugin for fastify: joins its routes, its parser of bodies
// and its words for errors. It keeps to itself what it sets, so it can live beside other routes.

import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyError, FastifyInstance, FastifyPluginAsync, FastifyReply } from 'fastify'
import type { ClusterView } from '../cluster-view.ts'
import { LockFeed } from '../lock-feed.ts'
import { LockMetrics } from '../lock-metrics.ts'
import type { LockReplica } from '../lock-replica.ts'
import { lockServiceOn } from '../lock-service.ts'
import type { LockService, LockServiceOptions } from '../lock-service.ts'
import { packageVersion } from '../package-version.ts'
import { ClientConnections, refuseUpgrade } from '../client-connections.ts'
import type { ClientConnectionsOptions } from '../client-connections.ts'
import { authoriser } from './auth.ts'
import type { Authoriser, TokenRule } from './auth.ts'
import { addBackupRoute } from './backup.ts'
import { addClusterRoutes } from './cluster-routes.ts'
import type { ApiContext, RouteConfig } from './context.ts'
import { addEventRoutes } from './event-stream.ts'
import { parseJsonBody } from './json-body.ts'
import { addLockRoutes } from './lock-routes.ts'
import { openApi } from './openapi.ts'
import { Problem, sendProblem } from './problem.ts'
import { addReadRoutes } from './read-routes.ts'
import { textFormats } from './schemas.ts'
import { validation } from './validation.ts'

/** Bytes that a body may have. */
export const BODY_BYTES_MAX = 1_048_576

/** What the API stands on. */
export interface LockApiOptions extends LockServiceOptions {
  readonly replica: LockReplica
  /** What the replica was started with: its `traced` as `onTrace`, its `applied` as `onApplied`. */
  readonly feed: LockFeed
  /** The other nodes, where they are known. */
  readonly cluster?: ClusterView
  /** Who may do what; left out or empty: everybody may do everything. */
  readonly tokens?: readonly TokenRule[]
  /** The version that /openapi.json names; that of this package when left out. */
  readonly version?: string
  /** The bounds of the connections of client libraries. */
  readonly clientConnections?: ClientConnectionsOptions
  /** Event streams that may be open at a time; 1 000. */
  readonly streamsMax?: number
  /** Pause between comments on an event stream, milliseconds; 15 s. */
  readonly streamPingMs?: number
}

/** The parts of an API that other front ends of the same node share. */
export interface LockApi {
  readonly service: LockService
  readonly metrics: LockMetrics
  readonly feed: LockFeed
  readonly authoriser: Authoriser
}

/** What HTTP and client connections of one node have in common. */
function lockApiParts(options: LockApiOptions): LockApi {
  const { replica, feed, tokens = [] } = options
  feed.startedAt(replica.state().applied)
  const service = lockServiceOn(replica, options)
  const metrics = new LockMetrics(replica, feed)
  return { service, metrics, feed, authoriser: authoriser(tokens) }
}

/**
 * The API as a plugin. When the server closes, what waits is answered 202, to be asked again
 * elsewhere, and event streams end.
 */
export function lockApi(options: LockApiOptions): FastifyPluginAsync {
  return lockApiPlugin(lockApiParts(options), options)
}

/** Registers the API on `fastify`, under `prefix` if given, and returns its parts. */
export async function registerLockApi(
  fastify: FastifyInstance,
  options: LockApiOptions,
  prefix = '',
): Promise<LockApi> {
  const parts = lockApiParts(options)
  await fastify.register(lockApiPlugin(parts, options), { prefix })
  return parts
}

/** The plugin over parts that are there. */
function lockApiPlugin(parts: LockApi, options: LockApiOptions): FastifyPluginAsync {
  const { service } = parts
  const context: ApiContext = {
    ...parts,
    cluster: options.cluster ?? { nodes: () => [] },
    checkOf: validation(textFormats(service.limits)),
    docs: [],
  }
  // Fastify waits for what is returned.
  return async (fastify) => {
    takeJson(fastify)
    fastify.setErrorHandler((error, { routeOptions }, reply) => {
      const problem = problemOf(error, reply)
      const { isCounted } = routeOptions.config as RouteConfig
      if (isCounted === true) parts.metrics.failed(problem.code)
      return sendProblem(reply, problem)
    })
    addLockRoutes(fastify, context)
    addReadRoutes(fastify, context)
    addClusterRoutes(fastify, context)
    addBackupRoute(fastify, context)
    const { streamsMax = 1_000, streamPingMs = 15_000 } = options
    const endStreams = addEventRoutes(fastify, context, { streamsMax, pingMs: streamPingMs })
    addOpenApi(fastify, context, options.version ?? packageVersion())
    const connections = new ClientConnections(parts, options.clientConnections)
    takeUpgrades(fastify, connections)
    fastify.addHook('preClose', async () => {
      service.close()
      endStreams()
      connections.close()
    })
  }
}

/** `GET /client` becomes a connection of a client library; other paths are others' business. */
function takeUpgrades(fastify: FastifyInstance, connections: ClientConnections): void {
  const { server, prefix } = fastify
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Uint8Array) => {
    const [path] = (request.url ?? '').split('?')
    if (path === `${prefix}/client`) return connections.upgrade(request, socket, head)
    // With nobody else to take it, it would stay open and unanswered.
    if (server.listenerCount('upgrade') > 1) return
    refuseUpgrade(socket, new Problem('not_found', `${String(path)} cannot be upgraded`))
  })
}

function addOpenApi(fastify: FastifyInstance, { docs }: ApiContext, version: string): void {
  const document = openApi(docs, version, fastify.prefix)
  fastify.get('/openapi.json', async () => document)
}

/** Bodies are JSON alone, and whoever sends another one is told where it breaks. */
function takeJson(fastify: FastifyInstance): void {
  fastify.removeAllContentTypeParsers()
  const options = { parseAs: 'buffer', bodyLimit: BODY_BYTES_MAX } as const
  fastify.addContentTypeParser('application/json', options, async (_: unknown, body: Buffer) => {
    if (body.length === 0) return null
    const parsed = parseJsonBody(body)
    if (parsed.type === 'bad') throw new Problem('bad_json', parsed.detail)
    return parsed.value
  })
}

/** Answers with what went wrong. */
export function sendError(error: unknown, reply: FastifyReply): FastifyReply {
  return sendProblem(reply, problemOf(error, reply))
}

/** What went wrong, as it is answered; what nobody expected is logged, and not shown. */
function problemOf(error: unknown, reply: FastifyReply): Problem {
  if (error instanceof Problem) return error
  const { code, statusCode = 500, message } = error as Partial<FastifyError>
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new Problem('too_large', `a body may have ${BODY_BYTES_MAX} bytes`)
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
    case 'FST_ERR_CTP_INVALID_TYPE': {
      const detail = 'send the body as JSON, with the header Content-Type: application/json'
      return new Problem('unsupported_media_type', detail)
    }
    case 'FST_ERR_BAD_URL': {
      const detail = 'a % in the address is followed by two hexadecimal digits of UTF-8'
      return new Problem('bad_url', detail)
    }
    default:
      if (statusCode >= 400 && statusCode < 500) {
        return new Problem('bad_request', message ?? 'the request is bad')
      }
      reply.log.error({ err: error }, 'a request failed for a reason that nobody expected')
      return new Problem('internal', 'see the log of the node')
  }
}
