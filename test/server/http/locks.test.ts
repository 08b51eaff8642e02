// The routes that change locks and tell of them, over real HTTP on three nodes.

import * as assert from 'uvu/assert'
import { suite } from '../../harness.ts'
import { until } from '../../support/until.ts'
import { ask, post, serve } from './support.ts'
import type { Said, Served } from './support.ts'

const test = suite<{ served: Served }>('http locks')

test.before(async (context) => {
  context.served = await serve(3)
})
test.after((context) => context.served.close())

type Lock = Readonly<Record<string, unknown>>

const lockOf = (said: Said): Lock => said.json['lock'] as Lock

function urlOf({ nodes }: Served, index = 0): string {
  return nodes[index]?.url ?? ''
}

test('http locks: a free key: any node grants it, and says all there is', async ({ served }) => {
  let version = 0
  for (const index of [0, 1, 2]) {
    const key = `free ${index}`
    const body = { key, owner: 'me', ttl: '30s', metadata: 'why' }
    const before = Date.now()
    const said = await post(`${urlOf(served, index)}/locks/acquire`, body)
    assert.is(said.status, 200, said.text)
    assert.is(said.json['success'], true)
    const lock = lockOf(said)
    assert.is(lock['key'], key)
    assert.is(lock['owner'], 'me')
    assert.is(lock['ttl'], '30s')
    assert.is(lock['version'], lock['fencing_token'])
    assert.ok((lock['version'] as number) > version)
    version = lock['version'] as number
    assert.is(lock['count'], 1)
    assert.is(lock['mode'], 'exclusive')
    assert.is(lock['metadata'], 'why')
    const left = lock['remaining_ms'] as number
    assert.ok(left > 0 && left <= 30_000)
    assert.ok(Date.parse(lock['expires_at'] as string) >= before)
    const found = lockOf(await ask(`${urlOf(served, 0)}/locks/${encodeURIComponent(key)}`))
    for (const field of ['ttl', 'version', 'owner', 'metadata']) {
      assert.is(found[field], lock[field], field)
    }
  }
})

test('http locks: no ttl: the default is taken', async ({ served }) => {
  const said = await post(`${urlOf(served)}/locks/acquire`, { key: 'default', owner: 'me' })
  assert.is(lockOf(said)['ttl'], '30s')
})

test('http locks: a held key: 423 with its holder, and when to come back', async ({ served }) => {
  const url = `${urlOf(served)}/locks/acquire`
  await post(url, { key: 'held', owner: 'first', ttl: '30s' })
  const said = await post(url, { key: 'held', owner: 'second' })
  assert.is(said.status, 423)
  assert.is(said.headers.get('content-type'), 'application/problem+json; charset=utf-8')
  assert.is(said.json['code'], 'held')
  assert.is(said.json['success'], false)
  assert.is(said.json['holder'], 'first')
  assert.is(said.headers.get('retry-after'), '30')
})

test('http locks: a wait that ends in vain: 423', async ({ served }) => {
  const url = `${urlOf(served)}/locks/acquire`
  await post(url, { key: 'vain', owner: 'first' })
  const said = await post(url, { key: 'vain', owner: 'second', wait: '150ms' })
  assert.is(said.status, 423)
  assert.is(said.json['code'], 'wait_timeout')
})

test('http locks: a wait: is granted by the release, at another node', async ({ served }) => {
  await post(`${urlOf(served, 0)}/locks/acquire`, { key: 'hand', owner: 'first' })
  const body = { key: 'hand', owner: 'second', wait: '20s' }
  const waiting = post(`${urlOf(served, 1)}/locks/acquire`, body)
  await until('it waits', async () => {
    const { json } = await ask(`${urlOf(served)}/locks/hand/waiters`)
    return (json['waiters'] as Lock[]).length === 1 ? true : undefined
  })
  const freed = await post(`${urlOf(served, 2)}/locks/release`, { key: 'hand', owner: 'first' })
  assert.equal(freed.json, { success: true, key: 'hand', owner: 'first', count: 0 })
  const said = await waiting
  assert.is(said.status, 200, said.text)
  assert.is(lockOf(said)['owner'], 'second')
})

test('http locks: a poll ends before the wait: 202, and the place is kept', async () => {
  const served = await serve(3, { pollMsMax: 200, waiterGraceMs: 20_000 })
  try {
    const url = urlOf(served)
    const owners = ['first', 'second', 'third']
    const [first, second, third] = owners.map((owner) => {
      const wait = owner === 'first' ? '0s' : '1m'
      return { key: 'poll', owner, wait, request_id: owner }
    })
    await post(`${url}/locks/acquire`, first)
    for (const [index, body] of [second, third].entries()) {
      const said = await post(`${url}/locks/acquire`, body)
      assert.is(said.status, 202, said.text)
      const request_id = owners[index + 1]
      const queued = { success: false, queued: true, request_id, queue_position: index + 1 }
      assert.equal(said.json, queued)
    }
    await post(`${url}/locks/release`, { key: 'poll', owner: 'first' })
    // The second, though the third asks first; and at another node.
    assert.is((await post(`${url}/locks/acquire`, third)).status, 202)
    assert.is((await post(`${urlOf(served, 1)}/locks/acquire`, second)).status, 200)
    await post(`${url}/locks/release`, { key: 'poll', owner: 'second' })
    assert.is((await post(`${url}/locks/acquire`, third)).status, 200)
  } finally {
    await served.close()
  }
})

test('http locks: no id: the own acquire is a refresh; reentrant or an id: a count', async ({
  served,
}) => {
  const url = `${urlOf(served)}/locks/acquire`
  const body = { key: 'again', owner: 'me' }
  const counts = []
  for (const more of [{}, {}, { reentrant: true }, { request_id: 'x' }, { request_id: 'x' }]) {
    counts.push(lockOf(await post(url, { ...body, ...more }))['count'])
  }
  const byHeader = await post(url, body, { 'idempotency-key': '"y"' })
  counts.push(lockOf(byHeader)['count'])
  counts.push(lockOf(await post(url, body, { 'idempotency-key': 'y' }))['count'])
  assert.equal(counts, [1, 1, 2, 3, 3, 4, 4])
  const freed = await post(`${urlOf(served)}/locks/release`, body)
  assert.is(freed.json['count'], 3)
  const all = await post(`${urlOf(served)}/locks/release`, { ...body, all: true })
  assert.is(all.json['count'], 0)
})

test('http locks: a release twice: a token does not tell it from its retry, an id does', async ({
  served,
}) => {
  const url = urlOf(served)
  const cases = [
    { more: {}, withToken: true, counts: [1, 0, 'not_owner'] },
    { more: {}, withToken: false, counts: [1, 0, 'not_owner'] },
    { more: { request_id: 'r' }, withToken: true, counts: [1, 1, 1] },
    { more: { all: true }, withToken: false, counts: [0, 'not_owner', 'not_owner'] },
  ]
  for (const [at, { more, withToken, counts }] of cases.entries()) {
    const holding = { key: `back ${at}`, owner: 'me' }
    await post(`${url}/locks/acquire`, holding)
    const lock = lockOf(await post(`${url}/locks/acquire`, { ...holding, reentrant: true }))
    assert.is(lock['count'], 2)
    const body = { ...holding, ...more, ...(withToken ? { token: lock['version'] } : {}) }
    for (const expected of counts) {
      const { json } = await post(`${url}/locks/release`, body)
      assert.is(json['count'] ?? json['code'], expected, JSON.stringify(body))
    }
    const { json } = await ask(`${url}/locks/one?key=back ${at}`)
    assert.is(json['locked'], 'request_id' in more)
  }
})

test('http locks: all and a token: a late release leaves a later holding alone', async ({
  served,
}) => {
  const url = urlOf(served)
  const holding = { key: 'late', owner: 'me' }
  const first = lockOf(await post(`${url}/locks/acquire`, holding))
  await post(`${url}/locks/release`, holding)
  await post(`${url}/locks/acquire`, holding)
  const meant = { ...holding, all: true, token: first['version'] }
  assert.is((await post(`${url}/locks/release`, meant)).json['code'], 'not_owner')
  const blind = await post(`${url}/locks/release`, { ...holding, all: true })
  assert.is(blind.json['count'], 0)
})

test('http locks: an id with another body: 422', async ({ served }) => {
  const url = `${urlOf(served)}/locks/acquire`
  await post(url, { key: 'reused', owner: 'me', request_id: 'x' })
  const said = await post(url, { key: 'reused', owner: 'me', request_id: 'x', ttl: '5s' })
  assert.is(said.status, 422)
  assert.is(said.json['code'], 'request_id_reused')
})

test('http locks: a release or a renewal with one id, twice: done once, answered alike', async ({
  served,
}) => {
  const url = urlOf(served)
  const body = { key: 'once', owner: 'me', ttl: '10m' }
  for (const request_id of ['1', '2', '3']) {
    await post(`${url}/locks/acquire`, { ...body, request_id })
  }
  const release = { key: 'once', owner: 'me', request_id: 'r' }
  for (const at of [0, 1]) {
    // At two nodes: what is remembered is the cluster's.
    const said = await post(`${urlOf(served, at)}/locks/release`, release)
    assert.equal([said.status, said.json['count']], [200, 2])
  }
  const renew = { key: 'once', owner: 'me', ttl: '5m', request_id: 'n' }
  const shorter = lockOf(await post(`${url}/locks/renew`, renew))
  assert.is(shorter['ttl'], '5m0s')
  await post(`${url}/locks/renew`, { ...renew, ttl: '8m', request_id: 'later' })
  const again = await post(`${urlOf(served, 1)}/locks/renew`, renew)
  assert.is(again.status, 200)
  assert.is(lockOf(again)['ttl'], '8m0s', 'it tells of the lease as it is, and has not cut it')
  assert.ok((lockOf(again)['remaining_ms'] as number) > 5 * 60_000)
})

test('http locks: one id with another key or owner: is another request', async ({ served }) => {
  const url = urlOf(served)
  const ask = async (verb: string, key: string, owner: string): Promise<unknown> => {
    const said = await post(`${url}/locks/${verb}`, { key, owner, request_id: 'same' })
    return [said.status, said.json['count'] ?? said.json['code'] ?? lockOf(said)['count']]
  }
  assert.equal(await ask('acquire', 'id 1', 'me'), [200, 1])
  assert.equal(await ask('acquire', 'id 2', 'me'), [200, 1])
  assert.equal(await ask('acquire', 'id 1', 'you'), [423, 'held'])
  assert.equal(await ask('acquire', 'id 1', 'me'), [200, 1])
  assert.equal(await ask('release', 'id 1', 'me'), [422, 'request_id_reused'])
  assert.equal(await ask('release', 'id 1', 'other'), [409, 'not_owner'])
})

test('http locks: a remembered grant that was released: 409 expired', async ({ served }) => {
  const url = urlOf(served)
  const body = { key: 'memo', owner: 'me', request_id: 'x' }
  await post(`${url}/locks/acquire`, body)
  await post(`${url}/locks/release`, { key: 'memo', owner: 'me' })
  const said = await post(`${url}/locks/acquire`, body)
  assert.is(said.status, 409)
  assert.is(said.json['code'], 'expired')
})

test('http locks: a renewal: sets the lease anew, and only of its owner', async ({ served }) => {
  const url = urlOf(served)
  const got = lockOf(await post(`${url}/locks/acquire`, { key: 'renew', owner: 'me', ttl: '10s' }))
  const longer = await post(`${url}/locks/renew`, { key: 'renew', owner: 'me', ttl: '1m' })
  assert.is(longer.status, 200)
  assert.ok((lockOf(longer)['remaining_ms'] as number) > 10_000)
  assert.is(lockOf(longer)['version'], got['version'])
  const beat = await post(`${url}/locks/renew`, { key: 'renew', owner: 'me' })
  assert.is(lockOf(beat)['ttl'], '1m0s')
  const other = await post(`${url}/locks/renew`, { key: 'renew', owner: 'other' })
  assert.is(other.status, 409)
  assert.is(other.json['fencing_token'], got['version'])
  const token = (got['version'] as number) + 1
  const stale = await post(`${url}/locks/renew`, { key: 'renew', owner: 'me', token })
  assert.is(stale.status, 409)
})

test('http locks: a release by another, or by a stale token: 409, and no effect', async ({
  served,
}) => {
  const url = urlOf(served)
  const got = lockOf(await post(`${url}/locks/acquire`, { key: 'mine', owner: 'me' }))
  for (const body of [
    { key: 'mine', owner: 'other' },
    { key: 'mine', owner: 'me', token: 1 },
  ]) {
    const said = await post(`${url}/locks/release`, body)
    assert.is(said.status, 409)
    assert.is(said.json['code'], 'not_owner')
    assert.is(said.json['fencing_token'], got['version'])
  }
  const { json } = await ask(`${url}/locks/mine`)
  assert.is(json['locked'], true)
})

test('http locks: shared: two hold it, and are listed', async ({ served }) => {
  const url = urlOf(served)
  for (const owner of ['a', 'b']) {
    const said = await post(`${url}/locks/acquire`, { key: 'shared', owner, mode: 'shared' })
    assert.is(said.status, 200)
  }
  const { json } = await ask(`${url}/locks/shared/holders`)
  assert.is(json['mode'], 'shared')
  assert.equal((json['holders'] as Lock[]).map((one) => one['owner']), ['a', 'b'])
  const up = await post(`${url}/locks/acquire`, { key: 'shared', owner: 'a', wait: '1s' })
  assert.is(up.json['code'], 'upgrade')
})

test('http locks: taken by an operator: it cannot be renewed, or is free', async ({ served }) => {
  const url = urlOf(served)
  await post(`${url}/locks/acquire`, { key: 'force', owner: 'me' })
  const soft = await post(`${url}/locks/force-release`, { key: 'force' })
  assert.is(soft.json['holders'], 1)
  assert.ok((soft.json['remaining_ms'] as number) > 0)
  const renewed = await post(`${url}/locks/renew`, { key: 'force', owner: 'me' })
  assert.is(renewed.json['code'], 'revoked')
  const hard = await post(`${url}/locks/force-release`, { key: 'force', now: true })
  assert.is(hard.json['remaining_ms'], 0)
  const { json } = await ask(`${url}/locks/force`)
  assert.is(json['locked'], false)
})

test('http locks: a cancel: ends the wait, and tells of a grant', async ({ served }) => {
  const url = urlOf(served)
  const taken = { key: 'cancel', owner: 'first', request_id: 'x' }
  await post(`${url}/locks/acquire`, taken)
  const body = { key: 'cancel', owner: 'second', wait: '20s', request_id: 'y' }
  const waiting = post(`${url}/locks/acquire`, body)
  await until('it waits', async () => {
    const { json } = await ask(`${url}/locks/cancel/waiters`)
    return (json['waiters'] as Lock[]).length === 1 ? true : undefined
  })
  const meant = { key: 'cancel', owner: 'second', request_id: 'y' }
  const ended = await post(`${url}/locks/cancel`, meant)
  assert.is(ended.json['outcome'], 'cancelled')
  const said = await waiting
  assert.is(said.status, 409)
  assert.is(said.json['code'], 'cancelled')
  const fate = await post(`${url}/locks/cancel`, taken)
  assert.is(fate.json['outcome'], 'granted')
  assert.is(lockOf(fate)['owner'], 'first')
})

test('http locks: pages of keys: all of a prefix, once each and in order', async ({ served }) => {
  const url = urlOf(served)
  const keys = ['page/1', 'page/2', 'page/3', 'page/4', 'page/5']
  for (const key of keys) await post(`${url}/locks/acquire`, { key, owner: 'me' })
  const seen: unknown[] = []
  let cursor = ''
  do {
    const { json } = await ask(`${url}/locks?prefix=page/&limit=2${cursor}`)
    seen.push(...(json['locks'] as Lock[]).map((one) => one['key']))
    cursor = json['next'] === null ? '' : `&cursor=${String(json['next'])}`
  } while (cursor !== '')
  assert.equal(seen, keys)
})

test('http locks: stale: answered from the node alone, also without a majority', async () => {
  const served = await serve(3, { leaderlessMsMax: 300, requestTimeoutMs: 1_500 })
  try {
    const url = served.leader.url
    await post(`${url}/locks/acquire`, { key: 'k', owner: 'me' })
    served.hub.cut.add(served.leader.replica.config.node)
    const stale = await ask(`${url}/locks/k?consistency=stale`)
    assert.is(stale.json['locked'], true)
    const fresh = await ask(`${url}/locks/k`)
    assert.is(fresh.status, 503)
    assert.is(fresh.json['code'], 'no_quorum')
    assert.is(fresh.headers.get('retry-after'), '1')
    const later = await post(`${url}/locks/acquire`, { key: 'l', owner: 'me' })
    assert.is(later.status, 503)
    assert.is(later.json['code'], 'no_quorum')
    const list = await ask(`${url}/cluster/health`)
    assert.is(list.status, 503)
  } finally {
    await served.close()
  }
})

test('http locks: the leader is cut off after it took a request: 504 with its id', async () => {
  const served = await serve(3, { leaderlessMsMax: 300, requestTimeoutMs: 1_500 })
  try {
    const { url, replica } = served.leader
    served.hub.cut.add(replica.config.node)
    const said = await post(`${url}/locks/acquire`, { key: 'k', owner: 'me', request_id: 'r' })
    assert.is(said.status, 504)
    assert.is(said.json['code'], 'unknown')
    assert.is(said.json['request_id'], 'r')
    assert.is(said.json['success'], false)
    served.hub.cut.clear()
    const body = { key: 'k', owner: 'me', request_id: 'r' }
    const again = await until('it is answered', async () => {
      const answer = await post(`${url}/locks/acquire`, body)
      return answer.status === 200 ? answer : undefined
    })
    assert.is(lockOf(again)['count'], 1)
  } finally {
    await served.close()
  }
})

test('http locks: a client that is gone: its wait ends after the grace', async () => {
  const served = await serve(1, { waiterGraceMs: 100 })
  try {
    const { url } = served.leader
    await post(`${url}/locks/acquire`, { key: 'k', owner: 'me' })
    const controller = new AbortController()
    const body = JSON.stringify({ key: 'k', owner: 'gone', wait: '1m' })
    const headers = { 'content-type': 'application/json' }
    const init = { method: 'POST', headers, body, signal: controller.signal }
    const waiting = fetch(`${url}/locks/acquire`, init).catch(() => undefined)
    const waiters = async (): Promise<number> => {
      const { json } = await ask(`${url}/locks/k/waiters`)
      return (json['waiters'] as Lock[]).length
    }
    await until('it waits', async () => ((await waiters()) === 1 ? true : undefined))
    controller.abort()
    await waiting
    await until('it waits no more', async () => ((await waiters()) === 0 ? true : undefined))
  } finally {
    await served.close()
  }
})

test('http locks: the server closes: what waits is told to ask elsewhere', async () => {
  const served = await serve(1)
  const { url, fastify, replica } = served.leader
  await post(`${url}/locks/acquire`, { key: 'k', owner: 'me' })
  const waiting = post(`${url}/locks/acquire`, { key: 'k', owner: 'you', wait: '1m' })
  await until('it waits', async () => {
    const { json } = await ask(`${url}/locks/k/waiters`)
    return (json['waiters'] as Lock[]).length === 1 ? true : undefined
  })
  await fastify.close()
  assert.is((await waiting).status, 202)
  await replica.close()
})

test.run()
