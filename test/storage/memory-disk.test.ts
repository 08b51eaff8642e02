// The reliable disk in memory.

import * as assert from 'uvu/assert'
import type { SyncResult } from '../../storage/disk.ts'
import { MemoryDisk } from '../../storage/memory-disk.ts'
import { suite } from '../harness.ts'

const test = suite('memory disk')

test('memory disk: an absent file: reads as empty and is not listed', () => {
  const disk = new MemoryDisk()
  assert.is(disk.read('a').length, 0)
  assert.equal(disk.list(), [])
})

test('memory disk: writes at any offset: are seen at once, gaps read as zeros', () => {
  const disk = new MemoryDisk()
  disk.write('b', 3, Uint8Array.of(1, 2))
  disk.write('a', 0, Uint8Array.of(9))
  disk.write('b', 4, Uint8Array.of(7, 8))
  assert.equal(disk.read('b'), Uint8Array.of(0, 0, 0, 1, 7, 8))
  assert.equal(disk.list(), ['a', 'b'])
})

test('memory disk: bytes given and bytes read: are copies', () => {
  const disk = new MemoryDisk()
  const given = Uint8Array.of(1)
  disk.write('a', 0, given)
  given[0] = 2
  const read = disk.read('a')
  read[0] = 3
  assert.equal(disk.read('a'), Uint8Array.of(1))
})

test('memory disk: a file cut and grown again: holds zeros where it was cut', () => {
  const disk = new MemoryDisk()
  disk.write('a', 0, Uint8Array.of(1, 2, 3, 4))
  disk.truncate('a', 9)
  assert.is(disk.read('a').length, 4)
  disk.truncate('a', 1)
  disk.write('a', 3, Uint8Array.of(5))
  assert.equal(disk.read('a'), Uint8Array.of(1, 0, 0, 5))
})

test('memory disk: a removed file: is absent at once, and begins anew when written', () => {
  const disk = new MemoryDisk()
  disk.write('a', 0, Uint8Array.of(1, 2, 3))
  disk.write('b', 0, Uint8Array.of(4))
  disk.remove('a')
  disk.remove('c')
  assert.equal(disk.list(), ['b'])
  assert.is(disk.read('a').length, 0)
  disk.write('a', 1, Uint8Array.of(5))
  assert.equal(disk.read('a'), Uint8Array.of(0, 5))
})

test('memory disk: syncs: end at a flush, in order, with its result', () => {
  const disk = new MemoryDisk()
  const ended: [string, SyncResult][] = []
  disk.sync(result => {
    ended.push(['first', result])
    disk.sync(result => ended.push(['nested', result]))
  })
  disk.sync(result => ended.push(['second', result]))
  assert.equal(ended, [])
  disk.flush()
  assert.equal(ended, [['first', null], ['second', null]])
  assert.is(disk.syncsWaiting, 1)
  const error = new Error('EIO')
  disk.flush(error)
  assert.is(ended[2]?.[1], error)
})

test.run()
