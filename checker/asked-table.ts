// What is made of what clients ask, one object for all that ask the same: a client of a lock asks
// for the same over and over, and a million equal objects take their time and memory.

import type { Asked } from './event.ts'

/** By client and word, so that few of those that recur share a slot. */
const WORD_BITS = 3
const SLOTS = 1 << 12

/** A table of bounded size of what was asked lately, and what was made of it. */
export class AskedTable<Made> {
  readonly #make: (asked: Asked) => Made
  readonly #asked = new Array<Asked | null>(SLOTS).fill(null)
  readonly #made = new Array<Made | null>(SLOTS).fill(null)

  /** @param make what it makes depends on process, f, key and value alone */
  constructor(make: (asked: Asked) => Made) {
    this.#make = make
  }

  /** What is made of it; nobody may change that. */
  get(asked: Asked): Made {
    const { process, f, key, value } = asked
    const word = f.charCodeAt(0) & ((1 << WORD_BITS) - 1)
    const slot = ((process << WORD_BITS) | word) & (SLOTS - 1)
    const known = this.#asked[slot] as Asked | null
    if (known !== null && known.process === process && known.f === f) {
      if (known.key === key && known.value === value) return this.#made[slot] as Made
    }
    const made = this.#make(asked)
    this.#asked[slot] = asked
    this.#made[slot] = made
    return made
  }
}
