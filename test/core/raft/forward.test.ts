// Commands that a follower passes on to its leader: who answers, and what is said when nobody
// knows. Ref: thesis 6.2.

import * as assert from 'uvu/assert'
import type { Config } from '../../../core/raft/config.ts'
import { suite } from '../../harness.ts'
import { GARBAGE } from './journal.ts'
import { appendRequest, BASE_MS, Cluster } from './kit.ts'

const test = suite('forward')
const THREE = ['a', 'b', 'c']
const UNKNOWN = { type: 'unknown' } as const

function leading(config: Partial<Config> = {}): Cluster {
  const cluster = new Cluster({ voters: THREE, config })
  cluster.elect('a')
  cluster.beat('a')
  for (const node of THREE) cluster.take(node)
  return cluster
}

test('done: the leader appends it, and the follower answers its own host', () => {
  const cluster = leading()
  cluster.request('b', 7, 'x')
  cluster.settle()
  assert.equal(cluster.replies('b'), [[7, { type: 'done', index: 2, reply: 'did x' }]])
  assert.equal(cluster.replies('a'), [], 'nobody asked the leader itself')
})

test('done: a late answer finds its way back as well', () => {
  const cluster = leading()
  cluster.request('b', 7, 'late')
  cluster.settle()
  assert.equal(cluster.replies('b'), [])
  cluster.request('c', 7, 'answer 2')
  cluster.settle()
  assert.equal(cluster.replies('b'), [[7, { type: 'done', index: 2, reply: 'late 2' }]])
  assert.equal(cluster.replies('c'), [[7, { type: 'done', index: 3, reply: 'ok' }]])
})

test('refused: what the leader refuses: is told as it is', () => {
  const cluster = leading({ entryBytesMax: 5 })
  cluster.request('b', 7, 'much too long')
  cluster.step('b', [{ type: 'request', request: 8, payload: GARBAGE }])
  cluster.settle()
  assert.equal(cluster.replies('b'), [[8, { type: 'malformed' }], [7, { type: 'tooLarge' }]])
})

test('refused: the leader is none any more: notLeader, and it is not passed on again', () => {
  const cluster = leading()
  cluster.request('b', 7, 'x')
  const [packet] = cluster.drop({ type: 'forwardRequest' })
  assert.ok(packet !== undefined)
  const other = new Cluster({ voters: THREE, running: ['a'] })
  other.receive('a', 'c', appendRequest({ term: 1 }))
  other.receive('a', 'b', packet.message)
  const notLeader = { type: 'notLeader', leader: 'c' } as const
  const { id } = packet.message as { readonly id: number }
  assert.equal(other.sent({ type: 'forwardReply' }), [
    { type: 'forwardReply', term: 1, id, outcome: notLeader },
  ])
  assert.equal(other.sent({ type: 'forwardRequest' }), [])
})

test('unknown: the leader changes while it waits, and the late answer says nothing', () => {
  const cluster = leading()
  cluster.request('b', 7, 'x')
  cluster.deliver({ to: 'a' })
  cluster.deliver({ to: 'c' })
  cluster.deliver({ to: 'a' })
  const [late] = cluster.drop({ type: 'forwardReply' })
  assert.ok(late !== undefined)
  cluster.receive('b', 'c', appendRequest({ term: 2, prevIndex: 1, prevTerm: 1 }))
  assert.equal(cluster.replies('b'), [[7, UNKNOWN]])
  cluster.receive('b', 'a', late.message)
  assert.is(cluster.replies('b').length, 1)
})

test('unknown: the answer comes twice, or to an earlier life: answers once, or nobody', () => {
  const cluster = leading()
  cluster.request('b', 7, 'x')
  cluster.deliver({ to: 'a' })
  cluster.deliver({ to: 'c' })
  cluster.deliver({ to: 'a' })
  const [answer] = cluster.drop({ type: 'forwardReply' })
  assert.ok(answer !== undefined)
  cluster.receive('b', 'a', answer.message, answer.message)
  assert.is(cluster.replies('b').length, 1)
  cluster.restart('b')
  cluster.beat('a')
  cluster.request('b', 7, 'y')
  cluster.receive('b', 'a', answer.message)
  assert.equal(cluster.replies('b'), [])
})

test('unknown: lost, with the same leader for ever: is given up in the end', () => {
  const cluster = leading()
  cluster.request('b', 7, 'x')
  cluster.drop()
  for (let beat = 0; cluster.replies('b').length === 0; beat++) {
    cluster.advance(BASE_MS)
    cluster.receive('b', 'a', appendRequest({ prevIndex: 1, prevTerm: 1 }))
    assert.ok(beat < 500)
  }
  assert.equal(cluster.replies('b'), [[7, UNKNOWN]])
})

test.run()
