// What must hold of a snapshot on its way from a leader to a peer, looked at after every turn: each
// chunk is answered, and the next is the one that was asked for. Ref: Raft 7, Figure 13.

import type { NodeId } from '../core/raft/config.ts'
import type { SnapshotReply } from '../core/raft/message.ts'
import type { RaftState } from '../core/raft/state.ts'
import { saysDamaged } from './leader-oracles.ts'
import type { Step } from './node-parts.ts'
import { Violation } from './violation.ts'

const ANSWERED = 'a chunk of a snapshot is answered'
const GOES_ON = 'a snapshot goes on where it is asked to'

/** The rules that are looked at here. */
export const SNAPSHOT_ORACLES: readonly string[] = [ANSWERED, GOES_ON]

type LeaderState = Extract<RaftState, { readonly role: 'leader' }>

export class SnapshotOracles {
  readonly #names: readonly string[]
  readonly #evaluated: (oracle: string) => void

  constructor(names: readonly string[], evaluated: (oracle: string) => void) {
    this.#names = names
    this.#evaluated = evaluated
  }

  stepped<State, Reply, MachineEvent>(step: Step<State, Reply, MachineEvent>): void {
    const before = step.before.raft
    const after = step.after.raft
    let asked: Map<NodeId, SnapshotReply[]> | null = null
    for (const event of step.input.events) {
      if (event.type !== 'received' || event.message.term !== after.term) continue
      const { message, from } = event
      if (message.type === 'snapshotRequest') this.#onChunk(step, from)
      else if (message.type === 'snapshotReply') {
        asked ??= new Map()
        asked.set(from, [...(asked.get(from) ?? []), message])
      }
    }
    if (asked === null || before.role !== 'leader' || after.role !== 'leader') return
    if (before.term !== after.term) return
    for (const [peer, replies] of asked) {
      // Of two in one turn the first may be the later one; a disk that has lost some starts anew.
      const [reply] = replies
      if (reply === undefined || replies.length > 1) continue
      if (step.input.events.some((event) => saysDamaged(event, peer))) continue
      this.#onAsked(step.node, peer, reply, before, after)
    }
  }

  #onChunk<State, Reply, MachineEvent>(
    { node, effects, after }: Step<State, Reply, MachineEvent>,
    from: NodeId,
  ): void {
    if (after.raft.role !== 'follower') return
    this.#evaluated(ANSWERED)
    const isAnswered = effects.some((effect) => {
      if (effect.type === 'trace') return effect.trace.type === 'refused'
      if (effect.type !== 'send' && effect.type !== 'sendAfter') return false
      const { type } = effect.message
      return effect.to === from && (type === 'snapshotReply' || type === 'appendAccepted')
    })
    if (!isAnswered) this.#fail(ANSWERED, node, `it says nothing to a chunk from ${from}`)
  }

  /** Late answers may be passed over: those of an earlier round than it has answered. */
  #onAsked(
    node: number,
    peer: NodeId,
    { index, offset, round }: SnapshotReply,
    before: LeaderState,
    after: LeaderState,
  ): void {
    const was = before.progress.find((one) => one.peer === peer)
    const is = after.progress.find((one) => one.peer === peer)
    if (was?.mode !== 'snapshot' || is?.mode !== 'snapshot' || round < was.ackedRound) return
    if (was.snapshot.index !== index || is.snapshot.index !== index) return
    if (offset > was.snapshot.bytesCount) return
    this.#evaluated(GOES_ON)
    if (is.offset === offset) return
    this.#fail(GOES_ON, node, `${peer} wants it from byte ${offset} on, not from ${is.offset}`)
  }

  #fail(oracle: string, node: number, what: string): never {
    throw new Violation(oracle, `node ${this.#names[node]}: ${what}`)
  }
}
