// The machine beside the reference model and beside itself, over random histories of locks and
// sessions. `STEPS=5000000 node --import tsx test/core/lock/model.test.ts` goes on for so many.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { LockCommand } from '../../../core/lock/command.ts'
import type { AnsweredMemo } from '../../../core/lock/records.ts'
import type { LockState } from '../../../core/lock/state.ts'
import { mapEntries } from '../../../core/ordered-map.ts'
import { emptyQueue, queueAdd, queueValues } from '../../../core/queue.ts'
import type { SessionContext, Whence } from '../../../core/session/apply.ts'
import type { SessionCommand } from '../../../core/session/command.ts'
import { suite } from '../../harness.ts'
import type { Step } from './arbitrary.ts'
import { KEYS, LOW_LIMITS, step } from './arbitrary.ts'
import { Script } from './script.ts'
import { tellStep } from './story.ts'
import { Driver } from './support.ts'
import type { Told, World } from './world.ts'
import { lockWorld, takeStep, told } from './world.ts'

const test = suite('lock model')
const seed = Number(process.env['SEED'] ?? 20_241_106)
const stepsMin = Number(process.env['STEPS'] ?? 250_000)
console.log(`lock model: SEED=${seed} STEPS=${stepsMin} (set either for others)`)

const report = { seed, includeErrorInReport: true }

/** How often each kind of reply was seen: a history that never meets a rule tests nothing. */
const seen = new Map<string, number>()
let entriesCount = 0

/** A step as fast-check drives it, printed as a line of a story. */
class StoryLine implements fc.Command<Told, World<LockState>> {
  readonly step: Step

  constructor(step: Step) {
    this.step = step
  }

  check({ script, world }: Readonly<Told>): boolean {
    return script.allows(this.step, world)
  }

  run(model: Told, real: World<LockState>): void {
    const names = takeStep(this.step, model, real)
    if (names === null) return
    entriesCount += 1
    for (const name of names) seen.set(name, (seen.get(name) ?? 0) + 1)
  }

  toString(): string {
    return `\n  ${tellStep(this.step)}`
  }
}

const WANTED = [
  ...['tooManyWaiters', 'tooManyLocks', 'tooManyKeys', 'countTooHigh', 'upgrade', 'revoked'],
  ...['noDeadline', 'requestIdReused', 'overloaded', 'granted', 'held', 'timeout'],
  ...['cancelled', 'released', 'notHolder', 'renewed', 'expired', 'forced', 'swept', 'status'],
  ...['holders', 'waiters', 'locks', 'lockCount', 'opened', 'keptAlive', 'closed'],
  ...['sessionEnded', 'alreadyAnswered', 'waits', 'late granted', 'late timeout'],
  ...['late cancelled', 'late superseded', 'late queued'],
  ...['unbound granted', 'unbound waits', 'unbound cancelled', 'unbound released'],
  ...['unbound renewed', 'unbound tooManyLocks', 'unbound forced', 'unbound alreadyAnswered'],
]

const storyLine = step.map((value) => new StoryLine(value))
const stories = fc.commands([storyLine], { maxCommands: 160, size: 'max' })
const besides = fc.property(stories, (commands) => {
  fc.modelRun(() => ({ model: told(LOW_LIMITS), real: lockWorld(LOW_LIMITS) }), commands)
})

test(
  'lock model: random stories: every reply, late answer, status and due time is the model\'s',
  () => {
    for (let batch = 0; entriesCount < stepsMin; batch++) {
      fc.assert(besides, { ...report, seed: seed + batch, numRuns: 500 })
      if (batch % 100 === 99) console.log(`lock model: ${entriesCount} steps so far`)
    }
    console.log(`lock model: no difference in ${entriesCount} steps`)
    if (entriesCount < 100_000) return
    for (const name of WANTED) {
      const times = seen.get(name) ?? 0
      assert.ok(times > 20, `${name} was seen ${times} times`)
    }
  },
  { deadlineMs: 86_400_000 },
)

/** Random steps, printed as a story as well. */
const histories = fc.array(
  step.map((at) => ({ ...at, [fc.toStringMethod]: () => `\n  ${tellStep(at)}` })),
  { maxLength: 100, size: 'max' },
)

/** Applies the commands of the steps to a world; `each` sees every one, where it is applied. */
function run(
  world: World<LockState>,
  script: Script,
  history: readonly Step[],
  each: (command: SessionCommand<LockCommand>) => void,
): void {
  for (const at of history) {
    if (!script.allows(at, world)) continue
    const { timeMs, command } = script.next(at, world)
    world.timeMs = timeMs
    if (command !== null) each(command)
  }
}

function indexesOf(state: LockState): unknown {
  const { locks, answered, memosCount, leaseDeadlines, waitDeadlines, delayDeadlines } = state
  const { claims, ended, owners } = state
  const maps = { locks, leaseDeadlines, waitDeadlines, delayDeadlines }
  const entries = Object.entries({ ...maps, claims, owners }).map(([name, map]) => {
    return [name, [...mapEntries(map as typeof owners)].map(([key]) => key)]
  })
  const uses = [...mapEntries(owners)].map(([, use]) => {
    return [use.locks, use.guardedWaits, [...mapEntries(use.memos)].map(([id]) => id)]
  })
  const ids = [...queueValues(answered)].map(({ id }) => id)
  return [...entries, [...mapEntries(ended)], uses, ids, memosCount]
}

test('lock model: snapshots after random histories: same bytes, hash, indexes and future', () => {
  const property = fc.property(histories, histories, (past, future) => {
    const world = lockWorld(LOW_LIMITS)
    const script = new Script()
    const { machine } = world
    run(world, script, past, (command) => world.apply(command))
    const bytes = machine.encodeSnapshot(world.state)
    const restored = machine.decodeSnapshot(bytes)
    assert.ok(restored !== null)
    assert.equal(machine.encodeSnapshot(restored), bytes)
    assert.is(machine.hash(restored), machine.hash(world.state))
    const twin = lockWorld(LOW_LIMITS)
    twin.state = restored
    twin.index = world.index
    run(world, script, future, (command) => {
      twin.timeMs = world.timeMs
      const reply = world.apply(command)
      assert.equal(twin.apply(command), reply)
      assert.equal(twin.events, world.events)
      assert.is(machine.hash(twin.state), machine.hash(world.state))
      assert.equal(twin.due(), world.due())
    })
    assert.equal(machine.encodeSnapshot(twin.state), machine.encodeSnapshot(world.state))
    const again = machine.decodeSnapshot(machine.encodeSnapshot(world.state))
    assert.ok(again !== null)
    assert.equal(indexesOf(again.inner), indexesOf(world.state.inner))
    assert.is(machine.hash(again), machine.hash(world.state))
  })
  fc.assert(property, { ...report, numRuns: 300 })
})

test('lock model: old states after random histories: their bytes are as they were', () => {
  const property = fc.property(histories, (history) => {
    const world = lockWorld(LOW_LIMITS)
    const { machine } = world
    const versions: [typeof world.state, Uint8Array, string][] = []
    run(world, new Script(), history, (command) => {
      world.apply(command)
      const { state } = world
      versions.push([state, machine.encodeSnapshot(state), machine.hash(state)])
    })
    for (const [state, bytes, hash] of versions) {
      assert.equal(machine.encodeSnapshot(state), bytes)
      assert.is(machine.hash(state), hash)
    }
  })
  fc.assert(property, { ...report, numRuns: 100 })
})

test('lock model: hash after random histories: equal when and only when the bytes are', () => {
  const property = fc.property(histories, (history) => {
    const world = lockWorld(LOW_LIMITS)
    const hashes = new Map<string, string>()
    const bytes = new Map<string, string>()
    run(world, new Script(), history, (command) => {
      world.apply(command)
      const text = world.machine.encodeSnapshot(world.state).join()
      const hash = world.machine.hash(world.state)
      assert.is(hashes.get(text) ?? hash, hash)
      assert.is(bytes.get(hash) ?? text, text)
      hashes.set(text, hash)
      bytes.set(hash, text)
    })
  })
  fc.assert(property, { ...report, numRuns: 200 })
})

/** What one entry asks of the locks alone, and whose it is. */
function lockCommandOf(
  command: SessionCommand<LockCommand>,
): ({ readonly command: LockCommand } & Whence) | null {
  if (command.type === 'plain') return { command: command.command, session: null, guarded: false }
  if (command.type !== 'call') return null
  const session = command.bound ? command.session : null
  return { command: command.command, session, guarded: true }
}

/** The state with its answers as a log brings them: by entry, whatever their keys. */
function inOrderOfLog(state: LockState): LockState {
  const memos = [...queueValues(state.answered)]
  memos.sort((a, b) => a.index - b.index || a.ordinal - b.ordinal)
  const answered = memos.reduce((queue, memo) => queueAdd(queue, memo), emptyQueue<AnsweredMemo>())
  return { ...state, answered }
}

test('lock model: independent keys in another order of arrival: equal bytes and hash', () => {
  const order = fc.array(fc.nat(), { maxLength: 80 })
  const property = fc.property(histories, order, (history, picks) => {
    // Without caps that join keys, without expire and the end of memos and of sessions, keys are
    // independent. Two sessions are open from the start.
    const driver = new Driver({ memoLifeMs: 1_000_000 })
    const clients = ['S', 'T'] as const
    const opening = clients.map((client) => ({ type: 'open', client, ttlMs: 1 }) as const)
    const script = new Script()
    const log: [string, LockCommand, SessionContext][] = []
    for (const at of [...opening, ...history]) {
      const { index, timeMs } = driver
      const view = { index, timeMs, due: () => null, status: driver.status.bind(driver) }
      const isOpening = opening.includes(at as (typeof opening)[number])
      if (!script.allows(at, view) || (at.type === 'open' && !isOpening)) continue
      const line = script.next(at, view)
      driver.timeMs = line.timeMs
      const asked = line.command === null ? null : lockCommandOf(line.command)
      if (isOpening) driver.index += 1
      if (asked === null || !('requestId' in asked.command)) continue
      driver.apply(asked.command, asked)
      const { session, guarded } = asked
      const place = { index: driver.index, timeMs: driver.timeMs, version: 1 }
      const context = { ...place, session, guarded }
      log.push([asked.command.key, asked.command, context])
    }
    const { machine } = driver
    const queues = KEYS.map((key) => log.filter((entry) => entry[0] === key))
    let state = machine.initial()
    for (let at = 0; queues.some((queue) => queue.length > 0); at++) {
      const open = queues.filter((queue) => queue.length > 0)
      const [, command, context] = open[(picks[at] ?? 0) % open.length]!.shift()!
      state = machine.apply(state, command, context)[0]
    }
    assert.equal(machine.encodeSnapshot(inOrderOfLog(state)), driver.bytes())
    assert.is(machine.hash(state), machine.hash(driver.state))
  })
  fc.assert(property, { ...report, numRuns: 300 })
})

test.run()
