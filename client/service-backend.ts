// The lock service as a backend: requests as commands of its machine, made as calls of a session,
// so that asking again has no second effect. How that is seen to, guarded-calls.ts knows.

import type { Acquire, LockCommand } from '../core/lock/command.ts'
import { LIMITS } from '../core/lock/limits.ts'
import { lockService } from '../core/lock/machine.ts'
import type { LockReply } from '../core/lock/reply.ts'
import type {
  AcquireReply,
  AcquireRequest,
  BackendSupports,
  LockBackend,
  LockStatus,
  ReleaseReply,
  ReleaseRequest,
  RenewReply,
  RenewRequest,
} from './backend.ts'
import { pause } from './abortable.ts'
import type { Caller, CallTerms } from './caller.ts'
import type { ClientClock } from './clock.ts'
import {
  acquireCommand,
  acquireReply,
  cancelCommand,
  giveBackCommand,
  releaseCommand,
  releaseReply,
  renewCommand,
  renewReply,
  statusReply,
} from './commands.ts'
import { abortedError, closedError, LockError } from './errors.ts'
import { GuardedCalls } from './guarded-calls.ts'
import type { Ended, Made } from './guarded-calls.ts'
import { weighServiceReply } from './lock-reply.ts'
import type { Weight } from './request.ts'

/** How the service is asked. */
export interface ServiceOptions {
  readonly caller: Caller
  readonly clock: ClientClock
  /** Names an acquire. No two are alike, also of two clients; 96 bytes at most. */
  readonly newRequestId: () => string
  /** How long a request may take that does not wait for a lock. */
  readonly requestTimeoutMs: number
  /** How long the answer to a wait may be late before the client gives up. */
  readonly waitMarginMs: number
}

/** One that waits asks again after this long at most: its node may be one that answers nobody. */
const WAIT_ATTEMPT_MS_MAX = 10_000

/** How long a call whose time is over waits for its own cancelling. */
const CANCEL_MS = 1_000

const machine = lockService()

/** What a reply means for the request that got it. */
export function weighReply(bytes: Uint8Array): Weight {
  const reply = machine.decodeReply(bytes)
  return reply === null ? 'final' : weighServiceReply(reply)
}

export class ServiceBackend implements LockBackend {
  readonly supports: BackendSupports = {
    fencing: 'strict',
    wait: 'push',
    fair: true,
    shared: true,
  }
  readonly #options: ServiceOptions
  readonly #calls: GuardedCalls
  readonly #closing = new AbortController()

  constructor(options: ServiceOptions) {
    this.#options = options
    this.#calls = new GuardedCalls(options.caller, options.clock)
  }

  async acquire(request: AcquireRequest, signal?: AbortSignal): Promise<AcquireReply> {
    const { key, ttlMs } = request
    const what = `failed to acquire lock ${key}`
    this.#check(what, key, signal)
    const { newRequestId, requestTimeoutMs, waitMarginMs } = this.#options
    const waitMs = Math.min(request.waitMs, LIMITS.waitMsMax)
    const command = acquireCommand(request, waitMs, newRequestId())
    const attemptMs = Math.min(WAIT_ATTEMPT_MS_MAX, Math.max(waitMarginMs, Math.floor(ttlMs / 3)))
    const terms: CallTerms =
      waitMs === 0
        ? { timeoutMs: requestTimeoutMs, read: false, signal }
        : { timeoutMs: waitMs + waitMarginMs, read: false, attemptTimeoutMs: attemptMs, signal }
    const made = await this.#calls.make((passedMs) => shortened(command, passedMs), terms)
    const { ended } = made
    if (ended.type === 'answered' || ended.type === 'failed') made.call?.end()
    if (signal?.aborted === true) {
      if (ended.type === 'answered') this.#giveBack(command, ended.reply)
      else if (ended.type === 'unknown') void this.#settle(made)
      throw abortedError(what, key, signal)
    }
    if (ended.type === 'answered') return acquireReply(key, ended.reply, ended.firstSentMs)
    if (ended.type === 'unknown' && waitMs > 0 && !this.#closing.signal.aborted) {
      // It did not wait in vain for want of an answer: that is said only if it is known.
      if (await this.#isSettledSoon(made)) return { type: 'timeout' }
    } else if (ended.type === 'unknown') void this.#settle(made)
    throw this.#error(what, key, ended)
  }

  async renew(request: RenewRequest, signal?: AbortSignal): Promise<RenewReply> {
    const { key } = request
    const command = renewCommand(request, null)
    return renewReply(key, await this.#ask(`failed to renew lock ${key}`, command, signal))
  }

  async release(request: ReleaseRequest, signal?: AbortSignal): Promise<ReleaseReply> {
    const { key } = request
    const command = releaseCommand(request, null)
    return releaseReply(key, await this.#ask(`failed to release lock ${key}`, command, signal))
  }

  async status(key: string, signal?: AbortSignal): Promise<LockStatus> {
    const query = { type: 'status', key, holder: null } as const
    return statusReply(key, await this.#ask(`failed to look at lock ${key}`, query, signal))
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#options.caller.close(this.#calls.farewells())
  }

  async #ask(
    what: string,
    command: Extract<LockCommand, { readonly key: string }>,
    signal: AbortSignal | undefined,
  ): Promise<LockReply> {
    const { key } = command
    this.#check(what, key, signal)
    const timeoutMs = this.#options.requestTimeoutMs
    const ended =
      command.type === 'status'
        ? await this.#read(command, { timeoutMs, read: true, signal })
        : await this.#calls.call(command, { timeoutMs, read: false, signal })
    if (ended.type === 'answered') return ended.reply
    if (signal?.aborted === true) throw abortedError(what, key, signal)
    throw this.#error(what, key, ended)
  }

  async #read(command: LockCommand, terms: CallTerms): Promise<Ended> {
    const payload = machine.encodeCommand({ type: 'plain', command })
    const result = await this.#options.caller.call(payload, terms)
    if (result.type !== 'done') return result
    const reply = machine.decodeReply(result.reply)
    if (reply?.type !== 'replied') return { type: 'unknown' }
    return { type: 'answered', reply: reply.reply, firstSentMs: result.firstSentMs }
  }

  /**
   * Sees to it that an acquire of unknown end waits no longer, and that nothing stays held of it;
   * whether that is known then.
   *
   * First its number is given to another command. If that can be had, the acquire has not happened
   * and never will. Else it has: its wait is ended, and then it is asked for its own answer. What
   * the owner holds says nothing of it, since the same owner may hold the lock by another acquire.
   */
  async #settle({ call, command }: Made<Acquire>): Promise<boolean> {
    if (call === null) return true
    const terms = { timeoutMs: this.#options.requestTimeoutMs, read: false }
    const taken = await call.ask(cancelCommand(command), terms)
    const cancelled =
      taken.type === 'answered' ? taken : await this.#calls.call(cancelCommand(command), terms)
    const isHeard = taken.type === 'reused' && cancelled.type === 'answered'
    const own = isHeard ? await call.ask(command, terms) : null
    call.end()
    if (own?.type === 'answered') this.#giveBack(command, own.reply)
    if (own?.type === 'answered') return own.reply.type !== 'rejected'
    return taken.type === 'answered'
  }

  async #isSettledSoon(made: Made<Acquire>): Promise<boolean> {
    const tooLate = pause(this.#options.clock, CANCEL_MS, undefined).then(() => false)
    return Promise.race([this.#settle(made), tooLate])
  }

  #giveBack(command: Acquire, reply: LockReply): void {
    if (reply.type !== 'granted') return
    const timeoutMs = this.#options.requestTimeoutMs
    void this.#calls.call(giveBackCommand(command, reply, null), { timeoutMs, read: false })
  }

  #check(what: string, key: string, signal: AbortSignal | undefined): void {
    if (this.#closing.signal.aborted) throw closedError(key)
    if (signal?.aborted === true) throw abortedError(what, key, signal)
  }

  /** Why a call got no answer. */
  #error(what: string, key: string, ended: Exclude<Ended, { type: 'answered' }>): LockError {
    if (this.#closing.signal.aborted) return closedError(key)
    const problems = this.#options.caller.problems()
    const why = problems.map(({ node, text }) => `${node}: ${text}`).join('; ')
    if (ended.type === 'unknown') {
      const ofNodes = why === '' ? '' : ` (${why})`
      const text = `${what}: no answer in time, so it may have happened or may yet${ofNodes}`
      return new LockError('UNKNOWN', text, { key })
    }
    if (ended.refusal === 'overloaded') {
      return new LockError('OVERLOADED', `${what}: the service has too much to do`, { key })
    }
    if (ended.refusal === 'tooLarge') {
      return new LockError('INVALID', `${what}: the service takes no request so large`, { key })
    }
    if (ended.refusal === 'forbidden') {
      return new LockError('UNAUTHORIZED', `${what}: the token does not allow it`, { key })
    }
    if (ended.refusal === 'malformed') {
      const why = 'the service does not know such a request, and may be of an older version'
      return new LockError('INVALID', `${what}: ${why}`, { key })
    }
    if (problems.length < this.#options.caller.nodesCount) {
      return new LockError('NO_QUORUM', `${what}: no quorum: no node knows a leader`, { key })
    }
    return problems.some(({ isRefused }) => isRefused)
      ? new LockError('UNAUTHORIZED', `${what}: not let in: ${why}`, { key })
      : new LockError('UNAVAILABLE', `${what}: no node can be reached: ${why}`, { key })
  }
}

/** The acquire once so much of its wait is over; one that was to wait still waits, for a moment. */
function shortened(command: Acquire, passedMs: number): Acquire {
  if (command.waitMs === 0 || passedMs === 0) return command
  return { ...command, waitMs: Math.max(1, command.waitMs - passedMs) }
}
