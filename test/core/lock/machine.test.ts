// Every rule of the lock machine, one small history each.

import * as assert from 'uvu/assert'
import type { LockReply } from '../../../core/lock/command.ts'
import { mapSize } from '../../../core/ordered-map.ts'
import { suite } from '../../harness.ts'
import { Driver } from './support.ts'

const test = suite('lock')

const granted = (token: number, more: object = {}): object => ({
  type: 'granted',
  token,
  count: 1,
  ttlMs: 1_000,
  grantedAfterMs: 0,
  ...more,
})
const rejected = (reason: string): object => ({ type: 'rejected', reason })

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
  assert.equal(log.expire(), { type: 'swept', locks: 0, waiters: 0 })
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

test('lock: expire: at the deadline and not before: frees, with an event', () => {
  const log = new Driver()
  log.acquire('k', 'x')
  log.timeMs = 999
  assert.equal(log.expire(), { type: 'swept', locks: 0, waiters: 0 })
  log.timeMs = 1_000
  assert.equal(log.expire(), { type: 'swept', locks: 1, waiters: 0 })
  const event = { type: 'expired', key: 'k', owner: 'x', index: 3, timeMs: 1_000 }
  assert.equal(log.events, [{ ...event, token: 1, deadlineMs: 1_000 }])
})

test('lock: expire: more than max have run out: by deadline, then token, then key', () => {
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

test('lock: expire: one entry grants two keys: the same token, freed later in key order', () => {
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
  assert.equal(log.events.map((event) => event.key), ['p', 'q'])
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
  assert.equal(log.expire(), { type: 'swept', locks: 0, waiters: 1 })
  assert.equal(log.answers, [[2, { type: 'timeout' }]])
  assert.is(log.events[0]?.type, 'waitTimedOut')
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
  assert.equal(log.expire(1), { type: 'swept', locks: 0, waiters: 1 })
  assert.equal(log.expire(2), { type: 'swept', locks: 1, waiters: 1 })
  assert.equal(log.answers.map(([index]) => index), [3, 4])
  assert.equal(log.expire(2), { type: 'swept', locks: 1, waiters: 0 })
  assert.is(log.machine.due(log.state), null)
})

test('lock: due: nothing held: null; else the earliest deadline with max 1000', () => {
  const log = new Driver()
  assert.is(log.machine.due(log.state), null)
  log.acquire('k', 'x', { ttlMs: 500 })
  log.acquire('l', 'x', { ttlMs: 400 })
  assert.equal(log.machine.due(log.state), { atMs: 400, command: { type: 'expire', max: 1_000 } })
})

test('lock: status: free and held: who, which and for how long', () => {
  const log = new Driver()
  const free = { owner: null, token: 0, count: 0, remainingMs: 0, waiters: 0 }
  assert.equal(log.apply({ type: 'status', key: 'k' }), { type: 'status', locked: false, ...free })
  log.acquire('k', 'x')
  log.acquire('k', 'y', { waitMs: 100 })
  log.timeMs = 50
  const held = { owner: 'x', token: 2, count: 1, remainingMs: 950, waiters: 1 }
  assert.equal(log.apply({ type: 'status', key: 'k' }), { type: 'status', locked: true, ...held })
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

test('lock: bad input: each has its reason, and leaves no memo', () => {
  const log = new Driver()
  const before = log.machine.hash(log.state)
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
    [log.acquire('k', 'x', { ttlMs: 99 }), 'ttlOutOfRange'],
    [log.acquire('k', 'x', { ttlMs: 86_400_001 }), 'ttlOutOfRange'],
    [log.renew('k', 'x', { ttlMs: 100.5 }), 'ttlOutOfRange'],
    [log.acquire('k', 'x', { waitMs: -1 }), 'waitOutOfRange'],
    [log.acquire('k', 'x', { waitMs: 86_400_001 }), 'waitOutOfRange'],
    [log.release('k', 'x', { token: -1 }), 'tokenOutOfRange'],
    [log.renew('k', 'x', { token: 1.5 }), 'tokenOutOfRange'],
    [log.apply({ type: 'status', key: '' }), 'keyEmpty'],
  ]
  for (const [reply, reason] of cases) assert.equal(reply, rejected(reason))
  assert.is(log.machine.hash(log.state), before)
  const widest = { ttlMs: 86_400_000, waitMs: 86_400_000, requestId: 'a'.repeat(96) }
  assert.is(log.acquire('é'.repeat(512), 'x'.repeat(256), widest)?.type, 'granted')
})

test('lock: events: of each change: where, who and which', () => {
  const log = new Driver()
  const types = (): string => log.events.map((event) => event.type).join()
  log.acquire('k', 'x', { requestId: 'a' })
  const where = { key: 'k', owner: 'x', index: 1, timeMs: 0 }
  const rest = { token: 1, requestId: 'a', enteredIndex: 1, deadlineMs: 1_000 }
  assert.equal(log.events, [{ type: 'granted', ...where, ...rest }])
  log.acquire('k', 'y', { waitMs: 10, requestId: 'b' })
  const queued = { key: 'k', owner: 'y', index: 2, timeMs: 0, requestId: 'b', deadlineMs: 10 }
  assert.equal(log.events, [{ type: 'queued', ...queued }])
  log.renew('k', 'x', { ttlMs: 500 })
  const updated = { key: 'k', owner: 'x', index: 3, timeMs: 0, token: 1, count: 1, deadlineMs: 500 }
  assert.equal(log.events, [{ type: 'updated', ...updated }])
  log.release('k', 'x')
  assert.is(types(), 'released,granted')
  log.release('k', 'x')
  assert.is(types(), '')
})

test.run()
