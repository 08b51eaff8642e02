// The bytes of headers and records.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { ByteWriter, putU32 } from '../../core/bytes.ts'
import { foundedBy } from '../../core/raft/membership.ts'
import type { Entry } from '../../core/raft/message.ts'
import {
  decodeHeader,
  decodeRecord,
  encodeHeader,
  encodeRecord,
  frameEnd,
  isSound,
  NOTE,
  sketchRecord
} from '../../storage/record.ts'
import type { CheckpointHead, LogRecord } from '../../storage/record.ts'
import { crc32c } from '../../core/crc32.ts'
import { suite } from '../harness.ts'
import { entry as anyEntry, integer, nodeId, plain, text } from '../transports/arbitraries.ts'
import { baseAt, entry, identity, snapshotAt } from './support.ts'

const test = suite('record')

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

const anyMembership = fc
  .uniqueArray(nodeId, { minLength: 1, maxLength: 5 })
  .map(voters => foundedBy(voters.sort()))

const place = { index: integer, term: integer, stampMs: integer }

const head: fc.Arbitrary<CheckpointHead> = plain({
  snapshot: plain({
    ...place,
    membership: anyMembership,
    version: integer,
    bytesCount: integer
  }),
  base: plain(place)
})

const NOTHING_CHANGED = { firstIndex: 0, prevTerm: 0, entries: [] }

const logRecord: fc.Arbitrary<LogRecord> = plain({
  sequence: integer,
  syncedTo: integer,
  hardState: plain({ term: integer, vote: fc.option(nodeId) }),
  end: plain({ index: integer, term: integer }),
  logChanged: fc.boolean(),
  firstIndex: integer,
  prevTerm: integer,
  entries: fc.array(
    fc.tuple(anyEntry, fc.boolean()).map(([made, isMembership]): Entry => {
      return isMembership ? { ...made, kind: 'membership' } : made
    }),
    { maxLength: 4 }
  ),
  head: fc.option(head),
  bytes: fc.uint8Array({ maxLength: 40 }),
  completes: fc.boolean()
}).map(made => (made.logChanged ? made : { ...made, ...NOTHING_CHANGED }))

function encoded(seed: number, record: LogRecord): Uint8Array {
  return encodeRecord(new ByteWriter(), seed, record, record)
}

test('record: any record, anywhere in a file: comes back as it went', () => {
  const input = fc.tuple(logRecord, fc.nat(), fc.uint8Array({ maxLength: 9 }))
  fc.assert(
    fc.property(input, ([record, seed, before]) => {
      const bytes = encoded(seed, record)
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
    fc.property(any, integer, fc.uint8Array({ maxLength: 9 }), (whose, generation, rest) => {
      const bytes = encodeHeader(whose, generation)
      const header = decodeHeader(Uint8Array.of(...bytes, ...rest))
      assert.ok(header.type === 'header')
      assert.equal(header.identity, whose)
      assert.is(header.generation, generation)
      assert.is(header.size, bytes.length)
    })
  )
})

test('record: payloads: are copies, so that the bytes of the file can go', () => {
  const record = { ...noteOf(1, 0), logChanged: true, firstIndex: 1 }
  const bytes = encoded(0, { ...record, entries: [entry(1, 42)] })
  const parsed = decodeRecord(bytes, 0, 0)
  bytes.fill(0)
  assert.ok(parsed.type === 'record')
  assert.equal(parsed.record.entries, [entry(1, 42)])
})

test('record: any bit flipped, any byte missing, another seed: is bad', () => {
  fc.assert(
    fc.property(logRecord, record => {
      const bytes = encoded(5, record)
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

test('record: an entry of an unknown kind, a bad membership: make no sense', () => {
  const changed = { ...noteOf(1, 0), logChanged: true, firstIndex: 1 }
  const known = encoded(0, { ...changed, entries: [entry(1)] })
  known[known.length - 2] = 4
  assert.is(decodeRecord(sealed(known), 0, 0).type, 'senseless')
  const snapshot = { ...snapshotAt(1, 1), membership: foundedBy(['a', 'a']) }
  const doubled = { snapshot, base: baseAt(1, 1) }
  const bytes = encoded(0, { ...noteOf(1, 0), head: doubled })
  assert.is(decodeRecord(bytes, 0, 0).type, 'senseless')
})

/** The same record with the checksum of what it holds now. */
function sealed(bytes: Uint8Array): Uint8Array {
  const crc = crc32c(bytes, 8, bytes.length, crc32c(bytes, 0, 4, 0))
  putU32(bytes, 4, crc)
  return bytes
}

test('record: a sketch at an offset: only of what fits, and whatever its checksum', () => {
  const record = { ...noteOf(9, 40), logChanged: true, entries: [entry(3, 4)] }
  const bytes = Uint8Array.of(...new Uint8Array(50), ...encoded(3, record), 1, 2)
  const end = bytes.length - 2
  assert.equal(sketchRecord(bytes, 50, 9, 9, 40), record)
  assert.is(frameEnd(bytes, 50), end)
  assert.ok(isSound(bytes, 50, end, 3))
  assert.not(isSound(bytes, 50, end, 4), 'another seed')
  assert.is(sketchRecord(bytes, 50, 10, 11, 40), null, 'a sequence that was read already')
  assert.is(sketchRecord(bytes, 50, 5, 8, 40), null, 'a sequence too far on')
  assert.is(sketchRecord(bytes, 50, 1, 9, 41), null, 'a mark that falls')
  assert.is(sketchRecord(Uint8Array.of(...encoded(3, record)), 0, 1, 9, 0), null, 'beyond itself')
  for (let at = 0; at <= bytes.length; at++) {
    if (at !== 50) assert.is(sketchRecord(bytes, at, 1, 99, 0), null)
  }
  for (let at = 50; at < end; at++) {
    const changed = bytes.slice()
    changed[at] = (bytes[at] as number) ^ 0x10
    const sketch = sketchRecord(changed, 50, 1, 99, 0)
    assert.ok(sketch === null || !isSound(changed, 50, frameEnd(changed, 50), 3))
  }
})

function noteOf(sequence: number, syncedTo: number): LogRecord {
  const hardState = { term: 0, vote: null }
  return { ...NOTE, sequence, syncedTo, hardState, end: { index: 0, term: 0 } }
}

test('record: format version 1: the bytes stay what they are', () => {
  const hardState = { term: 3, vote: '0' }
  const entries: Entry[] = [entry(3), entry(3, 255), { ...entry(4, 9), kind: 'membership' }]
  const end = { index: 3, term: 4 }
  const first = { ...noteOf(1, 300), hardState, end, logChanged: true, firstIndex: 1, entries }
  const opening = { snapshot: snapshotAt(7, 3, 1, 2), base: baseAt(6, 2) }
  const parts = { head: opening, bytes: Uint8Array.of(1, 2), completes: true }
  const kept = { firstIndex: 7, prevTerm: 2, entries: [entry(3)] }
  const checkpoint = { ...first, ...parts, ...kept, syncedTo: 0, end: { index: 7, term: 3 } }
  const firstHex = '1a000000023631b1' + '01ac02030301300304010003031e0000031e0101ff0428020109'
  const checkpointHex =
    '220000003b39ba12' + '01001f030130070307031e020130026e3200000102060214020102070201031e0000'
  assert.is(hex(encodeHeader(identity, 1)), '6c6f636b73746570090000008f71a72d010263310130013001')
  assert.is(hex(encoded(7, first)), firstHex)
  assert.is(hex(encoded(7, checkpoint)), checkpointHex)
  assert.is(hex(encoded(7, noteOf(2, 90))), '06000000b9f431fe025a00000000')
})

test.run()
