// Clocks that run wrong: within their bound, never back, and with an exact inverse.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { readClockMs, trueTimeUs } from '../../sim/clock.ts'
import { EPSILON_PPM } from '../../sim/scenario.ts'
import { suite } from '../harness.ts'

const test = suite('sim/clock')
const DAY_US = 86_400_000_000

const clock = fc.record({
  offsetMs: fc.nat(10_000_000),
  driftPpm: fc.integer({ min: -EPSILON_PPM, max: EPSILON_PPM }),
})
const timeUs = fc.oneof(fc.nat(10_000), fc.integer({ min: 0, max: DAY_US }))

test('clock: any reading: shown at its true time, and not one microsecond earlier', () => {
  fc.assert(
    fc.property(clock, fc.oneof(fc.nat(20), fc.nat(86_400_000)), (error, afterMs) => {
      const shownMs = error.offsetMs + afterMs
      const atUs = trueTimeUs(error, shownMs)
      assert.ok(readClockMs(error, atUs) >= shownMs, 'shown by then')
      if (atUs > 0) assert.ok(readClockMs(error, atUs - 1) < shownMs, 'and not before')
    }),
    { seed: 1, numRuns: 3_000 },
  )
})

test('clock: a reading from before the start: at time 0', () => {
  assert.is(trueTimeUs({ offsetMs: 100, driftPpm: 500 }, 40), 0)
})

test('clock: any span: off by its rate, by no more than the bound, and by one millisecond', () => {
  fc.assert(
    fc.property(clock, timeUs, timeUs, (error, a, b) => {
      const [fromUs, toUs] = a < b ? [a, b] : [b, a]
      const spanMs = readClockMs(error, toUs) - readClockMs(error, fromUs)
      const trueMs = (toUs - fromUs) / 1_000
      assert.ok(spanMs >= 0, 'never back')
      assert.ok(Math.abs(spanMs - trueMs * (1 + error.driftPpm / 1e6)) <= 1.001, 'its own rate')
      assert.ok(Math.abs(spanMs - trueMs) <= (trueMs * EPSILON_PPM) / 1e6 + 1.001, 'the bound')
    }),
    { seed: 2, numRuns: 3_000 },
  )
})

test('clock: no error: true milliseconds', () => {
  const perfect = { offsetMs: 0, driftPpm: 0 }
  assert.is(readClockMs(perfect, 1_999), 1)
  assert.is(readClockMs(perfect, 2_000), 2)
  assert.is(trueTimeUs(perfect, 2), 2_000)
})

test('clock: 500 ppm fast and slow: half a second apart from truth after 1000 seconds', () => {
  assert.is(readClockMs({ offsetMs: 7, driftPpm: 500 }, 1_000_000_000), 7 + 1_000_500)
  assert.is(readClockMs({ offsetMs: 7, driftPpm: -500 }, 1_000_000_000), 7 + 999_500)
})

test.run()
