// That a request has one fate, however many attempts of it come into the log, in whatever order:
// what its first attempt to be answered was told is what every later one is told.

import type { LockCommand, LockEvent, LockReply } from '../core/lock/command.ts'
import type { FirstApplied, Stage } from './workload.ts'

/** What a request came to. */
type Fate = Pick<LockReply, 'type'> & { readonly token?: number }

/** Follows the requests of one run. */
export class RequestFates {
  readonly #stage: Stage
  /** By `idOf`. */
  readonly #fates = new Map<string, Fate>()
  /** Owners whose last new request found no room for a memo. */
  readonly #overloaded = new Set<string>()

  constructor(stage: Stage) {
    this.#stage = stage
  }

  /** Judges an entry; true when it is a request's first that was answered at once. */
  applied(entry: FirstApplied<LockCommand, LockReply, LockEvent>): boolean {
    const isNew = this.#onReply(entry)
    for (const event of entry.events) {
      if (event.type === 'granted' && event.enteredIndex < entry.index) {
        this.#settle(event.key, event.requestId, { type: 'granted', token: event.token })
      } else if (event.type === 'waitTimedOut') {
        this.#settle(event.key, event.requestId, { type: 'timeout' })
      }
    }
    return isNew
  }

  #onReply({ command, reply }: FirstApplied<LockCommand, LockReply, LockEvent>): boolean {
    if (command === null || command.type === 'status' || command.type === 'expire') return false
    const { key, owner, requestId } = command
    const known = this.#fates.get(idOf(key, requestId))
    if (known !== undefined) {
      this.#stage.evaluated('one fate for each request')
      // `overloaded` belongs to an attempt, not to the request; but there is a memo to answer from.
      if (reply === null || !isSame(known, reply)) this.#fail(requestId, known, reply)
      this.#stage.probe('retry answered from memory')
      return false
    }
    if (reply?.type === 'rejected' && reply.reason === 'overloaded') {
      this.#overloaded.add(owner)
      return true
    }
    // Nothing but the dropping of memos makes room for others.
    if (this.#overloaded.delete(owner)) this.#stage.probe('room for memos again')
    if (reply === null) return false
    this.#fates.set(idOf(key, requestId), reply)
    return true
  }

  /** A request that has waited is answered. */
  #settle(key: string, requestId: string, fate: Fate): void {
    this.#stage.evaluated('one fate for each request')
    const known = this.#fates.get(idOf(key, requestId))
    if (known !== undefined) this.#fail(requestId, known, fate)
    this.#fates.set(idOf(key, requestId), fate)
  }

  #fail(requestId: string, known: Fate, now: Fate | null): never {
    const then = now === null ? 'it waits now' : `now it is answered ${JSON.stringify(now)}`
    const what = `request ${requestId} was answered ${JSON.stringify(known)}, and ${then}`
    this.#stage.fail('one fate for each request', what)
  }
}

/** Whether an answer from memory says what was said before: of a holding also that it has ended. */
function isSame(known: Fate, reply: LockReply): boolean {
  if (known.type !== 'granted') return JSON.stringify(known) === JSON.stringify(reply)
  return reply.type === 'expired' || (reply.type === 'granted' && reply.token === known.token)
}

/** A request id names its owner. */
function idOf(key: string, requestId: string): string {
  return `${key}/${requestId}`
}
