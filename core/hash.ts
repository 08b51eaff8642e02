// A 128-bit non-cryptographic hash in four 32-bit lanes, integers only, so that it gives equal
// values in every engine. Machines digest their records with it, the simulator its whole run.

/** Four lanes of 32 bits. */
export type Lanes = readonly [number, number, number, number]

/** Takes in words, bytes and text; `hex` and `lanes` read the hash of all that was taken in. */
export class Hash128 {
  #a = 0x243f6a88 | 0
  #b = 0x85a308d3 | 0
  #c = 0x13198a2e | 0
  #d = 0x03707344 | 0

  /** One word of 32 bits. Its place counts: the same words in another order hash otherwise. */
  word(value: number): void {
    const a = this.#a
    const b = this.#b
    const c = this.#c
    const d = this.#d
    this.#a = b ^ Math.imul(a ^ value, 0x9e3779b1)
    this.#b = c ^ Math.imul((b ^ value) + (a >>> 15), 0x85ebca77)
    this.#c = d ^ Math.imul((c ^ value) + (b >>> 13), 0xc2b2ae3d)
    this.#d = a ^ Math.imul((d ^ value) + (c >>> 16), 0x27d4eb2f)
  }

  /** An integer of up to 53 bits, as two words. */
  integer(value: number): void {
    this.word(value | 0)
    this.word((value / 0x100000000) | 0)
  }

  /** Bytes behind their length. */
  bytes(bytes: Uint8Array): void {
    const length = bytes.length
    this.word(length)
    let at = 0
    for (; at + 4 <= length; at += 4) {
      const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8)
      this.word(low | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24))
    }
    let rest = 0
    for (let shift = 0; at < length; at++, shift += 8) rest |= (bytes[at] as number) << shift
    if (length % 4 !== 0) this.word(rest)
  }

  /** Text as UTF-16 units behind its length. */
  text(text: string): void {
    this.word(text.length)
    for (let index = 0; index < text.length; index++) this.word(text.charCodeAt(index))
  }

  /** The four lanes, mixed to the end; more can be taken in afterwards. */
  lanes(): Lanes {
    const a = mix(this.#a ^ Math.imul(this.#d, 5))
    const b = mix(this.#b ^ a)
    const c = mix(this.#c ^ b)
    const d = mix(this.#d ^ c)
    return [mix(a ^ d), b, c, d]
  }

  /** 32 hexadecimal digits. */
  hex(): string {
    return lanesHex(this.lanes())
  }
}

/** The hash of some bytes alone. */
export function hashBytes(bytes: Uint8Array): Lanes {
  const hash = new Hash128()
  hash.bytes(bytes)
  return hash.lanes()
}

/** Lane-wise sum: a digest of a set of records that does not depend on their order. */
export function addLanes(a: Lanes, b: Lanes): Lanes {
  return [(a[0] + b[0]) | 0, (a[1] + b[1]) | 0, (a[2] + b[2]) | 0, (a[3] + b[3]) | 0]
}

/** 32 hexadecimal digits of four lanes. */
export function lanesHex(lanes: Lanes): string {
  const [a, b, c, d] = lanes
  return wordHex(a) + wordHex(b) + wordHex(c) + wordHex(d)
}

function wordHex(word: number): string {
  return String.fromCharCode(
    digit(word >>> 28),
    digit(word >>> 24),
    digit(word >>> 20),
    digit(word >>> 16),
    digit(word >>> 12),
    digit(word >>> 8),
    digit(word >>> 4),
    digit(word),
  )
}

/** Character code of the low four bits as a hexadecimal digit. */
function digit(bits: number): number {
  const value = bits & 15
  return value < 10 ? 48 + value : 87 + value
}

function mix(value: number): number {
  let mixed = value ^ (value >>> 16)
  mixed = Math.imul(mixed, 0x85ebca6b)
  mixed ^= mixed >>> 13
  mixed = Math.imul(mixed, 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}
