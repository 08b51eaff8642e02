// The client over the store in memory, on a clock that the test drives.

import * as assert from 'uvu/assert'
import type { LockBackend } from '../../client/backend.ts'
import { DistributedLock } from '../../client/distributed-lock.ts'
import { DrivenClock } from '../../client/driven-clock.ts'
import { LockError } from '../../client/errors.ts'
import type { ClientEvent } from '../../client/lock-event.ts'
import { memoryBackend } from '../../client/memory.ts'
import { suite } from '../harness.ts'
import { codeOf, failure, gate, scene, watch } from './lock-support.ts'

const test = suite('distributed lock')

/** Ten workers that share a client add one each, and let others run in between. */
async function countWith(locks: DistributedLock): Promise<number> {
  let counter = 0
  const worker = async (): Promise<void> => {
    const lock = await locks.lock('counter', '10s')
    const read = counter
    for (let turn = 0; turn < 3; turn++) await Promise.resolve()
    counter = read + 1
    await lock.release()
  }
  await Promise.all(Array.from({ length: 10 }, worker))
  return counter
}

test('lock: ten workers share one client and no mutex: the counter is exactly 10', async () => {
  assert.is(await countWith(new DistributedLock(memoryBackend())), 10)
})

test('lock: ten workers and a lock that does nothing: counts are lost', async () => {
  const { client } = scene()
  const noOp = client((backend) => ({
    supports: backend.supports,
    acquire: async ({ ttlMs }) => {
      const grant = { token: 1, count: 1, ttlMs, grantedAfterMs: 0, firstSentMs: 0 }
      return { type: 'granted', ...grant }
    },
    renew: async () => ({ type: 'renewed' }),
    release: async () => ({ type: 'released', count: 0 }),
    status: (key) => backend.status(key),
  }))
  assert.ok((await countWith(noOp)) < 10)
})

test('lock: a wait of 500 ms: fails at 500 ms or more, and before 600', async () => {
  const { clock, locks } = scene()
  await locks.lock('k', '30s')
  const waiting = watch(locks.lock('k', '30s', { timeout: 500 }))
  await clock.advance(499)
  assert.is(waiting.state, 'pending')
  await clock.advance(100)
  assert.is(waiting.state, 'failed')
  const error = waiting.error as LockError
  assert.is(error.code, 'TIMEOUT')
  assert.is(error.key, 'k')
  assert.ok(error.retryable)
  const text = 'lock acquisition timeout: failed to acquire lock k within 500 ms'
  assert.is(error.message, text)
})

test('lock: no timeout is given: it waits 30 s', async () => {
  const { clock, locks } = scene()
  await locks.lock('k', '1h')
  const waiting = watch(locks.lock('k', '30s'))
  await clock.advance(29_999)
  assert.is(waiting.state, 'pending')
  await clock.advance(1)
  assert.is(waiting.state, 'failed')
})

test('lock: timeout 0: it waits until it is granted, for days', async () => {
  const { clock, locks } = scene()
  const first = await locks.lock('k', '1h', { autoRefresh: true, refreshTtl: '20h' })
  const waiting = watch(locks.lock('k', '30s', { timeout: 0 }))
  await clock.advance(3 * 86_400_000)
  assert.is(waiting.state, 'pending')
  await first.release()
  await clock.advance(0)
  assert.is(waiting.state, 'done')
})

test('lock: two calls on one client: they exclude each other', async () => {
  const { locks } = scene()
  const first = await locks.tryLock('k', '30s')
  assert.ok(first !== null)
  assert.match(first.owner, /^[0-9a-f]{32}$/)
  assert.is(await locks.tryLock('k', '30s'), null)
})

test('try: held by another: null at once, with no time passing', async () => {
  const { clock, locks } = scene()
  await locks.lock('k', '30s')
  assert.is(await locks.tryLock('k', '30s'), null)
  assert.is(clock.now(), 0)
})

test('handle: its lease has run out: not valid, and a release says so', async () => {
  const { clock, locks } = scene()
  const lock = await locks.lock('k', '2s')
  assert.ok(lock.isValid())
  assert.is(lock.ttl, 2_000)
  await clock.advance(2_000)
  assert.not(lock.isValid())
  assert.is(await lock.release(), false)
  assert.is(await lock.release(), false)
})

test('handle: refreshed: valid past its first TTL', async () => {
  const { clock, locks } = scene()
  const lock = await locks.lock('k', '2s')
  await clock.advance(1_500)
  await lock.refresh('3s')
  assert.is(lock.ttl, 3_000)
  await clock.advance(2_500)
  assert.ok(lock.isValid())
  await clock.advance(500)
  assert.not(lock.isValid())
})

test('handle: refreshed after its lease ran out: never taken anew', async () => {
  const { clock, locks } = scene()
  const lock = await locks.lock('k', '2s')
  await clock.advance(2_000)
  const error = await failure(lock.refresh())
  assert.is(error.code, 'LEASE_EXPIRED')
  assert.match(error.message, /lock no longer owned or expired: k/)
  assert.not((await locks.status('k')).locked)
})

test('handle: refreshed with less than is left: it is valid no longer than that', async () => {
  const { clock, locks } = scene()
  const lock = await locks.lock('k', '1h')
  await lock.refresh('1s')
  await clock.advance(1_000)
  assert.not(lock.isValid())
})

test('handle: no answer comes any more: signal aborts before another has it', async () => {
  const { clock, client } = scene()
  let cut = false
  const locks = client((backend) => ({
    ...everything(backend),
    renew: (request) => (cut ? new Promise(() => {}) : backend.renew(request)),
  }))
  const lock = await locks.lock('k', '3s', { autoRefresh: true })
  const other = watch(locks.lock('k', '3s').then(() => clock.now()))
  const lostAtMs = watch(
    new Promise<number>((resolve) => {
      lock.signal.addEventListener('abort', () => resolve(clock.now()))
    }),
  )
  await clock.advance(10_000)
  assert.ok(lock.isValid())
  cut = true
  await clock.advance(5_000)
  assert.is(lostAtMs.state, 'done')
  assert.is((lock.signal.reason as LockError).code, 'LOST')
  assert.ok((lostAtMs.value as number) < (other.value as number))
  assert.not(lock.isValid())
})

test('handle: its expiresAt: wall time, which moves with a refresh', async () => {
  const { clock, locks } = scene()
  const lock = await locks.lock('k', '10s')
  const first = lock.expiresAt.getTime()
  assert.ok(first > clock.wallNow() + 9_900 && first <= clock.wallNow() + 10_000)
  await clock.advance(5_000)
  assert.is(lock.expiresAt.getTime(), first)
  await lock.refresh()
  assert.is(lock.expiresAt.getTime(), first + 5_000)
})

test('handle: taken once more by reenter: two releases, and one token', async () => {
  const { locks } = scene()
  const first = await locks.lock('k', '30s')
  const second = await first.reenter()
  assert.is(second.fencingToken, first.fencingToken)
  assert.ok(await first.release())
  assert.not(first.isValid())
  assert.ok(second.isValid())
  assert.is(await locks.tryLock('k', '30s'), null)
  assert.ok(await second.release())
  const third = await locks.tryLock('k', '30s')
  assert.ok(third !== null && third.fencingToken > first.fencingToken)
})

test('handle: reenter after the lease ran out: refused, and nothing is held', async () => {
  const { clock, locks } = scene()
  const lock = await locks.lock('k', '2s')
  await clock.advance(2_500)
  assert.is(await codeOf(lock.reenter()), 'LEASE_EXPIRED')
  assert.not((await locks.status('k')).locked)
})

test('owner: the same one asks again: a shorter refresh counts for both', async () => {
  const { clock, locks } = scene()
  const first = await locks.lock('k', '30s', { owner: 'me' })
  const second = await locks.lock('k', '30s', { owner: 'me' })
  assert.is(second.fencingToken, first.fencingToken)
  await second.refresh('1s')
  await clock.advance(1_000)
  assert.not(first.isValid(), 'the lock is free by now')
})

test('owner: the same one in two clients: each release gives back one count', async () => {
  const { locks, client } = scene()
  const first = await locks.lock('k', '30s', { owner: 'me' })
  const second = await client().lock('k', '30s', { owner: 'me' })
  assert.ok(await first.release())
  assert.ok((await locks.status('k')).locked)
  assert.ok(await second.release())
  assert.not((await locks.status('k')).locked)
})

test('owner: holds alone and asks to share: refused, as a handle rests on it', async () => {
  const { locks } = scene()
  await locks.lock('k', '30s', { owner: 'me' })
  assert.is(await codeOf(locks.lock('k', '30s', { owner: 'me', mode: 'shared' })), 'INVALID')
})

test('mode shared: several hold together, and one that wants to be alone waits', async () => {
  const { locks } = scene()
  assert.ok((await locks.tryLock('k', '30s', { mode: 'shared' })) !== null)
  assert.ok((await locks.tryLock('k', '30s', { mode: 'shared' })) !== null)
  assert.is(await locks.tryLock('k', '30s'), null)
})

test('auto-refresh: a holder that lives: keeps the lock, with a renewal each third', async () => {
  const { clock, locks } = scene()
  const renewedAtMs: number[] = []
  const lock = await locks.lock('k', '3s', { autoRefresh: true, refreshTtl: '6s' })
  lock.on('renewed', () => renewedAtMs.push(clock.now()))
  await clock.advance(8_000)
  assert.equal(renewedAtMs, [1_000, 3_000, 5_000, 7_000])
  assert.ok(lock.isValid())
})

test('auto-refresh: released: it stops, and no timer is left', async () => {
  const { clock, locks } = scene()
  const lock = await locks.lock('k', '3s', { autoRefresh: true })
  await clock.advance(1_500)
  await lock.release()
  assert.is(clock.timersCount, 0)
})

test('auto-refresh: the signal is aborted: it stops, and a release works', async () => {
  const { clock, locks } = scene()
  const abort = new AbortController()
  const options = { autoRefresh: true, signal: abort.signal }
  const first = await locks.lock('k', '3s', options)
  const second = await locks.lock('other', '3s', options)
  abort.abort()
  assert.ok(await first.release(), 'a signal that is aborted does not keep a release from working')
  assert.not((await locks.status('k')).locked)
  await clock.advance(3_000)
  assert.not(second.isValid())
})

test('auto-refresh: a renewal fails: told, tried again, and the lock is kept', async () => {
  const { clock, client } = scene()
  let failures = 2
  const locks = client((backend) => ({
    ...everything(backend),
    renew: async (request) => {
      if (failures-- > 0) throw new LockError('UNAVAILABLE', 'no node')
      return backend.renew(request)
    },
  }))
  const told: string[] = []
  const lock = await locks.lock('k', '3s', { autoRefresh: true })
  lock.on('renewFailed', ({ error }) => told.push(error.code))
  lock.on('renewed', () => told.push('renewed'))
  await clock.advance(1_999)
  assert.equal(told, ['UNAVAILABLE', 'UNAVAILABLE', 'renewed'])
  await clock.advance(10_000)
  assert.ok(lock.isValid())
})

test('handle: the machine slept: wall time ran ahead, and the lock counts as lost', async () => {
  const { clock, locks } = scene()
  const lock = await locks.lock('k', '1h')
  const told = gate<string>()
  lock.on('lost', ({ error }) => told.open(error.message))
  clock.sleep(400)
  assert.ok(lock.isValid(), 'clocks are set now and then')
  clock.sleep(200)
  assert.not(lock.isValid())
  assert.match(await told.promise, /lock k lost: wall time ran ahead/)
})

test('handle: the machine slept and nobody asks: the signal tells soon after', async () => {
  const { clock, locks } = scene()
  const lock = await locks.lock('k', '4s', { autoRefresh: true })
  const { signal } = lock
  clock.sleep(60_000)
  assert.not(signal.aborted)
  await clock.advance(1_000)
  assert.ok(signal.aborted)
})

test('grant: comes after its lease is over: the lock is taken anew', async () => {
  const { clock, client } = scene()
  const late = gate()
  let slow = true
  const locks = client((backend) => ({
    ...everything(backend),
    acquire: async (request, signal) => {
      const reply = await backend.acquire(request, signal)
      if (slow) await late.promise
      slow = false
      return reply
    },
  }))
  const lock = watch(locks.lock('k', '10s'))
  await clock.advance(9_999)
  late.open()
  await clock.advance(0)
  assert.is(lock.state, 'done')
  assert.ok(lock.value?.isValid())
})

test('grant: of a try, after the lease is over: an error, and nothing held', async () => {
  const { clock, client } = scene()
  const locks = client((backend) => ({
    ...everything(backend),
    acquire: async (request, signal) => {
      const reply = await backend.acquire(request, signal)
      await clock.freeze(2_000)
      return reply
    },
  }))
  assert.is(await codeOf(locks.tryLock('k', '2s')), 'LEASE_EXPIRED')
  assert.not((await locks.status('k')).locked)
})

test('wait: aborted: ends at once, and the lock is not granted to it later', async () => {
  const { clock, locks } = scene()
  const first = await locks.lock('k', '30s')
  const abort = new AbortController()
  const waiting = watch(locks.lock('k', '30s', { signal: abort.signal }))
  await clock.advance(100)
  abort.abort(new Error('enough'))
  await clock.advance(0)
  assert.is((waiting.error as LockError).code, 'ABORTED')
  assert.is(((waiting.error as LockError).cause as Error).message, 'enough')
  assert.is((await locks.status('k')).waiters, 0)
  await first.release()
  assert.not((await locks.status('k')).locked)
})

test('wait: aborted in the very turn of the grant: what was granted is given back', async () => {
  const { clock, locks } = scene()
  const first = await locks.lock('k', '30s')
  const abort = new AbortController()
  const waiting = watch(locks.lock('k', '30s', { signal: abort.signal }))
  await clock.advance(100)
  const released = first.release()
  abort.abort()
  await released
  await clock.advance(0)
  assert.is((waiting.error as LockError).code, 'ABORTED')
  assert.not((await locks.status('k')).locked)
})

test('any call: its signal was aborted before: it is not made', async () => {
  const { locks } = scene()
  const signal = AbortSignal.abort()
  assert.is(await codeOf(locks.lock('k', '30s', { signal })), 'ABORTED')
  assert.is(await codeOf(locks.tryLock('k', '30s', { signal })), 'ABORTED')
  assert.is(await codeOf(locks.status('k', { signal })), 'ABORTED')
  assert.not((await locks.status('k')).locked)
})

test('handle: a refresh or a release is aborted: told at once, and done all the same', async () => {
  const { clock, client } = scene()
  const answers = gate()
  const locks = client((backend) => ({
    ...everything(backend),
    renew: (request) => answers.promise.then(() => backend.renew(request)),
    release: (request) => answers.promise.then(() => backend.release(request)),
  }))
  const lock = await locks.lock('k', '2s')
  const other = await locks.lock('other', '2s')
  const abort = new AbortController()
  const { signal } = abort
  const refreshing = watch(lock.refresh('10s', { signal }))
  const releasing = watch(other.release({ signal }))
  await clock.advance(100)
  assert.equal([refreshing.state, releasing.state], ['pending', 'pending'])
  abort.abort(new Error('enough'))
  await clock.advance(0)
  const errors = [refreshing.error, releasing.error] as LockError[]
  assert.equal(
    errors.map(({ code, message, cause }) => [code, message, (cause as Error).message]),
    [
      ['ABORTED', 'failed to renew lock k: aborted', 'enough'],
      ['ABORTED', 'failed to release lock other: aborted', 'enough'],
    ],
  )
  answers.open()
  await clock.advance(5_000)
  assert.ok(lock.isValid())
  assert.is(await other.release(), true, 'the answer of the first call')
  assert.not((await locks.status('other')).locked)
})

test('handle: reenter is aborted, before or under way: no count is left of it', async () => {
  const { clock, locks } = scene()
  // A release of an owner that has a name gives one count back and no more.
  const lock = await locks.lock('k', '30s', { owner: 'me' })
  assert.is(await codeOf(lock.reenter({ signal: AbortSignal.abort() })), 'ABORTED')
  const abort = new AbortController()
  const entering = watch(lock.reenter({ signal: abort.signal }))
  abort.abort()
  await clock.advance(0)
  assert.is((entering.error as LockError).code, 'ABORTED')
  assert.ok(lock.isValid())
  assert.ok(await lock.release())
  assert.not((await locks.status('k')).locked)
})

/** A scene with a client whose backend cannot wait, and when it was tried. */
function polledScene() {
  const { clock, client, locks } = scene()
  const triesAtMs: number[] = []
  const polled = client((backend) => ({
    ...everything(backend),
    supports: { ...backend.supports, wait: 'poll' },
    acquire: (request, signal) => {
      assert.is(request.waitMs, 0)
      triesAtMs.push(clock.now())
      return backend.acquire(request, signal)
    },
  }))
  return { clock, locks, polled, triesAtMs }
}

test('polled backend: tried each retry interval, and granted soon after the release', async () => {
  const { clock, locks, polled, triesAtMs } = polledScene()
  const first = await locks.lock('k', '30s')
  const waiting = watch(polled.lock('k', '30s', { retryInterval: 40 }))
  await clock.advance(100)
  await first.release()
  await clock.advance(20)
  assert.equal(triesAtMs, [0, 40, 80, 120])
  assert.is(waiting.state, 'done')
  const failing = watch(polled.lock('k', '30s', { timeout: 250, retryInterval: 0 }))
  await clock.advance(250)
  assert.is((failing.error as LockError).code, 'TIMEOUT')
  assert.equal(triesAtMs.slice(4), [120, 220, 320, 370])
})

test('polled backend: no retry interval is given: tried each 100 ms', async () => {
  const { clock, locks, polled, triesAtMs } = polledScene()
  const first = await locks.lock('k', '30s')
  const waiting = watch(polled.lock('k', '30s'))
  await clock.advance(150)
  await first.release()
  await clock.advance(50)
  assert.equal(triesAtMs, [0, 100, 200])
  assert.is(waiting.state, 'done')
})

test('withLock: ends, throws or is lost: the lock is free, and the error is seen', async () => {
  const { clock, locks } = scene()
  assert.is(await locks.withLock('k', '3s', async ({ fencingToken }) => fencingToken), 1)
  assert.not((await locks.status('k')).locked)
  const thrown = new Error('mine')
  const failing = locks.withLock('k', '3s', () => {
    throw thrown
  })
  assert.is(await failing.catch((error) => error), thrown)
  assert.not((await locks.status('k')).locked)
  const done = gate()
  const losing = watch(locks.withLock('k', { ttl: '3s', autoRefresh: false }, () => done.promise))
  await clock.advance(4_000)
  done.open()
  await clock.advance(0)
  assert.is((losing.error as LockError).code, 'LOST')
})

test('withLock: fn takes longer than the TTL: the lock is held throughout', async () => {
  const { clock, locks } = scene()
  const done = gate<number>()
  const running = watch(locks.withLock('k', '3s', () => done.promise))
  await clock.advance(60_000)
  assert.is(await locks.tryLock('k', '3s'), null)
  done.open(7)
  await clock.advance(0)
  assert.is(running.value, 7)
})

test('tryWithLock: held by another: fn does not run', async () => {
  const { locks } = scene()
  assert.equal(await locks.tryWithLock('k', '3s', () => 5), { ran: true, value: 5 })
  const lock = await locks.lock('k', '3s')
  assert.equal(await locks.tryWithLock('k', '3s', () => assert.unreachable()), { ran: false })
  await lock.release()
})

test('release: the store does not answer: told, and a second call tries again', async () => {
  const { client } = scene()
  let failures = 1
  const locks = client((backend) => ({
    ...everything(backend),
    release: async (request) => {
      if (failures-- > 0) throw new LockError('UNKNOWN', 'no answer')
      return backend.release(request)
    },
  }))
  const lock = await locks.lock('k', '30s')
  const told: ClientEvent[] = []
  locks.on('releaseFailed', (event) => told.push(event))
  assert.is(await codeOf(lock.release()), 'UNKNOWN')
  assert.is(told.length, 1)
  assert.not(lock.isValid())
  assert.is(await lock.release(), true)
  assert.not((await locks.status('k')).locked)
})

test('status: who holds it and with what words, who waits, and what nobody has', async () => {
  const { clock, locks } = scene()
  const metadata = { host: 'a', purpose: 'nightly' }
  const lock = await locks.lock('k', '30s', { metadata })
  void locks.lock('k', '30s').catch(() => {})
  await clock.advance(1_000)
  assert.equal(await locks.status('k'), {
    locked: true,
    owner: lock.owner,
    mode: 'exclusive',
    fencingToken: lock.fencingToken,
    remainingMs: 29_000,
    metadata,
    waiters: 1,
  })
  const free = await locks.status('free')
  assert.equal([free.locked, free.owner, free.remainingMs, free.fencingToken], [
    false,
    null,
    null,
    0,
  ])
  await lock.release()
})

test('events: acquisition time, hold time and failures: each is told', async () => {
  const { clock, locks } = scene()
  const told: ClientEvent[] = []
  const types = ['acquired', 'busy', 'acquireFailed', 'released', 'lost'] as const
  for (const type of types) locks.on(type, (event) => told.push(event))
  const first = await locks.lock('k', '1h')
  await locks.tryLock('k', '1h')
  const waiting = watch(locks.lock('k', '1s'))
  const failing = watch(locks.lock('k', '1s', { timeout: 10 }))
  await clock.advance(250)
  await first.release()
  await clock.advance(2_000)
  assert.is(waiting.state, 'done')
  assert.is(failing.state, 'failed')
  const seen = told.map((event) => {
    const { type } = event
    if (type === 'released' || type === 'lost') return [type, event.heldMs]
    return 'waitedMs' in event ? [type, event.waitedMs] : [type]
  })
  assert.equal(seen, [
    ['acquired', 0],
    ['busy', 0],
    ['acquireFailed', 10],
    ['released', 250],
    ['acquired', 250],
    ['lost', 997],
  ])
})

test('input: what makes no sense: INVALID, and the message names it', async () => {
  const { locks } = scene()
  const wrong = [
    [locks.lock('', '1s'), /the key is ""/],
    [locks.lock(7 as unknown as string, '1s'), /the key is 7/],
    [locks.lock('a\ud800', '1s'), /lone surrogate/],
    [locks.lock('k', 'soon'), /ttl is "soon"/],
    [locks.lock('k', -1), /ttl is -1/],
    [locks.lock('k', Number.NaN), /ttl is NaN/],
    [locks.lock('k', 0), /ttl is 0/],
    [locks.lock('k', '1s', { timeout: '1 s' }), /timeout is "1 s"/],
    [locks.lock('k', '1s', { retryInterval: -5 }), /retryInterval is -5/],
    [locks.lock('k', '1s', { owner: '' }), /the owner is ""/],
    [locks.lock('k', '1s', { mode: 'both' as 'shared' }), /mode is both/],
    [locks.lock('k', '25h'), /the TTL is shorter or longer than the service takes/],
    [locks.lock('k'.repeat(2_000), '1s'), /the key is longer/],
    [locks.status(''), /the key is ""/],
  ] as const
  for (const [call, message] of wrong) {
    const error = await failure(call)
    assert.is(error.code, 'INVALID', error.message)
    assert.match(error.message, message)
    assert.not(error.retryable)
  }
})

test('close: what waits ends, and what is asked later is refused', async () => {
  const { clock, locks } = scene()
  await locks.lock('k', '30s')
  const waiting = watch(locks.lock('k', '30s'))
  await locks.close()
  await clock.advance(0)
  assert.is((waiting.error as LockError).code, 'CLOSED')
  assert.is(await codeOf(locks.tryLock('k', '30s')), 'CLOSED')
})

test('handle: used with asyncDispose: releases, and does not throw when it is lost', async () => {
  const { clock, locks } = scene()
  const lock = await locks.lock('k', '2s')
  await lock[Symbol.asyncDispose]()
  assert.not((await locks.status('k')).locked)
  const lost = await locks.lock('k', '2s')
  await clock.advance(3_000)
  await lost[Symbol.asyncDispose]()
})

test('driven clock: stands still: nothing keeps a timer once all is given back', async () => {
  const clock = new DrivenClock()
  const locks = new DistributedLock(memoryBackend({ clock }), { clock })
  await locks.withLock('k', '30s', () => 1)
  assert.is(clock.timersCount, 0)
})

test('handle: a shorter refresh without an answer: it may have happened, and counts', async () => {
  for (const [code, isValid] of [['UNKNOWN', false], ['UNAVAILABLE', true]] as const) {
    const { clock, client } = scene()
    const locks = client((backend) => ({
      ...everything(backend),
      renew: () => Promise.reject(new LockError(code, 'no answer')),
    }))
    const lock = await locks.lock('k', '1h')
    assert.is(await codeOf(lock.refresh('1s')), code)
    await clock.advance(1_000)
    assert.is(lock.isValid(), isValid, code)
  }
})

test('handle: wall time drifts over many renewals: only since the last one counts', async () => {
  const { clock, locks } = scene()
  const lock = await locks.lock('k', '1h')
  for (let round = 0; round < 5; round++) {
    clock.sleep(400)
    await lock.refresh()
  }
  assert.ok(lock.isValid())
})

test('grant: too late to be believed, and held in the store: given back at once', async () => {
  const { clock, client } = scene()
  const locks = client((backend) => ({
    ...everything(backend),
    acquire: async (request, signal) => {
      const reply = await backend.acquire(request, signal)
      await clock.freeze(9_995)
      return reply
    },
  }))
  assert.is(await codeOf(locks.tryLock('k', '10s')), 'LEASE_EXPIRED')
  assert.not((await locks.status('k')).locked)
})

test('grant: of a backend that does not heed the signal: given back', async () => {
  const { client } = scene()
  const abort = new AbortController()
  const locks = client((backend) => ({
    ...everything(backend),
    acquire: async (request) => {
      const reply = await backend.acquire(request)
      abort.abort()
      return reply
    },
  }))
  assert.is(await codeOf(locks.lock('k', '10s', { signal: abort.signal })), 'ABORTED')
  assert.not((await locks.status('k')).locked)
})

test('handle: reenter finds the lock free: what it took is given back, and refused', async () => {
  const { client } = scene()
  const locks = client(everything)
  const lock = await locks.lock('k', '1h')
  // As an operator would, behind the back of the holder.
  const { owner, fencingToken: token } = lock
  await client((backend) => {
    void backend.release({ key: 'k', owner, token, all: true })
    return backend
  }).status('k')
  const { signal } = lock
  assert.is(await codeOf(lock.reenter()), 'LEASE_EXPIRED')
  assert.not((await locks.status('k')).locked)
  assert.ok(signal.aborted && !lock.isValid(), 'and the holder is told')
})

/** A backend's methods, for a copy that differs in one. */
function everything(backend: LockBackend): LockBackend {
  return {
    supports: backend.supports,
    acquire: backend.acquire.bind(backend),
    renew: backend.renew.bind(backend),
    release: backend.release.bind(backend),
    status: backend.status.bind(backend),
  }
}

test.run()
