// The machine beside the reference model and beside itself, over random histories.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { LockCommand } from '../../../core/lock/command.ts'
import type { ApplyContext } from '../../../core/machine.ts'
import type { OrderedMap } from '../../../core/ordered-map.ts'
import { mapEntries } from '../../../core/ordered-map.ts'
import { suite } from '../../harness.ts'
import type { Step } from './arbitrary.ts'
import { LOW_LIMITS, commandOf, steps } from './arbitrary.ts'
import { ReferenceModel } from './reference-model.ts'
import { Driver } from './support.ts'

const test = suite('lock model')
const seed = Number(process.env['SEED'] ?? 20_241_106)
console.log(`lock model: seed ${seed} (SEED=… for another)`)

/** How often each kind of reply was seen: a history that never meets a rule tests nothing. */
const seen = new Map<string, number>()

function pass(driver: Driver, step: Step): void {
  driver.timeMs += step.passMs
  const due = driver.machine.due(driver.state)
  if (step.toDue && due !== null) driver.timeMs = Math.max(driver.timeMs, due.atMs)
}

function entriesOf(map: OrderedMap<string, unknown>): (readonly [string, unknown])[] {
  return [...mapEntries(map)]
}

function tokenOf(driver: Driver, key: string): number {
  const context = { index: driver.index, timeMs: driver.timeMs }
  const reply = driver.machine.apply(driver.state, { type: 'status', key }, context)[1]
  return reply?.type === 'status' ? reply.token : 0
}

/** Runs the steps; `each` sees every command and where it was applied. */
function run(
  driver: Driver,
  history: readonly Step[],
  each: (command: LockCommand, context: ApplyContext) => void,
): void {
  const sent: LockCommand[] = []
  for (const step of history) {
    pass(driver, step)
    const key = step.command.type === 'expire' ? 'a' : step.command.key
    const command = commandOf(step, sent, tokenOf(driver, key))
    sent.push(command)
    each(command, { index: driver.index + 1, timeMs: driver.timeMs })
  }
}

test('lock model: random histories: every reply, late answer and status is the model\'s', () => {
  const property = fc.property(steps, (history) => {
    const driver = new Driver(LOW_LIMITS)
    const model = new ReferenceModel(LOW_LIMITS)
    run(driver, history, (command, { index, timeMs }) => {
      driver.answers = []
      const reply = driver.apply(command)
      assert.equal(reply, model.apply(command, index, timeMs))
      assert.equal(driver.answers, model.answers)
      for (const key of ['a', 'b', 'c', 'd']) {
        const context = { index, timeMs }
        const status = driver.machine.apply(driver.state, { type: 'status', key }, context)[1]
        assert.equal(status, model.status(key))
      }
      assert.is(driver.machine.due(driver.state)?.atMs ?? Infinity, model.dueMs())
      const kind = reply?.type === 'rejected' ? reply.reason : (reply?.type ?? 'waits')
      for (const name of [kind, ...driver.answers.map((late) => `late ${late[1].type}`)]) {
        seen.set(name, (seen.get(name) ?? 0) + 1)
      }
    })
  })
  fc.assert(property, { seed, numRuns: 2_000 })
  const reasons = ['tooManyWaiters', 'tooManyLocks', 'tooManyKeys', 'countTooHigh']
  const replies = ['granted', 'held', 'released', 'notHolder', 'renewed', 'expired', 'swept']
  const rest = ['waits', 'timeout', 'late granted', 'late timeout', 'late queued']
  for (const name of [...reasons, 'requestIdReused', 'overloaded', ...replies, ...rest]) {
    assert.ok((seen.get(name) ?? 0) > 20, `${name} was seen ${seen.get(name) ?? 0} times`)
  }
})

test('lock model: snapshots after random histories: same bytes, hash and future', () => {
  const property = fc.property(steps, steps, (past, future) => {
    const driver = new Driver(LOW_LIMITS)
    const { machine } = driver
    run(driver, past, (command) => driver.apply(command))
    const bytes = machine.encodeSnapshot(driver.state)
    const restored = machine.decodeSnapshot(bytes)
    assert.ok(restored !== null)
    assert.equal(machine.encodeSnapshot(restored), bytes)
    assert.is(machine.hash(restored), machine.hash(driver.state))
    const twin = new Driver(LOW_LIMITS)
    twin.state = restored
    run(driver, future, (command, { index, timeMs }) => {
      twin.index = index - 1
      twin.timeMs = timeMs
      const reply = driver.apply(command)
      assert.equal(twin.apply(command), reply)
      assert.equal(twin.events, driver.events)
      assert.is(machine.hash(twin.state), machine.hash(driver.state))
      assert.equal(machine.due(twin.state), machine.due(driver.state))
    })
    assert.equal(machine.encodeSnapshot(twin.state), machine.encodeSnapshot(driver.state))
    const again = machine.decodeSnapshot(machine.encodeSnapshot(driver.state))
    assert.ok(again !== null)
    for (const name of ['memos', 'leaseDeadlines', 'waitDeadlines', 'owners'] as const) {
      assert.equal(entriesOf(again[name]), entriesOf(driver.state[name]), name)
    }
    assert.is(machine.hash(again), machine.hash(driver.state))
  })
  fc.assert(property, { seed, numRuns: 300 })
})

test('lock model: old states after random histories: their bytes are as they were', () => {
  const property = fc.property(steps, (history) => {
    const driver = new Driver(LOW_LIMITS)
    const { machine } = driver
    const versions: [typeof driver.state, Uint8Array, string][] = []
    run(driver, history, (command) => {
      driver.apply(command)
      const { state } = driver
      versions.push([state, machine.encodeSnapshot(state), machine.hash(state)])
    })
    for (const [state, bytes, hash] of versions) {
      assert.equal(machine.encodeSnapshot(state), bytes)
      assert.is(machine.hash(state), hash)
    }
  })
  fc.assert(property, { seed, numRuns: 100 })
})

test('lock model: independent keys in another order of arrival: equal bytes and hash', () => {
  const property = fc.property(steps, fc.array(fc.nat(), { maxLength: 80 }), (history, picks) => {
    // Without caps that join keys, and without expire and the end of memos, keys are independent.
    const limits = { memoLifeMs: 1_000_000 }
    const driver = new Driver(limits)
    const log: [LockCommand, ApplyContext][] = []
    run(driver, history, (command, context) => {
      if (command.type === 'expire') return
      driver.apply(command)
      log.push([command, context])
    })
    const { machine } = driver
    const queues = ['a', 'b', 'c', 'd'].map((key) =>
      log.filter(([command]) => command.type !== 'expire' && command.key === key),
    )
    let state = machine.initial()
    for (let at = 0; queues.some((queue) => queue.length > 0); at++) {
      const open = queues.filter((queue) => queue.length > 0)
      const [command, context] = open[(picks[at] ?? 0) % open.length]!.shift()!
      state = machine.apply(state, command, context)[0]
    }
    assert.equal(machine.encodeSnapshot(state), machine.encodeSnapshot(driver.state))
    assert.is(machine.hash(state), machine.hash(driver.state))
  })
  fc.assert(property, { seed, numRuns: 300 })
})

test.run()
