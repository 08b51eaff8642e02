// The records of sessions, what follows from each by itself, and the pure changes to one session.
// A record's digest goes over all of its fields: whoever adds one adds it here and in the snapshot.

import type { Lanes } from '../hash.ts'
import { Hash128, addLanes, subtractLanes } from '../hash.ts'
import { unreachable } from '../invariant.ts'
import { pairOrder } from '../key-order.ts'
import type { OrderedMap } from '../ordered-map.ts'
import { emptyMap, mapDelete, mapFirst, mapGet, mapSet } from '../ordered-map.ts'

/** Replies of the inner machine as bytes: a `Machine` is one. */
export interface ReplyCodec<Reply> {
  encodeReply(reply: Reply): Uint8Array
  decodeReply(bytes: Uint8Array): Reply | null
}

/** A call whose answer is not known yet. */
export interface WaitingCall {
  readonly type: 'waiting'
  /** Hash of the inner command, and of whether it is bound. */
  readonly body: Lanes
  /** Index of the call's first entry, under which the inner machine knows it. */
  readonly index: number
}

/** A call and what it was answered, for when it comes again. */
export interface AnsweredCall<Reply> {
  readonly type: 'answered'
  /** Hash of the inner command, and of whether it is bound. */
  readonly body: Lanes
  readonly reply: Reply
}

/** What is known of a call above the acknowledged mark. */
export type CallRecord<Reply> = WaitingCall | AnsweredCall<Reply>

/** A session that has not ended. */
export interface Session<Reply> {
  readonly id: number
  readonly ttlMs: number
  readonly deadlineMs: number
  /** The client has the answers of all calls up to this number. */
  readonly acknowledged: number
  /** By sequence number, each of them above `acknowledged`. */
  readonly calls: OrderedMap<number, CallRecord<Reply>>
  /** Bytes of the replies in `calls`. */
  readonly replyBytes: number
  /** Sum over the digests of `calls`. */
  readonly callsDigest: Lanes
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
export function newSession<Reply>(id: number, ttlMs: number, timeMs: number): Session<Reply> {
  return {
    id,
    ttlMs,
    deadlineMs: timeMs + ttlMs,
    acknowledged: 0,
    calls: emptyMap(),
    replyBytes: 0,
    callsDigest: [0, 0, 0, 0],
  }
}

/** The session once its client was heard at `timeMs`. */
export function renewed<Reply>(session: Session<Reply>, timeMs: number): Session<Reply> {
  // Written out, here and below: a spread costs many times as much, and each call makes three.
  return {
    id: session.id,
    ttlMs: session.ttlMs,
    deadlineMs: timeMs + session.ttlMs,
    acknowledged: session.acknowledged,
    calls: session.calls,
    replyBytes: session.replyBytes,
    callsDigest: session.callsDigest,
  }
}

/** The session without what the client has acknowledged. The mark never goes back. */
export function acknowledged<Reply>(
  codec: ReplyCodec<Reply>,
  session: Session<Reply>,
  mark: number,
): Session<Reply> {
  if (mark <= session.acknowledged) return session
  let { calls, replyBytes, callsDigest } = session
  for (let first = mapFirst(calls); first !== null; first = mapFirst(calls)) {
    const [sequence, call] = first
    if (sequence > mark) break
    const size = sizeOf(codec, sequence, call)
    calls = mapDelete(calls, sequence)
    replyBytes -= size.replyBytes
    callsDigest = subtractLanes(callsDigest, size.lanes)
  }
  const { id, ttlMs, deadlineMs } = session
  return { id, ttlMs, deadlineMs, acknowledged: mark, calls, replyBytes, callsDigest }
}

/** The session with what is known of a call, in place of what was known before. */
export function withCall<Reply>(
  codec: ReplyCodec<Reply>,
  session: Session<Reply>,
  sequence: number,
  call: CallRecord<Reply>,
): Session<Reply> {
  let { replyBytes, callsDigest } = session
  const before = mapGet(session.calls, sequence)
  if (before !== undefined) {
    const size = sizeOf(codec, sequence, before)
    replyBytes -= size.replyBytes
    callsDigest = subtractLanes(callsDigest, size.lanes)
  }
  const size = sizeOf(codec, sequence, call)
  return {
    id: session.id,
    ttlMs: session.ttlMs,
    deadlineMs: session.deadlineMs,
    acknowledged: session.acknowledged,
    calls: mapSet(session.calls, sequence, call),
    replyBytes: replyBytes + size.replyBytes,
    callsDigest: addLanes(callsDigest, size.lanes),
  }
}

/** Digest of a session with its calls. */
export function sessionLanes<Reply>(session: Session<Reply>): Lanes {
  const hash = new Hash128()
  hash.word(1)
  hash.integer(session.id)
  hash.integer(session.ttlMs)
  hash.integer(session.deadlineMs)
  hash.integer(session.acknowledged)
  hash.integer(session.replyBytes)
  for (const lane of session.callsDigest) hash.word(lane)
  return hash.lanes()
}

/** Digest of a wait for a late answer. */
export function waitLanes(index: number, wait: Wait): Lanes {
  const hash = new Hash128()
  hash.word(2)
  hash.integer(index)
  hash.integer(wait.session)
  hash.integer(wait.sequence)
  hash.integer(wait.answerIndex)
  return hash.lanes()
}

/** Key of a session among the deadlines: by deadline, then id. */
export function deadlineOrder<Reply>(session: Session<Reply>): string {
  return pairOrder(session.deadlineMs, session.id)
}

/** The bytes of a call's reply, and the digest of what is known of it. */
function sizeOf<Reply>(
  codec: ReplyCodec<Reply>,
  sequence: number,
  call: CallRecord<Reply>,
): { readonly replyBytes: number; readonly lanes: Lanes } {
  const hash = new Hash128()
  hash.integer(sequence)
  for (const lane of call.body) hash.word(lane)
  switch (call.type) {
    case 'waiting':
      hash.word(1)
      hash.integer(call.index)
      return { replyBytes: 0, lanes: hash.lanes() }
    case 'answered': {
      const bytes = codec.encodeReply(call.reply)
      hash.word(2)
      hash.bytes(bytes)
      return { replyBytes: bytes.length, lanes: hash.lanes() }
    }
    default:
      return unreachable(call)
  }
}
