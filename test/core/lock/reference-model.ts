// The lock rules once more, to be read: plain arrays, everything by scanning, edited in place, no
// index, no digest, no events. Tests drive it beside the machine and compare every answer.
// Here: what each command does; how a key goes from hand to hand is in reference-lock.ts.

import type * as Ask from '../../../core/lock/command.ts'
import type { Limits } from '../../../core/lock/limits.ts'
import { queryProblem, requestProblem } from '../../../core/lock/limits.ts'
import type { LockReply } from '../../../core/lock/reply.ts'
import type { SessionContext } from '../../../core/session/apply.ts'
import type { Ending, Waiter, World } from './reference-lock.ts'
import { ReferenceLock, compare, leftMs, no } from './reference-lock.ts'
import type { Memo, Request } from './reference-memos.ts'
import { ReferenceMemos, isSameRequest } from './reference-memos.ts'
import { answerQuery } from './reference-queries.ts'

/** A naive lock machine, with token base 0. */
export class ReferenceModel implements World {
  /** Late answers of the last command, as [index, reply]. */
  answers: [number, LockReply][] = []
  /** Keys that are held, or delayed; and some that nobody uses any more. */
  locks: ReferenceLock[] = []
  /** Sessions that have ended, and how. What is theirs stays until an `expire` ends it. */
  ended: Map<number | null, 'close' | 'expiry'> = new Map()
  at: SessionContext = { index: 0, timeMs: 0, version: 1, session: null, guarded: false }
  readonly limits: Limits
  readonly #memos: ReferenceMemos

  constructor(limits: Limits) {
    this.limits = limits
    this.#memos = new ReferenceMemos(limits)
  }

  /** The reply; null: it comes late, among the `answers` of a later command. */
  apply(command: Ask.LockCommand, at: SessionContext): LockReply | null {
    this.at = at
    this.answers = []
    this.#memos.forget(at.timeMs)
    if (command.type === 'expire') return this.#expire(command.max)
    if (!('requestId' in command)) return this.query(command, at.timeMs)
    const problem = requestProblem(command, at, this.limits)
    if (problem !== null) return no(problem)
    if (at.guarded) return this.#do(command)
    const hasEnded = command.type === 'cancel' && this.#lockOf(command).cancelGuarded(command)
    const memo = this.#memos.of(command)
    if (memo !== undefined) return this.#doAgain(memo, command)
    if (hasEnded) return { type: 'cancelled' }
    if (this.#memos.isFull(command.owner)) return no('overloaded')
    const reply = this.#do(command)
    this.#memos.put(command, reply, at.timeMs)
    return reply
  }

  query(query: Ask.LockQuery, timeMs: number): LockReply {
    const problem = queryProblem(query, this.limits)
    const locks = this.locks.filter((lock) => !lock.isFree)
    return problem ? no(problem) : answerQuery(locks, query, timeMs, this.limits.pageMax)
  }

  /** When there is something for an `expire` to do; Infinity: not as things are. */
  dueMs(): number {
    return Math.min(Infinity, ...this.#endings().map(({ atMs }) => atMs))
  }

  /** The answer to one that has waited. */
  late({ guarded, command, latest }: Waiter, reply: LockReply): void {
    this.answers.push([latest, reply])
    if (!guarded) this.#memos.put(command, reply, this.at.timeMs)
  }

  #lockOf({ key }: Request): ReferenceLock {
    this.locks = this.locks.filter((lock) => !lock.isFree)
    const lock = this.locks.find((other) => other.key === key) ?? new ReferenceLock(key, this)
    if (!this.locks.includes(lock)) this.locks.push(lock)
    return lock
  }

  #doAgain({ command: before, reply }: Memo, command: Request): LockReply | null {
    if (!isSameRequest(before, command)) return no('requestIdReused')
    const lock = this.#lockOf(command)
    if (reply === null) {
      if (command.type === 'cancel') return this.#do(command)
      const { index, position } = lock.attach(before)
      this.answers.push([index, { type: 'queued', position }])
      return null
    }
    const token = lock.holder(null, command.owner)?.token
    const isOver = reply.type === 'granted' && reply.token !== token
    return isOver ? { type: 'expired', token: lock.token } : reply
  }

  #do(command: Request): LockReply | null {
    const lock = this.#lockOf(command)
    if (command.type === 'acquire') return this.#acquire(command, lock)
    if (command.type === 'forceRelease') return lock.force(command)
    if (command.type === 'cancel') return lock.cancel(command)
    const mine = lock.holder(this.at.session, command.owner)
    const isMeant = mine !== undefined && (command.token === null || command.token === mine.token)
    if (command.type === 'renew') {
      if (!isMeant) return { type: 'expired', token: lock.token }
      if (mine.revoked) return no('revoked')
      mine.ttlMs = command.ttlMs ?? mine.ttlMs
      mine.endMs = this.at.timeMs + (mine.ttlMs ?? Infinity)
      return { type: 'renewed', token: mine.token, ttlMs: mine.ttlMs }
    }
    if (!isMeant) return { type: 'notHolder', token: lock.token }
    mine.count = command.all ? 0 : mine.count - 1
    if (mine.count === 0) lock.end([mine], false)
    return { type: 'released', count: mine.count }
  }

  #acquire(command: Ask.Acquire, lock: ReferenceLock): LockReply | null {
    const { owner, mode, waitMs } = command
    const { index, timeMs, session, guarded } = this.at
    const wait = { sinceMs: timeMs, endMs: timeMs + waitMs, latest: index }
    const waiter = { session, guarded, owner, index, command, ...wait }
    const isOpen = lock.queue.length === 0 && lock.hasRoom(mode)
    if (lock.holder(session, owner) === undefined) {
      if (!isOpen && waitMs === 0) {
        const { owner = null, endMs = lock.delayUntilMs } = lock.holders[0] ?? {}
        return { type: 'held', owner, token: lock.token, remainingMs: leftMs(endMs, timeMs) }
      }
      const { locksPerOwnerMax, keysMax, waitersPerKeyMax } = this.limits
      const claims = this.locks.flatMap(({ holders, queue }) => [...holders, ...queue])
      const ours = claims.filter((claim) => claim.session === session)
      const mine = ours.filter((claim) => session !== null || claim.owner === owner)
      if (mine.length >= locksPerOwnerMax) return no('tooManyLocks')
      // This one is among them.
      if (lock.isFree && this.locks.length > keysMax) return no('tooManyKeys')
      if (!isOpen && lock.queue.length >= waitersPerKeyMax) return no('tooManyWaiters')
      if (!isOpen) return lock.enqueue(waiter)
    }
    const reply = lock.enter(waiter)
    lock.admit()
    return reply
  }

  #expire(max: number): LockReply {
    const swept = { type: 'swept' as const, locks: 0, waiters: 0, delays: 0 }
    for (let left = max; left > 0; left--) {
      const next = this.#endings().find(({ atMs }) => atMs <= this.at.timeMs)
      if (next === undefined) break
      next.end()
      swept[next.type] += 1
    }
    return swept
  }

  #endings(): Ending[] {
    const all = this.locks.flatMap((lock) => lock.endings())
    return all.sort((a, b) => compare(a.order, b.order))
  }
}
