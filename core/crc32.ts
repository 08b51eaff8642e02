// CRC-32C (Castagnoli), the checksum of what goes to a disk or a stream: it finds every single
// flipped bit and every burst of up to 32. It guards against accidents, not an adversary.

const POLYNOMIAL = 0x82f63b78
const TABLES = 8

/** Eight tables of 256 words in one array: table k is k zero bytes further on (slicing by 8). */
const table: Int32Array = buildTable()

/**
 * CRC-32C of `bytes` from `start` to before `end`, as an integer from 0 to 2^32 - 1. Giving the
 * CRC of a first part as `seed` continues it, as if both parts stood in one array.
 * Ref: RFC 3720, appendix B.4.
 */
export function crc32c(bytes: Uint8Array, start = 0, end: number = bytes.length, seed = 0): number {
  let crc = ~seed
  let at = start
  for (; at + 8 <= end; at += 8) {
    crc ^=
      byte(bytes, at) |
      (byte(bytes, at + 1) << 8) |
      (byte(bytes, at + 2) << 16) |
      (byte(bytes, at + 3) << 24)
    crc =
      word(7, crc & 0xff) ^
      word(6, (crc >>> 8) & 0xff) ^
      word(5, (crc >>> 16) & 0xff) ^
      word(4, crc >>> 24) ^
      word(3, byte(bytes, at + 4)) ^
      word(2, byte(bytes, at + 5)) ^
      word(1, byte(bytes, at + 6)) ^
      word(0, byte(bytes, at + 7))
  }
  for (; at < end; at++) crc = word(0, (crc ^ byte(bytes, at)) & 0xff) ^ (crc >>> 8)
  return ~crc >>> 0
}

function byte(bytes: Uint8Array, at: number): number {
  return bytes[at] as number
}

function word(slice: number, index: number): number {
  return table[slice * 256 + index] as number
}

function buildTable(): Int32Array {
  const built = new Int32Array(TABLES * 256)
  for (let index = 0; index < 256; index++) {
    let crc = index
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
    built[index] = crc
  }
  for (let index = 256; index < built.length; index++) {
    const previous = built[index - 256] as number
    built[index] = (built[previous & 0xff] as number) ^ (previous >>> 8)
  }
  return built
}
