// What the package shows of transports: how frames travel, those between replicas and of clients.

export { FRAME_VERSION, decodeFrame, encodeFrame } from './codec.ts'
export type { DecodedFrame, Frame, Link, Malformed } from './codec.ts'
export {
  decodeClientReply,
  decodeClientRequest,
  encodeClientReply,
  encodeClientRequest
} from './client-codec.ts'
export type {
  ClientReply,
  ClientRequest,
  DecodedReply,
  DecodedRequest
} from './client-codec.ts'
export { FrameBatch, FrameReader, STREAM_FRAME_EXTRA_BYTES, streamFrame } from './stream-frames.ts'
export type { StreamProblem } from './stream-frames.ts'
export type { Receiver, Transport, TransportSupports } from './transport.ts'
export { inProcessNetwork } from './in-process.ts'
export type { InProcessNetwork, InProcessOptions } from './in-process.ts'
export { transportCases, transportConformance } from './conformance.ts'
export type { PlaceSupports, TransportCase, TransportConformance } from './conformance.ts'
export type { StageNode, TransportPlace } from './conformance-party.ts'
