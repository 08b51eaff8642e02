// Sessions around any state machine: joins the rules, the codec and the snapshot into the interface
// that a replica drives. It knows nothing of what the inner machine does.

import { Hash128 } from '../hash.ts'
import type { Due, Machine } from '../machine.ts'
import { mapFirst, mapSize } from '../ordered-map.ts'
import { joinParts } from '../snapshot-parts.ts'
import type { OnSessionEnded, Rules } from './apply.ts'
import { applyCommand } from './apply.ts'
import { decodeCommand, decodeReply, encodeCommand, encodeReply } from './codec.ts'
import type { SessionCommand, SessionEvent, SessionReply } from './command.ts'
import type { SessionLimits } from './limits.ts'
import { SESSION_LIMITS } from './limits.ts'
import { sessionsLanes } from './records.ts'
import { decodeSnapshot, snapshotParts } from './snapshot.ts'
import type { SessionState } from './state.ts'
import { withoutSessions } from './state.ts'

/** What sessions may be given; every node of a group must have the same. */
export interface SessionOptions<State, Reply, Event> {
  /** What is left out is as in `SESSION_LIMITS`. */
  readonly limits?: Partial<SessionLimits>
  /** What the end of a session does to the inner machine: nothing when left out. */
  readonly onSessionEnded?: OnSessionEnded<State, Reply, Event>
}

/** A machine with sessions. */
export type SessionMachine<State, Command, Reply, Event> = Machine<
  SessionState<State>,
  SessionCommand<Command>,
  SessionReply<Reply>,
  SessionEvent<Event>
>

/**
 * Makes a machine whose clients can repeat a call without a second effect.
 *
 * A client opens a session and numbers its calls. However often a call comes, and in whatever
 * order, `inner` applies it once, and each attempt is answered what the first was. With every call
 * the client says up to which number it has all answers, and what was remembered of those goes.
 * What a bound call brings about is the session's; an unbound one only has this guard of it.
 *
 * `inner.apply` gets a `SessionContext`. It must answer each index at most once. A late answer goes
 * to the newest attempt of the call; each attempt before it is told `superseded` when the next one
 * comes, and is to be taken for unanswered: the network may have brought the attempts out of order.
 *
 * Its versions are those of `inner`: what sessions themselves do is the same in all of them.
 *
 * Opening is not protected: a repeated `openSession` opens another session, which then runs out.
 *
 * Ref: Ongaro's thesis, section 6.3; RIFL (Lee et al., SOSP 2015).
 */
export function withSessions<State, Command, Reply, Event extends { readonly type: string }>(
  inner: Machine<State, Command, Reply, Event>,
  options: SessionOptions<State, Reply, Event> = {},
): SessionMachine<State, Command, Reply, Event> {
  const rules: Rules<State, Command, Reply, Event> = {
    inner,
    limits: { ...SESSION_LIMITS, ...options.limits },
    onSessionEnded: options.onSessionEnded ?? null,
  }
  return {
    ...(inner.versions === undefined ? {} : { versions: inner.versions }),
    initial: () => withoutSessions(inner.initial()),
    apply: (state, command, context) => applyCommand(rules, state, command, context),
    query: (state, command, timeMs) => {
      if (command.type !== 'plain') return null
      const reply = inner.query(state.inner, command.command, timeMs)
      return reply === null ? null : { type: 'replied', reply }
    },
    due: (state) => due(rules, state),
    encodeCommand: (command) => encodeCommand(inner, command),
    decodeCommand: (bytes) => decodeCommand(inner, bytes),
    encodeReply: (reply) => encodeReply(inner, reply),
    decodeReply: (bytes) => decodeReply(inner, bytes),
    encodeSnapshot: (state) => joinParts(snapshotParts(inner, state)),
    snapshotParts: (state) => snapshotParts(inner, state),
    decodeSnapshot: (bytes) => decodeSnapshot(inner, bytes),
    hash: (state) => hash(inner, state),
  }
}

/**
 * The earlier of what the inner machine calls for and the first session's end. Sessions go first
 * when both are at once: nothing is given to a client whose session has run out by then.
 */
function due<State, Command, Reply, Event extends { readonly type: string }>(
  { inner, limits }: Rules<State, Command, Reply, Event>,
  state: SessionState<State>,
): Due<SessionCommand<Command>> | null {
  const first = mapFirst(state.deadlines)
  const innerDue = inner.due(state.inner)
  if (first !== null && (innerDue === null || first[1].atMs <= innerDue.atMs)) {
    return { atMs: first[1].atMs, command: { type: 'expireSessions', max: limits.expireMax } }
  }
  if (innerDue === null) return null
  return { atMs: innerDue.atMs, command: { type: 'plain', command: innerDue.command } }
}

function hash<State, Command, Reply, Event extends { readonly type: string }>(
  inner: Machine<State, Command, Reply, Event>,
  state: SessionState<State>,
): string {
  const all = new Hash128()
  all.integer(mapSize(state.sessions))
  all.integer(mapSize(state.waits))
  for (const lane of sessionsLanes(state.sessions, state.waits)) all.word(lane)
  all.text(inner.hash(state.inner))
  return all.hex()
}
