// The monitor of locks against the judgement of the whole history, after each event.

import * as assert from 'uvu/assert'
import { checkWords } from '../../checker/check-words.ts'
import type { HistoryEvent, Plain } from '../../checker/event.ts'
import { Pairing, PairingError } from '../../checker/formats/pairing.ts'
import type { AnyModel, ModelOptions } from '../../checker/models/catalogue.ts'
import { modelNamed } from '../../checker/models/catalogue.ts'
import { LockMonitor } from '../../checker/online/lock-monitor.ts'
import type { Verdict } from '../../checker/verdict.ts'
import { suite } from '../harness.ts'
import { chanceOf } from './chance.ts'
import { drawLocks, type DrawOptions } from './draw-locks.ts'
import { generate } from '../../bench/histories/generate.ts'

const test = suite('lock monitor, online')

interface Case extends Omit<DrawOptions, 'model'> {
  readonly name: string
  readonly options?: ModelOptions
}

const cases: readonly Case[] = [
  { name: 'owner-mutex' },
  {
    name: 'reentrant-mutex',
    options: { levelMax: 3 },
    tells: (chance) => (chance.percent(60) ? null : { count: chance.below(3) }),
  },
  {
    name: 'fenced-mutex',
    tells: (chance, granted) => {
      if (chance.percent(85)) return granted
      return chance.percent(50) ? null : granted - 1 - chance.below(2)
    },
  },
  { name: 'rw-lock', asks: ['shared', 'exclusive'] },
  { name: 'mutex' },
  { name: 'semaphore', options: { permits: 2 } },
]

function judge(model: AnyModel, events: readonly HistoryEvent[]): Verdict {
  const pairing = new Pairing()
  const ended = events.map((event) => pairing.observe(event)).filter((one) => one !== null)
  return checkWords([...ended, ...pairing.end()], model)
}

/** Where no few operations show it: who holds one of them is nobody's, or at some level. */
const isCounted: ReadonlySet<string> = new Set(['mutex', 'semaphore', 'reentrant-mutex'])

/** Feeds a history; answers at which event a violation was reported, if one was. */
function compare({ name, options = {} }: Case, events: readonly HistoryEvent[]): number | null {
  const model = modelNamed(name, options) as AnyModel
  const monitor = new LockMonitor(name, options)
  for (const [at, event] of events.entries()) {
    const found = monitor.observe(event)
    const right = judge(model, events.slice(0, at + 1))
    const said = `event ${at + 1} of ${JSON.stringify(events)}`
    const { verdict } = monitor.end()
    assert.is(verdict, right.verdict, said)
    if (monitor.undecided.length === 0) assert.is(found !== null, verdict === 'violation', said)
    if (found !== null && !isCounted.has(name)) {
      const shown = found.operations as Parameters<typeof checkWords>[0]
      assert.is(checkWords(shown, model).verdict, 'violation', `${found.message}: ${said}`)
      assert.ok(shown.length <= 3, said)
    }
    if (verdict === 'violation') return at
  }
  return null
}

for (const one of cases) {
  test(`lock monitor: ${one.name}: reports at the event that makes it impossible`, () => {
    const model = modelNamed(one.name, one.options) as AnyModel
    const seen = { good: 0, bad: 0, atFail: 0 }
    for (let seed = 1; seed <= 2_500; seed++) {
      const chance = chanceOf(seed)
      const retries = chance.pick([0, 0, 50])
      const shared = one.asks === undefined ? chance.pick([0, 0, 20]) : 0
      const keys = chance.pick([1, 2])
      const events = drawLocks({ ...one, model, retries, shared, keys }, chance)
      const at = compare(one, events)
      seen[at === null ? 'good' : 'bad'] += 1
      if (at !== null && events[at]?.type === 'fail') seen.atFail += 1
    }
    assert.ok(seen.good > 500 && seen.bad > 300 && seen.atFail > 0, JSON.stringify(seen))
  })
}

function event(type: HistoryEvent['type'], process: number, value: Plain = null): HistoryEvent {
  return { type, process, f: 'acquire', key: 'L', value, time: process * 1_000_000_000 }
}

test('lock monitor: two hold it: who, which, since when, with which tokens', () => {
  const monitor = new LockMonitor('fenced-mutex')
  for (const one of [event('invoke', 1), event('ok', 1, 6), event('invoke', 3)]) {
    assert.is(monitor.observe(one), null)
  }
  const found = monitor.observe(event('ok', 3, 7))
  assert.is(
    found?.message,
    'process 3 held L from 3.000 s with token 7 while process 1 held it from 1.000 s ' +
      'with token 6 and had not asked to release it',
  )
  assert.equal(found?.operations.map(({ process }) => process), [1, 3])
  assert.is(monitor.observe(event('invoke', 4)), found)
  assert.is(monitor.end(), found)
})

test('lock monitor: an owner goes on after it gave up: named, and judged at the end', () => {
  const monitor = new LockMonitor('owner-mutex')
  for (const one of [event('invoke', 1), event('info', 1), event('invoke', 1), event('ok', 1)]) {
    monitor.observe(one)
  }
  assert.equal(monitor.undecided, ['L'])
  monitor.observe(event('invoke', 2))
  assert.is(monitor.end().verdict, 'ok')
  monitor.observe(event('ok', 2))
  assert.is(monitor.end().verdict, 'violation')
})

test('lock monitor: permits of unequal size amidst a debt: unknown, not a guess', () => {
  const monitor = new LockMonitor('semaphore', { permits: 1 })
  const release = { ...event('invoke', 2), f: 'release' }
  const debt = [event('invoke', 1), event('ok', 1), release]
  const more = [event('invoke', 3), event('ok', 3), event('invoke', 4, 2)]
  for (const one of [...debt, ...more]) monitor.observe(one)
  assert.is(monitor.end().verdict, 'unknown')
})

test('lock monitor: an answer to nothing, two requests at once: as in pairing', () => {
  const throwsAt = (events: readonly HistoryEvent[]): void => {
    const monitor = new LockMonitor('mutex')
    const feed = (): void => events.forEach((one) => monitor.observe(one))
    assert.throws(feed, (error: Error) => error instanceof PairingError)
  }
  throwsAt([event('ok', 1)])
  throwsAt([event('invoke', 1), event('invoke', 1)])
  assert.throws(() => new LockMonitor('queue'), /no monitor knows queue/)
})

test('lock monitor: what the model has no word for: said as everywhere', () => {
  const monitor = new LockMonitor('mutex')
  const odd = { type: 'invoke', process: 1, f: 'steal', value: null } as const
  assert.throws(() => monitor.observe(odd), /process 1: the model mutex has no word/)
})

test('lock monitor: long histories of many clients, one lie: found where it is told', () => {
  for (const lie of [undefined, 'double-grant', 'early-token', 'same-token'] as const) {
    const world = { operations: 20_000, clients: 100, keys: 3, crashRate: 0.01 }
    const options = { kind: 'lock', ...world } as const
    const { events, injected } = generate(lie === undefined ? options : { ...options, lie })
    const monitor = new LockMonitor('fenced-mutex')
    const at = events.findIndex((one) => monitor.observe(one) !== null)
    assert.is(at >= 0, lie !== undefined)
    if (injected === null) continue
    const found = monitor.end()
    assert.is(found.verdict, 'violation')
    assert.is(judge(modelNamed('fenced-mutex') as AnyModel, events.slice(0, at)).verdict, 'ok')
  }
})

test.run()
