// Shared locks: who holds together, who waits for whom, and what a holder may change.

import * as assert from 'uvu/assert'
import { suite } from '../../harness.ts'
import { Driver, granted, rejected, swept } from './support.ts'

const test = suite('lock shared')

/** Who holds the key, by session and name. */
function holders(log: Driver, key: string): string {
  const query = { type: 'listHolders', key, after: null, max: 100 } as const
  const reply = log.machine.query(log.state, query, log.timeMs)
  return reply?.type === 'holders' ? reply.holders.map((one) => one.owner).join() : 'none'
}

test('lock: shared: several owners: hold together, each with a token of its own', () => {
  const log = new Driver()
  assert.equal(log.share('k', 'y'), granted(1))
  assert.equal(log.share('k', 'x', { ttlMs: 500 }), granted(2, { ttlMs: 500 }))
  assert.is(holders(log, 'k'), 'x,y')
  const status = log.status('k')
  assert.is(status.mode, 'shared')
  assert.is(status.holders, 2)
  assert.is(status.owner, 'x')
})

test('lock: shared: held: an exclusive request is not let in, and told the first holder', () => {
  const log = new Driver()
  log.share('k', 'y')
  log.share('k', 'x')
  const held = { type: 'held', owner: 'x', token: 2, remainingMs: 1_000 }
  assert.equal(log.acquire('k', 'z'), held)
  log.share('k', 'a', { session: 9 })
  assert.equal(log.acquire('k', 'z'), held, 'those of no session come first')
})

test('lock: shared: held exclusive: a shared request waits like any other', () => {
  const log = new Driver()
  log.acquire('k', 'x')
  assert.is(log.share('k', 'y')?.type, 'held')
  assert.is(log.share('k', 'y', { waitMs: 500 }), null)
  log.release('k', 'x')
  assert.equal(log.answers, [[3, granted(4)]])
})

test('lock: shared: a writer waits: readers that come later wait behind it', () => {
  const log = new Driver()
  log.share('k', 'x')
  log.acquire('k', 'writer', { waitMs: 500 })
  assert.equal(log.share('k', 'y'), { type: 'held', owner: 'x', token: 1, remainingMs: 1_000 })
  assert.is(log.share('k', 'y', { waitMs: 500 }), null)
  log.release('k', 'x')
  assert.equal(log.answers, [[2, granted(5)]])
  log.release('k', 'writer')
  assert.equal(log.answers[1], [4, granted(6)])
})

test('lock: shared: a reader waits: writers that come later wait behind it', () => {
  const log = new Driver()
  log.acquire('k', 'w')
  log.share('k', 'reader', { waitMs: 500 })
  log.acquire('k', 'v', { waitMs: 500 })
  log.release('k', 'w')
  assert.equal(log.answers, [[2, granted(4)]])
  assert.is(log.holder('k'), 'reader')
})

test('lock: shared: one entry lets in several: up to the next writer, with one token', () => {
  const log = new Driver()
  log.acquire('k', 'w')
  for (const owner of ['x', 'y']) log.share('k', owner, { waitMs: 500 })
  log.acquire('k', 'v', { waitMs: 500 })
  log.share('k', 'z', { waitMs: 500 })
  log.release('k', 'w')
  assert.equal(log.answers, [
    [2, granted(6)],
    [3, granted(6)],
  ])
  assert.is(holders(log, 'k'), 'x,y')
  log.release('k', 'x')
  log.release('k', 'y')
  assert.equal(log.answers[2], [4, granted(8)])
  assert.is(log.answers.length, 3)
})

test('lock: shared: the writer in front gives up: the readers behind it are let in at once', () => {
  for (const how of ['timeout', 'cancel']) {
    const log = new Driver()
    log.share('k', 'x')
    log.acquire('k', 'writer', { waitMs: 100, requestId: 'w' })
    log.share('k', 'y', { waitMs: 500 })
    log.timeMs = 100
    if (how === 'timeout') assert.equal(log.expire(), swept({ waiters: 1 }))
    else log.cancel('k', 'writer', 'w')
    assert.equal(log.answers[1], [3, granted(4, { grantedAfterMs: 100 })])
    assert.is(holders(log, 'k'), 'x,y')
  }
})

test('lock: shared: an upgrade: refused, whoever else holds the key', () => {
  const log = new Driver()
  log.share('k', 'x')
  assert.equal(log.acquire('k', 'x', { waitMs: 500 }), rejected('upgrade'))
  log.share('k', 'y')
  assert.equal(log.acquire('k', 'x', { requestId: 'u' }), rejected('upgrade'))
  log.release('k', 'x')
  assert.equal(log.acquire('k', 'x', { requestId: 'u' }), rejected('upgrade'), 'one fate')
  log.release('k', 'y')
  assert.is(log.acquire('k', 'x')?.type, 'granted', 'a new request, holding nothing')
})

test('lock: shared: a downgrade: keeps the token and lets in the readers that are next', () => {
  const log = new Driver()
  log.acquire('k', 'x', { ttlMs: 400, metadata: 'first' })
  log.share('k', 'y', { waitMs: 500 })
  log.acquire('k', 'w', { waitMs: 500 })
  log.share('k', 'z', { waitMs: 500 })
  log.timeMs = 100
  assert.equal(log.share('k', 'x', { metadata: 'second' }), granted(1))
  assert.equal(log.answers, [[2, granted(5, { grantedAfterMs: 100 })]])
  assert.is(holders(log, 'k'), 'x,y')
  const status = log.status('k', { owner: 'x', session: null })
  assert.is(status.mode, 'shared')
  assert.is(status.metadata, 'first')
  assert.is(status.count, 1)
  assert.equal(log.acquire('k', 'x'), rejected('upgrade'), 'there is no way back')
})

test('lock: shared: a downgrade with a count: counts as any re-entry', () => {
  const log = new Driver({ countMax: 2 })
  log.acquire('k', 'x')
  assert.equal(log.share('k', 'x', { reentrant: true }), granted(1, { count: 2 }))
  assert.equal(log.release('k', 'x'), { type: 'released', count: 1 })
  assert.is(log.status('k').mode, 'shared')
  log.release('k', 'x')
  log.acquire('k', 'y')
  log.acquire('k', 'y', { reentrant: true })
  assert.equal(log.share('k', 'y', { reentrant: true }), rejected('countTooHigh'))
  assert.is(log.status('k').mode, 'exclusive', 'refused: nothing has changed')
})

test('lock: shared: re-entry and refresh: of the own holding alone, queue or not', () => {
  const log = new Driver()
  log.share('k', 'x')
  log.share('k', 'y')
  log.acquire('k', 'w', { waitMs: 500 })
  log.timeMs = 100
  assert.equal(log.share('k', 'x', { reentrant: true }), granted(1, { count: 2 }))
  assert.equal(log.share('k', 'y', { ttlMs: 200 }), granted(2, { ttlMs: 900 }))
  assert.is(log.release('k', 'x')?.type, 'released')
  assert.is(holders(log, 'k'), 'x,y')
})

test('lock: shared: two waits of one owner: the second is a re-entry of the first', () => {
  const log = new Driver({ countMax: 2 })
  log.acquire('k', 'w')
  log.share('k', 'x', { waitMs: 500, reentrant: true })
  log.share('k', 'x', { waitMs: 500, reentrant: true, ttlMs: 700 })
  log.share('k', 'x', { waitMs: 500, reentrant: true })
  log.share('k', 'x', { waitMs: 500, ttlMs: 2_000 })
  log.timeMs = 50
  log.release('k', 'w')
  assert.equal(log.answers, [
    [2, granted(6, { grantedAfterMs: 50 })],
    [3, granted(6, { count: 2, grantedAfterMs: 50 })],
    [4, rejected('countTooHigh')],
    [5, granted(6, { count: 2, ttlMs: 2_000, grantedAfterMs: 50 })],
  ])
  assert.is(log.status('k').holders, 1)
})

test('lock: shared: expire: holdings one by one, by deadline, token and first entry', () => {
  const log = new Driver()
  log.acquire('k', 'w')
  for (const owner of ['z', 'y']) log.share('k', owner, { waitMs: 500, ttlMs: 200 })
  log.share('l', 'x', { ttlMs: 100 })
  log.release('k', 'w')
  log.timeMs = 200
  const order: string[] = []
  for (const max of [1, 1, 5]) {
    log.expire(max)
    order.push(log.events.map((event) => ('owner' in event ? event.owner : '')).join())
  }
  assert.equal(order, ['x', 'z', 'y'])
  assert.is(log.machine.due(log.state), null)
})

test('lock: shared: events: contended once a key that is held has its first waiter', () => {
  const log = new Driver()
  const types = (): string => log.events.map(({ type }) => type).join()
  log.share('k', 'x')
  log.acquire('k', 'v', { waitMs: 500 })
  assert.is(types(), 'queued,contended')
  log.acquire('k', 'w', { waitMs: 500 })
  assert.is(types(), 'queued')
  log.release('k', 'x')
  assert.is(types(), 'released,granted,contended')
  assert.equal(log.events[2], { type: 'contended', key: 'k', index: 4, timeMs: 0, waiters: 1 })
  log.release('k', 'v')
  assert.is(types(), 'released,granted')
})

test.run()
