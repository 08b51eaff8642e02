// Hand-written binary encoding: varints, fixed words and UTF-8, with no platform API, so that the
// same bytes come out in Node, in a worker and in a browser. It knows nothing of what it encodes.

const SLAB_BYTES = 8_192
const NO_SLAB = new Uint8Array(0)

/** The highest integer that `varint` takes: 2^53 - 1. */
export const INTEGER_MAX: number = Number.MAX_SAFE_INTEGER

/**
 * Appends values. `finish` hands out what was written and starts anew behind it, in the same slab:
 * a small array of its own costs many times what writing it does. A slab lives as long as anything
 * that was handed out of it.
 */
export class ByteWriter {
  #slab: Uint8Array = NO_SLAB
  #start = 0
  #end = 0

  /** Bytes written since the last `finish`. */
  get length(): number {
    return this.#end - this.#start
  }

  /** One byte, 0 to 255. */
  u8(value: number): void {
    this.#reserve(1)
    this.#slab[this.#end++] = value
  }

  /** Four bytes, little endian, 0 to 2^32 - 1. */
  u32(value: number): void {
    this.#reserve(4)
    putU32(this.#slab, this.#end, value)
    this.#end += 4
  }

  /** An integer from 0 to 2^53 - 1 in one to eight bytes, seven bits a byte, low bits first. */
  varint(value: number): void {
    this.#reserve(8)
    let rest = value
    while (rest > 0x7fffffff) {
      this.#slab[this.#end++] = (rest % 128) | 0x80
      rest = Math.floor(rest / 128)
    }
    while (rest > 0x7f) {
      this.#slab[this.#end++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.#slab[this.#end++] = rest
  }

  /** A boolean as one byte. */
  bool(value: boolean): void {
    this.u8(value ? 1 : 0)
  }

  /** Bytes as they are, without a length. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#slab.set(bytes, this.#end)
    this.#end += bytes.length
  }

  /** Bytes behind their length as a varint. */
  block(bytes: Uint8Array): void {
    this.varint(bytes.length)
    this.raw(bytes)
  }

  /** Text as UTF-8 behind its length in bytes. A lone surrogate becomes U+FFFD. */
  text(value: string): void {
    this.#reserve(value.length * 3 + 8)
    const at = this.#end
    const lengthBytes = varintBytes(value.length * 3)
    let end = at + lengthBytes
    for (let index = 0; index < value.length; index++) {
      const code = value.charCodeAt(index)
      if (code < 0x80) this.#slab[end++] = code
      else {
        const point = value.codePointAt(index) as number
        if (point > 0xffff) index++
        end = this.#putCodePoint(end, point)
      }
    }
    // The length is written last, padded to the bytes kept free for it, so that no copy is needed.
    let rest = end - at - lengthBytes
    for (let index = 0; index < lengthBytes; index++) {
      const last = index === lengthBytes - 1
      this.#slab[at + index] = last ? rest : (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.#end = end
  }

  /**
   * What was written, never to be written over here; the writer is empty afterwards. A view: its
   * `buffer` holds what was written before and after as well.
   */
  finish(): Uint8Array {
    const result = this.#slab.subarray(this.#start, this.#end)
    this.#start = this.#end
    // What was too much for a common slab keeps the one it has to itself.
    if (this.#slab.length > SLAB_BYTES) {
      this.#slab = NO_SLAB
      this.#start = 0
      this.#end = 0
    }
    return result
  }

  #putCodePoint(at: number, point: number): number {
    const bytes = this.#slab
    if (point >= 0xd800 && point <= 0xdfff) return this.#putCodePoint(at, 0xfffd)
    if (point < 0x800) {
      bytes[at] = 0xc0 | (point >>> 6)
      bytes[at + 1] = 0x80 | (point & 0x3f)
      return at + 2
    }
    if (point < 0x10000) {
      bytes[at] = 0xe0 | (point >>> 12)
      bytes[at + 1] = 0x80 | ((point >>> 6) & 0x3f)
      bytes[at + 2] = 0x80 | (point & 0x3f)
      return at + 3
    }
    bytes[at] = 0xf0 | (point >>> 18)
    bytes[at + 1] = 0x80 | ((point >>> 12) & 0x3f)
    bytes[at + 2] = 0x80 | ((point >>> 6) & 0x3f)
    bytes[at + 3] = 0x80 | (point & 0x3f)
    return at + 4
  }

  #reserve(more: number): void {
    if (this.#end + more <= this.#slab.length) return
    const length = this.#end - this.#start
    const slab = new Uint8Array(Math.max(SLAB_BYTES, (length + more) * 2))
    slab.set(this.#slab.subarray(this.#start, this.#end))
    this.#slab = slab
    this.#start = 0
    this.#end = length
  }
}

/**
 * Reads what `ByteWriter` wrote, and is total on garbage: past the end or on a malformed value it
 * answers zeros, empty bytes and `ok === false`, and never throws. Check `ok` once at the end.
 */
export class ByteReader {
  readonly #bytes: Uint8Array
  #at: number
  #ok = true

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes
    this.#at = at
  }

  /** False as soon as anything could not be read. */
  get ok(): boolean {
    return this.#ok
  }

  /** Offset of the next byte. */
  get at(): number {
    return this.#at
  }

  /** True when everything was read and was well formed. */
  get done(): boolean {
    return this.#ok && this.#at === this.#bytes.length
  }

  u8(): number {
    if (this.#at >= this.#bytes.length) return this.#fail()
    return this.#bytes[this.#at++] as number
  }

  u32(): number {
    if (this.#at + 4 > this.#bytes.length) return this.#fail()
    const bytes = this.#bytes
    const at = this.#at
    this.#at = at + 4
    const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8)
    return (low | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24)) >>> 0
  }

  varint(): number {
    const bytes = this.#bytes
    const end = bytes.length
    let at = this.#at
    // Four bytes by bits alone: what fits a small integer must not come out as a double.
    let low = 0
    for (let shift = 0; shift < 28; shift += 7) {
      if (at >= end) return this.#fail()
      const byte = bytes[at++] as number
      low |= (byte & 0x7f) << shift
      if (byte < 0x80) {
        this.#at = at
        return low
      }
    }
    let value = low
    let scale = 0x10000000
    for (let count = 4; count < 8; count++) {
      if (at >= end) return this.#fail()
      const byte = bytes[at++] as number
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        this.#at = at
        return value <= INTEGER_MAX ? value : this.#fail()
      }
      scale *= 128
    }
    return this.#fail()
  }

  bool(): boolean {
    const value = this.u8()
    if (value > 1) this.#fail()
    return value === 1
  }

  /** The next `length` bytes as a view on the source, not a copy. */
  raw(length: number): Uint8Array {
    if (length > this.#bytes.length - this.#at) {
      this.#fail()
      return new Uint8Array(0)
    }
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  block(): Uint8Array {
    return this.raw(this.varint())
  }

  text(): string {
    const length = this.varint()
    const bytes = this.#bytes
    if (length > bytes.length - this.#at) {
      this.#fail()
      return ''
    }
    const end = this.#at + length
    let at = this.#at
    const place = length <= TEXT_KNOWN_MAX ? placeOfText(bytes, at, end) : -1
    if (place >= 0 && isTextOf(knownTexts[place] as string, bytes, at, end)) {
      this.#at = end
      return knownTexts[place] as string
    }
    let text = ''
    while (at < end) {
      const first = bytes[at] as number
      if (first < 0x80) {
        text += String.fromCharCode(first)
        at++
        continue
      }
      const size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
      const point = codePoint(bytes, at, end, size)
      if (point < 0) {
        this.#fail()
        return ''
      }
      text += String.fromCodePoint(point)
      at += size
    }
    this.#at = end
    // As many characters as bytes: ASCII.
    if (place >= 0 && text.length === length) knownTexts[place] = text
    return text
  }

  #fail(): number {
    this.#ok = false
    this.#at = this.#bytes.length
    return 0
  }
}

/** Writes four bytes at `at`, little endian, 0 to 2^32 - 1. */
export function putU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value & 0xff
  bytes[at + 1] = (value >>> 8) & 0xff
  bytes[at + 2] = (value >>> 16) & 0xff
  bytes[at + 3] = (value >>> 24) & 0xff
}

/** True when `text` has a UTF-8 form: no surrogate stands alone. */
export function isWellFormed(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code < 0xd800 || code > 0xdfff) continue
    const next = text.charCodeAt(index + 1)
    if (code > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) return false
    index++
  }
  return true
}

/** Bytes of `text` in UTF-8, a lone surrogate counted as U+FFFD. */
export function utf8Bytes(text: string): number {
  let count = 0
  for (let index = 0; index < text.length; index++) {
    const point = text.codePointAt(index) as number
    if (point > 0xffff) index++
    count += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4
  }
  return count
}

/** True when both hold the same bytes. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false
  return true
}

function varintBytes(value: number): number {
  let bytes = 1
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 128)) bytes++
  return bytes
}

const TEXT_KNOWN_MAX = 24
const TEXTS_KNOWN = 1_024

/**
 * Short ASCII texts that were read lately, each at the place that its hash gives it: names and keys
 * come again with every frame and every entry, and making a string is what reading them costs.
 */
const knownTexts: string[] = Array.from({ length: TEXTS_KNOWN }, () => '')

/** Where the table would hold the text of these bytes. */
function placeOfText(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x9e3779b1)
  return hash >>> 22
}

function isTextOf(text: string, bytes: Uint8Array, start: number, end: number): boolean {
  if (text.length !== end - start) return false
  for (let at = start; at < end; at++) if (text.charCodeAt(at - start) !== bytes[at]) return false
  return true
}

const LOWEST_POINT = [0, 0, 0x80, 0x800, 0x10000] as const

/** The code point of `size` bytes at `at`, or -1 when they are no shortest form of one. */
function codePoint(bytes: Uint8Array, at: number, end: number, size: 2 | 3 | 4): number {
  const first = bytes[at] as number
  if (first < 0xc2 || first > 0xf4 || at + size > end) return -1
  let point = first & (0x7f >> size)
  for (let index = 1; index < size; index++) {
    const next = bytes[at + index] as number
    if ((next & 0xc0) !== 0x80) return -1
    point = (point << 6) | (next & 0x3f)
  }
  const surrogate = point >= 0xd800 && point <= 0xdfff
  return point < LOWEST_POINT[size] || point > 0x10ffff || surrogate ? -1 : point
}
