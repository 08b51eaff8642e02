// What counts as a history.

import * as assert from 'uvu/assert'
import { malformedReason, type Operation } from '../../checker/history.ts'
import { suite } from '../harness.ts'
import { chanceOf } from './chance.ts'

const test = suite('history')

const input = { type: 'read' }
const ok = (process: number, call: number, answered: number): Operation => {
  return { process, input, call, return: answered, outcome: 'ok', output: 1 }
}

test('history: sequential processes, in any order of recording: well-formed', () => {
  assert.is(malformedReason([]), null)
  assert.is(malformedReason([ok(0, 5, 9), ok(1, 0, 7), ok(0, 0, 5), ok(0, 9, 9)]), null)
})

test('history: a process asks before its last answer: malformed', () => {
  const reason = 'process 0 asks at 4, before its last answer at 5'
  assert.is(malformedReason([ok(0, 0, 5), ok(0, 4, 9)]), reason)
  assert.is(malformedReason([ok(0, 4, 9), ok(1, 0, 3), ok(0, 0, 5)]), reason)
})

test('history: a process asks after it gave up: well-formed, whatever the return says', () => {
  const info: Operation = { process: 0, input, call: 0, return: Infinity, outcome: 'info' }
  assert.is(malformedReason([info, ok(0, 1, 2)]), null)
  assert.is(malformedReason([{ ...info, return: 7 }, ok(0, 1, 2)]), null)
})

test('history: an operation that failed: keeps its process busy until its return', () => {
  const fail: Operation = { process: 0, input, call: 0, return: 3, outcome: 'fail' }
  assert.is(malformedReason([fail, ok(0, 3, 4)]), null)
  assert.ok(malformedReason([fail, ok(0, 2, 4)]) !== null)
})

test('history: instants that are none, or in the wrong order: malformed', () => {
  assert.is(malformedReason([ok(0, 5, 4)]), 'process 0 asks at 5 and is answered at 4')
  assert.is(malformedReason([ok(0, 5, NaN)]), 'process 0 asks at 5 and is answered at NaN')
  assert.is(malformedReason([ok(0, NaN, 4)]), 'process 0 asks at NaN, which is no instant')
  assert.is(
    malformedReason([ok(3, 5, Infinity)]),
    'process 3 asks at 5 with outcome ok, but has no answer'
  )
})

test('history: random operations: the same is said of them in any order', () => {
  const seen = { right: 0, wrong: 0 }
  for (let seed = 1; seed <= 3_000; seed++) {
    const chance = chanceOf(seed)
    const history = Array.from({ length: 2 + chance.below(3) }, (): Operation => {
      const call = chance.below(6)
      const asked = { process: chance.below(2) - 1, input, call }
      if (chance.percent(60)) return { ...asked, return: call + chance.below(3), outcome: 'ok' }
      return { ...asked, return: chance.pick([call + 2.5, Infinity]), outcome: 'info' }
    })
    const isRight = malformedReason(history) === null
    for (const order of [history.toReversed(), history.toSorted((a, b) => a.call - b.call)]) {
      assert.is(malformedReason(order) === null, isRight, `seed ${seed}`)
    }
    seen[isRight ? 'right' : 'wrong'] += 1
  }
  assert.ok(seen.right > 400 && seen.wrong > 400, JSON.stringify(seen))
})

test.run()
