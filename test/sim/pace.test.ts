// A world that never rests is told from one that is busy.

import * as assert from 'uvu/assert'
import { Pace, PACE_ORACLES } from '../../sim/pace.ts'
import { suite } from '../harness.ts'

const test = suite('sim/pace')

/** What two clients may do in a second. */
const BUSY = 20_000

function events(pace: Pace, count: number, timeUs: number): void {
  for (let event = 0; event < count; event++) pace.event(timeUs)
}

test('pace: a busy second, and the next one: nothing is said', () => {
  const evaluated: string[] = []
  const pace = new Pace(2, (oracle) => evaluated.push(oracle))
  events(pace, BUSY, 999_999)
  events(pace, BUSY, 1_000_000)
  assert.equal(evaluated, PACE_ORACLES)
})

test('pace: more within a second than anybody does who rests: a violation', () => {
  const pace = new Pace(2, () => {})
  events(pace, BUSY, 2_500_000)
  assert.throws(() => pace.event(2_999_999), /^20001 events within second 2: somebody never rests$/)
})

test.run()
