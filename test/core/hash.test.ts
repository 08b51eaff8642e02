// The hash: pinned values, no collision among near inputs, every bit counts, sums without order.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { Lanes } from '../../core/hash.ts'
import { Hash128, addLanes, hashBytes, lanesHex } from '../../core/hash.ts'
import { suite } from '../harness.ts'

const test = suite('hash')
const seed = 20_241_109

function of(take: (hash: Hash128) => void): string {
  const hash = new Hash128()
  take(hash)
  return hash.hex()
}

test('hash: known inputs: the pinned values, in every engine and release', () => {
  assert.is(of(() => undefined), '0dbbf5157095e43c0da137d9aa84e340')
  assert.is(of((hash) => hash.text('lockstep')), 'd13e2388cbe7f87712933a10fe0f917f')
  assert.is(of((hash) => hash.integer(9_007_199_254_740_991)), '3b97b8dc10b937d7a1ef147d77828689')
  assert.is(lanesHex(hashBytes(Uint8Array.of(1, 2, 3, 4, 5))), 'be46997f135eb04d9f726352794236c9')
})

test('hash: hundred thousand near inputs: no two alike, in no lane pair', () => {
  const seen = new Set<string>()
  const halves = new Set<string>()
  for (let value = 0; value < 50_000; value++) {
    for (const hex of [of((hash) => hash.integer(value)), of((hash) => hash.text(`k${value}`))]) {
      seen.add(hex)
      halves.add(hex.slice(0, 16))
    }
  }
  assert.is(seen.size, 100_000)
  assert.is(halves.size, 100_000)
})

test('hash: one bit of the input flipped: about half of each lane flips', () => {
  const flips = [0, 0, 0, 0]
  let count = 0
  for (let value = 0; value < 200; value++) {
    for (let bit = 0; bit < 32; bit++) {
      const a = new Hash128()
      const b = new Hash128()
      a.word(value)
      b.word(value ^ (1 << bit))
      for (const hash of [a, b]) hash.word(7)
      const other = b.lanes()
      a.lanes().forEach((lane, at) => (flips[at]! += bitsOf(lane ^ other[at]!)))
      count += 1
    }
  }
  for (const sum of flips) assert.ok(Math.abs(sum / count - 16) < 1, `${sum / count} bits of 32`)
})

function bitsOf(word: number): number {
  let count = 0
  for (let rest = word >>> 0; rest > 0; rest >>>= 1) count += rest & 1
  return count
}

test('hash: order and boundaries: both count', () => {
  const two = (a: string, b: string): string =>
    of((hash) => {
      hash.text(a)
      hash.text(b)
    })
  assert.is.not(two('a', 'b'), two('b', 'a'))
  assert.is.not(two('ab', 'c'), two('a', 'bc'))
  assert.is.not(two('', 'a'), two('a', ''))
  const zeros = [0, 1, 2, 3, 4, 5, 8].map((length) => lanesHex(hashBytes(new Uint8Array(length))))
  assert.is(new Set(zeros).size, zeros.length)
  assert.is.not(of((hash) => hash.integer(1)), of((hash) => hash.integer(0x100000001)))
})

test('hash: reading it: more can be taken in afterwards', () => {
  const hash = new Hash128()
  hash.word(1)
  hash.hex()
  hash.word(2)
  const other = new Hash128()
  other.word(1)
  other.word(2)
  assert.is(hash.hex(), other.hex())
})

test('hash: sums of lanes: whatever the order, and every one counts', () => {
  const word = fc.integer()
  const lanes = fc.tuple(word, word, word, word) as fc.Arbitrary<Lanes>
  const property = fc.property(fc.array(lanes, { minLength: 1 }), fc.nat(), (all, pick) => {
    const zero: Lanes = [0, 0, 0, 0]
    const sum = all.reduce(addLanes, zero)
    assert.equal(all.toReversed().reduce(addLanes, zero), sum)
    const at = pick % all.length
    const others = all.toSpliced(at, 1).reduce(addLanes, zero)
    assert.equal(addLanes(others, all[at]!), sum)
    const isNothing = all[at]!.every((lane) => lane === 0)
    if (!isNothing) assert.not.equal(others, sum)
    assert.match(lanesHex(sum), /^[0-9a-f]{32}$/)
  })
  fc.assert(property, { seed, numRuns: 300 })
})

test.run()
