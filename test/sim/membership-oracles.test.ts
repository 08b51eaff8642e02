// The oracles of members and leaders, each shown what it is there for.

import * as assert from 'uvu/assert'
import type { TraceEvent } from '../../core/effect.ts'
import type { Membership } from '../../core/raft/membership.ts'
import type { Entry } from '../../core/raft/message.ts'
import { NOTHING_RESTORED } from '../../core/raft/state.ts'
import type { LoggedMembership, RaftState } from '../../core/raft/state.ts'
import { replica } from '../../core/replica.ts'
import type { ReplicaState } from '../../core/work.ts'
import { MEMBERSHIP_ORACLES, MembershipOracles } from '../../sim/membership-oracles.ts'
import type { Fault } from '../../sim/scenario.ts'
import { scenarioOf, simulate } from '../../sim/simulate.ts'
import { suite } from '../harness.ts'
import { baseAt, entry } from '../storage/support.ts'
import { adder } from './adder.ts'
import { configOf, follower, leader, logOf, members, membershipEntry } from './support.ts'
import { snapshotOf } from './support.ts'

const test = suite('sim/membership-oracles')
const [ACTIVE, CHANGE, TOLD] = MEMBERSHIP_ORACLES as [string, string, string]
const CONFIG = configOf('0', ['0', '1', '2'])
const FOUNDED: LoggedMembership = { index: 0, membership: members('012') }

function stateOf(raft: RaftState): ReplicaState<number> {
  return { ...replica(adder()).initial(CONFIG, NOTHING_RESTORED, 0, 0), raft }
}

/** What is said of one turn of node 1, or that nothing is. */
function said(
  before: RaftState,
  after: RaftState,
  traces: readonly TraceEvent[] = [],
  all = new MembershipOracles(['x', '0'], () => undefined),
): string {
  const effects = traces.map((trace) => ({ type: 'trace', trace }) as const)
  const input = { now: 0, random: 0, events: [] }
  const [first, second] = [stateOf(before), stateOf(after)]
  try {
    all.stepped({ node: 1, readUs: 0, before: first, after: second, input, effects })
  } catch (error) {
    const { oracle, message } = error as { readonly oracle: string; readonly message: string }
    return `${oracle}: ${message}`
  }
  return 'nothing'
}

function heard(leads: string | null): RaftState {
  return { ...follower(CONFIG, 1), role: 'follower', leader: leads }
}

function leaderChanged(leads: string | null): TraceEvent {
  return { type: 'leaderChanged', term: 1, leader: leads }
}

test('told: whom a node takes for the leader: what it has said last, and nobody before', () => {
  assert.is(said(heard(null), heard(null)), 'nothing')
  assert.is(said(heard(null), heard('1'), [leaderChanged('1')]), 'nothing')
  assert.is(said(heard(null), heard('1'), [leaderChanged('2'), leaderChanged('1')]), 'nothing')
  const told = `${TOLD}: node 0: it has said that`
  assert.is(said(heard(null), heard('1')), `${told} null leads, and takes 1`)
  assert.is(said(heard(null), heard('1'), [leaderChanged('2')]), `${told} 2 leads, and takes 1`)
  assert.is(said(heard('1'), heard(null), [leaderChanged('1')]), `${told} 1 leads, and takes null`)
})

test('told: a node that leads: takes itself for the leader', () => {
  const leads = leader(CONFIG, 1)
  assert.is(said(heard(null), leads, [leaderChanged('0')]), 'nothing')
  assert.match(said(heard(null), leads), /^changes of leader are told: .* null leads, and takes 0$/)
})

test('told: a crash: the node has said nothing yet', () => {
  const all = new MembershipOracles(['x', '0'], () => undefined)
  assert.is(said(heard(null), heard('1'), [leaderChanged('1')], all), 'nothing')
  assert.is(said(heard('1'), heard('1'), [], all), 'nothing')
  all.crashed(1)
  assert.is(said(heard(null), heard(null), [], all), 'nothing')
  assert.match(said(heard(null), heard('1'), [], all), /^changes of leader are told/)
})

const JOINT = members('01', '012')

/** A node that comes to go by `logged`, with these entries in its log. */
function goesBy(logged: readonly LoggedMembership[], ...entries: readonly Entry[]): string {
  const before = follower(CONFIG, 1, { memberships: [FOUNDED] })
  return said(before, { ...before, log: logOf(entries), memberships: logged })
}

test('members: the last that the log names: go by them; any other: seen', () => {
  const named = membershipEntry(1, JOINT)
  const later = membershipEntry(1, members('01'))
  const first = { index: 1, membership: JOINT }
  const second = { index: 2, membership: members('01') }
  assert.is(goesBy([FOUNDED, first], named), 'nothing')
  assert.is(goesBy([FOUNDED, first, second], named, later), 'nothing')
  const wrong = [
    goesBy([FOUNDED, first], named, later),
    goesBy([FOUNDED, second], named),
    goesBy([{ index: 0, membership: members('01') }, FOUNDED], entry(1, 1)),
    goesBy([FOUNDED, { index: 1, membership: { ...JOINT, autoLeave: false } }], named),
    goesBy([FOUNDED, { index: 1, membership: { ...JOINT, learners: ['2'] } }], named),
  ]
  for (const what of wrong) assert.match(what, `${ACTIVE}: node 0: it goes by others than entry`)
})

test('members: a log that was cut: takes them back', () => {
  const first = { index: 2, membership: JOINT }
  const longer = logOf([entry(1, 1), membershipEntry(1, JOINT)])
  const before = follower(CONFIG, 1, { log: longer, memberships: [FOUNDED, first] })
  const cut: TraceEvent = { type: 'truncated', fromIndex: 2, toIndex: 2 }
  const log = logOf([entry(1, 1)])
  assert.is(said(before, { ...before, log, memberships: [FOUNDED] }, [cut]), 'nothing')
  // The very list of before the cut: nothing but the cut says that it is another.
  assert.match(said(before, { ...before, log }, [cut]), /goes by others than entry 0 names$/)
})

test('members: one that wins: looked at, though it changed nothing in that turn', () => {
  const log = logOf([membershipEntry(1, JOINT), entry(1)])
  const elected = leader(CONFIG, 1, { log, memberships: [FOUNDED] })
  const before = follower(CONFIG, 1, { log, memberships: [FOUNDED] })
  const what = said(before, elected, [leaderChanged('0')])
  assert.match(what, /^members are those of the log: .* others than entry 1 names$/)
})

test('members: a snapshot: names them, unless an entry behind it does', () => {
  const snapshot = snapshotOf(5, 1, JOINT, new Uint8Array(0))
  const of = (active: Membership, base: number, ...entries: readonly Entry[]): string => {
    const log = logOf(entries, baseAt(base, 1))
    const before = follower(CONFIG, 1, { memberships: [FOUNDED] })
    const memberships = [{ index: 5, membership: active }]
    return said(before, { ...before, log, snapshot, memberships })
  }
  assert.is(of(JOINT, 5), 'nothing')
  assert.match(of(members('012'), 5), /others than entry 5 names$/)
  // An entry that the snapshot covers, kept for others, is as old as it is.
  const kept = [membershipEntry(1, members('0')), entry(1, 1)]
  assert.is(of(JOINT, 3, ...kept), 'nothing')
  assert.match(of(members('0'), 3, ...kept), /^members are those of the log/)
  assert.is(of(members('0'), 5, ...kept), 'nothing')
})

/** A leader of term 2, whose log has these entries and commit index, appends such members. */
function changes(
  entries: readonly Entry[],
  commit: number,
  memberships: readonly LoggedMembership[],
  ...appended: readonly Membership[]
): string {
  const log = logOf(entries)
  const before = leader(CONFIG, 2, { log, commit, memberships })
  const named = appended.map((membership) => membershipEntry(2, membership))
  const logged = appended.map((membership, at) => {
    return { index: entries.length + at + 1, membership }
  })
  const edit = { log: logOf([...entries, ...named]), memberships: [...memberships, ...logged] }
  const all = new MembershipOracles(['x', '0'], () => undefined)
  said(heard(null), leader(CONFIG, 2), [leaderChanged('0')], all)
  return said(before, leader(CONFIG, 2, { ...edit, commit }), [], all)
}

test('changes: one at a time, in its own term, by way of joint consensus: nothing to say', () => {
  const opened = [entry(1, 1), entry(2)]
  assert.is(changes(opened, 2, [FOUNDED], JOINT), 'nothing')
  assert.is(changes(opened, 2, [FOUNDED], { ...members('012'), learners: ['3'] }), 'nothing')
  const inside = [...opened, membershipEntry(2, JOINT)]
  const joint = { index: 3, membership: JOINT }
  assert.is(changes(inside, 3, [FOUNDED, joint], members('01')), 'nothing')
  // The founding is committed by definition, and of another term's members it goes on.
  assert.is(changes([entry(2)], 1, [FOUNDED], JOINT), 'nothing')
})

test('changes: on members that are not committed: seen, in one turn as well', () => {
  const inside = [entry(2), membershipEntry(2, JOINT)]
  const joint = { index: 2, membership: JOINT }
  const what = `${CHANGE}: node 0: entry 3 changes members that entry 2 names`
  assert.is(changes(inside, 1, [FOUNDED, joint], members('01')), what)
  assert.is(changes([entry(2)], 1, [FOUNDED], JOINT, members('01')), what)
})

test('changes: before the leader has committed in its own term: seen', () => {
  const what = `${CHANGE}: node 0: entry 3 names members before it committed in its term`
  assert.is(changes([entry(1, 1), entry(2)], 1, [FOUNDED], JOINT), what)
  assert.is(changes([entry(1, 1), entry(2)], 0, [FOUNDED], JOINT), what)
})

test('changes: other voters at once, or by way of others than there are: seen', () => {
  const what = `${CHANGE}: node 0: entry 2 names voters without joint consensus`
  const open = [entry(2)]
  assert.is(changes(open, 1, [FOUNDED], members('01')), what)
  assert.is(changes(open, 1, [FOUNDED], members('01', '01')), what)
  assert.is(changes(open, 1, [FOUNDED], members('01', '0123')), what)
  const inside = [entry(2), membershipEntry(2, JOINT)]
  const joint = { index: 2, membership: JOINT }
  const later = what.replace('entry 2', 'entry 3')
  assert.is(changes(inside, 2, [FOUNDED, joint], members('012')), later, 'out the way it came')
  assert.is(changes(inside, 2, [FOUNDED, joint], members('0', '01')), later, 'in twice')
})

test('changes: what a leader takes over from the one before: is not its own', () => {
  const inherited = [entry(1, 1), membershipEntry(1, JOINT), membershipEntry(1, members('0'))]
  const memberships = [
    FOUNDED,
    { index: 2, membership: JOINT },
    { index: 3, membership: members('0') },
  ]
  const log = logOf(inherited)
  const before = follower(CONFIG, 2, { log, memberships })
  const after = leader(CONFIG, 2, { log: logOf([...inherited, entry(2)]), memberships })
  assert.is(said(before, after, [leaderChanged('0')]), 'nothing')
})

test('membership oracles: a world whose members change: each has something to look at', () => {
  const drawn = scenarioOf({ seed: 1, nodes: 3, clients: 1, fireMs: 6_000, faults: [] })
  const span = { atMs: 2_000, forMs: 1_000 }
  const named = { voters: [0, 1], learners: [2] }
  const change: Fault = { type: 'membership', ...span, ...named, explicit: true }
  const { oracles, verdict, probes } = simulate({ scenario: { ...drawn, faults: [change] } })
  assert.is(verdict, 'ok')
  for (const oracle of MEMBERSHIP_ORACLES) assert.ok((oracles[oracle] ?? 0) > 0, oracle)
  // Its own two, and those of the drill.
  assert.ok((probes['operator: changed'] ?? 0) >= 2)
})

test.run()
