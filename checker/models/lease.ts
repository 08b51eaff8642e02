// A fenced lock with levels whose holdings end at their release, or by expiry at any instant not
// before the lease of their last answered acquire or renew can have run out.
//
// Expiry is nobody's operation, so the state knows the time: the earliest instant that the order
// so far allows. Operations stand as early as they may: what is early lets everything later be as
// early, and a lease may always run longer than it must. An operation that the holding forbids
// ends it first, if it can have expired by the time that the operation returned.

import type { Asked, Told } from '../event.ts'
import { describeLock, type LockInput, type LockOutput } from '../lock-history.ts'
import type { LockOperation } from '../lock-history.ts'
import type { Operation } from '../history.ts'
import { holdingsOf, type Holding, type HoldingStep } from '../holdings.ts'
import { tokenOf } from './fenced-mutex.ts'
import { leaseMutex, type MutexState } from './lease-mutex.ts'
import { partitionByKey, type NamedModel } from './named-model.ts'
import { turnsOf } from './lock-units.ts'
import { fieldOf, keyOf, ownerOf, plainText, wholeOf } from './plain.ts'

/** What the lock is asked, from when to when, in nanoseconds. */
export interface LeaseInput {
  readonly key: string
  readonly asked: LockInput
  readonly call: number
  /** Infinity: no answer. */
  readonly return: number
}

/** What was told; a grant or a renewal may leave out the token. */
export type LeaseOutput =
  | LockOutput
  | { readonly type: 'granted'; readonly token: null; readonly count: number }
  | { readonly type: 'renewed'; readonly token: null; readonly ttlMs: number }

/** A lock at the earliest instant possible. */
export interface LeaseState {
  readonly mutex: MutexState
  readonly at: number
  /** When the holding can have expired at the earliest; -Infinity when free. */
  readonly expiresMin: number
}

/** What the service promises of its leases. */
export interface LeaseOptions {
  /** TTL of operations that name none; Infinity when not given. */
  readonly ttlMs?: number
  /** Bound of a clock's rate error in parts per million: a lease may run 2 of it short. */
  readonly epsilonPpm?: number
  /** Granularity of the service's clock, by which a lease may run short as well. */
  readonly slackMs?: number
}

const nanosecondsPerMs = 1_000_000

type LeaseMin = (ttlMs: number) => number

/**
 * A lock with leases, levels and fencing tokens. The history must have times. Where answers name no
 * level (`count` or `level`), there is just one: a second acquire refreshes, a release frees.
 */
export function lease(
  { ttlMs = Infinity, epsilonPpm = 0, slackMs = 0 }: LeaseOptions = {}
): NamedModel<LeaseState, LeaseInput, LeaseOutput> {
  const leaseMin: LeaseMin = (asked) => {
    const shortest = (asked * nanosecondsPerMs * (1_000_000 - 2 * epsilonPpm)) / 1_000_000
    return Math.floor(shortest) - slackMs * nanosecondsPerMs
  }
  const first = { mutex: leaseMutex.init(), at: -Infinity, expiresMin: -Infinity }
  const steps = (
    state: LeaseState,
    input: LeaseInput,
    output: LeaseOutput | undefined
  ): readonly LeaseState[] => [
    ...stepHeld(state, input, output, leaseMin),
    ...stepExpired(state, input, output, leaseMin)
  ]
  return {
    name: 'lease',
    init: () => first,
    step: (state, input, output) => steps(state, input, output)[0] ?? null,
    steps,
    isObserver: () => false,
    equal: (a, b) => hash(a) === hash(b),
    hash,
    partition: partitionByKey,
    units,
    holdings: (part) => holdingsOfLeases(part, leaseMin),
    describe: ({ asked }, output) => {
      return output === undefined || isWhole(output)
        ? describeLock(asked, output)
        : describeLock(asked, undefined).replace(/[?]$/, output.type)
    },
    describeState: ({ mutex }) => leaseMutex.describeState(mutex),
    ask: (asked) => ask(asked, ttlMs),
    tell: ({ asked }, told) => tell(asked, told)
  }
}

/**
 * The operations as the near-linear judge of leases takes them, in nanoseconds. What was answered
 * without its token is to it as if unanswered.
 */
export function lockOperations(
  history: readonly Operation<LeaseInput, LeaseOutput>[]
): LockOperation[] {
  return history.map(({ process, input, outcome, output }) => {
    const { asked, call, return: answered } = input
    const operation = { process, input: asked, call, return: answered }
    if (outcome !== 'ok') return { ...operation, outcome }
    if (output === undefined || !isWhole(output)) return { ...operation, outcome: 'info' }
    return { ...operation, outcome, output }
  })
}

type LeaseOperation = Operation<LeaseInput, LeaseOutput>

/** The holdings; of one that expires, until the last instant of the part before it can have. */
function holdingsOfLeases(
  part: readonly LeaseOperation[],
  leaseMin: LeaseMin
): readonly Holding<LeaseInput, LeaseOutput>[] {
  const instantAt = instantsByTime(part)
  return holdingsOf(part, {
    isReentrant: true,
    stepOf: ({ input: { key: lock, asked, call }, output, outcome }): HoldingStep | null => {
      if (asked.type === 'status') return null
      const { owner } = asked
      const expires = (ttlMs: number): number => instantAt(call + leaseMin(ttlMs))
      if (asked.type === 'acquire') {
        if (output?.type !== 'granted') return null
        const { token, count: level } = output
        const label = token === null ? '' : `token ${token}`
        return { type: 'take', lock, owner, label, level, expires: expires(asked.ttlMs) }
      }
      if (asked.type === 'renew') {
        if (output?.type !== 'renewed' && outcome !== 'info') return null
        const { ttlMs } = output?.type === 'renewed' ? output : asked
        return { type: 'keep', lock, owner, expires: expires(ttlMs) }
      }
      if (output === undefined) return { type: 'give', lock, owner }
      return output.type === 'released' ? { type: 'give', lock, owner, level: output.count } : null
    }
  })
}

/** From a time in nanoseconds to the last instant of the history that is not later. */
function instantsByTime(part: readonly LeaseOperation[]): (time: number) => number {
  const events = part.flatMap(({ input, call, return: answered }) => [
    { time: input.call, instant: call },
    { time: input.return, instant: answered }
  ])
  const known = events.filter(({ instant }) => instant < Infinity)
  known.sort((a, b) => a.time - b.time || a.instant - b.instant)
  return (time) => {
    if (time === Infinity) return Infinity
    let low = 0
    let high = known.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((known[middle]?.time ?? Infinity) <= time) low = middle + 1
      else high = middle
    }
    return known[low - 1]?.instant ?? -Infinity
  }
}

function isWhole(output: LeaseOutput): output is LockOutput {
  return !('token' in output && output.token === null)
}

function hash({ mutex, at, expiresMin }: LeaseState): string {
  return `${at} ${expiresMin} ${leaseMutex.hash?.(mutex)}`
}

/** What an owner does until it is told that it has released; and each look of anybody. */
function units(
  part: readonly Operation<LeaseInput, LeaseOutput>[]
): readonly (readonly Operation<LeaseInput, LeaseOutput>[])[] {
  return turnsOf(part, {
    ownerOf: ({ asked }) => (asked.type === 'status' ? '' : asked.owner),
    levelsOf: ({ input, output }) => {
      if (input.asked.type === 'acquire') return 1
      return output?.type === 'released' && output.count === 0 ? null : 0
    },
    isLook: ({ input, output }) => {
      if (input.asked.type === 'status') return true
      return output !== undefined && !changes.has(output.type)
    }
  })
}

const changes: ReadonlySet<string> = new Set(['granted', 'released', 'renewed'])

/** The operation in the holding, if there is one, that has not expired. */
function stepHeld(
  state: LeaseState,
  { asked, call, return: answered }: LeaseInput,
  output: LeaseOutput | undefined,
  leaseMin: LeaseMin
): LeaseState[] {
  const at = Math.max(state.at, call)
  const mutex = at > answered ? null : stepMutex(state.mutex, asked, output)
  if (mutex === null) return []
  if (mutex.holder === null) return [{ mutex, at, expiresMin: -Infinity }]
  const isNew = state.mutex.holder === null
  const before = isNew ? -Infinity : state.expiresMin
  return [{ mutex, at, expiresMin: extend(before, at, asked, output, leaseMin) }]
}

/** The operation after the holding has expired. */
function stepExpired(
  state: LeaseState,
  input: LeaseInput,
  output: LeaseOutput | undefined,
  leaseMin: LeaseMin
): LeaseState[] {
  const { mutex, expiresMin } = state
  if (mutex.holder === null || expiresMin > input.return) return []
  // A token that nobody was told was given out all the same.
  const at = Math.max(state.at, expiresMin)
  const expired = { mutex: { ...mutex, holder: null }, at, expiresMin: -Infinity }
  return stepHeld(expired, input, output, leaseMin)
}

/** The lock's own rules; an answer without token is one that names the token which fits. */
function stepMutex(
  state: MutexState,
  asked: LockInput,
  output: LeaseOutput | undefined
): MutexState | null {
  if (output === undefined || isWhole(output)) return leaseMutex.step(state, asked, output)
  const after = leaseMutex.step(state, asked, undefined)
  if (output.type === 'renewed' || after === null) return after
  return output.count === state.holder?.count ? state : sameCount(after, output.count)
}

function sameCount(state: MutexState, count: number): MutexState | null {
  return state.holder?.count === count ? state : null
}

/**
 * The earliest expiry after an operation at `at`. A grant moves it on, a renew sets it; an
 * unanswered renew may have set it; of an unanswered acquire nothing is known.
 */
function extend(
  before: number,
  at: number,
  asked: LockInput,
  output: LeaseOutput | undefined,
  leaseMin: LeaseMin
): number {
  if (asked.type === 'acquire' && output?.type === 'granted') {
    return Math.max(before, at + leaseMin(asked.ttlMs))
  }
  if (asked.type !== 'renew') return before
  if (output?.type === 'renewed') return at + leaseMin(output.ttlMs)
  return output === undefined ? Math.min(before, at + leaseMin(asked.ttlMs)) : before
}

const words: Readonly<Record<string, LockInput['type']>> = {
  acquire: 'acquire',
  lock: 'acquire',
  release: 'release',
  unlock: 'release',
  renew: 'renew',
  extend: 'renew',
  status: 'status'
}

/** Reads the owner, token, TTL (`ttlMs` or `ttl`) and wait (`waitMs`) from fields of the value. */
function ask(asked: Asked, ttlMsDefault: number): LeaseInput | null {
  const { f, value, time: call, timeReturned = Infinity } = asked
  const type = Object.hasOwn(words, f) ? words[f] : undefined
  if (type === undefined || call === undefined) return null
  const key = keyOf(asked)
  const owner = ownerOf(asked)
  const ttlMs = positiveOf(fieldOf(value, 'ttlMs', 'ttl')) ?? ttlMsDefault
  const named = tokenOf(value)
  const token = named === null ? null : Number(named)
  const timed = { key, call, return: timeReturned }
  switch (type) {
    case 'acquire': {
      const waitMs = positiveOf(fieldOf(value, 'waitMs', 'wait')) ?? 0
      return { ...timed, asked: { type, key, owner, ttlMs, waitMs } }
    }
    case 'release':
      return { ...timed, asked: { type, key, owner, token } }
    case 'renew':
      return { ...timed, asked: { type, key, owner, token, ttlMs } }
    case 'status':
      return { ...timed, asked: { type, key } }
  }
}

function tell(asked: LockInput, { value, failed }: Told): LeaseOutput | undefined {
  const named = tokenOf(value)
  const token = named === null ? null : Number(named)
  const count = fieldOf(value, 'count', 'level')
  if (failed === true) {
    if (asked.type === 'release' || asked.type === 'renew') return { type: 'notHolder' }
    return asked.type === 'acquire' && token !== null ? { type: 'held', token } : undefined
  }
  switch (asked.type) {
    case 'acquire':
      return grantOf(token, wholeOf(count, 1) ?? 1)
    case 'release':
      return { type: 'released', count: wholeOf(count, 0) ?? 0 }
    case 'renew': {
      const ttlMs = positiveOf(fieldOf(value, 'ttlMs', 'ttl')) ?? asked.ttlMs
      return renewalOf(token ?? asked.token, ttlMs)
    }
    case 'status': {
      const owner = fieldOf(value, 'owner', 'client') ?? null
      if (owner === null) return value === null ? freeStatus : undefined
      return token === null
        ? undefined
        : { type: 'status', locked: true, token, owner: plainText(owner) }
    }
  }
}

function grantOf(token: number | null, count: number): LeaseOutput {
  return token === null ? { type: 'granted', token, count } : { type: 'granted', token, count }
}

function renewalOf(token: number | null, ttlMs: number): LeaseOutput {
  return token === null ? { type: 'renewed', token, ttlMs } : { type: 'renewed', token, ttlMs }
}

const freeStatus: LockOutput = { type: 'status', locked: false, token: 0, owner: '' }

function positiveOf(value: unknown): number | null {
  return typeof value === 'number' && value >= 0 ? value : null
}
