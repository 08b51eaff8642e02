// The models: what each step allows.

import * as assert from 'uvu/assert'
import type { LockInput, LockOutput } from '../../checker/lock-history.ts'
import { leaseMutex, type MutexState } from '../../checker/models/lease-mutex.ts'
import { register } from '../../checker/models/register.ts'
import { suite } from '../harness.ts'

const test = suite('models')

test('register: read, write, cas: answered and unanswered', () => {
  const one = { value: 1 }
  assert.equal(register.step(register.init(), { type: 'read' }, null), { value: null })
  assert.equal(register.step(one, { type: 'read' }, 1), one)
  assert.is(register.step(one, { type: 'read' }, 2), null)
  assert.equal(register.step(one, { type: 'read' }, undefined), one)
  assert.equal(register.step(one, { type: 'write', value: 2 }, undefined), { value: 2 })
  const swap = { type: 'cas', from: 1, to: 2 } as const
  assert.equal(register.step(one, swap, true), { value: 2 })
  assert.is(register.step(one, swap, false), null)
  assert.equal(register.step({ value: 3 }, swap, false), { value: 3 })
  assert.is(register.step({ value: 3 }, swap, true), null)
  assert.equal(register.step(one, swap, undefined), { value: 2 })
  assert.is(register.step({ value: 3 }, swap, undefined), null)
})

test('register: values of different types: different states', () => {
  assert.not(register.equal({ value: 1 }, { value: '1' }))
  assert.is.not(register.hash?.({ value: 1 }), register.hash?.({ value: '1' }))
})

const free: MutexState = { tokenMax: 4, holder: null }
const held: MutexState = { tokenMax: 6, holder: { owner: 'a', token: 6, count: 2 } }
const untold: MutexState = { tokenMax: 4, holder: { owner: 'a', token: null, count: 1 } }
const acquire = (owner: string): LockInput => {
  return { type: 'acquire', key: 'L', owner, ttlMs: 1, waitMs: 0 }
}
const release = (owner: string, token: number | null = null): LockInput => {
  return { type: 'release', key: 'L', owner, token }
}
const renew = (owner: string, token: number | null = null): LockInput => {
  return { type: 'renew', key: 'L', owner, token, ttlMs: 1 }
}
const status: LockInput = { type: 'status', key: 'L' }
const granted = (token: number, count: number): LockOutput => ({ type: 'granted', token, count })

test('lease mutex: acquire: grants, re-entry, refresh and refusals', () => {
  const step = leaseMutex.step
  const first = { tokenMax: 5, holder: { owner: 'a', token: 5, count: 1 } }
  assert.equal(step(free, acquire('a'), granted(5, 1)), first)
  assert.is(step(free, acquire('a'), granted(4, 1)), null)
  assert.is(step(free, acquire('a'), granted(5, 2)), null)
  assert.equal(step(held, acquire('a'), granted(6, 3))?.holder?.count, 3)
  assert.equal(step(held, acquire('a'), granted(6, 2)), held)
  assert.is(step(held, acquire('a'), granted(7, 3)), null)
  assert.is(step(held, acquire('b'), granted(7, 1)), null)
  assert.equal(step(held, acquire('b'), { type: 'held', token: 6 }), held)
  assert.is(step(held, acquire('b'), { type: 'held', token: 5 }), null)
  assert.is(step(held, acquire('a'), { type: 'held', token: 6 }), null)
  assert.is(step(free, acquire('a'), { type: 'held', token: 4 }), null)
  assert.equal(step(held, acquire('b'), { type: 'timeout' }), held)
  assert.equal(step(free, acquire('a'), undefined), untold)
  assert.is(step(held, acquire('b'), undefined), null)
})

test('lease mutex: a token nobody was told: learnt from the first answer that names it', () => {
  const step = leaseMutex.step
  const learnt = { tokenMax: 9, holder: { owner: 'a', token: 9, count: 1 } }
  assert.equal(step(untold, acquire('b'), { type: 'held', token: 9 }), learnt)
  assert.is(step(untold, acquire('b'), { type: 'held', token: 4 }), null)
  assert.equal(step(untold, renew('a'), { type: 'renewed', token: 9, ttlMs: 1 }), learnt)
})

test('lease mutex: release, renew, status: only as the holding allows', () => {
  const step = leaseMutex.step
  assert.equal(step(held, release('a'), { type: 'released', count: 1 })?.holder?.count, 1)
  assert.is(step(held, release('a'), { type: 'released', count: 0 })?.holder, null)
  assert.is(step(held, release('a'), { type: 'released', count: 2 }), null)
  assert.is(step(held, release('a', 5), { type: 'released', count: 0 }), null)
  assert.is(step(held, release('b'), { type: 'released', count: 0 }), null)
  assert.equal(step(held, release('b'), { type: 'notHolder' }), held)
  assert.equal(step(held, release('a', 5), { type: 'notHolder' }), held)
  assert.is(step(held, release('a'), { type: 'notHolder' }), null)
  assert.equal(step(held, renew('a'), { type: 'renewed', token: 6, ttlMs: 1 }), held)
  assert.is(step(held, renew('b'), { type: 'renewed', token: 6, ttlMs: 1 }), null)
  assert.is(step(held, renew('a'), { type: 'expired', token: 6 }), null)
  const shown = { type: 'status', locked: true, token: 6, owner: 'a' } as const
  assert.equal(step(held, status, shown), held)
  assert.is(step(held, status, { ...shown, owner: 'b' }), null)
  assert.is(step(held, status, { ...shown, locked: false }), null)
  assert.equal(step(free, status, { ...shown, locked: false }), free)
})

test('models: what they say of operations and states: a few words', () => {
  assert.is(register.describe({ type: 'cas', from: 1, to: 2 }, false), 'cas 1 to 2 -> false')
  assert.is(leaseMutex.describe(release('a', 6), undefined), 'a: release L token 6 -> ?')
  assert.is(leaseMutex.describeState(held), 'held by a with token 6, count 2')
  assert.is(leaseMutex.describeState(free), 'free')
})

test.run()
