// A number for each text. The table of short texts is made for as many as there can be, and so it
// never grows, which is what costs a map its time.

/** A longer text goes to a map, which knows its hash after the first time. */
const LENGTH_MAX = 24

/** Numbers texts from 0 on. */
export class TextTable {
  /** By slot: the number of the text there, or -1. */
  readonly #slots: Int32Array
  /** By number, of short ones. */
  readonly #texts: string[]
  readonly #others = new Map<string, number>()
  #count = 0

  /** @param countMax there are at most so many texts */
  constructor(countMax: number) {
    let slots = 1
    while (slots < 2 * countMax) slots *= 2
    this.#slots = new Int32Array(slots).fill(-1)
    this.#texts = new Array<string>(countMax)
  }

  /** The number of a text; -1: it has none. */
  get(text: string): number {
    if (text.length > LENGTH_MAX) return this.#others.get(text) ?? -1
    return this.#slots[this.#slotOf(text)] as number
  }

  /** The number of a text, which gets the next one if it has none. */
  add(text: string): number {
    if (text.length > LENGTH_MAX) {
      const known = this.#others.get(text)
      if (known !== undefined) return known
      this.#others.set(text, this.#count)
      return this.#count++
    }
    const slot = this.#slotOf(text)
    const known = this.#slots[slot] as number
    if (known !== -1) return known
    this.#slots[slot] = this.#count
    this.#texts[this.#count] = text
    return this.#count++
  }

  /** Where the text is, or where it would be. */
  #slotOf(text: string): number {
    const last = this.#slots.length - 1
    const hash = hashOf(text)
    let slot = (hash ^ (hash >>> 15)) & last
    for (;;) {
      const number = this.#slots[slot] as number
      if (number === -1 || this.#texts[number] === text) return slot
      slot = (slot + 1) & last
    }
  }
}

function hashOf(text: string): number {
  let hash = 0
  for (let at = 0; at < text.length; at++) hash = (Math.imul(hash, 31) + text.charCodeAt(at)) | 0
  return Math.imul(hash, 0x9e3779b1)
}
