// Worlds with limits that are reached: what they may be, that their oracles are awake, and that a
// request has one fate even where the service could not remember that it refused it.

import * as assert from 'uvu/assert'
import type { LockCommand, LockRequest } from '../../core/lock/command.ts'
import type { LockEvent } from '../../core/lock/event.ts'
import { isRefusal } from '../../core/lock/limits.ts'
import type { Limits } from '../../core/lock/limits.ts'
import { lockMachine } from '../../core/lock/machine.ts'
import type { LockMachine } from '../../core/lock/machine.ts'
import { firstHolding, memoId } from '../../core/lock/records.ts'
import type { Memo } from '../../core/lock/records.ts'
import type { LockReply } from '../../core/lock/reply.ts'
import type { LockState } from '../../core/lock/state.ts'
import type { ApplyContext, MachineEvent } from '../../core/machine.ts'
import { mapGet } from '../../core/ordered-map.ts'
import { UNDER_WAY_MS, patienceMs } from '../../sim/lock-limits.ts'
import type { LockOperation } from '../../sim/lock-operation.ts'
import { lockWorkload } from '../../sim/lock-workload.ts'
import type { Rule } from '../../sim/network.ts'
import { scenarioProblem } from '../../sim/scenario.ts'
import type { ClientStep, Scenario } from '../../sim/scenario.ts'
import { scenarioOf, simulate } from '../../sim/simulate.ts'
import type { LockResult } from '../../sim/simulate.ts'
import { suite } from '../harness.ts'
import { served } from './support.ts'

const test = suite('sim/lock-limits')

const ALONE = { mode: 'exclusive', lockDelayMs: 0, giveUpMs: null } as const

type Applied = readonly [LockState, LockReply | null, readonly MachineEvent<LockReply, LockEvent>[]]
type Apply = (state: LockState, command: LockCommand, context: ApplyContext) => Applied

test('limits: 200 seeds: half without, each limit in some, memos outlive requests', () => {
  const seen = new Map<string, number>()
  let without = 0
  for (let seed = 1; seed <= 200; seed++) {
    const { limits = {} } = scenarioOf({ seed, fireMs: 100 })
    const names = Object.keys(limits)
    if (names.length === 0) without++
    for (const name of names) seen.set(name, (seen.get(name) ?? 0) + 1)
    assert.ok((limits.memoLifeMs ?? Infinity) >= patienceMs(limits) + UNDER_WAY_MS)
  }
  assert.ok(without > 70 && without < 130, `${without} without`)
  const names = ['locksPerOwnerMax', 'waitersPerKeyMax', 'keysMax', 'countMax', 'expireMax']
  for (const name of [...names, 'memoLifeMs', 'memosPerOwnerMax', 'memosDroppedMax']) {
    assert.ok((seen.get(name) ?? 0) >= 10, `${name}: ${seen.get(name) ?? 0}`)
  }
})

test('limits: what makes no sense: says so', () => {
  const scenario = scenarioOf({ seed: 1, fireMs: 100 })
  const problem = (limits: object): string | null => scenarioProblem({ ...scenario, limits })
  assert.is(problem({}), null)
  assert.is(problem({ keysMax: 1, memoLifeMs: 15_000, memosPerOwnerMax: 10 }), null)
  assert.is(problem({ locksMax: 1 }), 'limits: there is no limit locksMax')
  assert.is(problem({ toString: 1 }), 'limits: there is no limit toString')
  assert.is(problem({ keysMax: 0 }), 'limits: keysMax must be an integer of 1 or more')
  assert.is(problem({ countMax: '3' }), 'limits: countMax must be an integer of 1 or more')
  const short = 'limits: memoLifeMs must be an integer of 15000 or more'
  assert.is(problem({ memoLifeMs: 14_999 }), short)
  const few = 'limits: memosPerOwnerMax must be an integer of 10 or more'
  assert.is(problem({ memosPerOwnerMax: 9 }), few)
  for (const name of ['memosMax', 'ttlMsMin', 'ttlMsMax', 'keyBytesMax', 'requestIdBytesMax']) {
    const usual = `limits: ${name} cannot be other than usual: clients rely on it`
    assert.is(problem({ [name]: 1_000 }), usual)
  }
  assert.throws(() => simulate({ scenario: { ...scenario, limits: { keysMax: 0 } } }), 'keysMax')
})

test('limits: the lowest of each, all at once: 20 seeds: nothing is found', () => {
  const limits = {
    locksPerOwnerMax: 1,
    waitersPerKeyMax: 1,
    keysMax: 1,
    countMax: 1,
    expireMax: 1,
    memoLifeMs: 15_000,
    memosPerOwnerMax: 10,
    memosDroppedMax: 1,
  }
  let overloads = 0
  for (let seed = 1; seed <= 20; seed++) {
    const scenario = { ...scenarioOf({ seed, fireMs: 10_000 }), limits }
    const { violation, probes } = simulate({ scenario })
    assert.is(violation, null, `seed ${seed}: ${violation?.message}`)
    overloads += probes['refused: overloaded'] ?? 0
  }
  assert.ok(overloads > 0)
})

/** Machines that break a rule, and who must see it. */
const planted: readonly (readonly [string, string, (limits: Partial<Limits>) => LockMachine])[] = [
  ['a refusal is not remembered', 'one fate for each request', (limits) => edited(
    limits,
    (honest) => (state, command, context) => {
      const [after, reply, events] = honest(state, command, context)
      const isForgotten = reply?.type === 'rejected' && isRefusal(reply.reason)
      return [isForgotten ? state : after, reply, events]
    },
  )],
  ['limits are one lower than they are', 'refused only at a limit', (limits) => lockMachine({
    ...limits,
    waitersPerKeyMax: (limits.waitersPerKeyMax ?? 3) - 1,
    keysMax: (limits.keysMax ?? 4) - 1,
  })],
  ['limits are not looked at', 'limits', () => lockMachine()],
  ['a refresh is taken for a re-entry', 'levels', (limits) => edited(
    limits,
    (honest) => (state, command, context) => {
      const isAcquire = command.type === 'acquire'
      return honest(state, isAcquire ? { ...command, reentrant: true } : command, context)
    },
  )],
  ['a release of one level frees the lock', 'levels', (limits) => edited(
    limits,
    (honest) => (state, command, context) => {
      const isRelease = command.type === 'release'
      return honest(state, isRelease ? { ...command, all: true } : command, context)
    },
  )],
  ['a release of all levels lowers one', 'levels', (limits) => edited(
    limits,
    (honest) => (state, command, context) => {
      const isRelease = command.type === 'release'
      return honest(state, isRelease ? { ...command, all: false } : command, context)
    },
  )],
  ['whoever asks renews the lease', 'levels', (limits) => edited(
    limits,
    (honest) => (state, command, context) => {
      if (command.type !== 'renew') return honest(state, command, context)
      const owner = firstHolding(mapGet(state.locks, command.key))?.owner ?? command.owner
      return honest(state, { ...command, owner, token: null }, context)
    },
  )],
  ['the share of memos is not looked at', 'limits', (limits) => {
    return lockMachine({ ...limits, memosPerOwnerMax: 10_000 })
  }],
  ['the share of memos is one lower than it is', 'refused only at a limit', (limits) => {
    return lockMachine({ ...limits, memosPerOwnerMax: (limits.memosPerOwnerMax ?? 10_000) - 1 })
  }],
  ['waits are half as long as asked for', 'no early end of a wait', (limits) => edited(
    limits,
    (honest) => (state, command, context) => {
      if (command.type !== 'acquire') return honest(state, command, context)
      return honest(state, { ...command, waitMs: Math.ceil(command.waitMs / 2) }, context)
    },
  )],
  ['whatever ends within 50 ms is ended now', 'no early expiry', (limits) => edited(
    limits,
    (honest) => (state, command, context) => {
      const { timeMs } = context
      if (command.type !== 'expire') return honest(state, command, context)
      return honest(state, command, { ...context, timeMs: timeMs + 50 })
    },
  )],
  ['leases are half as long as asked for', 'a lease ends as asked', (limits) => edited(
    limits,
    (honest) => (state, command, context) => {
      if (command.type !== 'acquire' || command.ttlMs === null) {
        return honest(state, command, context)
      }
      return honest(state, { ...command, ttlMs: command.ttlMs / 2 }, context)
    },
  )],
  ['a holding that lasts is said to have ended', 'one fate for each request', (limits) => edited(
    limits,
    (honest) => (state, command, context) => {
      const [after, reply, events] = honest(state, command, context)
      const isRepeated =
        command.type === 'acquire' && memoBefore(state, command)?.type === 'answered'
      if (!isRepeated || reply?.type !== 'granted') return [after, reply, events]
      return [after, { type: 'expired', token: reply.token }, events]
    },
  )],
]

function memoBefore({ owners }: LockState, command: LockRequest): Memo | undefined {
  const use = mapGet(owners, command.owner)
  return use === undefined ? undefined : mapGet(use.memos, memoId(command))
}

function tokenOf(operation: LockResult['history'][number] | undefined): number {
  return operation?.output?.type === 'granted' ? operation.output.token : 0
}

function edited(limits: Partial<Limits>, edit: (honest: Apply) => Apply): LockMachine {
  const machine = lockMachine(limits)
  return { ...machine, apply: edit(machine.apply) }
}

for (const [bug, oracle, machineOf] of planted) {
  test(`limits: ${bug}: seen by "${oracle}" within 60 seeds`, () => {
    const seen = new Set<string>()
    for (let seed = 1; seed <= 60; seed++) {
      const scenario = scenarioOf({ seed, fireMs: 20_000 })
      const limits = scenario.limits ?? {}
      const workload = lockWorkload(4, limits)
      const { violation } = simulate({ machine: served(machineOf(limits)), workload, scenario })
      if (violation !== null) seen.add(violation.oracle)
      if (seen.has(oracle)) return
    }
    assert.unreachable(`only ${[...seen].join(', ')}`)
  })
}

/** What client 0 says of its first lock once it holds the next, and who must see it misheard. */
const misheard: readonly (readonly [LockOperation, string])[] = [
  [{ type: 'release', key: 'k0', withToken: true, all: false }, 'only the holder releases'],
  [{ type: 'renew', key: 'k0', ttlMs: 400, withToken: true }, 'levels'],
]

for (const [operation, oracle] of misheard) {
  test(`limits: a ${operation.type} reaches a holding that it does not name: seen`, () => {
    const take = { type: 'acquire', key: 'k0', waitMs: 0, reentrant: true, ...ALONE } as const
    const release = { type: 'release', key: 'k0', withToken: false, all: false } as const
    // The first lease runs out; of the second the client never hears, and then names the first.
    // The release of nothing is there since every second request is given up after 2.5 s.
    const steps: ClientStep<LockOperation>[] = [
      { pauseMs: 600, operation: release },
      { pauseMs: 100, operation: { ...take, ttlMs: 200 } },
      { pauseMs: 500, operation: { ...take, ttlMs: 3_000 } },
      { pauseMs: 100, operation },
    ]
    const drawn = scenarioOf({ seed: 1, nodes: 1, clients: 1, faults: [], fireMs: 5_000 })
    const scenario = { ...drawn, clients: [steps], limits: {} }
    const deaf: Rule = ({ to, timeUs }) => {
      const isLost = to === 1 && timeUs > 1_100_000 && timeUs < 3_650_000
      return { type: isLost ? 'drop' : 'pass' }
    }
    const verdictOf = (machine: LockMachine): string | undefined => {
      const asked = { machine: served(machine), workload: lockWorkload(1), scenario, rules: [deaf] }
      const { violation, history } = simulate(asked)
      const [, first, second, last] = history
      assert.is(second?.outcome, 'info')
      assert.ok(last !== undefined && 'token' in last.input)
      assert.is(last.input.token, tokenOf(first))
      return violation?.oracle
    }
    assert.is(verdictOf(lockMachine()), undefined)
    const careless = edited({}, (honest) => (state, command, context) => {
      const isMeant = command.type !== 'release' && command.type !== 'renew'
      return honest(state, isMeant ? command : { ...command, token: null }, context)
    })
    assert.is(verdictOf(careless), oracle)
  })
}

test('limits: a release without a token comes late: its client believes in no new lock', () => {
  const usual = { ttlMs: 3_000, waitMs: 0, reentrant: true, ...ALONE } as const
  const take = { type: 'acquire', key: 'k0', ...usual } as const
  // The release is given up after 2.5 s and comes after 3.5 s, when its client holds k0 anew.
  const first: ClientStep<LockOperation>[] = [
    { pauseMs: 500, operation: take },
    { pauseMs: 100, operation: { type: 'renew', key: 'k0', ttlMs: 200, withToken: true } },
    { pauseMs: 200, operation: { type: 'release', key: 'k0', withToken: false, all: false } },
    { pauseMs: 50, operation: take },
  ]
  const second: ClientStep<LockOperation>[] = [{ pauseMs: 4_600, operation: take }]
  const drawn = scenarioOf({ seed: 1, nodes: 1, clients: 2, faults: [], fireMs: 6_000 })
  const scenario = { ...drawn, clients: [first, second], limits: {} }
  let sent = 0
  const late: Rule = ({ from, timeUs }) => {
    if (from !== 1 || timeUs < 750_000 || timeUs > 3_290_000) return { type: 'pass' }
    sent++
    return sent === 1 ? { type: 'delay', byUs: 3_500_000 } : { type: 'drop' }
  }
  const { violation, probes, history } = simulate({ scenario, rules: [late] })
  assert.is(violation, null)
  const outcomes = history.slice(0, 4).map(({ outcome, output }) => output?.type ?? outcome)
  assert.equal(outcomes, ['granted', 'renewed', 'info', 'granted'])
  assert.is(probes['late grant given back'], 1)
})

/**
 * Client 0 takes one lock over and over, which fills its share of memos for 15 s, and asks for
 * another shortly before there is room again. The first attempt is held back for 900 ms: it comes
 * after the room.
 */
function delayedPastOverload(): { scenario: Scenario<LockOperation>; rules: Rule[] } {
  const acquire = (key: string): LockOperation => {
    return { type: 'acquire', key, ttlMs: 3_000, waitMs: 0, reentrant: true, ...ALONE }
  }
  const first: ClientStep<LockOperation>[] = [
    { pauseMs: 700, operation: acquire('k0') },
    ...Array.from({ length: 9 }, () => ({ pauseMs: 1, operation: acquire('k0') })),
    { pauseMs: 14_400, operation: acquire('k2') },
  ]
  const second: ClientStep<LockOperation>[] = [
    { pauseMs: 17_000, operation: { type: 'status', key: 'k2' } },
  ]
  const scenario = {
    ...scenarioOf({ seed: 1, nodes: 1, clients: 2, faults: [], fireMs: 17_500 }),
    clients: [first, second],
    limits: { memosPerOwnerMax: 10, memoLifeMs: 15_000 },
  }
  let isHeldBack = false
  const rule: Rule = ({ from, timeUs }) => {
    if (isHeldBack || from !== 1 || timeUs < 10_000_000) return { type: 'pass' }
    isHeldBack = true
    return { type: 'delay', byUs: 900_000 }
  }
  return { scenario, rules: [rule] }
}

test('limits: overloaded while the first attempt is out: asked on, and the truth is told', () => {
  const { scenario, rules } = delayedPastOverload()
  const { verdict, history, probes } = simulate({ scenario, rules })
  assert.is(verdict, 'ok')
  assert.ok((probes['refused: overloaded'] ?? 0) > 1, 'it was told so, and asked again')
  assert.is(probes['room for memos again'], 1)
  const asked = history.find(({ input }) => input.type === 'acquire' && input.key === 'k2')
  assert.is(asked?.output?.type, 'granted')
})

test('limits: overloaded taken for the last word: the history shows that it was not', () => {
  const { scenario, rules } = delayedPastOverload()
  const honest = lockWorkload(4, scenario.limits)
  const workload = { ...honest, weigh: () => 'final' as const }
  const machine = served(lockMachine(scenario.limits))
  const { violation } = simulate({ machine, workload, scenario, rules })
  assert.is(violation?.oracle, 'linearizable')
  assert.match(violation?.message ?? '', /no acquire by c0 can have been granted k2/)
})

test.run()
