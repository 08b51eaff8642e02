// The receiving side of replication. Ref: Raft 5.3 and Figure 2, "AppendEntries RPC".

import { invariant } from '../invariant.ts'
import { becomeFollower } from './election.ts'
import type { NodeId } from './config.ts'
import { append, lastIndexUpToTerm, termAt, truncate } from './log.ts'
import type { AppendRequest } from './message.ts'
import type { Turn } from './turn.ts'
import { drawElectionTimeoutMs, markDirty, sendPromise, trace } from './turn.ts'

/** A leader of our own term speaks. */
export function onAppendRequest(turn: Turn, from: NodeId, request: AppendRequest): void {
  const { role } = turn
  invariant(role.role !== 'leader', 'follower: two leaders in one term')
  if (role.role !== 'follower') becomeFollower(turn, turn.term, from)
  else if (role.leader === null) turn.role = { role: 'follower', leader: from }
  else invariant(role.leader === from, 'follower: two leaders in one term')
  turn.heardAtMs = turn.now
  turn.electionAtMs = turn.now + drawElectionTimeoutMs(turn)

  const { prevIndex, prevTerm, entries } = request
  if (termAt(turn.log, prevIndex) !== prevTerm) {
    invariant(prevIndex > turn.commit, 'follower: a leader disagrees with a committed entry')
    reject(turn, from, prevIndex, prevTerm)
    return
  }
  appendMissing(turn, request)
  // Only what this very message proved equal may be committed, however far our own log goes.
  const matchIndex = prevIndex + entries.length
  const commit = Math.min(request.commit, matchIndex)
  if (commit > turn.commit) turn.commit = commit
  sendPromise(turn, from, { type: 'appendAccepted', term: turn.term, matchIndex })
}

/** Skips what is there already; drops a suffix only where a term conflicts. */
function appendMissing(turn: Turn, request: AppendRequest): void {
  let index = request.prevIndex
  for (const entry of request.entries) {
    invariant(entry.term <= request.term, 'follower: an entry of a term above its sender\'s')
    index++
    if (index <= turn.log.lastIndex) {
      if (termAt(turn.log, index) === entry.term) continue
      invariant(index > turn.commit, 'follower: a committed entry would be dropped')
      trace(turn, { type: 'truncated', fromIndex: index, toIndex: turn.log.lastIndex })
      turn.log = truncate(turn.log, index - 1)
    }
    turn.log = append(turn.log, entry)
    markDirty(turn, index)
  }
}

/**
 * Says how far the logs may still be equal. Up to `prevIndex` the leader's terms are `prevTerm` at
 * most: none of our entries of later terms can match. Our term there lets the leader skip its own.
 */
function reject(turn: Turn, from: NodeId, prevIndex: number, prevTerm: number): void {
  const { term, log } = turn
  const hintIndex = lastIndexUpToTerm(log, Math.min(prevIndex, log.lastIndex), prevTerm)
  const hintTerm = termAt(log, hintIndex)
  sendPromise(turn, from, { type: 'appendRejected', term, prevIndex, hintIndex, hintTerm })
}
