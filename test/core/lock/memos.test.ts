// One effect and one answer per request id, one small history each.

import * as assert from 'uvu/assert'
import { suite } from '../../harness.ts'
import { Driver, granted, rejected } from './support.ts'

const test = suite('lock memos')

test('lock: same id again: the same reply, no second effect', () => {
  const log = new Driver()
  const first = log.acquire('k', 'x', { requestId: 'a', reentrant: true })
  log.timeMs = 500
  assert.equal(log.acquire('k', 'x', { requestId: 'a', reentrant: true }), first)
  assert.is(log.machine.due(log.state)?.atMs, 1_000)
  log.acquire('k', 'x', { requestId: 'b', reentrant: true })
  const release = log.release('k', 'x', { requestId: 'c' })
  assert.equal(log.release('k', 'x', { requestId: 'c' }), release)
  assert.is(log.holder('k'), 'x', 'one count is left')
})

test('lock: same id again: the grant has ended: expired with the present token', () => {
  const log = new Driver()
  log.acquire('k', 'x', { requestId: 'a' })
  log.timeMs = 1_000
  log.expire()
  assert.equal(log.acquire('k', 'x', { requestId: 'a' }), { type: 'expired', token: 0 })
  log.acquire('k', 'y')
  assert.equal(log.acquire('k', 'x', { requestId: 'a' }), { type: 'expired', token: 4 })
  log.release('k', 'y')
  log.acquire('k', 'x', { requestId: 'b' })
  assert.equal(log.acquire('k', 'x', { requestId: 'a' }), { type: 'expired', token: 7 })
})

test('lock: same id again: held, timeout, renewed and notHolder: stay what they were', () => {
  const log = new Driver()
  log.acquire('k', 'x')
  const held = log.acquire('k', 'y', { requestId: 'a' })
  const renewed = log.renew('k', 'x', { requestId: 'r', ttlMs: 400 })
  const none = log.release('k', 'y', { requestId: 'n' })
  log.acquire('k', 'y', { requestId: 'w', waitMs: 100 })
  log.timeMs = 400
  log.expire()
  assert.is(log.holder('k'), null)
  assert.equal(log.acquire('k', 'y', { requestId: 'a' }), held)
  assert.equal(log.renew('k', 'x', { requestId: 'r', ttlMs: 400 }), renewed)
  assert.equal(log.release('k', 'y', { requestId: 'n' }), none)
  assert.equal(log.acquire('k', 'y', { requestId: 'w', waitMs: 100 }), { type: 'timeout' })
  assert.is(log.holder('k'), null)
})

test('lock: same id still waits: keeps place and deadline, the newest attempt is answered', () => {
  const log = new Driver()
  log.acquire('k', 'x')
  log.acquire('k', 'v', { waitMs: 3_000 })
  log.acquire('k', 'y', { waitMs: 3_000, requestId: 'a' })
  log.acquire('k', 'z', { waitMs: 3_000 })
  log.timeMs = 500
  assert.is(log.acquire('k', 'y', { waitMs: 3_000, requestId: 'a' }), null)
  assert.equal(log.answers, [[3, { type: 'queued', position: 2 }]])
  log.release('k', 'x')
  log.release('k', 'v')
  assert.equal(log.answers[2], [5, granted(7, { grantedAfterMs: 500 })])
  const event = log.events.find(({ type }) => type === 'granted')
  assert.is(event?.type === 'granted' && event.enteredIndex, 3)
  assert.equal(
    log.acquire('k', 'y', { waitMs: 3_000, requestId: 'a' }),
    granted(7, { grantedAfterMs: 500 }),
  )
})

test('lock: same id, other body: requestIdReused, and nothing happens', () => {
  const log = new Driver()
  log.acquire('k', 'x', { requestId: 'a' })
  const hash = log.machine.hash(log.state)
  const reused = rejected('requestIdReused')
  assert.equal(log.acquire('k', 'x', { requestId: 'a', ttlMs: 999 }), reused)
  assert.equal(log.acquire('k', 'x', { requestId: 'a', waitMs: 1 }), reused)
  assert.equal(log.acquire('k', 'x', { requestId: 'a', reentrant: true }), reused)
  assert.equal(log.release('k', 'x', { requestId: 'a' }), reused)
  assert.equal(log.renew('k', 'x', { requestId: 'a' }), reused)
  assert.is(log.machine.hash(log.state), hash)
  log.renew('k', 'x', { requestId: 'b' })
  assert.equal(log.renew('k', 'x', { requestId: 'b', token: 1 }), reused)
  log.release('k', 'x', { requestId: 'c' })
  assert.equal(log.release('k', 'x', { requestId: 'c', all: true }), reused)
})

test('lock: same id: other key or other owner: another request', () => {
  const log = new Driver()
  log.acquire('k', 'x', { requestId: 'a' })
  assert.equal(log.acquire('l', 'x', { requestId: 'a' }), granted(2))
  assert.is(log.acquire('k', 'y', { requestId: 'a' })?.type, 'held')
  assert.equal(log.acquire('k\u0000x', 'a', { requestId: 'b' }), granted(4))
  assert.equal(log.acquire('k', 'x\u0000a', { requestId: 'b' })?.type, 'held')
  assert.equal(log.acquire('k', 'x', { requestId: 'a\u0000b' }), granted(1))
})

test('lock: memos: after their life: dropped in order, a few with each command', () => {
  const log = new Driver({ memosDroppedMax: 2 })
  for (let count = 0; count < 5; count++) log.acquire(`k${count}`, 'x', { requestId: 'a' })
  log.timeMs = 599_999
  assert.equal(log.acquire('k0', 'x', { requestId: 'a' }), granted(1), 'the lease was not swept')
  log.timeMs = 600_000
  log.expire()
  assert.equal(log.acquire('k4', 'x', { requestId: 'a' }), { type: 'expired', token: 0 })
  assert.equal(log.acquire('k4', 'x', { requestId: 'a' }), granted(9), 'forgotten by now')
})

test('lock: everything over and forgotten: the state is as it was at first', () => {
  const log = new Driver({ memosDroppedMax: 100 })
  log.acquire('k', 'x')
  log.acquire('k', 'y', { waitMs: 2_000 })
  log.acquire('k', 'z', { waitMs: 10 })
  for (const timeMs of [1_000, 2_000, 602_000]) {
    log.timeMs = timeMs
    log.expire()
  }
  assert.equal(log.state, log.machine.initial())
})

test('lock: memos: the owner has its share: overloaded, to that owner alone', () => {
  const log = new Driver({ memosPerOwnerMax: 3 })
  log.acquire('k', 'x', { requestId: 'a' })
  log.acquire('l', 'v')
  log.acquire('l', 'x', { waitMs: 5_000 })
  log.renew('k', 'x')
  assert.equal(log.release('k', 'x'), rejected('overloaded'))
  assert.equal(log.acquire('k', 'x', { requestId: 'a' }), granted(1), 'a repeated one is answered')
  assert.is(log.acquire('k', 'y')?.type, 'held')
  log.timeMs = 600_000
  log.expire()
  assert.is(log.release('k', 'x')?.type, 'notHolder')
})

test('lock: memos: full in all: overloaded to everyone, until old ones are dropped', () => {
  const log = new Driver({ memosMax: 2 })
  log.acquire('k', 'x')
  log.acquire('l', 'y')
  assert.equal(log.acquire('m', 'z'), rejected('overloaded'))
  log.timeMs = 600_000
  assert.equal(log.acquire('m', 'z'), granted(4))
})

test.run()
