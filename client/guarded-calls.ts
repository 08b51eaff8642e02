// Commands that have their effect once, however often they are asked: calls of a session, which is
// opened before the first of them and changed for another when it may be over, or when a call that
// waits for long keeps it from forgetting. What a command means is not known here.
//
// No session is kept alive for its own sake: each call renews it, and one that is not used runs
// out. What a call brings about is none of the session's, and stays when that ends.

import type { LockCommand } from '../core/lock/command.ts'
import { lockService } from '../core/lock/machine.ts'
import type { LockReply } from '../core/lock/reply.ts'
import type { SessionCommand, SessionReason } from '../core/session/command.ts'
import { SESSION_LIMITS } from '../core/session/limits.ts'
import type { Caller, CallTerms } from './caller.ts'
import type { ClientClock } from './clock.ts'
import { onAbort } from './on-abort.ts'
import type { CallResult } from './request.ts'
import { Session } from './session.ts'

/** How long a session lasts after its last call. */
const SESSION_TTL_MS = 300_000

/** From so many numbers above the acknowledged one on another session is opened. */
const ROTATE_SPAN = SESSION_LIMITS.unacknowledgedMax / 2

/** How long a session that is done with is tried to be closed: else it runs out. */
const CLOSE_MS = 5_000

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
  readonly #caller: Caller
  readonly #session: Session
  readonly #sequence: number
  readonly #onEnd: () => void

  constructor(caller: Caller, session: Session, onEnd: () => void) {
    this.#caller = caller
    this.#session = session
    this.#sequence = session.begin()
    this.#onEnd = onEnd
  }

  /** Asks for a command under this number. */
  async ask(command: LockCommand, terms: CallTerms): Promise<AskEnded> {
    const { id, acknowledged } = this.#session
    const sequence = this.#sequence
    const call = { type: 'call', session: id, sequence, acknowledged, bound: false } as const
    const result = await this.#caller.call(encode({ ...call, command }), terms)
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

  /** It is answered, or given up: no attempt of it that comes later has any effect. */
  end(): void {
    this.#session.end(this.#sequence)
    this.#onEnd()
  }
}

/** The calls of one client, in one session after the other. */
export class GuardedCalls {
  readonly #caller: Caller
  readonly #clock: ClientClock
  #session: Session | null = null
  /** Those that only wait for their last calls to be over, to be closed then. */
  readonly #retired = new Set<Session>()
  #opening: Promise<Failed | null> | null = null
  #openingUntilMs = 0

  constructor(caller: Caller, clock: ClientClock) {
    this.#caller = caller
    this.#clock = clock
  }

  /** Asks for a command, which has its effect once at most. */
  async call(command: LockCommand, terms: CallTerms): Promise<Ended> {
    const { call, ended } = await this.make(() => command, terms)
    call?.end()
    return ended
  }

  /**
   * The same for a command that depends on the milliseconds that have passed till then, and the
   * call stays open. It is made anew in another session if the first refuses it unheard.
   */
  async make<Command extends LockCommand>(
    commandAfter: (passedMs: number) => Command,
    terms: CallTerms,
  ): Promise<Made<Command>> {
    const startMs = this.#clock.now()
    const untilMs = startMs + terms.timeoutMs
    for (;;) {
      const now = this.#clock.now()
      const command = commandAfter(now - startMs)
      const call = this.#begin(untilMs)
      if (call === null) {
        const failed = await this.#opened(untilMs, terms.signal)
        if (failed !== null && this.#isLast(untilMs, terms)) return { call, command, ended: failed }
        continue
      }
      const own = now === startMs ? terms : { ...terms, timeoutMs: Math.max(0, untilMs - now) }
      const ended = await call.ask(command, own)
      if (ended.type === 'reused') return { call, command, ended: { type: 'unknown' } }
      if (ended.type !== 'refused') return { call, command, ended }
      call.end()
    }
  }

  /** What to tell the service in the end: whoever is told less forgets these sessions later. */
  farewells(): readonly Uint8Array[] {
    const now = this.#clock.now()
    const sessions = [...this.#retired, ...(this.#session === null ? [] : [this.#session])]
    const open = sessions.filter((session) => session.isSure(now))
    return open.map(({ id }) => encode({ type: 'closeSession', session: id }))
  }

  /** Null: there is no session to begin one in, and one is to be opened first. */
  #begin(untilMs: number): GuardedCall | null {
    const session = this.#session
    if (session === null || !session.isSure(this.#clock.now())) return null
    if (session.span >= ROTATE_SPAN) {
      this.#open(untilMs)
      if (session.span >= SESSION_LIMITS.unacknowledgedMax) return null
    }
    return new GuardedCall(this.#caller, session, () => this.#closeIfDone(session))
  }

  /** Whether to go on is no use: not if the one that opened had less time than this one has. */
  #isLast(untilMs: number, { signal }: CallTerms): boolean {
    const now = this.#clock.now()
    return now >= untilMs || now < this.#openingUntilMs || signal?.aborted === true
  }

  /** Waits for a new session, as long as this call may: why there is none, or null. */
  #opened(untilMs: number, signal: AbortSignal | undefined): Promise<Failed | null> {
    const opening = this.#open(untilMs)
    // It ends in time by itself.
    if (untilMs >= this.#openingUntilMs && signal === undefined) return opening
    return new Promise((resolve) => {
      const giveUp = (): void => end({ type: 'failed', refusal: null })
      const isLonger = untilMs < this.#openingUntilMs
      const leftMs = untilMs - this.#clock.now()
      const stopTimer = isLonger ? this.#clock.setTimer(leftMs, giveUp, true) : (): void => {}
      let stopListening = (): void => {}
      const end = (failed: Failed | null): void => {
        stopTimer()
        stopListening()
        resolve(failed)
      }
      stopListening = onAbort(signal, giveUp)
      void opening.then(end)
    })
  }

  /** Calls that come at once share one opening. */
  #open(untilMs: number): Promise<Failed | null> {
    if (this.#opening !== null) return this.#opening
    this.#openingUntilMs = untilMs
    const timeoutMs = untilMs - this.#clock.now()
    const payload = encode({ type: 'openSession', ttlMs: SESSION_TTL_MS })
    this.#opening = this.#caller.call(payload, { timeoutMs, read: false }).then((result) => {
      this.#opening = null
      return this.#tookUp(result)
    })
    return this.#opening
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
    const now = this.#clock.now()
    if (!session.isSure(now)) return
    const payload = encode({ type: 'closeSession', session: session.id })
    void this.#caller.call(payload, { timeoutMs: CLOSE_MS, read: false })
  }
}

function encode(command: SessionCommand<LockCommand>): Uint8Array {
  return machine.encodeCommand(command)
}
