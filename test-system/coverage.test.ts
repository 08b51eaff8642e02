// The coverage of core/ is kept, and the check that says so can fail.

import * as assert from 'uvu/assert'
import { suite } from '../test/harness.ts'
import { run } from '../test/support/commands.ts'
import { repositoryRoot } from '../test/support/source-files.ts'

const test = suite('coverage')
const deadlineMs = 600_000

test('coverage: tests that leave core alone: reported as a failure', () => {
  const script = ['scripts/coverage.js', 'test/tidy.test.ts']
  const { code, output } = run(repositoryRoot, process.execPath, ...script)
  assert.is(code, 1)
  assert.match(output, /core\/ is covered to [\d.]+ %, not 90 %/)
}, { deadlineMs })

test('coverage: all tests: core is covered', () => {
  const { code, output } = run(repositoryRoot, 'npm', 'run', '-s', 'coverage')
  assert.is(code, 0, output)
}, { deadlineMs })

test.run()
