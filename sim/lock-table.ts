// Who holds each lock and who waits for it, as the events of the log say, with what the oracles
// must know of each in log time and in true time.

import type { Acquire, Mode } from '../core/lock/command.ts'

/** Whose something is. */
export interface Whose {
  readonly owner: string
  readonly session: number | null
}

/** One holding. Its lease is reckoned from what was asked: the machine's own word is not taken. */
export interface Holder extends Whose {
  readonly token: number
  readonly count: number
  /** What its end was last set by, milliseconds; null: it ends with its session. */
  readonly ttlMs: number | null
  /** Log time of its end; null: that of its session. */
  readonly deadlineMs: number | null
  /** What was left of it, and the true time, when its last grant or change was appended. */
  readonly leftMs: number
  readonly appendedUs: number
  readonly revoked: boolean
  readonly lockDelayMs: number
}

/** One that waits. */
export interface Waiter {
  readonly command: Acquire
  readonly session: number | null
  /** A session sees to its being one. */
  readonly guarded: boolean
  readonly enteredIndex: number
  /** Log time at which it has waited long enough. */
  readonly deadlineMs: number
  /** True time at which its request was appended. */
  readonly appendedUs: number
}

/** One lock. */
export class TableLock {
  mode: Mode = 'exclusive'
  readonly #holders = new Map<string, Holder>()
  /** In order of turn. */
  queue: Waiter[] = []
  /** Log time until which lost holders' delays keep it, once nobody holds it. */
  delayUntilMs = 0
  /** Nobody holds it, and the delay is not over. */
  isDelayed = false
  /** All that held it were revoked together: nobody joins them. */
  isClosed = false

  get holders(): readonly Holder[] {
    return [...this.#holders.values()]
  }

  get isHeld(): boolean {
    return this.#holders.size > 0
  }

  holderOf(whose: Whose): Holder | undefined {
    return this.#holders.get(idOf(whose))
  }

  put(holder: Holder): void {
    this.#holders.set(idOf(holder), holder)
  }

  /** A holding ends. `lostMs`: the log time, when it was lost and not given back. */
  drop(holder: Holder, lostMs: number | null): void {
    this.#holders.delete(idOf(holder))
    if (!this.isHeld) this.isClosed = false
    if (lostMs === null || holder.lockDelayMs === 0) return
    this.delayUntilMs = Math.max(this.delayUntilMs, lostMs + holder.lockDelayMs)
  }

  /** The delay is over, or ended. */
  endDelay(): void {
    this.isDelayed = false
    this.delayUntilMs = 0
  }

  /** A delay that keeps it now is ended; one that is to come is not. */
  endDelayed(): void {
    if (this.isDelayed) this.endDelay()
  }

  leave(enteredIndex: number): Waiter | undefined {
    const waiter = this.queue.find((one) => one.enteredIndex === enteredIndex)
    this.queue = this.queue.filter((one) => one !== waiter)
    return waiter
  }

  /** Whether a request of this mode could have it now, nobody being before it. */
  hasRoom(mode: Mode): boolean {
    if (!this.isHeld) return !this.isDelayed
    return mode === 'shared' && this.mode === 'shared' && !this.isClosed
  }
}

/** All locks of one run. */
export class LockTable {
  readonly #locks = new Map<string, TableLock>()

  of(key: string): TableLock {
    let lock = this.#locks.get(key)
    if (lock === undefined) this.#locks.set(key, (lock = new TableLock()))
    return lock
  }

  entries(): Iterable<[string, TableLock]> {
    return this.#locks.entries()
  }

  /** How many keys are held or delayed. */
  get size(): number {
    let count = 0
    for (const lock of this.#locks.values()) if (lock.isHeld || lock.isDelayed) count++
    return count
  }

  /** How many locks an owner holds and waits for. */
  locksOf(whose: Whose): number {
    const id = idOf(whose)
    let count = 0
    for (const lock of this.#locks.values()) {
      if (lock.holderOf(whose) !== undefined) count++
      for (const { command, session } of lock.queue) {
        if (idOf({ owner: command.owner, session }) === id) count++
      }
    }
    return count
  }
}

function idOf({ owner, session }: Whose): string {
  return `${session ?? 0} ${owner}`
}
