// The conformance suite over the store in memory and over the service's protocol on real sockets;
// and each case shown to fail, on a backend that is broken for it.

import * as assert from 'uvu/assert'
import type { AcquireReply, LockBackend } from '../../client/backend.ts'
import { systemClock } from '../../client/clock.ts'
import { backendCases, backendConformance, runCase } from '../../client/conformance.ts'
import type { BackendPlace } from '../../client/conformance-place.ts'
import { DrivenClock } from '../../client/driven-clock.ts'
import { MemoryStore } from '../../client/memory.ts'
import { serviceBackend } from '../../client/node/connect.ts'
import { suite } from '../harness.ts'
import { StandIn } from './stand-in.ts'

const test = suite('backend conformance')
const supports = { fencing: 'strict', wait: 'push', fair: true, shared: true } as const

type Flaw = (backend: LockBackend) => LockBackend

function memoryPlace(flaw: Flaw = (backend) => backend): BackendPlace {
  const clock = new DrivenClock()
  const store = new MemoryStore({ clock })
  return {
    client: () => flaw(store.backend()),
    now: () => clock.now(),
    pass: (ms) => clock.advance(ms),
    close: async () => {},
  }
}

async function servicePlace(): Promise<BackendPlace> {
  const cluster = await new StandIn().listen()
  const backends: LockBackend[] = []
  return {
    client: () => {
      const backend = serviceBackend({ nodes: cluster.addresses })
      backends.push(backend)
      return backend
    },
    now: () => systemClock.now(),
    pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    close: async () => {
      await Promise.all(backends.map((backend) => backend.close?.()))
      await cluster.close()
    },
  }
}

backendConformance({
  test: (title, body) => test(`memory: ${title}`, body),
  place: async () => memoryPlace(),
  supports,
})

backendConformance({
  test: (title, body) => test(`service: ${title}`, body),
  place: servicePlace,
  supports,
})

/** A backend's methods, for a copy that differs in one. */
function all(backend: LockBackend): LockBackend {
  return {
    supports: backend.supports,
    acquire: (request, signal) => backend.acquire(request, signal),
    renew: (request, signal) => backend.renew(request, signal),
    release: (request, signal) => backend.release(request, signal),
    status: (key, signal) => backend.status(key, signal),
    close: async () => backend.close?.(),
  }
}

type Granted = Extract<AcquireReply, { readonly type: 'granted' }>

/** Changes what a grant says. */
function granting(change: (granted: Granted) => Granted): Flaw {
  return (backend) => ({
    ...all(backend),
    acquire: async (request, signal) => {
      const reply = await backend.acquire(request, signal)
      return reply.type === 'granted' ? change(reply) : reply
    },
  })
}

const free = {
  locked: false,
  owner: null,
  mode: null,
  fencingToken: 0,
  remainingMs: null,
  metadata: {},
  waiters: 0,
}

/** Broken backends, and one case that must catch each. */
const flaws: readonly (readonly [name: string, caught: RegExp, flaw: Flaw])[] = [
  ['a lock that does nothing', /^a held lock/, (backend) => ({
    ...all(backend),
    acquire: async ({ ttlMs }) => {
      const grant = { token: 1, count: 1, ttlMs, grantedAfterMs: 0, firstSentMs: 0 }
      return { type: 'granted', ...grant }
    },
  })],
  ['all of ten get it', /^ten clients at once/, (backend) => ({
    ...all(backend),
    acquire: async ({ ttlMs }) => {
      const grant = { token: 1, count: 1, ttlMs, grantedAfterMs: 0, firstSentMs: 0 }
      return { type: 'granted', ...grant }
    },
  })],
  ['a token that does not grow', /^the tokens/, granting((reply) => ({ ...reply, token: 1 }))],
  ['a grant of another length', /^a free lock/, granting((reply) => ({ ...reply, ttlMs: 1 }))],
  ['a grant sent in the future', /^a free lock/, granting((reply) => {
    return { ...reply, firstSentMs: reply.firstSentMs + 1_000 }
  })],
  ['a status that is always free', /^a free lock/, (backend) => ({
    ...all(backend),
    status: async () => free,
  })],
  ['metadata that is dropped', /^a free lock/, (backend) => ({
    ...all(backend),
    acquire: (request, signal) => backend.acquire({ ...request, metadata: {} }, signal),
  })],
  ['a release by anyone', /^a release by another/, (backend) => ({
    ...all(backend),
    release: async (request) => {
      const { owner } = await backend.status(request.key)
      return backend.release({ ...request, owner: owner ?? request.owner })
    },
  })],
  ['a release that does nothing', /^a released lock/, (backend) => ({
    ...all(backend),
    release: async () => ({ type: 'released', count: 0 }),
  })],
  ['a release that always says so', /^a release that comes twice/, (backend) => ({
    ...all(backend),
    release: async (request) => {
      await backend.release(request)
      return { type: 'released', count: 0 }
    },
  })],
  ['a release of any token', /^a token of an earlier holding/, (backend) => ({
    ...all(backend),
    release: async (request) => {
      const { fencingToken } = await backend.status(request.key)
      return backend.release({ ...request, token: fencingToken })
    },
  })],
  ['a renewal of any token', /^a token of an earlier holding/, (backend) => ({
    ...all(backend),
    renew: async (request) => {
      const { fencingToken } = await backend.status(request.key)
      return backend.renew({ ...request, token: fencingToken })
    },
  })],
  ['re-entry that is not counted', /^the holder asks again/, (backend) => ({
    ...all(backend),
    release: (request) => backend.release({ ...request, all: true }),
  })],
  ['a release of all that gives back one', /^a release of all/, (backend) => ({
    ...all(backend),
    release: (request) => backend.release({ ...request, all: false }),
  })],
  ['sharing that excludes', /^shared holders/, (backend) => ({
    ...all(backend),
    acquire: (request, signal) => backend.acquire({ ...request, mode: 'exclusive' }, signal),
  })],
  ['keys as paths of URLs', /^keys of any characters/, (backend) => {
    const path = (key: string): string => decodeURIComponent(new URL(key, 'http://a/b/c').pathname)
    return {
      ...all(backend),
      acquire: (request) => backend.acquire({ ...request, key: path(request.key) }),
      release: (request) => backend.release({ ...request, key: path(request.key) }),
      status: (key) => backend.status(path(key)),
    }
  }],
  ['an owner of its own when it is empty', /^an empty key/, (backend) => ({
    ...all(backend),
    acquire: (request) => backend.acquire({ ...request, owner: request.owner || 'nobody' }),
  })],
  ['a close that does nothing', /^a closed client/, (backend) => ({
    ...all(backend),
    close: async () => {},
  })],
  ['a close that leaves its waits', /^a wait of a client that is closed/, (backend) => ({
    ...all(backend),
    close: async () => {},
  })],
  ['a signal that is not looked at', /^a signal that was aborted/, (backend) => ({
    ...all(backend),
    acquire: (request) => backend.acquire(request),
  })],
  ['a lease that ends early', /^a lease that ends/, (backend) => ({
    ...all(backend),
    acquire: async (request, signal) => {
      const ttlMs = Math.ceil(request.ttlMs / 2)
      const reply = await backend.acquire({ ...request, ttlMs }, signal)
      return reply.type === 'granted' ? { ...reply, ttlMs: request.ttlMs } : reply
    },
  })],
  ['a lease that never ends', /^a lease that ends/, (backend) => ({
    ...all(backend),
    acquire: (request, signal) => backend.acquire({ ...request, ttlMs: 80_000_000 }, signal),
  })],
  ['a renewal that does nothing', /^a renewal: counts/, (backend) => ({
    ...all(backend),
    renew: async () => ({ type: 'renewed' }),
  })],
  ['a renewal that only lengthens', /^a renewal with less/, (backend) => ({
    ...all(backend),
    renew: (request) => backend.renew({ ...request, ttlMs: 60_000 }),
  })],
  ['a renewal that takes it anew', /^a renewal after the end/, (backend) => ({
    ...all(backend),
    renew: async ({ key, owner, ttlMs }) => {
      await backend.acquire({ key, owner, ttlMs, mode: 'exclusive', waitMs: 0, metadata: {} })
      return { type: 'renewed' }
    },
  })],
  ['a renewal by anyone', /^a renewal by another/, (backend) => ({
    ...all(backend),
    renew: async (request) => {
      const { owner } = await backend.status(request.key)
      return backend.renew({ ...request, owner: owner ?? request.owner })
    },
  })],
  ['re-entry that shortens', /^re-entry with less/, (backend) => ({
    ...all(backend),
    acquire: async (request, signal) => {
      const reply = await backend.acquire(request, signal)
      if (reply.type === 'granted') await backend.renew({ ...request, token: reply.token })
      return reply
    },
  })],
  ['a wait that is none', /^a wait: is granted when the lock is released/, (backend) => ({
    ...all(backend),
    acquire: (request, signal) => backend.acquire({ ...request, waitMs: 0 }, signal),
  })],
  ['a wait that forgets its time', /^a wait: is granted when the lock is rel/, granting((reply) => {
    return { ...reply, grantedAfterMs: 0 }
  })],
  ['a wait that outlasts no lease', /^a wait: is granted when the lease/, (backend) => ({
    ...all(backend),
    acquire: (request, signal) => {
      return backend.acquire({ ...request, waitMs: Math.min(request.waitMs, 500) }, signal)
    },
  })],
  ['a wait that ends early', /^a wait for too long/, (backend) => ({
    ...all(backend),
    acquire: (request, signal) => {
      return backend.acquire({ ...request, waitMs: request.waitMs / 2 }, signal)
    },
  })],
  ['an abort that leaves the queue as it is', /^a wait that is aborted: ends/, (backend) => ({
    ...all(backend),
    acquire: (request, signal) => untilAborted(backend.acquire(request), signal),
  })],
  ['an abort that keeps what it got', /^a wait that is aborted as it is gr/, (backend) => ({
    ...all(backend),
    acquire: (request, signal) => untilAborted(backend.acquire(request), signal),
  })],
  ['a queue that is a stack', /^those that wait/, stack()],
]

/** Ends with the signal, and leaves behind whatever comes. */
function untilAborted<Value>(promise: Promise<Value>, signal?: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      promise.catch(() => {})
      reject(new DOMException('aborted', 'AbortError'))
    }
    signal?.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject)
  })
}

/** Grants to whoever came last: by tries of its own, in that order. */
function stack(): Flaw {
  const waiting: (() => Promise<void>)[] = []
  return (backend) => ({
    ...all(backend),
    acquire: async (request) => {
      const reply = await backend.acquire({ ...request, waitMs: 0 })
      if (reply.type !== 'busy' || request.waitMs === 0) return reply
      return new Promise((resolve) => {
        waiting.push(async () => resolve(await backend.acquire({ ...request, waitMs: 0 })))
      })
    },
    release: async (request) => {
      const reply = await backend.release(request)
      await waiting.pop()?.()
      return reply
    },
    status: async (key) => ({ ...(await backend.status(key)), waiters: waiting.length }),
  })
}

for (const [name, caught, flaw] of flaws) {
  test(`conformance: ${name}: caught by the case for it`, async () => {
    const cases = backendCases.filter(({ title }) => caught.test(title))
    assert.is(cases.length, 1, `${caught} is not one case`)
    const [only] = cases as [(typeof backendCases)[number]]
    const ended = await runCase(only, async () => memoryPlace(flaw)).catch((error) => error)
    assert.instance(ended, Error)
  })
}

test('conformance: every case: there is a broken backend that it catches', () => {
  const idle = backendCases.filter(({ title }) => !flaws.some(([, caught]) => caught.test(title)))
  assert.equal(idle.map(({ title }) => title), [])
})

test('conformance: a backend that supports less: is not asked for more', () => {
  const titles: string[] = []
  backendConformance({
    test: (title) => titles.push(title),
    place: async () => memoryPlace(),
    supports: { fencing: 'none', wait: 'poll', fair: false, shared: false },
  })
  assert.ok(titles.length >= 15)
  assert.not(titles.some((title) => /^(a wait|those that wait|shared|the tokens)/.test(title)))
})

test.run()
