// The bytes between a client and the node it asks: one request, one reply. What a payload means is
// the state machine's; connections, retries and deadlines are the client's and the server's.
//
//   request  u8 version | u8 kind of frame | request id | is it a read? | payload
//   reply    u8 version | u8 kind of frame | request id | outcome | the leader, in a hinted one

import { ByteReader } from '../core/bytes.ts'
import type { Outcome } from '../core/effect.ts'
import type { NodeId } from '../core/raft/config.ts'
import { FRAME_KIND, malformed, startFrame, startProblem } from './codec.ts'
import type { Malformed } from './codec.ts'
import { readOutcome, writeOutcome } from './outcome-codec.ts'

/** Asks a node to run one command, or to answer one read. */
export interface ClientRequest {
  /** The client's own number, 0 to 2^53 - 1, which the reply repeats. Unique on its connection. */
  readonly request: number
  /** True: the machine is only asked, as of a moment after the request, and nothing changes. */
  readonly read: boolean
  /** The encoded command, of a read as well. */
  readonly payload: Uint8Array
}

/** How the request of that number ended. */
export interface ClientReply {
  readonly request: number
  /** With the machine's reply in its encoded form. */
  readonly outcome: Outcome<Uint8Array>
  /** Who leads now, if the node that answers knows one and is another: to be asked next time. */
  readonly leader: NodeId | null
}

/** A decoded request, or why the bytes are none. */
export type DecodedRequest =
  | { readonly type: 'request'; readonly request: ClientRequest }
  | Malformed

/** A decoded reply, or why the bytes are none. */
export type DecodedReply = { readonly type: 'reply'; readonly reply: ClientReply } | Malformed

/** Bytes of a request. */
export function encodeClientRequest({ request, read, payload }: ClientRequest): Uint8Array {
  const writer = startFrame(FRAME_KIND.clientRequest)
  writer.varint(request)
  writer.bool(read)
  writer.block(payload)
  return writer.finish()
}

/** Reads a request, total on garbage. Its payload is a view on `bytes`, not a copy. */
export function decodeClientRequest(bytes: Uint8Array): DecodedRequest {
  const problem = startProblem(bytes, FRAME_KIND.clientRequest)
  if (problem !== null) return problem
  const reader = new ByteReader(bytes, 2)
  const request = reader.varint()
  const read = reader.bool()
  const payload = reader.block()
  if (!reader.done) return malformed('the request does not parse')
  return { type: 'request', request: { request, read, payload } }
}

/** Bytes of a reply. */
export function encodeClientReply({ request, outcome, leader }: ClientReply): Uint8Array {
  const writer = startFrame(leader === null ? FRAME_KIND.clientReply : FRAME_KIND.hintedReply)
  writer.varint(request)
  writeOutcome(writer, outcome)
  if (leader !== null) writer.text(leader)
  return writer.finish()
}

/** Reads a reply, total on garbage. The machine's reply is a view on `bytes`, not a copy. */
export function decodeClientReply(bytes: Uint8Array): DecodedReply {
  const isHinted = bytes[1] === FRAME_KIND.hintedReply
  const problem = startProblem(bytes, isHinted ? FRAME_KIND.hintedReply : FRAME_KIND.clientReply)
  if (problem !== null) return problem
  const reader = new ByteReader(bytes, 2)
  const request = reader.varint()
  const outcome = readOutcome(reader)
  const leader = outcome !== null && isHinted ? reader.text() : null
  if (outcome === null || !reader.done) return malformed('the reply does not parse')
  return { type: 'reply', reply: { request, outcome, leader } }
}
