// What one replica is told at its start: who it is, who founded the group, its timeouts and caps.

/** Any non-empty string, unique in its cluster. May read as falsy ("0"): never test its truth. */
export type NodeId = string

/** The identity and settings of one replica of one group. Plain data, the same for a whole life. */
export interface Config {
  /** The cluster's id, in every frame and log record. */
  readonly cluster: string
  /** The consensus group; a host may run several. Today there is one, "0". */
  readonly group: string
  /** This node. */
  readonly node: NodeId
  /**
   * The voters that founded the group, sorted, none twice; the same on every node. Who votes later
   * is in the log. A node that is not among them waits to be taken in.
   */
  readonly voters: readonly NodeId[]
  /**
   * Base election timeout, milliseconds. Each attempt waits from this to twice this, drawn anew.
   * Also how long votes are withheld after a leader was heard or the node started, how long a
   * leader goes on without hearing a majority, and how long it tries to transfer its leadership.
   * Too small: needless elections. Too big: long gaps.
   */
  readonly electionTimeoutMs: number
  /** Pause between a leader's heartbeats, milliseconds; well below `electionTimeoutMs`. */
  readonly heartbeatIntervalMs: number
  /**
   * A leader whose disk has finished no write for this long, milliseconds, steps down: it could
   * not vouch for what it accepts. Well above the slowest healthy sync.
   */
  readonly diskTimeoutMs: number
  /** Payload bytes of one AppendEntries; one entry may exceed it alone. */
  readonly appendBytesMax: number
  /** AppendEntries with entries on their way to a peer, unacknowledged. */
  readonly inFlightMessagesMax: number
  /** Payload bytes on their way to a peer; one message may exceed it alone. */
  readonly inFlightBytesMax: number
  /** Payload bytes of one command; a bigger one is answered `tooLarge`. */
  readonly entryBytesMax: number
  /**
   * Payload bytes that a leader has accepted and not committed; what exceeds it is answered
   * `overloaded`, so that a leader without a majority does not fill its memory and disk.
   */
  readonly uncommittedBytesMax: number
  /** A snapshot is taken when so many entries were applied since the last. */
  readonly snapshotEntriesMin: number
  /** Entries kept before a snapshot, for followers that are a little behind it. 0 or more. */
  readonly snapshotKeepEntries: number
  /** Bytes of a snapshot in one message. */
  readonly snapshotChunkBytes: number
  /**
   * True: a follower passes commands on to its leader. False: it answers `notLeader`, and whoever
   * asks goes there.
   */
  readonly forwarding: boolean
  /**
   * True: a leader answers reads without asking the others, while it knows by its clock that none
   * can have replaced it. Safe only as far as `clockDriftPpm` is true.
   */
  readonly leaseReads: boolean
  /** The declared bound on the rate error of any node's monotonic clock, parts per million. */
  readonly clockDriftPpm: number
}

/** Defaults of everything but the identity. Source: Raft paper 9.3 (150-300 ms). */
export const DEFAULTS: Omit<Config, 'cluster' | 'group' | 'node' | 'voters'> = {
  electionTimeoutMs: 150,
  heartbeatIntervalMs: 50,
  diskTimeoutMs: 1_500,
  appendBytesMax: 65_536,
  inFlightMessagesMax: 64,
  inFlightBytesMax: 1_048_576,
  entryBytesMax: 1_048_576,
  uncommittedBytesMax: 16_777_216,
  snapshotEntriesMin: 10_000,
  snapshotKeepEntries: 1_000,
  snapshotChunkBytes: 65_536,
  forwarding: true,
  leaseReads: false,
  clockDriftPpm: 500,
}

const NUMBERS = [
  ['electionTimeoutMs', 1],
  ['heartbeatIntervalMs', 1],
  ['diskTimeoutMs', 1],
  ['appendBytesMax', 1],
  ['inFlightMessagesMax', 1],
  ['inFlightBytesMax', 1],
  ['entryBytesMax', 1],
  ['uncommittedBytesMax', 1],
  ['snapshotEntriesMin', 1],
  ['snapshotKeepEntries', 0],
  ['snapshotChunkBytes', 1],
  ['clockDriftPpm', 0],
] as const

/** Above this a clock is no clock: a tenth of the rate, parts per million. */
const CLOCK_DRIFT_PPM_MAX = 100_000

/** Why `config` cannot be used, as a sentence, or null when it can. */
export function configProblem(config: Config): string | null {
  const { voters, node } = config
  if (node === '') return 'the node id is the empty string'
  if (voters.length === 0) return 'there must be a founding voter'
  if (voters.some((voter) => voter === '')) return 'a node id is the empty string'
  for (let index = 1; index < voters.length; index++) {
    if ((voters[index - 1] as string) >= (voters[index] as string)) {
      return 'voters must be sorted and each named once'
    }
  }
  for (const [name, least] of NUMBERS) {
    const value = config[name]
    if (!Number.isSafeInteger(value) || value < least) {
      return `${name} must be an integer of ${least} or more`
    }
  }
  for (const name of ['forwarding', 'leaseReads'] as const) {
    if (typeof config[name] !== 'boolean') return `${name} must be true or false`
  }
  if (config.clockDriftPpm > CLOCK_DRIFT_PPM_MAX) {
    return `clockDriftPpm must be at most ${CLOCK_DRIFT_PPM_MAX}`
  }
  if (config.heartbeatIntervalMs >= config.electionTimeoutMs) {
    return 'heartbeatIntervalMs must be below electionTimeoutMs'
  }
  return null
}
