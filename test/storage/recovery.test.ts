// What recovery makes of single records and files: torn tails are cut, what has rotted is passed
// over or refused, strangers are refused. What is left of a log that has lost entries is
// damage.test.ts's.

import * as assert from 'uvu/assert'
import { ByteWriter, putU32 } from '../../core/bytes.ts'
import type { HardState } from '../../core/effect.ts'
import { crc32c } from '../../core/crc32.ts'
import { LogTerms } from '../../storage/log-terms.ts'
import { MemoryDisk } from '../../storage/memory-disk.ts'
import {
  decodeHeader,
  decodeRecord,
  encodeHeader,
  encodeRecord,
  logFile,
  NOTE
} from '../../storage/record.ts'
import type { LogIdentity, LogRecord } from '../../storage/record.ts'
import { rottable, sizeOf } from '../../storage/survey.ts'
import { openLog } from '../../storage/write-ahead-log.ts'
import type { Recovered } from '../../storage/recovery.ts'
import type { Recovery } from '../../storage/write-ahead-log.ts'
import { suite } from '../harness.ts'
import {
  baseAt,
  entry,
  identity,
  open,
  persistCheckpoint,
  persistEntries,
  persistHardState,
  snapshotAt
} from './support.ts'

const test = suite('recovery')

const file = logFile(identity.group, 1)
const headerBytes = encodeHeader(identity, 1).length
const seedOf = (bytes: Uint8Array): number => {
  const header = decodeHeader(bytes)
  return header.type === 'header' ? header.crc : 0
}

function diskOf(bytes: Uint8Array): MemoryDisk {
  const disk = new MemoryDisk()
  disk.write(file, 0, bytes)
  return disk
}

function recover(bytes: Uint8Array): Recovery {
  return openLog(diskOf(bytes), identity, () => undefined)
}

/** Offsets of the records of a log, and of its end. */
function offsetsOf(bytes: Uint8Array): number[] {
  const offsets = [headerBytes]
  for (let at = headerBytes; at < bytes.length; offsets.push(at)) {
    const parsed = decodeRecord(bytes, at, seedOf(bytes))
    if (parsed.type !== 'record') throw new Error('the log is not whole')
    at = parsed.end
  }
  return offsets
}

/** A note, three synced persists each followed by its note, and the note of the last. */
function syncedLog(whose: LogIdentity = identity): Uint8Array {
  const disk = new MemoryDisk()
  const { log } = open(disk, whose)
  disk.flush()
  for (let id = 1; id <= 3; id++) {
    log.append({ ...persistEntries(id, id, entry(id, id)), hardState: { term: id, vote: '0' } })
    log.sync()
    disk.flush()
  }
  return disk.read(file)
}

/** A log of these records as they are, right or wrong; each with a right checksum. */
function logOf(...records: Partial<LogRecord>[]): Uint8Array {
  return generationOf(1, ...records)
}

/** The same, as a later generation. */
function generationOf(generation: number, ...records: Partial<LogRecord>[]): Uint8Array {
  const header = encodeHeader(identity, generation)
  const bytes = [...header]
  let terms = new LogTerms(baseAt(0, 0), [])
  let base = 0
  let hardState: HardState = { term: 0, vote: null }
  for (const [index, record] of records.entries()) {
    const { head, firstIndex = 0, entries = [], logChanged } = record
    hardState = record.hardState ?? hardState
    if (head) terms = new LogTerms(head.base, [])
    if (head) base = head.base.index
    const follows = logChanged && firstIndex > base && firstIndex <= terms.end.index + 1
    const prevTerm = follows ? terms.termAt(firstIndex - 1) : 0
    if (follows) terms.replace(firstIndex, entries)
    const state = { sequence: index + 1, syncedTo: 0, hardState, end: terms.end }
    const whole = { ...NOTE, prevTerm, ...state, ...record }
    bytes.push(...encodeRecord(new ByteWriter(), seedOf(header), whole, whole))
  }
  return Uint8Array.from(bytes)
}

const withEntries = (firstIndex: number, ...terms: number[]): Partial<LogRecord> => ({
  logChanged: true,
  firstIndex,
  entries: terms.map(term => entry(term, term))
})

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const changed = bytes.slice()
  changed[bit >>> 3] = (bytes[bit >>> 3] as number) ^ (1 << (bit & 7))
  return changed
}

/** The crc field of a frame of that length and body. */
function crcBytes(length: Uint8Array, body: Uint8Array, seed: number): Uint8Array {
  const writer = new ByteWriter()
  writer.u32(crc32c(body, 0, body.length, crc32c(length, 0, 4, seed)))
  return writer.finish()
}

function refuses(bytes: Uint8Array, type: 'corrupt' | 'foreign', reason: RegExp): void {
  const recovery = recover(bytes)
  assert.is(recovery.type, type)
  if (recovery.type !== 'ok') assert.match(recovery.reason, reason)
}

test('recovery: the last record cut at any byte: is a torn tail, and is cut off', () => {
  const bytes = logOf({}, withEntries(1, 1), withEntries(2, 1))
  const start = offsetsOf(bytes).at(-2) as number
  for (let length = start; length < bytes.length; length++) {
    const disk = diskOf(bytes.slice(0, length))
    const { recovered } = open(disk)
    assert.is(recovered.tornBytes, Math.max(0, sizeOf(bytes.subarray(0, length)) - start))
    assert.equal(recovered.entries, [entry(1, 1)])
    assert.is(disk.read(file).length, start)
  }
})

test('recovery: any bit of the last, unmarked record flipped: is a torn tail', () => {
  const bytes = logOf({}, withEntries(1, 1), withEntries(2, 1))
  const start = offsetsOf(bytes).at(-2) as number
  for (let bit = start * 8; bit < bytes.length * 8; bit++) {
    const changed = flipped(bytes, bit)
    const recovery = recover(changed)
    assert.ok(recovery.type === 'ok')
    assert.is(recovery.recovered.tornBytes, sizeOf(changed) - start)
    assert.equal(recovery.recovered.entries, [entry(1, 1)])
  }
})

/** What was recovered of the synced log if its record number `lost` cannot be read. */
function withoutRecord(bytes: Uint8Array, lost: number): Recovered {
  const whole = open(diskOf(bytes)).recovered
  const records = whole.records - 1
  // The header's note and that behind each persist hold nothing that is not said again.
  const kept = lost % 2 === 0 ? whole.entries.length : (lost - 1) / 2
  const damage = kept === whole.entries.length ? null : { index: 3, term: 3 }
  return { ...whole, records, entries: whole.entries.slice(0, kept), damage }
}

test('recovery: any bit of a synced record flipped: its entries are lost, and nothing else', () => {
  const bytes = syncedLog()
  const offsets = offsetsOf(bytes)
  const lastNote = offsets.at(-2) as number
  for (let bit = headerBytes * 8; bit < lastNote * 8; bit++) {
    const changed = flipped(bytes, bit)
    const disk = diskOf(changed)
    const lost = offsets.findLastIndex(offset => offset * 8 <= bit)
    assert.equal(open(disk).recovered, withoutRecord(bytes, lost), `bit ${bit}`)
    assert.equal(disk.read(file), changed, 'it stays as it is')
  }
})

test('recovery: any bit of the header flipped with records behind: nothing is lost', () => {
  const bytes = syncedLog()
  const { recovered } = open(diskOf(bytes))
  for (let bit = 0; bit < headerBytes * 8; bit++) {
    assert.equal(open(diskOf(flipped(bytes, bit))).recovered, recovered)
  }
})

test('recovery: a bad header, and nothing good behind it: is corruption', () => {
  const bytes = Uint8Array.of(...encodeHeader(identity, 1), 1, 2, 3)
  for (let bit = 0; bit < headerBytes * 8; bit++) {
    refuses(flipped(bytes, bit), 'corrupt', /no record behind it can be read/)
  }
  refuses(flipped(syncedLog({ ...identity, node: '1' }), 9), 'corrupt', /header is bad/)
})

test('recovery: a synced record lost as zeros: its entries are lost, and nothing else', () => {
  const bytes = syncedLog()
  const [, start, end] = offsetsOf(bytes)
  const changed = bytes.slice().fill(0, start, end)
  assert.equal(open(diskOf(changed)).recovered, withoutRecord(bytes, 1))
})

test('recovery: the first header torn at any byte: is formatted anew', () => {
  const header = encodeHeader(identity, 1)
  for (let length = 0; length < header.length; length++) {
    const torn = new Uint8Array(header.length)
    torn.set(header.slice(0, length))
    for (const bytes of [torn, header.slice(0, length)]) {
      const disk = diskOf(bytes)
      assert.is(open(disk).recovered.records, 0)
      assert.equal(disk.read(file), header)
    }
  }
})

test('recovery: a later record kept and an earlier one lost: both are gone for good', () => {
  const bytes = logOf({}, withEntries(1, 1), withEntries(2, 1), withEntries(3, 1))
  const [, , start, end] = offsetsOf(bytes)
  bytes.fill(0, start, end)
  const disk = diskOf(bytes)
  const { log, recovered } = open(disk)
  assert.equal(recovered.entries, [entry(1, 1)])
  disk.flush()
  log.append(persistEntries(1, 2, entry(1, 1)))
  assert.equal(open(disk).recovered.entries, [entry(1, 1), entry(1, 1)])
})

test('recovery: a garbage length: is a torn tail, whatever it says', () => {
  for (const length of [0, 1, 2, 3, 0x7f, 0x04000000, 0x04000001, 0xffffffff]) {
    const writer = new ByteWriter()
    writer.raw(logOf(withEntries(1, 1)))
    writer.u32(length)
    writer.raw(new Uint8Array(20).fill(9))
    const recovery = recover(writer.finish())
    assert.ok(recovery.type === 'ok')
    assert.is(recovery.recovered.tornBytes, 24)
  }
})

test('recovery: the log of another cluster, node or group: is refused by name', () => {
  const bytes = syncedLog()
  const tried = (whose: Partial<typeof identity>): Recovery => {
    const disk = new MemoryDisk()
    disk.write(logFile(whose.group ?? '0', 1), 0, bytes)
    return openLog(disk, { ...identity, ...whose }, () => undefined)
  }
  const foreign = (reason: string): Recovery => ({ type: 'foreign', reason })
  assert.equal(tried({ cluster: 'c2' }), foreign('log of cluster "c1", not "c2"'))
  assert.equal(tried({ node: '1' }), foreign('log of node "0", not "1"'))
  assert.equal(tried({ group: '7' }), foreign('log of group "0", not "7"'))
})

test('recovery: a refused log: is left as it is', () => {
  const disk = diskOf(syncedLog())
  const before = disk.read(file)
  openLog(disk, { ...identity, node: '1' }, () => undefined)
  assert.equal(disk.read(file), before)
  assert.is(disk.syncsWaiting, 0)
})

test('recovery: a record of another log spliced in: does not pass', () => {
  const own = logOf({}, withEntries(1, 1))
  const header = encodeHeader({ ...identity, node: '1' }, 1)
  const end = { index: 1, term: 1 }
  const state = { sequence: 3, syncedTo: 0, hardState: { term: 9, vote: '1' }, end }
  const spliced = [...own, ...encodeRecord(new ByteWriter(), seedOf(header), state, NOTE)]
  const recovery = recover(Uint8Array.from(spliced))
  assert.ok(recovery.type === 'ok')
  assert.is(recovery.recovered.hardState.term, 0)
})

test('recovery: a log of a newer format version: is refused', () => {
  const header = encodeHeader(identity, 1)
  const body = header.slice(16)
  body[0] = 2
  const crc = crcBytes(header.slice(8, 12), body, 0)
  refuses(Uint8Array.of(...header.slice(0, 12), ...crc, ...body), 'foreign', /version 2 is newer/)
})

test('recovery: a term that falls along the log: is corruption', () => {
  refuses(logOf(withEntries(1, 2), withEntries(2, 1)), 'corrupt', /term falls along the log/)
  refuses(logOf(withEntries(1, 2, 1)), 'corrupt', /term falls along the log/)
  assert.is(recover(logOf(withEntries(1, 1, 3), withEntries(2, 2))).type, 'ok')
})

test('recovery: a stamp that falls along the log: is corruption', () => {
  const entries = [entry(2), { ...entry(2), stampMs: 19 }]
  const bytes = logOf({ logChanged: true, firstIndex: 1, entries })
  refuses(bytes, 'corrupt', /stamp falls/)
})

test('recovery: a current term that falls: is corruption', () => {
  const term = (term: number): Partial<LogRecord> => ({ hardState: { term, vote: null } })
  refuses(logOf(term(2), term(1)), 'corrupt', /current term falls/)
})

test('recovery: a gap in the entries, or an index 0: is corruption', () => {
  refuses(logOf(withEntries(1, 1), withEntries(3, 1)), 'corrupt', /gap/)
  refuses(logOf(withEntries(2, 1)), 'corrupt', /gap/)
  refuses(logOf(withEntries(0, 1)), 'corrupt', /before the first index/)
})

test('recovery: entries that follow another log, an end before the log\'s: is corruption', () => {
  const other = { ...withEntries(2, 2), prevTerm: 2 }
  refuses(logOf(withEntries(1, 1), other), 'corrupt', /follow another log/)
  refuses(logOf({ ...withEntries(1, 1), end: { index: 0, term: 1 } }), 'corrupt', /an end before/)
  refuses(logOf(withEntries(1, 1), { end: { index: 9, term: 0 } }), 'corrupt', /an end before/)
  const later = recover(logOf(withEntries(1, 1), { end: { index: 2, term: 1 } }))
  assert.equal(later.type === 'ok' && later.recovered.damage, { index: 2, term: 1 })
})

test('recovery: a record out of sequence, or twice: is corruption', () => {
  refuses(logOf({}, { sequence: 3 }), 'corrupt', /out of sequence/)
  refuses(logOf({}, { sequence: 1 }), 'corrupt', /out of sequence/)
})

test('recovery: a mark beyond its record, or one that falls: is corruption', () => {
  const first = logOf({}).length
  refuses(logOf({}, { syncedTo: first + 1 }), 'corrupt', /mark beyond/)
  refuses(logOf({}, { syncedTo: first }, { syncedTo: first - 1 }), 'corrupt', /mark below/)
})

test('recovery: a malformed record with the right checksum: is corruption', () => {
  const bytes = logOf({})
  bytes[headerBytes + 8 + 2] = 64
  const body = bytes.slice(headerBytes + 8)
  const crc = crcBytes(bytes.slice(headerBytes, headerBytes + 4), body, seedOf(bytes))
  const wrong = [...bytes.slice(0, headerBytes + 4), ...crc, ...body]
  refuses(Uint8Array.from(wrong), 'corrupt', /malformed record/)
})

test('recovery: zeros behind the log: are not torn, and are written over', () => {
  const bytes = Uint8Array.of(...syncedLog(), ...new Uint8Array(5_000))
  const disk = diskOf(bytes)
  const { log, recovered, reports } = open(disk)
  assert.is(recovered.tornBytes, 0)
  disk.flush()
  assert.is(disk.read(file).length, bytes.length)
  log.append(persistEntries(1, recovered.entries.length + 1, entry(9, 9)))
  log.sync()
  disk.flush()
  assert.is(reports.at(-1)?.type, 'persisted')
  const again = open(disk).recovered
  assert.is(again.tornBytes, 0)
  assert.equal(again.entries, [...recovered.entries, entry(9, 9)])
})

test('recovery: a torn record with zeros behind it: is cut with them, and counted alone', () => {
  const whole = logOf({}, withEntries(1, 1), withEntries(2, 1))
  const start = offsetsOf(whole).at(-2) as number
  const disk = diskOf(Uint8Array.of(...whole.subarray(0, start + 3), 7, ...new Uint8Array(90)))
  assert.is(open(disk).recovered.tornBytes, 4)
  assert.is(disk.read(file).length, start)
})

test('recovery: a torn header with zeros behind it: is a log that never opened', () => {
  const header = logOf().subarray(0, headerBytes)
  for (let length = 0; length < headerBytes; length++) {
    const disk = diskOf(Uint8Array.of(...header.subarray(0, length), ...new Uint8Array(500)))
    const { recovered } = open(disk)
    assert.equal(recovered.entries, [])
    assert.equal(disk.read(file).subarray(0, headerBytes), header)
  }
})

test('recovery: recovery after recovery: finds the same, and nothing torn', () => {
  const bytes = Uint8Array.of(...syncedLog(), 1, 2, 3)
  const disk = diskOf(bytes)
  const first = open(disk).recovered
  assert.is(first.tornBytes, 3)
  for (let again = 0; again < 3; again++) {
    const { recovered } = open(disk)
    assert.equal(recovered, { ...first, tornBytes: 0 })
  }
  disk.flush()
  assert.equal(open(disk).recovered.entries, first.entries)
})

test('recovery: hard state alone, with a vote that reads as false: is kept', () => {
  const disk = new MemoryDisk()
  const { log } = open(disk)
  disk.flush()
  log.append(persistHardState(1, { term: 1, vote: '0' }))
  assert.equal(open(disk).recovered.hardState, { term: 1, vote: '0' })
})

/** A generation 2 with a checkpoint in several records, and whether a note behind it is there. */
function checkpointed(isNoted: boolean): Uint8Array {
  const disk = new MemoryDisk()
  const { log } = open(disk, identity, { checkpointPartBytes: 3 })
  disk.flush()
  const snapshot = snapshotAt(2, 1, 1, 2, 3, 4, 5)
  log.append(persistCheckpoint(1, snapshot, baseAt(1, 1), entry(1), entry(2, 7)))
  log.sync()
  if (isNoted) disk.flush()
  return disk.read(logFile(identity.group, 2))
}

function recoverFiles(files: Readonly<Record<number, Uint8Array>>): [Recovery, MemoryDisk] {
  const disk = new MemoryDisk()
  for (const [generation, bytes] of Object.entries(files)) {
    disk.write(logFile(identity.group, Number(generation)), 0, bytes)
  }
  return [openLog(disk, identity, () => undefined), disk]
}

const older = logOf({}, withEntries(1, 1))

test('recovery: an unfinished checkpoint, cut at any byte: the older log counts', () => {
  const bytes = checkpointed(false)
  for (let length = 0; length < bytes.length; length++) {
    const [recovery, disk] = recoverFiles({ 1: older, 2: bytes.slice(0, length) })
    assert.ok(recovery.type === 'ok')
    assert.equal(recovery.recovered.entries, [entry(1, 1)])
    assert.is(recovery.recovered.tornBytes, sizeOf(bytes.subarray(0, length)))
    assert.equal(disk.list(), ['log-0-1'])
  }
  const [recovery, disk] = recoverFiles({ 1: older, 2: bytes })
  assert.ok(recovery.type === 'ok')
  assert.equal(recovery.recovered.entries, [entry(1), entry(2, 7)])
  assert.equal(disk.list(), ['log-0-1', 'log-0-2'], 'the older one stays until it is durable')
  disk.flush()
  assert.equal(disk.list(), ['log-0-2'])
})

test('recovery: a bit of a checkpoint flipped: the older log counts, or a mark says no', () => {
  const bytes = checkpointed(false)
  const noted = checkpointed(true)
  const [found] = recoverFiles({ 2: noted })
  assert.ok(found.type === 'ok')
  const whole = found.recovered
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const [recovery] = recoverFiles({ 1: older, 2: flipped(bytes, bit) })
    assert.ok(recovery.type === 'ok', `bit ${bit}`)
    assert.equal(recovery.recovered.entries, [entry(1, 1)])
    for (const files of [{ 1: older, 2: flipped(noted, bit) }, { 2: flipped(noted, bit) }]) {
      const [rotten] = recoverFiles(files)
      assert.ok(rotten.type === 'ok')
      if (bit < headerBytes * 8) {
        assert.equal(rotten.recovered, whole)
        continue
      }
      const nothing = { snapshot: null, base: baseAt(0, 0), entries: [] }
      const left = { ...whole, ...nothing, records: whole.records - 1 }
      assert.equal(rotten.recovered, { ...left, damage: { index: 3, term: 2 } })
    }
  }
})

test('recovery: an unfinished checkpoint without an older log: is corruption', () => {
  const bytes = checkpointed(false)
  for (let length = 0; length < bytes.length; length++) {
    const [recovery, disk] = recoverFiles({ 2: bytes.slice(0, length) })
    assert.ok(recovery.type === 'corrupt' && recovery.generation === 2)
    assert.match(recovery.reason, /no older one is left/)
    assert.equal(disk.list(), ['log-0-2'], 'it is left as it is')
  }
  const [recovery] = recoverFiles({ 1: older.slice(0, 5), 2: bytes.slice(0, 50) })
  assert.ok(recovery.type === 'corrupt' && recovery.generation === 2)
})

test('recovery: several generations: the highest complete one counts, whatever is below', () => {
  const third = generationOf(3, { ...headOf(5, 2), completes: true }, withEntries(6, 2))
  const garbage = new Uint8Array(99).fill(1)
  const all = { 1: garbage, 2: checkpointed(true), 3: third, 10: garbage }
  for (const files of [{ 3: third }, all]) {
    const [recovery, disk] = recoverFiles(files)
    assert.ok(recovery.type === 'ok')
    assert.equal(recovery.recovered.base, baseAt(5, 2))
    assert.equal(recovery.recovered.entries, [entry(2, 2)])
    disk.flush()
    assert.equal(disk.list(), ['log-0-3'])
  }
  const [fallen] = recoverFiles({ 1: garbage, 2: checkpointed(true), 3: third.slice(0, 50) })
  assert.ok(fallen.type === 'ok')
  assert.equal(fallen.recovered.snapshot?.index, 2)
})

test('recovery: files with other names: are none of this log', () => {
  const disk = diskOf(older)
  const others = ['log-0-01', 'log-0-0', 'log-0-', 'log-0', 'log-0-2-3', 'log-01-9', 'log-0-2x']
  for (const other of others) disk.write(other, 0, Uint8Array.of(1))
  assert.equal(open(disk).recovered.entries, [entry(1, 1)])
  disk.flush()
  assert.equal(disk.list(), ['log-0-1', ...others].sort())
})

test('recovery: a generation under the name of another: is refused', () => {
  const [recovery] = recoverFiles({ 1: older, 3: checkpointed(true) })
  assert.equal(recovery, { type: 'foreign', reason: 'generation 2 of the log, not 3' })
})

/** What the first record of a checkpoint at `index` has, whose snapshot is empty. */
function headOf(index: number, term: number): Partial<LogRecord> {
  const { bytes, ...snapshot } = snapshotAt(index, term)
  assert.is(bytes.length, 0)
  return { hardState: { term, vote: null }, head: { snapshot, base: baseAt(index, term) } }
}

test('recovery: a checkpoint of good records in no good order: is corruption', () => {
  const refused = (reason: RegExp, ...records: Partial<LogRecord>[]): void => {
    const [recovery] = recoverFiles({ 1: older, 2: generationOf(2, ...records) })
    assert.ok(recovery.type === 'corrupt', String(reason))
    assert.match(recovery.reason, reason)
  }
  const head = headOf(5, 2)
  const whole = { ...head, completes: true }
  const part = { bytes: Uint8Array.of(1) }
  refused(/without a head/, withEntries(1, 1))
  refused(/without a head/, part, { completes: true })
  refused(/two heads/, head, head)
  refused(/mark amid a checkpoint/, head, { syncedTo: 20 })
  refused(/entries out of order/, head, withEntries(7, 2))
  refused(/entries out of order/, head, withEntries(6, 2, 2), withEntries(7, 2))
  refused(/snapshot of another size/, head, { ...part, completes: true })
  refused(/stray part/, whole, part)
  refused(/stray part/, whole, { completes: true })
  refused(/stray part/, whole, head)
  refused(/term falls along/, whole, withEntries(6, 1))
  refused(/current term falls/, whole, { hardState: { term: 1, vote: null } })
  refused(/before the first index/, whole, withEntries(5, 2))
  refused(/a gap/, whole, withEntries(7, 2))
  const stamped = { ...entry(2), stampMs: 19 }
  refused(/stamp falls/, whole, { logChanged: true, firstIndex: 6, entries: [stamped] })
  const long = { head: { snapshot: headOf(5, 2).head!.snapshot, base: baseAt(3, 1) } }
  refused(/ends before its snapshot/, { ...whole, ...long }, withEntries(4, 1))
  const other = { ...withEntries(4, 1, 1), completes: true }
  refused(/not that of its snapshot/, { ...head, ...long }, other)
  const behind = { head: { snapshot: headOf(5, 2).head!.snapshot, base: baseAt(6, 2) } }
  refused(/a base behind its snapshot/, { ...whole, ...behind })
  const covered = [{ ...head, ...long }, { ...withEntries(4, 1, 2), completes: true }]
  refused(/what the snapshot covers/, ...covered, withEntries(5, 2))
  const [first] = recoverFiles({ 1: logOf(whole) })
  assert.ok(first.type === 'corrupt')
  assert.match(first.reason, /stray part/)
})

test('recovery: a big snapshot, torn: is read and searched in time linear in its size', () => {
  const disk = new MemoryDisk()
  const { log } = open(disk)
  disk.flush()
  const bytes = new Uint8Array(12 * 1024 * 1024)
  // Every fourth byte begins a length that reaches far ahead, as hostile as lengths can be.
  for (let at = 0; at < bytes.length; at += 4) bytes[at + 2] = 0x3f
  const snapshot = { ...snapshotAt(1, 1), bytes, bytesCount: bytes.length }
  log.append(persistCheckpoint(1, snapshot, baseAt(1, 1)))
  disk.write(logFile(identity.group, 2), 1000, Uint8Array.of(1))
  const { recovered } = open(disk)
  assert.is(recovered.snapshot, null)
  assert.ok(recovered.tornBytes > bytes.length)
})

test('recovery: long records, rotten at their lengths: are searched in time linear in them', () => {
  const disk = new MemoryDisk()
  const { log } = open(disk)
  disk.flush()
  log.append(persistHardState(1, { term: 1, vote: null }))
  // Each twenty bytes look like the beginning of a record that reaches to the same end.
  const payload = new Uint8Array(3_000_000)
  const twenty = encodeRecord(new ByteWriter(), 0, NOTHING_STATED, { ...NOTE, bytes: payload })
  for (let at = 0; at + 40 <= payload.length; at += 20) {
    payload.set(twenty.subarray(0, 20), at)
    putU32(payload, at, payload.length - at - 8)
    putVarint4(payload, at + 14, payload.length - at - 18)
  }
  log.append(persistEntries(2, 1, { ...entry(1), payload }))
  log.append(persistEntries(3, 2, { ...entry(1), payload }))
  log.sync()
  disk.flush()
  const bytes = disk.read(file)
  for (const { start } of rottable(bytes).slice(-2)) bytes[start] = (bytes[start] as number) ^ 1
  const { damage, records } = open(diskOf(bytes)).recovered
  assert.equal([damage, records], [{ index: 2, term: 1 }, 3])
})

const NOTHING_STATED = {
  sequence: 4,
  syncedTo: headerBytes,
  hardState: { term: 1, vote: null },
  end: { index: 0, term: 0 }
}

/** A varint of four bytes, whatever its value. */
function putVarint4(bytes: Uint8Array, at: number, value: number): void {
  for (let place = 0; place < 4; place++) {
    bytes[at + place] = ((value >>> (7 * place)) & 0x7f) | (place < 3 ? 0x80 : 0)
  }
}

test.run()
