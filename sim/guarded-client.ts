// A client that asks as an application does: through the calls of sessions and the acquires of the
// client library, each acquire by an owner of its own. It waits for some locks aside, gives some
// calls up, and believes only what the library entitles it to.

import type { LockInput, LockOutput } from '../checker/lock-history.ts'
import { Acquires } from '../client/acquires.ts'
import type { AcquireEnded } from '../client/acquires.ts'
import type { GiveUp } from '../client/asker.ts'
import { GuardedCalls } from '../client/guarded-calls.ts'
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
import { weighServiceReply } from '../client/lock-reply.ts'
import type { Weight } from '../client/request-data.ts'
import { invariant } from '../core/invariant.ts'
import type { Acquire, LockCommand, LockRequest, Mode } from '../core/lock/command.ts'
import type { Granted, LockReply } from '../core/lock/reply.ts'
import type { SessionCommand, SessionReply } from '../core/session/command.ts'
import { AskedOracles } from './asked-oracles.ts'
import type { ClaimsOf } from './asked-oracles.ts'
import type { LockBeliefs } from './lock-beliefs.ts'
import type { AcquireOperation, LockOperation } from './lock-operation.ts'
import { isPlain } from './lock-operation.ts'
import { inputOf, listOf, outputOf, withinReply } from './lock-words.ts'
import { EPSILON_PPM } from './scenario.ts'
import type { GuardedSetting } from './scenario.ts'
import type { Actor, Ask, Ended, OwnWay, Stage } from './workload.ts'

type Command = SessionCommand<LockCommand>
type Reply = SessionReply<LockReply>
type LockAsk = Ask<Command, LockInput, Reply>

/** How long a request may take that waits for nothing, and how late the answer to a wait may be. */
const REQUEST_MS = 2_000
const WAIT_MARGIN_MS = 300

/** What it has, or had, of a key. */
interface Mine {
  readonly owner: string
  readonly mode: Mode
  readonly lease: Lease
}

export class GuardedClient implements Actor<Command, Reply, LockOperation, LockInput, LockOutput> {
  readonly #client: number
  readonly #stage: Stage
  readonly #beliefs: LockBeliefs
  readonly #claimsOf: ClaimsOf
  readonly #setting: GuardedSetting
  #asked: AskedOracles | null = null
  #calls: GuardedCalls | null = null
  #acquires: Acquires | null = null
  readonly #mine = new Map<string, Mine>()
  /** Keys that it waits for aside. */
  readonly #awaited = new Set<string>()
  #requests = 0

  constructor(
    client: number,
    stage: Stage,
    beliefs: LockBeliefs,
    claimsOf: ClaimsOf,
    setting: GuardedSetting,
  ) {
    this.#client = client
    this.#stage = stage
    this.#beliefs = beliefs
    this.#claimsOf = claimsOf
    this.#setting = setting
  }

  attach(way: OwnWay<LockInput, LockOutput>): void {
    this.#asked = new AskedOracles(way, this.#stage, this.#claimsOf)
    this.#calls = new GuardedCalls(this.#asked, this.#setting)
    this.#acquires = new Acquires(this.#calls, this.#asked, REQUEST_MS)
  }

  weigh(reply: Reply): Weight {
    return weighServiceReply(reply)
  }

  begin(operation: LockOperation, nowMs: number): LockAsk | null {
    // Its sessions are its own affair, and it is no operator.
    if (operation.type === 'session' || operation.type === 'forceRelease') return null
    if (operation.type === 'status') {
      return look({ type: 'status', key: operation.key, holder: null })
    }
    if (operation.type === 'list') return look(listOf(operation))
    const key = this.#keyFor(operation)
    if (this.#awaited.has(key)) return null
    if (operation.type === 'acquire') return this.#acquire(operation)
    const mine = this.#mine.get(key)
    if (mine === undefined) return null
    const { owner, lease } = mine
    const { token } = lease
    switch (operation.type) {
      case 'renew': {
        const { type, ttlMs } = operation
        if (ttlMs === null) return null
        const renew = this.#requests++
        this.#believe(key, { ...mine, lease: renewSent(lease, renew, nowMs, ttlMs) })
        const requestId = `${owner}.${renew}`
        return this.#call({ type, key, owner, token, ttlMs, requestId }, operation)
      }
      case 'release': {
        const { type, all } = operation
        this.#believe(key, { ...mine, lease: releaseSent(lease) })
        const requestId = `${owner}.${this.#requests++}`
        return this.#call({ type, key, owner, token, all, requestId }, operation)
      }
      case 'write':
        this.#write(key, mine, operation.delayUs, nowMs)
        return null
    }
  }

  end({ command }: LockAsk, ended: Ended<Reply>, nowMs: number): LockOutput | null {
    if (command.type !== 'plain') return null
    const asked = command.command
    const told = withinReply(ended)
    if (asked.type === 'acquire') this.#onAcquireEnded(asked, told, nowMs)
    else if (asked.type === 'renew') this.#onRenewEnded(asked.key, asked.requestId, told, nowMs)
    return told.type === 'done' ? outputOf(told.reply) : null
  }

  /** Renewals, releases and writes prefer what is held, so that they are not all in vain. */
  #keyFor(operation: Extract<LockOperation, { readonly key: string }>): string {
    const { type, key } = operation
    if (type === 'acquire' || this.#mine.get(key)?.lease.type === 'held') return key
    for (const [other, { lease }] of this.#mine) if (lease.type === 'held') return other
    return key
  }

  #acquire(operation: AcquireOperation): LockAsk {
    const { type, key, waitMs, lockDelayMs, aside = false } = operation
    const request = this.#requests++
    const mine = this.#mine.get(key)
    const held = mine?.lease.type === 'held' ? mine : null
    const owner = held?.owner ?? `c${this.#client}.${request}`
    const mode = held?.mode ?? operation.mode
    const ttlMs = operation.ttlMs ?? 1_000
    const terms = { mode, ttlMs, waitMs, reentrant: true, lockDelayMs, metadata: '' }
    const command: Acquire = { type, key, owner, ...terms, requestId: `${owner}.${request}` }
    if (aside) this.#awaited.add(key)
    const attempts = waitMs === 0 ? {} : { attemptTimeoutMs: WAIT_MARGIN_MS }
    const timeoutMs = waitMs === 0 ? REQUEST_MS : waitMs + WAIT_MARGIN_MS
    const { acquires, oracles } = this.#parts
    return this.#ask(command, operation.giveUpMs, aside, (then) => {
      return acquires.acquire(command, { timeoutMs, ...attempts }, (ended) => {
        // Of a wait that is unknown, so is whether anything is left.
        const isKnown = ended.type !== 'unknown' || waitMs === 0
        if (ended.type !== 'answered' && isKnown) oracles.gaveUp(command)
        if (ended.type === 'givenUp') this.#stage.probe('an acquire given up')
        if (ended.type === 'timeout') this.#stage.probe('a wait without an answer, undone')
        then(ended)
      })
    })
  }

  #call(command: LockRequest, { giveUpMs }: { readonly giveUpMs?: number }): LockAsk {
    const { calls } = this.#parts
    return this.#ask(command, giveUpMs ?? null, false, (then) => {
      return calls.call(command, { timeoutMs: REQUEST_MS }, then)
    })
  }

  #ask(
    command: LockRequest,
    giveUpMs: number | null,
    aside: boolean,
    begin: (then: (ended: AcquireEnded) => void) => GiveUp,
  ): LockAsk {
    const { way } = this.#parts
    const start = (then: (ended: Ended<Reply>) => void): void => {
      let stopTimer = (): void => {}
      const giveUp = begin((ended) => {
        stopTimer()
        then(heard(ended))
      })
      if (giveUpMs !== null) stopTimer = way.setTimer(giveUpMs, giveUp)
    }
    const input = isPlain(command.key) ? inputOf(command) : null
    const how = { timeoutMs: REQUEST_MS, retry: true, read: false, input }
    return { command: { type: 'plain', command }, ...how, start, aside }
  }

  get #parts(): {
    readonly calls: GuardedCalls
    readonly acquires: Acquires
    readonly oracles: AskedOracles
    readonly way: OwnWay<LockInput, LockOutput>
  } {
    const calls = this.#calls
    const acquires = this.#acquires
    const oracles = this.#asked
    invariant(calls !== null && acquires !== null && oracles !== null, 'guarded: not attached')
    return { calls, acquires, oracles, way: oracles.way }
  }

  #onAcquireEnded(command: Acquire, told: Ended<LockReply>, nowMs: number): void {
    this.#awaited.delete(command.key)
    if (told.type !== 'done' || told.reply.type !== 'granted') return
    this.#onGranted(command, told.reply, told.firstSentMs, nowMs)
  }

  #onGranted(command: Acquire, reply: Granted, firstSentMs: number, now: number): void {
    const { key, owner, mode } = command
    const { token, grantedAfterMs } = reply
    const { ttlMs } = reply
    invariant(ttlMs !== null, 'guarded: a lease without an end')
    const before = this.#mine.get(key)
    if (before?.lease.token === token) {
      const lease = reentered(before.lease, { token, firstSentMs, ttlMs, now })
      return this.#believe(key, { ...before, lease })
    }
    const driftPpm = EPSILON_PPM
    const lease = granted({ token, firstSentMs, grantedAfterMs, ttlMs, now, driftPpm })
    if (lease !== 'tooLate') return this.#believe(key, { owner, mode, lease })
    this.#stage.probe('grant came after its safe-until')
    const { acquires, oracles } = this.#parts
    oracles.gaveUp(command)
    acquires.giveBack(command, reply)
  }

  #onRenewEnded(key: string, id: string | null, told: Ended<LockReply>, nowMs: number): void {
    const mine = this.#mine.get(key)
    // It may have come to hold the key by another owner meanwhile.
    if (mine === undefined || id === null || !id.startsWith(`${mine.owner}.`)) return
    const { lease } = mine
    const renew = Number(id.slice(mine.owner.length + 1))
    this.#believe(key, { ...mine, lease: afterRenew(lease, renew, told, nowMs) })
  }

  #believe(key: string, mine: Mine): void {
    this.#mine.set(key, mine)
    const untilMs = safeUntilMs(mine.lease)
    const untilUs = untilMs === -Infinity ? 0 : this.#stage.clientTimeUs(this.#client, untilMs)
    this.#beliefs.believes(this.#client, key, mine.mode, mine.lease.token, untilUs)
  }

  /** Looks at the lease, and writes a while later: a pause in between makes the write stale. */
  #write(key: string, { lease, mode }: Mine, delayUs: number, nowMs: number): void {
    if (mode === 'shared' || !isValid(lease, nowMs)) return
    this.#stage.later(delayUs, () => this.#beliefs.writes(this.#client, key, lease.token))
  }
}

function look(command: LockCommand): LockAsk {
  const isTold = command.type === 'status' && isPlain(command.key)
  const input: LockInput | null = isTold ? { type: 'status', key: command.key } : null
  return { command: { type: 'plain', command }, timeoutMs: 2_000, retry: true, read: true, input }
}

/** What is given up, or was undone, may have happened for all that its history says. */
function heard(told: AcquireEnded): Ended<Reply> {
  switch (told.type) {
    case 'answered': {
      const { reply, firstSentMs } = told
      return { type: 'done', reply: { type: 'replied', reply }, firstSentMs }
    }
    case 'failed':
      return { type: 'failed' }
    case 'unknown':
    case 'timeout':
    case 'givenUp':
      return { type: 'unknown' }
  }
}

function afterRenew(lease: Lease, renew: number, told: Ended<LockReply>, nowMs: number): Lease {
  if (told.type === 'failed') return renewFailed(lease, renew)
  if (told.type === 'unknown') return renewUnknown(lease, renew)
  const { reply } = told
  if (reply.type === 'renewed') return renewAnswered(lease, renew, reply.token, nowMs)
  return reply.type === 'expired' ? expired(lease) : renewFailed(lease, renew)
}
