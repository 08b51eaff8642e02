// What a new cluster takes over from the state of one that is gone. Between the backup and the end
// of the old cluster its holders may have renewed, and may still believe in what they hold: so all
// that is held stays held for the whole of its TTL. Where the new log begins is the host's.

import { invariant } from '../invariant.ts'
import type { OrderedMap } from '../ordered-map.ts'
import { emptyMap, mapEntries, mapGet, mapSet } from '../ordered-map.ts'
import { queueValues } from '../queue.ts'
import type { SessionState } from '../session/state.ts'
import { withoutSessions } from '../session/state.ts'
import { LIMITS } from './limits.ts'
import type { Holding, Lock } from './records.ts'
import { holderId } from './records.ts'
import type { Draft, LockState } from './state.ts'
import { INITIAL, closeDraft, openDraft, putAllMemos, putHolding, putLock } from './state.ts'

/** The state of the lock service with sessions. */
export type LockServiceState = SessionState<LockState>

/** What was held as long as a session that has ended: it is lost, as it was about to be. */
const ENDED_TTL_MS = 1

/**
 * The state that a new cluster begins with, at log time `timeMs`: its clock as of `state`.
 *
 * Holdings keep owner, token and count, and have their whole TTL before them; one that lasts as
 * long as its session has that session's. Answers stay known by their request ids. Sessions have
 * ended: a client cannot go on in one, since calls that it made after the backup are not known.
 * Whoever waits has to ask again: a grant to one that has given up would serve nobody.
 */
export function restoredState(state: LockServiceState, timeMs: number): LockServiceState {
  const { inner, sessions } = state
  const before: LockState = { ...INITIAL, tokenBase: inner.tokenBase }
  const draft = openDraft(before, { index: 0, timeMs, session: null, guarded: false }, LIMITS)
  const anew = (holding: Holding): Holding => {
    const { session } = holding
    const lasting = session === null ? undefined : mapGet(sessions, session)?.ttlMs
    const ttlMs = holding.ttlMs ?? lasting ?? ENDED_TTL_MS
    return { ...holding, ttlMs, deadlineMs: timeMs + ttlMs }
  }
  for (const [, lock] of mapEntries(inner.locks)) putLock(draft, null, restored(draft, lock, anew))
  invariant(putAllMemos(draft, [...queueValues(inner.answered)]), 'restore: a request known twice')
  return withoutSessions(closeDraft(draft))
}

/** The lock without its waiters; its holdings are put into the draft. */
function restored(draft: Draft, lock: Lock, anew: (holding: Holding) => Holding): Lock {
  const waiters: Lock['waiters'] = emptyMap()
  if (lock.type === 'delayed') return { ...lock, waiters }
  if (lock.type === 'exclusive') {
    const holder = anew(lock.holder)
    putHolding(draft, null, holder)
    return { ...lock, holder, waiters }
  }
  let holders: OrderedMap<string, Holding> = emptyMap()
  for (const [, before] of mapEntries(lock.holders)) {
    const holding = anew(before)
    putHolding(draft, null, holding)
    holders = mapSet(holders, holderId(holding.session, holding.owner), holding)
  }
  return { ...lock, holders, waiters }
}
