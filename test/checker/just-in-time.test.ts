// The search breadth first against the definition, and on histories that search depth first is
// lost in: many unanswered operations, and nothing that explains an answer.

import * as assert from 'uvu/assert'
import type { Operation } from '../../checker/history.ts'
import { searchJustInTime } from '../../checker/just-in-time.ts'
import type { Model } from '../../checker/model.ts'
import { register } from '../../checker/models/register.ts'
import type { RegisterInput, RegisterOutput, RegisterState } from '../../checker/models/register.ts'
import { suite } from '../harness.ts'
import { chanceOf } from './chance.ts'
import type { Chance } from './chance.ts'
import { isLinearizable, orderProblem } from './naive-search.ts'

const test = suite('just in time')

type RegisterOperation = Operation<RegisterInput, RegisterOutput>

const observing: Model<RegisterState, RegisterInput, RegisterOutput> = {
  ...register,
  isObserver: ({ type }, output) => type === 'read' || (type === 'cas' && output === false),
}

const overwriting: Model<RegisterState, RegisterInput, RegisterOutput> = {
  ...observing,
  isOverwrite: ({ type }) => type === 'write',
}

const blind: Model<RegisterState, RegisterInput, RegisterOutput> = {
  ...register,
  isObserver: () => false,
}

/** Histories of few values, so that both verdicts are common. */
function drawHistory(chance: Chance, operationsMax: number): RegisterOperation[] {
  const history: RegisterOperation[] = []
  const lanes = Array.from({ length: 1 + chance.below(4) }, (_, process) => ({ process, at: 0 }))
  const count = 2 + chance.below(operationsMax - 1)
  for (let index = 0; index < count; index++) {
    const lane = chance.pick(lanes)
    const call = lane.at + chance.below(4)
    const answered = call + chance.below(6)
    lane.at = answered
    const value = chance.below(3)
    const read = { type: 'read' } as const
    const write = { type: 'write', value } as const
    const cas = { type: 'cas', from: value, to: chance.below(3) } as const
    const input = chance.pick<RegisterInput>([read, read, write, cas])
    const output = input.type === 'cas' ? chance.percent(50) : chance.pick([0, 1, 2, null])
    const asked = { process: lane.process, input, call }
    if (chance.percent(25)) {
      history.push({ ...asked, return: Infinity, outcome: 'info' })
      lane.process = lanes.length + index
    } else history.push({ ...asked, return: answered, output, outcome: 'ok' })
  }
  return history
}

for (const [what, model] of Object.entries({ observing, overwriting, blind })) {
  test(`just in time: random histories, ${what}: every verdict as by definition`, () => {
    const seen = { ordered: 0, stuck: 0, unanswered: 0 }
    for (let seed = 1; seed <= 6_000; seed++) {
      const history = drawHistory(chanceOf(seed), 7)
      const result = searchJustInTime(model, history, { stepsMax: 1_000_000 })
      const expected = isLinearizable(model, history) ? 'ordered' : 'stuck'
      assert.is(result.type, expected, `seed ${seed}: ${JSON.stringify(history)}`)
      if (result.type === 'limit') continue
      seen[result.type] += 1
      if (result.type !== 'ordered') continue
      assert.is(orderProblem(model, history, result.order), null, `seed ${seed}`)
      if (result.order.some(({ outcome }) => outcome === 'info')) seen.unanswered += 1
    }
    const { ordered, stuck, unanswered } = seen
    assert.ok(ordered > 1_000 && stuck > 1_000 && unanswered > 100, JSON.stringify(seen))
  })
}

test.run()
