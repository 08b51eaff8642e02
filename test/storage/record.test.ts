// The bytes of headers and records.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { ByteWriter } from '../../core/bytes.ts'
import { decodeHeader, decodeRecord, encodeHeader, encodeRecord } from '../../storage/record.ts'
import type { LogRecord } from '../../storage/record.ts'
import { suite } from '../harness.ts'
import { entry as anyEntry, integer, nodeId, plain, text } from '../transports/arbitraries.ts'
import { entry, identity } from './support.ts'

const test = suite('record')

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

const logRecord: fc.Arbitrary<LogRecord> = plain({
  sequence: integer,
  syncedTo: integer,
  hardState: fc.option(plain({ term: integer, vote: fc.option(nodeId) })),
  logChanged: fc.boolean(),
  firstIndex: integer,
  entries: fc.array(anyEntry, { maxLength: 4 })
}).map(made => (made.logChanged ? made : { ...made, firstIndex: 0, entries: [] }))

test('record: any record, anywhere in a file: comes back as it went', () => {
  const input = fc.tuple(logRecord, fc.nat(), fc.uint8Array({ maxLength: 9 }))
  fc.assert(
    fc.property(input, ([record, seed, before]) => {
      const bytes = encodeRecord(new ByteWriter(), seed, record)
      const file = Uint8Array.of(...before, ...bytes, 1, 2, 3)
      const end = before.length + bytes.length
      assert.equal(decodeRecord(file, before.length, seed), { type: 'record', record, end })
    }),
    { numRuns: 1000 }
  )
})

test('record: any identity: its header comes back as it went', () => {
  const any = plain({ cluster: text, group: text, node: nodeId })
  fc.assert(
    fc.property(any, fc.uint8Array({ maxLength: 9 }), (whose, rest) => {
      const bytes = encodeHeader(whose)
      const header = decodeHeader(Uint8Array.of(...bytes, ...rest))
      assert.ok(header.type === 'header')
      assert.equal(header.identity, whose)
      assert.is(header.size, bytes.length)
    })
  )
})

test('record: payloads: are copies, so that the bytes of the file can go', () => {
  const record = { sequence: 1, syncedTo: 0, hardState: null, logChanged: true, firstIndex: 1 }
  const bytes = encodeRecord(new ByteWriter(), 0, { ...record, entries: [entry(1, 42)] })
  const parsed = decodeRecord(bytes, 0, 0)
  bytes.fill(0)
  assert.ok(parsed.type === 'record')
  assert.equal(parsed.record.entries, [entry(1, 42)])
})

test('record: any bit flipped, any byte missing, another seed: is bad', () => {
  fc.assert(
    fc.property(logRecord, record => {
      const bytes = encodeRecord(new ByteWriter(), 5, record)
      assert.is(decodeRecord(bytes, 0, 6).type, 'bad')
      for (let length = 0; length < bytes.length; length++) {
        assert.is(decodeRecord(bytes.slice(0, length), 0, 5).type, 'bad')
      }
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const at = bit >>> 3
        bytes[at] = (bytes[at] as number) ^ (1 << (bit & 7))
        assert.is(decodeRecord(bytes, 0, 5).type, 'bad')
        bytes[at] = (bytes[at] as number) ^ (1 << (bit & 7))
      }
    }),
    { numRuns: 60 }
  )
})

test('record: garbage: neither a header nor a record, and nothing is thrown', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), garbage => {
      assert.is(decodeHeader(garbage).type, 'bad')
      for (let at = 0; at <= garbage.length; at++) {
        assert.is(decodeRecord(garbage, at, 0).type, 'bad')
      }
    }),
    { numRuns: 500 }
  )
})

test('record: format version 1: the bytes stay what they are', () => {
  const hardState = { term: 3, vote: '0' }
  const entries = [entry(3), entry(3, 255)]
  const first = { sequence: 1, syncedTo: 300, hardState, logChanged: true, firstIndex: 1, entries }
  const bare = { hardState: null, logChanged: false, firstIndex: 0, entries: [] }
  const note = { sequence: 2, syncedTo: 90, ...bare }
  assert.is(hex(encodeHeader(identity)), '6c6f636b7374657008000000ef860d400102633101300130')
  const firstHex = hex(encodeRecord(new ByteWriter(), 7, first))
  assert.is(firstHex, '1200000087d89038' + '01ac02070301300102031e0000031e0101ff')
  assert.is(hex(encodeRecord(new ByteWriter(), 7, note)), '030000006239322b025a00')
})

test.run()
