// What recovery makes of a damaged log: torn tails are cut, corruption and strangers are refused.

import * as assert from 'uvu/assert'
import { ByteWriter } from '../../core/bytes.ts'
import { crc32c } from '../../storage/crc32.ts'
import { MemoryDisk } from '../../storage/memory-disk.ts'
import { decodeHeader, decodeRecord, encodeHeader, encodeRecord } from '../../storage/record.ts'
import type { LogRecord } from '../../storage/record.ts'
import { logFile, openLog } from '../../storage/write-ahead-log.ts'
import type { Recovery } from '../../storage/write-ahead-log.ts'
import { suite } from '../harness.ts'
import { entry, identity, open, persistEntries, persistHardState } from './support.ts'

const test = suite('recovery')

const file = logFile(identity.group)
const headerBytes = encodeHeader(identity).length
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
function syncedLog(): Uint8Array {
  const disk = new MemoryDisk()
  const { log } = open(disk)
  disk.flush()
  for (let id = 1; id <= 3; id++) {
    log.append({ ...persistEntries(id, id, entry(id, id)), hardState: { term: id, vote: '0' } })
    log.sync()
    disk.flush()
  }
  return disk.read(file)
}

const bare = { syncedTo: 0, hardState: null, logChanged: false, firstIndex: 0, entries: [] }

/** A log of these records as they are, right or wrong; each with a right checksum. */
function logOf(...records: Partial<LogRecord>[]): Uint8Array {
  const header = encodeHeader(identity)
  const bytes = [...header]
  for (const [index, record] of records.entries()) {
    const whole = { ...bare, sequence: index + 1, ...record }
    bytes.push(...encodeRecord(new ByteWriter(), seedOf(header), whole))
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
    assert.is(recovered.tornBytes, length - start)
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
    assert.is(recovery.recovered.tornBytes, bytes.length - start)
    assert.equal(recovery.recovered.entries, [entry(1, 1)])
  }
})

test('recovery: any bit of a synced record flipped: is corruption of that record', () => {
  const bytes = syncedLog()
  const offsets = offsetsOf(bytes)
  const lastNote = offsets.at(-2) as number
  for (let bit = headerBytes * 8; bit < lastNote * 8; bit++) {
    const recovery = recover(flipped(bytes, bit))
    assert.ok(recovery.type === 'corrupt')
    assert.is(recovery.offset, offsets.findLast(offset => offset * 8 <= bit))
    assert.match(recovery.reason, /below a mark/)
  }
})

test('recovery: any bit of the header flipped with records behind: is corruption', () => {
  const bytes = syncedLog()
  for (let bit = 0; bit < headerBytes * 8; bit++) {
    const recovery = recover(flipped(bytes, bit))
    assert.ok(recovery.type === 'corrupt')
    assert.is(recovery.offset, 0)
  }
})

test('recovery: a synced record lost as zeros: is corruption', () => {
  const bytes = syncedLog()
  const [, , start, end] = offsetsOf(bytes)
  bytes.fill(0, start, end)
  refuses(bytes, 'corrupt', /below a mark/)
})

test('recovery: the first header torn at any byte: is formatted anew', () => {
  const header = encodeHeader(identity)
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
    disk.write(logFile(whose.group ?? '0'), 0, bytes)
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
  const header = encodeHeader({ ...identity, node: '1' })
  const record = { ...bare, sequence: 3, hardState: { term: 9, vote: '1' } }
  const spliced = [...own, ...encodeRecord(new ByteWriter(), seedOf(header), record)]
  const recovery = recover(Uint8Array.from(spliced))
  assert.ok(recovery.type === 'ok')
  assert.is(recovery.recovered.hardState.term, 0)
})

test('recovery: a log of a newer format version: is refused', () => {
  const header = encodeHeader(identity)
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
  bytes[bytes.length - 1] = 8
  const body = bytes.slice(headerBytes + 8)
  const crc = crcBytes(bytes.slice(headerBytes, headerBytes + 4), body, seedOf(bytes))
  const wrong = [...bytes.slice(0, headerBytes + 4), ...crc, ...body]
  refuses(Uint8Array.from(wrong), 'corrupt', /malformed record/)
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

test.run()
