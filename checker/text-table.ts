// Places by text, as a map has them. A table of short texts is made for as many as there can be, so
// that it never grows, and compares a text only with what has its hash: both cost a map its time.

/** A longer text goes to a map, which knows its hash after the first time. */
const LENGTH_MAX = 24

/** A map from texts to places, which are whole numbers from 0 on. */
export class TextTable {
  /** By slot: the entry there, or -1. */
  readonly #slots: Int32Array
  readonly #texts: string[]
  readonly #hashes: Int32Array
  readonly #places: Int32Array
  #count = 0
  readonly #others = new Map<string, number>()

  /** @param countMax so many texts can have a place */
  constructor(countMax: number) {
    let slots = 1
    while (slots < 2 * countMax) slots *= 2
    this.#slots = new Int32Array(slots).fill(-1)
    this.#texts = new Array<string>(countMax)
    this.#hashes = new Int32Array(countMax)
    this.#places = new Int32Array(countMax)
  }

  /** The place of a text; -1: it has none. */
  get(text: string): number {
    if (text.length > LENGTH_MAX) return this.#others.get(text) ?? -1
    const hash = hashOf(text)
    const entry = this.#slots[this.#slotOf(text, hash)] as number
    return entry === -1 ? -1 : (this.#places[entry] as number)
  }

  /** Gives a text its place; the one that it had, or -1. */
  set(text: string, place: number): number {
    if (text.length > LENGTH_MAX) {
      const before = this.#others.get(text) ?? -1
      this.#others.set(text, place)
      return before
    }
    const hash = hashOf(text)
    const slot = this.#slotOf(text, hash)
    let entry = this.#slots[slot] as number
    const before = entry === -1 ? -1 : (this.#places[entry] as number)
    if (entry === -1) {
      entry = this.#count++
      this.#slots[slot] = entry
      this.#texts[entry] = text
      this.#hashes[entry] = hash
    }
    this.#places[entry] = place
    return before
  }

  /** Where the text is, or where it would be. */
  #slotOf(text: string, hash: number): number {
    const last = this.#slots.length - 1
    let slot = (hash ^ (hash >>> 15)) & last
    for (;;) {
      const entry = this.#slots[slot] as number
      if (entry === -1) return slot
      if (this.#hashes[entry] === hash && this.#texts[entry] === text) return slot
      slot = (slot + 1) & last
    }
  }
}

function hashOf(text: string): number {
  let hash = 0
  for (let at = 0; at < text.length; at++) hash = (Math.imul(hash, 31) + text.charCodeAt(at)) | 0
  return Math.imul(hash, 0x9e3779b1)
}
