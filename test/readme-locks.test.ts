// The first minute of the README, as it is written: the command that starts three nodes, and its
// curl lines against them. Only the ports are others.

import { readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { freePorts } from '../bench/ports.ts'
import { commandLine, environmentOf, installCopy } from './cli/support.ts'
import { suite } from './harness.ts'
import { removeTemporaryFolders, run } from './support/commands.ts'
import { isAlive, isListening, startProcess } from './support/processes.ts'
import type { Process } from './support/processes.ts'
import { until } from './support/until.ts'

const test = suite('readme: locks')
const readme = readFileSync('README.md', 'utf8')
let dev: Process | null = null

test.after(async () => {
  dev?.kill('SIGTERM')
  await dev?.ended
  removeTemporaryFolders()
})

/** What stands at `…` may be anything, and numbers may be other ones. */
function patternOf(line: string): RegExp {
  const escaped = line.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${escaped.replaceAll(/\d+/g, '\\d+').replaceAll(/ … ?/g, '.*')}$`)
}

/** A port that is free with all that `dev` takes from it on. */
function firstPort(): Promise<number> {
  return until('free ports', async () => {
    const [port] = (await freePorts(1)) as [number]
    const all = [1, 2, 1_000, 1_001, 1_002].map((ahead) => isListening(port + ahead))
    return (await Promise.all(all)).some((one) => one) ? undefined : port
  })
}

test('readme: the first minute: dev and curl do what it shows', async () => {
  if (run('.', 'curl', '--version').code !== 0) return
  assert.ok(readme.includes('node cli/lockstep.js dev\n'))
  const root = installCopy()
  const port = await firstPort()
  const words = [process.execPath, ...commandLine(root, ['dev', '--port', `${port}`])]
  const started = startProcess(words, { folder: root, environment: environmentOf() })
  dev = started
  await until('three nodes to be ready', () => {
    if (!started.isRunning()) throw new Error(started.stderr())
    return /3 nodes are ready/.test(started.stdout()) ? true : undefined
  })
  const [, transcript = ''] = /```console\n(.*?)```/s.exec(readme) ?? []
  const lines = transcript.trim().split('\n')
  assert.is(lines.length, 8)
  for (let at = 0; at < lines.length; at += 2) {
    const command = (lines[at] as string).replace(/^\$ /, '')
    const here = command.replaceAll(/localhost:800(\d)/g, (_all, digit) => {
      return `localhost:${port + Number(digit) - 1}`
    })
    const { stdout } = run('.', 'sh', '-c', here)
    assert.match(stdout.trim(), patternOf(lines[at + 1] as string))
  }
  started.kill('SIGTERM')
  assert.is(await started.ended, 0)
  assert.not(isAlive(started.pid))
  for (const ahead of [0, 1, 2]) assert.not(await isListening(port + ahead))
})

test.run()
