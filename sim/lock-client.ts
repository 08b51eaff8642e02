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
import type { AcquireOperation, LockOperation } from './lock-operation.ts'
import type { SessionOperation, Unbound } from './lock-operation.ts'
import { isPlain, KEY_OF_FRESH } from './lock-operation.ts'
import type { ClientSession, Way } from './lock-session.ts'
import { ClientSessions, inWay, PLAIN } from './lock-session.ts'
import { inputOf, listOf, outputOf, withinReply } from './lock-words.ts'
import { EPSILON_PPM } from './scenario.ts'
import type { Actor, Ask, Ended, Stage } from './workload.ts'

type Command = SessionCommand<LockCommand>
type Reply = SessionReply<LockReply>
type LockAsk = Ask<Command, LockInput>

/** Above 20 times the longest maximum election timeout that is drawn. */
const PATIENT_MS = 15_000

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

/** What is asked at once, and how. */
interface Next {
  readonly command: LockRequest | Cancel
  readonly way: Way
}

/** A request of unknown end, which may still change a key's next holding. */
interface Adrift {
  /** Not any more from then on, milliseconds of the client's clock. */
  readonly untilMs: number
  /** Nor once this session's next call is in the log, which says that it was given up. */
  readonly guard: ClientSession | null
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
  readonly #adrift = new Map<string, Adrift>()
  readonly #sessions = new ClientSessions()
  /** How it cancels the acquire that it asks for, if that is unbound. */
  #cancelBy: Unbound['cancel'] = 'call'
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
        const way = this.#wayFor(key, operation.unbound)
        const command = { type, key, token, ttlMs, ...this.#newRequest(key, way, operation) }
        return this.#ask(command, way)
      }
      case 'release': {
        if (mine === undefined && operation.withToken) return null
        const { type, all } = operation
        const way = this.#wayFor(key, operation.unbound)
        if (mine !== undefined) this.#believe(key, mine, releaseSent(mine.lease))
        const token = operation.withToken ? (mine?.lease.token ?? null) : null
        return this.#ask({ type, key, token, all, ...this.#newRequest(key, way, operation) }, way)
      }
      case 'forceRelease': {
        const { type, now } = operation
        const token = operation.withToken ? (this.#seen.get(key) ?? null) : null
        const way = this.#wayFor(key, operation.unbound)
        const command = { type, key, token, now, ...this.#newRequest(key, way, operation) }
        return this.#ask(command, way)
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
    const way = this.#wayOf(command)
    const told = this.#onSession(command, ended)
    if (told === null || (command.type !== 'plain' && command.type !== 'call')) return null
    const asked = command.command
    if (told.type === 'unknown') this.#onUnknown(asked, way, nowMs)
    if (asked.type === 'renew') this.#onRenewEnded(asked.key, told, nowMs)
    else if (asked.type === 'acquire') this.#onAcquireEnded(asked, way, told, nowMs)
    else if (asked.type === 'cancel' && told.type === 'done') {
      this.#onCancelled(asked, way, told.reply)
    }
    if (told.type !== 'done') return null
    const { reply } = told
    if ('token' in reply && 'key' in asked) this.#seen.set(asked.key, reply.token)
    return outputOf(reply)
  }

  followUp(): LockAsk | null {
    const next = this.#next
    this.#next = null
    return next === null ? null : this.#ask(next.command, next.way)
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
    const { newest } = this.#sessions
    if (newest === null) return what === 'keep' ? this.#askOf({ type: 'openSession', ttlMs }) : null
    if (what === 'rotate') return this.#askOf({ type: 'openSession', ttlMs })
    const session = newest.id
    if (what === 'keep') return this.#askOf({ type: 'keepAlive', session })
    this.#endSession(newest, releaseSent)
    return this.#askOf({ type: 'closeSession', session })
  }

  /**
   * What an answer says of the client's session is heeded. Returns what it says of the locks; null
   * when that is nothing, or nothing in a session that is over counts any more.
   */
  #onSession(command: Command, ended: Ended<Reply>): Ended<LockReply> | null {
    if (command.type === 'plain') return withinReply(ended)
    const session = 'session' in command ? this.#sessions.of(command.session) : null
    if (ended.type !== 'done') return session === null ? null : ended
    const { reply, firstSentMs } = ended
    if (reply.type === 'opened') {
      if (this.#sessions.newest !== null) this.#stage.probe('a session took the place of another')
      this.#sessions.opened(reply.session, reply.ttlMs, firstSentMs)
    }
    if (session === null) return null
    if (reply.type === 'rejected' && reply.reason === 'sessionEnded') {
      this.#stage.probe('a client learned that its session had ended')
      this.#endSession(session, expired)
      // An attempt that came before may have had its effect, which is not the session's.
      return command.type === 'call' && !command.bound ? { type: 'unknown' } : null
    }
    session.heard(firstSentMs)
    for (const [key, mine] of this.#mine) {
      if (mine.session === session) this.#believe(key, mine, mine.lease)
    }
    return withinReply(ended)
  }

  /** Nothing that it has in that session counts any more. */
  #endSession(session: ClientSession, over: (lease: Lease) => Lease): void {
    this.#sessions.ended(session)
    for (const [key, mine] of this.#mine) {
      if (mine.session === session) this.#believe(key, mine, over(mine.lease))
    }
  }

  /** Plain locks are never a session's; a holding keeps to the one that it was taken in. */
  #wayFor(key: string, unbound: Unbound | undefined): Way {
    const mine = this.#mine.get(key)
    const { newest } = this.#sessions
    const isNobodys = unbound !== undefined || isPlain(key)
    const session = mine?.lease.type === 'held' ? mine.session : isNobodys ? null : newest
    return { session, guard: session ?? (unbound === undefined ? null : newest) }
  }

  #wayOf(command: Command): Way {
    if (command.type !== 'call') return PLAIN
    const guard = this.#sessions.of(command.session)
    return { session: command.bound ? guard : null, guard }
  }

  #acquire(operation: AcquireOperation): LockAsk {
    const { type, key, mode, waitMs, reentrant, lockDelayMs, giveUpMs } = operation
    const way = this.#wayFor(key, operation.unbound)
    this.#cancelBy = operation.unbound?.cancel ?? 'call'
    const ttlMs = operation.ttlMs ?? (way.session === null ? 1_000 : null)
    this.#asksFor(key, ttlMs ?? ENDLESS_MS)
    const mine = this.#mine.get(key)
    // From now on it may share what it holds alone.
    if (mine !== undefined && mode === 'shared') this.#believe(key, { ...mine, mode }, mine.lease)
    const metadata = `${this.#ownerOf(key)}.${this.#requests}`
    const request = this.#newRequest(key, way, operation)
    const terms = { mode, ttlMs, waitMs, reentrant, lockDelayMs, metadata }
    const ask = this.#ask({ type, key, ...terms, ...request }, way)
    return giveUpMs === null ? ask : { ...ask, timeoutMs: Math.min(giveUpMs, ask.timeoutMs) }
  }

  #asksFor(key: string, ttlMs: number): void {
    this.#leastTtlMs.set(key, Math.min(ttlMs, this.#leastTtlMs.get(key) ?? Infinity))
  }

  /** It may be in the log, and come there yet: it is given up, and looked out for if it matters. */
  #onUnknown(asked: LockCommand, { session, guard }: Way, nowMs: number): void {
    guard?.gaveUp()
    // An acquire that comes yet may share what was granted to another request meanwhile.
    const mayChange = 'token' in asked ? asked.token === null : isToShare(asked)
    if (session !== null || !mayChange || !('key' in asked)) return
    // The numbers of a session that has ended keep out whatever comes.
    if (guard !== null && this.#sessions.of(guard.id) === null) return
    const { key } = asked
    const before = this.#adrift.get(key)
    const isAlone = before === undefined || before.untilMs < nowMs || before.guard === guard
    this.#adrift.set(key, { untilMs: nowMs + UNDER_WAY_MS, guard: isAlone ? guard : null })
  }

  #onAcquireEnded(command: Acquire, way: Way, ended: Ended<LockReply>, nowMs: number): void {
    if (ended.type === 'done') {
      if (ended.reply.type === 'granted') {
        this.#onGranted(command, way, ended.reply, ended.firstSentMs, nowMs)
      }
    } else if (ended.type === 'unknown' && !isPlain(command.key)) {
      this.#next = this.#cancelOf(command, way)
    }
  }

  #cancelOf({ key, owner, requestId }: Acquire, { session, guard }: Way): Next | null {
    const command = { type: 'cancel', key, owner, requestId } as const
    if (session !== null) return { command, way: { session, guard } }
    const isGuarded = guard !== null && this.#sessions.of(guard.id) !== null
    if (isGuarded && (this.#cancelBy === 'call' || requestId === null)) {
      return { command, way: { session, guard } }
    }
    if (guard !== null) this.#stage.probe('an unbound call cancelled from outside')
    return requestId === null ? null : { command, way: PLAIN }
  }

  #onGranted(
    { key, mode }: Acquire,
    way: Way,
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
    const { session } = way
    const isLate = lease === 'tooLate'
    if (isLate) this.#stage.probe('grant came after its safe-until')
    // A request that names no token may still come, and take this holding for its own.
    if (isLate || this.#isAdrift(key, way, firstSentMs)) {
      this.#mine.set(key, { lease: { type: 'ended', token, reason: 'late' }, mode, session })
      this.#giveBack(key, token, way)
    } else this.#believe(key, { mode, session }, lease)
  }

  #isAdrift(key: string, { guard }: Way, firstSentMs: number): boolean {
    const adrift = this.#adrift.get(key)
    if (adrift === undefined || firstSentMs > adrift.untilMs) return false
    if (guard === null || guard !== adrift.guard) return true
    this.#stage.probe('a session keeps out what was given up')
    return false
  }

  /** Nobody waits for the acquire any more: what it was granted is given back. */
  #onCancelled({ key }: Cancel, way: Way, reply: LockReply): void {
    if (reply.type !== 'granted') return
    const mine = this.#mine.get(key)
    if (mine?.lease.token === reply.token) this.#believe(key, mine, releaseSent(mine.lease))
    this.#stage.probe('granted before it was cancelled')
    this.#giveBack(key, reply.token, way)
  }

  #giveBack(key: string, token: number, way: Way): void {
    this.#stage.probe('late grant given back')
    const request = this.#newRequest(key, way)
    this.#next = { command: { type: 'release', key, token, all: true, ...request }, way }
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

  #ask(command: LockRequest | Cancel, way: Way): LockAsk {
    const waitMs = command.type === 'acquire' ? command.waitMs : 0
    // Every other client call outlasts the bound on answers after the heal: it must be kept.
    const usualMs = waitMs + (this.#requests % 2 === 0 ? PATIENT_MS : 2_500)
    const timeoutMs = Math.min(usualMs, this.#patienceMs)
    const input = isPlain(command.key) ? inputOf(command) : null
    return { command: inWay(command, way), timeoutMs, retry: true, read: false, input }
  }

  #askOf(command: Command): LockAsk {
    const timeoutMs = Math.min(2_500, this.#patienceMs)
    return { command, timeoutMs, retry: true, read: false, input: null }
  }

  #newRequest(
    key: string,
    { session, guard }: Way,
    { unbound }: { readonly unbound?: Unbound } = {},
  ): { readonly owner: string; readonly requestId: string | null } {
    const owner = this.#ownerOf(key)
    const requestId = `${owner}.${this.#requests++}`
    const isNameless = session === null && guard !== null && unbound?.named === false
    return { owner, requestId: isNameless ? null : requestId }
  }

  /** The fresh lock's owner is one that asks for nothing else, and so is far from its limits. */
  #ownerOf(key: string): string {
    return `${key === KEY_OF_FRESH ? 'f' : 'c'}${this.#client}`
  }
}

function isToShare(command: LockCommand): boolean {
  return command.type === 'acquire' && command.mode === 'shared'
}
