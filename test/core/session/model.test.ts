// Sessions beside a naive twin, beside what every client may count on, and beside themselves after
// a snapshot, over random histories.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { ApplyContext } from '../../../core/machine.ts'
import { mapEntries } from '../../../core/ordered-map.ts'
import type { SessionCommand } from '../../../core/session/command.ts'
import { suite } from '../../harness.ts'
import type { Step } from './arbitrary.ts'
import { Clients, LOW_LIMITS, steps } from './arbitrary.ts'
import { ReferenceModel } from './reference-model.ts'
import type { BoardCommand } from './support.ts'
import { Driver, wakeOwn } from './support.ts'

const test = suite('session model')
const seed = Number(process.env['SEED'] ?? 20_241_108)
console.log(`session model: seed ${seed} (SEED=… for another)`)

const options = { limits: LOW_LIMITS, onSessionEnded: wakeOwn }
type Command = SessionCommand<BoardCommand>

/** How often each thing was seen: a history that never meets a rule tests nothing. */
const seen = new Map<string, number>()

function see(name: string): void {
  seen.set(name, (seen.get(name) ?? 0) + 1)
}

/** Runs the steps; `each` sees every command, where it is applied, and applies it to `driver`. */
function run(
  driver: Driver,
  history: readonly Step[],
  each: (command: Command, context: ApplyContext) => void,
  clients = new Clients(),
): void {
  for (const step of history) {
    driver.timeMs += step.passMs
    const due = step.toDue ? driver.machine.due(driver.state) : null
    if (due !== null) driver.timeMs = Math.max(driver.timeMs, due.atMs)
    const command = due === null ? clients.commandOf(step) : due.command
    each(command, { index: driver.index + 1, timeMs: driver.timeMs, version: 1 })
    if (command.type === 'openSession') clients.opened.push(driver.index)
  }
}

test('session model: random histories: every reply, event and session is the twin\'s', () => {
  const property = fc.property(steps, (history) => {
    const driver = new Driver(options)
    const twin = new ReferenceModel(LOW_LIMITS)
    run(driver, history, (command, context) => {
      const reply = driver.apply(command)
      assert.equal(reply, twin.apply(command, context))
      assert.equal(driver.events, twin.events)
      assert.equal(driver.state.inner, twin.inner)
      const { sessions } = driver.state
      assert.equal([...mapEntries(sessions)].map(([id]) => id), [...twin.sessions.keys()])
      for (const [id, { acknowledged, calls, deadlineMs }] of mapEntries(sessions)) {
        const known = twin.sessions.get(id)!
        assert.equal([acknowledged, deadlineMs], [known.mark, known.heardMs + known.ttlMs])
        const kept = [...known.calls.keys()].filter((sequence) => sequence > known.mark)
        kept.sort((a, b) => a - b)
        assert.equal([...mapEntries(calls)].map(([sequence]) => sequence), kept)
        assert.ok(kept.length <= LOW_LIMITS.unacknowledgedMax)
      }
      const deadlines = [...twin.sessions.values()].map((known) => known.heardMs + known.ttlMs)
      const atMs = Math.min(...deadlines, twin.inner.alarmMs ?? Infinity)
      assert.is(driver.machine.due(driver.state)?.atMs ?? Infinity, atMs)
      see(reply === null ? 'waits' : reply.type === 'rejected' ? reply.reason : reply.type)
      for (const event of driver.events) {
        if (event.type === 'answer') see(`late ${event.reply.type}`)
        else see(event.type === 'sessionEnded' ? event.by : event.type)
      }
    })
  })
  fc.assert(property, { seed, numRuns: 2_000 })
  const reasons = ['sessionEnded', 'alreadyAnswered', 'sequenceReused', 'tooManyUnacknowledged']
  const replies = ['tooManySessions', 'ttlOutOfRange', 'opened', 'keptAlive', 'closed', 'expired']
  const rest = ['replied', 'waits', 'late replied', 'late superseded', 'close', 'expiry', 'inner']
  for (const name of [...reasons, ...replies, ...rest]) {
    assert.ok((seen.get(name) ?? 0) > 100, `${name} was seen ${seen.get(name) ?? 0} times`)
  }
})

test('session model: random histories: a call has one effect and one reply for ever', () => {
  const property = fc.property(steps, (history) => {
    const driver = new Driver(options)
    const effects = new Set<string>()
    const replies = new Map<string, unknown>()
    const callOf = new Map<number, string>()
    const hear = (index: number, reply: { readonly type: string } | null): void => {
      const call = callOf.get(index)
      if (call === undefined || reply?.type !== 'replied') return
      if (replies.has(call)) assert.equal(reply, replies.get(call))
      replies.set(call, reply)
    }
    run(driver, history, (command, { index }) => {
      const call = command.type === 'call' ? `${command.session}/${command.sequence}` : ''
      if (command.type === 'call') callOf.set(index, call)
      hear(index, driver.apply(command))
      for (const event of driver.events) {
        if (event.type === 'answer') hear(event.index, event.reply)
        if (event.type !== 'inner' || !event.event.guarded) continue
        assert.not.ok(effects.has(call), `${call} has a second effect`)
        effects.add(call)
      }
    })
  })
  fc.assert(property, { seed, numRuns: 500 })
})

test('session model: snapshots after random histories: same bytes, hash and future', () => {
  const property = fc.property(steps, steps, (past, future) => {
    const driver = new Driver(options)
    const { machine } = driver
    const clients = new Clients()
    run(driver, past, (command) => driver.apply(command), clients)
    const restored = machine.decodeSnapshot(driver.bytes())
    assert.ok(restored !== null)
    const twin = new Driver(options)
    twin.state = restored
    assert.equal(twin.bytes(), driver.bytes())
    run(driver, future, (command, { index, timeMs }) => {
      twin.index = index - 1
      twin.timeMs = timeMs
      const reply = driver.apply(command)
      assert.equal(twin.apply(command), reply)
      assert.equal(twin.events, driver.events)
      assert.is(machine.hash(twin.state), machine.hash(driver.state))
      assert.equal(machine.due(twin.state), machine.due(driver.state))
    }, clients)
    assert.equal(twin.bytes(), driver.bytes())
    const again = machine.decodeSnapshot(driver.bytes())
    assert.ok(again !== null)
    assert.equal([...mapEntries(again.deadlines)], [...mapEntries(driver.state.deadlines)])
    assert.equal([...mapEntries(again.waits)], [...mapEntries(driver.state.waits)])
    for (const [id, session] of mapEntries(again.sessions)) {
      const { replyBytes } = [...mapEntries(driver.state.sessions, id)][0]![1]
      assert.is(session.replyBytes, replyBytes)
    }
    assert.is(machine.hash(again), machine.hash(driver.state))
  })
  fc.assert(property, { seed, numRuns: 300 })
})

test('session model: hash after random histories: equal when and only when the bytes are', () => {
  const property = fc.property(steps, (history) => {
    const driver = new Driver(options)
    const hashes = new Map<string, string>()
    const bytes = new Map<string, string>()
    run(driver, history, (command) => {
      driver.apply(command)
      const text = driver.bytes().join()
      const hash = driver.machine.hash(driver.state)
      assert.is(hashes.get(text) ?? hash, hash)
      assert.is(bytes.get(hash) ?? text, text)
      hashes.set(text, hash)
      bytes.set(hash, text)
    })
  })
  fc.assert(property, { seed, numRuns: 300 })
})

test('session model: old states after random histories: their bytes are as they were', () => {
  const property = fc.property(steps, (history) => {
    const driver = new Driver(options)
    const { machine } = driver
    const versions: [typeof driver.state, Uint8Array, string][] = []
    run(driver, history, (command) => {
      driver.apply(command)
      versions.push([driver.state, driver.bytes(), machine.hash(driver.state)])
    })
    for (const [state, bytes, hash] of versions) {
      assert.equal(machine.encodeSnapshot(state), bytes)
      assert.is(machine.hash(state), hash)
    }
  })
  fc.assert(property, { seed, numRuns: 100 })
})

test('session model: calls in another order of arrival: equal bytes and hash', () => {
  // Commands whose replies rest on nothing before them: their order can show only in what sessions
  // remember. Each keeps its index and its time.
  const call = fc.record({
    session: fc.constantFrom(1, 2, 3),
    command: fc.nat(20).map((letters) => ({ type: 'say', letters }) as const),
    /** Shares of what was called before: a mark, and when the call arrives. */
    mark: fc.nat(49),
    rank: fc.nat(99),
  })
  const calls = fc.array(call, { minLength: 5, maxLength: 40, size: 'max' })
  const property = fc.property(calls, (drawn) => {
    const driver = new Driver()
    for (let count = 0; count < 3; count++) driver.open()
    const start = driver.state
    const log = drawn.map(({ session, command, mark, rank }, at) => {
      const acknowledged = Math.floor((mark * at) / 100)
      const numbers = { session, sequence: at + 1, acknowledged }
      const entry = { type: 'call', ...numbers, bound: at % 3 > 0, command } as const
      return { command: entry, context: { index: 4 + at, timeMs: 50, version: 1 }, rank }
    })
    const apply = (): readonly [Uint8Array, string] => {
      let state = start
      for (const { command, context } of log) {
        state = driver.machine.apply(state, command, context)[0]
      }
      return [driver.machine.encodeSnapshot(state), driver.machine.hash(state)]
    }
    const before = apply()
    log.sort((a, b) => a.rank - b.rank)
    assert.equal(apply(), before)
  })
  fc.assert(property, { seed, numRuns: 300 })
})

test.run()
