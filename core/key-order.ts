// Integers as text whose order by code unit is theirs, so that one ordered map can hold an index by
// several integers at once. It knows nothing of what the integers mean.

/** Two integers, 0 to 2^53 - 1, as 16 characters of 7 bits, which compare like the pair. */
export function pairOrder(first: number, second: number): string {
  return integerOrder(first) + integerOrder(second)
}

/** An integer, 0 to 2^53 - 1, as 8 characters of 7 bits, which compare like it. */
export function integerOrder(value: number): string {
  const high = Math.floor(value / 0x10000000)
  const low = value % 0x10000000
  return String.fromCharCode(
    high >>> 21,
    (high >>> 14) & 127,
    (high >>> 7) & 127,
    high & 127,
    low >>> 21,
    (low >>> 14) & 127,
    (low >>> 7) & 127,
    low & 127,
  )
}
