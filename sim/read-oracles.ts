// What reads without the log rest on, looked at after every turn: a majority that has answered
// since they came, or a lease that was not handed over and is still kept. Ref: thesis 6.4, 6.4.1.

import { activeMembership } from '../core/raft/state.ts'
import type { RaftState } from '../core/raft/state.ts'
import { isMajorityOf } from './majority.ts'
import type { Step } from './node-parts.ts'
import { Violation } from './violation.ts'

const CONFIRMED = 'a read is confirmed by a majority'
const HANDED_OVER = 'no lease outlasts a transfer'
const KEPT = 'what leases rest on is not forgotten'

/** The rules that are looked at here. */
export const READ_ORACLES: readonly string[] = [CONFIRMED, HANDED_OVER, KEPT]

type LeaderState = Extract<RaftState, { readonly role: 'leader' }>

export class ReadOracles {
  readonly #names: readonly string[]
  readonly #evaluated: (oracle: string) => void

  constructor(names: readonly string[], evaluated: (oracle: string) => void) {
    this.#names = names
    this.#evaluated = evaluated
  }

  stepped<State, Reply, MachineEvent>(step: Step<State, Reply, MachineEvent>): void {
    const before = step.before.raft
    const after = step.after.raft
    if (before.role === 'leader' && after.role === 'leader' && before.term === after.term) {
      if (before.reads.length > 0) this.#onReads(step.node, before, after)
      if (before.hasSentTimeoutNow) this.#onHandedOver(step, before, after)
    }
    const isTold = step.input.events.some(({ type }) => type === 'forgetLeader')
    if (isTold && after.config.leaseReads) this.#onForgotten(step.node, before, after)
  }

  /** Reads that waited for a round and do not any more: a majority has answered it. */
  #onReads(node: number, before: LeaderState, after: LeaderState): void {
    for (const { id, peer, round } of before.reads) {
      if (after.reads.some((read) => read.id === id && read.peer === peer)) continue
      this.#evaluated(CONFIRMED)
      const acked = after.progress.filter(({ ackedRound }) => ackedRound >= round)
      const names = [after.config.node, ...acked.map((progress) => progress.peer)]
      if (isMajorityOf(activeMembership(after), (voter) => names.includes(voter))) continue
      const by = `round ${round}, which ${names.join(' ')} alone have answered`
      this.#fail(CONFIRMED, node, `it answers a read of ${by}`)
    }
  }

  /** It told another to lead: what it answers at once rests on a lease that is none. */
  #onHandedOver<State, Reply, MachineEvent>(
    { node, input, effects }: Step<State, Reply, MachineEvent>,
    before: LeaderState,
    after: LeaderState,
  ): void {
    if (isMajorityOf(activeMembership(after), (voter) => voter === after.config.node)) return
    for (const event of input.events) {
      if (event.type !== 'received' || event.message.type !== 'readRequest') continue
      this.#evaluated(HANDED_OVER)
      const { id, term } = event.message
      // One that comes twice may have waited for its round since the first time.
      if (before.reads.some((read) => read.id === id)) continue
      const isAnswered = effects.some((effect) => {
        if (effect.type !== 'send' || effect.message.type !== 'readReply') return false
        return effect.message.id === id
      })
      if (term === after.term && isAnswered) {
        this.#fail(HANDED_OVER, node, `it answers ${event.from} at once, and ${id} is read`)
      }
    }
  }

  /** A lease rests on votes that are withheld, and they on when the leader was heard. */
  #onForgotten(node: number, before: RaftState, after: RaftState): void {
    this.#evaluated(KEPT)
    if (after.timers.heardAtMs >= before.timers.heardAtMs) return
    this.#fail(KEPT, node, 'it forgets when it heard its leader, which may have a lease')
  }

  #fail(oracle: string, node: number, what: string): never {
    throw new Violation(oracle, `node ${this.#names[node]}: ${what}`)
  }
}
