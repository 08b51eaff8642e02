// What must hold of the version of the machine's rules, looked at after every turn: all go by the
// one that the log names, and it is raised only when every member knows it.

import { invariant } from '../core/invariant.ts'
import { membersOf } from '../core/raft/membership.ts'
import { versionOf } from '../core/raft/version.ts'
import type { Step } from './node-parts.ts'
import { Violation } from './violation.ts'

const EQUAL = 'equal version at equal index'
const FALLS = 'the version never falls'
const KNOWN = 'a version is raised once all know it'

/** The rules that are looked at here. */
export const VERSION_ORACLES: readonly string[] = [EQUAL, FALLS, KNOWN]

export class VersionOracles {
  readonly #builds: readonly { readonly versions: number }[]
  readonly #names: readonly string[]
  readonly #evaluated: (oracle: string) => void

  /** @param builds what is installed on each node: how many versions it knows */
  constructor(
    builds: readonly { readonly versions: number }[],
    names: readonly string[],
    evaluated: (oracle: string) => void,
  ) {
    this.#builds = builds
    this.#names = names
    this.#evaluated = evaluated
  }

  /** @param asOf the version that the log gives up to what the node has applied by now */
  stepped<State, Reply, MachineEvent>(
    step: Step<State, Reply, MachineEvent>,
    asOf: number | null,
  ): void {
    const { node, before, after } = step
    this.#evaluated(EQUAL)
    if (after.version !== asOf) {
      const what = `after entry ${after.applied} it goes by version ${after.version}, not ${asOf}`
      this.#fail(EQUAL, node, what)
    }
    this.#evaluated(FALLS)
    if (after.version < before.version) {
      this.#fail(FALLS, node, `from version ${before.version} it goes back to ${after.version}`)
    }
    if (after.raft.role === 'leader') this.#onLeader(step)
  }

  /** What a leader appends that raises the version. */
  #onLeader<State, Reply, MachineEvent>(step: Step<State, Reply, MachineEvent>): void {
    const { node, before, after, effects } = step
    for (const effect of effects) {
      if (effect.type !== 'persist' || !effect.logChanged) continue
      for (let at = 0; at < effect.entries.length; at++) {
        const entry = effect.entries[at]
        const isOwn = entry?.term === after.raft.term
        if (entry?.kind !== 'version' || !isOwn) continue
        const index = effect.firstIndex + at
        if (index <= before.raft.log.lastIndex) continue
        this.#evaluated(KNOWN)
        const version = versionOf(entry)
        // Who is taken in by a later entry, of the same turn even, is told of the rules in force.
        const asOf = after.raft.memberships.findLast((one) => one.index < index)
        invariant(asOf !== undefined, 'oracle: no members as of an entry of this turn')
        const lacks = membersOf(asOf.membership).find((name) => {
          return (this.#builds[this.#names.indexOf(name)]?.versions ?? 0) < version
        })
        if (lacks === undefined) continue
        this.#fail(KNOWN, node, `it raises the version to ${version}, which ${lacks} does not know`)
      }
    }
  }

  #fail(oracle: string, node: number, what: string): never {
    throw new Violation(oracle, `node ${this.#names[node]}: ${what}`)
  }
}
