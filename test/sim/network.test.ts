// The simulated network by itself: a user's rules, cuts of every kind, and bad weather.

import * as assert from 'uvu/assert'
import type { Message } from '../../core/raft/message.ts'
import { KIND } from '../../sim/event-queue.ts'
import type { SimEvent } from '../../sim/event-queue.ts'
import type { LockOperation } from '../../sim/lock-operation.ts'
import { SimulatedNetwork } from '../../sim/network.ts'
import type { Rule, Verdict } from '../../sim/network.ts'
import { openStreams } from '../../sim/random.ts'
import type { Fault, Scenario } from '../../sim/scenario.ts'
import { scenarioOf, simulate } from '../../sim/simulate.ts'
import { decodeFrame } from '../../transports/codec.ts'
import { suite } from '../harness.ts'
import { CALM } from './support.ts'

const test = suite('sim/network')
const SPAN = { atMs: 0, forMs: 1_000 }

interface Bench {
  readonly network: SimulatedNetwork
  /** When the message sent at `timeUs` from one to another arrives. */
  sent(timeUs: number, from: number, to: number, once?: boolean): number[]
  readonly fired: string[]
}

function bench(...rules: readonly Rule[]): Bench {
  const received: number[] = []
  const fired: string[] = []
  const host = {
    endpoints: 4,
    deliver: (atUs: number) => void received.push(atUs),
    fired: (kind: string) => void fired.push(kind),
  }
  const network = new SimulatedNetwork(host, CALM, openStreams('1', false, null), rules)
  return {
    network,
    fired,
    sent: (timeUs, from, to, once) => {
      received.length = 0
      network.send(timeUs, from, to, 'hello', once)
      return [...received]
    },
  }
}

const always = (verdict: Verdict) => (): Verdict => verdict

test('network: calm: arrives once, after the delay of the scenario', () => {
  assert.equal(bench().sent(100, 0, 1), [110])
})

test('network: rules: pass, delay, drop and duplicate do what they say', () => {
  assert.equal(bench(always({ type: 'pass' })).sent(100, 0, 1), [110])
  assert.equal(bench(always({ type: 'delay', byUs: 1_000 })).sent(100, 0, 1), [1_110])
  assert.equal(bench(always({ type: 'drop' })).sent(100, 0, 1), [])
  const doubled = bench(always({ type: 'duplicate', afterUs: 500 })).sent(100, 0, 1)
  assert.equal(doubled.sort((a, b) => a - b), [110, 610])
})

test('network: several rules: the first answer other than pass counts, and ends it', () => {
  const unreachable: Rule = () => assert.unreachable('asked a later rule') as never
  const drop = always({ type: 'drop' })
  assert.equal(bench(drop, unreachable).sent(0, 0, 1), [])
  const delay = always({ type: 'delay', byUs: 5 })
  assert.equal(bench(always({ type: 'pass' }), delay, unreachable).sent(0, 0, 1), [15])
})

test('network: a rule: sees who sends what to whom, and when', () => {
  const seen: unknown[] = []
  bench((packet) => {
    seen.push(packet)
    return { type: 'pass' }
  }).sent(7, 2, 3)
  assert.equal(seen, [{ from: 2, to: 3, timeUs: 7, payload: 'hello' }])
})

function links(network: SimulatedNetwork): string[] {
  const open: string[] = []
  for (let from = 0; from < 4; from++) {
    for (let to = 0; to < 4; to++) {
      if (from !== to && network.passes(from, to)) open.push(`${from}${to}`)
    }
  }
  return open
}

const EVERY_LINK = ['01', '02', '03', '10', '12', '13', '20', '21', '23', '30', '31', '32']

const cuts: readonly (readonly [string, Fault, readonly number[], readonly string[]])[] = [
  [
    'partition',
    { type: 'partition', ...SPAN, side: [], withLeader: false },
    [0, 3],
    ['01', '02', '10', '20', '13', '23', '31', '32'],
  ],
  [
    'one-way cut',
    { type: 'oneway', ...SPAN, side: [], withLeader: false },
    [0],
    ['01', '02', '03'],
  ],
  ['partial cut', { type: 'partial', ...SPAN, a: 0, b: 2 }, [0, 2], ['02', '20']],
]
for (const [name, fault, side, closed] of cuts) {
  test(`network: a ${name}: closes just its links, until it ends`, () => {
    const { network, sent, fired } = bench()
    assert.equal(links(network), EVERY_LINK)
    network.begin(0, fault, side)
    assert.equal(links(network), EVERY_LINK.filter((link) => !closed.includes(link)))
    assert.equal(fired, closed.map(() => fault.type))
    for (const link of EVERY_LINK) {
      const arrives = sent(0, Number(link[0]), Number(link[1])).length
      assert.is(arrives, closed.includes(link) ? 0 : 1, link)
    }
    network.end(0)
    assert.equal(links(network), EVERY_LINK)
  })
}

test('network: two cuts of one link: closed until both have ended', () => {
  const { network } = bench()
  const fault: Fault = { type: 'partial', ...SPAN, a: 0, b: 1 }
  network.begin(0, fault, [0, 1])
  network.begin(1, fault, [1, 0])
  network.end(0)
  assert.not(network.passes(0, 1))
  network.end(1)
  assert.ok(network.passes(0, 1))
})

test('network: healed: open again, but to the dead, which count as no fault', () => {
  const { network, fired } = bench()
  network.begin(0, { type: 'partial', ...SPAN, a: 1, b: 2 }, [1, 2])
  network.begin(1, { type: 'loss', ...SPAN, per1024: 1024 }, [])
  network.heal(new Set([0]))
  assert.equal(links(network), EVERY_LINK.filter((link) => !link.includes('0')))
  assert.equal(fired, [])
})

test('network: weather: each kind strikes as often as it says, and does what its name says', () => {
  const weather: readonly Fault[] = [
    { type: 'loss', ...SPAN, per1024: 512 },
    { type: 'duplicate', ...SPAN, per1024: 512, upToUs: 100 },
    { type: 'delay', ...SPAN, per1024: 512, upToUs: 100 },
    { type: 'reorder', ...SPAN, per1024: 512, upToUs: 100 },
  ]
  for (const fault of weather) {
    const { network, sent, fired } = bench()
    network.begin(0, fault, [])
    const counts = { none: 0, late: 0, twice: 0 }
    for (let round = 0; round < 1_000; round++) {
      const arrivals = sent(0, 0, 1)
      if (arrivals.length === 0) counts.none++
      else if (arrivals.length === 2) counts.twice++
      else if (arrivals[0] !== 10) counts.late++
      assert.ok(arrivals.every((atUs) => atUs >= 10 && atUs <= 110))
    }
    assert.ok(fired.length > 400 && fired.length < 600, `${fault.type}: ${fired.length} of 1000`)
    assert.ok(fired.every((kind) => kind === fault.type))
    const { none, late, twice } = counts
    const struck = { loss: none, duplicate: twice, delay: late, reorder: late }
    const count = struck[fault.type as keyof typeof struck]
    assert.ok(count > fired.length * 0.9, `${fault.type} struck ${count} times`)
    assert.is(none + late + twice, count, 'and nothing else happened')
    network.end(0)
    assert.equal(sent(0, 0, 1), [10])
  }
})

test('network: duplication: never doubles what a client sends, which may not be idempotent', () => {
  const { network, sent } = bench()
  network.begin(0, { type: 'duplicate', ...SPAN, per1024: 1024, upToUs: 100 }, [])
  assert.is(sent(0, 3, 0).length, 1)
  assert.is(sent(0, 0, 3).length, 2)
})

test('network: duplication: never doubles what is to come once, whoever sends it', () => {
  const { network, sent } = bench()
  network.begin(0, { type: 'duplicate', ...SPAN, per1024: 1024, upToUs: 100 }, [])
  assert.is(sent(0, 0, 1, true).length, 1)
  assert.is(sent(0, 0, 1, false).length, 2)
})

/** How often each message of that kind reaches a node, by who sent it and its bytes. */
function arrivals(scenario: Scenario<LockOperation>, type: Message['type']): readonly number[] {
  const counts = new Map<string, number>()
  const onEvent = ({ kind, source, target, payload }: SimEvent): void => {
    if (kind !== KIND.deliver || source >= scenario.nodes) return
    const decoded = decodeFrame(payload as Uint8Array)
    if (decoded.type !== 'frame' || decoded.frame.message.type !== type) return
    const name = `${source}>${target} ${JSON.stringify(decoded.frame.message)}`
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  assert.is(simulate({ scenario, onEvent }).verdict, 'ok')
  return [...counts.values()]
}

test('network: a command that is passed on: comes to its leader once, its answer twice', () => {
  const drawn = scenarioOf({ seed: 1, nodes: 3, clients: 4, fireMs: 4_000, faults: [] })
  const span = { atMs: 0, forMs: 5_000 }
  const faults: Fault[] = [{ type: 'duplicate', ...span, per1024: 1024, upToUs: 1_000 }]
  const scenario = { ...drawn, faults, forwarding: true }
  const asked = arrivals(scenario, 'forwardRequest')
  assert.ok(asked.length > 10 && asked.every((count) => count === 1), asked.join(' '))
  const replied = arrivals(scenario, 'forwardReply')
  assert.ok(replied.every((count) => count <= 2) && replied.includes(2), replied.join(' '))
  assert.is(arrivals({ ...scenario, forwarding: false }, 'forwardRequest').length, 0)
})

test.run()
