// Stream frames: every cut gives the same bodies, every changed bit is found, and garbage costs
// nothing.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { FrameBatch, FrameReader, streamFrame } from '../../transports/stream-frames.ts'
import type { StreamProblem } from '../../transports/stream-frames.ts'
import { suite } from '../harness.ts'

const test = suite('stream frames')

const rounds = Number(process.env['ROUNDS'] ?? 1_000)
const fuzzing = { deadlineMs: 3_600_000 }

const body = fc.uint8Array({ minLength: 1, maxLength: 60 })
const bodies = fc.array(body, { maxLength: 12 })

interface Read {
  readonly bodies: readonly Uint8Array[]
  readonly problem: StreamProblem | null
}

function framesOf(list: readonly Uint8Array[]): Uint8Array {
  const batch = new FrameBatch()
  for (const one of list) batch.add(one)
  return batch.take()
}

/** Reads `bytes` in pieces of the lengths given, again and again, some of them as buffers. */
function read(bytes: Uint8Array, lengths: readonly number[], bodyBytesMax = 60): Read {
  const reader = new FrameReader(bodyBytesMax)
  const found: Uint8Array[] = []
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const end = at + (lengths[turn % lengths.length] ?? bytes.length)
    const piece = bytes.slice(at, end)
    reader.push(turn % 2 === 0 ? piece : Buffer.from(piece), one => found.push(one))
    at = end
  }
  return { bodies: found, problem: reader.problem }
}

test('stream frames: a frame: has length and checksum before its body', () => {
  const digits = new TextEncoder().encode('123456789')
  const frame = [9, 0, 0, 0, 0x83, 0x92, 0x06, 0xe3, ...digits]
  assert.equal([...streamFrame(digits)], frame)
  assert.equal(read(Uint8Array.from(frame), []).bodies, [digits])
})

test('stream frames: bodies, cut anywhere: come out as they went in', () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 90 }), { maxLength: 5 })
  fc.assert(
    fc.property(bodies, lengths, (list, cuts) => {
      assert.equal(read(framesOf(list), cuts), { bodies: list, problem: null })
    }),
    { numRuns: rounds }
  )
}, fuzzing)

test('stream frames: a changed bit: no body is wrong, and the stream ends there', () => {
  const run = (list: readonly Uint8Array[], bit: number, cut: number): void => {
    const bytes = framesOf(list)
    const at = bit % (bytes.length * 8)
    bytes[at >> 3] = (bytes[at >> 3] as number) ^ (1 << (at & 7))
    const { bodies: found, problem } = read(bytes, [cut])
    assert.equal(found, list.slice(0, found.length))
    assert.ok(found.length < list.length)
    // A length that grew within the cap may wait for bytes that never come.
    if (problem === null) assert.ok(at % 8 <= 5)
  }
  const some = fc.array(body, { minLength: 1, maxLength: 12 })
  fc.assert(fc.property(some, fc.nat(), fc.integer({ min: 1, max: 700 }), run), { numRuns: rounds })
}, fuzzing)

test('stream frames: garbage: is answered and never thrown', () => {
  const cuts = fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 3 })
  const run = (bytes: Uint8Array, lengths: readonly number[]): void => {
    const { bodies: found } = read(bytes, lengths)
    for (const one of found) assert.ok(one.length > 0 && one.length <= 60)
    assert.equal(read(bytes, []), read(bytes, lengths))
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), cuts, run), { numRuns: rounds })
}, fuzzing)

test('stream frames: a length of zero or over the cap: breaks the stream at once', () => {
  for (const length of [0, 61, 2 ** 31, 2 ** 32 - 1]) {
    const start = new Uint8Array(8)
    new DataView(start.buffer).setUint32(0, length, true)
    for (const cut of [1, 3, 8]) {
      assert.equal(read(start, [cut]), { bodies: [], problem: 'badLength' })
    }
  }
  const whole = new Uint8Array(60).fill(7)
  assert.equal(read(streamFrame(whole), []), { bodies: [whole], problem: null })
})

test('stream frames: a broken stream: stays broken, and reads no more', () => {
  const wrong = streamFrame(Uint8Array.of(1, 2, 3))
  wrong[9] = 9
  for (const cut of [1, 100]) {
    const reader = new FrameReader(60)
    const found: Uint8Array[] = []
    const good = streamFrame(Uint8Array.of(4))
    const bytes = Uint8Array.from([...good, ...wrong, ...good])
    for (let at = 0; at < bytes.length; at += cut) {
      reader.push(bytes.slice(at, at + cut), one => found.push(one))
    }
    assert.is(reader.push(good, one => found.push(one)), 'badChecksum')
    assert.equal(found, [Uint8Array.of(4)])
  }
})

test('stream frames: a body in pieces: takes no more memory than twice what has arrived', () => {
  const reader = new FrameReader(2 ** 31)
  const start = new Uint8Array(8)
  new DataView(start.buffer).setUint32(0, 2 ** 31, true)
  const before = process.memoryUsage().arrayBuffers
  reader.push(start, () => assert.unreachable())
  reader.push(new Uint8Array(100), () => assert.unreachable())
  assert.ok(process.memoryUsage().arrayBuffers - before < 1_000_000)
  assert.is(reader.problem, null)
})

test('stream frames: a body of many bytes, one by one: is read in linear time', () => {
  const big = new Uint8Array(300_000).map((_, at) => at * 7)
  const { bodies: found } = read(framesOf([big, big]), [1], 300_000)
  assert.equal(found, [big, big])
})

test('stream frames: a body: is a plain array of bytes with no other kind of view', () => {
  for (const cut of [3, 100]) {
    for (const one of read(framesOf([Uint8Array.of(1, 2), Uint8Array.of(3)]), [cut]).bodies) {
      assert.is(Object.getPrototypeOf(one), Uint8Array.prototype)
    }
  }
})

test('stream frames: a batch: hands out bytes that later frames leave alone', () => {
  const batch = new FrameBatch()
  const first = Uint8Array.of(1, 2, 3)
  batch.add(first)
  assert.is(batch.bytesCount, 11)
  const taken = batch.take()
  const copy = taken.slice()
  assert.is(batch.bytesCount, 0)
  batch.add(new Uint8Array(20_000).fill(9))
  batch.take()
  assert.equal(taken, copy)
  assert.is(batch.take().length, 0)
})

test.run()
