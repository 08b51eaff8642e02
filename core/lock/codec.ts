// Commands and replies of the lock machine as bytes. The first byte says which: such a number is
// never given to anything else. Decoding is total: null on garbage, never a throw.

import { ByteReader, ByteWriter } from '../bytes.ts'
import { unreachable } from '../invariant.ts'
import type { LockCommand, LockReply, LockRequest, Reason } from './command.ts'

const COMMANDS = ['acquire', 'release', 'renew', 'status', 'expire'] as const

const REPLIES = [
  'granted',
  'held',
  'queued',
  'timeout',
  'released',
  'notHolder',
  'renewed',
  'expired',
  'status',
  'swept',
  'rejected',
] as const

/** All reasons, at their number in the encoding: new ones go to the end. */
export const REASONS: readonly Reason[] = [
  'keyEmpty',
  'keyTooLong',
  'keyNotText',
  'ownerEmpty',
  'ownerTooLong',
  'ownerNotText',
  'requestIdEmpty',
  'requestIdTooLong',
  'requestIdNotText',
  'ttlOutOfRange',
  'waitOutOfRange',
  'tokenOutOfRange',
  'tooManyWaiters',
  'tooManyLocks',
  'tooManyKeys',
  'countTooHigh',
  'requestIdReused',
  'overloaded',
]

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
      writeWho(writer, command)
      writer.varint(command.ttlMs)
      writer.varint(command.waitMs)
      return writer.bool(command.reentrant)
    case 'release':
      writeWho(writer, command)
      writeToken(writer, command.token)
      return writer.bool(command.all)
    case 'renew':
      writeWho(writer, command)
      writeToken(writer, command.token)
      return writer.varint(command.ttlMs)
    case 'status':
      return writer.text(command.key)
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
    case 'acquire': {
      const key = reader.text()
      const owner = reader.text()
      const requestId = reader.text()
      const ttlMs = reader.varint()
      const waitMs = reader.varint()
      const reentrant = reader.bool()
      return { type, key, owner, ttlMs, waitMs, reentrant, requestId }
    }
    case 'release': {
      const key = reader.text()
      const owner = reader.text()
      const requestId = reader.text()
      const token = readToken(reader)
      const all = reader.bool()
      return { type, key, owner, token, all, requestId }
    }
    case 'renew': {
      const key = reader.text()
      const owner = reader.text()
      const requestId = reader.text()
      const token = readToken(reader)
      const ttlMs = reader.varint()
      return { type, key, owner, token, ttlMs, requestId }
    }
    case 'status':
      return { type, key: reader.text() }
    case 'expire': {
      const max = reader.varint()
      return max > 0 ? { type, max } : null
    }
    default:
      return unreachable(type)
  }
}

/** Appends a reply. */
export function writeReply(writer: ByteWriter, reply: LockReply): void {
  writer.u8(REPLIES.indexOf(reply.type))
  switch (reply.type) {
    case 'granted':
      writer.varint(reply.token)
      writer.varint(reply.count)
      writer.varint(reply.ttlMs)
      return writer.varint(reply.grantedAfterMs)
    case 'held':
      writer.text(reply.owner)
      writer.varint(reply.token)
      return writer.varint(reply.remainingMs)
    case 'queued':
      return writer.varint(reply.position)
    case 'timeout':
      return
    case 'released':
      return writer.varint(reply.count)
    case 'notHolder':
      return writer.varint(reply.token)
    case 'renewed':
      writer.varint(reply.token)
      return writer.varint(reply.ttlMs)
    case 'expired':
      return writer.varint(reply.token)
    case 'status':
      writer.bool(reply.locked)
      writer.bool(reply.owner !== null)
      if (reply.owner !== null) writer.text(reply.owner)
      writer.varint(reply.token)
      writer.varint(reply.count)
      writer.varint(reply.remainingMs)
      return writer.varint(reply.waiters)
    case 'swept':
      writer.varint(reply.locks)
      return writer.varint(reply.waiters)
    case 'rejected':
      return writer.u8(REASONS.indexOf(reply.reason))
    default:
      return unreachable(reply)
  }
}

/** Reads a reply; null when there is none. Its value counts only while the reader is `ok`. */
export function readReply(reader: ByteReader): LockReply | null {
  const type = REPLIES[reader.u8()]
  if (type === undefined || !reader.ok) return null
  switch (type) {
    case 'granted': {
      const token = reader.varint()
      const count = reader.varint()
      const ttlMs = reader.varint()
      return { type, token, count, ttlMs, grantedAfterMs: reader.varint() }
    }
    case 'held': {
      const owner = reader.text()
      const token = reader.varint()
      const remainingMs = reader.varint()
      return { type, owner, token, remainingMs }
    }
    case 'queued':
      return { type, position: reader.varint() }
    case 'timeout':
      return { type }
    case 'released':
      return { type, count: reader.varint() }
    case 'notHolder':
      return { type, token: reader.varint() }
    case 'renewed': {
      const token = reader.varint()
      const ttlMs = reader.varint()
      return { type, token, ttlMs }
    }
    case 'expired':
      return { type, token: reader.varint() }
    case 'status':
      return readStatus(reader)
    case 'swept': {
      const locks = reader.varint()
      const waiters = reader.varint()
      return { type, locks, waiters }
    }
    case 'rejected': {
      const reason = REASONS[reader.u8()]
      return reason === undefined ? null : { type, reason }
    }
    default:
      return unreachable(type)
  }
}

function readStatus(reader: ByteReader): LockReply | null {
  const locked = reader.bool()
  const owner = reader.bool() ? reader.text() : null
  if (locked !== (owner !== null)) return null
  const token = reader.varint()
  const count = reader.varint()
  const remainingMs = reader.varint()
  const waiters = reader.varint()
  return { type: 'status', locked, owner, token, count, remainingMs, waiters }
}

function writeWho(writer: ByteWriter, request: LockRequest): void {
  writer.text(request.key)
  writer.text(request.owner)
  writer.text(request.requestId)
}

function writeToken(writer: ByteWriter, token: number | null): void {
  writer.bool(token !== null)
  if (token !== null) writer.varint(token)
}

function readToken(reader: ByteReader): number | null {
  return reader.bool() ? reader.varint() : null
}
