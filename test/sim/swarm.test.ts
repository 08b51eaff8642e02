// What seeds draw: the same always, only what was asked for, and enough of everything.

import * as assert from 'uvu/assert'
import { EPSILON_PPM, FAULT_KINDS, scenarioProblem } from '../../sim/scenario.ts'
import type { FaultKind } from '../../sim/scenario.ts'
import { scenarioOf, simulate } from '../../sim/simulate.ts'
import { suite } from '../harness.ts'

const test = suite('sim/swarm')

function seeds(count: number): number[] {
  return Array.from({ length: count }, (_, at) => at + 1)
}

test('swarm: one seed: one scenario, whatever was drawn before; another seed: another', () => {
  const drawn = seeds(20).map((seed) => JSON.stringify(scenarioOf({ seed })))
  assert.is(new Set(drawn).size, 20)
  assert.is(JSON.stringify(scenarioOf({ seed: 3 })), drawn[2])
  assert.is(JSON.stringify(simulate({ seed: 3 }).scenario), drawn[2])
})

test('swarm: every seed: can be run, its clocks within their bound, of any size', () => {
  const nodes = new Set<number>()
  for (const seed of seeds(200)) {
    const scenario = scenarioOf({ seed })
    assert.is(scenarioProblem(scenario), null)
    assert.ok(scenario.clocks.every(({ driftPpm }) => Math.abs(driftPpm) <= EPSILON_PPM))
    nodes.add(scenario.nodes)
  }
  assert.equal([...nodes].sort(), [1, 2, 3, 4, 5, 6, 7])
})

test('swarm: options: nodes, clients, keys and time are as asked', () => {
  const scenario = scenarioOf({ seed: 9, nodes: 6, clients: 3, keys: 1, fireMs: 5_000 })
  assert.equal([scenario.nodes, scenario.clients.length, scenario.fireMs], [6, 3, 5_000])
  assert.is(scenario.clocks.length, 6 + scenario.spares + 3)
  const operations = scenario.clients.flat().map(({ operation }) => operation)
  assert.ok(operations.every((operation) => 'key' in operation && operation.key === 'k0'))
  assert.ok(scenario.faults.every(({ atMs }) => atMs < 5_000))
})

/** What strikes only in company: a torn write needs a crash, an isolated winner an election. */
const NEEDS_CRASH: readonly FaultKind[] = ['torn', 'isolate']

test('swarm: a list of one fault: that one strikes, and no other', () => {
  for (const kind of FAULT_KINDS) {
    const faults: readonly FaultKind[] = NEEDS_CRASH.includes(kind) ? ['crash', kind] : [kind]
    const struck = new Set<string>()
    for (const seed of seeds(6)) {
      const result = simulate({ seed, nodes: 3, clients: 4, fireMs: 6_000, faults })
      assert.is(result.verdict, 'ok', `seed ${seed}: ${result.violation?.message}`)
      for (const name of Object.keys(result.faults)) struck.add(name)
      if (!faults.includes('crash')) assert.equal(result.scenario.dead, [])
    }
    assert.ok(struck.has(kind), `${kind} never struck`)
    for (const name of struck) assert.ok(faults.includes(name as FaultKind), `${name} struck too`)
  }
}, { deadlineMs: 120_000 })

test('swarm: no faults: nothing strikes', () => {
  const options = { seed: 1, faults: [], fireMs: 5_000 } as const
  const { faults, verdict, operations } = simulate(options)
  assert.equal([verdict, faults, operations.fail], ['ok', {}, 0])
  // Nobody gives up a plain lock.
  const plain = simulate({ ...options, keys: 1 })
  assert.equal([plain.verdict, plain.faults, plain.operations.unknown], ['ok', {}, 0])
})

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1] as number
}

test('swarm: 50 default seeds: every kind of fault strikes, and a seed is no toy', () => {
  const struck: Record<string, number> = {}
  const answered: number[] = []
  const kinds: number[] = []
  const underFire: number[] = []
  for (const seed of seeds(50)) {
    const { faults, operations, scenario, simSeconds } = simulate({ seed })
    for (const [kind, count] of Object.entries(faults)) struck[kind] = (struck[kind] ?? 0) + count
    answered.push(operations.ok)
    kinds.push(Object.values(faults).filter((count) => count > 0).length)
    underFire.push(Math.min(simSeconds, scenario.fireMs / 1_000))
  }
  for (const kind of FAULT_KINDS) assert.ok((struck[kind] ?? 0) > 0, `${kind} never struck`)
  const first = (numbers: readonly number[]): number => median(numbers.slice(0, 20))
  assert.ok(first(underFire) >= 30, `${first(underFire)} simulated seconds under fire`)
  assert.ok(first(answered) >= 200, `${first(answered)} answered operations`)
  assert.ok(first(kinds) >= 4, `${first(kinds)} kinds of fault`)
}, { deadlineMs: 180_000 })

test.run()
