// The bytes of a log file: one header, then records. It turns them into values and back and checks
// each by its checksum; what a bad one means for the log as a whole is recovery's to say.
//
//   header  "lockstep" | u32 length | u32 crc | format version, cluster, group, node, generation
//   record             | u32 length | u32 crc | sequence, mark, flags, term, vote?, end of the log,
//                        and what the flags say: head of a checkpoint? bytes of a snapshot?
//                        entries?
//
// Term, vote and end are those of the whole log as of this record: if records before it rot, it
// still says what this node has promised. Entries come with the term of the one before them.
//
// Numbers are varints unless given a width, little endian. A crc covers the length and what follows
// it. A record's is seeded with its header's, so a record of another log, or of another generation
// of this one, never passes; the header's frame stays as it is in every later format version.

import { ByteReader, ByteWriter, putU32 } from '../core/bytes.ts'
import type { HardState, LogBase, LogEnd } from '../core/effect.ts'
import { invariant } from '../core/invariant.ts'
import { readMembership, writeMembership } from '../core/raft/membership.ts'
import type { Entry, EntryKind, SnapshotHeader } from '../core/raft/message.ts'
import { crc32c } from '../core/crc32.ts'

/** Version of the log format that this build writes, and the newest that it reads. */
export const LOG_FORMAT_VERSION = 1

/** Bytes of a record's body at most (64 MiB), so that a garbage length costs little. */
export const RECORD_BYTES_MAX: number = 64 * 1024 * 1024

const MAGIC = Uint8Array.from('lockstep', letter => letter.charCodeAt(0))
const PREFIX_BYTES = 8
/** Of a header without names; the least record has one byte more. */
const BODY_BYTES_MIN = 5

/** The least bytes that a record takes. */
export const RECORD_BYTES_MIN: number = PREFIX_BYTES + BODY_BYTES_MIN + 1

const HAS_VOTE = 1
const LOG_CHANGED = 2
const HAS_HEAD = 4
const HAS_BYTES = 8
const COMPLETES = 16
const FLAGS_ALL = 31

/** Kinds of entries by the byte that stands for them. */
const KINDS: readonly EntryKind[] = ['noop', 'command', 'membership', 'version']
const KIND_BYTES: Readonly<Record<EntryKind, number>> = {
  noop: 0,
  command: 1,
  membership: 2,
  version: 3,
}

const BAD: { readonly type: 'bad' } = { type: 'bad' }
const SENSELESS: { readonly type: 'senseless' } = { type: 'senseless' }
const NO_BYTES = new Uint8Array(0)

/** Whose log this is: cluster, consensus group and node. */
export interface LogIdentity {
  readonly cluster: string
  readonly group: string
  readonly node: string
}

/** What the first record of a checkpoint says of it. */
export interface CheckpointHead {
  readonly snapshot: SnapshotHeader
  readonly base: LogBase
}

/** What a record changes: a `Persist`, a part of one with a checkpoint, or nothing (a note). */
export interface RecordContent {
  /** False when the record says nothing of entries. */
  readonly logChanged: boolean
  /** Entries from here on replace what the log held from here on; 0 without `logChanged`. */
  readonly firstIndex: number
  /** Term at `firstIndex - 1`: it tells which log these entries follow; 0 without `logChanged`. */
  readonly prevTerm: number
  readonly entries: readonly Entry[]
  /** Null unless a checkpoint begins here. */
  readonly head: CheckpointHead | null
  /** More bytes of the snapshot; empty when there are none. Read ones are a view of the file's. */
  readonly bytes: Uint8Array
  /** True: with this record the checkpoint is complete. */
  readonly completes: boolean
}

/** What every record says of its place and of the log, as of itself. */
export interface RecordState {
  /** Counts records from 1 without gaps, over all lives of the file. */
  readonly sequence: number
  /** The mark: all bytes below this offset were known to be synced when this was written. */
  readonly syncedTo: number
  /** As of this record; of a checkpoint's parts, as of its last one. */
  readonly hardState: HardState
  /** Where the log ends, by the same measure; or where it once ended, while it lacks something. */
  readonly end: LogEnd
}

/** One record. */
export interface LogRecord extends RecordState, RecordContent {}

/** The content of a record that only carries a mark. */
export const NOTE: RecordContent = {
  logChanged: false,
  firstIndex: 0,
  prevTerm: 0,
  entries: [],
  head: null,
  bytes: NO_BYTES,
  completes: false
}

/** A header of this format version. */
export interface GoodHeader {
  readonly type: 'header'
  readonly identity: LogIdentity
  readonly generation: number
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

/** Name of the file that holds the log of `group`, in that generation of it, from 1. */
export function logFile(group: string, generation: number): string {
  return `log-${group}-${generation}`
}

/** The header that opens the log file of `identity` in that generation. */
export function encodeHeader(identity: LogIdentity, generation: number): Uint8Array {
  const writer = new ByteWriter()
  writer.raw(MAGIC)
  writer.u32(0)
  writer.u32(0)
  writer.varint(LOG_FORMAT_VERSION)
  writer.text(identity.cluster)
  writer.text(identity.group)
  writer.text(identity.node)
  writer.varint(generation)
  return seal(writer, MAGIC.length, 0)
}

/** Reads the header at the start of a file. Total on garbage. */
export function decodeHeader(bytes: Uint8Array): Header {
  for (let at = 0; at < MAGIC.length; at++) if (bytes[at] !== MAGIC[at]) return { type: 'bad' }
  const size = frameEnd(bytes, MAGIC.length)
  if (size < 0 || !isSound(bytes, MAGIC.length, size, 0)) return { type: 'bad' }
  const reader = new ByteReader(bytes, MAGIC.length + 4)
  const crc = reader.u32()
  const version = reader.varint()
  if (version > LOG_FORMAT_VERSION) return { type: 'newer', version }
  const identity = { cluster: reader.text(), group: reader.text(), node: reader.text() }
  const generation = reader.varint()
  if (!reader.ok || reader.at !== size || version < 1) return { type: 'bad' }
  return { type: 'header', identity, generation, size, crc }
}

/** The bytes of a record. `seed` is the header's crc; `writer` is empty and is left empty. */
export function encodeRecord(
  writer: ByteWriter,
  seed: number,
  { sequence, syncedTo, hardState, end }: RecordState,
  content: RecordContent
): Uint8Array {
  const { entries, head, bytes } = content
  invariant(hardState.vote !== '', 'log: a vote for the empty string')
  writer.u32(0)
  writer.u32(0)
  writer.varint(sequence)
  writer.varint(syncedTo)
  writer.u8(flagsOf(hardState, content))
  writer.varint(hardState.term)
  if (hardState.vote !== null) writer.text(hardState.vote)
  writer.varint(end.index)
  writer.varint(end.term)
  if (head !== null) writeHead(writer, head)
  if (bytes.length > 0) writer.block(bytes)
  if (content.logChanged) {
    writer.varint(content.firstIndex)
    writer.varint(content.prevTerm)
    writer.varint(entries.length)
    for (const entry of entries) writeEntry(writer, entry)
  }
  invariant(writer.length - PREFIX_BYTES <= RECORD_BYTES_MAX, 'log: a record beyond 64 MiB')
  return seal(writer, 0, seed)
}

/**
 * Reads the record at `offset`. Payloads are copies, so the file's bytes need not be kept; those of
 * a snapshot are a view, for the caller to join.
 */
export function decodeRecord(bytes: Uint8Array, offset: number, seed: number): ParsedRecord {
  const end = frameEnd(bytes, offset)
  if (end < 0 || !isSound(bytes, offset, end, seed)) return BAD
  const record = readBody(bytes, offset + PREFIX_BYTES, end, true)
  return record === null ? SENSELESS : { type: 'record', record, end }
}

/**
 * What would be the record at `offset` if its checksum were right (`isSound`), provided that its
 * sequence is one of those given and its mark neither below `syncedToMin` nor beyond itself; else
 * null. For trying every offset: nearly all of them are refused by a few numbers. Payloads are
 * views.
 */
export function sketchRecord(
  bytes: Uint8Array,
  offset: number,
  sequenceMin: number,
  sequenceMax: number,
  syncedToMin: number
): LogRecord | null {
  const end = frameEnd(bytes, offset)
  if (end < 0) return null
  const reader = new ByteReader(bytes, offset + PREFIX_BYTES)
  const sequence = reader.varint()
  if (sequence < sequenceMin || sequence > sequenceMax) return null
  const mark = reader.varint()
  if (mark < syncedToMin || mark > offset) return null
  return readBody(bytes, offset + PREFIX_BYTES, end, false)
}

/** Where the frame at `offset` ends by its length, or -1 when that is impossible. */
export function frameEnd(bytes: Uint8Array, offset: number): number {
  if (offset + PREFIX_BYTES > bytes.length) return -1
  const length = u32At(bytes, offset)
  if (length < BODY_BYTES_MIN || length > RECORD_BYTES_MAX) return -1
  const end = offset + PREFIX_BYTES + length
  return end > bytes.length ? -1 : end
}

/** Whether the checksum of the frame from `offset` to `end` is right. */
export function isSound(bytes: Uint8Array, offset: number, end: number, seed: number): boolean {
  return frameCrc(bytes, offset, end, seed) === u32At(bytes, offset + 4)
}

/** Null when the bytes from `at` to `end` are no record's body. */
function readBody(bytes: Uint8Array, at: number, end: number, copies: boolean): LogRecord | null {
  const reader = new ByteReader(bytes, at)
  const sequence = reader.varint()
  const syncedTo = reader.varint()
  const flags = reader.u8()
  if (flags > FLAGS_ALL) return null
  const term = reader.varint()
  const hardState = { term, vote: (flags & HAS_VOTE) !== 0 ? reader.text() : null }
  const logEnd = { index: reader.varint(), term: reader.varint() }
  const head = (flags & HAS_HEAD) !== 0 ? readHead(reader) : null
  if (head === null && (flags & HAS_HEAD) !== 0) return null
  const part = (flags & HAS_BYTES) !== 0 ? reader.block() : NO_BYTES
  const logChanged = (flags & LOG_CHANGED) !== 0
  const firstIndex = logChanged ? reader.varint() : 0
  const prevTerm = logChanged ? reader.varint() : 0
  const count = logChanged ? reader.varint() : 0
  const entries: Entry[] = []
  while (entries.length < count && reader.ok && reader.at < end) {
    const entry = readEntry(reader, copies)
    if (entry === null) return null
    entries.push(entry)
  }
  if (!reader.ok || reader.at !== end || entries.length < count) return null
  const completes = (flags & COMPLETES) !== 0
  return {
    sequence,
    syncedTo,
    hardState,
    end: logEnd,
    logChanged,
    firstIndex,
    prevTerm,
    entries,
    head,
    bytes: part,
    completes
  }
}

function flagsOf({ vote }: HardState, content: RecordContent): number {
  let flags = content.logChanged ? LOG_CHANGED : 0
  if (vote !== null) flags |= HAS_VOTE
  if (content.head !== null) flags |= HAS_HEAD
  if (content.bytes.length > 0) flags |= HAS_BYTES
  if (content.completes) flags |= COMPLETES
  return flags
}

function writeHead(writer: ByteWriter, { snapshot, base }: CheckpointHead): void {
  writer.varint(snapshot.index)
  writer.varint(snapshot.term)
  writer.varint(snapshot.stampMs)
  writeMembership(writer, snapshot.membership)
  writer.varint(snapshot.version)
  writer.varint(snapshot.bytesCount)
  writer.varint(base.index)
  writer.varint(base.term)
  writer.varint(base.stampMs)
}

/** Null when the membership makes no sense. */
function readHead(reader: ByteReader): CheckpointHead | null {
  const index = reader.varint()
  const term = reader.varint()
  const stampMs = reader.varint()
  const membership = readMembership(reader)
  if (membership === null) return null
  const version = reader.varint()
  const bytesCount = reader.varint()
  const snapshot = { index, term, stampMs, membership, version, bytesCount }
  const base = { index: reader.varint(), term: reader.varint(), stampMs: reader.varint() }
  return { snapshot, base }
}

function writeEntry(writer: ByteWriter, entry: Entry): void {
  writer.varint(entry.term)
  writer.varint(entry.stampMs)
  writer.u8(KIND_BYTES[entry.kind])
  writer.block(entry.payload)
}

/** Null when it is of no known kind. */
function readEntry(reader: ByteReader, copies: boolean): Entry | null {
  const term = reader.varint()
  const stampMs = reader.varint()
  const kind = KINDS[reader.u8()]
  if (kind === undefined) return null
  const payload = reader.block()
  return { term, stampMs, kind, payload: copies ? payload.slice() : payload }
}

/** Takes the bytes out of the writer; fills in length and crc of the frame at `at`. */
function seal(writer: ByteWriter, at: number, seed: number): Uint8Array {
  const bytes = writer.finish()
  putU32(bytes, at, bytes.length - at - PREFIX_BYTES)
  putU32(bytes, at + 4, frameCrc(bytes, at, bytes.length, seed))
  return bytes
}

function frameCrc(bytes: Uint8Array, at: number, end: number, seed: number): number {
  return crc32c(bytes, at + PREFIX_BYTES, end, crc32c(bytes, at, at + 4, seed))
}

function u32At(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8)
  return (low | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24)) >>> 0
}
