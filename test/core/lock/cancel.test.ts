// A request that is given up: before it comes, while it waits, after its answer.

import * as assert from 'uvu/assert'
import { suite } from '../../harness.ts'
import { Driver, NOBODY, granted, rejected } from './support.ts'

const test = suite('lock cancel')
const cancelled = { type: 'cancelled' }

test('lock: cancel: before the acquire comes: cancelled, whatever its body', () => {
  const log = new Driver()
  assert.equal(log.cancel('k', 'x', 'a'), cancelled)
  assert.equal(log.cancel('k', 'x', 'a'), cancelled, 'the cancel comes again')
  assert.equal(log.acquire('k', 'x', { requestId: 'a', ttlMs: 700 }), cancelled)
  assert.equal(log.share('k', 'x', { requestId: 'a', waitMs: 100 }), cancelled)
  assert.equal(log.status('k'), NOBODY)
  assert.equal(log.release('k', 'x', { requestId: 'a' }), rejected('requestIdReused'))
  assert.is(log.acquire('k', 'x', { requestId: 'b' })?.type, 'granted')
})

test('lock: cancel: while it waits: the wait ends, and those behind it move up', () => {
  const log = new Driver()
  log.share('k', 'v')
  log.acquire('k', 'x', { requestId: 'a', waitMs: 500 })
  log.share('k', 'y', { waitMs: 500 })
  assert.equal(log.cancel('k', 'x', 'a'), cancelled)
  assert.equal(log.answers, [
    [2, cancelled],
    [3, granted(4)],
  ])
  const [event] = log.events
  assert.ok(event?.type === 'waitEnded' && event.by === 'cancel' && event.enteredIndex === 2)
  const late = log.acquire('k', 'x', { requestId: 'a', waitMs: 500 })
  assert.equal(late, cancelled, 'a duplicate that comes late')
  log.release('k', 'v')
  log.release('k', 'y')
  assert.equal(log.status('k'), NOBODY)
})

test('lock: cancel: while it waits, repeated: the newest attempt is told', () => {
  const log = new Driver()
  log.acquire('k', 'v')
  log.acquire('k', 'x', { requestId: 'a', waitMs: 500 })
  log.acquire('k', 'x', { requestId: 'a', waitMs: 500 })
  log.cancel('k', 'x', 'a')
  assert.equal(log.answers, [
    [2, { type: 'queued', position: 1 }],
    [3, cancelled],
  ])
})

test('lock: cancel: after its answer: that answer, and nothing ends', () => {
  const log = new Driver()
  log.acquire('k', 'x', { requestId: 'a' })
  assert.equal(log.cancel('k', 'x', 'a'), granted(1))
  assert.is(log.holder('k'), 'x')
  const held = log.acquire('k', 'y', { requestId: 'b' })
  assert.equal(log.cancel('k', 'y', 'b'), held)
  log.acquire('k', 'z', { requestId: 'c', waitMs: 100 })
  log.timeMs = 100
  log.expire()
  assert.equal(log.cancel('k', 'z', 'c'), { type: 'timeout' })
})

test('lock: cancel: after its holding has ended: expired, with the present token', () => {
  const log = new Driver()
  log.acquire('k', 'x', { requestId: 'a' })
  log.release('k', 'x')
  assert.equal(log.cancel('k', 'x', 'a'), { type: 'expired', token: 0 })
  log.acquire('k', 'x')
  assert.equal(log.cancel('k', 'x', 'a'), { type: 'expired', token: 4 })
})

test('lock: cancel: the id of another command: requestIdReused', () => {
  const log = new Driver()
  log.acquire('k', 'x')
  log.renew('k', 'x', { requestId: 'a' })
  log.force('k', { owner: 'x', requestId: 'b' })
  log.release('k', 'x', { requestId: 'c' })
  for (const id of ['a', 'b', 'c']) {
    assert.equal(log.cancel('k', 'x', id), rejected('requestIdReused'))
  }
})

test('lock: cancel: other key, owner or id: another request', () => {
  const log = new Driver()
  log.acquire('k', 'v')
  log.acquire('k', 'x', { requestId: 'a', waitMs: 500 })
  log.cancel('l', 'x', 'a')
  log.cancel('k', 'y', 'a')
  log.cancel('k', 'x', 'b')
  assert.equal(log.answers, [])
  assert.is(log.status('k').waiters, 1)
})

test('lock: cancel: takes a place among the memos, and is forgotten like any', () => {
  const log = new Driver({ memosPerOwnerMax: 1 })
  log.cancel('k', 'x', 'a')
  assert.equal(log.cancel('k', 'x', 'b'), rejected('overloaded'))
  assert.equal(log.cancel('k', 'x', 'a'), cancelled)
  log.timeMs = 600_000
  assert.equal(log.acquire('k', 'x', { requestId: 'a' }), granted(4), 'later than any client asks')
})

test('lock: cancel: in a session: what the owner waits for under that name, or all of it', () => {
  const log = new Driver()
  log.acquire('k', 'v')
  const wait = { session: 9, waitMs: 500 }
  log.acquire('k', 'x', { ...wait, requestId: 'a' })
  log.acquire('k', 'x', { ...wait, requestId: null })
  log.share('k', 'x', { ...wait, requestId: 'b' })
  log.acquire('k', 'y', { ...wait, requestId: 'a' })
  log.acquire('k', 'x', { session: 8, waitMs: 500, requestId: 'a' })
  log.acquire('k', 'x', { waitMs: 500, requestId: 'a' })
  assert.equal(log.cancel('k', 'x', 'a', { session: 9 }), cancelled)
  assert.equal(log.answers, [[2, cancelled]])
  assert.equal(log.cancel('k', 'x', null, { session: 9 }), cancelled)
  assert.equal(log.answers.slice(1), [
    [3, cancelled],
    [4, cancelled],
  ])
  assert.is(log.status('k').waiters, 3)
})

test('lock: cancel: in a session: none of the waits that end is let in meanwhile', () => {
  const log = new Driver()
  log.share('k', 'v')
  log.acquire('k', 'x', { session: 9, waitMs: 500 })
  log.share('k', 'x', { session: 9, waitMs: 500 })
  log.share('k', 'y', { waitMs: 500 })
  log.cancel('k', 'x', null, { session: 9 })
  assert.equal(log.answers, [
    [2, cancelled],
    [3, cancelled],
    [4, granted(5)],
  ])
})

test('lock: cancel: in a session, nothing waits: granted while it holds, else cancelled', () => {
  const log = new Driver()
  assert.equal(log.cancel('k', 'x', 'a', { session: 9 }), cancelled)
  log.acquire('k', 'x', { session: 9, requestId: 'a' })
  log.acquire('k', 'x', { session: 9, reentrant: true })
  log.timeMs = 300
  const mine = granted(2, { count: 2, ttlMs: 700 })
  assert.equal(log.cancel('k', 'x', 'a', { session: 9 }), mine)
  assert.equal(log.cancel('k', 'x', null, { session: 9 }), mine)
  assert.equal(log.cancel('k', 'x', 'a', { session: 8 }), cancelled)
  log.acquire('l', 'x', { session: 9, ttlMs: null })
  assert.equal(log.cancel('l', 'x', null, { session: 9 }), granted(7, { ttlMs: null }))
})

test.run()
