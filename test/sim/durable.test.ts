// What a disk is known to hold, and what a node may find on it after a crash: exactly that.

import * as assert from 'uvu/assert'
import type { Entry } from '../../core/raft/message.ts'
import { NOTHING_RESTORED } from '../../core/raft/state.ts'
import { DurableView } from '../../sim/durable.ts'
import type { Recovered } from '../../storage/recovery.ts'
import { suite } from '../harness.ts'
import { baseAt, entry, persistCheckpoint } from '../storage/support.ts'
import { persistEntries, persistHardState, snapshotAt } from '../storage/support.ts'
import { members, membershipEntry } from './support.ts'

const test = suite('sim/durable')
const FOUNDERS = ['0', '1', '2']

/** Term 1 and two entries are durable; then a vote and a third entry were written. */
function view(): DurableView {
  const durable = new DurableView(FOUNDERS)
  durable.issue(persistHardState(1, { term: 1, vote: null }))
  durable.issue(persistEntries(2, 1, entry(1, 1), entry(1, 2)))
  durable.reported(2)
  durable.issue(persistHardState(3, { term: 2, vote: '1' }))
  durable.issue(persistEntries(4, 3, entry(2, 3)))
  return durable
}

function disk(term: number, vote: string | null, ...entries: Entry[]): Recovered {
  return { ...NOTHING_RESTORED, hardState: { term, vote }, entries, tornBytes: 0, records: 0 }
}

const [one, two, three] = [entry(1, 1), entry(1, 2), entry(2, 3)]
const REPORTED = disk(1, null, one, two)
const VOTED = disk(2, '1', one, two)
const ALL = disk(2, '1', one, two, three)

test('durable: the disk lost something: what was reported must be found, the rest in order', () => {
  for (const found of [REPORTED, VOTED, ALL]) {
    const durable = view()
    durable.crashed(true)
    assert.is(durable.found(found), null)
  }
})

test('durable: the disk lost nothing: all that was written must be found', () => {
  const durable = view()
  durable.crashed(false)
  assert.is(durable.found(ALL), null)
  for (const found of [REPORTED, VOTED]) {
    const missing = view()
    missing.crashed(false)
    assert.match(missing.found(found) ?? '', /after writing term 2, vote 1 and 3 entries$/)
  }
})

const wrong: readonly (readonly [string, Recovered])[] = [
  ['a reported entry is gone', disk(1, null, one)],
  ['nothing is left', disk(0, null)],
  ['a later record without the earlier', disk(1, null, one, two, three)],
  ['more than was ever written', disk(2, '1', one, two, three, three)],
  ['another term', disk(3, '1', one, two, three)],
  ['another vote', disk(2, '2', one, two, three)],
  ['no vote', disk(2, null, one, two, three)],
  ['an entry of another payload', disk(2, '1', one, entry(1, 9), three)],
  ['an entry of another length', disk(2, '1', one, entry(1, 2, 0), three)],
  ['an entry of another kind', disk(2, '1', one, { ...two, kind: 'noop' }, three)],
  ['an entry of another stamp', disk(2, '1', one, { ...two, stampMs: 11 }, three)],
  ['an entry of another term', disk(2, '1', one, { ...two, term: 2 }, three)],
]

for (const [what, found] of wrong) {
  test(`durable: ${what}: is said, whether or not the disk lost something`, () => {
    for (const isLossy of [true, false]) {
      const durable = view()
      durable.crashed(isLossy)
      assert.match(durable.found(found) ?? '', /^found term \d, vote /)
    }
  })
}

test('durable: found, not yet opened, and another crash: it may all be lost again', () => {
  const durable = view()
  durable.crashed(false)
  assert.is(durable.found(ALL), null)
  durable.crashed(true)
  assert.is(durable.found(REPORTED), null)
  assert.is(durable.lastIndex, 2)
})

test('durable: found and opened: is durable, and must be found again', () => {
  const durable = view()
  durable.crashed(true)
  assert.is(durable.found(VOTED), null)
  durable.opened()
  assert.equal([durable.term, durable.vote, durable.votes.get(2)], [2, '1', '1'])
  durable.crashed(true)
  assert.match(durable.found(REPORTED) ?? '', /^found term 1, vote null and 2 entries, after/)
})

/** After the two entries and a third, a checkpoint: a snapshot at 2, and the log behind 1. */
function compacted(): DurableView {
  const durable = view()
  durable.issue(persistCheckpoint(5, snapshotAt(2, 1, 7), baseAt(1, 1), two, three))
  return durable
}

const AFTER: Recovered = {
  ...disk(2, '0', two, three),
  snapshot: snapshotAt(2, 1, 7),
  base: baseAt(1, 1),
}

test('durable: a checkpoint that was written: found as a whole, or not at all', () => {
  for (const found of [REPORTED, VOTED, ALL, AFTER]) {
    const durable = compacted()
    durable.crashed(true)
    assert.is(durable.found(found), null)
  }
})

const notAfter: readonly (readonly [string, Recovered])[] = [
  ['without its entries', { ...AFTER, entries: [] }],
  ['with the entries of before', { ...AFTER, entries: [one, two, three] }],
  ['without its snapshot', { ...AFTER, snapshot: null }],
  ['with a snapshot of other bytes', { ...AFTER, snapshot: snapshotAt(2, 1, 8) }],
  ['with a snapshot of another index', { ...AFTER, snapshot: snapshotAt(3, 1, 7) }],
  ['behind another base', { ...AFTER, base: baseAt(2, 1) }],
  ['behind a base of another term', { ...AFTER, base: { ...baseAt(1, 1), term: 0 } }],
  ['in the hard state of before', { ...AFTER, hardState: { term: 2, vote: '1' } }],
]

for (const [what, found] of notAfter) {
  test(`durable: a checkpoint found ${what}: is said`, () => {
    for (const isLossy of [true, false]) {
      const durable = compacted()
      durable.crashed(isLossy)
      assert.match(durable.found(found) ?? '', /^found term 2, vote . and \d entries/)
    }
  })
}

test('durable: a checkpoint was reported: what it replaced must not be found any more', () => {
  const durable = compacted()
  const became = durable.reported(5)
  assert.equal(became, { replaced: [], votedTwiceIn: 2 }, 'the helper votes for itself')
  assert.equal([durable.base.index, durable.lastIndex, durable.lastTerm], [1, 3, 2])
  durable.crashed(true)
  assert.match(durable.found(ALL) ?? '', /^found term 2, vote 1 and 3 entries, .* behind 1$/)
  assert.is(durable.found(AFTER), null)
})

test('durable: what it holds: entries behind the base, and all that the snapshot covers', () => {
  const durable = compacted()
  durable.reported(5)
  const held = [1, 2, 3].map((index) => durable.holds(index, index < 3 ? 1 : 2))
  assert.equal(held, [true, true, true])
  assert.is(durable.holds(2, 2), false, 'another term')
  assert.is(durable.holds(3, 1), false, 'another term')
  assert.is(durable.holds(4, 2), false, 'behind the end')
  assert.is(durable.holds(1, 9), true, 'it is dropped, and what is dropped was committed')
})

test('durable: a checkpoint in the place of entries: only those it does not cover are gone', () => {
  const gone = (index: number, ...entries: Entry[]): unknown => {
    const durable = view()
    durable.reported(4)
    durable.issue(persistCheckpoint(5, snapshotAt(index, 2), baseAt(index, 2), ...entries))
    return durable.reported(5).replaced
  }
  assert.equal(gone(3), [])
  assert.equal(gone(9), [])
  assert.equal(gone(2), [{ term: 2, index: 3 }])
  assert.equal(gone(2, three), [])
  assert.equal(gone(2, entry(3, 3)), [{ term: 2, index: 3 }])
})

test('durable: members: of the founding, of entries, of the snapshot, of entries behind it', () => {
  const durable = new DurableView(FOUNDERS)
  assert.equal(durable.membership, members('012'))
  const joint = members('01', '012')
  durable.issue(persistEntries(1, 1, one, membershipEntry(1, joint), two))
  assert.equal(durable.membership, members('012'), 'it is not durable yet')
  durable.reported(1)
  assert.equal(durable.membership, joint)
  assert.equal(durable.memberships, [
    { index: 0, membership: members('012') },
    { index: 2, membership: joint },
  ])
  durable.issue(persistEntries(2, 2, two))
  durable.reported(2)
  assert.equal(durable.membership, members('012'), 'the entry was cut off')
  const named = { ...snapshotAt(3, 1), membership: joint }
  // What the snapshot covers is in the log as well, and in the snapshot already.
  const kept = [membershipEntry(1, members('012')), membershipEntry(2, members('01'))]
  durable.issue(persistCheckpoint(3, named, baseAt(2, 1), ...kept))
  durable.reported(3)
  assert.equal(durable.membership, members('01'))
  assert.equal(durable.memberships, [
    { index: 3, membership: joint },
    { index: 4, membership: members('01') },
  ])
})

test.run()
