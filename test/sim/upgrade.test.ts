// Groups that are upgraded one node at a time, amid everything else: a machine that goes by the
// replicated version is ok, and one that goes by its build is found out.

import * as assert from 'uvu/assert'
import type { RegisterInput } from '../../checker/models/register.ts'
import type { Machine } from '../../core/machine.ts'
import { countedBuilds } from '../../sim/counted-machine.ts'
import type { Fault } from '../../sim/scenario.ts'
import { scenarioOf, simulate } from '../../sim/simulate.ts'
import { suite } from '../harness.ts'
import { registerMachine, registerWorkload } from './register-machine.ts'
import type { RegisterReply } from './register-machine.ts'

const test = suite('sim/upgrade')
const machine = registerMachine()

type Register = Machine<number, RegisterInput, RegisterReply, never>

/** The next build: once `isNew`, whatever is written is written a thousand higher. */
function nextBuild(isNew: (version: number) => boolean): Register {
  return {
    ...machine,
    versions: 2,
    apply: (value, command, context) => {
      const [after, reply, events] = machine.apply(value, command, context)
      const isWritten = isNew(context.version) && after !== value
      return [isWritten ? after + 1_000 : after, reply, events]
    },
  }
}

/** What came of eight seeds, or of those up to the first violation. */
function run(next: Register): { readonly violation: string | null; readonly raised: number } {
  let raised = 0
  const workload = { ...registerWorkload(), judge: () => ({ verdict: 'ok' as const }) }
  const faults = ['upgrade', 'raise', 'crash', 'partition', 'compaction'] as const
  for (let seed = 1; seed <= 8; seed++) {
    const common = { seed, nodes: 3, clients: 2, fireMs: 6_000, faults }
    const { violation, probes } = simulate({ ...common, machine, nextBuild: next, workload })
    raised += probes['version raised'] ?? 0
    if (violation !== null) return { violation: violation.oracle, raised }
  }
  return { violation: null, raised }
}

test("upgrade: a user's own machine, its next build by the version in force: ok", () => {
  const { violation, raised } = run(nextBuild((version) => version >= 2))
  assert.is(violation, null)
  assert.ok(raised > 4, 'raised in most worlds')
})

test("upgrade: a user's own machine, its next build by what it knows itself: is found out", () => {
  const { violation } = run(nextBuild(() => true))
  assert.match(violation ?? 'none', /equal (replies|state) at equal index/)
})

/** A quiet world of three nodes and a spare, in which only these faults strike. */
function traceOf(faults: readonly Fault[]): { trace: string; probes: Record<string, number> } {
  const drawn = scenarioOf({ seed: 1, nodes: 3, clients: 2, fireMs: 8_000, faults: [] })
  const clocks = [...drawn.clocks, { offsetMs: 0, driftPpm: 0 }]
  const scenario = { ...drawn, spares: 1, clocks, faults }
  const { violation, trace, probes } = simulate({ scenario, traceLines: 10_000 })
  assert.is(violation, null)
  return { trace: trace.join('\n'), probes }
}

const upgrades = [0, 1, 2].map((node) => {
  return { type: 'upgrade', atMs: 2_000 + 500 * node, forMs: 100, node } as const
})

test('upgrade: an operator raises the version before all are upgraded, and after: once', () => {
  const early = { type: 'raise', atMs: 2_300, forMs: 1 } as const
  const late = { type: 'raise', atMs: 5_000, forMs: 1 } as const
  const { probes, trace } = traceOf([upgrades[0] as Fault, early, ...upgrades.slice(1), late])
  assert.is(probes['operator: refused (versionUnsupported)'], 1, trace)
  assert.is(probes['version raised'], 1)
  assert.match(trace, /n1 +is upgraded/)
})

test('upgrade: a spare of the old build is taken in when the new rules are in force: it stops, \
and gets the new build', () => {
  const raise = { type: 'raise', atMs: 4_000, forMs: 1 } as const
  const members = { voters: [0, 1, 2], learners: [3], explicit: false }
  const change = { type: 'membership', atMs: 5_000, forMs: 1, ...members } as const
  const { probes, trace } = traceOf([...upgrades, raise, change])
  assert.is(probes['stopped by rules that it lacks'], 1, trace)
  assert.match(trace, /n3 +stops: it lacks rules/)
})

test('counted: a command is counted by the next build alone, and under its version alone', () => {
  const [first, next] = countedBuilds(machine)
  assert.equal([first.versions, next.versions], [undefined, 2])
  const write = { type: 'write', value: 7 } as const
  const countOf = (build: typeof first, version: number): number =>
    build.apply(build.initial(), write, { index: 1, timeMs: 0, version })[0].count
  assert.equal([countOf(first, 1), countOf(first, 2)], [0, 0])
  assert.equal([countOf(next, 1), countOf(next, 2)], [0, 1])
  const hash = (count: number): string => next.hash({ inner: 7, count })
  assert.is.not(hash(1), hash(2))
})

test('counted: a snapshot: reads back in both builds, garbage in none', () => {
  const [first, next] = countedBuilds(machine)
  const bytes = next.encodeSnapshot({ inner: 7, count: 300 })
  for (const build of [first, next]) {
    assert.equal(build.decodeSnapshot(bytes), { inner: 7, count: 300 })
    assert.is(build.decodeSnapshot(bytes.subarray(0, -1)), null)
    assert.is(build.decodeSnapshot(Uint8Array.of()), null)
  }
})

test.run()
