// Worlds that put locks to one test each: clocks beyond their bound, attempts that come minutes
// late, outages that outlast a lease, and sessions whose clients fall silent.

import * as assert from 'uvu/assert'
import type { LockOperation } from '../../sim/lock-operation.ts'
import type { Rule } from '../../sim/network.ts'
import type { ClientStep, Scenario } from '../../sim/scenario.ts'
import { scenarioOf, simulate } from '../../sim/simulate.ts'
import { suite } from '../harness.ts'

const test = suite('sim/lock-worlds')
const OVERLAP = 'two believed in one lock, by clocks beyond the bound'
const STALE = 'stale write refused by the fenced resource'
const ALONE = { mode: 'exclusive', lockDelayMs: 0, giveUpMs: null } as const

/** Every client takes one lock over and over, and writes late. Nothing else goes wrong. */
function oneLock(seed: number, fireMs: number): Scenario<LockOperation> {
  const common = { seed, nodes: 3, clients: 4, faults: [], fireMs } as const
  const drawn = scenarioOf({ ...common, keys: 1 })
  const take = { type: 'acquire', key: 'k0', ttlMs: 1_000, waitMs: 1_200, reentrant: true } as const
  const round: ClientStep<LockOperation>[] = [
    { pauseMs: 10, operation: { ...take, ...ALONE } },
    { pauseMs: 1, operation: { type: 'write', key: 'k0', delayUs: 100 } },
    { pauseMs: 1_000, operation: { type: 'write', key: 'k0', delayUs: 20_000 } },
  ]
  const rounds = Math.ceil(fireMs / 2_000)
  const clients = drawn.clients.map(() => Array.from({ length: rounds }, () => round).flat())
  return { ...drawn, clients, leaseReads: false, limits: {} }
}

/** The same, where the servers' clocks run a tenth fast, and the clients' a tenth slow. */
function apart(scenario: Scenario<LockOperation>): Scenario<LockOperation> {
  const { nodes, spares } = scenario
  const clocks = scenario.clocks.map(({ offsetMs }, at) => {
    return { offsetMs, driftPpm: at < nodes + (spares ?? 0) ? 100_000 : -100_000 }
  })
  return { ...scenario, clocks }
}

test('clocks within their bound: no two believe in one lock', () => {
  for (let seed = 1; seed <= 5; seed++) {
    const { verdict, violation, probes, oracles } = simulate({ scenario: oneLock(seed, 10_000) })
    assert.is(verdict, 'ok', `seed ${seed}: ${violation?.message}`)
    assert.is(probes[OVERLAP], undefined)
    assert.ok((oracles['mutual exclusion'] ?? 0) > 10 && (oracles['fencing'] ?? 0) > 3)
  }
})

test('clocks beyond their bound: two believe in one lock in 10 s, and the token decides', () => {
  for (let seed = 1; seed <= 5; seed++) {
    const scenario = apart(oneLock(seed, 10_000))
    const { verdict, violation, probes } = simulate({ scenario })
    assert.is(verdict, 'ok', `seed ${seed}: ${violation?.oracle}: ${violation?.message}`)
    assert.ok((probes[OVERLAP] ?? 0) > 0, `seed ${seed}: no overlap was found`)
    assert.ok((probes[STALE] ?? 0) > 0, `seed ${seed}: no stale write came`)
  }
})

test('attempts that come two minutes late: each request has had its fate', () => {
  let sent = 0
  // Every tenth message of a client.
  const rule: Rule = ({ from, to, timeUs }) => {
    const isAsked = from >= 3 && to < 3 && timeUs < 20_000_000
    return isAsked && sent++ % 10 === 0 ? { type: 'delay', byUs: 120_000_000 } : { type: 'pass' }
  }
  const drawn = scenarioOf({ seed: 3, nodes: 3, clients: 4, faults: [], fireMs: 150_000 })
  const scenario = { ...drawn, limits: {} }
  const { verdict, violation, oracles, probes } = simulate({ scenario, rules: [rule] })
  assert.is(verdict, 'ok', violation?.message)
  assert.ok(sent > 100)
  assert.ok((probes['retry answered from memory'] ?? 0) > 10)
  assert.ok((oracles['one fate for each request'] ?? 0) > 100)
}, { deadlineMs: 60_000 })

test('an outage longer than a lease: it costs no holder its lease', () => {
  for (let seed = 1; seed <= 3; seed++) {
    const drawn = oneLock(seed, 12_000)
    const span = { atMs: 4_000, forMs: 4_000 } as const
    const how = { point: 'now', power: false, torn: false } as const
    const faults = [0, 1].map((node) => ({ type: 'crash', ...span, node, ...how }) as const)
    const scenario = { ...drawn, faults }
    const { verdict, violation, oracles } = simulate({ scenario })
    assert.is(verdict, 'ok', violation?.message)
    assert.ok((oracles['no early expiry'] ?? 0) > 0)
    assert.ok((oracles['log time goes by its leader'] ?? 0) > 0)
  }
})

/** Client 0 takes a lock for as long as its session lasts; client 1 waits for it. */
function inSession(keeps: number): Scenario<LockOperation> {
  const keep = { type: 'session', what: 'keep', ttlMs: 1_000 } as const
  const take = { type: 'acquire', key: 'k1', ttlMs: null, reentrant: true, ...ALONE } as const
  const first: ClientStep<LockOperation>[] = [
    { pauseMs: 500, operation: keep },
    { pauseMs: 10, operation: { ...take, waitMs: 0 } },
    ...Array.from({ length: keeps }, () => ({ pauseMs: 250, operation: keep })),
    { pauseMs: 10, operation: { type: 'write', key: 'k1', delayUs: 4_000_000 } },
  ]
  const second: ClientStep<LockOperation>[] = [
    { pauseMs: 900, operation: { ...take, waitMs: 8_000 } },
    { pauseMs: 10, operation: { type: 'write', key: 'k1', delayUs: 100 } },
  ]
  const common = { seed: 1, nodes: 3, clients: 2, faults: [], fireMs: 12_000 } as const
  return { ...scenarioOf(common), clients: [first, second], leaseReads: false, limits: {} }
}

test('a client falls silent: what it has ends with its session, and its write is stale', () => {
  const { verdict, violation, probes, oracles } = simulate({ scenario: inSession(4) })
  assert.is(verdict, 'ok', violation?.message)
  assert.is(probes['lost with a session, by expiry'], 1)
  assert.is(probes[STALE], 1)
  assert.ok((oracles['no early end of a session'] ?? 0) > 0)
})

test('a client that keeps its session: it has its lock through an outage longer than that', () => {
  const span = { atMs: 2_000, forMs: 3_000 } as const
  const how = { point: 'now', power: false, torn: false } as const
  const faults = [0, 1].map((node) => ({ type: 'crash', ...span, node, ...how }) as const)
  const { verdict, violation, probes } = simulate({ scenario: { ...inSession(40), faults } })
  assert.is(verdict, 'ok', violation?.message)
  assert.is(probes['session ran out'] ?? 0, 0)
  assert.is(probes[STALE] ?? 0, 0)
})

/** Client 0 makes unbound calls in a short session; client 1 takes the same lock. */
function unbound(first: readonly ClientStep<LockOperation>[]): Scenario<LockOperation> {
  const take = { type: 'acquire', key: 'k1', ttlMs: 3_000, reentrant: true, ...ALONE } as const
  const second: ClientStep<LockOperation>[] = [
    { pauseMs: 900, operation: { ...take, waitMs: 8_000 } },
    { pauseMs: 10, operation: { type: 'write', key: 'k1', delayUs: 100 } },
  ]
  const common = { seed: 1, nodes: 3, clients: 2, faults: [], fireMs: 12_000 } as const
  return { ...scenarioOf(common), clients: [first, second], leaseReads: false, limits: {} }
}

const OPEN = { type: 'session', what: 'keep', ttlMs: 400 } as const
const LATER = { pauseMs: 4_000, operation: { type: 'status', key: 'k0' } } as const

test('an unbound lock, whose session runs out: it stays for the whole of its lease', () => {
  const take = { type: 'acquire', key: 'k1', ttlMs: 3_000, reentrant: true, ...ALONE } as const
  const by = { named: false, cancel: 'call' } as const
  const { verdict, violation, probes } = simulate({
    scenario: unbound([
      { pauseMs: 500, operation: OPEN },
      { pauseMs: 10, operation: { ...take, waitMs: 0, unbound: by } },
      { pauseMs: 1_500, operation: { type: 'write', key: 'k1', delayUs: 100 } },
      LATER,
    ]),
  })
  assert.is(verdict, 'ok', violation?.message)
  assert.is(probes['session ran out'], 1)
  assert.is(probes['lost with a session, by expiry'], undefined)
  assert.is(probes['a holder knew of its session no more'], undefined)
})

test('an unbound wait, given up: cancelled from outside, by its name', () => {
  const wait = { type: 'acquire', key: 'k1', ttlMs: 3_000, reentrant: true, ...ALONE } as const
  const by = { named: true, cancel: 'plain' } as const
  const { verdict, violation, probes } = simulate({
    scenario: unbound([
      { pauseMs: 1_500, operation: OPEN },
      { pauseMs: 10, operation: { ...wait, waitMs: 8_000, unbound: by, giveUpMs: 300 } },
      LATER,
    ]),
  })
  assert.is(verdict, 'ok', violation?.message)
  assert.is(probes['an unbound call waits'], 1)
  assert.is(probes['the wait of an unbound call cancelled from outside'], 1)
})

/** Client 1 asks through guarded calls; client 0 has taken k1 for 3 s. */
function guarded(
  steps: readonly ClientStep<LockOperation>[],
  per1024 = 0,
): Scenario<LockOperation> {
  const take = { type: 'acquire', key: 'k1', ttlMs: 3_000, reentrant: true, ...ALONE } as const
  const first: ClientStep<LockOperation>[] = [{ pauseMs: 500, operation: { ...take, waitMs: 0 } }]
  const common = { seed: 1, nodes: 3, clients: 2, faults: [], fireMs: 12_000 } as const
  const lossy = { unsentPer1024: per1024, brokenPer1024: per1024, turnMs: 0 }
  const setting = { client: 1, sessionTtlMs: 300_000, rotateSpan: 2, ...lossy }
  const rest = { leaseReads: false, limits: {}, guarded: [setting] }
  return { ...scenarioOf(common), clients: [first, steps], ...rest }
}

const WAIT = {
  type: 'acquire',
  key: 'k1',
  ttlMs: 1_000,
  waitMs: 8_000,
  reentrant: true,
  ...ALONE,
} as const

test('guarded calls: a wait goes on aside: the others go on in another session', () => {
  const others = ['k0', 'k2', 'k3'].flatMap((key): ClientStep<LockOperation>[] => [
    { pauseMs: 20, operation: { ...WAIT, key, waitMs: 0 } },
    { pauseMs: 20, operation: { type: 'release', key, withToken: true, all: true } },
  ])
  const wait = { pauseMs: 1_000, operation: { ...WAIT, aside: true } }
  const { verdict, violation, probes } = simulate({ scenario: guarded([wait, ...others]) })
  assert.is(verdict, 'ok', violation?.message)
  assert.is(probes['a session of guarded calls closed'], 1)
  assert.is(probes['waiter promoted after the holder was lost'], 1)
})

test('guarded calls: the caller gives a wait up: nothing is left of it', () => {
  const wait = { pauseMs: 1_000, operation: { ...WAIT, giveUpMs: 300 } }
  const { verdict, violation, probes, oracles } = simulate({ scenario: guarded([wait]) })
  assert.is(verdict, 'ok', violation?.message)
  assert.is(probes['an acquire given up'], 1)
  assert.is(probes['wait cancelled'], 1)
  assert.is(oracles['nothing is left of what was given up'], 1)
})

test('guarded calls: requests never leave and connections break: each has one effect', () => {
  const round = ['k0', 'k2'].flatMap((key): ClientStep<LockOperation>[] => [
    { pauseMs: 20, operation: { ...WAIT, key, waitMs: 0 } },
    { pauseMs: 20, operation: { type: 'release', key, withToken: true, all: true } },
  ])
  const steps = Array.from({ length: 50 }, () => round).flat()
  const { verdict, violation, probes, operations } = simulate({ scenario: guarded(steps, 300) })
  assert.is(verdict, 'ok', violation?.message)
  assert.ok((probes['a request that never left'] ?? 0) > 20)
  assert.ok((probes['a connection that broke'] ?? 0) > 20)
  assert.ok(operations.ok > 100)
})

test.run()
