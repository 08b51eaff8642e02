// What /openapi.json says of failures, and what it leaves to the caller: queries that nobody knows,
// connections that are refused before their route is known, and nodes that have no cluster yet.

import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import * as assert from 'uvu/assert'
import { answerWhileFounding } from '../../../server/founding-answers.ts'
import { lockApi } from '../../../server/http/api.ts'
import { httpServer } from '../../../server/http/server.ts'
import type { LockReplica } from '../../../server/lock-replica.ts'
import { suite } from '../../harness.ts'
import { leaderOf, startReplicas } from '../support.ts'
import { isProblemDescribed } from './described.ts'
import type { ApiDocument } from './described.ts'
import { ask, post, serve } from './support.ts'
import type { Said, Served } from './support.ts'

const test = suite<{ served: Served; document: ApiDocument }>('openapi')

test.before(async (context) => {
  context.served = await serve(1, { server: { headersTimeoutMs: 200 } })
  const { json } = await ask(`${context.served.leader.url}/openapi.json`)
  context.document = json as unknown as ApiDocument
})
test.after((context) => context.served.close())

/** Asks every route that is described, with `{key}` filled in. */
async function askAll(
  { paths }: ApiDocument,
  url: string,
  query: string,
): Promise<readonly [string, string, Said][]> {
  const all: [string, string, Said][] = []
  for (const [path, methods] of Object.entries(paths)) {
    for (const method of Object.keys(methods)) {
      const address = `${url}${path.replace('{key}', 'k')}${query}`
      const isGet = method === 'get'
      all.push([method, path, await (isGet ? ask(address) : post(address, {}))])
    }
  }
  return all
}

test('openapi: the version: is that of the package', async ({ document }) => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as Record<string, unknown>
  const { info } = document as unknown as { readonly info: Record<string, unknown> }
  assert.is(info['version'], version)
})

test('openapi: a query that nobody knows: only probes and scrapers may send it', async ({
  served,
  document,
}) => {
  const ignoring: string[] = []
  for (const [method, path, said] of await askAll(document, served.leader.url, '?x=1')) {
    if (said.status === 200) ignoring.push(path)
    else {
      assert.is(said.json['code'], 'bad_request', path)
      isProblemDescribed(document, method, path, { status: said.status, body: said.json })
    }
  }
  assert.equal(ignoring, ['/livez', '/readyz', '/health', '/cluster/health', '/metrics'])
})

test('openapi: a node that has no cluster yet: what it answers is described', async ({
  document,
}) => {
  const fastify = httpServer()
  answerWhileFounding(fastify, () => ['it waits for node2'])
  const url = await fastify.listen({ port: 0, host: '127.0.0.1' })
  const all = await askAll(document, url, '')
  await fastify.close()
  for (const [method, path, said] of all) {
    if (path === '/livez') assert.is(said.status, 200)
    else isProblemDescribed(document, method, path, { status: said.status, body: said.json })
  }
})

/** What is answered to bytes on a connection of their own. */
function answerTo(url: string, bytes: string): Promise<{ status: number; body: Said['json'] }> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  let said = ''
  socket.on('data', (chunk: Uint8Array) => (said += Buffer.from(chunk).toString()))
  socket.on('error', () => undefined)
  socket.write(bytes)
  return new Promise((resolve) => {
    socket.on('close', () => {
      const [head = '', body = ''] = said.split('\r\n\r\n')
      resolve({ status: Number(head.split(' ')[1]), body: JSON.parse(body) as Said['json'] })
    })
  })
}

test('openapi: a head that is too long, or does not come: described at every route', async ({
  served,
  document,
}) => {
  const line = 'POST /locks/acquire HTTP/1.1\r\nhost: '
  const long = await answerTo(served.leader.url, `${line}${'x'.repeat(100_000)}\r\n\r\n`)
  const slow = await answerTo(served.leader.url, line)
  assert.equal([long.status, slow.status], [431, 408])
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const method of Object.keys(methods)) {
      for (const answer of [long, slow]) isProblemDescribed(document, method, path, answer)
    }
  }
})

/** A replica whose queries find what `before` has made of it. */
function meddled(replica: LockReplica, before: () => Promise<unknown>): LockReplica {
  const ask: LockReplica['ask'] = (type, payload, done) => {
    if (type !== 'read') return replica.ask(type, payload, done)
    void before().then(() => replica.ask(type, payload, done))
  }
  return new Proxy(replica, {
    get: (target, name) => {
      if (name === 'ask') return ask
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

test('openapi: a grant that ends while its cancel is answered: is expired', async () => {
  const [one] = await startReplicas(1)
  assert.ok(one !== undefined)
  await leaderOf([one])
  const fastify = httpServer()
  let before = (): Promise<unknown> => Promise.resolve()
  await fastify.register(lockApi({ ...one, replica: meddled(one.replica, () => before()) }))
  const url = await fastify.listen({ port: 0, host: '127.0.0.1' })
  const meant = { key: 'k', owner: 'me', request_id: 'x' }
  const taken = await post(`${url}/locks/acquire`, meant)
  before = () => post(`${url}/locks/release`, { key: 'k', owner: 'me' })
  const said = await post(`${url}/locks/cancel`, meant)
  await fastify.close()
  await one.replica.close()
  assert.is(taken.status, 200, taken.text)
  assert.is(said.status, 200, said.text)
  assert.equal(said.json, { success: true, key: 'k', owner: 'me', outcome: 'expired' })
})

test.run()
