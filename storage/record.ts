// The bytes of a log file: one header, then records. It turns them into values and back and checks
// each by its checksum; what a bad one means for the log as a whole is recovery's to say.
//
//   header  "lockstep" | u32 length | u32 crc | format version, cluster, group, node
//   record             | u32 length | u32 crc | sequence, mark, flags, hard state?, entries?
//
// Numbers are varints unless given a width, little endian. A crc covers the length and what follows
// it. A record's is seeded with its header's, so a record of another log never passes for one of
// this; the header's frame stays as it is in every later format version.

import { ByteReader, ByteWriter, putU32 } from '../core/bytes.ts'
import type { HardState } from '../core/effect.ts'
import { invariant } from '../core/invariant.ts'
import type { Entry } from '../core/raft/message.ts'
import { crc32c } from './crc32.ts'

/** Version of the log format that this build writes, and the newest that it reads. */
export const LOG_FORMAT_VERSION = 1

/** Bytes of a record's body at most (64 MiB), so that a garbage length costs little. */
export const RECORD_BYTES_MAX: number = 64 * 1024 * 1024

const MAGIC = Uint8Array.from('lockstep', letter => letter.charCodeAt(0))
const PREFIX_BYTES = 8
const BODY_BYTES_MIN = 3

/** The least bytes that a record takes. */
export const RECORD_BYTES_MIN: number = PREFIX_BYTES + BODY_BYTES_MIN

const HAS_HARD_STATE = 1
const HAS_VOTE = 2
const LOG_CHANGED = 4
const FLAGS_ALL = 7

const BAD: { readonly type: 'bad' } = { type: 'bad' }

/** Whose log this is: cluster, consensus group and node. */
export interface LogIdentity {
  readonly cluster: string
  readonly group: string
  readonly node: string
}

/** One record: a `Persist`, or a note without content that only carries a mark. */
export interface LogRecord {
  /** Counts records from 1 without gaps, over all lives of the log. */
  readonly sequence: number
  /** The mark: all bytes below this offset were known to be synced when this was written. */
  readonly syncedTo: number
  /** Null when the record does not set it. */
  readonly hardState: HardState | null
  /** False when the record says nothing of entries. */
  readonly logChanged: boolean
  /** Entries from here on replace what the log held from here on; 0 without `logChanged`. */
  readonly firstIndex: number
  readonly entries: readonly Entry[]
}

/** A header of this format version. */
export interface GoodHeader {
  readonly type: 'header'
  readonly identity: LogIdentity
  /** Bytes that the header takes: where the first record is. */
  readonly size: number
  /** Seeds the crc of every record. */
  readonly crc: number
}

/** A header as read. `version` may be newer than this build; then the identity is not read. */
export type Header =
  | GoodHeader
  | { readonly type: 'newer'; readonly version: number }
  | { readonly type: 'bad' }

/** A record as read: good, failing its checksum, or passing it and yet making no sense. */
export type ParsedRecord =
  | { readonly type: 'record'; readonly record: LogRecord; readonly end: number }
  | { readonly type: 'bad' }
  | { readonly type: 'senseless' }

/** The header that opens the log file of `identity`. */
export function encodeHeader(identity: LogIdentity): Uint8Array {
  const writer = new ByteWriter()
  writer.raw(MAGIC)
  writer.u32(0)
  writer.u32(0)
  writer.varint(LOG_FORMAT_VERSION)
  writer.text(identity.cluster)
  writer.text(identity.group)
  writer.text(identity.node)
  return seal(writer, MAGIC.length, 0)
}

/** Reads the header at the start of a file. Total on garbage. */
export function decodeHeader(bytes: Uint8Array): Header {
  for (let at = 0; at < MAGIC.length; at++) if (bytes[at] !== MAGIC[at]) return { type: 'bad' }
  const size = endOfFrame(bytes, MAGIC.length, 0)
  if (size < 0) return { type: 'bad' }
  const reader = new ByteReader(bytes, MAGIC.length + 4)
  const crc = reader.u32()
  const version = reader.varint()
  if (version > LOG_FORMAT_VERSION) return { type: 'newer', version }
  const identity = { cluster: reader.text(), group: reader.text(), node: reader.text() }
  if (!reader.ok || reader.at !== size || version < 1) return { type: 'bad' }
  return { type: 'header', identity, size, crc }
}

/** The bytes of `record`. `seed` is the header's crc; `writer` is empty and is left empty. */
export function encodeRecord(writer: ByteWriter, seed: number, record: LogRecord): Uint8Array {
  const { hardState, entries } = record
  invariant(hardState?.vote !== '', 'log: a vote for the empty string')
  writer.u32(0)
  writer.u32(0)
  writer.varint(record.sequence)
  writer.varint(record.syncedTo)
  writer.u8(flagsOf(record))
  if (hardState !== null) {
    writer.varint(hardState.term)
    if (hardState.vote !== null) writer.text(hardState.vote)
  }
  if (record.logChanged) {
    writer.varint(record.firstIndex)
    writer.varint(entries.length)
    for (const entry of entries) writeEntry(writer, entry)
  }
  invariant(writer.length - PREFIX_BYTES <= RECORD_BYTES_MAX, 'log: a record beyond 64 MiB')
  return seal(writer, 0, seed)
}

/** Reads the record at `offset`. Payloads are copies, so the file's bytes need not be kept. */
export function decodeRecord(bytes: Uint8Array, offset: number, seed: number): ParsedRecord {
  const end = endOfFrame(bytes, offset, seed)
  if (end < 0) return BAD
  const reader = new ByteReader(bytes, offset + PREFIX_BYTES)
  const sequence = reader.varint()
  const syncedTo = reader.varint()
  const flags = reader.u8()
  if (flags > FLAGS_ALL) return { type: 'senseless' }
  let hardState: HardState | null = null
  if ((flags & HAS_HARD_STATE) !== 0) {
    const term = reader.varint()
    hardState = { term, vote: (flags & HAS_VOTE) !== 0 ? reader.text() : null }
  }
  const logChanged = (flags & LOG_CHANGED) !== 0
  const firstIndex = logChanged ? reader.varint() : 0
  const count = logChanged ? reader.varint() : 0
  const entries: Entry[] = []
  while (entries.length < count && reader.ok) entries.push(readEntry(reader))
  if (!reader.ok || reader.at !== end) return { type: 'senseless' }
  const record = { sequence, syncedTo, hardState, logChanged, firstIndex, entries }
  return { type: 'record', record, end }
}

function flagsOf({ hardState, logChanged }: LogRecord): number {
  let flags = logChanged ? LOG_CHANGED : 0
  if (hardState !== null) flags |= HAS_HARD_STATE
  if (hardState !== null && hardState.vote !== null) flags |= HAS_VOTE
  return flags
}

function writeEntry(writer: ByteWriter, entry: Entry): void {
  writer.varint(entry.term)
  writer.varint(entry.stampMs)
  writer.bool(entry.kind === 'command')
  writer.block(entry.payload)
}

function readEntry(reader: ByteReader): Entry {
  const term = reader.varint()
  const stampMs = reader.varint()
  const kind = reader.bool() ? 'command' : 'noop'
  return { term, stampMs, kind, payload: reader.block().slice() }
}

/** Takes the bytes out of the writer; fills in length and crc of the frame at `at`. */
function seal(writer: ByteWriter, at: number, seed: number): Uint8Array {
  const bytes = writer.finish()
  putU32(bytes, at, bytes.length - at - PREFIX_BYTES)
  putU32(bytes, at + 4, frameCrc(bytes, at, bytes.length, seed))
  return bytes
}

/** Where the frame at `at` ends, or -1 when its length is impossible or its crc is wrong. */
function endOfFrame(bytes: Uint8Array, at: number, seed: number): number {
  if (at + PREFIX_BYTES > bytes.length) return -1
  const length = u32At(bytes, at)
  const end = at + PREFIX_BYTES + length
  if (length < BODY_BYTES_MIN || length > RECORD_BYTES_MAX || end > bytes.length) return -1
  return frameCrc(bytes, at, end, seed) === u32At(bytes, at + 4) ? end : -1
}

function frameCrc(bytes: Uint8Array, at: number, end: number, seed: number): number {
  return crc32c(bytes, at + PREFIX_BYTES, end, crc32c(bytes, at, at + 4, seed))
}

function u32At(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8)
  return (low | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24)) >>> 0
}
