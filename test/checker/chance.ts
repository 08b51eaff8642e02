// Seeded chance for the tests of the checker: a linear congruential generator, equal everywhere.

export interface Chance {
  /** A whole number from 0 to `limit - 1`. */
  below(limit: number): number
  /** True in `percent` of 100 cases. */
  percent(percent: number): boolean
  pick<T>(from: readonly T[]): T
}

export function chanceOf(seed: number): Chance {
  let state = (Math.imul(seed, 2_654_435_761) ^ 0x9e3779b9) >>> 0
  const below = (limit: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 4_294_967_296) * limit)
  }
  for (let round = 0; round < 4; round++) below(2)
  return {
    below,
    percent: percent => below(100) < percent,
    pick: from => from[below(from.length)] as never
  }
}
