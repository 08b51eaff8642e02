// The manager over the store in memory, on a clock that the test drives.

import * as assert from 'uvu/assert'
import type { LockBackend } from '../../client/backend.ts'
import { LockError } from '../../client/errors.ts'
import { Manager } from '../../client/manager.ts'
import { suite } from '../harness.ts'
import { failure, gate, scene, watch } from './lock-support.ts'

const test = suite('manager')

test('withLock: fn throws: released, and its error is what is seen', async () => {
  const { locks } = scene()
  const manager = new Manager(locks)
  const mine = new Error('mine')
  const failing = manager.withLock('k', '3s', () => Promise.reject(mine))
  assert.is(await failing.catch((error) => error), mine)
  assert.not((await locks.status('k')).locked)
})

test('withLock: fn throws and the release fails too: the error of fn is what is seen', async () => {
  const { client } = scene()
  const manager = new Manager(client(withoutRelease))
  const mine = new Error('mine')
  const failing = manager.withLock('k', '3s', () => Promise.reject(mine))
  assert.is(await failing.catch((error) => error), mine)
  assert.is(await manager.withLock('other', '3s', () => 5), 5)
})

test('tryWithLock: free and held: fn runs, and does not run', async () => {
  const manager = new Manager(scene().locks)
  assert.equal(await manager.tryWithLock('k', '3s', () => 'x'), { ran: true, value: 'x' })
  const held = await manager.acquireLock('k', '3s')
  assert.equal(await manager.tryWithLock('k', '3s', () => 'x'), { ran: false })
  await held.release()
})

test('acquireLock: still valid: the same handle; run out: taken anew', async () => {
  const { clock, locks } = scene()
  const manager = new Manager(locks)
  const first = await manager.acquireLock('k', '2s')
  assert.is(await manager.acquireLock('k', '2s'), first)
  await clock.advance(2_000)
  const second = await manager.acquireLock('k', '2s')
  assert.is.not(second, first)
  assert.ok(second.fencingToken > first.fencingToken)
})

test('acquireLock: two at once: one acquire, and one handle', async () => {
  const manager = new Manager(scene().locks)
  const [first, second] = await Promise.all([
    manager.acquireLock('k', '2s'),
    manager.acquireLock('k', '2s'),
  ])
  assert.is(first, second)
})

test('acquireLock: shared by callers with signals: each ends its own wait alone', async () => {
  const { clock, client, locks } = scene()
  const before = await client().lock('k', '1h')
  const manager = new Manager(locks)
  const controllers = [new AbortController(), new AbortController(), new AbortController()]
  const waits = controllers.map(({ signal }) => {
    return watch(manager.acquireLock('k', '1m', { timeout: 0, signal }))
  })
  const patient = watch(manager.acquireLock('k', '1m'))
  const states = (): string[] => [...waits, patient].map(({ state }) => state)
  controllers[0]?.abort(new Error('mine'))
  await clock.advance(1)
  assert.equal(states(), ['failed', 'pending', 'pending', 'pending'])
  const error = waits[0]?.error as LockError
  assert.is(error.code, 'ABORTED')
  assert.is(error.message, 'failed to acquire lock k: aborted')
  assert.is((error.cause as Error).message, 'mine')
  controllers[2]?.abort()
  await clock.advance(1)
  assert.equal(states(), ['failed', 'pending', 'failed', 'pending'])
  await before.release()
  await clock.advance(1)
  assert.equal(states(), ['failed', 'done', 'failed', 'done'])
  assert.is(waits[1]?.value, patient.value)
})

test('acquireLock: all that share it give up: the next caller begins anew', async () => {
  const { clock, client, locks } = scene()
  const before = await client().lock('k', '1h')
  const manager = new Manager(locks)
  const controllers = [new AbortController(), new AbortController()]
  const waits = controllers.map(({ signal }) => {
    return watch(manager.acquireLock('k', '1m', { timeout: 0, signal }))
  })
  for (const controller of controllers) controller.abort()
  const next = watch(manager.acquireLock('k', '1m'))
  await clock.advance(1)
  assert.equal(waits.map(({ state }) => state), ['failed', 'failed'])
  assert.is((await locks.status('k')).waiters, 1)
  await before.release()
  await clock.advance(1)
  assert.is(next.state, 'done')
  const { signal } = controllers[0] as AbortController
  assert.is((await failure(manager.acquireLock('other', '1m', { signal }))).code, 'ABORTED')
})

test('acquireLock: the signals of all that share it: end the refresh too', async () => {
  const { clock, locks } = scene()
  const manager = new Manager(locks)
  const controllers = [new AbortController(), new AbortController()]
  const [lock] = await Promise.all(
    controllers.map(({ signal }) => manager.acquireLock('k', '3s', { autoRefresh: true, signal })),
  )
  controllers[0]?.abort()
  await clock.advance(10_000)
  assert.ok(lock?.isValid())
  controllers[1]?.abort()
  await clock.advance(10_000)
  assert.not(lock?.isValid())
})

test('acquireLock: a busy key: calls for other keys are not held up', async () => {
  const { clock, client, locks } = scene()
  await client().lock('busy', '1h')
  const manager = new Manager(locks)
  const waiting = watch(manager.acquireLock('busy', '1s', { timeout: '5s' }))
  await manager.acquireLock('free', '1h')
  assert.ok(await manager.releaseLock('free'))
  assert.is(waiting.state, 'pending')
  await clock.advance(5_000)
  assert.is((waiting.error as LockError).code, 'TIMEOUT')
})

test('releaseLock: of none: NOT_FOUND, and the message names it', async () => {
  const manager = new Manager(scene().locks)
  const error = await failure(manager.releaseLock('k'))
  assert.is(error.code, 'NOT_FOUND')
  assert.is(error.message, 'lock k not found')
  await manager.acquireLock('k', '2s')
  assert.is(await manager.releaseLock('k'), true)
  assert.is((await failure(manager.releaseLock('k'))).code, 'NOT_FOUND')
})

test('releaseAll: some fail: all are tried, and the error has what failed', async () => {
  const { client } = scene()
  const tried: string[] = []
  const locks = client((backend) => ({
    ...withoutRelease(backend),
    release: (request) => {
      tried.push(request.key)
      if (request.key !== 'b') return backend.release(request)
      throw new LockError('UNKNOWN', 'no answer')
    },
  }))
  const manager = new Manager(locks)
  for (const key of ['a', 'b', 'c']) await manager.acquireLock(key, '2s')
  const error = await failure(manager.releaseAll())
  assert.is(error.code, 'RELEASE_FAILED')
  assert.is(error.message, 'failed to release some locks: b')
  assert.is((error.cause as AggregateError).errors.length, 1)
  assert.equal(tried.sort(), ['a', 'b', 'c'])
  await manager.releaseAll()
})

test('releaseAll: while one is being taken: that one is given back too', async () => {
  const { client, locks } = scene()
  const slow = gate()
  const manager = new Manager(
    client((backend) => ({
      ...withoutRelease(backend),
      acquire: async (request) => {
        await slow.promise
        return backend.acquire(request)
      },
      release: (request) => backend.release(request),
    })),
  )
  const acquiring = manager.acquireLock('k', '2s')
  const releasing = manager.releaseAll()
  slow.open()
  await acquiring
  await releasing
  assert.not((await locks.status('k')).locked)
})

function withoutRelease(backend: LockBackend): LockBackend {
  return {
    supports: backend.supports,
    acquire: (request, signal) => backend.acquire(request, signal),
    renew: (request) => backend.renew(request),
    release: () => Promise.reject(new LockError('UNAVAILABLE', 'no node')),
    status: (key) => backend.status(key),
  }
}

test.run()
