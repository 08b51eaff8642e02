// Three nodes as real processes: they found a cluster, serve locks on any of them, go on when one
// is killed, and take a wiped one in again only when an operator says so.

import * as assert from 'uvu/assert'
import { suite } from '../harness.ts'
import { http } from '../support/node-cluster.ts'
import type { Json, Place } from '../support/node-cluster.ts'
import { until } from '../support/until.ts'
import { clustersOf, granted, terms } from './process-support.ts'

const test = suite('process: cluster')
const { make, running } = clustersOf(test)

test('process: three nodes: any takes a lock, and all know who has it', async () => {
  const { places } = await running()
  for (const [at, place] of places.entries()) {
    const { status, body } = await http(`${place.url}/locks/acquire`, terms(`key${at}`, `me${at}`))
    assert.is(status, 200)
    assert.is((body['lock'] as Json)['owner'], `me${at}`)
    for (const other of places) {
      const seen = await http(`${other.url}/locks/key${at}`)
      assert.is(seen.body['locked'], true)
      const held = await http(`${other.url}/locks/acquire`, terms(`key${at}`, 'another'))
      assert.is(held.status, 423)
    }
  }
  const release = await http(`${places[1]?.url}/locks/release`, { key: 'key0', owner: 'me0' })
  assert.is(release.status, 200)
})

test('process: the leader is killed: another grants, and it comes back whole', async () => {
  const cluster = await running()
  const leader = await cluster.leader()
  const before = await granted(cluster.places, 'before', 'first')
  await cluster.kill(leader)
  const others = cluster.places.filter((place) => place !== leader)
  await granted(others, 'after', 'second')
  const { body } = await http(`${others[0]?.url}/locks/before`)
  assert.is((body['lock'] as Json)['fencing_token'], before['fencing_token'])
  cluster.start(leader)
  await cluster.ready([leader])
  const seen = await http(`${leader.url}/locks/after`)
  assert.is((seen.body['lock'] as Json)['owner'], 'second')
})

test('process: two of three are there: they live and wait, and say for whom', async () => {
  const cluster = await make()
  const [first, second, third] = [cluster.at(0), cluster.at(1), cluster.at(2)]
  cluster.start(first)
  cluster.start(second)
  const waiting = await until('node1 to wait for node3 alone', async () => {
    const answer = await http(`${first.url}/readyz`).catch(() => null)
    const detail = String(answer?.body['detail'])
    return detail.includes('node3') && !detail.includes('node2') ? answer : undefined
  })
  assert.is(waiting?.status, 503)
  assert.is((await http(`${second.url}/livez`)).status, 200)
  const { status, body } = await http(`${second.url}/locks/acquire`, terms('k', 'me'))
  assert.equal([status, body['code'], body['success']], [503, 'no_quorum', false])
  const scraped = await http(`${second.url}/metrics`)
  assert.equal([scraped.status, scraped.body['code']], [503, 'no_quorum'])
  cluster.start(third)
  await cluster.ready()
  await granted([second], 'k', 'me')
})

test('process: five nodes, the leader and another are killed: the rest grants', async () => {
  const cluster = await running({ count: 5 })
  const before = await granted(cluster.places, 'before', 'first')
  const leader = await cluster.leader()
  const other = cluster.places.find((place) => place !== leader) as Place
  await Promise.all([cluster.kill(leader), cluster.kill(other)])
  const rest = cluster.places.filter((place) => place !== leader && place !== other)
  const after = await granted(rest, 'after', 'second')
  assert.ok((after['fencing_token'] as number) > (before['fencing_token'] as number))
  for (const { url } of rest) {
    const { body } = await http(`${url}/locks/before`)
    assert.is((body['lock'] as Json)['fencing_token'], before['fencing_token'])
  }
  const { body } = await http(`${rest[0]?.url}/cluster/info`)
  assert.equal([body['quorum_size'], body['has_quorum']], [3, true])
})

test('process: SIGTERM to the leader: it hands over to another, and ends with 0', async () => {
  // Patient: on a busy machine another might be elected before the signal comes.
  const cluster = await running({ args: ['--log-level', 'info', '--election-timeout', '1s'] })
  const leader = await cluster.leader()
  const { process: stopped } = leader
  assert.is(await cluster.stop(leader), 0)
  const handedOver = /"to":"(node\d)@\w+","msg":"the leadership was handed over"/
  const said = handedOver.exec(stopped?.stdout() ?? '')
  assert.is((await cluster.leader()).id, said?.[1])
  await granted(cluster.places.filter((place) => place !== leader), 'k', 'me')
})

test.run()
