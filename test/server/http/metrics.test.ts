// What /metrics counts, and when: over HTTP and over client connections alike.

import * as assert from 'uvu/assert'
import { LockError } from '../../../client/errors.ts'
import { connect } from '../../../client/node/connect.ts'
import type { DistributedLock } from '../../../client/distributed-lock.ts'
import { suite } from '../../harness.ts'
import { ask, post, serve } from './support.ts'
import type { Served } from './support.ts'

const test = suite('metrics')
const TOKEN = 'jobs-token'
const served: Served[] = []
const clients: DistributedLock[] = []

test.after.each(async () => {
  for (const client of clients.splice(0)) await client.close()
  for (const one of served.splice(0)) await one.close()
})

/** A node that takes TTLs of a second and more, and one token for some keys. */
async function node(): Promise<{ url: string; locks: DistributedLock }> {
  const tokens = [{ token: TOKEN, prefixes: ['jobs/'] }]
  const one = await serve(1, { tokens, limits: { ttlMsMin: 1_000 } })
  served.push(one)
  const { url } = one.leader
  const locks = connect({ nodes: [new URL(url).host], token: TOKEN })
  clients.push(locks)
  return { url, locks }
}

const authorization = `Bearer ${TOKEN}`

/** All that is counted of requests, by name and labels; what was never counted is left out. */
async function counts(url: string): Promise<Record<string, number>> {
  const { text } = await ask(`${url}/metrics`, { headers: { authorization } })
  const rows = [...text.matchAll(/^(lock_(?:\w+_total|\w+_wait_seconds_count)\S*) (\d+)$/gm)]
  const found = rows.map(([, name, count]) => [String(name), Number(count)] as const)
  return Object.fromEntries(found.filter(([, count]) => count > 0))
}

const acquire = (url: string, body: object): Promise<unknown> => {
  return post(`${url}/locks/acquire`, body, { authorization })
}

test('metrics: acquire, renew and release: counted over HTTP and connections alike', async () => {
  const { url, locks } = await node()
  const expected = {
    lock_acquire_total: 1,
    lock_release_total: 1,
    lock_renew_total: 1,
    lock_acquire_wait_seconds_count: 1,
  }
  const meant = { key: 'jobs/1', owner: 'me', ttl: '10s' }
  await acquire(url, meant)
  await post(`${url}/locks/renew`, meant, { authorization })
  await post(`${url}/locks/release`, { key: 'jobs/1', owner: 'me' }, { authorization })
  assert.equal(await counts(url), expected)
  const handle = await locks.lock('jobs/2', '10s')
  await handle.refresh('20s')
  await handle.release()
  const twice = Object.entries(expected).map(([name]) => [name, 2])
  assert.equal(await counts(url), Object.fromEntries(twice))
})

test('metrics: the same request again: counted again, as it is answered', async () => {
  const { url } = await node()
  const body = { key: 'jobs/1', owner: 'me', request_id: 'x' }
  await acquire(url, body)
  await acquire(url, body)
  const { lock_acquire_total, lock_acquire_wait_seconds_count } = await counts(url)
  assert.equal([lock_acquire_total, lock_acquire_wait_seconds_count], [2, 2])
})

/** How often each failure was counted. */
async function failures(url: string): Promise<Record<string, number>> {
  const all = Object.entries(await counts(url)).map(([name, count]) => {
    return [/^lock_failures_total\{reason="(\w+)"\}$/.exec(name)?.[1] ?? name, count]
  })
  return Object.fromEntries(all) as Record<string, number>
}

test('metrics: failures over HTTP: by code, those too that were not looked at', async () => {
  const { url } = await node()
  const type = { 'content-type': 'text/plain' }
  for (const [body, headers] of [
    [{ key: 'jobs/1' }, { authorization }],
    [{ key: 'jobs/1', owner: 'me', ttl: '999ms' }, { authorization }],
    ['{', { authorization }],
    [{ key: 'other', owner: 'me' }, { authorization }],
    [{ key: 'jobs/1', owner: 'me' }, {}],
    ['x', { authorization, ...type }],
    [`"${'x'.repeat(2 ** 20)}"`, { authorization }],
  ] as const) {
    await post(`${url}/locks/acquire`, body, headers)
  }
  await post(`${url}/locks/renew`, { key: 'jobs/1', owner: 'me' }, { authorization })
  await post(`${url}/locks/release`, { key: 'jobs/1', owner: 'me' }, { authorization })
  await post(`${url}/locks/cancel`, { key: 'jobs/1', owner: 'me' }, { authorization })
  await post(`${url}/locks/force-release`, { key: 'jobs/1' }, { authorization })
  // What changes no lock is not counted.
  await ask(`${url}/locks/one`, { headers: { authorization } })
  await ask(`${url}/locks/jobs%2F1`)
  await post(`${url}/locks/nothing`, {})
  assert.equal(await failures(url), {
    bad_request: 3,
    bad_json: 1,
    forbidden: 2,
    unauthorized: 1,
    unsupported_media_type: 1,
    too_large: 1,
    expired: 1,
    not_owner: 1,
  })
})

test('metrics: failures over connections: those too that are not passed on', async () => {
  const { url, locks } = await node()
  const failed = async (work: Promise<unknown>): Promise<void> => {
    const error = await work.then(() => null, (reason: unknown) => reason)
    assert.ok(error instanceof LockError)
  }
  await failed(locks.tryLock('other', '10s'))
  await failed(locks.tryLock('jobs/1', '999ms'))
  await failed(locks.status('other'))
  assert.equal(await failures(url), { forbidden: 1, bad_request: 1 })
})

test('metrics: names and kinds: those that dashboards are made for', async () => {
  const { url } = await node()
  const { text, headers } = await ask(`${url}/metrics`, { headers: { authorization } })
  assert.match(headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
  const kinds = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name, kind]) => [name, kind])
  assert.equal(Object.fromEntries(kinds) as Record<string, string>, {
    lock_acquire_total: 'counter',
    lock_release_total: 'counter',
    lock_renew_total: 'counter',
    lock_failures_total: 'counter',
    raft_election_count: 'counter',
    lock_active_count: 'gauge',
    raft_term: 'gauge',
    raft_state: 'gauge',
    raft_commit_index: 'gauge',
    lock_acquire_wait_seconds: 'histogram',
    lock_hold_seconds: 'histogram',
  })
})

test.run()
