// Scenarios as arbitraries: what they give is sound and plain, and what they find gets small.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { LockCommand } from '../../core/lock/command.ts'
import type { LockEvent } from '../../core/lock/event.ts'
import { lockMachine } from '../../core/lock/machine.ts'
import type { LockMachine } from '../../core/lock/machine.ts'
import type { LockReply } from '../../core/lock/reply.ts'
import type { LockState } from '../../core/lock/state.ts'
import type { ApplyContext, MachineEvent } from '../../core/machine.ts'
import type { RegisterInput } from '../../checker/models/register.ts'
import { scenarios } from '../../sim/fast-check.ts'
import type { LockOperation } from '../../sim/lock-operation.ts'
import { lockWorkload } from '../../sim/lock-workload.ts'
import { EPSILON_PPM, FAULT_KINDS, scenarioProblem } from '../../sim/scenario.ts'
import type { Fault, Scenario } from '../../sim/scenario.ts'
import { simulate } from '../../sim/simulate.ts'
import { suite } from '../harness.ts'
import {
  carelessRegister,
  registerCommand,
  registerMachine,
  registerModel,
  registerWorkload,
} from './register-machine.ts'
import type { RegisterMachine } from './register-machine.ts'
import { served } from './support.ts'

type Applied = readonly [LockState, LockReply | null, readonly MachineEvent<LockReply, LockEvent>[]]
type Wrong = (honest: LockMachine, ...asked: [LockState, LockCommand, ApplyContext]) => Applied

const test = suite('sim/fast-check')
const SEED = 20_261_125

/** The lock machine with one rule of its own. */
function wrongMachine(apply: Wrong): LockMachine {
  const honest = lockMachine()
  return { ...honest, apply: (...asked) => apply(honest, ...asked) }
}

/** A release frees the lock whoever holds it, as `DEL key` does in many a home-made lock. */
const releaseFreesAll: Wrong = (honest, state, command, context) => {
  if (command.type !== 'release') return honest.apply(state, command, context)
  const query = { type: 'status', key: command.key, holder: null } as const
  const [, status] = honest.apply(state, query, context)
  const owner = status?.type === 'status' ? status.owner : null
  const freed = { ...command, owner: owner ?? command.owner, token: null, all: true }
  return honest.apply(state, freed, context)
}

/** A renewal that comes after the expiry takes the lock anew, and says that nothing happened. */
const renewTakesAnew: Wrong = (honest, state, command, context) => {
  const applied = honest.apply(state, command, context)
  if (command.type !== 'renew' || applied[1]?.type !== 'expired') return applied
  const { key, owner, ttlMs, requestId } = command
  const rest = { waitMs: 0, reentrant: false, lockDelayMs: 0, metadata: '' }
  const mode = 'exclusive' as const
  const asked = { key, owner, ttlMs, mode, requestId: `${requestId}+`, ...rest }
  const again = honest.apply(state, { type: 'acquire', ...asked }, context)
  if (again[1]?.type !== 'granted') return applied
  return [again[0], { type: 'renewed', token: command.token ?? 0, ttlMs }, again[2]]
}

/** Leases end at half their time. */
const expiresEarly: Wrong = (honest, state, command, context) => {
  if (command.type !== 'acquire' && command.type !== 'renew') {
    return honest.apply(state, command, context)
  }
  if (command.ttlMs === null) return honest.apply(state, command, context)
  const ttlMs = Math.max(100, command.ttlMs >> 1)
  const [after, reply, events] = honest.apply(state, { ...command, ttlMs }, context)
  const told = reply !== null && 'ttlMs' in reply ? { ...reply, ttlMs: command.ttlMs } : reply
  return [after, told, events]
}

function operationsCount(scenario: Scenario<unknown>): number {
  return scenario.clients.reduce((count, steps) => count + steps.length, 0)
}

/** Lets fast-check find and shrink what is wrong with a machine. */
function found(wrong: Wrong): {
  readonly scenario: Scenario<LockOperation>
  readonly said: string
} {
  const machine = wrongMachine(wrong)
  const workload = lockWorkload(2)
  const isOk = (scenario: Scenario<LockOperation>): boolean =>
    simulate({ machine: served(machine), workload, scenario }).verdict !== 'violation'
  const details = fc.check(fc.property(scenarios(), isOk), { seed: SEED, numRuns: 500 })
  const scenario = details.counterexample?.[0]
  if (scenario === undefined) throw new Error(`nothing found in 500 scenarios of seed ${SEED}`)
  return { scenario, said: fc.defaultReportMessage(details) ?? '' }
}

test('scenarios: any: can be run, and keeps to the bounds', () => {
  fc.assert(
    fc.property(scenarios({ nodesMax: 3, clientsMax: 2, operationsMax: 4 }), (scenario) => {
      const { nodes, clients, clocks, fireMs, faults } = scenario
      assert.is(scenarioProblem(scenario), null)
      assert.ok(nodes >= 1 && nodes <= 3 && clients.length >= 1 && clients.length <= 2)
      assert.ok(clients.every((steps) => steps.length <= 4))
      assert.ok(clocks.every(({ driftPpm }) => Math.abs(driftPpm) <= EPSILON_PPM))
      assert.ok(faults.every(({ atMs }) => atMs < fireMs))
      assert.equal(JSON.parse(JSON.stringify(scenario)), scenario, 'plain data')
    }),
    { seed: SEED, numRuns: 500 },
  )
})

test('scenarios: many: every kind of fault, crash point and operation comes up', () => {
  const seen = new Set<string>()
  for (const scenario of fc.sample(scenarios(), { seed: SEED, numRuns: 300 })) {
    for (const fault of scenario.faults) {
      seen.add(fault.type)
      if (fault.type === 'crash') seen.add(fault.torn ? 'torn' : fault.point)
    }
    if (scenario.clocks.some(({ offsetMs }) => offsetMs > 0)) seen.add('skew')
    if (scenario.snapshotEntriesMin < 1_000) seen.add('compaction')
    if (scenario.leaseReads) seen.add('leases')
    if (scenario.forwarding) seen.add('forwarding')
    seen.add(`${scenario.spares} spares`)
    if (scenario.clocks.some(({ driftPpm }) => driftPpm !== 0)) seen.add('drift')
    for (const { operation } of scenario.clients.flat()) seen.add(operation.type)
    seen.add(`${scenario.nodes} nodes`)
  }
  const points = ['now', 'persist', 'synced', 'voted', 'acknowledged', 'won']
  const operations = ['acquire', 'renew', 'release', 'status', 'write', '1 nodes', '5 nodes']
  const settings = ['leases', 'forwarding', '0 spares', '1 spares', '2 spares']
  for (const name of [...FAULT_KINDS, ...points, ...operations, ...settings]) {
    assert.ok(seen.has(name), `never: ${name}`)
  }
})

test('scenarios: a list of faults: no other kind', () => {
  const only = scenarios({ faults: ['pause', 'drift'] })
  const drawn = fc.sample(only, { seed: SEED, numRuns: 200 })
  const types = new Set(drawn.flatMap(({ faults }) => faults.map(({ type }) => type)))
  assert.equal([...types], ['pause'])
  assert.ok(drawn.every(({ clocks, dead }) => {
    return dead.length === 0 && clocks.every(({ offsetMs }) => offsetMs === 0)
  }))
  assert.ok(drawn.some(({ clocks }) => clocks.some(({ driftPpm }) => driftPpm !== 0)))
  const calm = fc.sample(scenarios({ faults: [] }), { seed: SEED, numRuns: 50 })
  assert.ok(calm.every(({ faults }) => faults.length === 0))
})

test('scenarios: without changes of members: nobody waits to be taken in', () => {
  const drawn = fc.sample(scenarios({ faults: ['crash'] }), { seed: SEED, numRuns: 100 })
  assert.ok(drawn.every(({ spares, snapshotEntriesMin }) => {
    return spares === 0 && snapshotEntriesMin === 1_000_000
  }))
})

test('scenarios: changes of members: name those that there are, each once', () => {
  const only = scenarios({ faults: ['membership', 'transfer', 'forget'], nodesMax: 3 })
  let changes = 0
  for (const { faults, nodes, spares } of fc.sample(only, { seed: SEED, numRuns: 200 })) {
    for (const fault of faults) {
      if (fault.type !== 'membership') continue
      changes++
      const named = [...fault.voters, ...fault.learners]
      assert.ok(named.every((node) => node < nodes + spares))
      assert.is(new Set(fault.voters).size, fault.voters.length)
    }
  }
  assert.ok(changes > 100)
})

test('scenarios: whatever fails: shrinks to the plainest cluster that there is', () => {
  const isOk = (_: Scenario<LockOperation>): boolean => false
  const details = fc.check(fc.property(scenarios(), isOk), { seed: SEED })
  const smallest = details.counterexample?.[0]
  if (smallest === undefined) throw new Error('nothing was found')
  const { nodes, spares, forwarding, leaseReads, faults, dead, clients } = smallest
  assert.equal([nodes, spares, forwarding, leaseReads], [1, 0, false, false])
  assert.is(smallest.snapshotEntriesMin, 1_000_000, 'no snapshots')
  assert.equal([smallest.diskTimeoutMs, smallest.uncommittedBytesMax], [1_500, 16_777_216])
  assert.equal([faults, dead, clients], [[], [], [[]]])
})

test('scenarios: what needs a spare: keeps it, and nothing else', () => {
  const needsSpare = (scenario: Scenario<LockOperation>): boolean => {
    const { faults, nodes, spares } = scenario
    const isTakenIn = (fault: Fault): boolean =>
      fault.type === 'membership' && fault.voters.includes(nodes)
    return spares === 0 || !faults.some(isTakenIn)
  }
  const property = fc.property(scenarios(), needsSpare)
  const { counterexample } = fc.check(property, { seed: SEED + 1, numRuns: 1_000 })
  const [smallest] = counterexample ?? []
  assert.equal([smallest?.nodes, smallest?.spares], [1, 1])
  assert.equal(smallest?.faults, [
    { type: 'membership', atMs: 0, forMs: 1, voters: [1], learners: [], explicit: false },
  ])
  assert.is(smallest && simulate({ scenario: smallest }).verdict, 'ok')
})

test('scenarios: a constraint that makes no sense: says so', () => {
  assert.throws(() => scenarios({ nodesMax: 8 }), 'scenarios: nodesMax must be from 1 to 7')
  assert.throws(() => scenarios({ clientsMax: 0 }), 'scenarios: clientsMax must be from 1 to 64')
  assert.throws(() => scenarios({ faultsMax: -1 }), 'scenarios: faultsMax must be an integer')
})

test('scenarios: the real lock service: no scenario breaks a rule', () => {
  const isOk = (scenario: Scenario<LockOperation>): boolean =>
    simulate({ scenario }).verdict === 'ok'
  fc.assert(fc.property(scenarios(), isOk), { seed: SEED, numRuns: 250 })
})

const planted: Readonly<Record<string, Wrong>> = {
  'a release by another frees the lock': releaseFreesAll,
  'a renewal after expiry takes the lock anew': renewTakesAnew,
  'leases end at half their time': expiresEarly,
}
for (const [bug, wrong] of Object.entries(planted)) {
  test(`scenarios: ${bug}: shrinks to at most 10 operations`, () => {
    const { scenario, said } = found(wrong)
    const count = operationsCount(scenario)
    assert.ok(count <= 10, `${count} operations: ${said}`)
    assert.ok(scenario.faults.length <= 1, said)
    const machine = wrongMachine(wrong)
    const again = simulate({ machine: served(machine), workload: lockWorkload(2), scenario })
    assert.is(again.verdict, 'violation', 'it still fails by itself')
    assert.is(simulate({ scenario }).verdict, 'ok', 'and only because of the bug')
    assert.match(said, `seed: ${SEED}`)
    assert.match(said, `Counterexample: [${JSON.stringify(scenario)}]`)
    assert.ok(JSON.stringify(scenario).length < 1_500, said)
  })
}

test('scenarios: operations of a user: find and shrink a bug in another machine', () => {
  const judged = (machine: RegisterMachine) => (scenario: Scenario<RegisterInput>) =>
    simulate({ machine, workload: registerWorkload(), model: registerModel, scenario }).verdict
  const mine = scenarios({ operation: registerCommand })
  const right = judged(registerMachine())
  fc.assert(fc.property(mine, (scenario) => right(scenario) === 'ok'), { seed: SEED, numRuns: 150 })

  const careless = judged(carelessRegister())
  const bad = fc.property(mine, (scenario) => careless(scenario) === 'ok')
  const [scenario] = fc.check(bad, { seed: SEED, numRuns: 300 }).counterexample ?? []
  if (scenario === undefined) throw new Error(`nothing found with seed ${SEED}`)
  assert.is(operationsCount(scenario), 1, JSON.stringify(scenario))
  assert.is(scenario.nodes, 1)
  assert.equal(scenario.faults, [])
})

test.run()
