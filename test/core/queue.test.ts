// The persistent queue against a plain array, and old versions of it as they were.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { Queue } from '../../core/queue.ts'
import { emptyQueue, queueAdd, queueDrop, queueFirst, queueValues } from '../../core/queue.ts'
import { suite } from '../harness.ts'

const test = suite('queue')
const seed = 20_261_125

test('queue: random changes: as an array, and old versions stay whole', () => {
  // Runs of adds and drops that are longer than a part.
  const change = fc.record({ adds: fc.boolean(), count: fc.integer({ min: 1, max: 80 }) })
  const property = fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
    let queue: Queue<number> = emptyQueue()
    const model: number[] = []
    const versions: (readonly [Queue<number>, number[]])[] = []
    let value = 0
    for (const { adds, count } of changes) {
      for (let left = count; left > 0; left--) {
        if (adds) model.push(++value)
        else model.shift()
        queue = adds ? queueAdd(queue, value) : queueDrop(queue)
        assert.is(queue.size, model.length)
        assert.is(queueFirst(queue), model[0] ?? null)
      }
      versions.push([queue, [...model]])
    }
    for (const [version, values] of versions) assert.equal([...queueValues(version)], values)
  })
  fc.assert(property, { seed, numRuns: 300 })
})

test('queue: nothing is dropped from an empty one', () => {
  const empty = emptyQueue<string>()
  assert.is(queueDrop(empty), empty)
  assert.equal([...queueValues(queueDrop(queueAdd(empty, 'a')))], [])
})

test.run()
