// What the tests of whole clusters of processes begin with: clusters that end with the test that
// made them, and a lock from whichever node grants it.

import * as assert from 'uvu/assert'
import { lockstep } from '../cli/support.ts'
import type { Suite } from '../harness.ts'
import { removeTemporaryFolders } from '../support/commands.ts'
import { http, NodeCluster } from '../support/node-cluster.ts'
import type { ClusterOptions, Json, Place } from '../support/node-cluster.ts'
import { until } from '../support/until.ts'

/** Makes clusters for the tests of a suite. */
export interface Clusters {
  /** Places for nodes; none is started. */
  readonly make: (options?: ClusterOptions) => Promise<NodeCluster>
  /** Three nodes that are ready, or as `options` say. */
  readonly running: (options?: ClusterOptions) => Promise<NodeCluster>
}

/** Clusters whose processes end with the test that made them, however it ends. */
export function clustersOf<Context extends object>(test: Suite<Context>): Clusters {
  const open: NodeCluster[] = []
  test.after.each(async () => {
    for (const cluster of open.splice(0)) await cluster.close()
  })
  test.after(removeTemporaryFolders)
  const make = async (options: ClusterOptions = {}): Promise<NodeCluster> => {
    const cluster = await NodeCluster.make({ args: ['--log-level', 'warn'], ...options })
    open.push(cluster)
    return cluster
  }
  const running = async (options: ClusterOptions = {}): Promise<NodeCluster> => {
    const cluster = await make(options)
    for (const place of cluster.places) cluster.start(place)
    await cluster.ready()
    return cluster
  }
  return { make, running }
}

/** The body of an acquire. */
export function terms(key: string, owner: string): Json {
  return { key, owner, ttl: '10m' }
}

/** Takes a lock from whichever of these nodes grants it first. */
export function granted(places: readonly Place[], key: string, owner: string): Promise<Json> {
  const body = { ...terms(key, owner), request_id: owner }
  return until(`${key} to be granted`, async () => {
    for (const { url } of places) {
      const asked = http(`${url}/locks/acquire`, body, { timeoutMs: 5_000 })
      const answer = await asked.catch(() => null)
      if (answer?.status === 200) return answer.body['lock'] as Json
    }
    return undefined
  })
}

/** Runs `lockstep cluster ...` against all nodes: what it printed. */
export function operate(cluster: NodeCluster, ...words: readonly string[]): string {
  const nodes = cluster.places.map(({ port }) => `127.0.0.1:${port}`).join(',')
  const { code, stdout, stderr } = lockstep(cluster.root, ['cluster', ...words, '--nodes', nodes])
  assert.is(code, 0, stderr)
  return stdout
}

/** The incarnation of the node in `place`, as `leader` tells. */
export async function incarnationOf(place: Place, leader: Place): Promise<string> {
  const { body } = await http(`${leader.url}/cluster/info`)
  const node = (body['nodes'] as Json[]).find(({ id }) => id === place.id)
  return String(node?.['incarnation'])
}

/** The leader is connected to a node that waits to be taken in: it can be. */
export async function waitsAt(leader: Place, id: string): Promise<void> {
  await until(`${id} to wait`, async () => {
    const answer = await http(`${leader.url}/cluster/info`).catch(() => null)
    const nodes = (answer?.body['nodes'] ?? []) as Json[]
    return nodes.some((one) => one['id'] === id && one['state'] === 'waiting') ? true : undefined
  })
}
