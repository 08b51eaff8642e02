// One turn's working copy of the consensus state: taken apart at the start, edited in place by the
// role files, put together once at the end. Nothing of it outlives the turn.

import type { PersistId, RaftEffect, TraceEvent } from '../effect.ts'
import { invariant, unreachable } from '../invariant.ts'
import type { Config, NodeId } from './config.ts'
import type { Log } from './log.ts'
import { slice } from './log.ts'
import type { FreeMessage, PromiseMessage } from './message.ts'
import type { PendingPersist, RaftState, Role } from './state.ts'

/** No index: they count from 1. */
const NOTHING_DIRTY = 0

/** Everything of `RaftState`, editable, and what the turn will ask of the host. */
export interface Turn {
  readonly config: Config
  readonly now: number
  term: number
  vote: NodeId | null
  log: Log
  commit: number
  role: Role
  electionAtMs: number
  heardAtMs: number
  heartbeatAtMs: number
  quorumAtMs: number
  leadSinceMs: number
  nextPersistId: PersistId
  pending: readonly PendingPersist[]
  /** 32 random bits, remixed at each draw. */
  random: number
  hardStateChanged: boolean
  /** Lowest index whose entry changed in this turn. */
  dirtyFrom: number
  /** The heartbeat is due: every peer gets a message in this turn. */
  heartbeatDue: boolean
  /** Promises made in this turn, to leave after its persist. */
  readonly promises: { readonly to: NodeId; readonly message: PromiseMessage }[]
  readonly effects: RaftEffect[]
}

/** Opens a turn on `state`. A `now` below an earlier one counts as the earlier one. */
export function openTurn(state: RaftState, now: number, random: number): Turn {
  const { timers } = state
  return {
    config: state.config,
    now: now > timers.nowMs ? now : timers.nowMs,
    term: state.term,
    vote: state.vote,
    log: state.log,
    commit: state.commit,
    role: state,
    electionAtMs: timers.electionAtMs,
    heardAtMs: timers.heardAtMs,
    heartbeatAtMs: timers.heartbeatAtMs,
    quorumAtMs: timers.quorumAtMs,
    leadSinceMs: timers.leadSinceMs,
    nextPersistId: state.nextPersistId,
    pending: state.pending,
    random,
    hardStateChanged: false,
    dirtyFrom: NOTHING_DIRTY,
    heartbeatDue: false,
    promises: [],
    effects: [],
  }
}

/** Sends at once: the message promises nothing that is not durable. */
export function send(turn: Turn, to: NodeId, message: FreeMessage): void {
  turn.effects.push({ type: 'send', to, message })
}

/** Sends once all that this turn persists is durable. */
export function sendPromise(turn: Turn, to: NodeId, message: PromiseMessage): void {
  turn.promises.push({ to, message })
}

/** Tells observers. */
export function trace(turn: Turn, event: TraceEvent): void {
  turn.effects.push({ type: 'trace', trace: event })
}

/** Notes that the entries from `index` on are not what the disk holds. */
export function markDirty(turn: Turn, index: number): void {
  if (turn.dirtyFrom === NOTHING_DIRTY || index < turn.dirtyFrom) turn.dirtyFrom = index
}

/** An election timeout, from the base to twice the base, drawn anew at each call. */
export function drawElectionTimeoutMs(turn: Turn): number {
  let bits = Math.imul(turn.random ^ (turn.random >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  turn.random = (bits ^ (bits >>> 16)) >>> 0
  const base = turn.config.electionTimeoutMs
  return base + (turn.random % (base + 1))
}

/** Issues the turn's one persist, when anything changed, and then the promises that rest on it. */
export function flushPersist(turn: Turn): void {
  const logChanged = turn.dirtyFrom !== NOTHING_DIRTY
  if (turn.hardStateChanged || logChanged) {
    const id = turn.nextPersistId++
    const { log, term, vote } = turn
    const firstIndex = logChanged ? turn.dirtyFrom : log.lastIndex + 1
    const persist = { id, lastIndex: log.lastIndex, lastTerm: log.lastTerm }
    turn.pending = turn.pending.length === 0 ? [persist] : [...turn.pending, persist]
    turn.effects.push({
      type: 'persist',
      id,
      hardState: turn.hardStateChanged ? { term, vote } : null,
      firstIndex,
      entries: slice(log, firstIndex, log.lastIndex),
      logChanged,
    })
  }
  const after = turn.pending.length === 0 ? 0 : turn.nextPersistId - 1
  for (const { to, message } of turn.promises) {
    // A promise of a term that this very turn has left behind rests on nothing that is written.
    if (message.term < turn.term) continue
    turn.effects.push({ type: 'sendAfter', after, to, message })
  }
}

/** Puts the state together again. */
export function closeTurn(turn: Turn): RaftState {
  invariant(turn.commit <= turn.log.lastIndex, 'raft: committed beyond the end of the log')
  const timers = {
    nowMs: turn.now,
    electionAtMs: turn.electionAtMs,
    heardAtMs: turn.heardAtMs,
    heartbeatAtMs: turn.heartbeatAtMs,
    quorumAtMs: turn.quorumAtMs,
    leadSinceMs: turn.leadSinceMs,
  }
  const { config, term, vote, log, commit, nextPersistId, pending, role } = turn
  // Each role spells its fields out: a spread would cost more than the rest of a quiet turn.
  switch (role.role) {
    case 'follower': {
      const { leader } = role
      return {
        role: 'follower',
        leader,
        config,
        term,
        vote,
        log,
        commit,
        timers,
        nextPersistId,
        pending,
      }
    }
    case 'precandidate': {
      const { votes } = role
      return {
        role: 'precandidate',
        votes,
        config,
        term,
        vote,
        log,
        commit,
        timers,
        nextPersistId,
        pending,
      }
    }
    case 'candidate': {
      const { votes, votePersistId } = role
      return {
        role: 'candidate',
        votes,
        votePersistId,
        config,
        term,
        vote,
        log,
        commit,
        timers,
        nextPersistId,
        pending,
      }
    }
    case 'leader': {
      const { progress, durableIndex, clockStartMs } = role
      return {
        role: 'leader',
        progress,
        durableIndex,
        clockStartMs,
        config,
        term,
        vote,
        log,
        commit,
        timers,
        nextPersistId,
        pending,
      }
    }
    default:
      return unreachable(role)
  }
}
