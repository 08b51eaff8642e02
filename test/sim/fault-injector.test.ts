// Whom a fault means: resolved when it begins, and seen in the trace.

import * as assert from 'uvu/assert'
import type { Fault } from '../../sim/scenario.ts'
import { scenarioOf, simulate } from '../../sim/simulate.ts'
import { suite } from '../harness.ts'

const test = suite('sim/fault-injector')

function traceOf(nodes: number, ...faults: readonly Fault[]): readonly string[] {
  const drawn = scenarioOf({ seed: 1, nodes, clients: 1, fireMs: 4_000, faults: [] })
  const { trace, verdict, violation } = simulate({
    scenario: { ...drawn, faults },
    traceLines: 10_000,
  })
  assert.is(verdict, 'ok', violation?.message)
  return trace.filter((line) => line.includes('partial'))
}

test('partial: the leader and any node: two different nodes, also when that one leads', () => {
  for (const b of [0, 1, 2]) {
    const span = { atMs: 2_000, forMs: 500 }
    const [begins, ends] = traceOf(3, { type: 'partial', ...span, a: 'leader', b })
    const [, one, other] = /partial: n(\d) n(\d) for 500 ms/.exec(begins ?? '') ?? []
    assert.ok(one !== undefined && one !== other, begins)
    assert.ok(b === Number(other) || b === Number(one), begins)
    assert.match(ends ?? '', /the partial ends/)
  }
})

test('partial: a single node: nothing to cut', () => {
  assert.equal(traceOf(1, { type: 'partial', atMs: 2_000, forMs: 500, a: 'leader', b: 0 }), [])
})

test.run()
