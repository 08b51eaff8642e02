// Locks of sessions: whose they are, how long they last, and what becomes of them when the session
// has ended. The sessions themselves have tests of their own; the last ones here join both.

import * as assert from 'uvu/assert'
import type { LockCommand } from '../../../core/lock/command.ts'
import { LIMITS } from '../../../core/lock/limits.ts'
import { mapSize } from '../../../core/ordered-map.ts'
import { suite } from '../../harness.ts'
import { Driver, NOBODY, granted, rejected, swept } from './support.ts'
import { lockWorld } from './world.ts'

const test = suite('lock sessions')
const cancelled = { type: 'cancelled' }

test('lock: session: one name in two sessions and in none: three owners', () => {
  const log = new Driver()
  log.acquire('k', 'x', { session: 7 })
  assert.is(log.acquire('k', 'x', { session: 8 })?.type, 'held')
  assert.is(log.acquire('k', 'x')?.type, 'held')
  assert.equal(log.release('k', 'x'), { type: 'notHolder', token: 1 })
  assert.equal(log.renew('k', 'x', { session: 8 }), { type: 'expired', token: 1 })
  const status = log.status('k')
  assert.is(status.session, 7)
  assert.is(log.release('k', 'x', { session: 7 })?.type, 'released')
})

test('lock: session: no ttl: held as long as the session, with nothing due', () => {
  const log = new Driver()
  assert.equal(log.acquire('k', 'x', { session: 7, ttlMs: null }), granted(1, { ttlMs: null }))
  assert.is(log.machine.due(log.state), null)
  log.timeMs = 1_000_000_000
  assert.equal(log.expire(), swept())
  const held = { type: 'held', owner: 'x', token: 1, remainingMs: null }
  assert.equal(log.acquire('k', 'y'), held)
  assert.is(log.status('k').remainingMs, null)
  const renewed = { type: 'renewed', token: 1, ttlMs: null }
  assert.equal(log.renew('k', 'x', { session: 7, ttlMs: null }), renewed)
})

test('lock: session: a ttl: the earlier of lease and session ends the holding', () => {
  const log = new Driver()
  log.acquire('k', 'x', { session: 7, ttlMs: 500 })
  log.acquire('l', 'x', { session: 7, ttlMs: 500 })
  log.timeMs = 500
  assert.equal(log.expire(1), swept({ locks: 1 }), 'the lease, while the session lives')
  log.endSession(7, 'close')
  assert.equal(log.expire(), swept({ locks: 1 }))
  assert.is(log.events[0]?.type, 'lost')
  const early = new Driver()
  early.acquire('k', 'x', { session: 7, ttlMs: 500 })
  early.endSession(7, 'expiry')
  assert.equal(early.expire(), swept({ locks: 1 }), 'the session, before the lease')
})

test('lock: session: ttl and none: null is the latest of all ends, and renew may set one', () => {
  const log = new Driver()
  log.acquire('k', 'x', { session: 7, ttlMs: 500 })
  assert.equal(log.acquire('k', 'x', { session: 7, ttlMs: null }), granted(1, { ttlMs: null }))
  assert.equal(log.acquire('k', 'x', { session: 7, ttlMs: 900 }), granted(1, { ttlMs: null }))
  assert.is(log.machine.due(log.state), null)
  const renewed = { type: 'renewed', token: 1, ttlMs: 300 }
  assert.equal(log.renew('k', 'x', { session: 7, ttlMs: 300 }), renewed)
  assert.is(log.machine.due(log.state)?.atMs, 300)
  log.timeMs = 200
  assert.equal(log.renew('k', 'x', { session: 7, ttlMs: null }), renewed, 'a heartbeat')
  assert.is(log.machine.due(log.state)?.atMs, 500)
})

test('lock: session: its end: held until swept, a few with each entry, by session', () => {
  const log = new Driver()
  log.acquire('e', 'v', { session: 9, ttlMs: null })
  for (const key of ['d', 'a', 'c']) log.acquire(key, 'x', { session: 7, ttlMs: null })
  log.acquire('e', 'x', { session: 7, ttlMs: null, waitMs: 5_000 })
  log.acquire('a', 'y', { waitMs: 5_000 })
  log.endSession(9, 'close')
  log.endSession(7, 'close')
  assert.equal(log.machine.due(log.state)?.atMs, 0)
  assert.is(log.status('a').owner, 'x', 'nothing has ended yet')
  assert.is(log.acquire('d', 'z')?.type, 'held')
  assert.equal(log.expire(2), swept({ locks: 2 }))
  assert.equal(log.events.map(({ type, key }) => [type, key]), [
    ['lost', 'd'],
    ['lost', 'a'],
    ['granted', 'a'],
  ])
  assert.equal(log.answers, [[6, granted(10)]])
  assert.equal(log.expire(2), swept({ locks: 1, waiters: 1 }))
  assert.equal(log.answers[1], [5, cancelled])
  assert.equal(log.expire(2), swept({ locks: 1 }))
  assert.is(log.machine.due(log.state)?.atMs, 1_000, 'only the lease of y')
  assert.is(mapSize(log.state.ended), 0)
  assert.is(mapSize(log.state.claims), 0)
})

test('lock: session: the end of one without locks: nothing is kept of it', () => {
  const log = new Driver()
  const before = log.bytes()
  log.endSession(7, 'expiry')
  assert.equal(log.bytes(), before)
  assert.is(log.machine.due(log.state), null)
})

test('lock: session: a waiter of a dead session: skipped, and the next has the lock', () => {
  const log = new Driver()
  log.acquire('k', 'x')
  log.acquire('k', 'y', { session: 7, waitMs: 500 })
  log.acquire('k', 'z', { waitMs: 500 })
  log.endSession(7, 'expiry')
  assert.equal(log.answers, [])
  log.release('k', 'x')
  assert.equal(log.answers, [
    [2, cancelled],
    [3, granted(5)],
  ])
  const [, event] = log.events
  assert.ok(event?.type === 'waitEnded' && event.by === 'session' && event.session === 7)
  assert.equal(log.expire(), swept())
  assert.is(mapSize(log.state.ended), 0)
})

test('lock: session: claims of ended sessions go before waits and leases that are over', () => {
  const log = new Driver()
  log.acquire('k', 'x', { ttlMs: 100 })
  log.acquire('k', 'y', { waitMs: 100 })
  log.acquire('l', 'x', { session: 7 })
  log.endSession(7, 'close')
  log.timeMs = 100
  assert.equal(log.expire(1), swept({ locks: 1 }))
  assert.is(log.events[0]?.key, 'l')
  assert.equal(log.expire(1), swept({ waiters: 1 }))
  assert.equal(log.expire(1), swept({ locks: 1 }))
})

test('lock: session: the lock-delay: after its expiry, not after its close', () => {
  for (const by of ['expiry', 'close'] as const) {
    const log = new Driver()
    log.acquire('k', 'x', { session: 7, ttlMs: null, lockDelayMs: 300 })
    log.timeMs = 1_000
    log.endSession(7, by)
    log.timeMs = 1_100
    log.expire()
    const delayed = { ...NOBODY, delayMs: 300 }
    assert.equal(log.status('k'), by === 'expiry' ? delayed : NOBODY)
  }
})

test('lock: session: force: takes a lock whose session has ended, before it is swept', () => {
  const log = new Driver()
  log.acquire('k', 'x', { session: 7, ttlMs: null })
  log.endSession(7, 'close')
  assert.is(log.force('k', { now: true })?.type, 'forced')
  assert.equal(log.status('k'), NOBODY)
  assert.is(log.machine.due(log.state), null)
  assert.is(mapSize(log.state.ended), 0)
})

test('lock: session: the share of locks: that of all its owners together', () => {
  const log = new Driver({ locksPerOwnerMax: 2 })
  log.acquire('a', 'x', { session: 7 })
  log.acquire('a', 'y', { session: 7, waitMs: 100 })
  assert.equal(log.acquire('b', 'z', { session: 7 }), rejected('tooManyLocks'))
  assert.is(log.acquire('b', 'z', { session: 8 })?.type, 'granted')
  assert.is(log.acquire('c', 'x')?.type, 'granted', 'outside of sessions')
})

test('lock: session: a call that comes again: its first reply, and no memo', () => {
  const world = lockWorld(LIMITS)
  world.apply({ type: 'openSession', ttlMs: 1_000 })
  const terms = { mode: 'exclusive', ttlMs: null, waitMs: 0, reentrant: true } as const
  const rest = { lockDelayMs: 0, metadata: '', requestId: null }
  const command: LockCommand = { type: 'acquire', key: 'k', owner: 'x', ...terms, ...rest }
  const numbers = { session: 1, sequence: 1, acknowledged: 0 }
  const call = { type: 'call', ...numbers, bound: true, command } as const
  const replied = { type: 'replied', reply: granted(2, { ttlMs: null }) }
  assert.equal(world.apply(call), replied)
  assert.equal(world.apply(call), replied)
  assert.is(world.status('k').count, 1)
  assert.is(world.state.inner.memosCount, 0)
})

test('lock: session: it runs out: its locks are lost in entries of their own', () => {
  const world = lockWorld({ ...LIMITS, expireMax: 2 })
  world.apply({ type: 'openSession', ttlMs: 1_000 })
  const terms = { mode: 'exclusive', ttlMs: null, waitMs: 0, reentrant: false } as const
  const rest = { lockDelayMs: 0, metadata: '', requestId: null }
  for (const [at, key] of ['a', 'b', 'c'].entries()) {
    const command: LockCommand = { type: 'acquire', key, owner: 'x', ...terms, ...rest }
    const numbers = { session: 1, sequence: at + 1, acknowledged: 0 }
    world.apply({ type: 'call', ...numbers, bound: true, command })
  }
  assert.equal(world.due()?.command, { type: 'expireSessions', max: 1 })
  world.timeMs = world.due()?.atMs ?? 0
  assert.is(world.timeMs, 1_000)
  const replies: unknown[] = []
  for (let due = world.due(); due !== null; due = world.due()) {
    assert.ok(due.atMs <= world.timeMs)
    replies.push(world.apply(due.command))
  }
  assert.equal(replies, [
    { type: 'expired', sessions: 1 },
    { type: 'replied', reply: swept({ locks: 2 }) },
    { type: 'replied', reply: swept({ locks: 1 }) },
  ])
  assert.equal(world.status('a'), NOBODY)
})

test.run()
