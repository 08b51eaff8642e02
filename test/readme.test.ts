// What the README shows is run: every ts block as a program, every npx line as a command.

import * as assert from 'uvu/assert'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { EXIT } from '../cli/verb.ts'
import { REASONS } from '../core/lock/codec.ts'
import { suite } from './harness.ts'
import { sourceFolders } from './support/source-files.ts'

const test = suite('readme')
const readme = readFileSync('README.md', 'utf8')
const MINUTES_MS = 5 * 60_000

function blocks(language: string): string[] {
  const found = readme.matchAll(new RegExp('```' + language + '\n(.*?)```', 'gs'))
  return [...found].map((match) => match[1] as string)
}

function run(args: readonly string[]): { status: number | null; output: string } {
  const env = { ...process.env, NO_COLOR: '1' }
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env })
  return { status, output: stdout + stderr }
}

/** Which node, which entry: that changes with every change of the simulated world. */
function unnumbered(text: string): string {
  return text.replaceAll(/\d+/g, 'N')
}

test('readme: the two commands of a newcomer: stand at the top and exist', () => {
  const scripts = JSON.parse(readFileSync('package.json', 'utf8')).scripts as object
  const [first] = blocks('sh')
  assert.ok(first !== undefined && readme.indexOf(first) < 400, 'not at the top')
  assert.match(first, /^npm ci && npm start\b.*\nnpm ci && npm test\b/)
  assert.ok('start' in scripts && 'test' in scripts)
})

test('readme: reasons of a refusal: each that there is has its row, and no other', () => {
  const section = readme.slice(readme.indexOf('| reason | why |'), readme.indexOf('From `tooMany'))
  const cells = section.split('\n').map((line) => line.split(' | ')[0] as string)
  const listed = cells.flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name))
  assert.equal([...listed].sort(), [...REASONS].sort())
})

test('readme: exit codes: each of the command line is said', () => {
  const [, said = ''] = /^Exit codes: (.*?)\. /ms.exec(readme) ?? []
  const codes = said.split('·').map((one) => Number.parseInt(one.trim(), 10))
  assert.equal(codes, Object.values(EXIT))
})

test('readme: where things are: every folder that is shipped has its row', () => {
  const table = readme.slice(readme.indexOf('## Where things are'))
  const listed = [...table.matchAll(/^\| \[(\w+)\/\]/gm)].map(([, folder]) => folder)
  const shown = ['examples', ...sourceFolders].filter((one) => one !== 'bench')
  assert.equal([...listed].sort(), shown.sort())
})

test(
  'readme: every program: runs and succeeds',
  () => {
    // Inside the project, so that `lockstep/sim` and fast-check resolve as they do for a user.
    const folder = join('out', 'readme')
    mkdirSync(folder, { recursive: true })
    const programs = blocks('ts')
    assert.ok(programs.length >= 2)
    let printed = 0
    programs.forEach((program, at) => {
      const file = join(folder, `block-${at}.ts`)
      writeFileSync(file, program)
      const { status, output } = run(['--import', 'tsx', file])
      assert.is(status, 0, `block ${at} of README.md ended with ${status}:\n${output}`)
      const after = readme.slice(readme.indexOf(program) + program.length)
      const says = /^```\n\nIt prints `([^`]+)`/.exec(after)?.[1]
      if (says === undefined) return
      printed++
      assert.is(unnumbered(output.trim()), unnumbered(says), `block ${at} of README.md`)
    })
    assert.ok(printed >= 1)
    writeFileSync(join(folder, 'broken.ts'), 'throw new Error("seen")')
    assert.is(run(['--import', 'tsx', join(folder, 'broken.ts')]).status, 1)
    rmSync(folder, { recursive: true })
  },
  { deadlineMs: MINUTES_MS },
)

test(
  'readme: every npx line: runs and succeeds',
  () => {
    const lines = blocks('sh').flatMap((block) => block.split('\n'))
    const commands = lines.filter((line) => line.startsWith('npx lockstep '))
    assert.ok(commands.length >= 3)
    for (const line of commands) {
      const words = line.replace(/#.*/, '').trim().split(/\s+/).slice(2)
      const { status, output } = run(['cli/lockstep.js', ...words])
      assert.is(status, 0, `${line}\n${output}`)
    }
  },
  { deadlineMs: MINUTES_MS },
)

test('readme: every file that it names: exists', () => {
  for (const match of readme.matchAll(/\]\(([^)#]+)\)|^\[[^\]]+\]: (\S+)/gm)) {
    const target = (match[1] ?? match[2]) as string
    if (target.startsWith('http')) continue
    assert.ok(existsSync(target), `README.md names ${target}, which is not there`)
  }
})

test.run()
