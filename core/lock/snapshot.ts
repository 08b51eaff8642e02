// The whole state of the lock machine as bytes, in key order and behind a format version. Indexes,
// counts and the digest are made anew when reading, so that a wrong one does not live on.

import { ByteReader, ByteWriter, INTEGER_MAX } from '../bytes.ts'
import type { OrderedMap } from '../ordered-map.ts'
import { emptyMap, mapEntries, mapGet, mapSet, mapSize } from '../ordered-map.ts'
import { readCommand, readReply, writeCommand, writeReply } from './codec.ts'
import type { FinalReply, LockReply } from './command.ts'
import { isRefusal } from './limits.ts'
import type { AnsweredMemo, Memo, Waiter } from './records.ts'
import { memoId, waitDeadlineMs, waitOrder } from './records.ts'
import type { Draft, LockState } from './state.ts'
import { INITIAL, addWaiter, closeDraft, openDraft, putAllMemos, putHolding } from './state.ts'

const VERSION = 1

/** All of a state; equal states give equal bytes. */
export function encodeSnapshot(state: LockState): Uint8Array {
  const writer = new ByteWriter()
  writer.u8(VERSION)
  writer.varint(state.tokenBase)
  writer.varint(mapSize(state.locks))
  for (const [key, holding] of mapEntries(state.locks)) {
    writer.text(key)
    writer.text(holding.owner)
    writer.varint(holding.token)
    writer.varint(holding.count)
    writer.varint(holding.deadlineMs)
    writer.varint(mapSize(holding.waiters))
    for (const [, waiter] of mapEntries(holding.waiters)) writeWaiter(writer, waiter)
  }
  writer.varint(mapSize(state.memoOrder))
  for (const [, memo] of mapEntries(state.memoOrder)) writeMemo(writer, memo)
  return writer.finish()
}

/** The state of `encodeSnapshot`; null when the bytes are none, or of another version. */
export function decodeSnapshot(bytes: Uint8Array): LockState | null {
  const reader = new ByteReader(bytes)
  if (reader.u8() !== VERSION) return null
  const tokenBase = reader.varint()
  const draft = openDraft({ ...INITIAL, tokenBase }, { index: 0, timeMs: 0 })
  const memos: Memo[] = []
  let keyBefore = ''
  for (let left = reader.varint(); left > 0; left--) {
    const key = readHolding(reader, draft, memos)
    if (key === null || key <= keyBefore) return null
    keyBefore = key
  }
  let before: AnsweredMemo | null = null
  for (let left = reader.varint(); left > 0; left--) {
    const memo = readMemo(reader)
    if (memo === null || !follows(before, memo)) return null
    memos.push(memo)
    before = memo
  }
  return reader.done && putAllMemos(draft, memos) ? closeDraft(draft) : null
}

/** Reads a held key with its queue into the draft, and its waiting memos; its key, or null. */
function readHolding(reader: ByteReader, draft: Draft, memos: Memo[]): string | null {
  const key = reader.text()
  const owner = reader.text()
  const token = reader.varint()
  const count = reader.varint()
  const deadlineMs = reader.varint()
  if (!reader.ok || count === 0) return null
  let waiters: OrderedMap<number, Waiter> = emptyMap()
  let enteredBefore = -1
  for (let left = reader.varint(); left > 0; left--) {
    const waiter = readWaiter(reader)
    if (waiter === null || waiter.command.key !== key) return null
    const { command, enteredIndex } = waiter
    if (enteredIndex <= enteredBefore) return null
    if (mapGet(draft.waitDeadlines, waitOrder(waiter)) !== undefined) return null
    waiters = mapSet(waiters, enteredIndex, waiter)
    addWaiter(draft, waiter)
    memos.push({ type: 'waiting', id: memoId(command), command, enteredIndex })
    enteredBefore = enteredIndex
  }
  putHolding(draft, null, { key, owner, token, count, deadlineMs, waiters })
  return key
}

function writeWaiter(writer: ByteWriter, waiter: Waiter): void {
  writeCommand(writer, waiter.command)
  writer.varint(waiter.enteredIndex)
  writer.varint(waiter.enteredMs)
  writer.varint(waiter.latestIndex)
}

function readWaiter(reader: ByteReader): Waiter | null {
  const command = readCommand(reader)
  const enteredIndex = reader.varint()
  const enteredMs = reader.varint()
  const latestIndex = reader.varint()
  if (!reader.ok || command === null || command.type !== 'acquire') return null
  if (command.waitMs === 0) return null
  const waiter = { command, enteredIndex, enteredMs, latestIndex }
  return waitDeadlineMs(waiter) <= INTEGER_MAX ? waiter : null
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
  if (!reader.ok || command === null || reply === null || !isFinal(reply)) return null
  if (command.type === 'status' || command.type === 'expire') return null
  return { type: 'answered', id: memoId(command), command, reply, index, atMs, ordinal }
}

function isFinal(reply: LockReply): reply is FinalReply {
  const { type } = reply
  if (type === 'rejected') return isRefusal(reply.reason)
  return type !== 'queued' && type !== 'status' && type !== 'swept'
}

function follows(before: AnsweredMemo | null, memo: AnsweredMemo): boolean {
  if (before === null || before.index < memo.index) return true
  return before.index === memo.index && before.ordinal < memo.ordinal
}
