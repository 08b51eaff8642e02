// What one node's disk is known to hold: kept from the persists that were reported durable, apart
// from the node's own memory, for the oracles to hold the node against.

import type { HardState, Persist } from '../core/effect.ts'
import type { NodeId } from '../core/raft/config.ts'
import type { Entry } from '../core/raft/message.ts'
import type { Recovered } from '../storage/recovery.ts'
import { sameEntry } from './same.ts'

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

/** Term, vote and the log's entries, as durable as can be. */
export class DurableView {
  term = 0
  vote: NodeId | null = null
  /** `entries[0]` is index 1. */
  entries: Entry[] = []
  /** Every vote that was ever durable, by term: also one that the same sync wrote over. */
  readonly votes: Map<number, NodeId> = new Map()
  #issued: Persist[] = []
  /** What the last restart found. */
  #found: readonly Entry[] = []
  /** How many of those issued a restart must find: all, unless the disk lost something. */
  #writtenCount = 0

  get lastIndex(): number {
    return this.entries.length
  }

  get lastTerm(): number {
    return this.entries.at(-1)?.term ?? 0
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

  /** The node died. Unless its disk lost some of what was written, all that was issued is there. */
  crashed(isLossy: boolean): void {
    this.#writtenCount = isLossy ? 0 : this.#issued.length
  }

  /**
   * The node came back and found `found`. Whole persists survive or not, in order: it must be what
   * was reported, and maybe some of what was issued after: all of it if the disk lost nothing. Null
   * when it is. What was not reported is durable only once the log is `opened`: until then another
   * loss of power may take it.
   */
  found(found: Recovered): string | null {
    const { hardState, entries } = found
    const seen = { term: this.term, vote: this.vote, entries: this.entries.slice() }
    for (let count = 0; ; count++) {
      if (count >= this.#writtenCount && equals(seen, hardState, entries)) {
        this.#found = entries
        this.#issued = this.#issued.slice(0, count)
        return null
      }
      const next = this.#issued[count]
      if (next === undefined) return difference(seen, hardState, entries)
      apply(seen, next)
    }
  }

  /** The log was opened: all that was found is durable. */
  opened(): BecameDurable {
    const became = this.#makeDurable(this.#issued.length)
    // The same entries, and those of the node's last life are free to go.
    this.entries = this.#found.slice()
    this.#found = []
    return became
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
    for (let index = persist.firstIndex; index <= this.entries.length; index++) {
      const { term } = this.entries[index - 1] as Entry
      // `term` first: `index` may be a double here, and a shape that began with it would be shared.
      if (persist.entries[index - persist.firstIndex]?.term !== term) replaced.push({ term, index })
    }
  }
}

interface OnDisk {
  term: number
  vote: NodeId | null
  entries: Entry[]
}

function apply(disk: OnDisk, persist: Persist): void {
  if (persist.hardState !== null) {
    disk.term = persist.hardState.term
    disk.vote = persist.hardState.vote
  }
  if (!persist.logChanged) return
  if (disk.entries.length >= persist.firstIndex) disk.entries.length = persist.firstIndex - 1
  for (const entry of persist.entries) disk.entries.push(entry)
}

/** How what was found differs from all that was written, in words. */
function difference(disk: OnDisk, { term, vote }: HardState, found: readonly Entry[]): string {
  const { entries } = disk
  const at = found.findIndex((one, place) => {
    const written = entries[place]
    return written === undefined || !sameEntry(one, written)
  })
  const had = `after writing term ${disk.term}, vote ${disk.vote} and ${entries.length} entries`
  const first = at < 0 ? '' : `, of which entry ${at + 1} is another`
  return `found term ${term}, vote ${vote} and ${found.length} entries${first}, ${had}`
}

function equals(disk: OnDisk, { term, vote }: HardState, found: readonly Entry[]): boolean {
  const { entries } = disk
  if (term !== disk.term || vote !== disk.vote || found.length !== entries.length) return false
  return found.every((one, at) => sameEntry(one, entries[at] as Entry))
}
