// That a request has one fate, however many attempts of it come into the log, in whatever order:
// what its first attempt to be answered was told is what every later one is told. And that no more
// requests are remembered than may be, and none is turned away while there is room.

import type { LockCommand, LockEvent, LockReply, LockRequest } from '../core/lock/command.ts'
import { isRefusal } from '../core/lock/limits.ts'
import type { Limits } from '../core/lock/limits.ts'
import { LockMemos } from './lock-memos.ts'
import type { FirstApplied, Stage } from './workload.ts'

/** What a request came to. */
type Fate = Pick<LockReply, 'type'> & { readonly token?: number }

type Entry = FirstApplied<LockCommand, LockReply, LockEvent>

/** Follows the requests of one run. */
export class RequestFates {
  readonly #stage: Stage
  readonly #memos: LockMemos
  /** The token under which a key is held, 0 when it is not. */
  readonly #tokenOf: (key: string) => number
  /** By `idOf`. */
  readonly #fates = new Map<string, Fate>()
  /** Those that wait, by `idOf`. */
  readonly #waiting = new Set<string>()
  /** Owners whose last new request found no room for a memo. */
  readonly #overloaded = new Set<string>()

  constructor(stage: Stage, limits: Limits, tokenOf: (key: string) => number) {
    this.#stage = stage
    this.#memos = new LockMemos(limits)
    this.#tokenOf = tokenOf
  }

  /**
   * Judges an entry, before its events are heeded elsewhere; true when it is a request's first that
   * was answered at once.
   */
  applied(entry: Entry): boolean {
    const { command, timeMs } = entry
    if (command !== null) this.#memos.forget(timeMs)
    const isRequest = command !== null && command.type !== 'status' && command.type !== 'expire'
    const isNew = isRequest && this.#onReply(command, entry.reply)
    for (const event of entry.events) {
      if (event.type === 'queued') this.#wait(event)
      else if (event.type === 'granted' && event.enteredIndex < entry.index) {
        this.#settle(event, { type: 'granted', token: event.token })
      } else if (event.type === 'waitTimedOut') this.#settle(event, { type: 'timeout' })
    }
    // The machine remembers its late answers first.
    if (isRequest && isNew && isRemembered(entry.reply)) {
      this.#open(command.owner)
      this.#memos.answered(command.owner, timeMs)
    }
    return isNew
  }

  #onReply({ key, owner, requestId }: LockRequest, reply: LockReply | null): boolean {
    const known = this.#fates.get(idOf(key, requestId))
    if (known !== undefined) {
      this.#stage.evaluated('one fate for each request')
      // `overloaded` belongs to an attempt, not to the request; but there is a memo to answer from.
      if (!this.#isSame(known, key, reply)) this.#fail(requestId, known, reply)
      this.#stage.probe('retry answered from memory')
      return false
    }
    if (reply?.type === 'rejected' && reply.reason === 'overloaded') {
      this.#mustBeFull(idOf(key, requestId), owner)
      this.#overloaded.add(owner)
      return true
    }
    // Nothing but the dropping of memos makes room for others.
    if (this.#overloaded.delete(owner)) this.#stage.probe('room for memos again')
    if (reply === null) return false
    this.#fates.set(idOf(key, requestId), reply)
    return true
  }

  /** Whether an answer from memory says what was said before: of a holding also that it ended. */
  #isSame(known: Fate, key: string, reply: LockReply | null): boolean {
    if (known.type !== 'granted') return JSON.stringify(known) === JSON.stringify(reply)
    const token = this.#tokenOf(key)
    const type = known.token === token ? 'granted' : 'expired'
    return reply?.type === type && reply.token === token
  }

  #wait({ key, owner, requestId }: Extract<LockEvent, { readonly type: 'queued' }>): void {
    this.#waiting.add(idOf(key, requestId))
    this.#open(owner)
  }

  /** A request that has waited is answered. */
  #settle(
    event: Extract<LockEvent, { readonly type: 'granted' | 'waitTimedOut' }>,
    fate: Fate,
  ): void {
    const { key, owner, requestId, timeMs } = event
    this.#stage.evaluated('one fate for each request')
    const id = idOf(key, requestId)
    const known = this.#fates.get(id)
    if (known !== undefined) this.#fail(requestId, known, fate)
    this.#fates.set(id, fate)
    if (this.#waiting.delete(id)) this.#memos.answered(owner, timeMs)
  }

  /** A new request comes to be remembered: there must have been room for it. */
  #open(owner: string): void {
    this.#stage.evaluated('limits')
    if (this.#memos.isFull(owner)) {
      const already = `${this.#memos.of(owner)} requests of ${owner} are remembered already`
      this.#stage.fail('limits', `${already}, and one more is`)
    }
    this.#memos.opened(owner)
  }

  /** A request was told `overloaded`. One that waits has its memo. */
  #mustBeFull(id: string, owner: string): void {
    this.#stage.evaluated('refused only at a limit')
    if (this.#memos.isFull(owner) && !this.#waiting.has(id)) return
    const room = `with ${this.#memos.of(owner)} requests of ${owner} remembered`
    this.#stage.fail('refused only at a limit', `${id}: overloaded ${room}`)
  }

  #fail(requestId: string, known: Fate, now: Fate | null): never {
    const then = now === null ? 'it waits now' : `now it is answered ${JSON.stringify(now)}`
    const what = `request ${requestId} was answered ${JSON.stringify(known)}, and ${then}`
    this.#stage.fail('one fate for each request', what)
  }
}

function isRemembered(reply: LockReply | null): boolean {
  return reply?.type !== 'rejected' || isRefusal(reply.reason)
}

/** A request id names its owner. */
function idOf(key: string, requestId: string): string {
  return `${key}/${requestId}`
}
