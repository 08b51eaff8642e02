// `lockstep sim` and `lockstep replay` when something is found: in builds with a planted bug.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { suite } from '../harness.ts'
import { removeTemporaryFolders } from '../support/commands.ts'
import { installCopy, jsonOf, lockstep } from './support.ts'

const test = suite('violation')
test.after(removeTemporaryFolders)

/** Once all is healed a granted lock counts as not served: every seed fails at its end. */
const unserved = {
  file: 'sim/lock-workload.js',
  find: "isServed: (output) => output.type === 'granted'",
  replace: "isServed: (output) => output.type === 'held'",
}
const undecided = {
  file: 'sim/lock-workload.js',
  find: 'judge: (history) =>',
  replace: "judge: (history) => history.length > 0 ? { verdict: 'unknown', reason: '' } :",
}
const throwing = {
  file: 'sim/lock-workload.js',
  find: "isServed: (output) => output.type === 'granted'",
  replace: "isServed: (output) => output.no.such.field",
}
/** Counts across the runs of a process, so that the second run loses other messages. */
const fickle = {
  file: 'sim/simulate.js',
  find: 'rules: options.rules ?? []',
  replace: `rules: [() => {
    globalThis.sent = (globalThis.sent ?? 0) + 1
    return { type: globalThis.sent % 997 === 0 ? 'drop' : 'pass' }
  }]`,
}

const healthy = installCopy()
const buggy = installCopy([unserved])
const ORACLE = 'a fresh operation after the heal'
const fire = ['--fire', '2s']
const eventful = ['--fire', '8s', '--nodes', '5', '--faults', 'crash,pause,partition']

interface Finding {
  readonly seed: number | null
  readonly oracle: string
  readonly message: string
  readonly capsule: string | null
  readonly reproduce: string | null
}

const violationsOf = (json: Record<string, unknown>): Finding[] => json['violations'] as Finding[]

test('violation: a campaign: the rule in words, the trace, the capsule and the line', () => {
  const args = ['sim', ...eventful, '--seeds', '3', '--out', 'found here']
  const { code, stdout } = lockstep(buggy, args)
  assert.is(code, 1)
  assert.match(stdout, /^verdict: violation \(3 violations\)$/m)
  assert.match(stdout, new RegExp(`^violation in seed 1: ${ORACLE}\n {2}it was answered `, 'm'))
  const trace = /the last 30 lines of the trace:\n((?: +\d+\.\d{6} .+\n)+)/.exec(stdout)?.[1] ?? ''
  assert.is(trace.trimEnd().split('\n').length, 30)
  assert.match(trace, /ORACLE a fresh operation after the heal: it was answered .+\n$/)
  const path = /^capsule: +(found here\/seed-1-[0-9a-f]{8}\.json)$/m.exec(stdout)?.[1] ?? ''
  assert.ok(existsSync(join(buggy, path)), stdout)
  assert.ok(stdout.includes(`reproduce: npx lockstep replay '${path}'`))
  assert.match(stdout, /^violation in seed 3: /m)
  assert.is(readdirSync(join(buggy, 'found here')).length, 3)
})

test('violation: nothing found: no folder for capsules is made', () => {
  assert.is(lockstep(healthy, ['sim', ...fire, '--seed', '1']).code, 0)
  assert.not(existsSync(join(healthy, 'lockstep-capsules')))
})

test('violation: --json: seed, oracle, message and capsule of each', () => {
  const outcome = lockstep(buggy, ['sim', ...fire, '--seeds', '4..5', '--json'])
  const json = jsonOf(outcome)
  assert.is(outcome.code, 1)
  assert.is(json['verdict'], 'violation')
  assert.equal(violationsOf(json).map(({ seed }) => seed), [4, 5])
  for (const { oracle, message, capsule, reproduce } of violationsOf(json)) {
    assert.is(oracle, ORACLE)
    assert.match(message, /it was answered/)
    assert.match(capsule as string, /^lockstep-capsules\/seed-\d-[0-9a-f]{8}\.json$/)
    assert.is(reproduce, `npx lockstep replay ${capsule}`)
  }
})

test('violation: many of them: the first ten get a capsule, the others a line', () => {
  const args = ['sim', '--fire', '500ms', '--nodes', '3', '--seeds', '12', '--json']
  const violations = violationsOf(jsonOf(lockstep(buggy, [...args, '--out', 'many'])))
  assert.is(violations.length, 12)
  assert.is(violations.filter(({ capsule }) => capsule !== null).length, 10)
  assert.is(readdirSync(join(buggy, 'many')).length, 10)
  const line = 'npx lockstep sim --seed 12 --nodes 3 --fire 500ms'
  assert.is(violations[11]?.reproduce, line)
})

/** A capsule of the buggy build, with its own path. */
function capsuleOf(seed: number): { readonly path: string; readonly traceHash: string } {
  const args = ['sim', ...fire, '--seed', String(seed), '--json']
  const json = jsonOf(lockstep(buggy, args))
  const path = join(buggy, violationsOf(json)[0]?.capsule as string)
  return { path, traceHash: json['traceHash'] as string }
}

test('violation: replay in the same build: the same run, violation and exit code', () => {
  const { path, traceHash } = capsuleOf(1)
  const { code, stdout, stderr } = lockstep(buggy, ['replay', path])
  assert.is(code, 1)
  assert.is(stderr, '')
  assert.match(stdout, /seed 1: violation \(the same run to the last bit\)/)
  assert.match(stdout, new RegExp(`violation in seed 1: ${ORACLE}`))
  assert.match(stdout, /the last \d+ lines of the trace:/)
  const json = jsonOf(lockstep(buggy, ['replay', path, '--json']))
  assert.is(json['verdict'], 'violation')
  assert.is(json['traceHash'], traceHash)
  const traced = lockstep(buggy, ['replay', path, '--trace']).stdout
  assert.match(traced, /^ +0\.0\d+ .+\n[^]*ORACLE/)
})

test('violation: replay in another build: a warning, and where it no longer fits', () => {
  const { path } = capsuleOf(1)
  const { code, stdout, stderr } = lockstep(healthy, ['replay', path])
  assert.is(code, 0)
  assert.match(stderr, /was written by another build; it is replayed by its decisions/)
  assert.match(stderr, /goes on where the recording ends, at decision \d+ of /)
  assert.match(stdout, /seed 1: ok \(another run than the one recorded\)/)
  assert.match(stdout, new RegExp(`not seen again: ${ORACLE}`))
})

test('violation: replay of an edited capsule: names the decision that does not fit', () => {
  const { path } = capsuleOf(1)
  const capsule = JSON.parse(readFileSync(path, 'utf8')) as { decisions: Record<string, number[]> }
  const swarm = capsule.decisions['swarm'] as number[]
  swarm[0] = 1_000
  const edited = join(buggy, 'edited.json')
  writeFileSync(edited, JSON.stringify(capsule))
  const { code, stderr } = lockstep(buggy, ['replay', edited])
  assert.is(code, 1)
  assert.match(stderr, /decision 0 of swarm no longer fits: it is not below 12/)
})

test('violation: replay of several capsules: all are looked at, and 2 beats 1', () => {
  const [first, second] = [capsuleOf(1).path, capsuleOf(2).path]
  const outcome = lockstep(buggy, ['replay', first, 'nowhere.json', second])
  assert.is(outcome.code, 2)
  assert.match(outcome.stdout, /seed 1: violation/)
  assert.match(outcome.stdout, /seed 2: violation/)
  assert.match(outcome.stderr, /^lockstep replay: nowhere\.json cannot be read[^\n]+\n$/)
  assert.is(lockstep(buggy, ['replay', first, second]).code, 1)
  const json = jsonOf(lockstep(buggy, ['replay', first, 'nowhere.json', '--json']))
  assert.is((json['capsules'] as object[]).length, 1)
  assert.is((json['unreadable'] as object[]).length, 1)
})

test('violation: a history that cannot be judged: exit code 3, and the seeds are named', () => {
  const root = installCopy([undecided])
  const { code, stdout } = lockstep(root, ['sim', ...fire, '--seeds', '2'])
  assert.is(code, 3)
  assert.match(stdout, /^verdict: unknown \(undecided: seeds 1, 2\)$/m)
  assert.is(jsonOf(lockstep(root, ['sim', ...fire, '--seed', '1', '--json']))['verdict'], 'unknown')
})

test('violation: a run that throws: an internal error with its seed, and no violation', () => {
  const root = installCopy([throwing])
  const { code, stderr } = lockstep(root, ['sim', ...fire, '--seeds', '2'])
  assert.is(code, 1)
  assert.match(stderr, /internal error in seed 1: TypeError/)
  assert.match(stderr, /internal error in seed 2: TypeError/)
  const json = jsonOf(lockstep(root, ['sim', ...fire, '--seeds', '2', '--json']))
  assert.is(json['verdict'], 'unknown')
  assert.equal(json['violations'], [])
  assert.is((json['errors'] as object[]).length, 2)
  assert.not(existsSync(join(root, 'lockstep-capsules')))
})

test('violation: a thread that cannot start: an internal error, not a campaign without end', () => {
  const root = installCopy()
  writeFileSync(join(root, 'dist/cli/worker.js'), "import './missing.js'\n")
  const { code, stderr } = lockstep(root, ['sim', ...fire, '--seeds', '1000000'])
  assert.is(code, 1)
  assert.match(stderr, /internal error: .*missing\.js/)
})

test('violation: a thread that dies over a seed: an internal error, the others run', () => {
  const dying = {
    file: 'sim/simulate.js',
    find: 'rules: options.rules ?? []',
    replace: "rules: scenario.seed === '2' ? process.exit(7) : []",
  }
  const json = jsonOf(lockstep(installCopy([dying]), ['sim', ...fire, '--seeds', '4', '--json']))
  assert.is(json['seeds'], 4)
  assert.equal(
    (json['errors'] as { seed: number }[]).map(({ seed }) => seed),
    [2],
  )
})

test('violation: a run that is not a function of its seed: the first event that differs', () => {
  const root = installCopy([fickle])
  const args = ['sim', '--fire', '10s', '--nodes', '5', '--seed', '1', '--check-determinism']
  const { code, stdout } = lockstep(root, args)
  assert.is(code, 1)
  assert.match(stdout, /violation in seed 1: same seed, same run/)
  assert.match(stdout, /event \d+: [a-zA-Z]+ at \d+\.\d{6} s to (node|client) \d/)
  assert.match(stdout, /reproduce: npx lockstep sim --seed 1 --nodes 5 --fire 10000ms --check-det/)
})

test('violation: 200 seeds that never reached a situation they must: named, exit code 1', () => {
  const fewer = {
    file: 'sim/campaign.js',
    find: 'REACHABILITY_SEEDS = 200',
    replace: 'REACHABILITY_SEEDS = 2',
  }
  const unreachable = {
    file: 'sim/campaign.js',
    find: "'retry answered from memory'",
    replace: "'a retry that nobody makes'",
  }
  const root = installCopy([fewer, unreachable])
  const args = ['sim', '--seeds', '2']
  const { code, stdout } = lockstep(root, args)
  assert.is(code, 1)
  assert.match(stdout, /violation in all: reachability\n {2}never reached in 2 seeds: /)
  assert.match(stdout, /never reached in 2 seeds: .*a retry that nobody makes/)
  assert.is(lockstep(root, [...args, '--faults', 'none']).code, 0)
})

test.run()
