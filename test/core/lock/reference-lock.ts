// One key of the reference model: who has it, who waits, and how the queue moves up. Edited in
// place, no index: everything by scanning.

import type { Acquire, Cancel, ForceRelease, Mode } from '../../../core/lock/command.ts'
import type { Limits } from '../../../core/lock/limits.ts'
import type { LockReply, Reason } from '../../../core/lock/reply.ts'
import type { SessionContext } from '../../../core/session/apply.ts'

/** What somebody has of a key. Owners of one name in two sessions, or in one and none, are two. */
interface Claim {
  readonly session: number | null
  readonly owner: string
  /** Of the entry that it came in with. */
  readonly index: number
  /** When it is over; Infinity: with the session. */
  endMs: number
}

/** Somebody who has it. */
export interface Holder extends Claim {
  readonly token: number
  readonly lockDelayMs: number
  readonly metadata: string
  count: number
  /** What `endMs` was last set by; null: it is Infinity. */
  ttlMs: number | null
  revoked: boolean
}

/** Somebody who waits. */
export interface Waiter extends Claim {
  /** A session sees to its being one, and no memo does. */
  readonly guarded: boolean
  readonly command: Acquire
  readonly sinceMs: number
  /** Index of the newest attempt: the one to be answered. */
  latest: number
}

/** What time, or the end of a session, will end. */
export interface Ending {
  readonly type: 'waiters' | 'locks' | 'delays'
  readonly atMs: number
  /** Compared one by one: what is less in the first that differs is ended first. */
  readonly order: readonly (number | string)[]
  end(): void
}

/** Where a key is: the entry that is applied, and what decides besides it. */
export interface World {
  readonly at: SessionContext
  readonly limits: Limits
  readonly ended: ReadonlyMap<number | null, 'close' | 'expiry'>
  late(waiter: Waiter, reply: LockReply): void
}

/** A key. */
export class ReferenceLock {
  mode: Mode = 'exclusive'
  /** By session, those of none first, then by name. */
  holders: Holder[] = []
  queue: Waiter[] = []
  /** 0: none. It counts once the last holder has gone, and until an `expire` or force ends it. */
  delayUntilMs = 0
  /** All of its holders were revoked: nobody joins them. */
  isClosed = false
  readonly key: string
  readonly world: World

  constructor(key: string, world: World) {
    this.key = key
    this.world = world
  }

  get isDelayed(): boolean {
    return this.holders.length === 0 && this.delayUntilMs > 0
  }

  get isFree(): boolean {
    return this.holders.length === 0 && this.delayUntilMs === 0
  }

  /** Of the first holder, or 0. */
  get token(): number {
    return this.holders[0]?.token ?? 0
  }

  holder(session: number | null, owner: string): Holder | undefined {
    return this.holders.find((one) => one.session === session && one.owner === owner)
  }

  hasRoom(mode: Mode): boolean {
    const isOpen = this.mode === 'shared' && !this.isClosed && !this.isDelayed
    return this.isFree || (mode === 'shared' && isOpen)
  }

  /** Gives it to one who may have it; to a holder more of it, and never a nearer end. */
  enter({ command, session, owner, index, sinceMs }: Waiter): LockReply {
    const { at, limits } = this.world
    const { mode, ttlMs, reentrant, lockDelayMs, metadata } = command
    const endMs = at.timeMs + (ttlMs ?? Infinity)
    let mine = this.holder(session, owner)
    if (mine === undefined) {
      const terms = { ttlMs, endMs, lockDelayMs, metadata, revoked: false }
      mine = { session, owner, index, token: at.index, count: 1, ...terms }
      this.holders.push(mine)
      this.holders.sort((a, b) => compare([a.session ?? 0, a.owner], [b.session ?? 0, b.owner]))
    } else {
      if (this.mode === 'shared' && mode === 'exclusive') return no('upgrade')
      if (mine.revoked) return no('revoked')
      if (reentrant && mine.count >= limits.countMax) return no('countTooHigh')
      if (reentrant) mine.count += 1
      if (endMs > mine.endMs) Object.assign(mine, { endMs, ttlMs })
    }
    this.mode = mode
    return grantedTo(mine, at.timeMs, at.timeMs - sinceMs)
  }

  enqueue(waiter: Waiter): null {
    this.queue.push(waiter)
    return null
  }

  /** First come, first served: as long as there is room for the first of the queue. */
  admit(): void {
    const [first] = this.queue
    if (first === undefined || !this.hasRoom(first.command.mode)) return
    this.queue.shift()
    if (first.endMs <= this.world.at.timeMs) this.world.late(first, { type: 'timeout' })
    else if (this.world.ended.has(first.session)) this.world.late(first, { type: 'cancelled' })
    else this.world.late(first, this.enter(first))
    this.admit()
  }

  /** A request that waits came again: it keeps its place, and the newer attempt is answered. */
  attach(command: unknown): { readonly index: number; readonly position: number } {
    const position = this.queue.findIndex((waiter) => waiter.command === command) + 1
    const waiter = this.queue[position - 1]!
    const index = waiter.latest
    waiter.latest = this.world.at.index
    return { index, position }
  }

  /** Takes some from the queue, without a grant. */
  leave(waiters: readonly Waiter[], reply: LockReply): void {
    this.queue = this.queue.filter((waiter) => !waiters.includes(waiter))
    for (const waiter of waiters) this.world.late(waiter, reply)
    this.admit()
  }

  /** Ends holdings. Those that are lost, and not given back, leave their lock-delays behind. */
  end(holders: readonly Holder[], isLost: boolean): void {
    const { timeMs } = this.world.at
    this.holders = this.holders.filter((holder) => !holders.includes(holder))
    const delays = holders.map(({ lockDelayMs }) => (isLost ? timeMs + lockDelayMs : 0))
    this.delayUntilMs = Math.max(this.delayUntilMs, ...delays)
    if (this.holders.length === 0) this.isClosed = false
    if (this.holders.length === 0 && this.delayUntilMs <= timeMs) this.delayUntilMs = 0
    this.admit()
  }

  /** Ends a lock-delay, if there is one. */
  endDelay(): void {
    if (this.isDelayed) this.delayUntilMs = 0
    this.admit()
  }

  /** Takes it from its holders: now, or as soon as their leases end. */
  force({ token, now }: ForceRelease): LockReply {
    const meant = this.holders.filter((holder) => token === null || token === holder.token)
    const holders = meant.length
    if (now) {
      if (holders === 0) this.endDelay()
      this.end(meant, true)
      return { type: 'forced', holders, remainingMs: 0 }
    }
    if (meant.some(({ endMs }) => endMs === Infinity)) return no('noDeadline')
    for (const holder of meant) holder.revoked = true
    this.isClosed ||= holders > 0 && holders === this.holders.length
    const ends = meant.map(({ endMs }) => endMs - this.world.at.timeMs)
    return { type: 'forced', holders, remainingMs: Math.max(0, ...ends) }
  }

  /** Ends an owner's waits: the one with this id, or all. If it waits no more, it may hold. */
  cancel({ owner, requestId }: Cancel): LockReply {
    const { session, guarded, timeMs } = this.world.at
    const mine = this.holder(session, owner)
    const meant = this.queue.filter((waiter) => {
      const isOurs = waiter.session === session && waiter.owner === owner
      return isOurs && (requestId === null || waiter.command.requestId === requestId)
    })
    this.leave(meant, { type: 'cancelled' })
    if (!guarded || meant.length > 0 || mine === undefined) return { type: 'cancelled' }
    return grantedTo(mine, timeMs)
  }

  /** From outside of all sessions: ends what waits unremembered there; false: nothing does. */
  cancelGuarded({ owner, requestId }: Cancel): boolean {
    const meant = this.queue.filter(({ session, guarded, command }) => {
      const isOutside = session === null && guarded
      return isOutside && command.owner === owner && command.requestId === requestId
    })
    this.leave(meant, { type: 'cancelled' })
    return meant.length > 0
  }

  /** What can end by itself. What is theirs whose session has ended comes first, at any time. */
  endings(): Ending[] {
    const { ended } = this.world
    const waits = this.queue.map((waiter): Ending => {
      const { session, index, endMs } = waiter
      const type = 'waiters'
      if (!ended.has(session)) {
        const end = (): void => this.leave([waiter], { type: 'timeout' })
        return { type, atMs: endMs, order: [1, endMs, index], end }
      }
      const end = (): void => this.leave([waiter], { type: 'cancelled' })
      return { type, atMs: 0, order: [0, session!, index], end }
    })
    const leases = this.holders.map((holder): Ending => {
      const { session, index, endMs, token } = holder
      const end = (): void => this.end([holder], ended.get(session) !== 'close')
      const type = 'locks'
      if (ended.has(session)) return { type, atMs: 0, order: [0, session!, index], end }
      return { type, atMs: endMs, order: [2, endMs, token, index], end }
    })
    const { delayUntilMs: atMs, key } = this
    const end = (): void => this.endDelay()
    const delay: Ending = { type: 'delays', atMs, order: [3, atMs, key], end }
    return [...waits, ...leases, ...(this.isDelayed ? [delay] : [])]
  }
}

/** The answer to a holder. */
export function grantedTo(holder: Holder, timeMs: number, grantedAfterMs = 0): LockReply {
  const { token, count } = holder
  return { type: 'granted', token, count, ttlMs: leftMs(holder.endMs, timeMs), grantedAfterMs }
}

/** What is left until an end; null: it is that of the session. */
export function leftMs(endMs: number, timeMs: number): number | null {
  return endMs === Infinity ? null : Math.max(0, endMs - timeMs)
}

/** A request that is refused. */
export const no = (reason: Reason): LockReply => ({ type: 'rejected', reason })

/** Which comes first. */
export function compare(a: Ending['order'], b: Ending['order']): number {
  const at = a.findIndex((value, place) => value !== b[place])
  return at < 0 ? 0 : a[at]! < b[at]! ? -1 : 1
}
