// `lockstep check --follow` as a user runs it: another process writes the file meanwhile.

import { spawn, type ChildProcess } from 'node:child_process'
import { appendFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { suite } from '../harness.ts'
import { removeTemporaryFolders } from '../support/commands.ts'
import { commandLine, environmentOf, installCopy, lockstep } from './support.ts'
import type { Outcome } from './support.ts'

const test = suite('check --follow')
const root = installCopy()
test.after(removeTemporaryFolders)

let files = 0

function fileOf(text: string): string {
  const path = join(root, `followed-${++files}.ndjson`)
  writeFileSync(path, text)
  return path
}

/** `type process f value`, one a line. */
function lines(...events: readonly string[]): string {
  return events
    .map((event) => {
      const [type, process, f, value = 'null'] = event.split(' ')
      return `{"type":"${type}","process":${process},"f":"${f}","key":"L","value":${value}}\n`
    })
    .join('')
}

const held = lines('invoke 1 acquire', 'ok 1 acquire 6')
const doubled = lines('invoke 3 acquire', 'ok 3 acquire 7')
const released = lines('invoke 1 release', 'ok 1 release')

interface Following {
  readonly child: ChildProcess
  readonly ended: Promise<Outcome>
  /** Resolves when stderr matches. */
  said(what: RegExp): Promise<void>
}

function start(...args: readonly string[]): Following {
  // On a terminal it says how many events it has seen.
  const surroundings = { terminalColumns: 100 }
  const line = commandLine(root, ['check', '--follow', ...args], surroundings)
  const child = spawn(process.execPath, line, { cwd: root, env: environmentOf(surroundings) })
  const waiting: (() => void)[] = []
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    for (const look of waiting) look()
  })
  const ended = new Promise<Outcome>((resolve) => {
    child.on('close', (code) => resolve({ code, stdout, stderr }))
  })
  const said = (what: RegExp): Promise<void> => {
    return new Promise((resolve) => {
      const look = (): void => {
        if (what.test(stderr)) resolve()
      }
      waiting.push(look)
      look()
    })
  }
  return { child, ended, said }
}

const fenced = ['--model', 'fenced-mutex']

test('follow: a process writes the file: it ends at the violation at once', async () => {
  const file = fileOf(held)
  const following = start(file, ...fenced)
  await following.said(/2 events, all right so far/)
  const write = `
    const { appendFileSync } = require('node:fs')
    const text = ${JSON.stringify(doubled)}
    appendFileSync(process.argv[1], text.slice(0, 90))
    setTimeout(() => appendFileSync(process.argv[1], text.slice(90)), 120)
    setTimeout(() => appendFileSync(process.argv[1], ${JSON.stringify(released)}), 240)`
  const writer = spawn(process.execPath, ['-e', write, file])
  const { code, stdout } = await following.ended
  await new Promise((resolve) => writer.exitCode ?? writer.on('close', resolve))
  assert.is(code, 1)
  assert.match(stdout, /followed-\d+\.ndjson: violation \(2 operations, fenced-mutex\)/)
  assert.match(stdout, /process 3 held L from event 4 with token 7 while process 1 held it/)
})

test('follow: an interrupt: what was seen is right, half a line is not looked at', async () => {
  const file = fileOf(held)
  const following = start(file, ...fenced)
  await following.said(/2 events/)
  appendFileSync(file, released + '{"type":"ok","process":9')
  await following.said(/4 events/)
  following.child.kill('SIGINT')
  const { code, stdout, stderr } = await following.ended
  assert.is(code, 0, stderr)
  assert.match(stdout, /: ok \(2 operations, fenced-mutex\)/)
})

test('follow: the file shrinks, another takes its place: says so, exit code 2', async () => {
  const shrunk = fileOf(held)
  const one = start(shrunk, ...fenced)
  await one.said(/2 events/)
  truncateSync(shrunk, 10)
  const first = await one.ended
  assert.is(first.code, 2)
  assert.match(first.stderr, /it shrank from \d+ to 10 bytes/)

  const replaced = fileOf(held)
  const other = start(replaced, ...fenced)
  await other.said(/2 events/)
  renameSync(fileOf(held), replaced)
  const second = await other.ended
  assert.is(second.code, 2)
  assert.match(second.stderr, /another file took its place/)
})

test('follow: standard input: to its end, or to the violation', async () => {
  const good = start('-', ...fenced)
  good.child.stdin?.end((held + released).trimEnd())
  const right = await good.ended
  assert.is(right.code, 0, right.stderr)
  assert.match(right.stdout, /-: ok \(2 operations/)

  const bad = start('-', ...fenced)
  bad.child.stdin?.write(held + doubled)
  assert.is((await bad.ended).code, 1)

  const debt = ['invoke 1 acquire', 'ok 1 acquire', 'invoke 2 release', 'invoke 3 acquire']
  const open = start('-', '--model', 'semaphore')
  open.child.stdin?.end(lines(...debt, 'ok 3 acquire', 'invoke 4 acquire 2'))
  const undecided = await open.ended
  assert.is(undecided.code, 3)
  assert.match(undecided.stdout, /-: unknown \(4 operations, semaphore\)/)

  const none = start('-', ...fenced)
  none.child.stdin?.end()
  assert.is((await none.ended).code, 2)
})

test('follow: wrong usage: says what it takes', () => {
  const said = (...args: readonly string[]): string => {
    const { code, stderr } = lockstep(root, ['check', '--follow', ...args])
    assert.is(code, 2)
    return stderr
  }
  const file = fileOf(held)
  assert.match(said(file), /one of the models owner-mutex, /)
  assert.match(said(file, '--model', 'register'), /one of the models owner-mutex, /)
  assert.match(said(file, file, ...fenced), /takes one file/)
  assert.match(said(file, '--json', ...fenced), /no JSON/)
  assert.match(said(file, '--failed', 'observed', ...fenced), /did not happen/)
  assert.match(said('nothing.ndjson', ...fenced), /there is no such file/)
})

test.run()
