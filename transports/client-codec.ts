// The bytes between a client and the node it asks: one request, one reply. What a payload means is
// the state machine's; connections, retries and deadlines are the client's and the server's.
//
//   request  u8 version | u8 kind of frame | request id, payload
//   reply    u8 version | u8 kind of frame | request id | u8 kind of outcome | its fields

import { ByteReader } from '../core/bytes.ts'
import type { Outcome } from '../core/effect.ts'
import { unreachable } from '../core/invariant.ts'
import { FRAME_KIND, malformed, startFrame, startProblem } from './codec.ts'
import type { Malformed } from './codec.ts'

/** Asks a node to run one command. */
export interface ClientRequest {
  /** The client's own number, 0 to 2^53 - 1, which the reply repeats. Unique on its connection. */
  readonly request: number
  /** The encoded command. */
  readonly payload: Uint8Array
}

/** How the request of that number ended. */
export interface ClientReply {
  readonly request: number
  /** With the machine's reply in its encoded form. */
  readonly outcome: Outcome<Uint8Array>
}

/** A decoded request, or why the bytes are none. */
export type DecodedRequest =
  | { readonly type: 'request'; readonly request: ClientRequest }
  | Malformed

/** A decoded reply, or why the bytes are none. */
export type DecodedReply = { readonly type: 'reply'; readonly reply: ClientReply } | Malformed

const OUTCOME_KIND: { readonly [Type in Outcome<Uint8Array>['type']]: number } = {
  done: 1,
  notLeader: 2,
  malformed: 3,
  unknown: 4
}

/** Bytes of a request. */
export function encodeClientRequest({ request, payload }: ClientRequest): Uint8Array {
  const writer = startFrame(FRAME_KIND.clientRequest)
  writer.varint(request)
  writer.block(payload)
  return writer.finish()
}

/** Reads a request, total on garbage. Its payload is a view on `bytes`, not a copy. */
export function decodeClientRequest(bytes: Uint8Array): DecodedRequest {
  const problem = startProblem(bytes, FRAME_KIND.clientRequest)
  if (problem !== null) return problem
  const reader = new ByteReader(bytes, 2)
  const request = reader.varint()
  const payload = reader.block()
  if (!reader.done) return malformed('the request does not parse')
  return { type: 'request', request: { request, payload } }
}

/** Bytes of a reply. */
export function encodeClientReply({ request, outcome }: ClientReply): Uint8Array {
  const writer = startFrame(FRAME_KIND.clientReply)
  writer.varint(request)
  writer.u8(OUTCOME_KIND[outcome.type])
  switch (outcome.type) {
    case 'done':
      writer.varint(outcome.index)
      writer.block(outcome.reply)
      break
    case 'notLeader':
      writer.bool(outcome.leader !== null)
      if (outcome.leader !== null) writer.text(outcome.leader)
      break
    case 'malformed':
    case 'unknown':
      break
    default:
      unreachable(outcome)
  }
  return writer.finish()
}

/** Reads a reply, total on garbage. The machine's reply is a view on `bytes`, not a copy. */
export function decodeClientReply(bytes: Uint8Array): DecodedReply {
  const problem = startProblem(bytes, FRAME_KIND.clientReply)
  if (problem !== null) return problem
  const reader = new ByteReader(bytes, 2)
  const request = reader.varint()
  const outcome = readOutcome(reader)
  if (outcome === null || !reader.done) return malformed('the reply does not parse')
  return { type: 'reply', reply: { request, outcome } }
}

function readOutcome(reader: ByteReader): Outcome<Uint8Array> | null {
  switch (reader.u8()) {
    case OUTCOME_KIND.done: {
      const index = reader.varint()
      return { type: 'done', index, reply: reader.block() }
    }
    case OUTCOME_KIND.notLeader:
      return { type: 'notLeader', leader: reader.bool() ? reader.text() : null }
    case OUTCOME_KIND.malformed:
      return { type: 'malformed' }
    case OUTCOME_KIND.unknown:
      return { type: 'unknown' }
    default:
      return null
  }
}
