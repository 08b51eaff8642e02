// Every route against the description that the server gives of itself, and the routes on the
// cluster and its nodes.

import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import * as assert from 'uvu/assert'
import { lockService } from '../../../core/lock/machine.ts'
import { decodeBackup } from '../../../server/backup-file.ts'
import { PROBLEMS } from '../../../server/http/problem.ts'
import type { ProblemCode } from '../../../server/http/problem.ts'
import { suite } from '../../harness.ts'
import { until } from '../../support/until.ts'
import { ask, post, serve } from './support.ts'
import type { Said, Served } from './support.ts'

const test = suite<{ served: Served }>('http api')

test.before(async (context) => {
  context.served = await serve(3, { version: '1.2.3' })
})
test.after((context) => context.served.close())

type Json = Readonly<Record<string, unknown>>
interface Operation {
  readonly responses: Readonly<Record<string, { content: Readonly<Record<string, Json>> }>>
}
interface Document extends Json {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

/** Checks answers against the document, and notes which of its operations were tried. */
class Described {
  readonly tried = new Set<string>()
  readonly #document: Document
  readonly #ajv: Ajv2020

  constructor(document: Document) {
    this.#document = document
    this.#ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false })
    this.#ajv.addSchema(document, 'api')
  }

  get all(): readonly string[] {
    return Object.entries(this.#document.paths).flatMap(([path, methods]) => {
      return Object.keys(methods).map((method) => `${method} ${path}`)
    })
  }

  check(method: string, path: string, { status, headers, text }: Said): void {
    const where = `${method} ${path} ${status}`
    const operation = this.#document.paths[path]?.[method]
    assert.ok(operation !== undefined, `${where}: not described`)
    this.tried.add(`${method} ${path}`)
    const content = operation.responses[String(status)]?.content
    assert.ok(content !== undefined, `${where} is not described: ${text}`)
    const type = (headers.get('content-type') ?? '').replace(/; charset=utf-8$/, '')
    assert.ok(Object.keys(content).some((one) => one.startsWith(type)), `${where}: ${type}`)
    if (!type.endsWith('json')) return
    const pointer = ['paths', path, method, 'responses', String(status), 'content', type, 'schema']
    const escaped = pointer.map((one) => one.replaceAll('~', '~0').replaceAll('/', '~1'))
    const fragment = escaped.map(encodeURIComponent).join('/')
    const validate = this.#ajv.compile({ $ref: `api#/${fragment}` })
    assert.ok(validate(JSON.parse(text)), `${where}: ${JSON.stringify(validate.errors)} ${text}`)
  }
}

/** Method, route, address, body, and the code of a problem where that is to be the answer. */
type Try = readonly ['get' | 'post', string, string, unknown?, ProblemCode?]

const LOCKED = '/locks/a%2Fb'

const TRIES: readonly Try[] = [
  ['post', '/locks/acquire', '/locks/acquire', { key: 'a/b', owner: 'me', ttl: '1m' }],
  ['post', '/locks/acquire', '/locks/acquire', { key: 'a/b', owner: 'me', request_id: 'x' }],
  ['post', '/locks/acquire', '/locks/acquire', { key: 'a/b', owner: 'you' }, 'held'],
  [
    'post',
    '/locks/acquire',
    '/locks/acquire',
    { key: 'a/b', owner: 'you', wait: '10ms' },
    'wait_timeout',
  ],
  [
    'post',
    '/locks/acquire',
    '/locks/acquire',
    { key: 'a/b', owner: 'me', request_id: 'x', ttl: '2s' },
    'request_id_reused',
  ],
  ['post', '/locks/acquire', '/locks/acquire', { key: 1, unknown: true }, 'bad_request'],
  ['post', '/locks/acquire', '/locks/acquire', '{"key"', 'bad_json'],
  ['post', '/locks/renew', '/locks/renew', { key: 'a/b', owner: 'me' }],
  ['post', '/locks/renew', '/locks/renew', { key: 'a/b', owner: 'me', request_id: 'y', ttl: '9s' }],
  ['post', '/locks/renew', '/locks/renew', { key: 'a/b', owner: 'you' }, 'expired'],
  ['post', '/locks/cancel', '/locks/cancel', { key: 'a/b', owner: 'me', request_id: 'x' }],
  ['post', '/locks/cancel', '/locks/cancel', { key: 'a/b', owner: 'me', request_id: 'z' }],
  ['get', '/locks/{key}', LOCKED],
  ['get', '/locks/{key}', '/locks/free?consistency=stale'],
  ['get', '/locks/{key}', '/locks/free?consistency=old', undefined, 'bad_request'],
  ['get', '/locks/one', '/locks/one?key=a/b'],
  ['get', '/locks/one', '/locks/one', undefined, 'bad_request'],
  ['get', '/locks', '/locks'],
  ['get', '/locks', '/locks?prefix=a&limit=1'],
  ['get', '/locks', '/locks?cursor=***', undefined, 'bad_request'],
  ['get', '/locks/one/holders', '/locks/one/holders?key=..'],
  ['get', '/locks/one/waiters', '/locks/one/waiters?key=..'],
  ['get', '/locks/{key}/holders', `${LOCKED}/holders`],
  ['get', '/locks/{key}/waiters', `${LOCKED}/waiters`],
  ['get', '/locks/{key}/waiters', `${LOCKED}/waiters?cursor=bm8`, undefined, 'bad_request'],
  ['post', '/locks/force-release', '/locks/force-release', { key: 'a/b' }],
  ['post', '/locks/renew', '/locks/renew', { key: 'a/b', owner: 'me' }, 'revoked'],
  ['post', '/locks/release', '/locks/release', { key: 'a/b', owner: 'me' }],
  [
    'post',
    '/locks/release',
    '/locks/release',
    { key: 'a/b', owner: 'me', all: true, token: 1 },
    'not_owner',
  ],
  ['get', '/cluster/info', '/cluster/info'],
  ['get', '/cluster/health', '/cluster/health'],
  ['get', '/cluster/backup', '/cluster/backup'],
  ['get', '/livez', '/livez'],
  ['get', '/readyz', '/readyz'],
  ['get', '/health', '/health'],
  ['get', '/metrics', '/metrics'],
  ['post', '/cluster/snapshot', '/cluster/snapshot', {}],
  ['post', '/cluster/add', '/cluster/add', { node: 'node1' }, 'change_refused'],
  ['post', '/cluster/add', '/cluster/add', { node: 'nobody' }, 'unknown_node'],
  ['post', '/cluster/promote', '/cluster/promote', { node: 'node1' }, 'change_refused'],
  ['post', '/cluster/remove', '/cluster/remove', { node: 'nobody' }, 'unknown_node'],
  ['post', '/cluster/remove', '/cluster/remove', { nodes: 'node1' }, 'bad_request'],
]

test('http api: every route: answers as /openapi.json says', async ({ served }) => {
  const { url } = served.leader
  const { json } = await ask(`${url}/openapi.json`)
  assert.is(json['openapi'], '3.1.0')
  assert.equal((json['info'] as Json)['version'], '1.2.3')
  const described = new Described(json as Document)
  for (const [method, path, address, body, code] of TRIES) {
    const said = await (method === 'get' ? ask(url + address) : post(url + address, body))
    assert.is(said.json['code'], code, `${method} ${address}: ${said.text}`)
    described.check(method, path, said)
  }
  const { id } = follower(served)
  const moved = await post(`${url}/cluster/transfer`, { node: id })
  assert.is(moved.status, 200)
  described.check('post', '/cluster/transfer', moved)
  const late = await post(`${url}/cluster/remove`, { node: 'node1' })
  assert.is(late.json['code'], 'not_leader')
  assert.is(late.json['leader_id'], id)
  described.check('post', '/cluster/remove', late)
  const missing = described.all.filter((one) => !described.tried.has(one))
  assert.equal(missing, ['get /locks/{key}/events', 'get /locks/one/events'])
})

function follower({ nodes }: Served): { readonly id: string; readonly url: string } {
  const node = nodes.find(({ replica }) => replica.status().role !== 'leader')
  const id = node?.replica.config.node.split('@')[0] ?? ''
  return { id, url: node?.url ?? '' }
}

test('http api: cluster info: names, states and incarnations', async ({ served }) => {
  const leader = await until('a leader', () => {
    const all = served.nodes.map(({ replica }) => replica.status())
    const found = all.find(({ role }) => role === 'leader')
    return all.every((one) => one.leader === found?.node) ? found : undefined
  })
  const [name] = leader.node.split('@')
  for (const { url } of served.nodes) {
    const { json } = await ask(`${url}/cluster/info`)
    assert.is(json['leader_id'], name)
    assert.is(json['term'], leader.term)
    assert.is(json['quorum_size'], 2)
    assert.is(json['has_quorum'], true)
    const nodes = json['nodes'] as Json[]
    assert.equal(nodes.map(({ id }) => id), ['node1', 'node2', 'node3'])
    const states = nodes.map(({ id, state }) => [id, state])
    const expected = nodes.map(({ id }) => [id, id === name ? 'leader' : 'follower'])
    assert.equal(states, expected)
    assert.is(nodes[0]?.['incarnation'], '00000001')
    assert.is(nodes[0]?.['address'], 'localhost:9001')
  }
})

test('http api: a node is removed, added and promoted: it votes again', async () => {
  const served = await serve(3)
  const { url, replica } = served.leader
  const { id } = follower(served)
  const inMembers = (): readonly string[] => replica.status().membership.voters
  for (const [path, count] of [['remove', 2], ['add', 2], ['promote', 3]] as const) {
    // A leader of this moment asks to be asked again.
    const said = await until(`${path} to be taken`, async () => {
      const answer = await post(`${url}/cluster/${path}`, { node: id })
      return answer.status === 503 ? undefined : answer
    })
    assert.is(said.status, 200, said.text)
    await until(`${path} is done`, () => {
      const { membership } = replica.status()
      return membership.outgoing === null && inMembers().length === count ? true : undefined
    })
  }
  await served.close()
})

test('http api: the leader has committed nothing yet: 503, and when to ask again', async () => {
  const served = await serve(1)
  const { url, replica } = served.leader
  const refused = { type: 'refused', reason: 'notCommittedInTerm' } as const
  Object.assign(replica, { changeMembership: () => Promise.resolve(refused) })
  const said = await post(`${url}/cluster/remove`, { node: 'node1' })
  assert.is(said.status, 503, said.text)
  assert.is(said.json['code'], 'no_quorum')
  assert.is(said.json['retry_after_ms'], 100)
  assert.is(said.headers.get('retry-after'), '1')
  await served.close()
})

test('http api: a backup: is the state', async ({ served }) => {
  const { url } = served.nodes[0] as Served['leader']
  await post(`${url}/locks/acquire`, { key: 'backup', owner: 'me' })
  const response = await fetch(`${url}/cluster/backup`)
  const bytes = new Uint8Array(await response.arrayBuffer())
  const backup = decodeBackup(bytes)
  assert.ok(!('problem' in backup))
  const state = lockService().decodeSnapshot(backup.snapshot)
  assert.ok(state !== null)
  const query = { type: 'status', key: 'backup', holder: null } as const
  const reply = lockService().query(state, { type: 'plain', command: query }, 0)
  assert.ok(reply?.type === 'replied' && reply.reply.type === 'status' && reply.reply.locked)
  assert.ok(backup.index > 0)
  assert.is(response.headers.get('lockstep-index'), String(backup.index))
  assert.is(response.headers.get('lockstep-cluster'), backup.cluster)
})

test('http api: a node without a leader: lives, and is not ready', async () => {
  const served = await serve(3, { leaderlessMsMax: 200 })
  const { url, replica } = served.nodes[0] as Served['leader']
  // On a busy machine leaders change also by themselves.
  await until('it is ready', async () => (await ask(`${url}/readyz`)).status === 200 || undefined)
  served.hub.cut.add(replica.config.node)
  await until('it knows no leader', () => (replica.status().leader === null ? true : undefined))
  assert.is((await ask(`${url}/livez`)).status, 200)
  for (const path of ['/readyz', '/health', '/cluster/health']) {
    const said = await ask(url + path)
    assert.is(said.status, 503, path)
    assert.is(said.headers.get('retry-after'), '1')
  }
  const { json } = await ask(`${url}/cluster/info`)
  assert.is(json['has_quorum'], false)
  assert.is(json['leader_id'], null)
  await served.close()
})

/** The value of a metric, summed over nodes. */
async function metric({ nodes }: Served, name: string): Promise<number> {
  let sum = 0
  for (const { url } of nodes) {
    const { text } = await ask(`${url}/metrics`)
    const line = text.split('\n').find((one) => one.startsWith(`${name} `))
    sum += Number(line?.slice(name.length + 1) ?? NaN)
  }
  return sum
}

test('http api: metrics: each request counts once over all nodes', async () => {
  const served = await serve(3)
  for (const [index, { url }] of served.nodes.entries()) {
    const body = { key: `k${index}`, owner: 'me' }
    await post(`${url}/locks/acquire`, body)
    await post(`${url}/locks/acquire`, { ...body, owner: 'other' })
    await post(`${url}/locks/renew`, body)
    if (index > 0) await post(`${url}/locks/release`, body)
  }
  assert.is(await metric(served, 'lock_acquire_total'), 3)
  assert.is(await metric(served, 'lock_renew_total'), 3)
  assert.is(await metric(served, 'lock_release_total'), 2)
  assert.is(await metric(served, 'lock_failures_total{reason="held"}'), 3)
  assert.is(await metric(served, 'lock_acquire_wait_seconds_count'), 3)
  assert.is(await metric(served, 'lock_acquire_wait_seconds_bucket{le="+Inf"}'), 3)
  assert.is(await metric(served, 'lock_hold_seconds_count'), 2)
  await until('all have applied', async () => {
    return (await metric(served, 'lock_active_count')) === 3 ? true : undefined
  })
  assert.ok((await metric(served, 'raft_election_count')) >= 1)
  assert.is(await metric(served, 'raft_state'), 2)
  assert.ok((await metric(served, 'raft_term')) >= 3)
  assert.ok((await metric(served, 'raft_commit_index')) >= 3)
  await served.close()
})

test('http api: docs/http.md: says of every route, code and metric', async ({ served }) => {
  const text = readFileSync('docs/http.md', 'utf8')
  const rows = [...text.matchAll(/^\| (\d{3}) \| `(\w+)` \|/gm)]
  const told = rows.map(([, status, code]) => `${String(status)} ${String(code)}`)
  const codes = Object.entries(PROBLEMS).map(([code, { status }]) => `${status} ${code}`)
  assert.equal(told.sort(), codes.sort())
  const { json } = await ask(`${served.leader.url}/openapi.json`)
  for (const path of Object.keys((json as Document).paths)) {
    assert.ok(['`', '?', ' '].some((end) => text.includes(path + end)), path)
  }
  const metrics = (await ask(`${served.leader.url}/metrics`)).text
  for (const [, name] of metrics.matchAll(/^# TYPE (\w+) /gm)) {
    assert.ok(text.includes(String(name)), String(name))
  }
})

test('http api: README: has every route and every metric, by its type, and no other', async ({
  served,
}) => {
  const text = readFileSync('README.md', 'utf8')
  const routes = [...text.matchAll(/`(GET|POST) (\/[\w/{}-]+)`(?=.* \| )/g)]
  const { json } = await ask(`${served.leader.url}/openapi.json`)
  const described = new Described(json as Document).all
  const told = routes.map(([, method, path]) => `${String(method).toLowerCase()} ${String(path)}`)
  assert.equal(told.sort(), [...described].sort())
  const rows = [...text.matchAll(/^\| (`\w+_\w+`.*) \| (counter|gauge|histogram) \|/gm)]
  const metrics = rows.flatMap(([, names, type]) => {
    return [...String(names).matchAll(/\w+/g)].map(([name]) => `${name} ${String(type)}`)
  })
  const said = (await ask(`${served.leader.url}/metrics`)).text
  const types = [...said.matchAll(/^# TYPE (\w+ \w+)$/gm)].map(([, one]) => String(one))
  assert.equal(metrics.sort(), types.sort())
})

test.run()
