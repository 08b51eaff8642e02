// Cases of who has a lock: one at a time, told apart by owner and by token.

import type { BackendCase, BackendPlace } from './conformance-place.ts'
import { acquire, expect, expectBusy, expectCode, LONG_MS, newKey } from './conformance-place.ts'
import { ofAll, take } from './conformance-place.ts'

const KEYS = ['.', '..', 'a/b', '/', '%2F', ' ', 'a b', 'user:process:42', 'ключ', '🔒', '\u0001\n']

async function aFreeLock(place: BackendPlace): Promise<void> {
  const backend = place.client()
  const key = newKey()
  const beforeMs = place.now()
  const reply = await take(backend, key, 'a', { ttlMs: LONG_MS, metadata: { why: 'ü "x"' } })
  expect(reply.count === 1, `a first grant has count ${reply.count}`)
  expect(reply.ttlMs === LONG_MS, `the lease is ${reply.ttlMs} ms`)
  expect(reply.grantedAfterMs >= 0, `granted after ${reply.grantedAfterMs} ms`)
  const isBetween = reply.firstSentMs >= beforeMs && reply.firstSentMs <= place.now()
  expect(isBetween, 'firstSentMs is not between the call and its end')
  const status = await place.client().status(key)
  expect(status.locked && status.owner === 'a', `its status is ${JSON.stringify(status)}`)
  expect(status.fencingToken === reply.token, 'its status has another token')
  expect(status.metadata['why'] === 'ü "x"', 'its status has other metadata')
  const { remainingMs } = status
  const isLeft = remainingMs === null || (remainingMs > 0 && remainingMs <= LONG_MS)
  expect(isLeft, `its status has ${remainingMs} ms left`)
}

async function aHeldLock(place: BackendPlace): Promise<void> {
  const backend = place.client()
  const key = newKey()
  await take(backend, key, 'a')
  for (const client of [backend, place.client()]) {
    const reply = await acquire(client, key, 'b')
    expect(reply.type === 'busy', `another was told ${reply.type}`)
    const isKnown = reply.holder === null || reply.holder === 'a'
    expect(isKnown, `the holder is said to be ${reply.holder}`)
  }
}

async function aReleasedLock(place: BackendPlace): Promise<void> {
  const backend = place.client()
  const key = newKey()
  const { token } = await take(backend, key, 'a')
  const reply = await backend.release({ key, owner: 'a', token, all: true })
  expect(reply.type === 'released' && reply.count === 0, `told ${JSON.stringify(reply)}`)
  expect(!(await backend.status(key)).locked, 'it is locked still')
  await take(place.client(), key, 'b')
}

async function growingTokens(place: BackendPlace): Promise<void> {
  const key = newKey()
  let last = 0
  for (let round = 0; round < 5; round++) {
    const backend = place.client()
    const { token } = await take(backend, key, `owner${round}`)
    expect(token > last, `token ${token} came after ${last}`)
    expect(Number.isSafeInteger(token), `token ${token} is no number to rely on`)
    last = token
    await backend.release({ key, owner: `owner${round}`, token, all: true })
  }
}

async function anothersRelease(place: BackendPlace): Promise<void> {
  const backend = place.client()
  const key = newKey()
  const { token } = await take(backend, key, 'a')
  const reply = await place.client().release({ key, owner: 'b', token, all: true })
  expect(reply.type === 'notHolder', `a release by another was answered ${reply.type}`)
  await expectBusy(backend, key, 'c')
}

async function aReleaseTwice(place: BackendPlace): Promise<void> {
  const backend = place.client()
  const key = newKey()
  const first = await take(backend, key, 'a')
  const release = { key, owner: 'a', token: first.token, all: true }
  await backend.release(release)
  expect((await backend.release(release)).type === 'notHolder', 'it was given back twice')
}

async function anOldToken(place: BackendPlace): Promise<void> {
  const backend = place.client()
  const key = newKey()
  const first = await take(backend, key, 'a')
  const release = { key, owner: 'a', token: first.token, all: true }
  await backend.release(release)
  await take(backend, key, 'a')
  expect((await backend.release(release)).type === 'notHolder', 'an old release freed a new lock')
  const renewed = await backend.renew({ key, owner: 'a', token: first.token, ttlMs: LONG_MS })
  expect(renewed.type === 'expired', 'an old renewal renewed a new lock')
  await expectBusy(backend, key, 'b')
}

async function aReentry(place: BackendPlace): Promise<void> {
  const backend = place.client()
  const key = newKey()
  const first = await take(backend, key, 'a')
  const second = await take(place.client(), key, 'a')
  expect(second.token === first.token, 're-entry changed the token')
  expect(second.count === 2, `re-entry made the count ${second.count}`)
  const release = { key, owner: 'a', token: first.token, all: false }
  const half = await backend.release(release)
  expect(half.type === 'released' && half.count === 1, `told ${JSON.stringify(half)}`)
  await expectBusy(backend, key, 'b')
  const whole = await backend.release(release)
  expect(whole.type === 'released' && whole.count === 0, `told ${JSON.stringify(whole)}`)
  await take(backend, key, 'b')
}

async function aReleaseOfAll(place: BackendPlace): Promise<void> {
  const backend = place.client()
  const key = newKey()
  const { token } = await take(backend, key, 'a')
  await take(backend, key, 'a')
  const reply = await backend.release({ key, owner: 'a', token, all: true })
  expect(reply.type === 'released' && reply.count === 0, `told ${JSON.stringify(reply)}`)
  await take(backend, key, 'b')
}

async function sharedHolders(place: BackendPlace): Promise<void> {
  const backend = place.client()
  const key = newKey()
  const first = await take(backend, key, 'a', { mode: 'shared' })
  const second = await take(place.client(), key, 'b', { mode: 'shared' })
  await expectBusy(backend, key, 'c')
  await backend.release({ key, owner: 'a', token: first.token, all: true })
  await expectBusy(backend, key, 'c')
  await backend.release({ key, owner: 'b', token: second.token, all: true })
  await take(backend, key, 'c')
  await expectBusy(backend, key, 'd', { mode: 'shared' })
}

async function strangeKeys(place: BackendPlace): Promise<void> {
  const backend = place.client()
  const prefix = newKey()
  const grants = await Promise.all(
    KEYS.map((key) => take(backend, prefix + key, `owner of ${key}`)),
  )
  for (const [at, key] of KEYS.entries()) {
    const { owner } = await backend.status(prefix + key)
    expect(owner === `owner of ${key}`, `${JSON.stringify(key)} is held by ${owner}`)
    const token = grants[at]?.token ?? 0
    await backend.release({ key: prefix + key, owner: `owner of ${key}`, token, all: true })
    expect(!(await backend.status(prefix + key)).locked, `${JSON.stringify(key)} is locked still`)
  }
}

async function manyAtOnce(place: BackendPlace): Promise<void> {
  const key = newKey()
  const clients = Array.from({ length: 10 }, () => place.client())
  const replies = await Promise.all(clients.map((one, at) => acquire(one, key, `owner${at}`)))
  const granted = replies.filter(({ type }) => type === 'granted').length
  expect(granted === 1, `${granted} of ten got the lock`)
}

async function badInput(place: BackendPlace): Promise<void> {
  const backend = place.client()
  await expectCode('INVALID', acquire(backend, '', 'a'))
  await expectCode('INVALID', acquire(backend, newKey(), ''))
}

async function afterClose(place: BackendPlace): Promise<void> {
  const backend = place.client()
  const key = newKey()
  if (backend.close === undefined) return
  const { token } = await take(backend, key, 'a')
  await backend.close()
  await expectCode('CLOSED', acquire(backend, newKey(), 'a'))
  await expectCode('CLOSED', backend.renew({ key, owner: 'a', token, ttlMs: LONG_MS }))
  await expectCode('CLOSED', backend.release({ key, owner: 'a', token, all: true }))
  await expectCode('CLOSED', backend.status(key))
  expect((await place.client().status(key)).locked, 'closing a client released what it held')
}

async function abortedBefore(place: BackendPlace): Promise<void> {
  const backend = place.client()
  const key = newKey()
  const signal = AbortSignal.abort()
  await expectCode('ABORTED', acquire(backend, key, 'a', {}, signal))
  await expectCode('ABORTED', backend.status(key, signal))
  expect(!(await backend.status(key)).locked, 'it was taken all the same')
}

const tokens: BackendCase['needs'] = ({ fencing }) => fencing !== 'none'
const sharing: BackendCase['needs'] = ({ shared }) => shared

export const conflictCases: readonly BackendCase[] = [
  { title: 'a free lock: is granted, and its status says so', needs: ofAll, run: aFreeLock },
  { title: 'a held lock: is busy for others, on every client', needs: ofAll, run: aHeldLock },
  { title: 'a released lock: is free', needs: ofAll, run: aReleasedLock },
  { title: 'the tokens of a key: grow with each holding', needs: tokens, run: growingTokens },
  { title: 'a release by another: changes nothing', needs: ofAll, run: anothersRelease },
  { title: 'a release that comes twice: frees once', needs: ofAll, run: aReleaseTwice },
  { title: 'a token of an earlier holding: counts no more', needs: tokens, run: anOldToken },
  { title: 'the holder asks again: it re-enters, and releases twice', needs: ofAll, run: aReentry },
  { title: 'a release of all: frees however often it was taken', needs: ofAll, run: aReleaseOfAll },
  { title: 'shared holders: hold together', needs: sharing, run: sharedHolders },
  { title: 'keys of any characters: are different locks', needs: ofAll, run: strangeKeys },
  { title: 'ten clients at once: one of them gets the lock', needs: ofAll, run: manyAtOnce },
  { title: 'an empty key, an empty owner: INVALID', needs: ofAll, run: badInput },
  { title: 'a closed client: CLOSED, and what it holds stays held', needs: ofAll, run: afterClose },
  { title: 'a signal that was aborted before: nothing is done', needs: ofAll, run: abortedBefore },
]
