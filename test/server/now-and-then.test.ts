// Counts that are told at once, and then together.

import * as assert from 'uvu/assert'
import { nowAndThen } from '../../server/now-and-then.ts'
import { suite } from '../harness.ts'
import { until } from '../support/until.ts'

const test = suite('now and then')

test('now and then: many counts: the first at once, the others together', async () => {
  const told: number[] = []
  const count = nowAndThen(20, (sum) => told.push(sum))
  count(2)
  assert.equal(told, [2])
  for (let more = 0; more < 5; more += 1) count(3)
  assert.equal(told, [2])
  await until('the others are told', () => (told.length === 2 ? true : undefined))
  assert.equal(told, [2, 15])
  await until('the pause is over', () => {
    if (told.length === 2) count(1)
    return told.length === 3 ? true : undefined
  })
  assert.ok((told[2] as number) >= 1)
})

test.run()
