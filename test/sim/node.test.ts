// One simulated machine, seen from the network: what it must do by itself, it does on time.

import * as assert from 'uvu/assert'
import type { Rule } from '../../sim/network.ts'
import { scenarioOf, simulate } from '../../sim/simulate.ts'
import { decodeFrame } from '../../transports/codec.ts'
import { suite } from '../harness.ts'

const test = suite('sim/node')

test('timers: that go off while the processor is busy: still count', () => {
  const delayUs = 500
  const drawn = scenarioOf({ seed: 1, nodes: 2, clients: 1, fireMs: 5_000, faults: [] })
  const scenario = { ...drawn, clients: [[]], delayMinUs: delayUs, delayMaxUs: delayUs }
  const beatUs = scenario.heartbeatIntervalMs * 1_000
  let longestUs = 0
  const lastUs = new Map<number, number>()
  // Each answer to a heartbeat comes 20 us before the next one is due: a turn of 40 us begins.
  const justBefore: Rule = ({ from, to, timeUs, payload }) => {
    const decoded = decodeFrame(payload as Uint8Array)
    const type = decoded.type === 'frame' ? decoded.frame.message.type : 'none'
    if (type === 'appendRequest') {
      longestUs = Math.max(longestUs, timeUs - (lastUs.get(to) ?? timeUs))
      lastUs.set(to, timeUs)
    }
    if (type !== 'appendAccepted') return { type: 'pass' }
    const dueUs = (lastUs.get(from) as number) + beatUs
    return { type: 'delay', byUs: Math.max(0, dueUs - 20 - delayUs - timeUs) }
  }
  simulate({ scenario, rules: [justBefore] })
  assert.is(longestUs, beatUs + 20)
})

for (const midTurn of [false, true]) {
  const how = midTurn ? 'between its clock and its step' : 'before its turn'
  test(`heal: a leader stalls ${how}, a change of members before it: that is given up`, () => {
    const drawn = scenarioOf({ seed: 1, nodes: 3, clients: 1, fireMs: 3_000, faults: [] })
    // Node 0 leads. Of the two that are to be voters one dies: they could never agree again.
    const stall = { type: 'pause', node: 'leader', atMs: 2_980, forMs: 1_000, midTurn } as const
    const voters = { type: 'membership', voters: [1, 2], learners: [], explicit: false } as const
    const faults = [stall, { ...voters, atMs: 2_981, forMs: 1_000 }]
    const scenario = { ...drawn, clients: [[]], faults, dead: [1] }
    const { verdict, violation, trace } = simulate({ scenario, traceLines: 9_999 })
    assert.is(verdict, 'ok', violation?.message)
    assert.ok(trace.some((line) => / =ff {2}n0 {4}stalls/.test(line)))
  })
}

test.run()
