// What holds of the request machine whatever answers, timeouts and clocks come.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { Outcome } from '../../core/effect.ts'
import { suite } from '../harness.ts'
import { Driver, done, notLeader } from './support.ts'

const test = suite('request-properties')
const unknown: Outcome<Uint8Array> = { type: 'unknown' }
const malformed: Outcome<Uint8Array> = { type: 'malformed' }
const tooLarge: Outcome<Uint8Array> = { type: 'tooLarge' }
const overloaded: Outcome<Uint8Array> = { type: 'overloaded' }
const changed: Outcome<Uint8Array> = { type: 'changed', index: 1 }
const refused: Outcome<Uint8Array> = { type: 'refused', reason: 'pending' }

type Move =
  | {
      readonly type: 'call'
      readonly timeoutMs: number
      readonly retry: boolean
      readonly read: boolean
    }
  | { readonly type: 'reply'; readonly pick: number; readonly outcome: Outcome<Uint8Array> }
  | { readonly type: 'unsent' | 'giveUp'; readonly pick: number }
  | { readonly type: 'lost'; readonly node: string }
  | { readonly type: 'pass'; readonly ms: number }
  | { readonly type: 'deadline' }

const outcome: fc.Arbitrary<Outcome<Uint8Array>> = fc.oneof(
  fc.constantFrom(done(), done(0), done(9), unknown, malformed),
  fc.constantFrom(overloaded, overloaded, overloaded, tooLarge, changed, refused),
  fc.constant<Outcome<Uint8Array>>({ type: 'transferred' }),
  fc.constantFrom(notLeader(), notLeader('a'), notLeader('b'), notLeader('c'), notLeader('z')),
)
const move: fc.Arbitrary<Move> = fc.oneof(
  fc.record({
    type: fc.constant('call' as const),
    timeoutMs: fc.constantFrom(0, 1, 50, 150, 400),
    retry: fc.boolean(),
    read: fc.boolean(),
  }),
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant('reply' as const), pick: fc.nat(), outcome }),
  },
  fc.record({ type: fc.constantFrom('unsent' as const, 'giveUp' as const), pick: fc.nat() }),
  fc.record({ type: fc.constant('lost' as const), node: fc.constantFrom('a', 'b', 'c') }),
  fc.record({ type: fc.constant('pass' as const), ms: fc.integer({ min: -5, max: 60 }) }),
  fc.record({ type: fc.constant('deadline' as const) }),
)

/** Per call: what each attempt was answered first, and its end. */
class Ledger {
  readonly answers = new Map<number, Map<number, Outcome<Uint8Array> | null>>()
  readonly firstSentMs = new Map<number, number>()
  readonly reads = new Set<number>()
  /** Calls that must not be asked again while an attempt may have been appended. */
  readonly onceOnly = new Set<number>()
  private sentCount = 0
  private resultsCount = 0

  /** Judges what the driver was asked to do since the last time. */
  judge(driver: Driver): void {
    for (const { to, request, read, payload, atMs } of driver.sent.slice(this.sentCount)) {
      const call = payload[0] as number
      assert.ok(['a', 'b', 'c'].includes(to))
      assert.is(read, this.reads.has(call))
      const attempts = this.answers.get(call)
      assert.ok(attempts !== undefined && !driver.results.some((ended) => ended.call === call))
      const isOpen = [...attempts.values()].some((each) => each === null || !isRefusal(each))
      assert.not(isOpen && this.onceOnly.has(call), `call ${call} may happen twice`)
      const isTaken = [...this.answers.values()].some((other) => other.has(request))
      assert.not(isTaken, `request ${request} repeats`)
      attempts.set(request, null)
      if (!this.firstSentMs.has(call)) this.firstSentMs.set(call, atMs)
    }
    this.sentCount = driver.sent.length
    for (const { call, result } of driver.results.slice(this.resultsCount)) {
      const answers = [...(this.answers.get(call)?.values() ?? [])]
      const isClear =
        this.reads.has(call) || answers.every((each) => each !== null && isRefusal(each))
      if (result.type === 'failed') assert.ok(isClear, `call ${call} failed, yet it may happen`)
      if (result.type === 'unknown') assert.not(isClear, `call ${call} cannot have happened`)
      if (result.type === 'done') {
        assert.is(result.firstSentMs, this.firstSentMs.get(call))
        assert.ok(answers.some((each) => each?.type === 'done' && each.reply === result.reply))
        if (result.reply[0] === 9) assert.ok(isClear, `call ${call} had no effect, yet it may`)
      }
    }
    this.resultsCount = driver.results.length
    const calls = driver.results.map(({ call }) => call)
    assert.is(new Set(calls).size, calls.length, 'a call ended twice')
    if (driver.state.calls.length > 0) assert.ok(driver.deadlineMs > driver.state.nowMs)
    else assert.is(driver.deadlineMs, Infinity)
  }

  /** Notes an answer, unless the attempt had one. */
  note(request: number, answer: Outcome<Uint8Array>): void {
    for (const attempts of this.answers.values()) {
      if (attempts.get(request) === null) attempts.set(request, answer)
    }
  }
}

function isRefusal(answer: Outcome<Uint8Array>): boolean {
  if (answer.type === 'done') return answer.reply[0] === 9
  return ['notLeader', 'malformed', 'tooLarge', 'overloaded'].includes(answer.type)
}

function play(driver: Driver, ledger: Ledger, move: Move): void {
  switch (move.type) {
    case 'call': {
      const call = ledger.answers.size
      ledger.answers.set(call, new Map())
      if (move.read) ledger.reads.add(call)
      else if (!move.retry) ledger.onceOnly.add(call)
      return driver.call(call, move)
    }
    case 'reply': {
      const request = 1 + (move.pick % (driver.sent.length + 1))
      if (request <= driver.sent.length) ledger.note(request, move.outcome)
      return driver.reply(request, move.outcome)
    }
    case 'unsent': {
      const request = 1 + (move.pick % (driver.sent.length + 1))
      if (request <= driver.sent.length) ledger.note(request, notLeader())
      return driver.step({ type: 'unsent', request })
    }
    case 'lost': {
      const { node } = move
      // Nothing can be known of them any more, whatever comes.
      for (const { to, request } of driver.sent) if (to === node) ledger.note(request, unknown)
      return driver.step({ type: 'lost', node })
    }
    case 'giveUp':
      return driver.step({ type: 'giveUp', call: move.pick % (ledger.answers.size + 1) })
    case 'pass':
      driver.now = Math.max(0, driver.now + move.ms)
      return driver.step()
    case 'deadline':
      if (driver.deadlineMs < Infinity) driver.now = driver.deadlineMs
      return driver.step()
  }
}

test('request: whatever comes: one result a call, failed only when clear, numbers unique', () => {
  const moves = fc.array(move, { maxLength: 60, size: 'max' })
  fc.assert(
    fc.property(fc.nat(), moves, (random, moves) => {
      const driver = new Driver({}, random)
      const ledger = new Ledger()
      for (const each of moves) {
        play(driver, ledger, each)
        ledger.judge(driver)
      }
      while (driver.deadlineMs < Infinity) {
        driver.now = driver.deadlineMs
        driver.step()
        ledger.judge(driver)
      }
      assert.is(driver.results.length, ledger.answers.size, 'every call ended')
      assert.is(driver.state.calls.length, 0)
    }),
    { numRuns: 3000, seed: 20260101 },
  )
})

test('request: a leader that answers, whatever the others say: found within a bound', () => {
  const words = fc.constantFrom('silent', 'a', 'b', 'c', 'nobody', 'unknown', 'overloaded')
  const sayings = fc.array(words, { minLength: 30, maxLength: 30 })
  const property = fc.property(fc.nat(), fc.constantFrom('a', 'b', 'c'), sayings, hasFoundLeader)
  fc.assert(property, { numRuns: 2000, seed: 20260102 })
})

function hasFoundLeader(random: number, leader: string, sayings: readonly string[]): void {
  const driver = new Driver({}, random)
  driver.call(1, { timeoutMs: 2000 })
  let answered = 0
  while (driver.results.length === 0) {
    const last = driver.sent[answered]
    if (last === undefined) {
      driver.wait(driver.deadlineMs)
      continue
    }
    const says = sayings[answered % sayings.length] as string
    answered += 1
    if (last.to === leader) driver.reply(last.request, done())
    else if (says === 'unknown') driver.reply(last.request, unknown)
    else if (says === 'overloaded') driver.reply(last.request, overloaded)
    else if (says !== 'silent') {
      driver.reply(last.request, notLeader(says === 'nobody' ? null : says))
    }
  }
  assert.is(driver.ended, '1 done')
  assert.ok(driver.now <= 600, `${driver.now} ms, asked ${driver.asked}`)
}

test.run()
