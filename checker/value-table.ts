// Places by value, as a map has them. Small whole numbers, which most values and processes are, are
// looked up in an array, which is several times as fast.

/** What compares by ===. */
export type Value = string | number | bigint | boolean | null

/** A map from values to places, which are whole numbers from 0 on. */
export class ValueTable {
  readonly #small: Int32Array
  readonly #others = new Map<Value, number>()

  /** @param smallMax numbers up to this one are small */
  constructor(smallMax: number) {
    this.#small = new Int32Array(smallMax + 1).fill(-1)
  }

  /** The place of a value; -1: it has none. */
  get(value: Value): number {
    return this.#isSmall(value) ? (this.#small[value] as number) : (this.#others.get(value) ?? -1)
  }

  /** Gives a value its place; false: it had one. */
  add(value: Value, place: number): boolean {
    if (this.get(value) !== -1) return false
    if (this.#isSmall(value)) this.#small[value] = place
    else this.#others.set(value, place)
    return true
  }

  #isSmall(value: Value): value is number {
    if (typeof value !== 'number') return false
    return value >= 0 && value < this.#small.length && Number.isInteger(value)
  }
}
