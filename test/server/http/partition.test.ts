// One node of three is cut off, as clients see it over HTTP: on its own it does nothing, the others
// go on, and it agrees with them once it hears them again.

import * as assert from 'uvu/assert'
import { suite } from '../../harness.ts'
import { until } from '../../support/until.ts'
import { ask, post, serve } from './support.ts'
import type { Node, Said, Served } from './support.ts'

const test = suite<{ served: Served }>('http partition')

test.before(async (context) => {
  context.served = await serve(3, { leaderlessMsMax: 300, requestTimeoutMs: 1_500 })
})
test.after((context) => context.served.close())

type Json = Readonly<Record<string, unknown>>

/** What one of these nodes answers to `body` once it does it. */
function done(nodes: readonly Node[], verb: string, body: Json): Promise<Json> {
  return until(`${verb} to be done`, async () => {
    for (const { url } of nodes) {
      const { status, json } = await post(`${url}/locks/${verb}`, body)
      if (status === 200) return (json['lock'] ?? json) as Json
    }
    return undefined
  })
}

/** All that a client can ask of a lock, at one node: statuses and codes. */
async function tries({ url }: Node): Promise<string[]> {
  const asked = [
    post(`${url}/locks/acquire`, { key: 'new', owner: 'third' }),
    post(`${url}/locks/acquire`, { key: 'given', owner: 'third', wait: '100ms' }),
    post(`${url}/locks/renew`, { key: 'ends', owner: 'first', ttl: '10m' }),
    post(`${url}/locks/release`, { key: 'given', owner: 'first' }),
  ]
  return (await Promise.all(asked)).map(({ status, json }) => `${status} ${String(json['code'])}`)
}

const termOf = ({ json }: Said): string => `${String(json['term'])} ${String(json['leader_id'])}`

test('http partition: the leader alone does nothing, the others do, and it follows', async ({
  served,
}) => {
  const { leader: old, hub, nodes } = served
  const majority = nodes.filter((node) => node !== old)
  const tokens = new Map<string, number>()
  for (const [key, ttl] of [['ends', '2s'], ['given', '10m']] as const) {
    const lock = await done([old], 'acquire', { key, owner: 'first', ttl })
    tokens.set(key, lock['version'] as number)
  }
  hub.cut.add(old.replica.config.node)
  for (const said of await tries(old)) assert.match(said, /^(503 no_quorum|504 unknown)$/)
  await done(majority, 'release', { key: 'given', owner: 'first', request_id: 'given back' })
  for (const [key, before] of tokens) {
    const body = { key, owner: 'second', ttl: '10m', wait: '20s', request_id: key }
    const { version } = await done(majority, 'acquire', body)
    assert.ok((version as number) > before, key)
    tokens.set(key, version as number)
  }
  // By now it has stepped down: it knows that nothing has happened.
  assert.equal(await tries(old), Array.from({ length: 4 }, () => '503 no_quorum'))
  assert.is((await ask(`${old.url}/locks/ends`)).json['code'], 'no_quorum')
  hub.cut.clear()
  for (const [key, token] of tokens) {
    for (const query of ['', '?consistency=stale']) {
      const version = await until(`the old leader to know of ${key}${query}`, async () => {
        const lock = (await ask(`${old.url}/locks/${key}${query}`)).json['lock'] as Json | undefined
        return lock?.['owner'] === 'second' ? lock['version'] : undefined
      })
      assert.is(version, token)
    }
  }
  assert.is((await ask(`${old.url}/locks/new`)).json['locked'], false)
  await until('all to be in one term', async () => {
    const infos = await Promise.all(nodes.map(({ url }) => ask(`${url}/cluster/info`)))
    const terms = infos.map(termOf)
    return new Set(terms).size === 1 && !terms[0]?.includes('null') ? true : undefined
  })
})

test.run()
