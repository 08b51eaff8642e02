// What a healed world must do within its bounds, in worlds made by hand.

import * as assert from 'uvu/assert'
import type { Membership } from '../../core/raft/membership.ts'
import type { RaftState } from '../../core/raft/state.ts'
import { Recovery } from '../../sim/recovery.ts'
import type { RecoveryHost } from '../../sim/recovery.ts'
import type { Scenario } from '../../sim/scenario.ts'
import { suite } from '../harness.ts'
import { CALM, configOf, follower, leader, logOf, members } from './support.ts'

const test = suite('sim/recovery')

/** Ten maximum election timeouts. */
const LEADER_WITHIN_US = 10 * 2 * CALM.electionTimeoutMs * 1_000

/**
 * A healed world whose client never has an answer, to what it has asked before or, if it is idle,
 * to what it asks then; at a time and with states of our choice.
 */
function world(scenario: Scenario<never> = CALM, isIdle = false): {
  readonly set: (timeUs: number, ...rafts: readonly RaftState[]) => void
  readonly look: () => string
} {
  let states: readonly RaftState[] = []
  let nowUs = 0
  const nodes = [0, 1, 2].map((at) => ({
    get state(): unknown {
      return { raft: states[at], applied: states[at]?.log.lastIndex }
    },
  }))
  const nothing = (): void => undefined
  const client = {
    isBusy: !isIdle,
    lastOutput: null,
    stopWorking: nothing,
    ask: () => (client.isBusy = true),
  }
  const host: RecoveryHost<never, never> = {
    nodes: nodes as unknown as RecoveryHost<never, never>['nodes'],
    names: ['0', '1', '2'],
    versions: 1,
    isDead: () => false,
    clients: [client],
    endRules: nothing,
    snapshotBytes: () => 0,
    timeUs: () => nowUs,
    evaluated: nothing,
    trace: nothing,
  }
  const workload = { fresh: () => undefined as never, isServed: () => true }
  const recovery = new Recovery<never, never>(scenario, workload, host)
  recovery.begin(0)
  return {
    set: (timeUs, ...rafts) => {
      nowUs = timeUs
      states = rafts
    },
    look: () => {
      try {
        recovery.isDone()
        return 'ok'
      } catch (error) {
        return (error as Error).message
      }
    },
  }
}

/** Three nodes of which the first leads term 1, or does not any more. */
function led(membership: Membership, isLed: boolean, log = logOf([])): readonly RaftState[] {
  const edit = { memberships: [{ index: 0, membership }], log }
  return ['0', '1', '2'].map((name): RaftState => {
    const config = configOf(name, ['0', '1', '2'])
    if (name === '0' && isLed) return leader(config, 1, edit)
    const state = follower(config, 1, edit)
    return state.role === 'follower' && isLed ? { ...state, leader: '0' } : state
  })
}

const ALL = members('012')
const OTHERS = members('12')

test('a leader after the heal: none in time: a violation', () => {
  const { set, look } = world()
  set(LEADER_WITHIN_US, ...led(ALL, false))
  assert.is(look(), 'ok')
  set(LEADER_WITHIN_US + 1, ...led(ALL, false))
  assert.match(look(), /not within 3000 ms: none/)
})

test('a leader after the heal: it leaves, and need not: a violation at once', () => {
  const { set, look } = world()
  set(1_000, ...led(ALL, true))
  assert.is(look(), 'ok')
  set(LEADER_WITHIN_US + 1, ...led(ALL, false))
  assert.match(look(), /not within 3000 ms: none/)
})

test('a leader after the heal: a change under way removes it: another in time from then', () => {
  const { set, look } = world()
  set(1_000, ...led(ALL, true))
  assert.is(look(), 'ok')
  const leftUs = LEADER_WITHIN_US + 500
  set(leftUs, ...led(OTHERS, false))
  assert.is(look(), 'ok')
  set(leftUs + LEADER_WITHIN_US, ...led(OTHERS, false))
  assert.is(look(), 'ok', 'asked again and again, the time does not start anew')
  set(leftUs + LEADER_WITHIN_US + 1, ...led(OTHERS, false))
  assert.match(look(), /not within 3000 ms: none/)
})

for (const [what, isIdle, none] of [
  ['answers after the heal', false, 'c0 has none'],
  ['a fresh operation after the heal', true, 'no answer'],
] as const) {
  test(`${what}: a majority is to be brought on: as much later as that takes`, () => {
    // Of one entry each: 20 000 round trips of 200 microseconds are 4 seconds.
    const { set, look } = world({ ...CALM, appendBytesMax: 1 }, isIdle)
    const entry = { term: 1, stampMs: 0, kind: 'command', payload: new Uint8Array(10) } as const
    const log = logOf(Array.from({ length: 20_000 }, () => entry))
    const all = led(ALL, true, log)
    const [first] = all as [RaftState]
    for (const timeUs of [0, 1]) {
      set(timeUs, first, ...led(ALL, true).slice(1))
      assert.is(look(), 'ok')
    }
    set(2 * LEADER_WITHIN_US + 1_000_000, ...all)
    assert.is(look(), 'ok')
    set(2 * LEADER_WITHIN_US + 1_300_000, ...all)
    assert.match(look(), `not within 6000 ms: ${none}`)
  })
}

test.run()
