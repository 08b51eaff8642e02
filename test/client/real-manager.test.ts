// The manager and the handles of locks against real nodes over real sockets, in real time: what is
// awaited is a condition, and of time only the lower bounds are asserted.

import * as assert from 'uvu/assert'
import type { DistributedLock } from '../../client/distributed-lock.ts'
import { Manager } from '../../client/manager.ts'
import { connect } from '../../client/node/connect.ts'
import { suite } from '../harness.ts'
import { serve } from '../server/http/support.ts'
import type { Served } from '../server/http/support.ts'
import { until } from '../support/until.ts'
import { codeOf, failure } from './lock-support.ts'

interface Scene {
  served: Served
  locks: DistributedLock
  /** Another client of the same nodes. */
  others: DistributedLock
}

const test = suite<Scene>('manager of a real service')

test.before(async (context) => {
  context.served = await serve(3)
  const nodes = context.served.nodes.map(({ url }) => new URL(url).host)
  context.locks = connect({ nodes })
  context.others = connect({ nodes })
})

test.after(async ({ served, locks, others }) => {
  await locks.close()
  await others.close()
  await served.close()
})

test('manager: withLock: excludes others, and is free when fn has ended or thrown', async ({
  locks,
  others,
}) => {
  const manager = new Manager(locks)
  const value = await manager.withLock('section', '30s', async ({ fencingToken }) => {
    assert.is(await others.tryLock('section', '30s'), null)
    assert.is((await others.status('section')).fencingToken, fencingToken)
    return 'value'
  })
  assert.is(value, 'value')
  assert.not((await others.status('section')).locked)
  const mine = new Error('mine')
  const failing = manager.withLock('section', '30s', () => Promise.reject(mine))
  assert.is(await failing.catch((error) => error), mine)
  assert.not((await others.status('section')).locked)
})

test('manager: two of two clients: a counter under withLock is exact', async (context) => {
  const managers = [new Manager(context.locks), new Manager(context.others)]
  let counter = 0
  const add = async (): Promise<void> => {
    const read = counter
    await new Promise((resolve) => setImmediate(resolve))
    counter = read + 1
  }
  const workers = Array.from({ length: 10 }, (_, at) => {
    return managers[at % 2]?.withLock('counter', '30s', add)
  })
  await Promise.all(workers)
  assert.is(counter, 10)
})

test('manager: tryWithLock: runs fn where it is free, and not where it is held', async ({
  locks,
  others,
}) => {
  const manager = new Manager(locks)
  assert.equal(await manager.tryWithLock('try', '30s', () => 5), { ran: true, value: 5 })
  const held = await others.lock('try', '30s')
  const tried = await manager.tryWithLock('try', '30s', () => assert.unreachable())
  assert.equal(tried, { ran: false })
  await held.release()
})

test('manager: acquireLock twice: one handle and one holding, gone by releaseLock', async ({
  locks,
  others,
}) => {
  const manager = new Manager(locks)
  const first = await manager.acquireLock('tracked', '30s')
  assert.is(await manager.acquireLock('tracked', '30s'), first)
  assert.is(await manager.releaseLock('tracked'), true)
  assert.not((await others.status('tracked')).locked)
  const error = await failure(manager.releaseLock('tracked'))
  assert.equal([error.code, error.message], ['NOT_FOUND', 'lock tracked not found'])
})

test('manager: a busy key: others are taken meanwhile; releaseAll gives all back', async ({
  locks,
  others,
}) => {
  const manager = new Manager(locks)
  const busy = await others.lock('busy', '30s')
  const waiting = manager.acquireLock('busy', '30s')
  const keys = ['free 1', 'free 2']
  for (const key of keys) await manager.acquireLock(key, '30s')
  assert.is((await others.status('busy')).owner, busy.owner)
  await busy.release()
  await waiting
  await manager.releaseAll()
  for (const key of [...keys, 'busy']) assert.not((await others.status(key)).locked, key)
})

test('handle: autoRefresh: the lock outlives its TTL', async ({ locks, others }) => {
  const startMs = performance.now()
  const lock = await locks.lock('long', '3s', { autoRefresh: true })
  let renewals = 0
  lock.on('renewed', () => renewals++)
  await until('four thirds of its TTL to be over', () => (renewals >= 4 ? true : undefined))
  assert.ok(performance.now() - startMs > 3_000)
  assert.ok(lock.isValid())
  const { owner, fencingToken } = await others.status('long')
  assert.equal([owner, fencingToken], [lock.owner, lock.fencingToken])
  assert.ok(await lock.release())
})

test('handle: no refresh: it ends, another has it, and nothing brings it back', async ({
  locks,
  others,
}) => {
  const lock = await locks.lock('short', '500ms')
  const next = await others.lock('short', '30s')
  assert.not(lock.isValid())
  assert.ok(next.fencingToken > lock.fencingToken)
  assert.is(await codeOf(lock.refresh()), 'LEASE_EXPIRED')
  assert.is(await lock.release(), false)
  assert.is((await locks.status('short')).owner, next.owner)
  await next.release()
})

test('handle: a refresh: moves expiresAt here, and the lease in the service', async ({ locks }) => {
  const metadata = { job: 'nightly' }
  const lock = await locks.lockWithOptions({ key: 'moved', ttl: '10s', metadata })
  const before = lock.expiresAt.getTime()
  await lock.refresh('1m')
  assert.is(lock.ttl, 60_000)
  assert.ok(lock.expiresAt.getTime() >= before + 49_000)
  const status = await locks.status('moved')
  assert.ok((status.remainingMs as number) > 10_000)
  assert.equal(status.metadata, metadata)
  await lock.refresh('5s')
  assert.ok(lock.expiresAt.getTime() < before)
  await lock.release()
})

test('handle: its signal was aborted: a release works, and nothing new is taken', async ({
  locks,
  others,
}) => {
  const abort = new AbortController()
  const { signal } = abort
  const lock = await locks.lock('aborted', '30s', { autoRefresh: true, signal })
  abort.abort()
  assert.is(await lock.release(), true)
  assert.not((await others.status('aborted')).locked)
  assert.is(await codeOf(locks.lock('aborted', '30s', { signal })), 'ABORTED')
})

test('lock: held for longer than the wait of 500 ms: TIMEOUT, and not before', async ({
  locks,
  others,
}) => {
  const held = await others.lock('waited', '30s')
  const startMs = performance.now()
  const error = await failure(locks.lock('waited', '30s', { timeout: 500 }))
  assert.ok(performance.now() - startMs >= 500)
  assert.is(error.code, 'TIMEOUT')
  assert.ok(error.retryable)
  await held.release()
})

test.run()
