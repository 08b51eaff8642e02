// Leadership transfer: the leader takes nothing new, brings its successor up to date, and tells it
// to stand for election at once. Ref: thesis 3.10.

import type { Outcome } from '../effect.ts'
import { becomeCandidate, canStand } from './election.ts'
import type { NodeId } from './config.ts'
import { progressOf } from './leader.ts'
import type { Leader } from './state.ts'
import type { Editable, Turn } from './turn.ts'
import { send, trace } from './turn.ts'

/** A successor that lacks more entries than this would keep everyone waiting. */
const LAG_ENTRIES_MAX = 1_000

/** Begins a transfer; returns how it ended, when it ends at once. */
export function startTransfer(
  turn: Turn,
  role: Editable<Leader>,
  to: NodeId,
  request: number,
): Outcome<never> | null {
  // Also to ourselves: the one under way may have been told already.
  if (role.transfer !== null) return { type: 'refused', reason: 'pending' }
  if (to === turn.config.node) return { type: 'transferred' }
  const progress = progressOf(role, to)
  if (progress === null || !turn.membership.voters.includes(to)) {
    return { type: 'refused', reason: 'notVoter' }
  }
  const lagEntries = turn.log.lastIndex - progress.matchIndex
  // Of a peer that is still probed nothing is known yet: it has the time limit to show itself.
  const isFarBehind = progress.mode === 'replicate' && lagEntries > LAG_ENTRIES_MAX
  if (progress.mode === 'snapshot' || isFarBehind) return { type: 'refused', reason: 'farBehind' }
  role.transfer = { to, request }
  turn.transferAtMs = turn.now + turn.config.electionTimeoutMs
  trace(turn, { type: 'transferStarted', to })
  handOver(turn)
  return null
}

/** Tells the successor to stand for election, once it has all that we have. */
export function handOver(turn: Turn): void {
  const { role, log, term } = turn
  if (role.role !== 'leader' || role.transfer === null) return
  const { to } = role.transfer
  if (progressOf(role, to)?.matchIndex !== log.lastIndex) return
  role.hasSentTimeoutNow = true
  send(turn, to, { type: 'timeoutNow', term })
}

/** The successor has not taken over in time: we go on. */
export function abortTransfer(turn: Turn, role: Editable<Leader>): void {
  if (role.transfer === null) return
  const { to, request } = role.transfer
  role.transfer = null
  trace(turn, { type: 'transferTimedOut', to })
  turn.answers.push({ request, outcome: { type: 'refused', reason: 'timedOut' } })
}

/** Our leader wants us to lead. */
export function onTimeoutNow(turn: Turn): void {
  if (turn.role.role === 'leader' || !canStand(turn)) return
  becomeCandidate(turn, true)
}
