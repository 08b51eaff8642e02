// The lock service as a backend: requests as commands of its machine, made as calls of a session,
// so that asking again has no second effect. How that is seen to, guarded-calls.ts knows.

import type { LockCommand } from '../core/lock/command.ts'
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
import { Acquires } from './acquires.ts'
import type { AcquireEnded } from './acquires.ts'
import type { GiveUp } from './asker.ts'
import type { Caller } from './caller.ts'
import {
  acquireCommand,
  acquireReply,
  releaseCommand,
  releaseReply,
  renewCommand,
  renewReply,
  statusReply,
} from './commands.ts'
import { abortedError, closedError, LockError } from './errors.ts'
import { GuardedCalls } from './guarded-calls.ts'
import type { Ended } from './guarded-calls.ts'
import { weighServiceReply } from './lock-reply.ts'
import { onAbort } from './on-abort.ts'
import type { Weight } from './request.ts'

/** How the service is asked. */
export interface ServiceOptions {
  readonly caller: Caller
  /** Names an acquire. No two are alike, also of two clients; 96 bytes at most. */
  readonly newRequestId: () => string
  /** How long a request may take that does not wait for a lock. */
  readonly requestTimeoutMs: number
  /** How long the answer to a wait may be late before the client gives up. */
  readonly waitMarginMs: number
}

/** One that waits asks again after this long at most: its node may be one that answers nobody. */
const WAIT_ATTEMPT_MS_MAX = 10_000

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
  readonly #acquires: Acquires
  /** Aborted when it is closed: for acquires, which are given up then. */
  readonly #closing = new AbortController()
  #isClosed = false

  constructor(options: ServiceOptions) {
    this.#options = options
    const { caller, requestTimeoutMs } = options
    this.#calls = new GuardedCalls(caller)
    this.#acquires = new Acquires(this.#calls, caller, requestTimeoutMs)
  }

  async acquire(request: AcquireRequest, signal?: AbortSignal): Promise<AcquireReply> {
    const { key, ttlMs } = request
    const what = `failed to acquire lock ${key}`
    this.#check(what, key, signal)
    const { newRequestId, requestTimeoutMs, waitMarginMs } = this.#options
    const waitMs = Math.min(request.waitMs, LIMITS.waitMsMax)
    const command = acquireCommand(request, waitMs, newRequestId())
    const attemptMs = Math.min(WAIT_ATTEMPT_MS_MAX, Math.max(waitMarginMs, Math.floor(ttlMs / 3)))
    const terms =
      waitMs === 0
        ? { timeoutMs: requestTimeoutMs }
        : { timeoutMs: waitMs + waitMarginMs, attemptTimeoutMs: attemptMs }
    const ended = await ending<AcquireEnded>((then) => {
      return this.#acquires.acquire(command, terms, then)
    }, [signal, this.#closing.signal])
    if (signal?.aborted === true) {
      // Only now, after it was answered.
      if (ended.type === 'answered') this.#acquires.giveBack(command, ended.reply)
      throw abortedError(what, key, signal)
    }
    switch (ended.type) {
      case 'answered':
        return acquireReply(key, ended.reply, ended.firstSentMs)
      case 'timeout':
        return { type: 'timeout' }
      case 'givenUp':
        throw closedError(key)
      case 'failed':
      case 'unknown':
        throw this.#error(what, key, ended)
    }
  }

  renew(request: RenewRequest, signal?: AbortSignal): Promise<RenewReply> {
    return this.#ask('renew', renewCommand(request, null), renewReply, signal)
  }

  release(request: ReleaseRequest, signal?: AbortSignal): Promise<ReleaseReply> {
    return this.#ask('release', releaseCommand(request, null), releaseReply, signal)
  }

  status(key: string, signal?: AbortSignal): Promise<LockStatus> {
    return this.#ask('look at', { type: 'status', key, holder: null }, statusReply, signal)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#closing.abort()
    this.#options.caller.close(this.#calls.farewells())
  }

  /** Asks for a command, and answers what `read` makes of the reply. */
  async #ask<Reply>(
    verb: string,
    command: Extract<LockCommand, { readonly key: string }>,
    read: (key: string, reply: LockReply) => Reply,
    signal: AbortSignal | undefined,
  ): Promise<Reply> {
    const { key } = command
    const what = `failed to ${verb} lock ${key}`
    this.#check(what, key, signal)
    const timeoutMs = this.#options.requestTimeoutMs
    const ended = await ending<Ended>((then) => {
      if (command.type === 'status') return this.#read(command, timeoutMs, then)
      return this.#calls.call(command, { timeoutMs }, then)
    }, [signal])
    if (ended.type === 'answered') return read(key, ended.reply)
    if (signal?.aborted === true) throw abortedError(what, key, signal)
    throw this.#error(what, key, ended)
  }

  #read(command: LockCommand, timeoutMs: number, then: (ended: Ended) => void): GiveUp {
    const payload = machine.encodeCommand({ type: 'plain', command })
    return this.#options.caller.ask(payload, { timeoutMs, read: true }, (result) => {
      if (result.type !== 'done') return then(result)
      const reply = machine.decodeReply(result.reply)
      if (reply?.type !== 'replied') return then({ type: 'unknown' })
      then({ type: 'answered', reply: reply.reply, firstSentMs: result.firstSentMs })
    })
  }

  #check(what: string, key: string, signal: AbortSignal | undefined): void {
    if (this.#isClosed) throw closedError(key)
    if (signal?.aborted === true) throw abortedError(what, key, signal)
  }

  /** Why a call got no answer. */
  #error(what: string, key: string, ended: Exclude<Ended, { type: 'answered' }>): LockError {
    if (this.#isClosed) return closedError(key)
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

/** How what is begun ends. Any of the signals gives it up. */
function ending<Value>(
  begin: (then: (value: Value) => void) => GiveUp,
  signals: readonly (AbortSignal | undefined)[],
): Promise<Value> {
  return new Promise((resolve) => {
    let stops: readonly (() => void)[] = []
    const giveUp = begin((value) => {
      for (const stop of stops) stop()
      resolve(value)
    })
    stops = signals.map((signal) => onAbort(signal, giveUp))
  })
}
