// Whom a fault means: resolved when it begins, and seen in the trace.

import * as assert from 'uvu/assert'
import type { Membership } from '../../core/raft/membership.ts'
import type { LoggedMembership } from '../../core/raft/state.ts'
import { FaultInjector } from '../../sim/fault-injector.ts'
import type { InjectorHost } from '../../sim/fault-injector.ts'
import type { SimulatedNetwork } from '../../sim/network.ts'
import type { Step } from '../../sim/node-parts.ts'
import type { Fault } from '../../sim/scenario.ts'
import { scenarioOf, simulate } from '../../sim/simulate.ts'
import { suite } from '../harness.ts'
import { CALM, members } from './support.ts'

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

interface World {
  /** The members that each node's disk names, at any place in its log; and its memory as well. */
  readonly disks: readonly (readonly Membership[])[]
  readonly memories?: readonly (readonly Membership[] | null)[]
  readonly dead: readonly number[]
  /** Whose disks have lost something. */
  readonly rotten?: readonly number[]
}

/** Who stays dead when all else heals. */
function deadOf({ disks, memories = [], dead, rotten = [] }: World): readonly number[] {
  const crashed: number[] = []
  const dropped: number[] = []
  let cutOff: ReadonlySet<number> = new Set()
  const logged = (all: readonly Membership[]): readonly LoggedMembership[] =>
    all.map((membership, index) => ({ index, membership }))
  const nodes = disks.map((named, at) => {
    const memory = memories[at] ?? null
    const raft = { role: 'follower', term: 1, memberships: logged(memory ?? []) } as const
    return {
      life: 1,
      status: 'up' as const,
      state: memory === null ? null : { raft },
      durable: { memberships: logged(named), isWhole: !rotten.includes(at) },
      armed: null,
      failingSync: null,
      stallMidTurn: false,
      boot: () => undefined,
      crash: () => void crashed.push(at),
      stall: () => undefined,
      resume: () => undefined,
      operate: () => null,
      dropMembershipChanges: () => {
        assert.equal(crashed, [], 'before anyone dies')
        dropped.push(at)
      },
      rot: () => false,
      versions: 1,
      upgrade: () => undefined,
    }
  })
  const network = { heal: (set: ReadonlySet<number>) => (cutOff = set) }
  const nothing = (): void => undefined
  const host: InjectorHost = {
    nodes,
    names: nodes.map((_, at) => String(at)),
    clients: [],
    network: network as unknown as SimulatedNetwork,
    versions: 1,
    timeUs: () => 0,
    schedule: nothing,
    fired: nothing,
    probe: nothing,
    trace: nothing,
  }
  const injector = new FaultInjector({ ...CALM, nodes: disks.length, dead }, host)
  injector.heal()
  const found = nodes.map((_, at) => at).filter((at) => injector.isDead(at))
  assert.equal(dropped, nodes.map((_, at) => at), 'no change of members is to come')
  assert.equal(crashed, found, 'they die')
  assert.equal([...cutOff].sort(), found, 'and nobody reaches them')
  return found
}

function everywhere(count: number, ...named: readonly Membership[]): World['disks'] {
  return Array.from({ length: count }, () => named)
}

test('dead: a disk has lost something: its node is none of the majority that must live', () => {
  const three = everywhere(3, members('012'))
  assert.equal(deadOf({ disks: three, dead: [2], rotten: [1] }), [])
  assert.equal(deadOf({ disks: three, dead: [2], rotten: [2] }), [2])
})

test('dead: of those that the scenario names: as many as leave a majority', () => {
  const three = everywhere(3, members('012'))
  assert.equal(deadOf({ disks: three, dead: [] }), [])
  assert.equal(deadOf({ disks: three, dead: [2] }), [2])
  assert.equal(deadOf({ disks: three, dead: [2, 0] }), [2])
  assert.equal(deadOf({ disks: everywhere(4, members('0123')), dead: [1, 3, 0] }), [1])
  assert.equal(deadOf({ disks: everywhere(5, members('01234')), dead: [0, 1, 2] }), [0, 1])
  assert.equal(deadOf({ disks: everywhere(1, members('0')), dead: [0] }), [])
})

test('dead: one that does not vote: whatever the others are', () => {
  assert.equal(deadOf({ disks: everywhere(3, members('01')), dead: [2, 1] }), [2])
  assert.equal(deadOf({ disks: everywhere(4, members('0')), dead: [1, 2, 3] }), [1, 2, 3])
})

test('dead: two sets of voters: a majority of each must live', () => {
  assert.equal(deadOf({ disks: everywhere(4, members('012', '0')), dead: [1, 0, 2] }), [1])
  assert.equal(deadOf({ disks: everywhere(4, members('01', '012')), dead: [0, 1, 2] }), [2])
  assert.equal(deadOf({ disks: everywhere(5, members('012', '234')), dead: [0, 1, 4] }), [0, 4])
})

test('dead: members in any log, on one disk or in one memory: each keeps its majority', () => {
  const [now, old] = [members('012'), members('2')]
  // The change to node 2 alone was undone, or is not yet known: either way it may come back.
  assert.equal(deadOf({ disks: [[now], [now], [now, old]], dead: [2, 1] }), [1])
  assert.equal(deadOf({ disks: [[old, now], [now], [now]], dead: [2, 1] }), [1])
  const memories = [null, [now, old], [now]]
  assert.equal(deadOf({ disks: everywhere(3, now), memories, dead: [2, 1] }), [1])
  assert.equal(deadOf({ disks: everywhere(3, now), dead: [2, 1] }), [2])
})

test('dead: a world that names a majority: still makes progress', () => {
  const drawn = scenarioOf({ seed: 1, nodes: 3, clients: 1, fireMs: 2_000, faults: ['crash'] })
  const scenario = { ...drawn, dead: [0, 1, 2] }
  const { verdict, trace } = simulate({ scenario, traceLines: 9_999 })
  assert.is(verdict, 'ok')
  assert.is(trace.filter((line) => line.includes('n0    crashed')).length >= 1, true)
  const last = trace.at(-1)?.trim().split(/\s+/)[1] ?? ''
  assert.match(last, /^x[^x][^x]$/)
})

const span = { atMs: 1_500, forMs: 1_000 }

/** What an operator is told, and the members that nodes go by, in order, until all heals. */
function operated(spares: number, ...faults: readonly Fault[]): readonly string[] {
  const drawn = scenarioOf({ seed: 1, nodes: 3, clients: 1, fireMs: 4_000, faults: [] })
  const spare = Array.from({ length: spares }, () => ({ offsetMs: 0, driftPpm: 0 }))
  const scenario = { ...drawn, spares, clocks: [...spare, ...drawn.clocks], faults }
  const result = simulate({ scenario, traceLines: 10_000 })
  assert.is(result.verdict, 'ok', result.violation?.message)
  for (const { type } of faults) assert.ok((result.faults[type] ?? 0) > 0, type)
  const end = result.trace.findIndex((line) => line.includes('the fire ends'))
  const fire = result.trace.slice(0, end)
  const lines = fire.filter((line) => /operator|goes by|wants|leads/.test(line))
  return lines.map((line) => line.trim().replace(/^(\S+\s+){2}(n\d)\s+/, '$2 '))
}

test('membership: a change that ends by itself: joint consensus, then the new voters alone', () => {
  const change = { type: 'membership', ...span, voters: [0, 1, 3], learners: [2] } as const
  const said = operated(1, { ...change, explicit: false })
  const goesBy = said.filter((line) => line.includes('goes by')).map((line) => line.slice(3))
  const all = [...new Set(goesBy)].map((line) => line.replace(/ \(.*/, ''))
  assert.equal(all, [
    'goes by voters 0 1 3 and 0 1 2, learners 2',
    'goes by voters 0 1 3, learners 2',
  ])
  assert.is(said.filter((line) => line.endsWith('answers the operator: changed')).length, 1)
})

test('membership: one that is explicit: is left when the fault ends, and no earlier', () => {
  const change = { type: 'membership', ...span, voters: [0, 1], learners: [] } as const
  const said = operated(0, { ...change, explicit: true })
  assert.is(said.filter((line) => line.endsWith('answers the operator: changed')).length, 2)
})

test('membership: nobody left to vote, a node that does not vote to lead: refused', () => {
  const change = { type: 'membership', ...span, learners: [], explicit: false } as const
  const said = operated(1, { ...change, voters: [] }, { type: 'transfer', ...span, to: 3 })
  assert.ok(said.some((line) => line.endsWith('the operator: refused (noVoters)')), said.join('\n'))
  assert.ok(said.some((line) => line.endsWith('the operator: refused (notVoter)')), said.join('\n'))
})

test('transfer: to each node: it leads', () => {
  for (const to of [0, 1, 2]) {
    const said = operated(0, { type: 'transfer', ...span, to })
    assert.match(said.filter((line) => line.includes('leads')).at(-1) ?? '', `n${to} leads`)
    assert.ok(said.some((line) => line.endsWith('answers the operator: transferred')))
  }
})

test('forget: a follower that is told: takes nobody for the leader until it hears it again', () => {
  const told: unknown[] = []
  const watch = {
    name: 'watch',
    stepped: ({ node, readUs, effects }: Step<unknown, unknown, unknown>) => {
      if (readUs > 3_000_000) return null
      for (const effect of effects) {
        if (effect.type !== 'trace' || effect.trace.type !== 'leaderChanged') continue
        told.push([node, effect.trace.leader])
      }
      return null
    },
  }
  const drawn = scenarioOf({ seed: 1, nodes: 3, clients: 1, fireMs: 3_000, faults: [] })
  const forgets = [0, 1, 2].map((node) => ({ type: 'forget', ...span, node }) as const)
  const scenario = { ...drawn, leaseReads: false, faults: forgets }
  const { verdict } = simulate({ scenario, oracles: [watch] })
  assert.is(verdict, 'ok')
  const forgot = told.filter((one) => (one as [number, unknown])[1] === null)
  assert.is(forgot.length, 2, 'a leader forgets nobody')
})

test.run()
