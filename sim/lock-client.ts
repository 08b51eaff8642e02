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
import { LIMITS } from '../core/lock/limits.ts'
import type { Granted, LockReply } from '../core/lock/reply.ts'
import type { SessionCommand, SessionReply } from '../core/session/command.ts'
import type { LockBeliefs } from './lock-beliefs.ts'
import { UNDER_WAY_MS } from './lock-limits.ts'
import type { AcquireOperation, LockOperation, SessionOperation } from './lock-operation.ts'
import { isPlain, KEY_OF_FRESH } from './lock-operation.ts'
import { ClientSession } from './lock-session.ts'
import { EPSILON_PPM } from './scenario.ts'
import type { Actor, Ask, Ended, Stage } from './workload.ts'

type Command = SessionCommand<LockCommand>
type Reply = SessionReply<LockReply>
type LockAsk = Ask<Command, LockInput>

/** Above 20 times the longest maximum election timeout that is drawn. */
const PATIENT_MS = 15_000

/** How many a client lists at a time. */
const PAGE = 3

/** Of a lease that ends with its session alone: longer than any run. */
const ENDLESS_MS = LIMITS.ttlMsMax

/** What a client has, or had, of a key. */
interface Mine {
  readonly lease: Lease
  /** What it may take it for: less than it asked for, once it has asked to share it. */
  readonly mode: Mode
  /** With which it ends, if not before; null: it was taken in none. */
  readonly session: ClientSession | null
}

/** What is asked at once, and in which session, if any. */
interface Next {
  readonly command: LockRequest | Cancel
  readonly session: ClientSession | null
}

export class LockClient implements Actor<Command, Reply, LockOperation, LockInput, LockOutput> {
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
  /** Its session, as far as it knows. */
  #session: ClientSession | null = null
  #next: Next | null = null
  #requests = 0

  constructor(client: number, stage: Stage, beliefs: LockBeliefs, patience: number) {
    this.#client = client
    this.#stage = stage
    this.#beliefs = beliefs
    this.#patienceMs = patience
  }

  begin(operation: LockOperation, nowMs: number): LockAsk | null {
    if (operation.type === 'session') return this.#keepSession(operation)
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
          this.#believe(key, mine, renewSent(mine.lease, this.#requests, nowMs, leastMs))
        }
        const token = operation.withToken ? (mine?.lease.token ?? null) : null
        const command = { type, key, token, ttlMs, ...this.#newRequest(key) }
        return this.#ask(command, this.#sessionFor(key))
      }
      case 'release': {
        if (mine === undefined && operation.withToken) return null
        const { type, all } = operation
        const session = this.#sessionFor(key)
        if (mine !== undefined) this.#believe(key, mine, releaseSent(mine.lease))
        const token = operation.withToken ? (mine?.lease.token ?? null) : null
        return this.#ask({ type, key, token, all, ...this.#newRequest(key) }, session)
      }
      case 'forceRelease': {
        const { type, now } = operation
        const token = operation.withToken ? (this.#seen.get(key) ?? null) : null
        const command = { type, key, token, now, ...this.#newRequest(key) }
        return this.#ask(command, this.#sessionFor(key))
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

  end({ command }: LockAsk, ended: Ended<Reply>, nowMs: number): LockOutput | null {
    const told = this.#onSession(command, ended)
    if (told === null || (command.type !== 'plain' && command.type !== 'call')) return null
    const asked = command.command
    const session = command.type === 'call' ? this.#session : null
    if (asked.type === 'renew') this.#onRenewEnded(asked.key, told, nowMs)
    else if (asked.type === 'acquire') this.#onAcquireEnded(asked, session, told, nowMs)
    else if (asked.type === 'cancel' && told.type === 'done') {
      this.#onCancelled(asked, session, told.reply)
    }
    if (told.type === 'unknown') {
      if (session !== null) session.gaveUp()
      else if ('token' in asked && asked.token === null) {
        this.#adriftUntilMs.set(asked.key, nowMs + UNDER_WAY_MS)
      }
    }
    if (told.type !== 'done') return null
    const { reply } = told
    if ('token' in reply && 'key' in asked) this.#seen.set(asked.key, reply.token)
    return outputOf(reply)
  }

  followUp(): LockAsk | null {
    const next = this.#next
    this.#next = null
    return next === null ? null : this.#ask(next.command, next.session)
  }

  /** Renewals, releases and writes prefer what is held, so that they are not all in vain. */
  #keyFor(operation: Exclude<LockOperation, SessionOperation>): string {
    const { type } = operation
    if (type !== 'renew' && type !== 'release' && type !== 'write') return operation.key
    if (this.#mine.get(operation.key)?.lease.type === 'held') return operation.key
    for (const [key, { lease }] of this.#mine) if (lease.type === 'held') return key
    return operation.key
  }

  #keepSession({ what, ttlMs }: SessionOperation): LockAsk | null {
    if (this.#session === null) {
      return what === 'keep' ? this.#askOf({ type: 'openSession', ttlMs }) : null
    }
    const session = this.#session.id
    if (what === 'keep') return this.#askOf({ type: 'keepAlive', session })
    this.#endSession(releaseSent)
    return this.#askOf({ type: 'closeSession', session })
  }

  /**
   * What an answer says of the client's session is heeded. Returns what it says of the locks; null
   * when that is nothing, or nothing in a session that is over counts any more.
   */
  #onSession(command: Command, ended: Ended<Reply>): Ended<LockReply> | null {
    if (command.type === 'plain') return withinReply(ended)
    const session = this.#session
    const isOurs = 'session' in command && session?.id === command.session
    if (ended.type !== 'done') return isOurs ? ended : null
    const { reply, firstSentMs } = ended
    if (reply.type === 'opened') {
      this.#session = new ClientSession(reply.session, reply.ttlMs)
      this.#session.heard(firstSentMs)
    }
    if (session === null || !isOurs) return null
    if (reply.type === 'rejected' && reply.reason === 'sessionEnded') {
      this.#stage.probe('a client learned that its session had ended')
      this.#endSession(expired)
      return null
    }
    session.heard(firstSentMs)
    for (const [key, mine] of this.#mine) {
      if (mine.session === session) this.#believe(key, mine, mine.lease)
    }
    return withinReply(ended)
  }

  /** Nothing that it has in its session counts any more. */
  #endSession(over: (lease: Lease) => Lease): void {
    const session = this.#session
    if (session === null) return
    this.#session = null
    for (const [key, mine] of this.#mine) {
      if (mine.session === session) this.#believe(key, mine, over(mine.lease))
    }
  }

  /** Plain locks are never taken in a session; a holding keeps to the one that it was taken in. */
  #sessionFor(key: string): ClientSession | null {
    const mine = this.#mine.get(key)
    if (mine?.lease.type === 'held') return mine.session
    return isPlain(key) ? null : this.#session
  }

  #acquire(operation: AcquireOperation): LockAsk {
    const { type, key, mode, waitMs, reentrant, lockDelayMs, giveUpMs } = operation
    const session = this.#sessionFor(key)
    const ttlMs = operation.ttlMs ?? (session === null ? 1_000 : null)
    this.#asksFor(key, ttlMs ?? ENDLESS_MS)
    const mine = this.#mine.get(key)
    // From now on it may share what it holds alone.
    if (mine !== undefined && mode === 'shared') this.#believe(key, { ...mine, mode }, mine.lease)
    const request = this.#newRequest(key)
    const terms = { mode, ttlMs, waitMs, reentrant, lockDelayMs, metadata: request.requestId }
    const ask = this.#ask({ type, key, ...terms, ...request }, session)
    return giveUpMs === null ? ask : { ...ask, timeoutMs: Math.min(giveUpMs, ask.timeoutMs) }
  }

  #asksFor(key: string, ttlMs: number): void {
    this.#leastTtlMs.set(key, Math.min(ttlMs, this.#leastTtlMs.get(key) ?? Infinity))
  }

  #onAcquireEnded(
    command: Acquire,
    session: ClientSession | null,
    ended: Ended<LockReply>,
    nowMs: number,
  ): void {
    const { key, owner, mode, requestId } = command
    if (ended.type === 'done') {
      if (ended.reply.type === 'granted') {
        this.#onGranted(command, session, ended.reply, ended.firstSentMs, nowMs)
      }
      return
    }
    if (ended.type !== 'unknown') return
    // One that comes yet may share what was granted to another request meanwhile.
    if (mode === 'shared' && session === null) {
      this.#adriftUntilMs.set(key, nowMs + UNDER_WAY_MS)
    }
    if (isPlain(key)) return
    this.#next = { command: { type: 'cancel', key, owner, requestId }, session }
  }

  #onGranted(
    { key, mode }: Acquire,
    session: ClientSession | null,
    reply: Granted,
    firstSentMs: number,
    now: number,
  ): void {
    const { token, grantedAfterMs } = reply
    const ttlMs = reply.ttlMs ?? ENDLESS_MS
    const before = this.#mine.get(key)
    if (before?.lease.token === token) {
      this.#believe(key, before, reentered(before.lease, { token, firstSentMs, ttlMs, now }))
      return
    }
    const driftPpm = EPSILON_PPM
    const lease = granted({ token, firstSentMs, grantedAfterMs, ttlMs, now, driftPpm })
    const isLate = lease === 'tooLate'
    if (isLate) this.#stage.probe('grant came after its safe-until')
    // A request that names no token may still come, and take this holding for its own.
    if (isLate || firstSentMs <= (this.#adriftUntilMs.get(key) ?? -Infinity)) {
      this.#mine.set(key, { lease: { type: 'ended', token, reason: 'late' }, mode, session })
      this.#giveBack(key, token, session)
    } else this.#believe(key, { mode, session }, lease)
  }

  /** Nobody waits for the acquire any more: what it was granted is given back. */
  #onCancelled({ key }: Cancel, session: ClientSession | null, reply: LockReply): void {
    if (reply.type !== 'granted') return
    const mine = this.#mine.get(key)
    if (mine?.lease.token === reply.token) this.#believe(key, mine, releaseSent(mine.lease))
    this.#stage.probe('granted before it was cancelled')
    this.#giveBack(key, reply.token, session)
  }

  #giveBack(key: string, token: number, session: ClientSession | null): void {
    this.#stage.probe('late grant given back')
    const command = { type: 'release', key, token, all: true, ...this.#newRequest(key) } as const
    this.#next = { command, session }
  }

  #onRenewEnded(key: string, ended: Ended<LockReply>, nowMs: number): void {
    const mine = this.#mine.get(key)
    if (mine === undefined) return
    const { lease } = mine
    // One operation at a time: the renewal under way is the last request.
    const renew = this.#requests - 1
    if (ended.type === 'failed') this.#believe(key, mine, renewFailed(lease, renew))
    else if (ended.type === 'unknown') this.#believe(key, mine, renewUnknown(lease, renew))
    else if (ended.reply.type === 'renewed') {
      this.#believe(key, mine, renewAnswered(lease, renew, ended.reply.token, nowMs))
    } else if (ended.reply.type === 'expired') this.#believe(key, mine, expired(lease))
    else this.#believe(key, mine, renewFailed(lease, renew))
  }

  /** As long as its lease and its session last. */
  #believe(key: string, { mode, session }: Omit<Mine, 'lease'>, lease: Lease): void {
    this.#mine.set(key, { lease, mode, session })
    const untilMs = Math.min(safeUntilMs(lease), session?.untilMs ?? Infinity)
    const untilUs = untilMs === -Infinity ? 0 : this.#stage.clientTimeUs(this.#client, untilMs)
    this.#beliefs.believes(this.#client, key, mode, lease.token, untilUs)
  }

  /** Looks at the lease, and writes a while later: a pause in between makes the write stale. */
  #write(key: string, delayUs: number, nowMs: number): void {
    const mine = this.#mine.get(key)
    if (mine === undefined || mine.lease.type === 'ended' || mine.mode === 'shared') return
    const { lease, mode, session } = mine
    const { token } = lease
    if (!isValid(lease, nowMs)) {
      this.#stage.probe('a holder saw its lease run out')
      this.#mine.set(key, { lease: { type: 'ended', token, reason: 'late' }, mode, session })
    } else if (nowMs >= (session?.untilMs ?? Infinity)) {
      this.#stage.probe('a holder knew of its session no more')
    } else this.#stage.later(delayUs, () => this.#beliefs.writes(this.#client, key, token))
  }

  #look(command: LockCommand, read: boolean): LockAsk {
    const isTold = command.type === 'status' && isPlain(command.key)
    const input: LockInput | null = isTold ? { type: 'status', key: command.key } : null
    // Through the log as well, which must say the same.
    return { command: { type: 'plain', command }, timeoutMs: 2_000, retry: true, read, input }
  }

  #ask(command: LockRequest | Cancel, session: ClientSession | null): LockAsk {
    const waitMs = command.type === 'acquire' ? command.waitMs : 0
    // Every other client call outlasts the bound on answers after the heal: it must be kept.
    const usualMs = waitMs + (this.#requests % 2 === 0 ? PATIENT_MS : 2_500)
    const timeoutMs = Math.min(usualMs, this.#patienceMs)
    const input = isPlain(command.key) ? inputOf(command) : null
    const asked = session === null ? ({ type: 'plain', command } as const) : session.call(command)
    return { command: asked, timeoutMs, retry: true, read: false, input }
  }

  #askOf(command: Command): LockAsk {
    const timeoutMs = Math.min(2_500, this.#patienceMs)
    return { command, timeoutMs, retry: true, read: false, input: null }
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

/** What an answer says of the locks. A call that is refused as such may have its effect yet. */
function withinReply(ended: Ended<Reply>): Ended<LockReply> {
  if (ended.type !== 'done') return ended
  const { reply, firstSentMs } = ended
  return reply.type === 'replied'
    ? { type: 'done', reply: reply.reply, firstSentMs }
    : { type: 'unknown' }
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
