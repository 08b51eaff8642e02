// A run is a function of its seed: in this process, in another, on other threads, and from one
// release to the next. Pins are written anew with
//
//   UPDATE_PINNED=1 node --import tsx test/sim/determinism.test.ts

import { readFileSync, writeFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { DEFAULT_SETTING, failedReport, Tally } from '../../sim/campaign.ts'
import { compareRuns } from '../../sim/determinism.ts'
import type { Rule } from '../../sim/network.ts'
import { simulate } from '../../sim/simulate.ts'
import { installCopy, jsonOf, lockstep } from '../cli/support.ts'
import { suite } from '../harness.ts'
import { removeTemporaryFolders } from '../support/commands.ts'

const test = suite('determinism')
test.after(removeTemporaryFolders)

interface Pin {
  readonly seed: number
  readonly traceHash: string
}

const PINS_URL = new URL('pinned-seeds.json', import.meta.url)
const PINNED_SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]

if (process.env['UPDATE_PINNED'] === '1') {
  const pins = PINNED_SEEDS.map((seed) => ({ seed, traceHash: simulate({ seed }).traceHash }))
  const lines = pins.map((pin) => `  ${JSON.stringify(pin)}`)
  writeFileSync(PINS_URL, `[\n${lines.join(',\n')}\n]\n`)
}

const pins = JSON.parse(readFileSync(PINS_URL, 'utf8')) as readonly Pin[]

test('determinism: ten pinned seeds: their hashes hold, one after the other', () => {
  assert.equal(pins.map(({ seed }) => seed), PINNED_SEEDS)
  for (const { seed, traceHash } of pins) assert.is(simulate({ seed }).traceHash, traceHash)
})

test('determinism: ten pinned seeds: their hashes hold with another seed run before', () => {
  for (const { seed, traceHash } of [...pins].reverse()) {
    simulate({ seed: seed + 1_000, fireMs: 500 })
    assert.is(simulate({ seed }).traceHash, traceHash)
  }
})

test('determinism: ten pinned seeds: their hashes hold in other processes, with any --jobs', () => {
  const tally = new Tally(DEFAULT_SETTING)
  for (const { seed, traceHash } of pins) {
    tally.add({ ...failedReport(seed, ''), error: null, traceHash })
  }
  const { campaignHash } = tally.summary()
  const root = installCopy()
  for (const jobs of ['1', '3']) {
    const outcome = lockstep(root, ['sim', '--seeds', '1..10', '--jobs', jobs, '--json'])
    assert.is(jsonOf(outcome)['campaignHash'], campaignHash)
  }
  const [first] = pins
  const alone = jsonOf(lockstep(root, ['sim', '--seed', '1', '--json']))
  assert.is(alone['traceHash'], first?.traceHash)
})

/** A calm world, where every message arrives unless a rule has it otherwise. */
const options = { seed: 3, nodes: 3, fireMs: 3_000, faults: [] }

test('determinism: two runs of a seed: no event differs', () => {
  const { result, difference } = compareRuns(options)
  assert.is(difference, null)
  assert.is(result.traceHash, simulate(options).traceHash)
})

/** How many packets one run sends, and how many turns its nodes make. */
function countsOfOneRun(): { readonly packets: number; readonly turns: number } {
  const counts = { packets: 0, turns: 0 }
  const rule: Rule = () => {
    counts.packets++
    return { type: 'pass' }
  }
  const stepped = (): null => {
    counts.turns++
    return null
  }
  simulate({ ...options, rules: [rule], oracles: [{ name: 'counts', stepped }] })
  return counts
}

test('determinism: a rule that counts across runs: the first event that differs is named', () => {
  const { packets } = countsOfOneRun()
  let sent = 0
  let lostUs = 0
  // Not a function of the seed: the hundredth packet of the second run is dropped.
  const rule: Rule = ({ timeUs }) => {
    if (++sent !== packets + 100) return { type: 'pass' }
    lostUs = timeUs
    return { type: 'drop' }
  }
  const { difference } = compareRuns({ ...options, rules: [rule] })
  if (difference === null) throw new Error('no difference was seen')
  // It is missed when it should arrive, or when what was put in after it has another number.
  const lateUs = difference.timeUs - lostUs
  assert.ok(lateUs >= 0 && lateUs <= 50_000, `the runs part ${lateUs} us after the loss`)
  const { number, kind, message } = difference
  assert.ok(number > 100 && number < 10_000, message)
  assert.match(message, new RegExp(`^event ${number}: ${kind} at \\d+\\.\\d{6} s to .+ second$`))
})

test('determinism: an oracle that counts across runs: the second run ended before an event', () => {
  const { turns } = countsOfOneRun()
  let steps = 0
  const stepped = (): string | null => (++steps === turns + 100 ? 'enough' : null)
  const { result, difference } = compareRuns({ ...options, oracles: [{ name: 'fickle', stepped }] })
  assert.is(result.verdict, 'ok')
  assert.match(difference?.message ?? '', /^event \d+: .+; the second run ended before it$/)
})

test.run()
