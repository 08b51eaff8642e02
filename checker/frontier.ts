// The configurations of a search that goes by events, in typed arrays: what each has placed of the
// operations that are open, as bits, and which of them makes which other superfluous.

const WORD_BITS = 32
// What a configuration is made of: these, the words of two sets, and the counts.
const STATE = 0
const NEXT = 1
const FLAGS = 2
const HEAD = 3

const FRESH = 1
const OBSOLETE = 2

/** An operation placed, and the one placed before it. */
export interface Placed {
  readonly operation: number
  /** The state that it led to. */
  readonly state: number
  /** How many operations had been called. */
  readonly called: number
  readonly before: Placed | null
}

/** A set of slots. */
export type Slots = Int32Array

/** How many words a set of so many slots takes. */
export function wordsFor(slots: number): number {
  return Math.max(1, Math.ceil(slots / WORD_BITS))
}

/** Whether a slot is in the set. */
export function hasSlot(set: Slots, slot: number): boolean {
  return (((set[slot >>> 5] as number) >>> (slot & 31)) & 1) === 1
}

/** Puts a slot into the set, or takes it out. */
export function flipSlot(set: Slots, slot: number): void {
  set[slot >>> 5] = (set[slot >>> 5] as number) ^ (1 << (slot & 31))
}

/** Puts all slots of another set into the set. */
export function unite(set: Slots, other: Slots): void {
  for (let word = 0; word < set.length; word++) {
    set[word] = (set[word] as number) | (other[word] as number)
  }
}

/**
 * How counts are kept, some to a word. The upper bit of each stays clear, so that those of a word
 * are compared at once.
 */
export interface Packing {
  /** How many counts there are, and how many words they take. */
  readonly counts: number
  readonly words: number
  readonly bits: number
  /** The upper bits of a word. */
  readonly upper: number
}

/** As many to a word as there is room for. @param most what no count is beyond */
export function packingFor(counts: number, most: number): Packing {
  const perWord = most < 1 << 7 ? 4 : most < 1 << 15 ? 2 : 1
  const upper = perWord === 4 ? 0x80808080 : perWord === 2 ? 0x80008000 : 0x80000000
  return { counts, words: Math.ceil(counts / perWord), bits: WORD_BITS / perWord, upper: upper | 0 }
}

/** One of the counts that begin at a word. */
export function countAt(words: Int32Array, from: number, at: number, { bits }: Packing): number {
  const bit = at * bits
  const word = words[from + (bit >>> 5)] as number
  return (word >>> (bit & 31)) & (-1 >>> (WORD_BITS + 1 - bits))
}

/** One more of a count. */
export function countUp(words: Int32Array, at: number, { bits }: Packing): void {
  const bit = at * bits
  words[bit >>> 5] = (words[bit >>> 5] as number) + (1 << (bit & 31))
}

/**
 * One configuration while it is worked on. `settled` are the slots that ask nothing more of it:
 * what is placed, and what can be hidden; `placed` those of them that changed its state.
 */
export interface Draft {
  state: number
  /** The last one placed is an overwrite, and nothing has looked at it yet. */
  isFresh: boolean
  readonly settled: Slots
  readonly placed: Slots
  /** How many unanswered operations of each class are placed, packed. */
  readonly used: Int32Array
  chain: Placed | null
}

/** The configuration that has placed nothing. */
export function newDraft(words: number, used: Packing): Draft {
  return {
    state: 0,
    isFresh: false,
    settled: new Int32Array(words),
    placed: new Int32Array(words),
    used: new Int32Array(used.words),
    chain: null,
  }
}

/** Configurations, of which none makes another superfluous. */
export class Frontier {
  /** How many there are, obsolete ones among them. */
  count = 0
  readonly #words: number
  readonly #used: Packing
  readonly #usedWords: number
  readonly #stride: number
  #data: Int32Array
  readonly #chains: (Placed | null)[] = []
  #heads: Int32Array
  #told: Slots

  constructor(words: number, used: Packing) {
    this.#words = words
    this.#used = used
    this.#usedWords = used.words
    this.#stride = HEAD + 2 * words + used.words
    this.#data = new Int32Array(16 * this.#stride)
    this.#heads = new Int32Array(32).fill(-1)
    this.#told = new Int32Array(words)
  }

  /** Takes all out. @param told the slots in which two must be equal to be compared at all */
  clear(told: Slots): void {
    this.count = 0
    this.#told = told
    this.#heads.fill(-1)
  }

  /** The state of one. */
  stateOf(at: number): number {
    return this.#data[at * this.#stride + STATE] as number
  }

  /** Whether another one, that can do all that it can, has come after it. */
  isObsolete(at: number): boolean {
    return ((this.#data[at * this.#stride + FLAGS] as number) & OBSOLETE) !== 0
  }

  /** What one has placed. */
  chainOf(at: number): Placed | null {
    return this.#chains[at] ?? null
  }

  /** Writes one into a draft. */
  read(at: number, into: Draft): void {
    const data = this.#data
    let from = at * this.#stride
    into.state = data[from] as number
    into.isFresh = ((data[from + FLAGS] as number) & FRESH) !== 0
    from += HEAD
    const words = this.#words
    for (let word = 0; word < words; word++) {
      into.settled[word] = data[from + word] as number
      into.placed[word] = data[from + words + word] as number
    }
    from += 2 * words
    for (let word = 0; word < this.#usedWords; word++) {
      into.used[word] = data[from + word] as number
    }
    into.chain = this.#chains[at] ?? null
  }

  /** False: another one is as good. */
  add(one: Draft): boolean {
    let slot = this.#hash(one.state, one.placed, 0) & (this.#heads.length - 1)
    const data = this.#data
    const stride = this.#stride
    for (let at = this.#heads[slot] as number; at >= 0; at = data[at * stride + NEXT] as number) {
      const from = at * stride
      if (data[from] !== one.state || ((data[from + FLAGS] as number) & OBSOLETE) !== 0) continue
      const order = this.#compare(from, one)
      if ((order & 1) !== 0) return false
      if ((order & 2) !== 0) data[from + FLAGS] = (data[from + FLAGS] as number) | OBSOLETE
    }
    if (this.count >= this.#heads.length) {
      this.#rehash()
      slot = this.#hash(one.state, one.placed, 0) & (this.#heads.length - 1)
    }
    const at = this.count++
    this.#write(at, one)
    this.#data[at * stride + NEXT] = this.#heads[slot] as number
    this.#heads[slot] = at
    return true
  }

  /**
   * So many that are likely to go furthest, or null when there are no more: those that have used
   * up little, and can hide much.
   */
  mostPromising(width: number, overwrites: Slots): readonly number[] | null {
    const costs = new Map<number, number>()
    for (let at = 0; at < this.count; at++) {
      if (!this.isObsolete(at)) costs.set(at, this.#costOf(at, overwrites))
    }
    if (costs.size <= width) return null
    const costOf = (at: number): number => costs.get(at) as number
    return [...costs.keys()].sort((a, b) => costOf(a) - costOf(b) || a - b).slice(0, width)
  }

  #costOf(at: number, overwrites: Slots): number {
    const data = this.#data
    const words = this.#words
    const from = at * this.#stride + HEAD
    let cost = 0
    for (let word = 0; word < words; word++) {
      const settled = data[from + word] as number
      const placed = data[from + words + word] as number
      cost += 3 * bitsIn(placed & (overwrites[word] as number)) - 2 * bitsIn(settled & ~placed)
    }
    for (let one = 0; one < this.#used.counts; one++) {
      cost += 3 * countAt(data, from + 2 * words, one, this.#used)
    }
    return cost
  }

  /** Bit 0: the one at `from` can do all that `one` can; bit 1: the other way round. */
  #compare(from: number, one: Draft): number {
    const data = this.#data
    const words = this.#words
    const isFresh = ((data[from + FLAGS] as number) & FRESH) !== 0
    let order = isFresh === one.isFresh ? 3 : isFresh ? 2 : 1
    let at = from + HEAD
    for (let word = 0; word < words && order !== 0; word++, at++) {
      const settled = data[at] as number
      const placed = data[at + words] as number
      const otherSettled = one.settled[word] as number
      const otherPlaced = one.placed[word] as number
      if ((otherSettled & ~settled) !== 0 || (placed & ~otherPlaced) !== 0) order &= 2
      if ((settled & ~otherSettled) !== 0 || (otherPlaced & ~placed) !== 0) order &= 1
    }
    at = from + HEAD + 2 * words
    const { upper } = this.#used
    for (let word = 0; word < this.#usedWords && order !== 0; word++) {
      const used = data[at + word] as number
      const other = one.used[word] as number
      if (used === other) continue
      // An upper bit is left where a count is no more than the other one.
      if ((((other | upper) - used) & upper) !== upper) order &= 2
      if ((((used | upper) - other) & upper) !== upper) order &= 1
    }
    return order
  }

  #hash(state: number, placed: Int32Array, from: number): number {
    let hash = Math.imul(state + 1, 0x9e3779b1)
    for (let word = 0; word < this.#words; word++) {
      const told = (placed[from + word] as number) & (this.#told[word] as number)
      if (told !== 0) hash = Math.imul(hash ^ (told + word), 0x85ebca6b) ^ (hash >>> 13)
    }
    return hash ^ (hash >>> 16)
  }

  #rehash(): void {
    const size = this.#heads.length * 4
    this.#heads = new Int32Array(size).fill(-1)
    for (let at = 0; at < this.count; at++) {
      const from = at * this.#stride
      const state = this.#data[from] as number
      const slot = this.#hash(state, this.#data, from + HEAD + this.#words) & (size - 1)
      this.#data[from + NEXT] = this.#heads[slot] as number
      this.#heads[slot] = at
    }
  }

  #write(at: number, one: Draft): void {
    if ((at + 1) * this.#stride > this.#data.length) {
      const data = new Int32Array(2 * this.#data.length)
      data.set(this.#data)
      this.#data = data
    }
    const data = this.#data
    const words = this.#words
    let from = at * this.#stride
    data[from] = one.state
    data[from + FLAGS] = one.isFresh ? FRESH : 0
    from += HEAD
    for (let word = 0; word < words; word++) {
      data[from + word] = one.settled[word] as number
      data[from + words + word] = one.placed[word] as number
    }
    from += 2 * words
    for (let word = 0; word < this.#usedWords; word++) {
      data[from + word] = one.used[word] as number
    }
    this.#chains[at] = one.chain
  }
}

function bitsIn(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555)
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333)
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
