// The caps of the lock machine and of what waits to be committed, lowered, as clients see them over
// HTTP: who is over one is told which, and nobody else is in the way.

import * as assert from 'uvu/assert'
import { suite } from '../../harness.ts'
import { until } from '../../support/until.ts'
import { ask, post, serve } from './support.ts'
import type { Said, Served } from './support.ts'

const test = suite<{ served: Served }>('http limits')

const LOWERED = {
  memosPerOwnerMax: 4,
  waitersPerKeyMax: 1,
  locksPerOwnerMax: 2,
  countMax: 2,
  keysMax: 20,
} as const

test.before(async (context) => {
  context.served = await serve(1, { limits: LOWERED })
})
test.after((context) => context.served.close())

type Body = Readonly<Record<string, unknown>>

function acquire({ leader }: Served, body: Body): Promise<Said> {
  return post(`${leader.url}/locks/acquire`, { ttl: '10m', ...body })
}

/** Status and code of an answer; the code of none is null. */
function kindOf({ status, json }: Said): readonly unknown[] {
  return [status, json['code'] ?? null]
}

test('http limits: as many answers of an owner are remembered as may be: 429, to it alone', async ({
  served,
}) => {
  const body = { key: 'memos', owner: 'busy' }
  const ids = ['1', '2', '3', '4']
  assert.is((await acquire(served, { ...body, request_id: '1' })).status, 200)
  for (const request_id of ids.slice(1)) {
    const said = await post(`${served.leader.url}/locks/renew`, { ...body, request_id })
    assert.is(said.status, 200)
  }
  for (const more of [{ request_id: '5' }, {}]) {
    const said = await acquire(served, { ...body, ...more })
    assert.equal(kindOf(said), [429, 'too_many_requests'])
    assert.is(said.headers.get('retry-after'), '10')
  }
  assert.is((await acquire(served, { ...body, request_id: '1' })).status, 200, 'it is remembered')
  assert.is((await acquire(served, { key: 'memos too', owner: 'another' })).status, 200)
  assert.equal(kindOf(await acquire(served, { ...body, owner: 'another' })), [423, 'held'])
})

test('http limits: as many wait for a key as may: 429', async ({ served }) => {
  const { url } = served.leader
  await acquire(served, { key: 'queue', owner: 'q1' })
  const waiting = acquire(served, { key: 'queue', owner: 'q2', wait: '30s' })
  await until('it waits', async () => {
    const { json } = await ask(`${url}/locks/queue/waiters`)
    return (json['waiters'] as unknown[]).length === 1 ? true : undefined
  })
  const third = await acquire(served, { key: 'queue', owner: 'q3', wait: '30s' })
  assert.equal(kindOf(third), [429, 'too_many_waiters'])
  assert.is(third.headers.get('retry-after'), '1')
  await post(`${url}/locks/release`, { key: 'queue', owner: 'q1' })
  assert.is((await waiting).status, 200)
})

test('http limits: an owner has as many locks as it may: 429, and others have theirs', async ({
  served,
}) => {
  for (const key of ['locks 1', 'locks 2']) {
    assert.is((await acquire(served, { key, owner: 'rich' })).status, 200)
  }
  const third = await acquire(served, { key: 'locks 3', owner: 'rich' })
  assert.equal(kindOf(third), [429, 'too_many_locks'])
  assert.is((await acquire(served, { key: 'locks 3', owner: 'poor' })).status, 200)
})

test('http limits: a lock is taken as often as it may be: 429, and it is held on', async ({
  served,
}) => {
  const body = { key: 'count', owner: 'counter', reentrant: true }
  const said = []
  for (let round = 0; round < 3; round++) said.push(kindOf(await acquire(served, body)))
  assert.equal(said, [[200, null], [200, null], [429, 'count_too_high']])
  const { json } = await ask(`${served.leader.url}/locks/count`)
  assert.is((json['lock'] as Body)['count'], 2)
})

test('http limits: as many keys are held as may be: 429', async ({ served }) => {
  const said: unknown[] = []
  while (said.length <= LOWERED.keysMax && said.at(-1) !== 'too_many_keys') {
    const at = said.length
    said.push((await acquire(served, { key: `keys ${at}`, owner: `owner ${at}` })).json['code'])
  }
  assert.is(said.at(-1), 'too_many_keys')
  const { json } = await ask(`${served.leader.url}/locks`)
  assert.is((json['locks'] as unknown[]).length, LOWERED.keysMax)
})

test('http limits: too much waits to be committed: 503, and it has not happened', async () => {
  const patience = { leaderlessMsMax: 300, requestTimeoutMs: 1_500 }
  // It is to lead on for a while once it is alone.
  const config = { uncommittedBytesMax: 1, electionTimeoutMs: 1_000 }
  const served = await serve(3, { ...patience, config })
  try {
    const { hub, leader } = served
    hub.cut.add(leader.replica.config.node)
    const keys = ['a', 'b', 'c']
    const asked = keys.map((key) => acquire(served, { key, owner: 'me', request_id: key }))
    const kinds = (await Promise.all(asked)).map(kindOf)
    // Whichever came first is in the leader's log, and there is no room behind it.
    const overloaded = kinds.filter(([, code]) => code === 'overloaded')
    assert.equal(overloaded, [[503, 'overloaded'], [503, 'overloaded']])
    assert.ok(kinds.some(([, code]) => code === 'unknown'))
    hub.cut.clear()
    for (const key of keys) {
      const lock = await until(`${key} to be granted`, async () => {
        const { json } = await acquire(served, { key, owner: 'me', request_id: key })
        return json['lock'] as Body | undefined
      })
      assert.is(lock['count'], 1)
    }
  } finally {
    await served.close()
  }
})

test.run()
