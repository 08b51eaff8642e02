// The lock service as fast-check arbitraries: what clients do in a simulated world, on locks that
// only one holds at a time and on such as are shared, revoked, kept by a delay and taken in a
// session; and what the lock machine is asked, for programs that drive it themselves.

import fc from 'fast-check'
import type { LockCommand, Mode } from '../core/lock/command.ts'
import type { Limits } from '../core/lock/limits.ts'
import { isPlain } from './lock-operation.ts'
import type { LockOperation } from './lock-operation.ts'

/** Any operation of a client of the lock service, on one of `keys` locks; by default two. */
export function lockOperations(keys: number = 2): fc.Arbitrary<LockOperation> {
  const names = Array.from({ length: keys }, (_, at) => `k${at}`)
  const sharing = names.filter((name) => !isPlain(name))
  const plain = operationsOn(fc.constantFrom(...names.filter(isPlain)), false)
  if (sharing.length === 0) return plain
  return fc.oneof(plain, operationsOn(fc.constantFrom(...sharing), true))
}

function operationsOn(key: fc.Arbitrary<string>, isShared: boolean): fc.Arbitrary<LockOperation> {
  const ttlMs = fc.constantFrom(200, 400, 1_000, 3_000)
  const waitMs = fc.constantFrom(0, 100, 400, 1_200)
  const delayUs = fc.constantFrom(100, 5_000, 200_000)
  const usual = fc.constant(null)
  const acquire = record({
    type: fc.constant('acquire' as const),
    key,
    mode: isShared ? fc.constantFrom('exclusive', 'shared') : fc.constant('exclusive'),
    ttlMs: isShared ? fc.oneof(ttlMs, usual) : ttlMs,
    waitMs,
    reentrant: fc.boolean(),
    lockDelayMs: isShared ? fc.constantFrom(0, 100, 400) : fc.constant(0),
    giveUpMs: isShared ? fc.constantFrom(null, 20, 300) : usual,
  })
  const release = record({
    type: fc.constant('release' as const),
    key,
    withToken: fc.boolean(),
    all: fc.boolean(),
  })
  const renew = record({
    type: fc.constant('renew' as const),
    key,
    ttlMs: isShared ? fc.oneof(ttlMs, usual) : ttlMs,
    withToken: fc.boolean(),
  })
  const force = record({
    type: fc.constant('forceRelease' as const),
    key,
    now: fc.boolean(),
    withToken: fc.boolean(),
  })
  const session = record({
    type: fc.constant('session' as const),
    what: fc.constantFrom('keep', 'close'),
    ttlMs,
  })
  const list = record({
    type: fc.constant('list' as const),
    key,
    what: fc.constantFrom('holders', 'waiters', 'locks', 'count'),
  })
  const status = record({ type: fc.constant('status' as const), key })
  const write = record({ type: fc.constant('write' as const), key, delayUs })
  const more = isShared ? [force, list, session] : []
  return fc.oneof<fc.MaybeWeightedArbitrary<LockOperation>[]>(
    { weight: 8, arbitrary: acquire },
    { weight: 5, arbitrary: release },
    { weight: 3, arbitrary: renew },
    { weight: 2, arbitrary: status },
    { weight: 2, arbitrary: write },
    ...more.map((arbitrary) => ({ weight: 1, arbitrary })),
  )
}

/** A command, and how long after the one before it the log has it, milliseconds. */
export interface TimedCommand {
  readonly afterMs: number
  readonly command: Extract<LockCommand, { readonly owner: string }>
}

/** What `lockCommands` draws from. Everything has a default. */
export interface CommandConstraints {
  /** How many keys there are, `k0` and so on; default 2. */
  readonly keys?: number
  /** How many owners, `o0` and so on; default 3. */
  readonly owners?: number
  /** Commands at most; default 30. */
  readonly commandsMax?: number
  /** How long after the one before a command comes at most; default 400. */
  readonly afterMsMax?: number
  /** Which commands there are; default all. */
  readonly types?: readonly TimedCommand['command']['type'][]
  /** How locks are taken; default exclusive and shared. */
  readonly modes?: readonly Mode[]
}

const TYPES = ['acquire', 'release', 'renew', 'cancel', 'forceRelease'] as const
const WEIGHTS = { acquire: 8, release: 6, renew: 3, cancel: 1, forceRelease: 1 } as const

/**
 * What the owners of locks ask of the lock machine, in the order of the log, each under a request
 * id of its own. Some comes again, later, as it does after an answer was lost. What the leader adds
 * to the log, the `expire` that `Machine.due` calls for, is the caller's.
 */
export function lockCommands(constraints: CommandConstraints = {}): fc.Arbitrary<TimedCommand[]> {
  const { keys = 2, owners = 3, commandsMax = 30, afterMsMax = 400 } = constraints
  const { types = TYPES, modes = ['exclusive', 'shared'] } = constraints
  const whose = {
    key: fc.nat(keys - 1).map((at) => `k${at}`),
    owner: fc.nat(owners - 1).map((at) => `o${at}`),
    requestId: fc.constant(''),
  }
  const ttlMs = fc.constantFrom(100, 300, 1_000)
  const token = fc.constant(null)
  const acquire = record({
    type: fc.constant('acquire' as const),
    ...whose,
    mode: fc.constantFrom(...modes),
    ttlMs,
    waitMs: fc.constantFrom(0, 200, 1_000),
    reentrant: fc.boolean(),
    lockDelayMs: fc.constantFrom(0, 0, 200),
    metadata: fc.constant(''),
  })
  const release = record({
    type: fc.constant('release' as const),
    ...whose,
    token,
    all: fc.boolean(),
  })
  const renew = record({ type: fc.constant('renew' as const), ...whose, token, ttlMs })
  const cancel = record({ type: fc.constant('cancel' as const), ...whose })
  const forceRelease = record({
    type: fc.constant('forceRelease' as const),
    ...whose,
    token,
    now: fc.boolean(),
  })
  const all = { acquire, release, renew, cancel, forceRelease }
  const weighted = types.map((type) => ({ weight: WEIGHTS[type], arbitrary: all[type] }))
  const command = fc.oneof<fc.MaybeWeightedArbitrary<TimedCommand['command']>[]>(...weighted)
  const afterMs = fc.nat(afterMsMax)
  // 0: a new one; else as many places back as that, if there are so many.
  const back = fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 9 }))
  const drawn = record({ afterMs, command, back })
  return fc.array(drawn, { maxLength: commandsMax }).map((steps) => {
    const named = steps.map(({ command: one }, at) => ({ ...one, requestId: `r${at}` }))
    return steps.map(({ afterMs: ms, back: places }, at) => {
      const asked = (named[at - places] ?? named[at]) as TimedCommand['command']
      // A cancel names the acquire that it gives up: the latest of its owner's for the key.
      const isCancel = asked.type === 'cancel'
      return { afterMs: ms, command: isCancel ? cancelling(asked, named, at) : asked }
    })
  })
}

type Cancelling = Extract<LockCommand, { readonly type: 'cancel' }>

function cancelling(
  cancel: Cancelling,
  all: readonly TimedCommand['command'][],
  before: number,
): Cancelling {
  const { key, owner } = cancel
  const isMeant = (one: TimedCommand['command']): boolean =>
    one.type === 'acquire' && one.key === key && one.owner === owner
  const requestId = all.slice(0, before).filter(isMeant).at(-1)?.requestId
  return requestId === undefined ? cancel : { ...cancel, requestId }
}

/** Limits that are low enough to be reached, any of them or none. */
export function lockLimits(): fc.Arbitrary<Partial<Limits>> {
  const low = fc.integer({ min: 1, max: 3 })
  return fc.record(
    {
      locksPerOwnerMax: low,
      waitersPerKeyMax: low,
      keysMax: low,
      countMax: low,
      expireMax: low,
      memosDroppedMax: low,
      memoLifeMs: fc.constantFrom(15_000, 20_000),
      memosPerOwnerMax: fc.constantFrom(10, 20),
    },
    { requiredKeys: [], noNullPrototype: true },
  )
}

/** A record with the ordinary prototype, which prints shorter. */
export function record<Value>(model: {
  [Key in keyof Value]: fc.Arbitrary<Value[Key]>
}): fc.Arbitrary<Value> {
  return fc.record<Value>(model, { noNullPrototype: true }) as fc.Arbitrary<Value>
}
