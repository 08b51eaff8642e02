// The disk of real files: what it promises of itself, and the log's conformance suite on it.

import * as assert from 'uvu/assert'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { logConformance } from '../../storage/conformance.ts'
import type { LogPlace } from '../../storage/conformance-life.ts'
import type { SyncResult } from '../../storage/disk.ts'
import { openFileDisk } from '../../storage/node/file-disk.ts'
import type { FileDisk, FileDiskOptions } from '../../storage/node/file-disk.ts'
import { FileDiskError } from '../../storage/node/file-disk-error.ts'
import { readLog } from '../../storage/recovery.ts'
import { rottable } from '../../storage/survey.ts'
import type { ByteRange } from '../../storage/survey.ts'
import { openLog } from '../../storage/write-ahead-log.ts'
import { suite } from '../harness.ts'
import { removeTemporaryFolders, temporaryFolder } from '../support/commands.ts'
import { identity } from './support.ts'

const test = suite('file disk')
test.after(removeTemporaryFolders)

const bytesOf = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes)
const synced = (disk: FileDisk): Promise<SyncResult> => new Promise(done => disk.sync(done))
const small: FileDiskOptions = { stepBytes: 64 }

async function mustSync(disk: FileDisk): Promise<void> {
  const result = await synced(disk)
  if (result !== null) throw result
}

test('file disk: an absent file: reads as empty and is not listed', async () => {
  const disk = openFileDisk(temporaryFolder())
  assert.is(disk.read('a').length, 0)
  assert.equal(disk.list(), [])
  await disk.close()
})

test('file disk: writes at any offset: are seen at once and after each sync', async () => {
  const folder = temporaryFolder()
  const disk = openFileDisk(folder, small)
  const check = (): void => {
    assert.equal(disk.read('b'), bytesOf(0, 0, 0, 1, 7, 8))
    assert.equal(disk.list(), ['a', 'b'])
  }
  disk.write('b', 3, bytesOf(1, 2))
  disk.write('a', 0, bytesOf(9))
  disk.write('b', 4, bytesOf(7, 8))
  check()
  const ended = synced(disk)
  check()
  assert.is(await ended, null)
  check()
  await disk.close()
  assert.equal(new Uint8Array(fs.readFileSync(join(folder, 'b'))), bytesOf(0, 0, 0, 1, 7, 8))
})

test('file disk: a file cut and grown again: holds zeros where it was cut', async () => {
  for (const syncs of [false, true]) {
    const folder = temporaryFolder()
    const disk = openFileDisk(folder, small)
    disk.write('a', 0, bytesOf(1, 2, 3, 4))
    if (syncs) await mustSync(disk)
    disk.truncate('a', 9)
    assert.is(disk.read('a').length, 4)
    disk.truncate('a', 1)
    assert.equal(disk.read('a'), bytesOf(1))
    if (syncs) await mustSync(disk)
    disk.write('a', 3, bytesOf(5))
    assert.equal(disk.read('a'), bytesOf(1, 0, 0, 5))
    await disk.close()
    assert.equal(openFileDisk(folder).read('a'), bytesOf(1, 0, 0, 5))
  }
})

test('file disk: a removed file: is absent at once, and begins anew when written', async () => {
  for (const syncs of [false, true]) {
    const folder = temporaryFolder()
    const disk = openFileDisk(folder, small)
    disk.write('a', 0, bytesOf(1, 2, 3))
    disk.write('b', 0, bytesOf(4))
    if (syncs) await mustSync(disk)
    disk.remove('a')
    disk.remove('c')
    assert.equal(disk.list(), ['b'])
    assert.is(disk.read('a').length, 0)
    if (syncs) await mustSync(disk)
    assert.is(fs.existsSync(join(folder, 'a')), false)
    disk.write('a', 1, bytesOf(5))
    assert.equal(disk.read('a'), bytesOf(0, 5))
    await disk.close()
    assert.equal(openFileDisk(folder).read('a'), bytesOf(0, 5))
  }
})

test('file disk: syncs: end later, in order, one asked during another too', async () => {
  const folder = temporaryFolder()
  const disk = openFileDisk(folder, small)
  const ended: string[] = []
  disk.write('a', 0, bytesOf(1))
  disk.sync(() => ended.push('first'))
  disk.write('a', 1, bytesOf(2))
  disk.sync(() => ended.push('second'))
  const last = synced(disk)
  assert.equal(ended, [])
  assert.is(await last, null)
  assert.equal(ended, ['first', 'second'])
  disk.sync(() => ended.push('idle'))
  assert.is(ended.length, 2)
  await mustSync(disk)
  assert.is(ended.length, 3)
  assert.equal(disk.read('a'), bytesOf(1, 2))
  await disk.close()
})

test('file disk: a file that grows: has zeros ahead, which nobody reads', async () => {
  const folder = temporaryFolder()
  const disk = openFileDisk(folder, small)
  const sizes = new Set<number>()
  for (let at = 0; at < 200; at += 20) {
    disk.write('a', at, new Uint8Array(20).fill(at))
    await mustSync(disk)
    assert.is(disk.read('a').length, at + 20)
    sizes.add(fs.statSync(join(folder, 'a')).size)
  }
  assert.equal([...sizes], [84, 164, 244])
  await disk.close()
  assert.is(fs.statSync(join(folder, 'a')).size, 200)
})

test('file disk: writes that no sync asks for: go out after a while', async () => {
  const folder = temporaryFolder()
  const disk = openFileDisk(folder, { ...small, idleMs: 1 })
  disk.write('a', 0, bytesOf(1))
  while (!fs.existsSync(join(folder, 'a')) || fs.statSync(join(folder, 'a')).size !== 65) {
    await new Promise(resolve => setTimeout(resolve, 1))
  }
  await disk.close()
})

test('file disk: many MB at once: the event loop goes on meanwhile', async () => {
  const disk = openFileDisk(temporaryFolder())
  const bytes = new Uint8Array(4 * 1024 * 1024).map((_, at) => at * at)
  for (let part = 0; part < 16; part++) disk.write('a', part * bytes.length, bytes)
  let turns = 0
  let isDone = false
  const ended = synced(disk).then(() => {
    isDone = true
  })
  while (!isDone) {
    turns += 1
    await new Promise(resolve => setImmediate(resolve))
  }
  await ended
  assert.ok(turns > 2, `${turns} turns`)
  const read = disk.read('a')
  assert.is(read.length, 16 * bytes.length)
  assert.equal(read.subarray(15 * bytes.length), bytes)
  await disk.close()
})

test('file disk: a folder that is none: is refused by name', () => {
  const folder = temporaryFolder()
  fs.writeFileSync(join(folder, 'file'), '')
  assert.throws(() => openFileDisk(join(folder, 'none')), /cannot open .*none: ENOENT/)
  assert.throws(() => openFileDisk(join(folder, 'file')), /cannot open .*file: ENOTDIR/)
})

test('file disk: a full device: is the result of every sync from then on', async () => {
  const folder = temporaryFolder()
  const disk = openFileDisk(folder, small)
  disk.write('a', 0, bytesOf(1))
  await mustSync(disk)
  fs.symlinkSync('/dev/full', join(folder, 'full'))
  disk.write('full', 0, bytesOf(1))
  const error = await synced(disk)
  if (!(error instanceof FileDiskError)) throw new Error(`the sync ended with ${error}`)
  assert.is(error.code, 'ENOSPC')
  assert.is(error.operation, 'write')
  assert.match(error.message, /^cannot write .*\/full: ENOSPC: no space .*; free space on this/)
  disk.write('a', 1, bytesOf(2))
  disk.truncate('a', 0)
  disk.remove('a')
  assert.is(await synced(disk), error)
  assert.is(await disk.close().catch((failure: unknown) => failure), error)
  assert.equal(openFileDisk(folder).read('a')[0], 1)
})

test('file disk: a folder that was taken away: is the result of the sync', async () => {
  const folder = temporaryFolder()
  const disk = openFileDisk(join(folder))
  fs.rmSync(folder, { recursive: true })
  disk.write('a', 0, bytesOf(1))
  const error = await synced(disk)
  assert.match(error?.message ?? '', /cannot open .*\/a: ENOENT/)
  await disk.close().catch(() => undefined)
})

test('file disk: closed: says so to later syncs', async () => {
  const disk = openFileDisk(temporaryFolder())
  await disk.close()
  disk.write('a', 0, bytesOf(1))
  assert.match((await synced(disk))?.message ?? '', /it was closed; open the disk anew/)
})

/** Zeros that a killed process leaves: none when it closed its files. */
function filePlace(zerosLeft: number): LogPlace {
  const folder = temporaryFolder()
  let disk: FileDisk | null = null
  let life = 0
  let lastAsked: Promise<SyncResult> | null = null
  let failing = false
  const file = (): string => fs.readdirSync(folder).sort().at(-1) as string
  const path = (): string => join(folder, file())
  const read = (): Uint8Array => new Uint8Array(fs.readFileSync(path()))
  return {
    open: report => {
      const mine = ++life
      const opened = openFileDisk(folder, { stepBytes: 512 })
      disk = opened
      const ofLife = {
        list: () => opened.list(),
        read: (name: string) => opened.read(name),
        write: (name: string, at: number, bytes: Uint8Array) => opened.write(name, at, bytes),
        truncate: (name: string, size: number) => opened.truncate(name, size),
        remove: (name: string) => opened.remove(name),
        sync: (done: (result: SyncResult) => void) => {
          const ended = new Promise<SyncResult>(resolve => {
            opened.sync(result => {
              const fails = failing
              failing = false
              if (life === mine) done(fails ? new Error('EIO') : result)
              resolve(result)
            })
          })
          lastAsked = ended
        }
      }
      return openLog(ofLife, identity, report, { checkpointPartBytes: 4_000 })
    },
    settle: async () => {
      for (let asked: unknown = null; asked !== lastAsked; ) {
        asked = lastAsked
        await lastAsked
      }
    },
    kill: async () => {
      life += 1
      await disk?.close()
      for (const name of zerosLeft > 0 ? fs.readdirSync(folder) : []) {
        fs.appendFileSync(join(folder, name), new Uint8Array(zerosLeft))
      }
    },
    losePower: () => assert.unreachable('a real machine keeps its power'),
    failSync: () => {
      failing = true
    },
    tear: bytes => {
      const generation = Number(file().split('-').at(-1))
      const contents = readLog(read(), identity, generation)
      if (contents.type !== 'readable') throw new Error(contents.type)
      const fd = fs.openSync(path(), 'r+')
      fs.writeSync(fd, bytes, 0, bytes.length, contents.end)
      fs.closeSync(fd)
    },
    rot: attempt => {
      const bytes = read()
      const ranges = rottable(bytes)
      const { start, end } = ranges[attempt % ranges.length] as ByteRange
      const at = start + ((attempt * 7) % (end - start))
      bytes[at] = (bytes[at] as number) ^ 0x21
      fs.writeFileSync(path(), bytes)
    }
  }
}

for (const [name, zerosLeft] of [['closed', 0], ['killed', 700]] as const) {
  logConformance({
    test: (title, body) => test(`log in files, ${name}: ${title}`, body),
    place: () => filePlace(zerosLeft),
    supports: { powerLoss: false, failedSync: true, tornTail: true, rot: true }
  })
}

test.run()
