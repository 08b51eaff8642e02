// Snapshots of the lock machine: there and back with all indexes, in parts, and null for whatever
// no state encodes to. A forged state has its records in any order: maps are plain data.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { INTEGER_MAX } from '../../../core/bytes.ts'
import type { Acquire, LockCommand } from '../../../core/lock/command.ts'
import { stateLanes } from '../../../core/lock/digest.ts'
import { LIMITS } from '../../../core/lock/limits.ts'
import type {
  AnsweredMemo,
  DelayedLock,
  ExclusiveLock,
  Holding,
  Lock,
  SharedLock,
  Waiter,
} from '../../../core/lock/records.ts'
import { holderId, memoId } from '../../../core/lock/records.ts'
import type { LockReply, Reason } from '../../../core/lock/reply.ts'
import { REASONS } from '../../../core/lock/codec.ts'
import { decodeSnapshot, encodeSnapshot, snapshotParts } from '../../../core/lock/snapshot.ts'
import type { EndedBy, LockState } from '../../../core/lock/state.ts'
import {
  INITIAL,
  addWaiter,
  closeDraft,
  openDraft,
  putEnded,
  putHolding,
  putLock,
  putMemo,
} from '../../../core/lock/state.ts'
import type { MapKey, OrderedMap } from '../../../core/ordered-map.ts'
import { emptyMap, mapEntries, mapSet } from '../../../core/ordered-map.ts'
import { emptyQueue, queueAdd, queueValues } from '../../../core/queue.ts'
import { suite } from '../../harness.ts'

const test = suite('lock snapshot')
const seed = 20_250_311

/** A map that says of itself that these are its entries, in this order. */
function forgedMap<Key extends MapKey, Value>(
  entries: readonly (readonly [Key, Value])[],
): OrderedMap<Key, Value> {
  const keys = entries.map(([key]) => key)
  return { type: 'leaf', keys, values: entries.map(([, value]) => value) }
}

function holding(more: Partial<Holding> = {}): Holding {
  const times = { ttlMs: 500, deadlineMs: 900, lockDelayMs: 0 }
  const usual = { key: 'a', owner: 'x', session: null, revoked: false, metadata: '' }
  return { ...usual, enteredIndex: 1, token: 1, count: 1, ...times, ...more }
}

function acquire(more: Partial<Acquire> = {}): Acquire {
  const terms = { mode: 'exclusive', ttlMs: 500, waitMs: 300, reentrant: false } as const
  const names = { key: 'a', owner: 'y', requestId: 'r' }
  return { type: 'acquire', ...names, ...terms, lockDelayMs: 0, metadata: '', ...more }
}

function waiter(more: Partial<Waiter> = {}, terms: Partial<Acquire> = {}): Waiter {
  const numbers = { enteredIndex: 2, enteredMs: 100, latestIndex: 2 }
  const hasMemo = (more.session ?? null) === null
  return { command: acquire(terms), session: null, hasMemo, ...numbers, ...more }
}

const queue = (waiters: readonly Waiter[]): OrderedMap<number, Waiter> =>
  forgedMap(waiters.map((one) => [one.enteredIndex, one]))

function exclusive(holder: Holding, ...waiters: Waiter[]): ExclusiveLock {
  return { type: 'exclusive', key: holder.key, holder, waiters: queue(waiters) }
}

function shared(holders: Holding[], ...waiters: Waiter[]): SharedLock {
  const map = forgedMap(holders.map((one) => [holderId(one.session, one.owner), one] as const))
  const rest = { delayUntilMs: 0, closed: false, waiters: queue(waiters) }
  return { type: 'shared', key: 'a', holders: map, ...rest }
}

function delayed(untilMs: number, ...waiters: Waiter[]): DelayedLock {
  return { type: 'delayed', key: 'a', untilMs, waiters: queue(waiters) }
}

function memo(more: Partial<AnsweredMemo> = {}): AnsweredMemo {
  const command = more.command ?? acquire()
  const numbers = { index: 5, atMs: 100, ordinal: 0 }
  const reply = { type: 'timeout' } as const
  return { type: 'answered', id: more.id ?? memoId(command), command, reply, ...numbers, ...more }
}

interface Records {
  readonly locks?: readonly Lock[]
  readonly ended?: readonly (readonly [number, EndedBy])[]
  readonly memos?: readonly AnsweredMemo[]
}

/** A state of these records in this order, without indexes. */
function forged({ locks = [], ended = [], memos = [] }: Records): LockState {
  return {
    ...INITIAL,
    locks: forgedMap(locks.map((lock) => [lock.key, lock])),
    ended: forgedMap(ended),
    answered: memos.reduce((queue, one) => queueAdd(queue, one), emptyQueue<AnsweredMemo>()),
  }
}

const read = (records: Records): LockState | null => decodeSnapshot(encodeSnapshot(forged(records)))

function accepts(records: Records, what: string): void {
  assert.ok(read(records) !== null, `refused: ${what}`)
}

function refuses(records: Records, what: string): void {
  assert.is(read(records), null, `accepted: ${what}`)
}

/** Whether a snapshot with this holding alone is read. */
function refusesHolding(more: Partial<Holding>, what: string): void {
  refuses({ locks: [exclusive(holding(more))] }, `exclusive, ${what}`)
  refuses({ locks: [shared([holding(more)])] }, `shared, ${what}`)
}

/** Whether a snapshot with this waiter alone is read. */
function refusesWaiter(more: Partial<Waiter>, terms: Partial<Acquire>, what: string): void {
  const bad = waiter(more, terms)
  refuses({ locks: [exclusive(holding(), bad)] }, `exclusive, ${what}`)
  refuses({ locks: [shared([holding()], bad)] }, `shared, ${what}`)
  refuses({ locks: [delayed(900, bad)] }, `delayed, ${what}`)
}

const inSession = { session: 7, ttlMs: null, deadlineMs: null }

/** Records of every sort. */
const rich: Required<Records> = {
  locks: [
    exclusive(
      holding({ metadata: 'hôte', lockDelayMs: 9, revoked: true }),
      waiter({ session: 7, enteredIndex: 4, latestIndex: 4 }, { ttlMs: null, requestId: null }),
      waiter({ enteredIndex: 6, latestIndex: 9 }, { mode: 'shared', metadata: 'm' }),
    ),
    {
      ...shared(
        [
          holding({ key: 'b', owner: 'x', enteredIndex: 11, token: 11, count: 3 }),
          holding({ key: 'b', owner: 'z', enteredIndex: 12, token: 12 }),
          holding({ key: 'b', owner: 'a', ...inSession, enteredIndex: 13, token: 13 }),
        ],
        waiter({ enteredIndex: 15, latestIndex: 15 }, { key: 'b' }),
      ),
      key: 'b',
      delayUntilMs: 2 ** 40,
      closed: true,
    },
    {
      ...delayed(
        950,
        waiter({ enteredIndex: 21, latestIndex: 21 }, { key: 'c' }),
        waiter({ enteredIndex: 22, latestIndex: 22, hasMemo: false }, { key: 'c' }),
      ),
      key: 'c',
    },
    { ...delayed(950), key: 'd' },
    exclusive(holding({ key: 'ключ', session: 9, enteredIndex: 23, token: 2 ** 50 })),
  ],
  ended: [
    [7, 'expiry'],
    [9, 'close'],
  ],
  memos: [
    memo({ command: acquire({ requestId: '1' }), reply: { type: 'cancelled' } }),
    memo({ command: { type: 'cancel', key: 'q', owner: 'y', requestId: '2' }, ordinal: 1 }),
    memo({
      command: { type: 'release', key: 'q', owner: 'y', token: 4, all: true, requestId: '3' },
      index: 6,
    }),
    memo({
      command: { type: 'forceRelease', key: 'q', owner: 'y', token: 4, now: true, requestId: '4' },
      reply: { type: 'forced', holders: 2, remainingMs: 9 },
      index: 7,
    }),
  ],
}

/** Puts the records one by one, in this order, as the machine would. */
function build({ locks = [], ended = [], memos = [] }: Records, tokenBase = 0): LockState {
  const context = { index: 0, timeMs: 0, session: null, guarded: false }
  const draft = openDraft({ ...INITIAL, tokenBase }, context, LIMITS)
  for (const lock of locks) {
    let waiters: OrderedMap<number, Waiter> = emptyMap()
    for (const [enteredIndex, one] of mapEntries(lock.waiters)) {
      waiters = mapSet(waiters, enteredIndex, one)
      addWaiter(draft, one)
      if (!one.hasMemo) continue
      const { command } = one
      putMemo(draft, null, { type: 'waiting', id: memoId(command), command, enteredIndex })
    }
    if (lock.type === 'exclusive') putHolding(draft, null, lock.holder)
    if (lock.type !== 'shared') putLock(draft, null, { ...lock, waiters })
    else {
      let holders: OrderedMap<string, Holding> = emptyMap()
      for (const [id, one] of mapEntries(lock.holders)) {
        holders = mapSet(holders, id, one)
        putHolding(draft, null, one)
      }
      putLock(draft, null, { ...lock, holders, waiters })
    }
  }
  for (const [session, by] of ended) putEnded(draft, session, by)
  for (const one of memos) putMemo(draft, null, one)
  return closeDraft(draft)
}

/** All of a state, whatever the shape of its maps. */
function listing(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  if ('type' in value && (value.type === 'leaf' || value.type === 'branch')) {
    return [...mapEntries(value as OrderedMap<string, unknown>)].map(([key, one]) => {
      return [key, listing(one)]
    })
  }
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, listing(one)]))
}

const small = fc.integer({ min: 0, max: 900 })
const anyText = fc.string({ unit: 'binary', maxLength: 8 })
const anySession = fc.constantFrom(null, null, 1, 7, 2 ** 40)
const anyLease = fc.record({
  ttlMs: fc.integer({ min: 1, max: 500 }),
  later: small,
  lasts: fc.boolean(),
  revoked: fc.boolean(),
  lockDelayMs: small,
  metadata: anyText,
  count: fc.integer({ min: 1, max: 5 }),
})
const anyWait = fc.record({
  owner: anyText,
  session: anySession,
  mode: fc.constantFrom('exclusive', 'shared'),
  ttlMs: fc.option(small),
  waitMs: fc.integer({ min: 1, max: 900 }),
  enteredMs: small,
  guarded: fc.boolean(),
  named: fc.boolean(),
  metadata: anyText,
  reentrant: fc.boolean(),
  later: fc.constantFrom(0, 0, 3),
})
const anyKey = fc.record({
  key: fc.string({ unit: 'binary', minLength: 1, maxLength: 4 }),
  type: fc.constantFrom('exclusive', 'shared', 'delayed'),
  holders: fc.uniqueArray(fc.tuple(anySession, anyText, anyLease), {
    minLength: 1,
    maxLength: 4,
    selector: ([session, owner]) => holderId(session, owner),
  }),
  waits: fc.array(anyWait, { maxLength: 4 }),
  untilMs: fc.integer({ min: 1, max: INTEGER_MAX }),
})
const anyMemo = fc.record({
  key: anyText,
  reply: fc.constantFrom<AnsweredMemo['reply']>(
    { type: 'cancelled' },
    { type: 'held', owner: null, token: 0, remainingMs: 5 },
    { type: 'granted', token: 5, count: 1, ttlMs: 5, grantedAfterMs: 0 },
    { type: 'rejected', reason: 'upgrade' },
  ),
  passed: fc.integer({ min: 0, max: 2 }),
  type: fc.constantFrom('acquire', 'cancel', 'release', 'renew', 'forceRelease'),
})
const anyRecords: fc.Arbitrary<Required<Records>> = fc
  .record({
    keys: fc.uniqueArray(anyKey, { maxLength: 12, selector: ({ key }) => key }),
    memos: fc.array(anyMemo, { maxLength: 8 }),
    ended: fc.constantFrom([], [1], [1, 7], [7, 2 ** 40]),
    by: fc.constantFrom<EndedBy>('close', 'expiry'),
  })
  .map(({ keys, memos, ended, by }) => {
    let index = 0
    const next = (): number => (index += 1)
    const locks = keys.map((one) => lockOf(one, next))
    const claimed = new Set(locks.flatMap(sessionsOf))
    let at = 0
    return {
      locks,
      ended: ended.filter((session) => claimed.has(session)).map((session) => [session, by]),
      memos: memos.map(({ key, reply, passed, type }, ordinal) => {
        at += passed
        const names = { key, owner: 'm', requestId: `m${ordinal}` }
        const command = requestOf(type, names)
        return memo({ command, reply, index: at, atMs: at, ordinal })
      }),
    }
  })

type AnyKey = typeof anyKey extends fc.Arbitrary<infer Value> ? Value : never

function lockOf({ key, type, holders, waits, untilMs }: AnyKey, next: () => number): Lock {
  const holdings = holders.map(([session, owner, { later, lasts, ...terms }]) => {
    const { ttlMs } = terms
    const enteredIndex = next()
    const names = { key, owner, session, enteredIndex, token: enteredIndex }
    const ends = { ...names, ...terms, deadlineMs: ttlMs + later }
    if (session === null || !lasts) return ends
    return { ...ends, ttlMs: null, deadlineMs: null, revoked: false }
  })
  const waiters = waits.map((wait, at): Waiter => {
    const { later, named, guarded, session, enteredMs, mode, ...terms } = wait
    const enteredIndex = next()
    const hasMemo = session === null && !guarded
    const requestId = named || hasMemo ? `r${at}` : null
    const ttlMs = session === null ? (terms.ttlMs ?? 100) : terms.ttlMs
    const first = at === 0 && type === 'shared'
    const names = { key, requestId, mode: first ? 'exclusive' : mode } as const
    const command = acquire({ ...terms, ...names, ttlMs })
    const latestIndex = enteredIndex + later
    return { command, session, hasMemo, enteredIndex, enteredMs, latestIndex }
  })
  if (type === 'delayed') return { ...delayed(untilMs, ...waiters), key }
  if (type === 'exclusive') return exclusive(holdings[0]!, ...waiters)
  const inOrder = holdings.toSorted((a, b) => {
    return holderId(a.session, a.owner) < holderId(b.session, b.owner) ? -1 : 1
  })
  return { ...shared(inOrder, ...waiters), key, delayUntilMs: untilMs }
}

function sessionsOf(lock: Lock): (number | null)[] {
  const waits = [...mapEntries(lock.waiters)].map(([, { session }]) => session)
  if (lock.type === 'delayed') return waits
  if (lock.type === 'exclusive') return [lock.holder.session, ...waits]
  return [...[...mapEntries(lock.holders)].map(([, { session }]) => session), ...waits]
}

function requestOf(
  type: AnsweredMemo['command']['type'],
  names: { key: string; owner: string; requestId: string },
): AnsweredMemo['command'] {
  switch (type) {
    case 'acquire':
      return acquire(names)
    case 'release':
      return { type, ...names, token: null, all: true }
    case 'renew':
      return { type, ...names, token: 4, ttlMs: null }
    case 'forceRelease':
      return { type, ...names, token: null, now: false }
    case 'cancel':
      return { type, ...names }
  }
}

test('lock snapshot: any state: the same after the way there and back, indexes and all', () => {
  const bases = fc.maxSafeNat()
  const property = fc.property(anyRecords, bases, (records, tokenBase) => {
    const state = build(records, tokenBase)
    const bytes = encodeSnapshot(state)
    const again = decodeSnapshot(bytes)
    assert.ok(again !== null)
    assert.equal(listing(again), listing(state))
    assert.equal(encodeSnapshot(again), bytes)
  })
  fc.assert(property, { seed, numRuns: 1_000 })
})

test('lock snapshot: the same records in another order of arrival: equal bytes and digest', () => {
  const property = fc.property(anyRecords, (records) => {
    const one = build(records)
    const backwards = { ...records, locks: records.locks.toReversed() }
    const other = build({ ...backwards, ended: records.ended.toReversed() })
    assert.equal(encodeSnapshot(other), encodeSnapshot(one))
    assert.equal(stateLanes(other), stateLanes(one))
  })
  fc.assert(property, { seed, numRuns: 300 })
})

test('lock snapshot: records of every sort: their bytes are fixed for good', () => {
  const state = build(rich)
  const bytes = encodeSnapshot(state)
  assert.equal(listing(decodeSnapshot(bytes)), listing(state))
  const one = exclusive(holding(), waiter({ session: 7 }, { requestId: null, ttlMs: null }))
  const records: Records = { locks: [one], ended: [[7, 'expiry']], memos: [memo()] }
  accepts(records, 'the ones below')
  const fixed = [
    '03 00 01 0161 00',
    '0178 00 01 01 01 01f403 018407 00 00 00',
    '01 00 0161 0179 00 00 00 ac02 00 00 00 0107 00 02 64 02',
    '01 07 01',
    '01 00 0161 0179 010172 00 01f403 ac02 00 00 00 03 05 64 00',
  ]
  const hex = Buffer.from(encodeSnapshot(forged(records))).toString('hex')
  assert.is(hex, fixed.join('').replaceAll(' ', ''))
})

test('lock snapshot: every prefix, and one byte more: null', () => {
  const bytes = encodeSnapshot(build(rich))
  for (let end = 0; end < bytes.length; end++) {
    assert.is(decodeSnapshot(bytes.subarray(0, end)), null)
  }
  assert.is(decodeSnapshot(Uint8Array.of(...bytes, 0)), null)
  assert.ok(decodeSnapshot(bytes) !== null)
})

test('lock snapshot: another version, another type of lock, a flag of 2: null', () => {
  const locks = [exclusive(holding(inSession))]
  const bytes = encodeSnapshot(forged({ locks, ended: [[7, 'close']] }))
  assert.ok(decodeSnapshot(bytes) !== null)
  assert.equal([bytes[0], bytes[5], bytes[8], bytes[13], bytes[14], bytes[15], bytes[21]], [
    3, 0, 1, 0, 0, 0, 0,
  ])
  for (const version of [0, 1, 2, 4]) assert.is(decodeSnapshot(bytes.with(0, version)), null)
  for (const type of [1, 2, 3, 255]) assert.is(decodeSnapshot(bytes.with(5, type)), null)
  for (const place of [8, 13, 14, 15, 21]) {
    assert.is(decodeSnapshot(bytes.with(place, 2)), null, `flag at ${place}`)
  }
})

test('lock snapshot: garbage, and a count without an end: null, never a throw, and at once', () => {
  const bytes = fc.tuple(fc.constantFrom(0, 1, 3), fc.uint8Array({ maxLength: 60 }))
  const property = fc.property(bytes, ([locksCount, rest]) => {
    decodeSnapshot(rest)
    decodeSnapshot(Uint8Array.of(3, 0, locksCount, ...rest))
  })
  fc.assert(property, { seed, numRuns: 10_000 })
  const most = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]
  const full = encodeSnapshot(forged({ locks: [shared([holding()], waiter())] }))
  const heads = [
    [3, 0],
    [3, 0, 1, 1, 97, 1, 0],
    [3, 0, 1, 1, 97, 2, 5],
    [3, 0, 0],
    [3, 0, 0, 0],
    [...full.subarray(0, -2)],
    [...full.subarray(0, -1)],
  ]
  for (const head of heads) {
    assert.is(decodeSnapshot(Uint8Array.of(...head, ...most)), null)
    assert.is(decodeSnapshot(Uint8Array.of(...head, ...most, 1, 97)), null)
  }
})

test('lock snapshot: any byte changed: null, or a state with all that follows from it', () => {
  const bytes = encodeSnapshot(build(rich))
  let readCount = 0
  const property = fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), (place, change) => {
    const spoilt = bytes.slice()
    spoilt[place % spoilt.length]! ^= change
    const state = decodeSnapshot(spoilt)
    if (state === null) return
    readCount += 1
    const locks = [...mapEntries(state.locks)].map(([, lock]) => lock)
    const memos = [...queueValues(state.answered)]
    const again = build({ locks, memos, ended: [...mapEntries(state.ended)] }, state.tokenBase)
    assert.equal(listing(again), listing(state))
    assert.equal(listing(decodeSnapshot(encodeSnapshot(state))), listing(state))
  })
  fc.assert(property, { seed, numRuns: 5_000 })
  assert.ok(readCount > 500, `${readCount} were read`)
})

test('lock snapshot: keys out of order, twice or empty: null', () => {
  const lock = (key: string, enteredIndex: number): Lock =>
    exclusive(holding({ key, enteredIndex }))
  accepts({ locks: [lock('a', 1), lock('b', 2)] }, 'two keys')
  refuses({ locks: [lock('b', 1), lock('a', 2)] }, 'keys out of order')
  refuses({ locks: [lock('a', 1), lock('a', 2)] }, 'a key twice')
  refuses({ locks: [lock('', 1)] }, 'an empty key')
})

test('lock snapshot: a holding that cannot be: null', () => {
  accepts({ locks: [exclusive(holding())] }, 'the usual one')
  refusesHolding({ count: 0 }, 'count 0')
  refusesHolding({ token: 0 }, 'token 0')
  refusesHolding({ enteredIndex: 0 }, 'index 0')
  refusesHolding({ session: 0 }, 'session 0')
  refusesHolding({ ttlMs: 901 }, 'a deadline before its own length')
  accepts({ locks: [exclusive(holding({ ttlMs: 900 }))] }, 'a deadline of just its length')
  accepts({ locks: [exclusive(holding({ deadlineMs: INTEGER_MAX }))] }, 'the last deadline')
})

test('lock snapshot: a holding without a deadline: only in a session, and not revoked', () => {
  accepts({ locks: [exclusive(holding(inSession))] }, 'as long as its session')
  refusesHolding({ ...inSession, session: null }, 'no end at all')
  refusesHolding({ ...inSession, ttlMs: 500 }, 'a length without a deadline')
  refusesHolding({ ...inSession, deadlineMs: 900 }, 'a deadline without a length')
  refusesHolding({ ...inSession, revoked: true }, 'revoked for ever')
  accepts({ locks: [exclusive(holding({ session: 7, revoked: true }))] }, 'revoked till its end')
})

test('lock snapshot: shared holders that cannot be: null', () => {
  const x = holding({ owner: 'x' })
  const y = holding({ owner: 'y', enteredIndex: 2 })
  const z = holding({ owner: 'a', session: 7, enteredIndex: 3 })
  accepts({ locks: [shared([x, y, z])] }, 'three')
  refuses({ locks: [shared([])] }, 'none')
  refuses({ locks: [shared([y, x])] }, 'owners out of order')
  refuses({ locks: [shared([z, x])] }, 'sessions out of order')
  refuses({ locks: [shared([x, { ...x, enteredIndex: 2 }])] }, 'an owner twice')
})

test('lock snapshot: a shared waiter at the head: read unless the lock is shared', () => {
  const first = waiter({}, { mode: 'shared' })
  const second = waiter({ enteredIndex: 3, latestIndex: 3 }, { mode: 'shared', requestId: 's' })
  refuses({ locks: [shared([holding()], first)] }, 'it would have been let in')
  accepts({ locks: [shared([holding()], waiter(), second)] }, 'behind an exclusive one')
  accepts({ locks: [exclusive(holding(), first, second)] }, 'behind an exclusive holder')
  accepts({ locks: [delayed(900, first, second)] }, 'in a lock-delay')
})

test('lock snapshot: a lock-delay without an end: null', () => {
  accepts({ locks: [delayed(1)] }, 'an end')
  refuses({ locks: [delayed(0)] }, 'no end')
})

test('lock snapshot: a waiter that cannot be: null', () => {
  accepts({ locks: [exclusive(holding(), waiter())] }, 'the usual one')
  refusesWaiter({}, { key: 'b' }, 'of another key')
  const release = { type: 'release', key: 'a', owner: 'y', token: null, all: true, requestId: 'r' }
  refusesWaiter({ command: release as unknown as Acquire }, {}, 'no acquire')
  refusesWaiter({ enteredIndex: 0, latestIndex: 0 }, {}, 'index 0')
  refusesWaiter({ latestIndex: 1 }, {}, 'its last attempt before its first')
  refusesWaiter({ session: 0 }, {}, 'session 0')
  refusesWaiter({}, { waitMs: 0 }, 'no wait')
})

test('lock snapshot: a waiter whose deadlines are too far: null', () => {
  const lock = (waitMs: number, ttlMs: number | null): Lock =>
    exclusive(holding(), waiter({ session: 7 }, { waitMs, ttlMs }))
  accepts({ locks: [lock(INTEGER_MAX - 100, null)] }, 'the last wait')
  refuses({ locks: [lock(INTEGER_MAX - 99, null)] }, 'a wait beyond')
  accepts({ locks: [lock(INTEGER_MAX - 105, 5)] }, 'the last lease')
  refuses({ locks: [lock(INTEGER_MAX - 105, 6)] }, 'a lease beyond')
  refuses({ locks: [lock(INTEGER_MAX, INTEGER_MAX)] }, 'both')
})

test('lock snapshot: a waiter outside of sessions, without a request id or a length: null', () => {
  refusesWaiter({}, { requestId: null }, 'no id')
  refusesWaiter({}, { ttlMs: null }, 'no length')
  const inner = waiter({ session: 7 }, { requestId: null, ttlMs: null })
  accepts({ locks: [exclusive(holding(), inner)] }, 'neither, in a session')
  const unbound = waiter({ hasMemo: false }, { requestId: null })
  accepts({ locks: [exclusive(holding(), unbound)] }, 'no id, and not remembered by it')
  refusesWaiter({ hasMemo: false }, { requestId: null, ttlMs: null }, 'no length')
  refusesWaiter({ session: 7, hasMemo: true }, {}, 'a memo, in a session')
})

test('lock snapshot: waiters out of order or one twice: null', () => {
  const at = (enteredIndex: number, requestId: string, session: number | null = null): Waiter =>
    waiter({ enteredIndex, latestIndex: enteredIndex, session }, { requestId })
  const lock = (...waiters: Waiter[]): Records => ({ locks: [exclusive(holding(), ...waiters)] })
  accepts(lock(at(2, 'r'), at(3, 's')), 'two')
  refuses(lock(at(3, 'r'), at(2, 's')), 'out of order')
  refuses(lock(at(2, 'r'), at(2, 's')), 'an index twice')
  refuses(lock(at(2, 'r'), at(3, 'r')), 'a request twice')
  accepts(lock(at(2, 'r'), at(3, 'r', 7), at(4, 'r', 7)), 'a name once more, in a session')
  const unbound = [3, 4].map((index) => ({ ...at(index, 'r'), hasMemo: false }))
  accepts(lock(at(2, 'r'), ...unbound), 'a name once more, not remembered by it')
})

test('lock snapshot: a waiter in a session: has no memo', () => {
  const waiters = [waiter({ session: 7 }), waiter({ enteredIndex: 3, latestIndex: 3 })]
  const state = read({ locks: [exclusive(holding(), ...waiters)], memos: [] })
  assert.is(state!.memosCount, 1)
  const alone = { locks: [exclusive(holding(), waiters[0]!)] }
  accepts({ ...alone, memos: [memo()] }, 'the memo of its namesake')
})

test('lock snapshot: two records with one place in an index: null', () => {
  const b = { key: 'b' }
  const two = (one: Partial<Holding>, other: Partial<Holding>): Records => ({
    locks: [exclusive(holding(one)), exclusive(holding({ ...b, ...other }))],
  })
  refuses(two({}, {}), 'leases')
  accepts(two({}, { deadlineMs: 901 }), 'leases of two deadlines')
  accepts(two({}, { token: 2 }), 'leases of two tokens')
  accepts(two({}, { enteredIndex: 2 }), 'leases of two indexes')
  refuses(two(inSession, inSession), 'holdings of a session')
  accepts(two(inSession, { ...inSession, session: 8 }), 'holdings of two sessions')
  accepts(two(inSession, { ...inSession, enteredIndex: 2 }), 'holdings of two indexes')
  const waits = (more: Partial<Waiter>, terms: Partial<Acquire>): Records => ({
    locks: [
      exclusive(holding({ enteredIndex: 5 }), waiter()),
      exclusive(holding({ ...b, enteredIndex: 6 }), waiter(more, { ...b, ...terms })),
    ],
  })
  refuses(waits({}, {}), 'waits')
  accepts(waits({}, { waitMs: 301 }), 'waits of two deadlines')
  accepts(waits({ enteredIndex: 3, latestIndex: 3 }, {}), 'waits of two indexes')
  const own = holding({ ...inSession, enteredIndex: 2 })
  refuses({ locks: [exclusive(own, waiter({ session: 7 }))] }, 'a holding and a wait of a session')
  accepts({ locks: [exclusive(own, waiter({ session: 8 }))] }, 'those of two sessions')
})

test('lock snapshot: ended sessions out of order, twice or without a claim: null', () => {
  const held = exclusive(holding(inSession), waiter({ session: 9 }))
  const locks = [held]
  accepts({ locks, ended: [[7, 'close'], [9, 'expiry']] }, 'a holding and a wait')
  refuses({ locks, ended: [[9, 'close'], [7, 'expiry']] }, 'out of order')
  refuses({ locks, ended: [[7, 'close'], [7, 'close']] }, 'twice')
  for (const session of [0, 6, 8, 10, INTEGER_MAX]) {
    refuses({ locks, ended: [[session, 'close']] }, `no claim of session ${session}`)
  }
  const last = exclusive(holding({ ...inSession, session: INTEGER_MAX }))
  accepts({ locks: [last], ended: [[INTEGER_MAX, 'close']] }, 'the last session')
})

test('lock snapshot: answered requests out of order or one twice: null', () => {
  const at = (requestId: string, index: number, ordinal: number): AnsweredMemo =>
    memo({ command: acquire({ requestId }), index, ordinal })
  accepts({ memos: [at('r', 5, 1), at('s', 5, 2), at('t', 6, 0)] }, 'three')
  refuses({ memos: [at('r', 6, 0), at('s', 5, 1)] }, 'indexes out of order')
  refuses({ memos: [at('r', 5, 1), at('s', 5, 0)] }, 'ordinals out of order')
  refuses({ memos: [at('r', 5, 1), at('s', 5, 1)] }, 'one place for two')
  refuses({ memos: [at('r', 5, 1), at('r', 5, 2)] }, 'a request twice')
  const locks = [exclusive(holding(), waiter())]
  refuses({ locks, memos: [at('r', 5, 1)] }, 'a request that waits as well')
  accepts({ locks, memos: [at('s', 5, 1)] }, 'another request')
})

test('lock snapshot: a memo of what is no request, or has no request id or length: null', () => {
  const who = { key: 'a', owner: 'y', requestId: 'r' }
  const types = ['acquire', 'release', 'renew', 'forceRelease', 'cancel'] as const
  for (const type of types) {
    const command = requestOf(type, who)
    accepts({ memos: [memo({ command })] }, type)
    refuses({ memos: [memo({ command: { ...command, requestId: null } })] }, `${type} without id`)
  }
  refuses({ memos: [memo({ command: acquire({ ttlMs: null }) })] }, 'no length')
  const others: LockCommand[] = [
    { type: 'status', key: 'a', holder: null },
    { type: 'listHolders', key: 'a', after: null, max: 1 },
    { type: 'listWaiters', key: 'a', after: null, max: 1 },
    { type: 'listLocks', prefix: 'a', after: null, max: 1 },
    { type: 'countLocks', prefix: 'a' },
    { type: 'expire', max: 1 },
  ]
  for (const command of others) {
    const forgery = memo({ command: command as AnsweredMemo['command'], id: '' })
    refuses({ memos: [forgery] }, command.type)
  }
})

test('lock snapshot: the replies that are remembered: are read, no other is', () => {
  const isRead = (reply: LockReply): boolean =>
    read({ memos: [memo({ reply: reply as AnsweredMemo['reply'] })] }) !== null
  const finals: LockReply[] = [
    { type: 'granted', token: 1, count: 1, ttlMs: null, grantedAfterMs: 0 },
    { type: 'held', owner: null, token: 0, remainingMs: 1 },
    { type: 'timeout' },
    { type: 'cancelled' },
    { type: 'released', count: 0 },
    { type: 'notHolder', token: 0 },
    { type: 'renewed', token: 1, ttlMs: 1 },
    { type: 'expired', token: 0 },
    { type: 'forced', holders: 1, remainingMs: 0 },
  ]
  for (const reply of finals) assert.ok(isRead(reply), reply.type)
  const others: LockReply[] = [
    { type: 'queued', position: 1 },
    { type: 'swept', locks: 1, waiters: 1, delays: 1 },
    { type: 'holders', mode: null, holders: [], next: null },
    { type: 'waiters', waiters: [], next: null },
    { type: 'locks', locks: [], next: null },
    { type: 'lockCount', locks: 0 },
  ]
  for (const reply of others) assert.not.ok(isRead(reply), reply.type)
  const isReason = (reason: Reason): boolean => isRead({ type: 'rejected', reason })
  const refusals = 'tooManyWaiters tooManyLocks tooManyKeys countTooHigh upgrade revoked noDeadline'
  assert.is(REASONS.filter(isReason).join(' '), refusals)
})

const manyOf = <Of>(count: number, make: (at: number) => Of): Of[] =>
  Array.from({ length: count }, (_, at) => make(at))

test('lock snapshot: in parts: of 64 KiB and not much more, and together the whole', () => {
  const metadata = 'm'.repeat(90)
  const large: Record<string, Records> = {
    locks: {
      locks: manyOf(3_000, (at) => exclusive(holding({ key: `k${at}`, metadata }))),
    },
    holders: {
      locks: [shared(manyOf(3_000, (at) => holding({ owner: `o${at}`, metadata })))],
    },
    waiters: {
      locks: [delayed(1, ...manyOf(3_000, (at) => waiter({ enteredIndex: at }, { metadata })))],
    },
    ended: { ended: manyOf(60_000, (at) => [2 ** 30 + at, 'close'] as const) },
    memos: { memos: manyOf(3_000, (index) => memo({ index, command: acquire({ metadata }) })) },
  }
  for (const [name, records] of Object.entries(large)) {
    const state = forged(records)
    const parts = [...snapshotParts(state)]
    const lengths = parts.map((part) => part.length)
    assert.ok(parts.length > 4, `${name}: ${parts.length} parts`)
    assert.ok(Math.min(...lengths.slice(0, -1)) >= 65_536, `${name}: ${lengths}`)
    assert.ok(Math.max(...lengths) < 65_536 + 256, `${name}: ${lengths}`)
    assert.equal(Buffer.concat(parts).equals(encodeSnapshot(state)), true, name)
  }
})

test('lock snapshot: nothing to say: one small part', () => {
  assert.equal([...snapshotParts(INITIAL)], [Uint8Array.of(3, 0, 0, 0, 0)])
  assert.equal(listing(decodeSnapshot(Uint8Array.of(3, 0, 0, 0, 0))), listing(INITIAL))
})

test.run()
