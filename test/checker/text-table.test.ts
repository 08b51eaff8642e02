// The table of places by text, against a map.

import * as assert from 'uvu/assert'
import { TextTable } from '../../checker/text-table.ts'
import { suite } from '../harness.ts'
import { chanceOf } from './chance.ts'

const test = suite('text table')

test('text table: short texts and long ones: as a map has them', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const chance = chanceOf(seed)
    const table = new TextTable(60)
    const map = new Map<string, number>()
    for (let place = 0; place < 60; place++) {
      // Aa and BB have one hash.
      const pieces = Array.from({ length: chance.below(15) }, () => chance.pick(['Aa', 'BB']))
      const text = pieces.slice(0, chance.percent(50) ? 3 : 15).join('')
      assert.is(table.get(text), map.get(text) ?? -1)
      assert.is(table.set(text, place), map.get(text) ?? -1)
      map.set(text, place)
    }
    for (const [text, place] of map) assert.is(table.get(text), place)
    assert.is(table.get('b'), -1)
  }
})

test('text table: as many texts as there can be: each has its place', () => {
  const table = new TextTable(5_000)
  for (let place = 0; place < 5_000; place++) assert.is(table.set(`v${place},`, place), -1)
  for (let place = 0; place < 5_000; place++) assert.is(table.get(`v${place},`), place)
})

test.run()
