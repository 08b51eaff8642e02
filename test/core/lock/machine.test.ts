// The rules of the lock machine for exclusive locks and their queues, one small history each. Other
// rules have files of their own.

import * as assert from 'uvu/assert'
import { suite } from '../../harness.ts'
import { Driver, granted, swept } from './support.ts'

const test = suite('lock')

test('lock: try: free key: granted with the index as token', () => {
  const log = new Driver()
  log.index = 41
  assert.equal(log.acquire('k', 'x'), granted(42))
  assert.is(log.holder('k'), 'x')
})

test('lock: try: held key: held, with holder, token and what remains', () => {
  const log = new Driver()
  log.acquire('k', 'x')
  log.timeMs = 300
  const held = { type: 'held', owner: 'x', token: 1, remainingMs: 700 }
  assert.equal(log.acquire('k', 'y'), held)
  log.timeMs = 5_000
  assert.equal(log.acquire('k', 'y'), { ...held, remainingMs: 0 }, 'held until expire is applied')
})

test('lock: other keys: not touched', () => {
  const log = new Driver()
  log.acquire('k', 'x')
  assert.equal(log.acquire('l', 'y'), granted(2))
  log.release('l', 'y')
  assert.is(log.holder('k'), 'x')
})

test('lock: re-entry: by the holder: count grows, token stays, deadline never earlier', () => {
  const log = new Driver()
  log.acquire('k', 'x', { ttlMs: 1_000 })
  log.timeMs = 100
  const again = log.acquire('k', 'x', { reentrant: true, ttlMs: 200 })
  assert.equal(again, granted(1, { count: 2, ttlMs: 900 }))
  const longer = log.acquire('k', 'x', { reentrant: true, ttlMs: 2_000 })
  assert.equal(longer, granted(1, { count: 3, ttlMs: 2_000 }))
  assert.is(log.machine.due(log.state)?.atMs, 2_100)
  assert.equal(log.release('k', 'x'), { type: 'released', count: 2 })
  assert.equal(log.release('k', 'x'), { type: 'released', count: 1 })
  assert.is(log.holder('k'), 'x')
  assert.equal(log.release('k', 'x'), { type: 'released', count: 0 })
  assert.is(log.holder('k'), null)
})

test('lock: refresh: by the holder, not reentrant: count stays, deadline never earlier', () => {
  const log = new Driver()
  log.acquire('k', 'x')
  log.timeMs = 400
  assert.equal(log.acquire('k', 'x', { ttlMs: 100 }), granted(1, { ttlMs: 600 }))
  assert.equal(log.acquire('k', 'x'), granted(1))
  assert.is(log.machine.due(log.state)?.atMs, 1_400)
})

test('lock: release: all: every count at once', () => {
  const log = new Driver()
  log.acquire('k', 'x')
  log.acquire('k', 'x', { reentrant: true })
  assert.equal(log.release('k', 'x', { all: true }), { type: 'released', count: 0 })
  assert.is(log.holder('k'), null)
})

test('lock: release: wrong owner, stale token or free key: changes nothing and says so', () => {
  const log = new Driver()
  log.acquire('k', 'x')
  assert.equal(log.release('k', 'y'), { type: 'notHolder', token: 1 })
  assert.equal(log.release('k', 'x', { token: 7 }), { type: 'notHolder', token: 1 })
  assert.is(log.holder('k'), 'x')
  assert.equal(log.release('k', 'x', { token: 1 }), { type: 'released', count: 0 })
  assert.equal(log.release('k', 'x', { token: 1 }), { type: 'notHolder', token: 0 })
})

test('lock: renew: by the holder: the deadline moves, earlier too', () => {
  const log = new Driver()
  log.acquire('k', 'x')
  log.timeMs = 10
  assert.equal(log.renew('k', 'x', { ttlMs: 200 }), { type: 'renewed', token: 1, ttlMs: 200 })
  assert.is(log.machine.due(log.state)?.atMs, 210)
  log.timeMs = 500
  const late = log.renew('k', 'x', { token: 1, ttlMs: 300 })
  assert.equal(late, { type: 'renewed', token: 1, ttlMs: 300 }, 'before expire is applied')
  assert.equal(log.expire(), swept())
})

test('lock: renew: after the end, by another, stale token: expired, never re-acquires', () => {
  const log = new Driver()
  log.acquire('k', 'x')
  assert.equal(log.renew('k', 'y'), { type: 'expired', token: 1 })
  assert.equal(log.renew('k', 'x', { token: 9 }), { type: 'expired', token: 1 })
  log.timeMs = 1_000
  log.expire()
  assert.equal(log.renew('k', 'x', { token: 1 }), { type: 'expired', token: 0 })
  assert.is(log.holder('k'), null)
})

test('lock: renew: a heartbeat: as long as the lease was last set to', () => {
  const log = new Driver()
  log.acquire('k', 'x', { ttlMs: 500 })
  log.timeMs = 400
  const renewed = (ttlMs: number): object => ({ type: 'renewed', token: 1, ttlMs })
  assert.equal(log.renew('k', 'x', { ttlMs: null }), renewed(500))
  assert.is(log.machine.due(log.state)?.atMs, 900)
  log.acquire('k', 'x', { ttlMs: 200 })
  assert.equal(log.renew('k', 'x', { ttlMs: null }), renewed(500), 'a refresh that set nothing')
  log.acquire('k', 'x', { ttlMs: 2_000, reentrant: true })
  assert.equal(log.renew('k', 'x', { ttlMs: null }), renewed(2_000))
  log.renew('k', 'x', { ttlMs: 300 })
  assert.equal(log.renew('k', 'x', { ttlMs: null, token: 1 }), renewed(300))
  assert.is(log.machine.due(log.state)?.atMs, 700)
})

test('lock: expire: at the deadline and not before: frees, with an event', () => {
  const log = new Driver()
  log.acquire('k', 'x')
  log.timeMs = 999
  assert.equal(log.expire(), swept())
  log.timeMs = 1_000
  assert.equal(log.expire(), swept({ locks: 1 }))
  const event = { type: 'expired', key: 'k', owner: 'x', index: 3, timeMs: 1_000 }
  assert.equal(log.events, [{ ...event, session: null, token: 1, deadlineMs: 1_000 }])
})

test('lock: expire: more than max have run out: by deadline, then token', () => {
  const log = new Driver()
  log.acquire('late', 'x', { ttlMs: 300 })
  log.acquire('c', 'x', { ttlMs: 200 })
  log.acquire('b', 'x', { ttlMs: 200 })
  log.acquire('a', 'x', { ttlMs: 100 })
  log.timeMs = 300
  const order: string[] = []
  for (const max of [1, 2, 5]) {
    log.expire(max)
    order.push(log.events.map((event) => event.key).join())
  }
  assert.equal(order, ['a', 'c,b', 'late'])
})

test('lock: expire: one entry grants two keys: the same token, freed later as they came', () => {
  const log = new Driver()
  for (const key of ['q', 'p']) {
    log.acquire(key, 'x', { ttlMs: 100 })
    log.acquire(key, 'y', { ttlMs: 500, waitMs: 10_000 })
  }
  log.timeMs = 100
  log.expire()
  assert.equal(log.answers.map(([index, reply]) => [index, (reply as { token: number }).token]), [
    [2, 5],
    [4, 5],
  ])
  log.timeMs = 600
  log.expire()
  assert.equal(log.events.map((event) => event.key), ['q', 'p'])
})

test('lock: waiters: release: first come, first served, with D from the first entry', () => {
  const log = new Driver()
  log.acquire('k', 'x')
  log.timeMs = 100
  assert.is(log.acquire('k', 'y', { waitMs: 5_000, ttlMs: 700 }), null)
  log.timeMs = 150
  assert.is(log.acquire('k', 'z', { waitMs: 5_000 }), null)
  log.timeMs = 400
  assert.equal(log.release('k', 'x'), { type: 'released', count: 0 })
  assert.equal(log.answers, [[2, granted(4, { ttlMs: 700, grantedAfterMs: 300 })]])
  assert.equal(log.acquire('k', 'v'), { type: 'held', owner: 'y', token: 4, remainingMs: 700 })
  assert.is(log.machine.due(log.state)?.atMs, 1_100)
  log.release('k', 'y')
  assert.equal(log.answers[1], [3, granted(6, { grantedAfterMs: 250 })])
})

test('lock: waiters: the lease runs out: the next is granted by the entry that expires it', () => {
  const log = new Driver()
  log.acquire('k', 'x')
  log.acquire('k', 'y', { waitMs: 5_000 })
  log.timeMs = 1_200
  log.expire()
  assert.equal(log.events.map((event) => event.type), ['expired', 'granted'])
  assert.equal(log.answers, [[2, granted(3, { grantedAfterMs: 1_200 })]])
})

test('lock: waiters: the wait runs out: timeout at the expire, and out of the queue', () => {
  const log = new Driver()
  log.acquire('k', 'x')
  log.acquire('k', 'y', { waitMs: 200 })
  assert.is(log.machine.due(log.state)?.atMs, 200)
  log.timeMs = 199
  log.expire()
  assert.equal(log.answers, [])
  log.timeMs = 200
  assert.equal(log.expire(), swept({ waiters: 1 }))
  assert.equal(log.answers, [[2, { type: 'timeout' }]])
  assert.equal(log.events.map((event) => event.type === 'waitEnded' && event.by), ['timeout'])
  log.release('k', 'x')
  assert.is(log.holder('k'), null)
})

test('lock: waiters: run out at the very moment of a release: timed out, the next is taken', () => {
  const log = new Driver()
  log.acquire('k', 'x')
  log.acquire('k', 'y', { waitMs: 200 })
  log.acquire('k', 'z', { waitMs: 201 })
  log.timeMs = 200
  log.release('k', 'x')
  assert.equal(log.answers, [
    [2, { type: 'timeout' }],
    [3, granted(4, { grantedAfterMs: 200 })],
  ])
})

test('lock: waiters: expire with a small max: waits and leases are bounded together', () => {
  const log = new Driver()
  log.acquire('k', 'x', { ttlMs: 100 })
  log.acquire('l', 'x', { ttlMs: 100 })
  log.acquire('k', 'y', { waitMs: 50 })
  log.acquire('k', 'z', { waitMs: 60 })
  log.timeMs = 100
  assert.equal(log.expire(1), swept({ waiters: 1 }))
  assert.equal(log.expire(2), swept({ locks: 1, waiters: 1 }))
  assert.equal(log.answers.map(([index]) => index), [3, 4])
  assert.equal(log.expire(2), swept({ locks: 1 }))
  assert.is(log.machine.due(log.state), null)
})

test('lock: due: nothing held: null; else the earliest deadline with max 1000', () => {
  const log = new Driver()
  assert.is(log.machine.due(log.state), null)
  log.acquire('k', 'x', { ttlMs: 500 })
  log.acquire('l', 'x', { ttlMs: 400 })
  assert.equal(log.machine.due(log.state), { atMs: 400, command: { type: 'expire', max: 1_000 } })
})

test('lock: token base: in the state: added to every index', () => {
  const log = new Driver()
  log.state = { ...log.state, tokenBase: 1_000 }
  assert.equal(log.acquire('k', 'x'), granted(1_001))
  log.acquire('k', 'y', { waitMs: 100 })
  log.release('k', 'x')
  assert.equal(log.answers, [[2, granted(1_003)]])
  const restored = log.machine.decodeSnapshot(log.machine.encodeSnapshot(log.state))
  assert.is(restored?.tokenBase, 1_000)
  assert.is(log.machine.hash(restored!), log.machine.hash(log.state))
  assert.is.not(log.machine.hash({ ...log.state, tokenBase: 0 }), log.machine.hash(log.state))
})

test.run()
