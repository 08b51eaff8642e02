// The examples of locks run as their reader would run them, in memory, and say what they did.

import * as assert from 'uvu/assert'
import { readdirSync, readFileSync } from 'node:fs'
import { suite } from '../harness.ts'
import { run } from '../support/commands.ts'
import { repositoryRoot } from '../support/source-files.ts'

const test = suite('examples/locks')

const said: Readonly<Record<string, RegExp>> = {
  'exclusive-section': /^the counter is 10\n$/,
  'graceful-degradation':
    /^a price, computed anew\nthe last price, as another .*\nthe last price, as the lock .*\n$/,
  'hierarchical-keys': /^(process 4[23] (begins|ends)\n){4}alone with the user\n$/,
  'leader-election': /^first leads\nfirst resigns\nsecond leads\nsecond resigns\n$/,
  'long-task': /^(renewed for 1000 ms\n)+write the index .*: true\n8 steps under one lock\n$/,
  'manual-refresh': /^(\w+ imported\n){3}locked: true, job: import\nreleased: true\n$/,
  'rate-limit': /^(call [123]: made\n){3}(call [45]: too many .*\n){2}another user: made\n$/,
  'resource-allocation': /^8 workers have run, at most 3 at once\n$/,
  'try-and-skip': /^([bc] skips it.*\n){2}a has run the report\n$/,
}

for (const [name, output] of Object.entries(said)) {
  test(`examples: lock ${name}: does what it says`, () => {
    const file = `examples/lock-${name}.ts`
    const result = run(repositoryRoot, process.execPath, '--import', 'tsx', file)
    assert.is(result.code, 0, result.output)
    assert.match(result.output, output)
  })
}

test('examples: of locks: each is run here', () => {
  const files = readdirSync('examples').filter((file) => /^lock-.*\.ts$/.test(file))
  const names = files.map((file) => file.slice('lock-'.length, -'.ts'.length))
  assert.equal(names.filter((name) => name !== 'client').sort(), Object.keys(said).sort())
})

test('examples: of locks: docs/locks.md has a line on each, and on no other', () => {
  const rows = readFileSync('docs/locks.md', 'utf8').matchAll(/^\| `lock-([\w-]+)\.ts` \| \w/gm)
  assert.equal([...rows].map(([, name]) => name).sort(), Object.keys(said).sort())
})

test.run()
