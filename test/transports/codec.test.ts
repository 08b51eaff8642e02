// Frames: what is encoded is decoded, and whatever else arrives is answered and never thrown.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  decodeClientReply,
  decodeClientRequest,
  encodeClientReply,
  encodeClientRequest
} from '../../transports/client-codec.ts'
import { decodeFrame, encodeFrame } from '../../transports/codec.ts'
import type { Frame } from '../../transports/codec.ts'
import { suite } from '../harness.ts'
import { clientReply, clientRequest, frame } from './arbitraries.ts'

const test = suite('codec')

const decoders = [decodeFrame, decodeClientRequest, decodeClientReply]

const anyFrameBytes: fc.Arbitrary<Uint8Array> = fc.oneof(
  frame.map(encodeFrame),
  clientRequest.map(encodeClientRequest),
  clientReply.map(encodeClientReply)
)

const heartbeat: Frame = {
  cluster: 'c',
  group: '0',
  from: '0',
  to: 'n2',
  message: { type: 'appendRequest', term: 7, prevIndex: 300, prevTerm: 7, commit: 2, entries: [] }
}

test('codec: every kind of message: comes back as it went', () => {
  fc.assert(
    fc.property(frame, sent => {
      assert.equal(decodeFrame(encodeFrame(sent)), { type: 'frame', frame: sent })
    }),
    { numRuns: 1000 }
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

test('codec: format version 1: the bytes of a heartbeat stay what they are', () => {
  const hex = [...encodeFrame(heartbeat)].map(byte => byte.toString(16).padStart(2, '0')).join('')
  assert.is(hex, '0101' + '0163' + '0130' + '0130' + '026e32' + '0507' + 'ac02' + '070200')
})

test('codec: payloads: are views on the source bytes', () => {
  const payload = Uint8Array.of(1, 2, 3)
  const entries = [{ term: 1, stampMs: 2, kind: 'command' as const, payload }]
  const message = { type: 'appendRequest' as const, term: 1, prevIndex: 0, prevTerm: 0, commit: 0 }
  const bytes = encodeFrame({ ...heartbeat, message: { ...message, entries } })
  const decoded = decodeFrame(bytes)
  assert.ok(decoded.type === 'frame' && decoded.frame.message.type === 'appendRequest')
  assert.is(decoded.frame.message.entries[0]?.payload.buffer, bytes.buffer)
})

test('codec: garbage: no decoder throws', () => {
  const start = fc.tuple(fc.constantFrom(1, 1, 1, 2), fc.constantFrom(1, 2, 3, 4))
  const input = fc.tuple(start, fc.uint8Array({ maxLength: 60 }))
  fc.assert(
    fc.property(input, ([head, rest]) => {
      for (const decode of decoders) {
        decode(rest)
        decode(Uint8Array.of(...head, ...rest))
      }
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

test('codec: any byte changed to any other: no decoder throws', () => {
  fc.assert(
    fc.property(anyFrameBytes, fc.integer({ min: 1, max: 255 }), (bytes, flip) => {
      for (let at = 0; at < bytes.length; at++) {
        const changed = bytes.slice()
        changed[at] = (bytes[at] as number) ^ flip
        for (const decode of decoders) decode(changed)
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

test('codec: a count of entries far beyond the frame: is malformed at once', () => {
  const bytes = encodeFrame(heartbeat)
  const many = Uint8Array.of(...bytes.slice(0, -1), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f)
  assert.is(decodeFrame(many).type, 'malformed')
})

test.run()
