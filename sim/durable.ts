// What one node's disk is known to hold: kept from the persists that were reported durable, apart
// from the node's own memory, for the oracles to hold the node against.

import type { HardState, LogBase, LogEnd, Persist, Snapshot } from '../core/effect.ts'
import type { NodeId } from '../core/raft/config.ts'
import { foundedBy } from '../core/raft/membership.ts'
import type { Membership } from '../core/raft/membership.ts'
import { NO_BASE } from '../core/raft/log.ts'
import type { Entry } from '../core/raft/message.ts'
import { membershipOf } from '../core/raft/state.ts'
import type { LoggedMembership } from '../core/raft/state.ts'
import type { Recovered } from '../storage/recovery.ts'
import { sameEntry, samePlain } from './same.ts'

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

interface OnDisk {
  term: number
  vote: NodeId | null
  snapshot: Snapshot | null
  base: LogBase
  entries: Entry[]
  /** Where the log ended before part of it was lost, until it is as up to date again. */
  damage: LogEnd | null
}

/** Term, vote, snapshot and the log's entries, as durable as can be. */
export class DurableView implements OnDisk {
  term = 0
  vote: NodeId | null = null
  snapshot: Snapshot | null = null
  base: LogBase = NO_BASE
  /** `entries[0]` is the one behind the base. */
  entries: Entry[] = []
  damage: LogEnd | null = null
  /** Bytes that were durable have changed, and nobody has read them since. */
  isRotten = false
  /** Every vote that was ever durable, by term: also one that the same sync wrote over. */
  readonly votes: Map<number, NodeId> = new Map()
  readonly #founded: Membership
  /** What `membership` has found, as long as nothing else became durable. */
  #membership: Membership | null = null
  #issued: Persist[] = []
  /** What was durable before part of it was lost, as long as that is not made good. */
  #lost: Pick<OnDisk, 'base' | 'entries'> | null = null
  /** What the last restart found. */
  #found: Recovered | null = null
  /** How many of those issued a restart must find: all, unless the disk lost something. */
  #writtenCount = 0

  constructor(founders: readonly NodeId[]) {
    this.#founded = foundedBy(founders)
  }

  /** Whether all is here that was ever durable here, as far as it still counts. */
  get isWhole(): boolean {
    return this.damage === null && !this.isRotten
  }

  get lastIndex(): number {
    return this.base.index + this.entries.length
  }

  get lastTerm(): number {
    return this.entries.at(-1)?.term ?? this.base.term
  }

  /** The members that a node that comes back from here takes for active. */
  get membership(): Membership {
    this.#membership ??= this.memberships.at(-1)?.membership ?? this.#founded
    return this.#membership
  }

  /** All members that are named here, the first as of the snapshot or the founding. */
  get memberships(): readonly LoggedMembership[] {
    const { snapshot, base, entries } = this
    const index = snapshot?.index ?? 0
    const all = [{ index, membership: snapshot?.membership ?? this.#founded }]
    entries.forEach((entry, at) => {
      const here = base.index + at + 1
      if (entry.kind !== 'membership' || here <= index) return
      all.push({ index: here, membership: membershipOf(entry) })
    })
    return all
  }

  /**
   * Whether the entry of that index and term is here, if only as part of the snapshot. One that was
   * lost counts: it was acknowledged, and who lost it elects nobody without it.
   */
  holds(index: number, term: number): boolean {
    return isIn(this, index, term) || (this.#lost !== null && isIn(this.#lost, index, term))
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
    const { term, vote, snapshot, base, damage } = this
    const seen = { term, vote, snapshot, base, entries: this.entries.slice(), damage }
    for (let count = 0; ; count++) {
      const isAll = equals(seen, found) || (this.isRotten && isPart(seen, found))
      if (count >= this.#writtenCount && isAll) {
        this.#found = found
        this.#issued = this.#issued.slice(0, count)
        return null
      }
      const next = this.#issued[count]
      if (next === undefined) return difference(seen, found)
      apply(seen, next)
    }
  }

  /** The log was opened: all that was found is durable. */
  opened(): BecameDurable {
    const became = this.#makeDurable(this.#issued.length)
    const found = this.#found
    if (found !== null) {
      const { base, entries } = this
      if (this.damage === null && found.damage !== null) this.#lost = { base, entries }
      // The same entries, and those of the node's last life are free to go.
      this.entries = found.entries.slice()
      this.base = found.base
      this.snapshot = found.snapshot
      this.damage = found.damage
    }
    this.isRotten = false
    this.#found = null
    this.#membership = null
    return became
  }

  #makeDurable(count: number): BecameDurable {
    const replaced: Replaced[] = []
    let votedTwiceIn: number | null = null
    for (let at = 0; at < count; at++) {
      const persist = this.#issued[at] as Persist
      this.#noteReplaced(persist, replaced)
      // Commands that are only appended leave the members as they are.
      const isAppend = persist.checkpoint === null && persist.firstIndex > this.lastIndex
      if (!isAppend || persist.entries.some(({ kind }) => kind === 'membership')) {
        this.#membership = null
      }
      apply(this, persist)
      if (this.damage === null) this.#lost = null
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
    const from = Math.max(persist.firstIndex, this.base.index + 1)
    // What a snapshot covers is not gone.
    const covered = persist.checkpoint?.snapshot.index ?? 0
    for (let index = Math.max(from, covered + 1); index <= this.lastIndex; index++) {
      const { term } = this.entries[index - this.base.index - 1] as Entry
      // `term` first: `index` may be a double here, and a shape that began with it would be shared.
      if (persist.entries[index - persist.firstIndex]?.term !== term) replaced.push({ term, index })
    }
  }
}

function apply(disk: OnDisk, persist: Persist): void {
  if (persist.hardState !== null) {
    disk.term = persist.hardState.term
    disk.vote = persist.hardState.vote
  }
  if (persist.checkpoint !== null) {
    disk.snapshot = persist.checkpoint.snapshot
    disk.base = persist.checkpoint.base
    disk.entries = persist.entries.slice()
  } else if (persist.logChanged) {
    const kept = persist.firstIndex - disk.base.index - 1
    if (disk.entries.length > kept) disk.entries.length = kept
    for (const entry of persist.entries) disk.entries.push(entry)
  }
  if (disk.damage !== null && !isBefore(endOf(disk), disk.damage)) disk.damage = null
}

function isIn(log: Pick<OnDisk, 'base' | 'entries'>, index: number, term: number): boolean {
  const { base, entries } = log
  return index <= base.index || entries[index - base.index - 1]?.term === term
}

function endOf({ base, entries }: Pick<OnDisk, 'base' | 'entries'>): LogEnd {
  return { index: base.index + entries.length, term: entries.at(-1)?.term ?? base.term }
}

/** Raft 5.4.1. */
function isBefore(one: LogEnd, other: LogEnd): boolean {
  return one.term < other.term || (one.term === other.term && one.index < other.index)
}

/** Whether `found` is what a disk may say that lost some of it: never less than that it did. */
function isPart(disk: OnDisk, found: Recovered): boolean {
  const { hardState, snapshot, base, entries, damage } = found
  if (hardState.term !== disk.term || hardState.vote !== disk.vote) return false
  if (damage === null || !samePlain(damage, disk.damage ?? endOf(disk))) return false
  if (snapshot === null && disk.snapshot !== null) return base.index === 0 && entries.length === 0
  // Which entries are left is looked at with those that were ever written: if a record is lost that
  // replaced some, those of before are back.
  return samePlain(base, disk.base) && samePlain(snapshot, disk.snapshot)
}

/** How what was found differs from all that was written, in words. */
function difference(disk: OnDisk, found: Recovered): string {
  const { entries } = disk
  const at = found.entries.findIndex((one, place) => {
    const written = entries[place]
    return written === undefined || !sameEntry(one, written)
  })
  const first = at < 0 ? '' : `, of which entry ${found.base.index + at + 1} is another`
  const had = `after writing ${inWords(disk.base.index, disk, entries)}`
  return `found ${inWords(found.base.index, found.hardState, found.entries)}${first}, ${had}`
}

function inWords(base: number, { term, vote }: HardState, entries: readonly Entry[]): string {
  const behind = base === 0 ? '' : ` behind ${base}`
  return `term ${term}, vote ${vote} and ${entries.length} entries${behind}`
}

function equals(disk: OnDisk, found: Recovered): boolean {
  const { hardState, snapshot, base, entries, damage } = found
  if (!samePlain(damage, disk.damage)) return false
  const { term, vote } = hardState
  if (term !== disk.term || vote !== disk.vote) return false
  if (entries.length !== disk.entries.length) return false
  if (!samePlain(base, disk.base) || !samePlain(snapshot, disk.snapshot)) return false
  return entries.every((one, at) => sameEntry(one, disk.entries[at] as Entry))
}
