// docs/running.md: its tables of options are those that the node and the verbs read, to the letter.

import { readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { acquireCommand } from '../cli/acquire.ts'
import { clusterCommand } from '../cli/cluster.ts'
import { lockCommand } from '../cli/lock.ts'
import { locksCommand } from '../cli/locks.ts'
import { releaseCommand } from '../cli/release.ts'
import { renewCommand } from '../cli/renew.ts'
import { statusCommand } from '../cli/status.ts'
import { watchCommand } from '../cli/watch.ts'
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

const VERBS = [
  lockCommand,
  acquireCommand,
  renewCommand,
  releaseCommand,
  statusCommand,
  locksCommand,
  watchCommand,
  clusterCommand,
]

/** The options of the verbs that ask a cluster; likewise. What several verbs say alike is a row. */
function verbsTable(): string {
  const verbs = new Map<string, string[]>()
  for (const verb of VERBS) {
    for (const { name, value, help } of verb.options) {
      const row = `| \`--${name}${value === undefined ? '' : ` ${value}`}\` | ${help} |`
      verbs.set(row, [...(verbs.get(row) ?? []), verb.name])
    }
  }
  const rows = [...verbs].map(([row, names]) => `${row} ${listOf(names)} |`)
  return ['| option | | verbs |', '| --- | --- | --- |', ...rows].join('\n')
}

function listOf(names: readonly string[]): string {
  const others = VERBS.map(({ name }) => name).filter((name) => !names.includes(name))
  if (others.length === 0) return 'all'
  const list = (some: readonly string[]): string => some.map((one) => `\`${one}\``).join(', ')
  return others.length < 3 ? `all but ${list(others)}` : list(names)
}

test('running: the options of the verbs: are those that each reads', () => {
  const [, table = ''] = /<!-- verbs: .*? -->\n(.*)<!-- end of verbs -->/s.exec(manual) ?? []
  assert.is(table.trim(), verbsTable())
})

test('running: options in the README: are rows of that table, with the same defaults', () => {
  const readme = readFileSync('README.md', 'utf8')
  const rows = readme.split('\n').filter((line) => /^\| `--.* \| `LOCKSTEP_/.test(line))
  assert.ok(rows.length >= 8)
  const known = optionsTable().split('\n')
  assert.equal(rows.filter((row) => !known.includes(row)), [])
})

test('running: files that it names: are there', () => {
  for (const [, path] of manual.matchAll(/`((?:deploy\/|docker-)[\w./-]+)`/g)) {
    assert.ok(readFileSync(path as string, 'utf8').length > 0, path)
  }
})

test.run()
