// What a new cluster takes over of the state of one that is gone: after any history, whoever held a
// lock holds it for a whole TTL more, and nobody else can have it before.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { Acquire } from '../../../core/lock/command.ts'
import { LIMITS } from '../../../core/lock/limits.ts'
import type { Holding } from '../../../core/lock/records.ts'
import type { LockReply } from '../../../core/lock/reply.ts'
import { restoredState } from '../../../core/lock/restore.ts'
import type { LockServiceState } from '../../../core/lock/restore.ts'
import type { LockState } from '../../../core/lock/state.ts'
import { mapEntries, mapGet, mapSize } from '../../../core/ordered-map.ts'
import { queueValues } from '../../../core/queue.ts'
import { suite } from '../../harness.ts'
import { LOW_LIMITS, step } from './arbitrary.ts'
import { Script } from './script.ts'
import { World, lockWorld } from './world.ts'

const test = suite('lock restore')
const STEP = 1_000_000

/** A cluster that goes on from what is left of `before`. */
function restored(before: World<LockState>): World<LockState> {
  const after = new World(before.machine)
  const bytes = before.machine.encodeSnapshot(restoredState(before.state, before.timeMs))
  const state = before.machine.decodeSnapshot(bytes)
  assert.ok(state !== null, 'it cannot be read')
  assert.equal(before.machine.encodeSnapshot(state), bytes)
  after.state = state
  after.index = before.index + STEP
  after.timeMs = before.timeMs
  return after
}

function holdingsOf({ inner }: LockServiceState): Holding[] {
  const all: Holding[] = []
  for (const [, lock] of mapEntries(inner.locks)) {
    if (lock.type === 'exclusive') all.push(lock.holder)
    if (lock.type === 'shared') for (const [, one] of mapEntries(lock.holders)) all.push(one)
  }
  return all
}

let ids = 0

function ask(world: World<LockState>, more: Partial<Acquire>): LockReply | null {
  const terms = { mode: 'exclusive', ttlMs: 1_000, waitMs: 0, reentrant: false } as const
  const rest = { lockDelayMs: 0, metadata: '', requestId: `own${++ids}` }
  const usual = { type: 'acquire', key: 'a', owner: 'x' } as const
  const command = { ...usual, ...terms, ...rest, ...more }
  const reply = world.apply({ type: 'plain', command })
  return reply?.type === 'replied' ? reply.reply : null
}

function sweep(world: World<LockState>, timeMs: number): void {
  world.timeMs = timeMs
  for (let due = world.due(); due !== null && due.atMs <= timeMs; due = world.due()) {
    world.apply(due.command)
  }
}

test('restore: a lease about to end: is whole again, and ends then', () => {
  const before = lockWorld(LIMITS)
  assert.is(ask(before, {})?.type, 'granted')
  before.timeMs = 990
  const after = restored(before)
  assert.is(after.status('a').remainingMs, 1_000)
  sweep(after, 1_989)
  assert.is(ask(after, { owner: 'y' })?.type, 'held')
  sweep(after, 1_990)
  const next = ask(after, { owner: 'y' })
  assert.is(next?.type === 'granted' && next.token > STEP, true)
})

test('restore: the holder: renews and gives back as before', () => {
  const before = lockWorld(LIMITS)
  ask(before, { metadata: 'm' })
  const { token } = before.status('a')
  const after = restored(before)
  const whose = { key: 'a', owner: 'x', token }
  const renewed = after.apply({
    type: 'plain',
    command: { type: 'renew', ...whose, ttlMs: null, requestId: 'n' },
  })
  const reply = { type: 'renewed', token, ttlMs: 1_000 }
  assert.equal(renewed, { type: 'replied', reply })
  const release = { type: 'release', ...whose, all: false, requestId: 'o' } as const
  after.apply({ type: 'plain', command: release })
  assert.is(after.status('a').locked, false)
})

test('restore: a request that was answered: has no second effect', () => {
  const before = lockWorld(LIMITS)
  const first = ask(before, { requestId: 'once' })
  const again = ask(restored(before), { requestId: 'once' })
  assert.is(first?.type === 'granted' && again?.type === 'granted', true)
  assert.is((again as { token: number }).token, (first as { token: number }).token)
})

test('restore: whoever waited: waits no more, and may ask anew with the same id', () => {
  const before = lockWorld(LIMITS)
  ask(before, {})
  const waiting = { owner: 'y', waitMs: 5_000, requestId: 'w' }
  assert.is(ask(before, waiting), null)
  const after = restored(before)
  assert.is(after.status('a').waiters, 0)
  assert.is(ask(after, waiting), null)
  sweep(after, 1_000)
  assert.is(after.status('a').owner, 'y')
})

test('restore: held as long as a session: for its ttl, and the session has ended', () => {
  const before = lockWorld(LIMITS)
  const opened = before.apply({ type: 'openSession', ttlMs: 3_000 })
  assert.ok(opened?.type === 'opened')
  const { session } = opened
  const terms = { mode: 'exclusive', ttlMs: null, waitMs: 0, reentrant: false } as const
  const rest = { lockDelayMs: 0, metadata: '', requestId: null }
  const command = { type: 'acquire', key: 'a', owner: 'x', ...terms, ...rest } as const
  const numbers = { session, sequence: 1, acknowledged: 0 }
  const call = { type: 'call', ...numbers, bound: true, command } as const
  before.apply(call)
  assert.is(before.status('a').remainingMs, null)
  before.timeMs = 2_000
  const after = restored(before)
  assert.is(after.status('a').remainingMs, 3_000)
  const next = after.apply({ ...call, sequence: 2 })
  assert.is(next?.type, 'rejected')
  sweep(after, 5_000)
  assert.is(after.status('a').locked, false)
})

test('restore: any history: all that is held is held for its whole ttl, and nothing else', () => {
  let holdingsCount = 0
  const run = (steps: readonly Parameters<Script['next']>[0][]): void => {
    const before = lockWorld(LOW_LIMITS)
    const script = new Script()
    for (const one of steps) {
      if (!script.allows(one, before)) continue
      const { timeMs, command } = script.next(one, before)
      before.timeMs = timeMs
      if (command !== null) before.apply(command)
    }
    const after = restored(before)
    const held = holdingsOf(before.state)
    holdingsCount += held.length
    const anew = held.map((one) => {
      const session = one.session === null ? undefined : mapGet(before.state.sessions, one.session)
      const ttlMs = one.ttlMs ?? session?.ttlMs ?? 1
      return { ...one, ttlMs, deadlineMs: before.timeMs + ttlMs }
    })
    assert.equal(holdingsOf(after.state), anew)
    const answered = [...queueValues(before.state.inner.answered)]
    assert.equal([...queueValues(after.state.inner.answered)], answered)
    assert.is(mapSize(after.state.sessions), 0)
    // Once for the leases, and once for the lock-delays of those that ended so.
    for (const laterMs of [10_000, 20_000]) sweep(after, before.timeMs + laterMs)
    assert.is(mapSize(after.state.inner.locks), 0)
  }
  const steps = fc.array(step, { minLength: 5, maxLength: 60 })
  fc.assert(fc.property(steps, run), { seed: 20_261_126, numRuns: 400, includeErrorInReport: true })
  assert.ok(holdingsCount > 300, `${holdingsCount} holdings`)
})

test.run()
