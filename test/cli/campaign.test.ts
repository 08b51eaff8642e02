// How the runs of a campaign add up.

import * as assert from 'uvu/assert'
import { DEFAULT_SETTING, failedReport, REQUIRED_PROBES, Tally } from '../../sim/campaign.ts'
import type { CampaignSummary, SeedReport, Setting } from '../../sim/campaign.ts'
import { suite } from '../harness.ts'

const test = suite('campaign')

function report(seed: number, rest: Partial<SeedReport> = {}): SeedReport {
  return {
    ...failedReport(seed, ''),
    verdict: 'ok',
    error: null,
    events: 10,
    simSeconds: 31.1,
    fireSeconds: 30,
    traceHash: String(seed).padStart(32, '0'),
    ...rest,
  }
}

function summaryOf(
  reports: readonly SeedReport[],
  setting: Setting = DEFAULT_SETTING,
): CampaignSummary {
  const tally = new Tally(setting)
  for (const one of reports) tally.add(one)
  return tally.summary()
}

const many = (count: number, rest: Partial<SeedReport> = {}): SeedReport[] =>
  Array.from({ length: count }, (_, at) => report(at + 1, rest))

const probes = Object.fromEntries(REQUIRED_PROBES.map((probe) => [probe, 1]))

test('campaign: sums, medians and the hash over all seeds', () => {
  const summary = summaryOf([
    report(1, { faults: { loss: 2, crash: 1 }, operations: { ok: 5, fail: 1, unknown: 9 } }),
    report(2, { faults: { loss: 3, pause: 0 }, operations: { ok: 2, fail: 0, unknown: 0 } }),
    report(3, { oracles: { fencing: 4 }, fireSeconds: 12 }),
  ])
  assert.is(summary.verdict, 'ok')
  assert.is(summary.events, 30)
  assert.is(summary.simSeconds, 93.3)
  assert.is(summary.faults['loss'], 5)
  assert.is(summary.faults['torn'], 0)
  assert.equal(summary.operations, { ok: 7, fail: 1, unknown: 9 })
  assert.equal(summary.medians, { fireSeconds: 30, answeredOperations: 2, faultKinds: 1 })
  const other = summaryOf([report(1), report(2), report(4)])
  assert.is.not(summary.campaignHash, other.campaignHash)
})

test('campaign: verdicts: a violation outweighs what stayed undecided', () => {
  const violation = { oracle: 'fencing', message: 'stale' }
  const bad = report(7, { verdict: 'violation', violation })
  const undecided = report(8, { verdict: 'unknown' })
  const failed = failedReport(9, new TypeError('no such field'))
  assert.is(summaryOf([undecided]).verdict, 'unknown')
  assert.equal(summaryOf([undecided]).undecided, [8])
  assert.is(summaryOf([bad, undecided, failed]).verdict, 'violation')
  assert.equal(summaryOf([bad]).violations, [{ seed: 7, ...violation }])
  const { verdict, errors, violations } = summaryOf([failed])
  assert.is(verdict, 'unknown')
  assert.match(errors[0]?.error ?? '', /TypeError: no such field/)
  assert.equal(violations, [])
})

test('campaign: 200 seeds: each required situation must have come up', () => {
  assert.is(summaryOf(many(199)).verdict, 'ok')
  assert.is(summaryOf(many(200, { probes })).verdict, 'ok')
  const [missing = '', ...others] = REQUIRED_PROBES
  const fewer = Object.fromEntries(others.map((probe) => [probe, 1]))
  const { verdict, violations } = summaryOf(many(200, { probes: fewer }))
  assert.is(verdict, 'violation')
  assert.is(violations[0]?.seed, null)
  assert.is(violations[0]?.message, `never reached in 200 seeds: ${missing}`)
})

test('campaign: 200 seeds: each oracle must have had something to look at', () => {
  const awake = many(200, { probes, oracles: { fencing: 0, linearizable: 1 } })
  awake[7] = report(8, { probes, oracles: { fencing: 1, linearizable: 1 } })
  assert.is(summaryOf(awake).verdict, 'ok')
  const asleep = many(200, { probes, oracles: { fencing: 0, linearizable: 1 } })
  const { verdict, violations, oracles } = summaryOf(asleep)
  assert.is(verdict, 'violation')
  assert.equal(oracles, { fencing: 0, linearizable: 200 })
  const message = 'never evaluated in 200 seeds: fencing'
  assert.equal(violations, [{ seed: null, oracle: 'reachability', message }])
  assert.is(summaryOf(asleep.slice(1)).verdict, 'ok')
})

test('campaign: 200 seeds of a world that leaves something out: nothing is required', () => {
  for (const part of [{ faults: [] }, { nodes: 1 }, { clients: 1 }, { fireMs: 100 }]) {
    const asleep = many(200, { oracles: { fencing: 0 } })
    assert.is(summaryOf(asleep, { ...DEFAULT_SETTING, ...part }).verdict, 'ok')
  }
})

test.run()
