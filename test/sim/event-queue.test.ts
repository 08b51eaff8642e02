// The queue gives events in the order of time, and of arrival within one instant.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { EventQueue, KIND } from '../../sim/event-queue.ts'
import { suite } from '../harness.ts'

const test = suite('sim/event-queue')

function drain(queue: EventQueue): number[][] {
  const events: number[][] = []
  for (let event = queue.pop(); event !== undefined; event = queue.pop()) {
    events.push([event.timeUs, event.sequence])
  }
  return events
}

test('event queue: any times: pops as a sort by time and sequence would', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { maxLength: 200, size: 'max' }), (times) => {
      const queue = new EventQueue()
      for (const timeUs of times) queue.push(timeUs, KIND.custom, -1, 0, null)
      const sorted = times.map((timeUs, at) => [timeUs, at])
      sorted.sort(([a = 0, m = 0], [b = 0, n = 0]) => a - b || m - n)
      assert.equal(drain(queue), sorted)
    }),
    { seed: 1, numRuns: 500 },
  )
})

test('event queue: pushes between pops: always the least of what is there', () => {
  const command = fc.option(fc.nat(50))
  fc.assert(
    fc.property(fc.array(command, { maxLength: 200, size: 'max' }), (commands) => {
      const queue = new EventQueue()
      let model: number[][] = []
      let sequence = 0
      for (const timeUs of commands) {
        if (timeUs !== null) {
          queue.push(timeUs, KIND.timer, 0, 0, null)
          model.push([timeUs, sequence++])
          model.sort(([a = 0, m = 0], [b = 0, n = 0]) => a - b || m - n)
        } else {
          const event = queue.pop()
          assert.equal(event && [event.timeUs, event.sequence], model[0])
          model = model.slice(1)
        }
        assert.is(queue.size, model.length)
      }
    }),
    { seed: 2, numRuns: 500 },
  )
})

test('event queue: what goes in: comes out whole', () => {
  const queue = new EventQueue()
  const payload = new Uint8Array(3)
  queue.push(5, KIND.deliver, 2, 1, payload)
  const rest = { kind: KIND.deliver, target: 2, source: 1, payload }
  assert.equal(queue.pop(), { timeUs: 5, sequence: 0, ...rest })
  assert.is(queue.pop(), undefined)
})

test.run()
