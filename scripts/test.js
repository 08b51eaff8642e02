// Runs test files, each in a process of its own, and sums up what they report.
// Usage: node scripts/test.js [FILE | FOLDER | PREFIX ...]   (without arguments: all of test/)

import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { listFiles } from './sources.js'

const fileMsMax = 15 * 60_000

process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'))

const prefixes = process.argv.slice(2).map(path => path.replace(/^\.\//, ''))
const files = findFiles(prefixes.length > 0 ? prefixes : ['test/'])
const running = new Set()
const totals = { passed: 0, failed: 0 }

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    for (const child of running) killGroup(child)
    process.exit(1)
  })
}

const queue = [...files]
await Promise.all(Array.from({ length: Math.min(availableParallelism(), queue.length) }, work))
if (files.length === 0) {
  console.log(`failed: no test file matches ${prefixes.join(' ')}`)
  totals.failed = 1
}
console.log(`${totals.passed} passed, ${totals.failed} failed`)
if (totals.failed > 0) process.exitCode = 1

/** Lists the test files that lie in one of the folders, or whose path begins with a prefix. */
function findFiles(prefixes) {
  const all = [...listFiles('test', '.test.ts'), ...listFiles('test-system', '.test.ts')]
  const matches = (file, prefix) => file.startsWith(prefix === 'test' ? 'test/' : prefix)
  return all.filter(file => prefixes.some(prefix => matches(file, prefix)))
}

async function work() {
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    const result = await runFile(file)
    totals.passed += result.passed
    totals.failed += result.failed
    report(file, result)
  }
}

/** Runs one file to its end and returns its counts, its output and how long it took. */
async function runFile(file) {
  const startedAt = performance.now()
  const child = spawn(process.execPath, ['--import', 'tsx', file], {
    detached: true,
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  running.add(child)
  let output = ''
  let problem
  const append = text => (output += text)
  child.stdout.setEncoding('utf8').on('data', append)
  child.stderr.setEncoding('utf8').on('data', append)
  const timer = setTimeout(() => {
    problem = `killed after ${fileMsMax / 60_000} minutes`
    killGroup(child)
  }, fileMsMax)
  const code = await new Promise(resolve => {
    child.on('error', error => append(`${error.stack}\n`))
    child.on('close', resolve)
  })
  clearTimeout(timer)
  running.delete(child)
  const seconds = (performance.now() - startedAt) / 1000
  return { ...judge(output, code, problem), output, seconds }
}

/** Reads uvu's summary. A file that breaks off or runs no test counts as one failure. */
function judge(output, code, problem) {
  const total = lastCount(output, 'Total')
  const passed = lastCount(output, 'Passed')
  const skipped = lastCount(output, 'Skipped') ?? 0
  if (total === undefined || passed === undefined) {
    return { passed: 0, failed: 1, skipped, problem: problem ?? `no summary, exit code ${code}` }
  }
  if (total === 0) return { passed, failed: 1, skipped, problem: problem ?? 'ran no test' }
  const failed = total - passed
  if (failed === 0 && (code !== 0 || problem !== undefined)) {
    return { passed, failed: 1, skipped, problem: problem ?? `exit code ${code}` }
  }
  return { passed, failed, skipped, problem }
}

function lastCount(output, label) {
  const found = [...output.matchAll(new RegExp(`^ {2}${label}: +(\\d+)$`, 'gm'))].at(-1)
  return found === undefined ? undefined : Number(found[1])
}

function report(file, { passed, failed, skipped, problem, output, seconds }) {
  const counts = [`${passed + failed} tests`]
  if (skipped > 0) counts.push(`${skipped} skipped`)
  if (failed > 0) counts.push(`${failed} failed`)
  if (problem !== undefined) counts.push(problem)
  const verdict = failed > 0 ? 'FAILED' : 'ok'
  console.log(`${verdict} ${file} ${counts.join(', ')} ${seconds.toFixed(1)} s`)
  if (failed > 0) console.log(output.trimEnd().replace(/^/gm, '    '))
}

/** Kills a test process and whatever it has started. */
function killGroup(child) {
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // It has ended by itself meanwhile.
  }
}
