// That a request which no session guards has one fate, however many attempts of it come into the
// log, in whatever order, and one that cancels it among them: what its first attempt to be answered
// was told is what every later one is told. And that no more requests are remembered than may be,
// and none is turned away while there is room.

import type { Cancel, LockCommand, LockRequest } from '../core/lock/command.ts'
import type { LockEvent, QueuedEvent } from '../core/lock/event.ts'
import { isRefusal } from '../core/lock/limits.ts'
import type { Limits } from '../core/lock/limits.ts'
import type { LockReply } from '../core/lock/reply.ts'
import { LockMemos } from './lock-memos.ts'
import type { LockTable } from './lock-table.ts'
import type { InnerEntry } from './session-oracles.ts'
import type { Stage } from './workload.ts'

/** What a request came to. */
type Fate = Pick<LockReply, 'type'> & { readonly token?: number }

/** It was answered late, as a re-entry: the first attempt to be told of it says how. */
const UNTOLD = 'untold'

type Entry = InnerEntry<LockCommand, LockReply, LockEvent>

/** What has an effect under its request id, or on another's. */
type Request = LockRequest | Cancel

/** Whose request it is, and which. */
type Named = Pick<QueuedEvent, 'key' | 'owner' | 'requestId'>

/** Follows the requests of one run. */
export class RequestFates {
  readonly #stage: Stage
  readonly #memos: LockMemos
  readonly #table: LockTable
  /** By `idOf`. */
  readonly #fates = new Map<string, Fate | typeof UNTOLD>()
  /** Those that wait, by `idOf`. */
  readonly #waiting = new Set<string>()
  /** Entries of unbound calls that were made to wait: nothing is remembered of these. */
  readonly #guarded = new Set<number>()
  /** Owners whose last new request found no room for a memo. */
  readonly #overloaded = new Set<string>()

  constructor(stage: Stage, limits: Limits, table: LockTable) {
    this.#stage = stage
    this.#memos = new LockMemos(limits)
    this.#table = table
  }

  /**
   * Judges an entry, before its events are heeded elsewhere; true when it is a request's first that
   * was answered at once.
   */
  applied(entry: Entry): boolean {
    const { command, guarded, reply, timeMs } = entry
    if (command !== null) this.#memos.forget(timeMs)
    const isRequest = command !== null && !guarded && 'requestId' in command
    const request = isRequest ? command : null
    const isNew = request !== null && this.#onReply(request, entry)
    for (const event of entry.events) {
      if (!('session' in event) || event.session !== null) continue
      if (event.type === 'queued' && guarded) this.#guarded.add(event.index)
      else if (event.type === 'queued') this.#wait(event)
      else if ('enteredIndex' in event && this.#guarded.has(event.enteredIndex)) continue
      else if (event.type === 'granted' && event.enteredIndex < entry.index) {
        this.#settle(event, timeMs, { type: 'granted', token: event.token })
      } else if (event.type === 'waitEnded') {
        const { by } = event
        const fate = { type: by === 'timeout' ? ('timeout' as const) : ('cancelled' as const) }
        this.#settle(event, timeMs, by === 'reentry' ? UNTOLD : fate)
      }
    }
    if (request?.type === 'cancel' && this.#waiting.has(idOf(request))) {
      if (reply?.type === 'cancelled') this.#fail(idOf(request), reply, null)
    }
    // The machine remembers its late answers first.
    if (request !== null && isNew && isRemembered(reply)) {
      this.#open(request.owner)
      this.#memos.answered(request.owner, timeMs)
    }
    return isNew
  }

  #onReply(request: Request, { reply, events }: Entry): boolean {
    const { key, owner } = request
    const id = idOf(request)
    const known = this.#fates.get(id)
    const isOfCall = request.type === 'cancel' && events.some((event) => this.#isCalls(event))
    if (isOfCall && known === undefined && !this.#waiting.has(id)) {
      // It was an unbound call that was meant: that there was one is not remembered here.
      if (reply?.type !== 'cancelled') this.#fail(id, null, reply)
      return false
    }
    if (known === UNTOLD) {
      if (reply === null) this.#fail(id, null, reply)
      this.#fates.set(id, reply)
      return false
    }
    if (known !== undefined) {
      this.#stage.evaluated('one fate for each request')
      // `overloaded` belongs to an attempt, not to the request; but there is a memo to answer from.
      if (!this.#isSame(known, key, owner, reply)) this.#fail(id, known, reply)
      this.#stage.probe('retry answered from memory')
      if (request.type === 'cancel') this.#stage.probe('cancelled too late')
      return false
    }
    if (reply?.type === 'rejected' && reply.reason === 'overloaded') {
      this.#mustBeFull(id, owner)
      this.#overloaded.add(owner)
      return true
    }
    if (request.type === 'cancel' && this.#waiting.has(id)) {
      if (reply?.type !== 'cancelled') this.#fail(id, null, reply)
      return false
    }
    // Nothing but the dropping of memos makes room for others.
    if (this.#overloaded.delete(owner)) this.#stage.probe('room for memos again')
    if (reply === null) return false
    if (request.type === 'cancel') this.#stage.probe('cancelled before it came')
    this.#fates.set(id, reply)
    return true
  }

  /** Whether it is the end of an unbound call's wait by its being cancelled. */
  #isCalls(event: LockEvent): boolean {
    const isCancelled = event.type === 'waitEnded' && event.by === 'cancel'
    return isCancelled && this.#guarded.has(event.enteredIndex)
  }

  /** Whether an answer from memory says what was said before: of a holding also that it ended. */
  #isSame(known: Fate, key: string, owner: string, reply: LockReply | null): boolean {
    if (known.type !== 'granted') return JSON.stringify(known) === JSON.stringify(reply)
    const lock = this.#table.of(key)
    const token = lock.holderOf({ owner, session: null })?.token
    if (known.token === token) return reply?.type === 'granted' && reply.token === token
    if (reply?.type !== 'expired') return false
    return lock.isHeld ? lock.holders.some((one) => one.token === reply.token) : reply.token === 0
  }

  #wait(event: QueuedEvent): void {
    this.#waiting.add(idOf(event))
    this.#open(event.owner)
  }

  /** A request that has waited is answered. */
  #settle(event: Named, timeMs: number, fate: Fate | typeof UNTOLD): void {
    this.#stage.evaluated('one fate for each request')
    const id = idOf(event)
    const known = this.#fates.get(id)
    if (known !== undefined) this.#fail(id, known, fate)
    this.#fates.set(id, fate)
    if (this.#waiting.delete(id)) this.#memos.answered(event.owner, timeMs)
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

  #fail(id: string, known: Fate | typeof UNTOLD | null, now: Fate | typeof UNTOLD | null): never {
    const before = known === null ? 'is waiting' : `was answered ${JSON.stringify(known)}`
    const then = now === null ? 'it waits now' : `now it is answered ${JSON.stringify(now)}`
    this.#stage.fail('one fate for each request', `request ${id} ${before}, and ${then}`)
  }
}

function isRemembered(reply: LockReply | null): boolean {
  return reply?.type !== 'rejected' || isRefusal(reply.reason)
}

/** A request id names its owner. */
function idOf({ key, requestId }: Named): string {
  return `${key}/${requestId}`
}
