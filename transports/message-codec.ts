// The bytes of what replicas say to each other. From whom to whom is the frame's.
//
//   u8 kind of message | term | its fields
//
// A number is never given to anything else; one that nobody has is malformed. What a message may
// say is the core's: here any numbers pass.

import type { ByteReader, ByteWriter } from '../core/bytes.ts'
import { unreachable } from '../core/invariant.ts'
import { readMembership, writeMembership } from '../core/raft/membership.ts'
import type { Entry, EntryKind, Message, SnapshotHeader } from '../core/raft/message.ts'
import { readOutcome, writeOutcome } from './outcome-codec.ts'

const MESSAGE_KIND: { readonly [Type in Message['type']]: number } = {
  preVoteRequest: 1,
  preVoteReply: 2,
  voteRequest: 3,
  voteReply: 4,
  appendRequest: 5,
  appendAccepted: 6,
  appendRejected: 7,
  snapshotRequest: 8,
  snapshotReply: 9,
  timeoutNow: 10,
  readRequest: 11,
  readReply: 12,
  forwardRequest: 13,
  forwardReply: 14,
}

/** Kinds of entries, at their number in the encoding: new ones go to the end. */
const ENTRY_KINDS: readonly EntryKind[] = ['noop', 'command', 'membership', 'version']

/** Writes a message as part of a frame. */
export function writeMessage(writer: ByteWriter, message: Message): void {
  writer.u8(MESSAGE_KIND[message.type])
  writer.varint(message.term)
  switch (message.type) {
    case 'preVoteRequest':
    case 'voteRequest':
      writer.varint(message.lastIndex)
      writer.varint(message.lastTerm)
      if (message.type === 'voteRequest') writer.bool(message.transfer)
      return
    case 'preVoteReply':
    case 'voteReply':
      writer.bool(message.granted)
      return
    case 'appendRequest':
      writer.varint(message.prevIndex)
      writer.varint(message.prevTerm)
      writer.varint(message.commit)
      writer.varint(message.round)
      writer.varint(message.entries.length)
      for (const entry of message.entries) writeEntry(writer, entry)
      return
    case 'appendAccepted':
      writer.varint(message.matchIndex)
      writer.varint(message.round)
      writer.varint(message.versions)
      return
    case 'appendRejected':
      writer.varint(message.prevIndex)
      writer.varint(message.hintIndex)
      writer.varint(message.hintTerm)
      writer.varint(message.round)
      writer.bool(message.damaged)
      return
    case 'snapshotRequest':
      writer.varint(message.round)
      writeHeader(writer, message.snapshot)
      writer.varint(message.offset)
      writer.block(message.bytes)
      return
    case 'snapshotReply':
      writer.varint(message.round)
      writer.varint(message.index)
      writer.varint(message.offset)
      return
    case 'timeoutNow':
      return
    default:
      writeAsked(writer, message)
  }
}

type AskedType = 'readRequest' | 'readReply' | 'forwardRequest' | 'forwardReply'

/** What is asked of a leader, and its answers: they carry an id. */
function writeAsked(writer: ByteWriter, message: Extract<Message, { type: AskedType }>): void {
  writer.varint(message.id)
  switch (message.type) {
    case 'readRequest':
      return
    case 'readReply':
      writer.varint(message.index)
      return
    case 'forwardRequest':
      writer.block(message.payload)
      return
    case 'forwardReply':
      writeOutcome(writer, message.outcome)
      return
    default:
      unreachable(message)
  }
}

/**
 * Reads a message; null when there is none. It counts only while the reader is `ok`. Payloads and
 * chunks are views on the bytes read, not copies.
 */
export function readMessage(reader: ByteReader): Message | null {
  const kind = reader.u8()
  const term = reader.varint()
  switch (kind) {
    case MESSAGE_KIND.preVoteRequest: {
      const lastIndex = reader.varint()
      return { type: 'preVoteRequest', term, lastIndex, lastTerm: reader.varint() }
    }
    case MESSAGE_KIND.preVoteReply:
      return { type: 'preVoteReply', term, granted: reader.bool() }
    case MESSAGE_KIND.voteRequest: {
      const lastIndex = reader.varint()
      const lastTerm = reader.varint()
      return { type: 'voteRequest', term, lastIndex, lastTerm, transfer: reader.bool() }
    }
    case MESSAGE_KIND.voteReply:
      return { type: 'voteReply', term, granted: reader.bool() }
    case MESSAGE_KIND.appendRequest:
      return readAppendRequest(reader, term)
    case MESSAGE_KIND.appendAccepted: {
      const matchIndex = reader.varint()
      const round = reader.varint()
      return { type: 'appendAccepted', term, matchIndex, round, versions: reader.varint() }
    }
    case MESSAGE_KIND.appendRejected: {
      const prevIndex = reader.varint()
      const hintIndex = reader.varint()
      const hintTerm = reader.varint()
      const round = reader.varint()
      const hint = { prevIndex, hintIndex, hintTerm }
      return { type: 'appendRejected', term, ...hint, round, damaged: reader.bool() }
    }
    case MESSAGE_KIND.snapshotRequest:
      return readSnapshotRequest(reader, term)
    case MESSAGE_KIND.snapshotReply: {
      const round = reader.varint()
      const index = reader.varint()
      return { type: 'snapshotReply', term, round, index, offset: reader.varint() }
    }
    case MESSAGE_KIND.timeoutNow:
      return { type: 'timeoutNow', term }
    default:
      return readAsked(reader, kind, term)
  }
}

function readAppendRequest(reader: ByteReader, term: number): Message | null {
  const prevIndex = reader.varint()
  const prevTerm = reader.varint()
  const commit = reader.varint()
  const round = reader.varint()
  const entries = readEntries(reader)
  if (entries === null) return null
  return { type: 'appendRequest', term, prevIndex, prevTerm, commit, round, entries }
}

function readSnapshotRequest(reader: ByteReader, term: number): Message | null {
  const round = reader.varint()
  const snapshot = readHeader(reader)
  if (snapshot === null) return null
  const offset = reader.varint()
  return { type: 'snapshotRequest', term, round, snapshot, offset, bytes: reader.block() }
}

function readAsked(reader: ByteReader, kind: number, term: number): Message | null {
  const id = reader.varint()
  switch (kind) {
    case MESSAGE_KIND.readRequest:
      return { type: 'readRequest', term, id }
    case MESSAGE_KIND.readReply:
      return { type: 'readReply', term, id, index: reader.varint() }
    case MESSAGE_KIND.forwardRequest:
      return { type: 'forwardRequest', term, id, payload: reader.block() }
    case MESSAGE_KIND.forwardReply: {
      const outcome = readOutcome(reader)
      return outcome === null ? null : { type: 'forwardReply', term, id, outcome }
    }
    default:
      return null
  }
}

function writeEntry(writer: ByteWriter, entry: Entry): void {
  writer.varint(entry.term)
  writer.varint(entry.stampMs)
  writer.u8(ENTRY_KINDS.indexOf(entry.kind))
  writer.block(entry.payload)
}

/** Stops at the first entry that is not there, so that a garbage count costs nothing. */
function readEntries(reader: ByteReader): readonly Entry[] | null {
  const count = reader.varint()
  const entries: Entry[] = []
  while (entries.length < count && reader.ok) {
    const term = reader.varint()
    const stampMs = reader.varint()
    const kind = ENTRY_KINDS[reader.u8()]
    if (kind === undefined) return null
    entries.push({ term, stampMs, kind, payload: reader.block() })
  }
  return entries
}

function writeHeader(writer: ByteWriter, header: SnapshotHeader): void {
  writer.varint(header.index)
  writer.varint(header.term)
  writer.varint(header.stampMs)
  writeMembership(writer, header.membership)
  writer.varint(header.version)
  writer.varint(header.bytesCount)
}

function readHeader(reader: ByteReader): SnapshotHeader | null {
  const index = reader.varint()
  const term = reader.varint()
  const stampMs = reader.varint()
  const membership = readMembership(reader)
  if (membership === null) return null
  const version = reader.varint()
  return { index, term, stampMs, membership, version, bytesCount: reader.varint() }
}
