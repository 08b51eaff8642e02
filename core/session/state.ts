// The state of a machine with sessions: records, the index by deadline and the digest, and the few
// functions that change a record in all of them, so that they never disagree. It knows no rules.

import type { Lanes } from '../hash.ts'
import { addLanes, subtractLanes } from '../hash.ts'
import type { ApplyContext, MachineEvent } from '../machine.ts'
import type { OrderedMap } from '../ordered-map.ts'
import { emptyMap, mapDelete, mapGet, mapSet } from '../ordered-map.ts'
import type { SessionEvent, SessionReply } from './command.ts'
import type { Session, Wait } from './records.ts'
import { deadlineOrder, sessionLanes, waitLanes } from './records.ts'

/** When a session ends unless its client is heard. */
export interface SessionDeadline {
  readonly atMs: number
  readonly session: number
}

/** All of a machine with sessions. `inner`, `sessions` and `waits` say it all. */
export interface SessionState<State, Reply> {
  readonly inner: State
  /** By id. */
  readonly sessions: OrderedMap<number, Session<Reply>>
  /** By deadline and id. */
  readonly deadlines: OrderedMap<string, SessionDeadline>
  /** Late answers to come, by the index under which the inner machine will give them. */
  readonly waits: OrderedMap<number, Wait>
  /** Sum over `sessions` and `waits`, whatever their order. */
  readonly digest: Lanes
}

/** The state in the making while one command is applied. Nobody sees it before it is closed. */
export interface Draft<State, Reply, Event> {
  readonly index: number
  readonly timeMs: number
  readonly version: number
  readonly events: MachineEvent<SessionReply<Reply>, SessionEvent<Event>>[]
  inner: State
  sessions: OrderedMap<number, Session<Reply>>
  deadlines: OrderedMap<string, SessionDeadline>
  waits: OrderedMap<number, Wait>
  digest: Lanes
}

/** A machine in this state, with no session. */
export function withoutSessions<State, Reply>(inner: State): SessionState<State, Reply> {
  return {
    inner,
    sessions: emptyMap(),
    deadlines: emptyMap(),
    waits: emptyMap(),
    digest: [0, 0, 0, 0],
  }
}

/** A draft that begins as `state`, which stays as it is. */
export function openDraft<State, Reply, Event>(
  state: SessionState<State, Reply>,
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
    digest: state.digest,
  }
}

/** The finished state. */
export function closeDraft<State, Reply, Event>(
  draft: Draft<State, Reply, Event>,
): SessionState<State, Reply> {
  return {
    inner: draft.inner,
    sessions: draft.sessions,
    deadlines: draft.deadlines,
    waits: draft.waits,
    digest: draft.digest,
  }
}

/** Replaces a session; undefined before: it begins, null after: it ends. Its waits stay. */
export function putSession<State, Reply, Event>(
  draft: Draft<State, Reply, Event>,
  before: Session<Reply> | undefined,
  after: Session<Reply> | null,
): void {
  if (after !== null) draft.sessions = mapSet(draft.sessions, after.id, after)
  else if (before !== undefined) draft.sessions = mapDelete(draft.sessions, before.id)
  if (before !== undefined) draft.digest = subtractLanes(draft.digest, sessionLanes(before))
  if (after !== null) draft.digest = addLanes(draft.digest, sessionLanes(after))
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
  const before = mapGet(draft.waits, index)
  if (before !== undefined) draft.digest = subtractLanes(draft.digest, waitLanes(index, before))
  if (after === null) {
    draft.waits = mapDelete(draft.waits, index)
    return
  }
  draft.waits = mapSet(draft.waits, index, after)
  draft.digest = addLanes(draft.digest, waitLanes(index, after))
}
