// Cases of those that wait for a lock: in turn, as long as they said, and until they give up.

import type { BackendCase, BackendPlace } from './conformance-place.ts'
import { acquire, ended, expect, expectBusy, expectCode } from './conformance-place.ts'
import { LONG_MS, newKey, SHORT_MS, take, until } from './conformance-place.ts'
import type { LockBackend } from './backend.ts'

/** Until so many wait for the key. */
function waiters(
  place: BackendPlace,
  backend: LockBackend,
  key: string,
  count: number,
): Promise<void> {
  return until(place, `${count} wait`, async () => (await backend.status(key)).waiters === count)
}

async function itBecomesFree(place: BackendPlace): Promise<void> {
  const backend = place.client()
  const other = place.client()
  const key = newKey()
  const first = await take(backend, key, 'a')
  const waiting = acquire(other, key, 'b', { waitMs: LONG_MS, ttlMs: LONG_MS })
  await waiters(place, backend, key, 1)
  await place.pass(50)
  await backend.release({ key, owner: 'a', token: first.token, all: true })
  const reply = await ended(place, waiting)
  expect(reply.type === 'granted', `the next in turn was told ${reply.type}`)
  expect(reply.token > first.token || reply.token === 0, 'its token did not grow')
  const sinceMs = place.now() - reply.firstSentMs
  const isSo = reply.grantedAfterMs > 0 && reply.grantedAfterMs <= sinceMs + 10
  expect(isSo, `granted ${reply.grantedAfterMs} ms after the request, of ${sinceMs}`)
}

async function itRunsOut(place: BackendPlace): Promise<void> {
  const backend = place.client()
  const key = newKey()
  await take(backend, key, 'a', { ttlMs: SHORT_MS })
  const reply = await ended(place, acquire(backend, key, 'b', { waitMs: LONG_MS }))
  expect(reply.type === 'granted', `the next in turn was told ${reply.type}`)
}

async function itTakesTooLong(place: BackendPlace): Promise<void> {
  const backend = place.client()
  const key = newKey()
  const first = await take(backend, key, 'a')
  const sinceMs = place.now()
  const reply = await ended(place, acquire(backend, key, 'b', { waitMs: 300 }))
  expect(reply.type === 'timeout', `a wait of 300 ms ended as ${reply.type}`)
  const waitedMs = place.now() - sinceMs
  expect(waitedMs >= 298, `a wait of 300 ms ended after ${waitedMs}`)
  await backend.release({ key, owner: 'a', token: first.token, all: true })
  expect(!(await backend.status(key)).locked, 'it was granted to one that waits no longer')
}

async function itIsAborted(place: BackendPlace): Promise<void> {
  const backend = place.client()
  const key = newKey()
  const first = await take(backend, key, 'a')
  const abort = new AbortController()
  const waiting = acquire(backend, key, 'b', { waitMs: LONG_MS }, abort.signal)
  const watched = expectCode('ABORTED', waiting)
  await waiters(place, backend, key, 1)
  abort.abort()
  await ended(place, watched)
  await waiters(place, backend, key, 0)
  await backend.release({ key, owner: 'a', token: first.token, all: true })
  expect(!(await backend.status(key)).locked, 'it was granted to one that gave up')
}

async function itIsAbortedAsItIsGranted(place: BackendPlace): Promise<void> {
  const backend = place.client()
  const key = newKey()
  const first = await take(backend, key, 'a')
  const abort = new AbortController()
  const waiting = acquire(backend, key, 'b', { waitMs: LONG_MS }, abort.signal)
  const outcome = waiting.then(({ type }) => type, () => 'aborted')
  await waiters(place, backend, key, 1)
  const released = backend.release({ key, owner: 'a', token: first.token, all: true })
  abort.abort()
  await released
  expect((await ended(place, outcome)) === 'aborted', 'it was aborted before it was granted')
  await until(place, 'what was granted is given back', async () => {
    return !(await backend.status(key)).locked
  })
}

async function theOrder(place: BackendPlace): Promise<void> {
  const key = newKey()
  const holder = place.client()
  let { token } = await take(holder, key, 'first')
  const owners = ['second', 'third', 'fourth', 'fifth']
  const waiting = []
  for (const [at, owner] of owners.entries()) {
    waiting.push(acquire(place.client(), key, owner, { waitMs: LONG_MS }))
    await waiters(place, holder, key, at + 1)
  }
  await expectBusy(holder, key, 'passer-by')
  let last = 'first'
  for (const [at, owner] of owners.entries()) {
    await holder.release({ key, owner: last, token, all: true })
    await expectBusy(holder, key, 'passer-by')
    const reply = await ended(place, waiting[at] ?? Promise.reject(new Error('nobody waits')))
    expect(reply.type === 'granted', `${owner} was next, and was told ${reply.type}`)
    token = reply.token
    last = owner
  }
}

async function itIsClosed(place: BackendPlace): Promise<void> {
  const backend = place.client()
  const key = newKey()
  await take(place.client(), key, 'a')
  const watched = expectCode('CLOSED', acquire(backend, key, 'b', { waitMs: LONG_MS }))
  await waiters(place, place.client(), key, 1)
  await backend.close?.()
  await ended(place, watched)
}

const pushed: BackendCase['needs'] = ({ wait }) => wait === 'push'
const fairly: BackendCase['needs'] = ({ wait, fair }) => wait === 'push' && fair

export const waitCases: readonly BackendCase[] = [
  { title: 'a wait: is granted when the lock is released', needs: pushed, run: itBecomesFree },
  { title: 'a wait: is granted when the lease runs out', needs: pushed, run: itRunsOut },
  { title: 'a wait for too long: timeout, and not earlier', needs: pushed, run: itTakesTooLong },
  { title: 'a wait that is aborted: ends, and gets nothing', needs: pushed, run: itIsAborted },
  {
    title: 'a wait that is aborted as it is granted: what it got is given back',
    needs: pushed,
    run: itIsAbortedAsItIsGranted,
  },
  { title: 'those that wait: first come, first served', needs: fairly, run: theOrder },
  { title: 'a wait of a client that is closed: CLOSED', needs: pushed, run: itIsClosed },
]
