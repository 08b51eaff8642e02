// Messages that no correct peer sends: each is refused with its reason, observers are told, and
// nothing is changed. What would mean that safety itself is broken stops the node instead.

import * as assert from 'uvu/assert'
import { canonical } from '../../../core/canonical.ts'
import type { MessageProblem } from '../../../core/effect.ts'
import { foundedBy } from '../../../core/raft/membership.ts'
import type { Message, SnapshotRequest } from '../../../core/raft/message.ts'
import { suite } from '../../harness.ts'
import { journal } from './journal.ts'
import type { State } from './kit.ts'
import {
  appendAccepted,
  appendRejected,
  appendRequest,
  Cluster,
  entries,
  entry,
  messages,
  only,
  restored,
} from './kit.ts'

const test = suite('bad-input')
const THREE = ['a', 'b', 'c']

/** `a` in each role, with the same past. */
function everyRole(): [string, Cluster][] {
  const make = (): Cluster => {
    const past = restored({ term: 3, vote: null }, 1, 2, 3)
    return new Cluster({ voters: THREE, running: ['a'], restored: { a: past } })
  }
  const precandidate = make()
  precandidate.fire('a', 'election')
  const candidate = make()
  candidate.fire('a', 'election')
  candidate.receive('a', 'b', { type: 'preVoteReply', term: 4, granted: true })
  const leader = make()
  leader.fire('a', 'election')
  leader.receive('a', 'b', { type: 'preVoteReply', term: 4, granted: true })
  leader.receive('a', 'b', { type: 'voteReply', term: 4, granted: true })
  const follower = make()
  return Object.entries({ follower, precandidate, candidate, leader })
}

/** All of the state, but when it last woke up. */
function bytesOf(state: State): Uint8Array {
  const { raft } = state
  return canonical(journal, { ...state, raft: { ...raft, timers: { ...raft.timers, nowMs: 0 } } })
}

/** Each of `bad` is refused by a node in any role, and changes nothing at all. */
function refuses(reason: MessageProblem, bad: readonly Message[], from = 'b'): void {
  for (const [role, cluster] of everyRole()) {
    for (const message of bad) {
      const before = bytesOf(cluster.member('a').state)
      const effects = cluster.receive('a', from, message)
      const trace = { type: 'refused', from, reason } as const
      assert.equal(effects, [{ type: 'trace', trace }], `${role} ${message.type}`)
      assert.equal(bytesOf(cluster.member('a').state), before, `${role} ${message.type}`)
      assert.is(cluster.raft('a').role, role)
    }
  }
}

function oneOfEach(term: number): Message[] {
  const ends = { lastIndex: 9, lastTerm: 9 }
  return [
    { type: 'preVoteRequest', term, ...ends },
    { type: 'preVoteReply', term, granted: true },
    { type: 'preVoteReply', term, granted: false },
    { type: 'voteRequest', term, ...ends, transfer: false },
    { type: 'voteReply', term, granted: true },
    appendRequest({ term }),
    appendAccepted(term, 1),
    appendRejected({ term, prevIndex: 1 }),
    whole({ term }),
    { type: 'snapshotReply', term, round: 0, index: 1, offset: 0 },
    { type: 'timeoutNow', term },
    { type: 'readRequest', term, id: 1 },
    { type: 'readReply', term, id: 1, index: 1 },
    { type: 'forwardRequest', term, id: 1, payload: Uint8Array.of(1, 65) },
    { type: 'forwardReply', term, id: 1, outcome: { type: 'unknown' } },
  ]
}

function whole(part: Partial<SnapshotRequest> = {}): SnapshotRequest {
  const bytes = journal.encodeSnapshot(journal.initial())
  const membership = foundedBy(THREE)
  const bytesCount = bytes.length
  const snapshot = { index: 9, term: 3, stampMs: 0, membership, version: 1, bytesCount }
  return { type: 'snapshotRequest', term: 5, round: 0, snapshot, offset: 0, bytes, ...part }
}

test('fromSelf: every kind of message: refused', () => {
  refuses('fromSelf', oneOfEach(5), 'a')
})

test('termTooFar: every kind of message: refused, and its term is not taken over', () => {
  refuses('termTooFar', oneOfEach(Number.MAX_SAFE_INTEGER))
  refuses('termTooFar', oneOfEach(5 + 2 ** 32))
})

test('termTooFar: as far as elections could bring it: is taken over', () => {
  const [[, cluster]] = everyRole() as [[string, Cluster]]
  cluster.receive('a', 'b', appendAccepted(3 + 2 ** 32, 1))
  assert.is(cluster.raft('a').term, 3 + 2 ** 32)
})

test('badEntries: falling terms or stamps, of a later term than the message, members that are \
none', () => {
  const at = { term: 5, prevIndex: 3, prevTerm: 3 }
  const garbage = { term: 5, stampMs: 0, kind: 'membership', payload: Uint8Array.of(9) } as const
  const nobody = { ...garbage, payload: Uint8Array.of(0, 0, 0) }
  refuses('badEntries', [
    appendRequest({ ...at, entries: entries(5, 4) }),
    appendRequest({ ...at, entries: entries(2) }),
    appendRequest({ ...at, entries: [entry(5, 'x', 10), entry(5, 'y', 9)] }),
    appendRequest({ ...at, entries: entries(6) }),
    appendRequest({ term: 5, prevIndex: 3, prevTerm: 6 }),
    appendRequest({ ...at, entries: [garbage] }),
    appendRequest({ ...at, entries: [nobody] }),
  ])
})

test('badSnapshot: a chunk beyond its size, or a last entry of a later term than the \
leader', () => {
  const good = whole()
  const { snapshot, bytes } = good
  refuses('badSnapshot', [
    whole({ offset: 1 }),
    whole({ offset: bytes.length + 1, bytes: new Uint8Array(0) }),
    whole({ snapshot: { ...snapshot, bytesCount: bytes.length - 1 } }),
    whole({ snapshot: { ...snapshot, term: 6 } }),
  ])
})

test('badSnapshot: complete, and nothing that the machine can read: the log and state stay', () => {
  for (const [role, cluster] of everyRole()) {
    const bytes = Uint8Array.of(0xff)
    const { snapshot } = whole()
    const before = cluster.member('a').state
    const message = whole({ bytes, snapshot: { ...snapshot, bytesCount: 1 } })
    const effects = cluster.receive('a', 'b', message)
    const told = only(effects, 'trace').map(({ trace }) => trace)
    assert.equal(told.at(-1), { type: 'refused', from: 'b', reason: 'badSnapshot' }, role)
    const { raft, machine, applied } = cluster.member('a').state
    assert.equal([raft.log, raft.commit, raft.snapshot, raft.incoming, machine, applied], [
      before.raft.log, before.raft.commit, null, null, before.machine, before.applied,
    ])
  }
})

test('neverSent: a leader is told of entries or a round that it never sent: nothing', () => {
  const [, , , [, cluster]] = everyRole() as [string, Cluster][] as [0, 0, 0, [string, Cluster]]
  const before = bytesOf(cluster.member('a').state)
  const bad = [appendAccepted(4, 5), appendAccepted(4, 2 ** 40), appendRejected({
    term: 4, prevIndex: 5, hintIndex: 5, hintTerm: 4,
  }), appendAccepted(4, 0, 99), appendRejected({ term: 4, round: 99 })]
  for (const message of bad) {
    const effects = cluster.receive('a', 'b', message)
    const trace = { type: 'refused', from: 'b', reason: 'neverSent' } as const
    assert.equal(effects, [{ type: 'trace', trace }])
    assert.equal(bytesOf(cluster.member('a').state), before)
  }
})

test('olderSnapshot: takes nothing back; it is a sign of life of the leader all the same', () => {
  const cluster = new Cluster({ voters: THREE, running: ['a'] })
  cluster.receive('a', 'b', appendRequest({ term: 3, commit: 3, entries: entries(1, 2, 3) }))
  const before = cluster.member('a').state
  const { snapshot } = whole()
  const effects = cluster.receive('a', 'b', whole({
    term: 3, snapshot: { ...snapshot, index: 2, term: 2 },
  }))
  const told = only(effects, 'trace').map(({ trace }) => trace)
  assert.equal(told, [{ type: 'refused', from: 'b', reason: 'olderSnapshot' }])
  assert.equal(messages(effects), [appendAccepted(3, 3)])
  const after = cluster.member('a').state
  const { timers } = before.raft
  const still = { ...after, raft: { ...after.raft, timers } }
  assert.equal(canonical(journal, still), canonical(journal, before))
})

test('strangers: answers of nodes that are no members: change nothing at a leader', () => {
  const [, , , [, cluster]] = everyRole() as [0, 0, 0, [string, Cluster]]
  const before = bytesOf(cluster.member('a').state)
  const answers: Message[] = [
    appendAccepted(4, 4),
    appendRejected({ term: 4, prevIndex: 3 }),
    { type: 'snapshotReply', term: 4, round: 0, index: 1, offset: 0 },
    { type: 'voteReply', term: 4, granted: true },
  ]
  for (const message of answers) {
    assert.equal(cluster.receive('a', 'x', message), [])
    assert.equal(bytesOf(cluster.member('a').state), before, message.type)
  }
})

test('stale: every kind of message of an earlier term: leaves all but answers as it was', () => {
  for (const [role, cluster] of everyRole()) {
    const before = bytesOf(cluster.member('a').state)
    for (const message of oneOfEach(2)) {
      const snapshot = message.type === 'snapshotRequest'
      const effects = cluster.receive('a', 'b', snapshot ? whole({
        term: 2, snapshot: { ...message.snapshot, term: 1 },
      }) : message)
      // A pre-vote that is granted says nothing of its giver's term: it is no answer to ours.
      assert.equal(only(effects, 'persist'), [], `${role} ${message.type}`)
      assert.equal(bytesOf(cluster.member('a').state), before, `${role} ${message.type}`)
    }
  }
})

test('broken: two leaders in one term, or one that denies what is committed: stops the \
node', () => {
  const cluster = new Cluster({ voters: THREE, running: ['a'] })
  cluster.receive('a', 'b', appendRequest({ term: 3, commit: 2, entries: entries(1, 2, 3) }))
  const breaks: [string, Message][] = [
    ['c', appendRequest({ term: 3 })],
    ['c', whole({ term: 3 })],
    ['b', appendRequest({ term: 3, prevIndex: 2, prevTerm: 1 })],
    ['b', appendRequest({ term: 3, prevIndex: 1, prevTerm: 1, entries: entries(3) })],
  ]
  for (const [from, message] of breaks) {
    assert.throws(() => cluster.receive('a', from, message), (error: Error) => {
      return error.name === 'InvariantError'
    })
  }
  const [, , , [, leader]] = everyRole() as [0, 0, 0, [string, Cluster]]
  assert.throws(() => leader.receive('a', 'b', appendRequest({ term: 4 })))
})

test.run()
