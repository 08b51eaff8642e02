// docs/running.md: its table of options is the one that the node reads, to the letter.

import { readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { NODE_OPTIONS } from '../server/options.ts'
import { suite } from './harness.ts'

const test = suite('running')
const manual = readFileSync('docs/running.md', 'utf8')

/** To make it anew: put what the failing test prints between the two comments. */
function optionsTable(): string {
  const rows = NODE_OPTIONS.map(({ name, variable, value, fallback, help }) => {
    const flag = value === null ? `--${name}` : `--${name} ${value}`
    const known = fallback === null ? '' : `\`${fallback}\``
    return `| \`${flag}\` | \`${variable}\` | ${known} | ${help} |`
  })
  return ['| flag | variable | default | |', '| --- | --- | --- | --- |', ...rows].join('\n')
}

test('running: the table of options: has every one, as the node reads it', () => {
  const [, table = ''] = /<!-- options: .*? -->\n(.*)<!-- end of options -->/s.exec(manual) ?? []
  assert.is(table.trim(), optionsTable())
})

test('running: files that it names: are there', () => {
  for (const [, path] of manual.matchAll(/`((?:deploy\/|docker-)[\w./-]+)`/g)) {
    assert.ok(readFileSync(path as string, 'utf8').length > 0, path)
  }
})

test.run()
