// A lock service of one or more nodes with its HTTP API on real ports, for tests.

import type { FastifyInstance } from 'fastify'
import type { Config } from '../../../core/raft/config.ts'
import type { ClusterView } from '../../../server/cluster-view.ts'
import { lockApi } from '../../../server/http/api.ts'
import type { LockApiOptions } from '../../../server/http/api.ts'
import { httpServer } from '../../../server/http/server.ts'
import type { HttpServerOptions } from '../../../server/http/server.ts'
import { Hub, leaderOf, startReplicas } from '../support.ts'
import type { Fed } from '../support.ts'

/** An answer with its body read. */
export interface Said {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The parsed body; an empty object when it is no JSON. */
  readonly json: Record<string, unknown>
}

/** One node that serves HTTP. */
export interface Node extends Fed {
  readonly url: string
  readonly fastify: FastifyInstance
}

export interface Served {
  readonly hub: Hub
  readonly nodes: readonly Node[]
  readonly leader: Node
  close(): Promise<void>
}

type Options = Partial<LockApiOptions> & {
  readonly server?: HttpServerOptions
  readonly config?: Partial<Config>
}

/** Starts `count` nodes, and waits for their leader. The limits are the machine's too. */
export async function serve(count = 1, options: Options = {}): Promise<Served> {
  const hub = new Hub()
  const all = await startReplicas(count, hub, options.config, options.limits)
  const led = await leaderOf(all)
  const cluster: ClusterView = {
    nodes: () =>
      all.map(({ replica }) => ({
        id: replica.config.node,
        address: 'localhost:9001',
        url: null,
        isConnected: true,
      })),
  }
  const nodes = await Promise.all(
    all.map(async (one) => {
      const fastify = httpServer(options.server)
      await fastify.register(lockApi({ ...one, cluster, ...options }))
      const url = await fastify.listen({ port: 0, host: '127.0.0.1' })
      return { ...one, url, fastify }
    }),
  )
  const leader = nodes[all.indexOf(led)] as Node
  const close = async (): Promise<void> => {
    for (const { fastify } of nodes) fastify.server.closeAllConnections()
    await Promise.all(nodes.map(({ fastify }) => fastify.close()))
    await Promise.all(nodes.map(({ replica }) => replica.close()))
  }
  return { hub, nodes, leader, close }
}

export async function ask(url: string, init: RequestInit = {}): Promise<Said> {
  const response = await fetch(url, init)
  const text = await response.text()
  const type = response.headers.get('content-type') ?? ''
  const json = /json/.test(type) ? (JSON.parse(text) as Record<string, unknown>) : {}
  return { status: response.status, headers: response.headers, text, json }
}

export function post(
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Said> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const type = { 'content-type': 'application/json' }
  return ask(url, { method: 'POST', headers: { ...type, ...headers }, body: text })
}
