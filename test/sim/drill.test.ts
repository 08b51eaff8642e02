import * as assert from 'uvu/assert'
import { DRILL_ORACLES } from '../../sim/drill.ts'
import { PEER_ORACLES } from '../../sim/peer-oracles.ts'
import { NODE_ORACLES } from '../../sim/node-oracles.ts'
import { simulate } from '../../sim/simulate.ts'
import { suite } from '../harness.ts'

const test = suite('drill')

test('drill: a group with spares: each of its rules and those of leaders are looked at', () => {
  const wanted = [...DRILL_ORACLES, ...PEER_ORACLES, ...NODE_ORACLES]
  const counts = new Map(wanted.map((oracle) => [oracle, 0]))
  for (let seed = 5; seed <= 8; seed++) {
    const faults = ['membership', 'partition', 'transfer', 'upgrade'] as const
    const { violation, oracles } = simulate({ seed, nodes: 3, fireMs: 5_000, faults })
    assert.is(violation, null)
    for (const oracle of wanted) {
      counts.set(oracle, (counts.get(oracle) ?? 0) + (oracles[oracle] ?? 0))
    }
  }
  for (const [oracle, count] of counts) assert.ok(count > 0, oracle)
})

test('drill: a single node: has nobody to hand over to, and passes', () => {
  const { violation, oracles } = simulate({ seed: 1, nodes: 1, fireMs: 2_000, faults: [] })
  assert.is(violation, null)
  assert.is(oracles['a leader after a loss of power'], 1)
})

test.run()
