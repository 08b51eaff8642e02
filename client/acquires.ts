// An acquire from its asking to its end, also one that nobody waits for any more: it does not go on
// waiting, and nothing stays held of it. Pure like the calls that it is made of.

import type { Acquire } from '../core/lock/command.ts'
import type { LockReply } from '../core/lock/reply.ts'
import type { Asker, GiveUp } from './asker.ts'
import type { AskEnded, CallTerms, Ended, GuardedCalls, Made } from './guarded-calls.ts'
import { cancelCommand, giveBackCommand } from './undo.ts'

/** How an acquire ended for whoever asked. */
export type AcquireEnded =
  | Ended
  /** It has waited, and no answer came; it waits no more, and nothing is held of it. */
  | { readonly type: 'timeout' }
  /** Whatever comes of it is undone. */
  | { readonly type: 'givenUp' }

/** How long a call whose time is over waits for its own cancelling. */
const CANCEL_MS = 1_000

/** The acquires of one client. */
export class Acquires {
  readonly #calls: GuardedCalls
  readonly #asker: Asker
  /** For what undoes one. */
  readonly #terms: CallTerms

  /** `undoMs`: how long each request may take that undoes one. */
  constructor(calls: GuardedCalls, asker: Asker, undoMs: number) {
    this.#calls = calls
    this.#asker = asker
    this.#terms = { timeoutMs: undoMs }
  }

  /** Acquires. `command` has a request id that no other has. */
  acquire(command: Acquire, terms: CallTerms, then: (ended: AcquireEnded) => void): GiveUp {
    let isGivenUp = false
    const made = (made: Made<Acquire>): void => {
      const { call, ended } = made
      if (ended.type !== 'unknown') call?.end()
      if (isGivenUp) {
        if (ended.type === 'answered') this.giveBack(command, ended.reply)
        else if (ended.type === 'unknown') this.#settle(made, () => {})
        then({ type: 'givenUp' })
      } else if (ended.type !== 'unknown') then(ended)
      else if (command.waitMs > 0) {
        // It did not wait in vain for want of an answer: that is said only if it is known.
        this.#settleSoon(made, (isKnown) => then(isKnown ? { type: 'timeout' } : ended))
      } else {
        this.#settle(made, () => {})
        then(ended)
      }
    }
    const giveUp = this.#calls.make((passedMs) => shortened(command, passedMs), terms, made)
    return () => {
      isGivenUp = true
      giveUp()
    }
  }

  /** Gives back what was granted and nobody has a use for. */
  giveBack(command: Acquire, reply: LockReply): void {
    if (reply.type !== 'granted') return
    this.#calls.call(giveBackCommand(command, reply, null), this.#terms, () => {})
  }

  /**
   * Sees to it that an acquire of unknown end waits no longer, and that nothing stays held of it;
   * `then` is told whether that is known.
   *
   * First its number is given to another command. If that can be had, the acquire has not happened
   * and never will. Else it has: its wait is ended, and then it is asked for its own answer. What
   * the owner holds says nothing of it, since the same owner may hold the lock by another acquire.
   */
  #settle({ call, command }: Made<Acquire>, then: (isKnown: boolean) => void): void {
    if (call === null) return then(true)
    const cancel = cancelCommand(command)
    const end = (taken: AskEnded, own: AskEnded | null): void => {
      call.end()
      if (own?.type !== 'answered') return then(taken.type === 'answered')
      this.giveBack(command, own.reply)
      then(own.reply.type !== 'rejected')
    }
    call.ask(cancel, this.#terms, (taken) => {
      if (taken.type === 'answered') return end(taken, null)
      this.#calls.call(cancel, this.#terms, (cancelled) => {
        const isHeard = taken.type === 'reused' && cancelled.type === 'answered'
        if (!isHeard) return end(taken, null)
        call.ask(command, this.#terms, (own) => end(taken, own))
      })
    })
  }

  /** The same, and after a while it is not known. */
  #settleSoon(made: Made<Acquire>, then: (isKnown: boolean) => void): void {
    let isOver = false
    const once = (isKnown: boolean): void => {
      if (isOver) return
      isOver = true
      stopTimer()
      then(isKnown)
    }
    const stopTimer = this.#asker.setTimer(CANCEL_MS, () => once(false))
    this.#settle(made, once)
  }
}

/** The acquire once so much of its wait is over; one that was to wait still waits, for a moment. */
function shortened(command: Acquire, passedMs: number): Acquire {
  if (command.waitMs === 0 || passedMs === 0) return command
  return { ...command, waitMs: Math.max(1, command.waitMs - passedMs) }
}
