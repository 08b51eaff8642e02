// The generic search against the definition, and what its verdicts say.

import * as assert from 'uvu/assert'
import { malformedReason, type Operation } from '../../checker/history.ts'
import { linearize } from '../../checker/linearize.ts'
import type { Model } from '../../checker/model.ts'
import { register, type RegisterInput, type RegisterOutput } from '../../checker/models/register.ts'
import { suite } from '../harness.ts'
import { chanceOf, type Chance } from './chance.ts'
import { isLinearizable, orderProblem } from './naive-search.ts'

const test = suite('linearize')

/** A register that only a search judges. */
const { judge: _, isOverwrite: __, ...searched } = register

type RegisterOperation = Operation<RegisterInput, RegisterOutput>

const read = { type: 'read' } as const
const write = (value: number): RegisterInput => ({ type: 'write', value })
const cas = (from: number, to: number): RegisterInput => ({ type: 'cas', from, to })

function ok(
  process: number,
  call: number,
  answered: number,
  input: RegisterInput,
  output: RegisterOutput = true
): RegisterOperation {
  return { process, call, return: answered, input, output, outcome: 'ok' }
}

function info(process: number, call: number, input: RegisterInput): RegisterOperation {
  return { process, call, return: Infinity, input, outcome: 'info' }
}

function drawHistory(chance: Chance): RegisterOperation[] {
  const history: RegisterOperation[] = []
  const lanes = Array.from({ length: 1 + chance.below(4) }, (_, process) => ({ process, at: 0 }))
  const count = 2 + chance.below(5)
  for (let index = 0; index < count; index++) {
    const lane = chance.pick(lanes)
    const call = lane.at + chance.below(4)
    const answered = call + chance.below(6)
    lane.at = answered
    const { process } = lane
    const value = chance.below(3)
    const input = chance.pick([read, read, write(value), cas(value, chance.below(3))])
    const drawn = input.type === 'cas' ? chance.percent(50) : chance.pick([0, 1, 2, null])
    if (chance.percent(20)) {
      history.push(info(process, call, input))
      lane.process = lanes.length + index
    } else if (chance.percent(5)) {
      history.push({ process, call, return: answered, input, outcome: 'fail' })
    } else history.push(ok(process, call, answered, input, drawn))
  }
  return history
}

test('linearize: random register histories: every verdict as by definition', () => {
  const seen = { ok: 0, violation: 0, unknown: 0, unanswered: 0 }
  for (let seed = 1; seed <= 6000; seed++) {
    const history = drawHistory(chanceOf(seed))
    assert.is(malformedReason(history), null)
    const verdict = linearize(searched, history)
    const expected = isLinearizable(searched, history) ? 'ok' : 'violation'
    assert.is(verdict.verdict, expected, `seed ${seed}: ${JSON.stringify(history)}`)
    seen[verdict.verdict] += 1
    if (verdict.verdict !== 'ok') continue
    const order = verdict.order ?? []
    assert.is(orderProblem(searched, history, order), null, `seed ${seed}`)
    if (order.some(({ outcome }) => outcome === 'info')) seen.unanswered += 1
  }
  assert.ok(seen.ok > 1000 && seen.violation > 1000 && seen.unanswered > 100, JSON.stringify(seen))
})

/** A register per process parity: the smallest model with parts. */
const parities: typeof searched = {
  ...searched,
  partition: history => [0, 1].map(rest => history.filter(({ process }) => process % 2 === rest))
}

test('linearize: a model with parts: judged part by part, one order for all', () => {
  const seen = { ok: 0, violation: 0, unknown: 0 }
  for (let seed = 1; seed <= 1500; seed++) {
    const history = drawHistory(chanceOf(seed))
    const parts = parities.partition?.(history) ?? []
    const verdict = linearize(parities, history)
    const isGood = parts.every(part => isLinearizable(searched, part))
    assert.is(verdict.verdict, isGood ? 'ok' : 'violation', `seed ${seed}`)
    seen[verdict.verdict] += 1
    if (verdict.verdict !== 'ok') continue
    const order = verdict.order ?? []
    for (const part of parts) {
      const own = order.filter(one => part.some(other => other === one))
      assert.is(orderProblem(searched, part, own), null, `seed ${seed}`)
    }
    assert.is(orderProblem(anything, history, order), null, `seed ${seed}: merged order`)
  }
  assert.ok(seen.ok > 300 && seen.violation > 300, JSON.stringify(seen))
})

/** Accepts every answer: what is left of an order is real time. */
const anything: Model<number, RegisterInput, RegisterOutput> = {
  name: 'anything',
  init: () => 0,
  step: state => state,
  equal: () => true,
  describe: () => '',
  describeState: () => ''
}

test('linearize: a stale read: violation, with the operations and a sentence', () => {
  const history = [
    ok(0, 0, 10, write(1)),
    ok(0, 20, 30, write(2)),
    ok(1, 5, 25, read, 1),
    ok(1, 40, 50, read, 1)
  ]
  const verdict = linearize(searched, history)
  assert.equal(verdict, {
    verdict: 'violation',
    checked: 4,
    message:
      'No order explains read -> 1 (process 1, 40 to 50): the longest one places 3 operations, ' +
      'ends in the state register = 2, and cannot go on',
    operations: [history[1], history[3]]
  })
  assert.is(linearize(searched, history.with(3, ok(1, 30, 50, read, 2))).verdict, 'ok')
})

test('linearize: an unanswered write: may take effect at any time after its call, or never', () => {
  const history = [ok(0, 0, 1, write(1)), info(1, 5, write(2))]
  assert.is(linearize(searched, history).verdict, 'ok')
  assert.is(linearize(searched, [...history, ok(0, 90, 99, read, 2)]).verdict, 'ok')
  assert.is(linearize(searched, [...history, ok(0, 90, 99, read, 1)]).verdict, 'ok')
  assert.is(linearize(searched, [...history, ok(0, 2, 4, read, 2)]).verdict, 'violation')
  const twice = [...history, ok(0, 9, 10, read, 2), ok(0, 11, 12, write(1)), ok(0, 13, 14, read, 2)]
  assert.is(linearize(searched, twice).verdict, 'violation')
})

test('linearize: unanswered operations that lead to one state: what is left differs', () => {
  const history = [
    info(1, 0, { type: 'cas', from: null, to: 1 }),
    info(2, 0, write(1)),
    ok(0, 10, 20, read, 1),
    ok(0, 30, 40, write(5)),
    ok(0, 50, 60, read, 1)
  ]
  assert.is(linearize(searched, history).verdict, 'ok')
  const reversed = [history[1], history[0], ...history.slice(2)] as RegisterOperation[]
  assert.is(linearize(searched, reversed).verdict, 'ok')
})

test('linearize: a model without hash: the same verdicts', () => {
  const { hash, ...hashless } = register
  assert.type(hash, 'function')
  for (let seed = 1; seed <= 1500; seed++) {
    const history = drawHistory(chanceOf(seed))
    const expected = linearize(searched, history).verdict
    assert.is(linearize(hashless, history).verdict, expected, `seed ${seed}`)
  }
})

test('linearize: a failed operation: never takes effect', () => {
  const failed = { ...ok(1, 0, 5, write(2)), outcome: 'fail' } as const
  assert.is(linearize(searched, [failed, ok(0, 6, 7, read, 2)]).verdict, 'violation')
  assert.is(linearize(searched, [failed, ok(0, 6, 7, read, null)]).verdict, 'ok')
})

test('linearize: operations that touch at one instant: concurrent', () => {
  assert.is(linearize(searched, [ok(0, 0, 5, read, 1), ok(1, 5, 9, write(1))]).verdict, 'ok')
  assert.is(linearize(searched, [ok(0, 0, 5, read, 1), ok(1, 6, 9, write(1))]).verdict, 'violation')
})

test('linearize: more steps than the limit: unknown, at the same step each time', () => {
  const writes = Array.from({ length: 12 }, (_, at) => ok(at, 0, 100, write(at)))
  const history = [...writes, ok(99, 200, 300, read, 3), ok(99, 301, 400, read, 4)]
  const verdict = linearize(searched, history, { steps: 1000 })
  assert.equal(verdict, { verdict: 'unknown', checked: 14, reason: 'no answer within 1000 steps' })
  assert.is(linearize(searched, history).verdict, 'violation')
  let steps = 0
  const counting: typeof searched = {
    ...searched,
    step: (...told) => {
      steps += 1
      return searched.step(...told)
    }
  }
  linearize(counting, history, { steps: 1000 })
  const asked = steps
  assert.ok(asked > 100 && asked <= 1000, `the model was asked ${asked} times`)
  linearize(counting, history, { steps: 1000 })
  assert.is(steps, 2 * asked)
})

test('linearize: a part beyond the limit beside a bad one: violation', () => {
  const hard = Array.from({ length: 12 }, (_, at) => ok(at * 2, 0, 100, write(at)))
  const late = [ok(98, 200, 300, read, 3), ok(98, 301, 400, read, 4)]
  const history = [...hard, ...late, ok(1, 0, 1, read, 5)]
  assert.is(linearize(parities, history, { steps: 1000 }).verdict, 'violation')
})

test('linearize: a malformed history: unknown, with the reason', () => {
  const verdict = linearize(searched, [ok(0, 0, 5, read, null), ok(0, 4, 6, read, null)])
  assert.is(verdict.verdict, 'unknown')
})

test('linearize: a long history: no recursion, memory that follows the concurrency', () => {
  const history: RegisterOperation[] = []
  for (let at = 0; at < 20_000; at++) {
    history.push(ok(at % 3, at * 10, at * 10 + 25, write(at)))
    if (at % 2000 === 0) history.push(info(100 + at, at * 10, write(-1)))
  }
  history.push(ok(0, 300_000, 300_001, read, 19_999))
  assert.is(linearize(searched, history).verdict, 'ok')
})

test.run()
