// Sorting of instants, against the sort of the language.

import * as assert from 'uvu/assert'
import { orderBy } from '../../checker/order-by.ts'
import { suite } from '../harness.ts'
import { chanceOf } from './chance.ts'

const test = suite('order by')

test('order by: any numbers: as a stable sort has them', () => {
  const special = [-Infinity, Infinity, 0, -0, 1.5, -1.5, 2 ** 40 + 1, -(2 ** 40), 5e-324]
  for (const count of [0, 1, 7, 256, 257, 3_000]) {
    for (let seed = 1; seed <= 12; seed++) {
      const chance = chanceOf(seed)
      const span = chance.pick([2, 100, 2 ** 30])
      const instants = Float64Array.from({ length: count }, (_, at) => {
        if (seed % 3 === 0) return at + chance.below(20)
        if (seed % 3 === 1) return chance.percent(3) ? Infinity : chance.below(count) - 9
        return chance.percent(5) ? chance.pick(special) : (chance.below(span) - span / 4) / 8
      })
      const all = [...instants].map((instant, at) => ({ instant, at }))
      all.sort((a, b) => (a.instant === b.instant ? a.at - b.at : a.instant < b.instant ? -1 : 1))
      assert.equal([...orderBy(instants)], all.map(({ at }) => at))
    }
  }
})

test('order by: so far apart, or so close, that their distance is no number to divide by', () => {
  const steps = Float64Array.from({ length: 300 }, (_, at) => ((at * 7) % 300) * Number.MIN_VALUE)
  const last = Float64Array.from({ length: 300 }, (_, at) => Number.MAX_VALUE * (at === 1 ? -1 : 1))
  for (const instants of [steps, last]) {
    const sorted = [...instants].sort((a, b) => a - b)
    assert.equal([...orderBy(instants)].map((at) => instants[at]), sorted)
  }
})

test.run()
