// core/ and sim/ hold no clock, no chance, no promise and nothing that differs between engines.
// Each check is first shown to fail. The compiler does its part: it is shown to refuse hosts.

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { suite } from './harness.ts'
import { purityProblems, type PurityOptions } from './support/purity-rules.ts'
import {
  parseSource,
  readRepository,
  repositoryRoot,
  topFolder,
  type SourceFile
} from './support/source-files.ts'

const test = suite('purity')
const files = readRepository()

const optionsByFolder: Readonly<Record<string, PurityOptions>> = {
  core: { imports: [] },
  sim: {
    imports: ['core', 'storage', 'transports', 'client', 'checker', 'immer', 'seedrandom']
  }
}

/** These may bring in fast-check, whose users bring it themselves. */
const fastCheckFiles: readonly string[] = ['sim/fast-check.ts', 'sim/fast-check-locks.ts']

/** One line each, each impure. */
const impure: readonly string[] = [
  'const now = Date.now()',
  'const now = new Date()',
  'let d: Date',
  'const x = Math.random()',
  'const x = Math.pow(2, 3)',
  'const x = 2 ** 3',
  'x **= 2',
  'const x = Math.log(2)',
  'const x = Math.log2(2)',
  'const x = Math.log10(2)',
  'const x = Math.log1p(2)',
  'const x = Math.exp(2)',
  'const x = Math.sin(2)',
  'const x = Math.cos(2)',
  'const x = Math.tan(2)',
  'const x = Math.hypot(2, 3)',
  'const x = Math.cbrt(2)',
  "const x = Math['random']()",
  'const { random } = Math',
  'f(Math)',
  'new Intl.Collator()',
  "'a'.localeCompare('b')",
  "'a'['localeCompare']('b')",
  'names.sort(compare.localeCompare)',
  'const { localeCompare } = text',
  'x.toLocaleString()',
  "'a'.toLocaleLowerCase()",
  'const x = Promise.resolve()',
  'let x: Promise<void>',
  'async function f(): void {}',
  'const f = async () => 1',
  'class A { async m() {} }',
  'await f()',
  'async function f() { for await (const x of y) x() }',
  'for await (const x of y) x()',
  'setTimeout(f, 1)',
  'f(setTimeout)',
  'const x = { setTimeout }',
  'setInterval(f, 1)',
  'setImmediate(f)',
  'queueMicrotask(f)',
  'performance.now()',
  'crypto.randomUUID()',
  'new WeakRef(x)',
  'new FinalizationRegistry(f)',
  'globalThis.x = 1',
  "globalThis['Date'].now()",
  "require('fs')",
  "import('./a.ts')",
  'f(import.meta.url)',
  "eval('1')",
  "new Function('return 1')",
  'process.exit()',
  'console.log()',
  'Buffer.from(x)',
  'fetch(x)',
  "import { a } from '../../sim/a.ts'",
  "import type { A } from '../../client/a.ts'",
  "export { a } from '../../checker/a.ts'",
  "import { produce } from 'immer'",
  "import { x } from '@scope/name/x'",
  "import fs from 'node:fs'",
  "import 'fs'"
]

const pure: readonly string[] = [
  '// Date.now() and Math.random() and await in a comment',
  "const text = 'Date.now() + Math.random() ** setTimeout'",
  'const x = Math.floor(1.5) + Math.max(1, 2) + Math.imul(2, 3) + Math.sqrt(4)',
  'const x = state.performance.now + event.Date',
  "const x = { type: 'crypto', process: 1, Date: 2 }",
  'interface A { readonly process: number; Promise: string }',
  'function run(process: string): string { return process }',
  "import { a } from './a.ts'",
  "import { a } from '../lock/a.ts'"
]

const coreOptions = optionsByFolder['core'] ?? { imports: [] }

function problemsOf(line: string, path = 'core/raft/a.ts', options = coreOptions): string[] {
  return purityProblems(parseSource(path, `${line}\n`), options).map(({ message }) => message)
}

test('purity: an impure line: it is reported', () => {
  for (const line of impure) assert.ok(problemsOf(line).length > 0, `lets pass: ${line}`)
})

test('purity: a pure line: it is not reported', () => {
  for (const line of pure) assert.equal(problemsOf(line), [], line)
})

test('purity: sim: its packages may be imported, others may not', () => {
  const sim = optionsByFolder['sim'] ?? coreOptions
  assert.equal(problemsOf("import seedrandom from 'seedrandom'", 'sim/a.ts', sim), [])
  assert.equal(problemsOf("import { produce } from 'immer'", 'sim/a.ts', sim), [])
  assert.equal(problemsOf("import { x } from '../core/x.ts'", 'sim/a.ts', sim), [])
  assert.is(problemsOf("import fc from 'fast-check'", 'sim/a.ts', sim).length, 1)
  assert.is(problemsOf("import { x } from '../cli/x.ts'", 'sim/a.ts', sim).length, 1)
})

for (const [folder, options] of Object.entries(optionsByFolder)) {
  test(`purity: ${folder}: nothing impure is used`, () => {
    const own = files.filter(file => topFolder(file.path) === folder)
    assert.ok(own.length > 0, `${folder}/ holds no code`)
    const problems = own.flatMap(file => purityProblems(file, optionsOf(file, options)))
    const report = problems.map(({ path, line, message }) => `${path}:${line} ${message}`)
    assert.is(report.join('\n'), '')
  })
}

function optionsOf(file: SourceFile, options: PurityOptions): PurityOptions {
  if (!fastCheckFiles.includes(file.path)) return options
  return { imports: [...options.imports, 'fast-check'] }
}

/** One line each, each of which only a host could run. */
const hostOnly: readonly string[] = [
  'setTimeout(() => 0, 1)',
  'setInterval(() => 0, 1)',
  'setImmediate(() => 0)',
  'queueMicrotask(() => 0)',
  'console.log(1)',
  'process.exit(1)',
  'export const a = Buffer.from([1])',
  "export const b = fetch('http://localhost')",
  'export const c = performance.now()',
  'export const d = new TextEncoder()',
  'export const e = new TextDecoder()',
  'export const f = crypto.randomUUID()',
  'export const g = structuredClone({})',
  "export const h = new URL('http://localhost')",
  'export const i = new AbortController()',
  "export const j = new WebSocket('ws://localhost')",
  "export const k = require('node:fs')",
  "import 'node:fs'",
  "import { readFileSync } from 'node:fs'",
  "export const l = import('node:net')",
  'export const m = __dirname',
  'export const n = window',
  'export const o = document',
  'export const p = new Worker(0)',
  'export const q = new EventTarget()',
  'export const r = Promise.withResolvers()'
]

for (const config of ['core/tsconfig.json', 'checker/tsconfig.json', 'tsconfig.pure.json']) {
  test(`purity: ${config}: the compiler refuses what only a host has`, () => {
    const fine = 'export const fine: number = Math.floor(1.5)'
    const errorLines = compile(config, [fine, ...hostOnly, ''])
    hostOnly.forEach((line, index) => {
      assert.ok(errorLines.has(index + 2), `${config} lets pass: ${line}`)
    })
    assert.not(errorLines.has(1), `${config} refuses: ${fine}`)
  })
}

/** What tsc calls a name, a module or a property that does not exist. */
const missingCodes = new Set([2304, 2307, 2318, 2339, 2550, 2580, 2583, 2584, 2591, 2882])

/** Compiles `lines` under `config` and returns the numbers of those that use what is missing. */
function compile(config: string, lines: readonly string[]): Set<number> {
  mkdirSync(join(repositoryRoot, 'out'), { recursive: true })
  const folder = mkdtempSync(join(repositoryRoot, 'out/purity-'))
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
  try {
    writeFileSync(join(folder, 'probe.mts'), lines.join('\n'))
    const project = { extends: join(repositoryRoot, config), include: ['probe.mts'] }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(project))
    const options = ['-p', folder, '--noEmit', '--pretty', 'false']
    const { stdout } = spawnSync(process.execPath, [tsc, ...options], { encoding: 'utf8' })
    const found = [...stdout.matchAll(/probe\.mts\((\d+),\d+\): error TS(\d+)/g)]
    const missing = found.filter(match => missingCodes.has(Number(match[2])))
    return new Set(missing.map(match => Number(match[1])))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test.run()
