// The judgement of registers whose values are written once against the definition.

import * as assert from 'uvu/assert'
import type { Operation } from '../../checker/history.ts'
import { casRegister, register } from '../../checker/models/register.ts'
import type { RegisterInput, RegisterOutput } from '../../checker/models/register.ts'
import { judgeUniqueRegister } from '../../checker/register-monitor.ts'
import { suite } from '../harness.ts'
import { chanceOf } from './chance.ts'
import type { Chance } from './chance.ts'
import { compareMonitor } from './compare-monitor.ts'
import { drawHistory, type Drawing } from './draw-history.ts'
import { isLinearizable, orderProblem } from './naive-search.ts'

const test = suite('register monitor')

type RegisterOperation = Operation<RegisterInput, RegisterOutput>

function draw(chance: Chance): RegisterOperation[] {
  const lanes = Array.from({ length: 1 + chance.below(4) }, (_, process) => ({ process, at: 0 }))
  const history: RegisterOperation[] = []
  let value = 0
  for (let left = 2 + chance.below(6); left > 0; left--) {
    const lane = chance.pick(lanes)
    const call = lane.at + chance.below(4)
    lane.at = call + chance.below(6)
    const { process } = lane
    const isWrite = chance.percent(45)
    const input: RegisterInput = isWrite ? { type: 'write', value: ++value } : { type: 'read' }
    if (chance.percent(15)) {
      history.push({ process, input, call, return: Infinity, outcome: 'info' })
      lane.process = 10 + history.length
      continue
    }
    const seen = chance.below(value + 2)
    const output = isWrite ? true : seen === 0 ? null : seen
    history.push({ process, input, call, return: lane.at, outcome: 'ok', output })
  }
  return history
}

test('register monitor: random histories: every verdict as by definition', () => {
  const seen = { ordered: 0, conflict: 0 }
  for (let seed = 1; seed <= 20_000; seed++) {
    const history = draw(chanceOf(seed))
    const judged = judgeUniqueRegister(history, null)
    const said = `seed ${seed}: ${JSON.stringify(history)}`
    assert.ok(judged !== null)
    assert.is(judged.type, isLinearizable(register, history) ? 'ordered' : 'conflict', said)
    seen[judged.type] += 1
    if (judged.type === 'ordered') {
      assert.is(orderProblem(register, history, judged.order), null, said)
    } else {
      const { operations } = judged
      assert.ok(operations.length > 0 && operations.length <= 6)
    }
  }
  assert.ok(seen.ordered > 2_000 && seen.conflict > 2_000, JSON.stringify(seen))
})

/** Writes and swaps to values that all differ. */
const drawing: Drawing<number, RegisterInput, RegisterOutput> = {
  initial: 0,
  ask: (chance, _, index) => {
    if (chance.percent(45)) return { type: 'read' }
    if (chance.percent(35)) return { type: 'write', value: index + 1 }
    const from = chance.percent(90) ? index - chance.below(4) : index + chance.below(3)
    return { type: 'cas', from: Math.max(0, from), to: index + 1 }
  },
  run: (value, input) => {
    if (input.type === 'read') return [value, value]
    if (input.type === 'write') return [input.value as number, true]
    return input.from === value ? [input.to as number, true] : null
  },
  lie: (chance, { type }, told) => {
    return type === 'read' ? chance.pick([0, 1, 99, ...told.filter(Number.isInteger)]) : true
  }
}

test('register monitor: with cas: every verdict as by definition', () => {
  const model = casRegister({ initial: 0 })
  for (const operationsMax of [7, 14]) {
    const draw = (chance: Chance): RegisterOperation[] => {
      return drawHistory(drawing, chance, operationsMax)
    }
    const compared = compareMonitor(model, draw, { from: 1, to: 6_000 })
    assert.ok(compared.ordered > 1_000 && compared.conflict > 1_000, JSON.stringify(compared))
    assert.is(compared.none, 0)
  }
})

test('register monitor: a value that is written twice: no judgement', () => {
  const write = (process: number): RegisterOperation => {
    const input = { type: 'write', value: 1 } as const
    return { process, input, call: process, return: 5, outcome: 'ok', output: true }
  }
  assert.is(judgeUniqueRegister([write(0), write(1)], null), null)
  assert.is(judgeUniqueRegister([write(0)], 1), null)
  const cas = { ...write(0), input: { type: 'cas', from: 1, to: 2 } as const, output: false }
  assert.is(judgeUniqueRegister([cas], 1), null)
})

test.run()
