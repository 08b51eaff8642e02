// The whole state of a machine with sessions as bytes, in key order and behind a format version.
// Indexes and sums are made anew when reading, so that a wrong one does not live on.

import { ByteReader, ByteWriter } from '../bytes.ts'
import type { Lanes } from '../hash.ts'
import { mapEntries, mapGet, mapSize } from '../ordered-map.ts'
import { snapshotParts as innerParts } from '../snapshot-parts.ts'
import type { SnapshotEncoder } from '../snapshot-parts.ts'
import type { ReplyCodec } from './codec.ts'
import type { CallRecord, Session } from './records.ts'
import { newSession, withCall } from './records.ts'
import type { Draft, SessionState } from './state.ts'
import { closeDraft, openDraft, putSession, putWait, withoutSessions } from './state.ts'

const VERSION = 2
const PART_BYTES = 65_536
const WAITING = 0
const ANSWERED = 1

/** The inner machine's part in a snapshot: a `Machine` is one. */
export interface SnapshotCodec<State, Reply> extends ReplyCodec<Reply>, SnapshotEncoder<State> {
  decodeSnapshot(bytes: Uint8Array): State | null
}

/**
 * All of a state; equal states give equal bytes. Sessions and waits in parts of about 64 KiB, then
 * the inner machine's own parts, up to the end.
 */
export function* snapshotParts<State, Reply>(
  codec: SnapshotCodec<State, Reply>,
  state: SessionState<State>,
): Generator<Uint8Array, void> {
  const writer = new ByteWriter()
  const isFull = (): boolean => writer.length >= PART_BYTES
  writer.u8(VERSION)
  writer.varint(mapSize(state.sessions))
  for (const [, session] of mapEntries(state.sessions)) {
    writeSession(writer, session)
    if (isFull()) yield writer.finish()
  }
  writer.varint(mapSize(state.waits))
  for (const [index, wait] of mapEntries(state.waits)) {
    writer.varint(index)
    writer.varint(wait.session)
    writer.varint(wait.sequence)
    writer.varint(wait.answerIndex)
    if (isFull()) yield writer.finish()
  }
  if (writer.length > 0) yield writer.finish()
  yield* innerParts(codec, state.inner)
}

/** The state of `snapshotParts`, joined; null when the bytes are none, or of another version. */
export function decodeSnapshot<State, Reply>(
  codec: SnapshotCodec<State, Reply>,
  bytes: Uint8Array,
): SessionState<State> | null {
  const reader = new ByteReader(bytes)
  if (reader.u8() !== VERSION) return null
  const empty = withoutSessions(null)
  const draft: Draft<null, Reply, never> = openDraft(empty, { index: 0, timeMs: 0, version: 1 })
  let waitingCount = 0
  let idBefore = 0
  for (let left = reader.varint(); left > 0; left--) {
    const session = readSession(codec, reader)
    if (session === null || session.id <= idBefore) return null
    putSession(draft, undefined, session)
    for (const [, { type }] of mapEntries(session.calls)) if (type === 'waiting') waitingCount += 1
    idBefore = session.id
  }
  const claimed = readWaits(reader, draft)
  if (!reader.ok || claimed !== waitingCount) return null
  const inner = codec.decodeSnapshot(bytes.subarray(reader.at))
  return inner === null ? null : { ...closeDraft(draft), inner }
}

function writeSession(writer: ByteWriter, session: Session): void {
  writer.varint(session.id)
  writer.varint(session.ttlMs)
  writer.varint(session.deadlineMs)
  writer.varint(session.acknowledged)
  writer.varint(mapSize(session.calls))
  for (const [sequence, call] of mapEntries(session.calls)) {
    writer.varint(sequence)
    for (const lane of call.body) writer.u32(lane >>> 0)
    writer.u8(call.type === 'waiting' ? WAITING : ANSWERED)
    if (call.type === 'waiting') writer.varint(call.index)
    else writer.block(call.reply)
  }
}

function readSession<Reply>(codec: ReplyCodec<Reply>, reader: ByteReader): Session | null {
  const id = reader.varint()
  const ttlMs = reader.varint()
  const deadlineMs = reader.varint()
  const acknowledged = reader.varint()
  if (!reader.ok || deadlineMs < ttlMs) return null
  let session: Session = { ...newSession(id, ttlMs, deadlineMs - ttlMs), acknowledged }
  let before = acknowledged
  for (let left = reader.varint(); left > 0; left--) {
    const sequence = reader.varint()
    const call = readCall(codec, reader)
    if (call === null || sequence <= before) return null
    session = withCall(session, sequence, call)
    before = sequence
  }
  return session
}

function readCall<Reply>(codec: ReplyCodec<Reply>, reader: ByteReader): CallRecord | null {
  const body: Lanes = [readLane(reader), readLane(reader), readLane(reader), readLane(reader)]
  switch (reader.u8()) {
    case WAITING: {
      const index = reader.varint()
      return reader.ok ? { type: 'waiting', body, index } : null
    }
    case ANSWERED: {
      const bytes = reader.block()
      if (!reader.ok || codec.decodeReply(bytes) === null) return null
      // A copy: a view would keep all of the snapshot for as long as the call is known.
      return { type: 'answered', body, reply: bytes.slice() }
    }
    default:
      return null
  }
}

function readLane(reader: ByteReader): number {
  return reader.u32() | 0
}

/** Reads the waits into the draft; how many of them belong to a waiting call, or null. */
function readWaits<State, Reply>(
  reader: ByteReader,
  draft: Draft<State, Reply, never>,
): number | null {
  let claimed = 0
  let before = 0
  for (let left = reader.varint(); left > 0; left--) {
    const index = reader.varint()
    const wait = {
      session: reader.varint(),
      sequence: reader.varint(),
      answerIndex: reader.varint(),
    }
    if (!reader.ok || index <= before || wait.answerIndex < index) return null
    const session = mapGet(draft.sessions, wait.session)
    if (session !== undefined && wait.sequence > session.acknowledged) {
      const call = mapGet(session.calls, wait.sequence)
      if (call === undefined || call.type !== 'waiting' || call.index !== index) return null
      claimed += 1
    }
    putWait(draft, index, wait)
    before = index
  }
  return claimed
}
