// The committed log as the oracles see it grow: each entry once, whoever committed it first, and
// what applying it gives, apart from all nodes. A node is held against this, not against another.

import type { Applied } from '../core/effect.ts'
import type { Machine, MachineEvent as AnyEvent } from '../core/machine.ts'
import { foundedBy } from '../core/raft/membership.ts'
import type { Membership } from '../core/raft/membership.ts'
import type { Entry } from '../core/raft/message.ts'
import { membershipOf } from '../core/raft/state.ts'
import { FIRST_VERSION, versionOf } from '../core/raft/version.ts'

/** What applying an entry gives, by the log alone. */
export interface Replayed<Reply, Event> {
  readonly timeMs: number
  /** The version of the machine's rules after the entry. */
  readonly version: number
  readonly reply: Uint8Array | null
  readonly events: readonly AnyEvent<Reply, Event>[]
  readonly hash: string
  /** What a node got and was found equal: others share it. */
  seen: Applied<Reply, Event> | null
  /** The same of the state that a node came to; null: none was looked at. */
  stateSeen: unknown
}

export class CommittedLog<State, Command, Reply, Event extends { readonly type: string }> {
  readonly #machine: Machine<State, Command, Reply, Event>
  readonly #founded: Membership
  /** By index, from 1. */
  readonly #entries: (Entry | null)[] = [null]
  readonly #committedIn: number[] = [0]
  readonly #replayed: Replayed<Reply, Event>[] = []
  /** The members that entries name, by index. */
  readonly #memberships: (readonly [number, Membership])[] = []
  #state: State
  #timeMs = 0
  #version = FIRST_VERSION

  constructor(machine: Machine<State, Command, Reply, Event>, founders: readonly string[]) {
    this.#machine = machine
    this.#founded = foundedBy(founders)
    this.#state = machine.initial()
    const hash = machine.hash(this.#state)
    const [timeMs, version] = [this.#timeMs, this.#version]
    const [reply, seen, stateSeen] = [null, null, null]
    this.#replayed.push({ timeMs, version, reply, events: [], hash, seen, stateSeen })
  }

  get lastIndex(): number {
    return this.#entries.length - 1
  }

  entry(index: number): Entry | null {
    return this.#entries[index] ?? null
  }

  /** Term in which the entry was committed. */
  committedIn(index: number): number {
    return this.#committedIn[index] as number
  }

  /** What the log gives after that entry; undefined when it is not committed. */
  replayed(index: number): Replayed<Reply, Event> | undefined {
    return this.#replayed[index]
  }

  /** The members that the log names up to `index`. */
  membershipAsOf(index: number): Membership {
    let found = this.#founded
    for (const [at, membership] of this.#memberships) if (at <= index) found = membership
    return found
  }

  /** The entry at `index` is committed, in that term: the one behind the last, in any sound run. */
  put(index: number, entry: Entry, inTerm: number): void {
    this.#entries[index] = entry
    this.#committedIn[index] = inTerm
    if (entry.kind === 'membership') this.#memberships.push([index, membershipOf(entry)])
    this.#replayed[index] = this.#apply(entry, index)
  }

  #apply(entry: Entry, index: number): Replayed<Reply, Event> {
    const machine = this.#machine
    this.#timeMs = Math.max(this.#timeMs, entry.stampMs)
    let reply: Uint8Array | null = null
    let events: readonly AnyEvent<Reply, Event>[] = []
    if (entry.kind === 'version') this.#version = versionOf(entry)
    const [timeMs, version] = [this.#timeMs, this.#version]
    const command = entry.kind === 'command' ? machine.decodeCommand(entry.payload) : null
    if (command !== null) {
      const context = { index, timeMs, version }
      const [after, said, happened] = machine.apply(this.#state, command, context)
      this.#state = after
      reply = said === null ? null : machine.encodeReply(said)
      events = happened
    }
    const hash = machine.hash(this.#state)
    return { timeMs, version, reply, events, hash, seen: null, stateSeen: null }
  }
}
