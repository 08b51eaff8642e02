// Commands and replies as bytes: there and back, and garbage that never throws. And the digests of
// records: any field counts.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { lanesHex } from '../../../core/hash.ts'
import {
  REASONS,
  decodeCommand,
  decodeReply,
  encodeCommand,
  encodeReply,
} from '../../../core/lock/codec.ts'
import type { Acquire, Cancel, LockCommand, LockRequest } from '../../../core/lock/command.ts'
import {
  endedLanes,
  holdingLanes,
  lockLanes,
  memoLanes,
  waiterLanes,
} from '../../../core/lock/digest.ts'
import type { AnsweredMemo, Holding, Lock, Waiter } from '../../../core/lock/records.ts'
import type { FinalReply, LockReply, Refusal } from '../../../core/lock/reply.ts'
import { emptyMap } from '../../../core/ordered-map.ts'
import { suite } from '../../harness.ts'

const test = suite('lock codec')
const seed = 20_241_107

const text = fc.string({ unit: 'binary', maxLength: 40 })
const textOrNull = fc.option(text)
const integer = fc.maxSafeNat()
const integerOrNull = fc.option(integer)
const flag = fc.boolean()
const mode = fc.constantFrom('exclusive', 'shared')
const modeOrNull = fc.option(mode)

function plain(fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<object> {
  return fc.record(fields, { noNullPrototype: true })
}

function typed(type: string, fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<object> {
  return plain(fields).map((values) => ({ type, ...values }))
}

const who = { key: text, owner: text, requestId: textOrNull }
const lease = { ttlMs: integerOrNull, lockDelayMs: integer, metadata: text }
const commandOf = {
  acquire: typed('acquire', { ...who, mode, ...lease, waitMs: integer, reentrant: flag }),
  release: typed('release', { ...who, token: integerOrNull, all: flag }),
  renew: typed('renew', { ...who, token: integerOrNull, ttlMs: integerOrNull }),
  cancel: typed('cancel', who),
  forceRelease: typed('forceRelease', { ...who, token: integerOrNull, now: flag }),
  status: typed('status', {
    key: text,
    holder: fc.option(plain({ owner: text, session: integerOrNull })),
  }),
  listHolders: typed('listHolders', { key: text, after: textOrNull, max: integer }),
  listWaiters: typed('listWaiters', { key: text, after: integerOrNull, max: integer }),
  listLocks: typed('listLocks', { prefix: text, after: textOrNull, max: integer }),
  countLocks: typed('countLocks', { prefix: text }),
  expire: typed('expire', { max: integer.filter((max) => max > 0) }),
} satisfies Record<LockCommand['type'], fc.Arbitrary<object>>
const commands = fc.oneof(...Object.values(commandOf)) as fc.Arbitrary<LockCommand>

const terms = { session: integerOrNull, token: integer, count: integer, remainingMs: integerOrNull }
const holder = { owner: text, ...terms, metadata: text, revoked: flag }
const nobody = {
  owner: null,
  session: null,
  token: 0,
  count: 0,
  remainingMs: 0,
  metadata: '',
  revoked: false,
}
const rest = { mode: modeOrNull, holders: integer, waiters: integer, delayMs: integer }
const waiter = {
  owner: text,
  session: integerOrNull,
  mode,
  position: integer,
  waitedMs: integer,
  remainingMs: integer,
}
const lock = {
  key: text,
  mode: modeOrNull,
  owner: textOrNull,
  token: integer,
  holders: integer,
  waiters: integer,
}
const list = (fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<unknown[]> =>
  fc.array(plain(fields), { maxLength: 4 })

const replyOf = {
  granted: typed('granted', {
    token: integer,
    count: integer,
    ttlMs: integerOrNull,
    grantedAfterMs: integer,
  }),
  held: typed('held', { owner: textOrNull, token: integer, remainingMs: integerOrNull }),
  queued: typed('queued', { position: integer }),
  timeout: typed('timeout', {}),
  cancelled: typed('cancelled', {}),
  released: typed('released', { count: integer }),
  notHolder: typed('notHolder', { token: integer }),
  renewed: typed('renewed', { token: integer, ttlMs: integerOrNull }),
  expired: typed('expired', { token: integer }),
  forced: typed('forced', { holders: integer, remainingMs: integer }),
  status: fc.oneof(
    typed('status', { ...rest, ...holder, ttlMs: integerOrNull, locked: fc.constant(true) }),
    typed('status', { ...rest, ttlMs: fc.constant(null), locked: flag }).map((reply) => {
      return { ...reply, ...nobody }
    }),
  ),
  holders: typed('holders', { mode: modeOrNull, holders: list(holder), next: textOrNull }),
  waiters: typed('waiters', { waiters: list(waiter), next: integerOrNull }),
  locks: typed('locks', { locks: list(lock), next: textOrNull }),
  lockCount: typed('lockCount', { locks: integer }),
  swept: typed('swept', { locks: integer, waiters: integer, delays: integer }),
  rejected: typed('rejected', { reason: fc.constantFrom(...REASONS) }),
} satisfies Record<LockReply['type'], fc.Arbitrary<object>>
const replies = fc.oneof(...Object.values(replyOf)) as fc.Arbitrary<LockReply>

for (const [type, arbitrary] of Object.entries(commandOf)) {
  test(`lock codec: any command ${type}: the same after the way there and back`, () => {
    const property = fc.property(arbitrary as fc.Arbitrary<LockCommand>, (command) => {
      assert.equal(decodeCommand(encodeCommand(command)), command)
    })
    fc.assert(property, { seed, numRuns: 300 })
  })
}

for (const [type, arbitrary] of Object.entries(replyOf)) {
  test(`lock codec: any reply ${type}: the same after the way there and back`, () => {
    const property = fc.property(arbitrary as fc.Arbitrary<LockReply>, (reply) => {
      assert.equal(decodeReply(encodeReply(reply)), reply)
    })
    fc.assert(property, { seed, numRuns: 300 })
  })
}

test('lock codec: a command or reply cut short or lengthened: null', () => {
  const property = fc.property(commands, replies, fc.nat(), (command, reply, at) => {
    const command1 = encodeCommand(command)
    const reply1 = encodeReply(reply)
    assert.is(decodeCommand(command1.subarray(0, at % command1.length)), null)
    assert.is(decodeReply(reply1.subarray(0, at % reply1.length)), null)
    assert.is(decodeCommand(Uint8Array.of(...command1, 0)), null)
    assert.is(decodeReply(Uint8Array.of(...reply1, 0)), null)
  })
  fc.assert(property, { seed, numRuns: 1_000 })
})

test('lock codec: garbage: null or a value that encodes, never a throw', () => {
  const bytes = fc.tuple(fc.nat({ max: 18 }), fc.uint8Array({ maxLength: 40 }))
  const property = fc.property(bytes, ([first, rest]) => {
    const garbage = Uint8Array.of(first, ...rest)
    const command = decodeCommand(garbage)
    if (command !== null) assert.equal(decodeCommand(encodeCommand(command)), command)
    const reply = decodeReply(garbage)
    if (reply !== null) assert.equal(decodeReply(encodeReply(reply)), reply)
  })
  fc.assert(property, { seed, numRuns: 10_000 })
})

test('lock codec: any byte of a command or reply changed: null, or a value that encodes', () => {
  const change = fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 }))
  const property = fc.property(commands, replies, change, (command, reply, [place, mask]) => {
    const spoilt = (bytes: Uint8Array): Uint8Array =>
      bytes.map((byte, at) => (at === place % bytes.length ? byte ^ mask : byte))
    const command1 = decodeCommand(spoilt(encodeCommand(command)))
    if (command1 !== null) assert.equal(decodeCommand(encodeCommand(command1)), command1)
    const reply1 = decodeReply(spoilt(encodeReply(reply)))
    if (reply1 !== null) assert.equal(decodeReply(encodeReply(reply1)), reply1)
  })
  fc.assert(property, { seed, numRuns: 3_000 })
})

test('lock codec: wrong values: an unknown type or reason, expire of nothing: null', () => {
  const commands = [[], [11], [255], [4, 0], [3, 1], [3, 1, 0xff], [3, 9, 97]]
  for (const bytes of commands) assert.is(decodeCommand(Uint8Array.from(bytes)), null, bytes.join())
  const replies = [[], [17], [255], [10, REASONS.length], [10, 255]]
  for (const bytes of replies) assert.is(decodeReply(Uint8Array.from(bytes)), null, bytes.join())
})

test('lock codec: a mode or a flag that is neither 0 nor 1: null', () => {
  const flags: [bytes: number[], places: number[]][] = [
    [[0, 1, 107, 1, 111, 1, 1, 114, 1, 1, 9, 1, 1, 0, 0], [5, 8, 9, 12]],
    [[1, 1, 107, 1, 111, 0, 1, 5, 1], [5, 6, 8]],
    [[3, 1, 107, 1, 1, 111, 1, 5], [3, 6]],
    [[6, 1, 107, 1, 111, 0, 0, 1], [5, 6, 7]],
  ]
  for (const [bytes, places] of flags) {
    assert.ok(decodeCommand(Uint8Array.from(bytes)) !== null, bytes.join())
    for (const place of places) {
      assert.is(decodeCommand(Uint8Array.from(bytes.with(place, 2))), null, `${bytes} at ${place}`)
    }
  }
  const status = [8, 1, 1, 1, 1, 1, 111, 0, 5, 1, 1, 9, 0, 0, 0, 1, 0, 0]
  assert.ok(decodeReply(Uint8Array.from(status)) !== null)
  for (const place of [1, 2, 3, 4, 7, 10, 13, 14]) {
    assert.is(decodeReply(Uint8Array.from(status.with(place, 2))), null, `status at ${place}`)
  }
})

test('lock codec: a status with a holder of a key that nobody holds: null', () => {
  const held = [8, 1, 1, 1, 1, 1, 111, 0, 5, 1, 1, 9, 0, 0, 0, 1, 0, 0]
  assert.ok(decodeReply(Uint8Array.from(held)) !== null)
  assert.is(decodeReply(Uint8Array.from(held.with(1, 0))), null)
})

test('lock codec: a list that claims to be endless: null, and at once', () => {
  const most = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]
  const heads = [[13, 0], [14], [15]]
  for (const head of heads) {
    assert.is(decodeReply(Uint8Array.of(...head, ...most)), null)
    assert.is(decodeReply(Uint8Array.of(...head, ...most, 1, 97)), null)
  }
})

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

test('lock codec: the bytes of each command: fixed for good', () => {
  const who = { key: 'k', owner: 'o', requestId: 'r' }
  const mode = 'shared'
  const lease = { ttlMs: 300, lockDelayMs: 7, metadata: 'm' }
  const acquire = { type: 'acquire', ...who, mode, ...lease, waitMs: 1, reentrant: true } as const
  const fixed: Record<LockCommand['type'], [LockCommand, string]> = {
    acquire: [acquire, '00016b016f0101720101ac02010107016d'],
    release: [{ type: 'release', ...who, token: null, all: true }, '01016b016f0101720001'],
    renew: [{ type: 'renew', ...who, token: 5, ttlMs: 300 }, '02016b016f010172010501ac02'],
    status: [{ type: 'status', key: 'k', holder: { owner: 'o', session: 5 } }, '03016b01016f0105'],
    expire: [{ type: 'expire', max: 1_000 }, '04e807'],
    cancel: [{ type: 'cancel', ...who, requestId: null }, '05016b016f00'],
    forceRelease: [{ type: 'forceRelease', ...who, token: 5, now: true }, '06016b016f010172010501'],
    listHolders: [{ type: 'listHolders', key: 'k', after: 'a', max: 9 }, '07016b01016109'],
    listWaiters: [{ type: 'listWaiters', key: 'k', after: 5, max: 9 }, '08016b010509'],
    listLocks: [{ type: 'listLocks', prefix: 'k', after: null, max: 9 }, '09016b0009'],
    countLocks: [{ type: 'countLocks', prefix: 'k' }, '0a016b'],
  }
  for (const [command, hex] of Object.values(fixed)) assert.is(hexOf(encodeCommand(command)), hex)
  const bare = { ...acquire, mode: 'exclusive', ttlMs: null, requestId: null } as const
  assert.is(hexOf(encodeCommand(bare)), '00016b016f000000010107016d')
})

test('lock codec: the bytes of each reply: fixed for good', () => {
  const view = { owner: 'o', session: 6, token: 5, count: 1, remainingMs: 9, metadata: 'm' }
  const holder = { ...view, revoked: true }
  const key = { mode: 'shared', holders: 2, waiters: 3 } as const
  const wait = { owner: 'o', session: null, mode: 'exclusive', position: 1 } as const
  const lock = { key: 'k', owner: 'o', token: 5, ...key }
  const fixed: Record<LockReply['type'], [LockReply, string]> = {
    granted: [{ type: 'granted', token: 5, count: 1, ttlMs: 9, grantedAfterMs: 2 }, '000501010902'],
    held: [{ type: 'held', owner: 'o', token: 5, remainingMs: null }, '0101016f0500'],
    queued: [{ type: 'queued', position: 2 }, '0202'],
    timeout: [{ type: 'timeout' }, '03'],
    released: [{ type: 'released', count: 2 }, '0402'],
    notHolder: [{ type: 'notHolder', token: 5 }, '0505'],
    renewed: [{ type: 'renewed', token: 5, ttlMs: 9 }, '06050109'],
    expired: [{ type: 'expired', token: 5 }, '0705'],
    status: [
      { type: 'status', locked: true, ...key, ...holder, ttlMs: 9, delayMs: 4 },
      '0801010101016f010605010109016d010109020304',
    ],
    swept: [{ type: 'swept', locks: 1, waiters: 2, delays: 3 }, '09010203'],
    rejected: [{ type: 'rejected', reason: 'keyNotText' }, '0a02'],
    cancelled: [{ type: 'cancelled' }, '0b'],
    forced: [{ type: 'forced', holders: 2, remainingMs: 9 }, '0c0209'],
    holders: [
      { type: 'holders', mode: 'shared', holders: [holder], next: 'n' },
      '0d010101016f010605010109016d0101016e',
    ],
    waiters: [
      { type: 'waiters', waiters: [{ ...wait, waitedMs: 2, remainingMs: 9 }], next: 5 },
      '0e01016f00000102090105',
    ],
    locks: [{ type: 'locks', locks: [lock], next: null }, '0f01016b010101016f05020300'],
    lockCount: [{ type: 'lockCount', locks: 300 }, '10ac02'],
  }
  for (const [reply, hex] of Object.values(fixed)) assert.is(hexOf(encodeReply(reply)), hex)
})

test('lock codec: the numbers of the reasons: fixed for good', () => {
  const fixed = [
    'keyEmpty keyTooLong keyNotText ownerEmpty ownerTooLong ownerNotText requestIdEmpty',
    'requestIdTooLong requestIdNotText ttlOutOfRange waitOutOfRange tokenOutOfRange',
    'tooManyWaiters tooManyLocks tooManyKeys countTooHigh requestIdReused overloaded',
    'requestIdMissing ttlMissing lockDelayOutOfRange metadataTooLong metadataNotText upgrade',
    'revoked noDeadline maxOutOfRange',
  ]
  assert.is(REASONS.join(' '), fixed.join(' '))
  for (const [at, reason] of REASONS.entries()) {
    assert.equal(encodeReply({ type: 'rejected', reason }), Uint8Array.of(10, at))
  }
})

test('lock codec: a write that throws half-way: the next one is as ever', () => {
  const half = { type: 'acquire', key: 'k', owner: null } as unknown as LockCommand
  assert.throws(() => encodeCommand(half))
  assert.equal(encodeCommand({ type: 'expire', max: 1 }), Uint8Array.of(4, 1))
  const status = { type: 'status', locked: true, owner: 7 } as unknown as LockReply
  assert.throws(() => encodeReply(status))
  assert.equal(encodeReply({ type: 'timeout' }), Uint8Array.of(3))
})

/** The record and others that differ from it in one field each. */
function variants<Of extends object>(record: Of, others: Partial<Others<Of>>): Of[] {
  const changes = Object.entries(others) as [string, unknown[]][]
  const changed = changes.flatMap(([name, values]) => {
    return values.map((value) => ({ ...record, [name]: value }))
  })
  return [record, ...changed]
}

/** Every field of a record has to have others here, lest one be forgotten. */
type Others<Of> = { [Name in keyof Of]: Of[Name][] }

const acquire: Acquire = {
  type: 'acquire',
  key: 'k',
  owner: 'o',
  mode: 'exclusive',
  ttlMs: 1,
  waitMs: 1,
  reentrant: false,
  lockDelayMs: 1,
  metadata: 'm',
  requestId: 'r',
}
const otherAcquires: Others<Omit<Acquire, 'type'>> = {
  key: ['z'],
  owner: ['z'],
  mode: ['shared'],
  ttlMs: [0, 2, null],
  waitMs: [2, 2 ** 40],
  reentrant: [true],
  lockDelayMs: [2],
  metadata: ['', 'z'],
  requestId: ['z', '', null],
}
const acquires = variants(acquire, otherAcquires)

function assertAllDiffer(digests: string[]): void {
  assert.is(new Set(digests).size, digests.length)
}

test('lock codec: any field of a holding: counts in its digest', () => {
  const holding: Holding = {
    key: 'k',
    owner: 'o',
    session: 1,
    enteredIndex: 1,
    token: 1,
    count: 1,
    ttlMs: 1,
    deadlineMs: 1,
    revoked: false,
    lockDelayMs: 1,
    metadata: 'm',
  }
  const others: Others<Holding> = {
    key: ['z'],
    owner: ['z'],
    session: [0, 2, null],
    enteredIndex: [2],
    token: [2],
    count: [2],
    ttlMs: [0, 2, null],
    deadlineMs: [0, 2, null],
    revoked: [true],
    lockDelayMs: [2],
    metadata: ['', 'z'],
  }
  assertAllDiffer(variants(holding, others).map((record) => lanesHex(holdingLanes(record))))
})

test('lock codec: any field of a waiter: counts in its digest', () => {
  const numbers = { enteredIndex: 1, enteredMs: 1, latestIndex: 1 }
  const waiter: Waiter = { command: acquire, session: 1, hasMemo: false, ...numbers }
  const others: Others<Waiter> = {
    command: acquires.slice(1),
    session: [0, 2, null],
    hasMemo: [true],
    enteredIndex: [2],
    enteredMs: [2],
    latestIndex: [2],
  }
  assertAllDiffer(variants(waiter, others).map((record) => lanesHex(waiterLanes(record))))
})

const names = { key: 'k', owner: 'o', requestId: 'r' }
const requests: (LockRequest | Cancel)[] = [
  ...acquires.slice(1),
  { type: 'release', ...names, token: 1, all: false },
  { type: 'release', ...names, token: 2, all: false },
  { type: 'release', ...names, token: null, all: false },
  { type: 'release', ...names, token: 1, all: true },
  { type: 'renew', ...names, token: 1, ttlMs: 1 },
  { type: 'renew', ...names, token: null, ttlMs: 1 },
  { type: 'renew', ...names, token: 1, ttlMs: null },
  { type: 'renew', ...names, token: 1, ttlMs: 2 },
  { type: 'forceRelease', ...names, token: 1, now: false },
  { type: 'forceRelease', ...names, token: 1, now: true },
  { type: 'forceRelease', ...names, token: null, now: true },
  { type: 'cancel', ...names },
  { type: 'cancel', ...names, key: 'z' },
  { type: 'cancel', ...names, requestId: 'z' },
]

const refusals = [
  'tooManyWaiters',
  'tooManyLocks',
  'tooManyKeys',
  'countTooHigh',
  'upgrade',
  'revoked',
  'noDeadline',
] satisfies Refusal[]

const finals: FinalReply[] = [
  { type: 'granted', token: 1, count: 1, ttlMs: 1, grantedAfterMs: 1 },
  { type: 'granted', token: 2, count: 1, ttlMs: 1, grantedAfterMs: 1 },
  { type: 'granted', token: 1, count: 2, ttlMs: 1, grantedAfterMs: 1 },
  { type: 'granted', token: 1, count: 1, ttlMs: 2, grantedAfterMs: 1 },
  { type: 'granted', token: 1, count: 1, ttlMs: null, grantedAfterMs: 1 },
  { type: 'granted', token: 1, count: 1, ttlMs: 1, grantedAfterMs: 2 },
  { type: 'held', owner: 'o', token: 1, remainingMs: 1 },
  { type: 'held', owner: '', token: 1, remainingMs: 1 },
  { type: 'held', owner: null, token: 1, remainingMs: 1 },
  { type: 'held', owner: 'o', token: 2, remainingMs: 1 },
  { type: 'held', owner: 'o', token: 1, remainingMs: null },
  { type: 'cancelled' },
  { type: 'released', count: 1 },
  { type: 'released', count: 2 },
  { type: 'notHolder', token: 1 },
  { type: 'notHolder', token: 2 },
  { type: 'renewed', token: 1, ttlMs: 1 },
  { type: 'renewed', token: 2, ttlMs: 1 },
  { type: 'renewed', token: 1, ttlMs: null },
  { type: 'expired', token: 1 },
  { type: 'expired', token: 2 },
  { type: 'forced', holders: 1, remainingMs: 1 },
  { type: 'forced', holders: 2, remainingMs: 1 },
  { type: 'forced', holders: 1, remainingMs: 2 },
  ...refusals.map((reason) => ({ type: 'rejected', reason }) as const),
]

test('lock codec: any field of an answered request: counts in its digest', () => {
  const numbers = { index: 1, atMs: 1, ordinal: 1 }
  const reply: FinalReply = { type: 'timeout' }
  const memo: AnsweredMemo = { type: 'answered', id: '', command: acquire, reply, ...numbers }
  const others: Others<Omit<AnsweredMemo, 'type' | 'id'>> = {
    command: requests,
    reply: finals,
    index: [2],
    atMs: [2],
    ordinal: [2],
  }
  assertAllDiffer(variants(memo, others).map((record) => lanesHex(memoLanes(record))))
})

test('lock codec: what a lock says beside its holdings, and how a session ended: digests', () => {
  const holders = emptyMap<string, Holding>()
  const waiters = emptyMap<number, Waiter>()
  const exclusive: Lock = { type: 'exclusive', key: 'k', holder: {} as Holding, waiters }
  const locks: Lock[] = [
    exclusive,
    { type: 'shared', key: 'k', holders, delayUntilMs: 0, closed: false, waiters },
    { type: 'shared', key: 'z', holders, delayUntilMs: 0, closed: false, waiters },
    { type: 'shared', key: 'k', holders, delayUntilMs: 1, closed: false, waiters },
    { type: 'shared', key: 'k', holders, delayUntilMs: 2 ** 40, closed: false, waiters },
    { type: 'shared', key: 'k', holders, delayUntilMs: 2 ** 40, closed: true, waiters },
    { type: 'delayed', key: 'k', untilMs: 1, waiters },
    { type: 'delayed', key: 'z', untilMs: 1, waiters },
    { type: 'delayed', key: 'k', untilMs: 2, waiters },
  ]
  const ended = [endedLanes(1, 'close'), endedLanes(1, 'expiry'), endedLanes(2, 'close')]
  assertAllDiffer([...locks.map(lockLanes), ...ended].map(lanesHex))
  assert.equal(lockLanes(exclusive), [0, 0, 0, 0])
})

test.run()
