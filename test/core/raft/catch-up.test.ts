// How fast a leader brings a peer on: refusals are counted by the terms in which two logs differ,
// round trips by the window. Two real replicas, and a third that only votes.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { Progress } from '../../../core/raft/progress.ts'
import { suite } from '../../harness.ts'
import {
  Cluster,
  appendRejected,
  appendRequest,
  messages,
  only,
  restored,
  terms,
} from './kit.ts'

const test = suite('catch-up')

/** A leader's log and a follower's, as terms: equal up to `common`, and nowhere beyond. */
interface Divergent {
  readonly leader: readonly number[]
  readonly follower: readonly number[]
  readonly common: number
}

/**
 * Logs as elections make them: a term has one leader, which begins it at one index, so beyond the
 * common part no term is in both logs.
 */
const divergent: fc.Arbitrary<Divergent> = fc
  .record({
    prefix: fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 4 }),
    runs: fc.array(
      fc.record({
        length: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 60 })),
        isLeaders: fc.boolean(),
      }),
      { maxLength: 12 },
    ),
    /** The first run goes on in the last term of the common part. */
    goesOn: fc.boolean(),
  })
  .map(({ prefix, runs, goesOn }) => {
    const both = prefix.flatMap((length, at) => Array.from({ length }, () => at + 1))
    const leader = [...both]
    const follower = [...both]
    let term = prefix.length
    for (const [at, { length, isLeaders }] of runs.entries()) {
      if (at > 0 || !goesOn || term === 0) term++
      for (let count = 0; count < length; count++) (isLeaders ? leader : follower).push(term)
    }
    return { leader, follower, common: both.length }
  })

function distinctBeyond(log: readonly number[], common: number): number {
  return new Set(log.slice(common)).size
}

/** `a` leads by the vote of `c`; `b` has heard nothing of it yet. */
function led(leader: readonly number[], follower: readonly number[], window = 1_024): Cluster {
  const hardState = { term: Math.max(1, ...leader, ...follower), vote: null }
  const cluster = new Cluster({
    voters: ['a', 'b', 'c'],
    // Each entry has two bytes: one message at a time, with so many entries.
    config: { inFlightMessagesMax: 1, appendBytesMax: 2 * window },
    restored: { a: restored(hardState, ...leader), b: restored(hardState, ...follower) },
  })
  cluster.elect('a', ['c'])
  // Until `c` has all, each heartbeat brings it on.
  for (const nodes = ['a', 'c']; cluster.raft('a').commit < cluster.raft('a').log.lastIndex; ) {
    cluster.fire('a', 'heartbeat')
    cluster.settle(nodes)
  }
  cluster.drop()
  cluster.take('a')
  cluster.take('b')
  return cluster
}

function refusals(cluster: Cluster): number {
  return messages(cluster.take('b')).filter(({ type }) => type === 'appendRejected').length
}

/** The furthest back that the leader went. */
function lowestProbe(cluster: Cluster): number {
  const probes = only(cluster.take('a'), 'send').flatMap(({ to, message }) => {
    return to === 'b' && message.type === 'appendRequest' ? [message.prevIndex] : []
  })
  return Math.min(...probes)
}

test('back-off: any two logs: a refusal for each term that only one of them has, at most, and \
nothing is sent that both have', () => {
  let most = 0
  fc.assert(fc.property(divergent, ({ leader, follower, common }) => {
    const cluster = led(leader, follower)
    cluster.fire('a', 'heartbeat')
    cluster.settle(['a', 'b'])
    const ours = distinctBeyond(leader, common)
    const theirs = distinctBeyond(follower, common)
    const found = refusals(cluster)
    assert.ok(found <= Math.min(ours, theirs + 1), `${found}: terms ${ours} and ${theirs}`)
    assert.is(lowestProbe(cluster), common)
    assert.equal(terms(cluster.raft('b')), terms(cluster.raft('a')))
    most = Math.max(most, found)
  }), { numRuns: 300 })
  assert.ok(most >= 3, `${most} refusals at most: no test of going back more than once`)
})

test('back-off: terms by turns: the worst case needs them all, one refusal each', () => {
  const leader = [1, 3, 5, 7, 9]
  const follower = [1, 2, 4, 6, 8]
  const cluster = led(leader, follower)
  cluster.fire('a', 'heartbeat')
  cluster.settle(['a', 'b'])
  assert.is(refusals(cluster), 4)
})

test('back-off: a run of one log against many short terms of the other: one refusal', () => {
  const run = Array.from({ length: 50 }, () => 60)
  const short = Array.from({ length: 50 }, (_, at) => at + 2)
  for (const [leader, follower] of [[run, short], [short, run]] as const) {
    const cluster = led([1, ...leader], [1, ...follower])
    cluster.fire('a', 'heartbeat')
    cluster.settle(['a', 'b'])
    assert.is(refusals(cluster), 1)
  }
})

test('back-off: one entry too many of an old term: its whole run stays where it is', () => {
  // Both have term 2 up to index 51; only the follower has one more of it.
  const run = Array.from({ length: 50 }, () => 2)
  const cluster = led([1, ...run, 3, 3, 3], [1, ...run, 2], 1)
  cluster.fire('a', 'heartbeat')
  cluster.settle(['a', 'b'])
  assert.is(refusals(cluster), 1)
  assert.is(lowestProbe(cluster), 51)
})

test('back-off: a refusal of a request of an earlier term: no answer to a probe', () => {
  const log = Array.from({ length: 501 }, (_, at) => (at < 500 ? 1 : 2))
  const cluster = led(log, log, 3)
  // An idle leader that is elected again probes from where its last heartbeat was.
  cluster.receive('b', 'a', appendRequest({ term: 3, prevIndex: 501, prevTerm: 2 }))
  cluster.drop()
  cluster.receive('b', 'a', appendRequest({ term: 2, prevIndex: 501, prevTerm: 2 }))
  assert.is(cluster.deliver({ type: 'appendRejected', from: 'b', to: 'a' }), 1)
  cluster.fire('a', 'heartbeat')
  cluster.settle(['a', 'b'])
  assert.is(lowestProbe(cluster), 501)
  assert.equal(terms(cluster.raft('b')), terms(cluster.raft('a')))
})

test('back-off: a refusal that comes twice: does not stop the stream that came of it', () => {
  const cluster = led(Array.from({ length: 100 }, () => 1), [1], 4)
  const { term } = cluster.raft('a')
  const refusal = appendRejected({ term, prevIndex: 100, hintIndex: 1, hintTerm: 1 })
  const ofB = (): Progress => cluster.leader('a').progress[0] as Progress
  cluster.receive('a', 'b', refusal)
  assert.equal([ofB().mode, ofB().nextIndex], ['probe', 2])
  cluster.receive('a', 'b', { type: 'appendAccepted', term, matchIndex: 5, round: 0, versions: 1 })
  assert.equal([ofB().mode, ofB().nextIndex], ['replicate', 10])
  cluster.receive('a', 'b', refusal)
  assert.equal([ofB().mode, ofB().nextIndex], ['replicate', 10])
  // The answer to what the stream has sent still counts.
  cluster.receive('a', 'b', appendRejected({ term, prevIndex: 9, hintIndex: 6, hintTerm: 1 }))
  assert.equal([ofB().mode, ofB().nextIndex], ['probe', 7])
})

test('window: of any size: a full window in each round trip, and none wasted', () => {
  for (const window of [1, 3, 20, 1_024]) {
    const cluster = led(Array.from({ length: 100 }, () => 1), [1], window)
    cluster.fire('a', 'heartbeat')
    // One refusal finds the place; the leader's `noop`, which has no bytes, comes with the last.
    let trips = -1
    for (; cluster.raft('b').log.lastIndex < 101; trips++) {
      assert.ok(cluster.deliver({ type: 'appendRequest', from: 'a', to: 'b' }) > 0)
      cluster.drop({ to: 'c' })
      cluster.deliver({ from: 'b', to: 'a' })
    }
    assert.is(trips, Math.ceil(99 / window))
  }
})

test.run()
