// What docs/ shows is run: every ts block as a program, and the history of docs/checking.md.

import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { suite } from './harness.ts'

const test = suite('docs')
const FOLDER = join('out', 'docs')

function blocks(text: string, language: string): string[] {
  const found = text.matchAll(new RegExp('```' + language + '\n(.*?)```', 'gs'))
  return [...found].map((match) => (match[1] as string).replaceAll(/^ {3}/gm, ''))
}

function run(args: readonly string[]): { readonly status: number | null; readonly said: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  return { status, said: stdout + stderr }
}

function file(name: string, text: string): string {
  mkdirSync(FOLDER, { recursive: true })
  const path = join(FOLDER, name)
  writeFileSync(path, text)
  return path
}

test.after(() => rmSync(FOLDER, { recursive: true, force: true }))

test('docs: every program: runs, and prints what it says', () => {
  let count = 0
  for (const name of readdirSync('docs').filter((one) => one.endsWith('.md'))) {
    for (const program of blocks(readFileSync(join('docs', name), 'utf8'), 'ts')) {
      count++
      const { status, said } = run(['--import', 'tsx', file(`block-${count}.ts`, program)])
      assert.is(status, 0, `${name}: ${said}`)
      const promises = program.matchAll(/\bconsole\.log\(.*\) \/\/ (.*)$/gm)
      const promised = [...promises].map(([, text]) => text)
      assert.equal(said.trim().split('\n'), promised, name)
    }
  }
  assert.ok(count >= 1)
})

const checking = readFileSync(join('docs', 'checking.md'), 'utf8')

test('docs: checking: its history is one, and its violation is said like that', () => {
  const [history] = blocks(checking, 'json')
  assert.ok(history !== undefined)
  const good = run(['cli/lockstep.js', 'check', file('history.ndjson', history)])
  assert.is(good.status, 0, good.said)
  const events = [
    ['invoke', 0, 'acquire', null],
    ['ok', 0, 'acquire', 7],
    ['invoke', 1, 'acquire', null],
    ['ok', 1, 'acquire', 8],
    ['invoke', 0, 'release', null],
    ['ok', 0, 'release', null],
  ] as const
  const lines = events.map(([type, process, f, value]) => {
    return `${JSON.stringify({ type, process, f, value })}\n`
  })
  const bad = run(['cli/lockstep.js', 'check', file('locks.ndjson', lines.join(''))])
  assert.is(bad.status, 1)
  const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ')
  const [, message = ''] = bad.said.trim().split('\n  ')
  assert.ok(oneLine(checking).includes(oneLine(message)), message)
})

test('docs: checking: every model has its row', () => {
  const section = checking.slice(checking.indexOf('## Models'), checking.indexOf('`--init` says'))
  const rows = section.split('\n').map((line) => line.split(' | ')[0] as string)
  const listed = rows.flatMap((row) => [...row.matchAll(/`([\w-]+)`/g)].map(([, name]) => name))
  const help = run(['cli/lockstep.js', 'check', '--model', 'nothing', 'x']).said
  const known = /it takes (.*)$/m.exec(help)?.[1]?.split(', ')
  assert.equal([...listed].sort(), [...(known ?? [])].sort())
})

test.run()
