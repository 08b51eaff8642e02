// What every front end of the lock service stands on: one request or query is asked of the replica
// until it is answered, refused, or its time is up, and what became of it is said truly. It knows
// neither HTTP nor connections; what outcomes mean is attempts.ts.

import { randomBytes } from 'node:crypto'
import type { Acquire, Cancel, LockQuery, LockRequest } from '../core/lock/command.ts'
import { invariant } from '../core/invariant.ts'
import type { Limits } from '../core/lock/limits.ts'
import { LIMITS } from '../core/lock/limits.ts'
import { decodeCommand, encodeCommand } from '../core/lock/codec.ts'
import type { LockReply } from '../core/lock/reply.ts'
import { encodeCommand as encodeSessionCommand } from '../core/session/codec.ts'
import { attempted, judge, mayHappen, noAttempts } from './attempts.ts'
import type { Attempts, Verdict } from './attempts.ts'
import type { LockReplica, ServiceOutcome } from './lock-replica.ts'
import { ParkedWaits } from './parked-waits.ts'
import { systemTime } from './time.ts'
import type { Cancel as CancelTimer, Time } from './time.ts'

/** How patiently the service asks. All of it has defaults. */
export interface LockServiceOptions {
  /** The limits of the machine: what is left out is as in `LIMITS`. They must be the replica's. */
  readonly limits?: Partial<Limits>
  /** Lease of an acquire that names none, milliseconds; 30 s when left out. */
  readonly ttlMsDefault?: number
  /** What a request may take besides its own wait, milliseconds; 5 s. */
  readonly requestTimeoutMs?: number
  /** How long a request looks for a leader, milliseconds; ten election timeouts. */
  readonly leaderlessMsMax?: number
  /** How long an attempt may go unanswered before it is asked again, milliseconds; 1 s. */
  readonly attemptTimeoutMs?: number
  /** The same for the later attempts of what may rightly wait, in a queue say; 15 s. */
  readonly waitAttemptTimeoutMs?: number
  /** The longest that one poll waits, milliseconds; 50 s. */
  readonly pollMsMax?: number
  /** How long a wait whose client is gone keeps its place, milliseconds; 5 s. */
  readonly waiterGraceMs?: number
  readonly time?: Time
}

/** How a request or a query ended. */
export type Answer =
  /** The machine's reply. */
  | { readonly type: 'reply'; readonly reply: LockReply }
  /** It waits in the queue and keeps its place if it is asked again with its id. */
  | { readonly type: 'queued'; readonly position: number | null }
  /** No leader took it: it has not happened and will not. */
  | { readonly type: 'noQuorum' }
  /** It may have happened, or may happen yet: ask again with the same id. */
  | { readonly type: 'unknown' }
  /** It was refused before anything happened. */
  | { readonly type: 'refused'; readonly reason: 'overloaded' | 'tooLarge' | 'malformed' }

/** A request under way. */
export interface Pending {
  readonly answer: Promise<Answer>
  /** Its client is gone: if it waits, that is given up after the grace. */
  abandon(): void
}

/** The lock service of one node. */
export interface LockService {
  readonly replica: LockReplica
  readonly limits: Limits
  readonly ttlMsDefault: number
  /** Whether this node takes fewer TTLs than the machine does. */
  readonly isTtlNarrowed: boolean
  readonly time: Time
  /** Asks for a command that has an effect. Its `requestId` must not be null. */
  request(command: LockRequest | Cancel): Pending
  /** Asks a query, linearizably. */
  query(query: LockQuery): Promise<Answer>
  /** Answers a query from this node's own state, which may be old. */
  queryStale(query: LockQuery): LockReply
  /** The client of an acquire that waits is gone. What is returned says that it was answered. */
  park(command: Acquire): () => void
  /** Whether there is any wait that a request might come back to. */
  readonly hasParked: boolean
  /** An acquire was asked for that may be a parked one. */
  asked(command: Acquire): void
  /** Answers all that waits as `queued`, and nothing waits from now on. */
  close(): void
}

/** A request id for a request that came without one. */
export function drawRequestId(): string {
  return randomBytes(16).toString('hex')
}

/** The service on a replica. */
export function lockServiceOn(replica: LockReplica, options: LockServiceOptions = {}): LockService {
  return new Service(replica, options)
}

interface Patience {
  readonly requestTimeoutMs: number
  readonly leaderlessMsMax: number
  readonly attemptTimeoutMs: number
  readonly waitAttemptTimeoutMs: number
  readonly pollMsMax: number
  readonly pauseMs: number
}

class Service implements LockService {
  readonly replica: LockReplica
  readonly limits: Limits
  readonly ttlMsDefault: number
  readonly isTtlNarrowed: boolean
  readonly time: Time
  readonly patience: Patience
  readonly #parked: ParkedWaits
  readonly #waiting = new Set<Call>()
  #isClosed = false

  constructor(replica: LockReplica, options: LockServiceOptions) {
    const { electionTimeoutMs } = replica.config
    this.replica = replica
    this.limits = { ...LIMITS, ...options.limits }
    this.ttlMsDefault = options.ttlMsDefault ?? 30_000
    const { ttlMsMin, ttlMsMax } = this.limits
    this.isTtlNarrowed = ttlMsMin > LIMITS.ttlMsMin || ttlMsMax < LIMITS.ttlMsMax
    this.time = options.time ?? systemTime
    this.patience = {
      requestTimeoutMs: options.requestTimeoutMs ?? 5_000,
      leaderlessMsMax: options.leaderlessMsMax ?? 10 * electionTimeoutMs,
      attemptTimeoutMs: options.attemptTimeoutMs ?? Math.max(1_000, 4 * electionTimeoutMs),
      waitAttemptTimeoutMs: options.waitAttemptTimeoutMs ?? 15_000,
      pollMsMax: options.pollMsMax ?? 50_000,
      pauseMs: Math.max(5, Math.floor(electionTimeoutMs / 8)),
    }
    this.#parked = new ParkedWaits({
      graceMs: options.waiterGraceMs ?? 5_000,
      time: this.time,
      cancel: ({ key, owner, requestId }) => {
        this.request({ type: 'cancel', key, owner, requestId })
      },
    })
  }

  request(command: LockRequest | Cancel): Pending {
    const wait = command.type === 'acquire' && command.waitMs > 0 ? command : null
    if (wait !== null) this.#parked.asked(wait)
    const call = new Call(this, 'request', encodePlain(command), wait)
    if (wait !== null) {
      this.#waiting.add(call)
      if (this.#isClosed) call.endPoll()
    }
    return call
  }

  query(query: LockQuery): Promise<Answer> {
    return new Call(this, 'read', encodePlain(query), null).answer
  }

  queryStale(query: LockQuery): LockReply {
    const reply = this.replica.readStale({ type: 'plain', command: query })
    invariant(reply?.type === 'replied', 'lock service: a query without an answer')
    return reply.reply
  }

  park(command: Acquire): () => void {
    return this.#isClosed ? () => undefined : this.#parked.park(command)
  }

  get hasParked(): boolean {
    return this.#parked.size > 0
  }

  asked(command: Acquire): void {
    this.#parked.asked(command)
  }

  ended(call: Call): void {
    this.#waiting.delete(call)
  }

  close(): void {
    this.#isClosed = true
    this.#parked.close()
    for (const call of [...this.#waiting]) call.endPoll()
  }
}

const CODEC = { encodeCommand, decodeCommand }

function encodePlain(command: LockRequest | Cancel | LockQuery): Uint8Array {
  return encodeSessionCommand(CODEC, { type: 'plain', command })
}

/** One request or query under way, with its attempts and timers. */
class Call implements Pending {
  readonly answer: Promise<Answer>
  readonly #service: Service
  readonly #type: 'request' | 'read'
  readonly #payload: Uint8Array
  readonly #wait: Acquire | null
  readonly #untilMs: number
  #resolve: ((answer: Answer) => void) | null = null
  #attempts: Attempts
  #newest = 0
  #attemptTimer: CancelTimer | null = null
  #pollTimer: CancelTimer | null = null
  #leave: (() => void) | null = null

  constructor(
    service: Service,
    type: 'request' | 'read',
    payload: Uint8Array,
    wait: Acquire | null,
  ) {
    const { time, patience } = service
    this.#service = service
    this.#type = type
    this.#payload = payload
    this.#wait = wait
    this.#attempts = noAttempts(type === 'read')
    this.answer = new Promise((resolve) => (this.#resolve = resolve))
    const waitMs = wait?.waitMs ?? 0
    this.#untilMs = time.now() + waitMs + patience.requestTimeoutMs
    // A wait that ends within this poll gets its answer, a timeout at the latest.
    const isPoll = waitMs + patience.requestTimeoutMs > patience.pollMsMax
    if (isPoll) {
      this.#pollTimer = time.at(time.now() + patience.pollMsMax, () => this.endPoll())
    }
    this.#attempt()
  }

  abandon(): void {
    if (this.#wait === null || this.#resolve === null) return
    this.#end({ type: 'queued', position: null })
    this.#leave = this.#service.park(this.#wait)
  }

  /** The poll is over; the wait is not. */
  endPoll(): void {
    if (this.#wait === null || this.#resolve === null) return
    this.#end({ type: 'queued', position: this.#position(this.#wait) })
    this.#leave = this.#service.park(this.#wait)
  }

  #attempt(): void {
    const { time, replica } = this.#service
    const number = ++this.#newest
    this.#attempts = attempted(this.#attempts)
    const untilMs = Math.min(time.now() + this.#attemptTimeoutMs(number), this.#untilMs)
    this.#attemptTimer = time.at(untilMs, () => this.#again())
    replica.ask(this.#type, this.#payload, (outcome) => this.#answered(number, outcome))
  }

  /** A wait may rightly go unanswered, or was lost on its way: it is asked again soon, once. */
  #attemptTimeoutMs(number: number): number {
    const { attemptTimeoutMs, waitAttemptTimeoutMs } = this.#service.patience
    return this.#wait === null || number === 1 ? attemptTimeoutMs : waitAttemptTimeoutMs
  }

  #answered(number: number, outcome: ServiceOutcome): void {
    const now = this.#service.time.now()
    const [attempts, verdict] = judge(this.#attempts, outcome, number === this.#newest, now)
    this.#attempts = attempts
    if (this.#resolve === null) this.#heardLate(verdict)
    else this.#obey(verdict, now)
  }

  /** Nobody listens any more. */
  #heardLate({ type }: Verdict): void {
    if (type === 'reply' || type === 'takenOver') this.#leave?.()
  }

  #obey(verdict: Verdict, now: number): void {
    switch (verdict.type) {
      case 'reply':
        return this.#end({ type: 'reply', reply: verdict.reply })
      case 'takenOver':
        return this.#end({ type: 'queued', position: verdict.position })
      case 'refused':
        return this.#end({ type: 'refused', reason: verdict.reason })
      case 'wait':
        return
      case 'again': {
        const { patience, time } = this.#service
        const { leaderlessSinceMs } = this.#attempts
        if (leaderlessSinceMs !== null && now - leaderlessSinceMs >= patience.leaderlessMsMax) {
          return this.#giveUp()
        }
        const pauseMs = patience.pauseMs + (time.random() % patience.pauseMs)
        this.#attemptTimer?.()
        this.#attemptTimer = time.at(now + pauseMs, () => this.#again())
      }
    }
  }

  #again(): void {
    if (this.#resolve === null) return
    if (this.#service.time.now() >= this.#untilMs) this.#giveUp()
    else this.#attempt()
  }

  #giveUp(): void {
    this.#end({ type: mayHappen(this.#attempts) ? 'unknown' : 'noQuorum' })
  }

  #end(answer: Answer): void {
    const resolve = this.#resolve
    this.#resolve = null
    this.#attemptTimer?.()
    this.#pollTimer?.()
    this.#service.ended(this)
    resolve?.(answer)
  }

  /** By this node's own state; null when it is not among the first, or not known here yet. */
  #position({ key, owner }: Acquire): number | null {
    const { limits } = this.#service
    const query = { type: 'listWaiters', key, after: null, max: limits.pageMax } as const
    const reply = this.#service.queryStale(query)
    if (reply.type !== 'waiters') return null
    const mine = reply.waiters.find((one) => one.owner === owner && one.session === null)
    return mine?.position ?? null
  }
}
