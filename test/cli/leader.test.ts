// Whatever only the leader does is asked of it, whichever node is named: with real nodes, and with
// ones that say what a test wants them to.

import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as assert from 'uvu/assert'
import { ask, ServiceError } from '../../cli/service.ts'
import { suite } from '../harness.ts'
import { removeTemporaryFolders } from '../support/commands.ts'
import { http, NodeCluster } from '../support/node-cluster.ts'
import type { Json, Place } from '../support/node-cluster.ts'
import { until } from '../support/until.ts'
import { lockstep } from './support.ts'

const test = suite('leader')
const clusters: NodeCluster[] = []
const servers: Server[] = []

test.after.each(async () => {
  for (const cluster of clusters.splice(0)) await cluster.close()
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})
test.after(removeTemporaryFolders)

async function running(args: readonly string[] = []): Promise<NodeCluster> {
  const cluster = await NodeCluster.running({ args: ['--log-level', 'warn', ...args] })
  clusters.push(cluster)
  return cluster
}

async function followers(cluster: NodeCluster): Promise<readonly Place[]> {
  const leader = await cluster.leader()
  return cluster.places.filter((place) => place !== leader)
}

test('leader: one follower is named: it is found through that one', async () => {
  const cluster = await running()
  const [named, other] = (await followers(cluster)) as [Place, Place]
  const { id, port } = named
  const words = ['cluster', 'transfer', other.id, '--nodes', `127.0.0.1:${port}`]
  const { code, stdout, stderr } = lockstep(cluster.root, words)
  assert.is(code, 0, stderr)
  assert.is(stdout, `${other.id} leads\n`)
  await until(`${other.id} to lead`, async () => {
    return (await cluster.leader()) === other ? true : undefined
  })
  const { body } = await http(`${named.url}/cluster/info`)
  assert.equal([body['leader_id'], body['leader_url']], [other.id, other.url])
  const urls = (body['nodes'] as Json[]).map((node) => [node['id'], node['url']])
  assert.equal(urls, cluster.places.map((place) => [place.id, place.url]))
  const states = new Map((body['nodes'] as Json[]).map((node) => [node['id'], node['state']]))
  assert.equal([states.get(other.id), states.get(id)], ['leader', 'follower'])
  const table = lockstep(cluster.root, ['cluster', 'info', '--nodes', `127.0.0.1:${port}`])
  assert.match(table.stdout, new RegExp(`^${other.id} .* ${other.url} `, 'm'))
})

test('leader: it says a wrong address: it is told which, and found when named', async () => {
  const cluster = await running(['--advertise-url', 'http://127.0.0.1:1'])
  const [named, other] = (await followers(cluster)) as [Place, Place]
  const words = ['cluster', 'transfer', other.id, '--nodes']
  const one = [`127.0.0.1:${named.port}`, '--timeout', '700ms']
  const lost = lockstep(cluster.root, [...words, ...one])
  assert.is(lost.code, 1)
  const says = /node\d leads, and cannot be reached at http:\/\/127\.0\.0\.1:1; name it in --nodes/
  assert.match(lost.stderr, says)
  const all = cluster.places.map(({ port }) => `127.0.0.1:${port}`).join(',')
  const found = lockstep(cluster.root, [...words, all])
  assert.is(found.code, 0, found.stderr)
})

/** A node that answers all requests so; how often it was asked is counted. */
async function node(body: () => Json): Promise<{ url: string; asked: () => number }> {
  let count = 0
  const server = createServer((_request, response) => {
    count += 1
    const said = body()
    response.statusCode = said['code'] === undefined ? 200 : 409
    response.end(JSON.stringify(said))
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, asked: () => count }
}

const follower = (leader_url: string | null) => (): Json => {
  return { code: 'not_leader', leader_id: 'n9', leader_url }
}

const request = { method: 'POST', path: '/cluster/add', body: { node: 'x' } } as const

test('leader: nobody knows its address: says so, and what to do', async () => {
  const { url } = await node(follower(null))
  const service = { nodes: [url], token: null, tls: {}, timeoutMs: 300 }
  try {
    await ask(service, request)
    assert.unreachable('was answered')
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error
    assert.match(error.message, /n9 leads, and no node that was asked knows its address; name it/)
    assert.match(error.message, /--advertise-url/)
  }
})

test('leader: it is among those named: its address is not needed', async () => {
  const elsewhere = await node(() => ({ success: true, by: 'elsewhere' }))
  const leader = await node(() => ({ success: true, by: 'the leader' }))
  const { url } = await node(follower(elsewhere.url))
  const service = { nodes: [url, leader.url], token: null, tls: {}, timeoutMs: 5_000 }
  const { body } = await ask(service, request)
  assert.equal([body['by'], elsewhere.asked()], ['the leader', 0])
})

test('leader: it is not among those named: asked once all of them said no', async () => {
  const leader = await node(() => ({ success: true }))
  const [a, b] = [await node(follower(leader.url)), await node(follower(null))]
  const service = { nodes: [a.url, b.url], token: null, tls: {}, timeoutMs: 5_000 }
  assert.is((await ask(service, request)).status, 200)
  assert.equal([a.asked(), b.asked(), leader.asked()], [1, 1, 1])
})

test.run()
