// How long a healed world may take to bring each node on: in round trips, counted from how far
// behind its leader a node is and from the caps on what is sent. It knows nothing of how a leader
// finds the place where two logs part, only how often it may ask.

import { entryAt, termAt } from '../core/raft/log.ts'
import type { Log } from '../core/raft/log.ts'
import { quorumSize } from '../core/raft/state.ts'
import type { RaftState } from '../core/raft/state.ts'
import { ATTEMPT_TIMEOUT_MS } from './client.ts'
import { TURN_US } from './node.ts'
import type { ObservedNode } from './raft-oracles.ts'
import type { Fault, Scenario } from './scenario.ts'

/** What a leader may send to a peer. */
type Caps = Pick<Scenario<unknown>, 'appendBytesMax' | 'inFlightEntriesMax'>

/** How slow messages and syncs are when all is well. */
type Link = Pick<Scenario<unknown>, 'delayMaxUs' | 'syncMaxUs'>

/** One node that must get what its leader had. */
interface Follower {
  readonly node: number
  readonly trips: number
  readonly byUs: number
  arrived: boolean
}

/** When each follower must have all that its leader had at one moment. */
export class CatchUp {
  readonly #scenario: Scenario<unknown>
  readonly #nodes: readonly ObservedNode<unknown>[]
  readonly #roundTripUs: number
  readonly #slackUs: number
  #followers: readonly Follower[] = []
  #targetIndex = 0
  #targetTerm = 0
  /** When a majority has caught up at the latest: only then must there be answers. */
  quorumByUs = 0
  /** When all have. */
  allByUs = 0

  constructor(scenario: Scenario<unknown>, nodes: readonly ObservedNode<unknown>[]) {
    this.#scenario = scenario
    this.#nodes = nodes
    this.#roundTripUs = roundTripUs(scenario)
    // What was lost in the fire is sent again at the next heartbeat, two clock readings away.
    const beatUs = (scenario.heartbeatIntervalMs + 2) * 1_000
    this.#slackUs = beatUs + this.#roundTripUs + slowSyncsUs(scenario)
  }

  /** From now on each living follower must get what `leader` has at this moment. */
  aim(leader: RaftState, nowUs: number): void {
    this.#targetIndex = leader.log.lastIndex
    this.#targetTerm = leader.log.lastTerm
    const followers: Follower[] = []
    this.#nodes.forEach(({ state }, node) => {
      if (state === null || state.raft === leader) return
      const trips = roundTrips(leader.log, state.raft.log, this.#scenario)
      const byUs = nowUs + this.#slackUs + trips * this.#roundTripUs
      followers.push({ node, trips, byUs, arrived: false })
    })
    this.#followers = followers
    const times = followers.map(({ byUs }) => byUs).sort((a, b) => a - b)
    this.quorumByUs = times[quorumSize(this.#nodes.length) - 2] ?? nowUs
    this.allByUs = times.at(-1) ?? nowUs
  }

  /** Looks who has arrived. Says which node is too late, if one is. */
  late(nowUs: number): string | null {
    for (const follower of this.#followers) {
      if (follower.arrived) continue
      const { node, trips, byUs } = follower
      const log = this.#nodes[node]?.state?.raft.log
      if (log !== undefined && termAt(log, this.#targetIndex) === this.#targetTerm) {
        follower.arrived = true
      } else if (nowUs > byUs) {
        const lacks = `node ${node} lacks the leader's entry ${this.#targetIndex}`
        return `${lacks} and ends at ${log?.lastIndex}, after the time of ${trips} round trips`
      }
    }
    return null
  }
}

/**
 * The smallest window that carries what clients ask: each of them, unanswered, asks anew after each
 * attempt, and what it asks may call for an expiry besides. With a smaller one entries come in
 * faster than they go out, and no bound on answers is fair, whatever the consensus does.
 */
export function windowEntriesMin(clients: number, link: Link): number {
  return Math.max(1, Math.ceil((2 * clients * roundTripUs(link)) / (ATTEMPT_TIMEOUT_MS * 1_000)))
}

/** The longest way there and back when all is well. */
function roundTripUs({ delayMaxUs, syncMaxUs }: Link): number {
  // A sync may be under way when a message arrives; only the next one covers it.
  return 2 * delayMaxUs + 2 * syncMaxUs + 4 * TURN_US
}

/** Round trips to find where `follower` parts from `leader`, and to bring what it lacks. */
export function roundTrips(leader: Log, follower: Log, caps: Caps): number {
  const common = commonIndex(leader, follower)
  // A refusal rules out a term of each log; one more when the follower's just ends.
  const ours = termsBeyond(leader, common)
  const theirs = termsBeyond(follower, common)
  return Math.min(ours, theirs + 1) + batches(leader, common + 1, caps)
}

/** The last index at which two logs are equal: what Raft calls log matching makes it one place. */
function commonIndex(one: Log, other: Log): number {
  let low = 0
  let high = Math.min(one.lastIndex, other.lastIndex)
  while (low < high) {
    const middle = high - ((high - low) >>> 1)
    if (termAt(one, middle) === termAt(other, middle)) low = middle
    else high = middle - 1
  }
  return low
}

function termsBeyond(log: Log, index: number): number {
  let count = 0
  let last = -1
  for (let at = index + 1; at <= log.lastIndex; at++) {
    const term = termAt(log, at)
    if (term !== last) count++
    last = term
  }
  return count
}

/** In how many messages the entries from `first` on fit, a full one in each round trip. */
function batches(log: Log, first: number, { appendBytesMax, inFlightEntriesMax }: Caps): number {
  let count = 0
  for (let index = first; index <= log.lastIndex; count++) {
    let bytes = 0
    let entries = 0
    while (index <= log.lastIndex && entries < inFlightEntriesMax) {
      bytes += entryAt(log, index).payload.length
      if (entries > 0 && bytes > appendBytesMax) break
      entries++
      index++
    }
  }
  return count
}

/** What syncs may still take longer that began on a disk that was slow under fire. */
function slowSyncsUs({ faults, fireMs }: Scenario<unknown>): number {
  const lasts = ({ atMs, forMs }: Fault, addUs: number): boolean =>
    (atMs + forMs - fireMs) * 1_000 + 2 * addUs > 0
  let sumUs = 0
  for (const fault of faults) {
    if (fault.type === 'slowdisk' && lasts(fault, fault.addUs)) sumUs += fault.addUs
  }
  return sumUs
}
