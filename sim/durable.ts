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

/** What one report made durable, beyond what was appended. */
export interface BecameDurable {
  /** Entries that took the place of others. */
  readonly replaced: readonly Replaced[]
  /** A term in which the node is now bound to two votes, or null. */
  readonly votedTwiceIn: number | null
}

/** Term, vote and the terms of the log's entries, as durable as can be. */
export class DurableView {
  term = 0
  vote: NodeId | null = null
  /** Term of each entry; `terms[0]` is index 1. */
  terms: number[] = []
  /** Every vote that was ever durable, by term: also one that the same sync wrote over. */
  readonly votes: Map<number, NodeId> = new Map()
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

  /** Every persist up to `id` of this life is durable. */
  reported(id: number): BecameDurable {
    let count = 0
    for (const persist of this.#issued) if (persist.id <= id) count++
    return this.#makeDurable(count)
  }

  /**
   * The node came back and found `found`. Whole persists survive or not, in order: it must be what
   * was reported, and maybe some of what was issued after. Null when it is. What was not reported
   * is durable only once the log is `opened`: until then another loss of power may take it.
   */
  found(found: Recovered): string | null {
    const { hardState, entries } = found
    const terms = entries.map((entry) => entry.term)
    const seen = { term: this.term, vote: this.vote, terms: this.terms.slice() }
    for (let count = 0; ; count++) {
      if (equals(seen, hardState, terms)) {
        this.#issued = this.#issued.slice(0, count)
        return null
      }
      const next = this.#issued[count]
      if (next === undefined) {
        return `found term ${hardState.term}, vote ${hardState.vote} and ${entries.length} entries`
      }
      apply(seen, next)
    }
  }

  /** The log was opened: all that was found is durable. */
  opened(): BecameDurable {
    return this.#makeDurable(this.#issued.length)
  }

  #makeDurable(count: number): BecameDurable {
    const replaced: Replaced[] = []
    let votedTwiceIn: number | null = null
    for (let at = 0; at < count; at++) {
      const persist = this.#issued[at] as Persist
      this.#noteReplaced(persist, replaced)
      apply(this, persist)
      if (this.vote === null) continue
      const earlier = this.votes.get(this.term)
      if (earlier !== undefined && earlier !== this.vote) votedTwiceIn = this.term
      this.votes.set(this.term, this.vote)
    }
    this.#issued.splice(0, count)
    return { replaced, votedTwiceIn }
  }

  #noteReplaced(persist: Persist, replaced: Replaced[]): void {
    if (!persist.logChanged) return
    for (let index = persist.firstIndex; index <= this.terms.length; index++) {
      const term = this.terms[index - 1] as number
      // `term` first: `index` may be a double here, and a shape that began with it would be shared.
      if (persist.entries[index - persist.firstIndex]?.term !== term) replaced.push({ term, index })
    }
  }
}

interface OnDisk {
  term: number
  vote: NodeId | null
  terms: number[]
}

function apply(disk: OnDisk, persist: Persist): void {
  if (persist.hardState !== null) {
    disk.term = persist.hardState.term
    disk.vote = persist.hardState.vote
  }
  if (!persist.logChanged) return
  disk.terms.length = persist.firstIndex - 1
  for (const entry of persist.entries) disk.terms.push(entry.term)
}

function equals(disk: OnDisk, { term, vote }: HardState, terms: readonly number[]): boolean {
  if (term !== disk.term || vote !== disk.vote || terms.length !== disk.terms.length) return false
  return terms.every((one, at) => one === disk.terms[at])
}
