// The oracles of the machine's version, each shown what it is there for.

import * as assert from 'uvu/assert'
import { encodeMembership } from '../../core/raft/membership.ts'
import type { Entry } from '../../core/raft/message.ts'
import { NOTHING_RESTORED } from '../../core/raft/state.ts'
import type { RaftState } from '../../core/raft/state.ts'
import { encodeVersion } from '../../core/raft/version.ts'
import { replica } from '../../core/replica.ts'
import type { ReplicaState } from '../../core/work.ts'
import { VERSION_ORACLES, VersionOracles } from '../../sim/version-oracles.ts'
import { suite } from '../harness.ts'
import { persistEntries } from '../storage/support.ts'
import { adder } from './adder.ts'
import { configOf, follower, leader, logOf } from './support.ts'

const test = suite('sim/version-oracles')
const [EQUAL, FALLS, KNOWN, VOTES] = VERSION_ORACLES as [string, string, string, string]
const CONFIG = configOf('0', ['0', '1', '2'])
const RAISE = { term: 1, stampMs: 10, kind: 'version', payload: encodeVersion(2) } as const

function stateOf(raft: RaftState, version: number): ReplicaState<number> {
  return { ...replica(adder()).initial(CONFIG, NOTHING_RESTORED, 0, 0), raft, version }
}

interface Turn {
  readonly before?: ReplicaState<number>
  readonly after: ReplicaState<number>
  readonly asOf?: number | null
  /** How many versions the build of each node knows. */
  readonly builds?: readonly number[]
  /** Whether the turn appends an entry that raises the version to 2; or what it appends. */
  readonly raises?: boolean
  readonly entries?: readonly Entry[]
}

/** What is said of one turn of node 0, or that nothing is. */
function said(turn: Turn): string {
  const { before, after, asOf = 1, builds = [1, 1, 1], raises = false } = turn
  const entries = turn.entries ?? (raises ? [RAISE] : [])
  const installed = builds.map((versions) => ({ versions }))
  const all = new VersionOracles(installed, ['0', '1', '2'], () => undefined)
  const effects = entries.length > 0 ? [persistEntries(1, 1, ...entries)] : []
  const input = { now: 0, random: 0, events: [] }
  const step = { node: 0, readUs: 0, before: before ?? after, after, input, effects }
  try {
    all.stepped(step, asOf)
  } catch (error) {
    const { oracle, message } = error as { readonly oracle: string; readonly message: string }
    return `${oracle}: ${message}`
  }
  return 'nothing'
}

test('equal: a node goes by another version than its log gives: said', () => {
  const follows = follower(CONFIG, 1)
  assert.is(said({ after: stateOf(follows, 1) }), 'nothing')
  assert.is(said({ after: stateOf(follows, 2), asOf: 2 }), 'nothing')
  const what = 'node 0: after entry 0 it goes by version'
  assert.is(said({ after: stateOf(follows, 2), asOf: 1 }), `${EQUAL}: ${what} 2, not 1`)
  assert.is(said({ after: stateOf(follows, 1), asOf: 2 }), `${EQUAL}: ${what} 1, not 2`)
  assert.is(said({ after: stateOf(follows, 1), asOf: null }), `${EQUAL}: ${what} 1, not null`)
})

test('falls: a version below the one before: said', () => {
  const follows = follower(CONFIG, 1)
  const turn = { before: stateOf(follows, 2), after: stateOf(follows, 1) }
  assert.is(said(turn), `${FALLS}: node 0: from version 2 it goes back to 1`)
})

test('known: a leader raises what a member does not know: said; of others, nothing', () => {
  const before = stateOf(leader(CONFIG, 1), 1)
  const after = stateOf(leader(CONFIG, 1, { log: logOf([RAISE]) }), 1)
  const raises = { before, after, raises: true }
  assert.is(said({ ...raises, builds: [2, 2, 2] }), 'nothing')
  for (const node of [0, 1, 2]) {
    const builds = [2, 2, 2].map((versions, at) => (at === node ? 1 : versions))
    const what = `node 0: it raises the version to 2, which ${node} does not know`
    assert.is(said({ ...raises, builds }), `${KNOWN}: ${what}`)
  }
  const follows = stateOf(follower(CONFIG, 1, { log: logOf([RAISE]) }), 1)
  assert.is(said({ before, after: follows, raises: true }), 'nothing', 'another has raised it')
  assert.is(said({ before: after, after, raises: true }), 'nothing', 'it was there before')
})

test('known: who is taken in by a later entry of the turn: not asked, and told by the log', () => {
  const before = stateOf(leader(CONFIG, 1), 1)
  const others = { voters: ['0'], outgoing: null, learners: ['1'], autoLeave: false }
  const founded = { index: 0, membership: { ...others, learners: [] } }
  const log = logOf([RAISE, { ...RAISE, kind: 'membership', payload: encodeMembership(others) }])
  const saidOf = (at: number): string => {
    const memberships = [founded, { index: at, membership: others }]
    const after = stateOf(leader(CONFIG, 1, { log, memberships }), 1)
    return said({ before, after, raises: true, builds: [2, 1, 1] })
  }
  assert.is(saidOf(2), 'nothing')
  assert.is(saidOf(0), `${KNOWN}: node 0: it raises the version to 2, which 1 does not know`)
})

test('votes: a leader gives one a vote that does not know the version: said', () => {
  const founded = { voters: ['0'], outgoing: null, learners: [], autoLeave: false }
  const joint = { voters: ['0', '1'], outgoing: ['0'], learners: [], autoLeave: true }
  const change = { ...RAISE, kind: 'membership', payload: encodeMembership(joint) } as const
  const votes = (builds: readonly number[], entries: readonly Entry[], version = 1): string => {
    const memberships = [
      { index: 0, membership: founded },
      { index: entries.length, membership: joint },
    ]
    const after = stateOf(leader(CONFIG, 1, { log: logOf(entries), memberships }), version)
    const before = stateOf(leader(CONFIG, 1), version)
    return said({ before, after, asOf: version, builds, entries })
  }
  const what = `${VOTES}: node 0: it gives 1 a vote, which does not know version 2`
  assert.is(votes([2, 1, 1], [change]), 'nothing', 'the first version')
  assert.is(votes([2, 1, 1], [change], 2), what)
  assert.is(votes([2, 2, 1], [change], 2), 'nothing')
  assert.is(votes([2, 1, 1], [RAISE, change]), what, 'raised by the entry before')
})

test.run()
