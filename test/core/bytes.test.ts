// Writer and reader against each other, against the platform's UTF-8, and on garbage.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  ByteReader,
  ByteWriter,
  INTEGER_MAX,
  equalBytes,
  isWellFormed,
  putU32,
  utf8Bytes,
} from '../../core/bytes.ts'
import { suite } from '../harness.ts'

const test = suite('bytes')
const seed = 20_241_108

type Value =
  | { readonly type: 'u8' | 'u32' | 'varint'; readonly value: number }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'text'; readonly value: string }
  | { readonly type: 'block'; readonly value: Uint8Array }

const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ unit: 'binary', maxLength: 3 }).map((text) => text.repeat(99)),
)
const unitsText = fc
  .array(fc.oneof(fc.integer({ min: 0xd7f0, max: 0xe010 }), fc.nat({ max: 0xffff })))
  .map((units) => String.fromCharCode(...units))

function typed(type: string, value: fc.Arbitrary<unknown>): fc.Arbitrary<Value> {
  return value.map((given) => ({ type, value: given })) as fc.Arbitrary<Value>
}

const values = fc.array(
  fc.oneof(
    typed('u8', fc.nat({ max: 255 })),
    typed('u32', fc.nat({ max: 0xffffffff })),
    typed('varint', fc.oneof(fc.maxSafeNat(), fc.nat(), fc.nat({ max: 300 }))),
    typed('bool', fc.boolean()),
    typed('text', anyText),
    typed('block', fc.uint8Array()),
  ),
  { maxLength: 40 },
)

function write(writer: ByteWriter, item: Value): void {
  if (item.type === 'bool') writer.bool(item.value)
  else if (item.type === 'text') writer.text(item.value)
  else if (item.type === 'block') writer.block(item.value)
  else writer[item.type](item.value)
}

test('bytes: any values: read back as written, with nothing left', () => {
  const writer = new ByteWriter()
  const property = fc.property(values, (items) => {
    for (const item of items) write(writer, item)
    const { length } = writer
    const bytes = writer.finish()
    assert.is(bytes.length, length)
    assert.is(writer.length, 0)
    const reader = new ByteReader(bytes)
    for (const { type, value } of items) assert.equal(reader[type](), value)
    assert.ok(reader.done)
  })
  fc.assert(property, { seed, numRuns: 500 })
})

test('bytes: cut short anywhere: not ok, zeros and no throw', () => {
  const property = fc.property(values, fc.nat(), (items, at) => {
    const writer = new ByteWriter()
    for (const item of items) write(writer, item)
    const bytes = writer.finish()
    if (bytes.length === 0) return
    const reader = new ByteReader(bytes.subarray(0, at % bytes.length))
    for (const { type } of items) reader[type]()
    assert.not(reader.ok)
    assert.is(reader.u8(), 0)
    assert.is(reader.varint(), 0)
    assert.is(reader.text(), '')
    assert.is(reader.raw(1).length, 0)
  })
  fc.assert(property, { seed, numRuns: 500 })
})

test('bytes: garbage: never a throw', () => {
  const kinds = fc.array(fc.constantFrom('u8', 'u32', 'varint', 'bool', 'text', 'block'))
  const property = fc.property(fc.uint8Array({ maxLength: 60 }), kinds, (bytes, types) => {
    const reader = new ByteReader(bytes)
    for (const type of types) reader[type as Value['type']]()
    assert.ok(reader.at <= bytes.length)
  })
  fc.assert(property, { seed, numRuns: 1_000 })
})

test('bytes: varint: the bounds of every length, and one too large', () => {
  const writer = new ByteWriter()
  let bound = 1
  for (let bytes = 1; bytes <= 7; bytes++) {
    bound *= 128
    for (const [value, length] of [[bound - 1, bytes], [bound, bytes + 1]] as const) {
      writer.varint(value)
      assert.is(writer.length, length, `${value}`)
      assert.is(new ByteReader(writer.finish()).varint(), value)
    }
  }
  writer.varint(INTEGER_MAX)
  assert.is(new ByteReader(writer.finish()).varint(), INTEGER_MAX)
  const tooLarge = Uint8Array.of(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10)
  const reader = new ByteReader(tooLarge)
  assert.is(reader.varint(), 0)
  assert.not(reader.ok)
  assert.not(readOk(Uint8Array.from({ length: 9 }, () => 0x80), 'varint'))
})

function readOk(bytes: Uint8Array, type: Value['type']): boolean {
  const reader = new ByteReader(bytes)
  reader[type]()
  return reader.done
}

test('bytes: text: the same UTF-8 as the platform, lone surrogates included', () => {
  const encoder = new TextEncoder()
  const property = fc.property(fc.oneof(anyText, unitsText), (text) => {
    const writer = new ByteWriter()
    writer.text(text)
    const expected = encoder.encode(text)
    const bytes = writer.finish()
    assert.equal(new ByteReader(bytes).block(), expected)
    assert.is(utf8Bytes(text), expected.length)
    const readable = new TextDecoder('utf-8', { ignoreBOM: true }).decode(expected)
    assert.is(new ByteReader(bytes).text(), readable)
    assert.is(isWellFormed(text), readable === text)
  })
  fc.assert(property, { seed, numRuns: 2_000 })
})

test('bytes: text: malformed UTF-8: refused exactly where the platform refuses it', () => {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const lead = fc.constantFrom(0x61, 0x80, 0xc1, 0xc2, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5)
  const tail = fc.constantFrom(0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0)
  const property = fc.property(fc.array(fc.oneof(lead, tail), { maxLength: 6 }), (units) => {
    const bytes = Uint8Array.from(units)
    const writer = new ByteWriter()
    writer.block(bytes)
    const reader = new ByteReader(writer.finish())
    const text = reader.text()
    let expected: string | null = null
    try {
      expected = decoder.decode(bytes)
    } catch {
      assert.not(reader.ok)
    }
    if (expected !== null) assert.is(reader.ok && text, expected)
  })
  fc.assert(property, { seed, numRuns: 5_000 })
})

test('bytes: booleans: other than 0 and 1: refused', () => {
  assert.ok(readOk(Uint8Array.of(1), 'bool'))
  assert.not(readOk(Uint8Array.of(2), 'bool'))
})

test('bytes: putU32: a word within others: what the reader reads', () => {
  const bytes = new Uint8Array(6)
  putU32(bytes, 1, 0xfedcba98)
  assert.is(new ByteReader(bytes, 1).u32(), 0xfedcba98)
  assert.is(bytes[0], 0)
  assert.is(bytes[5], 0)
})

test('bytes: finish: what is written next, over many slabs, leaves it alone', () => {
  const writer = new ByteWriter()
  const finished: Uint8Array[] = []
  const length = (at: number): number => (at % 7 === 0 ? 20_000 : at * 13)
  for (let at = 0; at < 200; at++) {
    // In two parts, the first of which may have to move to a new slab.
    writer.raw(new Uint8Array(length(at)).fill(at))
    writer.text(String(at).repeat(at))
    finished.push(writer.finish())
  }
  finished.forEach((bytes, at) => {
    const reader = new ByteReader(bytes)
    assert.equal(reader.raw(length(at)), new Uint8Array(length(at)).fill(at))
    assert.is(reader.text(), String(at).repeat(at))
    assert.ok(reader.done)
  })
})

test('bytes: equalBytes: the same content and length only', () => {
  const bytes = Uint8Array.of(1, 2, 3)
  assert.ok(equalBytes(bytes, bytes))
  assert.ok(equalBytes(bytes, Uint8Array.of(1, 2, 3)))
  assert.not(equalBytes(bytes, Uint8Array.of(1, 2)))
  assert.not(equalBytes(bytes, Uint8Array.of(1, 2, 4)))
})

test.run()
