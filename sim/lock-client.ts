// A client of the lock service: it takes, keeps, renews and gives back locks as an application
// would, believes only what the client library entitles it to, and writes to a resource under its
// token.

import type { LockInput, LockOutput } from '../checker/lock-history.ts'
import {
  expired,
  granted,
  isValid,
  reentered,
  releaseSent,
  renewAnswered,
  renewFailed,
  renewSent,
  renewUnknown,
  safeUntilMs,
} from '../client/lease.ts'
import type { Lease } from '../client/lease.ts'
import type { Acquire, Cancel, LockCommand, LockRequest, Mode } from '../core/lock/command.ts'
import type { Granted, LockReply } from '../core/lock/reply.ts'
import type { LockBeliefs } from './lock-beliefs.ts'
import { UNDER_WAY_MS } from './lock-limits.ts'
import type { AcquireOperation, LockOperation } from './lock-operation.ts'
import { isPlain, KEY_OF_FRESH } from './lock-operation.ts'
import { EPSILON_PPM } from './scenario.ts'
import type { Actor, Ask, Ended, Stage } from './workload.ts'

type LockAsk = Ask<LockCommand, LockInput>

/** Above 20 times the longest maximum election timeout that is drawn. */
const PATIENT_MS = 15_000

/** How many a client lists at a time. */
const PAGE = 3

/** What a client has, or had, of a key. */
interface Mine {
  readonly lease: Lease
  /** What it may take it for: less than it asked for, once it has asked to share it. */
  readonly mode: Mode
}

export class LockClient
  implements Actor<LockCommand, LockReply, LockOperation, LockInput, LockOutput> {
  readonly #client: number
  readonly #stage: Stage
  readonly #beliefs: LockBeliefs
  /** It never asks for longer. */
  readonly #patienceMs: number
  /** The last lease of each key, also one that ended: late releases and renewals name its token. */
  readonly #mine = new Map<string, Mine>()
  /** The shortest lease that it ever asked for by a key: a heartbeat may set it anew. */
  readonly #leastTtlMs = new Map<string, number>()
  /** The last token that it was told of by a key, whosever. */
  readonly #seen = new Map<string, number>()
  /** Until when a request of unknown end may still change a key's next holding. */
  readonly #adriftUntilMs = new Map<string, number>()
  /** What is to be asked at once. */
  #next: LockRequest | Cancel | null = null
  #requests = 0

  constructor(client: number, stage: Stage, beliefs: LockBeliefs, patience: number) {
    this.#client = client
    this.#stage = stage
    this.#beliefs = beliefs
    this.#patienceMs = patience
  }

  begin(operation: LockOperation, nowMs: number): LockAsk | null {
    const key = this.#keyFor(operation)
    const mine = this.#mine.get(key)
    switch (operation.type) {
      case 'acquire':
        return this.#acquire(operation)
      case 'renew': {
        if (mine === undefined && operation.withToken) return null
        const { type, ttlMs } = operation
        if (ttlMs !== null) this.#asksFor(key, ttlMs)
        const leastMs = ttlMs ?? this.#leastTtlMs.get(key) ?? 0
        if (mine !== undefined) {
          this.#believe(key, mine.mode, renewSent(mine.lease, this.#requests, nowMs, leastMs))
        }
        const token = operation.withToken ? (mine?.lease.token ?? null) : null
        return this.#ask({ type, key, token, ttlMs, ...this.#newRequest(key) })
      }
      case 'release': {
        if (mine === undefined && operation.withToken) return null
        const { type, all } = operation
        if (mine !== undefined) this.#believe(key, mine.mode, releaseSent(mine.lease))
        const token = operation.withToken ? (mine?.lease.token ?? null) : null
        return this.#ask({ type, key, token, all, ...this.#newRequest(key) })
      }
      case 'forceRelease': {
        const { type, now } = operation
        const token = operation.withToken ? (this.#seen.get(key) ?? null) : null
        return this.#ask({ type, key, token, now, ...this.#newRequest(key) })
      }
      case 'status':
        return this.#look({ type: 'status', key, holder: null }, operation.throughLog !== true)
      case 'list':
        return this.#look(listOf(operation), operation.throughLog !== true)
      case 'write':
        this.#write(key, operation.delayUs, nowMs)
        return null
    }
  }

  end(ask: LockAsk, ended: Ended<LockReply>, nowMs: number): LockOutput | null {
    const { command } = ask
    if (command.type === 'renew') this.#onRenewEnded(command.key, ended, nowMs)
    else if (command.type === 'acquire') this.#onAcquireEnded(command, ended, nowMs)
    else if (command.type === 'cancel' && ended.type === 'done') this.#onCancelled(command, ended)
    if (ended.type === 'unknown' && 'token' in command && command.token === null) {
      this.#adriftUntilMs.set(command.key, nowMs + UNDER_WAY_MS)
    }
    if (ended.type !== 'done') return null
    const { reply } = ended
    if ('token' in reply && 'key' in command) this.#seen.set(command.key, reply.token)
    return outputOf(reply)
  }

  followUp(): LockAsk | null {
    const next = this.#next
    this.#next = null
    return next === null ? null : this.#ask(next)
  }

  /** Renewals, releases and writes prefer what is held, so that they are not all in vain. */
  #keyFor(operation: LockOperation): string {
    const { type } = operation
    if (type !== 'renew' && type !== 'release' && type !== 'write') return operation.key
    if (this.#mine.get(operation.key)?.lease.type === 'held') return operation.key
    for (const [key, { lease }] of this.#mine) if (lease.type === 'held') return key
    return operation.key
  }

  #acquire(operation: AcquireOperation): LockAsk {
    const { type, key, mode, ttlMs, waitMs, reentrant, lockDelayMs, giveUpMs } = operation
    this.#asksFor(key, ttlMs)
    const mine = this.#mine.get(key)
    // From now on it may share what it holds alone.
    if (mine !== undefined && mode === 'shared') this.#believe(key, mode, mine.lease)
    const request = this.#newRequest(key)
    const terms = { mode, ttlMs, waitMs, reentrant, lockDelayMs, metadata: request.requestId }
    const ask = this.#ask({ type, key, ...terms, ...request })
    return giveUpMs === null ? ask : { ...ask, timeoutMs: Math.min(giveUpMs, ask.timeoutMs) }
  }

  #asksFor(key: string, ttlMs: number): void {
    this.#leastTtlMs.set(key, Math.min(ttlMs, this.#leastTtlMs.get(key) ?? Infinity))
  }

  #onAcquireEnded(command: Acquire, ended: Ended<LockReply>, nowMs: number): void {
    const { key, owner, mode, requestId } = command
    if (ended.type === 'done') {
      if (ended.reply.type === 'granted') {
        this.#onGranted(command, ended.reply, ended.firstSentMs, nowMs)
      }
      return
    }
    if (ended.type !== 'unknown') return
    // One that comes yet may share what was granted to another request meanwhile.
    if (mode === 'shared') this.#adriftUntilMs.set(key, nowMs + UNDER_WAY_MS)
    if (!isPlain(key)) this.#next = { type: 'cancel', key, owner, requestId }
  }

  #onGranted(
    { key, mode }: Acquire,
    { token, ttlMs, grantedAfterMs }: Granted,
    firstSentMs: number,
    now: number,
  ): void {
    const before = this.#mine.get(key)
    // It asks for no lock that lasts as long as a session.
    if (ttlMs === null) return
    if (before?.lease.token === token) {
      this.#believe(key, before.mode, reentered(before.lease, { token, firstSentMs, ttlMs, now }))
      return
    }
    const driftPpm = EPSILON_PPM
    const lease = granted({ token, firstSentMs, grantedAfterMs, ttlMs, now, driftPpm })
    const isLate = lease === 'tooLate'
    if (isLate) this.#stage.probe('grant came after its safe-until')
    // A request that names no token may still come, and take this holding for its own.
    if (isLate || firstSentMs <= (this.#adriftUntilMs.get(key) ?? -Infinity)) {
      this.#mine.set(key, { lease: { type: 'ended', token, reason: 'late' }, mode })
      this.#giveBack(key, token)
    } else this.#believe(key, mode, lease)
  }

  /** Nobody waits for the acquire any more: what it was granted is given back. */
  #onCancelled({ key }: Cancel, { reply }: Extract<Ended<LockReply>, { type: 'done' }>): void {
    if (reply.type !== 'granted') return
    const mine = this.#mine.get(key)
    if (mine?.lease.token === reply.token) this.#believe(key, mine.mode, releaseSent(mine.lease))
    this.#stage.probe('granted before it was cancelled')
    this.#giveBack(key, reply.token)
  }

  #giveBack(key: string, token: number): void {
    this.#stage.probe('late grant given back')
    this.#next = { type: 'release', key, token, all: true, ...this.#newRequest(key) }
  }

  #onRenewEnded(key: string, ended: Ended<LockReply>, nowMs: number): void {
    const mine = this.#mine.get(key)
    if (mine === undefined) return
    const { lease, mode } = mine
    // One operation at a time: the renewal under way is the last request.
    const renew = this.#requests - 1
    if (ended.type === 'failed') this.#believe(key, mode, renewFailed(lease, renew))
    else if (ended.type === 'unknown') this.#believe(key, mode, renewUnknown(lease, renew))
    else if (ended.reply.type === 'renewed') {
      this.#believe(key, mode, renewAnswered(lease, renew, ended.reply.token, nowMs))
    } else if (ended.reply.type === 'expired') this.#believe(key, mode, expired(lease))
    else this.#believe(key, mode, renewFailed(lease, renew))
  }

  #believe(key: string, mode: Mode, lease: Lease): void {
    this.#mine.set(key, { lease, mode })
    const untilMs = safeUntilMs(lease)
    const untilUs = untilMs === -Infinity ? 0 : this.#stage.clientTimeUs(this.#client, untilMs)
    this.#beliefs.believes(this.#client, key, mode, lease.token, untilUs)
  }

  /** Looks at the lease, and writes a while later: a pause in between makes the write stale. */
  #write(key: string, delayUs: number, nowMs: number): void {
    const mine = this.#mine.get(key)
    if (mine === undefined || mine.lease.type === 'ended' || mine.mode === 'shared') return
    const { lease, mode } = mine
    if (isValid(lease, nowMs)) {
      const { token } = lease
      this.#stage.later(delayUs, () => this.#beliefs.writes(this.#client, key, token))
      return
    }
    this.#stage.probe('a holder saw its lease run out')
    this.#mine.set(key, { lease: { type: 'ended', token: lease.token, reason: 'late' }, mode })
  }

  #look(command: LockCommand, read: boolean): LockAsk {
    const isTold = command.type === 'status' && isPlain(command.key)
    const input: LockInput | null = isTold ? { type: 'status', key: command.key } : null
    // Through the log as well, which must say the same.
    return { command, timeoutMs: 2_000, retry: true, read, input }
  }

  #ask(command: LockRequest | Cancel): LockAsk {
    const waitMs = command.type === 'acquire' ? command.waitMs : 0
    // Every other client call outlasts the bound on answers after the heal: it must be kept.
    const usualMs = waitMs + (this.#requests % 2 === 0 ? PATIENT_MS : 2_500)
    const timeoutMs = Math.min(usualMs, this.#patienceMs)
    const input = isPlain(command.key) ? inputOf(command) : null
    return { command, timeoutMs, retry: true, read: false, input }
  }

  /** The fresh lock's owner is one that asks for nothing else, and so is far from its limits. */
  #newRequest(key: string): { readonly owner: string; readonly requestId: string } {
    const owner = `${key === KEY_OF_FRESH ? 'f' : 'c'}${this.#client}`
    return { owner, requestId: `${owner}.${this.#requests++}` }
  }
}

function listOf({ key, what }: Extract<LockOperation, { readonly type: 'list' }>): LockCommand {
  switch (what) {
    case 'holders':
      return { type: 'listHolders', key, after: null, max: PAGE }
    case 'waiters':
      return { type: 'listWaiters', key, after: null, max: PAGE }
    case 'locks':
      return { type: 'listLocks', prefix: 'k', after: null, max: PAGE }
    case 'count':
      return { type: 'countLocks', prefix: 'k' }
  }
}

/** What is asked, in the words of the checker, if it has any. */
function inputOf(command: LockRequest | Cancel): LockInput | null {
  const { key, owner } = command
  switch (command.type) {
    case 'acquire': {
      const { ttlMs, waitMs } = command
      return ttlMs === null ? null : { type: 'acquire', key, owner, ttlMs, waitMs }
    }
    case 'renew': {
      const { token, ttlMs } = command
      return ttlMs === null ? null : { type: 'renew', key, owner, token, ttlMs }
    }
    case 'release':
      return { type: 'release', key, owner, token: command.token }
    case 'cancel':
    case 'forceRelease':
      return null
  }
}

/** The service's words in those of the checker. */
function outputOf(reply: LockReply): LockOutput | null {
  switch (reply.type) {
    case 'granted':
      return { type: 'granted', token: reply.token, count: reply.count }
    case 'held':
    case 'expired':
      return { type: reply.type, token: reply.token }
    case 'timeout':
    case 'notHolder':
      return { type: reply.type }
    case 'released':
      return { type: 'released', count: reply.count }
    case 'renewed': {
      const { token, ttlMs } = reply
      return ttlMs === null ? null : { type: 'renewed', token, ttlMs }
    }
    case 'status': {
      const { locked, token, owner } = reply
      return { type: 'status', locked, token, owner: owner ?? '' }
    }
    case 'rejected':
      return { type: 'rejected', reason: reply.reason }
    default:
      return null
  }
}
