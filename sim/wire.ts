// How messages travel in the simulated network: as the bytes of the production codec, or by
// reference, which is faster and proves less.

import type { Outcome } from '../core/effect.ts'
import type { Hash128 } from '../core/hash.ts'
import { unreachable } from '../core/invariant.ts'
import type { NodeId } from '../core/raft/config.ts'
import type { Membership } from '../core/raft/membership.ts'
import type { Entry, EntryKind, Message, SnapshotHeader } from '../core/raft/message.ts'
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

/**
 * Takes a message, a request or a reply into a hash, field by field: by way of the codec's bytes
 * the whole run would take about a tenth longer.
 */
function hashReference(hash: Hash128, payload: unknown): void {
  const value = payload as Message | ClientRequest | ClientReply
  if ('type' in value) return hashMessage(hash, value)
  hash.integer(value.request)
  if ('outcome' in value) {
    hashOutcome(hash, value.outcome)
    hashName(hash, value.leader)
  } else {
    hash.word(value.read ? 1 : 0)
    hash.bytes(value.payload)
  }
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
  snapshotRequest: 8,
  snapshotReply: 9,
  timeoutNow: 10,
  readRequest: 11,
  readReply: 12,
  forwardRequest: 13,
  forwardReply: 14,
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
      if (message.type === 'voteRequest') hash.word(message.transfer ? 1 : 0)
      return
    case 'preVoteReply':
    case 'voteReply':
      hash.word(message.granted ? 1 : 0)
      return
    case 'appendAccepted':
      hash.integer(message.matchIndex)
      hash.integer(message.round)
      hash.integer(message.versions)
      return
    case 'appendRejected':
      hash.integer(message.prevIndex)
      hash.integer(message.hintIndex)
      hash.integer(message.hintTerm)
      hash.integer(message.round)
      hash.word(message.damaged ? 1 : 0)
      return
    case 'appendRequest':
      hash.integer(message.prevIndex)
      hash.integer(message.prevTerm)
      hash.integer(message.commit)
      hash.integer(message.round)
      hash.word(message.entries.length)
      for (const entry of message.entries) hashEntry(hash, entry)
      return
    case 'snapshotRequest':
      hash.integer(message.round)
      hashSnapshotHeader(hash, message.snapshot)
      hash.integer(message.offset)
      hash.bytes(message.bytes)
      return
    case 'snapshotReply':
      hash.integer(message.round)
      hash.integer(message.index)
      hash.integer(message.offset)
      return
    case 'timeoutNow':
      return
    default:
      hashAsked(hash, message)
  }
}

type AskedType = 'readRequest' | 'readReply' | 'forwardRequest' | 'forwardReply'

/** What is asked of a leader, and its answers: they carry an id. */
function hashAsked(hash: Hash128, message: Extract<Message, { type: AskedType }>): void {
  hash.integer(message.id)
  switch (message.type) {
    case 'readRequest':
      return
    case 'readReply':
      hash.integer(message.index)
      return
    case 'forwardRequest':
      hash.bytes(message.payload)
      return
    case 'forwardReply':
      hashOutcome(hash, message.outcome)
      return
    default:
      unreachable(message)
  }
}

/** A number for each kind of entry, for the hash. */
const ENTRY_WORD: { readonly [Kind in EntryKind]: number } = {
  noop: 0,
  command: 1,
  membership: 2,
  version: 3,
}

/** Takes all of an entry into a hash. */
export function hashEntry(hash: Hash128, entry: Entry): void {
  hash.integer(entry.term)
  hash.integer(entry.stampMs)
  hash.word(ENTRY_WORD[entry.kind])
  hash.bytes(entry.payload)
}

/** Takes all that a snapshot says of its log into a hash. */
export function hashSnapshotHeader(hash: Hash128, header: SnapshotHeader): void {
  hash.integer(header.index)
  hash.integer(header.term)
  hash.integer(header.stampMs)
  hashMembership(hash, header.membership)
  hash.integer(header.version)
  hash.integer(header.bytesCount)
}

/** Takes all of a membership into a hash. */
export function hashMembership(hash: Hash128, membership: Membership): void {
  hashNames(hash, membership.voters)
  hash.word(membership.outgoing === null ? 0 : 1)
  if (membership.outgoing !== null) hashNames(hash, membership.outgoing)
  hashNames(hash, membership.learners)
  hash.word(membership.autoLeave ? 1 : 0)
}

function hashNames(hash: Hash128, names: readonly NodeId[]): void {
  hash.word(names.length)
  for (const name of names) hash.text(name)
}

/** Takes the name of a node into a hash, or that there is none. */
export function hashName(hash: Hash128, name: NodeId | null): void {
  hash.word(name === null ? 0 : 1)
  if (name !== null) hash.text(name)
}

/** Takes the outcome of a request into a hash. */
export function hashOutcome(hash: Hash128, outcome: Outcome<Uint8Array>): void {
  hash.text(outcome.type)
  switch (outcome.type) {
    case 'done':
      hash.integer(outcome.index)
      hash.bytes(outcome.reply)
      return
    case 'changed':
      hash.integer(outcome.index)
      return
    case 'notLeader':
      hashName(hash, outcome.leader)
      return
    case 'refused':
      hash.text(outcome.reason)
      return
    case 'transferred':
    case 'malformed':
    case 'forbidden':
    case 'tooLarge':
    case 'overloaded':
    case 'unknown':
      return
    default:
      unreachable(outcome)
  }
}
