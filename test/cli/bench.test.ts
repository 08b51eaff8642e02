// The benches run and print what they promise. How fast they are is no test.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { suite } from '../harness.ts'
import { removeTemporaryFolders } from '../support/commands.ts'
import { environmentOf, installCopy, jsonOf } from './support.ts'
import type { Outcome } from './support.ts'

const test = suite('bench')
const root = installCopy()
test.after(removeTemporaryFolders)

function bench(...args: string[]): Outcome {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'dist/bench/main.js'), ...args],
    { encoding: 'utf8', env: environmentOf() },
  )
  return { code: status, stdout, stderr }
}

test('bench: without a name: lists them', () => {
  const { code, stdout } = bench()
  assert.is(code, 0)
  assert.match(stdout, /^ {2}sim +\S/m)
})

test('bench: a name or option that does not exist: one line and exit code 2', () => {
  const wrong = [['banana'], ['--banana'], ['sim', '--passes', '0'], ['core', '--quick']]
  for (const args of wrong) {
    const { code, stdout, stderr } = bench(...args)
    assert.is(code, 2)
    assert.is(stdout, '')
    assert.match(stderr, /^bench: [^\n]+\n$/)
  }
})

test('bench: sim --json: speeds through bytes, by reference and idle', () => {
  const json = jsonOf(bench('sim', '--json', '--quick', '--passes', '1'))
  const speeds = [json, json['reference'], json['idle']] as Record<string, number>[]
  for (const speed of speeds) {
    const names = ['eventsPerSecond', 'simSecondsPerWallSecond', 'operationsPerSecond']
    for (const name of names) assert.ok((speed[name] as number) > 0, name)
  }
  assert.ok((json['operationsPerSimSecond'] as number) >= 40)
  assert.is((json['work'] as { nodes: number }).nodes, 5)
})

test('bench: core --json: steps and entries a second, bytes of an entry, cost by length', () => {
  const json = jsonOf(bench('core', '--json', '--passes', '1'))
  const entriesPerSecond = json['entriesPerSecond'] as Record<string, number>
  const costPerStep = json['costPerStep'] as Record<string, number>
  const numbers = [
    json['stepsPerSecond'],
    entriesPerSecond['inFlight1'],
    entriesPerSecond['inFlight64'],
    json['bytesPerEntry'],
    costPerStep['at1000Entries'],
    costPerStep['at1000000Entries'],
    costPerStep['ratio'],
  ]
  for (const number of numbers) assert.ok((number as number) > 0)
  assert.is((json['stepsPerEntry'] as Record<string, number>)['single'], 8)
})

test('bench: locks --json: pairs and commands a second, bytes of a lock, snapshot, expiry', () => {
  const json = jsonOf(bench('locks', '--json', '--quick', '--passes', '1'))
  const groups = [
    json['pairsPerSecond'],
    json['barePairsPerSecond'],
    json['commandsPerSecond'],
    json['snapshotMicroseconds'],
  ] as Record<string, number>[]
  const single = ['bytesPerLock', 'streamLocksPerSecond', 'longestPartMs', 'expire100000Ms']
  const numbers = groups.flatMap((group) => Object.values(group))
  numbers.push(...single.map((name) => json[name] as number))
  assert.is(numbers.length, 14)
  for (const number of numbers) assert.ok(number > 0)
})

test('bench: checker --json: each work judged right, whole or as a stream, with its memory', () => {
  const json = jsonOf(bench('checker', '--json', '--quick', '--passes', '1'))
  const rows = json['rows'] as Record<string, unknown>[]
  assert.is(rows.length, 14)
  for (const row of rows) {
    const { work, how, verdict, check, withReading, peakMb } = row
    assert.is(verdict, (work as string).endsWith('bad') ? 'violation' : 'ok', work as string)
    assert.is(check === null, how === 'stream')
    const times = (check ?? withReading) as { cold: number; warm: { median: number } }
    assert.ok(times.cold > 0 && times.warm.median > 0)
    assert.ok((peakMb as number) > 0)
  }
})

test('bench: cluster --json: nodes under load, beside the floor, and the death of a leader', () => {
  const json = jsonOf(bench('cluster', '--json', '--quick'))
  const rows = json['rows'] as Record<string, unknown>[]
  assert.is(rows.length, 8)
  for (const row of rows) {
    assert.is(row['errors'], 0, row['firstError'] as string)
    assert.ok((row['pairsPerSecond'] as number) > 0, row['system'] as string)
  }
  const { gapMs } = json['failover'] as { gapMs: { p50: number } }
  assert.ok(gapMs.p50 > 0)
  assert.ok((json['idle'] as { residentMb: number }).residentMb > 0)
})

test('bench: held --json: memory, load beside snapshots, and restarts of nodes with locks', () => {
  const json = jsonOf(bench('held', '--json', '--quick', '--locks', '500'))
  assert.is(json['locks'], 500)
  for (const name of ['quiet', 'leaderSnapshot', 'allSnapshot']) {
    const { count, errors, firstError } = json[name] as Record<string, unknown>
    assert.is(errors, 0, firstError as string)
    assert.ok((count as number) > 0, name)
  }
  const { most } = json['residentMb'] as { most: { leader: number } }
  assert.ok(most.leader > 0)
  assert.ok((json['restartMs'] as { all: number }).all > 0)
})

test.run()
