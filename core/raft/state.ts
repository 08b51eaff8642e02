// The state of one replica's consensus: plain readonly data, a union on `role`. Whatever only one
// role needs exists only on that role.

import type { HardState, PersistId } from '../effect.ts'
import { invariant } from '../invariant.ts'
import type { Config, NodeId } from './config.ts'
import type { Log } from './log.ts'
import { append, emptyLog } from './log.ts'
import type { Entry } from './message.ts'

/** A persist under way, and what the log ended with when it was issued. */
export interface PendingPersist {
  readonly id: PersistId
  readonly lastIndex: number
  readonly lastTerm: number
}

/** Every point in time of the consensus, in this node's monotonic milliseconds. */
export interface Timers {
  /** The greatest `now` seen. */
  readonly nowMs: number
  /** All but leaders: when to ask for pre-votes. */
  readonly electionAtMs: number
  /** When a leader was last heard, or the node started. Votes are withheld for a while after. */
  readonly heardAtMs: number
  /** Leader: when to send heartbeats. */
  readonly heartbeatAtMs: number
  /** Leader: when it must have heard from a majority. */
  readonly quorumAtMs: number
  /** Leader: when it won. Its stamps advance from `Leader.clockStartMs` with the time since. */
  readonly leadSinceMs: number
}

/** What every role has. */
export interface Common {
  readonly config: Config
  readonly term: number
  readonly vote: NodeId | null
  readonly log: Log
  readonly commit: number
  readonly timers: Timers
  readonly nextPersistId: PersistId
  /** Persists not yet reported durable, oldest first. */
  readonly pending: readonly PendingPersist[]
}

/** Takes entries from the leader, and votes. */
export interface Follower {
  readonly role: 'follower'
  /** The leader of this term, when it was heard. */
  readonly leader: NodeId | null
}

/** Asks whether an election could be won, before it disturbs anyone with a new term. */
export interface Precandidate {
  readonly role: 'precandidate'
  /** Peers that would vote for us, each once. */
  readonly votes: readonly NodeId[]
}

/** Stands for election in a term of its own. */
export interface Candidate {
  readonly role: 'candidate'
  /** Voters whose durable vote we have, each once; ourselves once our own vote is durable. */
  readonly votes: readonly NodeId[]
  /** Our own vote is durable when this persist is. */
  readonly votePersistId: PersistId
}

/** What a leader knows of one peer (etcd's Progress). `nextIndex` is always above `matchIndex`. */
export interface Progress {
  readonly peer: NodeId
  /** `probe`: one message at a time until one is accepted. `replicate`: a stream of them. */
  readonly mode: 'probe' | 'replicate'
  readonly nextIndex: number
  readonly matchIndex: number
  /** In `probe`: a message is on its way; wait for its answer or the next heartbeat. */
  readonly paused: boolean
  /** An answer of this term came since the last check of the quorum. */
  readonly heard: boolean
}

/** Decides the order of entries, and what is committed. */
export interface Leader {
  readonly role: 'leader'
  /** One for each other voter, in the order of `config.voters`. */
  readonly progress: readonly Progress[]
  /** How far this leader's own log is durable. */
  readonly durableIndex: number
  /** Log time at which this leader's term began: the highest stamp in its log when it won. */
  readonly clockStartMs: number
}

/** What a replica is, and what only that role has. */
export type Role = Follower | Precandidate | Candidate | Leader
/** The whole state of one replica's consensus. */
export type RaftState = Common & Role

/** What a replica finds on its disk when it starts. */
export interface Restored {
  readonly hardState: HardState
  readonly entries: readonly Entry[]
}

/** What a replica without a past starts from. */
export const NOTHING_RESTORED: Restored = { hardState: { term: 0, vote: null }, entries: [] }

/**
 * The state at start, a follower whose log is what the disk held. It withholds votes for one base
 * election timeout: it may have promised a leader so before it went down.
 *
 * @param now this node's monotonic milliseconds
 * @param random 32 random bits
 */
export function initialRaft(
  config: Config,
  restored: Restored,
  now: number,
  random: number,
): RaftState {
  let log = emptyLog()
  for (const entry of restored.entries) log = append(log, entry)
  invariant(log.lastTerm <= restored.hardState.term, 'raft: an entry of a term that was never here')
  const electionAtMs = now + config.electionTimeoutMs + (random % (config.electionTimeoutMs + 1))
  return {
    role: 'follower',
    leader: null,
    config,
    term: restored.hardState.term,
    vote: restored.hardState.vote,
    log,
    commit: 0,
    timers: {
      nowMs: now,
      electionAtMs,
      heardAtMs: now,
      heartbeatAtMs: now,
      quorumAtMs: now,
      leadSinceMs: now,
    },
    nextPersistId: 1,
    pending: [],
  }
}

/** When `step` must run again even if nothing arrives, in this node's monotonic milliseconds. */
export function raftDeadlineMs(state: RaftState): number {
  const { timers } = state
  if (state.role !== 'leader') return timers.electionAtMs
  return Math.min(timers.heartbeatAtMs, timers.quorumAtMs)
}

/** Votes or acknowledgements that make a majority of `voters`: (n / 2) + 1. */
export function quorumSize(voters: number): number {
  return Math.floor(voters / 2) + 1
}
