// The harness and the runner, shown to fail where uvu alone would pass.

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as assert from 'uvu/assert'
import { suite } from './harness.ts'
import { run } from './support/commands.ts'
import { repositoryRoot } from './support/source-files.ts'

const test = suite('harness')
const harness = pathToFileURL(join(repositoryRoot, 'test/harness.ts')).href

interface Outcome {
  readonly code: number | null
  readonly output: string
}

/** Runs the text of a test file in a process of its own. */
function runText(text: string): Outcome {
  mkdirSync(join(repositoryRoot, 'out'), { recursive: true })
  const folder = mkdtempSync(join(repositoryRoot, 'out/harness-'))
  try {
    const file = join(folder, 'a.test.ts')
    const opening = `import { suite } from '${harness}'\nconst test = suite('sample')\n`
    writeFileSync(file, `${opening}${text}\n`)
    const args = ['--import', 'tsx', file]
    const env = { ...process.env, NO_COLOR: '1' }
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      cwd: repositoryRoot,
      encoding: 'utf8',
      env
    })
    return { code: status, output: stdout + stderr }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const failing: Readonly<Record<string, { readonly text: string; readonly says: RegExp }>> = {
  'a failing test': {
    text: "test('a', () => { throw new Error('broken') })\ntest.run()",
    says: /broken/
  },
  'a thrown string': { text: "test('a', () => { throw 'text' })\ntest.run()", says: /text/ },
  'a test that hangs': {
    text: [
      'setInterval(() => 0, 1000)',
      "test('a', () => new Promise(() => 0), { deadlineMs: 100 })",
      'test.run()'
    ].join('\n'),
    says: /deadline: still running after 100 ms/
  },
  'a failing test that leaves something open': {
    text: "test('a', () => { setInterval(() => 0, 1000); throw new Error('left') })\ntest.run()",
    says: /left/
  },
  'a forgotten run()': { text: "test('a', () => 0)", says: /never run/ },
  'a suite without tests': { text: 'test.run()', says: /no tests/ },
  'a before hook that throws': {
    text: "test.before(() => { throw new Error('broken') })\ntest('a', () => 0)\ntest.run()",
    says: /before hook: Error: broken/
  },
  'an after hook that throws': {
    text: "test.after.each(() => { throw new Error('broken') })\ntest('a', () => 0)\ntest.run()",
    says: /after hook: Error: broken/
  }
}

for (const [name, { text, says }] of Object.entries(failing)) {
  test(`harness: ${name}: fails and says how to reproduce it`, () => {
    const { code, output } = runText(text)
    assert.is(code, 1, output)
    assert.match(output, says)
    assert.match(output, /To reproduce: node --import tsx out\/harness-\w+\/a\.test\.ts/)
  })
}

test('harness: a passing test: says nothing more', () => {
  const { code, output } = runText("test('a', () => 0)\ntest.run()")
  assert.is(code, 0, output)
  assert.not.match(output, /reproduce/)
})

test('harness: runner: no matching file is a failure', () => {
  const { code, stdout } = run(repositoryRoot, process.execPath, 'scripts/test.js', 'test/none')
  assert.is(code, 1)
  assert.match(stdout, /\n0 passed, 1 failed\n$/)
})

test.run()
