// What is said while no node answers.

import * as assert from 'uvu/assert'
import { Outage } from '../../cli/outage.ts'
import { suite } from '../harness.ts'

const test = suite('cli/outage')

test('outage: both nodes do not answer: said once, then after longer pauses', () => {
  const outage = new Outage(['a', 'b', 'a'])
  assert.is(outage.failed('a', 'refused', 0), null)
  assert.is(outage.answered('b'), null)
  assert.is(outage.failed('a', 'refused', 500), null)
  const said: number[] = []
  for (let ms = 1_000; ms < 200_000; ms += 500) {
    const what = outage.failed(ms % 1_000 === 0 ? 'b' : 'a', 'refused', ms)
    if (what === null) continue
    assert.is(what, 'no node answers: a: refused; b: refused')
    said.push(ms)
  }
  assert.equal(said, [1_000, 11_000, 31_000, 71_000, 151_000])
})

test('outage: other reasons: said at once, and each but once', () => {
  const outage = new Outage(['a'])
  assert.is(outage.failed('a', 'refused', 0), 'no node answers: a: refused')
  assert.is(outage.failed('a', 'reset', 500), 'no node answers: a: reset')
  assert.is(outage.failed('a', 'refused', 1_000), null)
  assert.is(outage.failed('a', 'reset', 1_500), null)
})

test('outage: over: said if it was told of, and the next one is news', () => {
  const outage = new Outage(['a'])
  assert.is(outage.answered('a'), null)
  outage.failed('a', 'refused', 0)
  assert.is(outage.answered('a'), 'a answers again')
  assert.is(outage.answered('a'), null)
  assert.is(outage.failed('a', 'refused', 500), 'no node answers: a: refused')
})

test.run()
