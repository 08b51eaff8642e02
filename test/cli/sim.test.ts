// `lockstep sim` when all goes well: what it prints where, and what its options do.

import { spawnSync } from 'node:child_process'
import * as assert from 'uvu/assert'
import { FAULT_KINDS } from '../../sim/scenario.ts'
import { scenarioOf } from '../../sim/simulate.ts'
import { suite } from '../harness.ts'
import { removeTemporaryFolders } from '../support/commands.ts'
import { commandLine, environmentOf, installCopy, interrupted } from './support.ts'
import { jsonOf, lockstep, rowsOf } from './support.ts'

const test = suite('sim')
const root = installCopy()
test.after(removeTemporaryFolders)

/** Short runs. */
const fire = ['--fire', '2s']
const sim = (...args: string[]): ReturnType<typeof lockstep> =>
  lockstep(root, ['sim', ...fire, ...args])

test('sim: into a file: plain lines without control characters', () => {
  const { code, stdout, stderr } = sim('--seeds', '4')
  assert.is(code, 0)
  assert.is(stderr, '')
  assert.not.match(stdout, /[^\n\x20-\x7e]/)
  const rows = rowsOf(stdout)
  const labels = ['seeds', 'events', 'simulated', 'wall time', 'events/s', 'sim s / wall s']
  const counts = ['operation ok', 'operation fail', 'operation unknown', 'oracle linearizable']
  const medians = ['median fire seconds', 'median answered', 'median kinds of fault']
  const probe = 'probe leader crashed with unreplicated entries'
  const faults = FAULT_KINDS.map((kind) => `fault ${kind}`)
  for (const label of [...labels, ...counts, ...medians, ...faults, probe]) {
    assert.ok(rows.has(label), `no row ${label}`)
  }
  assert.is(rows.get('seeds'), '4')
  assert.is(rows.get('median fire seconds'), '2')
  assert.is(rows.get('verdict'), 'ok')
})

test('sim: on a terminal: a progress bar, then a table of two columns', () => {
  const args = ['sim', ...fire, '--seeds', '4']
  const { code, stdout, stderr } = lockstep(root, args, { terminalColumns: 100 })
  assert.is(code, 0)
  assert.match(stderr, /[█·]{24} {2}\d of 4 seeds/)
  assert.ok(stderr.endsWith('\r\u001b[2K'), 'the bar is not erased at the end')
  assert.match(stdout, /^campaign ─+ {3}situations reached ─+$/m)
  assert.match(stdout, /^seeds +4 {3}leader crashed with unreplicated entries +\d+$/m)
  assert.match(stdout, /^verdict: ok$/m)
  assert.not.match(stdout, /\u001b/)
  const widest = Math.max(...stdout.split('\n').map((line) => line.length))
  assert.ok(widest <= 100 && widest > 70, `${widest} columns`)
})

test('sim: on a narrow terminal: one column, and colours unless NO_COLOR says otherwise', () => {
  const surroundings = { terminalColumns: 60, environment: { NO_COLOR: '' } }
  const { stdout } = lockstep(root, ['sim', ...fire, '--seed', '1'], surroundings)
  assert.match(stdout, /\u001b\[32m/)
  const plain = stdout.replaceAll(/\u001b\[\d+m/g, '')
  assert.match(plain, /^campaign ─+$/m)
  assert.ok(plain.split('\n').every((line) => line.length <= 60 || line.includes('hash')))
})

test('sim: on a terminal that does not know its size: names are whole', () => {
  const { stdout } = lockstep(root, ['sim', ...fire, '--seed', '1'], { terminalColumns: 0 })
  assert.match(stdout, /leader crashed with unreplicated entries/)
})

test('sim: in CI: plain lines even where stdout says that it is a terminal', () => {
  const surroundings = { terminalColumns: 100, environment: { CI: 'true' } }
  const { stdout, stderr } = lockstep(root, ['sim', ...fire, '--seed', '1'], surroundings)
  assert.not.match(stdout + stderr, /[^\n\x20-\x7e]/)
})

test('sim: --json: one object with all that the table shows', () => {
  const outcome = sim('--seeds', '3', '--json')
  const json = jsonOf(outcome)
  assert.is(outcome.code, 0)
  assert.is(json['verdict'], 'ok')
  assert.is(json['seeds'], 3)
  for (const name of ['events', 'simSeconds', 'wallSeconds', 'eventsPerSecond']) {
    assert.ok((json[name] as number) > 0, `${name}: ${json[name]}`)
  }
  for (const name of ['faults', 'operations', 'oracles', 'probes', 'medians']) {
    assert.ok(Object.keys(json[name] as object).length >= 3, name)
  }
  assert.equal(Object.keys(json['faults'] as object), [...FAULT_KINDS])
  assert.equal(json['violations'], [])
  assert.not('traceHash' in json)
})

test('sim: --json for a single seed: the trace hash, the same in another process', () => {
  const first = jsonOf(sim('--seed', '3', '--json'))
  const second = jsonOf(sim('--seeds', '3..3', '--json'))
  assert.match(first['traceHash'] as string, /^[0-9a-f]{32}$/)
  assert.is(first['traceHash'], second['traceHash'])
  assert.is.not(first['traceHash'], jsonOf(sim('--seed', '4', '--json'))['traceHash'])
})

test('sim: --jobs: the results do not depend on it', () => {
  const counts = (jobs: string): object => {
    const json = jsonOf(sim('--seeds', '2..7', '--json', '--jobs', jobs))
    const clocked = ['wallSeconds', 'eventsPerSecond', 'simSecondsPerWallSecond']
    return Object.fromEntries(Object.entries(json).filter(([name]) => !clocked.includes(name)))
  }
  assert.equal(counts('1'), counts('3'))
})

test('sim: --seeds A..B: these and no others', () => {
  const events = (seeds: string): number =>
    jsonOf(sim('--seeds', seeds, '--json'))['events'] as number
  assert.is(events('5..6'), events('5..5') + events('6..6'))
  assert.is(events('2'), events('1..1') + events('2..2'))
  assert.is(jsonOf(sim('--seed', '9007199254740991', '--json'))['seeds'], 1)
})

test('sim: --budget: starts no seed later, says so, and is good', () => {
  const outcome = sim('--budget', '300ms', '--json')
  const json = jsonOf(outcome)
  assert.is(outcome.code, 0)
  assert.is(json['verdict'], 'ok')
  assert.is(json['budgetUsedUp'], true)
  assert.ok((json['wallSeconds'] as number) >= 0.3)
  const { stdout } = sim('--seeds', '1000000', '--budget', '200ms')
  assert.match(stdout, /^verdict: ok \(the budget was used up after \d+ seeds?\)$/m)
  assert.is(jsonOf(sim('--seeds', '2', '--budget', '1h', '--json'))['budgetUsedUp'], false)
})

test('sim: --nodes and --trace: the trace has one glyph for each node, spares too', () => {
  for (const nodes of [1, 4]) {
    const members = nodes + scenarioOf({ seed: 1, nodes }).spares
    const { stdout } = sim('--seed', '1', '--nodes', String(nodes), '--trace')
    const lines = stdout.split('\n').filter((line) => /^ +\d+\.\d{6} {2}/.test(line))
    assert.ok(lines.length > 5, stdout)
    const who = '(n\\d|[cf]\\d|net|log|world)'
    const glyphs = new RegExp(`^ +\\S+ {2}[fpcLx=]{${members}} {2}${who} +\\S`)
    for (const line of lines) assert.match(line, glyphs)
  }
  const json = jsonOf(sim('--seed', '1', '--trace', '--json'))
  assert.ok((json['trace'] as string[]).length > 5)
})

test('sim: --faults: only what was asked for strikes', () => {
  const faults = (kinds: string): object =>
    jsonOf(sim('--seeds', '3', '--faults', kinds, '--json'))['faults'] as object
  assert.equal(faults('none'), {})
  assert.equal(Object.keys(faults('crash,loss')), ['loss', 'crash'])
})

test('sim: --clients and --keys: reach the world', () => {
  const hash = (...args: string[]): unknown =>
    jsonOf(sim('--seed', '1', '--json', ...args))['traceHash']
  const hashes = [hash(), hash('--clients', '3'), hash('--keys', '1'), hash('--nodes', '5')]
  assert.is(new Set(hashes).size, 4)
  assert.is(hash('--clients', '8', '--keys', '4', '--faults', 'swarm'), hashes[0])
})

test('sim: --check-determinism: passes, with the hashes of a single run', () => {
  const twice = sim('--seeds', '2', '--check-determinism', '--json')
  assert.is(twice.code, 0)
  assert.is(jsonOf(twice)['campaignHash'], jsonOf(sim('--seeds', '2', '--json'))['campaignHash'])
})

test('sim: interrupted: prints what was done, ends with 130, leaves no process', async () => {
  const args = ['sim', ...fire, '--seeds', '1000000']
  const { code, stdout, pid } = await interrupted(root, args, /[1-9]\d* of 1,000,000/, 'SIGINT')
  assert.is(code, 130)
  assert.match(stdout, /^verdict: ok \(interrupted after \d+ seeds?\)$/m)
  assert.throws(() => process.kill(pid, 0), /ESRCH/)
})

test('sim: a reader that is gone before the end: no complaint', () => {
  const words = [process.execPath, ...commandLine(root, ['sim', ...fire, '--seed', '1', '--trace'])]
  const { status, stderr } = spawnSync('sh', ['-c', '"$@" | true', 'sh', ...words], {
    encoding: 'utf8',
    env: environmentOf(),
  })
  assert.is(status, 0)
  assert.is(stderr, '')
})

test.run()
