// What a disk is known to hold, and what a node may find on it after a crash: exactly that.

import * as assert from 'uvu/assert'
import type { Entry } from '../../core/raft/message.ts'
import { DurableView } from '../../sim/durable.ts'
import type { Recovered } from '../../storage/recovery.ts'
import { suite } from '../harness.ts'
import { entry, persistEntries, persistHardState } from '../storage/support.ts'

const test = suite('sim/durable')

/** Term 1 and two entries are durable; then a vote and a third entry were written. */
function view(): DurableView {
  const durable = new DurableView()
  durable.issue(persistHardState(1, { term: 1, vote: null }))
  durable.issue(persistEntries(2, 1, entry(1, 1), entry(1, 2)))
  durable.reported(2)
  durable.issue(persistHardState(3, { term: 2, vote: '1' }))
  durable.issue(persistEntries(4, 3, entry(2, 3)))
  return durable
}

function disk(term: number, vote: string | null, ...entries: Entry[]): Recovered {
  return { hardState: { term, vote }, entries, tornBytes: 0, records: 0 }
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

test.run()
