// Locks that are taken from their holders, and the delay after a lock was lost and not given back.

import * as assert from 'uvu/assert'
import { suite } from '../../harness.ts'
import { Driver, NOBODY, granted, rejected, swept } from './support.ts'

const test = suite('lock force')

const forced = (holders: number, remainingMs: number): object => {
  return { type: 'forced', holders, remainingMs }
}

test('lock: force: revoked: no renewal, no re-entry, and free at the deadline', () => {
  const log = new Driver()
  log.acquire('k', 'x')
  log.timeMs = 100
  assert.equal(log.force('k'), forced(1, 900))
  const [event] = log.events
  assert.ok(event?.type === 'revoked' && event.owner === 'x' && event.deadlineMs === 1_000)
  assert.is(log.status('k').revoked, true)
  assert.equal(log.renew('k', 'x'), rejected('revoked'))
  assert.equal(log.acquire('k', 'x'), rejected('revoked'))
  assert.equal(log.share('k', 'x'), rejected('revoked'), 'no downgrade either')
  assert.is(log.acquire('k', 'y', { waitMs: 5_000 }), null)
  log.timeMs = 1_000
  assert.equal(log.expire(), swept({ locks: 1 }))
  assert.equal(log.answers, [[6, granted(7, { grantedAfterMs: 900 })]])
})

test('lock: force: revoked: the holder may still give it back', () => {
  const log = new Driver()
  log.acquire('k', 'x', { lockDelayMs: 500 })
  log.force('k')
  assert.equal(log.release('k', 'x'), { type: 'released', count: 0 })
  assert.equal(log.status('k'), NOBODY)
})

test('lock: force: one of several holders: by its token; upgrade is refused before revoked', () => {
  const log = new Driver()
  log.share('k', 'x')
  log.share('k', 'y', { ttlMs: 300 })
  assert.equal(log.force('k', { token: 2 }), forced(1, 300))
  assert.equal(log.renew('k', 'y'), rejected('revoked'))
  assert.is(log.renew('k', 'x')?.type, 'renewed')
  assert.equal(log.acquire('k', 'y'), rejected('upgrade'))
  assert.equal(log.force('k'), forced(2, 1_000))
})

test('lock: force: all of several holders: nobody joins them, and the key comes free', () => {
  const log = new Driver()
  log.share('k', 'x')
  log.force('k')
  assert.is(log.share('k', 'y')?.type, 'held')
  assert.is(log.share('k', 'z', { waitMs: 5_000 }), null)
  log.timeMs = 1_000
  log.expire()
  assert.is(log.holder('k'), 'z')
  assert.is(log.share('k', 'y')?.type, 'granted', 'it is open again')
})

test('lock: force: free key, or a token that nobody has: nothing', () => {
  const log = new Driver()
  assert.equal(log.force('k'), forced(0, 0))
  assert.equal(log.force('k', { now: true }), forced(0, 0))
  log.acquire('k', 'x')
  assert.equal(log.force('k', { token: 7 }), forced(0, 0))
  assert.equal(log.force('k', { token: 7, now: true }), forced(0, 0))
  assert.is(log.status('k').revoked, false)
})

test('lock: force: no deadline: refused as a whole, and now: true ends it', () => {
  const log = new Driver()
  log.share('k', 'x', { ttlMs: 500 })
  log.share('k', 'y', { ttlMs: null, session: 7 })
  assert.equal(log.force('k'), rejected('noDeadline'))
  assert.is(log.renew('k', 'x')?.type, 'renewed', 'x was not revoked')
  assert.equal(log.force('k', { now: true }), forced(2, 0))
  assert.equal(log.status('k'), NOBODY)
})

test('lock: force: now: ends the holdings, tells of it, and the next has the key', () => {
  const log = new Driver()
  log.share('k', 'x')
  log.share('k', 'y')
  log.acquire('k', 'w', { waitMs: 500 })
  assert.equal(log.force('k', { now: true }), forced(2, 0))
  const lost = log.events.filter(({ type }) => type === 'lost')
  assert.equal(lost.map((event) => event.type === 'lost' && [event.owner, event.by]), [
    ['x', 'force'],
    ['y', 'force'],
  ])
  assert.equal(log.answers, [[3, granted(4)]])
  assert.equal(log.renew('k', 'x'), { type: 'expired', token: 4 })
})

test('lock: force: the same id again: one effect', () => {
  const log = new Driver()
  log.acquire('k', 'x')
  log.force('k', { now: true, requestId: 'f' })
  log.acquire('k', 'y')
  assert.equal(log.force('k', { now: true, requestId: 'f' }), forced(1, 0))
  assert.is(log.holder('k'), 'y')
  const other = log.force('k', { now: false, requestId: 'f' })
  assert.equal(other, rejected('requestIdReused'))
})

test('lock: delay: after expiry: nobody gets the key until it is over', () => {
  const log = new Driver()
  log.acquire('k', 'x', { lockDelayMs: 300 })
  log.timeMs = 1_100
  assert.equal(log.expire(), swept({ locks: 1 }))
  assert.equal(log.events.map(({ type }) => type), ['expired', 'delayed'])
  assert.equal(log.status('k'), { ...NOBODY, delayMs: 300 })
  assert.equal(log.machine.due(log.state)?.atMs, 1_400)
  log.timeMs = 1_150
  const held = { type: 'held', owner: null, token: 0, remainingMs: 250 }
  assert.equal(log.acquire('k', 'x'), held, 'not even who had it')
  assert.is(log.share('k', 'y', { waitMs: 5_000 }), null)
  assert.equal(log.events.map(({ type }) => type), ['queued'], 'nobody holds it: not contended')
  log.timeMs = 1_400
  assert.is(log.acquire('k', 'z')?.type, 'held', 'until expire is applied')
  assert.equal(log.expire(), swept({ delays: 1 }))
  assert.equal(log.answers, [[4, granted(6, { grantedAfterMs: 250 })]])
})

test('lock: delay: after force: begins at once; nobody waits: the key is free afterwards', () => {
  const log = new Driver()
  log.acquire('k', 'x', { lockDelayMs: 300 })
  log.timeMs = 200
  log.force('k', { now: true })
  assert.is(log.status('k').delayMs, 300)
  log.timeMs = 500
  assert.equal(log.expire(), swept({ delays: 1 }))
  assert.equal(log.status('k'), NOBODY)
})

test('lock: delay: after a release: none', () => {
  const log = new Driver()
  log.acquire('k', 'x', { lockDelayMs: 300 })
  log.release('k', 'x')
  assert.equal(log.acquire('k', 'y'), granted(3))
})

test('lock: delay: ended by force: the next in the queue has the key', () => {
  const log = new Driver()
  log.acquire('k', 'x', { lockDelayMs: 300 })
  log.acquire('k', 'y', { waitMs: 500 })
  log.force('k', { now: true })
  assert.equal(log.answers, [])
  assert.equal(log.force('k', { now: false }), forced(0, 0))
  assert.equal(log.answers, [])
  assert.equal(log.force('k', { now: true }), forced(0, 0))
  assert.equal(log.answers, [[2, granted(5)]])
})

test('lock: delay: shared: counts from the loss, once the last holder has gone', () => {
  const log = new Driver()
  log.share('k', 'x', { ttlMs: 100, lockDelayMs: 500 })
  log.share('k', 'y', { lockDelayMs: 0 })
  log.timeMs = 100
  log.expire()
  assert.is(log.status('k').delayMs, 0, 'y holds it')
  assert.equal(log.share('k', 'z'), granted(4), 'and it is open to readers')
  log.release('k', 'z')
  log.timeMs = 400
  log.release('k', 'y')
  assert.is(log.status('k').delayMs, 200)
})

test('lock: delay: the terms of the first grant: a re-entry changes them not', () => {
  const log = new Driver()
  log.acquire('k', 'x', { lockDelayMs: 300, metadata: 'one' })
  log.acquire('k', 'x', { lockDelayMs: 0, metadata: 'two', reentrant: true })
  assert.is(log.status('k').metadata, 'one')
  log.force('k', { now: true })
  assert.is(log.status('k').delayMs, 300)
})

test('lock: delay: a wait that is over by its end: timeout, not granted', () => {
  const log = new Driver()
  log.acquire('k', 'x', { lockDelayMs: 300 })
  log.acquire('k', 'y', { waitMs: 200 })
  log.acquire('k', 'z', { waitMs: 400 })
  log.force('k', { now: true })
  log.timeMs = 300
  assert.equal(log.expire(), swept({ waiters: 1, delays: 1 }))
  assert.equal(log.answers, [
    [2, { type: 'timeout' }],
    [3, granted(5, { grantedAfterMs: 300 })],
  ])
})

test.run()
