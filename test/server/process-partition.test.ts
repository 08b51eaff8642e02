// Three real nodes whose raft ports are joined by ways that can be cut: the leader on its own says
// that it cannot, the others go on without it, and it agrees with them once it hears them again.

import * as assert from 'uvu/assert'
import { suite } from '../harness.ts'
import { Links } from '../support/links.ts'
import { http } from '../support/node-cluster.ts'
import type { Answer, Json, Place } from '../support/node-cluster.ts'
import { until } from '../support/until.ts'
import { clustersOf } from './process-support.ts'

const test = suite<{ links: Links | null }>('process: partition', { links: null })
const { make } = clustersOf(test)

test.after.each(async (context) => {
  await context.links?.close()
  context.links = null
})

/** For requests that wait. */
const PATIENT = { timeoutMs: 30_000 }

const lockOf = ({ body }: Answer): Json | undefined => body['lock'] as Json | undefined

/** What the two nodes of the majority answer to `body` once one of them does it. */
function done(places: readonly Place[], verb: string, body: Json): Promise<Answer> {
  return until(`${verb} to be done`, async () => {
    for (const { url } of places) {
      const answer = await http(`${url}/locks/${verb}`, body, PATIENT).catch(() => null)
      if (answer?.status === 200) return answer
    }
    return undefined
  })
}

/** Whether this node answers by a leader of the majority, and which token the holder has. */
async function tokenAt({ url }: Place, key: string, owner: string, query = ''): Promise<unknown> {
  const answer = await http(`${url}/locks/${encodeURIComponent(key)}${query}`)
  const lock = lockOf(answer)
  return lock?.['owner'] === owner ? lock['version'] : undefined
}

test('process: the leader is cut off: it grants nothing, the others do, and it follows', async (
  context,
) => {
  const cluster = await make()
  const links = await Links.between(cluster.places)
  context.links = links
  for (const place of cluster.places) {
    const own = ['--id', place.id, '--port', `${place.port}`, '--raft-port', `${place.raftPort}`]
    const args = [...own, '--data-dir', place.folder, ...links.argsOf(place), '--log-level', 'warn']
    cluster.start(place, { args })
  }
  await cluster.ready()
  const old = await cluster.leader()
  const majority = cluster.places.filter((place) => place !== old)
  const tokens = new Map<string, number>()
  for (const [key, ttl] of [['ends', '2s'], ['given', '10m']] as const) {
    const lock = lockOf(await done([old], 'acquire', { key, owner: 'first', ttl }))
    tokens.set(key, lock?.['version'] as number)
  }
  links.cut(old)
  const tries = [
    ['acquire', { key: 'new', owner: 'third' }],
    ['acquire', { key: 'given', owner: 'third', wait: '100ms' }],
    ['renew', { key: 'ends', owner: 'first', ttl: '10m' }],
    ['release', { key: 'given', owner: 'first' }],
  ] as const
  const failures = async (): Promise<string[]> => {
    const asked = tries.map(([verb, body]) => http(`${old.url}/locks/${verb}`, body))
    return (await Promise.all(asked)).map(({ status, body }) => `${status} ${body['code']}`)
  }
  for (const failure of await failures()) assert.match(failure, /^(503 no_quorum|504 unknown)$/)
  await done(majority, 'release', { key: 'given', owner: 'first', request_id: 'given back' })
  for (const [key, before] of tokens) {
    const body = { key, owner: 'second', ttl: '10m', wait: '20s', request_id: key }
    const lock = lockOf(await done(majority, 'acquire', body))
    assert.ok((lock?.['version'] as number) > before, key)
    tokens.set(key, lock?.['version'] as number)
  }
  // By now it has stepped down: it knows that nothing has happened.
  assert.equal(await failures(), tries.map(() => '503 no_quorum'))
  assert.is((await http(`${old.url}/locks/ends`)).status, 503)
  links.heal()
  for (const [key, token] of tokens) {
    const find = (query: string) => (): Promise<unknown> => tokenAt(old, key, 'second', query)
    for (const query of ['', '?consistency=stale']) {
      assert.is(await until(`the old leader to know of ${key}${query}`, find(query)), token)
    }
  }
  assert.is((await http(`${old.url}/locks/new`)).body['locked'], false)
  await until('all to be in one term', async () => {
    const infos = await Promise.all(cluster.places.map(({ url }) => http(`${url}/cluster/info`)))
    const seen = infos.map(({ body }) => `${body['term']} ${body['leader_id']}`)
    return new Set(seen).size === 1 && !seen[0]?.includes('null') ? true : undefined
  })
})

test.run()
