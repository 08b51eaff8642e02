// The oracles of the consensus on what no honest run shows them: each has something to say.

import * as assert from 'uvu/assert'
import type { Effect, LogBase, Persist, Snapshot } from '../../core/effect.ts'
import type { MachineEvent } from '../../core/machine.ts'
import type { Membership } from '../../core/raft/membership.ts'
import type { Entry } from '../../core/raft/message.ts'
import { NOTHING_RESTORED } from '../../core/raft/state.ts'
import type { RaftState } from '../../core/raft/state.ts'
import { replica } from '../../core/replica.ts'
import type { ReplicaState } from '../../core/work.ts'
import { DurableView } from '../../sim/durable.ts'
import { RaftOracles } from '../../sim/raft-oracles.ts'
import type { ObservedNode } from '../../sim/raft-oracles.ts'
import type { Recovered } from '../../storage/recovery.ts'
import { suite } from '../harness.ts'
import { baseAt, entry, persistEntries, persistHardState } from '../storage/support.ts'
import { adder } from './adder.ts'
import type { Added } from './adder.ts'
import { configOf, follower, leader, logOf, members, membershipEntry } from './support.ts'
import { snapshotOf } from './support.ts'

const test = suite('sim/raft-oracles')

type Oracles = RaftOracles<number, number, number, Added>

const CONFIG = configOf()
const ENTRIES = [entry(1, 5), entry(1, 7)]

function found(entries: readonly Entry[], edit: Partial<Recovered> = {}): Recovered {
  return { ...NOTHING_RESTORED, entries, tornBytes: 0, records: 0, ...edit }
}

/** The node's state with these entries in its log, so many of them committed and applied. */
function state(entries: readonly Entry[], commit: number, machine: number): ReplicaState<number> {
  return replicaOf(follower(CONFIG, 1, { log: logOf(entries), commit }), machine)
}

/** A replica that has applied what is committed. */
function replicaOf(raft: RaftState, machine = 0): ReplicaState<number> {
  const initial = replica(adder()).initial(raft.config, NOTHING_RESTORED, 0, 0)
  return { ...initial, raft, machine, applied: raft.commit }
}

/** One node that has written both entries, committed and applied the first. */
function oracles(events?: readonly MachineEvent<number, Added>[], machine = adder()): Oracles {
  const durable = new DurableView(['0'])
  const persist = persistEntries(1, 1, ...ENTRIES)
  durable.issue(persist)
  durable.reported(1)
  const all: Oracles = new RaftOracles(machine, [{ durable, state: null }], ['0'], ['0'])
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
  ...effects: readonly Effect<number, Added>[]
): void {
  const input = { now: 0, random: 0, events: [] }
  all.stepped({ node: 0, readUs: 0, before, after, input, effects })
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
  all.recovered(0, found(ENTRIES), null)
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
  for (const one of wrong) {
    const act = (): void => oracles().recovered(0, found(one), null)
    assert.is(violation(act), 'log on disk matches')
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

/** How the oracle says it, or nothing. */
function said(act: () => void): string {
  try {
    act()
  } catch (error) {
    const { oracle, message } = error as { readonly oracle: string; readonly message: string }
    return `${oracle}: ${message}`
  }
  return 'nothing'
}

/** Nodes 0 to 2, founded by all; each with what its disk holds, and the first two their states. */
function group(
  disks: readonly (readonly Persist[])[],
  founders: readonly (readonly string[])[] = [['0', '1', '2'], ['0', '1', '2'], ['0', '1', '2']],
  states: readonly RaftState[] = [],
): { readonly all: Oracles; readonly nodes: readonly ObservedNode<number>[] } {
  const nodes = disks.map((persists, at) => {
    const durable = new DurableView(founders[at] as readonly string[])
    for (const persist of persists) durable.issue(persist)
    durable.reported(persists.at(-1)?.id ?? 0)
    const raft = states[at]
    return { durable, state: raft === undefined ? null : replicaOf(raft) }
  })
  return { all: new RaftOracles(adder(), nodes, ['0', '1', '2'], ['0', '1', '2']), nodes }
}

const VOTERS = ['0', '1', '2']
const ZERO = configOf('0', VOTERS)
const votesFor = (vote: string): readonly Persist[] => [persistHardState(1, { term: 2, vote })]

/** Node 0 wins term 2 by these members, with the votes that these disks hold. */
function elected(membership: Membership, ...votes: readonly string[]): string {
  const memberships = [{ index: 0, membership }]
  const { all } = group(votes.map(votesFor))
  const before = replicaOf(follower(ZERO, 2, { memberships }))
  return said(() => step(all, before, replicaOf(leader(ZERO, 2, { memberships }))))
}

test('election quorum: two sets of voters: a majority of each, of durable votes', () => {
  assert.is(elected(members('012'), '0', '0', '1'), 'nothing')
  assert.match(elected(members('012'), '0', '1', '1'), /^election quorum: .* durable votes of 0 am/)
  assert.is(elected(members('01', '12'), '0', '0', '0'), 'nothing')
  assert.match(elected(members('01', '12'), '0', '0', '1'), /^election quorum: .* 0 1 and of 1 2$/)
  assert.match(elected(members('12', '01'), '0', '0', '1'), /^election quorum: .* 1 2 and of 0 1$/)
  assert.is(elected(members('0', '01'), '0', '0', '1'), 'nothing')
  assert.match(elected(members('0', '01'), '0', '1', '1'), /^election quorum/)
})

const OPENS = entry(2)
const HAS: readonly Persist[] = [persistEntries(1, 1, OPENS)]
const LACKS: readonly Persist[] = [persistHardState(1, { term: 2, vote: '0' })]

/** Node 0 commits the entry that opens its term, by these members, while these disks hold it. */
function committed(
  membership: Membership,
  disks: readonly (readonly Persist[])[],
  founders?: readonly (readonly string[])[],
  told: readonly Membership[] = [],
): string {
  const log = logOf([OPENS])
  const after = told.at(-1) ?? membership
  const { all } = group(disks, founders)
  const memberships = [{ index: 0, membership }]
  const before = replicaOf(leader(ZERO, 2, { log, memberships }))
  const changed = [...memberships, { index: 2, membership: after }]
  const commits = { log, memberships: after === membership ? memberships : changed, commit: 1 }
  const opened = replicaOf(leader(ZERO, 2, { memberships }))
  return said(() => {
    step(all, opened, before, persistEntries(1, 1, OPENS))
    const effects = told.map((one): Effect<number, Added> => {
      return { type: 'trace', trace: { type: 'membershipChanged', index: 2, membership: one } }
    })
    step(all, before, replicaOf(leader(ZERO, 2, commits)), ...effects)
  })
}

test('committed: two sets of voters: durable on a majority of each', () => {
  assert.is(committed(members('012'), [HAS, HAS, LACKS]), 'nothing')
  assert.match(committed(members('012'), [HAS, LACKS, LACKS]), /^committed is durable on a quorum/)
  assert.is(committed(members('01', '12'), [HAS, HAS, HAS]), 'nothing')
  assert.match(
    committed(members('01', '12'), [HAS, HAS, LACKS]),
    /on the disks of 0 1 and not of a majority of 0 1 and of 1 2$/,
  )
  assert.match(committed(members('12', '01'), [HAS, HAS, LACKS]), /^committed is durable on a quo/)
})

test('committed: by the members of before the turn, or of after it: either will do', () => {
  const before = members('012')
  assert.is(committed(before, [HAS, HAS, LACKS], undefined, [members('12', '012')]), 'nothing')
  assert.match(
    committed(members('01', '12'), [HAS, HAS, LACKS], undefined, [members('12', '01')]),
    /^committed is durable on a quorum/,
  )
})

test('committed: by members that the turn appended and lost again: they were in force', () => {
  const joint = members('01', '12')
  const disks = [HAS, HAS, LACKS]
  assert.is(committed(joint, disks, undefined, [members('01'), joint]), 'nothing')
  assert.match(committed(joint, disks, undefined, [members('12'), joint]), /of 0 1 and of 1 2$/)
})

test('committed: a node that goes by members of its own: it could be elected without it', () => {
  const alone = [VOTERS, VOTERS, ['2']]
  assert.match(
    committed(members('012'), [HAS, HAS, LACKS], alone),
    /^no electable node lacks a committed entry: .* node 2 lacks it and could win an election$/,
  )
  // It does not vote by those members, whoever would vote for it.
  assert.is(committed(members('012'), [HAS, HAS, LACKS], [VOTERS, VOTERS, ['0', '1']]), 'nothing')
})

test('promises: an acknowledgement: of what the leader has at each index, not of as much', () => {
  const leads = leader(ZERO, 2, { log: logOf([entry(1, 5), entry(2)]) })
  const acknowledges = (disk: readonly Persist[], matchIndex: number, to = '0'): string => {
    const { all } = group([[], disk, []], undefined, [leads])
    const message = { type: 'appendAccepted', term: 2, matchIndex, round: 0, versions: 1 } as const
    return said(() => all.leaves(1, { type: 'sendAfter', after: 1, to, message }))
  }
  const moved = persistHardState(2, { term: 2, vote: null })
  const equal = [persistEntries(1, 1, entry(1, 5), entry(2)), moved]
  const other = [persistEntries(1, 1, entry(1, 5), entry(1, 9)), moved]
  const short = [persistEntries(1, 1, entry(1, 5)), moved]
  assert.is(acknowledges(equal, 2), 'nothing')
  assert.match(acknowledges(other, 2), /^promises are durable: .* appendAccepted of term 2 to 0/)
  assert.match(acknowledges(short, 2), /^promises are durable: .* vote null and 1 entries$/)
  assert.is(acknowledges(other, 1), 'nothing')
  assert.is(acknowledges(short, 1), 'nothing')
  // Of one that is no leader of that term nothing can be said but how far the disk reaches.
  assert.is(acknowledges(other, 2, '2'), 'nothing')
  assert.match(acknowledges(short, 2, '2'), /^promises are durable/)
})

const FIRST = snapshotOf(1, 1, members('0'), Uint8Array.of(5, 0))
const COVERED = logOf([ENTRIES[1] as Entry], baseAt(1, 1))

function checkpoint(snapshot: Snapshot, base: LogBase, ...entries: Entry[]): Persist {
  const hardState = { term: 1, vote: null }
  const rest = { hardState, checkpoint: { snapshot, base }, firstIndex: base.index + 1 }
  return { type: 'persist', id: 2, ...rest, entries, logChanged: true }
}

/** The node that has applied the first entry writes a snapshot of it, or finds it on its disk. */
function keeps(all: Oracles, snapshot: Snapshot): void {
  const before = state(ENTRIES, 1, 5)
  const raft = { ...before.raft, log: COVERED, snapshot }
  step(all, before, { ...before, raft }, checkpoint(snapshot, baseAt(1, 1), ENTRIES[1] as Entry))
}

function finds(all: Oracles, snapshot: Snapshot): void {
  const kept = [ENTRIES[1] as Entry]
  all.recovered(0, found(kept, { snapshot, base: baseAt(1, 1) }), null)
}

const badSnapshots: readonly (readonly [string, Snapshot])[] = [
  ['of an entry that is not committed', { ...FIRST, index: 2 }],
  ['of another term', { ...FIRST, term: 2 }],
  ['of another stamp', { ...FIRST, stampMs: 11 }],
  ['of other members', { ...FIRST, membership: members('01') }],
  ['of more bytes than it has', { ...FIRST, bytesCount: 3 }],
  ['of another state', { ...FIRST, bytes: Uint8Array.of(6, 0) }],
  ['that nobody can read', snapshotOf(1, 1, members('0'), new Uint8Array(0))],
]

test('snapshots: the state after a committed entry: nothing to say, however often', () => {
  const all = oracles()
  keeps(all, FIRST)
  finds(all, { ...FIRST, bytes: FIRST.bytes.slice() })
  assert.is(all.evaluated['snapshots on disk are the log'], 2)
})

for (const [what, snapshot] of badSnapshots) {
  test(`snapshots: one ${what}: seen, written or found`, () => {
    for (const act of [keeps, finds]) {
      assert.is(violation(() => act(oracles(), snapshot)), 'snapshots on disk are the log')
    }
  })
}

test('snapshots: another one of the same entry: seen, though it reads alike', () => {
  const all = oracles()
  keeps(all, FIRST)
  const other = { ...FIRST, bytes: Uint8Array.of(5, 1) }
  assert.match(said(() => finds(all, other)), /at 1 is not the one that others have$/)
})

test('snapshots: the members that the log names: as of the entry, not of now', () => {
  const named = { ...members('0'), learners: ['1'] }
  const entries = [entry(1, 5), membershipEntry(1, named)]
  const at = (index: number, membership: Membership): string => {
    const { all } = group([[persistEntries(1, 1, ...entries)], [], []], [['0'], ['0'], ['0']])
    const before = state(entries, 0, 0)
    step(all, state([], 0, 0), before, persistEntries(1, 1, ...entries))
    step(all, before, state(entries, 2, 5))
    const snapshot = snapshotOf(index, 1, membership, Uint8Array.of(5, 0))
    return said(() => all.recovered(0, found([], { snapshot, base: baseAt(index, 1) }), null))
  }
  assert.is(at(1, members('012')), 'nothing')
  assert.is(at(2, named), 'nothing')
  assert.match(at(1, named), /names other members than the log$/)
  assert.match(at(2, members('012')), /names other members than the log$/)
})

test('snapshots: a node that has not applied the one on its disk: seen', () => {
  const { all } = group([[checkpoint(FIRST, baseAt(1, 1))], [], []])
  const act = (): void => step(all, state([], 0, 0), state([], 0, 0))
  assert.match(said(act), /^commit and applied monotone: .* has not applied its snapshot$/)
})

test.run()
