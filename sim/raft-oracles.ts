// What must hold of the consensus, looked at from outside after every turn: it reads the states and
// disks of all nodes, which no node can. Ref: Raft, Figure 3; DESIGN "Oracles".

import { equalBytes } from '../core/bytes.ts'
import type { Applied, Persist, SendAfter } from '../core/effect.ts'
import type { Machine, MachineEvent as AnyEvent } from '../core/machine.ts'
import { entryAt, termAt } from '../core/raft/log.ts'
import type { Log } from '../core/raft/log.ts'
import type { Entry } from '../core/raft/message.ts'
import type { RaftState } from '../core/raft/state.ts'
import type { ReplicaState } from '../core/replica.ts'
import type { BecameDurable, DurableView } from './durable.ts'
import type { Step } from './node.ts'
import { sameEntry, samePlain } from './same.ts'
import { Violation } from './violation.ts'

/** What the oracles can see of a node. */
export interface ObservedNode<State> {
  readonly durable: DurableView
  readonly state: ReplicaState<State> | null
}

interface KnownEntry {
  readonly entry: Entry
  readonly prevTerm: number
  /** The first to write an entry is its term's leader: the true time at which it stamped it. */
  readonly readUs: number
}

/** What applying an entry gives, by the log alone. */
interface Replayed<Reply, Event> {
  readonly timeMs: number
  readonly reply: Uint8Array | null
  readonly events: readonly AnyEvent<Reply, Event>[]
  readonly hash: string
  /** What a node got and was found equal: others share it. */
  seen: Applied<Reply, Event> | null
}

const ORACLES = [
  'one leader per term',
  'election quorum',
  'leader completeness',
  'log matching',
  'log on disk matches',
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

/** The first snapshot is looked at when so many entries are applied. */
const SNAPSHOT_DUE_MIN = 64
const SNAPSHOT_DUE_GROWTH = 4

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
  /** The committed entry at each index, from 1. */
  readonly #committed: (Entry | null)[] = [null]
  /** Term in which the entry at each index was committed. */
  readonly #committedIn: number[] = [0]
  /** The committed log applied once, apart from all nodes. */
  #replay: State
  #replayTimeMs = 0
  readonly #replayed: Replayed<Reply, MachineEvent>[] = []
  /** Nodes that have crashed once: it costs as much as the state is big, and crashes are many. */
  readonly #snapshotChecked = new Set<number>()
  /** Whoever first applies so many entries has its snapshot looked at. */
  #snapshotDue = SNAPSHOT_DUE_MIN
  /** The last snapshot that was read back. */
  #readBack: State | null = null

  constructor(
    machine: Machine<State, Command, Reply, MachineEvent>,
    nodes: readonly ObservedNode<State>[],
    names: readonly string[],
  ) {
    this.#machine = machine
    this.#nodes = nodes
    this.#names = names
    this.#replay = machine.initial()
    const hash = machine.hash(this.#replay)
    this.#replayed.push({ timeMs: 0, reply: null, events: [], hash, seen: null })
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
    if (step.after.applied >= this.#snapshotDue) {
      // It costs as much as the state is big: so the more was applied, the longer until the next.
      this.#snapshotDue = step.after.applied * SNAPSHOT_DUE_GROWTH
      this.#checkSnapshot(step.node, step.after)
    }
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
      if (this.#committed[index]?.term !== dropped) continue
      const entry = `committed entry ${index} of term ${dropped}`
      this.#fail('committed entry never leaves a disk', node, `it dropped the ${entry}`)
    }
  }

  /** The node read `entries` from its disk: each is one that a leader once wrote there. */
  recovered(node: number, entries: readonly Entry[], problem: string | null): void {
    this.evaluated['durable is recovered']++
    if (problem !== null) {
      this.#fail('durable is recovered', node, `after a restart it ${problem}`)
    }
    this.evaluated['log on disk matches']++
    let prevTerm = 0
    entries.forEach((entry, at) => {
      const known = this.#known[at + 1]?.find((one) => one.entry.term === entry.term)
      if (known === undefined || known.prevTerm !== prevTerm || !sameEntry(known.entry, entry)) {
        const what = `entry ${at + 1} of term ${entry.term} on its disk`
        this.#fail('log on disk matches', node, `${what} is not the one that was written`)
      }
      prevTerm = entry.term
    })
  }

  /** Whole states, at a crash and at the end: the log is the committed, the snapshot reads back. */
  checkWhole(node: number, state: ReplicaState<State>, isLast: boolean): void {
    if (isLast || !this.#snapshotChecked.has(node)) this.#checkSnapshot(node, state)
    this.#snapshotChecked.add(node)
    this.evaluated['committed entry never changes']++
    const { commit, log } = state.raft
    for (let index = 1; index <= commit; index++) {
      const committed = this.#committed[index]
      if (committed && sameEntry(entryAt(log, index), committed)) continue
      const what = `entry ${index} differs from the committed`
      this.#fail('committed entry never changes', node, what)
    }
  }

  /** The state survives the way through its snapshot, which gives the same bytes again. */
  #checkSnapshot(node: number, { machine: state, applied }: ReplicaState<State>): void {
    // Nodes share what they got alike.
    if (state === this.#readBack) return
    this.#readBack = state
    this.evaluated['snapshot equals replay']++
    const machine = this.#machine
    const bytes = machine.encodeSnapshot(state)
    const decoded = machine.decodeSnapshot(bytes)
    if (decoded === null || machine.hash(decoded) !== this.#replayed[applied]?.hash) {
      const what = `its snapshot at ${applied} reads otherwise than its log`
      this.#fail('snapshot equals replay', node, what)
    }
    if (!equalBytes(machine.encodeSnapshot(decoded), bytes)) {
      const what = `its snapshot at ${applied} is another once it was read and written again`
      this.#fail('snapshot equals replay', node, what)
    }
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
    if (index > 0 && termAt(log, index) !== this.#committed[index]?.term) {
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
      const known = this.#known[index]
      const same = known === undefined ? undefined : ofTerm(known, entry.term)
      if (known === undefined) this.#known[index] = [{ entry, prevTerm, readUs }]
      else if (same === undefined) known.push({ entry, prevTerm, readUs })
      else if (same.prevTerm !== prevTerm || !sameEntry(same.entry, entry)) {
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
      const entry = entryAt(log, index)
      const committed = this.#committed[index]
      if (!committed) {
        this.#committed[index] = entry
        this.#committedIn[index] = inTerm
        this.#replayed[index] = this.#applyOnce(entry, index)
      } else if (committed.term !== entry.term) {
        const what = `it committed entry ${index} of term ${entry.term}`
        const was = `it was of term ${committed.term}`
        this.#fail('committed entry never changes', node, `${what}; ${was}`)
      }
    }
    if (to > known) this.#onNewlyCommitted(node, to, termAt(log, to))
  }

  #onNewlyCommitted(node: number, index: number, term: number): void {
    this.evaluated['committed is durable on a quorum']++
    let holders = 0
    for (const { durable } of this.#nodes) if (durable.entries[index - 1]?.term === term) holders++
    if (!this.#isMajority(holders)) {
      const on = `${holders} of ${this.#nodes.length} disks`
      const what = `it committed entry ${index} of term ${term}, which is on ${on}`
      this.#fail('committed is durable on a quorum', node, what)
    }
    // If all lost power now, could a majority elect a node that lacks the entry?
    this.evaluated['no electable node lacks a committed entry']++
    this.#nodes.forEach(({ durable: candidate }, at) => {
      if (candidate.entries[index - 1]?.term === term) return
      let votes = 0
      for (const { durable: voter } of this.#nodes) {
        const later = candidate.lastTerm > voter.lastTerm
        const equal = candidate.lastTerm === voter.lastTerm
        if (later || (equal && candidate.lastIndex >= voter.lastIndex)) votes++
      }
      if (!this.#isMajority(votes)) return
      const other = `node ${this.#names[at]} lacks it and could win an election`
      const what = `it committed entry ${index} of term ${term}, but ${other}`
      this.#fail('no electable node lacks a committed entry', node, what)
    })
  }

  #applyOnce(entry: Entry, index: number): Replayed<Reply, MachineEvent> {
    const machine = this.#machine
    this.#replayTimeMs = Math.max(this.#replayTimeMs, entry.stampMs)
    let reply: Uint8Array | null = null
    let events: readonly AnyEvent<Reply, MachineEvent>[] = []
    const timeMs = this.#replayTimeMs
    const command = entry.kind === 'noop' ? null : machine.decodeCommand(entry.payload)
    if (command !== null) {
      const [after, said, happened] = machine.apply(this.#replay, command, { index, timeMs })
      this.#replay = after
      reply = said === null ? null : machine.encodeReply(said)
      events = happened
    }
    return { timeMs, reply, events, hash: machine.hash(this.#replay), seen: null }
  }

  #onApplied(node: number, applied: Applied<Reply, MachineEvent>): void {
    this.evaluated['equal replies at equal index']++
    const { index, timeMs, reply, events } = applied
    const known = this.#replayed[index]
    const seen = known?.seen ?? null
    const isSeen = seen !== null && seen.reply === reply && seen.events === events
    if (isSeen && seen.timeMs === timeMs) return
    const bytes = reply === null ? null : this.#machine.encodeReply(reply)
    let what = 'another reply'
    if (known !== undefined && samePlain(known.reply, bytes)) {
      if (known.timeMs === timeMs && samePlain(known.events, events)) {
        known.seen = applied
        return
      }
      what = 'another time or other events'
    }
    this.#fail('equal replies at equal index', node, `entry ${index} gave it ${what}`)
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

function ofTerm(known: readonly KnownEntry[], term: number): KnownEntry | undefined {
  for (const one of known) if (one.entry.term === term) return one
  return undefined
}
