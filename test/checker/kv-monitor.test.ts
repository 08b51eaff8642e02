// The judgement of strings that are put and appended to, against the definition and the search.

import * as assert from 'uvu/assert'
import type { Operation } from '../../checker/history.ts'
import { judgeStrings } from '../../checker/kv-monitor.ts'
import { kv, type KvInput, type KvOutput } from '../../checker/models/kv.ts'
import { suite } from '../harness.ts'
import type { Chance } from './chance.ts'
import { compareMonitor, type Compared } from './compare-monitor.ts'
import { drawHistory, type Drawing } from './draw-history.ts'

const test = suite('kv monitor')
const key = ''

/** Every `every`th write writes the same. */
const drawing = (every: number): Drawing<string, KvInput, KvOutput> => ({
  initial: '',
  ask: (chance, _, index) => {
    if (chance.percent(50)) return { type: 'get', key }
    const type = chance.percent(25) ? 'put' : 'append'
    const written = index % every
    return { type, key, value: `${['a', 'b.', 'c..'][written % 3]}${written},` }
  },
  run: (state, input) => {
    if (input.type === 'get') return [state, state]
    return [input.type === 'put' ? input.value : state + input.value, '']
  },
  lie: (chance, { type }, told) => {
    if (type !== 'get') return ''
    const [one, other] = [chance.pick(['', ...told]), chance.pick(['', ...told])]
    const drawn = chance.below(5)
    if (drawn === 0) return `${one}${other}`
    if (drawn === 1) return one.slice(chance.below(one.length))
    return drawn === 2 ? one.slice(0, chance.below(one.length + 1)) : one
  }
})

function compare(every: number, operationsMax: number): Compared {
  const draw = (chance: Chance): Operation<KvInput, KvOutput>[] => {
    return drawHistory(drawing(every), chance, operationsMax)
  }
  return compareMonitor(kv(), draw, { from: 1, to: 5_000 })
}

for (const operationsMax of [7, 16]) {
  test(`kv monitor: up to ${operationsMax} operations: as by definition`, () => {
    const compared = compare(Infinity, operationsMax)
    assert.ok(compared.ordered > 2_500 && compared.conflict > 600, JSON.stringify(compared))
    assert.is(compared.none, 0)
  })

  test(`kv monitor: up to ${operationsMax} operations, some the same: as by definition`, () => {
    const compared = compare(operationsMax === 7 ? 3 : 6, operationsMax)
    assert.ok(compared.ordered > 2_000 && compared.conflict > 600, JSON.stringify(compared))
    assert.ok(compared.none < 900, JSON.stringify(compared))
  })
}

function asked(inputs: readonly KvInput[]): Operation<KvInput, KvOutput>[] {
  return inputs.map((input, process) => {
    return { process, input, call: process, return: 9, outcome: 'ok', output: '' }
  })
}

test('kv monitor: what does not tell who wrote it: no judgement', () => {
  const put = (value: string): KvInput => ({ type: 'put', key, value })
  const append = (value: string): KvInput => ({ type: 'append', key, value })
  const many = Array.from({ length: 9 }, () => put('a'))
  assert.is(judgeStrings(asked(many)), null)
  assert.is(judgeStrings(asked(many.slice(1)))?.type, 'ordered')
  assert.is(judgeStrings(asked([put('a'), append('ab')])), null)
  assert.is(judgeStrings(asked([append('')])), null)
  assert.is(judgeStrings(asked([append('a'), put('b')]))?.type, 'ordered')
  assert.is(judgeStrings(asked([put('a'), put('ab')]))?.type, 'ordered')
})

test.run()
