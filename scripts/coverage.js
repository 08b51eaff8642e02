// Measures which lines the tests reach and fails when core/ falls below its share.
// c8 is content with a report over no file at all, so every core file must appear in it.
// Usage: node scripts/coverage.js [test file or folder ...]

import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { listFiles, listSources } from './sources.js'

const coreLinesPercentMin = 95
const measuredFolders = ['core', 'checker', 'storage', 'transports', 'client', 'sim']
const summaryFile = 'coverage/coverage-summary.json'
/** Tests that run mutated copies, other processes, or worlds by the hundred: they take minutes. */
const ofWorlds =
  /^test\/sim\/(mutants.*|planted|determinism|library|capsule|sync-error|swarm|fast-check)\.test/
/** Tests on real sockets and files, which take their time and cover what needs Node alone. */
const ofHosts = /^test\/(transports\/(tcp|tls)|storage\/file|client\/(real-|service))/

process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'))
process.exitCode = main(process.argv.slice(2))

/** All tests of the folders that are worth their time under coverage. */
function measuredTests() {
  const files = measuredFolders.flatMap(folder => listFiles(`test/${folder}`, '.test.ts'))
  return files.filter(file => !ofWorlds.test(file) && !ofHosts.test(file))
}

function main(paths) {
  const tests = paths.length > 0 ? paths : measuredTests()
  rmSync('coverage', { recursive: true, force: true })
  const failures = []
  if (runUnderC8(tests) !== 0) failures.push('the tests failed under coverage')
  const byFile = readSummary()
  for (const folder of measuredFolders) {
    const share = shareOf(folder, byFile)
    const percent = share.total === 0 ? 0 : (100 * share.covered) / share.total
    console.log(`coverage: ${folder} ${percent.toFixed(1)} % of ${share.total} lines`)
    for (const file of share.missing) failures.push(`${file} is not in the report`)
    if (folder !== 'core') continue
    if (share.total === 0) failures.push('the report covers no file of core/')
    else if (percent < coreLinesPercentMin) {
      failures.push(`core/ is covered to ${percent.toFixed(1)} %, not ${coreLinesPercentMin} %`)
    }
  }
  for (const failure of failures) console.log(`coverage: ${failure}`)
  return failures.length === 0 ? 0 : 1
}

function runUnderC8(tests) {
  const c8 = join(dirname(createRequire(import.meta.url).resolve('c8/package.json')), 'bin/c8.js')
  const include = measuredFolders.flatMap(folder => ['--include', `${folder}/**/*.ts`])
  const reporters = ['json-summary', 'text'].flatMap(name => ['--reporter', name])
  const options = ['--all', '--extension', '.ts', ...include, ...reporters]
  const command = [process.execPath, 'scripts/test.js', ...tests]
  const run = spawnSync(process.execPath, [c8, ...options, ...command], { stdio: 'inherit' })
  return run.status
}

/** Reads c8's summary into a map from path to its lines; empty when there is no report. */
function readSummary() {
  let summary
  try {
    summary = JSON.parse(readFileSync(summaryFile, 'utf8'))
  } catch {
    return new Map()
  }
  const { total: _, ...files } = summary
  const entries = Object.entries(files).map(([path, { lines }]) => {
    return [relative('.', path).replaceAll('\\', '/'), lines]
  })
  return new Map(entries)
}

/** Sums up the lines of a folder's files, and names the files the report does not know. */
function shareOf(folder, byFile) {
  const share = { covered: 0, total: 0, missing: [] }
  for (const file of listSources(folder).filter(holdsCode)) {
    const lines = byFile.get(file)
    if (lines === undefined) share.missing.push(file)
    share.covered += lines?.covered ?? 0
    share.total += lines?.total ?? 0
  }
  return share
}

/** A file of types alone, or of mere re-exports, has no line that could run. */
function holdsCode(file) {
  const text = readFileSync(file, 'utf8')
  const tree = ts.createSourceFile(file, text, ts.ScriptTarget.ES2023)
  return tree.statements.some(statement => {
    const isType = ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)
    const isLink = ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement)
    return !isType && !isLink
  })
}
