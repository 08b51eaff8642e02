// The rules of sessions: which call reaches the inner machine, what is remembered of it, and when a
// session ends. They rest on the state, the command and its place in the log, and on nothing else.
// Ref: Ongaro's thesis, section 6.3; RIFL (Lee et al., SOSP 2015).

import type { Lanes } from '../hash.ts'
import { addLanes, hashBytes } from '../hash.ts'
import { invariant, unreachable } from '../invariant.ts'
import type { Answer, ApplyContext, Machine, MachineEvent } from '../machine.ts'
import { mapFirst, mapGet, mapSize } from '../ordered-map.ts'
import type { CommandCodec, ReplyCodec } from './codec.ts'
import type {
  Call,
  ExpireSessions,
  SessionCommand,
  SessionEnded,
  SessionEvent,
  SessionReason,
  SessionReply,
} from './command.ts'
import type { SessionLimits } from './limits.ts'
import { isTtlWithin } from './limits.ts'
import type { AnsweredCall, CallRecord, Session } from './records.ts'
import { acknowledged, newSession, renewed, withCall } from './records.ts'
import type { Draft, SessionState } from './state.ts'
import { closeDraft, openDraft, putSession, putWait } from './state.ts'

/** What the inner machine is told of a command: where it is applied, and whose it is. */
export interface SessionContext extends ApplyContext {
  /** The session whose it is; null outside of all sessions, and of an unbound call. */
  readonly session: number | null
  /** It is a call, bound or not: a session sees to it that it has its effect once. */
  readonly guarded: boolean
}

/** Whose a command is: what a `SessionContext` says of it besides its place. */
export type Whence = Pick<SessionContext, 'session' | 'guarded'>

const OUTSIDE: Whence = { session: null, guarded: false }

/** Added to the hash of an unbound call's command: it differs from that of a bound one. */
const UNBOUND: Lanes = [1, 0, 0, 0]

/**
 * Lets the inner machine react to the end of a session: a new state, and what happened. `version`
 * is that of its rules which is in force.
 */
export type OnSessionEnded<State, Reply, Event> = (
  state: State,
  ended: SessionEnded,
  version: number,
) => readonly [State, readonly MachineEvent<Reply, Event>[]]

/** What decides besides the state: the same on every node. */
export interface Rules<State, Command, Reply, Event extends { readonly type: string }> {
  readonly inner: Machine<State, Command, Reply, Event>
  readonly limits: SessionLimits
  readonly onSessionEnded: OnSessionEnded<State, Reply, Event> | null
}

/** `Machine.apply` under these rules. */
export function applyCommand<State, Command, Reply, Event extends { readonly type: string }>(
  rules: Rules<State, Command, Reply, Event>,
  state: SessionState<State>,
  command: SessionCommand<Command>,
  context: ApplyContext,
): readonly [
  SessionState<State>,
  SessionReply<Reply> | null,
  readonly MachineEvent<SessionReply<Reply>, SessionEvent<Event>>[],
] {
  const draft: Draft<State, Reply, Event> = openDraft(state, context)
  const reply = applyTo(rules, draft, command)
  return [closeDraft(draft), reply, draft.events]
}

function applyTo<State, Command, Reply, Event extends { readonly type: string }>(
  rules: Rules<State, Command, Reply, Event>,
  draft: Draft<State, Reply, Event>,
  command: SessionCommand<Command>,
): SessionReply<Reply> | null {
  switch (command.type) {
    case 'openSession':
      return openSession(rules, draft, command.ttlMs)
    case 'keepAlive': {
      const session = mapGet(draft.sessions, command.session)
      if (session === undefined) return rejected('sessionEnded')
      putSession(draft, session, renewed(session, draft.timeMs))
      return { type: 'keptAlive', ttlMs: session.ttlMs }
    }
    case 'closeSession': {
      const session = mapGet(draft.sessions, command.session)
      if (session === undefined) return rejected('sessionEnded')
      endSession(rules, draft, session, 'close')
      return { type: 'closed' }
    }
    case 'call':
      return call(rules, draft, command)
    case 'plain': {
      const [reply, events] = applyInner(rules, draft, command.command, OUTSIDE)
      route(rules, draft, events)
      return reply === null ? null : { type: 'replied', reply }
    }
    case 'expireSessions':
      return expireSessions(rules, draft, command)
    default:
      return unreachable(command)
  }
}

function rejected(reason: SessionReason): { readonly type: 'rejected'; reason: SessionReason } {
  return { type: 'rejected', reason }
}

function openSession<State, Command, Reply, Event extends { readonly type: string }>(
  { limits }: Rules<State, Command, Reply, Event>,
  draft: Draft<State, Reply, Event>,
  ttlMs: number,
): SessionReply<Reply> {
  if (!isTtlWithin(ttlMs, limits)) return rejected('ttlOutOfRange')
  if (mapSize(draft.sessions) >= limits.sessionsMax) return rejected('tooManySessions')
  putSession(draft, undefined, newSession(draft.index, ttlMs, draft.timeMs))
  return { type: 'opened', session: draft.index, ttlMs }
}

/**
 * A call of a living session shows that its client is there and moves the acknowledged mark,
 * whatever it is answered. It reaches the inner machine only when its number was never seen: not by
 * being higher than others, since calls may arrive in any order.
 */
function call<State, Command, Reply, Event extends { readonly type: string }>(
  rules: Rules<State, Command, Reply, Event>,
  draft: Draft<State, Reply, Event>,
  command: Call<Command>,
): SessionReply<Reply> | null {
  const { inner, limits } = rules
  const before = mapGet(draft.sessions, command.session)
  if (before === undefined) return rejected('sessionEnded')
  const { sequence } = command
  const session = acknowledged(renewed(before, draft.timeMs), command.acknowledged)
  const known = mapGet(session.calls, sequence)
  const isNew = known === undefined && sequence > session.acknowledged
  if (!isNew || isFull(session, sequence, limits)) {
    putSession(draft, before, session)
    if (sequence <= session.acknowledged) return rejected('alreadyAnswered')
    if (known === undefined) return rejected('tooManyUnacknowledged')
    return callAgain(inner, draft, known, bodyOf(inner, command))
  }
  const body = bodyOf(inner, command)
  const whence = { session: command.bound ? session.id : null, guarded: true }
  const [reply, events] = applyInner(rules, draft, command.command, whence)
  const { index } = draft
  const record: CallRecord =
    reply === null ? { type: 'waiting', body, index } : answered(inner, body, reply)
  putSession(draft, before, withCall(session, sequence, record))
  // Before the events are routed: the answer to this very entry may be among them.
  if (reply === null) putWait(draft, index, { session: session.id, sequence, answerIndex: index })
  route(rules, draft, events)
  return reply === null ? null : { type: 'replied', reply }
}

/**
 * By the distance from the mark, not by how many calls are known: the lowest number that the client
 * misses is always within, and so the mark can always move on.
 */
function isFull(
  session: Session,
  sequence: number,
  limits: SessionLimits,
): boolean {
  const distance = sequence - session.acknowledged
  if (distance > limits.unacknowledgedMax) return true
  return distance > 1 && session.replyBytes >= limits.replyBytesMax
}

/** A call came again: its reply if there is one, else the newest attempt is the one to wait. */
function callAgain<State, Reply, Event>(
  codec: ReplyCodec<Reply>,
  draft: Draft<State, Reply, Event>,
  known: CallRecord,
  body: Lanes,
): SessionReply<Reply> | null {
  if (!sameLanes(known.body, body)) return rejected('sequenceReused')
  if (known.type === 'answered') {
    const reply = codec.decodeReply(known.reply)
    invariant(reply !== null, 'session: a remembered reply cannot be read')
    return { type: 'replied', reply }
  }
  const wait = mapGet(draft.waits, known.index)
  invariant(wait !== undefined, 'session: a waiting call has no wait')
  putWait(draft, known.index, { ...wait, answerIndex: draft.index })
  draft.events.push({ type: 'answer', index: wait.answerIndex, reply: { type: 'superseded' } })
  return null
}

function answered<Reply>(codec: ReplyCodec<Reply>, body: Lanes, reply: Reply): AnsweredCall {
  return { type: 'answered', body, reply: codec.encodeReply(reply) }
}

/** Hash of all that attempts of one call have in common. */
function bodyOf<Command>(
  codec: CommandCodec<Command>,
  { bound, command }: Call<Command>,
): Lanes {
  const body = hashBytes(codec.encodeCommand(command))
  return bound ? body : addLanes(body, UNBOUND)
}

function sameLanes(a: Lanes, b: Lanes): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2] && a[3] === b[3]
}

function applyInner<State, Command, Reply, Event extends { readonly type: string }>(
  { inner }: Rules<State, Command, Reply, Event>,
  draft: Draft<State, Reply, Event>,
  command: Command,
  { session, guarded }: Whence,
): readonly [Reply | null, readonly MachineEvent<Reply, Event>[]] {
  const { index, timeMs, version } = draft
  const context: SessionContext = { index, timeMs, version, session, guarded }
  const [after, reply, events] = inner.apply(draft.inner, command, context)
  draft.inner = after
  return [reply, events]
}

/** Hands on what happened in the inner machine. */
function route<State, Command, Reply, Event extends { readonly type: string }>(
  rules: Rules<State, Command, Reply, Event>,
  draft: Draft<State, Reply, Event>,
  events: readonly MachineEvent<Reply, Event>[],
): void {
  for (const event of events) {
    if (isAnswer(event)) answerLate(rules, draft, event.index, event.reply)
    else draft.events.push({ type: 'inner', event })
  }
}

function isAnswer<Reply, Event extends { readonly type: string }>(
  event: MachineEvent<Reply, Event>,
): event is Answer<Reply> {
  return event.type === 'answer'
}

/** Tells the newest attempt, and remembers the reply if the call can still come again. */
function answerLate<State, Command, Reply, Event extends { readonly type: string }>(
  { inner }: Rules<State, Command, Reply, Event>,
  draft: Draft<State, Reply, Event>,
  index: number,
  reply: Reply,
): void {
  const wait = mapGet(draft.waits, index)
  const answerIndex = wait === undefined ? index : wait.answerIndex
  draft.events.push({ type: 'answer', index: answerIndex, reply: { type: 'replied', reply } })
  if (wait === undefined) return
  putWait(draft, index, null)
  const session = mapGet(draft.sessions, wait.session)
  if (session === undefined || wait.sequence <= session.acknowledged) return
  const known = mapGet(session.calls, wait.sequence)
  invariant(known !== undefined && known.type === 'waiting', 'session: a call is answered twice')
  const record = answered(inner, known.body, reply)
  putSession(draft, session, withCall(session, wait.sequence, record))
}

/** By (deadline, id). Only here a session's time runs out: until this is applied, it lives. */
function expireSessions<State, Command, Reply, Event extends { readonly type: string }>(
  rules: Rules<State, Command, Reply, Event>,
  draft: Draft<State, Reply, Event>,
  { max }: ExpireSessions,
): SessionReply<Reply> {
  let sessions = 0
  for (; sessions < max; sessions++) {
    const first = mapFirst(draft.deadlines)
    if (first === null || first[1].atMs > draft.timeMs) break
    const session = mapGet(draft.sessions, first[1].session)
    invariant(session !== undefined, 'session: a deadline without a session')
    endSession(rules, draft, session, 'expiry')
  }
  return { type: 'expired', sessions }
}

function endSession<State, Command, Reply, Event extends { readonly type: string }>(
  rules: Rules<State, Command, Reply, Event>,
  draft: Draft<State, Reply, Event>,
  session: Session,
  by: SessionEnded['by'],
): void {
  const { index, timeMs } = draft
  putSession(draft, session, null)
  const ended = { type: 'sessionEnded', session: session.id, by, index, timeMs } as const
  draft.events.push(ended)
  if (rules.onSessionEnded === null) return
  const [after, events] = rules.onSessionEnded(draft.inner, ended, draft.version)
  draft.inner = after
  route(rules, draft, events)
}
