// Which calls the disk of real files makes of the operating system, in which order, and what it
// does when one of them fails.

import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { basename, join } from 'node:path'
import * as assert from 'uvu/assert'
import type { SyncResult } from '../../storage/disk.ts'
import { openFileDisk } from '../../storage/node/file-disk.ts'
import type { FileDisk } from '../../storage/node/file-disk.ts'
import { FileDiskError } from '../../storage/node/file-disk-error.ts'
import type { FileOperation } from '../../storage/node/file-disk-error.ts'
import { suite } from '../harness.ts'
import { removeTemporaryFolders, temporaryFolder } from '../support/commands.ts'

const test = suite('calls of the file disk')

type Call = (...args: unknown[]) => void
type Calls = Record<string, Call>

const names = ['open', 'writev', 'ftruncate', 'fsync', 'fdatasync', 'unlink', 'close'] as const
const calls = fs as unknown as Calls
const real = Object.fromEntries(names.map(name => [name, calls[name] as Call]))

/** What was called since `watch`, as `call file`. */
let made: string[] = []
/** The call that is to fail next, in the same words. */
let failing = ''
/** Bytes that one call writes at most. */
let writeBytesMax = Infinity

function nameOf(target: unknown): string {
  const path = typeof target === 'number' ? fs.readlinkSync(`/proc/self/fd/${target}`) : target
  const name = basename(String(path))
  return name.startsWith('lockstep-') ? 'folder' : name
}

test.before(() => {
  for (const name of names) {
    calls[name] = (...args) => {
      const done = args.at(-1) as (error: Error) => void
      const call = `${name} ${nameOf(args[0])}`
      made.push(call)
      if (call === failing) {
        setImmediate(done, Object.assign(new Error('EIO: i/o error, call'), { code: 'EIO' }))
        return
      }
      if (name === 'writev') args[1] = firstBytes(args[1] as Uint8Array[], writeBytesMax)
      ;(real[name] as Call)(...args)
    }
  }
  syncBuiltinESMExports()
})

test.after(() => {
  Object.assign(fs, real)
  syncBuiltinESMExports()
  removeTemporaryFolders()
})

test.before.each(() => {
  failing = ''
  writeBytesMax = Infinity
})

function firstBytes(buffers: readonly Uint8Array[], count: number): Uint8Array[] {
  const bytes = Buffer.concat(buffers)
  return [bytes.subarray(0, Math.min(count, bytes.length))]
}

const synced = (disk: FileDisk): Promise<SyncResult> => new Promise(done => disk.sync(done))

async function callsOf(act: () => unknown): Promise<string[]> {
  made = []
  await act()
  return made
}

async function opened(folder: string = temporaryFolder()): Promise<FileDisk> {
  const disk = openFileDisk(folder, { stepBytes: 100 })
  assert.is(await synced(disk), null)
  return disk
}

const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(7)

test('file disk: the first sync: covers the folder and every file that is there', async () => {
  const folder = temporaryFolder()
  fs.writeFileSync(join(folder, 'a'), 'x')
  const found = await callsOf(() => opened(folder))
  assert.equal(found, ['open a', 'fsync a', 'fsync folder'])
})

test('file disk: a turn: is one call', async () => {
  const disk = await opened()
  disk.write('a', 0, bytes(10))
  await synced(disk)
  for (let at = 10; at < 100; at += 20) {
    const found = await callsOf(async () => {
      disk.write('a', at, bytes(5))
      disk.write('a', at + 5, bytes(15))
      await synced(disk)
    })
    assert.equal(found, ['writev a'])
  }
})

test('file disk: a new file: is written, then the folder is synced', async () => {
  const disk = await opened()
  const found = await callsOf(() => {
    disk.write('a', 0, bytes(10))
    return synced(disk)
  })
  assert.equal(found, ['open a', 'writev a', 'fsync folder'])
  assert.equal(await callsOf(() => synced(disk)), [])
})

test('file disk: a removed file: goes, then the folder is synced', async () => {
  const disk = await opened()
  disk.write('a', 0, bytes(10))
  await synced(disk)
  const found = await callsOf(() => {
    disk.remove('a')
    return synced(disk)
  })
  assert.equal(found, ['close a', 'unlink a', 'fsync folder'])
  assert.equal(
    await callsOf(() => {
      disk.write('b', 0, bytes(1))
      disk.remove('b')
      return synced(disk)
    }),
    ['fsync folder']
  )
})

test('file disk: a cut: is synced as a whole', async () => {
  const disk = await opened()
  disk.write('a', 0, bytes(10))
  await synced(disk)
  const found = await callsOf(() => {
    disk.truncate('a', 5)
    disk.write('a', 5, bytes(1))
    return synced(disk)
  })
  assert.equal(found, ['ftruncate a', 'writev a', 'fsync a'])
})

test('file disk: writes that are cut short: go on where they ended', async () => {
  for (const max of [1, 7, 10, 11, 33, 119, 120, 121]) {
    writeBytesMax = max
    const folder = temporaryFolder()
    const disk = await opened(folder)
    const wanted = Uint8Array.from({ length: 30 }, (_, at) => at + 1)
    for (let at = 0; at < 30; at += 10) disk.write('a', at, wanted.subarray(at, at + 10))
    assert.is(await synced(disk), null)
    disk.write('a', 30, bytes(1))
    assert.is(await synced(disk), null)
    await disk.close()
    assert.equal(new Uint8Array(fs.readFileSync(join(folder, 'a'))), Uint8Array.of(...wanted, 7))
  }
})

const failures: readonly [string, FileOperation][] = [
  ['open b', 'open'],
  ['writev a', 'write'],
  ['ftruncate a', 'cut'],
  ['fsync a', 'sync'],
  ['unlink c', 'remove'],
  ['close c', 'close'],
  ['fsync folder', 'sync']
]

for (const [call, operation] of failures) {
  test(`file disk: ${call} fails: the sync says so, and nothing is tried again`, async () => {
    const disk = await opened()
    disk.write('a', 0, bytes(10))
    disk.write('c', 0, bytes(10))
    await synced(disk)
    disk.truncate('a', 5)
    disk.write('a', 5, bytes(1))
    disk.remove('c')
    disk.write('b', 0, bytes(1))
    failing = call
    const during = await callsOf(async () => {
      const error = await synced(disk)
      if (!(error instanceof FileDiskError)) throw new Error(`the sync ended with ${error}`)
      assert.is(error.code, 'EIO')
      assert.is(error.operation, operation)
      assert.match(error.message, /^cannot .* \/.*: EIO: i\/o error; look for errors of the device/)
      failing = ''
      disk.write('a', 6, bytes(1))
      disk.write('d', 0, bytes(1))
      disk.truncate('a', 0)
      disk.remove('a')
      assert.is(await synced(disk), error)
      assert.is(await synced(disk), error)
    })
    assert.is(during.at(-1), call)
    await disk.close().catch(() => undefined)
  })
}

test.run()
