// Named streams of random decisions. Each purpose and node has a stream of its own, so that a draw
// added in one place does not shift the others. Every decision can be recorded, and played back.

import alea from 'seedrandom/lib/alea.js'

/** All decisions of a run: for each stream, what it decided, in order. Plain data. */
export type Decisions = Readonly<Record<string, readonly number[]>>

/** One stream of decisions. */
export interface RandomStream {
  /** An integer from 0 to `limit` - 1; `limit` from 1 to 2^32. */
  below(limit: number): number
  /** An integer from `low` to `high`, both included. */
  between(low: number, high: number): number
  /** True with probability `part` / 1024. */
  chance(part: number): boolean
  /** One of `items`, which must not be empty. */
  pick<Item>(items: readonly Item[]): Item
}

/** A decision of a capsule that no longer fits the run. */
export interface Misfit {
  readonly stream: string
  /** Which decision of that stream, from 0. */
  readonly number: number
  readonly reason: string
}

/** Opens the streams of one run. */
export interface Streams {
  stream(name: string): RandomStream
  /** False when what is played back was recorded before there was a stream of this name. */
  knows(name: string): boolean
  /** What was decided so far; empty unless recording. */
  decisions(): Decisions
  /** When playing back: the first decision that did not fit, in order of drawing, or null. */
  misfit(): Misfit | null
}

const TWO_32 = 0x100000000

/**
 * The streams of `seed`. With `played`, each stream decides as recorded there as long as that
 * fits, and goes on as the seed would where it does not.
 */
export function openStreams(seed: string, record: boolean, played: Decisions | null): Streams {
  const recorded: Record<string, number[]> = {}
  const streams = new Map<string, RandomStream>()
  let misfit: Misfit | null = null

  function open(name: string): RandomStream {
    // Made at the first draw: of the links between endpoints most are never used.
    let generator: ReturnType<typeof alea> | null = null
    const taped: number[] | null = record ? (recorded[name] = []) : null
    const tape = played === null ? null : (played[name] ?? [])
    let count = 0

    function below(limit: number): number {
      // The generator is always advanced, so that a misfit falls back to the seed's own decision.
      generator ??= alea(`${seed}/${name}`)
      let value = Math.floor(((generator.int32() >>> 0) * limit) / TWO_32)
      if (tape !== null) {
        const decided = tape[count]
        if (decided !== undefined && decided < limit) value = decided
        else if (misfit === null) {
          const reason = decided === undefined ? 'not recorded' : `not below ${limit}`
          misfit = { stream: name, number: count, reason }
        }
      }
      count++
      if (taped !== null) taped.push(value)
      return value
    }

    function pick<Item>(items: readonly Item[]): Item {
      return items[below(items.length)] as Item
    }

    return {
      below,
      between: (low, high) => low + below(high - low + 1),
      chance: (part) => below(1024) < part,
      pick,
    }
  }

  return {
    stream: (name) => {
      let stream = streams.get(name)
      if (stream === undefined) streams.set(name, (stream = open(name)))
      return stream
    },
    knows: (name) => played === null || Object.hasOwn(played, name),
    decisions: () => recorded,
    misfit: () => misfit,
  }
}
