// A fresh copy of the checkout installs and builds, and without the developer's packages it
// still installs. The launcher says when a checkout has to be built.

import { cpSync, existsSync, utimesSync } from 'node:fs'
import { join, relative } from 'node:path'
import * as assert from 'uvu/assert'
import { suite } from '../test/harness.ts'
import {
  mustRun,
  removeTemporaryFolders,
  run,
  temporaryFolder
} from '../test/support/commands.ts'
import { repositoryRoot } from '../test/support/source-files.ts'

const test = suite('install')
const deadlineMs = 300_000

/** Copies the checkout without what a fresh clone does not have. */
function copyCheckout(): string {
  const folder = temporaryFolder()
  const left = /^(\.git|node_modules|dist|coverage|out)$|\.tgz$/
  const filter = (source: string): boolean => !left.test(relative(repositoryRoot, source))
  cpSync(repositoryRoot, folder, { recursive: true, filter })
  return folder
}

function launch(folder: string, ...args: readonly string[]): ReturnType<typeof run> {
  return run(folder, process.execPath, 'cli/lockstep.js', ...args)
}

test.after(removeTemporaryFolders)

test('install: npm ci --omit=dev: succeeds without the compiler', () => {
  const folder = copyCheckout()
  const { code, output } = run(folder, 'npm', 'ci', '--omit=dev', '--foreground-scripts')
  assert.is(code, 0, output)
  assert.match(output, /typescript is not installed/)
  assert.not(existsSync(join(folder, 'node_modules/typescript')))
  assert.not(existsSync(join(folder, 'dist')))

  const launched = launch(folder, 'sim', '--seed', '1')
  assert.is(launched.code, 2)
  assert.match(launched.output, /^lockstep: this checkout is not built: .*npm run build.*\n$/)
}, { deadlineMs })

test('install: npm ci: builds, and the launcher knows when that is out of date', () => {
  const folder = copyCheckout()
  mustRun(folder, 'npm', 'ci')
  assert.is(launch(folder, 'sim', '--seed', '1').code, 0)

  const source = join(folder, 'core/index.ts')
  const later = new Date(Date.now() + 1000)
  utimesSync(source, later, later)
  const launched = launch(folder, 'sim', '--seed', '1')
  assert.is(launched.code, 2)
  assert.match(launched.output, /^lockstep: core\/index.ts is newer than the build: .*\n$/)
}, { deadlineMs })

test.run()
