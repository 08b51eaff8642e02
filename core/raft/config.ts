// What one replica is told at its start: who it is, who the voters are, its timeouts and caps.

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
  /** All voters, this node among them, sorted, none twice. */
  readonly voters: readonly NodeId[]
  /**
   * Base election timeout, milliseconds. Each attempt waits from this to twice this, drawn anew.
   * Also how long votes are withheld after a leader was heard or the node started, and how long a
   * leader goes on without hearing a majority. Too small: needless elections. Too big: long gaps.
   */
  readonly electionTimeoutMs: number
  /** Pause between a leader's heartbeats, milliseconds; well below `electionTimeoutMs`. */
  readonly heartbeatIntervalMs: number
  /** Payload bytes of one AppendEntries; one entry may exceed it alone. */
  readonly appendBytesMax: number
  /**
   * Entries sent to a peer beyond its last acknowledged one. No more than this many come on in a
   * round trip, and neither does a peer that has fallen behind: with a small one it may never
   * catch up with the entries that come in meanwhile.
   */
  readonly inFlightEntriesMax: number
}

/** Defaults of everything but the identity. Source: Raft paper 9.3 (150-300 ms). */
export const DEFAULTS: Omit<Config, 'cluster' | 'group' | 'node' | 'voters'> = {
  electionTimeoutMs: 150,
  heartbeatIntervalMs: 50,
  appendBytesMax: 65_536,
  inFlightEntriesMax: 1_024,
}

/** Why `config` cannot be used, as a sentence, or null when it can. */
export function configProblem(config: Config): string | null {
  const { voters, node } = config
  if (!voters.includes(node)) return `node ${JSON.stringify(node)} is not among the voters`
  if (voters.some((voter) => voter.length === 0)) return 'a node id is the empty string'
  for (let index = 1; index < voters.length; index++) {
    if ((voters[index - 1] as string) >= (voters[index] as string)) {
      return 'voters must be sorted and each named once'
    }
  }
  for (const name of Object.keys(DEFAULTS) as (keyof typeof DEFAULTS)[]) {
    const value = config[name]
    if (!Number.isSafeInteger(value) || value < 1) return `${name} must be a positive integer`
  }
  if (config.heartbeatIntervalMs >= config.electionTimeoutMs) {
    return 'heartbeatIntervalMs must be below electionTimeoutMs'
  }
  return null
}
