// Sorts by instants: positions instead of objects, and no comparator, as there may be a million.

/** Below this a comparator is as quick. */
const countSmall = 256

const DIGIT_BITS = 16
const DIGITS = 1 << DIGIT_BITS

/** The positions of `instants` in the order of these; equal ones keep theirs. None is NaN. */
export function orderBy(instants: Float64Array): Int32Array {
  const order = new Int32Array(instants.length)
  let isSorted = true
  for (let at = 0; at < order.length; at++) {
    order[at] = at
    if (at > 0 && (instants[at - 1] as number) > (instants[at] as number)) isSorted = false
  }
  if (isSorted) return order
  if (order.length > countSmall) return byDigits(instants, order)
  return order.sort((a, b) => {
    const [one, other] = [instants[a] as number, instants[b] as number]
    return one === other ? a - b : one < other ? -1 : 1
  })
}

/** Sorts by the bits of the numbers, from the last 16 to the first; they sort as unsigned ones. */
function byDigits(instants: Float64Array, order: Int32Array): Int32Array {
  const halves = new Uint32Array(instants.length * 2)
  const isLittle = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1
  const high = isLittle ? 1 : 0
  const bits = new Uint32Array(Float64Array.from(instants, (instant) => instant + 0).buffer)
  for (let at = 0; at < instants.length; at++) {
    const [upper, lower] = [bits[2 * at + high] as number, bits[2 * at + 1 - high] as number]
    // A negative number sorts the other way round, before all that are not.
    const isNegative = upper >>> 31 === 1
    halves[2 * at] = isNegative ? ~lower : lower
    halves[2 * at + 1] = isNegative ? ~upper : upper | 0x80000000
  }
  let from: Int32Array = order
  let to: Int32Array = new Int32Array(order.length)
  for (let digit = 0; digit < 4; digit++) {
    const half = digit >>> 1
    const shift = (digit & 1) * DIGIT_BITS
    const starts = startsOf(halves, half, shift)
    if (starts === null) continue
    for (let at = 0; at < from.length; at++) {
      const one = from[at] as number
      const value = ((halves[2 * one + half] as number) >>> shift) & (DIGITS - 1)
      const place = starts[value] as number
      starts[value] = place + 1
      to[place] = one
    }
    const before = from
    from = to
    to = before
  }
  return from
}

/** Where the numbers with each value of a digit begin; null when all have the same. */
function startsOf(halves: Uint32Array, half: number, shift: number): Int32Array | null {
  const starts = new Int32Array(DIGITS)
  for (let at = half; at < halves.length; at += 2) {
    const value = ((halves[at] as number) >>> shift) & (DIGITS - 1)
    starts[value] = (starts[value] as number) + 1
  }
  const first = ((halves[half] as number) >>> shift) & (DIGITS - 1)
  if (starts[first] === halves.length / 2) return null
  let place = 0
  for (let value = 0; value < DIGITS; value++) {
    const count = starts[value] as number
    starts[value] = place
    place += count
  }
  return starts
}
