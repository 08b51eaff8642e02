// Processes that die while they append to real files: nothing acknowledged is lost.

import * as assert from 'uvu/assert'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { suite } from '../harness.ts'
import { removeTemporaryFolders, temporaryFolder } from '../support/commands.ts'
import { appendUntil, killAppenders, lastIndexIn } from './appender.ts'

const test = suite('log in files under crashes')

test.after(() => {
  killAppenders()
  removeTemporaryFolders()
})

const acknowledged = (least: number) => (lines: readonly string[]): boolean => {
  return lines.length > least
}

/** The newest file of the log. */
function newestIn(folder: string): string {
  const byGeneration = (file: string): number => Number(file.split('-').at(-1))
  const files = fs.readdirSync(folder).sort((a, b) => byGeneration(a) - byGeneration(b))
  return join(folder, files.at(-1) as string)
}

test('log in files: killed again and again: keeps all that was acknowledged', async () => {
  const folder = temporaryFolder()
  let last = 0
  let zerosLeft = 0
  for (const least of [1, 2, 3, 14, 17, 31, 40, 90]) {
    const life = await appendUntil(folder, acknowledged(least))
    assert.match(life.lines[0] ?? '', new RegExp(`^opened ${last} \\d+ torn, whole$`))
    assert.ok(life.acknowledged >= last + least, `${life.acknowledged} after ${last}`)
    last = await lastIndexIn(folder)
    assert.ok(last >= life.acknowledged, `${life.acknowledged} was acknowledged, ${last} is there`)
    if (fs.readFileSync(newestIn(folder)).at(-1) === 0) zerosLeft += 1
  }
  assert.ok(zerosLeft > 0)
})

test('log in files: on a system that lacks a flag to sync with: the same', async () => {
  const folder = temporaryFolder()
  const otherSystem = 'Object.defineProperty(process,`platform`,{value:`other`})'
  const shell = `export NODE_OPTIONS='--import=data:text/javascript,${otherSystem}';`
  const life = await appendUntil(folder, acknowledged(20), { shell })
  const last = await lastIndexIn(folder)
  assert.ok(last >= life.acknowledged && life.acknowledged >= 20)
})

test('log in files: a torn tail: is cut, and all before it is there', async () => {
  const folder = temporaryFolder()
  const life = await appendUntil(folder, acknowledged(5))
  const path = newestIn(folder)
  const bytes = fs.readFileSync(path)
  const end = bytes.findLastIndex(byte => byte !== 0) + 1
  const last = await lastIndexIn(folder)
  // Far enough behind the end that no record's own zeros lie between.
  fs.writeFileSync(path, Buffer.concat([bytes.subarray(0, end + 200), Buffer.of(1, 2, 3)]))
  const next = await appendUntil(folder, acknowledged(5))
  assert.match(next.lines[0] ?? '', new RegExp(`^opened ${last} [1-9][0-9]* torn, whole$`))
  assert.ok(last >= life.acknowledged)
  assert.ok((await lastIndexIn(folder)) >= next.acknowledged)
})

test('log in files: a byte that rots: is said', async () => {
  const folder = temporaryFolder()
  const life = await appendUntil(folder, acknowledged(10))
  const last = await lastIndexIn(folder)
  assert.ok(last >= life.acknowledged)
  const path = newestIn(folder)
  const bytes = fs.readFileSync(path)
  // Of the first records: later ones say that they were durable.
  bytes[120] = (bytes[120] as number) ^ 0x40
  fs.writeFileSync(path, bytes)
  const next = await appendUntil(folder, lines => lines.length > 0)
  assert.match(next.lines[0] ?? '', new RegExp(`^opened \\d+ 0 torn, damaged at ${last}$`))
})

test('log in files: no more room for the file: says so, and keeps what it had', async () => {
  const folder = temporaryFolder()
  const failed = (lines: readonly string[]): boolean => lines.at(-1)?.startsWith('failed') === true
  const life = await appendUntil(folder, failed, { shell: 'ulimit -f 128;' })
  const reason = life.lines.at(-1) ?? ''
  assert.match(reason, /^failed cannot write .*log-0-\d+: EFBIG: file too large; raise the limit/)
  assert.ok(life.acknowledged > 0)
  assert.ok((await lastIndexIn(folder)) >= life.acknowledged)
  const next = await appendUntil(folder, acknowledged(20))
  assert.ok(next.acknowledged >= life.acknowledged + 20)
  assert.ok((await lastIndexIn(folder)) >= next.acknowledged)
})

test.run()
