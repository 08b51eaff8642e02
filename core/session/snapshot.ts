// The whole state of a machine with sessions as bytes, in key order and behind a format version.
// Indexes, sums and the digest are made anew when reading, so that a wrong one does not live on.

import { ByteReader, ByteWriter } from '../bytes.ts'
import type { Lanes } from '../hash.ts'
import { mapEntries, mapGet, mapSize } from '../ordered-map.ts'
import type { CallRecord, ReplyCodec, Session } from './records.ts'
import { newSession, withCall } from './records.ts'
import type { Draft, SessionState } from './state.ts'
import { closeDraft, openDraft, putSession, putWait, withoutSessions } from './state.ts'

const VERSION = 1
const WAITING = 0
const ANSWERED = 1

/** The inner machine's part in a snapshot: a `Machine` is one. */
export interface SnapshotCodec<State, Reply> extends ReplyCodec<Reply> {
  encodeSnapshot(state: State): Uint8Array
  decodeSnapshot(bytes: Uint8Array): State | null
}

/** All of a state; equal states give equal bytes. */
export function encodeSnapshot<State, Reply>(
  codec: SnapshotCodec<State, Reply>,
  state: SessionState<State, Reply>,
): Uint8Array {
  const writer = new ByteWriter()
  writer.u8(VERSION)
  writer.block(codec.encodeSnapshot(state.inner))
  writer.varint(mapSize(state.sessions))
  for (const [, session] of mapEntries(state.sessions)) writeSession(codec, writer, session)
  writer.varint(mapSize(state.waits))
  for (const [index, wait] of mapEntries(state.waits)) {
    writer.varint(index)
    writer.varint(wait.session)
    writer.varint(wait.sequence)
    writer.varint(wait.answerIndex)
  }
  return writer.finish()
}

/** The state of `encodeSnapshot`; null when the bytes are none, or of another version. */
export function decodeSnapshot<State, Reply>(
  codec: SnapshotCodec<State, Reply>,
  bytes: Uint8Array,
): SessionState<State, Reply> | null {
  const reader = new ByteReader(bytes)
  if (reader.u8() !== VERSION) return null
  const innerBytes = reader.block()
  const inner = reader.ok ? codec.decodeSnapshot(innerBytes) : null
  if (inner === null) return null
  const empty = withoutSessions<State, Reply>(inner)
  const draft: Draft<State, Reply, never> = openDraft(empty, { index: 0, timeMs: 0, version: 1 })
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
  return reader.done && claimed === waitingCount ? closeDraft(draft) : null
}

function writeSession<Reply>(
  codec: ReplyCodec<Reply>,
  writer: ByteWriter,
  session: Session<Reply>,
): void {
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
    else writer.block(codec.encodeReply(call.reply))
  }
}

function readSession<Reply>(codec: ReplyCodec<Reply>, reader: ByteReader): Session<Reply> | null {
  const id = reader.varint()
  const ttlMs = reader.varint()
  const deadlineMs = reader.varint()
  const acknowledged = reader.varint()
  if (!reader.ok || deadlineMs < ttlMs) return null
  let session: Session<Reply> = { ...newSession(id, ttlMs, deadlineMs - ttlMs), acknowledged }
  let before = acknowledged
  for (let left = reader.varint(); left > 0; left--) {
    const sequence = reader.varint()
    const call = readCall(codec, reader)
    if (call === null || sequence <= before) return null
    session = withCall(codec, session, sequence, call)
    before = sequence
  }
  return session
}

function readCall<Reply>(codec: ReplyCodec<Reply>, reader: ByteReader): CallRecord<Reply> | null {
  const body: Lanes = [readLane(reader), readLane(reader), readLane(reader), readLane(reader)]
  switch (reader.u8()) {
    case WAITING: {
      const index = reader.varint()
      return reader.ok ? { type: 'waiting', body, index } : null
    }
    case ANSWERED: {
      const bytes = reader.block()
      const reply = reader.ok ? codec.decodeReply(bytes) : null
      return reply === null ? null : { type: 'answered', body, reply }
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
