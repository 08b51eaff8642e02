// Compiles the sources into dist/ and leaves a stamp there when all of it went well.
// The launcher in cli/lockstep.js compares that stamp with the sources.

import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { listFiles, listSources, sourceFolders } from './sources.js'

const require = createRequire(import.meta.url)
const stampFile = 'dist/.stamp'
const configFiles = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json']

process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'))
process.exitCode = build()

function build() {
  const sources = sourceFolders.flatMap(listSources)
  if (sources.length === 0) {
    console.error('build: there are no sources')
    return 1
  }
  const inputs = [...sourceFolders.flatMap(folder => listFiles(folder, '.ts')), ...configFiles]
  const fingerprint = fingerprintOf(inputs)
  const builtAt = newestOf(inputs)
  const missing = sources.some(source => !existsSync(outputOf(source)))
  // Whoever runs dist/ at this moment is not disturbed when there is nothing to do.
  if (!missing && readStamp() === fingerprint) return 0

  // tsc believes its own notes and does not write again what somebody else has deleted.
  if (missing) rmSync('dist/.tsbuildinfo', { force: true })
  removeOrphans(new Set(sources))
  const tsc = require.resolve('typescript/bin/tsc')
  const compiled = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
    stdio: 'inherit'
  })
  if (compiled.status !== 0) {
    rmSync(stampFile, { force: true })
    return compiled.status ?? 1
  }
  // The stamp is as old as the newest source was then: what is edited meanwhile counts as newer.
  mkdirSync('dist', { recursive: true })
  writeFileSync(stampFile, fingerprint)
  utimesSync(stampFile, builtAt, builtAt)
  return 0
}

/** Later by a little: a time that is set on a file comes out up to a microsecond too early. */
function newestOf(files) {
  return new Date(Math.ceil(Math.max(...files.map(file => statSync(file).mtimeMs))) + 1)
}

function outputOf(source) {
  return join('dist', source.replace(/\.ts$/, '.js'))
}

/** Names every file with its size and time: equal fingerprints mean that nothing was edited. */
function fingerprintOf(files) {
  const lines = files.map(file => {
    const { size, mtimeMs } = statSync(file)
    return `${file} ${size} ${mtimeMs}\n`
  })
  return lines.join('')
}

function readStamp() {
  return existsSync(stampFile) ? readFileSync(stampFile, 'utf8') : undefined
}

/** Removes compiled files whose source is gone, so that dist/ never holds more than the sources. */
function removeOrphans(sources) {
  const outputs = [...listFiles('dist', '.js'), ...listFiles('dist', '.d.ts')]
  for (const output of outputs) {
    const source = output.slice('dist/'.length).replace(/(\.d\.ts|\.js)$/, '.ts')
    if (!sources.has(source)) rmSync(output)
  }
}
