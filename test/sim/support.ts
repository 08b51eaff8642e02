// Shorthands of the simulator's tests: a world without faults, and replicas made by hand.

import type { LogBase, Snapshot } from '../../core/effect.ts'
import { endSession } from '../../core/lock/apply.ts'
import { LIMITS } from '../../core/lock/limits.ts'
import type { LockMachine, LockService } from '../../core/lock/machine.ts'
import { DEFAULTS } from '../../core/raft/config.ts'
import type { Config, NodeId } from '../../core/raft/config.ts'
import { append, emptyLog } from '../../core/raft/log.ts'
import type { Log } from '../../core/raft/log.ts'
import { encodeMembership, foundedBy } from '../../core/raft/membership.ts'
import type { Membership } from '../../core/raft/membership.ts'
import type { Entry } from '../../core/raft/message.ts'
import { initialRaft, NOTHING_RESTORED } from '../../core/raft/state.ts'
import type { Common, Leader, RaftState } from '../../core/raft/state.ts'
import { withSessions } from '../../core/session/machine.ts'
import type { Scenario } from '../../sim/scenario.ts'

/** Three nodes and a client; a message takes 10 microseconds and weather comes on top. */
export const CALM: Scenario<never> = {
  seed: '1',
  nodes: 3,
  spares: 0,
  electionTimeoutMs: 150,
  heartbeatIntervalMs: 50,
  diskTimeoutMs: 1_500,
  appendBytesMax: 65_536,
  inFlightMessagesMax: 1_024,
  inFlightBytesMax: 1_048_576,
  uncommittedBytesMax: 16_777_216,
  snapshotEntriesMin: 1_000_000,
  snapshotKeepEntries: 0,
  snapshotChunkBytes: 65_536,
  forwarding: false,
  leaseReads: false,
  delayMinUs: 10,
  delayMaxUs: 10,
  syncMinUs: 10,
  syncMaxUs: 10,
  clocks: Array.from({ length: 4 }, () => ({ offsetMs: 0, driftPpm: 0 })),
  faults: [],
  clients: [[]],
  fireMs: 1_000,
  dead: [],
}

/** The replica of node 0 of a group of these. */
export function configOf(node: NodeId = '0', voters: readonly NodeId[] = ['0']): Config {
  return { ...DEFAULTS, cluster: 'c1', group: '0', node, voters }
}

/** A log of these entries, behind `base`. */
export function logOf(entries: readonly Entry[], base?: LogBase): Log {
  return entries.reduce((log, one) => append(log, one), emptyLog(base))
}

/** A follower that has just started, in `term`; `edit` is laid over it. */
export function follower(config: Config, term: number, edit: Partial<Common> = {}): RaftState {
  const hardState = { term, vote: null }
  return { ...initialRaft(config, { ...NOTHING_RESTORED, hardState }, 0, 0), ...edit }
}

/** A leader of `term` that knows of nobody else. */
export function leader(config: Config, term: number, edit: Partial<Common> = {}): RaftState {
  const role: Leader = {
    role: 'leader',
    progress: [],
    durableIndex: 0,
    clockStartMs: 0,
    uncommittedBytes: 0,
    round: 0,
    reads: [],
    leaseRound: 0,
    hasSentTimeoutNow: false,
    transfer: null,
  }
  return { ...follower(config, term, edit), ...role }
}

/** Voters, and in joint consensus also those of before. */
export function members(voters: string, outgoing: string | null = null): Membership {
  const names = (text: string): readonly string[] => [...text]
  const before = outgoing === null ? null : names(outgoing)
  return { ...foundedBy(names(voters)), outgoing: before, autoLeave: outgoing !== null }
}

/** The entry that names these members. */
export function membershipEntry(term: number, membership: Membership): Entry {
  return { term, stampMs: term * 10, kind: 'membership', payload: encodeMembership(membership) }
}

/** A snapshot up to `index`. */
export function snapshotOf(
  index: number,
  term: number,
  membership: Membership,
  bytes: Uint8Array,
): Snapshot {
  const place = { index, term, stampMs: term * 10 }
  return { ...place, membership, version: 1, bytesCount: bytes.length, bytes }
}

/** A lock machine, as it may be wrong, as the service that a world of locks has. */
export function served(machine: LockMachine): LockService {
  return withSessions(machine, {
    onSessionEnded: (state, ended) => [endSession(state, ended, LIMITS), []],
  })
}
