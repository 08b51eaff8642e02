// The lock service as a replicated state machine: joins the rules, the codec and the snapshot into
// the interface that a replica drives.

import { Hash128 } from '../hash.ts'
import type { Due, Machine } from '../machine.ts'
import { mapFirst, mapSize } from '../ordered-map.ts'
import { applyCommand, queryCommand } from './apply.ts'
import { decodeCommand, decodeReply, encodeCommand, encodeReply } from './codec.ts'
import type { LockCommand, LockEvent, LockReply } from './command.ts'
import type { Limits } from './limits.ts'
import { LIMITS } from './limits.ts'
import { decodeSnapshot, encodeSnapshot } from './snapshot.ts'
import type { LockState } from './state.ts'
import { INITIAL } from './state.ts'

/** The machine type of the lock service. */
export type LockMachine = Machine<LockState, LockCommand, LockReply, LockEvent>

/** A lock machine. What `limits` leaves out is as in `LIMITS`; every node must have the same. */
export function lockMachine(limits: Partial<Limits> = {}): LockMachine {
  const all = { ...LIMITS, ...limits }
  return {
    initial: () => INITIAL,
    apply: (state, command, context) => applyCommand(state, command, context, all),
    query: (state, command, timeMs) => queryCommand(state, command, timeMs, all),
    due: (state) => due(state, all.expireMax),
    encodeCommand,
    decodeCommand,
    encodeReply,
    decodeReply,
    encodeSnapshot,
    decodeSnapshot,
    hash,
  }
}

/** An `expire` at the first deadline of a lease or a wait. */
function due(state: LockState, max: number): Due<LockCommand> | null {
  const lease = mapFirst(state.leaseDeadlines)
  const wait = mapFirst(state.waitDeadlines)
  if (lease === null && wait === null) return null
  const leaseMs = lease === null ? Infinity : lease[1].atMs
  const waitMs = wait === null ? Infinity : wait[1].atMs
  return { atMs: Math.min(leaseMs, waitMs), command: { type: 'expire', max } }
}

function hash(state: LockState): string {
  const all = new Hash128()
  all.integer(state.tokenBase)
  all.integer(mapSize(state.locks))
  all.integer(mapSize(state.memos))
  for (const lane of state.digest) all.word(lane)
  return all.hex()
}
