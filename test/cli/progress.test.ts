// The line that says how far a campaign has come.

import * as assert from 'uvu/assert'
import { Progress } from '../../cli/progress.ts'
import type { Screen } from '../../cli/screen.ts'
import { failedReport } from '../../sim/campaign.ts'
import type { SeedReport } from '../../sim/campaign.ts'
import { suite } from '../harness.ts'

const test = suite('progress')

const good: SeedReport = { ...failedReport(1, ''), verdict: 'ok', error: null, events: 1_000 }

/** A screen that keeps what it is told. */
function screenOf(hasStatus: boolean): { screen: Screen; statuses: string[]; lines: string[] } {
  const statuses: string[] = []
  const lines: string[] = []
  const screen: Screen = {
    isTerminal: hasStatus,
    hasStatus,
    columns: 80,
    print: (text) => lines.push(text),
    complain: (text) => lines.push(text),
    status: (text) => {
      if (hasStatus) statuses.push(text)
    },
    paint: (style, text) => (style === 'red' ? `!${text}` : text),
  }
  return { screen, statuses, lines }
}

test('progress: on a terminal: a bar with the seeds, the speed and the time left', () => {
  const { screen, statuses, lines } = screenOf(true)
  let nowMs = 5_000
  const options = { seeds: { first: 11, last: 20 }, budgetMs: null }
  const progress = new Progress(screen, options, () => nowMs)
  for (let seed = 0; seed < 5; seed++) {
    nowMs += 2_000
    progress.add(good)
  }
  const half = `${'█'.repeat(12)}${'·'.repeat(12)}`
  assert.is(statuses.at(-1), ` ${half}  5 of 10 seeds  500 events/s  10 s left`)
  nowMs += 50
  progress.add(good)
  assert.match(statuses.at(-1) ?? '', / 5 of 10/, 'it is drawn ten times a second at most')
  progress.end()
  assert.is(statuses.at(-1), '')
  assert.equal(lines, [])
})

test('progress: a failed seed: counted, and the bar changes its colour', () => {
  const { screen, statuses } = screenOf(true)
  let nowMs = 0
  const options = { seeds: { first: 1, last: 4 }, budgetMs: null }
  const progress = new Progress(screen, options, () => nowMs)
  nowMs += 200
  progress.add(failedReport(1, 'gone'))
  assert.match(statuses.at(-1) ?? '', /^ !█.+ 1 of 4 seeds {2}1 failed/)
})

test('progress: a budget without an end of seeds: the bar follows the budget', () => {
  const { screen, statuses } = screenOf(true)
  let nowMs = 0
  const options = { seeds: { first: 1, last: Number.MAX_SAFE_INTEGER }, budgetMs: 8_000 }
  const progress = new Progress(screen, options, () => nowMs)
  nowMs += 6_000
  progress.add(good)
  const bar = `${'█'.repeat(18)}${'·'.repeat(6)}`
  assert.is(statuses.at(-1), ` ${bar}  1 seed  167 events/s  2 s left`)
})

test('progress: in a log: a plain line every half minute', () => {
  const { screen, statuses, lines } = screenOf(false)
  let nowMs = 0
  const options = { seeds: { first: 1, last: 100 }, budgetMs: null }
  const progress = new Progress(screen, options, () => nowMs)
  for (let seed = 0; seed < 7; seed++) {
    nowMs += 10_000
    progress.add(good)
  }
  assert.equal(statuses, [])
  assert.equal(lines, ['3 of 100 seeds after 30 s', '6 of 100 seeds after 1 min 0 s'])
})

test.run()
