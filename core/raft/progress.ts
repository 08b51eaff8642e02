// What a leader knows of one peer, and what it gets next: a union of three modes. It knows no log
// and sends nothing. Ref: etcd's Progress; Raft, Figure 2, nextIndex and matchIndex.

import type { Snapshot } from '../effect.ts'
import type { NodeId } from './config.ts'

/** What every mode has. `nextIndex` is always above `matchIndex`. */
interface CommonProgress {
  readonly peer: NodeId
  /** The next entry to send. */
  readonly nextIndex: number
  /** The log up to here is known to be equal and durable there. */
  readonly matchIndex: number
  /** An answer of this term came since the last check of the quorum. */
  readonly heard: boolean
  /** The latest round of heartbeats that it has answered. */
  readonly ackedRound: number
  /** How many versions of the machine's rules it has said to know; 0 before it said anything. */
  readonly versions: number
}

/** Where the logs part is being searched: one message at a time until one is accepted. */
export interface Probe extends CommonProgress {
  readonly mode: 'probe'
  /** A message is on its way; wait for its answer or the next heartbeat. */
  readonly paused: boolean
}

/** A stream of messages, each behind the one before, as long as the caps allow. */
export interface Replicate extends CommonProgress {
  readonly mode: 'replicate'
  /** Messages with entries that are not acknowledged, oldest first. */
  readonly inFlight: readonly InFlight[]
  /** Their payload bytes together. */
  readonly inFlightBytes: number
}

/** What it needs is not in the log any more: it gets a snapshot, chunk by chunk. */
export interface SendSnapshot extends CommonProgress {
  readonly mode: 'snapshot'
  /** The one on its way, also when a later one has been taken since. */
  readonly snapshot: Snapshot
  /** The next byte to send. */
  readonly offset: number
  /** A chunk is on its way; wait for its answer or the next heartbeat. */
  readonly paused: boolean
}

/** What a leader knows of one peer. */
export type Progress = Probe | Replicate | SendSnapshot

/** One message with entries on its way. */
export interface InFlight {
  readonly lastIndex: number
  readonly bytesCount: number
}

const NOTHING_IN_FLIGHT: readonly InFlight[] = []

/** A peer of which nothing is known: the search begins at the end of our log. */
export function newProgress(peer: NodeId, nextIndex: number): Progress {
  // It counts as heard, so that taking in a slow one does not cost the leader its majority.
  const heard = true
  const nothing = { matchIndex: 0, heard, ackedRound: 0, versions: 0 }
  return { peer, mode: 'probe', nextIndex, ...nothing, paused: false }
}

/** Searching from `nextIndex` on. */
export function probing(before: Progress, nextIndex: number): Progress {
  const { peer, matchIndex, heard, ackedRound, versions } = before
  return { peer, mode: 'probe', nextIndex, matchIndex, heard, ackedRound, versions, paused: false }
}

/** It has lost what it had: searching from `nextIndex` on, and nothing is known to match. */
export function forgotten(before: Progress, nextIndex: number): Progress {
  const { peer, heard, ackedRound, versions } = before
  const common = { nextIndex, matchIndex: 0, heard, ackedRound, versions }
  return { peer, mode: 'probe', ...common, paused: false }
}

/** Getting `snapshot`. */
export function sendingSnapshot(before: Progress, snapshot: Snapshot): SendSnapshot {
  const { peer, matchIndex, heard, ackedRound, versions } = before
  const nextIndex = snapshot.index + 1
  const common = { nextIndex, matchIndex, heard, ackedRound, versions }
  return { peer, mode: 'snapshot', ...common, snapshot, offset: 0, paused: false }
}

/** It answered in this term, the heartbeats up to `round`; one that says so knows `versions`. */
export function answered(
  before: Progress,
  round: number,
  versions: number = before.versions,
): Progress {
  const ackedRound = Math.max(before.ackedRound, round)
  const isNews = ackedRound > before.ackedRound || versions !== before.versions
  return before.heard && !isNews ? before : withContact(before, true, ackedRound, versions)
}

/** Not heard since the check of the quorum that was just made. */
export function unheard(before: Progress): Progress {
  return before.heard ? withContact(before, false, before.ackedRound, before.versions) : before
}

/** Its log equals ours up to `index`, durably: streams from there, unless what follows is gone. */
export function accepted(before: Progress, index: number, baseIndex: number): Progress {
  // Acknowledgements may arrive in any order: what a peer once had durable, it keeps.
  const matchIndex = Math.max(before.matchIndex, index)
  const { peer, heard, ackedRound, versions } = before
  if (before.mode === 'replicate') {
    let count = 0
    let bytesCount = 0
    for (const sent of before.inFlight) {
      if (sent.lastIndex > matchIndex) break
      bytesCount += sent.bytesCount
      count++
    }
    const nextIndex = Math.max(before.nextIndex, matchIndex + 1)
    const inFlight = count === 0 ? before.inFlight : before.inFlight.slice(count)
    const inFlightBytes = before.inFlightBytes - bytesCount
    return replicating(
      peer,
      nextIndex,
      matchIndex,
      heard,
      ackedRound,
      versions,
      inFlight,
      inFlightBytes,
    )
  }
  // Neither is its snapshot there, nor can it do without: what came since may need a later one.
  if (before.mode === 'snapshot' && matchIndex < Math.min(baseIndex, before.snapshot.index)) {
    const { nextIndex, snapshot, offset, paused } = before
    const common = { nextIndex, matchIndex, heard, ackedRound, versions }
    return { peer, mode: 'snapshot', ...common, snapshot, offset, paused }
  }
  const nextIndex = matchIndex + 1
  return replicating(peer, nextIndex, matchIndex, heard, ackedRound, versions, NOTHING_IN_FLIGHT, 0)
}

/** It wants the bytes of the snapshot at `index` from `offset` on. `isNew`: no late answer. */
export function chunkAnswered(
  before: Progress,
  index: number,
  offset: number,
  isNew: boolean,
): Progress {
  if (before.mode !== 'snapshot' || before.snapshot.index !== index) return before
  // Backwards goes only one that has lost what it had, not an answer that comes late.
  const goesOn = offset > before.offset || (offset < before.offset && isNew)
  if (!goesOn || offset > before.snapshot.bytesCount) return before
  const { peer, nextIndex, matchIndex, heard, ackedRound, versions, snapshot } = before
  const common = { nextIndex, matchIndex, heard, ackedRound, versions }
  return { peer, mode: 'snapshot', ...common, snapshot, offset, paused: false }
}

/** A message with `count` entries and as many payload bytes was sent to it. */
export function sent(before: Probe | Replicate, count: number, bytesCount: number): Progress {
  const { peer, matchIndex, heard, ackedRound, versions, nextIndex } = before
  if (before.mode === 'probe') {
    // A probe repeats the same entries until one is accepted; a stream goes on behind them.
    return { peer, mode: 'probe', nextIndex, matchIndex, heard, ackedRound, versions, paused: true }
  }
  if (count === 0) return before
  const after = nextIndex + count
  const inFlight = [...before.inFlight, { lastIndex: after - 1, bytesCount }]
  const inFlightBytes = before.inFlightBytes + bytesCount
  return replicating(peer, after, matchIndex, heard, ackedRound, versions, inFlight, inFlightBytes)
}

/** The chunk from `offset` on was sent to it. */
export function chunkSent(before: SendSnapshot): SendSnapshot {
  const { peer, nextIndex, matchIndex, heard, ackedRound, versions, snapshot, offset } = before
  const common = { nextIndex, matchIndex, heard, ackedRound, versions }
  return { peer, mode: 'snapshot', ...common, snapshot, offset, paused: true }
}

/** One place for the mode that most messages meet: a literal, and always of one shape. */
function replicating(
  peer: NodeId,
  nextIndex: number,
  matchIndex: number,
  heard: boolean,
  ackedRound: number,
  versions: number,
  inFlight: readonly InFlight[],
  inFlightBytes: number,
): Replicate {
  return {
    peer,
    mode: 'replicate',
    nextIndex,
    matchIndex,
    heard,
    ackedRound,
    versions,
    inFlight,
    inFlightBytes,
  }
}

function withContact(
  before: Progress,
  heard: boolean,
  ackedRound: number,
  versions: number,
): Progress {
  const { peer, nextIndex, matchIndex } = before
  switch (before.mode) {
    case 'probe': {
      const { paused } = before
      return { peer, mode: 'probe', nextIndex, matchIndex, heard, ackedRound, versions, paused }
    }
    case 'replicate': {
      const { inFlight, inFlightBytes } = before
      return replicating(
        peer,
        nextIndex,
        matchIndex,
        heard,
        ackedRound,
        versions,
        inFlight,
        inFlightBytes,
      )
    }
    case 'snapshot': {
      const common = { nextIndex, matchIndex, heard, ackedRound, versions }
      const { snapshot, offset, paused } = before
      return { peer, mode: 'snapshot', ...common, snapshot, offset, paused }
    }
  }
}
