// The ordered map against a plain Map and a sort, and the shape of its tree after every change.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { MapKey, MapNode, OrderedMap } from '../../core/ordered-map.ts'
import {
  emptyMap,
  mapDelete,
  mapEntries,
  mapFirst,
  mapGet,
  mapOf,
  mapRank,
  mapSet,
  mapSize,
} from '../../core/ordered-map.ts'
import { suite } from '../harness.ts'

const test = suite('ordered map')
const seed = 20_241_105

type Change<Key> = { readonly type: 'set' | 'delete'; readonly keys: readonly Key[] }

/** Asserts the rules of the tree; gives its height. */
function checkNode<Key extends MapKey>(node: MapNode<Key, number>, isRoot: boolean): number {
  const { keys } = node
  assert.ok(keys.length <= 32, 'a node too large')
  assert.ok(keys.length >= (isRoot ? (node.type === 'leaf' ? 0 : 2) : 12), 'a node too small')
  for (let at = 1; at < keys.length; at++) assert.ok(keys[at - 1]! < keys[at]!, 'keys in order')
  if (node.type === 'leaf') {
    assert.is(node.values.length, keys.length)
    return 0
  }
  assert.is(node.children.length, keys.length)
  const heights = new Set(node.children.map((child) => checkNode(child, false)))
  assert.is(heights.size, 1, 'all leaves at one height')
  node.children.forEach((child, at) => assert.is(child.keys[0], keys[at], 'the least key below'))
  const size = node.children.reduce((sum, child) => sum + mapSize(child), 0)
  assert.is(node.size, size)
  return 1 + [...heights][0]!
}

function sorted<Key extends MapKey>(model: ReadonlyMap<Key, number>): (readonly [Key, number])[] {
  return [...model].sort(([a], [b]) => (a < b ? -1 : 1))
}

function drive<Key extends MapKey>(changes: readonly Change<Key>[]): void {
  let map: OrderedMap<Key, number> = emptyMap()
  const model = new Map<Key, number>()
  const versions: [OrderedMap<Key, number>, (readonly [Key, number])[]][] = []
  let value = 0
  for (const { type, keys } of changes) {
    for (const key of keys) {
      value += 1
      if (type === 'set') {
        map = mapSet(map, key, value)
        model.set(key, value)
      } else {
        const before = map
        map = mapDelete(map, key)
        if (!model.delete(key)) assert.is(map, before)
      }
      assert.is(mapSize(map), model.size)
      assert.is(mapGet(map, key), model.get(key))
    }
    checkNode(map, true)
    versions.push([map, sorted(model)])
  }
  for (const [version, entries] of versions) {
    assert.equal([...mapEntries(version)], entries)
    assert.equal(mapFirst(version), entries[0] ?? null)
  }
  const entries = sorted(model)
  for (const key of changes.flatMap((change) => change.keys).slice(0, 40)) {
    assert.equal([...mapEntries(map, key)], entries.filter(([other]) => other >= key))
    assert.is(mapRank(map, key), entries.filter(([other]) => other < key).length)
  }
}

function changesOf<Key>(keys: fc.Arbitrary<Key>): fc.Arbitrary<Change<Key>[]> {
  const change = fc.record({
    type: fc.constantFrom('set', 'set', 'delete'),
    keys: fc.array(keys, { maxLength: 120 }),
  })
  return fc.array(change as fc.Arbitrary<Change<Key>>, { maxLength: 20 })
}

test('ordered map: random changes of text keys: it agrees with a Map, old versions too', () => {
  const keys = fc.oneof(
    fc.integer({ min: 0, max: 300 }).map((value) => `k${value}`),
    fc.string({ unit: 'binary', maxLength: 3 }),
  )
  fc.assert(fc.property(changesOf(keys), drive), { seed, numRuns: 150 })
})

test('ordered map: random changes of number keys: it agrees with a Map, old versions too', () => {
  const keys = fc.oneof(fc.integer({ min: 0, max: 400 }), fc.maxSafeNat())
  fc.assert(fc.property(changesOf(keys), drive), { seed, numRuns: 150 })
})

test('ordered map: thousands of keys up, down and shuffled: deletes keep the tree in shape', () => {
  const count = 3_000
  const up = Array.from({ length: count }, (_, at) => at)
  const orders = [up, up.toReversed(), up.map((at) => (at * 1_789) % count)]
  for (const sets of orders) {
    for (const deletes of orders) {
      let map: OrderedMap<number, number> = emptyMap()
      for (const key of sets) map = mapSet(map, key, key)
      const full = map
      deletes.forEach((key, at) => {
        map = mapDelete(map, key)
        if (at % 97 === 0) checkNode(map, true)
      })
      assert.is(mapSize(map), 0)
      assert.is(mapFirst(map), null)
      checkNode(full, true)
      assert.equal([...mapEntries(full)].map(([key]) => key), up)
    }
  }
})

test('ordered map: text keys: ordered by code unit, not by code point or locale', () => {
  const keys = ['z', 'a', 'Z', 'ä', '\uffff', '\u{1f600}', '']
  let map: OrderedMap<string, number> = emptyMap()
  keys.forEach((key, at) => (map = mapSet(map, key, at)))
  const order = ['', 'Z', 'a', 'z', 'ä', '\u{1f600}', '\uffff']
  assert.equal([...mapEntries(map)].map(([key]) => key), order)
})

test('ordered map: two forks of one version: neither sees the other', () => {
  let base: OrderedMap<number, string> = emptyMap()
  for (let key = 0; key < 100; key++) base = mapSet(base, key, 'base')
  const left = mapSet(mapDelete(base, 7), 50, 'left')
  const right = mapSet(mapSet(base, 7, 'right'), 200, 'right')
  assert.equal([mapGet(base, 7), mapGet(base, 50), mapSize(base)], ['base', 'base', 100])
  assert.equal([mapGet(left, 7), mapGet(left, 50), mapSize(left)], [undefined, 'left', 99])
  assert.equal([mapGet(right, 7), mapGet(right, 50), mapSize(right)], ['right', 'base', 101])
})

test('ordered map: made of many entries at once: has them all, and goes on like any other', () => {
  for (const count of [0, 1, 26, 27, 33, 700, 5_000]) {
    const keys = Array.from({ length: count }, (_, at) => at * 3)
    let map = mapOf(keys, keys)
    checkNode(map, true)
    assert.equal([...mapEntries(map)], keys.map((key) => [key, key]))
    for (const key of keys.slice(0, 200)) {
      map = mapSet(mapDelete(map, key), key + 1, key)
      checkNode(map, true)
    }
    assert.is(mapSize(map), count)
  }
})

test.run()
