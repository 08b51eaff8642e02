// Sessions of the client: when they are opened, changed and closed, and that a command has one
// effect whatever becomes of its messages.

import * as assert from 'uvu/assert'
import type { GrantedReply } from '../../client/backend.ts'
import { suite } from '../harness.ts'
import { codeOf, watch } from './lock-support.ts'
import { Rig } from './rig.ts'
import type { Command, Fate } from './rig.ts'

const test = suite('client sessions')

function asksFor(command: Command, type: string): boolean {
  return command.type === 'call' && command.command.type === type
}

/** The fates of the commands that fit, one after the other; of those after them: applied. */
function fates(fits: (command: Command) => boolean, ...list: Fate[]): (command: Command) => Fate {
  return (command) => (fits(command) ? (list.shift() ?? 'applied') : 'applied')
}

async function granted(reply: Promise<{ readonly type: string }>): Promise<GrantedReply> {
  const is = await reply
  assert.is(is.type, 'granted')
  return is as GrantedReply
}

test('sessions: opened before the first command, and once for all of one turn', async () => {
  const rig = new Rig()
  await rig.backend.status('k')
  assert.is(rig.of('openSession'), 0)
  await Promise.all(['a', 'b', 'c'].map((key) => rig.acquire(key)))
  await rig.acquire('d')
  assert.is(rig.of('openSession'), 1)
  const calls = rig.commands.flatMap((command) => {
    return command.type === 'call' ? [[command.sequence, command.acknowledged, command.bound]] : []
  })
  assert.equal(calls, [[1, 0, false], [2, 0, false], [3, 0, false], [4, 3, false]])
  assert.is(rig.of('plain'), 0)
})

test('sessions: 3 000 pairs: one session, no memo, and one call that is remembered', async () => {
  const rig = new Rig()
  for (let at = 0; at < 3_000; at++) {
    const { token } = await granted(rig.acquire('k'))
    await rig.release('k', token)
  }
  assert.is(rig.memosCount, 0)
  assert.is(rig.sessions.length, 1)
  assert.is(rig.callsCount, 1)
})

test('sessions: a wait that lasts: others go on in another, and the first is closed', async () => {
  const rig = new Rig()
  const { token } = await granted(rig.acquire('k'))
  const waiting = rig.acquire('k', { owner: 'other', waitMs: 600_000 })
  for (let at = 0; at < 3_000; at++) {
    const held = await granted(rig.acquire('own'))
    await rig.release('own', held.token)
    assert.ok(rig.sessions.length <= 2)
  }
  assert.is(rig.of('openSession'), 2)
  assert.ok(rig.replies.every(({ type }) => type !== 'rejected'))
  await rig.release('k', token)
  await granted(waiting)
  await rig.clock.advance(0)
  assert.is(rig.sessions.length, 1)
  assert.is(rig.of('closeSession'), 1)
})

test('sessions: very many at once: all are made, in as many sessions as that takes', async () => {
  const rig = new Rig()
  const all = Array.from({ length: 3_000 }, (_, at) => rig.acquire(`k${at}`))
  for (const reply of all) await granted(reply)
  assert.ok(rig.replies.every(({ type }) => type !== 'rejected'))
  await rig.clock.advance(0)
  assert.is(rig.sessions.length, 1)
})

test('sessions: after a long silence: another is opened before the next command', async () => {
  const rig = new Rig()
  await rig.acquire('a')
  await rig.clock.advance(299_000)
  await rig.acquire('b')
  assert.is(rig.of('openSession'), 1, 'each call renews it')
  await rig.clock.advance(299_700)
  await granted(rig.acquire('c'))
  assert.is(rig.of('openSession'), 2, 'it may be over')
  assert.ok(rig.replies.every(({ type }) => type !== 'rejected'))
})

test('sessions: it has ended and the clock has not told: the command is made anew', async () => {
  const rig = new Rig()
  await rig.acquire('a')
  rig.aheadMs = 300_000
  const { count } = await granted(rig.acquire('b'))
  assert.is(count, 1)
  assert.is(rig.of('openSession'), 2)
  assert.is(rig.replies.filter(({ type }) => type === 'rejected').length, 1)
})

test('sessions: it has ended, heard of when the time is over: nothing has happened', async () => {
  const rig = new Rig()
  await rig.acquire('a')
  rig.aheadMs = 300_000
  rig.fate = (command) => {
    if (asksFor(command, 'acquire')) void rig.clock.freeze(2_000)
    return 'applied'
  }
  assert.is(await codeOf(rig.acquire('b')), 'NO_QUORUM')
  assert.not((await rig.backend.status('b')).locked)
})

test('sessions: it has ended, and an attempt got no answer: UNKNOWN, not made anew', async () => {
  const rig = new Rig()
  const { token } = await granted(rig.acquire('k'))
  rig.fate = fates((command) => asksFor(command, 'release'), 'unanswered')
  const releasing = watch(rig.release('k', token))
  await rig.clock.advance(50)
  rig.aheadMs = 300_000
  await rig.clock.advance(100)
  assert.is(await codeOf(Promise.reject(releasing.error)), 'UNKNOWN')
  assert.is(rig.of('openSession'), 1)
  await granted(rig.acquire('k'))
})

test('sessions: the opening is lost, or its answer: asked again, that one runs out', async () => {
  const rig = new Rig()
  rig.fate = fates(({ type }) => type === 'openSession', 'keptBack', 'unanswered')
  const reply = rig.acquire('k')
  await rig.clock.advance(300)
  await granted(reply)
  rig.letGo()
  assert.is(rig.sessions.length, 3)
  for (let passed = 0; passed < 400_000; passed += 100_000) {
    await rig.clock.advance(100_000)
    await rig.acquire(`k${passed}`)
  }
  assert.is(rig.sessions.length, 1)
})

test('sessions: no opening is answered: nothing has happened', async () => {
  const rig = new Rig()
  rig.fate = () => 'keptBack'
  const trying = watch(rig.acquire('k'))
  const waiting = watch(rig.acquire('k', { waitMs: 100 }))
  const controller = new AbortController()
  const aborted = watch(rig.acquire('k', { waitMs: 5_000 }, controller.signal))
  controller.abort()
  await rig.clock.advance(0)
  assert.is((aborted.error as { code?: string }).code, 'ABORTED')
  await rig.clock.advance(200)
  assert.is((waiting.error as { code?: string }).code, 'NO_QUORUM')
  assert.is(trying.state, 'pending')
  await rig.clock.advance(800)
  assert.is((trying.error as { code?: string }).code, 'NO_QUORUM')
  assert.is(rig.clock.timersCount, 0)
})

test('sessions: one that opens has less time than another: that one opens again', async () => {
  const rig = new Rig()
  rig.fate = () => 'keptBack'
  const short = watch(rig.acquire('a', { waitMs: 100 }))
  const long = rig.acquire('b', { waitMs: 5_000 })
  await rig.clock.advance(1_000)
  assert.is((short.error as { code?: string }).code, 'NO_QUORUM')
  rig.fate = () => 'applied'
  await rig.clock.advance(200)
  await granted(long)
})

test('sessions: as many as there may be: OVERLOADED', async () => {
  const rig = new Rig({ sessionsMax: 0 })
  assert.is(await codeOf(rig.acquire('k')), 'OVERLOADED')
})

test('sessions: the service remembers fewer calls than the client thinks: made anew', async () => {
  const rig = new Rig({ unacknowledgedMax: 1 })
  await Promise.all(['a', 'b', 'c'].map(async (key) => granted(rig.acquire(key))))
  assert.ok(rig.of('openSession') > 1)
})

test('sessions: a connection breaks under a command: asked again, and done once', async () => {
  const rig = new Rig()
  await granted(rig.acquire('k'))
  rig.fate = fates((command) => asksFor(command, 'acquire'), 'broken')
  const { count, token } = await granted(rig.acquire('k'))
  assert.is(count, 2, 'once more, and not twice')
  rig.fate = fates((command) => asksFor(command, 'release'), 'broken')
  assert.equal(await rig.release('k', token), { type: 'released', count: 1 })
})

test('sessions: no answer to an acquire, which comes late: it does not come at all', async () => {
  const rig = new Rig()
  // Pins the mark: the number of the acquire cannot be acknowledged.
  await granted(rig.acquire('long'))
  const long = rig.acquire('long', { owner: 'other', waitMs: 60_000 })
  let isCut = true
  rig.fate = (command) => (isCut && asksFor(command, 'acquire') ? 'keptBack' : 'applied')
  const trying = watch(rig.acquire('k'))
  await rig.clock.advance(1_100)
  assert.is((trying.error as { code?: string }).code, 'UNKNOWN')
  isCut = false
  rig.letGo()
  await rig.clock.advance(0)
  assert.not((await rig.backend.status('k')).locked)
  await rig.backend.close()
  await codeOf(long)
})

test('sessions: no answer to an acquire that was granted: given back', async () => {
  const rig = new Rig()
  rig.fate = fates((command) => asksFor(command, 'acquire'), ...Array<Fate>(20).fill('unanswered'))
  const trying = watch(rig.acquire('k'))
  await rig.clock.advance(1_100)
  rig.fate = () => 'applied'
  await rig.clock.advance(1_000)
  assert.is((trying.error as { code?: string }).code, 'UNKNOWN')
  assert.not((await rig.backend.status('k')).locked)
})

test('sessions: no answer to a re-entry that was not made: what was held is kept', async () => {
  const rig = new Rig()
  const { token } = await granted(rig.acquire('k'))
  rig.fate = (command) => (asksFor(command, 'acquire') ? 'keptBack' : 'applied')
  const again = watch(rig.acquire('k'))
  await rig.clock.advance(1_100)
  assert.is((again.error as { code?: string }).code, 'UNKNOWN')
  await rig.clock.advance(2_000)
  assert.equal(await rig.release('k', token), { type: 'released', count: 0 })
})

test('sessions: a wait is aborted: it ends, and the owner keeps what it has', async () => {
  const rig = new Rig()
  const { token } = await granted(rig.acquire('k', { mode: 'shared' }))
  await granted(rig.acquire('k', { mode: 'shared', owner: 'other' }))
  await granted(rig.acquire('busy', { owner: 'other' }))
  const controller = new AbortController()
  const waiting = watch(rig.acquire('busy', { waitMs: 60_000 }, controller.signal))
  await rig.clock.advance(0)
  assert.is((await rig.backend.status('busy')).waiters, 1)
  controller.abort()
  await rig.clock.advance(0)
  assert.is((waiting.error as { code?: string }).code, 'ABORTED')
  assert.is((await rig.backend.status('busy')).waiters, 0)
  assert.equal(await rig.release('k', token), { type: 'released', count: 0 })
})

test('sessions: closed: so is its session, though nobody waits for that', async () => {
  const rig = new Rig()
  await rig.acquire('k')
  await rig.backend.close()
  assert.is(rig.sessions.length, 0)
})

test.run()
