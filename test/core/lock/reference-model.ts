// The lock rules once more, as plainly as can be: no index, no digest, everything by scanning.
// Tests drive it beside the machine and compare every answer.

import type { Acquire, LockCommand, LockReply } from '../../../core/lock/command.ts'
import type { LockRequest, Reason } from '../../../core/lock/command.ts'
import type { Limits } from '../../../core/lock/limits.ts'

interface Waiter {
  readonly command: Acquire
  readonly index: number
  readonly endMs: number
  latest: number
}

interface Lock {
  owner: string
  token: number
  count: number
  endMs: number
  queue: Waiter[]
}

interface Memo {
  readonly id: string
  readonly body: string
  readonly atMs: number
  /** Null while it waits. */
  readonly reply: LockReply | null
}

/** A naive lock machine, edited in place. */
export class ReferenceModel {
  readonly #limits: Limits
  readonly locks: Map<string, Lock> = new Map()
  memos: Memo[] = []
  answers: [number, LockReply][] = []
  #index = 0
  #now = 0

  constructor(limits: Limits) {
    this.#limits = limits
  }

  /** The reply, or null; late answers are added to `answers`. */
  apply(command: LockCommand, index: number, timeMs: number): LockReply | null {
    this.#index = index
    this.#now = timeMs
    this.answers = []
    for (let dropped = 0; dropped < this.#limits.memosDroppedMax; dropped++) {
      const at = this.memos.findIndex((memo) => memo.reply !== null)
      if (at < 0 || this.memos[at]!.atMs + this.#limits.memoLifeMs > timeMs) break
      this.memos.splice(at, 1)
    }
    if (command.type === 'status') return this.status(command.key)
    if (command.type === 'expire') return this.#expire(command.max)
    const id = JSON.stringify([command.key, command.owner, command.requestId])
    const memo = this.memos.find((other) => other.id === id)
    if (memo !== undefined) return this.#again(memo, command)
    const mine = this.memos.filter((other) => JSON.parse(other.id)[1] === command.owner).length
    const { memosMax, memosPerOwnerMax } = this.#limits
    if (this.memos.length >= memosMax || mine >= memosPerOwnerMax) return reject('overloaded')
    const reply = this.#request(command)
    this.#remember(command, reply)
    return reply
  }

  dueMs(): number {
    const ends = this.#all().flatMap((lock) => [lock.endMs, ...lock.queue.map(endOf)])
    return Math.min(Infinity, ...ends)
  }

  #all(): Lock[] {
    return [...this.locks.values()]
  }

  #remember(command: LockRequest, reply: LockReply | null): void {
    const id = JSON.stringify([command.key, command.owner, command.requestId])
    this.memos = this.memos.filter((memo) => memo.id !== id)
    this.memos.push({ id, body: JSON.stringify(command), atMs: this.#now, reply })
  }

  #again(memo: Memo, command: LockRequest): LockReply | null {
    if (memo.body !== JSON.stringify(command)) return reject('requestIdReused')
    const lock = this.locks.get(command.key)
    if (memo.reply === null) {
      const at = lock!.queue.findIndex((other) => JSON.stringify(other.command) === memo.body)
      const waiter = lock!.queue[at]!
      this.answers.push([waiter.latest, { type: 'queued', position: at + 1 }])
      waiter.latest = this.#index
      return null
    }
    const ended = memo.reply.type === 'granted' && lock?.token !== memo.reply.token
    return ended ? { type: 'expired', token: lock?.token ?? 0 } : memo.reply
  }

  #request(command: LockRequest): LockReply | null {
    const lock = this.locks.get(command.key)
    if (command.type === 'acquire') return this.#acquire(command, lock)
    const { token } = command
    const meant = lock?.owner === command.owner && (token === null || token === lock.token)
    if (command.type === 'renew') {
      if (lock === undefined || !meant) return { type: 'expired', token: lock?.token ?? 0 }
      lock.endMs = this.#now + command.ttlMs
      return { type: 'renewed', token: lock.token, ttlMs: command.ttlMs }
    }
    if (lock === undefined || !meant) return { type: 'notHolder', token: lock?.token ?? 0 }
    lock.count = command.all ? 0 : lock.count - 1
    if (lock.count === 0) this.#free(command.key)
    return { type: 'released', count: lock.count }
  }

  #acquire(command: Acquire, lock: Lock | undefined): LockReply | null {
    const { key, owner, ttlMs } = command
    const { countMax, locksPerOwnerMax, keysMax, waitersPerKeyMax } = this.#limits
    const now = this.#now
    if (lock?.owner === owner) {
      if (command.reentrant && lock.count === countMax) return reject('countTooHigh')
      if (command.reentrant) lock.count += 1
      lock.endMs = Math.max(lock.endMs, now + ttlMs)
      const { token, count } = lock
      return { type: 'granted', token, count, ttlMs: lock.endMs - now, grantedAfterMs: 0 }
    }
    const owners = this.#all().flatMap(({ owner, queue }) => [owner, ...queue.map(ownerOf)])
    const full = owners.filter((other) => other === owner).length >= locksPerOwnerMax
    if (lock !== undefined && command.waitMs === 0) {
      const remainingMs = Math.max(0, lock.endMs - now)
      return { type: 'held', owner: lock.owner, token: lock.token, remainingMs }
    }
    if (full) return reject('tooManyLocks')
    if (lock === undefined) {
      if (this.locks.size >= keysMax) return reject('tooManyKeys')
      this.locks.set(key, { owner, token: this.#index, count: 1, endMs: now + ttlMs, queue: [] })
      return { type: 'granted', token: this.#index, count: 1, ttlMs, grantedAfterMs: 0 }
    }
    if (lock.queue.length >= waitersPerKeyMax) return reject('tooManyWaiters')
    const index = this.#index
    lock.queue.push({ command, index, endMs: now + command.waitMs, latest: index })
    return null
  }

  #free(key: string): void {
    const { queue } = this.locks.get(key)!
    this.locks.delete(key)
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      if (next.endMs <= this.#now) {
        this.#late(next, { type: 'timeout' })
        continue
      }
      const { owner, ttlMs, waitMs } = next.command
      const token = this.#index
      this.locks.set(key, { owner, token, count: 1, endMs: this.#now + ttlMs, queue })
      const grantedAfterMs = this.#now - (next.endMs - waitMs)
      return this.#late(next, { type: 'granted', token, count: 1, ttlMs, grantedAfterMs })
    }
  }

  #late(waiter: Waiter, reply: LockReply): void {
    this.answers.push([waiter.latest, reply])
    this.#remember(waiter.command, reply)
  }

  #expire(max: number): LockReply {
    const late = this.#all().flatMap((lock) => lock.queue.filter(({ endMs }) => endMs <= this.#now))
    late.sort((a, b) => a.endMs - b.endMs || a.index - b.index)
    const waiters = late.slice(0, max)
    for (const waiter of waiters) {
      const { queue } = this.locks.get(waiter.command.key)!
      queue.splice(queue.indexOf(waiter), 1)
      this.#late(waiter, { type: 'timeout' })
    }
    const over = [...this.locks].filter(([, lock]) => lock.endMs <= this.#now)
    over.sort(([a, x], [b, y]) => x.endMs - y.endMs || x.token - y.token || (a < b ? -1 : 1))
    const freed = over.slice(0, max - waiters.length)
    for (const [key] of freed) this.#free(key)
    return { type: 'swept', locks: freed.length, waiters: waiters.length }
  }

  status(key: string): LockReply {
    const lock = this.locks.get(key)
    const { owner = null, token = 0, count = 0, endMs = 0, queue = [] } = lock ?? {}
    const remainingMs = Math.max(0, endMs - this.#now)
    const waiters = queue.length
    return { type: 'status', locked: lock !== undefined, owner, token, count, remainingMs, waiters }
  }
}

const endOf = (waiter: Waiter): number => waiter.endMs
const ownerOf = (waiter: Waiter): string => waiter.command.owner

const reject = (reason: Reason): LockReply => ({ type: 'rejected', reason })
