// A disk that is really full: a small file system in memory, which only root may mount.

import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { suite } from '../test/harness.ts'
import { appendUntil, killAppenders, lastIndexIn } from '../test/storage/appender.ts'
import { mustRun, removeTemporaryFolders, temporaryFolder } from '../test/support/commands.ts'

const test = suite('full disk')
const volume = join(temporaryFolder(), 'volume')

test.before(() => {
  mkdirSync(volume)
  mustRun('.', 'mount', '-t', 'tmpfs', '-o', 'size=4m', 'lockstep-test', volume)
})

test.after(() => {
  killAppenders()
  mustRun('.', 'umount', volume)
  removeTemporaryFolders()
})

test('full disk: the log says so; with room again all that was acknowledged is there', async () => {
  const folder = join(volume, 'log')
  const ballast = join(volume, 'ballast')
  mkdirSync(folder)
  let last = 0
  for (const leftBytes of [100_000, 50_000, 0]) {
    const { bavail, bsize } = statfsSync(volume)
    writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - leftBytes)))
    const life = await appendUntil(folder, lines => lines.at(-1)?.startsWith('failed') === true)
    const reason = life.lines.at(-1) ?? ''
    assert.match(reason, /^failed cannot write .*log-0-\d+: ENOSPC: no space left .*; free space/)
    rmSync(ballast)
    const least = Math.max(last, life.acknowledged)
    last = await lastIndexIn(folder)
    assert.ok(last >= least, `${least} was acknowledged, ${last} is there`)
    const next = await appendUntil(folder, lines => lines.length > 40)
    assert.match(next.lines[0] ?? '', new RegExp(`^opened ${last} \\d+ torn, whole$`))
    last = await lastIndexIn(folder)
    assert.ok(last >= next.acknowledged)
  }
})

test.run()
