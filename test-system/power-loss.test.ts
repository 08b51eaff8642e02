// What a sync has reported is on the device, not only in the memory of the operating system: a file
// system in an image is copied while the process stands still, and the copy is what a loss of power
// would leave. Only root may mount it.

import { copyFileSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { suite } from '../test/harness.ts'
import { appendUntil, killAppenders, lastIndexIn } from '../test/storage/appender.ts'
import { mustRun, removeTemporaryFolders, run, temporaryFolder } from '../test/support/commands.ts'

const test = suite('power loss')
const IMAGE_BYTES = 24 * 1024 * 1024

const here = temporaryFolder()
const image = join(here, 'image')
const copy = join(here, 'copy')
const mounted = join(here, 'mounted')
const survivor = join(here, 'survivor')

/** Nothing is written back unless somebody asks. */
function mount(from: string, at: string): void {
  mustRun('.', 'mount', '-o', 'loop,commit=600', from, at)
}

test.before(() => {
  mkdirSync(mounted)
  mkdirSync(survivor)
  writeFileSync(image, '')
  truncateSync(image, IMAGE_BYTES)
  mustRun('.', 'mkfs.ext4', '-q', image)
  mount(image, mounted)
})

test.after(() => {
  killAppenders()
  run('.', 'umount', survivor)
  mustRun('.', 'umount', mounted)
  removeTemporaryFolders()
})

test('power loss: what was acknowledged: is on the device', async () => {
  const folder = join(mounted, 'log')
  mkdirSync(folder)
  mustRun('.', 'sync', '-f', mounted)
  for (const least of [1, 2, 15, 16, 17, 30, 50, 100]) {
    const life = await appendUntil(folder, lines => lines.length > least, {
      whileStopped: () => copyFileSync(image, copy)
    })
    assert.ok(life.acknowledged >= least)
    mount(copy, survivor)
    const last = await lastIndexIn(join(survivor, 'log'))
    mustRun('.', 'umount', survivor)
    assert.ok(last >= life.acknowledged, `${life.acknowledged} was acknowledged, ${last} is there`)
  }
})

test.run()
