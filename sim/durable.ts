// What one node's disk is known to hold: kept from the persists that were reported durable, apart
// from the node's own memory, for the oracles to hold the node against.

import type { HardState, Persist } from '../core/effect.ts'
import type { NodeId } from '../core/raft/config.ts'
import type { Recovered } from '../storage/recovery.ts'

/** An entry that was durable here and is not any more. */
export interface Replaced {
  readonly index: number
  readonly term: number
}

/** Term, vote and the terms of the log's entries, as durable as can be. */
export class DurableView {
  term = 0
  vote: NodeId | null = null
  /** Term of each entry; `terms[0]` is index 1. */
  terms: number[] = []
  #issued: Persist[] = []

  get lastIndex(): number {
    return this.terms.length
  }

  get lastTerm(): number {
    return this.terms.at(-1) ?? 0
  }

  /** A persist was written, and is not durable yet. */
  issue(persist: Persist): void {
    this.#issued.push(persist)
  }

  /** Every persist up to `id` is durable. Returns the entries that were replaced by others. */
  reported(id: number): readonly Replaced[] {
    let replaced: readonly Replaced[] = []
    let count = 0
    for (const persist of this.#issued) {
      if (persist.id > id) break
      count++
      if (persist.logChanged && persist.firstIndex <= this.terms.length) {
        replaced = [...replaced, ...this.#replacedBy(persist)]
      }
      this.#apply(persist)
    }
    this.#issued = this.#issued.slice(count)
    return replaced
  }

  /**
   * The node came back with `recovered`. Whole persists survive or not, in order: what is found
   * must be what was reported, and maybe some of what was issued after. Null when it is.
   */
  recovered(recovered: Recovered): string | null {
    const { hardState, entries } = recovered
    for (;;) {
      if (this.#equals(hardState, entries.map((entry) => entry.term))) {
        this.#issued = []
        return null
      }
      const next = this.#issued.shift()
      if (next === undefined) {
        return `found term ${hardState.term}, vote ${hardState.vote} and ${entries.length} entries`
      }
      this.#apply(next)
    }
  }

  #replacedBy(persist: Persist): readonly Replaced[] {
    const replaced: Replaced[] = []
    for (let index = persist.firstIndex; index <= this.terms.length; index++) {
      const term = this.terms[index - 1] as number
      if (persist.entries[index - persist.firstIndex]?.term !== term) replaced.push({ index, term })
    }
    return replaced
  }

  #apply(persist: Persist): void {
    if (persist.hardState !== null) {
      this.term = persist.hardState.term
      this.vote = persist.hardState.vote
    }
    if (persist.logChanged) {
      this.terms.length = persist.firstIndex - 1
      for (const entry of persist.entries) this.terms.push(entry.term)
    }
  }

  #equals(hardState: HardState, terms: readonly number[]): boolean {
    const { term, vote } = hardState
    if (term !== this.term || vote !== this.vote || terms.length !== this.terms.length) return false
    return terms.every((one, at) => one === this.terms[at])
  }
}
