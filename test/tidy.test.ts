// Our own lint. Each rule is first shown to report a bad snippet, then applied to the repository.

import * as assert from 'uvu/assert'
import { suite } from './harness.ts'
import { parseSource, readRepository, sourceFolders, topFolder } from './support/source-files.ts'
import { importCycles, tidyProblems, tidyRules } from './support/tidy-rules.ts'

const test = suite('tidy')
const files = readRepository()

interface Sample {
  readonly path?: string
  readonly text: string
}

const long = (linesCount: number): string => 'let x = 1\n'.repeat(linesCount)

/** Per rule: snippets it must report. */
const bad: Readonly<Record<string, readonly Sample[]>> = {
  'line-length': [{ text: `const text = '${'x'.repeat(100)}'\n` }],
  'white-space': [{ text: 'let x = 1 \n' }, { text: '\tlet x = 1\n' }, { text: 'let x = 1\r\n' }],
  'final-newline': [{ text: 'let x = 1' }, { text: 'let x = 1\n\n' }],
  'file-length': [{ text: long(451) }],
  'function-length': [
    { text: `function f() {\n${long(79)}}\n` },
    { text: `const f = () => {\n${long(79)}}\n` },
    { text: `class A { m() {\n${long(79)}} }\n` }
  ],
  'kebab-case': [
    { path: 'core/readIndex.ts', text: '' },
    { path: 'core/Raft/log.ts', text: '' },
    { path: 'core/read_index.ts', text: '' }
  ],
  'no-any': [{ text: 'let x: any\n' }, { text: 'f(x as any)\n' }, { text: 'let x: any[]\n' }],
  'todo-owner': [
    { text: '// TODO: later\n' },
    { text: 'f(/* FIXME */ 1)\n' },
    { text: 'f() // XXX\n' },
    { text: 'function f() {\n  // TODO\n}\n' }
  ],
  header: [{ text: 'let x = 1\n' }, { path: 'cli/a.js', text: '#!/usr/bin/env node\nf()\n' }],
  'explicit-exports': [
    { text: "export * from './a.ts'\n" },
    { text: 'export default 1\n' },
    { text: 'export default function f() {}\n' }
  ],
  'own-index': [
    { text: "import { a } from './index.ts'\n" },
    { path: 'core/lock/table.ts', text: "export { a } from '../index.ts'\n" }
  ],
  layers: [
    { path: 'core/a.ts', text: "import { a } from '../sim/a.ts'\n" },
    { path: 'core/a.ts', text: "import type { A } from '../checker/a.ts'\n" },
    { path: 'checker/a.ts', text: "import { a } from '../core/a.ts'\n" },
    { path: 'storage/a.ts', text: "import { a } from '../transports/a.ts'\n" },
    { path: 'client/a.ts', text: "import { a } from '../storage/a.ts'\n" },
    { path: 'sim/a.ts', text: "import { a } from '../cli/a.ts'\n" },
    { path: 'cli/a.ts', text: "import { a } from '../test/a.ts'\n" }
  ],
  'host-names': [
    { path: 'sim/a.ts', text: "import fs from 'node:fs'\n" },
    { path: 'client/a.ts', text: 'console.log(1)\n' },
    { path: 'storage/a.ts', text: 'let bytes: Buffer\n' },
    { path: 'transports/a.ts', text: 'f({ process })\n' },
    { path: 'checker/a.ts', text: 'process.exit(1)\n' }
  ],
  docstring: [
    { text: 'export const a = 1\n' },
    { text: '// not a docstring\nexport function f(): void {}\n' },
    { text: 'export interface A {}\n' },
    { text: 'export type A = 1\n' }
  ],
  'runs-suites': [
    { path: 'test/a.test.ts', text: "const test = suite('a')\ntest('b', f)\n" },
    { path: 'test/a.test.ts', text: "const a = suite('a')\nconst b = suite('b')\na.run()\n" },
    { path: 'test/a.test.ts', text: "const test = suite('a')\n// test.run()\n" },
    { path: 'test/a.test.ts', text: 'f()\n' }
  ],
  'no-only': [{ path: 'test/a.test.ts', text: "test.only('a', f)\n" }]
}

const good: readonly Sample[] = [
  {
    text: [
      '// Owns nothing.',
      "import { b } from './b.ts'",
      '/** Says process, console and any, TODO(ada) included. */',
      "export const a = { process: b.console, text: 'any TODO' }",
      ''
    ].join('\n')
  },
  { path: 'sim/a.ts', text: '// Simulates one.\nconst process = f()\nprocess.run()\n' },
  { path: 'test/a.test.ts', text: "const test = suite('a')\ntest('b', f)\ntest.run()\n" }
]

const parse = ({ path = 'core/a.ts', text }: Sample): ReturnType<typeof parseSource> =>
  parseSource(path, text)

test('tidy: a bad snippet: its rule reports it', () => {
  assert.equal(Object.keys(bad).sort(), Object.keys(tidyRules).sort())
  for (const [name, samples] of Object.entries(bad)) {
    for (const sample of samples) {
      const problems = tidyRules[name]?.(parse(sample)) ?? []
      assert.ok(problems.length > 0, `${name} lets pass: ${sample.path ?? ''} ${sample.text}`)
    }
  }
})

test('tidy: a good snippet: no rule reports it', () => {
  for (const sample of good) assert.equal(tidyProblems(parse(sample)), [])
})

test('tidy: files that import each other: the cycle is reported', () => {
  const a = parseSource('core/a.ts', "import { b } from './b.ts'\n")
  const b = parseSource('core/b.ts', "export { c } from './raft/c.ts'\n")
  const c = parseSource('core/raft/c.ts', "import type { A } from '../a.ts'\n")
  assert.is(importCycles([a, b, c])[0]?.message, [a, b, c, a].map(file => file.path).join(' > '))
  assert.is(importCycles([a, b]).length, 0)
})

test('tidy: this repository: no rule reports anything', () => {
  const problems = [...files.flatMap(tidyProblems), ...importCycles(files)]
  const report = problems.map(({ path, line, message }) => `${path}:${line} ${message}`)
  assert.is(report.join('\n'), '')
})

test('tidy: this repository: the files of every folder were read', () => {
  const read = new Set(files.map(file => topFolder(file.path)))
  for (const folder of [...sourceFolders, 'scripts', 'test', 'test-system']) {
    assert.ok(read.has(folder), `${folder}/ holds no code, or was not read`)
  }
})

test.run()
