// What is asked of one simulated node and not answered yet: by a client, whose answer goes back
// over the network, or by an operator. The core knows requests by number only.

import type { Outcome, ReplyEffect } from '../core/effect.ts'
import type { Machine } from '../core/machine.ts'
import type { NodeId } from '../core/raft/config.ts'
import type { MembershipChange } from '../core/raft/membership.ts'
import type { Role } from '../core/raft/state.ts'
import type { Wire } from './wire.ts'

/** What an operator may ask of a node. */
export type Operation =
  | { readonly type: 'changeMembership'; readonly change: MembershipChange }
  | { readonly type: 'transferLeadership'; readonly to: NodeId }
  | { readonly type: 'raiseVersion'; readonly version: number }
  | { readonly type: 'forgetLeader' }
  | { readonly type: 'snapshotWanted' }

/** Whom a node's answers go to. */
export interface Answering<Reply> {
  /** Back to a client, as a payload. */
  send(client: number, payload: unknown): void
  /** A request of that number was answered. `isOpen`: for the first time in this life. */
  answered(request: number, outcome: Outcome<Reply>, isOpen: boolean): void
  operated(request: number, outcome: Outcome<Reply>): void
}

/** Who asked; `request` is the client's own number. */
interface Asker {
  readonly client: number | null
  readonly request: number
}

/** Requests of one node, of one life after the other. */
export class NodeRequests<Reply> {
  readonly #wire: Wire
  readonly #machine: Pick<Machine<never, never, Reply, never>, 'encodeReply'>
  readonly #around: Answering<Reply>
  readonly #open = new Map<number, Asker>()
  #next = 0

  constructor(
    wire: Wire,
    machine: Pick<Machine<never, never, Reply, never>, 'encodeReply'>,
    around: Answering<Reply>,
  ) {
    this.#wire = wire
    this.#machine = machine
    this.#around = around
  }

  /** A client asks: under what number. */
  ofClient(client: number, request: number): number {
    return this.#add({ client, request })
  }

  /** An operator asks: under what number. */
  ofOperator(): number {
    return this.#add({ client: null, request: this.#next })
  }

  /** The node died: nobody is answered any more. */
  clear(): void {
    this.#open.clear()
  }

  /** `role`: the node's, as of now. */
  answer({ request, outcome }: ReplyEffect<Reply>, role: Role): void {
    const asker = this.#open.get(request)
    this.#around.answered(request, outcome, asker !== undefined)
    if (asker === undefined) return
    this.#open.delete(request)
    if (asker.client === null) return this.#around.operated(request, outcome)
    const leader = role.role === 'follower' ? role.leader : null
    const reply = { request: asker.request, outcome: this.#encoded(outcome), leader }
    this.#around.send(asker.client, this.#wire.reply(reply))
  }

  #add(asker: Asker): number {
    const request = this.#next++
    this.#open.set(request, asker)
    return request
  }

  #encoded(outcome: Outcome<Reply>): Outcome<Uint8Array> {
    if (outcome.type !== 'done') return outcome
    const { type, index, reply } = outcome
    return { type, index, reply: this.#machine.encodeReply(reply) }
  }
}
