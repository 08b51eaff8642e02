// Real nodes under options that are not the defaults: what they answer then.

import * as assert from 'uvu/assert'
import { suite } from '../harness.ts'
import { http } from '../support/node-cluster.ts'
import type { Json } from '../support/node-cluster.ts'
import { clustersOf, granted } from './process-support.ts'

const test = suite('process: options')
const { make, running } = clustersOf(test)

test('process: bounds of TTLs, and a default: are those that the options say', async () => {
  const args = ['--default-ttl', '7s', '--min-ttl', '1s', '--max-ttl', '1m', '--log-level', 'warn']
  const { places } = await running({ count: 1, args })
  const [{ url }] = places as [(typeof places)[number]]
  const acquire = (ttl?: string) => {
    const body = { key: `of ${ttl ?? 'none'}`, owner: 'me', ...(ttl === undefined ? {} : { ttl }) }
    return http(`${url}/locks/acquire`, body)
  }
  const { body } = await acquire()
  assert.is((body['lock'] as Json)['ttl'], '7s')
  for (const ttl of ['1s', '1m']) assert.is((await acquire(ttl)).status, 200, ttl)
  for (const ttl of ['999ms', '2m']) {
    const refused = await acquire(ttl)
    assert.is(refused.status, 400, ttl)
    assert.is(refused.body['code'], 'bad_request')
    assert.match(String(refused.body['detail']), /^ttl must be .* from 1s to 1m0s, not/)
  }
  const renewed = await http(`${url}/locks/renew`, { key: 'of 1s', owner: 'me', ttl: '2m' })
  assert.is(renewed.status, 400)
  const metrics = await fetch(`${url}/metrics`)
  const text = await metrics.text()
  assert.match(metrics.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
  for (const line of [
    'lock_acquire_total 3',
    'lock_failures_total{reason="bad_request"} 3',
    'raft_state 2',
  ]) {
    assert.ok(text.split('\n').includes(line), line)
  }
  const active = Number(/^lock_active_count (\d+)$/m.exec(text)?.[1])
  assert.ok(active >= 1 && active <= 3, `${active}: some are short`)
})

test('process: peers by a name: found each other, and grant', async () => {
  const cluster = await make()
  for (const place of cluster.places) {
    const args = cluster.argsOf(place).map((word) => word.replaceAll(':127.0.0.1:', ':localhost:'))
    assert.ok(args.some((word) => word.includes(':localhost:')))
    cluster.start(place, { args })
  }
  await cluster.ready()
  await granted(cluster.places, 'k', 'me')
})

test.run()
