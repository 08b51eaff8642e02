// Snapshots: of our own state, after which the log is shortened, and of the leader's, which arrive
// in chunks and take the place of what we have. Ref: Raft 7, Figure 13.

import { invariant } from '../invariant.ts'
import type { NodeId } from './config.ts'
import { onLeaderHeard } from './follower.ts'
import { compact, emptyLog, entryAt, termAt } from './log.ts'
import type { Log } from './log.ts'
import type { SnapshotHeader, SnapshotRequest } from './message.ts'
import type { IncomingSnapshot, LoggedMembership } from './state.ts'
import type { Turn } from './turn.ts'
import { checkRepaired, refuse, send, sendPromise, setMemberships, trace } from './turn.ts'

/**
 * Our own state after entry `index`, which is applied, encoded: what came before it may go.
 *
 * @param version of the machine's rules as of `index`
 */
export function takeSnapshot(turn: Turn, index: number, version: number, bytes: Uint8Array): void {
  // A later one may have come from the leader since.
  if (index <= (turn.snapshot?.index ?? 0) || index <= turn.log.base.index) return
  invariant(index <= turn.commit, 'snapshot: of what is not committed')
  const { term, stampMs } = entryAt(turn.log, index)
  const first = asOf(turn.memberships, index)
  const { membership } = first
  turn.snapshot = { index, term, stampMs, membership, version, bytesCount: bytes.length, bytes }
  turn.log = compacted(turn, index)
  turn.memberships = turn.memberships.filter((logged) => logged.index >= first.index)
  turn.checkpointDue = true
  trace(turn, { type: 'snapshotTaken', index, baseIndex: turn.log.base.index })
}

/** A leader of our own term sends a chunk. When it is the last, `turn.arrived` has the whole. */
export function onSnapshotRequest(turn: Turn, from: NodeId, request: SnapshotRequest): void {
  const { snapshot, offset, bytes, round } = request
  const end = offset + bytes.length
  onLeaderHeard(turn, from, round)
  if (snapshot.index <= turn.commit) {
    // We have all of it: whoever sends it has the same up to our commit index. The last chunk
    // rightly comes again until its answer is there; one of before that never does.
    if (snapshot.index < turn.commit) refuse(turn, from, 'olderSnapshot')
    const { term, commit: matchIndex, versions } = turn
    sendPromise(turn, from, { type: 'appendAccepted', term, matchIndex, round, versions })
    return
  }
  const before = incomingOf(turn, snapshot)
  if (offset !== before.receivedBytes) return askFor(turn, from, round, before)
  const chunks = [...before.chunks, bytes]
  const { leaderTerm } = before
  turn.incoming = { leaderTerm, snapshot, chunks, receivedBytes: end }
  if (end < snapshot.bytesCount) return askFor(turn, from, round, turn.incoming)
  turn.incoming = null
  turn.arrived = { from, round, snapshot: { ...snapshot, bytes: joined(chunks, end) } }
}

/** The machine has read the leader's snapshot: it takes the place of all that it covers. */
export function installSnapshot(turn: Turn): void {
  const { arrived } = turn
  invariant(arrived !== null, 'snapshot: nothing to install')
  const { snapshot, from, round } = arrived
  const { index, term, stampMs, membership } = snapshot
  // What follows a log that agrees with it goes on from it (Raft, Figure 13, step 6).
  const agrees = termAt(turn.log, index) === term
  turn.snapshot = snapshot
  turn.log = agrees ? compacted(turn, index) : emptyLog({ index, term, stampMs })
  const later = agrees ? turn.memberships.filter((logged) => logged.index > index) : []
  setMemberships(turn, [{ index, membership }, ...later])
  turn.checkpointDue = true
  checkRepaired(turn)
  turn.commit = index
  trace(turn, { type: 'snapshotInstalled', index })
  const accepted = { type: 'appendAccepted', term: turn.term, matchIndex: index } as const
  sendPromise(turn, from, { ...accepted, round, versions: turn.versions })
}

/** Forgets a part of a snapshot that nobody will complete: it may be as big as all our state. */
export function dropUselessChunks(turn: Turn): void {
  const { incoming, term, commit } = turn
  if (incoming === null) return
  if (incoming.leaderTerm !== term || incoming.snapshot.index <= commit) turn.incoming = null
}

/** The log behind the snapshot at `index`, and before it what followers may still ask for. */
function compacted({ log, config }: Turn, index: number): Log {
  return compact(log, Math.max(0, index - config.snapshotKeepEntries))
}

/** The members that the log names up to `index`. */
function asOf(memberships: readonly LoggedMembership[], index: number): LoggedMembership {
  let found = memberships[0] as LoggedMembership
  for (const logged of memberships) if (logged.index <= index) found = logged
  return found
}

/** What has come of `snapshot` so far from the present leader. */
function incomingOf(turn: Turn, snapshot: SnapshotHeader): IncomingSnapshot {
  const { incoming, term: leaderTerm } = turn
  const isSame =
    incoming !== null &&
    incoming.leaderTerm === leaderTerm &&
    incoming.snapshot.index === snapshot.index &&
    incoming.snapshot.bytesCount === snapshot.bytesCount
  return isSame ? incoming : { leaderTerm, snapshot, chunks: [], receivedBytes: 0 }
}

function askFor(turn: Turn, to: NodeId, round: number, incoming: IncomingSnapshot): void {
  const { index } = incoming.snapshot
  const { receivedBytes: offset } = incoming
  send(turn, to, { type: 'snapshotReply', term: turn.term, round, index, offset })
}

function joined(chunks: readonly Uint8Array[], bytesCount: number): Uint8Array {
  const bytes = new Uint8Array(bytesCount)
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}
