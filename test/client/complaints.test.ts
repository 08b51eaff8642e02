// What users of other lock clients complained about, as tests of this one. Each title names the
// situation, and each comment where it was reported.

import * as assert from 'uvu/assert'
import type { LockBackend } from '../../client/backend.ts'
import type { DistributedLock } from '../../client/distributed-lock.ts'
import { LockError } from '../../client/errors.ts'
import { connect } from '../../client/node/connect.ts'
import { suite } from '../harness.ts'
import { until } from '../support/until.ts'
import { codeOf, failure, gate, scene, watch } from './lock-support.ts'
import type { Scene } from './lock-support.ts'
import { StandIn } from './stand-in.ts'

const test = suite('complaints')

/** What would have ended a process that does not expect it. */
const crashes: unknown[] = []
process.on('unhandledRejection', (reason) => crashes.push(reason))
process.on('uncaughtException', (error) => crashes.push(error))
test.after.each(() => assert.equal(crashes, []))

/** A client whose store can be cut off: what is asked then is never answered. */
function cuttable(): Scene & { readonly cut: () => void } {
  const all = scene()
  let isCut = false
  const never = new Promise<never>(() => {})
  const locks = all.client((backend) => ({
    ...methodsOf(backend),
    acquire: (request, signal) => (isCut ? never : backend.acquire(request, signal)),
    renew: (request) => (isCut ? never : backend.renew(request)),
    release: (request) => (isCut ? never : backend.release(request)),
  }))
  return { ...all, locks, cut: () => (isCut = true) }
}

/** A client whose calls of these kinds fail. */
function failing(...kinds: readonly ('renew' | 'release')[]): Scene & { mend(): void } {
  const all = scene()
  let isMended = false
  const fail = <Reply>(kind: 'renew' | 'release', ask: () => Promise<Reply>): Promise<Reply> =>
    kinds.includes(kind) && !isMended
      ? Promise.reject(new LockError('UNAVAILABLE', 'no node can be reached'))
      : ask()
  const locks = all.client((backend) => ({
    ...methodsOf(backend),
    renew: (request) => fail('renew', () => backend.renew(request)),
    release: (request) => fail('release', () => backend.release(request)),
  }))
  return { ...all, locks, mend: () => (isMended = true) }
}

function methodsOf(backend: LockBackend): LockBackend {
  return {
    supports: backend.supports,
    acquire: (request, signal) => backend.acquire(request, signal),
    renew: (request) => backend.renew(request),
    release: (request) => backend.release(request),
    status: (key) => backend.status(key),
  }
}

// redlock#168
test('release of a lock whose lease ran out: no error, and it says false', async () => {
  const { clock, locks } = scene()
  const lock = await locks.lock('k', '1s')
  await clock.advance(5_000)
  assert.is(await lock.release(), false)
})

// redlock#65, electron/update.electronjs.org#135
test('release that the store does not answer: withLock gives its value', async () => {
  const { clock, locks } = failing('release')
  const told: string[] = []
  locks.on('releaseFailed', ({ error }) => told.push(error.code))
  assert.is(await locks.withLock('k', '1s', () => 7), 7)
  assert.equal(told, ['UNAVAILABLE'])
  await clock.advance(2_000)
  assert.not((await locks.status('k')).locked, 'its lease has freed it')
})

// redlock#283
test('refresh of a lock whose lease ran out: refused to who asks, and never a crash', async () => {
  const { clock, locks } = failing('renew')
  const lock = await locks.lock('k', '1s', { autoRefresh: true })
  await clock.advance(5_000)
  assert.is(await codeOf(lock.refresh()), 'LEASE_EXPIRED')
})

// redlock#309
test('release after the lock was lost: ends at once, whatever the network does', async () => {
  const { clock, locks, cut } = cuttable()
  const lock = await locks.lock('k', '1s', { autoRefresh: true })
  cut()
  await clock.advance(2_000)
  assert.ok(lock.signal.aborted)
  assert.is(await lock.release(), false)
})

// redlock#253, redlock#308
test('signal of a lock: aborted when it is lost, and not when it is given back', async () => {
  const { clock, locks } = scene()
  const kept = await locks.lock('kept', '1s')
  const lost = await locks.lock('lost', '1s')
  const signals = [kept.signal, lost.signal]
  await kept.release()
  await clock.advance(2_000)
  assert.equal(signals.map(({ aborted }) => aborted), [false, true])
  const { reason } = lost.signal as { reason: LockError }
  assert.equal([reason.code, reason.key], ['LOST', 'lost'])
  assert.match(reason.message, /^lock lost lost: its lease ran out/)
})

// redlock#369: a lock that has expired is returned
test('grant that took longer than its lease: never returned as a lock', async () => {
  const { clock, client } = scene()
  const locks = client((backend) => ({
    ...methodsOf(backend),
    acquire: async (request, signal) => {
      const reply = await backend.acquire(request, signal)
      await clock.freeze(1_500)
      return reply
    },
  }))
  const waiting = watch(locks.lock('k', '1s', { timeout: '4s' }))
  await clock.advance(60_000)
  assert.is(waiting.state, 'failed')
  assert.not((await locks.status('k')).locked)
})

// redlock#369: the body's error is masked by that of the release, and timers leak
test('function that throws, and a release that fails: its error is seen', async () => {
  const { clock, locks } = failing('release')
  const mine = new Error('mine')
  const thrown = await locks.withLock('k', '1s', () => Promise.reject(mine)).catch((error) => error)
  assert.is(thrown, mine)
  await clock.advance(2_000)
  assert.is(clock.timersCount, 0)
})

// redlock#169, redlock#167, redlock#273
test('lock that was waited for longer than its TTL: is whole, and is kept', async () => {
  const { clock, locks } = scene()
  const first = await locks.lock('k', '1h')
  const done = gate()
  const running = watch(locks.withLock('k', { ttl: '1s', timeout: 0 }, () => done.promise))
  await clock.advance(60_000)
  await first.release()
  await clock.advance(60_000)
  assert.is(running.state, 'pending')
  assert.is(await locks.tryLock('k', '1s'), null)
  done.open()
  await clock.advance(0)
  assert.is(running.state, 'done')
})

// redlock#149, redlock#312
test('wait without an end: a thousand tries leave nothing behind', async () => {
  const { clock, client, locks } = scene()
  await locks.lock('k', '20h')
  const polled = client((backend) => ({
    ...methodsOf(backend),
    supports: { ...backend.supports, wait: 'poll' },
  }))
  const abort = new AbortController()
  const before = clock.timersCount
  const waiting = watch(polled.lock('k', '1s', { timeout: 0, signal: abort.signal }))
  await clock.advance(100_000)
  assert.is(waiting.state, 'pending')
  assert.is(clock.timersCount, before + 1)
  abort.abort()
  await clock.advance(0)
  assert.is(clock.timersCount, before)
})

// redlock#86
test('acquire under way: can be given up, and leaves nobody in the queue', async () => {
  const { clock, locks } = scene()
  await locks.lock('k', '1h')
  const abort = new AbortController()
  const waiting = watch(locks.lock('k', '1h', { signal: abort.signal }))
  await clock.advance(1_000)
  abort.abort()
  await clock.advance(0)
  assert.is((waiting.error as LockError).code, 'ABORTED')
  assert.is((await locks.status('k')).waiters, 0)
})

// redlock#297
test('key that is no text: refused by name, before anything is asked', async () => {
  const { locks } = scene()
  const error = await failure(locks.lock(['k'] as unknown as string, '1s'))
  assert.equal([error.code, error.message.includes('the key is ["k"]')], ['INVALID', true])
})

// redlock#12, redlock#289
test('whether a lock is held, and a try at it: both can be asked', async () => {
  const { locks } = scene()
  assert.not((await locks.status('k')).locked)
  await locks.lock('k', '1s')
  assert.ok((await locks.status('k')).locked)
  assert.is(await locks.tryLock('k', '1s'), null)
})

// etcd3#106
test('acquire of a lock that is held: waits for it, and does not fail at once', async () => {
  const { clock, locks } = scene()
  const first = await locks.lock('k', '1h')
  const waiting = watch(locks.lock('k', '1h'))
  await clock.advance(10_000)
  assert.is(waiting.state, 'pending')
  await first.release()
  await clock.advance(0)
  assert.is(waiting.state, 'done')
})

// etcd3#158, etcd3#176, etcd3#13, etcd3#110
test('holder that is cut off: stops believing before the next may begin', async () => {
  const { clock, locks, client, cut } = cuttable()
  const first = await locks.lock('leader', '3s', { autoRefresh: true })
  const told: string[] = []
  first.on('lost', () => told.push(`lost ${clock.now()}`))
  void client()
    .lock('leader', '3s')
    .then(() => told.push(`next ${clock.now()}`))
  await clock.advance(10_000)
  cut()
  await clock.advance(10_000)
  assert.is(told.length, 2)
  const [lost, next] = told.map((text) => Number(text.split(' ')[1])) as [number, number]
  assert.ok(lost < next, told.join(', '))
})

// etcd3#153, etcd-io/website#697
test('cluster that was away: the client finds it again when it is back', async () => {
  const cluster = await new StandIn().listen()
  const ports = cluster.nodes.map(({ port }) => port)
  const locks: DistributedLock = connect({ nodes: cluster.addresses, requestTimeout: 300 })
  try {
    await locks.withLock('k', '1s', () => 1)
    await Promise.all(cluster.nodes.map((node) => node.stop()))
    // The first may still have gone out to one of them.
    const first = await codeOf(locks.tryLock('k', '1s'))
    assert.ok(['UNKNOWN', 'UNAVAILABLE'].includes(first), first)
    for (let at = 0; at < 3; at++) assert.is(await codeOf(locks.tryLock('k', '1s')), 'UNAVAILABLE')
    for (const [at, node] of cluster.nodes.entries()) await node.listen(ports[at])
    await until('the cluster is found', async () => {
      return locks.withLock('k', '1s', () => true).catch(() => undefined)
    })
  } finally {
    await locks.close()
    await cluster.close()
  }
})

// redis-semaphore#24
test('lock that is lost while nobody listens: nothing is thrown anywhere', async () => {
  const { clock, locks, cut } = cuttable()
  await locks.lock('k', '1s', { autoRefresh: true })
  cut()
  await clock.advance(10_000)
})

// redis-semaphore#175
test('lock that was lost: never taken anew behind the back of its holder', async () => {
  const { clock, locks, mend } = failing('renew')
  const lock = await locks.lock('k', '1s', { autoRefresh: true })
  await clock.advance(1_500)
  mend()
  await clock.advance(10_000)
  assert.not(lock.isValid())
  assert.not((await locks.status('k')).locked)
})

// redis-semaphore#205
test('release while a refresh is under way: both end, and the lock is free', async () => {
  const { client } = scene()
  const slow = gate()
  const locks = client((backend) => ({
    ...methodsOf(backend),
    renew: async (request) => {
      await slow.promise
      return backend.renew(request)
    },
  }))
  const lock = await locks.lock('k', '1s')
  const refreshing = lock.refresh().then(() => 'done', (error: LockError) => error.code)
  assert.ok(await lock.release())
  slow.open()
  assert.is(await refreshing, 'LEASE_EXPIRED')
  assert.is(await codeOf(lock.refresh()), 'LEASE_EXPIRED')
  assert.not((await locks.status('k')).locked)
})

// proper-lockfile, cline/kanban#555, QwenLM/qwen-code#8442
test('listener that throws when a lock is lost: told, and does not end the process', async () => {
  const { clock, locks, cut } = cuttable()
  const told: unknown[] = []
  locks.on('listenerFailed', ({ error }) => {
    told.push((error as Error).message)
    throw new Error('and this one too')
  })
  const lock = await locks.lock('k', '1s', { autoRefresh: true })
  lock.on('lost', () => {
    throw new Error('thrown')
  })
  lock.on('lost', () => Promise.reject(new Error('rejected')) as unknown as void)
  cut()
  await clock.advance(10_000)
  assert.equal(told, ['thrown', 'rejected'])
})

// async-mutex#84, async-mutex#67
test('wait that times out or is aborted: does not free the lock of its holder', async () => {
  const { clock, locks } = scene()
  const lock = await locks.lock('k', '1h')
  const abort = new AbortController()
  void locks.lock('k', '1h', { timeout: 100 }).catch(() => {})
  void locks.lock('k', '1h', { signal: abort.signal }).catch(() => {})
  await clock.advance(50)
  abort.abort()
  await clock.advance(100)
  assert.ok(lock.isValid())
  assert.is((await locks.status('k')).owner, lock.owner)
})

// async-mutex#54
test('whether a lock is valid: read from the clock at each call', async () => {
  const { clock, locks } = scene()
  const lock = await locks.lock('k', '1s')
  assert.ok(lock.isValid())
  // The process is stopped: no timer had a chance.
  const frozen = clock.freeze(1_000)
  assert.not(lock.isValid())
  await frozen
})

// Redisson#7272
test('lock that was released: no renewal goes out for it any more', async () => {
  const { clock, client } = scene()
  let renewals = 0
  const locks = client((backend) => ({
    ...methodsOf(backend),
    renew: (request) => {
      renewals += 1
      return backend.renew(request)
    },
  }))
  const lock = await locks.lock('k', '3s', { autoRefresh: true })
  await clock.advance(1_000)
  assert.is(renewals, 1)
  await lock.release()
  await clock.advance(60_000)
  assert.is(renewals, 1)
})

test.run()
