// The records of sessions, what follows from each by itself, and the pure changes to one session.
// A record's digest goes over all of its fields: whoever adds one adds it here and in the snapshot.

import type { Lanes } from '../hash.ts'
import { Hash128, addLanes } from '../hash.ts'
import { unreachable } from '../invariant.ts'
import { pairOrder } from '../key-order.ts'
import type { OrderedMap } from '../ordered-map.ts'
import { emptyMap, mapDelete, mapFirst, mapGet, mapSet } from '../ordered-map.ts'
import { mapSum, remembered } from '../sum.ts'

/** A call whose answer is not known yet. */
export interface WaitingCall {
  readonly type: 'waiting'
  /** Hash of the inner command, and of whether it is bound. */
  readonly body: Lanes
  /** Index of the call's first entry, under which the inner machine knows it. */
  readonly index: number
}

/** A call and what it was answered, for when it comes again. */
export interface AnsweredCall {
  readonly type: 'answered'
  /** Hash of the inner command, and of whether it is bound. */
  readonly body: Lanes
  /** As the inner machine encodes it. */
  readonly reply: Uint8Array
}

/** What is known of a call above the acknowledged mark. */
export type CallRecord = WaitingCall | AnsweredCall

/** A session that has not ended. */
export interface Session {
  readonly id: number
  readonly ttlMs: number
  readonly deadlineMs: number
  /** The client has the answers of all calls up to this number. */
  readonly acknowledged: number
  /** By sequence number, each of them above `acknowledged`. */
  readonly calls: OrderedMap<number, CallRecord>
  /** Bytes of the replies in `calls`. */
  readonly replyBytes: number
}

/**
 * Where the late answer of a call goes. It outlives its session: whoever waits is answered even
 * when there is nothing left to remember the answer in.
 */
export interface Wait {
  readonly session: number
  readonly sequence: number
  /** Index of the newest entry of the call. */
  readonly answerIndex: number
}

/** A session at its opening. */
export function newSession(id: number, ttlMs: number, timeMs: number): Session {
  return {
    id,
    ttlMs,
    deadlineMs: timeMs + ttlMs,
    acknowledged: 0,
    calls: emptyMap(),
    replyBytes: 0,
  }
}

/** The session once its client was heard at `timeMs`. */
export function renewed(session: Session, timeMs: number): Session {
  // Written out, here and below: a spread costs many times as much, and each call makes three.
  return {
    id: session.id,
    ttlMs: session.ttlMs,
    deadlineMs: timeMs + session.ttlMs,
    acknowledged: session.acknowledged,
    calls: session.calls,
    replyBytes: session.replyBytes,
  }
}

/** The session without what the client has acknowledged. The mark never goes back. */
export function acknowledged(session: Session, mark: number): Session {
  if (mark <= session.acknowledged) return session
  let { calls, replyBytes } = session
  for (let first = mapFirst(calls); first !== null; first = mapFirst(calls)) {
    const [sequence, call] = first
    if (sequence > mark) break
    calls = mapDelete(calls, sequence)
    replyBytes -= replyBytesOf(call)
  }
  const { id, ttlMs, deadlineMs } = session
  return { id, ttlMs, deadlineMs, acknowledged: mark, calls, replyBytes }
}

/** The session with what is known of a call, in place of what was known before. */
export function withCall(session: Session, sequence: number, call: CallRecord): Session {
  const before = mapGet(session.calls, sequence)
  const bytesBefore = before === undefined ? 0 : replyBytesOf(before)
  return {
    id: session.id,
    ttlMs: session.ttlMs,
    deadlineMs: session.deadlineMs,
    acknowledged: session.acknowledged,
    calls: mapSet(session.calls, sequence, call),
    replyBytes: session.replyBytes - bytesBefore + replyBytesOf(call),
  }
}

function replyBytesOf(call: CallRecord): number {
  return call.type === 'answered' ? call.reply.length : 0
}

/** Digest of all sessions, and of all waits for late answers. */
export function sessionsLanes(
  sessions: OrderedMap<number, Session>,
  waits: OrderedMap<number, Wait>,
): Lanes {
  return addLanes(sessionsSum(sessions), waitsSum(waits))
}

const callsSum = mapSum((call: CallRecord, sequence: number) => callLanes(sequence, call))
const sessionsSum = mapSum(remembered(sessionLanes))
const waitsSum = mapSum((wait: Wait, index: number) => waitLanes(index, wait))

function sessionLanes(session: Session): Lanes {
  const hash = new Hash128()
  hash.word(1)
  hash.integer(session.id)
  hash.integer(session.ttlMs)
  hash.integer(session.deadlineMs)
  hash.integer(session.acknowledged)
  hash.integer(session.replyBytes)
  for (const lane of callsSum(session.calls)) hash.word(lane)
  return hash.lanes()
}

function waitLanes(index: number, wait: Wait): Lanes {
  const hash = new Hash128()
  hash.word(2)
  hash.integer(index)
  hash.integer(wait.session)
  hash.integer(wait.sequence)
  hash.integer(wait.answerIndex)
  return hash.lanes()
}

function callLanes(sequence: number, call: CallRecord): Lanes {
  const hash = new Hash128()
  hash.integer(sequence)
  for (const lane of call.body) hash.word(lane)
  switch (call.type) {
    case 'waiting':
      hash.word(1)
      hash.integer(call.index)
      break
    case 'answered':
      hash.word(2)
      hash.bytes(call.reply)
      break
    default:
      return unreachable(call)
  }
  return hash.lanes()
}

/** Key of a session among the deadlines: by deadline, then id. */
export function deadlineOrder(session: Session): string {
  return pairOrder(session.deadlineMs, session.id)
}
