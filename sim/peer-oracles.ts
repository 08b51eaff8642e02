// What must hold of a leader and its peers, looked at after every turn: whom it sends to, and when
// it may give up. Ref: Raft, Figure 2; thesis 6.2.

import type { NodeId } from '../core/raft/config.ts'
import { membersOf } from '../core/raft/membership.ts'
import { activeMembership } from '../core/raft/state.ts'
import type { RaftState } from '../core/raft/state.ts'
import { isMajorityOf } from './majority.ts'
import type { Step } from './node-parts.ts'
import { samePlain } from './same.ts'
import { Violation } from './violation.ts'

const PEERS = 'a leader sends to all members'
const HEARD = 'a leader gives up only unheard'

/** The rules that are looked at here. */
export const PEER_ORACLES: readonly string[] = [PEERS, HEARD]

/** By these a peer is heard. */
const ANSWERS: readonly string[] = ['appendAccepted', 'appendRejected', 'snapshotReply']

type LeaderState = Extract<RaftState, { readonly role: 'leader' }>

/** What a leader has heard: by the peer, when last, milliseconds of its clock. */
interface Contact {
  readonly term: number
  readonly heardMs: Map<NodeId, number>
}

export class PeerOracles {
  readonly #names: readonly string[]
  readonly #evaluated: (oracle: string) => void
  readonly #contacts = new Map<number, Contact>()

  constructor(names: readonly string[], evaluated: (oracle: string) => void) {
    this.#names = names
    this.#evaluated = evaluated
  }

  stepped<State, Reply, MachineEvent>(step: Step<State, Reply, MachineEvent>): void {
    const before = step.before.raft
    const after = step.after.raft
    if (before.role === 'leader') this.#hear(step, before)
    if (after.role !== 'leader') return
    const isNew = before.role !== 'leader' || before.term !== after.term
    if (isNew) this.#contacts.set(step.node, { term: after.term, heardMs: new Map() })
    if (isNew || before.memberships !== after.memberships) this.#onMembers(step.node, after, isNew)
  }

  #hear<State, Reply, MachineEvent>(
    { node, input, after, effects }: Step<State, Reply, MachineEvent>,
    before: LeaderState,
  ): void {
    const contact = this.#contacts.get(node)
    if (contact?.term !== before.term) return
    for (const event of input.events) {
      if (event.type !== 'received' || event.message.term !== before.term) continue
      const { type } = event.message
      if (ANSWERS.includes(type)) contact.heardMs.set(event.from, after.raft.timers.nowMs)
    }
    for (const effect of effects) {
      if (effect.type !== 'trace' || effect.trace.type !== 'quorumLost') continue
      this.#onQuorumLost(node, contact, before, after.raft)
    }
  }

  /** It looks once an election timeout; whom it took in since the last time counts as heard. */
  #onQuorumLost(node: number, { heardMs }: Contact, before: LeaderState, after: RaftState): void {
    this.#evaluated(HEARD)
    const sinceMs = before.timers.quorumAtMs - before.config.electionTimeoutMs
    const isHeard = (voter: NodeId): boolean =>
      voter === before.config.node || (heardMs.get(voter) ?? -Infinity) > sinceMs
    if (!isMajorityOf(activeMembership(after), isHeard)) return
    const heard = [...heardMs].filter(([, atMs]) => atMs > sinceMs).map(([peer]) => peer)
    this.#fail(HEARD, node, `it gives up term ${before.term}, and has heard ${heard.join(' ')}`)
  }

  /** New members count as heard from now on: of a new leader all are. */
  #onMembers(node: number, after: LeaderState, isNew: boolean): void {
    this.#evaluated(PEERS)
    const wanted = membersOf(activeMembership(after)).filter((name) => name !== after.config.node)
    const peers = after.progress.map(({ peer }) => peer)
    if (!samePlain(peers, wanted)) {
      this.#fail(PEERS, node, `it sends to ${peers.join(' ')}, and not to ${wanted.join(' ')}`)
    }
    const heardMs = this.#contacts.get(node)?.heardMs
    // Those that a change takes in at the very time of a check count in the window that it ends.
    const atMs = after.timers.nowMs + (isNew ? 0.5 : 0)
    for (const peer of peers) if (!heardMs?.has(peer)) heardMs?.set(peer, atMs)
    for (const peer of heardMs?.keys() ?? []) if (!peers.includes(peer)) heardMs?.delete(peer)
  }

  #fail(oracle: string, node: number, what: string): never {
    throw new Violation(oracle, `node ${this.#names[node]}: ${what}`)
  }
}
