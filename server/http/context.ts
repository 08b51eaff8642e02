// What all routes of one API share, and the one place where a route is added: with its schemas
// checked, its token looked at, and its description kept for /openapi.json.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { LockFeed } from '../lock-feed.ts'
import type { LockMetrics } from '../lock-metrics.ts'
import type { LockService } from '../lock-service.ts'
import type { ClusterView } from '../cluster-view.ts'
import { demand, OPEN } from './auth.ts'
import type { Access, Authoriser, Verb } from './auth.ts'
import type { ProblemCode } from './problem.ts'
import type { Schema } from './schemas.ts'
import { badFields } from './validation.ts'
import type { validation } from './validation.ts'

/** What a route needs. */
export interface ApiContext {
  readonly service: LockService
  readonly metrics: LockMetrics
  readonly feed: LockFeed
  readonly cluster: ClusterView
  readonly authoriser: Authoriser
  readonly checkOf: ReturnType<typeof validation>
  /** Descriptions of all routes that were added. */
  readonly docs: RouteDoc[]
}

/** A success of a route: its status, what it means, and its body. */
export interface SuccessDoc {
  readonly says: string
  /** Null: no JSON. */
  readonly schema: Schema | null
  readonly contentType?: string
}

/** What a route takes and answers. */
export interface RouteDoc {
  readonly method: 'GET' | 'POST'
  /** With `{name}` for what stands in the path. */
  readonly path: string
  readonly summary: string
  /** What a token must allow; null: the route is open. */
  readonly verb: Verb | null
  readonly params?: Schema
  readonly query?: Schema
  /** The query is not looked at: probes and scrapers put things of their own there. */
  readonly ignoresQuery?: boolean
  readonly body?: Schema
  readonly successes: Readonly<Record<number, SuccessDoc>>
  readonly problems: readonly ProblemCode[]
  /** Failures of the route are counted, also those for which it is not run. */
  readonly isCounted?: boolean
}

/** What a route says of itself to whoever answers its errors. */
export interface RouteConfig {
  readonly isCounted?: boolean
}

/** A request whose parts are as the schemas of its route say. */
export interface Checked<Body, Query, Params> {
  readonly body: Body
  readonly query: Query
  readonly params: Params
  readonly access: Access
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

/** Answers a request: what it resolves with is sent as JSON, unless the reply was sent. */
export type Handler<Body, Query, Params> = (
  checked: Checked<Body, Query, Params>,
) => Promise<unknown>

/** Adds a route. The key that a token must allow is the `key`, or the `prefix`, of the request. */
export function addRoute<Body = undefined, Query = undefined, Params = undefined>(
  fastify: FastifyInstance,
  context: ApiContext,
  doc: RouteDoc,
  handler: Handler<Body, Query, Params>,
): void {
  const { authoriser, checkOf, docs } = context
  docs.push(doc)
  const none: Schema = { type: 'object', additionalProperties: false, properties: {} }
  const check = {
    body: doc.body === undefined ? () => null : checkOf(doc.body, 'body'),
    query: checkOf(doc.query ?? none, 'query'),
    params: doc.params === undefined ? () => null : checkOf(doc.params, 'path'),
  }
  const accesses = new WeakMap<FastifyRequest, Access>()
  fastify.route({
    method: doc.method,
    config: { isCounted: doc.isCounted ?? false } satisfies RouteConfig,
    url: doc.path.replaceAll(/\{(\w+)\}/g, ':$1'),
    // Before the body is read: who may not ask costs no more than the head of a request.
    onRequest: async (request) => {
      if (doc.verb === null) return
      const access = authoriser.identify(request.headers.authorization)
      demand(access, doc.verb, null)
      accesses.set(request, access)
    },
    handler: async (request, reply) => {
      const body = request.body ?? null
      const query = doc.ignoresQuery === true ? {} : { ...(request.query as object) }
      const params = { ...(request.params as object) }
      const errors = [check.params(params), check.query(query), check.body(body)]
      const bad = errors.flatMap((one) => one ?? [])
      if (bad.length > 0) throw badFields(bad)
      const access = accesses.get(request) ?? OPEN
      const key = keyOf({ ...query, ...params, ...(body as object | null) })
      if (doc.verb !== null) demand(access, doc.verb, key)
      return handler({
        body: body as Body,
        query: query as Query,
        params: params as Params,
        access,
        request,
        reply,
      })
    },
  })
}

/** What is to be allowed: a key, or all that begin with a prefix; of neither: just to ask. */
function keyOf(fields: Readonly<Record<string, unknown>>): string | null {
  const { key, prefix } = fields
  if (typeof key === 'string') return key
  return typeof prefix === 'string' ? prefix : null
}
