// What must hold of a leader's accounts, looked at after every turn: what it knows of its peers,
// what it has under way to them, and who waits for it. What is in flight is counted here
// anew, from what was sent. Ref: Raft, Figure 2 (matchIndex); thesis 3.10, 10.2 (pipelining).

import { mapSize } from '../core/ordered-map.ts'
import type { Effect } from '../core/effect.ts'
import type { Event } from '../core/event.ts'
import type { NodeId } from '../core/raft/config.ts'
import { entryAt, termAt } from '../core/raft/log.ts'
import type { Progress } from '../core/raft/progress.ts'
import type { RaftState } from '../core/raft/state.ts'
import type { Step } from './node-parts.ts'
import type { ObservedNode } from './raft-oracles.ts'
import { Violation } from './violation.ts'

const FORWARD = 'what a peer has is not forgotten'
const LOST = 'what a peer has lost it is sent again'
const HELD = 'what a leader counts is on disk'
const PAST = 'answers of an earlier term count for nothing'
const COUNTED = 'bytes under way are counted'
const CAPPED = 'what is in flight is within its caps'
const OWN = 'only its leader speaks in a term'
const HANDED = 'a leader that hands over takes nothing new'
const UNTOLD = 'nobody waits for a leader that is gone'

/** The rules that are looked at here. */
export const LEADER_ORACLES: readonly string[] = [
  FORWARD,
  LOST,
  HELD,
  PAST,
  COUNTED,
  CAPPED,
  OWN,
  HANDED,
  UNTOLD,
]

type Leading = RaftState & { readonly role: 'leader' }

/** A message with entries that was sent. */
interface Sent {
  readonly lastIndex: number
  readonly bytesCount: number
}

/** What one leader has sent to each peer in one term, and has no answer to. */
interface UnderWay {
  readonly term: number
  readonly sent: Map<NodeId, Sent[]>
}

export class LeaderOracles {
  readonly #nodes: readonly ObservedNode<unknown>[]
  readonly #names: readonly string[]
  readonly #evaluated: (oracle: string) => void
  readonly #underWay = new Map<number, UnderWay>()

  constructor(
    nodes: readonly ObservedNode<unknown>[],
    names: readonly string[],
    evaluated: (oracle: string) => void,
  ) {
    this.#nodes = nodes
    this.#names = names
    this.#evaluated = evaluated
  }

  stepped<State, Reply, MachineEvent>(step: Step<State, Reply, MachineEvent>): void {
    const { node, input, effects } = step
    const before = step.before.raft
    const after = step.after.raft
    this.#onSent(node, before, after, effects)
    if (after.role !== 'leader') {
      this.#underWay.delete(node)
      if (before.role === 'leader') this.#evaluated(UNTOLD)
      if (mapSize(step.after.waiting) === 0 && step.after.changing === null) return
      this.#fail(UNTOLD, node, `requests wait with it, which does not lead term ${after.term}`)
    }
    this.#onAccounts(node, before, after)
    this.#onFlight(node, after, input.events, effects)
    if (before.role !== 'leader' || before.term !== after.term) return
    this.#onPast(node, before, after, input.events)
    this.#onPeers(node, before, after, input.events)
    this.#onLost(node, before, after, input.events)
    if (before.transfer === null || before.transfer !== after.transfer) return
    this.#evaluated(HANDED)
    if (after.log.lastIndex === before.log.lastIndex) return
    const { to } = after.transfer
    this.#fail(HANDED, node, `it took entry ${after.log.lastIndex} while node ${to} is to lead`)
  }

  /** Entries, heartbeats and snapshots of a term come from its leader. */
  #onSent<Reply, MachineEvent>(
    node: number,
    before: RaftState,
    after: RaftState,
    effects: readonly Effect<Reply, MachineEvent>[],
  ): void {
    for (const effect of effects) {
      if (effect.type !== 'send') continue
      const { type, term } = effect.message
      if (type !== 'appendRequest' && type !== 'snapshotRequest') continue
      this.#evaluated(OWN)
      if (leads(after, term) || leads(before, term)) continue
      this.#fail(OWN, node, `it sent ${type} of term ${term}, which it does not lead`)
    }
  }

  /** The only event of a turn is an answer to what this node, or another, asked in earlier days. */
  #onPast(node: number, before: Leading, after: Leading, events: readonly Event[]): void {
    const [event] = events
    if (event?.type !== 'received' || events.length > 1 || event.message.term >= before.term) return
    this.#evaluated(PAST)
    const of = (leading: Leading): Progress | undefined =>
      leading.progress.find(({ peer }) => peer === event.from)
    const [had, has] = [of(before), of(after)]
    if (had === undefined || has === undefined) return
    if (has.matchIndex <= had.matchIndex && has.ackedRound <= had.ackedRound) return
    const what = `${event.message.type} of term ${event.message.term} from node ${event.from}`
    this.#fail(PAST, node, `it counted an ${what} in term ${after.term}`)
  }

  /** A peer keeps what it has durable, unless it says that its disk has lost some. */
  #onPeers(node: number, before: Leading, after: Leading, events: readonly Event[]): void {
    if (before.progress === after.progress) return
    this.#evaluated(FORWARD)
    for (const { peer, matchIndex, nextIndex, ackedRound } of after.progress) {
      if (nextIndex <= matchIndex) {
        this.#fail(FORWARD, node, `node ${peer} has ${matchIndex}, and is to get ${nextIndex}`)
      }
      const was = before.progress.find((one) => one.peer === peer)
      const had = was?.matchIndex ?? 0
      if (matchIndex > had) this.#checkHeld(node, after, peer, matchIndex)
      if (was !== undefined && ackedRound < was.ackedRound) {
        this.#fail(FORWARD, node, `node ${peer} had answered round ${was.ackedRound}`)
      }
      if (matchIndex >= had || events.some((event) => saysDamaged(event, peer))) continue
      this.#fail(FORWARD, node, `node ${peer} had ${had}, and now passes for having ${matchIndex}`)
    }
  }

  /** The only event of a turn is a peer's word that its disk has lost what was beyond an index. */
  #onLost(node: number, before: Leading, after: Leading, events: readonly Event[]): void {
    const [event] = events
    if (event?.type !== 'received' || event.message.type !== 'appendRejected') return
    const { message, from } = event
    if (events.length > 1 || !message.damaged || message.term !== after.term) return
    const had = before.progress.find(({ peer }) => peer === from)?.matchIndex ?? 0
    const isOurs = message.prevIndex <= before.log.lastIndex && message.round <= before.round
    if (!isOurs || message.hintIndex >= had) return
    this.#evaluated(LOST)
    const has = after.progress.find(({ peer }) => peer === from)?.matchIndex ?? 0
    if (has <= message.hintIndex) return
    this.#fail(LOST, node, `node ${from} passes for having ${has}, and has ${message.hintIndex}`)
  }

  /** A peer that no later leader has told otherwise holds durably what it is counted for. */
  #checkHeld(node: number, { log, term }: Leading, peer: NodeId, matchIndex: number): void {
    const durable = this.#nodes[this.#names.indexOf(peer)]?.durable
    const matchTerm = termAt(log, matchIndex)
    if (durable === undefined || durable.term > term || matchTerm < 0) return
    this.#evaluated(HELD)
    if (durable.holds(matchIndex, matchTerm)) return
    const what = `node ${peer} counts as having entry ${matchIndex} of term ${matchTerm}`
    this.#fail(HELD, node, `${what}, which its disk does not hold`)
  }

  /** Counts that are kept along the way are what a new count gives. */
  #onAccounts(node: number, before: RaftState, after: Leading): void {
    if (before.role === 'leader' && before.commit === after.commit) return
    this.#evaluated(COUNTED)
    let bytes = 0
    for (let index = after.commit + 1; index <= after.log.lastIndex; index++) {
      bytes += entryAt(after.log, index).payload.length
    }
    if (after.uncommittedBytes !== bytes) {
      const counted = `it counts ${after.uncommittedBytes} bytes as not committed`
      this.#fail(COUNTED, node, `${counted}, and has ${bytes}`)
    }
    for (const progress of after.progress) {
      if (progress.mode !== 'replicate') continue
      const { peer, inFlight, inFlightBytes } = progress
      const sum = inFlight.reduce((before, { bytesCount }) => before + bytesCount, 0)
      if (sum === inFlightBytes) continue
      const counted = `it counts ${inFlightBytes} bytes on their way to node ${peer}`
      this.#fail(COUNTED, node, `${counted}, and has ${sum}`)
    }
  }

  /** Of a stream no more is unacknowledged than the caps say; the last message may exceed bytes. */
  #onFlight<Reply, MachineEvent>(
    node: number,
    after: Leading,
    events: readonly Event[],
    effects: readonly Effect<Reply, MachineEvent>[],
  ): void {
    let underWay = this.#underWay.get(node)
    if (underWay?.term !== after.term) {
      underWay = { term: after.term, sent: new Map() }
      this.#underWay.set(node, underWay)
    }
    const { sent } = underWay
    for (const event of events) {
      if (event.type !== 'received' || event.message.type !== 'appendRejected') continue
      sent.delete(event.from)
    }
    let isMore = false
    for (const effect of effects) {
      if (effect.type !== 'send' || effect.message.type !== 'appendRequest') continue
      const { prevIndex, entries } = effect.message
      if (entries.length === 0) continue
      const bytesCount = entries.reduce((sum, { payload }) => sum + payload.length, 0)
      const ofPeer = sent.get(effect.to) ?? []
      ofPeer.push({ lastIndex: prevIndex + entries.length, bytesCount })
      sent.set(effect.to, ofPeer)
      isMore = true
    }
    if (sent.size === 0) return
    // To one that is taken in again later, what it was sent as a member of old does not count.
    for (const peer of sent.keys()) {
      if (!after.progress.some((progress) => progress.peer === peer)) sent.delete(peer)
    }
    for (const progress of after.progress) {
      // A probe repeats the same until it is answered; then a stream begins.
      if (progress.mode !== 'replicate') sent.delete(progress.peer)
      else if (isMore && sent.has(progress.peer)) this.#checkFlight(node, after, progress, sent)
    }
  }

  #checkFlight(
    node: number,
    { config }: Leading,
    { peer, matchIndex }: Progress,
    sent: Map<NodeId, Sent[]>,
  ): void {
    const open = (sent.get(peer) ?? []).filter(({ lastIndex }) => lastIndex > matchIndex)
    sent.set(peer, open)
    if (open.length === 0) sent.delete(peer)
    this.#evaluated(CAPPED)
    const bytes = open.slice(0, -1).reduce((sum, { bytesCount }) => sum + bytesCount, 0)
    const { inFlightMessagesMax, inFlightBytesMax } = config
    const fits = open.length <= inFlightMessagesMax
    if (fits && (open.length <= 1 || bytes < inFlightBytesMax)) return
    const what = `${open.length} messages are on their way to node ${peer}`
    this.#fail(CAPPED, node, `${what}, all but the last of ${bytes} bytes`)
  }

  #fail(oracle: string, node: number, what: string): never {
    throw new Violation(oracle, `node ${this.#names[node]}: ${what}`)
  }
}

function leads({ role, term }: RaftState, inTerm: number): boolean {
  return role === 'leader' && term === inTerm
}

/** Whether a peer says with this that its disk has lost what it had. */
export function saysDamaged(event: Event, peer: NodeId): boolean {
  if (event.type !== 'received' || event.from !== peer) return false
  return event.message.type === 'appendRejected' && event.message.damaged
}
