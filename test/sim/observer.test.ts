// What the observer looks at by itself: that answers come once, and reads from no stale state.

import * as assert from 'uvu/assert'
import type { Applied, Effect, Outcome } from '../../core/effect.ts'
import { NOTHING_RESTORED } from '../../core/raft/state.ts'
import type { RaftState } from '../../core/raft/state.ts'
import { replica } from '../../core/replica.ts'
import type { ReplicaState } from '../../core/work.ts'
import { DurableView } from '../../sim/durable.ts'
import type { LockOperation } from '../../sim/lock-operation.ts'
import { NodeRequests } from '../../sim/node-requests.ts'
import type { Rule } from '../../sim/network.ts'
import { Observer } from '../../sim/observer.ts'
import { EPSILON_PPM } from '../../sim/scenario.ts'
import type { Fault, Scenario } from '../../sim/scenario.ts'
import { scenarioOf, simulate } from '../../sim/simulate.ts'
import type { LockResult } from '../../sim/simulate.ts'
import { referenceWire } from '../../sim/wire.ts'
import { suite } from '../harness.ts'
import { entry, persistEntries } from '../storage/support.ts'
import { adder } from './adder.ts'
import type { Added } from './adder.ts'
import { configOf, follower, logOf } from './support.ts'

const test = suite('sim/observer')
const FRESH = 'reads are fresh'
const ONCE = 'one answer a request'
/** Of the beginning of log time. */
const ENTRIES = [entry(1, 5), entry(1, 7), entry(1, 8)].map((one) => ({ ...one, stampMs: 0 }))
const DONE: Outcome<number> = { type: 'done', index: 1, reply: 5 }

interface World {
  readonly observer: Observer<number, number, number, Added>
  /** Node 0, whose word is enough, commits and applies up to there. */
  commit(index: number): void
}

function open(): World {
  const durable = new DurableView(['0'])
  const persist = persistEntries(1, 1, ...ENTRIES)
  durable.issue(persist)
  durable.reported(1)
  const nodes = [durable, new DurableView(['0'])].map((disk) => ({
    durable: disk,
    state: null,
    versions: 1,
  }))
  const nothing = (): void => undefined
  const told = { trace: nothing, applied: nothing, hashEffects: nothing }
  const host = { clockDriftPpm: 500, timeUs: () => 0, ...told }
  const names = ['0', '1']
  const observer = new Observer<number, number, number, Added>(
    adder(),
    nodes,
    names,
    ['0'],
    [],
    [],
    host,
  )
  let machine = 0
  let at = 0
  const stateAt = (commit: number): ReplicaState<number> => {
    const raft: RaftState = follower(configOf(), 1, {
      log: logOf(ENTRIES),
      commit,
      // Nothing of it is on the disk yet.
      pending: [{ id: 1, lastIndex: ENTRIES.length, lastTerm: 1 }],
    })
    const initial = replica(adder()).initial(configOf(), NOTHING_RESTORED, 0, 0)
    return { ...initial, raft, machine, applied: commit }
  }
  const step = (
    before: ReplicaState<number>,
    after: ReplicaState<number>,
    effects: readonly Effect<number, Added>[],
  ): void => {
    const input = { now: 0, random: 0, events: [] }
    observer.stepped({ node: 0, readUs: 0, before, after, input, effects })
  }
  step(stateAt(0), stateAt(0), [persist])
  const commit = (index: number): void => {
    const before = stateAt(at)
    const effects: Applied<number, Added>[] = []
    while (at < index) {
      machine += ENTRIES[at]?.payload[0] as number
      at++
      const events: readonly Added[] = [{ type: 'added', total: machine }]
      effects.push({ type: 'applied', index: at, term: 1, timeMs: 0, reply: machine, events })
    }
    step(before, stateAt(at), effects)
  }
  return { observer, commit }
}

function said(act: () => void): string {
  try {
    act()
  } catch (error) {
    const { oracle, message } = error as { readonly oracle: string; readonly message: string }
    return `${oracle}: ${message}`
  }
  return 'nothing'
}

test('reads: from a state before what was committed when they came: seen', () => {
  const { observer, commit } = open()
  commit(1)
  observer.readArrived(1, 0)
  commit(2)
  observer.readArrived(1, 1)
  // What is committed while a query is under way it may miss, or not.
  assert.is(said(() => observer.answered(1, 0, DONE, true)), 'nothing')
  const why = 'it answered a query from the state after entry 1, when 2 was committed before'
  assert.is(said(() => observer.answered(1, 1, DONE, true)), `${FRESH}: node 1: ${why}`)
  assert.is(observer.oracleCounts()[FRESH], 2)
})

test('reads: later than what was committed when they came: fresh enough', () => {
  const { observer, commit } = open()
  commit(1)
  observer.readArrived(0, 4)
  commit(3)
  assert.is(said(() => observer.answered(0, 4, { ...DONE, index: 3 }, true)), 'nothing')
})

test('reads: refused, or of a life before: nothing was read', () => {
  const { observer, commit } = open()
  commit(2)
  observer.readArrived(0, 0)
  observer.readArrived(1, 0)
  const notLeader: Outcome<number> = { type: 'notLeader', leader: null }
  assert.is(said(() => observer.answered(0, 0, notLeader, true)), 'nothing')
  observer.crashed(1, 0)
  // A command of the next life under that number, which says where it was applied.
  assert.is(said(() => observer.answered(1, 0, DONE, true)), 'nothing')
  assert.is(observer.oracleCounts()[FRESH], 0)
})

test('answers: a second one: seen, of whatever kind', () => {
  const { observer } = open()
  assert.is(said(() => observer.answered(1, 7, DONE, true)), 'nothing')
  const again = said(() => observer.answered(1, 7, { type: 'unknown' }, false))
  assert.is(again, `${ONCE}: node 1: it answered request 7 again`)
  assert.is(observer.oracleCounts()[ONCE], 2)
})

test('requests: each is answered to whom it is of, once, and in one life', () => {
  const answers: unknown[] = []
  const requests = new NodeRequests<number>(referenceWire(), adder(), {
    send: (client, payload) => void answers.push([client, payload]),
    answered: (request, _outcome, isOpen) => void answers.push([request, isOpen]),
    operated: (_request, outcome) => void answers.push(outcome.type),
  })
  const [first, second] = [requests.ofClient(5, 90), requests.ofOperator()]
  const third = requests.ofClient(6, 90)
  assert.is(new Set([first, second, third]).size, 3)
  const answer = (request: number, outcome: Outcome<number>): unknown[] => {
    requests.answer({ type: 'reply', request, outcome }, { role: 'follower', leader: 'n2' })
    return answers.splice(0)
  }
  const sent = { request: 90, outcome: { ...DONE, reply: Uint8Array.of(5) }, leader: 'n2' }
  assert.equal(answer(first, DONE), [[first, true], [5, sent]])
  assert.equal(answer(first, DONE), [[first, false]])
  assert.equal(answer(second, { type: 'changed', index: 3 }), [[second, true], 'changed'])
  requests.clear()
  assert.equal(answer(third, DONE), [[third, false]])
  assert.is.not(requests.ofClient(5, 91), third, 'no number comes twice')
})

test('observer: worlds with reads and an operator: both rules have something to look at', () => {
  const drawn = scenarioOf({ seed: 1, nodes: 3, clients: 3, fireMs: 4_000, faults: ['transfer'] })
  const { verdict, oracles } = simulate({ scenario: { ...drawn, leaseReads: true } })
  assert.is(verdict, 'ok')
  assert.ok((oracles[FRESH] ?? 0) > 10 && (oracles[ONCE] ?? 0) > 50)
})

/**
 * Node 0 is made to lead, and then cut off with two clients that read of it all the time, again
 * and again. Its clock is slow and those of the others are fast, by so much.
 */
function cutOffReaders(driftPpm: number, leaseReads: boolean): Scenario<LockOperation> {
  const drawn = scenarioOf({ seed: 1, nodes: 3, clients: 2, fireMs: 30_000, faults: [] })
  const reads = { pauseMs: 1, operation: { type: 'status', key: 'k0' } } as const
  // Nobody writes: what a new leader's term opens with is news enough.
  const clients = [0, 1].map(() => Array.from({ length: 20_000 }, () => reads))
  const faults: Fault[] = []
  for (let atMs = 2_000; atMs < 28_000; atMs += 2_000) {
    faults.push({ type: 'transfer', atMs, forMs: 1, to: 0 })
    const span = { atMs: atMs + 1_000, forMs: 500 }
    faults.push({ type: 'partition', ...span, side: [0, 3, 4], withLeader: false })
  }
  const clocks = drawn.clocks.map((clock, at) => {
    return { ...clock, driftPpm: at === 0 ? -driftPpm : driftPpm }
  })
  const quick = { electionTimeoutMs: 150, heartbeatIntervalMs: 50, delayMinUs: 50, delayMaxUs: 500 }
  return { ...drawn, ...quick, syncMinUs: 50, syncMaxUs: 100, clocks, faults, clients, leaseReads }
}

/** The two that read never reach another node. */
const onlyNode0: Rule = ({ from, to }) => {
  const isLost = (from === 3 || from === 4) && to !== 0
  return isLost ? { type: 'drop' } : { type: 'pass' }
}

function read(driftPpm: number, leaseReads: boolean): LockResult {
  return simulate({ scenario: cutOffReaders(driftPpm, leaseReads), rules: [onlyNode0] })
}

test('reads: of a lease by clocks that part more than is declared: seen to be stale', () => {
  const { violation } = read(100_000, true)
  assert.is(violation?.oracle, FRESH, violation?.message)
})

test('reads: of a lease by clocks within the bound, or of no lease: never stale', () => {
  for (const [driftPpm, leaseReads] of [[EPSILON_PPM, true], [100_000, false]] as const) {
    const { violation, oracles } = read(driftPpm, leaseReads)
    assert.is.not(violation?.oracle, FRESH, violation?.message)
    assert.ok((oracles[FRESH] ?? 0) > 100)
  }
})

test.run()
