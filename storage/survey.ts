// What is still good in a log file behind bytes that are bad. Pure, and it judges no content: it
// finds the records whose checksums are right and which come in order, and how far the marks in
// them prove that what is bad was durable, and so has rotted.
//
// Since a bad length tells nothing of where the next record starts, every offset is tried. What a
// client wrote can look like a record only if it guesses the header's crc, a sequence that is
// missing and its place in the file; and it is only looked at when the length before it is bad too.

import { decodeHeader, frameEnd, isSound, RECORD_BYTES_MIN, sketchRecord } from './record.ts'

/** A good record, and what must be known of it to find the next. */
export interface Frame {
  readonly offset: number
  /** Byte offset behind it. */
  readonly end: number
  readonly sequence: number
  readonly syncedTo: number
  /** The current term as of this record. */
  readonly term: number
}

/** What a search finds behind the first bad bytes. */
export interface Survey {
  /** Good records, in order; sequences and marks grow along them. */
  readonly frames: readonly Frame[]
  /** Bad bytes that begin before this offset have rotted, and a record at it proves that; or 0. */
  readonly rottenBefore: number
  /** The highest mark, or that of `before`. */
  readonly syncedTo: number
}

/** Bytes from `start` to before `end`. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/**
 * Where records do not follow each other, checksums are computed over so many times the file's
 * bytes at most, and over short records from then on: whatever the bytes are, this takes no longer.
 */
const CHECKED_TIMES = 4
const SHORT_BYTES = 512

/**
 * Searches all of a file from the end of `before`, the last good record, on. `isHeaderBad`: bytes
 * at its start are bad as well.
 */
export function survey(
  bytes: Uint8Array,
  seed: number,
  before: Frame,
  isHeaderBad: boolean
): Survey {
  const badAt = isHeaderBad ? [0] : []
  const frames: Frame[] = []
  const found: Search = { bytes, seed, last: before, checkableBytes: bytes.length * CHECKED_TIMES }
  // No record begins with a length of zero.
  const zerosAt = sizeOf(bytes)
  for (let at = before.end; at < zerosAt && at + RECORD_BYTES_MIN <= bytes.length; ) {
    let frame = frameAt(found, at, missingMax(found.last, at))
    if (frame === null && at === found.last.end) {
      badAt.push(at)
      // The length may be good and only what it counts bad: then one record is missing.
      const next = frameEnd(bytes, at)
      if (next >= 0) frame = frameAt(found, next, 1)
    }
    if (frame === null) {
      at += 1
      continue
    }
    frames.push(frame)
    found.last = frame
    at = frame.end
  }
  const { syncedTo } = found.last
  const lastRotten = badAt.findLast(offset => offset < syncedTo)
  // What is bad between the last rotten bytes and the first record that proves them so cannot be
  // cut without losing the proof.
  const proof = frames.find(frame => lastRotten !== undefined && frame.syncedTo > lastRotten)
  return { frames, rottenBefore: proof?.offset ?? 0, syncedTo }
}

/**
 * The parts of a log file of which records in it prove that they were durable: its header, and each
 * good record that a later one's mark covers. A byte that changes there is found out, whatever a
 * crash may take away that is not durable; so give it what is durable alone. For fault injection.
 */
export function rottable(bytes: Uint8Array): readonly ByteRange[] {
  const header = decodeHeader(bytes)
  if (header.type !== 'header') return []
  const { size, crc } = header
  const start: Frame = { offset: 0, end: size, sequence: 0, syncedTo: 0, term: 0 }
  const { frames, syncedTo } = survey(bytes, crc, start, false)
  return [start, ...frames]
    .filter(({ end }) => end <= syncedTo)
    .map(({ offset, end }) => ({ start: offset, end }))
}

/** Bytes without the zeros at the end. */
export function sizeOf(bytes: Uint8Array): number {
  let size = bytes.length
  while (size > 0 && bytes[size - 1] === 0) size -= 1
  return size
}

interface Search {
  readonly bytes: Uint8Array
  readonly seed: number
  last: Frame
  /** What may still be spent on checksums that are likely to be wrong. */
  checkableBytes: number
}

/** How many records at most, and at least one if any bytes, were between `last` and `at`. */
function missingMax(last: Frame, at: number): number {
  return Math.floor((at - last.end) / RECORD_BYTES_MIN)
}

/** The good record at `at`, at most `missing` records behind the last one; or null. */
function frameAt(search: Search, at: number, missing: number): Frame | null {
  const { bytes, seed, last } = search
  const next = last.sequence + 1
  const least = at === last.end ? next : next + 1
  const record = sketchRecord(bytes, at, least, next + missing, last.syncedTo)
  if (record === null || record.hardState.term < last.term) return null
  const end = frameEnd(bytes, at)
  const size = end - at
  if (at !== last.end && size > SHORT_BYTES) {
    if (size > search.checkableBytes) return null
    search.checkableBytes -= size
  }
  if (!isSound(bytes, at, end, seed)) return null
  const { sequence, syncedTo, hardState } = record
  return { offset: at, end, sequence, syncedTo, term: hardState.term }
}
