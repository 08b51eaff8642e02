// Digests of collections: what a plain sum gives, at every version, and no record asked twice.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { Lanes } from '../../core/hash.ts'
import { Hash128, addLanes } from '../../core/hash.ts'
import type { MapKey } from '../../core/ordered-map.ts'
import { emptyMap, mapDelete, mapEntries, mapSet } from '../../core/ordered-map.ts'
import { emptyQueue, queueAdd, queueDrop, queueValues } from '../../core/queue.ts'
import { NO_LANES, mapSum, queueSum, remembered } from '../../core/sum.ts'
import { suite } from '../harness.ts'

const test = suite('sum')
const seed = 20_261_126

interface Item {
  readonly value: number
}

function lanesOf({ value }: Item, key?: MapKey): Lanes {
  const hash = new Hash128()
  hash.text(String(key))
  hash.integer(value)
  return hash.lanes()
}

const change = fc.record({ key: fc.nat(200), isDrop: fc.boolean(), value: fc.nat() })

test('sum: a map: as of its entries, at every version', () => {
  const property = fc.property(fc.array(change, { maxLength: 300 }), (changes) => {
    const sum = mapSum(lanesOf)
    let map = emptyMap<number, Item>()
    const versions = [map]
    for (const { key, isDrop, value } of changes) {
      map = isDrop ? mapDelete(map, key) : mapSet(map, key, { value })
      if (value % 3 === 0) sum(map)
      versions.push(map)
    }
    for (const version of versions) {
      const all = [...mapEntries(version)].map(([key, item]) => lanesOf(item, key))
      assert.equal(sum(version), all.reduce(addLanes, NO_LANES))
    }
  })
  fc.assert(property, { seed, numRuns: 100 })
})

test('sum: a queue: as of what is in it, at every version', () => {
  const step = fc.record({ adds: fc.boolean(), count: fc.integer({ min: 1, max: 80 }) })
  const property = fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
    const sum = queueSum(remembered(lanesOf))
    let queue = emptyQueue<Item>()
    let value = 0
    for (const { adds, count } of steps) {
      for (let left = count; left > 0; left--) {
        queue = adds ? queueAdd(queue, { value: ++value }) : queueDrop(queue)
      }
      const all = [...queueValues(queue)].map((item) => lanesOf(item))
      assert.equal(sum(queue), all.reduce(addLanes, NO_LANES))
    }
  })
  fc.assert(property, { seed, numRuns: 200 })
})

test('sum: a large map changed in one place: little is asked anew', () => {
  let asked = 0
  const sum = mapSum((item: Item, key: MapKey) => {
    asked += 1
    return lanesOf(item, key)
  })
  let map = emptyMap<number, Item>()
  for (let key = 0; key < 10_000; key++) map = mapSet(map, key, { value: key })
  sum(map)
  assert.is(asked, 10_000)
  sum(map)
  assert.is(asked, 10_000)
  sum(mapSet(map, 5_000, { value: 0 }))
  assert.ok(asked <= 10_032, `${asked}`)
})

test('sum: a record: asked once', () => {
  let asked = 0
  const once = remembered((item: Item) => {
    asked += 1
    return lanesOf(item)
  })
  const item = { value: 7 }
  assert.equal([once(item), once(item)], [lanesOf(item), lanesOf(item)])
  assert.is(asked, 1)
  once({ value: 7 })
  assert.is(asked, 2)
})

test.run()
