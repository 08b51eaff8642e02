// Answers that nothing can have led to: never found where the definition knows an order.

import * as assert from 'uvu/assert'
import type { Operation } from '../../checker/history.ts'
import { register } from '../../checker/models/register.ts'
import type { RegisterInput, RegisterOutput } from '../../checker/models/register.ts'
import { findOutOfReach } from '../../checker/out-of-reach.ts'
import { suite } from '../harness.ts'
import { chanceOf } from './chance.ts'
import type { Chance } from './chance.ts'
import { isLinearizable } from './naive-search.ts'

const test = suite('out of reach')

type RegisterOperation = Operation<RegisterInput, RegisterOutput>

const read = { type: 'read' } as const

function draw(chance: Chance): RegisterOperation[] {
  const history: RegisterOperation[] = []
  const lanes = Array.from({ length: 1 + chance.below(4) }, (_, process) => ({ process, at: 0 }))
  for (let left = 2 + chance.below(6); left > 0; left--) {
    const lane = chance.pick(lanes)
    const call = lane.at + chance.below(3)
    const answered = call + chance.below(4)
    lane.at = answered
    const value = chance.below(3)
    const cas = { type: 'cas', from: value, to: chance.below(3) } as const
    const input = chance.pick<RegisterInput>([read, { type: 'write', value }, cas])
    const output = input.type === 'cas' ? chance.percent(70) : chance.pick([0, 1, 2, null])
    const asked = { process: lane.process, input, call }
    if (chance.percent(10)) {
      history.push({ ...asked, return: Infinity, outcome: 'info' })
      lane.process = 100 + left
    } else history.push({ ...asked, return: answered, output, outcome: 'ok' })
  }
  return history
}

test('out of reach: random histories: what is found has no order', () => {
  let found = 0
  let right = 0
  for (let seed = 1; seed <= 8_000; seed++) {
    const history = draw(chanceOf(seed))
    const isRight = isLinearizable(register, history)
    if (isRight) right += 1
    const conflict = findOutOfReach(register, history)
    if (conflict === null) continue
    found += 1
    assert.is(isRight, false, `seed ${seed}: ${JSON.stringify(history)}`)
  }
  assert.ok(found > 1_000 && right > 1_000, `${found} found, ${right} right`)
})

function ok(
  process: number,
  call: number,
  end: number,
  input: RegisterInput,
  output: RegisterOutput = true,
): RegisterOperation {
  return { process, call, return: end, input, output, outcome: 'ok' }
}

test('out of reach: the read, and the write after which nothing led back', () => {
  const one = ok(0, 0, 10, { type: 'write', value: 1 })
  const two = ok(0, 20, 30, { type: 'write', value: 2 })
  const stale = ok(1, 31, 40, read, 1)
  assert.equal(findOutOfReach(register, [one, two, stale])?.operations, [stale, two])
  assert.is(findOutOfReach(register, [one, two, ok(1, 30, 40, read, 1)]), null)
  assert.is(findOutOfReach(register, [ok(0, 0, 20, one.input), two, stale]), null)
  assert.is(findOutOfReach(register, [{ ...one, outcome: 'info' }, two, stale]), null)
  const nobody = ok(1, 0, 9, read, 7)
  assert.equal(findOutOfReach(register, [one, nobody])?.operations, [nobody])
})

test.run()
