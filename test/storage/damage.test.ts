// A log of which something durable has rotted: what is lost, what never is, and how peers repair
// it.

import * as assert from 'uvu/assert'
import type { Persist } from '../../core/effect.ts'
import { contentAfter, contentDifference, EMPTY_LOG } from '../../storage/log-content.ts'
import type { LogContent } from '../../storage/log-content.ts'
import { MemoryDisk } from '../../storage/memory-disk.ts'
import { logFile } from '../../storage/record.ts'
import type { Recovered } from '../../storage/recovery.ts'
import { rottable } from '../../storage/survey.ts'
import type { ByteRange } from '../../storage/survey.ts'
import { openLog } from '../../storage/write-ahead-log.ts'
import { suite } from '../harness.ts'
import { endOf, entryAt } from './raft-history.ts'
import {
  baseAt,
  identity,
  open,
  persistCheckpoint,
  persistEntries,
  persistHardState,
  snapshotAt
} from './support.ts'

const test = suite('damage')

/** Entries of the leaders of these terms, one after the other. */
function entriesOf(firstIndex: number, ...terms: number[]): Persist {
  return persistEntries(0, firstIndex, ...terms.map((term, at) => entryAt(firstIndex + at, term)))
}

/** Appends and syncs each, on a disk that may hold a log already. */
function lived(disk: MemoryDisk, ...persists: Persist[]): MemoryDisk {
  const { log } = open(disk, identity, { checkpointPartBytes: 20 })
  disk.flush()
  for (const [at, persist] of persists.entries()) {
    log.append({ ...persist, id: at + 1 })
    log.sync()
    disk.flush()
  }
  return disk
}

function contentOf(...persists: Persist[]): LogContent {
  return persists.reduce(contentAfter, EMPTY_LOG)
}

function copyOf(disk: MemoryDisk): MemoryDisk {
  const copy = new MemoryDisk()
  for (const file of disk.list()) copy.write(file, 0, disk.read(file))
  return copy
}

/** A copy of the disk on which one byte is another. */
function rotten(disk: MemoryDisk, file: string, at: number, xor = 0x40): MemoryDisk {
  const copy = copyOf(disk)
  copy.write(file, at, Uint8Array.of((disk.read(file)[at] as number) ^ xor))
  return copy
}

const fileOf = (disk: MemoryDisk): string => disk.list().at(-1) as string
const rangesOf = (disk: MemoryDisk): readonly ByteRange[] => rottable(disk.read(fileOf(disk)))
const recoveredOn = (disk: MemoryDisk): Recovered => open(copyOf(disk)).recovered

/** The disk without its `number`-th record, counted from 1; notes count. */
function without(disk: MemoryDisk, ...numbers: number[]): MemoryDisk {
  const ranges = rangesOf(disk)
  return numbers.reduce((on, number) => {
    const { start, end } = ranges[number] as ByteRange
    return rotten(on, fileOf(disk), start + ((number * 5) % (end - start)))
  }, disk)
}

/** The term and vote are whole, the end is the true one, and the entries begin the true log. */
function assertDamaged(found: LogContent, wanted: LogContent): void {
  assert.equal(found.hardState, wanted.hardState)
  assert.equal(found.damage, endOf(wanted))
  if (found.snapshot === null) assert.equal(found.base, baseAt(0, 0))
  else assert.equal([found.snapshot, found.base], [wanted.snapshot, wanted.base])
}

/** A whole log in which each kind of record is there, and terms change hands. */
const FIRST: readonly Persist[] = [
  persistHardState(0, { term: 1, vote: '0' }),
  entriesOf(1, 1, 1, 1),
  entriesOf(4, 1, 1),
  { ...entriesOf(4, 2), hardState: { term: 2, vote: null } },
  entriesOf(5, 2, 2),
  persistHardState(0, { term: 3, vote: '2' }),
  entriesOf(7, 3),
  persistHardState(0, { term: 4, vote: '1' })
]

/** The same behind a checkpoint in many parts. */
const SECOND: readonly Persist[] = [
  ...FIRST,
  {
    ...persistCheckpoint(0, snapshotAt(4, 2, ...Array(50).keys()), baseAt(2, 1)),
    hardState: { term: 4, vote: '1' },
    entries: [entryAt(3, 1), entryAt(4, 2), entryAt(5, 2), entryAt(6, 2), entryAt(7, 3)]
  },
  entriesOf(8, 4, 4),
  persistHardState(0, { term: 6, vote: '0' }),
  entriesOf(9, 6)
]

/** How peers repair what was found to be `wanted` again. */
function repairOf(found: LogContent, wanted: LogContent): readonly Persist[] {
  const { snapshot, base } = wanted
  if (found.base.index < base.index && snapshot !== null) {
    const content = { ...wanted, hardState: found.hardState }
    const checkpoint = { ...content, checkpoint: { snapshot, base }, id: 0, logChanged: true }
    return [{ ...checkpoint, type: 'persist', firstIndex: base.index + 1 }]
  }
  const differs = wanted.entries.findIndex((one, at) => one.term !== found.entries[at]?.term)
  if (differs < 0) return []
  const missing = wanted.entries.slice(differs)
  return missing.map((one, at) => persistEntries(0, base.index + differs + 1 + at, one))
}

/** Repairs the log entry by entry, with a restart after each. */
function repairAll(disk: MemoryDisk, wanted: LogContent): void {
  let content: LogContent = recoveredOn(disk)
  for (const persist of repairOf(content, wanted)) {
    assert.ok(content.damage !== null, 'damaged until all is there')
    lived(disk, persist)
    content = contentAfter(content, persist)
    assert.is(contentDifference(recoveredOn(disk), content), null)
  }
  assert.is(contentDifference(recoveredOn(disk), wanted), null)
}

test('damage: any byte of any durable record: nothing is lost, or it is said and repaired', () => {
  for (const persists of [FIRST, SECOND]) {
    const disk = lived(new MemoryDisk(), ...persists)
    const wanted = contentOf(...persists)
    const ranges = rangesOf(disk)
    let damaged = 0
    for (const [number, { start, end }] of ranges.entries()) {
      for (let at = start; at < end; at++) {
        for (const xor of [1, 0x80, 0xff]) {
          const bad = rotten(disk, fileOf(disk), at, xor)
          const found = recoveredOn(bad)
          assert.is(found.tornBytes, 0)
          if (contentDifference(found, wanted) === null) continue
          assert.ok(number > 0, 'the header')
          assertDamaged(found, wanted)
          damaged += 1
          if (xor === 1) repairAll(bad, wanted)
        }
      }
    }
    assert.ok(damaged > 300, `${damaged}`)
  }
})

test('damage: any two durable records: what is left is said, and repaired', () => {
  for (const persists of [FIRST, SECOND]) {
    const disk = lived(new MemoryDisk(), ...persists)
    const wanted = contentOf(...persists)
    const count = rangesOf(disk).length
    for (let one = 0; one < count; one++) {
      for (let other = one + 1; other < count; other++) {
        const bad = without(disk, one, other)
        const found = recoveredOn(bad)
        if (contentDifference(found, wanted) !== null) assertDamaged(found, wanted)
        repairAll(bad, wanted)
      }
    }
  }
})

test('damage: all durable records but the one that proves it: term, vote and end are known', () => {
  const disk = lived(new MemoryDisk(), ...FIRST)
  const bytes = disk.read(fileOf(disk))
  const { end } = rangesOf(disk).at(-1) as ByteRange
  const bad = copyOf(disk)
  bad.write(fileOf(disk), 0, bytes.subarray(0, end).map(byte => byte ^ 0xa5))
  const found = recoveredOn(bad)
  const wanted = contentOf(...FIRST)
  assert.equal([found.entries, found.records], [[], 1])
  assertDamaged(found, wanted)
  repairAll(bad, wanted)
})

test('damage: any byte of a crashed file: as above, or what nothing proves durable is cut', () => {
  for (const persists of [FIRST, SECOND]) {
    const disk = lived(new MemoryDisk(), ...persists)
    const file = fileOf(disk)
    const bytes = disk.read(file)
    const starts = rangesOf(disk).map(({ start }) => start)
    const contents = persists.map((_, at) => contentOf(...persists.slice(0, at + 1)))
    const wholes = [EMPTY_LOG, ...contents]
    for (const start of starts.slice(3)) {
      for (const size of [start, start + 1, start + 9]) {
        const crashed = new MemoryDisk()
        crashed.write(file, 0, bytes.subarray(0, size))
        if (openLog(copyOf(crashed), identity, () => undefined).type !== 'ok') continue
        const whole = recoveredOn(crashed)
        const number = wholes.findIndex(one => contentDifference(one, whole) === null)
        const proven = rangesOf(crashed).at(-1)?.end ?? 0
        for (let at = 0; at < size; at++) {
          const bad = rotten(crashed, file, at)
          const opened = openLog(copyOf(bad), identity, () => undefined)
          if (at >= proven) {
            if (opened.type !== 'ok') continue
            const { recovered } = opened
            assert.is(recovered.damage, null)
            assert.ok(wholes.some(one => contentDifference(one, recovered) === null))
            continue
          }
          assert.is(opened.type, 'ok')
          const found = recoveredOn(bad)
          if (contentDifference(found, whole) === null) continue
          assert.ok(number >= 0)
          assertDamaged(found, whole)
        }
      }
    }
  }
})

test('damage: entries behind a gap: are not joined to others than they followed', () => {
  const persists = [entriesOf(1, 1, 1, 1, 1), entriesOf(3, 2), entriesOf(4, 2), entriesOf(5, 2)]
  const disk = lived(new MemoryDisk(), ...persists)
  // The record that replaced entry 3 is lost: the next one would fit by its index alone.
  const bad = without(disk, 4)
  const found = recoveredOn(bad)
  assert.equal(found.entries, [1, 1, 1, 1].map((term, at) => entryAt(at + 1, term)))
  assert.equal(found.damage, { index: 5, term: 2 })
  repairAll(bad, contentOf(...persists))
})

test('damage: a truncation lost: the log as it was before, and what it was cut to', () => {
  const disk = lived(new MemoryDisk(), entriesOf(1, 1, 1), entriesOf(3, 2), entriesOf(3))
  const bad = without(disk, 6)
  const { entries, damage } = recoveredOn(bad)
  assert.equal(entries.map(({ term }) => term), [1, 1, 2])
  assert.equal(damage, { index: 2, term: 1 })
  assert.equal(recoveredOn(lived(bad)).damage, damage, 'said again after another start')
  lived(bad, entriesOf(4, 2))
  assert.is(recoveredOn(bad).damage, null)
})

test('damage: entries that were replaced are lost: nothing is', () => {
  const persists = [entriesOf(1, 1), entriesOf(2, 1, 1), entriesOf(2, 2, 2)]
  const bad = without(lived(new MemoryDisk(), ...persists), 4)
  assert.is(contentDifference(recoveredOn(bad), contentOf(...persists)), null)
})

test('damage: repaired by a later leader: over at its first entry, however short the log', () => {
  const disk = lived(new MemoryDisk(), entriesOf(1, 1), entriesOf(2, 1, 1, 1, 1))
  const bad = without(disk, 4)
  assert.equal(recoveredOn(bad).damage, { index: 5, term: 1 })
  lived(bad, persistHardState(0, { term: 2, vote: null }), entriesOf(2, 1, 1))
  assert.equal(recoveredOn(bad).damage, { index: 5, term: 1 })
  lived(bad, entriesOf(4, 2))
  assert.is(recoveredOn(bad).damage, null)
  // And it shortens as any log does.
  lived(bad, entriesOf(3, 3))
  const { damage, entries } = recoveredOn(bad)
  assert.equal([damage, entries.length], [null, 3])
})

test('damage: half repaired, then the repair rots: the end is still the first one', () => {
  const persists = [entriesOf(1, 1, 1), entriesOf(3, 1, 1, 1), entriesOf(6, 1)]
  const bad = without(lived(new MemoryDisk(), ...persists), 4)
  lived(bad, entriesOf(3, 1), entriesOf(4, 1))
  assert.equal(recoveredOn(bad).damage, { index: 6, term: 1 })
  const { start } = rangesOf(bad).at(-1) as ByteRange
  const worse = rotten(bad, fileOf(bad), start)
  const found = recoveredOn(worse)
  assert.is(found.entries.length, 3)
  assert.equal(found.damage, { index: 6, term: 1 })
  repairAll(worse, contentOf(...persists))
})

test('damage: a snapshot below what is lost: begins a generation that says so', () => {
  const bad = without(lived(new MemoryDisk(), entriesOf(1, 1), entriesOf(2, 1, 1, 2, 2)), 4)
  const checkpoint = persistCheckpoint(0, snapshotAt(3, 1, 7), baseAt(3, 1))
  lived(bad, { ...checkpoint, hardState: { term: 3, vote: null } })
  const found = recoveredOn(bad)
  assert.is(fileOf(bad), logFile(identity.group, 2))
  assert.equal([found.snapshot?.index, found.damage], [3, { index: 5, term: 2 }])
  lived(bad, entriesOf(4, 2))
  assert.equal(recoveredOn(bad).damage, { index: 5, term: 2 })
  lived(bad, entriesOf(5, 2))
  assert.is(recoveredOn(bad).damage, null)
  assert.is(recoveredOn(bad).entries.length, 2)
})

test('damage: a checkpoint lost: repaired by entries from the first, in the same file', () => {
  const all = [1, 1, 1, 2, 2, 2]
  const kept = { ...persistCheckpoint(0, snapshotAt(4, 2, 1, 2, 3), baseAt(0, 0)), ...entriesOf(1) }
  const checkpoint = {
    ...kept,
    checkpoint: { snapshot: snapshotAt(4, 2, 1, 2, 3), base: baseAt(0, 0) },
    hardState: { term: 2, vote: '0' },
    entries: all.map((term, at) => entryAt(at + 1, term))
  }
  const disk = lived(new MemoryDisk(), checkpoint, entriesOf(7, 2))
  for (const { start } of rangesOf(disk).slice(1, 9)) {
    const bad = rotten(disk, fileOf(disk), start)
    const { snapshot, entries, damage, hardState } = recoveredOn(bad)
    if (snapshot !== null) continue
    assert.equal([entries, damage, hardState], [[], { index: 7, term: 2 }, { term: 2, vote: '0' }])
    lived(bad, entriesOf(1, ...all))
    assert.equal(recoveredOn(bad).damage, { index: 7, term: 2 })
    lived(bad, entriesOf(7, 2))
    assert.equal(recoveredOn(bad).entries.map(({ term }) => term), [...all, 2])
    assert.is(recoveredOn(bad).damage, null)
  }
})

/** A log whose last note covers the first of these, and not the second, whose last byte is torn. */
function tornBeforeNote(covered: Persist, ...others: Persist[]): MemoryDisk {
  const disk = new MemoryDisk()
  const { log } = open(disk)
  disk.flush()
  log.append({ ...covered, id: 1 })
  log.sync()
  for (const [at, persist] of others.entries()) log.append({ ...persist, id: at + 2 })
  const torn = disk.read(fileOf(disk)).length - 1
  disk.flush()
  return rotten(disk, fileOf(disk), torn)
}

test('damage: the proof lies behind a torn record: it is not cut off with it', () => {
  const first = { ...entriesOf(1, 1), hardState: { term: 1, vote: '2' } }
  const vote = persistHardState(0, { term: 2, vote: '0' })
  for (const others of [[entriesOf(2, 1)], [vote, entriesOf(2, 1)]]) {
    const crashed = tornBeforeNote(first, ...others)
    const { start } = rangesOf(crashed)[2] as ByteRange
    const bad = rotten(crashed, fileOf(crashed), start + 9)
    // It dies again and again, before it has written anything of its own.
    for (let starts = 0; starts < 3; starts++) {
      const { hardState, damage, entries } = open(bad).recovered
      assert.is(hardState.term, others.length)
      assert.equal([damage, entries], [{ index: 2, term: 1 }, []])
    }
    assert.is(recoveredOn(crashed).damage, null, 'without rot it is torn')
  }
})

test('damage: a bad header, its proof behind a torn record: is not cut off with it', () => {
  const checkpoint = persistCheckpoint(0, snapshotAt(4, 2, 1, 2, 3), baseAt(4, 2))
  const crashed = tornBeforeNote(checkpoint, entriesOf(5, 2))
  const bad = rotten(crashed, fileOf(crashed), 3)
  bad.remove(logFile(identity.group, 1))
  for (let starts = 0; starts < 3; starts++) {
    const { snapshot, damage } = open(bad).recovered
    assert.equal([snapshot?.index, damage], [4, { index: 5, term: 2 }])
  }
})

test('damage: a record of a payload that holds records: they are not taken for the log\'s', () => {
  const disk = lived(new MemoryDisk(), persistHardState(0, { term: 1, vote: '0' }))
  const forger = copyOf(disk)
  lived(forger, persistHardState(0, { term: 9, vote: '1' }))
  const forged = forger.read(fileOf(forger)).subarray(disk.read(fileOf(disk)).length)
  lived(disk, persistEntries(0, 1, { ...entryAt(1, 1), payload: forged }))
  const ranges = rangesOf(disk)
  const { start, end } = ranges.at(-1) as ByteRange
  assert.ok(end - start > forged.length)
  for (let at = start + 4; at < end; at++) {
    const found = recoveredOn(rotten(disk, fileOf(disk), at))
    assert.equal(found.hardState, { term: 1, vote: '0' })
  }
})

test.run()
