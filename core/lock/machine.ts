// The lock service as a replicated state machine: joins the rules, the codec and the snapshot into
// the interface that a replica drives.

import { Hash128 } from '../hash.ts'
import type { ApplyContext, Due, Machine } from '../machine.ts'
import { mapFirst, mapSize } from '../ordered-map.ts'
import type { SessionContext, Whence } from '../session/apply.ts'
import type { SessionLimits } from '../session/limits.ts'
import type { SessionMachine } from '../session/machine.ts'
import { withSessions } from '../session/machine.ts'
import { applyCommand, endSession } from './apply.ts'
import { decodeCommand, decodeReply, encodeCommand, encodeReply } from './codec.ts'
import type { LockCommand } from './command.ts'
import { stateLanes } from './digest.ts'
import type { LockEvent } from './event.ts'
import type { Limits } from './limits.ts'
import { LIMITS } from './limits.ts'
import { isQuery, queryReply } from './query.ts'
import type { LockReply } from './reply.ts'
import { decodeSnapshot, encodeSnapshot, snapshotParts } from './snapshot.ts'
import type { LockState } from './state.ts'
import { INITIAL } from './state.ts'

/** The machine type of the lock service. */
export type LockMachine = Machine<LockState, LockCommand, LockReply, LockEvent>

/** The machine type of the lock service with sessions. */
export type LockService = SessionMachine<LockState, LockCommand, LockReply, LockEvent>

/** A lock machine. What `limits` leaves out is as in `LIMITS`; every node must have the same. */
export function lockMachine(limits: Partial<Limits> = {}): LockMachine {
  const all = { ...LIMITS, ...limits }
  return {
    initial: () => INITIAL,
    apply: (state, command, context) => applyCommand(state, command, inSession(context), all),
    query: (state, command, timeMs) =>
      isQuery(command) ? queryReply(state.locks, command, timeMs, all) : null,
    due: (state) => due(state, all.expireMax),
    encodeCommand,
    decodeCommand,
    encodeReply,
    decodeReply,
    encodeSnapshot,
    snapshotParts,
    decodeSnapshot,
    hash,
  }
}

/** The lock service with sessions: their end is the end of what was taken in them. */
export function lockService(
  limits: Partial<Limits> = {},
  sessionLimits: Partial<SessionLimits> = {},
): LockService {
  const all = { ...LIMITS, ...limits }
  return withSessions(lockMachine(limits), {
    limits: sessionLimits,
    onSessionEnded: (state, ended) => [endSession(state, ended, all), []],
  })
}

/** A command that came in no session has none in its context. */
function inSession(context: ApplyContext & Partial<Whence>): SessionContext {
  const { index, timeMs, version, session = null, guarded = false } = context
  return { index, timeMs, version, session, guarded }
}

/** An `expire` at the first deadline, or at once while an ended session still has something. */
function due(state: LockState, max: number): Due<LockCommand> | null {
  const lease = mapFirst(state.leaseDeadlines)
  const wait = mapFirst(state.waitDeadlines)
  const delay = mapFirst(state.delayDeadlines)
  const atMs = Math.min(
    mapSize(state.ended) > 0 ? 0 : Infinity,
    lease?.[1].deadlineMs ?? Infinity,
    wait?.[1].atMs ?? Infinity,
    delay?.[1].atMs ?? Infinity,
  )
  return atMs === Infinity ? null : { atMs, command: { type: 'expire', max } }
}

function hash(state: LockState): string {
  const all = new Hash128()
  all.integer(state.tokenBase)
  all.integer(mapSize(state.locks))
  all.integer(state.memosCount)
  for (const lane of stateLanes(state)) all.word(lane)
  return all.hex()
}
