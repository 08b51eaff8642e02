// Drives a lock machine as a log would: one index per command, a clock that only the test moves.

import * as assert from 'uvu/assert'
import { endSession } from '../../../core/lock/apply.ts'
import type * as Ask from '../../../core/lock/command.ts'
import type { LockEvent } from '../../../core/lock/event.ts'
import type { Limits } from '../../../core/lock/limits.ts'
import { LIMITS } from '../../../core/lock/limits.ts'
import type { LockMachine } from '../../../core/lock/machine.ts'
import { lockMachine } from '../../../core/lock/machine.ts'
import type { LockReply, StatusReply } from '../../../core/lock/reply.ts'
import type { EndedBy, LockState } from '../../../core/lock/state.ts'

/** The session a request comes in, none when it is left out, and whether it is a call at all. */
interface In {
  readonly session?: number | null
  /** As the session says, when it is left out; true without one: an unbound call. */
  readonly guarded?: boolean
}

/** A machine with its log. */
export class Driver {
  readonly machine: LockMachine
  readonly limits: Limits
  state: LockState
  index = 0
  timeMs = 0
  /** Late answers so far, as [index, reply]. */
  answers: [number, LockReply][] = []
  /** Events of the last command, without answers. */
  events: LockEvent[] = []
  #ids = 0

  constructor(limits: Partial<Limits> = {}) {
    this.limits = { ...LIMITS, ...limits }
    this.machine = lockMachine(limits)
    this.state = this.machine.initial()
  }

  /** Applies a command at the next index; its reply, or null. */
  apply(command: Ask.LockCommand, whence: In = {}): LockReply | null {
    this.index += 1
    const { session = null, guarded = session !== null } = whence
    const context = { index: this.index, timeMs: this.timeMs, version: 1, session, guarded }
    const [state, reply, events] = this.machine.apply(this.state, command, context)
    this.state = state
    this.events = []
    for (const event of events) {
      if (event.type === 'answer') this.answers.push([event.index, event.reply])
      else this.events.push(event)
    }
    return reply
  }

  /** What the end of a session does, at an entry of its own. */
  endSession(session: number, by: EndedBy): void {
    this.index += 1
    const { index, timeMs } = this
    const ended = { type: 'sessionEnded', session, by, index, timeMs } as const
    this.state = endSession(this.state, ended, this.limits)
  }

  acquire(key: string, owner: string, more: Partial<Ask.Acquire> & In = {}): LockReply | null {
    const { session = null, guarded = session !== null, ...fields } = more
    const terms = { mode: 'exclusive', ttlMs: 1_000, waitMs: 0, reentrant: false } as const
    const rest = { lockDelayMs: 0, metadata: '', requestId: this.freshId() }
    const command = { type: 'acquire', key, owner, ...terms, ...rest, ...fields } as const
    return this.apply(command, { session, guarded })
  }

  /** An acquire of a shared lock. */
  share(key: string, owner: string, more: Partial<Ask.Acquire> & In = {}): LockReply | null {
    return this.acquire(key, owner, { mode: 'shared', ...more })
  }

  cancel(key: string, owner: string, requestId: string | null, more: In = {}): LockReply | null {
    return this.apply({ type: 'cancel', key, owner, requestId }, more)
  }

  release(key: string, owner: string, more: Partial<Ask.Release> & In = {}): LockReply | null {
    const { session = null, guarded = session !== null, ...fields } = more
    const usual = { token: null, all: false, requestId: this.freshId() }
    return this.apply({ type: 'release', key, owner, ...usual, ...fields }, { session, guarded })
  }

  renew(key: string, owner: string, more: Partial<Ask.Renew> & In = {}): LockReply | null {
    const { session = null, guarded = session !== null, ...fields } = more
    const usual = { token: null, ttlMs: 1_000, requestId: this.freshId() }
    return this.apply({ type: 'renew', key, owner, ...usual, ...fields }, { session, guarded })
  }

  /** By an operator, of the name `admin`. */
  force(key: string, more: Partial<Ask.ForceRelease> & In = {}): LockReply | null {
    const { session = null, guarded = session !== null, ...fields } = more
    const usual = { owner: 'admin', token: null, now: false, requestId: this.freshId() }
    return this.apply({ type: 'forceRelease', key, ...usual, ...fields }, { session, guarded })
  }

  expire(max = 1_000): LockReply | null {
    return this.apply({ type: 'expire', max })
  }

  /** How a key stands, without an entry. */
  status(key: string, holder: Ask.Status['holder'] = null): StatusReply {
    const reply = this.machine.query(this.state, { type: 'status', key, holder }, this.timeMs)
    assert.is(reply?.type, 'status')
    return reply as StatusReply
  }

  /** Who holds the key: the first by session and name. */
  holder(key: string): string | null {
    return this.status(key).owner
  }

  bytes(): Uint8Array {
    return this.machine.encodeSnapshot(this.state)
  }

  freshId(): string {
    this.#ids += 1
    return `id-${this.#ids}`
  }
}

/** A grant of a second, at once. */
export function granted(token: number, more: object = {}): object {
  return { type: 'granted', token, count: 1, ttlMs: 1_000, grantedAfterMs: 0, ...more }
}

export function rejected(reason: string): object {
  return { type: 'rejected', reason }
}

export function swept(more: object = {}): object {
  return { type: 'swept', locks: 0, waiters: 0, delays: 0, ...more }
}

/** What nobody has. */
export const NOBODY: StatusReply = {
  type: 'status',
  locked: false,
  mode: null,
  owner: null,
  session: null,
  token: 0,
  count: 0,
  ttlMs: null,
  remainingMs: 0,
  metadata: '',
  revoked: false,
  holders: 0,
  waiters: 0,
  delayMs: 0,
}
