// Calls of sessions that are not bound to them: what they take is as if it had come outside of all
// sessions, no memo is kept of them, and who cancels them may come from inside or outside.

import * as assert from 'uvu/assert'
import type { LockCommand } from '../../../core/lock/command.ts'
import { LIMITS } from '../../../core/lock/limits.ts'
import { suite } from '../../harness.ts'
import { Driver, NOBODY, granted, rejected, swept } from './support.ts'
import { lockWorld } from './world.ts'

const test = suite('lock unbound')
const cancelled = { type: 'cancelled' }
const unbound = { guarded: true } as const

test('lock: unbound: the owner is the one outside of all sessions', () => {
  const log = new Driver()
  assert.equal(log.acquire('k', 'x', unbound), granted(1))
  assert.is(log.status('k').session, null)
  assert.is(log.acquire('k', 'x', { session: 7 })?.type, 'held')
  assert.equal(log.acquire('k', 'x', { reentrant: true }), granted(1, { count: 2 }))
  const third = log.acquire('k', 'x', { ...unbound, reentrant: true })
  assert.equal(third, granted(1, { count: 3 }))
  assert.equal(log.renew('k', 'x', unbound), { type: 'renewed', token: 1, ttlMs: 1_000 })
  assert.equal(log.release('k', 'x', { ...unbound, all: true }), { type: 'released', count: 0 })
  assert.equal(log.status('k'), NOBODY)
})

test('lock: unbound: nothing is remembered of it, and it needs no room for that', () => {
  const log = new Driver({ memosPerOwnerMax: 0 })
  assert.equal(log.acquire('a', 'x'), rejected('overloaded'))
  assert.is(log.acquire('a', 'x', unbound)?.type, 'granted')
  assert.is(log.acquire('a', 'y', { ...unbound, waitMs: 500 }), null)
  assert.is(log.release('a', 'x', unbound)?.type, 'released')
  assert.is(log.force('a', unbound)?.type, 'forced')
  assert.is(log.state.memosCount, 0)
})

test('lock: unbound: a request id is a mere name, which may be null', () => {
  const log = new Driver()
  assert.is(log.acquire('k', 'x', { ...unbound, requestId: null })?.type, 'granted')
  assert.is(log.acquire('k', 'x', { ...unbound, requestId: 'a' })?.type, 'granted')
  const other = { ...unbound, requestId: 'a', ttlMs: 700 }
  assert.is(log.acquire('k', 'x', other)?.type, 'granted', 'another request of that name')
  assert.is(log.acquire('k', 'x', { requestId: 'a', ttlMs: 700 })?.type, 'granted', 'no memo')
  assert.equal(log.acquire('k', 'x', { requestId: null }), rejected('requestIdMissing'))
  const long = { ...unbound, requestId: 'r'.repeat(97) }
  assert.equal(log.acquire('k', 'x', long), rejected('requestIdTooLong'))
})

test('lock: unbound: no length of a lease: refused, there is no session to end it', () => {
  const log = new Driver()
  assert.equal(log.acquire('k', 'x', { ...unbound, ttlMs: null }), rejected('ttlMissing'))
})

test('lock: unbound: two that wait under one name: both in the queue, one after the other', () => {
  const log = new Driver()
  log.acquire('k', 'v')
  log.acquire('k', 'x', { ...unbound, waitMs: 500, requestId: 'a' })
  log.acquire('k', 'x', { ...unbound, waitMs: 500, requestId: 'a' })
  log.acquire('k', 'x', { waitMs: 500, requestId: 'a' })
  assert.is(log.status('k').waiters, 3)
  assert.is(log.state.memosCount, 2, 'those of the two plain ones')
  log.timeMs = 500
  assert.equal(log.expire(), swept({ waiters: 3 }))
  assert.equal(log.answers, [2, 3, 4].map((index) => [index, { type: 'timeout' }]))
  assert.equal(log.acquire('k', 'x', { waitMs: 500, requestId: 'a' }), { type: 'timeout' })
})

test('lock: unbound: the share of locks is its owner\'s outside of all sessions', () => {
  const log = new Driver({ locksPerOwnerMax: 2 })
  log.acquire('a', 'x')
  log.acquire('b', 'x', unbound)
  assert.equal(log.acquire('c', 'x', unbound), rejected('tooManyLocks'))
  assert.is(log.acquire('c', 'y', unbound)?.type, 'granted')
})

test('lock: unbound: a plain cancel: ends the wait, and is not remembered itself', () => {
  const log = new Driver({ memosPerOwnerMax: 1 })
  log.share('k', 'v')
  log.acquire('k', 'x', { ...unbound, waitMs: 500, requestId: 'a' })
  log.acquire('k', 'x', { ...unbound, waitMs: 500, requestId: 'b' })
  log.acquire('k', 'x', { ...unbound, waitMs: 500, requestId: null })
  log.acquire('k', 'y', { ...unbound, waitMs: 500, requestId: 'a' })
  log.acquire('k', 'x', { session: 7, waitMs: 500, requestId: 'a' })
  assert.equal(log.cancel('k', 'x', 'a'), cancelled)
  assert.equal(log.answers, [[2, cancelled]])
  const [event] = log.events
  assert.ok(event?.type === 'waitEnded' && event.by === 'cancel' && event.session === null)
  assert.is(log.state.memosCount, 1, 'that of the first')
  assert.equal(log.cancel('k', 'x', 'a'), cancelled, 'once more, before any acquire of that name')
  assert.equal(log.cancel('k', 'x', 'b'), cancelled, 'though there is no room')
  assert.is(log.status('k').waiters, 3)
})

test('lock: unbound: a plain cancel: those behind it move up', () => {
  const log = new Driver()
  log.share('k', 'v')
  log.acquire('k', 'x', { ...unbound, waitMs: 500, requestId: 'a' })
  log.share('k', 'y', { ...unbound, waitMs: 500 })
  log.cancel('k', 'x', 'a')
  assert.equal(log.answers, [
    [2, cancelled],
    [3, granted(4)],
  ])
})

test('lock: unbound: a plain cancel, where a plain request has that name: both have an end', () => {
  const log = new Driver()
  log.acquire('k', 'v')
  log.acquire('k', 'x', { waitMs: 500, requestId: 'a' })
  log.acquire('k', 'x', { ...unbound, waitMs: 500, requestId: 'a' })
  assert.equal(log.cancel('k', 'x', 'a'), cancelled)
  assert.equal(log.answers, [
    [3, cancelled],
    [2, cancelled],
  ])
  log.acquire('k', 'x', { ...unbound, waitMs: 500, requestId: 'a' })
  assert.equal(log.cancel('k', 'x', 'a'), cancelled, 'though that is what the other was told')
  assert.is(log.status('k').waiters, 0)
})

test('lock: unbound: its own cancel: all of the owner outside of sessions, memos or none', () => {
  const log = new Driver()
  log.acquire('k', 'v')
  log.acquire('k', 'x', { ...unbound, waitMs: 500, requestId: null })
  log.acquire('k', 'x', { waitMs: 500, requestId: 'a' })
  log.acquire('k', 'x', { session: 7, waitMs: 500, requestId: 'a' })
  assert.equal(log.cancel('k', 'x', 'b', unbound), cancelled)
  assert.equal(log.answers, [])
  assert.equal(log.cancel('k', 'x', null, unbound), cancelled)
  assert.equal(log.answers, [
    [2, cancelled],
    [3, cancelled],
  ])
  assert.equal(log.acquire('k', 'x', { waitMs: 500, requestId: 'a' }), cancelled, 'from memory')
  assert.is(log.cancel('k', 'v', null, unbound)?.type, 'granted', 'nothing waits: what it holds')
})

test('lock: unbound: its session ends: it holds and waits on, and is answered', () => {
  for (const by of ['close', 'expiry'] as const) {
    const world = lockWorld(LIMITS)
    world.apply({ type: 'openSession', ttlMs: 1_000 })
    const terms = { mode: 'exclusive', ttlMs: 5_000, reentrant: false, lockDelayMs: 0 } as const
    const acquire = (owner: string, waitMs: number): LockCommand => {
      return { type: 'acquire', key: 'k', owner, ...terms, waitMs, metadata: '', requestId: null }
    }
    const call = { type: 'call', session: 1, acknowledged: 0, bound: false } as const
    const first = world.apply({ ...call, sequence: 1, command: acquire('x', 0) })
    assert.equal(first, { type: 'replied', reply: granted(2, { ttlMs: 5_000 }) })
    assert.is(world.apply({ ...call, sequence: 2, command: acquire('y', 3_000) }), null)
    world.timeMs = 1_000
    if (by === 'close') world.apply({ type: 'closeSession', session: 1 })
    else world.apply({ type: 'expireSessions', max: 1 })
    assert.is(world.due()?.atMs, 3_000, 'nothing is swept')
    assert.is(world.status('k').owner, 'x')
    const release = { type: 'release', key: 'k', owner: 'x', token: 2, all: true } as const
    world.apply({ type: 'plain', command: { ...release, requestId: 'r' } })
    const late = granted(5, { ttlMs: 5_000, grantedAfterMs: 1_000 })
    assert.equal(world.answers(), [[3, { type: 'replied', reply: late }]])
    assert.is(world.status('k').owner, 'y')
  }
})

test.run()
