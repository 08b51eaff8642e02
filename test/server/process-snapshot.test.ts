// A node that takes snapshots by itself, is killed, and has everything again when it starts: what
// its last snapshot has, and what only the log behind that has.

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { suite } from '../harness.ts'
import { http } from '../support/node-cluster.ts'
import type { Json, Place } from '../support/node-cluster.ts'
import { until } from '../support/until.ts'
import { clustersOf } from './process-support.ts'

const test = suite('process: snapshot')
const { running } = clustersOf(test)

/** The newest generation of the log: each snapshot begins one. */
function generationOf({ folder }: Place): number {
  const files = readdirSync(join(folder, 'log'))
  return Math.max(...files.map((file) => Number(/^log-0-(\d+)$/.exec(file)?.[1] ?? 0)))
}

/** What a node tells of a lock and of those who wait for it, without what passes with time. */
async function stateOf({ url }: Place, key: string): Promise<unknown> {
  const { body } = await http(`${url}/locks/${key}`)
  const { remaining_ms: _, expires_at: __, ...lock } = body['lock'] as Json
  const { waiters } = (await http(`${url}/locks/${key}/waiters`)).body
  return { lock, waiters: (waiters as Json[]).map(({ owner, position }) => [owner, position]) }
}

test('process: killed between snapshots: locks, waiters and answers are there again', async () => {
  const cluster = await running({ count: 1, args: ['--snapshot-interval', '300ms'] })
  const place = cluster.at(0)
  const ask = (verb: string, body: Json) => http(`${place.url}/locks/${verb}`, body)
  const taken = { key: 'k', owner: 'me', ttl: '10m', metadata: 'why', request_id: 'taken' }
  const first = await ask('acquire', taken)
  assert.is(first.status, 200)
  await ask('acquire', { ...taken, request_id: 'again' })
  const waits = ['second', 'third'].map((owner) => {
    return { key: 'k', owner, ttl: '10m', wait: '10m', request_id: owner }
  })
  for (const [at, body] of waits.entries()) {
    void ask('acquire', body).catch(() => undefined)
    await until(`${body.owner} to wait`, async () => {
      const { waiters } = (await http(`${place.url}/locks/k/waiters`)).body
      return (waiters as Json[]).length === at + 1 ? true : undefined
    })
  }
  const generation = generationOf(place)
  // Where nothing is new, none is taken.
  await ask('acquire', { key: 'news', owner: 'me', ttl: '10m' })
  await until('a snapshot', () => (generationOf(place) > generation ? true : undefined))
  const before = await stateOf(place, 'k')
  const late = await ask('acquire', { key: 'late', owner: 'me', ttl: '10m' })
  await cluster.kill(place)
  cluster.start(place)
  await cluster.ready()

  assert.equal(await stateOf(place, 'k'), before)
  assert.is((before as { lock: Json }).lock['count'], 2)
  const { version } = late.body['lock'] as Json
  assert.is(((await http(`${place.url}/locks/late`)).body['lock'] as Json)['version'], version)
  // Each has its first answer: were it done anew, the count would be another.
  for (const request_id of ['taken', 'again']) {
    const answer = await ask('acquire', { ...taken, request_id })
    assert.equal([answer.status, (answer.body['lock'] as Json)['count']], [200, 2])
  }
  // The third asks first, and the second has kept its place all the same.
  const [second, third] = waits
  const thirdWaits = ask('acquire', third as Json).catch(() => null)
  const secondWaits = ask('acquire', second as Json)
  for (const count of [1, 0]) {
    assert.is((await ask('release', { key: 'k', owner: 'me' })).body['count'], count)
  }
  assert.is(((await secondWaits).body['lock'] as Json)['owner'], 'second')
  const { body } = await http(`${place.url}/locks/k/waiters`)
  assert.equal((body['waiters'] as Json[]).map(({ owner }) => owner), ['third'])
  await ask('release', { key: 'k', owner: 'second' })
  assert.is((await thirdWaits)?.status, 200)
})

test.run()
