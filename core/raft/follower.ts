// The receiving side of replication. Ref: Raft 5.3 and Figure 2, "AppendEntries RPC"; 7 for chunks.

import { invariant } from '../invariant.ts'
import { becomeFollower } from './election.ts'
import type { NodeId } from './config.ts'
import { append, lastIndexUpToTerm, termAt, truncate } from './log.ts'
import type { AppendRequest } from './message.ts'
import { membershipOf } from './state.ts'
import type { Turn } from './turn.ts'
import {
  checkRepaired,
  drawElectionTimeoutMs,
  knownLeader,
  markDirty,
  sendPromise,
  setMemberships,
  trace,
} from './turn.ts'

/**
 * A leader of our own term has spoken, whatever it says. Each of its rounds is heard once: what the
 * network delivers late, or again, does not say that it still leads.
 */
export function onLeaderHeard(turn: Turn, from: NodeId, round: number): void {
  const { role } = turn
  const known = knownLeader(turn)
  const isOther = role.role === 'leader' || (known !== null && known !== from)
  invariant(!isOther, 'follower: two leaders in one term')
  if (round <= turn.heardRound) return
  if (role.role !== 'follower') becomeFollower(turn, turn.term, from)
  else if (role.leader === null) {
    role.leader = from
    trace(turn, { type: 'leaderChanged', term: turn.term, leader: from })
  }
  turn.heardRound = round
  turn.heardAtMs = turn.now
  turn.electionAtMs = turn.now + drawElectionTimeoutMs(turn)
}

/** A leader of our own term sends entries, or a heartbeat. */
export function onAppendRequest(turn: Turn, from: NodeId, request: AppendRequest): void {
  const { prevIndex, prevTerm, entries, round } = request
  onLeaderHeard(turn, from, round)
  const { base } = turn.log
  // What lies before the base is committed, so every leader has the same there.
  if (prevIndex >= base.index && termAt(turn.log, prevIndex) !== prevTerm) {
    invariant(prevIndex > turn.commit, 'follower: a leader disagrees with a committed entry')
    reject(turn, from, request)
    return
  }
  appendMissing(turn, request)
  checkRepaired(turn)
  // Only what this very message proved equal may be committed, however far our own log goes.
  const matchIndex = Math.max(base.index, prevIndex + entries.length)
  const commit = Math.min(request.commit, matchIndex)
  if (commit > turn.commit) turn.commit = commit
  const { term, versions } = turn
  sendPromise(turn, from, { type: 'appendAccepted', term, matchIndex, round, versions })
}

/** Skips what is there already; drops a suffix only where a term conflicts. */
function appendMissing(turn: Turn, request: AppendRequest): void {
  let index = request.prevIndex
  for (const entry of request.entries) {
    index++
    if (index <= turn.log.base.index) continue
    if (index <= turn.log.lastIndex) {
      if (termAt(turn.log, index) === entry.term) continue
      invariant(index > turn.commit, 'follower: a committed entry would be dropped')
      dropFrom(turn, index)
    }
    turn.log = append(turn.log, entry)
    markDirty(turn, index)
    if (entry.kind !== 'membership') continue
    setMemberships(turn, [...turn.memberships, { index, membership: membershipOf(entry) }])
  }
}

/** Drops the entries from `index` on, and takes back the members that they named. */
function dropFrom(turn: Turn, index: number): void {
  trace(turn, { type: 'truncated', fromIndex: index, toIndex: turn.log.lastIndex })
  turn.log = truncate(turn.log, index - 1)
  const kept = turn.memberships.filter((logged) => logged.index < index)
  if (kept.length < turn.memberships.length) setMemberships(turn, kept)
}

/**
 * Says how far the logs may still be equal. Up to `prevIndex` the leader's terms are `prevTerm` at
 * most: none of our entries of later terms can match. Our term there lets the leader skip its own.
 */
function reject(turn: Turn, from: NodeId, { prevIndex, prevTerm, round }: AppendRequest): void {
  const { term, log } = turn
  const damaged = turn.damage !== null
  const hintIndex = lastIndexUpToTerm(log, Math.min(prevIndex, log.lastIndex), prevTerm)
  const hintTerm = termAt(log, hintIndex)
  const hint = { prevIndex, hintIndex, hintTerm }
  sendPromise(turn, from, { type: 'appendRejected', term, ...hint, round, damaged })
}
