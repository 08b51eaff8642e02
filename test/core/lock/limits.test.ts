// What each limit refuses, and what is no request at all.

import * as assert from 'uvu/assert'
import type { LockReply } from '../../../core/lock/reply.ts'
import { mapSize } from '../../../core/ordered-map.ts'
import { suite } from '../../harness.ts'
import { Driver, granted, rejected } from './support.ts'

const test = suite('lock limits')

test('lock: caps: waiters, locks, keys and count: their own reason, and no effect', () => {
  const log = new Driver({ waitersPerKeyMax: 1, locksPerOwnerMax: 2, keysMax: 3, countMax: 2 })
  log.acquire('k', 'x')
  log.acquire('k', 'y', { waitMs: 100 })
  assert.equal(log.acquire('k', 'z', { waitMs: 100 }), rejected('tooManyWaiters'))
  assert.equal(log.events, [])
  log.acquire('l', 'y')
  assert.equal(log.acquire('m', 'y'), rejected('tooManyLocks'), 'a wait counts as a lock')
  log.acquire('k', 'x', { reentrant: true })
  assert.equal(log.acquire('k', 'x', { reentrant: true }), rejected('countTooHigh'))
  assert.is(log.acquire('k', 'x')?.type, 'granted', 'a refresh needs no count')
  log.acquire('m', 'x')
  assert.equal(log.acquire('n', 'z'), rejected('tooManyKeys'))
})

test('lock: caps: a refused request that comes again: refused, though there is room by now', () => {
  const limits = { waitersPerKeyMax: 1, locksPerOwnerMax: 2, keysMax: 3, countMax: 2 }
  const log = new Driver({ ...limits, memosPerOwnerMax: 4 })
  const again = (): (LockReply | null)[] => [
    log.acquire('k', 'z', { waitMs: 100, requestId: 'a' }),
    log.acquire('m', 'y', { requestId: 'a' }),
    log.acquire('k', 'x', { reentrant: true, requestId: 'a' }),
    log.acquire('n', 'w', { requestId: 'a' }),
  ]
  log.acquire('k', 'x')
  log.acquire('k', 'x', { reentrant: true })
  log.acquire('k', 'y', { waitMs: 100 })
  log.acquire('l', 'y')
  log.acquire('o', 'v')
  const reasons = ['tooManyWaiters', 'tooManyLocks', 'countTooHigh', 'tooManyKeys']
  const replies = reasons.map(rejected)
  assert.equal(again(), replies)
  log.timeMs = 1_000
  log.expire()
  assert.is(mapSize(log.state.locks), 0)
  assert.equal(again(), replies)
  assert.equal(log.events, [])
  const restored = log.machine.decodeSnapshot(log.machine.encodeSnapshot(log.state))
  assert.ok(restored !== null)
  assert.is(log.machine.hash(restored), log.machine.hash(log.state))
  log.state = restored
  assert.equal(again(), replies)
  log.acquire('p', 'x')
  assert.equal(log.acquire('q', 'x'), rejected('overloaded'), 'a refusal takes its share of memos')
})

test('lock: bad input: each has its reason, and leaves no trace', () => {
  const log = new Driver()
  log.acquire('held', 'x')
  const before = log.bytes()
  const cases: [LockReply | null, string][] = [
    [log.acquire('', 'x'), 'keyEmpty'],
    [log.acquire('é'.repeat(513), 'x'), 'keyTooLong'],
    [log.acquire('a'.repeat(1_025), 'x'), 'keyTooLong'],
    [log.acquire('k\ud800', 'x'), 'keyNotText'],
    [log.acquire('k', ''), 'ownerEmpty'],
    [log.acquire('k', 'x'.repeat(257)), 'ownerTooLong'],
    [log.acquire('k', '\udc00'), 'ownerNotText'],
    [log.acquire('k', 'x', { requestId: '' }), 'requestIdEmpty'],
    [log.acquire('k', 'x', { requestId: 'a'.repeat(97) }), 'requestIdTooLong'],
    [log.acquire('k', 'x', { requestId: '\udfff' }), 'requestIdNotText'],
    [log.acquire('k', 'x', { requestId: '', session: 7 }), 'requestIdEmpty'],
    [log.acquire('k', 'x', { requestId: null }), 'requestIdMissing'],
    [log.cancel('k', 'x', null), 'requestIdMissing'],
    [log.cancel('', 'x', 'a'), 'keyEmpty'],
    [log.force('k', { owner: '' }), 'ownerEmpty'],
    [log.acquire('k', 'x', { ttlMs: null }), 'ttlMissing'],
    [log.acquire('k', 'x', { ttlMs: 99 }), 'ttlOutOfRange'],
    [log.acquire('k', 'x', { ttlMs: 86_400_001 }), 'ttlOutOfRange'],
    [log.acquire('k', 'x', { ttlMs: NaN, session: 7 }), 'ttlOutOfRange'],
    [log.renew('held', 'x', { ttlMs: 100.5 }), 'ttlOutOfRange'],
    [log.acquire('k', 'x', { waitMs: -1 }), 'waitOutOfRange'],
    [log.acquire('k', 'x', { waitMs: 86_400_001 }), 'waitOutOfRange'],
    [log.acquire('k', 'x', { waitMs: Infinity }), 'waitOutOfRange'],
    [log.release('held', 'x', { token: -1 }), 'tokenOutOfRange'],
    [log.renew('held', 'x', { token: 1.5 }), 'tokenOutOfRange'],
    [log.force('held', { token: 2 ** 53 }), 'tokenOutOfRange'],
    [log.acquire('k', 'x', { lockDelayMs: -1 }), 'lockDelayOutOfRange'],
    [log.acquire('k', 'x', { lockDelayMs: 60_001 }), 'lockDelayOutOfRange'],
    [log.acquire('k', 'x', { lockDelayMs: 0.5 }), 'lockDelayOutOfRange'],
    [log.acquire('k', 'x', { metadata: 'é'.repeat(2_049) }), 'metadataTooLong'],
    [log.acquire('k', 'x', { metadata: 'a\ud800b' }), 'metadataNotText'],
    [log.apply({ type: 'listHolders', key: 'k', after: null, max: 0 }), 'maxOutOfRange'],
    [log.apply({ type: 'listWaiters', key: 'k', after: null, max: -1 }), 'maxOutOfRange'],
    [log.apply({ type: 'listLocks', prefix: '', after: null, max: NaN }), 'maxOutOfRange'],
  ]
  for (const [reply, reason] of cases) assert.equal(reply, rejected(reason))
  assert.equal(log.bytes(), before)
  assert.equal(log.answers, [])
})

test('lock: bad input: the same id may be used again', () => {
  const log = new Driver()
  log.acquire('k', 'x', { requestId: 'a', ttlMs: 99 })
  assert.is(log.acquire('k', 'x', { requestId: 'a' })?.type, 'granted')
})

test('lock: input: the widest that is right: taken', () => {
  const log = new Driver()
  const id = { requestId: 'a'.repeat(96) }
  const widest = { ttlMs: 86_400_000, waitMs: 86_400_000, lockDelayMs: 60_000, ...id }
  const metadata = 'é'.repeat(2_048)
  const key = 'é'.repeat(512)
  assert.is(log.acquire(key, 'x'.repeat(256), { ...widest, metadata })?.type, 'granted')
  assert.is(log.status(key).metadata, metadata)
  assert.is(log.acquire('k', 'x', { ttlMs: 100 })?.type, 'granted', 'and the narrowest')
  const token = 2 ** 53 - 1
  assert.equal(log.release('k', 'x', { token }), { type: 'notHolder', token: 2 })
  assert.equal(log.renew('k', 'x', { token: 0 }), { type: 'expired', token: 2 })
})

test('lock: input: control characters in keys and names: legal, and told apart', () => {
  const log = new Driver()
  const texts = ['\u0000', '\u0000\u0000', '\n', '\u007f', '\u001b[31m', 'a\u0000b', '\ufeff']
  for (const [at, text] of texts.entries()) {
    const own = { requestId: text, metadata: text }
    assert.equal(log.acquire(text, text, own), granted(at + 1))
    assert.is(log.holder(text), text)
  }
  const restored = log.machine.decodeSnapshot(log.bytes())
  assert.ok(restored !== null)
  assert.equal(log.machine.encodeSnapshot(restored), log.bytes())
  for (const text of texts) assert.is(log.release(text, text)?.type, 'released')
})

test('lock: caps: at the limit: taken; one more: refused; one less again: taken', () => {
  const log = new Driver({ waitersPerKeyMax: 2, locksPerOwnerMax: 3, keysMax: 4 })
  log.acquire('a', 'v')
  for (const owner of ['w', 'x']) assert.is(log.acquire('a', owner, { waitMs: 500 }), null)
  assert.equal(log.acquire('a', 'y', { waitMs: 500 }), rejected('tooManyWaiters'))
  log.release('a', 'v')
  assert.is(log.acquire('a', 'y', { waitMs: 500 }), null)
  for (const key of ['b', 'c']) assert.is(log.acquire(key, 'y')?.type, 'granted')
  assert.equal(log.acquire('d', 'y'), rejected('tooManyLocks'))
  assert.is(log.acquire('b', 'y')?.type, 'granted', 'what it holds it may refresh')
  assert.equal(log.acquire('a', 'y'), { type: 'held', owner: 'w', token: 5, remainingMs: 1_000 })
  assert.is(log.acquire('d', 'z')?.type, 'granted')
  assert.equal(log.acquire('e', 'z'), rejected('tooManyKeys'))
  log.release('d', 'z')
  assert.is(log.acquire('e', 'z')?.type, 'granted')
})

test('lock: caps: shared holders: each is one of its owner, the key is one', () => {
  const log = new Driver({ locksPerOwnerMax: 1, keysMax: 1 })
  for (const owner of ['x', 'y', 'z']) assert.is(log.share('k', owner)?.type, 'granted')
  assert.equal(log.share('l', 'x'), rejected('tooManyLocks'), 'before tooManyKeys')
  assert.equal(log.share('l', 'w'), rejected('tooManyKeys'))
  const full = new Driver({ locksPerOwnerMax: 1 })
  full.share('k', 'w')
  full.share('l', 'x')
  assert.equal(full.share('k', 'x'), rejected('tooManyLocks'), 'to join others')
})

test('lock: caps: a delayed key: is one of the keys', () => {
  const log = new Driver({ keysMax: 1 })
  log.acquire('k', 'x', { lockDelayMs: 300 })
  log.force('k', { now: true })
  assert.equal(log.acquire('l', 'x'), rejected('tooManyKeys'))
})

test.run()
