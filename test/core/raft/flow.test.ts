// What a leader lets pile up: messages and bytes on their way to a peer, bytes that wait to be
// committed, and payloads that are too big (BUGS: C21, C25, C26).

import * as assert from 'uvu/assert'
import type { Config } from '../../../core/raft/config.ts'
import type { Progress } from '../../../core/raft/progress.ts'
import { suite } from '../../harness.ts'
import { encodeText } from './journal.ts'
import { appendAccepted, appendRejected, appendRequest, BASE_MS, Cluster, only } from './kit.ts'

const test = suite('flow')
const THREE = ['a', 'b', 'c']

/** `a` leads alone with its test; both peers have its noop and are sent a stream. */
function solo(config: Partial<Config> = {}): Cluster {
  const cluster = new Cluster({ voters: THREE, running: ['a'], config })
  lead(cluster, 1)
  for (const peer of ['b', 'c']) cluster.receive('a', peer, appendAccepted(1, 1))
  cluster.drop()
  cluster.take('a')
  return cluster
}

function lead(cluster: Cluster, term: number): void {
  cluster.advance(2 * BASE_MS)
  cluster.fire('a', 'election')
  cluster.receive('a', 'b', { type: 'preVoteReply', term, granted: true })
  cluster.receive('a', 'b', { type: 'voteReply', term, granted: true })
  assert.is(cluster.leader('a').term, term)
}

/** One turn with a command of so many payload bytes. */
function ask(cluster: Cluster, request: number, bytesCount = 10): void {
  cluster.request('a', request, 'x'.repeat(bytesCount - 1))
}

function streamTo(cluster: Cluster, peer: string): Extract<Progress, { mode: 'replicate' }> {
  const progress = cluster.progress('a', peer)
  assert.is(progress.mode, 'replicate')
  return progress as Extract<Progress, { mode: 'replicate' }>
}

function sizesTo(cluster: Cluster, peer: string): number[] {
  return cluster.sent({ type: 'appendRequest', to: peer }).map(({ entries }) => entries.length)
}

test('messages: as many as allowed leave without an answer, and no more', () => {
  const cluster = solo({ inFlightMessagesMax: 3 })
  for (let request = 0; request < 9; request++) ask(cluster, request)
  assert.equal(sizesTo(cluster, 'b'), [1, 1, 1])
  cluster.drop()
  cluster.receive('a', 'b', appendAccepted(1, 3))
  assert.equal(sizesTo(cluster, 'b'), [6], 'two are free: all that waited fits one')
  assert.is(streamTo(cluster, 'b').inFlight.length, 2)
  assert.is(streamTo(cluster, 'c').inFlight.length, 3, 'each peer for itself')
})

test('bytes: what is on its way stays below the cap and one message', () => {
  const cluster = solo({ inFlightBytesMax: 25, appendBytesMax: 10 })
  for (let request = 0; request < 9; request++) {
    ask(cluster, request)
    assert.ok(streamTo(cluster, 'b').inFlightBytes < 25 + 10)
  }
  assert.equal(sizesTo(cluster, 'b'), [1, 1, 1])
  assert.is(streamTo(cluster, 'b').inFlightBytes, 30)
  cluster.receive('a', 'b', appendAccepted(1, 2))
  assert.is(streamTo(cluster, 'b').inFlightBytes, 30, 'ten arrived, ten more left')
  cluster.receive('a', 'b', appendAccepted(1, 5))
  assert.is(streamTo(cluster, 'b').inFlightBytes, 10)
})

test('bytes: one entry above every cap: still leaves, alone', () => {
  const cluster = solo({ inFlightBytesMax: 5, appendBytesMax: 5 })
  ask(cluster, 1, 50)
  ask(cluster, 2, 50)
  assert.equal(sizesTo(cluster, 'b'), [1])
  cluster.receive('a', 'b', appendAccepted(1, 2))
  assert.equal(sizesTo(cluster, 'b'), [1, 1])
})

test('bytes: one message: as many entries as fit, in order, none left out', () => {
  const cluster = solo({ appendBytesMax: 25 })
  const events = [10, 10, 10, 30, 5, 5, 5].map((size, request) => {
    return { type: 'request', request, payload: encodeText('x'.repeat(size - 1)) } as const
  })
  cluster.step('a', events)
  let last = 1
  const sizes: number[] = []
  while (last < 8) {
    for (const { prevIndex, entries } of cluster.sent({ type: 'appendRequest', to: 'b' })) {
      assert.is(prevIndex, last)
      last += entries.length
      sizes.push(entries.length)
    }
    cluster.drop()
    cluster.receive('a', 'b', appendAccepted(1, last))
  }
  assert.equal(sizes, [2, 1, 1, 3])
})

test('full: heartbeats go on, with the commit index and without entries', () => {
  const cluster = solo({ inFlightMessagesMax: 1 })
  ask(cluster, 0)
  ask(cluster, 1)
  cluster.drop()
  cluster.receive('a', 'c', appendAccepted(1, 2))
  assert.is(cluster.raft('a').commit, 2)
  cluster.drop()
  cluster.fire('a', 'heartbeat')
  const [beat] = cluster.sent({ type: 'appendRequest', to: 'b' })
  assert.equal(beat, appendRequest({ term: 1, prevIndex: 2, prevTerm: 1, commit: 2, round: 1 }))
  assert.is(streamTo(cluster, 'b').inFlight.length, 1, 'it takes no place')
})

test('full: all that was on its way is lost: the next heartbeat finds out, and it flows \
again', () => {
  const cluster = solo({ inFlightMessagesMax: 2 })
  for (let request = 0; request < 4; request++) ask(cluster, request)
  cluster.drop()
  cluster.fire('a', 'heartbeat')
  const [beat] = cluster.sent({ type: 'appendRequest', to: 'b' })
  cluster.drop()
  const hint = { hintIndex: 1, hintTerm: 1 }
  cluster.receive('a', 'b', appendRejected({ term: 1, prevIndex: beat?.prevIndex ?? 0, ...hint }))
  assert.equal(cluster.sent({ type: 'appendRequest', to: 'b' })[0]?.prevIndex, 1)
  cluster.receive('a', 'b', appendAccepted(1, 5))
  assert.equal(streamTo(cluster, 'b').inFlight, [])
  assert.is(streamTo(cluster, 'b').inFlightBytes, 0)
})

test('counted: a refusal and a snapshot between: nothing of it is counted for ever', () => {
  const cluster = solo({ inFlightBytesMax: 20, inFlightMessagesMax: 2, snapshotKeepEntries: 0 })
  for (let request = 0; request < 4; request++) ask(cluster, request)
  cluster.receive('a', 'c', appendAccepted(1, 5))
  cluster.snapshot('a')
  cluster.receive('a', 'b', appendRejected({ term: 1, prevIndex: 3, hintIndex: 1, hintTerm: 1 }))
  assert.is(cluster.progress('a', 'b').mode, 'snapshot')
  cluster.receive('a', 'b', appendAccepted(1, 5))
  assert.equal([streamTo(cluster, 'b').inFlight, streamTo(cluster, 'b').inFlightBytes], [[], 0])
  cluster.drop()
  ask(cluster, 9)
  assert.equal(sizesTo(cluster, 'b'), [1])
})

test('uncommitted: above the cap: overloaded, nothing is appended; after a commit it goes \
on', () => {
  const cluster = solo({ uncommittedBytesMax: 25 })
  for (let request = 0; request < 4; request++) ask(cluster, request)
  assert.equal(cluster.replies('a'), [[2, { type: 'overloaded' }], [3, { type: 'overloaded' }]])
  assert.is(cluster.raft('a').log.lastIndex, 3)
  ask(cluster, 4, 5)
  assert.is(cluster.raft('a').log.lastIndex, 4, 'exactly the cap is allowed')
  cluster.receive('a', 'b', appendAccepted(1, 2))
  assert.is(cluster.leader('a').uncommittedBytes, 15)
  ask(cluster, 5)
  cluster.receive('a', 'b', appendAccepted(1, 5))
  assert.is(cluster.leader('a').uncommittedBytes, 0)
})

test('uncommitted: one command above the cap: is taken when nothing else waits', () => {
  const cluster = solo({ uncommittedBytesMax: 25 })
  ask(cluster, 0, 100)
  assert.equal(cluster.replies('a'), [])
  ask(cluster, 1, 2)
  assert.equal(cluster.replies('a'), [[1, { type: 'overloaded' }]])
})

test('uncommitted: a new leadership: counts what its log holds, neither more nor less', () => {
  const cluster = solo({ uncommittedBytesMax: 25 })
  ask(cluster, 0)
  ask(cluster, 1)
  const heir = { term: 2, prevIndex: 2, prevTerm: 1, entries: [] }
  cluster.receive('a', 'b', appendRequest(heir))
  assert.is(cluster.raft('a').role, 'follower')
  lead(cluster, 3)
  assert.is(cluster.leader('a').uncommittedBytes, 20, 'both are there, and may be committed yet')
  cluster.receive('a', 'c', appendAccepted(3, 4))
  assert.is(cluster.leader('a').uncommittedBytes, 0)
  // What another leader has put in the place of ours is not ours to count any more.
  ask(cluster, 2)
  ask(cluster, 3)
  const noop = { term: 4, stampMs: 9_999, kind: 'noop', payload: new Uint8Array(0) } as const
  const other = { term: 4, prevIndex: 4, prevTerm: 3, entries: [noop] }
  cluster.receive('a', 'b', appendRequest(other))
  lead(cluster, 5)
  assert.is(cluster.leader('a').uncommittedBytes, 0)
  ask(cluster, 6, 25)
  assert.is(cluster.leader('a').uncommittedBytes, 25)
})

test('uncommitted: changes of members count as well, and are given back', () => {
  const cluster = solo({ uncommittedBytesMax: 1 })
  cluster.change('a', 1, { type: 'change', voters: THREE, learners: ['x'], autoLeave: true })
  assert.ok(cluster.leader('a').uncommittedBytes > 1)
  cluster.receive('a', 'b', appendAccepted(1, 2))
  assert.is(cluster.leader('a').uncommittedBytes, 0)
})

test('size: a command above entryBytesMax: tooLarge, at the limit it is taken', () => {
  const cluster = solo({ entryBytesMax: 20 })
  ask(cluster, 0, 21)
  assert.equal(cluster.replies('a'), [[0, { type: 'tooLarge' }]])
  assert.is(cluster.raft('a').log.lastIndex, 1)
  ask(cluster, 1, 20)
  assert.is(cluster.raft('a').log.lastIndex, 2)
  assert.is(only(cluster.take('a'), 'persist').length, 1)
})

test.run()
