// The bound on catching up: counted as it says, kept by a world with the smallest window, and
// broken by one that takes longer.

import * as assert from 'uvu/assert'
import { append, emptyLog } from '../../core/raft/log.ts'
import type { Log } from '../../core/raft/log.ts'
import { roundTrips, windowEntriesMin } from '../../sim/catch-up.ts'
import type { Rule } from '../../sim/network.ts'
import type { Fault, Scenario } from '../../sim/scenario.ts'
import type { LockOperation } from '../../sim/lock-workload.ts'
import { scenarioOf, simulate } from '../../sim/simulate.ts'
import { suite } from '../harness.ts'

const test = suite('sim/catch-up')
const WIDE = { appendBytesMax: 65_536, inFlightEntriesMax: 1_024 }

/** A log of these terms; each entry has a payload of ten bytes. */
function logOf(...terms: number[]): Log {
  let log = emptyLog()
  for (const term of terms) {
    log = append(log, { term, stampMs: 0, kind: 'command', payload: new Uint8Array(10) })
  }
  return log
}

function times(count: number, term: number): number[] {
  return Array.from({ length: count }, () => term)
}

test('round trips: a refusal for each term in dispute, a window or an append at a time', () => {
  const leader = logOf(1, ...times(100, 4))
  assert.is(roundTrips(leader, leader, WIDE), 0)
  assert.is(roundTrips(leader, logOf(1), WIDE), 1 + 1)
  assert.is(roundTrips(leader, logOf(1, 2, 3, 3), WIDE), 1 + 1)
  assert.is(roundTrips(logOf(1, 3, 5, 7), logOf(1, 2, 4), WIDE), 3 + 1)
  assert.is(roundTrips(leader, logOf(), { ...WIDE, inFlightEntriesMax: 1 }), 1 + 101)
  assert.is(roundTrips(leader, logOf(1), { ...WIDE, inFlightEntriesMax: 3 }), 1 + 34)
  assert.is(roundTrips(leader, logOf(1), { ...WIDE, appendBytesMax: 1 }), 1 + 100)
  assert.is(roundTrips(leader, logOf(1), { ...WIDE, appendBytesMax: 39 }), 1 + 34)
})

test('window: one entry will do on a fast link, and not for many clients on a slow one', () => {
  assert.is(windowEntriesMin(8, { delayMaxUs: 500, syncMaxUs: 500 }), 1)
  assert.is(windowEntriesMin(8, { delayMaxUs: 10_000, syncMaxUs: 10_000 }), 3)
  assert.is(windowEntriesMin(64, { delayMaxUs: 10_000, syncMaxUs: 10_000 }), 18)
})

/** Node 2 is cut off for the last four of eight seconds; one entry at a time brings it on. */
function behind(): Scenario<LockOperation> {
  const drawn = scenarioOf({ seed: 3, nodes: 3, clients: 4, fireMs: 8_000, faults: [] })
  const span = { atMs: 4_000, forMs: 9_000 }
  const cut: Fault = { type: 'partition', ...span, side: [2], withLeader: false }
  const link = { delayMinUs: 500, delayMaxUs: 1_000, syncMinUs: 200, syncMaxUs: 400 }
  return { ...drawn, ...link, faults: [cut], inFlightEntriesMax: 1, appendBytesMax: 65_536 }
}

test('after the heal: a node far behind a window of one: is there in time', () => {
  const { verdict, violation, oracles } = simulate({ scenario: behind() })
  assert.is(verdict, 'ok', violation?.message)
  assert.ok((oracles['caught up after the heal'] ?? 0) >= 1)
})

test('after the heal: messages to it that take three times as long: it is too late', () => {
  const scenario = behind()
  const slow: Rule = ({ to, timeUs }) => {
    const isLate = to === 2 && timeUs > scenario.fireMs * 1_000
    return isLate ? { type: 'delay', byUs: 2 * scenario.delayMaxUs } : { type: 'pass' }
  }
  const { violation } = simulate({ scenario, rules: [slow] })
  assert.is(violation?.oracle, 'caught up after the heal')
  assert.match(violation?.message ?? '', /^node 2 lacks the leader's entry \d+ and ends at \d+/)
})

test.run()
