// Tokens: what configurations may say, and what the routes allow to whom.

import { createHash } from 'node:crypto'
import * as assert from 'uvu/assert'
import { parseTokenRules } from '../../../server/http/auth.ts'
import type { TokenRule } from '../../../server/http/auth.ts'
import { suite } from '../../harness.ts'
import { ask, post, serve } from './support.ts'
import type { Said, Served } from './support.ts'

const test = suite<{ served: Served; url: string }>('http auth')

const sha256 = createHash('sha256').update('hashed-token').digest('hex')
const TOKENS: readonly TokenRule[] = [
  { token: 'jobs-token', prefixes: ['jobs/', 'tasks/'] },
  { token: 'reader-token', verbs: ['read'] },
  { sha256, verbs: ['acquire', 'release'] },
  { token: 'admin-token', verbs: ['acquire', 'release', 'renew', 'read', 'admin'] },
]

test.before(async (context) => {
  context.served = await serve(1, { tokens: TOKENS })
  context.url = context.served.leader.url
})
test.after((context) => context.served.close())

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` })

function get(url: string, token: string): Promise<Said> {
  return ask(url, { headers: bearer(token) })
}

test('http auth: no token, or none that is known: 401', async ({ url }) => {
  const body = { key: 'jobs/1', owner: 'me' }
  const headers = [{}, bearer('another'), { authorization: 'Basic am9iczpqb2Jz' }, bearer('')]
  for (const one of headers as Record<string, string>[]) {
    const said = await post(`${url}/locks/acquire`, body, one)
    assert.is(said.status, 401, said.text)
    assert.is(said.json['code'], 'unauthorized')
    assert.match(said.headers.get('www-authenticate') ?? '', /^Bearer/)
  }
  for (const path of ['/locks', '/locks/k', '/locks/k/events', '/metrics', '/cluster/info']) {
    assert.is((await ask(url + path)).status, 401, path)
  }
})

test('http auth: what probes and generators ask: open', async ({ url }) => {
  for (const path of ['/livez', '/readyz', '/health', '/cluster/health', '/openapi.json']) {
    assert.is((await ask(url + path)).status, 200, path)
  }
})

test('http auth: prefixes: its own keys alone, in lists too', async ({ url }) => {
  const jobs = bearer('jobs-token')
  const acquire = (key: string): Promise<Said> => {
    return post(`${url}/locks/acquire`, { key, owner: 'me' }, jobs)
  }
  assert.is((await acquire('jobs/1')).status, 200)
  assert.is((await acquire('tasks/1')).status, 200)
  for (const key of ['job', 'other', 'Jobs/1', ' jobs/']) {
    const said = await acquire(key)
    assert.is(said.status, 403)
    assert.is(said.json['code'], 'forbidden')
  }
  assert.is((await get(`${url}/locks?prefix=jobs/`, 'jobs-token')).status, 200)
  assert.is((await get(`${url}/locks?prefix=jobs/1`, 'jobs-token')).status, 200)
  for (const path of ['/locks', '/locks?prefix=job', '/locks/one?key=other', '/locks/o/events']) {
    assert.is((await get(url + path, 'jobs-token')).status, 403, path)
  }
})

test('http auth: verbs: what is not named is not allowed', async ({ url }) => {
  const body = { key: 'verbs', owner: 'me' }
  const statusOf = async (verb: string, token: string): Promise<number> => {
    return (await post(`${url}/locks/${verb}`, body, bearer(token))).status
  }
  assert.is(await statusOf('acquire', 'reader-token'), 403)
  assert.is(await statusOf('acquire', 'hashed-token'), 200)
  assert.is(await statusOf('renew', 'hashed-token'), 403)
  assert.is((await get(`${url}/locks/verbs`, 'hashed-token')).status, 403)
  assert.is((await get(`${url}/locks/verbs`, 'reader-token')).status, 200)
  assert.is(await statusOf('release', 'hashed-token'), 200)
})

test('http auth: what operators do: an admin token alone', async ({ url }) => {
  const tries = [
    ['/locks/force-release', { key: 'jobs/1' }],
    ['/cluster/add', { node: 'node9' }],
    ['/cluster/remove', { node: 'node9' }],
    ['/cluster/promote', { node: 'node9' }],
    ['/cluster/transfer', { node: 'node9' }],
    ['/cluster/snapshot', {}],
  ] as const
  for (const [path, body] of tries) {
    const denied = await post(url + path, body, bearer('jobs-token'))
    assert.is(denied.status, 403, path)
    const allowed = await post(url + path, body, bearer('admin-token'))
    assert.ok([200, 409].includes(allowed.status), `${path} ${allowed.text}`)
  }
  assert.is((await get(`${url}/cluster/backup`, 'reader-token')).status, 403)
  assert.is((await get(`${url}/cluster/backup`, 'admin-token')).status, 200)
})

test('http auth: a refused body: is not read', async ({ url }) => {
  const said = await post(`${url}/locks/acquire`, '{"broken', bearer('another'))
  assert.is(said.status, 401)
})

test('http auth: rules: each mistake is named', () => {
  const good = [{ token: 'long-enough', verbs: ['read'], prefixes: ['a'] }, { sha256 }]
  assert.equal(parseTokenRules(good), good)
  const bad: [unknown, RegExp][] = [
    [{}, /array/],
    [[1], /token 1: it must be an object/],
    [[{ token: 'long-enough' }, {}], /token 2: it needs either token or sha256/],
    [[{ token: 'long-enough', sha256 }], /either/],
    [[{ token: 'short' }], /8 characters/],
    [[{ sha256: 'abc' }], /64 hexadecimal/],
    [[{ sha256, verbs: ['write'] }], /verbs must be a list of acquire, release/],
    [[{ sha256, verbs: 'read' }], /verbs/],
    [[{ sha256, prefixes: [1] }], /prefixes/],
    [[{ sha256, prefix: ['a'] }], /"prefix" is no field/],
  ]
  for (const [rules, message] of bad) assert.throws(() => parseTokenRules(rules), message)
})

test.run()
