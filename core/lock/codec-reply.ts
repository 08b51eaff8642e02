// Replies of the lock machine as bytes, within `codec.ts`, whose rules hold here too.

import type { ByteReader, ByteWriter } from '../bytes.ts'
import { unreachable } from '../invariant.ts'
import {
  readIntegerOrNull,
  readMode,
  readModeOrNull,
  readTextOrNull,
  writeIntegerOrNull,
  writeMode,
  writeModeOrNull,
  writeTextOrNull,
} from './codec-values.ts'
import type { HolderView, LockReply, LockView, StatusReply, WaiterView } from './reply.ts'

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
  'cancelled',
  'forced',
  'holders',
  'waiters',
  'locks',
  'lockCount',
] as const

/** All reasons, at their number in the encoding: new ones go to the end. */
export const REASONS = [
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
  'requestIdMissing',
  'ttlMissing',
  'lockDelayOutOfRange',
  'metadataTooLong',
  'metadataNotText',
  'upgrade',
  'revoked',
  'noDeadline',
  'maxOutOfRange',
] as const

/** Appends a reply. */
export function writeReply(writer: ByteWriter, reply: LockReply): void {
  writer.u8(REPLIES.indexOf(reply.type))
  switch (reply.type) {
    case 'granted':
      writer.varint(reply.token)
      writer.varint(reply.count)
      writeIntegerOrNull(writer, reply.ttlMs)
      return writer.varint(reply.grantedAfterMs)
    case 'held':
      writeTextOrNull(writer, reply.owner)
      writer.varint(reply.token)
      return writeIntegerOrNull(writer, reply.remainingMs)
    case 'queued':
      return writer.varint(reply.position)
    case 'timeout':
    case 'cancelled':
      return
    case 'released':
      return writer.varint(reply.count)
    case 'notHolder':
    case 'expired':
      return writer.varint(reply.token)
    case 'renewed':
      writer.varint(reply.token)
      return writeIntegerOrNull(writer, reply.ttlMs)
    case 'forced':
      writer.varint(reply.holders)
      return writer.varint(reply.remainingMs)
    case 'status':
      return writeStatus(writer, reply)
    case 'holders':
      writeModeOrNull(writer, reply.mode)
      writer.varint(reply.holders.length)
      for (const holder of reply.holders) writeHolder(writer, holder.owner, holder)
      return writeTextOrNull(writer, reply.next)
    case 'waiters':
      writer.varint(reply.waiters.length)
      for (const waiter of reply.waiters) writeWaiter(writer, waiter)
      return writeIntegerOrNull(writer, reply.next)
    case 'locks':
      writer.varint(reply.locks.length)
      for (const lock of reply.locks) writeLock(writer, lock)
      return writeTextOrNull(writer, reply.next)
    case 'lockCount':
      return writer.varint(reply.locks)
    case 'swept':
      writer.varint(reply.locks)
      writer.varint(reply.waiters)
      return writer.varint(reply.delays)
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
      const ttlMs = readIntegerOrNull(reader)
      return { type, token, count, ttlMs, grantedAfterMs: reader.varint() }
    }
    case 'held': {
      const owner = readTextOrNull(reader)
      const token = reader.varint()
      const remainingMs = readIntegerOrNull(reader)
      return { type, owner, token, remainingMs }
    }
    case 'queued':
      return { type, position: reader.varint() }
    case 'timeout':
    case 'cancelled':
      return { type }
    case 'released':
      return { type, count: reader.varint() }
    case 'notHolder':
    case 'expired':
      return { type, token: reader.varint() }
    case 'renewed': {
      const token = reader.varint()
      const ttlMs = readIntegerOrNull(reader)
      return { type, token, ttlMs }
    }
    case 'forced': {
      const holders = reader.varint()
      const remainingMs = reader.varint()
      return { type, holders, remainingMs }
    }
    case 'swept': {
      const locks = reader.varint()
      const waiters = reader.varint()
      const delays = reader.varint()
      return { type, locks, waiters, delays }
    }
    case 'rejected': {
      const reason = REASONS[reader.u8()]
      return reason === undefined ? null : { type, reason }
    }
    case 'status':
    case 'holders':
    case 'waiters':
    case 'locks':
    case 'lockCount':
      return readQueryReply(reader, type)
    default:
      return unreachable(type)
  }
}

type QueryReplyType = 'status' | 'holders' | 'waiters' | 'locks' | 'lockCount'

function readQueryReply(reader: ByteReader, type: QueryReplyType): LockReply | null {
  switch (type) {
    case 'status':
      return readStatus(reader)
    case 'holders': {
      const mode = readModeOrNull(reader)
      const holders = readList(reader, readHolder)
      return { type, mode, holders, next: readTextOrNull(reader) }
    }
    case 'waiters': {
      const waiters = readList(reader, readWaiter)
      return { type, waiters, next: readIntegerOrNull(reader) }
    }
    case 'locks': {
      const locks = readList(reader, readLock)
      return { type, locks, next: readTextOrNull(reader) }
    }
    case 'lockCount':
      return { type, locks: reader.varint() }
    default:
      return unreachable(type)
  }
}

/** As many items as the bytes say, or as there are: a false count must not keep us for long. */
function readList<Item>(reader: ByteReader, readItem: (reader: ByteReader) => Item): Item[] {
  const items: Item[] = []
  for (let left = reader.varint(); left > 0 && reader.ok; left--) items.push(readItem(reader))
  return items
}

/** What is said of a holder is left out where there is none. */
function writeStatus(writer: ByteWriter, reply: StatusReply): void {
  const { owner } = reply
  writer.bool(reply.locked)
  writeModeOrNull(writer, reply.mode)
  writer.bool(owner !== null)
  if (owner !== null) {
    writeHolder(writer, owner, reply)
    writeIntegerOrNull(writer, reply.ttlMs)
  }
  writer.varint(reply.holders)
  writer.varint(reply.waiters)
  writer.varint(reply.delayMs)
}

function readStatus(reader: ByteReader): StatusReply | null {
  const locked = reader.bool()
  const mode = readModeOrNull(reader)
  const isHeld = reader.bool()
  const holder = isHeld ? readHolder(reader) : NO_HOLDER
  const ttlMs = isHeld ? readIntegerOrNull(reader) : null
  const holders = reader.varint()
  const waiters = reader.varint()
  const delayMs = reader.varint()
  if (holder.owner !== null && !locked) return null
  return {
    type: 'status',
    locked,
    mode,
    owner: holder.owner,
    session: holder.session,
    token: holder.token,
    count: holder.count,
    ttlMs,
    remainingMs: holder.remainingMs,
    metadata: holder.metadata,
    revoked: holder.revoked,
    holders,
    waiters,
    delayMs,
  }
}

const NO_HOLDER = {
  owner: null,
  session: null,
  token: 0,
  count: 0,
  remainingMs: 0,
  metadata: '',
  revoked: false,
} as const

type HolderTerms = Omit<HolderView, 'owner'>

function writeHolder(writer: ByteWriter, owner: string, holder: HolderTerms): void {
  writer.text(owner)
  writeIntegerOrNull(writer, holder.session)
  writer.varint(holder.token)
  writer.varint(holder.count)
  writeIntegerOrNull(writer, holder.remainingMs)
  writer.text(holder.metadata)
  writer.bool(holder.revoked)
}

function readHolder(reader: ByteReader): HolderView {
  const owner = reader.text()
  const session = readIntegerOrNull(reader)
  const token = reader.varint()
  const count = reader.varint()
  const remainingMs = readIntegerOrNull(reader)
  const metadata = reader.text()
  const revoked = reader.bool()
  return { owner, session, token, count, remainingMs, metadata, revoked }
}

function writeWaiter(writer: ByteWriter, waiter: WaiterView): void {
  writer.text(waiter.owner)
  writeIntegerOrNull(writer, waiter.session)
  writeMode(writer, waiter.mode)
  writer.varint(waiter.position)
  writer.varint(waiter.waitedMs)
  writer.varint(waiter.remainingMs)
}

function readWaiter(reader: ByteReader): WaiterView {
  const owner = reader.text()
  const session = readIntegerOrNull(reader)
  const mode = readMode(reader)
  const position = reader.varint()
  const waitedMs = reader.varint()
  const remainingMs = reader.varint()
  return { owner, session, mode, position, waitedMs, remainingMs }
}

function writeLock(writer: ByteWriter, lock: LockView): void {
  writer.text(lock.key)
  writeModeOrNull(writer, lock.mode)
  writeTextOrNull(writer, lock.owner)
  writer.varint(lock.token)
  writer.varint(lock.holders)
  writer.varint(lock.waiters)
}

function readLock(reader: ByteReader): LockView {
  const key = reader.text()
  const mode = readModeOrNull(reader)
  const owner = readTextOrNull(reader)
  const token = reader.varint()
  const holders = reader.varint()
  const waiters = reader.varint()
  return { key, mode, owner, token, holders, waiters }
}
