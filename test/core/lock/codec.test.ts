// Commands, replies and snapshots as bytes: there and back, and garbage that never throws.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { ByteWriter } from '../../../core/bytes.ts'
import {
  REASONS,
  decodeCommand,
  decodeReply,
  encodeCommand,
  encodeReply,
  writeCommand,
  writeReply,
} from '../../../core/lock/codec.ts'
import type { FinalReply, LockCommand, LockReply } from '../../../core/lock/command.ts'
import { holdingLanes, memoLanes, waiterLanes } from '../../../core/lock/digest.ts'
import type { Holding } from '../../../core/lock/records.ts'
import { decodeSnapshot, encodeSnapshot } from '../../../core/lock/snapshot.ts'
import { lanesHex } from '../../../core/hash.ts'
import { emptyMap } from '../../../core/ordered-map.ts'
import { suite } from '../../harness.ts'
import { Driver } from './support.ts'

const test = suite('lock codec')
const seed = 20_241_107

const text = fc.string({ unit: 'binary', maxLength: 40 })
const integer = fc.maxSafeNat()
const token = fc.option(integer)

function typed(type: string, fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<object> {
  return fc.record(fields).map((values) => ({ type, ...values }))
}

const who = { key: text, owner: text, requestId: text }
const all = fc.boolean()
const commands = fc.oneof(
  typed('acquire', { ...who, ttlMs: integer, waitMs: integer, reentrant: fc.boolean() }),
  typed('release', { ...who, token, all }),
  typed('renew', { ...who, token, ttlMs: integer }),
  typed('status', { key: text }),
  typed('expire', { max: integer.filter((max) => max > 0) }),
) as fc.Arbitrary<LockCommand>

const numbers = { token: integer, count: integer }
const remainingMs = integer
const replies = fc.oneof(
  typed('granted', { ...numbers, ttlMs: integer, grantedAfterMs: integer }),
  typed('held', { owner: text, token: integer, remainingMs }),
  typed('queued', { position: integer }),
  typed('timeout', {}),
  typed('released', { count: integer }),
  typed('notHolder', { token: integer }),
  typed('renewed', { token: integer, ttlMs: integer }),
  typed('expired', { token: integer }),
  fc.option(text).chain((owner) => {
    const rest = { ...numbers, remainingMs, waiters: integer }
    const locked = fc.constant(owner !== null)
    return typed('status', { locked, owner: fc.constant(owner), ...rest })
  }),
  typed('swept', { locks: integer, waiters: integer }),
  typed('rejected', { reason: fc.constantFrom(...REASONS) }),
) as fc.Arbitrary<LockReply>

/** A state with holdings, waiters and memos of every sort. */
function richState(): Driver {
  const log = new Driver()
  for (const key of ['k', 'ключ', 'a b']) log.acquire(key, 'x', { ttlMs: 5_000 })
  log.acquire('k', 'y', { waitMs: 900, requestId: 'w' })
  log.acquire('k', 'z', { waitMs: 400 })
  log.acquire('k', 'y', { waitMs: 900, requestId: 'w' })
  log.acquire('k', 'v')
  log.renew('k', 'x', { token: 1 })
  log.renew('k', 'y')
  log.release('k', 'v', { token: 1, all: true })
  log.acquire('l', 'x')
  log.release('l', 'x')
  log.timeMs = 400
  log.expire()
  return log
}

test('lock codec: any command: the same after the way there and back', () => {
  const property = fc.property(commands, (command) => {
    assert.equal(decodeCommand(encodeCommand(command)), command)
  })
  fc.assert(property, { seed, numRuns: 1_000 })
})

test('lock codec: any reply: the same after the way there and back', () => {
  const property = fc.property(replies, (reply) => {
    assert.equal(decodeReply(encodeReply(reply)), reply)
  })
  fc.assert(property, { seed, numRuns: 1_000 })
})

test('lock codec: a command or reply cut short or lengthened: null', () => {
  const property = fc.property(commands, replies, fc.nat(), (command, reply, at) => {
    const command1 = encodeCommand(command)
    const reply1 = encodeReply(reply)
    assert.is(decodeCommand(command1.subarray(0, at % command1.length)), null)
    assert.is(decodeReply(reply1.subarray(0, at % reply1.length)), null)
    assert.is(decodeCommand(Uint8Array.of(...command1, 0)), null)
    assert.is(decodeReply(Uint8Array.of(...reply1, 0)), null)
  })
  fc.assert(property, { seed, numRuns: 500 })
})

test('lock codec: garbage: null or a value that encodes, never a throw', () => {
  const bytes = fc.tuple(fc.nat({ max: 12 }), fc.uint8Array({ maxLength: 40 }))
  const property = fc.property(bytes, ([first, rest]) => {
    const garbage = Uint8Array.of(first, ...rest)
    const command = decodeCommand(garbage)
    if (command !== null) assert.equal(decodeCommand(encodeCommand(command)), command)
    const reply = decodeReply(garbage)
    if (reply !== null) assert.equal(decodeReply(encodeReply(reply)), reply)
    decodeSnapshot(garbage)
  })
  fc.assert(property, { seed, numRuns: 5_000 })
})

test('lock codec: wrong values: an unknown type, reason or flag, expire of nothing: null', () => {
  const wrong = [[], [5], [255], [4, 0], [3, 1], [3, 1, 0xff], [3, 9, 97]]
  for (const bytes of wrong) assert.is(decodeCommand(Uint8Array.from(bytes)), null, bytes.join())
  const replies = [[], [11], [10, REASONS.length], [8, 1, 0, 0, 0, 0, 0], [8, 2, 0, 0, 0, 0, 0]]
  for (const bytes of replies) assert.is(decodeReply(Uint8Array.from(bytes)), null, bytes.join())
})

test('lock codec: the bytes of each command: fixed for good', () => {
  const who = { key: 'k', owner: 'o', requestId: 'r' }
  const hex = (command: LockCommand): string => Buffer.from(encodeCommand(command)).toString('hex')
  const acquire = { type: 'acquire', ...who, ttlMs: 300, waitMs: 1, reentrant: true } as const
  assert.is(hex(acquire), '00016b016f0172ac020101')
  assert.is(hex({ type: 'release', ...who, token: null, all: true }), '01016b016f01720001')
  assert.is(hex({ type: 'renew', ...who, token: 5, ttlMs: 300 }), '02016b016f01720105ac02')
  assert.is(hex({ type: 'status', key: 'k' }), '03016b')
  assert.is(hex({ type: 'expire', max: 1_000 }), '04e807')
})

test('lock codec: every prefix of a snapshot, and one byte more: null', () => {
  const bytes = encodeSnapshot(richState().state)
  for (let end = 0; end < bytes.length; end++) {
    assert.is(decodeSnapshot(bytes.subarray(0, end)), null)
  }
  assert.is(decodeSnapshot(Uint8Array.of(...bytes, 0)), null)
  assert.ok(decodeSnapshot(bytes) !== null)
})

test('lock codec: a snapshot of another version: null', () => {
  const bytes = encodeSnapshot(richState().state)
  bytes[0] = 2
  assert.is(decodeSnapshot(bytes), null)
})

test('lock codec: any byte of a snapshot changed: null, or a state that lives on', () => {
  const bytes = encodeSnapshot(richState().state)
  const property = fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), (place, change) => {
    const spoilt = bytes.slice()
    spoilt[place % spoilt.length]! ^= change
    const state = decodeSnapshot(spoilt)
    if (state === null) return
    const log = new Driver()
    log.state = state
    const again = decodeSnapshot(encodeSnapshot(state))
    assert.is(log.machine.hash(again!), log.machine.hash(state))
    log.index = 1_000_000
    log.timeMs = 1_000_000
    log.acquire('k', 'x')
    while ((log.machine.due(log.state)?.atMs ?? Infinity) <= log.timeMs) {
      const reply = log.expire(2)
      assert.ok(reply?.type === 'swept' && reply.locks + reply.waiters > 0)
    }
  })
  fc.assert(property, { seed, numRuns: 3_000 })
})

test('lock codec: a snapshot with keys out of order or a record twice: null', () => {
  const lock = (writer: ByteWriter, key: string): void => {
    writer.text(key)
    writer.text('x')
    for (const value of [1, 1, 1_000, 0]) writer.varint(value)
  }
  const snapshot = (...keys: string[]): Uint8Array => {
    const writer = new ByteWriter()
    writer.u8(1)
    writer.varint(0)
    writer.varint(keys.length)
    for (const key of keys) lock(writer, key)
    writer.varint(0)
    return writer.finish()
  }
  assert.ok(decodeSnapshot(snapshot('a', 'b')) !== null)
  assert.is(decodeSnapshot(snapshot('b', 'a')), null)
  assert.is(decodeSnapshot(snapshot('a', 'a')), null)
})

test('lock codec: a snapshot with waiters out of order or one twice: null', () => {
  const snapshot = (...waiters: [index: number, requestId: string][]): Uint8Array => {
    const writer = new ByteWriter()
    for (const value of [1, 0, 1]) writer.varint(value)
    writer.text('k')
    writer.text('x')
    for (const value of [1, 1, 1_000, waiters.length]) writer.varint(value)
    for (const [index, requestId] of waiters) {
      const who = { key: 'k', owner: 'y', requestId }
      writeCommand(writer, { type: 'acquire', ...who, ttlMs: 100, waitMs: 9, reentrant: false })
      for (const value of [index, 0, index]) writer.varint(value)
    }
    writer.varint(0)
    return writer.finish()
  }
  assert.ok(decodeSnapshot(snapshot([2, 'a'], [3, 'b'])) !== null)
  assert.is(decodeSnapshot(snapshot([3, 'a'], [2, 'b'])), null)
  assert.is(decodeSnapshot(snapshot([2, 'a'], [2, 'b'])), null)
  assert.is(decodeSnapshot(snapshot([2, 'a'], [3, 'a'])), null)
})

test('lock codec: a snapshot with a refusal: read when it is one that is remembered', () => {
  const snapshot = (reply: LockReply): Uint8Array => {
    const writer = new ByteWriter()
    for (const value of [1, 0, 0, 1]) writer.varint(value)
    const who = { key: 'k', owner: 'y', requestId: 'a' }
    writeCommand(writer, { type: 'acquire', ...who, ttlMs: 100, waitMs: 9, reentrant: false })
    writeReply(writer, reply)
    for (const value of [1, 0, 0]) writer.varint(value)
    return writer.finish()
  }
  const remembered = REASONS.filter((reason) => {
    return decodeSnapshot(snapshot({ type: 'rejected', reason })) !== null
  })
  assert.equal(remembered, ['tooManyWaiters', 'tooManyLocks', 'tooManyKeys', 'countTooHigh'])
  const who = { key: 'k', owner: 'y', requestId: 'a', ttlMs: 100, waitMs: 9, reentrant: false }
  const memo = { type: 'answered', id: '', index: 1, atMs: 0, ordinal: 0 } as const
  const digests = remembered.map((reason) => {
    const reply = { type: 'rejected', reason } as FinalReply
    return lanesHex(memoLanes({ ...memo, command: { type: 'acquire', ...who }, reply }))
  })
  assert.is(new Set(digests).size, 4)
})

test('lock codec: a write that throws half-way: the next one is as ever', () => {
  const half = { type: 'acquire', key: 'k', owner: null } as unknown as LockCommand
  assert.throws(() => encodeCommand(half))
  assert.equal(encodeCommand({ type: 'expire', max: 1 }), Uint8Array.of(4, 1))
  const status = { type: 'status', locked: true, owner: 7 } as unknown as LockReply
  assert.throws(() => encodeReply(status))
  assert.equal(encodeReply({ type: 'timeout' }), Uint8Array.of(3))
})

test('lock codec: any field of a holding or waiter: counts in its digest', () => {
  const holding = { key: 'k', owner: 'o', token: 1, count: 1, deadlineMs: 1, waiters: emptyMap() }
  const texts = { key: 'k', owner: 'o', requestId: 'r' }
  const command = { type: 'acquire', ...texts, ttlMs: 1, waitMs: 1, reentrant: false } as const
  const waiter = { command, enteredIndex: 1, enteredMs: 1, latestIndex: 1 }
  const digests = [
    holdingLanes(holding as Holding),
    ...['key', 'owner'].map((name) => holdingLanes({ ...holding, [name]: 'z' } as Holding)),
    ...['token', 'count', 'deadlineMs'].map((name) =>
      holdingLanes({ ...holding, [name]: 2 } as Holding),
    ),
    waiterLanes(waiter),
    ...['enteredIndex', 'enteredMs', 'latestIndex'].map((name) =>
      waiterLanes({ ...waiter, [name]: 2 }),
    ),
    ...['key', 'owner', 'requestId'].map((name) =>
      waiterLanes({ ...waiter, command: { ...command, [name]: 'z' } }),
    ),
    ...['ttlMs', 'waitMs'].map((name) =>
      waiterLanes({ ...waiter, command: { ...command, [name]: 2 } }),
    ),
    waiterLanes({ ...waiter, command: { ...command, reentrant: true } }),
  ].map(lanesHex)
  assert.is(new Set(digests).size, digests.length)
})

test('lock codec: a record differs in any field: another hash', () => {
  const hashes = new Set<string>()
  const variants: ((log: Driver) => void)[] = [
    (log) => log.acquire('k', 'x', { requestId: 'a' }),
    (log) => log.acquire('l', 'x', { requestId: 'a' }),
    (log) => log.acquire('k', 'y', { requestId: 'a' }),
    (log) => log.acquire('k', 'x', { requestId: 'b' }),
    (log) => log.acquire('k', 'x', { requestId: 'a', ttlMs: 999 }),
    (log) => log.acquire('k', 'x', { requestId: 'a', waitMs: 1 }),
    (log) => log.acquire('k', 'x', { requestId: 'a', reentrant: true }),
    (log) => log.release('k', 'x', { requestId: 'a' }),
    (log) => log.release('k', 'x', { requestId: 'a', all: true }),
    (log) => log.release('k', 'x', { requestId: 'a', token: 0 }),
    (log) => log.renew('k', 'x', { requestId: 'a' }),
    (log) => log.renew('k', 'x', { requestId: 'a', token: 0 }),
    (log) => ((log.timeMs = 1), log.acquire('k', 'x', { requestId: 'a' })),
    (log) => ((log.index = 1), log.acquire('k', 'x', { requestId: 'a' })),
  ]
  for (const variant of variants) {
    const log = new Driver()
    variant(log)
    hashes.add(log.machine.hash(log.state))
  }
  assert.is(hashes.size, variants.length)
})

test.run()
