// Drives a lock machine as a log would: one index per command, a clock that only the test moves.

import type { LockCommand, LockEvent, LockReply } from '../../../core/lock/command.ts'
import type { Acquire, Release, Renew } from '../../../core/lock/command.ts'
import type { Limits } from '../../../core/lock/limits.ts'
import type { LockMachine } from '../../../core/lock/machine.ts'
import { lockMachine } from '../../../core/lock/machine.ts'
import type { LockState } from '../../../core/lock/state.ts'

/** A machine with its log. */
export class Driver {
  readonly machine: LockMachine
  state: LockState
  index = 0
  timeMs = 0
  /** Late answers so far, as [index, reply]. */
  answers: [number, LockReply][] = []
  /** Events of the last command, without answers. */
  events: LockEvent[] = []
  #ids = 0

  constructor(limits: Partial<Limits> = {}) {
    this.machine = lockMachine(limits)
    this.state = this.machine.initial()
  }

  /** Applies a command at the next index; its reply, or null. */
  apply(command: LockCommand): LockReply | null {
    this.index += 1
    const context = { index: this.index, timeMs: this.timeMs }
    const [state, reply, events] = this.machine.apply(this.state, command, context)
    this.state = state
    this.events = []
    for (const event of events) {
      if (event.type === 'answer') this.answers.push([event.index, event.reply])
      else this.events.push(event)
    }
    return reply
  }

  acquire(key: string, owner: string, more: Partial<Acquire> = {}): LockReply | null {
    const requestId = this.freshId()
    const usual = { ttlMs: 1_000, waitMs: 0, reentrant: false, requestId }
    return this.apply({ type: 'acquire', key, owner, ...usual, ...more })
  }

  release(key: string, owner: string, more: Partial<Release> = {}): LockReply | null {
    const usual = { token: null, all: false, requestId: this.freshId() }
    return this.apply({ type: 'release', key, owner, ...usual, ...more })
  }

  renew(key: string, owner: string, more: Partial<Renew> = {}): LockReply | null {
    const usual = { token: null, ttlMs: 1_000, requestId: this.freshId() }
    return this.apply({ type: 'renew', key, owner, ...usual, ...more })
  }

  expire(max = 1_000): LockReply | null {
    return this.apply({ type: 'expire', max })
  }

  /** Who holds the key, through `status`. */
  holder(key: string): string | null {
    const reply = this.apply({ type: 'status', key })
    return reply?.type === 'status' ? reply.owner : null
  }

  freshId(): string {
    this.#ids += 1
    return `id-${this.#ids}`
  }
}
