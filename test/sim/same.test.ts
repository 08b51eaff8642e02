// Equality of plain data: whatever differs, it is seen.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { Entry } from '../../core/raft/message.ts'
import { sameEntry, samePlain } from '../../sim/same.ts'
import { suite } from '../harness.ts'

const test = suite('sim/same')

test('same: entries: each field counts, and each byte', () => {
  const entry: Entry = { term: 1, stampMs: 2, kind: 'command', payload: Uint8Array.of(1, 2, 3) }
  assert.ok(sameEntry(entry, { ...entry, payload: Uint8Array.of(1, 2, 3) }))
  const others: readonly Partial<Entry>[] = [
    { term: 2 },
    { stampMs: 3 },
    { kind: 'noop' },
    { payload: Uint8Array.of(1, 2, 4) },
    { payload: Uint8Array.of(1, 2) },
    { payload: Uint8Array.of(1, 2, 3, 0) },
  ]
  for (const edit of others) assert.not(sameEntry(entry, { ...entry, ...edit }))
})

const unequal: readonly (readonly [unknown, unknown])[] = [
  [1, 2],
  [1, '1'],
  [null, undefined],
  [null, {}],
  [{}, null],
  [{ a: 1 }, { a: 2 }],
  [{ a: 1 }, {}],
  [{}, { a: 1 }],
  [{ a: undefined }, {}],
  [{ a: undefined }, { b: undefined }],
  [{ a: 1, b: 2 }, { a: 1, c: 2 }],
  [{ a: { b: [1, 2] } }, { a: { b: [1, 3] } }],
  [[1, 2], [1]],
  [[1], [1, 2]],
  [[1], { 0: 1 }],
  [Uint8Array.of(1), { 0: 1 }],
  [Uint8Array.of(1), Uint8Array.of(2)],
  [Uint8Array.of(1), [1]],
  [Uint8Array.of(), null],
  [new Map([[1, 2]]), new Map([[1, 3]])],
  [new Set([1]), new Set([2])],
  [new Map(), new Set()],
]

test('same: plain data that differs anywhere: not the same, either way round', () => {
  for (const [a, b] of unequal) {
    assert.not(samePlain(a, b), JSON.stringify([a, b]))
    assert.not(samePlain(b, a), JSON.stringify([b, a]))
  }
})

test('same: plain data: the same as its own copy, and as another one by its text', () => {
  const isSame = (value: unknown): boolean => samePlain(value, structuredClone(value))
  fc.assert(fc.property(fc.jsonValue(), isSame), { seed: 20_260_727 })
  for (const value of [new Map([[1, { a: 2 }]]), new Set([[1]])]) {
    assert.ok(isSame(value))
  }
  assert.ok(samePlain({ a: Number.NaN, b: Uint8Array.of(1) }, { b: Uint8Array.of(1), a: NaN }))
})

test.run()
