// The table of numbers for texts, against a map.

import * as assert from 'uvu/assert'
import { TextTable } from '../../checker/text-table.ts'
import { suite } from '../harness.ts'
import { chanceOf } from './chance.ts'

const test = suite('text table')

test('text table: short texts and long ones: as a map numbers them', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const chance = chanceOf(seed)
    const table = new TextTable(60)
    const map = new Map<string, number>()
    for (let round = 0; round < 60; round++) {
      // Aa and BB have one hash.
      const pieces = Array.from({ length: chance.below(15) }, () => chance.pick(['Aa', 'BB']))
      const text = pieces.slice(0, chance.percent(50) ? 3 : 15).join('')
      assert.is(table.get(text), map.get(text) ?? -1)
      const number = map.get(text) ?? map.size
      assert.is(table.add(text), number)
      map.set(text, number)
    }
    for (const [text, number] of map) assert.is(table.get(text), number)
    assert.is(table.get('b'), -1)
  }
})

test('text table: as many texts as there can be: each has its number', () => {
  const table = new TextTable(5_000)
  for (let number = 0; number < 5_000; number++) assert.is(table.add(`v${number},`), number)
  for (let number = 0; number < 5_000; number++) assert.is(table.get(`v${number},`), number)
})

test.run()
