// The sending side: what each peer gets next, and what its answers say. Ref: Raft 5.3; section 7
// for snapshots, which go out in chunks.

import type { Snapshot } from '../effect.ts'
import { invariant } from '../invariant.ts'
import type { NodeId } from './config.ts'
import { advanceCommit, progressOf, setProgress } from './leader.ts'
import { entryAt, lastIndexUpToTerm, termAt } from './log.ts'
import type { AppendAccepted, AppendRejected, Entry, SnapshotReply } from './message.ts'
import {
  accepted,
  answered,
  chunkAnswered,
  chunkSent,
  forgotten,
  probing,
  sendingSnapshot,
  sent,
} from './progress.ts'
import type { Progress, SendSnapshot } from './progress.ts'
import type { Leader } from './state.ts'
import { handOver } from './transfer.ts'
import type { Editable, Turn } from './turn.ts'
import { refuse, send } from './turn.ts'

/** A peer holds a prefix of our log durably: it gets what follows, and may make a majority. */
export function onAppendAccepted(turn: Turn, from: NodeId, reply: AppendAccepted): void {
  const { role } = turn
  if (role.role !== 'leader') return
  if (reply.matchIndex > turn.log.lastIndex || reply.round > role.round) {
    return refuse(turn, from, 'neverSent')
  }
  const before = progressOf(role, from)
  if (before === null) return
  const { base } = turn.log
  const heard = answered(before, reply.round, reply.versions)
  setProgress(role, accepted(heard, reply.matchIndex, base.index))
  if (reply.matchIndex > before.matchIndex) advanceCommit(turn)
  // Said again at each answer, since it may be lost.
  if (role.transfer?.to === from) handOver(turn)
}

/**
 * A peer lacks what came before: goes back to the highest index at which both logs can be of one
 * term, and probes from there. Each refusal skips a whole term of ours, and one of the peer's.
 */
export function onAppendRejected(turn: Turn, from: NodeId, reply: AppendRejected): void {
  const { role, log } = turn
  if (role.role !== 'leader') return
  if (reply.prevIndex > log.lastIndex || reply.round > role.round) {
    return refuse(turn, from, 'neverSent')
  }
  const before = progressOf(role, from)
  if (before === null) return
  const after = answered(before, reply.round)
  if (reply.damaged && reply.hintIndex < before.matchIndex) {
    setProgress(role, forgotten(after, reply.hintIndex + 1))
    return
  }
  const isLate = isLateRefusal(before, reply)
  setProgress(role, isLate ? after : probing(after, goBack(turn, after, reply)))
}

/** A peer has taken a chunk, or lost what it had. */
export function onSnapshotReply(turn: Turn, from: NodeId, reply: SnapshotReply): void {
  const { role } = turn
  if (role.role !== 'leader') return
  if (reply.round > role.round) return refuse(turn, from, 'neverSent')
  const before = progressOf(role, from)
  if (before === null) return
  const { index, offset, round } = reply
  const isNew = round >= before.ackedRound
  setProgress(role, chunkAnswered(answered(before, round), index, offset, isNew))
}

/** Sends each peer at most one message: at a heartbeat, or when it lacks something. */
export function sendAppends(turn: Turn, role: Editable<Leader>): void {
  const { heartbeatDue, config } = turn
  if (heartbeatDue) turn.heartbeatAtMs = turn.now + config.heartbeatIntervalMs
  let progress: Progress[] | null = null
  let batched: Batch = NO_BATCH
  for (let at = 0; at < role.progress.length; at++) {
    let peer = role.progress[at] as Progress
    if (peer.mode !== 'snapshot' && peer.nextIndex <= turn.log.base.index) {
      peer = sendingSnapshot(peer, latestSnapshot(turn))
    }
    if (peer.mode === 'snapshot') {
      if (peer.paused && !heartbeatDue) continue
      sendChunk(turn, role, peer)
      progress ??= role.progress.slice()
      progress[at] = chunkSent(peer)
      continue
    }
    const isOpen = takesEntries(turn, peer)
    if (!heartbeatDue && !isOpen) continue
    if (!isOpen) batched = NO_BATCH
    // Peers that are equally far share one list.
    else if (batched.first !== peer.nextIndex) batched = batch(turn, peer.nextIndex)
    const prevIndex = peer.nextIndex - 1
    const prevTerm = termAt(turn.log, prevIndex)
    const { term, commit } = turn
    const { round } = role
    const { entries, bytesCount } = batched
    const type = 'appendRequest'
    send(turn, peer.peer, { type, term, prevIndex, prevTerm, commit, round, entries })
    progress ??= role.progress.slice()
    progress[at] = sent(peer, entries.length, bytesCount)
  }
  if (progress !== null) role.progress = progress
}

interface Batch {
  readonly first: number
  readonly entries: readonly Entry[]
  readonly bytesCount: number
}

const NO_BATCH: Batch = { first: 0, entries: [], bytesCount: 0 }

/** Whether there is something to send to a peer, and the caps allow it. */
function takesEntries({ log, config }: Turn, peer: Exclude<Progress, SendSnapshot>): boolean {
  if (peer.nextIndex > log.lastIndex) return false
  if (peer.mode === 'probe') return !peer.paused
  const { inFlight, inFlightBytes } = peer
  return inFlight.length < config.inFlightMessagesMax && inFlightBytes < config.inFlightBytesMax
}

/** As many entries from `first` on as the cap on bytes allows, but at least one. */
function batch({ log, config }: Turn, first: number): Batch {
  const entries: Entry[] = []
  let bytesCount = 0
  for (let index = first; index <= log.lastIndex; index++) {
    const entry = entryAt(log, index)
    const size = entry.payload.length
    if (entries.length > 0 && bytesCount + size > config.appendBytesMax) break
    bytesCount += size
    entries.push(entry)
  }
  return { first, entries, bytesCount }
}

function sendChunk(turn: Turn, role: Leader, { peer, snapshot, offset }: SendSnapshot): void {
  const { index, term, stampMs, membership, version, bytesCount } = snapshot
  const bytes = snapshot.bytes.subarray(offset, offset + turn.config.snapshotChunkBytes)
  send(turn, peer, {
    type: 'snapshotRequest',
    term: turn.term,
    round: role.round,
    snapshot: { index, term, stampMs, membership, version, bytesCount },
    offset,
    bytes,
  })
}

function latestSnapshot({ snapshot }: Turn): Snapshot {
  invariant(snapshot !== null, 'replication: entries were dropped without a snapshot')
  return snapshot
}

/**
 * What a peer once had durable it does not refuse. A probe is refused by its own answer alone, a
 * stream by the answer to anything that it has sent: what lies beyond is from before it.
 */
function isLateRefusal(before: Progress, { prevIndex }: AppendRejected): boolean {
  if (before.mode === 'snapshot' || prevIndex <= before.matchIndex) return true
  const asked = before.nextIndex - 1
  return before.mode === 'probe' ? prevIndex !== asked : prevIndex > asked
}

function goBack({ log }: Turn, before: Progress, reply: AppendRejected): number {
  const { prevIndex, hintIndex, hintTerm } = reply
  const equalUpTo = lastIndexUpToTerm(log, Math.min(prevIndex - 1, hintIndex), hintTerm)
  return Math.max(before.matchIndex, equalUpTo) + 1
}
