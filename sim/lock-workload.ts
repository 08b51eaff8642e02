// Clients of the lock service: they take, keep, renew and give back locks as an application would,
// believe only what the client library entitles them to, and write to a resource under their token.

import type { LockInput, LockOutput } from '../checker/lock-history.ts'
import { checkLocks } from '../checker/lock-monitor.ts'
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
import { weighLockReply } from '../client/lock-reply.ts'
import type { LockCommand, LockEvent, LockReply, LockRequest } from '../core/lock/command.ts'
import { LIMITS } from '../core/lock/limits.ts'
import type { Limits } from '../core/lock/limits.ts'
import { UNDER_WAY_MS, patienceMs } from './lock-limits.ts'
import { LOCK_ORACLES, LockOracles } from './lock-oracles.ts'
import type { RandomStream } from './random.ts'
import { EPSILON_PPM } from './scenario.ts'
import type { ClientStep } from './scenario.ts'
import type { Actor, Ask, Ended, FirstApplied, Stage, Workload } from './workload.ts'

/** What a client does, as plain data. What it holds by then decides what comes of it. */
export type LockOperation =
  | {
      readonly type: 'acquire'
      readonly key: string
      readonly ttlMs: number
      readonly waitMs: number
      /** False: a refresh, when the client holds the lock already. */
      readonly reentrant: boolean
    }
  /** Without a token: of whatever the client may hold, known to it or not. */
  | {
      readonly type: 'renew'
      readonly key: string
      readonly ttlMs: number
      readonly withToken: boolean
    }
  | {
      readonly type: 'release'
      readonly key: string
      readonly withToken: boolean
      readonly all: boolean
    }
  | { readonly type: 'status'; readonly key: string; readonly throughLog?: boolean }
  /** Writes to the resource that the lock protects, `delayUs` after looking at the lease. */
  | { readonly type: 'write'; readonly key: string; readonly delayUs: number }

type LockAsk = Ask<LockCommand, LockInput>

const KEY_OF_FRESH = 'fresh'

/** Above 20 times the longest maximum election timeout that is drawn. */
const PATIENT_MS = 15_000

/** Log times are whole milliseconds: an expiry may come this much early. */
const SLACK_MS = 2

/**
 * The workload of `keys` locks. Few keys make them contended. `limits` are those of the machine,
 * where they are not as in `LIMITS`.
 */
export function lockWorkload(
  keys: number,
  limits: Partial<Limits> = {},
): Workload<LockCommand, LockReply, LockEvent, LockOperation, LockInput, LockOutput> {
  return {
    draw: (random) => drawOperation(random, keys),
    // A refresh, so that a second one, after a first that nobody heard of, is granted as well.
    fresh: () => {
      return { type: 'acquire', key: KEY_OF_FRESH, ttlMs: 1_000, waitMs: 0, reentrant: false }
    },
    isServed: (output) => output.type === 'granted' || isFull(output),
    query: () => ({ type: 'status', key: KEY_OF_FRESH }),
    weigh: weighLockReply,
    oracles: LOCK_ORACLES,
    open: (stage) => {
      const oracles = new LockOracles(stage, { ...LIMITS, ...limits })
      return {
        actor: (client) => new LockClient(client, stage, oracles, patienceMs(limits)),
        applied: (entry) => {
          if (stage.isTraced) traceEntry(stage, entry)
          oracles.applied(entry)
        },
      }
    },
    judge: (history) =>
      checkLocks(history, { unitsPerMs: 1_000, epsilonPpm: EPSILON_PPM, slackMs: SLACK_MS }),
  }
}

/** What an entry did to the locks, as it is first applied. */
function traceEntry(
  stage: Stage,
  { index, events }: FirstApplied<LockCommand, LockReply, LockEvent>,
): void {
  for (const event of events) stage.trace(event.owner, `${inWords(event)} (entry ${index})`)
}

function inWords(event: LockEvent): string {
  const { key } = event
  switch (event.type) {
    case 'queued':
      return `waits for ${key}`
    case 'waitTimedOut':
      return `has waited for ${key} in vain`
    case 'granted':
      return `is granted ${key}, token ${event.token}`
    case 'updated':
      return `keeps ${key}, token ${event.token}, level ${event.count}`
    case 'released':
      return `releases ${key}, token ${event.token}`
    case 'expired':
      return `loses ${key}, token ${event.token}: the lease has run out`
  }
}

/**
 * With a low limit on keys those still held may leave no room for a fresh one. Then this is the
 * right answer: the oracle `refused only at a limit` has counted them.
 */
function isFull(output: LockOutput): boolean {
  return output.type === 'rejected' && output.reason === 'tooManyKeys'
}

function drawOperation(random: RandomStream, keys: number): LockOperation {
  const key = `k${random.below(keys)}`
  const ttlMs = random.pick([200, 400, 1_000, 3_000])
  const what = random.below(100)
  if (what < 40) {
    const waitMs = random.chance(600) ? random.pick([100, 400, 1_200]) : 0
    return { type: 'acquire', key, ttlMs, waitMs, reentrant: what >= 8 }
  }
  if (what < 65) return { type: 'release', key, withToken: what >= 47, all: what % 4 === 0 }
  if (what < 77) return { type: 'renew', key, ttlMs, withToken: what >= 68 }
  if (what < 88) return { type: 'status', key, throughLog: what === 87 }
  return { type: 'write', key, delayUs: random.pick([100, 5_000, 200_000]) }
}

/**
 * What clients do, in some worlds with queries in place of much of it: a stale answer shows where
 * they are many. `random` is of a stream of its own.
 */
export function withQueries(
  clients: readonly (readonly ClientStep<LockOperation>[])[],
  random: RandomStream,
): readonly (readonly ClientStep<LockOperation>[])[] {
  if (!random.chance(300)) return clients
  const part = random.pick([400, 800])
  return clients.map((steps) =>
    steps.map((step) => {
      const { pauseMs, operation } = step
      if (!random.chance(part)) return step
      return { pauseMs, operation: { type: 'status', key: operation.key } }
    }),
  )
}

class LockClient implements Actor<LockCommand, LockReply, LockOperation, LockInput, LockOutput> {
  readonly #client: number
  readonly #stage: Stage
  readonly #oracles: LockOracles
  /** It never asks for longer. */
  readonly #patienceMs: number
  /** The last lease of each key, also one that ended: late releases and renewals name its token. */
  readonly #leases = new Map<string, Lease>()
  /** Until when a request without a token, of unknown end, may strike a key's next holding. */
  readonly #adriftUntilMs = new Map<string, number>()
  /** A grant that this client cannot believe in, to be given back at once. */
  #useless: { readonly key: string; readonly token: number } | null = null
  #requests = 0

  constructor(client: number, stage: Stage, oracles: LockOracles, patience: number) {
    this.#client = client
    this.#stage = stage
    this.#oracles = oracles
    this.#patienceMs = patience
  }

  begin(operation: LockOperation, nowMs: number): LockAsk | null {
    const key = this.#keyFor(operation)
    switch (operation.type) {
      case 'acquire': {
        const { type, ttlMs, waitMs, reentrant } = operation
        return this.#ask({ type, key, ttlMs, waitMs, reentrant, ...this.#newRequest(key) })
      }
      case 'renew': {
        const lease = this.#leases.get(key)
        if (lease === undefined && operation.withToken) return null
        const { type, ttlMs } = operation
        if (lease !== undefined) {
          this.#believe(key, renewSent(lease, this.#requests, nowMs, ttlMs))
        }
        const token = operation.withToken ? (lease?.token ?? null) : null
        return this.#ask({ type, key, token, ttlMs, ...this.#newRequest(key) })
      }
      case 'release': {
        const lease = this.#leases.get(key)
        if (lease === undefined && operation.withToken) return null
        const { type, all } = operation
        if (lease !== undefined) this.#believe(key, releaseSent(lease))
        const token = operation.withToken ? (lease?.token ?? null) : null
        return this.#ask({ type, key, token, all, ...this.#newRequest(key) })
      }
      case 'status':
        return {
          command: { type: 'status', key },
          timeoutMs: 2_000,
          retry: true,
          // Through the log as well, which must say the same.
          read: operation.throughLog !== true,
          input: { type: 'status', key },
        }
      case 'write':
        this.#write(key, operation.delayUs, nowMs)
        return null
    }
  }

  end(ask: LockAsk, ended: Ended<LockReply>, nowMs: number): LockOutput | null {
    const { command } = ask
    if (command.type === 'renew') this.#onRenewEnded(command.key, ended, nowMs)
    if (ended.type === 'unknown' && 'token' in command && command.token === null) {
      this.#adriftUntilMs.set(command.key, nowMs + UNDER_WAY_MS)
    }
    if (ended.type !== 'done') return null
    const { reply, firstSentMs } = ended
    if (command.type === 'acquire' && reply.type === 'granted') {
      this.#onGranted(command.key, reply, firstSentMs, nowMs)
    }
    return outputOf(reply)
  }

  followUp(): LockAsk | null {
    if (this.#useless === null) return null
    const { key, token } = this.#useless
    this.#useless = null
    this.#stage.probe('late grant given back')
    return this.#ask({ type: 'release', key, token, all: true, ...this.#newRequest(key) })
  }

  /** Renewals, releases and writes prefer what is held, so that they are not all in vain. */
  #keyFor(operation: LockOperation): string {
    if (operation.type === 'acquire' || operation.type === 'status') return operation.key
    if (this.#leases.get(operation.key)?.type === 'held') return operation.key
    for (const [key, lease] of this.#leases) if (lease.type === 'held') return key
    return operation.key
  }

  #onGranted(
    key: string,
    reply: Extract<LockReply, { readonly type: 'granted' }>,
    firstSentMs: number,
    now: number,
  ): void {
    const { token, ttlMs, grantedAfterMs } = reply
    const before = this.#leases.get(key)
    if (before?.token === token) {
      this.#believe(key, reentered(before, { token, firstSentMs, ttlMs, now }))
      return
    }
    const driftPpm = EPSILON_PPM
    const lease = granted({ token, firstSentMs, grantedAfterMs, ttlMs, now, driftPpm })
    const isLate = lease === 'tooLate'
    if (isLate) this.#stage.probe('grant came after its safe-until')
    // A release or renewal that names no token may still come, and take this holding for its own.
    if (isLate || firstSentMs <= (this.#adriftUntilMs.get(key) ?? -Infinity)) {
      this.#leases.set(key, { type: 'ended', token, reason: 'late' })
      this.#useless = { key, token }
    } else this.#believe(key, lease)
  }

  #onRenewEnded(key: string, ended: Ended<LockReply>, nowMs: number): void {
    const lease = this.#leases.get(key)
    if (lease === undefined) return
    // One operation at a time: the renewal under way is the last request.
    const renew = this.#requests - 1
    if (ended.type === 'failed') this.#believe(key, renewFailed(lease, renew))
    else if (ended.type === 'unknown') this.#believe(key, renewUnknown(lease, renew))
    else if (ended.reply.type === 'renewed') {
      this.#believe(key, renewAnswered(lease, renew, ended.reply.token, nowMs))
    } else if (ended.reply.type === 'expired') this.#believe(key, expired(lease))
    else this.#believe(key, renewFailed(lease, renew))
  }

  #believe(key: string, lease: Lease): void {
    this.#leases.set(key, lease)
    const untilMs = safeUntilMs(lease)
    const untilUs = untilMs === -Infinity ? 0 : this.#stage.clientTimeUs(this.#client, untilMs)
    this.#oracles.believes(this.#client, key, lease.token, untilUs)
  }

  /** Looks at the lease, and writes a while later: a pause in between makes the write stale. */
  #write(key: string, delayUs: number, nowMs: number): void {
    const lease = this.#leases.get(key)
    if (lease === undefined || lease.type === 'ended') return
    if (isValid(lease, nowMs)) {
      const { token } = lease
      this.#stage.later(delayUs, () => this.#oracles.writes(this.#client, key, token))
      return
    }
    this.#stage.probe('a holder saw its lease run out')
    this.#leases.set(key, { type: 'ended', token: lease.token, reason: 'late' })
  }

  #ask(command: LockRequest): LockAsk {
    const { key, owner } = command
    const input: LockInput =
      command.type === 'acquire'
        ? { type: 'acquire', key, owner, ttlMs: command.ttlMs, waitMs: command.waitMs }
        : command.type === 'renew'
          ? { type: 'renew', key, owner, token: command.token, ttlMs: command.ttlMs }
          : { type: 'release', key, owner, token: command.token }
    const waitMs = command.type === 'acquire' ? command.waitMs : 0
    // Every other client call outlasts the bound on answers after the heal: it must be kept.
    const usualMs = waitMs + (this.#requests % 2 === 0 ? PATIENT_MS : 2_500)
    const timeoutMs = Math.min(usualMs, this.#patienceMs)
    return { command, timeoutMs, retry: true, read: false, input }
  }

  /** The fresh lock's owner is one that asks for nothing else, and so is far from its limits. */
  #newRequest(key: string): { readonly owner: string; readonly requestId: string } {
    const owner = `${key === KEY_OF_FRESH ? 'f' : 'c'}${this.#client}`
    return { owner, requestId: `${owner}.${this.#requests++}` }
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
    case 'renewed':
      return { type: 'renewed', token: reply.token, ttlMs: reply.ttlMs }
    case 'status': {
      const { locked, token, owner } = reply
      return { type: 'status', locked, token, owner: owner ?? '' }
    }
    case 'rejected':
      return { type: 'rejected', reason: reply.reason }
    case 'queued':
    case 'swept':
      return null
  }
}
