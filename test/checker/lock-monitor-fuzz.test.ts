// The monitor of locks against the exhaustive judge: no legal history refused, and hardly an
// impossible one let pass. A failure prints the seed and the history.

import * as assert from 'uvu/assert'
import { describeLock, type LockOperation } from '../../checker/lock-history.ts'
import { checkLocks, type LockTiming } from '../../checker/lock-monitor.ts'
import { malformedReason } from '../../checker/history.ts'
import { linearize } from '../../checker/linearize.ts'
import { leaseMutex } from '../../checker/models/lease-mutex.ts'
import { suite } from '../harness.ts'
import { chanceOf, type Chance } from './chance.ts'
import { mutate } from './lock-mutations.ts'
import { isLegal } from './lock-reference.ts'
import { wildLockHistory } from './lock-wild.ts'
import { lockFaults, runLockWorld, type LockWorldOptions } from './lock-world.ts'

const test = suite('lock monitor fuzz')

interface Tally {
  legal: number
  illegal: number
  /** Impossible histories that the monitor lets pass, although nothing in them is doubtful. */
  missed: number
  /** The same with acquires answered `expired` or releases without token. */
  missedDoubtful: number
}

const emptyTally = (): Tally => ({ legal: 0, illegal: 0, missed: 0, missedDoubtful: 0 })

function isDoubtful({ input, output }: LockOperation): boolean {
  if (input.type === 'release') return input.token === null
  return input.type === 'acquire' && output?.type === 'expired'
}

function drawOptions(chance: Chance): LockWorldOptions {
  return {
    operationsMax: 5 + chance.below(6),
    lossPercent: chance.pick([0, 5, 15, 30]),
    ttlMsMin: chance.pick([1, 5, 10]),
    ttlMsSpan: chance.pick([1, 10, 20]),
    untokenedPercent: chance.pick([0, 0, 0, 30])
  }
}

/** Judges one history both ways; throws on a false alarm. */
function compare(tally: Tally, seed: number, history: LockOperation[], timing: LockTiming): void {
  const { unitsPerMs, epsilonPpm, slackMs } = timing
  const shortest = (ttlMs: number): number => {
    return Math.floor((ttlMs * unitsPerMs * (1_000_000 - 2 * epsilonPpm)) / 1_000_000)
  }
  const terms = { leaseMin: (ttlMs: number) => shortest(ttlMs) - slackMs * unitsPerMs }
  const legal = isLegal(history, terms)
  const verdict = checkLocks(history, timing)
  assert.is.not(legal, null, `seed ${seed}: the exhaustive search gave up`)
  assert.is.not(verdict.verdict, 'unknown', `seed ${seed}`)
  if (!legal) {
    tally.illegal += 1
    if (verdict.verdict === 'ok') {
      if (history.some(isDoubtful)) tally.missedDoubtful += 1
      else tally.missed += 1
    }
    return
  }
  tally.legal += 1
  if (verdict.verdict !== 'violation') return
  assert.unreachable(`seed ${seed}: false alarm: ${verdict.message}\n${show(history)}`)
}

function show(history: readonly LockOperation[]): string {
  const sorted = [...history].sort((a, b) => a.call - b.call)
  return sorted
    .map(({ process, call, return: answered, outcome, input, output }) => {
      return `  p${process} ${call}..${answered} ${outcome} ${describeLock(input, output)}`
    })
    .join('\n')
}

test('lock monitor: an honest service: never refused, and the exhaustive search agrees', () => {
  const tally = emptyTally()
  const seen = new Set<string>()
  for (let seed = 1; seed <= 800; seed++) {
    const chance = chanceOf(seed)
    const { history, epsilonPpm } = runLockWorld(chance, drawOptions(chance))
    compare(tally, seed, history, { unitsPerMs: 1000, epsilonPpm, slackMs: 1 })
    for (const { input, output, outcome } of history) {
      seen.add(`${input.type} ${output?.type ?? outcome}`)
    }
  }
  assert.equal(tally, { ...emptyTally(), legal: 800 })
  const expected = [
    ...['acquire expired', 'acquire granted', 'acquire held', 'acquire info'],
    ...['acquire rejected', 'acquire timeout'],
    ...['release info', 'release notHolder', 'release released'],
    ...['renew expired', 'renew info', 'renew renewed', 'status info', 'status status']
  ]
  assert.equal([...seen].sort(), expected)
})

test('lock monitor: an honest service, long histories: never refused', () => {
  for (let seed = 1; seed <= 100; seed++) {
    const chance = chanceOf(seed)
    const options = { ...drawOptions(chance), operationsMax: 150 }
    const { history, epsilonPpm } = runLockWorld(chance, options)
    const verdict = checkLocks(history, { unitsPerMs: 1000, epsilonPpm, slackMs: 1 })
    assert.is(verdict.verdict, 'ok', `seed ${seed}: ${JSON.stringify(verdict)}`)
  }
})

test('lock monitor: an honest service judged without its clock bounds: refused at times', () => {
  const refused = { withoutSlack: 0, withoutEpsilon: 0 }
  for (let seed = 1; seed <= 300; seed++) {
    const chance = chanceOf(seed)
    const options = { ...drawOptions(chance), operationsMax: 40, ttlMsMin: 20 }
    const { history, epsilonPpm } = runLockWorld(chance, options)
    const timing = { unitsPerMs: 1000, epsilonPpm, slackMs: 1 }
    const withoutSlack = checkLocks(history, { ...timing, slackMs: 0, epsilonPpm: 0 })
    const withoutEpsilon = checkLocks(history, { ...timing, epsilonPpm: 0 })
    if (withoutSlack.verdict === 'violation') refused.withoutSlack += 1
    if (withoutEpsilon.verdict === 'violation') refused.withoutEpsilon += 1
  }
  assert.ok(refused.withoutSlack > 0 && refused.withoutEpsilon > 0, JSON.stringify(refused))
})

test('lock monitor: answers of an honest service changed: refused as the search refuses', () => {
  const tally = emptyTally()
  for (let seed = 1; seed <= 2000; seed++) {
    const chance = chanceOf(seed)
    const { history, epsilonPpm } = runLockWorld(chance, drawOptions(chance))
    let changed = history
    for (let times = 1 + chance.below(3); times > 0; times--) {
      changed = mutate(chance, changed) ?? changed
    }
    if (malformedReason(changed) !== null) continue
    compare(tally, seed, changed, { unitsPerMs: 1000, epsilonPpm, slackMs: 1 })
  }
  assert.ok(tally.legal > 1000 && tally.illegal > 700, JSON.stringify(tally))
  assert.ok(tally.missed === 0 && tally.missedDoubtful <= 5, JSON.stringify(tally))
})

test('lock monitor: histories of chance alone: refused as the search refuses', () => {
  const tally = emptyTally()
  for (let seed = 1; seed <= 6000; seed++) {
    const chance = chanceOf(seed)
    const history = wildLockHistory(chance)
    compare(tally, seed, history, { unitsPerMs: 1, epsilonPpm: 0, slackMs: chance.below(2) })
  }
  assert.ok(tally.legal > 500 && tally.illegal > 4000, JSON.stringify(tally))
  assert.ok(tally.missed === 0 && tally.missedDoubtful <= 60, JSON.stringify(tally))
})

test('lock monitor: a service with a fault: each fault is caught within a few histories', () => {
  const caught: Record<string, number> = {}
  for (const fault of lockFaults) {
    for (let seed = 1; seed <= 120; seed++) {
      const chance = chanceOf(seed)
      const { history, epsilonPpm } = runLockWorld(chance, {
        ...drawOptions(chance),
        operationsMax: 40,
        fault
      })
      const verdict = checkLocks(history, { unitsPerMs: 1000, epsilonPpm, slackMs: 1 })
      if (verdict.verdict === 'violation') caught[fault] = (caught[fault] ?? 0) + 1
    }
  }
  for (const fault of lockFaults) {
    assert.ok((caught[fault] ?? 0) > 60, `${fault}: caught ${caught[fault] ?? 0} of 120`)
  }
})

test('lock monitor: leases without end: agrees with the generic search', () => {
  const tally = emptyTally()
  for (let seed = 1; seed <= 800; seed++) {
    const chance = chanceOf(seed)
    const world = runLockWorld(chance, {
      ...drawOptions(chance),
      lossPercent: 0,
      ttlMsMin: 1_000_000
    })
    const changed = mutate(chance, world.history)
    for (const history of [world.history, ...(changed === null ? [] : [changed])]) {
      if (malformedReason(history) !== null) continue
      if (history.some(({ outcome }) => outcome === 'info')) continue
      const timing = { unitsPerMs: 1000, epsilonPpm: 0, slackMs: 0 }
      const searched = linearize(leaseMutex, history)
      const legal = isLegal(history, { leaseMin: ttlMs => ttlMs * 1000 })
      assert.is(searched.verdict, legal ? 'ok' : 'violation', `seed ${seed}\n${show(history)}`)
      compare(tally, seed, history, timing)
    }
  }
  assert.ok(tally.legal > 800 && tally.illegal > 150, JSON.stringify(tally))
  assert.is(tally.missed + tally.missedDoubtful, 0)
})

test.run()
