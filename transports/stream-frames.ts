// Bodies on a stream of bytes: what cuts them apart again, and finds that one was changed on its
// way. What a body says is a codec's; where the bytes come from and go to is the host's.
//
//   u32 length of the body | u32 CRC-32C of the body | body        little endian
//
// A body has at least one byte, so that a stream of zeros is no stream of frames.

import { ByteWriter } from '../core/bytes.ts'
import { crc32c } from '../core/crc32.ts'

/** Bytes that a frame adds to its body. */
export const STREAM_FRAME_EXTRA_BYTES = 8

/** Bytes for which room is made at once for a body that arrives in pieces. */
const ROOM_BYTES_MIN = 4_096

/** Why a stream cannot be read on. */
export type StreamProblem =
  /** A body without a byte was announced, or one of more than `bodyBytesMax`. */
  | 'badLength'
  /** The body that arrived is not the one that was sent. */
  | 'badChecksum'

/** Frames that leave together, as one array of bytes. */
export class FrameBatch {
  readonly #writer = new ByteWriter()

  /** Bytes of the frames added since the last `take`. */
  get bytesCount(): number {
    return this.#writer.length
  }

  /** Adds a frame around a copy of `body`: 1 to 2^32 - 1 bytes. */
  add(body: Uint8Array): void {
    this.#writer.u32(body.length)
    this.#writer.u32(crc32c(body))
    this.#writer.raw(body)
  }

  /** All that was added, in order, never to be written over here; the batch is empty afterwards. */
  take(): Uint8Array {
    return this.#writer.finish()
  }
}

/** The bytes of one frame around `body`. */
export function streamFrame(body: Uint8Array): Uint8Array {
  const batch = new FrameBatch()
  batch.add(body)
  return batch.take()
}

/**
 * Cuts a stream into bodies, however its bytes come in pieces: in time that grows with the bytes
 * alone, and in memory of at most twice what has arrived of one body. Total on garbage.
 */
export class FrameReader {
  /** Bytes of the longest body that is taken, at least 1; may change while bodies are read. */
  bodyBytesMax: number
  /** The length and the checksum of the body to come, as far as they arrived. */
  readonly #start = new Uint8Array(STREAM_FRAME_EXTRA_BYTES)
  #startBytes = 0
  /** The body to come, as far as it arrived, in a buffer that grows with it. */
  #body: Uint8Array = NO_BYTES
  #bodyBytes = 0
  #problem: StreamProblem | null = null

  constructor(bodyBytesMax: number) {
    this.bodyBytesMax = bodyBytesMax
  }

  /** Why the stream is broken, or null while it is not. */
  get problem(): StreamProblem | null {
    return this.#problem
  }

  /**
   * Takes the next bytes of the stream and hands on each body that is complete with them. A body
   * may be a view on `chunk`, which must not be written over. The first problem is final: it is
   * answered from then on, and nothing more is read.
   */
  push(chunk: Uint8Array, onBody: (body: Uint8Array) => void): StreamProblem | null {
    let at = 0
    while (at < chunk.length && this.#problem === null) {
      const left = chunk.length - at
      if (this.#startBytes > 0 || left < STREAM_FRAME_EXTRA_BYTES) {
        at = this.#readPiece(chunk, at, onBody)
        continue
      }
      const length = u32At(chunk, at)
      const from = at + STREAM_FRAME_EXTRA_BYTES
      if (length > chunk.length - from || !this.#isLength(length)) {
        at = this.#readPiece(chunk, at, onBody)
        continue
      }
      at = from + length
      if (crc32c(chunk, from, at) === u32At(chunk, from - 4)) onBody(viewOf(chunk, from, length))
      else this.#problem = 'badChecksum'
    }
    return this.#problem
  }

  /** Reads on in a frame that is not whole in `chunk`; answers where the next byte is. */
  #readPiece(chunk: Uint8Array, from: number, onBody: (body: Uint8Array) => void): number {
    let at = from
    while (this.#startBytes < STREAM_FRAME_EXTRA_BYTES) {
      if (at === chunk.length) return at
      this.#start[this.#startBytes++] = chunk[at++] as number
    }
    const length = u32At(this.#start, 0)
    if (!this.#isLength(length)) {
      this.#break('badLength')
      return at
    }
    const taken = Math.min(length - this.#bodyBytes, chunk.length - at)
    this.#makeRoom(this.#bodyBytes + taken, length)
    this.#body.set(chunk.subarray(at, at + taken), this.#bodyBytes)
    this.#bodyBytes += taken
    if (this.#bodyBytes === length) this.#endBody(length, onBody)
    return at + taken
  }

  #endBody(length: number, onBody: (body: Uint8Array) => void): void {
    const body = viewOf(this.#body, 0, length)
    this.#startBytes = 0
    this.#bodyBytes = 0
    this.#body = NO_BYTES
    if (crc32c(body) === u32At(this.#start, 4)) onBody(body)
    else this.#break('badChecksum')
  }

  /** Grows by doubling, so that a body costs no more than twice its bytes to copy. */
  #makeRoom(needed: number, length: number): void {
    if (needed <= this.#body.length) return
    const room = new Uint8Array(Math.min(length, Math.max(ROOM_BYTES_MIN, needed * 2)))
    room.set(this.#body.subarray(0, this.#bodyBytes))
    this.#body = room
  }

  #isLength(length: number): boolean {
    return length > 0 && length <= this.bodyBytesMax
  }

  #break(problem: StreamProblem): void {
    this.#problem = problem
    this.#body = NO_BYTES
  }
}

const NO_BYTES = new Uint8Array(0)

/** A view that is a plain array of bytes, whatever kind `bytes` is. */
function viewOf(bytes: Uint8Array, start: number, length: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, length)
}

function u32At(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8)
  return (low | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24)) >>> 0
}
