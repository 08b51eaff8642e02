// What must hold of any node by itself, looked at after every turn: that its memory says what its
// disk holds, and that no read waits for ever. It looks at disks from outside.

import type { RaftState } from '../core/raft/state.ts'
import type { Step } from './node-parts.ts'
import type { ObservedNode } from './raft-oracles.ts'
import { Violation } from './violation.ts'

const DISK = 'memory is what the disk holds'
const READS = 'every read is answered'

/** The rules that are looked at here. */
export const NODE_ORACLES: readonly string[] = [DISK, READS]

/** A node gives a read up at its third tick of two base election timeouts; and some more. */
const TICKS_MAX = 5
const TICK_TIMEOUTS = 2

/** A read, and for how many ticks the node was seen to run since. */
interface OpenRead {
  atMs: number
  ticks: number
}

export class NodeOracles {
  readonly #nodes: readonly ObservedNode<unknown>[]
  readonly #names: readonly string[]
  readonly #evaluated: (oracle: string) => void
  readonly #reads: readonly Map<number, OpenRead>[]

  constructor(
    nodes: readonly ObservedNode<unknown>[],
    names: readonly string[],
    evaluated: (oracle: string) => void,
  ) {
    this.#nodes = nodes
    this.#names = names
    this.#evaluated = evaluated
    this.#reads = names.map(() => new Map<number, OpenRead>())
  }

  /** Nobody waits for an answer of a node that is no more. */
  crashed(node: number): void {
    this.#reads[node]?.clear()
  }

  stepped<State, Reply, MachineEvent>(step: Step<State, Reply, MachineEvent>): void {
    const { node, input, effects } = step
    const { raft } = step.after
    if (raft.pending.length === 0) this.#onQuiet(node, raft)
    const reads = this.#reads[node] as Map<number, OpenRead>
    for (const event of input.events) {
      if (event.type === 'read') reads.set(event.request, { atMs: raft.timers.nowMs, ticks: 0 })
    }
    if (reads.size === 0) return
    for (const effect of effects) {
      if (effect.type === 'reply' && reads.delete(effect.request)) this.#evaluated(READS)
    }
    this.#onOpenReads(node, reads, raft)
  }

  /** Nothing is on its way to the disk. */
  #onQuiet(node: number, { term, vote, log, snapshot }: RaftState): void {
    this.#evaluated(DISK)
    const { durable } = this.#nodes[node] as ObservedNode<unknown>
    const isSameVote = durable.term === term && durable.vote === vote
    const isSameLog = durable.lastIndex === log.lastIndex && durable.lastTerm === log.lastTerm
    const isSameBase = durable.base.index === log.base.index
    const isSameSnapshot = durable.snapshot?.index === snapshot?.index
    if (isSameVote && isSameLog && isSameBase && isSameSnapshot) return
    const has = inWords(term, vote, log.base.index, log.lastIndex)
    const { base, lastIndex } = durable
    const holds = inWords(durable.term, durable.vote, base.index, lastIndex)
    this.#fail(DISK, node, `it goes by ${has}, and its disk holds ${holds}`)
  }

  #onOpenReads(node: number, reads: Map<number, OpenRead>, { timers, config }: RaftState): void {
    const { nowMs } = timers
    for (const [request, read] of reads) {
      // A stall counts as one tick, however long: the node could do nothing meanwhile.
      if (nowMs - read.atMs < TICK_TIMEOUTS * config.electionTimeoutMs) continue
      read.atMs = nowMs
      if (++read.ticks > TICKS_MAX) this.#fail(READS, node, `request ${request} still waits`)
    }
  }

  #fail(oracle: string, node: number, what: string): never {
    throw new Violation(oracle, `node ${this.#names[node]}: ${what}`)
  }
}

function inWords(term: number, vote: string | null, base: number, last: number): string {
  return `term ${term}, vote ${vote} and entries ${base + 1} to ${last}`
}
