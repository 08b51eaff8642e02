// What the reference model remembers of requests outside of all sessions: an id has one effect and
// one answer, however often it comes. The answered ones lie in the order of their answers.

import { isDeepStrictEqual } from 'node:util'
import type { Cancel, LockRequest } from '../../../core/lock/command.ts'
import type { Limits } from '../../../core/lock/limits.ts'
import type { LockReply } from '../../../core/lock/reply.ts'

/** Whatever has a request id. */
export type Request = LockRequest | Cancel

/** A request and its reply; null: it waits. */
export interface Memo {
  readonly command: Request
  readonly reply: LockReply | null
  readonly atMs: number
}

/** All that is remembered. */
export class ReferenceMemos {
  memos: Memo[] = []
  readonly #limits: Limits

  constructor(limits: Limits) {
    this.#limits = limits
  }

  /** Forgets the oldest, some at a time. */
  forget(timeMs: number): void {
    for (let left = this.#limits.memosDroppedMax; left > 0; left--) {
      const oldest = this.memos.findIndex(({ reply }) => reply !== null)
      if (oldest < 0 || this.memos[oldest]!.atMs + this.#limits.memoLifeMs > timeMs) break
      this.memos.splice(oldest, 1)
    }
  }

  of({ key, owner, requestId }: Request): Memo | undefined {
    return this.memos.find(({ command }) => {
      return command.key === key && command.owner === owner && command.requestId === requestId
    })
  }

  /** Whether one more of this owner cannot be remembered. */
  isFull(owner: string): boolean {
    const { memosMax, memosPerOwnerMax } = this.#limits
    const mine = this.memos.filter(({ command }) => command.owner === owner)
    return this.memos.length >= memosMax || mine.length >= memosPerOwnerMax
  }

  put(command: Request, reply: LockReply | null, atMs: number): void {
    const before = this.of(command)
    this.memos = this.memos.filter((memo) => memo !== before)
    this.memos.push({ command, reply, atMs })
  }
}

/** Whether the same is asked: a cancel knows of its acquire no more than the id. */
export function isSameRequest(before: Request, now: Request): boolean {
  const pair = `${before.type} ${now.type}`
  if (['acquire cancel', 'cancel acquire', 'cancel cancel'].includes(pair)) return true
  return isDeepStrictEqual(before, now)
}
