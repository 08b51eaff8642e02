// The examples that use the simulator run as their reader would run them, and say what they found.

import * as assert from 'uvu/assert'
import { suite } from '../harness.ts'
import { run } from '../support/commands.ts'
import type { CommandResult } from '../support/commands.ts'
import { repositoryRoot } from '../support/source-files.ts'

const test = suite('examples/simulator')
const deadlineMs = 120_000

function runExample(name: string, ...flags: readonly string[]): CommandResult {
  const file = `examples/${name}.ts`
  return run(repositoryRoot, process.execPath, '--import', 'tsx', ...flags, file)
}

test('examples: simulate your machine: finds the planted bug, and none when mended', () => {
  const { code, output } = runExample('simulate-your-machine')
  assert.is(code, 0, output)
  const lines = output.trim().split('\n')
  assert.is(lines.length, 5, output)
  const [oracle, why, model, order, mended] = lines as [string, string, string, string, string]
  assert.match(oracle, /^forgetful, seen by our own oracle: seed \d+: a deposit counts once$/)
  assert.match(why, /^ {2}deposit \d\.\d+ counted at entries \d+ and \d+$/)
  assert.match(model, /^forgetful, seen by the model: seed \d+: linearizable$/)
  assert.match(order, /^ {2}No order explains /)
  assert.match(mended, /^mended: \d+ seeds, all ok$/)
}, { deadlineMs })

test('examples: fuzz with fast-check: finds nothing wrong with the lock service', () => {
  const { code, output } = runExample('fuzz-with-fast-check')
  assert.equal([code, output], [0, '100 scenarios, all ok\n'])
}, { deadlineMs })

test('examples: test with node:test: every test passes', () => {
  const { code, output } = runExample('test-with-node-test', '--test', '--test-reporter=tap')
  assert.is(code, 0, output)
  assert.match(output, /^# pass 12$/m)
  assert.match(output, /^# fail 0$/m)
}, { deadlineMs })

test('examples: fuzz your locking: a count is lost without the token, and none with it', () => {
  const { code, output } = runExample('fuzz-your-locking')
  assert.is(code, 0, output)
  const lines = output.trim().split('\n')
  assert.is(lines[0], 'without the token: a count is lost')
  assert.ok(lines.slice(1, -1).every((line) => /^ {2}\d+ ms later o[01] asks for /.test(line)))
  assert.ok(lines.length <= 7, 'the story is short')
  assert.is(lines.at(-1), 'with the token: none is lost')
}, { deadlineMs })

test.run()
