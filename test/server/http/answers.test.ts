// What answers say that clients in other languages go by: fields, defaults and bounds.

import * as assert from 'uvu/assert'
import { suite } from '../../harness.ts'
import { ask, post, serve } from './support.ts'
import type { Served } from './support.ts'

const test = suite<{ served: Served }>('http answers')

test.before(async (context) => {
  context.served = await serve(1)
})
test.after((context) => context.served.close())

type Json = Readonly<Record<string, unknown>>

test('http answers: a page without a limit: 100 keys, and where the next begins', async ({
  served,
}) => {
  const { url } = served.leader
  const keys = Array.from({ length: 101 }, (_, at) => `many/${String(at).padStart(3, '0')}`)
  for (const key of keys) await post(`${url}/locks/acquire`, { key, owner: 'me' })
  const first = await ask(`${url}/locks?prefix=many/`)
  const found = (first.json['locks'] as Json[]).map((one) => one['key'])
  assert.equal(found, keys.slice(0, 100))
  const cursor = String(first.json['next'])
  const second = await ask(`${url}/locks?prefix=many/&cursor=${cursor}`)
  assert.equal((second.json['locks'] as Json[]).map((one) => one['key']), keys.slice(100))
  assert.is(second.json['next'], null)
})

test('http answers: expires_at: is the end of the lease by the wall clock', async ({ served }) => {
  const beforeMs = Date.now()
  const body = { key: 'end', owner: 'me', ttl: '30s' }
  const { json } = await post(`${served.leader.url}/locks/acquire`, body)
  const afterMs = Date.now()
  const text = String((json['lock'] as Json)['expires_at'])
  assert.match(text, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  // What is left is a lower bound: a busy machine answers late.
  const endsMs = Date.parse(text)
  assert.ok(endsMs >= beforeMs + 29_000 && endsMs <= afterMs + 30_000, `${endsMs - beforeMs}`)
})

test('http answers: a free key: 200, not locked, and no lock', async ({ served }) => {
  const { status, json } = await ask(`${served.leader.url}/locks/free`)
  assert.is(status, 200)
  assert.equal(json, { key: 'free', locked: false, holders: 0, waiters: 0, delay_ms: 0 })
})

test('http answers: a 409: says that it has no success', async ({ served }) => {
  const meant = { key: 'nobody', owner: 'me' }
  for (const [verb, code] of [['renew', 'expired'], ['release', 'not_owner']] as const) {
    const { status, json } = await post(`${served.leader.url}/locks/${verb}`, meant)
    assert.equal([status, json['code'], json['success']], [409, code, false])
  }
})

test.run()
