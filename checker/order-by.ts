// Sorts by instants: positions instead of objects, and no comparator, as there may be a million.

/** Of so few even the reverse of their order is sorted soon, one by one. */
const countSmall = 256

/** At most so many may share a guess of their place. */
const sameMax = 64

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
  if (order.length <= countSmall) return byInsertion(instants, order)
  return byGuess(instants) ?? byDigits(instants, order)
}

/**
 * Sorts by a guess of each one's place, and then those of one guess; null: too many have one, or
 * there is none.
 */
function byGuess(instants: Float64Array): Int32Array | null {
  const count = instants.length
  let first = Infinity
  let last = -Infinity
  for (let at = 0; at < count; at++) {
    const instant = instants[at] as number
    if (instant === Infinity || instant === -Infinity) continue
    if (instant < first) first = instant
    if (instant > last) last = instant
  }
  const scale = (count - 1) / (last - first)
  // So far apart, or so close together, that numbers do not tell where between them one is.
  if (!(scale > 0 && scale < Infinity)) return null
  // The first and the last slot are for what is infinite.
  const slotOf = (instant: number): number => {
    if (instant === -Infinity) return 0
    return instant === Infinity ? count + 1 : 1 + Math.floor((instant - first) * scale)
  }
  const starts = new Int32Array(count + 2)
  for (let at = 0; at < count; at++) {
    const slot = slotOf(instants[at] as number)
    starts[slot] = (starts[slot] as number) + 1
  }
  for (let slot = 1; slot <= count; slot++) if ((starts[slot] as number) > sameMax) return null
  accumulate(starts)
  const order = new Int32Array(count)
  for (let at = 0; at < count; at++) {
    const slot = slotOf(instants[at] as number)
    const place = starts[slot] as number
    starts[slot] = place + 1
    order[place] = at
  }
  return byInsertion(instants, order)
}

/** Sorts what is nearly in order. */
function byInsertion(instants: Float64Array, order: Int32Array): Int32Array {
  for (let at = 1; at < order.length; at++) {
    const one = order[at] as number
    const instant = instants[one] as number
    let place = at
    for (; place > 0; place--) {
      const before = order[place - 1] as number
      if ((instants[before] as number) <= instant) break
      order[place] = before
    }
    order[place] = one
  }
  return order
}

/** Makes counts the places where each begins. */
function accumulate(counts: Int32Array): void {
  let place = 0
  for (let slot = 0; slot < counts.length; slot++) {
    const count = counts[slot] as number
    counts[slot] = place
    place += count
  }
}

/** Sorts by the bits of the numbers, from the last 16 to the first; they sort as unsigned ones. */
function byDigits(instants: Float64Array, order: Int32Array): Int32Array {
  const count = order.length
  const isLittle = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1
  const high = isLittle ? 1 : 0
  const numbers = new Float64Array(count)
  // Of two zeros there is one.
  for (let at = 0; at < count; at++) numbers[at] = (instants[at] as number) + 0
  const halves = new Uint32Array(numbers.buffer)
  for (let at = 0; at < count; at++) {
    const upper = halves[2 * at + high] as number
    const lower = halves[2 * at + 1 - high] as number
    // A negative number sorts the other way round, before all that are not.
    const isNegative = upper >>> 31 === 1
    halves[2 * at] = isNegative ? ~lower : lower
    halves[2 * at + 1] = isNegative ? ~upper : upper | 0x80000000
  }
  let from: Int32Array = order
  let to: Int32Array = new Int32Array(count)
  for (let digit = 0; digit < 4; digit++) {
    const half = digit >>> 1
    const shift = (digit & 1) * DIGIT_BITS
    const starts = startsOf(halves, half, shift)
    if (starts === null) continue
    for (let at = 0; at < count; at++) {
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
  accumulate(starts)
  return starts
}
