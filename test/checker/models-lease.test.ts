// The model of a lock with leases against every order, every instant and every expiry.

import * as assert from 'uvu/assert'
import type { Asked, HistoryEvent, Plain, Told } from '../../checker/event.ts'
import { linearize } from '../../checker/linearize.ts'
import { checkLocks } from '../../checker/lock-monitor.ts'
import { modelNamed, type AnyModel } from '../../checker/models/catalogue.ts'
import { lockOperations, type LeaseInput, type LeaseOutput } from '../../checker/models/lease.ts'
import type { Model } from '../../checker/model.ts'
import type { Operation } from '../../checker/history.ts'
import { suite } from '../harness.ts'
import { brokenLaw } from './evidence-laws.ts'
import { chanceOf, type Chance } from './chance.ts'
import { pairToys, readToys, type ToyOperation } from './models-toys.ts'

const test = suite('model of leases')

const lease = modelNamed('lease', {}) as AnyModel
const nanosecondsPerMs = 1_000_000

/** The deterministic form of a model: its states are the sets of what may be. */
function determined(model: AnyModel): Model<readonly unknown[], unknown, unknown> {
  const hash = (states: readonly unknown[]): string => states.map(model.hash).sort().join(' | ')
  return {
    name: model.name,
    init: () => [model.init()],
    step: (states, input, output) => {
      const after = states.flatMap((state) => model.steps?.(state, input, output) ?? [])
      const distinct = new Map(after.map((state) => [model.hash(state), state]))
      return after.length === 0 ? null : [...distinct.values()]
    },
    equal: (a, b) => hash(a) === hash(b),
    hash,
    describe: model.describe,
    describeState: (states) => states.map(model.describeState).join(' or ')
  }
}

interface World {
  readonly owner: string | null
  readonly level: number
  readonly token: number
  readonly tokenMax: number
  readonly expires: number
  readonly at: number
}

const start: World = { owner: null, level: 0, token: 0, tokenMax: 0, expires: 0, at: 0 }

interface Fields {
  readonly owner: string
  readonly ttlMs: number
  readonly token?: number
}

/** What a lock may be after `asked` was answered `told` at the instant `at`. */
function after(world: World, asked: Asked, told: Told | undefined, at: number): World[] {
  const { owner, ttlMs } = asked.value as unknown as Fields
  const answer = (told?.value ?? {}) as unknown as Partial<Fields>
  const isOwn = world.owner === owner
  const now = { ...world, at }
  const deadline = at + ttlMs
  if (told?.failed === true) {
    if (asked.f !== 'acquire') return isOwn ? [] : [now]
    if (answer.token === undefined) return [now]
    return world.owner !== null && !isOwn && world.token === answer.token ? [now] : []
  }
  if (asked.f === 'release') {
    if (!isOwn) return []
    const isLast = told !== undefined || world.level === 1
    return [isLast ? { ...now, owner: null, level: 0 } : { ...now, level: world.level - 1 }]
  }
  if (asked.f === 'renew') {
    if (!isOwn || (answer.token ?? world.token) !== world.token) return []
    const renewed = { ...now, expires: deadline }
    return told === undefined ? [now, renewed] : [renewed]
  }
  if (world.owner !== null && !isOwn) return []
  if (isOwn) {
    if (told === undefined) return [{ ...now, level: world.level + 1 }]
    const isRefresh = world.level === 1 && (answer.token ?? world.token) === world.token
    return isRefresh ? [{ ...now, expires: Math.max(world.expires, deadline) }] : []
  }
  const isUntold = answer.token === undefined
  const tokens = isUntold ? [1, 2, 3, 4, 5, 6, 7, world.tokenMax + 0.01] : [answer.token as number]
  return tokens
    .filter((token) => token > world.tokenMax)
    .map((token) => {
      const tokenMax = token
      const expires = told === undefined ? at : deadline
      return { ...now, owner, level: 1, token, tokenMax, expires }
    })
}

/**
 * By definition, for times in whole milliseconds. What comes after the last answer explains none
 * and is not tried.
 */
function isPossible(operations: readonly ToyOperation[]): boolean {
  const answered = operations.filter(({ told }) => told !== undefined)
  const last = Math.max(...answered.map((operation) => operation.return))
  const seen = new Set<string>()
  const explains = (world: World, left: readonly ToyOperation[]): boolean => {
    if (left.every(({ told }) => told === undefined)) return true
    const name = [...Object.values(world), ...left.map(({ call }) => call)].join()
    if (seen.has(name)) return false
    seen.add(name)
    return left.some((next) => {
      const rest = left.filter((other) => other !== next)
      if (rest.some((other) => other.return < next.call)) return false
      for (let at = Math.max(world.at, next.call); at <= Math.min(next.return, last); at++) {
        const worlds = [world]
        if (world.owner !== null && world.expires <= at) {
          worlds.push({ ...world, owner: null, level: 0 })
        }
        const reached = worlds.flatMap((one) => after(one, next.asked, next.told, at))
        if (reached.some((one) => explains(one, rest))) return true
      }
      return false
    })
  }
  return explains(start, operations)
}

/** Events one millisecond apart, or more. Tokens mostly grow, and owners mostly alternate. */
function drawEvents(chance: Chance): HistoryEvent[] {
  const events: HistoryEvent[] = []
  const open: (HistoryEvent | null)[] = [null, null, null]
  let time = 0
  let asked = 0
  let token = 1
  const operationsMax = 2 + chance.below(4)
  for (let round = 0; round < 24; round++) {
    const lane = chance.below(3)
    const pending = open[lane] ?? null
    const process = pending?.process ?? lane + 10 * round
    const at = time * nanosecondsPerMs
    if (pending === null) {
      if (asked++ >= operationsMax) continue
      const f = chance.pick(['acquire', 'acquire', 'acquire', 'renew', 'release'])
      const value = { owner: chance.pick(['a', 'a', 'b']), ttlMs: chance.pick([1, 3, 8]) }
      const event: HistoryEvent = { type: 'invoke', process, f, value, time: at }
      events.push(event)
      open[lane] = event
    } else {
      open[lane] = null
      const type = chance.percent(12) ? 'info' : chance.percent(20) ? 'fail' : 'ok'
      if (pending.f === 'acquire' && type === 'ok' && chance.percent(65)) token += 1
      const named = { token: chance.percent(90) ? token : 1 + chance.below(3) }
      const value: Plain = pending.f === 'release' || chance.percent(10) ? null : named
      events.push({ ...pending, type, value, time: at })
    }
    time += 1 + (chance.percent(20) ? chance.below(3) : 0)
  }
  return events
}

/** How many histories. */
const rounds = Number(process.env['ROUNDS'] ?? 1500)

test('lease: random histories: every verdict as by definition, none refused by the judge', () => {
  const seen = { ok: 0, violation: 0, unknown: 0, judged: 0 }
  for (let seed = 1; seed <= rounds; seed++) {
    const events = drawEvents(chanceOf(seed))
    const operations = pairToys(events, true).filter(({ asked, told }) => {
      return told?.failed !== true || asked.f !== 'acquire' || told.value !== null
    })
    const history = readToys(lease, operations)
    const { verdict } = linearize(determined(lease), history)
    const inMs = (time: number | undefined): number => (time ?? Infinity) / nanosecondsPerMs
    const timed = operations.map((one) => {
      return { ...one, call: inMs(one.asked.time), return: inMs(one.asked.timeReturned) }
    })
    const isExpected = isPossible(timed)
    const shown = `seed ${seed}: ${JSON.stringify(operations)}`
    assert.is(verdict, isExpected ? 'ok' : 'violation', shown)
    seen[verdict] += 1
    assert.is(brokenLaw(lease, history, chanceOf(seed)), null, shown)
    const locks = lockOperations(history as Operation<LeaseInput, LeaseOutput>[])
    const timing = { unitsPerMs: nanosecondsPerMs, epsilonPpm: 0, slackMs: 0 }
    const judged = checkLocks(locks, timing).verdict
    if (judged === 'violation') seen.judged += 1
    if (isExpected) assert.is.not(judged, 'violation', shown)
  }
  assert.ok(seen.ok > 200 && seen.violation > 200 && seen.judged > 50, JSON.stringify(seen))
}, { deadlineMs: 60_000 + 20 * rounds })

test('lease: what the service promises of its clock: a lease may run so much short', () => {
  const grant = (process: number, time: number, token: number): HistoryEvent[] => {
    const at = time * nanosecondsPerMs
    const common = { process, f: 'acquire', value: { ttlMs: 1000 } } as const
    return [
      { ...common, type: 'invoke', time: at },
      { ...common, type: 'ok', value: token, time: at }
    ]
  }
  const judge = (second: number, epsilonPpm: number, slackMs: number): string => {
    const model = modelNamed('lease', { epsilonPpm, slackMs }) as AnyModel
    const operations = pairToys([...grant(0, 0, 1), ...grant(1, second, 2)], false)
    return linearize(determined(model), readToys(model, operations)).verdict
  }
  assert.is(judge(1000, 0, 0), 'ok')
  assert.is(judge(999, 0, 0), 'violation')
  assert.is(judge(998, 1000, 0), 'ok')
  assert.is(judge(997, 1000, 0), 'violation')
  assert.is(judge(997, 1000, 1), 'ok')
})

test('lease: words of files: owner, token, TTL and levels from fields', () => {
  const asked = { process: 4, time: 5, timeReturned: 9, key: 'L' }
  const renew = { ...asked, f: 'renew', value: { owner: 'c1', token: 7, ttl: 30 } }
  const input = lease.ask(renew) as LeaseInput
  assert.equal(input.asked, { type: 'renew', key: 'L', owner: 'c1', token: 7, ttlMs: 30 })
  assert.equal([input.call, input.return], [5, 9])
  assert.equal(lease.tell(input, { value: null }), { type: 'renewed', token: 7, ttlMs: 30 })
  assert.equal(lease.tell(input, { value: null, failed: true }), { type: 'notHolder' })
  const acquire = lease.ask({ ...asked, f: 'acquire', value: null })
  const granted = { type: 'granted', token: 8, count: 2 }
  assert.equal(lease.tell(acquire, { value: { fence: 8, count: 2 } }), granted)
  assert.is(lease.ask({ f: 'acquire', value: null, process: 4 }), null)
})

test.run()
