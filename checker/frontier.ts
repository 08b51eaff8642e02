// The configurations of a search that goes by events: what each has placed of the operations that
// are open, as bits, and which of them makes which other superfluous.

const WORD_BITS = 30
const NO_WORDS: readonly number[] = []

/** The operations placed, the last first. */
export interface Placed {
  readonly operation: number
  readonly how: 'observed' | 'overwrite' | 'hidden' | 'changed'
  readonly before: Placed | null
}

/** One way to explain the history so far. */
export interface Configuration {
  readonly state: number
  /** Bit `slot`: the operation open there is placed. Those from slot 30 on are in `more`. */
  readonly mask: number
  readonly more: readonly number[]
  /** How many unanswered operations of each class are placed; null: none. */
  readonly used: Uint16Array | null
  readonly placed: Placed | null
  /** How many operations had been called when an overwrite was placed last. */
  readonly overwrittenAt: number
  /** The last one placed is an overwrite, and nothing has looked at it yet. */
  readonly isFresh: boolean
  /** The next one with the same hash. */
  next: Configuration | null
  /** Another one, with fewer unanswered operations, has taken its place. */
  isObsolete: boolean
}

/** Configurations, of which none makes another superfluous. */
export class Frontier {
  readonly all: Configuration[] = []
  readonly #byHash = new Map<number, Configuration>()
  readonly #overwrites: Words
  readonly #hidden: (overwrittenAt: number) => Words

  /**
   * @param overwrites the slots of overwrites
   * @param hidden those of them that can be hidden, by when an overwrite was placed last
   */
  constructor(overwrites: Words, hidden: (overwrittenAt: number) => Words) {
    this.#overwrites = overwrites
    this.#hidden = hidden
  }

  /** False: another one is as good. */
  add(one: Configuration): boolean {
    const hash = hashOf(one, this.#overwrites)
    const first = this.#byHash.get(hash) ?? null
    for (let other = first; other !== null; other = other.next) {
      if (other.isObsolete || other.state !== one.state) continue
      if (this.#isAsGood(other, one)) return false
      if (this.#isAsGood(one, other)) other.isObsolete = true
    }
    one.next = first
    this.#byHash.set(hash, one)
    this.all.push(one)
    return true
  }

  /** Whether `a`, of the same state, can do all that `b` can. */
  #isAsGood(a: Configuration, b: Configuration): boolean {
    if (a.isFresh && !b.isFresh) return false
    if (a.mask !== b.mask || a.more !== b.more || a.overwrittenAt < b.overwrittenAt) {
      const own = this.#hidden(a.overwrittenAt)
      const others = this.#hidden(b.overwrittenAt)
      if (!canDoAll(a.mask, own.first, b.mask, others.first)) return false
      const words = Math.max(a.more.length, b.more.length, others.more.length)
      for (let at = 0; at < words; at++) {
        const [placed, hidden] = [a.more[at] ?? 0, own.more[at] ?? 0]
        if (!canDoAll(placed, hidden, b.more[at] ?? 0, others.more[at] ?? 0)) return false
      }
    }
    if (a.used === null || a.used === b.used) return true
    return a.used.every((count, at) => count <= (b.used?.[at] ?? 0))
  }
}

/**
 * Whether who has placed the slots `a`, and can hide `hiddenA`, can do all that one can who has
 * placed `b` and can hide `hiddenB`: it has placed none that the other has not, and can hide what
 * the other has placed or can hide.
 */
function canDoAll(a: number, hiddenA: number, b: number, hiddenB: number): boolean {
  return (a & ~b) === 0 && ((b | hiddenB) & ~a & ~hiddenA) === 0
}

/** A set of slots: bits up to slot 29, and words of 30 bits for those after. */
export interface Words {
  readonly first: number
  readonly more: readonly number[]
}

export /** Whether the operation of a slot is placed. */
function has({ mask, more }: Configuration, slot: number): boolean {
  if (slot < WORD_BITS) return ((mask >>> slot) & 1) === 1
  return (((more[wordOf(slot)] ?? 0) >>> slot % WORD_BITS) & 1) === 1
}

function wordOf(slot: number): number {
  return Math.floor(slot / WORD_BITS) - 1
}

/** With the operation of a slot placed. */
export function withSlot(one: Configuration, slot: number): Configuration {
  const isFirst = slot < WORD_BITS
  const mask = isFirst ? one.mask | (1 << slot) : one.mask
  const more = isFirst ? one.more : flipped(one.more, slot)
  const { state, used, placed, overwrittenAt, isFresh } = one
  const rest = { placed, overwrittenAt, isFresh, next: null, isObsolete: false }
  return { state, mask, more, used, ...rest }
}

/** With the slot, whose operation has returned, free for another. */
export function without(one: Configuration, slot: number): Configuration {
  const { state, used, placed, overwrittenAt } = one
  const isFirst = slot < WORD_BITS
  const mask = isFirst ? one.mask & ~(1 << slot) : one.mask
  const more = isFirst ? one.more : flipped(one.more, slot)
  const rest = { overwrittenAt, isFresh: false, next: null, isObsolete: false }
  return { state, mask, more, used, placed, ...rest }
}

/** Words with the bit of a slot changed; without zeros at the end, so that equal ones are equal. */
function flipped(more: readonly number[], slot: number): readonly number[] {
  const words = more.slice()
  const word = wordOf(slot)
  while (words.length <= word) words.push(0)
  words[word] = (words[word] as number) ^ (1 << slot % WORD_BITS)
  while (words.length > 0 && words[words.length - 1] === 0) words.pop()
  return words.length === 0 ? NO_WORDS : words
}

/** Of its state and of what it has placed, overwrites apart. */
function hashOf({ state, mask, more }: Configuration, overwrites: Words): number {
  const first = mask & ~overwrites.first
  let hash = Math.imul(state, 0x9e3779b1) ^ Math.imul(first, 0x85ebca77)
  for (let at = 0; at < more.length; at++) {
    const word = (more[at] as number) & ~(overwrites.more[at] ?? 0)
    if (word !== 0) hash = Math.imul(hash ^ (word + at), 0xc2b2ae3d) ^ (hash >>> 15)
  }
  return (hash ^ (hash >>> 16)) | 0
}

/** No slot. */
export const NOTHING: Words = { first: 0, more: NO_WORDS }

/** The set with a slot that is not in it. */
export function withOne({ first, more }: Words, slot: number): Words {
  if (slot < WORD_BITS) return { first: first | (1 << slot), more }
  return { first, more: flipped(more, slot) }
}

/** The configuration before anything has happened. */
export function firstConfiguration(state: number): Configuration {
  return {
    state,
    mask: 0,
    more: NO_WORDS,
    used: null,
    placed: null,
    overwrittenAt: 0,
    isFresh: false,
    next: null,
    isObsolete: false,
  }
}
