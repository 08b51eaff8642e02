// The judgement of strings that are put and appended to, against the definition and the search.

import * as assert from 'uvu/assert'
import type { Operation } from '../../checker/history.ts'
import { judgeUniqueStrings } from '../../checker/kv-monitor.ts'
import { kv, type KvInput, type KvOutput } from '../../checker/models/kv.ts'
import { suite } from '../harness.ts'
import type { Chance } from './chance.ts'
import { compareMonitor } from './compare-monitor.ts'
import { drawHistory, type Drawing } from './draw-history.ts'

const test = suite('kv monitor')
const key = ''

const drawing: Drawing<string, KvInput, KvOutput> = {
  initial: '',
  ask: (chance, _, index) => {
    if (chance.percent(50)) return { type: 'get', key }
    const type = chance.percent(25) ? 'put' : 'append'
    return { type, key, value: `${chance.pick(['a', 'b.', 'c..'])}${index},` }
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
}

const draw = (operationsMax: number) => (chance: Chance): Operation<KvInput, KvOutput>[] => {
  return drawHistory(drawing, chance, operationsMax)
}

test('kv monitor: random histories: every verdict as by definition', () => {
  for (const operationsMax of [7, 16]) {
    const compared = compareMonitor(kv(), draw(operationsMax), { from: 1, to: 5_000 })
    assert.ok(compared.ordered > 2_500 && compared.conflict > 600, JSON.stringify(compared))
    assert.is(compared.none, 0)
  }
})

function asked(inputs: readonly KvInput[]): Operation<KvInput, KvOutput>[] {
  return inputs.map((input, process) => {
    return { process, input, call: process, return: 9, outcome: 'ok', output: '' }
  })
}

test('kv monitor: what does not tell who wrote it: no judgement', () => {
  const put = (value: string): KvInput => ({ type: 'put', key, value })
  const append = (value: string): KvInput => ({ type: 'append', key, value })
  assert.is(judgeUniqueStrings(asked([put('a'), append('a')])), null)
  assert.is(judgeUniqueStrings(asked([put('a'), append('ab')])), null)
  assert.is(judgeUniqueStrings(asked([append('')])), null)
  assert.is(judgeUniqueStrings(asked([append('a'), put('b')]))?.type, 'ordered')
  assert.is(judgeUniqueStrings(asked([put('a'), put('ab')]))?.type, 'ordered')
})

test.run()
