// The whole state of the lock machine as bytes, in key order and behind a format version. Indexes
// and counts are made anew when reading, so that a wrong one does not live on.

import { ByteReader, ByteWriter, INTEGER_MAX } from '../bytes.ts'
import { unreachable } from '../invariant.ts'
import type { OrderedMap } from '../ordered-map.ts'
import { emptyMap, mapEntries, mapFirst, mapSet, mapSize } from '../ordered-map.ts'
import { queueValues } from '../queue.ts'
import { joinParts } from '../snapshot-parts.ts'
import { readCommand, writeCommand } from './codec.ts'
import { readReply, writeReply } from './codec-reply.ts'
import { readIntegerOrNull, writeIntegerOrNull } from './codec-values.ts'
import type { Cancel, LockCommand, LockRequest } from './command.ts'
import { LIMITS, isRefusal } from './limits.ts'
import type { AnsweredMemo, Holding, Lock, Memo, Waiter } from './records.ts'
import { claimOrder, holderId, memoId, waitDeadlineMs } from './records.ts'
import type { FinalReply, LockReply } from './reply.ts'
import type { Draft, LockState } from './state.ts'
import { INITIAL, addWaiter, closeDraft, openDraft } from './state.ts'
import { putAllHoldings, putAllLocks, putAllMemos, putEnded } from './state.ts'

const VERSION = 3
const PART_BYTES = 65_536

const LOCK_TYPES = ['exclusive', 'shared', 'delayed'] as const

/** All of a state; equal states give equal bytes. */
export function encodeSnapshot(state: LockState): Uint8Array {
  return joinParts(snapshotParts(state))
}

/**
 * The bytes of `encodeSnapshot` in parts of about 64 KiB, each made when it is asked for: the state
 * does not change, so others may have their turn between two parts.
 */
export function* snapshotParts(state: LockState): Generator<Uint8Array, void> {
  const writer = new ByteWriter()
  const isFull = (): boolean => writer.length >= PART_BYTES
  writer.u8(VERSION)
  writer.varint(state.tokenBase)
  writer.varint(mapSize(state.locks))
  for (const [, lock] of mapEntries(state.locks)) {
    writeLock(writer, lock)
    if (lock.type === 'shared') {
      for (const [, holding] of mapEntries(lock.holders)) {
        writeHolding(writer, holding)
        if (isFull()) yield writer.finish()
      }
    }
    writer.varint(mapSize(lock.waiters))
    for (const [, waiter] of mapEntries(lock.waiters)) {
      writeWaiter(writer, waiter)
      if (isFull()) yield writer.finish()
    }
    if (isFull()) yield writer.finish()
  }
  writer.varint(mapSize(state.ended))
  for (const [session, by] of mapEntries(state.ended)) {
    writer.varint(session)
    writer.bool(by === 'expiry')
    if (isFull()) yield writer.finish()
  }
  writer.varint(state.answered.size)
  for (const memo of queueValues(state.answered)) {
    writeMemo(writer, memo)
    if (isFull()) yield writer.finish()
  }
  if (writer.length > 0) yield writer.finish()
}

/** The state of `encodeSnapshot`; null when the bytes are none, or of another version. */
export function decodeSnapshot(bytes: Uint8Array): LockState | null {
  const reader = new ByteReader(bytes)
  if (reader.u8() !== VERSION) return null
  const tokenBase = reader.varint()
  const context = { index: 0, timeMs: 0, session: null, guarded: false }
  const draft = openDraft({ ...INITIAL, tokenBase }, context, LIMITS)
  const memos: Memo[] = []
  const isRead =
    readLocks(reader, draft, memos) &&
    readEnded(reader, draft) &&
    readMemos(reader, memos) &&
    reader.done &&
    putAllMemos(draft, memos)
  return isRead ? closeDraft(draft) : null
}

/** What is read of the locks, before it goes into the indexes. */
interface Found {
  readonly locks: Lock[]
  readonly holdings: Holding[]
  readonly waiters: Waiter[]
  /** Those of the requests that wait. */
  readonly memos: Memo[]
}

/** Reads the locks with all that is theirs into the draft; false when they are none. */
function readLocks(reader: ByteReader, draft: Draft, memos: Memo[]): boolean {
  const found: Found = { locks: [], holdings: [], waiters: [], memos }
  let keyBefore = ''
  for (let left = reader.varint(); left > 0; left--) {
    const key = reader.text()
    if (!reader.ok || key <= keyBefore) return false
    const lock = readLock(reader, found, key)
    if (lock === null) return false
    found.locks.push(lock)
    keyBefore = key
  }
  putAllLocks(draft, found.locks)
  if (!putAllHoldings(draft, found.holdings)) return false
  const claimsCount = mapSize(draft.claims)
  for (const waiter of found.waiters) addWaiter(draft, waiter)
  const inSessions = found.waiters.filter(({ session }) => session !== null).length
  // Two records with one place in an index have left but one of them there.
  return (
    mapSize(draft.waitDeadlines) === found.waiters.length &&
    mapSize(draft.claims) === claimsCount + inSessions
  )
}

/** The lock without the holdings of a shared one, and without its waiters. */
function writeLock(writer: ByteWriter, lock: Lock): void {
  writer.text(lock.key)
  writer.u8(LOCK_TYPES.indexOf(lock.type))
  switch (lock.type) {
    case 'exclusive':
      return writeHolding(writer, lock.holder)
    case 'shared':
      writer.varint(lock.delayUntilMs)
      writer.bool(lock.closed)
      return writer.varint(mapSize(lock.holders))
    case 'delayed':
      return writer.varint(lock.untilMs)
    default:
      return unreachable(lock)
  }
}

/** Reads what follows the key; holdings and waiters go into `found`. */
function readLock(reader: ByteReader, found: Found, key: string): Lock | null {
  const type = LOCK_TYPES[reader.u8()]
  if (type === undefined) return null
  switch (type) {
    case 'exclusive': {
      const holder = readHolding(reader, found, key)
      const waiters = readWaiters(reader, found, key)
      return holder === null || waiters === null ? null : { type, key, holder, waiters }
    }
    case 'shared': {
      const delayUntilMs = reader.varint()
      const closed = reader.bool()
      const holders = readHolders(reader, found, key)
      const waiters = readWaiters(reader, found, key)
      if (holders === null || waiters === null) return null
      // A shared one at the head of the queue would have been let in.
      if (!closed && mapFirst(waiters)?.[1].command.mode === 'shared') return null
      return { type, key, holders, delayUntilMs, closed, waiters }
    }
    case 'delayed': {
      const untilMs = reader.varint()
      const waiters = readWaiters(reader, found, key)
      return untilMs === 0 || waiters === null ? null : { type, key, untilMs, waiters }
    }
    default:
      return unreachable(type)
  }
}

function readHolders(
  reader: ByteReader,
  found: Found,
  key: string,
): OrderedMap<string, Holding> | null {
  let holders: OrderedMap<string, Holding> = emptyMap()
  let idBefore = ''
  for (let left = reader.varint(); left > 0; left--) {
    const holding = readHolding(reader, found, key)
    if (holding === null) return null
    const id = holderId(holding.session, holding.owner)
    if (id <= idBefore) return null
    holders = mapSet(holders, id, holding)
    idBefore = id
  }
  return mapSize(holders) === 0 ? null : holders
}

function writeHolding(writer: ByteWriter, holding: Holding): void {
  writer.text(holding.owner)
  writeIntegerOrNull(writer, holding.session)
  writer.varint(holding.enteredIndex)
  writer.varint(holding.token)
  writer.varint(holding.count)
  writeIntegerOrNull(writer, holding.ttlMs)
  writeIntegerOrNull(writer, holding.deadlineMs)
  writer.bool(holding.revoked)
  writer.varint(holding.lockDelayMs)
  writer.text(holding.metadata)
}

function readHolding(
  reader: ByteReader,
  found: Found,
  key: string,
): Holding | null {
  const owner = reader.text()
  const session = readIntegerOrNull(reader)
  const enteredIndex = reader.varint()
  const token = reader.varint()
  const count = reader.varint()
  const ttlMs = readIntegerOrNull(reader)
  const deadlineMs = readIntegerOrNull(reader)
  const revoked = reader.bool()
  const lockDelayMs = reader.varint()
  const metadata = reader.text()
  if (!reader.ok || !isSession(session) || enteredIndex === 0 || token === 0 || count === 0) {
    return null
  }
  if (ttlMs === null || deadlineMs === null) {
    // It lasts as long as its session, which no revocation can shorten.
    if (ttlMs !== deadlineMs || session === null || revoked) return null
  } else if (deadlineMs < ttlMs) return null
  const holding = {
    key,
    owner,
    session,
    enteredIndex,
    token,
    count,
    ttlMs,
    deadlineMs,
    revoked,
    lockDelayMs,
    metadata,
  }
  found.holdings.push(holding)
  return holding
}

function readWaiters(
  reader: ByteReader,
  found: Found,
  key: string,
): OrderedMap<number, Waiter> | null {
  let waiters: OrderedMap<number, Waiter> = emptyMap()
  let enteredBefore = 0
  for (let left = reader.varint(); left > 0; left--) {
    const waiter = readWaiter(reader)
    if (waiter === null || waiter.command.key !== key) return null
    const { command, hasMemo, enteredIndex } = waiter
    if (enteredIndex <= enteredBefore) return null
    waiters = mapSet(waiters, enteredIndex, waiter)
    found.waiters.push(waiter)
    if (hasMemo) {
      found.memos.push({ type: 'waiting', id: memoId(command), command, enteredIndex })
    }
    enteredBefore = enteredIndex
  }
  return waiters
}

function writeWaiter(writer: ByteWriter, waiter: Waiter): void {
  writeCommand(writer, waiter.command)
  writeIntegerOrNull(writer, waiter.session)
  writer.bool(waiter.hasMemo)
  writer.varint(waiter.enteredIndex)
  writer.varint(waiter.enteredMs)
  writer.varint(waiter.latestIndex)
}

function readWaiter(reader: ByteReader): Waiter | null {
  const command = readCommand(reader)
  const session = readIntegerOrNull(reader)
  const hasMemo = reader.bool()
  const enteredIndex = reader.varint()
  const enteredMs = reader.varint()
  const latestIndex = reader.varint()
  if (!reader.ok || command === null || command.type !== 'acquire') return null
  if (!isSession(session) || (session === null && command.ttlMs === null)) return null
  if (hasMemo && (session !== null || command.requestId === null)) return null
  if (command.waitMs === 0 || latestIndex < enteredIndex) return null
  const waiter = { command, session, hasMemo, enteredIndex, enteredMs, latestIndex }
  // The lease that a grant at the last moment would give must have an end, too.
  return waitDeadlineMs(waiter) + (command.ttlMs ?? 0) <= INTEGER_MAX ? waiter : null
}

/** Reads the sessions that have ended into the draft; each must have something left to end. */
function readEnded(reader: ByteReader, draft: Draft): boolean {
  let before = 0
  for (let left = reader.varint(); left > 0; left--) {
    const session = reader.varint()
    const by = reader.bool() ? 'expiry' : 'close'
    if (!reader.ok || session <= before || !hasClaim(draft, session)) return false
    putEnded(draft, session, by)
    before = session
  }
  return true
}

function hasClaim(draft: Draft, session: number): boolean {
  const [entry] = mapEntries(draft.claims, claimOrder(session, 0))
  return entry !== undefined && entry[1].session === session
}

/** Reads the answered requests, in their order. */
function readMemos(reader: ByteReader, memos: Memo[]): boolean {
  let before: AnsweredMemo | null = null
  for (let left = reader.varint(); left > 0; left--) {
    const memo = readMemo(reader)
    if (memo === null || !follows(before, memo)) return false
    memos.push(memo)
    before = memo
  }
  return true
}

function writeMemo(writer: ByteWriter, memo: AnsweredMemo): void {
  writeCommand(writer, memo.command)
  writeReply(writer, memo.reply)
  writer.varint(memo.index)
  writer.varint(memo.atMs)
  writer.varint(memo.ordinal)
}

function readMemo(reader: ByteReader): AnsweredMemo | null {
  const command = readCommand(reader)
  const reply = readReply(reader)
  const index = reader.varint()
  const atMs = reader.varint()
  const ordinal = reader.varint()
  if (!reader.ok || command === null || reply === null) return null
  if (!isPlainRequest(command) || !isFinal(reply)) return null
  return { type: 'answered', id: memoId(command), command, reply, index, atMs, ordinal }
}

/** Whether it can come outside of all sessions, and so is remembered by its id. */
function isPlainRequest(command: LockCommand): command is LockRequest | Cancel {
  switch (command.type) {
    case 'acquire':
      return command.requestId !== null && command.ttlMs !== null
    case 'release':
    case 'renew':
    case 'forceRelease':
    case 'cancel':
      return command.requestId !== null
    default:
      return false
  }
}

function isFinal(reply: LockReply): reply is FinalReply {
  switch (reply.type) {
    case 'rejected':
      return isRefusal(reply.reason)
    case 'granted':
    case 'held':
    case 'timeout':
    case 'cancelled':
    case 'released':
    case 'notHolder':
    case 'renewed':
    case 'expired':
    case 'forced':
      return true
    default:
      return false
  }
}

/** Whether it is an id that a session can have: none is 0, which orders what has no session. */
function isSession(session: number | null): boolean {
  return session !== 0
}

function follows(before: AnsweredMemo | null, memo: AnsweredMemo): boolean {
  if (before === null || before.index < memo.index) return true
  return before.index === memo.index && before.ordinal < memo.ordinal
}
