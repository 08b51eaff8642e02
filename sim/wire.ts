// How messages travel in the simulated network: as the bytes of the production codec, or by
// reference, which is faster and proves less.

import type { Outcome } from '../core/effect.ts'
import type { Hash128 } from '../core/hash.ts'
import type { NodeId } from '../core/raft/config.ts'
import type { Entry, Message } from '../core/raft/message.ts'
import {
  decodeClientReply,
  decodeClientRequest,
  encodeClientReply,
  encodeClientRequest,
} from '../transports/client-codec.ts'
import type { ClientReply, ClientRequest } from '../transports/client-codec.ts'
import { decodeFrame, frameEncoder } from '../transports/codec.ts'

/** Makes payloads of messages and messages of payloads. A payload it cannot read gives null. */
export interface Wire {
  encoder(from: NodeId, to: NodeId): (message: Message) => unknown
  readMessage(payload: unknown): Message | null
  request(request: ClientRequest): unknown
  readRequest(payload: unknown): ClientRequest | null
  reply(reply: ClientReply): unknown
  readReply(payload: unknown): ClientReply | null
  /** Takes all of a payload into a hash. */
  hash(hash: Hash128, payload: unknown): void
}

/** Everything goes through the codec. */
export function bytesWire(cluster: string, group: string): Wire {
  return {
    encoder: (from, to) => frameEncoder({ cluster, group, from, to }),
    readMessage: (payload) => {
      const decoded = decodeFrame(payload as Uint8Array)
      return decoded.type === 'frame' ? decoded.frame.message : null
    },
    request: encodeClientRequest,
    readRequest: (payload) => {
      const decoded = decodeClientRequest(payload as Uint8Array)
      return decoded.type === 'request' ? decoded.request : null
    },
    reply: encodeClientReply,
    readReply: (payload) => {
      const decoded = decodeClientReply(payload as Uint8Array)
      return decoded.type === 'reply' ? decoded.reply : null
    },
    hash: (hash, payload) => hash.bytes(payload as Uint8Array),
  }
}

/** Messages are handed over as they are. */
export function referenceWire(): Wire {
  return {
    encoder: () => (message) => message,
    readMessage: (payload) => payload as Message,
    request: (request) => request,
    readRequest: (payload) => payload as ClientRequest,
    reply: (reply) => reply,
    readReply: (payload) => payload as ClientReply,
    hash: hashReference,
  }
}

/** Takes a message, a request or a reply into a hash, field by field. */
function hashReference(hash: Hash128, payload: unknown): void {
  const value = payload as Message | ClientRequest | ClientReply
  if ('payload' in value) {
    hash.integer(value.request)
    hash.bytes(value.payload)
  } else if ('outcome' in value) {
    hash.integer(value.request)
    hashOutcome(hash, value.outcome)
  } else hashMessage(hash, value)
}

/** A number for each kind of message, for the hash. */
const MESSAGE_WORD: { readonly [Type in Message['type']]: number } = {
  preVoteRequest: 1,
  preVoteReply: 2,
  voteRequest: 3,
  voteReply: 4,
  appendRequest: 5,
  appendAccepted: 6,
  appendRejected: 7,
}

/** Takes all of a message into a hash. */
export function hashMessage(hash: Hash128, message: Message): void {
  hash.word(MESSAGE_WORD[message.type])
  hash.integer(message.term)
  switch (message.type) {
    case 'preVoteRequest':
    case 'voteRequest':
      hash.integer(message.lastIndex)
      hash.integer(message.lastTerm)
      return
    case 'preVoteReply':
    case 'voteReply':
      hash.word(message.granted ? 1 : 0)
      return
    case 'appendAccepted':
      hash.integer(message.matchIndex)
      return
    case 'appendRejected':
      hash.integer(message.prevIndex)
      hash.integer(message.hintIndex)
      hash.integer(message.hintTerm)
      return
    case 'appendRequest':
      hash.integer(message.prevIndex)
      hash.integer(message.prevTerm)
      hash.integer(message.commit)
      for (const entry of message.entries) hashEntry(hash, entry)
  }
}

/** Takes all of an entry into a hash. */
export function hashEntry(hash: Hash128, entry: Entry): void {
  hash.integer(entry.term)
  hash.integer(entry.stampMs)
  hash.word(entry.kind === 'noop' ? 0 : 1)
  hash.bytes(entry.payload)
}

/** Takes the name of a node into a hash, or that there is none. */
export function hashName(hash: Hash128, name: NodeId | null): void {
  hash.word(name === null ? 0 : 1)
  if (name !== null) hash.text(name)
}

/** Takes the outcome of a request into a hash. */
export function hashOutcome(hash: Hash128, outcome: Outcome<Uint8Array>): void {
  hash.text(outcome.type)
  if (outcome.type === 'done') {
    hash.integer(outcome.index)
    hash.bytes(outcome.reply)
  } else if (outcome.type === 'notLeader') hashName(hash, outcome.leader)
}
