// The values of options, as people write them.

import * as assert from 'uvu/assert'
import { duration, integer, shellWord } from '../../cli/format.ts'
import { withSuggestion } from '../../server/suggest.ts'
import { parseDurationMs, parseFaults, parseSeeds } from '../../cli/values.ts'
import { UsageError, worstExit } from '../../cli/verb.ts'
import { suite } from '../harness.ts'

const test = suite('values')

test('values: durations: units add up to milliseconds', () => {
  const accepted: readonly (readonly [string, number])[] = [
    ['500ms', 500],
    ['30s', 30_000],
    ['1.5s', 1_500],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['1m0.5s', 60_500],
  ]
  for (const [text, ms] of accepted) assert.is(parseDurationMs('budget', text), ms)
  for (const text of ['', '5', 's', '-5s', '5 s', '1e3s', '0ms', '99999999999999999h']) {
    const parse = (): number => parseDurationMs('budget', text)
    assert.throws(parse, (error: Error) => error instanceof UsageError)
  }
})

test('values: seeds: a count or a range', () => {
  assert.equal(parseSeeds('7'), { first: 1, last: 7 })
  assert.equal(parseSeeds('0..0'), { first: 0, last: 0 })
  assert.equal(parseSeeds('5..9007199254740991'), { first: 5, last: 9007199254740991 })
})

test('values: faults: in the order of the world, each once', () => {
  assert.equal(parseFaults('crash,loss,crash'), ['loss', 'crash'])
  assert.equal(parseFaults('none'), [])
  assert.is(parseFaults('swarm'), 'swarm')
})

test('values: suggestions: a slip is understood, another word is not', () => {
  const hint = (word: string): string => withSuggestion('', word, ['sim', 'replay', 'mutants'])
  assert.is(hint('replya'), " (did you mean 'replay'?)")
  assert.is(hint('smi'), " (did you mean 'sim'?)")
  assert.is(hint('mutant'), " (did you mean 'mutants'?)")
  assert.is(hint('banana'), '')
})

test('values: what people read: integers, durations, words of a shell', () => {
  assert.equal([integer(0), integer(999), integer(3402113)], ['0', '999', '3,402,113'])
  const durations = [0.85, 12.34, 250, 6_120].map(duration)
  assert.equal(durations, ['850 ms', '12.3 s', '4 min 10 s', '1 h 42 min'])
  assert.equal(["a/b-1.json", "it's"].map(shellWord), ['a/b-1.json', "'it'\\''s'"])
})

test('values: exit codes of several inputs: 2 beats 1 beats 3', () => {
  assert.is(worstExit([]), 0)
  assert.is(worstExit([0, 3]), 3)
  assert.is(worstExit([3, 1, 0]), 1)
  assert.is(worstExit([1, 3, 2]), 2)
})

test.run()
