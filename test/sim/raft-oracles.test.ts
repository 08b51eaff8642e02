// The oracles of the consensus on what no honest run shows them: each has something to say.

import * as assert from 'uvu/assert'
import type { Applied, Persist } from '../../core/effect.ts'
import { hashBytes, lanesHex } from '../../core/hash.ts'
import type { Machine, MachineEvent } from '../../core/machine.ts'
import { append, emptyLog } from '../../core/raft/log.ts'
import type { Log } from '../../core/raft/log.ts'
import type { Entry } from '../../core/raft/message.ts'
import { replica } from '../../core/replica.ts'
import type { ReplicaState } from '../../core/replica.ts'
import { DurableView } from '../../sim/durable.ts'
import { RaftOracles } from '../../sim/raft-oracles.ts'
import { suite } from '../harness.ts'
import { entry, persistEntries } from '../storage/support.ts'

const test = suite('sim/raft-oracles')

interface Added {
  readonly type: 'added'
  readonly total: number
}

/** Adds up first bytes. The second byte of a snapshot is a note that nobody asked for. */
function adder(note: () => number = () => 0): Machine<number, number, number, Added> {
  return {
    initial: () => 0,
    apply: (sum, add) => [sum + add, sum + add, [{ type: 'added', total: sum + add }]],
    due: () => null,
    encodeCommand: (add) => Uint8Array.of(add),
    decodeCommand: (bytes) => bytes[0] ?? null,
    encodeReply: (sum) => Uint8Array.of(sum),
    decodeReply: (bytes) => bytes[0] ?? null,
    encodeSnapshot: (sum) => Uint8Array.of(sum, note()),
    decodeSnapshot: (bytes) => bytes[0] ?? null,
    hash: (sum) => lanesHex(hashBytes(Uint8Array.of(sum))),
  }
}

type Oracles = RaftOracles<number, number, number, Added>

const CONFIG = {
  cluster: 'c1',
  group: '0',
  node: '0',
  voters: ['0'],
  electionTimeoutMs: 100,
  heartbeatIntervalMs: 30,
  appendBytesMax: 1_000,
  inFlightEntriesMax: 10,
}
const ENTRIES = [entry(1, 5), entry(1, 7)]
const RESTORED = { hardState: { term: 1, vote: null }, entries: [] }

function logOf(entries: readonly Entry[]): Log {
  return entries.reduce((log, one) => append(log, one), emptyLog())
}

/** The node's state with these entries in its log, so many of them committed and applied. */
function state(entries: readonly Entry[], commit: number, machine: number): ReplicaState<number> {
  const initial = replica(adder()).initial(CONFIG, RESTORED, 0, 0)
  const raft = { ...initial.raft, log: logOf(entries), commit }
  return { ...initial, raft, machine, applied: commit }
}

/** One node that has written both entries, committed and applied the first. */
function oracles(events?: readonly MachineEvent<number, Added>[], machine = adder()): Oracles {
  const durable = new DurableView()
  const persist = persistEntries(1, 1, ...ENTRIES)
  durable.issue(persist)
  durable.reported(1)
  const all: Oracles = new RaftOracles(machine, [{ durable, state: null }], ['0'])
  step(all, state([], 0, 0), state(ENTRIES, 0, 0), persist)
  step(all, state(ENTRIES, 0, 0), state(ENTRIES, 1, 5), {
    type: 'applied',
    index: 1,
    term: 1,
    timeMs: 10,
    reply: 5,
    events: events ?? [{ type: 'added', total: 5 }],
  })
  return all
}

function step(
  all: Oracles,
  before: ReplicaState<number>,
  after: ReplicaState<number>,
  effect: Persist | Applied<number, Added>,
): void {
  const input = { now: 0, random: 0, events: [] }
  all.stepped({ node: 0, readUs: 0, before, after, input, effects: [effect] })
}

function violation(act: () => void): string {
  try {
    act()
  } catch (error) {
    return (error as { readonly oracle: string }).oracle
  }
  return 'none'
}

test('oracles: an honest node: nothing to say, and what was looked at is counted', () => {
  const all = oracles()
  all.recovered(0, ENTRIES, null)
  all.checkWhole(0, state(ENTRIES, 1, 5), true)
  const { evaluated } = all
  assert.is(evaluated['log on disk matches'], 1)
  assert.is(evaluated['snapshot equals replay'], 1)
  assert.is(evaluated['committed entry never changes'], 2)
  assert.is(evaluated['equal replies at equal index'], 1)
})

test('oracles: events as many as there should be, but others: seen', () => {
  const wrong: readonly (readonly MachineEvent<number, Added>[])[] = [
    [{ type: 'added', total: 6 }],
    [],
    [{ type: 'answer', index: 1, reply: 5 }],
    [{ type: 'added', total: 5 }, { type: 'added', total: 5 }],
  ]
  for (const events of wrong) {
    assert.is(violation(() => oracles(events)), 'equal replies at equal index')
  }
})

test('oracles: entries on a disk that nobody wrote, or wrote otherwise: seen', () => {
  const [first, second] = ENTRIES as [Entry, Entry]
  const wrong: readonly (readonly Entry[])[] = [
    [entry(1, 6), second],
    [first, entry(2, 7)],
    [first, { ...second, stampMs: 11 }],
    [second],
    [first, second, second],
  ]
  for (const found of wrong) {
    assert.is(violation(() => oracles().recovered(0, found, null)), 'log on disk matches')
  }
})

test('oracles: a committed entry that has changed in memory, its term apart: seen', () => {
  const changed = state([entry(1, 6), entry(1, 7)], 1, 5)
  const act = (): void => oracles().checkWhole(0, changed, false)
  assert.is(violation(act), 'committed entry never changes')
})

test('oracles: a snapshot that is another once read and written again: seen', () => {
  let notes = 0
  const machine = adder(() => notes++)
  const act = (): void => oracles(undefined, machine).checkWhole(0, state(ENTRIES, 1, 5), true)
  assert.is(violation(act), 'snapshot equals replay')
})

test('oracles: a snapshot of another state: seen', () => {
  const act = (): void => oracles().checkWhole(0, state(ENTRIES, 1, 6), true)
  assert.is(violation(act), 'snapshot equals replay')
})

test.run()
