// What must hold of elections beyond their safety, looked at after every turn: nobody stands
// without having asked, no leader that is heard is deposed, and who is free to vote does so. It
// keeps its own account of when each node heard a leader. Ref: thesis 4.2.3 (votes
// withheld), 9.6 (PreVote).

import type { Effect } from '../core/effect.ts'
import type { Event } from '../core/event.ts'
import type { PreVoteRequest, VoteRequest } from '../core/raft/message.ts'
import type { NodeId } from '../core/raft/config.ts'
import { activeMembership } from '../core/raft/state.ts'
import type { RaftState } from '../core/raft/state.ts'
import { isMajorityOf } from './majority.ts'
import type { Step } from './node-parts.ts'
import { Violation } from './violation.ts'

const ASKED = 'nobody stands without pre-votes'
const WITHHELD = 'votes are withheld while a leader is heard'
const GIVEN = 'votes are given when no leader is heard'
const COMPLETE = 'votes go to logs that have all of ours'
const BEHIND = 'who is behind learns the term'

/** The rules that are looked at here. */
export const ELECTION_ORACLES: readonly string[] = [
  ASKED,
  WITHHELD,
  GIVEN,
  COMPLETE,
  BEHIND,
]

const ASKS: readonly string[] = [
  'preVoteRequest',
  'voteRequest',
  'appendRequest',
  'snapshotRequest',
]

/** One life of a node, in milliseconds of its own clock. */
interface Heard {
  /** Not before this it may be free to vote: since its start, or since any word of a leader. */
  freeFromMs: number
  /** Until this it is not, whatever happens: since its start, or a word of its leader. */
  boundUntilMs: number
  /** The latest term whose leader was heard, and its latest round: a round is heard once. */
  term: number
  round: number
  /**
   * For each term, whose word has reached it in this life that they would vote for it. The word is
   * no promise, and names no round. So it counts also when it was given to an earlier life, whose
   * term was lost with it: this one stands for the same term again.
   */
  readonly preVotes: Map<number, NodeId[]>
}

export class ElectionOracles {
  readonly #names: readonly string[]
  readonly #evaluated: (oracle: string) => void
  readonly #heard = new Map<number, Heard>()

  constructor(names: readonly string[], evaluated: (oracle: string) => void) {
    this.#names = names
    this.#evaluated = evaluated
  }

  /** The node starts anew: it may have heard a leader just before. */
  crashed(node: number): void {
    this.#heard.delete(node)
  }

  stepped<State, Reply, MachineEvent>(step: Step<State, Reply, MachineEvent>): void {
    const { node, input } = step
    const before = step.before.raft
    const after = step.after.raft
    const { electionTimeoutMs } = after.config
    const { nowMs } = after.timers
    let heard = this.#heard.get(node)
    if (heard === undefined) {
      const atMs = before.timers.nowMs + electionTimeoutMs
      heard = { freeFromMs: atMs, boundUntilMs: atMs, term: 0, round: 0, preVotes: new Map() }
      this.#heard.set(node, heard)
    }
    notePreVotes(heard, input.events)
    this.#onCandidate(node, before, after, input.events, heard)
    this.#onHigherTerm(node, before, after, input.events, heard)
    const [event] = input.events
    if (event?.type === 'received' && input.events.length === 1) {
      this.#onVote(step, event, heard)
      this.#onBehind(step, event)
    }
    for (const one of input.events) {
      if (one.type === 'forgetLeader' && !after.config.leaseReads) heard.boundUntilMs = 0
      if (one.type !== 'received') continue
      const { message } = one
      if (message.type !== 'appendRequest' && message.type !== 'snapshotRequest') continue
      const { term, round } = message
      // A turn takes many messages: one of a term that ended within it is late too.
      if (term < Math.max(before.term, heard.term)) continue
      if (term === heard.term && round <= heard.round) continue
      heard.term = term
      heard.round = round
      heard.freeFromMs = nowMs + electionTimeoutMs
      if (after.role !== 'follower' || after.leader !== one.from || after.term !== term) continue
      heard.boundUntilMs = heard.freeFromMs
    }
  }

  /** Unless its leader told it to, a candidate has heard that a majority would vote for it. */
  #onCandidate(
    node: number,
    before: RaftState,
    after: RaftState,
    events: readonly Event[],
    { preVotes }: Heard,
  ): void {
    const isNew = before.role !== 'candidate' || before.term !== after.term
    if (after.role !== 'candidate' || !isNew) return
    this.#evaluated(ASKED)
    const name = this.#names[node] as string
    const votes = [name, ...(preVotes.get(after.term) ?? [])]
    if (events.some((one) => one.type === 'received' && one.message.type === 'timeoutNow')) return
    const membership = activeMembership(after)
    if (isMajorityOf(membership, (voter) => votes.includes(voter))) return
    this.#fail(ASKED, node, `it stands for term ${after.term} with pre-votes of ${votes.join(' ')}`)
  }

  /** No candidate but one that the leader has named takes a node further that hears a leader. */
  #onHigherTerm(
    node: number,
    before: RaftState,
    after: RaftState,
    events: readonly Event[],
    { boundUntilMs }: Heard,
  ): void {
    const leads = before.role === 'leader' && events.length === 1
    const isBound = leads || after.timers.nowMs < boundUntilMs
    if (after.term === before.term || !isBound || after.vote === this.#names[node]) return
    if (events.some((one) => one.type === 'forgetLeader')) return
    this.#evaluated(WITHHELD)
    const isTaken = events.some((one) => {
      if (one.type !== 'received' || one.message.term < after.term) return false
      const { message } = one
      if (message.type === 'preVoteRequest') return false
      return message.type !== 'voteRequest' || message.transfer
    })
    if (isTaken) return
    const what = `a candidate took it to term ${after.term} while it heard the leader`
    this.#fail(WITHHELD, node, `${what} of term ${before.term}`)
  }

  /** The only event of a turn is a message. */
  #onVote<State, Reply, MachineEvent>(
    { node, before, after, effects }: Step<State, Reply, MachineEvent>,
    { from, message }: Extract<Event, { readonly type: 'received' }>,
    { freeFromMs, boundUntilMs }: Heard,
  ): void {
    if (message.type !== 'preVoteRequest' && message.type !== 'voteRequest') return
    const granted = isGranted(effects, from)
    const { raft } = before
    const { nowMs } = after.raft.timers
    const has = isUpToDate(raft, message)
    this.#evaluated(COMPLETE)
    if (granted && !has) this.#fail(COMPLETE, node, `node ${from} lacks some of its entries`)
    if (message.type === 'preVoteRequest') {
      const isBound = raft.role === 'leader' || nowMs < boundUntilMs
      if (isBound) this.#evaluated(WITHHELD)
      if (isBound && granted) this.#fail(WITHHELD, node, `it would vote for node ${from}`)
    }
    const isFree = raft.role !== 'leader' && raft.damage === null && nowMs >= freeFromMs
    if (!isFree || message.term <= raft.term || !has) return
    this.#evaluated(GIVEN)
    if (granted) return
    const what = `it gave none to node ${from} in term ${message.term}`
    this.#fail(GIVEN, node, `${what}, which has all that it has, and no leader was heard`)
  }

  /** Whoever asks something in a term that is over gets an answer in the present one. */
  #onBehind<State, Reply, MachineEvent>(
    { node, before, after, effects }: Step<State, Reply, MachineEvent>,
    { from, message }: Extract<Event, { readonly type: 'received' }>,
  ): void {
    const { term } = after.raft
    if (!ASKS.includes(message.type) || term !== before.raft.term) return
    // Pre-votes are for the term after that of who asks.
    const ofTerm = message.type === 'preVoteRequest' ? message.term - 1 : message.term
    if (ofTerm >= term) return
    this.#evaluated(BEHIND)
    const isTold = effects.some((effect) => {
      if (effect.type !== 'send' && effect.type !== 'sendAfter') return false
      return effect.to === from && effect.message.term >= term
    })
    if (!isTold) this.#fail(BEHIND, node, `it did not tell node ${from} of term ${term}`)
  }

  #fail(oracle: string, node: number, what: string): never {
    throw new Violation(oracle, `node ${this.#names[node]}: ${what}`)
  }
}

/** Notes who would vote for the node, and in which term. */
function notePreVotes({ preVotes }: Heard, events: readonly Event[]): void {
  for (const event of events) {
    if (event.type !== 'received' || event.message.type !== 'preVoteReply') continue
    const { term, granted } = event.message
    const votes = preVotes.get(term) ?? []
    if (granted && !votes.includes(event.from)) preVotes.set(term, [...votes, event.from])
  }
}

/** Whether a turn's effects give a vote or a pre-vote to `candidate`. */
function isGranted<Reply, MachineEvent>(
  effects: readonly Effect<Reply, MachineEvent>[],
  candidate: NodeId,
): boolean {
  return effects.some((effect) => {
    if (effect.type !== 'send' && effect.type !== 'sendAfter') return false
    const { to, message } = effect
    if (message.type !== 'preVoteReply' && message.type !== 'voteReply') return false
    return to === candidate && message.granted
  })
}

/** Raft 5.4.1, as the oracles take it. */
function isUpToDate({ log }: RaftState, asked: PreVoteRequest | VoteRequest): boolean {
  if (asked.lastTerm === log.lastTerm) return asked.lastIndex >= log.lastIndex
  return asked.lastTerm > log.lastTerm
}
