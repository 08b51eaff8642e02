// The bodies of a handshake: what is encoded is decoded, and garbage is answered and never thrown.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { FRAME_KIND, FRAME_VERSION } from '../../transports/codec.ts'
import {
  decodeGreeting,
  encodeGreeting,
  HANDSHAKE_BYTES_MAX,
  isGreeting,
  nameOf,
  versionProblem
} from '../../transports/handshake.ts'
import type { Greeting, Introduction, Verdict } from '../../transports/handshake.ts'
import { suite } from '../harness.ts'

const test = suite('handshake')

const rounds = Number(process.env['ROUNDS'] ?? 1_000)
const fuzzing = { deadlineMs: 3_600_000 }

const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> => {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>
}
const text = fc.string({ maxLength: 20 })
const number = fc.maxSafeNat()
const introduction: fc.Arbitrary<Introduction> = record({
  versionMin: number,
  versionMax: number,
  node: text,
  address: text,
  url: fc.option(text),
  cluster: fc.option(text),
  founding: fc.option(
    record({ cluster: text, voters: fc.array(text), founder: text, round: number })
  ),
  promise: fc.option(record({ round: number, founder: text }))
})
const verdict: fc.Arbitrary<Verdict> = fc.oneof(
  fc.constant({ type: 'admit' as const }),
  fc.constant({ type: 'later' as const }),
  record({ type: fc.constant('refuse' as const), reason: text })
)
const greeting: fc.Arbitrary<Greeting> = fc.oneof(
  record({ type: fc.constant('hello' as const), life: number, introduction }),
  record({ type: fc.constant('answer' as const), life: number, introduction, verdict }),
  record({ type: fc.constant('verdict' as const), verdict }),
  fc.constant({ type: 'beat' as const })
)

const someone: Introduction = {
  versionMin: 1,
  versionMax: 1,
  node: 'n1@0000000a',
  address: 'localhost:1',
  url: null,
  cluster: null,
  founding: null,
  promise: null
}

test('handshake: any body: comes back as it went, and is no frame', () => {
  fc.assert(
    fc.property(greeting, one => {
      const body = encodeGreeting(one)
      assert.equal(decodeGreeting(body), one)
      assert.ok(isGreeting(body))
    }),
    { numRuns: rounds }
  )
  assert.not.ok(isGreeting(Uint8Array.of(FRAME_VERSION, FRAME_KIND.replica)))
}, fuzzing)

test('handshake: bytes that were cut, lengthened or changed: are another body or none', () => {
  const run = (one: Greeting, at: number, byte: number): void => {
    const body = encodeGreeting(one)
    assert.is(decodeGreeting(body.subarray(0, at % body.length)), null)
    assert.is(decodeGreeting(Uint8Array.from([...body, byte])), null)
    const changed = body.slice()
    changed[at % body.length] = byte
    const read = decodeGreeting(changed)
    // A text may have another encoding of a number's length: what is read can be said.
    if (read !== null) assert.equal(decodeGreeting(encodeGreeting(read)), read)
  }
  const byte = fc.nat({ max: 255 })
  fc.assert(fc.property(greeting, fc.nat(), byte, run), { numRuns: rounds })
}, fuzzing)

test('handshake: garbage: is null, and costs no memory', () => {
  const run = (bytes: Uint8Array, kind: number): void => {
    decodeGreeting(bytes)
    decodeGreeting(Uint8Array.from([1, kind, ...bytes]))
  }
  const bytes = fc.uint8Array({ maxLength: 200 })
  fc.assert(fc.property(bytes, fc.integer({ min: 15, max: 21 }), run), { numRuns: rounds })
  const many = Uint8Array.from([1, 16, 1, 1, 1, 0, 0, 0, 1, 0, ...new Array(7).fill(255), 1])
  assert.is(decodeGreeting(many), null)
}, fuzzing)

test('handshake: layouts: are those of the first version', () => {
  const bytes = encodeGreeting({
    type: 'answer',
    life: 300,
    introduction: {
      ...someone,
      url: 'http://h:1',
      cluster: 'c',
      founding: { cluster: 'c', voters: ['a', 'b'], founder: 'a', round: 2 },
      promise: { round: 3, founder: 'a' }
    },
    verdict: { type: 'refuse', reason: 'no' }
  })
  const hex = Buffer.from(bytes).toString('hex')
  const node = Buffer.from('n1@0000000a').toString('hex')
  const address = Buffer.from('localhost:1').toString('hex')
  const url = Buffer.from('http://h:1').toString('hex')
  assert.is(
    hex,
    `0111ac020101` + `0b${node}0b${address}010a${url}` + `010163` + `01016302016101620161` +
      `02` + `01030161` + `02026e6f`
  )
})

test('handshake: versions: fit when one is common, else it is said who speaks what', () => {
  const speaks = (versionMin: number, versionMax: number): Introduction => {
    return { ...someone, versionMin, versionMax }
  }
  assert.is(versionProblem(speaks(1, 2), speaks(2, 3)), null)
  assert.is(versionProblem(speaks(2, 3), speaks(1, 2)), null)
  assert.match(versionProblem(speaks(1, 1), speaks(2, 3)) ?? '', /2 to 3, and .* 1 to 1: upgrade/)
  assert.match(versionProblem(speaks(2, 3), speaks(1, 1)) ?? '', /1 to 1, and/)
})

test('handshake: a name: is what stands before the last @ of an id', () => {
  assert.equal(['n1@0a', 'a@b@c', 'n1', '@x', ''].map(nameOf), ['n1', 'a@b', 'n1', '', ''])
})

test('handshake: a long reason, and many voters: fit into a body', () => {
  const reason = 'x'.repeat(100_000)
  const said = encodeGreeting({ type: 'verdict', verdict: { type: 'refuse', reason } })
  assert.ok(said.length < 1_000)
  const voters = Array.from({ length: 200 }, (_, at) => `${'v'.repeat(200)}${at}@00000000`)
  const founding = { cluster: 'c', voters, founder: 'a', round: 1 }
  const introduction = { ...someone, founding }
  assert.ok(encodeGreeting({ type: 'hello', life: 1, introduction }).length < HANDSHAKE_BYTES_MAX)
})

test.run()
