// The rules of asking a cluster, each by name.

import * as assert from 'uvu/assert'
import { InvariantError } from '../../core/invariant.ts'
import type { Outcome } from '../../core/effect.ts'
import { suite } from '../harness.ts'
import { Driver, done, notLeader } from './support.ts'

const test = suite('request')
const unknown: Outcome<Uint8Array> = { type: 'unknown' }
const malformed: Outcome<Uint8Array> = { type: 'malformed' }
const forbidden: Outcome<Uint8Array> = { type: 'forbidden' }
const tooLarge: Outcome<Uint8Array> = { type: 'tooLarge' }
const overloaded: Outcome<Uint8Array> = { type: 'overloaded' }
/** Outcomes of what no call asks for. */
const nonsense: readonly Outcome<Uint8Array>[] = [
  { type: 'changed', index: 1 },
  { type: 'transferred' },
  { type: 'refused', reason: 'pending' },
]

test('request: a call: sent at once, answered by done with its reply and first sending', () => {
  const driver = new Driver()
  driver.now = 5
  driver.call(7)
  const payload = Uint8Array.of(7)
  const sent = { type: 'send', to: 'a', request: 1, read: false, payload, atMs: 5 }
  assert.equal(driver.sent, [sent])
  driver.now = 9
  driver.reply(1, done(3))
  const result = { type: 'done', reply: Uint8Array.of(3), firstSentMs: 5 }
  assert.equal(driver.results, [{ type: 'result', call: 7, result }])
  assert.is(driver.deadlineMs, Infinity)
})

test('request: the start: the first node is drawn from the random bits', () => {
  for (const [random, node] of [[0, 'a'], [1, 'b'], [0xffffffff, 'a'], [5, 'c']] as const) {
    const driver = new Driver({}, random)
    driver.call(1)
    assert.is(driver.asked, node)
  }
})

test('request: several calls: each gets the answer to its own attempt', () => {
  const driver = new Driver()
  driver.call(1)
  driver.call(2)
  driver.call(3)
  driver.reply(3, done())
  driver.reply(1, done())
  driver.reply(2, malformed)
  assert.is(driver.ended, '3 done, 1 done, 2 failed')
})

test('request: notLeader with a hint: the hint is asked at once', () => {
  const driver = new Driver()
  driver.call(1)
  driver.reply(1, notLeader('c'))
  assert.is(driver.asked, 'ac')
  assert.is(driver.sent[1]?.atMs, 0)
})

test('request: notLeader with a hint: asked again without a request id too', () => {
  const driver = new Driver()
  driver.call(1, { retry: false })
  driver.reply(1, notLeader('c'))
  assert.is(driver.asked, 'ac')
})

test('request: notLeader without a hint: a pause, then the next node', () => {
  const driver = new Driver()
  driver.call(1)
  driver.reply(1, notLeader())
  assert.is(driver.asked, 'a')
  assert.is(driver.deadlineMs, 20)
  driver.wait(19)
  assert.is(driver.asked, 'a')
  driver.wait(20)
  assert.is(driver.asked, 'ab')
})

test('request: a hint at itself or at a stranger: as good as none', () => {
  for (const hint of ['a', 'z']) {
    const driver = new Driver()
    driver.call(1)
    driver.reply(1, notLeader(hint))
    assert.is(driver.asked, 'a')
    assert.is(driver.deadlineMs, 20)
  }
})

test('request: two nodes hint at each other for ever: after N hops a pause, then the third', () => {
  const other: Record<string, string> = { a: 'b', b: 'a' }
  for (const random of [0, 1]) {
    const driver = new Driver({}, random)
    driver.call(1)
    for (let answered = 0; !driver.asked.endsWith('c'); answered++) {
      assert.ok(driver.sent.length < 20, driver.asked)
      const last = driver.sent[answered]
      if (last === undefined) driver.wait(driver.deadlineMs)
      driver.reply(answered + 1, notLeader(other[driver.sent[answered]?.to ?? ''] ?? null))
    }
    const sameMs = driver.sent.filter(({ atMs }) => atMs === 0)
    assert.is(sameMs.length, 4, 'the first ask and three hops')
  }
})

test('request: malformed, forbidden or too large: failed', () => {
  for (const outcome of [malformed, forbidden, tooLarge]) {
    const driver = new Driver()
    driver.call(1)
    driver.reply(1, outcome)
    assert.is(driver.ended, '1 failed')
  }
})

test('request: malformed, or too large, after an attempt that went unanswered: unknown', () => {
  for (const outcome of [malformed, tooLarge]) {
    const driver = new Driver()
    driver.call(1)
    driver.wait(100)
    driver.reply(2, outcome)
    assert.is(driver.ended, '1 unknown')
  }
})

test('request: malformed, or too large: the leader has not disappointed', () => {
  for (const outcome of [malformed, tooLarge]) {
    const driver = new Driver()
    driver.call(1)
    driver.reply(1, notLeader('c'))
    driver.reply(2, done())
    driver.call(2)
    driver.reply(3, outcome)
    driver.call(3)
    assert.is(driver.asked, 'accc')
  }
})

test('request: overloaded: a pause, then the next node', () => {
  for (const retry of [true, false]) {
    const driver = new Driver()
    driver.call(1, { retry })
    driver.reply(1, overloaded)
    assert.is(driver.ended, '')
    assert.is(driver.deadlineMs, 20)
    driver.wait(20)
    assert.is(driver.asked, 'ab')
    driver.reply(2, notLeader('a'))
    driver.reply(3, done())
    assert.is(driver.ended, '1 done')
  }
})

test('request: overloaded: the known leader stays known', () => {
  const driver = new Driver()
  driver.call(1)
  driver.reply(1, notLeader('c'))
  driver.reply(2, done())
  driver.call(2)
  driver.reply(3, overloaded)
  driver.call(3)
  assert.is(driver.asked, 'accc')
})

test('request: an older attempt answers overloaded: the newest is left to its course', () => {
  const driver = new Driver()
  driver.call(1)
  driver.wait(100)
  driver.reply(1, overloaded)
  assert.is(driver.deadlineMs, 200)
  driver.wait(150)
  assert.is(driver.asked, 'ab')
})

test('request: overloaded to every attempt, the time is up: failed', () => {
  const driver = new Driver()
  driver.call(1, { timeoutMs: 50, retry: false })
  driver.reply(1, overloaded)
  driver.wait(20)
  driver.reply(2, overloaded)
  driver.wait(40)
  driver.reply(3, overloaded)
  driver.wait(50)
  assert.is(driver.ended, '1 failed')
})

test('request: overloaded after an attempt that went unanswered, the time is up: unknown', () => {
  const driver = new Driver()
  driver.call(1, { timeoutMs: 110 })
  driver.wait(100)
  driver.reply(2, overloaded)
  driver.wait(110)
  assert.is(driver.ended, '1 unknown')
})

test('request: an answer to what was never asked: as good as unknown', () => {
  for (const outcome of nonsense) {
    const once = new Driver()
    once.call(1, { retry: false })
    once.reply(1, outcome)
    assert.is(once.ended, '1 unknown', outcome.type)

    const driver = new Driver()
    driver.call(1, { timeoutMs: 50 })
    driver.reply(1, outcome)
    assert.is(driver.ended, '', outcome.type)
    driver.wait(20)
    assert.is(driver.asked, 'ab', outcome.type)
    driver.reply(2, notLeader())
    driver.wait(50)
    assert.is(driver.ended, '1 unknown', outcome.type)
  }
})

test('request: unknown with a request id: the same payload again after a pause', () => {
  const driver = new Driver()
  driver.call(1)
  driver.reply(1, unknown)
  driver.wait(20)
  assert.is(driver.asked, 'ab')
  assert.is(driver.sent[0]?.payload, driver.sent[1]?.payload)
  driver.now = 30
  driver.reply(2, done())
  assert.equal(driver.results[0]?.result, { type: 'done', reply: Uint8Array.of(1), firstSentMs: 0 })
})

test('request: unknown without a request id: unknown', () => {
  const driver = new Driver()
  driver.call(1, { retry: false })
  driver.reply(1, unknown)
  assert.is(driver.ended, '1 unknown')
})

test('request: no answer, with a request id: the next node at the attempt timeout', () => {
  const driver = new Driver()
  driver.call(1)
  assert.is(driver.deadlineMs, 100)
  driver.wait(300)
  assert.is(driver.asked, 'abca')
  assert.equal(driver.sent.map(({ request }) => request), [1, 2, 3, 4])
})

test('request: no answer, without a request id: unknown', () => {
  const driver = new Driver()
  driver.call(1, { retry: false })
  driver.wait(100)
  assert.is(driver.ended, '1 unknown')
  assert.is(driver.asked, 'a')
})

test('request: an older attempt is answered: as good as the newest', () => {
  const driver = new Driver()
  driver.call(1)
  driver.wait(250)
  driver.reply(1, done())
  assert.equal(driver.results[0]?.result, { type: 'done', reply: Uint8Array.of(1), firstSentMs: 0 })
})

test('request: an older attempt answers notLeader: the newest is left to its course', () => {
  const driver = new Driver()
  driver.call(1)
  driver.wait(100)
  driver.reply(1, notLeader('c'))
  assert.is(driver.asked, 'ab')
  assert.is(driver.deadlineMs, 200)
})

test('request: an older attempt answers unknown: the newest is left to its course', () => {
  const driver = new Driver()
  driver.call(1)
  driver.wait(100)
  driver.reply(1, unknown)
  assert.is(driver.deadlineMs, 200)
  driver.wait(150)
  assert.is(driver.asked, 'ab')
})

test('request: duplicates and late answers: ignored', () => {
  const driver = new Driver()
  driver.call(1)
  driver.reply(1, notLeader('b'))
  driver.reply(1, notLeader('c'))
  driver.reply(1, done())
  driver.reply(99, done())
  assert.is(driver.ended, '')
  assert.is(driver.asked, 'ab')
  driver.reply(2, done())
  driver.reply(2, done())
  assert.is(driver.ended, '1 done')
})

test('request: done with a reply that is not final: the call goes on waiting', () => {
  const driver = new Driver()
  driver.call(1)
  driver.wait(100)
  driver.reply(1, done(0))
  assert.is(driver.ended, '')
  driver.reply(2, done())
  assert.is(driver.ended, '1 done')
})

test('request: a reply that is not final, and then the time is up: unknown', () => {
  const driver = new Driver()
  driver.call(1, { timeoutMs: 50 })
  driver.reply(1, done(0))
  driver.wait(50)
  assert.is(driver.ended, '1 unknown')
})

test('request: a reply without effect to the only attempt: the answer', () => {
  const driver = new Driver()
  driver.call(1)
  driver.reply(1, notLeader('b'))
  driver.reply(2, done(9))
  assert.equal(driver.results[0]?.result, { type: 'done', reply: Uint8Array.of(9), firstSentMs: 0 })
})

test('request: a reply without effect while an earlier attempt is out: asks again', () => {
  const driver = new Driver()
  driver.call(1)
  driver.wait(100)
  driver.reply(2, done(9))
  assert.is(driver.deadlineMs, 120, 'after a pause')
  driver.wait(120)
  assert.is(driver.asked, 'abc')
  driver.reply(3, done(9))
  driver.reply(1, done(3))
  assert.equal(driver.results[0]?.result, { type: 'done', reply: Uint8Array.of(3), firstSentMs: 0 })
})

test('request: a reply without effect, and the earlier attempts have none either: answered', () => {
  for (const earlier of [notLeader(), done(9)]) {
    const driver = new Driver()
    driver.call(1)
    driver.wait(100)
    driver.reply(1, earlier)
    assert.is(driver.ended, '')
    driver.reply(2, done(9))
    assert.is(driver.ended, '1 done')
  }
})

test('request: an older attempt has no effect: the newest is left to its course', () => {
  const driver = new Driver()
  driver.call(1)
  driver.wait(100)
  driver.reply(1, done(9))
  assert.is(driver.deadlineMs, 200)
  driver.reply(2, done())
  assert.is(driver.ended, '1 done')
})

test('request: only replies without effect after an unknown, the time is up: unknown', () => {
  const driver = new Driver()
  driver.call(1, { timeoutMs: 150 })
  driver.reply(1, unknown)
  for (let request = 2; driver.results.length === 0; request++) {
    driver.wait(driver.deadlineMs)
    driver.reply(request, done(9))
  }
  assert.is(driver.ended, '1 unknown')
  assert.is(driver.now, 150)
  assert.is(driver.sent.length, 8)
})

test('request: a read: every attempt says so', () => {
  const driver = new Driver()
  driver.call(1, { read: true })
  driver.wait(100)
  driver.call(2)
  assert.equal(driver.sent.map(({ read }) => read), [true, true, false])
})

test('request: a read: asked again whatever it got, without a request id too', () => {
  for (const outcome of [unknown, overloaded, notLeader(), ...nonsense]) {
    const driver = new Driver()
    driver.call(1, { read: true, retry: false })
    driver.reply(1, outcome)
    driver.wait(20)
    assert.is(driver.asked, 'ab', outcome.type)
    driver.wait(120)
    assert.is(driver.asked, 'abc', outcome.type)
    driver.reply(3, done())
    assert.is(driver.ended, '1 done', outcome.type)
  }
})

test('request: a read without an answer, the time is up: failed, for it has no effect', () => {
  for (const outcome of [null, unknown, overloaded, notLeader(), ...nonsense]) {
    const driver = new Driver()
    driver.call(1, { read: true, timeoutMs: 150 })
    if (outcome !== null) driver.reply(1, outcome)
    driver.wait(150)
    assert.is(driver.ended, '1 failed', outcome?.type)
  }
})

test('request: a read that is malformed, an earlier attempt is out: failed', () => {
  const driver = new Driver()
  driver.call(1, { read: true })
  driver.wait(100)
  driver.reply(2, malformed)
  assert.is(driver.ended, '1 failed')
})

test('request: a read: any reply is the answer, also an older attempt\'s', () => {
  for (const byte of [0, 1, 9]) {
    const driver = new Driver()
    driver.call(1, { read: true })
    driver.wait(100)
    driver.reply(1, done(byte))
    const result = { type: 'done', reply: Uint8Array.of(byte), firstSentMs: 0 }
    assert.equal(driver.results, [{ type: 'result', call: 1, result }])
  }
})

test('request: pauses: from half to the whole, as the random bits say', () => {
  const cases = [[0, 20], [0x80000000, 15], [0xffffffff, 10], [-1, 10]] as const
  for (const [random, untilMs] of cases) {
    const driver = new Driver()
    driver.random = random
    driver.call(1)
    driver.reply(1, notLeader())
    assert.is(driver.deadlineMs, untilMs)
  }
  const shortest = new Driver({ retryPauseMs: 1 })
  shortest.random = 0xffffffff
  shortest.call(1)
  shortest.reply(1, notLeader())
  assert.is(shortest.deadlineMs, 1)
})

test('request: the time is up and every attempt said notLeader: failed', () => {
  const driver = new Driver()
  driver.call(1, { timeoutMs: 50 })
  driver.reply(1, notLeader('b'))
  driver.reply(2, notLeader())
  driver.wait(50)
  driver.reply(3, notLeader())
  assert.is(driver.ended, '1 unknown', 'the third was still out')

  const answered = new Driver()
  answered.call(1, { timeoutMs: 30 })
  answered.reply(1, notLeader('b'))
  answered.reply(2, notLeader())
  answered.wait(20)
  answered.reply(3, notLeader())
  answered.wait(30)
  assert.is(answered.ended, '1 failed')
})

test('request: unknown once, notLeader ever after, the time is up: unknown', () => {
  const driver = new Driver()
  driver.call(1, { timeoutMs: 50 })
  driver.reply(1, unknown)
  driver.wait(20)
  driver.reply(2, notLeader())
  driver.wait(40)
  driver.reply(3, notLeader())
  driver.wait(50)
  assert.is(driver.ended, '1 unknown')
})

test('request: no time at all: failed, and nothing was sent', () => {
  const driver = new Driver()
  driver.call(1, { timeoutMs: 0 })
  assert.is(driver.ended, '1 failed')
  assert.is(driver.asked, '')
})

test('request: an answer in the very turn of the deadline: the answer counts', () => {
  const driver = new Driver()
  driver.call(1, { timeoutMs: 50 })
  driver.now = 60
  driver.reply(1, done())
  assert.is(driver.ended, '1 done')
})

test('request: the node that answered done: the first to ask, until it disappoints', () => {
  const driver = new Driver()
  driver.call(1)
  driver.reply(1, notLeader('c'))
  driver.reply(2, done())
  driver.call(2)
  assert.is(driver.asked, 'acc')
  driver.reply(3, notLeader())
  driver.call(3)
  assert.is(driver.asked, 'acca')
})

test('request: the known leader does not answer: another node is asked', () => {
  const driver = new Driver({}, 2)
  driver.call(1)
  driver.reply(1, done())
  driver.call(2)
  driver.wait(100)
  assert.is(driver.asked, 'cca')
})

test('request: the known leader does not answer: the next call does not begin with it', () => {
  const driver = new Driver()
  driver.call(1)
  driver.reply(1, notLeader('c'))
  driver.reply(2, done())
  driver.call(2, { retry: false })
  driver.wait(100)
  driver.call(3)
  assert.is(driver.asked, 'acca')
})

test('request: an answer that says who leads: that node is asked next, and stays', () => {
  const driver = new Driver()
  driver.call(1)
  driver.reply(1, done(), 'c')
  driver.call(2)
  driver.reply(2, done())
  driver.call(3)
  assert.is(driver.asked, 'acc')
})

test('request: an answer that says a stranger leads: the node that answered is asked on', () => {
  const driver = new Driver()
  driver.call(1)
  driver.reply(1, done(), 'z')
  driver.call(2)
  assert.is(driver.asked, 'aa')
})

test('request: another says that it leads, and it does not answer: left alone for a while', () => {
  const driver = new Driver()
  driver.call(1)
  driver.reply(1, done(), 'c')
  driver.call(2)
  driver.wait(100)
  assert.is(driver.asked, 'aca', 'another is asked when its time is up')
  driver.reply(3, done(), 'c')
  for (const [call, now] of [[3, 101], [4, 1_099]] as const) {
    driver.now = now
    driver.call(call)
    driver.reply(driver.sent.length, done(), 'c')
  }
  assert.is(driver.asked, 'acaaa')
  driver.now = 1_100
  driver.call(5)
  driver.reply(driver.sent.length, done(), 'c')
  driver.call(6)
  assert.is(driver.asked, 'acaaaac', 'then it is given another chance')
})

test('request: it was out of reach, and has answered since: said to lead, it is asked', () => {
  const driver = new Driver()
  driver.call(1)
  driver.step({ type: 'lost', node: 'a' })
  driver.reply(2, done(), 'a')
  driver.call(2)
  assert.is(driver.asked, 'abb', 'not on the word of another')
  driver.call(3)
  driver.wait(100)
  assert.is(driver.asked, 'abbbcc')
  driver.wait(200)
  assert.is(driver.asked, 'abbbccaa')
  driver.reply(7, done())
  driver.reply(8, done(), 'a')
  driver.call(4)
  assert.is(driver.asked, 'abbbccaaa')
})

test('request: after a pause: the leader that another call has met meanwhile', () => {
  const driver = new Driver()
  driver.call(1)
  driver.call(2)
  driver.reply(1, notLeader())
  driver.reply(2, notLeader('c'))
  driver.reply(3, done())
  driver.wait(20)
  assert.is(driver.asked, 'aacc')
})

test('request: a clock that goes back: read as the last reading', () => {
  const driver = new Driver()
  driver.now = 500
  driver.call(1)
  driver.now = 100
  driver.call(2)
  assert.is(driver.sent[1]?.atMs, 500)
  assert.is(driver.state.nowMs, 500)
})

test('request: misuse: throws', () => {
  const isInvariant = (error: Error): boolean => error instanceof InvariantError
  assert.throws(() => new Driver({ nodes: [] }), isInvariant)
  const driver = new Driver()
  driver.call(1)
  assert.throws(() => driver.call(1), isInvariant)
})

test('request: an attempt that was not carried: the next node at once, once round', () => {
  const driver = new Driver()
  driver.call(1)
  driver.step({ type: 'unsent', request: 1 })
  driver.step({ type: 'unsent', request: 2 })
  assert.is(driver.asked, 'abc')
  assert.is(driver.sent[2]?.atMs, 0)
  driver.step({ type: 'unsent', request: 3 })
  assert.is(driver.asked, 'abc', 'all were out of reach: a pause')
  driver.wait(20)
  assert.is(driver.asked, 'abca')
})

test('request: no attempt was carried: it has not happened and will not', () => {
  const driver = new Driver()
  driver.call(1, { timeoutMs: 10 })
  for (const request of [1, 2, 3]) driver.step({ type: 'unsent', request })
  driver.wait(10)
  assert.is(driver.ended, '1 failed')
})

test('request: an attempt that was not carried: asked again without a request id too', () => {
  const driver = new Driver()
  driver.call(1, { retry: false })
  driver.step({ type: 'unsent', request: 1 })
  assert.is(driver.asked, 'ab')
})

test('request: a connection breaks: what was asked there is asked at the next node at once', () => {
  const driver = new Driver()
  driver.call(1)
  driver.call(2, { read: true })
  driver.step({ type: 'lost', node: 'c' })
  assert.is(driver.asked, 'aa', 'nothing was asked there')
  driver.step({ type: 'lost', node: 'a' })
  assert.is(driver.asked, 'aabb')
  driver.call(3)
  assert.is(driver.asked, 'aabbb', 'a new call does not begin there')
  driver.reply(1, done())
  assert.is(driver.ended, '', 'an answer that cannot come is none')
})

test('request: every connection breaks at once: a pause when all nodes were asked', () => {
  const driver = new Driver()
  driver.call(1)
  for (const node of ['a', 'b', 'c', 'a', 'b', 'c']) driver.step({ type: 'lost', node })
  assert.is(driver.asked, 'abc')
  driver.wait(50)
  assert.is(driver.asked, 'abca')
})

test('request: a connection breaks under a command: it may have happened', () => {
  const driver = new Driver()
  driver.call(1, { timeoutMs: 50 })
  driver.step({ type: 'lost', node: 'a' })
  driver.reply(2, notLeader())
  driver.wait(50)
  assert.is(driver.ended, '1 unknown')
})

test('request: a connection breaks under a command without a request id: unknown', () => {
  const driver = new Driver()
  driver.call(1, { retry: false })
  driver.step({ type: 'lost', node: 'a' })
  assert.is(driver.ended, '1 unknown')
  assert.is(driver.asked, 'a')
})

test('request: the connection of an older attempt breaks: the newest is waited for', () => {
  const driver = new Driver()
  driver.call(1)
  driver.wait(100)
  assert.is(driver.asked, 'ab')
  driver.step({ type: 'lost', node: 'a' })
  assert.is(driver.asked, 'ab')
  driver.reply(2, done())
  assert.is(driver.ended, '1 done')
})

test('request: given up before anything was appended, and after: failed, and unknown', () => {
  const driver = new Driver()
  driver.call(1)
  driver.step({ type: 'unsent', request: 1 }, { type: 'giveUp', call: 1 })
  driver.call(2)
  driver.step({ type: 'giveUp', call: 2 })
  driver.step({ type: 'giveUp', call: 2 })
  assert.is(driver.ended, '1 failed, 2 unknown')
  assert.is(driver.deadlineMs, Infinity)
})

test('request: a call with a longer time for each attempt: only that one waits so long', () => {
  const driver = new Driver()
  driver.call(1, { attemptTimeoutMs: 300 })
  driver.call(2)
  driver.wait(100)
  assert.is(driver.asked, 'aab')
  driver.wait(300)
  assert.is(driver.asked.slice(0, 4), 'aabc')
  assert.is(driver.sent.filter(({ payload }) => payload[0] === 1).length, 2)
})

test('request: failed: it says what the last answer was, if that is about the request', () => {
  const driver = new Driver()
  for (const outcome of [malformed, forbidden, tooLarge, overloaded, notLeader()]) {
    driver.call(1, { timeoutMs: 10 })
    driver.reply(driver.sent.length, outcome)
    driver.wait(driver.now + 10)
  }
  const refusals = driver.results.map(({ result }) => 'refusal' in result && result.refusal)
  assert.equal(refusals, ['malformed', 'forbidden', 'tooLarge', 'overloaded', null])
})

test.run()
