// What each reply of the lock service means for a request.

import * as assert from 'uvu/assert'
import { weighLockReply } from '../../client/lock-reply.ts'
import { REASONS } from '../../core/lock/codec.ts'
import { suite } from '../harness.ts'

const test = suite('client/lock-reply')

test('lock reply: queued: a newer attempt gets the answer', () => {
  assert.is(weighLockReply({ type: 'queued', position: 1 }), 'superseded')
})

test('lock reply: refused for what is not remembered: of this attempt alone', () => {
  const light = REASONS.filter((reason) => weighLockReply({ type: 'rejected', reason }) !== 'final')
  assert.equal(light, ['requestIdReused', 'overloaded'])
  for (const reason of light) {
    assert.is(weighLockReply({ type: 'rejected', reason }), 'noEffect')
  }
})

test('lock reply: answers: the last word', () => {
  assert.is(weighLockReply({ type: 'timeout' }), 'final')
  assert.is(weighLockReply({ type: 'expired', token: 0 }), 'final')
  const granted = { type: 'granted', token: 1, count: 1, ttlMs: 1, grantedAfterMs: 0 } as const
  assert.is(weighLockReply(granted), 'final')
})

test.run()
