// Streams of decisions: apart from each other, recorded, and played back.

import * as assert from 'uvu/assert'
import { openStreams } from '../../sim/random.ts'
import type { RandomStream } from '../../sim/random.ts'
import { suite } from '../harness.ts'

const test = suite('sim/random')

function take(stream: RandomStream, count: number): number[] {
  return Array.from({ length: count }, () => stream.below(1_000))
}

test('random: one seed: the same decisions, whatever other streams draw', () => {
  const alone = openStreams('1', false, null)
  const first = take(alone.stream('a'), 20)
  const crowded = openStreams('1', false, null)
  const second: number[] = []
  for (let at = 0; at < 20; at++) {
    take(crowded.stream('b'), at)
    second.push(...take(crowded.stream('a'), 1))
  }
  assert.equal(second, first)
})

test('random: other names and other seeds: other decisions', () => {
  const streams = openStreams('1', false, null)
  const drawn = [
    take(streams.stream('a'), 20),
    take(streams.stream('b'), 20),
    take(openStreams('2', false, null).stream('a'), 20),
  ]
  assert.is(new Set(drawn.map((numbers) => numbers.join())).size, 3)
})

test('random: one name: one stream, which goes on', () => {
  const streams = openStreams('1', false, null)
  const first = take(streams.stream('a'), 5)
  assert.not.equal(take(streams.stream('a'), 5), first)
})

test('random: bounds: below, between, chance and pick keep to theirs and reach them', () => {
  const stream = openStreams('1', false, null).stream('a')
  const seen = new Set<number>()
  for (let round = 0; round < 2_000; round++) {
    seen.add(stream.below(3))
    seen.add(stream.between(10, 12))
    seen.add(stream.pick([20, 21]))
    assert.not(stream.chance(0))
    assert.ok(stream.chance(1024))
    assert.ok(stream.below(2 ** 32) < 2 ** 32)
  }
  assert.equal([...seen].sort((a, b) => a - b), [0, 1, 2, 10, 11, 12, 20, 21])
})

test('random: recording: what was decided, and nothing when it is off', () => {
  const streams = openStreams('1', true, null)
  const first = take(streams.stream('a'), 3)
  const second = take(streams.stream('b'), 2)
  assert.equal(streams.decisions(), { a: first, b: second })
  const off = openStreams('1', false, null)
  take(off.stream('a'), 3)
  assert.equal(off.decisions(), {})
})

test('random: played back: another seed decides as recorded', () => {
  const played = openStreams('2', true, { a: [7, 8, 9] })
  assert.equal(take(played.stream('a'), 3), [7, 8, 9])
  assert.is(played.misfit(), null)
  assert.equal(played.decisions(), { a: [7, 8, 9] })
})

test('random: a stream: is known unless what is played back has none of that name', () => {
  const { knows } = openStreams('1', false, { a: [] })
  assert.equal([knows('a'), knows('b'), knows('toString')], [true, false, false])
  assert.ok(openStreams('1', true, null).knows('b'))
})

test('random: a decision out of bounds: is named, and the seed decides in its place', () => {
  const [, own] = take(openStreams('1', false, null).stream('a'), 2)
  const played = openStreams('1', false, { a: [7, 1_000, 9] })
  assert.equal(take(played.stream('a'), 3), [7, own, 9])
  assert.equal(played.misfit(), { stream: 'a', number: 1, reason: 'not below 1000' })
})

test('random: more decisions than recorded: the first is named, and the seed goes on', () => {
  const own = take(openStreams('1', false, null).stream('a'), 3)
  const played = openStreams('1', false, { a: [7] })
  assert.equal(take(played.stream('a'), 3), [7, own[1], own[2]])
  assert.equal(played.misfit(), { stream: 'a', number: 1, reason: 'not recorded' })
})

test.run()
