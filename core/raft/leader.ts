// The sending side: what each peer has, what it gets next, and what is committed. Ref: Raft 5.3,
// 5.4.2; the leader's own disk write in parallel, thesis 10.2.1.

import { invariant } from '../invariant.ts'
import { becomeFollower } from './election.ts'
import { append, lastIndexUpToTerm, slice, termAt } from './log.ts'
import type { AppendAccepted, AppendRejected, Entry } from './message.ts'
import type { NodeId } from './config.ts'
import { quorumSize } from './state.ts'
import type { Leader, PendingPersist, Progress } from './state.ts'
import type { Turn } from './turn.ts'
import { markDirty, send, trace } from './turn.ts'

/** Appends a command; returns its index. Only for a leader. */
export function propose(turn: Turn, payload: Uint8Array): number {
  const { role } = turn
  invariant(role.role === 'leader', 'leader: proposed without leading')
  const stampMs = role.clockStartMs + (turn.now - turn.leadSinceMs)
  turn.log = append(turn.log, { term: turn.term, stampMs, kind: 'command', payload })
  markDirty(turn, turn.log.lastIndex)
  return turn.log.lastIndex
}

/** A peer holds a prefix of our log durably: it gets what follows, and may make a majority. */
export function onAppendAccepted(turn: Turn, from: NodeId, reply: AppendAccepted): void {
  const { role } = turn
  if (role.role !== 'leader' || reply.matchIndex > turn.log.lastIndex) return
  updateProgress(turn, role, from, (progress) => {
    // Acknowledgements may arrive in any order: what a peer once had durable, it keeps.
    const matchIndex = Math.max(progress.matchIndex, reply.matchIndex)
    const nextIndex = Math.max(progress.nextIndex, matchIndex + 1)
    const { peer } = progress
    return { peer, mode: 'replicate', nextIndex, matchIndex, paused: false, heard: true }
  })
  advanceCommit(turn)
}

/**
 * A peer lacks what came before: goes back to the highest index at which both logs can be of one
 * term, and probes from there. Each refusal skips a whole term of ours, and one of the peer's.
 */
export function onAppendRejected(turn: Turn, from: NodeId, reply: AppendRejected): void {
  const { role } = turn
  if (role.role !== 'leader' || reply.prevIndex > turn.log.lastIndex) return
  updateProgress(turn, role, from, (progress) => {
    const { peer, mode, matchIndex, paused } = progress
    const { prevIndex, hintIndex, hintTerm } = reply
    // What a peer once had durable it does not refuse. A probe is refused by its own answer alone,
    // a stream by the answer to anything that it has sent: what lies beyond is from before it.
    const asked = progress.nextIndex - 1
    const isOther = mode === 'probe' ? prevIndex !== asked : prevIndex > asked
    if (isOther || prevIndex <= matchIndex) {
      return { peer, mode, nextIndex: progress.nextIndex, matchIndex, paused, heard: true }
    }
    const equalUpTo = lastIndexUpToTerm(turn.log, Math.min(prevIndex - 1, hintIndex), hintTerm)
    const nextIndex = Math.max(matchIndex, equalUpTo) + 1
    return { peer, mode: 'probe', nextIndex, matchIndex, paused: false, heard: true }
  })
}

/** Our own disk holds what the log ended with when `persisted` was issued, if it still does. */
export function onOwnDurable(turn: Turn, persisted: PendingPersist): void {
  const { role } = turn
  if (role.role !== 'leader' || persisted.lastIndex <= role.durableIndex) return
  // The index may have been written anew since: only index and term together name an entry.
  if (termAt(turn.log, persisted.lastIndex) !== persisted.lastTerm) return
  const { progress, clockStartMs } = role
  turn.role = { role: 'leader', progress, durableIndex: persisted.lastIndex, clockStartMs }
  advanceCommit(turn)
}

/** Once an election timeout: goes on only when a majority answered since the last time. */
export function checkQuorum(turn: Turn, role: Leader): void {
  let heard = 1
  for (const progress of role.progress) if (progress.heard) heard++
  if (heard < quorumSize(turn.config.voters.length)) {
    trace(turn, { type: 'quorumLost', term: turn.term })
    becomeFollower(turn, turn.term, null)
    return
  }
  turn.quorumAtMs = turn.now + turn.config.electionTimeoutMs
  const progress = role.progress.map(({ peer, mode, nextIndex, matchIndex, paused }) => {
    return { peer, mode, nextIndex, matchIndex, paused, heard: false }
  })
  const { durableIndex, clockStartMs } = role
  turn.role = { role: 'leader', progress, durableIndex, clockStartMs }
}

/** Sends each peer at most one AppendEntries: at a heartbeat, or when it lacks something. */
export function sendAppends(turn: Turn, role: Leader): void {
  const { log, config, heartbeatDue } = turn
  let progress: Progress[] | null = null
  let batched: Batch = { first: 0, room: 0, entries: [] }
  for (let at = 0; at < role.progress.length; at++) {
    const before = role.progress[at] as Progress
    const { peer, mode, nextIndex, matchIndex, heard } = before
    const inFlight = mode === 'probe' ? 0 : nextIndex - 1 - matchIndex
    const room = before.paused ? 0 : Math.max(0, config.inFlightEntriesMax - inFlight)
    if (!heartbeatDue && (room === 0 || nextIndex > log.lastIndex)) continue
    let entries: readonly Entry[] = []
    if (room > 0 && nextIndex <= log.lastIndex) {
      // Peers that are equally far share one list.
      const isShared = batched.first === nextIndex && batched.room === room
      if (!isShared) batched = batch(turn, nextIndex, room)
      entries = batched.entries
    }
    const prevIndex = nextIndex - 1
    const prevTerm = termAt(log, prevIndex)
    const { term, commit } = turn
    send(turn, peer, { type: 'appendRequest', term, prevIndex, prevTerm, commit, entries })
    progress ??= role.progress.slice()
    // A probe repeats the same entries until one is accepted; a stream goes on behind them.
    const after = mode === 'replicate' ? nextIndex + entries.length : nextIndex
    const paused = mode === 'probe'
    progress[at] = { peer, mode, nextIndex: after, matchIndex, paused, heard }
  }
  if (progress !== null) {
    const { durableIndex, clockStartMs } = role
    turn.role = { role: 'leader', progress, durableIndex, clockStartMs }
  }
}

interface Batch {
  readonly first: number
  readonly room: number
  readonly entries: readonly Entry[]
}

/** At most `room` entries from `first` on, as far as the cap on bytes allows, but at least one. */
function batch(turn: Turn, first: number, room: number): Batch {
  const { log, config } = turn
  const entries = slice(log, first, Math.min(log.lastIndex, first + room - 1))
  let bytes = 0
  for (let at = 0; at < entries.length; at++) {
    bytes += (entries[at] as Entry).payload.length
    if (at === 0 || bytes <= config.appendBytesMax) continue
    return { first, room, entries: entries.slice(0, at) }
  }
  return { first, room, entries }
}

function updateProgress(
  turn: Turn,
  role: Leader,
  peer: NodeId,
  update: (before: Progress) => Progress,
): void {
  const at = role.progress.findIndex((progress) => progress.peer === peer)
  if (at < 0) return
  const progress = role.progress.slice()
  progress[at] = update(progress[at] as Progress)
  const { durableIndex, clockStartMs } = role
  turn.role = { role: 'leader', progress, durableIndex, clockStartMs }
}

/** Commits what a majority holds durably, if it is of our own term (Raft 5.4.2, Figure 8). */
function advanceCommit(turn: Turn): void {
  const { role, log } = turn
  if (role.role !== 'leader') return
  const majority = majorityIndex(role, turn.commit)
  if (majority > turn.commit && termAt(log, majority) === turn.term) turn.commit = majority
}

/** The highest index that a majority holds durably, if it is above `commit`; else `commit`. */
function majorityIndex(role: Leader, commit: number): number {
  const quorum = quorumSize(role.progress.length + 1)
  let majority = commit
  // Voters are few: trying what each one holds costs less than an array to sort.
  if (role.durableIndex > majority && holders(role, role.durableIndex) >= quorum) {
    majority = role.durableIndex
  }
  for (const { matchIndex } of role.progress) {
    if (matchIndex > majority && holders(role, matchIndex) >= quorum) majority = matchIndex
  }
  return majority
}

/** How many voters, this one included, hold the entry at `index` durably. */
function holders(role: Leader, index: number): number {
  let count = role.durableIndex >= index ? 1 : 0
  for (const { matchIndex } of role.progress) if (matchIndex >= index) count++
  return count
}
