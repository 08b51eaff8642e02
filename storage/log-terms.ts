// Where a log ends and which term stands at which index, without its entries: what an appender must
// know to say with each record what it follows and how far the log goes.

import type { LogBase, LogEnd } from '../core/effect.ts'
import type { Entry } from '../core/raft/message.ts'

/** Entries of one term, from `from` on. */
interface Run {
  readonly from: number
  readonly term: number
}

/** True when a log that ends at `end` is less up to date than one that ends at `other` (5.4.1). */
export function isBehind(end: LogEnd, other: LogEnd): boolean {
  return end.term < other.term || (end.term === other.term && end.index < other.index)
}

/** The terms along a log, as runs: there are as many as there were elections. */
export class LogTerms {
  readonly #runs: Run[]
  #lastIndex: number

  /** Of a log of `entries` behind `base`. */
  constructor(base: LogBase, entries: readonly Entry[]) {
    this.#runs = [{ from: base.index, term: base.term }]
    this.#lastIndex = base.index
    this.replace(base.index + 1, entries)
  }

  /** Index and term of the last entry, or of the base when there is none. */
  get end(): LogEnd {
    return { index: this.#lastIndex, term: this.#last.term }
  }

  /** The term at `index`, from the base to the last entry. */
  termAt(index: number): number {
    return (this.#runs.findLast(({ from }) => from <= index) as Run).term
  }

  /** Puts `entries` in the place of all from `firstIndex` on, which is behind the base. */
  replace(firstIndex: number, entries: readonly Entry[]): void {
    while (this.#runs.length > 1 && this.#last.from >= firstIndex) this.#runs.pop()
    this.#lastIndex = firstIndex - 1
    for (const { term } of entries) {
      this.#lastIndex += 1
      if (term !== this.#last.term) this.#runs.push({ from: this.#lastIndex, term })
    }
  }

  get #last(): Run {
    return this.#runs.at(-1) as Run
  }
}
