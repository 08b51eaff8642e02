// What must hold of the version of the machine's rules, looked at after every turn: all go by the
// one that the log names, it is raised only when every member knows it, and nobody gets a vote who
// does not.

import { invariant } from '../core/invariant.ts'
import { entryAt } from '../core/raft/log.ts'
import { isVoter, membersOf } from '../core/raft/membership.ts'
import type { Membership } from '../core/raft/membership.ts'
import { membershipOf } from '../core/raft/state.ts'
import type { RaftState } from '../core/raft/state.ts'
import { versionOf } from '../core/raft/version.ts'
import type { Step } from './node-parts.ts'
import { Violation } from './violation.ts'

const EQUAL = 'equal version at equal index'
const FALLS = 'the version never falls'
const KNOWN = 'a version is raised once all know it'
const VOTES = 'who gets a vote knows the version'

/** The rules that are looked at here. */
export const VERSION_ORACLES: readonly string[] = [EQUAL, FALLS, KNOWN, VOTES]

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

  /** What a leader appends that raises the version, or gives somebody a vote. */
  #onLeader<State, Reply, MachineEvent>(step: Step<State, Reply, MachineEvent>): void {
    const { before, after, effects } = step
    for (const effect of effects) {
      if (effect.type !== 'persist' || !effect.logChanged) continue
      for (let at = 0; at < effect.entries.length; at++) {
        const entry = effect.entries[at]
        const index = effect.firstIndex + at
        if (entry?.term !== after.raft.term || index <= before.raft.log.lastIndex) continue
        if (entry.kind === 'version') this.#onRaise(step, index, versionOf(entry))
        else if (entry.kind === 'membership') this.#onMembers(step, index, membershipOf(entry))
      }
    }
  }

  #onRaise<State, Reply, MachineEvent>(
    { node, after }: Step<State, Reply, MachineEvent>,
    index: number,
    version: number,
  ): void {
    this.#evaluated(KNOWN)
    // Who is taken in by a later entry, of the same turn even, is told of the rules in force.
    const lacks = membersOf(membersBefore(after.raft, index)).find((name) => {
      return this.#known(name) < version
    })
    if (lacks === undefined) return
    this.#fail(KNOWN, node, `it raises the version to ${version}, which ${lacks} does not know`)
  }

  #onMembers<State, Reply, MachineEvent>(
    { node, before, after }: Step<State, Reply, MachineEvent>,
    index: number,
    { voters }: Membership,
  ): void {
    this.#evaluated(VOTES)
    const { log } = after.raft
    let { version } = before
    for (let at = Math.max(before.applied, log.base.index) + 1; at < index; at++) {
      const entry = entryAt(log, at)
      if (entry.kind === 'version') version = versionOf(entry)
    }
    const past = membersBefore(after.raft, index)
    const lacks = voters.find((name) => !isVoter(past, name) && this.#known(name) < version)
    if (lacks === undefined) return
    this.#fail(VOTES, node, `it gives ${lacks} a vote, which does not know version ${version}`)
  }

  /** How many versions the build knows that is installed on a node. */
  #known(name: string): number {
    return this.#builds[this.#names.indexOf(name)]?.versions ?? 0
  }

  #fail(oracle: string, node: number, what: string): never {
    throw new Violation(oracle, `node ${this.#names[node]}: ${what}`)
  }
}

/** Who the members are as of the entry before `index`. */
function membersBefore({ memberships }: RaftState, index: number): Membership {
  const asOf = memberships.findLast((one) => one.index < index)
  invariant(asOf !== undefined, 'oracle: no members as of an entry of this turn')
  return asOf.membership
}
