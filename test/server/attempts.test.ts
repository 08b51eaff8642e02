// What the outcomes of several attempts mean together.

import * as assert from 'uvu/assert'
import type { LockReply } from '../../core/lock/reply.ts'
import { attempted, judge, mayHappen, noAttempts } from '../../server/attempts.ts'
import type { Attempts } from '../../server/attempts.ts'
import type { ServiceOutcome } from '../../server/lock-replica.ts'
import { suite } from '../harness.ts'

const test = suite('attempts')

const one = attempted(noAttempts(false))
const two = attempted(one)
const NOT_LEADER: ServiceOutcome = { type: 'notLeader', leader: null }
const UNKNOWN: ServiceOutcome = { type: 'unknown' }
const OVERLOADED: ServiceOutcome = { type: 'overloaded' }
const GRANTED: LockReply = {
  type: 'granted',
  token: 1,
  count: 1,
  ttlMs: 1_000,
  grantedAfterMs: 0,
}

function done(reply: LockReply): ServiceOutcome {
  return { type: 'done', index: 1, reply: { type: 'replied', reply } }
}

const rejected = (reason: 'overloaded' | 'requestIdReused' | 'keyEmpty'): ServiceOutcome =>
  done({ type: 'rejected', reason })

/** After these outcomes, each of the newest attempt, which was then made anew. */
function after(...outcomes: readonly ServiceOutcome[]): Attempts {
  let attempts = noAttempts(false)
  for (const outcome of outcomes) [attempts] = judge(attempted(attempts), outcome, true, 0)
  return attempts
}

test('attempts: an answer to any of them: is the answer', () => {
  for (const isNewest of [true, false]) {
    const [, verdict] = judge(two, done(GRANTED), isNewest, 0)
    assert.equal(verdict, { type: 'reply', reply: GRANTED })
  }
})

test('attempts: no leader: nothing happened, and it is asked again', () => {
  const [attempts, verdict] = judge(one, NOT_LEADER, true, 70)
  assert.is(verdict.type, 'again')
  assert.is(mayHappen(attempts), false)
  assert.is(attempts.leaderlessSinceMs, 70)
  const [later] = judge(attempted(attempts), NOT_LEADER, true, 90)
  assert.is(later.leaderlessSinceMs, 70)
})

test('attempts: one is unknown: it may have happened, whatever the others say', () => {
  const attempts = after(UNKNOWN, NOT_LEADER)
  assert.is(mayHappen(attempts), true)
  for (const outcome of [OVERLOADED, rejected('overloaded'), rejected('requestIdReused')]) {
    const [, verdict] = judge(attempted(attempts), outcome, true, 0)
    assert.is(verdict.type, 'again')
  }
})

test('attempts: one is unanswered: it may have happened', () => {
  const [attempts, verdict] = judge(two, OVERLOADED, true, 0)
  assert.is(verdict.type, 'again')
  assert.is(mayHappen(attempts), true)
})

test('attempts: refused with no other out: nothing happened', () => {
  const [attempts, verdict] = judge(one, OVERLOADED, true, 0)
  assert.equal(verdict, { type: 'refused', reason: 'overloaded' })
  assert.is(mayHappen(attempts), false)
  const [, full] = judge(one, rejected('overloaded'), true, 0)
  assert.is(full.type, 'reply')
})

test('attempts: what is wrong by itself: is the answer, whatever is out', () => {
  const [, verdict] = judge(two, rejected('keyEmpty'), true, 0)
  assert.is(verdict.type, 'reply')
})

test('attempts: an older one is not answered: the newest is waited for', () => {
  for (const outcome of [NOT_LEADER, UNKNOWN, OVERLOADED]) {
    const [, verdict] = judge(two, outcome, false, 0)
    assert.is(verdict.type, 'wait')
  }
})

test('attempts: queued: of the newest, somebody else has taken it over', () => {
  const queued = done({ type: 'queued', position: 3 })
  const [, ours] = judge(two, queued, false, 0)
  assert.is(ours.type, 'wait')
  const [attempts, theirs] = judge(one, queued, true, 0)
  assert.equal(theirs, { type: 'takenOver', position: 3 })
  assert.is(mayHappen(attempts), true)
})

test('attempts: a read: never is in doubt', () => {
  const [attempts] = judge(attempted(attempted(noAttempts(true))), UNKNOWN, true, 0)
  assert.is(mayHappen(attempts), false)
})

test.run()
