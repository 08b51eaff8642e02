#!/usr/bin/env node
// The launcher: starts the compiled command line, after a look whether a checkout was built.
// Plain JavaScript, so that it runs before anything is compiled.

import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const sourceFolders = [
  'core',
  'checker',
  'storage',
  'transports',
  'client',
  'server',
  'sim',
  'cli',
  'bench'
]

// A reader that has seen enough (`lockstep sim | head`) closes the pipe: that is no failure.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', error => {
    if (error.code !== 'EPIPE') throw error
    process.exit()
  })
}

const problem = buildProblem()
if (problem === undefined) {
  const { main } = await import('../dist/cli/main.js')
  process.exitCode = await main(process.argv.slice(2))
} else {
  console.error(`lockstep: ${problem}: run \`npm run build\` first`)
  process.exitCode = 2
}

/** Says why a checkout must be built first; an installed package has no sources to look at. */
function buildProblem() {
  const sources = sourceFolders.flatMap(listSources)
  if (sources.length === 0) return undefined
  const stamp = join(root, 'dist/.stamp')
  if (!existsSync(stamp)) return 'this checkout is not built'
  const builtAt = statSync(stamp).mtimeMs
  const newer = sources.find(source => statSync(join(root, source)).mtimeMs > builtAt)
  return newer === undefined ? undefined : `${newer} is newer than the build`
}

function listSources(folder) {
  if (!existsSync(join(root, folder))) return []
  return readdirSync(join(root, folder), { recursive: true })
    .filter(name => name.endsWith('.ts'))
    .map(name => join(folder, name))
}
