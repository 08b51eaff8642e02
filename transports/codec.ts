// The bytes of one frame from replica to replica. Who sent it is read from the frame and believed;
// framing on a stream, checksums and authentication belong to the transport.
//
//   u8 version | u8 kind of frame | cluster, group, from, to | message
//
// Texts and blocks stand behind their length, numbers are varints. Decoding is total: garbage is
// answered with `malformed`, never with a throw, and costs no memory beyond the bytes given.

import { ByteReader, ByteWriter } from '../core/bytes.ts'
import type { NodeId } from '../core/raft/config.ts'
import type { Message } from '../core/raft/message.ts'
import { readMessage, writeMessage } from './message-codec.ts'

/** Version of every frame that this build writes, and the only one that it reads. */
export const FRAME_VERSION = 1

/** Second byte of a frame: which decoder it is for. */
export const FRAME_KIND = { replica: 1, clientRequest: 2, clientReply: 3, hintedReply: 4 } as const

/** From whom to whom, in which cluster and consensus group. */
export interface Link {
  readonly cluster: string
  readonly group: string
  readonly from: NodeId
  readonly to: NodeId
}

/** One message on its way. */
export interface Frame extends Link {
  readonly message: Message
}

/** A decoded frame, or why the bytes are none. */
export type DecodedFrame = { readonly type: 'frame'; readonly frame: Frame } | Malformed

/** Bytes that no build of this version has written. Drop them; their stream is broken. */
export interface Malformed {
  readonly type: 'malformed'
  readonly reason: string
}

// A new writer costs more than a heartbeat: all encoders share this one.
const scratch = new ByteWriter()

/** The bytes of `frame`. */
export function encodeFrame(frame: Frame): Uint8Array {
  return frameEncoder(frame)(frame.message)
}

/** Makes the frames of one link: what they all begin with is encoded once. */
export function frameEncoder(link: Link): (message: Message) => Uint8Array {
  const writer = startFrame(FRAME_KIND.replica)
  writeLink(writer, link)
  const start = writer.finish()
  return (message) => {
    const frame = emptyScratch()
    frame.raw(start)
    writeMessage(frame, message)
    return frame.finish()
  }
}

/**
 * Reads one frame. Payloads, chunks and replies are views on `bytes` and not copies: whoever reuses
 * its buffer for the next read must decode a copy.
 */
export function decodeFrame(bytes: Uint8Array): DecodedFrame {
  const problem = startProblem(bytes, FRAME_KIND.replica)
  if (problem !== null) return problem
  const reader = new ByteReader(bytes, 2)
  const cluster = reader.text()
  const group = reader.text()
  const from = reader.text()
  const to = reader.text()
  const message = readMessage(reader)
  if (message === null || !reader.done) return malformed('the frame does not parse')
  return { type: 'frame', frame: { cluster, group, from, to, message } }
}

/** A writer with the two bytes that every frame starts with. Finish it before the next call. */
export function startFrame(kind: number): ByteWriter {
  const writer = emptyScratch()
  writer.u8(FRAME_VERSION)
  writer.u8(kind)
  return writer
}

/** Why `bytes` cannot be a frame of that kind and this version, or null when they may be. */
export function startProblem(bytes: Uint8Array, kind: number): Malformed | null {
  if (bytes.length < 2) return malformed('the frame is too short')
  if (bytes[0] !== FRAME_VERSION) return malformed('the frame version is unknown')
  if (bytes[1] !== kind) return malformed('the frame is of another kind')
  return null
}

/** A `Malformed` of that reason, a constant sentence. */
export function malformed(reason: string): Malformed {
  return { type: 'malformed', reason }
}

/** The shared writer, rid of what an encoder that threw may have left in it. */
function emptyScratch(): ByteWriter {
  if (scratch.length > 0) scratch.finish()
  return scratch
}

function writeLink(writer: ByteWriter, link: Link): void {
  writer.text(link.cluster)
  writer.text(link.group)
  writer.text(link.from)
  writer.text(link.to)
}
