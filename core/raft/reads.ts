// Linearizable reads without the log. A leader answers one once a majority has answered a round of
// heartbeats that began after it came, or while its lease lasts. Ref: thesis 6.4, 6.4.1 (leases).

import type { NodeId } from './config.ts'
import { progressOf } from './leader.ts'
import { quorumValue } from './quorum.ts'
import type { Leader, PendingRead } from './state.ts'
import type { Editable, Turn } from './turn.ts'
import { send } from './turn.ts'

/**
 * Takes in a read; `peer` is null for one of our own host. It is answered from the state after all
 * that we have appended by now: so an entry counts from its stamp on, for reads as for commands.
 * The entry that opened our term is among them, and with it all that earlier leaders committed
 * (thesis 6.4, step 1).
 */
export function requestRead(
  turn: Turn,
  role: Editable<Leader>,
  id: number,
  peer: NodeId | null,
): void {
  role.reads = [...role.reads, { id, peer, index: turn.log.lastIndex, round: 0 }]
}

/** Gives what came in this turn a round of its own, which starts at once; all of it share it. */
export function startReads(turn: Turn, role: Editable<Leader>): void {
  if (role.reads.at(-1)?.round !== 0) return
  if (hasLease(turn, role)) {
    for (const read of role.reads) if (read.round === 0) answer(turn, read)
    role.reads = role.reads.filter(({ round }) => round !== 0)
    return
  }
  role.round++
  turn.heartbeatDue = true
  // It puts off the next heartbeat: reads that never pause would else never see a lease.
  measureLease(turn, role)
  const { round } = role
  role.reads = role.reads.map((read) => {
    const { id, peer, index } = read
    return read.round === 0 ? { id, peer, index, round } : read
  })
}

/** Once a turn: a majority may have answered a later round, or be smaller than it was. */
export function confirmReads(turn: Turn, role: Editable<Leader>): void {
  const { config } = turn
  if (role.reads.length === 0 && role.leaseRound === 0) return
  const confirmed = quorumValue(turn.membership, (voter) => {
    if (voter === config.node) return role.round
    return progressOf(role, voter)?.ackedRound ?? 0
  })
  if (role.leaseRound > 0 && role.leaseRound <= confirmed) {
    turn.leaseUntilMs = turn.leaseSentAtMs + leaseMs(turn)
    role.leaseRound = 0
  }
  let count = 0
  for (const read of role.reads) {
    if (read.round > confirmed) break
    answer(turn, read)
    count++
  }
  if (count > 0) role.reads = role.reads.slice(count)
}

/** A round of heartbeats is about to leave: if no other does, it is to renew the lease. */
export function measureLease(turn: Turn, role: Editable<Leader>): void {
  if (!turn.config.leaseReads || role.leaseRound !== 0) return
  role.leaseRound = role.round
  turn.leaseSentAtMs = turn.now
}

/** Whether no other can have been elected by now. */
function hasLease(turn: Turn, role: Leader): boolean {
  if (!turn.config.leaseReads || role.hasSentTimeoutNow || role.transfer !== null) return false
  return turn.now < turn.leaseUntilMs
}

/**
 * A majority withholds its votes for an election timeout after it has heard us. Its clocks and ours
 * may part by twice the declared bound, and each reading is rounded down to a millisecond.
 */
function leaseMs({ config }: Turn): number {
  const partsPerMillion = 1_000_000 - 2 * config.clockDriftPpm
  return Math.floor((config.electionTimeoutMs * partsPerMillion) / 1_000_000) - 2
}

function answer(turn: Turn, { id, peer, index }: PendingRead): void {
  const { term } = turn
  if (peer === null) turn.readable.push({ id, index })
  else send(turn, peer, { type: 'readReply', term, id, index })
}
