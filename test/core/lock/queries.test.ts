// What can be asked of locks. Each query is asked of the state and, by the log, of the machine.

import * as assert from 'uvu/assert'
import type { LockQuery } from '../../../core/lock/command.ts'
import type { LockReply } from '../../../core/lock/reply.ts'
import { suite } from '../../harness.ts'
import { Driver, NOBODY, rejected } from './support.ts'

const test = suite('lock queries')

/** The reply, which is the same with and without an entry, and changes nothing. */
function ask(log: Driver, query: LockQuery): LockReply | null {
  const { machine, state, timeMs } = log
  const before = log.bytes()
  const reply = machine.query(state, query, timeMs)
  assert.equal(log.apply(query), reply)
  assert.equal(log.apply(query, { session: 7 }), reply, 'in a session as well')
  assert.equal(log.events, [])
  assert.equal(log.bytes(), before)
  return reply
}

/** All pages of a list, `max` to a page, as text. */
function pages(log: Driver, query: Exclude<LockQuery, { type: 'status' | 'countLocks' }>): string {
  const told: string[] = []
  let after: string | number | null = null
  do {
    const reply: LockReply | null = ask(log, { ...query, after } as LockQuery)
    if (reply?.type === 'holders') told.push(reply.holders.map(({ owner }) => owner).join())
    else if (reply?.type === 'waiters') {
      told.push(reply.waiters.map(({ owner, position }) => `${owner}${position}`).join())
    } else if (reply?.type === 'locks') told.push(reply.locks.map(({ key }) => key).join())
    after = reply !== null && 'next' in reply ? reply.next : null
  } while (after !== null)
  return told.join('|')
}

const HELD = {
  ...NOBODY,
  locked: true,
  mode: 'exclusive',
  owner: 'x',
  token: 1,
  count: 1,
  ttlMs: 1_000,
  remainingMs: 950,
  holders: 1,
}

test('lock: status: free and held: who, which, for how long and in whose words', () => {
  const log = new Driver()
  assert.equal(ask(log, { type: 'status', key: 'k', holder: null }), NOBODY)
  log.index = 0
  log.acquire('k', 'x', { metadata: 'mine' })
  log.acquire('k', 'y', { waitMs: 100 })
  log.timeMs = 50
  const held = { ...HELD, metadata: 'mine', waiters: 1 }
  assert.equal(ask(log, { type: 'status', key: 'k', holder: null }), held)
  log.timeMs = 2_000
  const over = { ...held, remainingMs: 0 }
  assert.equal(ask(log, { type: 'status', key: 'k', holder: null }), over, 'and not yet swept')
})

test('lock: status: of one holder: of nobody else, but how the key stands', () => {
  const log = new Driver()
  log.share('k', 'x')
  log.share('k', 'y', { session: 7, ttlMs: null })
  const key = 'k'
  const base = { ...NOBODY, locked: true, mode: 'shared', holders: 2 }
  const y = { owner: 'y', session: 7, token: 2, count: 1, remainingMs: null }
  const holder = { owner: 'y', session: 7 }
  assert.equal(ask(log, { type: 'status', key, holder }), { ...base, ...y })
  assert.equal(ask(log, { type: 'status', key, holder: { owner: 'y', session: null } }), base)
})

test('lock: holders: by session and name, in pages', () => {
  const log = new Driver()
  for (const owner of ['z', 'x', 'é']) log.share('k', owner)
  log.share('k', 'b', { session: 300 })
  log.share('k', 'c', { session: 8, ttlMs: null, metadata: 'm' })
  const query = { type: 'listHolders', key: 'k', after: null } as const
  assert.is(pages(log, { ...query, max: 2 }), 'x,z|é,c|b')
  assert.is(pages(log, { ...query, max: 5 }), 'x,z,é,c,b')
  const reply = ask(log, { ...query, max: 100 })
  assert.ok(reply?.type === 'holders' && reply.mode === 'shared')
  const rest = { token: 5, count: 1, remainingMs: null, metadata: 'm', revoked: false }
  assert.equal(reply.holders[3], { owner: 'c', session: 8, ...rest })
  const none = { type: 'holders', mode: null, holders: [], next: null }
  assert.equal(ask(log, { type: 'listHolders', key: 'l', after: null, max: 9 }), none)
})

test('lock: holders: one exclusive: a page of one', () => {
  const log = new Driver()
  log.acquire('k', 'x')
  assert.is(pages(log, { type: 'listHolders', key: 'k', after: null, max: 1 }), 'x')
})

test('lock: waiters: in order of turn, with places that count over all pages', () => {
  const log = new Driver()
  log.acquire('k', 'v')
  for (const owner of ['z', 'y', 'x']) log.share('k', owner, { waitMs: 500 })
  log.timeMs = 200
  const query = { type: 'listWaiters', key: 'k', after: null } as const
  assert.is(pages(log, { ...query, max: 2 }), 'z1,y2|x3')
  const reply = ask(log, { ...query, max: 1 })
  const z = { owner: 'z', session: null, mode: 'shared', position: 1 }
  const waiters = [{ ...z, waitedMs: 200, remainingMs: 300 }]
  assert.equal(reply, { type: 'waiters', waiters, next: 2 })
  const none = { type: 'waiters', waiters: [], next: null }
  assert.equal(ask(log, { type: 'listWaiters', key: 'l', after: null, max: 9 }), none)
})

test('lock: locks: by key, those that begin so, in pages and counted', () => {
  const log = new Driver({ lockDelayMsMax: 1_000 })
  for (const key of ['b', 'a/2', 'a/10', 'a', 'ab', 'a/é']) log.acquire(key, 'x')
  log.share('a/s', 'y')
  log.share('a/s', 'x', { session: 7 })
  log.acquire('a/d', 'x', { lockDelayMs: 500 })
  log.acquire('a/d', 'y', { waitMs: 500 })
  log.force('a/d', { now: true })
  const query = { type: 'listLocks', prefix: 'a/', after: null } as const
  assert.is(pages(log, { ...query, max: 2 }), 'a/10,a/2|a/d,a/s|a/é')
  assert.is(pages(log, { ...query, prefix: '', max: 100 }), 'a,a/10,a/2,a/d,a/s,a/é,ab,b')
  assert.is(pages(log, { ...query, prefix: 'c', max: 100 }), '')
  const reply = ask(log, { ...query, after: 'a/2', max: 2 })
  const delayed = { key: 'a/d', mode: null, owner: null, token: 0, holders: 0, waiters: 1 }
  const shared = { key: 'a/s', mode: 'shared', owner: 'y', token: 7, holders: 2, waiters: 0 }
  assert.equal(reply, { type: 'locks', locks: [delayed, shared], next: 'a/s' })
  const counts = [['a/', 5], ['', 8], ['c', 0], ['a/10', 1]] as const
  for (const [prefix, locks] of counts) {
    assert.equal(ask(log, { type: 'countLocks', prefix }), { type: 'lockCount', locks })
  }
})

test('lock: lists: never more to a page than the limit', () => {
  const log = new Driver({ pageMax: 2 })
  for (const key of ['a', 'b', 'c']) log.acquire(key, 'x')
  assert.is(pages(log, { type: 'listLocks', prefix: '', after: null, max: 50 }), 'a,b|c')
})

test('lock: locks: a prefix or key at the end of all text: found like any', () => {
  const log = new Driver()
  const last = '\u{10ffff}'
  for (const key of ['z', last, `${last}a`, '\uffff']) log.acquire(key, 'x')
  assert.equal(ask(log, { type: 'countLocks', prefix: last }), { type: 'lockCount', locks: 2 })
  assert.equal(ask(log, { type: 'countLocks', prefix: '\uffff' }), { type: 'lockCount', locks: 1 })
})

test('lock: queries: a key or prefix that is none: its reason', () => {
  const log = new Driver()
  for (const type of ['status', 'listHolders', 'listWaiters'] as const) {
    const rest = { holder: null, after: null, max: 9 }
    const of = (key: string): LockQuery => ({ type, key, ...rest }) as LockQuery
    assert.equal(ask(log, of('')), rejected('keyEmpty'))
    assert.equal(ask(log, of('é'.repeat(513))), rejected('keyTooLong'))
    assert.equal(ask(log, of('\ud800')), rejected('keyNotText'))
  }
  for (const type of ['listLocks', 'countLocks'] as const) {
    const of = (prefix: string): LockQuery => ({ type, prefix, after: null, max: 9 }) as LockQuery
    assert.equal(ask(log, of('é'.repeat(513))), rejected('keyTooLong'))
    assert.equal(ask(log, of('\ud800')), rejected('keyNotText'))
  }
})

test.run()
