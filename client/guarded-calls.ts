// Commands that have their effect once, however often they are asked: calls of a session, which is
// opened before the first of them and changed for another when it may be over, or when a call that
// waits for long keeps it from forgetting. What a command means is not known here.
//
// No session is kept alive for its own sake: each call renews it, and one that is not used runs
// out. What a call brings about is none of the session's, and stays when that ends.
//
// It holds no promise, no timer and no connection of its own: the simulator drives the very same.

import type { LockCommand } from '../core/lock/command.ts'
import { lockService } from '../core/lock/machine.ts'
import type { LockReply } from '../core/lock/reply.ts'
import type { SessionCommand, SessionReason } from '../core/session/command.ts'
import { SESSION_LIMITS } from '../core/session/limits.ts'
import type { Asker, AskTerms, GiveUp } from './asker.ts'
import type { CallResult } from './request-data.ts'
import { Session } from './session.ts'

/** How the sessions of a client go. */
export interface GuardedOptions {
  /** How long a session lasts after its last call, milliseconds. */
  readonly sessionTtlMs: number
  /** From so many numbers above the acknowledged one on another session is opened. */
  readonly rotateSpan: number
}

const USUAL: GuardedOptions = {
  sessionTtlMs: 300_000,
  rotateSpan: SESSION_LIMITS.unacknowledgedMax / 2,
}

/** How long a session that is done with is tried to be closed: else it runs out. */
const CLOSE_MS = 5_000

/** How one command is asked for. */
export type CallTerms = Omit<AskTerms, 'read'>

/** It has not happened and will not. */
export type Failed = Extract<CallResult, { readonly type: 'failed' }>

/** How a command ended, in the words of the lock machine. */
export type Ended =
  | { readonly type: 'answered'; readonly reply: LockReply; readonly firstSentMs: number }
  | Exclude<CallResult, { readonly type: 'done' }>

/** How one asking under a call's number ended. */
export type AskEnded =
  | Ended
  /** The number belongs to another command, which has been applied. */
  | { readonly type: 'reused' }
  /** The session took no such number, and none of this asking has happened or will. */
  | { readonly type: 'refused' }

/** A call that was made, and is not over before `end` is called: until then it is remembered. */
export interface Made<Command extends LockCommand> {
  /** Null: there was no session to make it in. */
  readonly call: GuardedCall | null
  /** As it was asked. */
  readonly command: Command
  readonly ended: Ended
}

const machine = lockService()

/** One number of a session. */
export class GuardedCall {
  readonly #asker: Asker
  readonly #session: Session
  readonly #sequence: number
  readonly #onEnd: () => void

  constructor(asker: Asker, session: Session, onEnd: () => void) {
    this.#asker = asker
    this.#session = session
    this.#sequence = session.begin()
    this.#onEnd = onEnd
  }

  /** Asks for a command under this number. */
  ask(command: LockCommand, terms: CallTerms, then: (ended: AskEnded) => void): GiveUp {
    const { id, acknowledged } = this.#session
    const sequence = this.#sequence
    const { timeoutMs, attemptTimeoutMs } = terms
    const type = 'call'
    const call = { type, session: id, sequence, acknowledged, bound: false, command } as const
    return this.#asker.ask(encode(call), { timeoutMs, read: false, attemptTimeoutMs }, (result) => {
      then(this.#ended(result))
    })
  }

  /** It is answered, or given up: no attempt of it that comes later has any effect. */
  end(): void {
    this.#session.end(this.#sequence)
    this.#onEnd()
  }

  #ended(result: CallResult): AskEnded {
    if (result.type !== 'done') return result
    const reply = machine.decodeReply(result.reply)
    if (reply?.type === 'rejected') return this.#rejected(reply.reason)
    if (reply?.type !== 'replied') return { type: 'unknown' }
    this.#session.heard(result.firstSentMs)
    return { type: 'answered', reply: reply.reply, firstSentMs: result.firstSentMs }
  }

  /**
   * This asking had no effect, and no other may have: else it would be unknown. What is said of a
   * number that the client itself has ended speaks of no call.
   */
  #rejected(reason: SessionReason): AskEnded {
    if (reason === 'sequenceReused') return { type: 'reused' }
    if (reason === 'alreadyAnswered') return { type: 'unknown' }
    this.#session.leave()
    return { type: 'refused' }
  }
}

/** The calls of one client, in one session after the other. */
export class GuardedCalls {
  readonly #asker: Asker
  readonly #options: GuardedOptions
  #session: Session | null = null
  /** Those that only wait for their last calls to be over, to be closed then. */
  readonly #retired = new Set<Session>()
  #isOpening = false
  #openingUntilMs = 0
  /** Whoever is to hear of the opening. */
  #hearers: ((failed: Failed | null) => void)[] = []

  constructor(asker: Asker, options: GuardedOptions = USUAL) {
    this.#asker = asker
    this.#options = options
  }

  /** Asks for a command, which has its effect once at most. */
  call(command: LockCommand, terms: CallTerms, then: (ended: Ended) => void): GiveUp {
    return this.make(() => command, terms, ({ call, ended }) => {
      call?.end()
      then(ended)
    })
  }

  /**
   * The same for a command that depends on the milliseconds that have passed till then, and the
   * call stays open. It is made anew in another session if the first refuses it unheard.
   */
  make<Command extends LockCommand>(
    commandAfter: (passedMs: number) => Command,
    terms: CallTerms,
    then: (made: Made<Command>) => void,
  ): GiveUp {
    const startMs = this.#asker.now()
    const untilMs = startMs + terms.timeoutMs
    let isGivenUp = false
    let giveUp: GiveUp = () => {}
    const attempt = (): void => {
      const now = this.#asker.now()
      const command = commandAfter(now - startMs)
      if (isGivenUp) {
        return then({ call: null, command, ended: { type: 'failed', refusal: null } })
      }
      const call = this.#begin(now, untilMs)
      if (call === null) {
        giveUp = this.#opened(untilMs, (failed) => {
          const isOver = failed !== null && (isGivenUp || this.#isLast(untilMs))
          if (isOver) then({ call, command, ended: failed })
          else attempt()
        })
        return
      }
      const own = now === startMs ? terms : { ...terms, timeoutMs: Math.max(0, untilMs - now) }
      giveUp = call.ask(command, own, (ended) => {
        if (ended.type === 'reused') return then({ call, command, ended: { type: 'unknown' } })
        if (ended.type !== 'refused') return then({ call, command, ended })
        call.end()
        attempt()
      })
    }
    attempt()
    return () => {
      isGivenUp = true
      giveUp()
    }
  }

  /** What to tell the service in the end: whoever is told less forgets these sessions later. */
  farewells(): readonly Uint8Array[] {
    const now = this.#asker.now()
    const sessions = [...this.#retired, ...(this.#session === null ? [] : [this.#session])]
    const open = sessions.filter((session) => session.isSure(now))
    return open.map(({ id }) => encode({ type: 'closeSession', session: id }))
  }

  /** Null: there is no session to begin one in, and one is to be opened first. */
  #begin(now: number, untilMs: number): GuardedCall | null {
    const session = this.#session
    if (session === null || !session.isSure(now)) return null
    if (session.span >= this.#options.rotateSpan) {
      this.#open(untilMs)
      if (session.span >= SESSION_LIMITS.unacknowledgedMax) return null
    }
    return new GuardedCall(this.#asker, session, () => this.#closeIfDone(session))
  }

  /** Whether to go on is no use: not if the one that opened had less time than this one has. */
  #isLast(untilMs: number): boolean {
    const now = this.#asker.now()
    return now >= untilMs || now < this.#openingUntilMs
  }

  /** Waits for a new session, as long as this call may: why there is none, or null. */
  #opened(untilMs: number, then: (failed: Failed | null) => void): GiveUp {
    this.#open(untilMs)
    let isOver = false
    let stopTimer = (): void => {}
    const end = (failed: Failed | null): void => {
      if (isOver) return
      isOver = true
      stopTimer()
      then(failed)
    }
    const giveUp = (): void => end({ type: 'failed', refusal: null })
    this.#hearers.push(end)
    // Else the opening ends in time by itself.
    if (untilMs < this.#openingUntilMs) {
      stopTimer = this.#asker.setTimer(untilMs - this.#asker.now(), giveUp)
    }
    return giveUp
  }

  /** Calls that come at once share one opening. */
  #open(untilMs: number): void {
    if (this.#isOpening) return
    this.#isOpening = true
    this.#openingUntilMs = untilMs
    // A session that refuses a call may say so when that has no time left.
    const timeoutMs = Math.max(0, untilMs - this.#asker.now())
    const payload = encode({ type: 'openSession', ttlMs: this.#options.sessionTtlMs })
    this.#asker.ask(payload, { timeoutMs, read: false }, (result) => {
      this.#isOpening = false
      const failed = this.#tookUp(result)
      for (const hear of this.#hearers.splice(0)) hear(failed)
    })
  }

  #tookUp(result: CallResult): Failed | null {
    if (result.type === 'failed') return result
    // Of an opening that was not answered there may be a session, which runs out by itself.
    if (result.type === 'unknown') return { type: 'failed', refusal: null }
    const reply = machine.decodeReply(result.reply)
    if (reply?.type !== 'opened') return { type: 'failed', refusal: 'overloaded' }
    const before = this.#session
    this.#session = new Session(reply.session, reply.ttlMs, result.firstSentMs)
    if (before !== null) {
      this.#retired.add(before)
      this.#closeIfDone(before)
    }
    return null
  }

  #closeIfDone(session: Session): void {
    if (!session.isIdle || !this.#retired.delete(session)) return
    if (!session.isSure(this.#asker.now())) return
    const payload = encode({ type: 'closeSession', session: session.id })
    this.#asker.ask(payload, { timeoutMs: CLOSE_MS, read: false }, () => {})
  }
}

function encode(command: SessionCommand<LockCommand>): Uint8Array {
  return machine.encodeCommand(command)
}
