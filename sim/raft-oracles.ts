// What must hold of the consensus, looked at from outside after every turn: it reads the states and
// disks of all nodes, which no node can. Ref: Raft, Figure 3; DESIGN "Oracles".

import { equalBytes } from '../core/bytes.ts'
import type { Applied, Persist, SendAfter } from '../core/effect.ts'
import type { Machine } from '../core/machine.ts'
import { entryAt, termAt } from '../core/raft/log.ts'
import type { Log } from '../core/raft/log.ts'
import type { Entry } from '../core/raft/message.ts'
import type { RaftState } from '../core/raft/state.ts'
import type { ReplicaState } from '../core/replica.ts'
import type { BecameDurable, DurableView } from './durable.ts'
import type { Step } from './node.ts'
import { Violation } from './violation.ts'

/** What the oracles can see of a node. */
export interface ObservedNode<State> {
  readonly durable: DurableView
  readonly state: ReplicaState<State> | null
}

interface KnownEntry {
  readonly term: number
  readonly prevTerm: number
  readonly digest: number
  /** The first to write an entry is its term's leader: the true time at which it stamped it. */
  readonly readUs: number
}

/** What applying an entry gives, by the log alone. */
interface Replayed {
  readonly reply: Uint8Array | null
  readonly eventsCount: number
  readonly hash: string
  /** The reply of a node that was found equal. */
  seen: unknown
}

const ORACLES = [
  'one leader per term',
  'election quorum',
  'leader completeness',
  'log matching',
  'term and vote monotone',
  'one durable vote per term',
  'promises are durable',
  'committed is durable on a quorum',
  'no electable node lacks a committed entry',
  'committed entry never changes',
  'committed entry never leaves a disk',
  'commit and applied monotone',
  'equal replies at equal index',
  'equal state at equal index',
  'durable is recovered',
  'snapshot equals replay',
] as const

type Oracle = (typeof ORACLES)[number]

export class RaftOracles<State, Command, Reply, MachineEvent extends { readonly type: string }> {
  /** How often each oracle was evaluated. */
  readonly evaluated: Record<Oracle, number> = Object.fromEntries(
    ORACLES.map((oracle) => [oracle, 0]),
  ) as Record<Oracle, number>
  readonly #machine: Machine<State, Command, Reply, MachineEvent>
  readonly #nodes: readonly ObservedNode<State>[]
  readonly #names: readonly string[]
  readonly #leaders = new Map<number, number>()
  /** For each index, every entry that was ever in a log there. */
  readonly #known: KnownEntry[][] = []
  /** Term of the committed entry at each index, from 1. */
  readonly #committed: number[] = [0]
  /** Term in which the entry at each index was committed. */
  readonly #committedIn: number[] = [0]
  /** The committed log applied once, apart from all nodes. */
  #replay: State
  #replayTimeMs = 0
  readonly #replayed: Replayed[] = []
  /** Nodes whose snapshot was looked at already; it costs as much as the state is big. */
  readonly #snapshotChecked = new Set<number>()
  /** By index: the state whose snapshot was looked at last. Nodes share what they got alike. */
  readonly #snapshotOf = new Map<number, State>()

  constructor(
    machine: Machine<State, Command, Reply, MachineEvent>,
    nodes: readonly ObservedNode<State>[],
    names: readonly string[],
  ) {
    this.#machine = machine
    this.#nodes = nodes
    this.#names = names
    this.#replay = machine.initial()
  }

  /** The highest index known to be committed. */
  get committedIndex(): number {
    return this.#committed.length - 1
  }

  /** True time at which the leader of `term` appended its entry at `index`. */
  appendedUs(index: number, term: number): number {
    return (ofTerm(this.#known[index] as KnownEntry[], term) as KnownEntry).readUs
  }

  stepped(step: Step<State, Reply, MachineEvent>): void {
    const before = step.before.raft
    const after = step.after.raft
    this.evaluated['term and vote monotone']++
    if (after.term < before.term) this.#fail('term and vote monotone', step.node, 'its term fell')
    if (after.term === before.term && before.vote !== null && after.vote !== before.vote) {
      this.#fail('term and vote monotone', step.node, `its vote of term ${after.term} changed`)
    }
    if (after.role === 'leader' && (before.role !== 'leader' || before.term !== after.term)) {
      this.#onLeader(step.node, after.term, after.log)
    }
    this.evaluated['commit and applied monotone']++
    if (after.commit < before.commit || step.after.applied < step.before.applied) {
      this.#fail('commit and applied monotone', step.node, 'its commit or applied index fell')
    }
    for (const effect of step.effects) {
      if (effect.type !== 'persist' || !effect.logChanged) continue
      this.#onEntries(step, effect)
    }
    if (after.commit > before.commit) this.#onCommit(step.node, after, before.commit)
    for (const effect of step.effects) {
      if (effect.type === 'applied') this.#onApplied(step.node, effect)
    }
    if (step.after.applied > step.before.applied) this.#onState(step.node, step.after)
  }

  /** A promise leaves: what it rests on must be on the node's disk. */
  leaves(node: number, { to, message }: SendAfter): void {
    this.evaluated['promises are durable']++
    const { durable } = this.#nodes[node] as ObservedNode<State>
    // A node that has durably moved to a later term is bound by that one.
    if (durable.term > message.term) return
    const name = this.#names[node] as string
    let kept = durable.term === message.term
    if (message.type === 'voteRequest') kept &&= durable.vote === name
    else if (message.type === 'voteReply') kept &&= !message.granted || durable.vote === to
    else if (message.type === 'appendAccepted') kept &&= durable.lastIndex >= message.matchIndex
    if (kept) return
    const has = `term ${durable.term}, vote ${durable.vote} and ${durable.lastIndex} entries`
    this.#fail(
      'promises are durable',
      node,
      `it sent ${message.type} of term ${message.term} to ${to} while its disk held ${has}`,
    )
  }

  durable(node: number, { replaced, votedTwiceIn }: BecameDurable): void {
    this.evaluated['one durable vote per term']++
    if (votedTwiceIn !== null) {
      this.#fail('one durable vote per term', node, `it voted twice in term ${votedTwiceIn}`)
    }
    for (const { index, term: dropped } of replaced) {
      this.evaluated['committed entry never leaves a disk']++
      if (this.#committed[index] !== dropped) continue
      const entry = `committed entry ${index} of term ${dropped}`
      this.#fail('committed entry never leaves a disk', node, `it dropped the ${entry}`)
    }
  }

  recovered(node: number, problem: string | null): void {
    this.evaluated['durable is recovered']++
    if (problem !== null) {
      this.#fail('durable is recovered', node, `after a restart it ${problem}`)
    }
  }

  /** Whole states, at a crash and at the end: the snapshot reads back, the log is the committed. */
  checkWhole(node: number, state: ReplicaState<State>, isLast: boolean): void {
    const isKnown = this.#snapshotOf.get(state.applied) === state.machine
    if (!isKnown && (isLast || !this.#snapshotChecked.has(node))) {
      this.#snapshotOf.set(state.applied, state.machine)
      this.evaluated['snapshot equals replay']++
      this.#snapshotChecked.add(node)
      const decoded = this.#machine.decodeSnapshot(this.#machine.encodeSnapshot(state.machine))
      const hash = state.applied === 0 ? null : this.#replayed[state.applied]?.hash
      if (decoded === null || (hash !== null && this.#machine.hash(decoded) !== hash)) {
        const what = `its snapshot at ${state.applied} reads otherwise than its log`
        this.#fail('snapshot equals replay', node, what)
      }
    }
    const { commit } = state.raft
    for (let index = 1; index <= commit; index++) this.#matchCommitted(node, state, index)
  }

  #matchCommitted(node: number, state: ReplicaState<State>, index: number): void {
    const committed = this.#committed[index]
    if (committed === undefined || termAt(state.raft.log, index) === committed) return
    this.#fail('committed entry never changes', node, `entry ${index} differs from the committed`)
  }

  #onLeader(node: number, term: number, log: Log): void {
    this.evaluated['one leader per term']++
    const earlier = this.#leaders.get(term)
    if (earlier !== undefined && earlier !== node) {
      const other = this.#names[earlier] as string
      this.#fail('one leader per term', node, `it leads term ${term}, which ${other} led`)
    }
    this.#leaders.set(term, node)

    this.evaluated['election quorum']++
    const name = this.#names[node] as string
    let votes = 0
    for (const { durable } of this.#nodes) if (durable.votes.get(term) === name) votes++
    if (!this.#isMajority(votes)) {
      const of = `${votes} durable votes of ${this.#nodes.length}`
      this.#fail('election quorum', node, `it leads term ${term} with ${of}`)
    }

    this.evaluated['leader completeness']++
    // What a later term has committed need not be here: this leader is late, and commits no more.
    let index = this.committedIndex
    while (index > 0 && (this.#committedIn[index] as number) >= term) index--
    if (index > 0 && termAt(log, index) !== this.#committed[index]) {
      this.#fail('leader completeness', node, `it leads term ${term} without entry ${index}`)
    }
  }

  /** Two entries of one index and term are equal, and so is all before them, by induction. */
  #onEntries(
    { node, after, readUs }: Step<State, Reply, MachineEvent>,
    { firstIndex, entries }: Persist,
  ): void {
    const { log } = after.raft
    let prevTerm = termAt(log, firstIndex - 1)
    for (let at = 0; at < entries.length; at++) {
      this.evaluated['log matching']++
      const entry = entries[at] as Entry
      const index = firstIndex + at
      const { term } = entry
      const digest = entryDigest(entry)
      const known = this.#known[index]
      const same = known === undefined ? undefined : ofTerm(known, term)
      if (known === undefined) this.#known[index] = [{ term, prevTerm, digest, readUs }]
      else if (same === undefined) known.push({ term, prevTerm, digest, readUs })
      else if (same.prevTerm !== prevTerm || same.digest !== digest) {
        const what = `its entry ${index} of term ${entry.term}`
        this.#fail('log matching', node, `${what} is not the one that others have`)
      }
      prevTerm = entry.term
    }
  }

  #onCommit(node: number, { log, term: inTerm, commit: to }: RaftState, from: number): void {
    const known = this.committedIndex
    for (let index = from + 1; index <= to; index++) {
      this.evaluated['committed entry never changes']++
      const term = termAt(log, index)
      const committed = this.#committed[index]
      if (committed === undefined) {
        this.#committed[index] = term
        this.#committedIn[index] = inTerm
        this.#replayed[index] = this.#applyOnce(entryAt(log, index), index)
      } else if (committed !== term) {
        const what = `it committed entry ${index} of term ${term}`
        this.#fail('committed entry never changes', node, `${what}; it was of term ${committed}`)
      }
    }
    if (to > known) this.#onNewlyCommitted(node, to, termAt(log, to))
  }

  #onNewlyCommitted(node: number, index: number, term: number): void {
    this.evaluated['committed is durable on a quorum']++
    let holders = 0
    for (const { durable } of this.#nodes) if (durable.terms[index - 1] === term) holders++
    if (!this.#isMajority(holders)) {
      const on = `${holders} of ${this.#nodes.length} disks`
      const what = `it committed entry ${index} of term ${term}, which is on ${on}`
      this.#fail('committed is durable on a quorum', node, what)
    }
    // If all lost power now, could a majority elect a node that lacks the entry?
    this.evaluated['no electable node lacks a committed entry']++
    this.#nodes.forEach(({ durable: candidate }, at) => {
      if (candidate.terms[index - 1] === term) return
      let votes = 0
      for (const { durable: voter } of this.#nodes) {
        const later = candidate.lastTerm > voter.lastTerm
        const equal = candidate.lastTerm === voter.lastTerm
        if (later || (equal && candidate.lastIndex >= voter.lastIndex)) votes++
      }
      if (!this.#isMajority(votes)) return
      const other = `${this.#names[at]} lacks it and could win an election`
      const what = `it committed entry ${index} of term ${term}, but ${other}`
      this.#fail('no electable node lacks a committed entry', node, what)
    })
  }

  #applyOnce(entry: Entry, index: number): Replayed {
    const machine = this.#machine
    this.#replayTimeMs = Math.max(this.#replayTimeMs, entry.stampMs)
    let reply: Uint8Array | null = null
    let eventsCount = 0
    const command = entry.kind === 'noop' ? null : machine.decodeCommand(entry.payload)
    if (command !== null) {
      const context = { index, timeMs: this.#replayTimeMs }
      const [after, said, events] = machine.apply(this.#replay, command, context)
      this.#replay = after
      reply = said === null ? null : machine.encodeReply(said)
      eventsCount = events.length
    }
    return { reply, eventsCount, hash: machine.hash(this.#replay), seen: undefined }
  }

  #onApplied(node: number, applied: Applied<Reply, MachineEvent>): void {
    this.evaluated['equal replies at equal index']++
    const { index, reply, events } = applied
    const known = this.#replayed[index]
    if (known !== undefined && known.eventsCount === events.length) {
      if (known.seen === reply) return
      const bytes = reply === null ? null : this.#machine.encodeReply(reply)
      if (equalReplies(known.reply, bytes)) {
        known.seen = reply
        return
      }
    }
    this.#fail('equal replies at equal index', node, `entry ${index} gave it another reply`)
  }

  #onState(node: number, state: ReplicaState<State>): void {
    this.evaluated['equal state at equal index']++
    if (this.#machine.hash(state.machine) === this.#replayed[state.applied]?.hash) return
    const what = `its state after entry ${state.applied} is not what the log gives`
    this.#fail('equal state at equal index', node, what)
  }

  /** Counted apart from the core, whose own count may be what is wrong. */
  #isMajority(count: number): boolean {
    return count * 2 > this.#nodes.length
  }

  #fail(oracle: Oracle, node: number, what: string): never {
    throw new Violation(oracle, `node ${this.#names[node]}: ${what}`)
  }
}

function equalReplies(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === null || b === null ? a === b : equalBytes(a, b)
}

function ofTerm(known: readonly KnownEntry[], term: number): KnownEntry | undefined {
  for (const one of known) if (one.term === term) return one
  return undefined
}

function entryDigest(entry: Entry): number {
  let digest = Math.imul(entry.stampMs | 0, 0x9e3779b1) ^ (entry.kind === 'noop' ? 1 : 2)
  for (const byte of entry.payload) digest = Math.imul(digest ^ byte, 0x01000193)
  return digest
}
