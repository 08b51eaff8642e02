// Commands and replies of the lock machine as bytes. The first byte says which: such a number is
// never given to anything else. Decoding is total: null on garbage, never a throw.

import { ByteReader, ByteWriter } from '../bytes.ts'
import { unreachable } from '../invariant.ts'
import { readReply, writeReply } from './codec-reply.ts'
import {
  readIntegerOrNull,
  readMode,
  readTextOrNull,
  writeIntegerOrNull,
  writeMode,
  writeTextOrNull,
} from './codec-values.ts'
import type {
  Acquire,
  Cancel,
  ForceRelease,
  ListHolders,
  ListLocks,
  ListWaiters,
  LockCommand,
  LockRequest,
  Release,
  Renew,
  Status,
} from './command.ts'
import type { LockReply } from './reply.ts'

export { REASONS } from './codec-reply.ts'

const COMMANDS = [
  'acquire',
  'release',
  'renew',
  'status',
  'expire',
  'cancel',
  'forceRelease',
  'listHolders',
  'listWaiters',
  'listLocks',
  'countLocks',
] as const

// A new writer costs more than a command: all share this one.
const scratch = new ByteWriter()

/** The shared writer, rid of what a write that threw half-way has left. */
function emptyScratch(): ByteWriter {
  if (scratch.length > 0) scratch.finish()
  return scratch
}

/** A command as bytes. Its text must have a UTF-8 form: see `requestProblem`. */
export function encodeCommand(command: LockCommand): Uint8Array {
  const writer = emptyScratch()
  writeCommand(writer, command)
  return writer.finish()
}

/** The command of `encodeCommand`, or null. */
export function decodeCommand(bytes: Uint8Array): LockCommand | null {
  const reader = new ByteReader(bytes)
  const command = readCommand(reader)
  return reader.done ? command : null
}

/** A reply as bytes. */
export function encodeReply(reply: LockReply): Uint8Array {
  const writer = emptyScratch()
  writeReply(writer, reply)
  return writer.finish()
}

/** The reply of `encodeReply`, or null. */
export function decodeReply(bytes: Uint8Array): LockReply | null {
  const reader = new ByteReader(bytes)
  const reply = readReply(reader)
  return reader.done ? reply : null
}

/** Appends a command. */
export function writeCommand(writer: ByteWriter, command: LockCommand): void {
  writer.u8(COMMANDS.indexOf(command.type))
  switch (command.type) {
    case 'acquire':
      return writeAcquire(writer, command)
    case 'release':
      writeWho(writer, command)
      writeIntegerOrNull(writer, command.token)
      return writer.bool(command.all)
    case 'renew':
      writeWho(writer, command)
      writeIntegerOrNull(writer, command.token)
      return writeIntegerOrNull(writer, command.ttlMs)
    case 'cancel':
      return writeWho(writer, command)
    case 'forceRelease':
      writeWho(writer, command)
      writeIntegerOrNull(writer, command.token)
      return writer.bool(command.now)
    case 'status':
      return writeStatus(writer, command)
    case 'listHolders':
      writer.text(command.key)
      writeTextOrNull(writer, command.after)
      return writer.varint(command.max)
    case 'listWaiters':
      writer.text(command.key)
      writeIntegerOrNull(writer, command.after)
      return writer.varint(command.max)
    case 'listLocks':
      writer.text(command.prefix)
      writeTextOrNull(writer, command.after)
      return writer.varint(command.max)
    case 'countLocks':
      return writer.text(command.prefix)
    case 'expire':
      return writer.varint(command.max)
    default:
      return unreachable(command)
  }
}

/** Reads a command; null when there is none. Its value counts only while the reader is `ok`. */
export function readCommand(reader: ByteReader): LockCommand | null {
  const type = COMMANDS[reader.u8()]
  if (type === undefined || !reader.ok) return null
  switch (type) {
    case 'acquire':
      return readAcquire(reader)
    case 'release':
      return readRelease(reader)
    case 'renew':
      return readRenew(reader)
    case 'cancel':
      return readCancel(reader)
    case 'forceRelease':
      return readForceRelease(reader)
    case 'status':
      return readStatus(reader)
    case 'listHolders':
      return readListHolders(reader)
    case 'listWaiters':
      return readListWaiters(reader)
    case 'listLocks':
      return readListLocks(reader)
    case 'countLocks':
      return { type, prefix: reader.text() }
    case 'expire': {
      const max = reader.varint()
      return max > 0 ? { type, max } : null
    }
    default:
      return unreachable(type)
  }
}

function writeAcquire(writer: ByteWriter, command: Acquire): void {
  writeWho(writer, command)
  writeMode(writer, command.mode)
  writeIntegerOrNull(writer, command.ttlMs)
  writer.varint(command.waitMs)
  writer.bool(command.reentrant)
  writer.varint(command.lockDelayMs)
  writer.text(command.metadata)
}

function readAcquire(reader: ByteReader): Acquire {
  const key = reader.text()
  const owner = reader.text()
  const requestId = readTextOrNull(reader)
  const mode = readMode(reader)
  const ttlMs = readIntegerOrNull(reader)
  const waitMs = reader.varint()
  const reentrant = reader.bool()
  const lockDelayMs = reader.varint()
  const metadata = reader.text()
  return {
    type: 'acquire',
    key,
    owner,
    mode,
    ttlMs,
    waitMs,
    reentrant,
    lockDelayMs,
    metadata,
    requestId,
  }
}

function readRelease(reader: ByteReader): Release {
  const key = reader.text()
  const owner = reader.text()
  const requestId = readTextOrNull(reader)
  const token = readIntegerOrNull(reader)
  const all = reader.bool()
  return { type: 'release', key, owner, token, all, requestId }
}

function readRenew(reader: ByteReader): Renew {
  const key = reader.text()
  const owner = reader.text()
  const requestId = readTextOrNull(reader)
  const token = readIntegerOrNull(reader)
  const ttlMs = readIntegerOrNull(reader)
  return { type: 'renew', key, owner, token, ttlMs, requestId }
}

function readCancel(reader: ByteReader): Cancel {
  const key = reader.text()
  const owner = reader.text()
  const requestId = readTextOrNull(reader)
  return { type: 'cancel', key, owner, requestId }
}

function readForceRelease(reader: ByteReader): ForceRelease {
  const key = reader.text()
  const owner = reader.text()
  const requestId = readTextOrNull(reader)
  const token = readIntegerOrNull(reader)
  const now = reader.bool()
  return { type: 'forceRelease', key, owner, token, now, requestId }
}

function writeStatus(writer: ByteWriter, { key, holder }: Status): void {
  writer.text(key)
  writer.bool(holder !== null)
  if (holder === null) return
  writer.text(holder.owner)
  writeIntegerOrNull(writer, holder.session)
}

function readStatus(reader: ByteReader): Status {
  const key = reader.text()
  if (!reader.bool()) return { type: 'status', key, holder: null }
  const owner = reader.text()
  const session = readIntegerOrNull(reader)
  return { type: 'status', key, holder: { owner, session } }
}

function readListHolders(reader: ByteReader): ListHolders {
  const key = reader.text()
  const after = readTextOrNull(reader)
  const max = reader.varint()
  return { type: 'listHolders', key, after, max }
}

function readListWaiters(reader: ByteReader): ListWaiters {
  const key = reader.text()
  const after = readIntegerOrNull(reader)
  const max = reader.varint()
  return { type: 'listWaiters', key, after, max }
}

function readListLocks(reader: ByteReader): ListLocks {
  const prefix = reader.text()
  const after = readTextOrNull(reader)
  const max = reader.varint()
  return { type: 'listLocks', prefix, after, max }
}

function writeWho(writer: ByteWriter, request: LockRequest | Cancel): void {
  writer.text(request.key)
  writer.text(request.owner)
  writeTextOrNull(writer, request.requestId)
}
