// Durations in Go's notation.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { formatDuration, parseDuration, toMs } from '../../client/duration.ts'
import { suite } from '../harness.ts'

const test = suite('duration')

test('duration: what Go writes: is read', () => {
  const durations = [
    ['0', 0],
    ['0s', 0],
    ['500ms', 500],
    ['30s', 30_000],
    ['1m30s', 90_000],
    ['1.5s', 1_500],
    ['1.1s', 1_100],
    ['.5s', 500],
    ['1.s', 1_000],
    ['2h45m', 9_900_000],
    ['1h0m0s', 3_600_000],
    ['1500000us', 1_500],
    ['2000µs', 2],
    ['1000000ns', 1],
    ['1ms1ms', 2],
  ] as const
  for (const [text, ms] of durations) assert.is(parseDuration(text), ms, text)
})

test('duration: what is none, is negative or has a part of a millisecond: null', () => {
  const wrong = ['', '30', 's', '1', ' 1s', '1s ', '1 s', '-1s', '+1s', '1d', '1e3s', '1,5s', '..s']
  const odd = ['1us', '1ns', '1.5ms', 'Infinitys', 'NaNs', '1s\n', '9007199254740993ms', '1S']
  for (const text of [...wrong, ...odd]) assert.is(parseDuration(text), null, JSON.stringify(text))
})

test('duration: milliseconds: are written as Go does', () => {
  const durations = [
    [0, '0s'],
    [500, '500ms'],
    [1_000, '1s'],
    [1_500, '1.5s'],
    [30_000, '30s'],
    [90_000, '1m30s'],
    [3_600_000, '1h0m0s'],
    [3_600_001, '1h0m0.001s'],
  ] as const
  for (const [ms, text] of durations) assert.is(formatDuration(ms), text)
})

test('duration: any number of milliseconds: comes back from its text', () => {
  fc.assert(
    fc.property(fc.nat(2 ** 31 - 1), (ms) => parseDuration(formatDuration(ms)) === ms),
  )
})

test('duration: any text: is read or refused, and never throws or hangs', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const ms = parseDuration(text)
      return ms === null || (Number.isSafeInteger(ms) && ms >= 0)
    }),
  )
})

test('duration: a number: is taken when it is whole and not negative', () => {
  assert.equal([toMs(5), toMs(0), toMs('5ms')], [5, 0, 5])
  assert.equal([toMs(-1), toMs(0.5), toMs(Number.NaN), toMs(Infinity)], [null, null, null, null])
})

test.run()
