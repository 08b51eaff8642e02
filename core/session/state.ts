// The state of a machine with sessions: records and the index by deadline, and the few functions
// that change a record in both, so that they never disagree. It knows no rules.

import type { ApplyContext, MachineEvent } from '../machine.ts'
import type { OrderedMap } from '../ordered-map.ts'
import { emptyMap, mapDelete, mapSet } from '../ordered-map.ts'
import type { SessionEvent, SessionReply } from './command.ts'
import type { Session, Wait } from './records.ts'
import { deadlineOrder } from './records.ts'

/** When a session ends unless its client is heard. */
export interface SessionDeadline {
  readonly atMs: number
  readonly session: number
}

/** All of a machine with sessions. `inner`, `sessions` and `waits` say it all. */
export interface SessionState<State> {
  readonly inner: State
  /** By id. */
  readonly sessions: OrderedMap<number, Session>
  /** By deadline and id. */
  readonly deadlines: OrderedMap<string, SessionDeadline>
  /** Late answers to come, by the index under which the inner machine will give them. */
  readonly waits: OrderedMap<number, Wait>
}

/** The state in the making while one command is applied. Nobody sees it before it is closed. */
export interface Draft<State, Reply, Event> {
  readonly index: number
  readonly timeMs: number
  readonly version: number
  readonly events: MachineEvent<SessionReply<Reply>, SessionEvent<Event>>[]
  inner: State
  sessions: OrderedMap<number, Session>
  deadlines: OrderedMap<string, SessionDeadline>
  waits: OrderedMap<number, Wait>
}

/** A machine in this state, with no session. */
export function withoutSessions<State>(inner: State): SessionState<State> {
  return {
    inner,
    sessions: emptyMap(),
    deadlines: emptyMap(),
    waits: emptyMap(),
  }
}

/** A draft that begins as `state`, which stays as it is. */
export function openDraft<State, Reply, Event>(
  state: SessionState<State>,
  context: ApplyContext,
): Draft<State, Reply, Event> {
  return {
    index: context.index,
    timeMs: context.timeMs,
    version: context.version,
    events: [],
    inner: state.inner,
    sessions: state.sessions,
    deadlines: state.deadlines,
    waits: state.waits,
  }
}

/** The finished state. */
export function closeDraft<State, Reply, Event>(
  draft: Draft<State, Reply, Event>,
): SessionState<State> {
  return {
    inner: draft.inner,
    sessions: draft.sessions,
    deadlines: draft.deadlines,
    waits: draft.waits,
  }
}

/** Replaces a session; undefined before: it begins, null after: it ends. Its waits stay. */
export function putSession<State, Reply, Event>(
  draft: Draft<State, Reply, Event>,
  before: Session | undefined,
  after: Session | null,
): void {
  if (after !== null) draft.sessions = mapSet(draft.sessions, after.id, after)
  else if (before !== undefined) draft.sessions = mapDelete(draft.sessions, before.id)
  if (before !== undefined && after !== null && before.deadlineMs === after.deadlineMs) return
  if (before !== undefined) draft.deadlines = mapDelete(draft.deadlines, deadlineOrder(before))
  if (after === null) return
  const deadline = { atMs: after.deadlineMs, session: after.id }
  draft.deadlines = mapSet(draft.deadlines, deadlineOrder(after), deadline)
}

/** Replaces the wait for the late answer of the entry at `index`; null: it is over. */
export function putWait<State, Reply, Event>(
  draft: Draft<State, Reply, Event>,
  index: number,
  after: Wait | null,
): void {
  if (after === null) draft.waits = mapDelete(draft.waits, index)
  else draft.waits = mapSet(draft.waits, index, after)
}
