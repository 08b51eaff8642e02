// What each replica of a world is told: the scenario's settings as the core's `Config`.

import { DEFAULTS } from '../core/raft/config.ts'
import type { Config, NodeId } from '../core/raft/config.ts'
import { EPSILON_PPM } from './scenario.ts'
import type { Scenario } from './scenario.ts'

/** The configuration of `node`, in a group that `founders` made. */
export function nodeConfig(
  scenario: Scenario<unknown>,
  node: NodeId,
  founders: readonly NodeId[],
): Config {
  // Spelled out, like all that is read at every turn: what a spread makes reads slowly.
  return {
    cluster: 'simulated',
    group: '0',
    node,
    voters: founders,
    electionTimeoutMs: scenario.electionTimeoutMs,
    heartbeatIntervalMs: scenario.heartbeatIntervalMs,
    diskTimeoutMs: scenario.diskTimeoutMs,
    appendBytesMax: scenario.appendBytesMax,
    inFlightMessagesMax: scenario.inFlightMessagesMax,
    inFlightBytesMax: scenario.inFlightBytesMax,
    entryBytesMax: DEFAULTS.entryBytesMax,
    uncommittedBytesMax: scenario.uncommittedBytesMax,
    snapshotEntriesMin: scenario.snapshotEntriesMin,
    snapshotKeepEntries: scenario.snapshotKeepEntries,
    snapshotChunkBytes: scenario.snapshotChunkBytes,
    forwarding: scenario.forwarding,
    leaseReads: scenario.leaseReads,
    clockDriftPpm: EPSILON_PPM,
  }
}
