// What must hold of the consensus, looked at from outside after every turn: it reads the states and
// disks of all nodes, which no node can. Ref: Raft, Figure 3; DESIGN "Oracles".

import { equalBytes } from '../core/bytes.ts'
import type { Applied, Persist, SendAfter, Snapshot } from '../core/effect.ts'
import type { Machine } from '../core/machine.ts'
import { entryAt, termAt } from '../core/raft/log.ts'
import type { Membership } from '../core/raft/membership.ts'
import type { Entry } from '../core/raft/message.ts'
import { activeMembership } from '../core/raft/state.ts'
import type { RaftState } from '../core/raft/state.ts'
import type { ReplicaState } from '../core/work.ts'
import type { Recovered } from '../storage/recovery.ts'
import { CommittedLog } from './committed-log.ts'
import type { BecameDurable, DurableView } from './durable.ts'
import { isMajorityOf, votersInWords } from './majority.ts'
import type { Step } from './node-parts.ts'
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
  'snapshots on disk are the log',
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
  readonly #committed: CommittedLog<State, Command, Reply, MachineEvent>
  /** Nodes that have crashed once: it costs as much as the state is big, and crashes are many. */
  readonly #snapshotChecked = new Set<number>()
  /** Whoever first applies so many entries has its snapshot looked at. */
  #snapshotDue = SNAPSHOT_DUE_MIN
  /** The last snapshot that was read back. */
  #readBack: State | null = null
  /** The first snapshot that was written of each index. */
  readonly #snapshots = new Map<number, Snapshot>()

  constructor(
    machine: Machine<State, Command, Reply, MachineEvent>,
    nodes: readonly ObservedNode<State>[],
    names: readonly string[],
    founders: readonly string[],
  ) {
    this.#machine = machine
    this.#nodes = nodes
    this.#names = names
    this.#committed = new CommittedLog(machine, founders)
  }

  /** The highest index known to be committed. */
  get committedIndex(): number {
    return this.#committed.lastIndex
  }

  /** The version of the machine's rules that the log gives up to `index`, which is committed. */
  versionAsOf(index: number): number | null {
    return this.#committed.replayed(index)?.version ?? null
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
      this.#onLeader(step.node, after.term, after)
    }
    this.evaluated['commit and applied monotone']++
    if (after.commit < before.commit || step.after.applied < step.before.applied) {
      this.#fail('commit and applied monotone', step.node, 'its commit or applied index fell')
    }
    const { durable } = this.#nodes[step.node] as ObservedNode<State>
    if (step.before.applied < (durable.snapshot?.index ?? 0)) {
      this.#fail('commit and applied monotone', step.node, 'it has not applied its snapshot')
    }
    for (const effect of step.effects) {
      if (effect.type !== 'persist' || !effect.logChanged) continue
      this.#onEntries(step, effect)
    }
    if (after.commit > before.commit) this.#onCommit(step)
    for (const effect of step.effects) {
      if (effect.type !== 'persist' || effect.checkpoint === null) continue
      this.#onSnapshot(step.node, effect.checkpoint.snapshot)
    }
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
    else if (message.type === 'appendAccepted') {
      kept &&= this.#holdsAll(durable, to, message.term, message.matchIndex)
    }
    if (kept) return
    const has = `term ${durable.term}, vote ${durable.vote} and ${durable.lastIndex} entries`
    this.#fail(
      'promises are durable',
      node,
      `it sent ${message.type} of term ${message.term} to ${to} while its disk held ${has}`,
    )
  }

  /** Whether a disk holds all up to `index` as the leader of that term has it. */
  #holdsAll(durable: DurableView, to: string, term: number, index: number): boolean {
    if (durable.lastIndex < index) return false
    const raft = this.#nodes[this.#names.indexOf(to)]?.state?.raft
    if (raft?.role !== 'leader' || raft.term !== term) return true
    const has = termAt(raft.log, index)
    return has < 0 || durable.holds(index, has)
  }

  durable(node: number, { replaced, votedTwiceIn }: BecameDurable): void {
    this.evaluated['one durable vote per term']++
    if (votedTwiceIn !== null) {
      this.#fail('one durable vote per term', node, `it voted twice in term ${votedTwiceIn}`)
    }
    for (const { index, term: dropped } of replaced) {
      this.evaluated['committed entry never leaves a disk']++
      if (this.#committed.entry(index)?.term !== dropped) continue
      const entry = `committed entry ${index} of term ${dropped}`
      this.#fail('committed entry never leaves a disk', node, `it dropped the ${entry}`)
    }
  }

  /** The node read its disk: each entry is one that a leader once wrote there. */
  recovered(node: number, { base, snapshot, entries }: Recovered, problem: string | null): void {
    this.evaluated['durable is recovered']++
    if (problem !== null) {
      this.#fail('durable is recovered', node, `after a restart it ${problem}`)
    }
    if (snapshot !== null) this.#onSnapshot(node, snapshot)
    this.evaluated['log on disk matches']++
    let prevTerm = base.term
    entries.forEach((entry, at) => {
      const index = base.index + at + 1
      const known = this.#known[index]?.find((one) => one.entry.term === entry.term)
      if (known === undefined || known.prevTerm !== prevTerm || !sameEntry(known.entry, entry)) {
        const what = `entry ${index} of term ${entry.term} on its disk`
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
    for (let index = log.base.index + 1; index <= commit; index++) {
      const committed = this.#committed.entry(index)
      if (committed !== null && sameEntry(entryAt(log, index), committed)) continue
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
    if (decoded === null || machine.hash(decoded) !== this.#committed.replayed(applied)?.hash) {
      const what = `its snapshot at ${applied} reads otherwise than its log`
      this.#fail('snapshot equals replay', node, what)
    }
    if (!equalBytes(machine.encodeSnapshot(decoded), bytes)) {
      const what = `its snapshot at ${applied} is another once it was read and written again`
      this.#fail('snapshot equals replay', node, what)
    }
  }

  /** A snapshot goes to a disk, or comes from one: it stands for the committed log up to there. */
  #onSnapshot(node: number, snapshot: Snapshot): void {
    const oracle = 'snapshots on disk are the log'
    this.evaluated[oracle]++
    const { index, term, stampMs, membership, version, bytesCount, bytes } = snapshot
    const first = this.#snapshots.get(index)
    if (first !== undefined) {
      if (samePlain(first, snapshot)) return
      this.#fail(oracle, node, `its snapshot at ${index} is not the one that others have`)
    }
    this.#snapshots.set(index, snapshot)
    const entry = this.#committed.entry(index)
    if (entry?.term !== term || entry.stampMs !== stampMs || bytesCount !== bytes.length) {
      this.#fail(oracle, node, `its snapshot at ${index} is not of the entry that is committed`)
    }
    if (!samePlain(membership, this.#committed.membershipAsOf(index))) {
      this.#fail(oracle, node, `its snapshot at ${index} names other members than the log`)
    }
    const given = this.#committed.replayed(index)
    if (version !== given?.version) {
      const what = `says that version ${version} was in force`
      this.#fail(oracle, node, `its snapshot at ${index} ${what}, not ${given?.version}`)
    }
    const state = this.#machine.decodeSnapshot(bytes)
    if (state !== null && this.#machine.hash(state) === given.hash) return
    this.#fail(oracle, node, `its snapshot at ${index} reads otherwise than its log`)
  }

  #onLeader(node: number, term: number, { log, memberships }: RaftState): void {
    this.evaluated['one leader per term']++
    const earlier = this.#leaders.get(term)
    if (earlier !== undefined && earlier !== node) {
      const other = this.#names[earlier] as string
      this.#fail('one leader per term', node, `it leads term ${term}, which ${other} led`)
    }
    this.#leaders.set(term, node)

    this.evaluated['election quorum']++
    const name = this.#names[node] as string
    const votes = this.#namesOf(({ durable }) => durable.votes.get(term) === name)
    const membership = activeMembership({ memberships })
    if (!isMajorityOf(membership, (voter) => votes.includes(voter))) {
      const of = `durable votes of ${votes.join(' ')} among ${votersInWords(membership)}`
      this.#fail('election quorum', node, `it leads term ${term} with ${of}`)
    }

    this.evaluated['leader completeness']++
    // What a later term has committed need not be here: this leader is late, and commits no more.
    let index = this.committedIndex
    while (index > 0 && this.#committed.committedIn(index) >= term) index--
    if (index > log.base.index && termAt(log, index) !== this.#committed.entry(index)?.term) {
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

  #onCommit(step: Step<State, Reply, MachineEvent>): void {
    const { node } = step
    const before = step.before.raft
    const { log, term: inTerm, commit: to } = step.after.raft
    const known = this.committedIndex
    // What a snapshot stands for is looked at with the snapshot.
    for (let index = Math.max(before.commit, log.base.index) + 1; index <= to; index++) {
      this.evaluated['committed entry never changes']++
      const entry = entryAt(log, index)
      const committed = this.#committed.entry(index)
      if (committed === null) this.#committed.put(index, entry, inTerm)
      else if (committed.term !== entry.term) {
        const what = `it committed entry ${index} of term ${entry.term}`
        const was = `it was of term ${committed.term}`
        this.#fail('committed entry never changes', node, `${what}; ${was}`)
      }
    }
    if (to > known) this.#onNewlyCommitted(step, to, termAt(log, to))
  }

  #onNewlyCommitted(
    { node, before, effects }: Step<State, Reply, MachineEvent>,
    index: number,
    term: number,
  ): void {
    this.evaluated['committed is durable on a quorum']++
    const holders = this.#namesOf(({ durable }) => durable.holds(index, term))
    // A turn may append other members, commit by those, and lose them to a later leader.
    const memberships = [activeMembership(before.raft)]
    for (const effect of effects) {
      if (effect.type !== 'trace' || effect.trace.type !== 'membershipChanged') continue
      memberships.push(effect.trace.membership)
    }
    const last = memberships.at(-1) as Membership
    const isHeld = memberships.some((one) => isMajorityOf(one, (voter) => holders.includes(voter)))
    if (!isHeld) {
      const on = `on the disks of ${holders.join(' ')}`
      const of = `and not of a majority of ${votersInWords(last)}`
      const what = `it committed entry ${index} of term ${term}, which is ${on} ${of}`
      this.#fail('committed is durable on a quorum', node, what)
    }
    // If all lost power now, could a majority elect a node that lacks the entry?
    this.evaluated['no electable node lacks a committed entry']++
    this.#nodes.forEach(({ durable: candidate }, at) => {
      // One that has lost what it had neither stands nor votes.
      if (!candidate.isWhole || candidate.holds(index, term)) return
      const votes = this.#namesOf(({ durable: voter }) => {
        if (!voter.isWhole) return false
        const later = candidate.lastTerm > voter.lastTerm
        const equal = candidate.lastTerm === voter.lastTerm
        return later || (equal && candidate.lastIndex >= voter.lastIndex)
      })
      const { membership } = candidate
      const isVoter = [...membership.voters, ...(membership.outgoing ?? [])].includes(
        this.#names[at] as string,
      )
      if (!isVoter || !isMajorityOf(membership, (voter) => votes.includes(voter))) return
      const other = `node ${this.#names[at]} lacks it and could win an election`
      const what = `it committed entry ${index} of term ${term}, but ${other}`
      this.#fail('no electable node lacks a committed entry', node, what)
    })
  }

  #namesOf(has: (node: ObservedNode<State>) => boolean): readonly string[] {
    return this.#names.filter((_, at) => has(this.#nodes[at] as ObservedNode<State>))
  }

  #onApplied(node: number, applied: Applied<Reply, MachineEvent>): void {
    this.evaluated['equal replies at equal index']++
    const { index, timeMs, reply, events } = applied
    const known = this.#committed.replayed(index)
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
    const known = this.#committed.replayed(state.applied)
    if (known?.stateSeen === state.machine) return
    if (this.#machine.hash(state.machine) === known?.hash) {
      known.stateSeen = state.machine
      return
    }
    const what = `its state after entry ${state.applied} is not what the log gives`
    this.#fail('equal state at equal index', node, what)
  }

  #fail(oracle: Oracle, node: number, what: string): never {
    throw new Violation(oracle, `node ${this.#names[node]}: ${what}`)
  }
}

function ofTerm(known: readonly KnownEntry[], term: number): KnownEntry | undefined {
  for (const one of known) if (one.entry.term === term) return one
  return undefined
}
