// A node that comes back with an empty directory is nobody's voter, until an operator takes it in.

import * as assert from 'uvu/assert'
import { suite } from '../harness.ts'
import { http } from '../support/node-cluster.ts'
import type { Json, Place } from '../support/node-cluster.ts'
import { until } from '../support/until.ts'
import { clustersOf, granted, incarnationOf, operate, terms } from './process-support.ts'

const test = suite('process: wiped node')
const { running } = clustersOf(test)

test('process: a node is wiped: no vote and not ready, until it is taken in anew', async () => {
  const cluster = await running()
  await granted(cluster.places, 'kept', 'me')
  const leader = await cluster.leader()
  const lost = cluster.places.find((place) => place !== leader) as Place
  const rest = cluster.places.filter((place) => place !== lost)
  await cluster.kill(lost)
  const old = await incarnationOf(lost, leader)
  cluster.wipe(lost)
  cluster.start(lost)
  await until('the wiped node to say that it waits', async () => {
    const answer = await http(`${lost.url}/readyz`).catch(() => null)
    return /cluster add node\d/.test(String(answer?.body['detail'])) ? true : undefined
  })
  await until('the leader to show it', async () => {
    const { body } = await http(`${leader.url}/cluster/info`)
    const nodes = body['nodes'] as Json[]
    const states = nodes.filter(({ id }) => id === lost.id).map(({ state }) => state)
    return states.includes('waiting') && states.includes('follower') ? true : undefined
  })
  // With the other follower gone too, one voter is left: the wiped one must not make two.
  const other = rest.find((place) => place !== leader) as Place
  await cluster.kill(other)
  const nobody = await until('the leader to have no quorum', async () => {
    const answer = await http(`${leader.url}/locks/acquire`, terms('x', 'me')).catch(() => null)
    assert.is.not(answer?.status, 200, 'granted by one of three')
    return answer?.body['code'] === 'no_quorum' ? answer : undefined
  })
  assert.is(nobody?.status, 503)
  cluster.start(other)
  await cluster.ready([other])
  operate(cluster, 'add', lost.id)
  operate(cluster, 'promote', lost.id)
  operate(cluster, 'remove', `${lost.id}@${old}`)
  await cluster.ready([lost])
  const { body } = await http(`${lost.url}/locks/kept`)
  assert.is((body['lock'] as Json)['owner'], 'me')
  assert.match(operate(cluster, 'info'), /^cluster [0-9a-f]{16}, term \d+, leader node\d, quorum 2/)
  await cluster.kill(other)
  await granted([lost, leader], 'with the new one', 'me')
})

test.run()
