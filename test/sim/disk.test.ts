// The simulated disk: visible at once, durable after a sync, in between at the mercy of a crash.

import * as assert from 'uvu/assert'
import { SimulatedDisk } from '../../sim/disk.ts'
import type { CrashMode } from '../../sim/disk.ts'
import { openStreams } from '../../sim/random.ts'
import type { RandomStream } from '../../sim/random.ts'
import { suite } from '../harness.ts'

const test = suite('sim/disk')
const POWER: CrashMode = { power: true, torn: false }
const TORN: CrashMode = { power: true, torn: true }
const PROCESS: CrashMode = { power: false, torn: false }

function random(seed: number): RandomStream {
  return openStreams(String(seed), false, null).stream('disk')
}

/** One byte for each write: the number of the write, from 1, `size` times over. */
function written(writes: number, size: number): SimulatedDisk {
  const disk = new SimulatedDisk(() => {})
  for (let at = 0; at < writes; at++) {
    disk.write('log', at * size, new Uint8Array(size).fill(at + 1))
  }
  return disk
}

test('disk: a write: is read back at once, and is the disk\'s own copy', () => {
  const disk = new SimulatedDisk(() => {})
  const bytes = Uint8Array.of(1, 2, 3)
  disk.write('b', 2, bytes)
  bytes.fill(9)
  assert.equal([...disk.read('b')], [0, 0, 1, 2, 3])
  disk.read('b').fill(9)
  assert.equal([...disk.read('b')], [0, 0, 1, 2, 3])
  disk.write('a', 0, new Uint8Array(5_000).fill(7))
  assert.equal(disk.list(), ['a', 'b'])
  assert.is(disk.read('nothing').length, 0)
})

test('disk: synced: survives a loss of power; what came after the sync began need not', () => {
  const lengths = new Set<number>()
  for (let seed = 0; seed < 30; seed++) {
    let started = 0
    let done = 0
    const disk = new SimulatedDisk(() => started++)
    disk.write('log', 0, Uint8Array.of(1, 2))
    disk.sync((result) => {
      assert.is(result, null)
      done++
    })
    disk.write('log', 2, Uint8Array.of(3))
    assert.equal([started, done], [1, 0])
    disk.finishSync()
    assert.is(done, 1)
    disk.crash(POWER, random(seed))
    assert.equal([...disk.read('log').subarray(0, 2)], [1, 2])
    lengths.add(disk.read('log').length)
  }
  assert.equal([...lengths].sort(), [2, 3])
})

test('disk: a sync under way at a crash: never reports', () => {
  const disk = new SimulatedDisk(() => {})
  disk.write('log', 0, Uint8Array.of(1))
  disk.sync(() => assert.unreachable('it reported'))
  disk.crash(PROCESS, random(1))
  disk.finishSync()
})

test('disk: loss of power: a prefix of the unsynced writes stays, each length comes up', () => {
  const lengths = new Set<number>()
  for (let seed = 0; seed < 100; seed++) {
    const disk = written(4, 1)
    const { lost, torn } = disk.crash(POWER, random(seed))
    const left = [...disk.read('log')]
    assert.equal(left, [1, 2, 3, 4].slice(0, left.length))
    assert.equal([lost, torn], [4 - left.length, 0])
    lengths.add(left.length)
  }
  assert.is(lengths.size, 5)
})

test('disk: torn: a write survives in part, and one may survive an earlier one', () => {
  let parts = 0
  let overtaken = 0
  for (let seed = 0; seed < 200; seed++) {
    const disk = written(2, 4)
    const { torn } = disk.crash(TORN, random(seed))
    const left = [...disk.read('log')]
    const counts = [1, 2].map((value) => left.filter((byte) => byte === value).length)
    if (counts.some((count) => count > 0 && count < 4)) parts++
    if (counts[0] === 0 && counts[1] === 4) overtaken++
    if (counts.some((count) => count > 0 && count < 4)) assert.ok(torn > 0)
    const expected = [...left.keys()].map((at) => (at < 4 ? 1 : 2))
    assert.ok(left.every((byte, at) => byte === 0 || byte === expected[at]), 'no other bytes')
  }
  assert.ok(parts > 20, `${parts} survived in part`)
  assert.ok(overtaken > 5, `${overtaken} overtook`)
})

test('disk: only the process dies: every write stays, and is durable by a later sync', () => {
  const disk = written(3, 1)
  assert.equal(disk.crash(PROCESS, random(1)), { lost: 0, torn: 0 })
  assert.equal([...disk.read('log')], [1, 2, 3])
  disk.sync(() => {})
  disk.finishSync()
  assert.equal(disk.crash(POWER, random(1)), { lost: 0, torn: 0 })
  assert.equal([...disk.read('log')], [1, 2, 3])
})

test('disk: a sync that fails: keeps some writes, and no later sync brings the rest', () => {
  const lengths = new Set<number>()
  let stillRead = 0
  let gone = 0
  for (let seed = 0; seed < 100; seed++) {
    const disk = written(2, 1)
    const results: unknown[] = []
    disk.sync((result) => results.push(result))
    disk.write('log', 2, Uint8Array.of(3))
    disk.failSync(random(seed))
    assert.is(results.length, 1)
    assert.match(String(results[0]), /^Error: EIO/)
    const read = [...disk.read('log')]
    assert.is(read[2], 3, 'what came after the sync began is read as before')
    disk.sync((result) => results.push(result))
    disk.finishSync()
    assert.is(results[1], null, 'the next sync has nothing to say')
    const { lost } = disk.crash(PROCESS, random(seed))
    const kept = [...disk.read('log')]
    assert.equal(kept, read)
    disk.crash(POWER, random(seed))
    const left = [...disk.read('log')]
    assert.is(left[2], 3)
    const missing = left.filter((byte) => byte === 0).length
    assert.equal(read.join() === left.join(), lost === missing)
    lengths.add(missing)
    if (lost > 0) gone++
    else if (missing > 0) stillRead++
  }
  assert.equal([...lengths].sort(), [0, 1, 2])
  assert.ok(stillRead > 20, `${stillRead} times what was lost was read until the power failed`)
  assert.ok(gone > 20, `${gone} times it was gone at once`)
})

test('disk: a sync that fails: loses no truncation', () => {
  for (let seed = 0; seed < 20; seed++) {
    const disk = written(4, 1)
    disk.sync(() => {})
    disk.finishSync()
    disk.truncate('log', 2)
    disk.sync(() => {})
    disk.failSync(random(seed))
    assert.equal([...disk.read('log')], [1, 2])
    disk.crash(POWER, random(seed))
    assert.equal([...disk.read('log')], [1, 2])
  }
})

test('disk: truncated: shorter at once, durably so after a sync, and zeros where it grows', () => {
  const disk = written(4, 1)
  disk.sync(() => {})
  disk.finishSync()
  disk.truncate('log', 2)
  assert.equal([...disk.read('log')], [1, 2])
  const undone = new Set<number>()
  for (let seed = 0; seed < 30; seed++) {
    const copy = written(4, 1)
    copy.sync(() => {})
    copy.finishSync()
    copy.truncate('log', 2)
    copy.crash(POWER, random(seed))
    undone.add(copy.read('log').length)
  }
  assert.equal([...undone].sort(), [2, 4])
  disk.sync(() => {})
  disk.finishSync()
  disk.crash(POWER, random(1))
  disk.write('log', 4, Uint8Array.of(9))
  assert.equal([...disk.read('log')], [1, 2, 0, 0, 9])
})

test('disk: rot: changes a durable byte for good, and nothing else', () => {
  const disk = written(4, 2)
  disk.sync(() => {})
  disk.finishSync()
  disk.write('log', 8, Uint8Array.of(9))
  const before = disk.read('log')
  assert.equal([...disk.durable('log')], [1, 1, 2, 2, 3, 3, 4, 4])
  assert.is(disk.corrupt('log', 2, 0x81), true)
  const after = before.slice()
  after[2] = 0x83
  assert.equal(disk.read('log'), after)
  assert.equal(disk.durable('log'), after.subarray(0, 8))
  assert.is(before[2], 2, 'what was read is left alone')
  disk.crash(POWER, random(1))
  assert.equal(disk.read('log').subarray(0, 8), after.subarray(0, 8))
  assert.is(disk.corrupt('log', 2, 0x81), true)
  assert.equal([...disk.durable('log')], [1, 1, 2, 2, 3, 3, 4, 4].slice(0, 8))
})

test('disk: rot: where nothing is durable there is none', () => {
  const disk = written(2, 2)
  assert.is(disk.corrupt('log', 1, 1), false)
  assert.is(disk.corrupt('nothing', 0, 1), false)
  assert.is(disk.durable('log').length, 0)
  assert.equal([...disk.read('log')], [1, 1, 2, 2])
})

test('disk: rot under a write that is not synced: is written over, if that write survives', () => {
  const left = new Set<number>()
  for (let seed = 0; seed < 40; seed++) {
    const disk = written(1, 4)
    disk.sync(() => {})
    disk.finishSync()
    disk.write('log', 2, Uint8Array.of(7))
    assert.is(disk.corrupt('log', 2, 0x10), true)
    assert.equal([...disk.read('log')], [1, 1, 7, 1])
    assert.equal([...disk.durable('log')], [1, 1, 0x11, 1])
    disk.crash(POWER, random(seed))
    left.add(disk.read('log')[2] as number)
    assert.equal(disk.read('log'), disk.durable('log'))
  }
  assert.equal([...left].sort(), [7, 0x11].sort())
})

/** Two files, both durable, of which `old` is removed and `new` is written to. */
function replacing(): SimulatedDisk {
  const disk = new SimulatedDisk(() => {})
  disk.write('new', 0, Uint8Array.of(1))
  disk.write('old', 0, Uint8Array.of(7, 8))
  disk.sync(() => {})
  disk.finishSync()
  disk.write('new', 1, Uint8Array.of(2))
  disk.remove('old')
  return disk
}

test('disk: removed: gone at once, and for good after a sync', () => {
  const disk = replacing()
  disk.remove('nothing')
  assert.equal(disk.list(), ['new'])
  assert.is(disk.read('old').length, 0)
  disk.sync(() => {})
  disk.finishSync()
  assert.equal(disk.crash(POWER, random(1)), { lost: 0, torn: 0 })
  assert.equal(disk.list(), ['new'])
})

test('disk: removed and not synced: a loss of power may bring it back, whatever else', () => {
  for (const [mode, expected] of [[POWER, 3], [TORN, 4]] as const) {
    const seen = new Set<string>()
    for (let seed = 0; seed < 100; seed++) {
      const disk = replacing()
      const { lost, torn } = disk.crash(mode, random(seed))
      const isBack = disk.list().includes('old')
      if (isBack) assert.equal([...disk.read('old')], [7, 8], 'whole, as it was')
      const isWritten = disk.read('new').length === 2
      if (torn === 0) assert.is(lost, Number(isBack) + Number(!isWritten))
      seen.add(`${isBack} ${isWritten}`)
    }
    assert.is(seen.size, expected, [...seen].join(', '))
  }
})

test('disk: removed when only the process dies: stays removed, durably so by a sync', () => {
  const disk = replacing()
  disk.crash(PROCESS, random(1))
  assert.equal(disk.list(), ['new'])
  disk.sync(() => {})
  disk.finishSync()
  disk.crash(POWER, random(1))
  assert.equal(disk.list(), ['new'])
})

test('disk: a sync that fails: loses no removal', () => {
  for (let seed = 0; seed < 20; seed++) {
    const disk = replacing()
    disk.sync(() => {})
    disk.failSync(random(seed))
    assert.equal(disk.list(), ['new'])
    disk.crash(POWER, random(seed))
    assert.equal(disk.list(), ['new'])
  }
})

test('disk: a file written anew after its removal: holds nothing of the old one', () => {
  const disk = replacing()
  disk.write('old', 3, Uint8Array.of(9))
  assert.equal([...disk.read('old')], [0, 0, 0, 9])
  disk.sync(() => {})
  disk.finishSync()
  disk.crash(POWER, random(1))
  assert.equal([...disk.read('old')], [0, 0, 0, 9])
})

test.run()
