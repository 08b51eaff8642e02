// The bound on catching up: counted as it says, kept by a world with the smallest window, and
// broken by one that takes longer.

import * as assert from 'uvu/assert'
import type { Snapshot } from '../../core/effect.ts'
import { compact, entryAt } from '../../core/raft/log.ts'
import type { Log } from '../../core/raft/log.ts'
import type { Entry } from '../../core/raft/message.ts'
import { newProgress, sendingSnapshot } from '../../core/raft/progress.ts'
import type { RaftState } from '../../core/raft/state.ts'
import { roundTrips, windowEntriesMin } from '../../sim/catch-up.ts'
import type { Rule } from '../../sim/network.ts'
import type { Fault, Scenario } from '../../sim/scenario.ts'
import type { LockOperation } from '../../sim/lock-operation.ts'
import { scenarioOf, simulate } from '../../sim/simulate.ts'
import { suite } from '../harness.ts'
import { configOf, leader, logOf, members, snapshotOf } from './support.ts'

const test = suite('sim/catch-up')
const WIDE = { appendBytesMax: 65_536, snapshotChunkBytes: 65_536 }
const BYTES_350 = new Uint8Array(350)
/** Entries of ten bytes fit one to a message, or three. */
const ONE = { ...WIDE, appendBytesMax: 1 }
const THREE = { ...WIDE, appendBytesMax: 39 }

/** Entries of these terms; each has a payload of ten bytes. */
function entriesOf(...terms: number[]): readonly Entry[] {
  const payload = new Uint8Array(10)
  return terms.map((term) => ({ term, stampMs: 0, kind: 'command', payload }))
}

function terms(...all: number[]): Log {
  return logOf(entriesOf(...all))
}

function leads(log: Log, snapshot: Snapshot | null = null): RaftState {
  return leader(configOf(), log.lastTerm, { log, snapshot })
}

/** A leader with a snapshot of so many bytes up to `index`, and `log` without what is before. */
function compacted(log: Log, index: number, bytesCount: number, base = index): RaftState {
  const { term } = entryAt(log, index)
  const snapshot = snapshotOf(index, term, members('0'), new Uint8Array(bytesCount))
  return leads(compact(log, base), snapshot)
}

function times(count: number, term: number): number[] {
  return Array.from({ length: count }, () => term)
}

test('round trips: a refusal for each term in dispute, an append at a time', () => {
  const log = terms(1, ...times(100, 4))
  const leader = leads(log)
  assert.is(roundTrips(leader, log, WIDE), 0)
  assert.is(roundTrips(leader, terms(1), WIDE), 1 + 1)
  assert.is(roundTrips(leader, terms(1, 2, 3, 3), WIDE), 1 + 1)
  assert.is(roundTrips(leads(terms(1, 3, 5, 7)), terms(1, 2, 4), WIDE), 3 + 1)
  assert.is(roundTrips(leader, terms(), ONE), 1 + 101)
  assert.is(roundTrips(leader, terms(1), THREE), 1 + 34)
  assert.is(roundTrips(leader, terms(1), ONE), 1 + 100)
})

test('round trips: what was dropped: a snapshot, once more, and what is behind it', () => {
  const log = terms(...times(50, 1))
  const chunks = { ...ONE, snapshotChunkBytes: 100 }
  // 250 bytes are three chunks, and one more to hear that all is there.
  assert.is(roundTrips(compacted(log, 40, 250), terms(), chunks), 1 + 2 * 4 + 10)
  assert.is(roundTrips(compacted(log, 40, 250), terms(1, 1), chunks), 1 + 2 * 4 + 10)
  assert.is(roundTrips(compacted(log, 50, 250), terms(), chunks), 0 + 2 * 4)
  // The log reaches further back than the snapshot: no snapshot is needed behind its base.
  assert.is(roundTrips(compacted(log, 40, 250, 30), terms(...times(30, 1)), chunks), 1 + 20)
  assert.is(roundTrips(compacted(log, 40, 250, 30), terms(...times(29, 1)), chunks), 1 + 8 + 10)
})

test('round trips: a leader that may take another snapshot: of that size, whatever it kept', () => {
  const log = terms(...times(50, 1))
  const chunks = { ...ONE, snapshotChunkBytes: 100 }
  assert.is(roundTrips(leads(log), terms(...times(30, 1)), chunks, 450), 1 + 2 * 6 + 20)
  assert.is(roundTrips(compacted(log, 40, 250), terms(), chunks, 450), 1 + 2 * 6 + 10)
  assert.is(roundTrips(compacted(log, 40, 250), terms(), chunks, 50), 1 + 2 * 4 + 10)
  assert.is(roundTrips(leads(log), log, chunks, 450), 0, 'nothing is lacking')
})

test('round trips: a follower that dropped more than its leader: nothing before its base', () => {
  const log = terms(...times(50, 1))
  assert.is(roundTrips(compacted(log, 10, 5), compact(terms(...times(45, 1)), 40), ONE), 1 + 5)
  assert.is(roundTrips(compacted(log, 10, 5), compact(log, 50), ONE), 0)
  const behind = compact(terms(...times(5, 1), 2, 2), 5)
  assert.is(roundTrips(compacted(terms(...times(5, 1), 3, 3), 5, 5), behind, ONE), 1 + 2)
})

test('round trips: a snapshot on its way, not the latest: all that is behind that one', () => {
  const log = terms(...times(50, 1))
  const chunks = { ...ONE, snapshotChunkBytes: 100 }
  const latest = compacted(log, 40, 250, 20)
  const older = sendingSnapshot(newProgress('p', 51), snapshotOf(30, 1, members('0'), BYTES_350))
  const sends = { ...latest, progress: [older] } as RaftState
  assert.is(roundTrips(latest, terms(), chunks, 0, 'p'), 1 + 2 * 4 + 10)
  assert.is(roundTrips(sends, terms(), chunks, 0, 'p'), 1 + 2 * 5 + 20)
  assert.is(roundTrips(sends, terms(), chunks, 0, 'q'), 1 + 2 * 4 + 10, 'it goes to another')
  assert.is(roundTrips(sends, terms(...times(25, 1)), chunks, 0, 'p'), 1 + 25, 'it is not needed')
})

test('window: one entry will do on a fast link, and not for many clients on a slow one', () => {
  assert.is(windowEntriesMin(8, { delayMaxUs: 500, syncMaxUs: 500 }), 1)
  assert.is(windowEntriesMin(8, { delayMaxUs: 10_000, syncMaxUs: 10_000 }), 3)
  assert.is(windowEntriesMin(64, { delayMaxUs: 10_000, syncMaxUs: 10_000 }), 18)
})

/** Node 2 is cut off for the last four of eight seconds; one entry at a time brings it on. */
function behind(edit: Partial<Scenario<LockOperation>> = {}): Scenario<LockOperation> {
  const drawn = scenarioOf({ seed: 3, nodes: 3, clients: 4, fireMs: 8_000, faults: [] })
  const span = { atMs: 4_000, forMs: 9_000 }
  const cut: Fault = { type: 'partition', ...span, side: [2], withLeader: false }
  const link = { delayMinUs: 500, delayMaxUs: 1_000, syncMinUs: 200, syncMaxUs: 400 }
  return { ...drawn, ...link, faults: [cut], inFlightMessagesMax: 1, appendBytesMax: 1, ...edit }
}

/** The leader keeps few entries, and its snapshot leaves in many chunks. */
const COMPACTED = { snapshotEntriesMin: 20, snapshotKeepEntries: 0, snapshotChunkBytes: 100 }

/** What a world is, and how many times as long messages take that cannot be in time there. */
const worlds = [
  ['', {}, 3],
  // Its snapshot may be sent twice, and be twice as big the second time.
  [', and what it lacks is dropped', COMPACTED, 12],
] as const

for (const [what, edit, tooSlow] of worlds) {
  test(`after the heal: a node far behind a window of one${what}: is there in time`, () => {
    const { verdict, violation, oracles, probes } = simulate({ scenario: behind(edit) })
    assert.is(verdict, 'ok', violation?.message)
    assert.ok((oracles['caught up after the heal'] ?? 0) >= 1)
    if (edit === COMPACTED) assert.ok((probes['snapshot installed'] ?? 0) >= 1)
  })

  test(`after the heal: messages to it that take ${tooSlow} times as long${what}: too late`, () => {
    const scenario = behind(edit)
    const slow: Rule = ({ to, timeUs }) => {
      const isLate = to === 2 && timeUs > scenario.fireMs * 1_000
      const byUs = (tooSlow - 1) * scenario.delayMaxUs
      return isLate ? { type: 'delay', byUs } : { type: 'pass' }
    }
    const { violation } = simulate({ scenario, rules: [slow] })
    assert.is(violation?.oracle, 'caught up after the heal')
    assert.match(violation?.message ?? '', /^node 2 lacks the leader's entry \d+ and ends at \d+/)
  })
}

test.run()
