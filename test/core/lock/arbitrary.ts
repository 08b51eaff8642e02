// Random histories of locks and sessions over few keys, owners and ids, so that they meet often. A
// step says what is meant, as in "the holder's token"; script.ts makes commands of it when it runs.

import fc from 'fast-check'
import type { LockQuery, LockRequest } from '../../../core/lock/command.ts'
import type { Limits } from '../../../core/lock/limits.ts'
import { LIMITS } from '../../../core/lock/limits.ts'
import { holderId } from '../../../core/lock/records.ts'

/** Limits so low that random histories run into each of them. */
export const LOW_LIMITS: Limits = {
  ...LIMITS,
  waitersPerKeyMax: 2,
  locksPerOwnerMax: 3,
  keysMax: 3,
  countMax: 3,
  memoLifeMs: 400,
  memosMax: 30,
  memosPerOwnerMax: 14,
  memosDroppedMax: 2,
  expireMax: 2,
  pageMax: 2,
}

/** The keys that histories are about. */
export const KEYS = ['a', 'b', 'c', 'd'] as const

/** A client that opens one session after another. */
export type Client = 'S' | 'T'

/** Something is asked for. */
export interface Ask {
  readonly type: 'ask'
  /** Whose session it comes in; null: in none. */
  readonly client: Client | null
  /** Whether what it brings about is the session's, where there is one. */
  readonly bound: boolean
  readonly command: LockRequest
  /** Whether it comes from who holds the key, if anyone does, and not from the owner it names. */
  readonly byHolder: boolean
  /** Which token it names: none, that of the holding it is about, or an old one. */
  readonly token: 'none' | 'present' | 'stale'
  /** Of the client's calls before it, how many it does not acknowledge. */
  readonly open: number
  /** Whether it does not arrive, until it is repeated. */
  readonly isUnderWay: boolean
}

/** One step of a history. */
export type Step =
  | Ask
  | { readonly type: 'pass'; readonly ms: number }
  /** Time goes on to the next deadline, or just beside it. */
  | { readonly type: 'passToDue'; readonly besideMs: number }
  /** The leader proposes what is due. */
  | { readonly type: 'sweep' }
  /** Time stands still, and the new leader proposes once more what the old one did. */
  | { readonly type: 'leaderChange' }
  /** An `expire` that nothing called for. */
  | { readonly type: 'strayExpire'; readonly max: number }
  | { readonly type: 'open'; readonly client: Client; readonly ttlMs: number }
  | { readonly type: 'keepAlive'; readonly client: Client }
  | { readonly type: 'close'; readonly client: Client }
  /** The request so many back comes, or comes again. */
  | { readonly type: 'repeat'; readonly back: number }
  /**
   * Who sent the acquire so many back cancels it, or, in a session, all that it waits for: in the
   * way that it came, or outside of all sessions, with their guard or without.
   */
  | {
      readonly type: 'cancel'
      readonly back: number
      readonly all: boolean
      readonly way: 'same' | 'unbound' | 'plain'
    }
  | { readonly type: 'query'; readonly query: LockQuery }

const key = fc.constantFrom('a', 'a', 'a', 'a', 'b', 'b', 'c', 'd')
const owner = fc.constantFrom('x', 'y', 'z')
const client = fc.constantFrom<Client>('S', 'T')
/** A few round times, so that several end at once. */
const tensMs = (min: number, max: number): fc.Arbitrary<number> =>
  fc.integer({ min: min / 10, max: max / 10 }).map((tens) => tens * 10)
const ttlMs = fc.integer({ min: 2, max: 6 }).map((fifties) => fifties * 50)

const acquire = fc.record({
  type: fc.constant('acquire' as const),
  key,
  owner,
  mode: fc.constantFrom('exclusive' as const, 'shared' as const),
  ttlMs: fc.option(ttlMs, { freq: 3 }),
  waitMs: fc.oneof(fc.constant(0), tensMs(10, 250)),
  reentrant: fc.boolean(),
  lockDelayMs: fc.oneof(fc.constant(0), tensMs(10, 80)),
  metadata: fc.constantFrom('', 'm', 'n'),
})
const release = fc.record({ type: fc.constant('release' as const), key, owner, all: fc.boolean() })
const renew = fc.record({
  type: fc.constant('renew' as const),
  key,
  owner,
  ttlMs: fc.option(ttlMs, { freq: 3 }),
})
const force = fc.record({
  type: fc.constant('forceRelease' as const),
  key,
  owner,
  now: fc.boolean(),
})

/** Those of clients in sessions need neither ids nor leases. */
const ask: fc.Arbitrary<Ask> = fc
  .record({
    client: fc.option(client, { freq: 2 }),
    bound: fc.boolean(),
    byHolder: fc.integer({ min: 0, max: 9 }).map((value) => value > 5),
    body: fc.oneof(
      { weight: 10, arbitrary: acquire },
      { weight: 4, arbitrary: release },
      { weight: 3, arbitrary: renew },
      { weight: 2, arbitrary: force },
    ),
    id: fc.integer({ min: 0, max: 30 }),
    plainTtlMs: ttlMs,
    token: fc.constantFrom('none' as const, 'none' as const, 'present' as const, 'stale' as const),
    open: fc.integer({ min: 0, max: 4 }),
    isUnderWay: fc.integer({ min: 0, max: 15 }).map((value) => value === 15),
  })
  .map(({ body, id, plainTtlMs, ...rest }) => {
    const { client } = rest
    const lastsWithSession = client !== null && rest.bound
    const own = `r${client === null ? id : id % 5}`
    const requestId = client !== null && id % 2 === 0 ? null : own
    const command: LockRequest =
      body.type === 'acquire'
        ? { ...body, ttlMs: lastsWithSession ? body.ttlMs : (body.ttlMs ?? plainTtlMs), requestId }
        : { ...body, token: null, requestId }
    return { type: 'ask', command, ...rest }
  })

const query: fc.Arbitrary<LockQuery> = fc.oneof(
  fc.record({
    type: fc.constant('status' as const),
    key,
    holder: fc.option(fc.record({ owner, session: fc.constant(null) })),
  }),
  fc.record({
    type: fc.constant('listHolders' as const),
    key,
    after: fc.option(fc.constantFrom('', holderId(null, 'x'), holderId(null, 'y'))),
    max: fc.integer({ min: 0, max: 3 }),
  }),
  fc.record({
    type: fc.constant('listWaiters' as const),
    key,
    after: fc.option(fc.integer({ min: 1, max: 60 })),
    max: fc.integer({ min: 0, max: 3 }),
  }),
  fc.record({
    type: fc.constant('listLocks' as const),
    prefix: fc.constantFrom('', '', 'a', 'bb'),
    after: fc.option(fc.constantFrom('', 'a', 'b', 'z')),
    max: fc.integer({ min: 0, max: 3 }),
  }),
  fc.record({ type: fc.constant('countLocks' as const), prefix: fc.constantFrom('', 'a', 'bb') }),
)

/** Mostly the last few, and now and then one of long ago. */
const back = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 4 }) },
  { weight: 1, arbitrary: fc.integer({ min: 5, max: 40 }) },
)

const way = fc.constantFrom('same', 'same', 'unbound', 'plain')

/** One step. */
export const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 30, arbitrary: ask },
  weighted(12, { type: 'pass', ms: tensMs(10, 40) }),
  weighted(3, { type: 'passToDue', besideMs: fc.constantFrom(0, 0, -1, 1) }),
  weighted(5, { type: 'sweep' }),
  weighted(1, { type: 'leaderChange' }),
  weighted(2, { type: 'strayExpire', max: fc.integer({ min: 1, max: 3 }) }),
  weighted(5, { type: 'open', client, ttlMs: tensMs(100, 600) }),
  weighted(1, { type: 'keepAlive', client }),
  weighted(1, { type: 'close', client }),
  weighted(6, { type: 'repeat', back }),
  weighted(5, { type: 'cancel', back, all: fc.boolean(), way }),
  weighted(2, { type: 'query', query }),
)

function weighted(
  weight: number,
  { type, ...fields }: { readonly type: Step['type'] } & Record<string, unknown>,
): { weight: number; arbitrary: fc.Arbitrary<Step> } {
  const record = { type: fc.constant(type), ...fields } as Record<string, fc.Arbitrary<unknown>>
  const arbitrary = fc.record(record, { noNullPrototype: true }) as unknown
  return { weight, arbitrary: arbitrary as fc.Arbitrary<Step> }
}
