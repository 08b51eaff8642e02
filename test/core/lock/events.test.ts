// What watchers are told of each change.

import * as assert from 'uvu/assert'
import { suite } from '../../harness.ts'
import { Driver } from './support.ts'

const test = suite('lock events')

test('lock: events: of each change: where, who and which', () => {
  const log = new Driver()
  const types = (): string => log.events.map((event) => event.type).join()
  log.acquire('k', 'x', { requestId: 'a' })
  const x = { key: 'k', owner: 'x', session: null, timeMs: 0 }
  const mode = 'exclusive'
  const rest = { mode, token: 1, requestId: 'a', enteredIndex: 1, deadlineMs: 1_000 }
  assert.equal(log.events, [{ type: 'granted', ...x, index: 1, ...rest }])
  log.share('k', 'y', { waitMs: 10, requestId: 'b', session: 7 })
  const y = { key: 'k', owner: 'y', session: 7, index: 2, timeMs: 0 }
  assert.equal(log.events, [
    { type: 'queued', ...y, mode: 'shared', requestId: 'b', deadlineMs: 10 },
    { type: 'contended', key: 'k', index: 2, timeMs: 0, waiters: 1 },
  ])
  log.renew('k', 'x', { ttlMs: 500 })
  const updated = { ...x, index: 3, mode, token: 1, count: 1, deadlineMs: 500 }
  assert.equal(log.events, [{ type: 'updated', ...updated }])
  log.force('k')
  assert.equal(log.events, [{ type: 'revoked', ...x, index: 4, token: 1, deadlineMs: 500 }])
  log.release('k', 'x')
  assert.is(types(), 'released,granted')
  assert.equal(log.events[0], { type: 'released', ...x, index: 5, token: 1 })
  log.release('k', 'x')
  assert.is(types(), '')
})

test('lock: events: of a wait that ends: by what, and which', () => {
  const log = new Driver()
  log.acquire('k', 'x')
  log.acquire('k', 'y', { waitMs: 100, requestId: 'a' })
  log.acquire('k', 'y', { waitMs: 200, requestId: 'b' })
  log.acquire('k', 'y', { waitMs: 300, session: 7, requestId: null })
  const told: unknown[] = []
  const tell = (): void => {
    for (const event of log.events) if (event.type === 'waitEnded') told.push(event)
  }
  log.timeMs = 150
  log.expire()
  tell()
  log.cancel('k', 'y', 'b')
  tell()
  log.endSession(7, 'close')
  log.expire()
  tell()
  const y = { type: 'waitEnded', key: 'k', owner: 'y', timeMs: 150 }
  const plain = { ...y, session: null }
  const rest = { requestId: null, enteredIndex: 4, deadlineMs: 300 }
  assert.equal(told, [
    { ...plain, index: 5, by: 'timeout', requestId: 'a', enteredIndex: 2, deadlineMs: 100 },
    { ...plain, index: 6, by: 'cancel', requestId: 'b', enteredIndex: 3, deadlineMs: 200 },
    { ...y, session: 7, index: 8, by: 'session', ...rest },
  ])
})

test('lock: events: of a wait whose owner holds it by now: it ends as a re-entry', () => {
  const log = new Driver()
  log.acquire('k', 'x')
  log.share('k', 'y', { waitMs: 100, requestId: 'a' })
  log.share('k', 'y', { waitMs: 100, requestId: 'b', reentrant: true })
  log.acquire('k', 'z', { waitMs: 100 })
  log.release('k', 'x')
  const told = log.events.map((event) => {
    return [event.type, 'by' in event ? event.by : 'count' in event ? event.count : '']
  })
  const again = [['waitEnded', 'reentry'], ['updated', 2]]
  assert.equal(told, [['released', ''], ['granted', ''], ...again, ['contended', '']])
})

test('lock: events: of a holding that is lost: by what, and the delay that begins', () => {
  const log = new Driver()
  log.acquire('k', 'x', { session: 7, ttlMs: null, lockDelayMs: 300 })
  log.timeMs = 50
  log.endSession(7, 'expiry')
  log.expire()
  const where = { key: 'k', index: 3, timeMs: 50 }
  assert.equal(log.events, [
    { type: 'lost', ...where, owner: 'x', session: 7, token: 1, by: 'session' },
    { type: 'delayed', ...where, untilMs: 350 },
  ])
})

test('lock: events: a downgrade: the holding goes on, shared', () => {
  const log = new Driver()
  log.acquire('k', 'x')
  log.share('k', 'y', { waitMs: 100 })
  log.acquire('k', 'z', { waitMs: 100 })
  log.share('k', 'x')
  const told = log.events.map((event) => ('mode' in event ? [event.type, event.mode] : event.type))
  assert.equal(told, [['updated', 'shared'], ['granted', 'shared'], 'contended'])
})

test.run()
