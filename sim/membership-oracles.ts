// What must hold of members and leaders as each node takes them to be, looked at after every turn.
// Ref: Raft 6; DESIGN "Raft, complete".

import { entryAt, termAt } from '../core/raft/log.ts'
import type { NodeId } from '../core/raft/config.ts'
import type { Membership } from '../core/raft/membership.ts'
import { activeMembership, leaderOf, membershipOf } from '../core/raft/state.ts'
import type { RaftState } from '../core/raft/state.ts'
import type { Step } from './node-parts.ts'
import { samePlain } from './same.ts'
import { Violation } from './violation.ts'

const ACTIVE = 'members are those of the log'
const CHANGE = 'one change of members at a time'
const TOLD = 'changes of leader are told'

/** The rules that are looked at here. */
export const MEMBERSHIP_ORACLES: readonly string[] = [ACTIVE, CHANGE, TOLD]

export class MembershipOracles {
  readonly #names: readonly string[]
  readonly #evaluated: (oracle: string) => void
  /** Whom each node has said to take for the leader. */
  readonly #told = new Map<number, NodeId | null>()
  /** Nodes that have taken a turn in their present life. */
  readonly #running = new Set<number>()

  constructor(names: readonly string[], evaluated: (oracle: string) => void) {
    this.#names = names
    this.#evaluated = evaluated
  }

  /** The node starts anew, and knows of no leader. */
  crashed(node: number): void {
    this.#told.delete(node)
    this.#running.delete(node)
  }

  stepped<State, Reply, MachineEvent>(step: Step<State, Reply, MachineEvent>): void {
    const { node, effects } = step
    const before = step.before.raft
    const after = step.after.raft
    if (!this.#running.has(node)) this.#onMembers(node, before)
    this.#running.add(node)
    let isCut = false
    for (const effect of effects) {
      if (effect.type !== 'trace') continue
      if (effect.trace.type === 'leaderChanged') this.#told.set(node, effect.trace.leader)
      if (effect.trace.type === 'truncated') isCut = true
    }
    this.#evaluated(TOLD)
    const told = this.#told.get(node) ?? null
    if (told !== leaderOf(after)) {
      const what = `it has said that ${String(told)} leads, and takes ${String(leaderOf(after))}`
      this.#fail(TOLD, node, what)
    }
    const isElected = after.role === 'leader' && before.role !== 'leader'
    if (isCut || isElected || before.memberships !== after.memberships) this.#onMembers(node, after)
    if (after.role === 'leader') this.#onLeader(node, before, after)
  }

  /** The active members are the last that its log names, or its snapshot. */
  #onMembers(node: number, raft: RaftState): void {
    this.#evaluated(ACTIVE)
    const { log, snapshot } = raft
    let index = log.lastIndex
    while (index > log.base.index && entryAt(log, index).kind !== 'membership') index--
    const isNamed = index > Math.max(log.base.index, snapshot?.index ?? 0)
    const named = isNamed ? membershipOf(entryAt(log, index)) : snapshot?.membership
    const active = activeMembership(raft)
    if (named === undefined ? raft.memberships.length > 1 : !samePlain(named, active)) {
      this.#fail(ACTIVE, node, `it goes by others than entry ${index} names`)
    }
  }

  /** A leader appends members only on committed ones, and in its own term (Ongaro 2015). */
  #onLeader(node: number, before: RaftState, after: RaftState): void {
    for (const { index, membership } of after.memberships) {
      const isOwn = index > before.log.lastIndex && termAt(after.log, index) === after.term
      if (!isOwn || index <= after.log.base.index) continue
      this.#evaluated(CHANGE)
      const at = after.memberships.findIndex((logged) => logged.index === index)
      const last = after.memberships[at - 1]
      if (last === undefined) continue
      if (last.index > after.commit) {
        this.#fail(CHANGE, node, `entry ${index} changes members that entry ${last.index} names`)
      }
      if (termAt(after.log, after.commit) !== after.term) {
        this.#fail(CHANGE, node, `entry ${index} names members before it committed in its term`)
      }
      if (!follows(last.membership, membership)) {
        this.#fail(CHANGE, node, `entry ${index} names voters without joint consensus`)
      }
    }
  }

  #fail(oracle: string, node: number, what: string): never {
    throw new Violation(oracle, `node ${this.#names[node]}: ${what}`)
  }
}

/** Voters change only by way of joint consensus, in and out. */
function follows(last: Membership, next: Membership): boolean {
  if (next.outgoing !== null) return last.outgoing === null && samePlain(last.voters, next.outgoing)
  return samePlain(last.voters, next.voters)
}
