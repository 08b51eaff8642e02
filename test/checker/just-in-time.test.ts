// The search breadth first against the definition, and on histories that search depth first is
// lost in: many unanswered operations, and nothing that explains an answer.

import * as assert from 'uvu/assert'
import type { Operation } from '../../checker/history.ts'
import { searchJustInTime } from '../../checker/just-in-time.ts'
import { linearize } from '../../checker/linearize.ts'
import type { Model } from '../../checker/model.ts'
import { kv } from '../../checker/models/kv.ts'
import type { KvInput } from '../../checker/models/kv.ts'
import { register } from '../../checker/models/register.ts'
import type { RegisterInput, RegisterOutput, RegisterState } from '../../checker/models/register.ts'
import { Numbered } from '../../checker/numbered.ts'
import { search } from '../../checker/search.ts'
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
      const result = searchJustInTime(new Numbered(model, history), { stepsMax: 1_000_000 })
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

/** A history of one client after the other, told by a store that now and then is wrong. */
class Writer<Input, Output> {
  readonly history: Operation<Input, Output>[] = []
  readonly #chance: Chance
  readonly #lanes: { process: number; at: number }[]

  constructor(chance: Chance) {
    this.#chance = chance
    this.#lanes = Array.from({ length: 2 + chance.below(5) }, (_, process) => ({ process, at: 0 }))
  }

  add(input: Input, output: Output): void {
    const chance = this.#chance
    const lane = chance.pick(this.#lanes)
    const { process } = lane
    const call = lane.at + chance.below(3)
    lane.at = call + chance.below(8)
    if (chance.percent(12)) {
      this.history.push({ process, input, call, return: Infinity, outcome: 'info' })
      lane.process = 100 + this.history.length
    } else this.history.push({ process, input, call, return: lane.at, outcome: 'ok', output })
  }
}

function drawRegister(chance: Chance): readonly RegisterOperation[] {
  const writer = new Writer<RegisterInput, RegisterOutput>(chance)
  const values = 2 + chance.below(3)
  let present: RegisterOutput = null
  for (let left = 8 + chance.below(18); left > 0; left--) {
    const value = chance.below(values)
    const kind = chance.below(10)
    if (kind < 5) {
      writer.add({ type: 'read' }, chance.percent(85) ? present : chance.pick([null, 0, 1, 2]))
    } else if (kind < 8) writer.add({ type: 'write', value: (present = value) }, true)
    else {
      const from: RegisterOutput = chance.pick([present, value])
      const applies: boolean = from === present
      const to = chance.below(values)
      writer.add({ type: 'cas', from, to }, applies)
      if (applies) present = to
    }
  }
  return writer.history
}

function drawStore(chance: Chance): readonly Operation<KvInput, string>[] {
  const writer = new Writer<KvInput, string>(chance)
  let present = ''
  for (let left = 8 + chance.below(18); left > 0; left--) {
    const kind = chance.below(10)
    const seen = chance.percent(85) ? present : chance.pick(['', 'a', 'b', 'ab', 'ba'])
    if (kind < 5) writer.add({ type: 'get', key: '' }, seen)
    else if (kind < 7) {
      const value = chance.pick(['', 'a', 'b'])
      writer.add({ type: 'put', key: '', value }, '')
      if (chance.percent(80)) present = value
    } else {
      const value = chance.pick(['a', 'b'])
      writer.add({ type: 'append', key: '', value }, '')
      if (present.length < 4) present += value
    }
  }
  return writer.history
}

function compare<State, Input, Output>(
  model: Model<State, Input, Output>,
  draw: (chance: Chance) => readonly Operation<Input, Output>[],
): void {
  const seen = { ordered: 0, stuck: 0, limit: 0 }
  for (let seed = 1; seed <= 6_000; seed++) {
    const history = draw(chanceOf(seed))
    const one = search(model, history, { stepsMax: 300_000 })
    const other = searchJustInTime(new Numbered(model, history), { stepsMax: 3_000_000 })
    assert.is(other.type, one.type, `seed ${seed}: ${JSON.stringify(history)}`)
    seen[other.type] += 1
    if (other.type !== 'ordered') continue
    assert.is(orderProblem(model, history, other.order), null, `seed ${seed}`)
  }
  assert.ok(seen.ordered > 500 && seen.stuck > 500 && seen.limit === 0, JSON.stringify(seen))
}

test('just in time: longer histories of registers: as the search depth first', () => {
  compare(register, drawRegister)
})

test('just in time: longer histories of stores: as the search depth first', () => {
  compare(kv(), drawStore)
})

test('just in time: a write that may have happened, and changes nothing, hides another', () => {
  const put = (value: string): KvInput => ({ type: 'put', key: '', value })
  const ok = (process: number, call: number, end: number, input: KvInput, output = '') => {
    return { process, input, call, return: end, outcome: 'ok', output } as const
  }
  const append = (value: string): KvInput => ({ type: 'append', key: '', value })
  // What puts "a" is hidden under what puts "b", where "b" is already.
  const history: readonly Operation<KvInput, string>[] = [
    ok(0, 1, 3, append('b')),
    ok(3, 0, 5, append('a')),
    { process: 4, input: put('b'), call: 1, return: Infinity, outcome: 'info' },
    ok(1, 4, 9, put('a')),
    ok(2, 13, 19, { type: 'get', key: '' }, 'ba'),
  ]
  const numbered = new Numbered(kv(), history)
  assert.is(searchJustInTime(numbered, { stepsMax: 1_000 }).type, 'ordered')
})

for (const [what, narrowed] of Object.entries({
  narrow: { width: 1 },
  hasty: { width: 2, isHasty: true },
})) {
  test(`just in time: ${what}: an order is one, and it refutes only with nothing left out`, () => {
    const seen = { ordered: 0, stuck: 0, limit: 0 }
    for (let seed = 1; seed <= 3_000; seed++) {
      const history = drawRegister(chanceOf(seed))
      const numbered = new Numbered(register, history)
      const all = searchJustInTime(numbered, { stepsMax: 300_000 })
      const fewer = searchJustInTime(numbered, { stepsMax: 300_000, ...narrowed })
      seen[fewer.type] += 1
      if (fewer.type === 'limit') continue
      assert.is(fewer.type, all.type, `seed ${seed}: ${JSON.stringify(history)}`)
      if (fewer.type !== 'ordered') continue
      assert.is(orderProblem(register, history, fewer.order), null, `seed ${seed}`)
    }
    assert.ok(Object.values(seen).every((count) => count > 100), JSON.stringify(seen))
  })
}

test('just in time: hasty: it refutes where it took all there was', () => {
  const ok = (at: number, input: RegisterInput, output: RegisterOutput): RegisterOperation => {
    return { process: at, input, call: 2 * at, return: 2 * at + 1, outcome: 'ok', output }
  }
  const history = [ok(0, { type: 'write', value: 1 }, true), ok(1, { type: 'read' }, 2)]
  const bounds = { stepsMax: 100, width: 3, isHasty: true }
  assert.is(searchJustInTime(new Numbered(register, history), bounds).type, 'stuck')
})

/** Many clients that read and write few values, answered in the order in which they arrive. */
function drawCrowd(chance: Chance, clients: number, operations: number): RegisterOperation[] {
  const history: RegisterOperation[] = []
  const freeAt = Array.from({ length: clients }, () => chance.below(20))
  const arrivals = Array.from({ length: operations }, (_, at) => {
    const process = at % clients
    const call = (freeAt[process] as number) + chance.below(20)
    const arrival = call + 1 + chance.below(20)
    freeAt[process] = arrival + 1 + chance.below(20)
    return { process, call, arrival, return: freeAt[process] as number }
  })
  let present: RegisterOutput = null
  for (const { process, call, return: end } of arrivals.sort((a, b) => a.arrival - b.arrival)) {
    const value = chance.below(5)
    const kind = chance.below(100)
    const asked = { process, call, return: end, outcome: 'ok' } as const
    if (kind < 50) history.push({ ...asked, input: { type: 'read' }, output: present })
    else if (kind < 97) {
      history.push({ ...asked, input: { type: 'write', value }, output: true })
      present = value
    } else {
      const input: RegisterInput = { type: 'cas', from: present, to: value }
      history.push({ ...asked, input, output: true })
      present = value
    }
  }
  return history
}

test('just in time: a hundred clients, few values: good and bad ones are told apart', () => {
  const history = drawCrowd(chanceOf(7), 100, 600)
  const { verdict, ...rest } = linearize(register, history)
  assert.is(verdict, 'ok')
  assert.is(orderProblem(register, history, ('order' in rest && rest.order) || []), null)
  const last = Math.max(...history.map((one) => one.return))
  const late = { process: 100, input: { type: 'read' }, outcome: 'ok' } as const
  const bad = [...history, { ...late, call: last + 1, return: last + 2, output: -7 }]
  assert.is(linearize(register, bad).verdict, 'violation')
})

test.run()
