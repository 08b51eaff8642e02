// What clients may ask of sessions, what they are answered and what watchers see, around the
// commands, replies and events of any machine, of which nothing is known here.

/** Opens a session. Its id is the index of this entry, and so is never given twice. */
export interface OpenSession {
  readonly type: 'openSession'
  /** How long the session lives after its client was last heard, in log time. */
  readonly ttlMs: number
}

/** Says that the client is there: the session lives a whole `ttlMs` from this entry on. */
export interface KeepAlive {
  readonly type: 'keepAlive'
  readonly session: number
}

/** Ends a session. */
export interface CloseSession {
  readonly type: 'closeSession'
  readonly session: number
}

/** A command of the inner machine that has its effect once, however often the call comes. */
export interface Call<Command> {
  readonly type: 'call'
  readonly session: number
  /** From 1, one for each call of the session; they may arrive in any order. */
  readonly sequence: number
  /**
   * The client has the answers of all calls up to this number, or has given them up: what was
   * remembered of them is dropped, and none of them is applied from now on.
   */
  readonly acknowledged: number
  /**
   * True: what it brings about is the session's, and may end with it. False: the session only sees
   * to it that the command has its effect once, which is that of one outside of all sessions.
   */
  readonly bound: boolean
  readonly command: Command
}

/** A command of the inner machine outside of all sessions: applied each time it comes. */
export interface Plain<Command> {
  readonly type: 'plain'
  readonly command: Command
}

/** Ends the sessions whose deadline log time has reached, the earliest first, at most `max`. */
export interface ExpireSessions {
  readonly type: 'expireSessions'
  readonly max: number
}

/** All commands. */
export type SessionCommand<Command> =
  | OpenSession
  | KeepAlive
  | CloseSession
  | Call<Command>
  | Plain<Command>
  | ExpireSessions

/**
 * Why something was refused. Nothing was applied for it, and this is remembered nowhere: it speaks
 * of the one attempt, and another attempt of the same call may have had its effect or still get it.
 *
 * - `sessionEnded`: the session has ended, or never was. It will never be again.
 * - `alreadyAnswered`: the client itself has acknowledged this number.
 * - `sequenceReused`: this number belongs to a call with another command, or another `bound`.
 * - `tooManyUnacknowledged`: the number is too far above the acknowledged mark, or the session has
 *   as many bytes of replies as it may have.
 */
export type SessionReason =
  | 'sessionEnded'
  | 'alreadyAnswered'
  | 'sequenceReused'
  | 'tooManyUnacknowledged'
  | 'tooManySessions'
  | 'ttlOutOfRange'

/** What a command is answered. */
export type SessionReply<Reply> =
  | { readonly type: 'opened'; readonly session: number; readonly ttlMs: number }
  | { readonly type: 'keptAlive'; readonly ttlMs: number }
  | { readonly type: 'closed' }
  /** What the inner machine answered, now or when the call first came. */
  | { readonly type: 'replied'; readonly reply: Reply }
  /** To an attempt of a call that waits: a newer attempt gets the answer. */
  | { readonly type: 'superseded' }
  | { readonly type: 'expired'; readonly sessions: number }
  | { readonly type: 'rejected'; readonly reason: SessionReason }

/** A session has ended at this entry. */
export interface SessionEnded {
  readonly type: 'sessionEnded'
  readonly session: number
  readonly by: 'close' | 'expiry'
  readonly index: number
  readonly timeMs: number
}

/** What the inner machine tells its watchers, as it is. */
export interface InnerEvent<Event> {
  readonly type: 'inner'
  readonly event: Event
}

/** All events but answers. */
export type SessionEvent<Event> = SessionEnded | InnerEvent<Event>
