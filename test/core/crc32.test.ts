// CRC-32C against published vectors, and against the definition bit by bit.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { crc32c } from '../../core/crc32.ts'
import { suite } from '../harness.ts'

const test = suite('crc32')

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

function bitByBit(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return ~crc >>> 0
}

test('crc32: the vectors of RFC 3720 B.4: each gives its published value', () => {
  const rising = Uint8Array.from({ length: 32 }, (_, index) => index)
  assert.is(crc32c(new Uint8Array(32)), 0x8a9136aa)
  assert.is(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43)
  assert.is(crc32c(rising), 0x46dd794e)
  assert.is(crc32c(rising.slice().reverse()), 0x113fdb5c)
  assert.is(crc32c(bytesOf('123456789')), 0xe3069283)
  assert.is(crc32c(new Uint8Array(0)), 0)
})

test('crc32: any bytes: equal to the definition', () => {
  const input = fc.uint8Array({ maxLength: 70 })
  fc.assert(fc.property(input, bytes => crc32c(bytes) === bitByBit(bytes)))
})

test('crc32: any cut, any surroundings: parts continue each other', () => {
  const input = fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 60 }), fc.nat(), fc.nat())
  fc.assert(
    fc.property(input, ([bytes, cut, margin]) => {
      const at = cut % bytes.length
      const wide = new Uint8Array(bytes.length + 20).fill(7)
      const from = margin % 20
      wide.set(bytes, from)
      const first = crc32c(wide, from, from + at)
      assert.is(crc32c(wide, from + at, from + bytes.length, first), crc32c(bytes))
    })
  )
})

test.run()
