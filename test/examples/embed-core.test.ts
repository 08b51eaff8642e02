// Runs the example of embedding the core as its reader would, and checks what it prints.

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { suite } from '../harness.ts'

const test = suite('embed-core')
const root = fileURLToPath(new URL('../..', import.meta.url))

test('embed-core: run as a program: elects, answers requests, applies alike on all', () => {
  const args = ['--import', 'tsx', 'examples/embed-core.ts']
  const env = { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined }
  const options = { cwd: root, encoding: 'utf8', env } as const
  const { status, stdout, stderr } = spawnSync(process.execPath, args, options)
  assert.is(status, 0, stderr)
  const lines = stdout.trimEnd().split('\n')
  assert.is(lines.filter((line) => /^[abc] leads term 1$/.test(line)).length, 1)
  const replies = ['true, value: 7', 'true, value: 8', 'false, value: 8', 'true, value: 8']
  for (const [at, reply] of replies.entries()) {
    const outcome = `{ type: 'done', index: ${at + 2}, reply: { ok: ${reply} } }`
    assert.ok(lines.includes(`request ${at}: ${outcome}`), outcome)
    for (const node of ['a', 'b', 'c']) {
      assert.ok(lines.includes(`${node} applied entry ${at + 2}: { ok: ${reply} }`), node)
    }
  }
  assert.match(lines.at(-1) as string, /^all agree: true, on [0-9a-f]{32}$/)
})

test('embed-core: its source: fits a page, and imports nothing but the core', () => {
  const source = readFileSync(new URL('../../examples/embed-core.ts', import.meta.url), 'utf8')
  assert.ok(source.split('\n').length <= 100)
  const imports = [...source.matchAll(/from\s+'([^']+)'/g)].map(([, specifier]) => specifier)
  assert.equal([...new Set(imports)], ['lockstep/core'])
})

test.run()
