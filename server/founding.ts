// How the empty nodes of a new cluster agree on its founding, or find that there is one already: a
// state machine without I/O, which the host drives with what nodes say of themselves.
//
// The node with the smallest name founds. It asks every other one, by dialling, to promise that it
// takes part in no earlier attempt; an attempt is a round and the one whose it is, and is compared
// in that order. When all have promised this attempt, and so belonged to no cluster when they did,
// it draws the cluster's id and the ids of all become the founding voters. A node is one of them
// only under the id that promised, so one that lost its disk waits to be taken in.

import type { NodeId } from '../core/raft/config.ts'
import { nameOf } from '../transports/handshake.ts'
import type { Founding, FoundingPromise, Standing, Verdict } from '../transports/handshake.ts'

/** What a node keeps on its disk of all this. It is durable before anybody is told of it. */
export interface Belonging {
  /** The founding that this node goes by for good; null: it belongs to no cluster. */
  readonly founding: Founding | null
  /** The last attempt that it promised to; null: none, or it belongs to a cluster. */
  readonly promise: FoundingPromise | null
}

/** What is on the disk of a new node. */
export const BELONGS_NOWHERE: Belonging = { founding: null, promise: null }

/** All that a node knows on its way into a cluster. Plain data. */
export interface FoundingState {
  readonly node: NodeId
  /** Names of the others that the operator listed. */
  readonly peers: readonly string[]
  /** The id that the cluster gets if this node founds it: 16 random hex digits. */
  readonly cluster: string
  readonly belonging: Belonging
  /** By name: the ids that promised this node's attempt. */
  readonly promised: ReadonlyMap<string, NodeId>
}

/** What a node is in the cluster that it belongs to. */
export interface Membership {
  readonly founding: Founding
  /** `joiner`: no voter, until the leader takes it in. */
  readonly as: 'founder' | 'voter' | 'joiner'
}

/** Who a node is and what its disk held when it started. */
export type FoundingStart = Omit<FoundingState, 'promised'>

/**
 * The state of a node that has just started. A belonging that differs from the one given is to be
 * kept before anything else: a node that has no peers has founded its cluster.
 */
export function startFounding(start: FoundingStart): FoundingState {
  const state = { ...start, promised: new Map<string, NodeId>() }
  const { founding, promise } = start.belonging
  if (founding !== null || promise !== null || !isFirst(start)) return state
  return withFounding(withAttempt(state, 1))
}

/** What a node says of itself. */
export function standingOf({ node, belonging }: FoundingState): Standing {
  const { founding, promise } = belonging
  return { node, cluster: founding === null ? null : founding.cluster, founding, promise }
}

/** What this node is in its cluster, or null while it belongs to none. */
export function membershipOf({ node, belonging }: FoundingState): Membership | null {
  const { founding } = belonging
  if (founding === null) return null
  if (founding.founder === node) return { founding, as: 'founder' }
  return { founding, as: founding.voters.includes(node) ? 'voter' : 'joiner' }
}

/** A decision on another node, and what was learned from it. */
export interface Considered {
  /** When its belonging is another one than before, that is kept before the verdict is said. */
  readonly state: FoundingState
  readonly verdict: Verdict
}

/**
 * Takes in what another node says of itself. `dialled`: it answers a dial of ours, so it says so
 * now. `accepted`: it dialled us, and may have been gone for long when this is read.
 */
export function considerStanding(
  before: FoundingState,
  theirs: Standing,
  side: 'dialled' | 'accepted'
): Considered {
  const state = before.belonging.founding === null ? learn(before, theirs, side) : before
  return { state, verdict: verdictOf(state, theirs, side) }
}

function verdictOf(
  { node, belonging }: FoundingState,
  theirs: Standing,
  side: 'dialled' | 'accepted'
): Verdict {
  const { founding } = belonging
  if (founding === null) return { type: 'later' }
  if (theirs.founding === null) {
    // One that dialled us hears of the cluster with our answer, and may be in it before it replies.
    return side === 'accepted' ? { type: 'admit' } : { type: 'later' }
  }
  if (theirs.founding.cluster === founding.cluster) return { type: 'admit' }
  const reason =
    `${theirs.node} belongs to cluster ${theirs.founding.cluster}, and ${node} to ` +
    `${founding.cluster}: one of the two has a wrong list of peers or a wrong data directory`
  return { type: 'refuse', reason }
}

/** What a node that belongs to no cluster makes of another one's standing. */
function learn(
  state: FoundingState,
  theirs: Standing,
  side: 'dialled' | 'accepted'
): FoundingState {
  const { founding, promise } = theirs
  if (founding !== null) return enter(state, theirs, founding, side)
  if (promise === null) return state
  const ours = state.belonging.promise
  if (promise.founder === state.node) {
    return side === 'dialled' ? count(state, theirs.node, promise) : state
  }
  if (promise.founder === theirs.node && side === 'accepted') {
    // Who founds has a smaller name than all others. Later attempts count, never earlier ones.
    const mayFound = nameOf(promise.founder) < nameOf(state.node)
    return mayFound && !isBefore(promise, ours) ? withPromise(state, promise) : state
  }
  // Another one has a promise for a later attempt, which ours must come after to count with it.
  const isOurs = ours !== null && ours.founder === state.node
  const isRival = nameOf(promise.founder) >= nameOf(state.node)
  if (isOurs && isRival && isBefore(ours, promise)) return withAttempt(state, promise.round + 1)
  return state
}

/** Goes by another one's founding, where that can do no harm. */
function enter(
  state: FoundingState,
  theirs: Standing,
  founding: Founding,
  side: 'dialled' | 'accepted'
): FoundingState {
  const { promise } = state.belonging
  if (!founding.voters.includes(state.node)) {
    // Whoever is gone may still be heard: only one that answers is known to be there.
    return side === 'dialled' ? withBelonging(state, { founding, promise: null }) : state
  }
  const mayAdopt =
    !isBefore(founding, promise) ||
    // The one whose attempt we promised has entered this cluster, and so founds no other.
    theirs.node === promise?.founder ||
    // Nor can it once a voter has, whose promise it lacks.
    (theirs.node !== founding.founder && founding.voters.includes(theirs.node))
  return mayAdopt ? withBelonging(state, { founding, promise: null }) : state
}

/** Notes a promise for our attempt, and founds when it was the last one. */
function count(state: FoundingState, peer: NodeId, promise: FoundingPromise): FoundingState {
  const ours = state.belonging.promise
  if (ours === null || ours.founder !== state.node || ours.round !== promise.round) return state
  return withFounding({ ...state, promised: new Map(state.promised).set(nameOf(peer), peer) })
}

/** Founds the cluster when all have promised to take part. */
function withFounding(state: FoundingState): FoundingState {
  const { node, peers, cluster, promised, belonging } = state
  const { promise } = belonging
  if (promise === null) return state
  const voters = [node]
  for (const name of peers) {
    const peer = promised.get(name)
    if (peer === undefined) return state
    voters.push(peer)
  }
  const { founder, round } = promise
  const founding = { cluster, voters: voters.sort(), founder, round }
  return withBelonging(state, { founding, promise: null })
}

function withAttempt(state: FoundingState, round: number): FoundingState {
  return withPromise(state, { round, founder: state.node })
}

function withPromise(state: FoundingState, promise: FoundingPromise): FoundingState {
  const before = state.belonging.promise
  if (before?.round === promise.round && before.founder === promise.founder) return state
  return withBelonging(state, { founding: null, promise })
}

function withBelonging(state: FoundingState, belonging: Belonging): FoundingState {
  return { ...state, belonging, promised: new Map() }
}

function isFirst({ node, peers }: FoundingStart): boolean {
  return peers.every((peer) => nameOf(node) < peer)
}

/** Whether an attempt comes before another one; none is before all. */
function isBefore(a: FoundingPromise, b: FoundingPromise | null): boolean {
  if (b === null) return false
  return a.round < b.round || (a.round === b.round && a.founder < b.founder)
}
