// Frames: what is encoded is decoded, and whatever else arrives is answered and never thrown.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  decodeClientReply,
  decodeClientRequest,
  encodeClientReply,
  encodeClientRequest
} from '../../transports/client-codec.ts'
import type { AppendRequest } from '../../core/raft/message.ts'
import { decodeFrame, encodeFrame } from '../../transports/codec.ts'
import type { Frame } from '../../transports/codec.ts'
import { suite } from '../harness.ts'
import { clientReply, clientRequest, frame } from './arbitraries.ts'

const test = suite('codec')

const decoders = [decodeFrame, decodeClientRequest, decodeClientReply]

const malformedReasons = [
  'the frame is too short',
  'the frame version is unknown',
  'the frame is of another kind',
  'the frame does not parse',
  'the request does not parse',
  'the reply does not parse'
]

/** Whatever `bytes` are: nothing throws, and what is taken for a frame could have been sent. */
function decodeAnything(bytes: Uint8Array): void {
  const asFrame = decodeFrame(bytes)
  if (asFrame.type === 'malformed') assert.ok(malformedReasons.includes(asFrame.reason))
  else assert.equal(decodeFrame(encodeFrame(asFrame.frame)), asFrame)
  const asRequest = decodeClientRequest(bytes)
  if (asRequest.type === 'malformed') assert.ok(malformedReasons.includes(asRequest.reason))
  else assert.equal(decodeClientRequest(encodeClientRequest(asRequest.request)), asRequest)
  const asReply = decodeClientReply(bytes)
  if (asReply.type === 'malformed') assert.ok(malformedReasons.includes(asReply.reason))
  else assert.equal(decodeClientReply(encodeClientReply(asReply.reply)), asReply)
}

const anyFrameBytes: fc.Arbitrary<Uint8Array> = fc.oneof(
  frame.map(encodeFrame),
  clientRequest.map(encodeClientRequest),
  clientReply.map(encodeClientReply)
)

const heartbeat: Frame & { readonly message: AppendRequest } = {
  cluster: 'c',
  group: '0',
  from: '0',
  to: 'n2',
  message: {
    type: 'appendRequest',
    term: 7,
    prevIndex: 300,
    prevTerm: 7,
    commit: 2,
    round: 5,
    entries: []
  }
}

/** 2^53 - 1 as a varint. */
const HUGE = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]

/** Bytes that often parse for a while: counts, booleans and lengths that are not far off. */
const smallBytes = fc.array(fc.nat(4), { maxLength: 40 })

test('codec: every kind of message: comes back as it went', () => {
  fc.assert(
    fc.property(frame, sent => {
      assert.equal(decodeFrame(encodeFrame(sent)), { type: 'frame', frame: sent })
    }),
    { numRuns: 2000 }
  )
})

test('codec: client requests and every outcome: come back as they went', () => {
  fc.assert(
    fc.property(clientRequest, clientReply, (request, reply) => {
      const decodedRequest = decodeClientRequest(encodeClientRequest(request))
      assert.equal(decodedRequest, { type: 'request', request })
      assert.equal(decodeClientReply(encodeClientReply(reply)), { type: 'reply', reply })
    }),
    { numRuns: 500 }
  )
})

test('codec: payloads: are views on the source bytes', () => {
  const payload = Uint8Array.of(1, 2, 3)
  const entries = [{ term: 1, stampMs: 2, kind: 'command' as const, payload }]
  const bytes = encodeFrame({ ...heartbeat, message: { ...heartbeat.message, entries } })
  const decoded = decodeFrame(bytes)
  assert.ok(decoded.type === 'frame' && decoded.frame.message.type === 'appendRequest')
  assert.is(decoded.frame.message.entries[0]?.payload.buffer, bytes.buffer)
})

test('codec: garbage behind the names of a frame: no decoder throws', () => {
  const start = encodeFrame(heartbeat).slice(0, -8)
  const kind = fc.integer({ min: 0, max: 16 })
  fc.assert(
    fc.property(kind, fc.uint8Array({ maxLength: 60 }), smallBytes, (kind, wild, small) => {
      for (const rest of [wild, small]) decodeAnything(Uint8Array.of(...start, kind, ...rest))
    }),
    { numRuns: 3000 }
  )
})

test('codec: garbage: no decoder throws', () => {
  const start = fc.tuple(fc.constantFrom(1, 1, 1, 2), fc.constantFrom(1, 2, 3, 4))
  const input = fc.tuple(start, fc.uint8Array({ maxLength: 60 }))
  fc.assert(
    fc.property(input, ([head, rest]) => {
      decodeAnything(rest)
      decodeAnything(Uint8Array.of(...head, ...rest))
    }),
    { numRuns: 2000 }
  )
})

test('codec: a frame cut short at any byte, or with a byte more: is malformed', () => {
  fc.assert(
    fc.property(anyFrameBytes, bytes => {
      for (let length = 0; length < bytes.length; length++) {
        for (const decode of decoders) {
          assert.is(decode(bytes.slice(0, length)).type, 'malformed')
        }
      }
      for (const decode of decoders) assert.is(decode(Uint8Array.of(...bytes, 0)).type, 'malformed')
    }),
    { numRuns: 100 }
  )
})

test('codec: any byte changed to any other: no decoder throws, and what passes is whole', () => {
  fc.assert(
    fc.property(anyFrameBytes, fc.integer({ min: 1, max: 255 }), (bytes, flip) => {
      for (let at = 0; at < bytes.length; at++) {
        const changed = bytes.slice()
        changed[at] = (bytes[at] as number) ^ flip
        decodeAnything(changed)
      }
    }),
    { numRuns: 200 }
  )
})

test('codec: a frame of another version or kind: is refused with the reason', () => {
  const bytes = encodeFrame(heartbeat)
  const newer = bytes.slice()
  newer[0] = 2
  assert.equal(decodeFrame(newer), { type: 'malformed', reason: 'the frame version is unknown' })
  const reason = 'the frame is of another kind'
  assert.equal(decodeClientRequest(bytes), { type: 'malformed', reason })
  assert.equal(decodeClientReply(bytes), { type: 'malformed', reason })
})

test('codec: a count or length far beyond the frame: is malformed at once', () => {
  const bytes = encodeFrame(heartbeat)
  assert.is(decodeFrame(Uint8Array.of(...bytes.slice(0, -1), ...HUGE)).type, 'malformed')
  const names = bytes.slice(0, -8)
  const voters = [8, 7, 5, 1, 1, 1, ...HUGE]
  const learners = [8, 7, 5, 1, 1, 1, 1, 1, 97, 0, ...HUGE]
  const chunk = [8, 7, 5, 1, 1, 1, 1, 1, 97, 0, 0, 9, 0, ...HUGE]
  const payload = [13, 7, 3, ...HUGE]
  const reply = [14, 7, 3, 1, 1, ...HUGE]
  const leader = [14, 7, 3, 2, 1, ...HUGE]
  for (const message of [voters, learners, chunk, payload, reply, leader]) {
    for (const rest of [[], Array.from({ length: 40 }, () => 1)]) {
      const decoded = decodeFrame(Uint8Array.of(...names, ...message, ...rest))
      assert.is(decoded.type, 'malformed', `${message}`)
    }
  }
  assert.is(decodeClientRequest(Uint8Array.of(1, 2, 5, 1, ...HUGE)).type, 'malformed')
  assert.is(decodeClientReply(Uint8Array.of(1, 3, 5, 1, 1, ...HUGE)).type, 'malformed')
})

test.run()
