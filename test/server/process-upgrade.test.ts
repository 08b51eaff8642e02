// From one build to the next, whose machine has a second version of its rules, node by node and
// under load: the old rules hold until every node knows the new ones, and then the new ones do. An
// old build that comes back says that it is too old, and loses nothing.
//
// The next build is this one with a rule more: from version 2 on no lock is for more than 30 s.

import * as assert from 'uvu/assert'
import { installCopy } from '../cli/support.ts'
import { suite } from '../harness.ts'
import { LockLoad } from '../support/lock-load.ts'
import { http } from '../support/node-cluster.ts'
import type { Json, NodeCluster, Place } from '../support/node-cluster.ts'
import type { Process } from '../support/processes.ts'
import { until } from '../support/until.ts'
import { isProblemDescribed } from './http/described.ts'
import type { ApiDocument } from './http/described.ts'
import { clustersOf, granted, incarnationOf, operate } from './process-support.ts'

const test = suite<{ next: string }>('process: upgrade')
const { make, running } = clustersOf(test)
const GRANTS_BETWEEN = 30

test.before((context) => {
  context.next = installCopy([
    {
      file: 'core/lock/machine.js',
      find: 'initial: () => INITIAL,',
      replace: 'versions: 2, initial: () => INITIAL,',
    },
    {
      file: 'core/lock/machine.js',
      find: 'inSession(context), all)',
      replace: 'inSession(context), context.version < 2 ? all : { ...all, ttlMsMax: 30_000 })',
    },
    { file: 'server/raise-version.js', find: 'LOOK_MS = 5_000', replace: 'LOOK_MS = 20' },
  ])
})

/** What is answered to a lock for longer than the new rule allows, asked through each node. */
async function longLocks({ places }: NodeCluster): Promise<number[]> {
  const body = { key: 'long', owner: 'me', ttl: '31s' }
  const asked = places.map(({ id, url }) => {
    return until(`${id} to answer`, async () => {
      const { status } = await http(`${url}/locks/acquire`, body)
      return status === 503 ? undefined : status
    })
  })
  return Promise.all(asked)
}

function goesByTheNew(cluster: NodeCluster): Promise<true> {
  return until('the new rules', async () => {
    return (await longLocks(cluster)).every((status) => status === 400) ? true : undefined
  })
}

async function restart(cluster: NodeCluster, place: Place, root: string): Promise<void> {
  assert.is(await cluster.stop(place), 0)
  cluster.start(place, { root })
  await cluster.ready([place])
}

/** Sees to it that a node of the next build leads, so that somebody wants the new rules. */
async function lead(cluster: NodeCluster, place: Place): Promise<void> {
  await until(`${place.id} to lead`, async () => {
    const leader = await cluster.leader()
    if (leader === place) return true
    await http(`${leader.url}/cluster/transfer`, { node: place.id }).catch(() => null)
    return undefined
  })
}

/** An old build cannot go on there: how it ended. */
async function refused(cluster: NodeCluster, place: Place): Promise<number | NodeJS.Signals> {
  const old = cluster.start(place)
  const code = await old.ended
  isTooOld(old)
  return code
}

function isTooOld(old: Process): void {
  assert.match(old.stderr(), /^lockstep: the group goes by newer rules .*: start a newer build\n$/)
}

/** That the lock which was granted first is held as it was. */
async function isHeld({ url }: Place, held: Json): Promise<void> {
  const { body } = await http(`${url}/locks/held`)
  const { owner, fencing_token } = body['lock'] as Json
  assert.equal([owner, fencing_token], [held['owner'], held['fencing_token']])
}

test(
  'upgrade: node by node, under load: the new rules once all know them',
  async ({ next }) => {
    const cluster = await running()
    const urls = cluster.places.map(({ url }) => url)
    const load = new LockLoad({ urls, clients: 6, keys: 4, ttlMs: 20_000 })
    const held = await granted(cluster.places, 'held', 'me')
    const [first] = cluster.places as [Place]
    await load.during(async () => {
      for (const place of cluster.places) {
        assert.equal(await longLocks(cluster), [200, 200, 200])
        await restart(cluster, place, next)
        if (place === cluster.at(2)) break
        await lead(cluster, place)
        await load.moreGrants(GRANTS_BETWEEN)
      }
      await goesByTheNew(cluster)
      await load.moreGrants(GRANTS_BETWEEN)
      assert.is(await cluster.stop(first), 0)
      assert.is(await refused(cluster, first), 1)
      await load.moreGrants(GRANTS_BETWEEN)
      cluster.start(first, { root: next })
      await cluster.ready([first])
      await http(`${first.url}/cluster/snapshot`, {})
      await load.moreGrants(GRANTS_BETWEEN)
      await cluster.kill(first)
      assert.is(await refused(cluster, first), 2)
      cluster.start(first, { root: next })
      await cluster.ready([first])
      await load.moreGrants(GRANTS_BETWEEN)
    })
    const verdict = load.verdict()
    assert.is(verdict.verdict, 'ok', JSON.stringify(verdict))
    assert.is(load.count('info') + load.count('fail'), 0)
    await isHeld(first, held)
  },
  { deadlineMs: 120_000 },
)

test('upgrade: all go back to the old build: it does not serve', async ({ next }) => {
  const cluster = await running()
  const held = await granted(cluster.places, 'held', 'me')
  for (const place of cluster.places) await restart(cluster, place, next)
  await goesByTheNew(cluster)
  for (const place of cluster.places) await cluster.kill(place)
  const olds = cluster.places.map((place) => cluster.start(place))
  // The last one never learns what is committed: alone it has no quorum.
  const ended = await until('two to have stopped', () => {
    const those = olds.filter((old) => !old.isRunning())
    return those.length > 1 ? those : undefined
  })
  for (const old of ended) {
    assert.is(await old.ended, 1)
    isTooOld(old)
  }
  for (const place of cluster.places) {
    await cluster.kill(place)
    cluster.start(place, { root: next })
  }
  await cluster.ready()
  await isHeld(cluster.at(0), held)
})

test('upgrade: a new node of the old build: gets no vote, the group goes on', async ({ next }) => {
  const cluster = await make()
  for (const place of cluster.places) cluster.start(place, { root: next })
  await cluster.ready()
  await goesByTheNew(cluster)
  const leader = await cluster.leader()
  const place = cluster.places.find((one) => one !== leader) as Place
  const past = await incarnationOf(place, leader)
  await cluster.kill(place)
  cluster.wipe(place)
  const old = cluster.start(place)
  await until('the leader to see it', async () => {
    const { status } = await http(`${leader.url}/cluster/add`, { node: place.id })
    return status === 200 ? true : undefined
  })
  assert.is(await old.ended, 1)
  isTooOld(old)
  const { status, body } = await http(`${leader.url}/cluster/promote`, { node: place.id })
  assert.is(status, 409)
  assert.is(body['code'], 'version_unsupported')
  assert.is(body['node_id'], place.id)
  assert.is(body['version_in_force'], 2)
  assert.ok([1, null].includes(body['version_known'] as number | null))
  assert.match(String(body['detail']), new RegExp(`^${place.id} .*version 2 of the rules`))
  const { body: document } = await http(`${leader.url}/openapi.json`)
  const described = document as unknown as ApiDocument
  isProblemDescribed(described, 'post', '/cluster/promote', { status, body })
  const { body: after } = await http(`${leader.url}/locks/acquire`, { key: 'after', owner: 'me' })
  assert.is(after['success'], true, JSON.stringify(after))
  cluster.start(place, { root: next })
  await until('a vote', async () => {
    const answer = await http(`${leader.url}/cluster/promote`, { node: place.id })
    return answer.status === 200 ? true : undefined
  })
  operate(cluster, 'remove', `${place.id}@${past}`)
  await cluster.ready([place])
})

test.run()
