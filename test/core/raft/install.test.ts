// Receiving a whole snapshot, message by hand: what is kept of the log, what is refused, and that
// nothing that is committed is ever taken back. Ref: Raft 7, Figure 13 (BUGS: N2, N3, N5, C12,
// E10).

import * as assert from 'uvu/assert'
import { foundedBy } from '../../../core/raft/membership.ts'
import type { Membership } from '../../../core/raft/membership.ts'
import type { Message, SnapshotRequest } from '../../../core/raft/message.ts'
import { activeMembership } from '../../../core/raft/state.ts'
import { suite } from '../../harness.ts'
import { GARBAGE, journal } from './journal.ts'
import {
  appendRequest,
  Cluster,
  entries,
  entry,
  membershipEntry,
  messages,
  only,
  restored,
  terms,
} from './kit.ts'

const test = suite('install')
const THREE = ['a', 'b', 'c']
const STATE = journal.encodeSnapshot({ lines: ['from the leader'], dues: [] })

/** Node `a` alone with its test, nothing kept before a snapshot. */
function solo(term: number, ...log: number[]): Cluster {
  const past = restored({ term, vote: null }, ...log)
  const config = { snapshotKeepEntries: 0 }
  return new Cluster({ voters: THREE, running: ['a'], restored: { a: past }, config })
}

interface Wish {
  readonly term?: number
  readonly index: number
  readonly lastTerm: number
  readonly membership?: Membership
  readonly bytes?: Uint8Array
  readonly stampMs?: number
}

/** A whole snapshot in one message. */
function whole({ term = 3, index, lastTerm, ...rest }: Wish): SnapshotRequest {
  const { membership = foundedBy(THREE), bytes = STATE, stampMs = 0 } = rest
  const bytesCount = bytes.length
  const snapshot = { index, term: lastTerm, stampMs, membership, version: 1, bytesCount }
  return { type: 'snapshotRequest', term, round: 0, snapshot, offset: 0, bytes }
}

test('log: ends before it: is gone, and begins behind the snapshot', () => {
  const cluster = solo(3, 1, 1)
  cluster.receive('a', 'b', whole({ index: 5, lastTerm: 2, stampMs: 77 }))
  const { raft, machine, applied, clockMs } = cluster.member('a').state
  assert.equal(raft.log.base, { index: 5, term: 2, stampMs: 77 })
  assert.equal([raft.log.lastIndex, raft.log.lastTerm, raft.commit, applied], [5, 2, 5, 5])
  assert.equal(machine.lines, ['from the leader'])
  assert.is(clockMs, 77, 'log time goes on from its stamp')
})

test('log: has the last entry of the snapshot: what follows is kept (Figure 13, step 6)', () => {
  const cluster = solo(3, 1, 2, 2, 3)
  cluster.receive('a', 'b', whole({ index: 3, lastTerm: 2 }))
  assert.equal(cluster.raft('a').log.base.index, 3)
  assert.equal(terms(cluster.raft('a')), [3])
  assert.is(cluster.raft('a').commit, 3, 'but is not committed by it')
  assert.equal(terms(cluster.raft('a')), cluster.member('a').disk.entries.map(({ term }) => term))
})

test('log: another entry is there: all of it goes (Figure 13, step 7), so do its members', () => {
  const learner = { ...foundedBy(THREE), learners: ['d'] }
  const cluster = solo(3, 1)
  const tail = [entry(1), entry(1), membershipEntry(1, learner)]
  cluster.receive('a', 'c', appendRequest({ term: 3, prevIndex: 1, prevTerm: 1, entries: tail }))
  assert.equal(activeMembership(cluster.raft('a')), learner)
  cluster.receive('a', 'b', whole({ term: 4, index: 3, lastTerm: 2 }))
  assert.equal(terms(cluster.raft('a')), [])
  assert.is(cluster.raft('a').log.lastIndex, 3)
  assert.equal(activeMembership(cluster.raft('a')), foundedBy(THREE))
  assert.equal(cluster.member('a').disk.entries, [])
})

test('log: agrees with it and names members behind it: those stay active', () => {
  const learner = { ...foundedBy(THREE), learners: ['d'] }
  const cluster = solo(3, 1)
  const tail = [entry(1), entry(1), membershipEntry(1, learner)]
  cluster.receive('a', 'b', appendRequest({ term: 3, prevIndex: 1, prevTerm: 1, entries: tail }))
  cluster.receive('a', 'b', whole({ index: 3, lastTerm: 1 }))
  assert.equal(activeMembership(cluster.raft('a')), learner)
  assert.equal(cluster.raft('a').memberships.map(({ index }) => index), [3, 4])
})

test('acknowledged: only once it is durable, term and vote with it', () => {
  const past = restored({ term: 2, vote: 'a' }, 1)
  const cluster = new Cluster({
    voters: THREE, running: ['a'], restored: { a: past }, diskAtOnce: false,
  })
  const effects = cluster.receive('a', 'b', whole({ term: 2, index: 5, lastTerm: 2 }))
  const [persist] = only(effects, 'persist')
  assert.equal(persist?.hardState, { term: 2, vote: 'a' })
  assert.is(persist?.checkpoint?.snapshot.index, 5)
  assert.equal(cluster.sent({ type: 'appendAccepted' }), [])
  cluster.persist('a')
  const [accepted] = cluster.sent({ type: 'appendAccepted' })
  assert.is(accepted?.matchIndex, 5)
})

test('acknowledged: the node dies before it is durable: the log of before is there again', () => {
  const cluster = new Cluster({
    voters: THREE,
    running: ['a'],
    restored: { a: restored({ term: 3, vote: null }, 1, 1) },
    diskAtOnce: false,
  })
  cluster.receive('a', 'b', whole({ index: 5, lastTerm: 2 }))
  cluster.restart('a')
  assert.equal(terms(cluster.raft('a')), [1, 1])
  assert.is(cluster.raft('a').snapshot, null)
})

test('older: at the commit index or below: takes nothing back, and the leader learns of it', () => {
  for (const index of [1, 2, 3]) {
    const cluster = solo(3, 1, 1, 1, 1)
    cluster.receive('a', 'b', appendRequest({ term: 3, prevIndex: 4, prevTerm: 1, commit: 3 }))
    const before = cluster.member('a').state
    const effects = cluster.receive('a', 'b', whole({ index, lastTerm: 1 }))
    const accepted = {
      type: 'appendAccepted',
      term: 3,
      matchIndex: 3,
      round: 0,
      versions: 1,
    } as const
    assert.equal(messages(effects), [accepted])
    const { raft, machine } = cluster.member('a').state
    assert.equal([raft.commit, raft.log, machine], [3, before.raft.log, before.machine])
  }
})

test('older: an installed one twice: the commit index and the state stay', () => {
  const cluster = solo(3)
  cluster.receive('a', 'b', whole({ index: 5, lastTerm: 2 }))
  const two = { term: 3, prevIndex: 5, prevTerm: 2, commit: 6, entries: [entry(3, 'x')] }
  cluster.receive('a', 'b', appendRequest(two))
  cluster.receive('a', 'b', whole({ index: 5, lastTerm: 2 }))
  const { raft, machine } = cluster.member('a').state
  assert.equal([raft.commit, raft.log.lastIndex], [6, 6])
  assert.equal(machine.lines, ['from the leader', '6@0 x'])
})

test('garbage: of the right size: refused, nothing is installed, and a good one still is', () => {
  const cluster = solo(3, 1)
  const before = cluster.raft('a')
  const effects = cluster.receive('a', 'b', whole({ index: 5, lastTerm: 2, bytes: GARBAGE }))
  assert.equal(messages(effects), [])
  assert.equal(only(effects, 'persist'), [])
  const told = only(effects, 'trace').map(({ trace }) => trace)
  assert.equal(told.at(-1), { type: 'refused', from: 'b', reason: 'badSnapshot' })
  const { log, commit, snapshot, incoming } = cluster.raft('a')
  assert.equal([log, commit, snapshot, incoming], [before.log, before.commit, null, null])
  cluster.receive('a', 'b', whole({ index: 5, lastTerm: 2 }))
  assert.is(cluster.raft('a').commit, 5)
})

test('empty: a state of no bytes: is complete with its first message', () => {
  const cluster = solo(3)
  const bytes = new Uint8Array(0)
  const effects = cluster.receive('a', 'b', whole({ index: 5, lastTerm: 2, bytes }))
  // The journal cannot read it: that it was asked says that the snapshot was complete.
  const told = only(effects, 'trace').map(({ trace }) => trace)
  assert.equal(told.at(-1), { type: 'refused', from: 'b', reason: 'badSnapshot' })
})

test('behind it: entries before the base are skipped, whatever message brings them', () => {
  const cluster = solo(3)
  cluster.receive('a', 'b', whole({ index: 5, lastTerm: 2 }))
  const older: [Message, number][] = [
    [appendRequest({ term: 3 }), 5],
    [appendRequest({ term: 3, prevIndex: 2, prevTerm: 1, entries: entries(1, 2) }), 5],
    [appendRequest({ term: 3, prevIndex: 3, prevTerm: 1, entries: entries(2, 2) }), 5],
    [appendRequest({ term: 3, prevIndex: 3, prevTerm: 1, entries: entries(2, 2, 3) }), 6],
    [appendRequest({ term: 3, entries: entries(1, 1, 1, 1, 2, 3, 3) }), 7],
  ]
  for (const [message, matchIndex] of older) {
    const [answer] = messages(cluster.receive('a', 'b', message))
    assert.equal(answer, { type: 'appendAccepted', term: 3, matchIndex, round: 0, versions: 1 })
    assert.is(cluster.raft('a').log.lastIndex, matchIndex)
  }
  assert.equal(terms(cluster.raft('a')), [3, 3])
})

test('term: that of its leader counts, that of its last entry does not move ours', () => {
  const cluster = solo(3)
  cluster.receive('a', 'b', whole({ term: 7, index: 5, lastTerm: 2 }))
  assert.is(cluster.raft('a').term, 7)
  assert.equal(cluster.member('a').disk.hardState, { term: 7, vote: null })
  const stale = cluster.receive('a', 'c', whole({ term: 6, index: 9, lastTerm: 6 }))
  const [answer] = messages(stale)
  assert.is(answer?.type === 'appendRejected' && answer.term, 7)
  assert.is(cluster.raft('a').commit, 5)
})

test('requests: a leader that is deposed by a snapshot: answers all that waited with \
unknown', () => {
  const cluster = new Cluster({ voters: THREE, running: ['a'] })
  cluster.fire('a', 'election')
  cluster.receive('a', 'b', { type: 'preVoteReply', term: 1, granted: true })
  cluster.receive('a', 'b', { type: 'voteReply', term: 1, granted: true })
  cluster.request('a', 1, 'x')
  cluster.request('a', 2, 'y')
  cluster.take('a')
  cluster.receive('a', 'b', whole({ term: 3, index: 9, lastTerm: 2 }))
  assert.equal(cluster.replies('a'), [[1, { type: 'unknown' }], [2, { type: 'unknown' }]])
  assert.is(cluster.raft('a').commit, 9)
})

test.run()
