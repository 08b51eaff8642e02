// Logs as Raft makes them, for tests of damage: two that have an entry of the same index and term
// are equal up to there (log matching), and what is committed is in every later leader's log. What
// a follower of these leaders persists, and whether what is left of its log was ever one.

import type { LogBase, LogEnd, Persist } from '../../core/effect.ts'
import { equalBytes } from '../../core/bytes.ts'
import { foundedBy } from '../../core/raft/membership.ts'
import type { Entry } from '../../core/raft/message.ts'
import type { LogContent } from '../../storage/log-content.ts'
import type { Lcg } from './crashing-disk.ts'

/** The only entry of that index and term. */
export function entryAt(index: number, term: number): Entry {
  const payload = new Uint8Array((index * 7 + term * 3) % 40).fill(index * 16 + term)
  return { term, stampMs: term * 10, kind: 'command', payload }
}

/** Where a log ends, or ended before it was damaged. */
export function endOf({ base, entries, damage }: LogContent): LogEnd {
  if (damage !== null) return damage
  return { index: base.index + entries.length, term: entries.at(-1)?.term ?? base.term }
}

const bare = { type: 'persist', id: 0, hardState: null, checkpoint: null } as const

/** The leaders of a cluster, one a term, and their logs. */
export class Leaders {
  readonly #logs = new Map<number, Entry[]>([[0, []]])
  #committed: LogBase = { index: 0, term: 0, stampMs: 0 }

  /** The term of the newest leader: only what that one has can be committed. */
  get term(): number {
    return Math.max(...this.#logs.keys())
  }

  /** Elects a leader with some log that has what is committed, in a new term: returns which. */
  elect(random: Lcg): number {
    const term = this.term + 1
    const { index, term: last } = this.#committed
    const isAble = (log: Entry[]): boolean => index === 0 || log[index - 1]?.term === last
    const able = [...this.#logs.values()].filter(isAble)
    const chosen = able[random.below(able.length)] as Entry[]
    this.#logs.set(term, chosen.slice(0, index + random.below(chosen.length - index + 1)))
    this.grow(term, 1)
    return term
  }

  grow(term: number, count: number): void {
    const log = this.logOf(term)
    for (let more = count; more > 0; more--) log.push(entryAt(log.length + 1, term))
  }

  logOf(term: number): Entry[] {
    return this.#logs.get(term) as Entry[]
  }

  /** Whether the entries were once the log of some node. */
  knows({ base, entries }: LogContent): boolean {
    const last = entries.at(-1)
    if (last === undefined) return true
    const log = this.#logs.get(last.term)?.slice(base.index, base.index + entries.length) ?? []
    if (log.length !== entries.length) return false
    return log.every((one, at) => isSame(one, entries[at] as Entry))
  }

  /** What a follower persists that takes entries of the leader of `term` up to `index`. */
  appended(content: LogContent, term: number, index: number): Persist | null {
    const { base, entries } = content
    const log = this.logOf(term).slice(base.index, index)
    const differs = log.findIndex((one, at) => one.term !== entries[at]?.term)
    if (differs < 0) return null
    const firstIndex = base.index + 1 + differs
    return { ...bare, firstIndex, entries: log.slice(differs), logChanged: true }
  }

  /** What a follower persists that gets, or takes, a snapshot as the leader of `term` has it. */
  snapshotted(content: LogContent, term: number, index: number, random: Lcg): Persist {
    const place = this.#placeOf(term, index)
    if (index > this.#committed.index) this.#committed = place
    const { hardState } = content
    const agrees = content.entries[index - content.base.index - 1]?.term === place.term
    const least = content.base.index
    const from = agrees ? least + random.below(index - least + 1) : index
    const base = this.#placeOf(term, from)
    const entries = agrees ? content.entries.slice(from - least) : []
    const bytes = new Uint8Array(random.below(90)).fill(index)
    const membership = foundedBy(['0', '1', '2'])
    const snapshot = { ...place, membership, version: 1, bytesCount: bytes.length, bytes }
    const checkpoint = { snapshot, base }
    return { ...bare, hardState, checkpoint, firstIndex: from + 1, entries, logChanged: true }
  }

  #placeOf(term: number, index: number): LogBase {
    const entry = this.logOf(term)[index - 1]
    return { index, term: entry?.term ?? 0, stampMs: entry?.stampMs ?? 0 }
  }
}

function isSame(a: Entry, b: Entry): boolean {
  return a.term === b.term && equalBytes(a.payload, b.payload)
}
