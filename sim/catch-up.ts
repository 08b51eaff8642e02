// How long a healed world may take to bring each node on: in round trips, counted from how far
// behind its leader a node is and from the caps on what is sent. It knows nothing of how a leader
// finds the place where two logs part, only how often it may ask.

import type { Snapshot } from '../core/effect.ts'
import type { NodeId } from '../core/raft/config.ts'
import { entryAt, termAt } from '../core/raft/log.ts'
import type { Log } from '../core/raft/log.ts'
import { membersOf } from '../core/raft/membership.ts'
import { activeMembership } from '../core/raft/state.ts'
import type { RaftState } from '../core/raft/state.ts'
import type { ReplicaState } from '../core/work.ts'
import { ATTEMPT_TIMEOUT_MS } from './client.ts'
import { isMajorityOf } from './majority.ts'
import { TURN_US } from './node.ts'
import type { ObservedNode } from './raft-oracles.ts'
import type { Fault, Scenario } from './scenario.ts'

/** What a leader may send to a peer. */
type Caps = Pick<Scenario<unknown>, 'appendBytesMax' | 'snapshotChunkBytes'>

/** How slow messages and syncs are when all is well. */
type Link = Pick<Scenario<unknown>, 'delayMaxUs' | 'syncMaxUs'>

/** How big a machine's state is as a snapshot. */
type Sizes = (state: ReplicaState<unknown>) => number

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
  readonly #names: readonly string[]
  readonly #bytesOf: Sizes
  readonly #roundTripUs: number
  readonly #slackUs: number
  #followers: readonly Follower[] = []
  #targetIndex = 0
  #targetTerm = 0
  /** When a majority has caught up at the latest: only then must there be answers. */
  quorumByUs = 0
  /** When all have. */
  allByUs = 0

  constructor(
    scenario: Scenario<unknown>,
    nodes: readonly ObservedNode<unknown>[],
    names: readonly string[],
    bytesOf: Sizes,
  ) {
    this.#scenario = scenario
    this.#nodes = nodes
    this.#names = names
    this.#bytesOf = bytesOf
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
    const membership = activeMembership(leader)
    const members = membersOf(membership)
    const snapshotBytes = this.#snapshotBytes(leader)
    this.#nodes.forEach(({ state }, node) => {
      const isMember = members.includes(this.#names[node] as string)
      if (state === null || state.raft === leader || !isMember) return
      const name = this.#names[node] as string
      const trips = roundTrips(leader, state.raft.log, this.#scenario, snapshotBytes, name)
      const byUs = nowUs + this.#slackUs + trips * this.#roundTripUs
      followers.push({ node, trips, byUs, arrived: false })
    })
    this.#followers = followers
    const times = followers.map(({ byUs }) => byUs).sort((a, b) => a - b)
    this.allByUs = times.at(-1) ?? nowUs
    const byOf = new Map(followers.map(({ node, byUs }) => [this.#names[node] as string, byUs]))
    byOf.set(leader.config.node, nowUs)
    const isEnough = (atUs: number): boolean =>
      isMajorityOf(membership, (voter) => (byOf.get(voter) ?? Infinity) <= atUs)
    this.quorumByUs = [nowUs, ...times].find(isEnough) ?? this.allByUs
  }

  /** How big a snapshot may be that is taken from now on; 0 when none will be. */
  #snapshotBytes(leader: RaftState): number {
    const { snapshotEntriesMin, clients } = this.#scenario
    const state = this.#nodes[this.#names.indexOf(leader.config.node)]?.state ?? null
    const since = leader.log.lastIndex - (leader.snapshot?.index ?? 0)
    if (state === null || since + SETTLING_ENTRIES_MAX < snapshotEntriesMin) return 0
    const requests = leader.log.lastIndex - state.applied + clients.length
    return SNAPSHOT_GROWTH * this.#bytesOf(state) + requests * REQUEST_BYTES_MAX
  }

  /** Looks who has arrived. Says which node is too late, if one is. */
  late(leader: RaftState, nowUs: number): string | null {
    const members = membersOf(activeMembership(leader))
    for (const follower of this.#followers) {
      if (follower.arrived) continue
      const { node, trips, byUs } = follower
      // Joint consensus may be left without it, and then it gets nothing any more.
      if (!members.includes(this.#names[node] as string)) continue
      const log = this.#nodes[node]?.state?.raft.log
      const has = log === undefined ? -1 : termAt(log, this.#targetIndex)
      // What lies before its base it has by way of a snapshot.
      const isCovered = log !== undefined && log.base.index >= this.#targetIndex
      if (isCovered || has === this.#targetTerm) {
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
export function roundTripUs({ delayMaxUs, syncMaxUs }: Link): number {
  // A sync may be under way when a message arrives; only the next one covers it.
  return 2 * delayMaxUs + 2 * syncMaxUs + 4 * TURN_US
}

/**
 * Round trips to find where `follower` parts from its leader, and to bring what it lacks.
 *
 * @param snapshotBytes how big a snapshot may be that the leader takes meanwhile; 0: it takes none
 * @param peer whose log it is; null: one that the leader is not sending a snapshot to
 */
export function roundTrips(
  leader: RaftState,
  follower: Log,
  caps: Caps,
  snapshotBytes = 0,
  peer: NodeId | null = null,
): number {
  const { log, snapshot } = leader
  const common = commonIndex(log, follower)
  // A refusal rules out a term of each log; one more when the follower's just ends.
  const ours = termsBeyond(log, common)
  const theirs = termsBeyond(follower, common)
  const refusals = Math.min(ours, theirs + 1)
  const dropped = common < log.base.index ? snapshot : null
  // One that is being sent is not the latest any more: what came between the two is sent as well.
  const sent = dropped === null ? null : snapshotOnItsWay(leader, peer)
  const first = Math.min(dropped?.index ?? common, sent?.index ?? Infinity) + 1
  const missing = batches(log, first, caps)
  const bytesCount = Math.max(snapshotBytes, dropped?.bytesCount ?? 0, sent?.bytesCount ?? 0)
  if (common === log.lastIndex || bytesCount === 0) return refusals + missing
  // One snapshot is on its way, or comes to be needed, since a later one drops what is lacking.
  // While it is sent another may be taken, which drops what is behind it. By then there is nothing
  // left to commit of what the leader had.
  const chunks = Math.ceil(bytesCount / caps.snapshotChunkBytes) + 1
  return refusals + 2 * chunks + missing
}

/** The snapshot that a leader is sending to a peer, or null. */
function snapshotOnItsWay(leader: RaftState, peer: NodeId | null): Snapshot | null {
  if (leader.role !== 'leader') return null
  const progress = leader.progress.find((one) => one.peer === peer)
  return progress?.mode === 'snapshot' ? progress.snapshot : null
}

/** While a healed world comes to rest, fewer entries than this are appended. */
const SETTLING_ENTRIES_MAX = 1_000
/** Meanwhile the state grows to so many times its size at most, */
const SNAPSHOT_GROWTH = 2
/** and by what is asked: a lock or a memo for each request, bytes. */
const REQUEST_BYTES_MAX = 250

/** The last index at which two logs are equal: what Raft calls log matching makes it one place. */
function commonIndex(one: Log, other: Log): number {
  // What lies before a base is committed, and so common; if one ends before it, that is its place.
  const high0 = Math.min(one.lastIndex, other.lastIndex)
  let low = Math.min(Math.max(one.base.index, other.base.index), high0)
  let high = high0
  if (termAt(one, low) !== termAt(other, low)) low = Math.min(one.base.index, other.base.index, low)
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
  for (let at = Math.max(index, log.base.index) + 1; at <= log.lastIndex; at++) {
    const term = termAt(log, at)
    if (term !== last) count++
    last = term
  }
  return count
}

/** In how many messages the entries from `first` on fit, a full one in each round trip. */
function batches(log: Log, first: number, { appendBytesMax }: Caps): number {
  let count = 0
  for (let index = Math.max(first, log.base.index + 1); index <= log.lastIndex; count++) {
    let bytes = 0
    let entries = 0
    while (index <= log.lastIndex) {
      bytes += entryAt(log, index).payload.length
      if (entries > 0 && bytes > appendBytesMax) break
      entries++
      index++
    }
  }
  return count
}

/** What syncs may still take longer that began on a disk that was slow under fire. */
export function slowSyncsUs({ faults, fireMs }: Scenario<unknown>): number {
  const lasts = ({ atMs, forMs }: Fault, addUs: number): boolean =>
    (atMs + forMs - fireMs) * 1_000 + 2 * addUs > 0
  let sumUs = 0
  for (const fault of faults) {
    if (fault.type === 'slowdisk' && lasts(fault, fault.addUs)) sumUs += fault.addUs
  }
  return sumUs
}
