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
  assert.match(output, /core\/ is covered to [\d.]+ %, not 95 %/)
}, { deadlineMs })

test('coverage: the tests of core: core is covered', () => {
  const script = ['scripts/coverage.js', 'test/core', 'test/transcripts']
  const { code, output } = run(repositoryRoot, process.execPath, ...script)
  assert.is(code, 0, output)
}, { deadlineMs })

test.run()
