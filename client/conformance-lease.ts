// Cases of how long a lock is held: to the end of its lease, and not a moment less.

import type { BackendCase, BackendPlace } from './conformance-place.ts'
import { acquire, expect, expectBusy, LONG_MS, newKey } from './conformance-place.ts'
import { ofAll, SHORT_MS, take, until } from './conformance-place.ts'

/** What clocks may differ by over a short lease. */
const SLACK_MS = 10

async function itsLeaseEnds(place: BackendPlace): Promise<void> {
  const backend = place.client()
  const key = newKey()
  const first = await take(backend, key, 'a', { ttlMs: SHORT_MS })
  await until(place, 'a lease ends', async () => {
    return (await acquire(backend, key, 'b')).type === 'granted'
  })
  const heldMs = place.now() - first.firstSentMs
  expect(heldMs >= SHORT_MS - SLACK_MS, `another has it after ${heldMs} of ${SHORT_MS} ms`)
}

async function itIsRenewed(place: BackendPlace): Promise<void> {
  const backend = place.client()
  const key = newKey()
  const { token } = await take(backend, key, 'a', { ttlMs: SHORT_MS })
  const reply = await backend.renew({ key, owner: 'a', token, ttlMs: LONG_MS })
  expect(reply.type === 'renewed', `told ${reply.type}`)
  await place.pass(SHORT_MS + 200)
  await expectBusy(backend, key, 'b')
}

async function itIsRenewedShorter(place: BackendPlace): Promise<void> {
  const backend = place.client()
  const key = newKey()
  const { token } = await take(backend, key, 'a', { ttlMs: LONG_MS })
  await backend.renew({ key, owner: 'a', token, ttlMs: SHORT_MS })
  await until(place, 'a lease that was shortened ends', async () => {
    return (await acquire(backend, key, 'b')).type === 'granted'
  })
}

async function itIsRenewedTooLate(place: BackendPlace): Promise<void> {
  const backend = place.client()
  const key = newKey()
  const { token } = await take(backend, key, 'a', { ttlMs: SHORT_MS })
  await until(place, 'a lease ends', async () => !(await backend.status(key)).locked)
  const reply = await backend.renew({ key, owner: 'a', token, ttlMs: LONG_MS })
  expect(reply.type === 'expired', `a renewal after the end was answered ${reply.type}`)
  expect(!(await backend.status(key)).locked, 'a renewal took the lock anew')
  const late = await backend.release({ key, owner: 'a', token, all: true })
  expect(late.type === 'notHolder', `a release after the end was answered ${late.type}`)
}

async function anotherRenews(place: BackendPlace): Promise<void> {
  const backend = place.client()
  const key = newKey()
  const { token } = await take(backend, key, 'a')
  const reply = await backend.renew({ key, owner: 'b', token, ttlMs: LONG_MS })
  expect(reply.type === 'expired', `a renewal by another was answered ${reply.type}`)
}

async function reentryIsShorter(place: BackendPlace): Promise<void> {
  const backend = place.client()
  const key = newKey()
  await take(backend, key, 'a', { ttlMs: LONG_MS })
  await take(backend, key, 'a', { ttlMs: SHORT_MS })
  await place.pass(SHORT_MS + 200)
  await expectBusy(backend, key, 'b')
}

export const leaseCases: readonly BackendCase[] = [
  { title: 'a lease that ends: frees the lock, and not earlier', needs: ofAll, run: itsLeaseEnds },
  { title: 'a renewal: counts from now on', needs: ofAll, run: itIsRenewed },
  { title: 'a renewal with less: makes it end earlier', needs: ofAll, run: itIsRenewedShorter },
  { title: 'a renewal after the end: never takes it anew', needs: ofAll, run: itIsRenewedTooLate },
  { title: 'a renewal by another: renews nothing', needs: ofAll, run: anotherRenews },
  { title: 're-entry with less: does not shorten the lease', needs: ofAll, run: reentryIsShorter },
]
