// Every rule of sessions, one small history each.

import * as assert from 'uvu/assert'
import type { LockCommand } from '../../../core/lock/command.ts'
import { lockMachine } from '../../../core/lock/machine.ts'
import { mapSize } from '../../../core/ordered-map.ts'
import type { SessionCommand } from '../../../core/session/command.ts'
import { withSessions } from '../../../core/session/machine.ts'
import { suite } from '../../harness.ts'
import { Driver, add, replied, sleep, wakeOwn, wakeUp } from './support.ts'

const test = suite('session')

const rejected = (reason: string): object => ({ type: 'rejected', reason })

test('session: open: within the bounds: the index is the id', () => {
  const log = new Driver()
  log.index = 41
  const opened = { type: 'opened', session: 42, ttlMs: 100 }
  assert.equal(log.apply({ type: 'openSession', ttlMs: 100 }), opened)
  assert.is(log.open(86_400_000), 43)
  const other = new Driver()
  other.open(100)
  other.open(86_400_000)
  assert.is.not(other.machine.hash(other.state), log.machine.hash(log.state))
})

test('session: open: ttl out of bounds or too many sessions: refused, nothing opened', () => {
  const log = new Driver({ limits: { sessionsMax: 2 } })
  for (const ttlMs of [0, 99, 86_400_001, 100.5, NaN]) {
    const reply = log.apply({ type: 'openSession', ttlMs })
    assert.equal(reply, rejected('ttlOutOfRange'), String(ttlMs))
  }
  log.open()
  const second = log.open()
  const full = rejected('tooManySessions')
  assert.equal(log.apply({ type: 'openSession', ttlMs: 100 }), full)
  log.apply({ type: 'closeSession', session: second })
  log.open()
})

test('session: call: comes again: one effect, the same reply', () => {
  const log = new Driver()
  const session = log.open()
  assert.equal(log.call(session, 1, add(5)), replied(5))
  assert.equal(log.plain(add(2)), replied(7))
  assert.equal(log.call(session, 1, add(5)), replied(5))
  assert.equal(log.events, [])
  assert.is(log.state.inner.total, 7)
})

test('session: call: numbers out of order: each has its effect, none twice', () => {
  const log = new Driver()
  const session = log.open()
  assert.equal(log.call(session, 3, add(100)), replied(100))
  assert.equal(log.call(session, 1, add(1)), replied(101))
  assert.equal(log.call(session, 2, add(10)), replied(111))
  assert.equal(log.call(session, 3, add(100)), replied(100))
  assert.equal(log.call(session, 1, add(1)), replied(101))
  assert.is(log.state.inner.total, 111)
})

test('session: call: the same number in two sessions: two calls', () => {
  const log = new Driver()
  const [one, two] = [log.open(), log.open()]
  assert.equal(log.call(one, 1, add(1)), replied(1))
  assert.equal(log.call(two, 1, add(1)), replied(2))
})

test('session: call: inner machine: is told whose call it is', () => {
  const log = new Driver()
  const session = log.open()
  log.call(session, 1, add(1))
  const event = { type: 'added', amount: 1, session, guarded: true }
  assert.equal(log.events, [{ type: 'inner', event }])
  log.plain(add(1))
  const outside = { ...event, session: null }
  assert.equal(log.events, [{ type: 'inner', event: { ...outside, guarded: false } }])
  log.call(session, 2, add(1), 0, false)
  assert.equal(log.events, [{ type: 'inner', event: outside }], 'an unbound call')
})

test('session: unbound call: comes again: one effect, the same reply', () => {
  const log = new Driver()
  const session = log.open()
  assert.equal(log.call(session, 1, add(5), 0, false), replied(5))
  log.plain(add(2))
  assert.equal(log.call(session, 1, add(5), 0, false), replied(5))
  assert.equal(log.call(session, 1, add(5), 1, false), rejected('alreadyAnswered'))
  assert.is(log.state.inner.total, 7)
})

test('session: unbound call: the same number, bound: another call, and refused', () => {
  const log = new Driver()
  const session = log.open()
  log.call(session, 1, add(5), 0, false)
  log.call(session, 2, sleep('k'), 0, true)
  assert.equal(log.call(session, 1, add(5), 0, true), rejected('sequenceReused'))
  assert.equal(log.call(session, 2, sleep('k'), 0, false), rejected('sequenceReused'))
  assert.equal(log.answers, [])
  const restored = log.machine.decodeSnapshot(log.bytes())
  assert.ok(restored !== null)
  log.state = restored
  assert.equal(log.call(session, 1, add(5), 0, true), rejected('sequenceReused'))
  assert.equal(log.call(session, 1, add(5), 0, false), replied(5))
})

test('session: unbound call: it waits, its session ends: answered late, to the newest', () => {
  for (const by of ['close', 'expiry'] as const) {
    const log = new Driver({ onSessionEnded: wakeOwn })
    const session = log.open()
    log.call(session, 1, sleep('own'), 0, false)
    log.call(session, 1, sleep('own'), 0, false)
    const { index } = log
    log.timeMs = 1_000
    if (by === 'close') log.apply({ type: 'closeSession', session })
    else log.expire()
    assert.is(log.state.inner.sleepers.length, 1, 'it is not of the session that has ended')
    log.plain(wakeUp('own'))
    assert.equal(log.answers.at(-1), [index, replied(0)])
    assert.is(mapSize(log.state.waits), 0)
  }
})

test('session: call: another command under the same number: refused, not applied', () => {
  const log = new Driver()
  const session = log.open()
  log.call(session, 1, add(5))
  log.call(session, 2, sleep('k'))
  assert.equal(log.call(session, 1, add(6)), rejected('sequenceReused'))
  assert.equal(log.call(session, 2, add(6)), rejected('sequenceReused'))
  assert.is(log.state.inner.total, 5)
  assert.equal(log.answers, [], 'the one that waits is not superseded by it')
})

test('session: call: session never opened, closed or expired: refused, not applied', () => {
  const log = new Driver()
  const [closed, expired] = [log.open(), log.open()]
  log.call(closed, 1, add(1))
  log.apply({ type: 'closeSession', session: closed })
  log.timeMs = 1_000
  log.expire()
  for (const session of [closed, expired, 77]) {
    assert.equal(log.call(session, 1, add(1)), rejected('sessionEnded'))
    assert.equal(log.apply({ type: 'keepAlive', session }), rejected('sessionEnded'))
    assert.equal(log.apply({ type: 'closeSession', session }), rejected('sessionEnded'))
  }
  assert.is(log.state.inner.total, 1)
})

test('session: acknowledged mark: replies up to it: dropped, and their calls refused', () => {
  const log = new Driver()
  const session = log.open()
  for (const sequence of [1, 2, 4]) log.call(session, sequence, add(1))
  const before = log.bytes().length
  assert.equal(log.call(session, 2, add(1), 2), rejected('alreadyAnswered'))
  assert.ok(log.bytes().length < before)
  assert.equal(log.call(session, 1, add(1)), rejected('alreadyAnswered'), 'it never goes back')
  assert.equal(log.call(session, 4, add(1)), replied(3), 'above the mark')
  assert.equal(log.call(session, 3, add(1)), replied(4), 'above the mark, never seen')
  assert.equal(log.call(session, 0, add(1)), rejected('alreadyAnswered'))
  assert.is(log.state.inner.total, 4)
})

test('session: acknowledged mark: call that gave its own number up: never applied', () => {
  const log = new Driver()
  const session = log.open()
  assert.equal(log.call(session, 3, add(1), 3), rejected('alreadyAnswered'))
  assert.equal(log.call(session, 2, add(1)), rejected('alreadyAnswered'))
  assert.is(log.state.inner.total, 0)
})

test('session: unacknowledged: as many as may be: the next is refused until the mark moves', () => {
  const log = new Driver()
  const session = log.open()
  for (let sequence = 2; sequence <= 1_024; sequence++) log.call(session, sequence, add(1))
  const full = rejected('tooManyUnacknowledged')
  assert.equal(log.call(session, 1_025, add(1)), full)
  assert.equal(log.call(session, 1, add(1)), replied(1_024), 'the one that holds up the mark')
  assert.equal(log.call(session, 1_025, add(1)), full)
  assert.equal(log.call(session, 1_025, add(1), 1), replied(1_025))
  assert.equal(log.call(session, 1_026, add(1), 1), full)
})

test('session: unacknowledged: too many bytes of replies: only the next number is taken', () => {
  const log = new Driver({ limits: { replyBytesMax: 10 } })
  const session = log.open()
  assert.equal(log.call(session, 2, { type: 'say', letters: 8 }), replied('xxxxxxxx'))
  assert.equal(log.call(session, 3, add(1)), rejected('tooManyUnacknowledged'))
  assert.equal(log.call(session, 2, { type: 'say', letters: 8 }), replied('xxxxxxxx'))
  assert.equal(log.call(session, 1, add(1)), replied(1))
  assert.equal(log.call(session, 4, add(1), 2), replied(2))
  assert.equal(log.call(session, 3, add(1), 2), replied(3))
})

test('session: late answer: of a call: goes out, and is the reply from then on', () => {
  const log = new Driver()
  const session = log.open()
  assert.is(log.call(session, 1, sleep('k')), null)
  const index = log.index
  log.call(session, 2, add(3))
  log.plain(wakeUp('k'))
  assert.equal(log.answers, [[index, replied(3)]])
  log.call(session, 3, add(3))
  assert.equal(log.call(session, 1, sleep('k')), replied(3))
})

test('session: late answer: of the entry itself: goes out, and is the reply from then on', () => {
  const log = new Driver()
  const session = log.open()
  assert.is(log.call(session, 1, { type: 'selfAnswer' }), null)
  assert.equal(log.answers, [[log.index, replied(0)]])
  log.call(session, 2, add(3))
  assert.equal(log.call(session, 1, { type: 'selfAnswer' }), replied(0))
})

test('session: late answer: call came again: to the newest, the others superseded', () => {
  const log = new Driver()
  const session = log.open()
  const attempts = [1, 2, 3].map(() => {
    assert.is(log.call(session, 1, sleep('k')), null)
    return log.index
  })
  assert.is(log.state.inner.sleepers.length, 1)
  const superseded = attempts.slice(0, 2).map((index) => [index, { type: 'superseded' }])
  assert.equal(log.answers, superseded)
  log.plain(wakeUp('k'))
  assert.equal(log.answers, [...superseded, [attempts[2], replied(0)]])
})

test('session: late answer: call given up by the mark: delivered, not remembered', () => {
  const log = new Driver()
  const session = log.open()
  log.call(session, 1, sleep('k'))
  log.call(session, 1, sleep('k'))
  const index = log.index
  log.call(session, 2, add(1), 1)
  log.plain(wakeUp('k'))
  assert.equal(log.answers.at(-1), [index, replied(1)])
  assert.equal(log.call(session, 1, sleep('k')), rejected('alreadyAnswered'))
})

test('session: late answer: session ended: delivered to the newest attempt', () => {
  const log = new Driver()
  const session = log.open()
  log.call(session, 1, sleep('k'))
  log.call(session, 1, sleep('k'))
  const index = log.index
  log.apply({ type: 'closeSession', session })
  log.plain(wakeUp('k'))
  assert.equal(log.answers.at(-1), [index, replied(0)])
  assert.is(mapSize(log.state.waits), 0)
  assert.is(log.machine.hash(log.state), log.machine.hash(log.machine.initial()))
})

test('session: late answer: of a plain command: to its index', () => {
  const log = new Driver()
  assert.is(log.plain(sleep('k')), null)
  assert.equal(log.plain(wakeUp('k')), replied(1))
  assert.equal(log.answers, [[1, replied(0)]])
})

test('session: expiry: deadline passed but not applied: a call or keep-alive renews', () => {
  const log = new Driver()
  const [calls, keeps, silent] = [log.open(), log.open(), log.open()]
  log.timeMs = 5_000
  assert.equal(log.call(calls, 1, add(1)), replied(1))
  const kept = { type: 'keptAlive', ttlMs: 1_000 }
  assert.equal(log.apply({ type: 'keepAlive', session: keeps }), kept)
  assert.equal(log.expire(), { type: 'expired', sessions: 1 })
  const ended = { type: 'sessionEnded', session: silent, by: 'expiry', index: log.index }
  assert.equal(log.events, [{ ...ended, timeMs: 5_000 }])
  log.timeMs = 5_999
  assert.equal(log.expire(), { type: 'expired', sessions: 0 })
  log.timeMs = 6_000
  assert.equal(log.expire(), { type: 'expired', sessions: 2 })
})

test('session: expiry: refused call: shows as well that the client is there', () => {
  const log = new Driver()
  const session = log.open()
  log.call(session, 1, add(1))
  for (const [timeMs, sequence] of [[900, 0], [1_800, 9_999], [2_700, 1]] as const) {
    log.timeMs = timeMs
    log.call(session, sequence, add(2))
    assert.is(log.machine.due(log.state)?.atMs, timeMs + 1_000)
  }
})

test('session: expiry: several are due: by deadline, then id, at most so many', () => {
  const log = new Driver()
  const opened = [300, 200, 300, 200, 400].map((ttlMs) => log.open(ttlMs))
  log.timeMs = 300
  const ended: unknown[] = []
  for (let round = 0; round < 3; round++) {
    log.expire(2)
    for (const event of log.events) if (event.type === 'sessionEnded') ended.push(event.session)
    assert.is(ended.length, Math.min(4, 2 * round + 2))
  }
  assert.equal(ended, [opened[1], opened[3], opened[0], opened[2]])
})

test('session: close: with an event, and the session is gone', () => {
  const log = new Driver()
  const session = log.open()
  log.timeMs = 7
  assert.equal(log.apply({ type: 'closeSession', session }), { type: 'closed' })
  assert.equal(log.events, [{ type: 'sessionEnded', session, by: 'close', index: 2, timeMs: 7 }])
  assert.is(log.machine.due(log.state), null)
})

test('session: end: inner machine reacts: after the event, its answers are routed', () => {
  for (const by of ['close', 'expiry'] as const) {
    const log = new Driver({ onSessionEnded: wakeOwn })
    const [session, other] = [log.open(), log.open(2_000)]
    log.call(session, 1, sleep('own'))
    log.call(session, 1, sleep('own'))
    const { index } = log
    log.call(other, 1, sleep('own'))
    log.timeMs = 1_000
    if (by === 'close') log.apply({ type: 'closeSession', session })
    else log.expire()
    const answer = { type: 'answer', index, reply: replied(-1) }
    assert.equal(
      log.events,
      [{ type: 'sessionEnded', session, by, index: log.index, timeMs: 1_000 }, answer],
    )
    assert.is(log.state.inner.sleepers.length, 1)
  }
})

test('session: due: the earlier of session and inner machine, sessions first', () => {
  const log = new Driver({ limits: { expireMax: 7 } })
  assert.is(log.machine.due(log.state), null)
  log.plain({ type: 'alarm', atMs: 1_000 })
  const ring = { atMs: 1_000, command: { type: 'plain', command: { type: 'ring' } } }
  assert.equal(log.machine.due(log.state), ring)
  log.open(1_001)
  assert.equal(log.machine.due(log.state), ring)
  log.open(1_000)
  const expire = { atMs: 1_000, command: { type: 'expireSessions', max: 7 } }
  assert.equal(log.machine.due(log.state), expire)
})

test('session: query: plain command: the inner answer; all else needs the log', () => {
  const log = new Driver()
  const session = log.open()
  log.plain(add(4))
  const { machine, state } = log
  const command = add(0)
  assert.equal(machine.query(state, { type: 'plain', command }, 0), replied(4))
  assert.is(machine.query(state, { type: 'plain', command: add(1) }, 0), null)
  const numbers = { session, sequence: 1, acknowledged: 0 }
  const call = { type: 'call', ...numbers, bound: true, command } as const
  assert.is(machine.query(state, call, 0), null)
  assert.is(machine.query(state, { type: 'keepAlive', session }, 0), null)
})

test('session: lock machine inside: acquire comes again: one token, answer to the newest', () => {
  const machine = withSessions(lockMachine())
  let state = machine.initial()
  let index = 0
  const apply = (command: SessionCommand<LockCommand>): ReturnType<typeof machine.apply> => {
    index += 1
    const result = machine.apply(state, command, { index, timeMs: 0, version: 1 })
    state = result[0]
    return result
  }
  const acquire = (owner: string): LockCommand => {
    const usual = { ttlMs: 1_000, waitMs: 900, reentrant: true, requestId: 'r' }
    const rest = { mode: 'exclusive', lockDelayMs: 0, metadata: '' } as const
    return { type: 'acquire', key: 'k', owner, ...usual, ...rest }
  }
  apply({ type: 'openSession', ttlMs: 1_000 })
  const call = { type: 'call', session: 1, acknowledged: 0, bound: true } as const
  for (const round of [1, 2]) {
    const [, reply] = apply({ ...call, sequence: 1, command: acquire('x') })
    const granted = { type: 'granted', token: 2, count: 1, ttlMs: 1_000, grantedAfterMs: 0 }
    assert.equal(reply, { type: 'replied', reply: granted }, `round ${round}`)
    assert.is(apply({ ...call, sequence: 2, command: acquire('y') })[1], null)
  }
  const release = { type: 'release', key: 'k', owner: 'x', token: null, all: false } as const
  const [, , events] = apply({ ...call, sequence: 3, command: { ...release, requestId: 's' } })
  const answers = events.filter((event) => event.type === 'answer')
  assert.equal(answers.map((answer) => answer.index), [5])
  const restored = machine.decodeSnapshot(machine.encodeSnapshot(state))
  assert.ok(restored !== null)
  assert.is(machine.hash(restored), machine.hash(state))
})

test.run()
