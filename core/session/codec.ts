// Commands and replies of sessions as bytes, around those of the inner machine. The first byte says
// which: such a number is never given to anything else. Decoding is total: null, never a throw.

import { ByteReader, ByteWriter } from '../bytes.ts'
import { unreachable } from '../invariant.ts'
import type { SessionCommand, SessionReason, SessionReply } from './command.ts'

/** Commands of the inner machine as bytes: a `Machine` is one. */
export interface CommandCodec<Command> {
  encodeCommand(command: Command): Uint8Array
  decodeCommand(bytes: Uint8Array): Command | null
}

/** Replies of the inner machine as bytes: a `Machine` is one. */
export interface ReplyCodec<Reply> {
  encodeReply(reply: Reply): Uint8Array
  decodeReply(bytes: Uint8Array): Reply | null
}

const COMMANDS = [
  'openSession',
  'keepAlive',
  'closeSession',
  'boundCall',
  'plain',
  'expireSessions',
  'unboundCall',
] as const

type Tag = (typeof COMMANDS)[number]

const REPLIES = [
  'opened',
  'keptAlive',
  'closed',
  'replied',
  'superseded',
  'expired',
  'rejected',
] as const

/** All reasons, at their number in the encoding: new ones go to the end. */
export const SESSION_REASONS: readonly SessionReason[] = [
  'sessionEnded',
  'alreadyAnswered',
  'sequenceReused',
  'tooManyUnacknowledged',
  'tooManySessions',
  'ttlOutOfRange',
]

const NOTHING = new Uint8Array(0)

// A new writer costs more than a command: all share this one. The inner machine encodes first,
// since it may be one with sessions itself.
const scratch = new ByteWriter()

/** A command as bytes. */
export function encodeCommand<Command>(
  codec: CommandCodec<Command>,
  command: SessionCommand<Command>,
): Uint8Array {
  const { type } = command
  const inner = type === 'call' || type === 'plain' ? codec.encodeCommand(command.command) : NOTHING
  const writer = begin(COMMANDS.indexOf(tagOf(command)))
  switch (type) {
    case 'openSession':
      writer.varint(command.ttlMs)
      break
    case 'keepAlive':
    case 'closeSession':
      writer.varint(command.session)
      break
    case 'call':
      writer.varint(command.session)
      writer.varint(command.sequence)
      writer.varint(command.acknowledged)
      writer.block(inner)
      break
    case 'plain':
      writer.block(inner)
      break
    case 'expireSessions':
      writer.varint(command.max)
      break
    default:
      return unreachable(type)
  }
  return writer.finish()
}

/** The command of `encodeCommand`, or null. */
export function decodeCommand<Command>(
  codec: CommandCodec<Command>,
  bytes: Uint8Array,
): SessionCommand<Command> | null {
  const reader = new ByteReader(bytes)
  const command = readCommand(codec, reader)
  return reader.done ? command : null
}

/** A reply as bytes. */
export function encodeReply<Reply>(
  codec: ReplyCodec<Reply>,
  reply: SessionReply<Reply>,
): Uint8Array {
  const { type } = reply
  const inner = type === 'replied' ? codec.encodeReply(reply.reply) : NOTHING
  const writer = begin(REPLIES.indexOf(type))
  switch (type) {
    case 'opened':
      writer.varint(reply.session)
      writer.varint(reply.ttlMs)
      break
    case 'keptAlive':
      writer.varint(reply.ttlMs)
      break
    case 'replied':
      writer.block(inner)
      break
    case 'closed':
    case 'superseded':
      break
    case 'expired':
      writer.varint(reply.sessions)
      break
    case 'rejected':
      writer.u8(SESSION_REASONS.indexOf(reply.reason))
      break
    default:
      return unreachable(type)
  }
  return writer.finish()
}

/** The reply of `encodeReply`, or null. */
export function decodeReply<Reply>(
  codec: ReplyCodec<Reply>,
  bytes: Uint8Array,
): SessionReply<Reply> | null {
  const reader = new ByteReader(bytes)
  const reply = readReply(codec, reader)
  return reader.done ? reply : null
}

function tagOf<Command>(command: SessionCommand<Command>): Tag {
  if (command.type !== 'call') return command.type
  return command.bound ? 'boundCall' : 'unboundCall'
}

/** The shared writer, rid of what a write that threw half-way has left, behind a first byte. */
function begin(tag: number): ByteWriter {
  if (scratch.length > 0) scratch.finish()
  scratch.u8(tag)
  return scratch
}

function readCommand<Command>(
  codec: CommandCodec<Command>,
  reader: ByteReader,
): SessionCommand<Command> | null {
  const type = COMMANDS[reader.u8()]
  if (type === undefined || !reader.ok) return null
  switch (type) {
    case 'openSession':
      return { type, ttlMs: reader.varint() }
    case 'keepAlive':
    case 'closeSession':
      return { type, session: reader.varint() }
    case 'boundCall':
    case 'unboundCall': {
      const session = reader.varint()
      const sequence = reader.varint()
      const acknowledged = reader.varint()
      const command = readInner(codec, reader)
      const bound = type === 'boundCall'
      if (command === null) return null
      return { type: 'call', session, sequence, acknowledged, bound, command }
    }
    case 'plain': {
      const command = readInner(codec, reader)
      return command === null ? null : { type, command }
    }
    case 'expireSessions': {
      const max = reader.varint()
      return max > 0 ? { type, max } : null
    }
    default:
      return unreachable(type)
  }
}

function readInner<Command>(codec: CommandCodec<Command>, reader: ByteReader): Command | null {
  const bytes = reader.block()
  return reader.ok ? codec.decodeCommand(bytes) : null
}

function readReply<Reply>(
  codec: ReplyCodec<Reply>,
  reader: ByteReader,
): SessionReply<Reply> | null {
  const type = REPLIES[reader.u8()]
  if (type === undefined || !reader.ok) return null
  switch (type) {
    case 'opened': {
      const session = reader.varint()
      return { type, session, ttlMs: reader.varint() }
    }
    case 'keptAlive':
      return { type, ttlMs: reader.varint() }
    case 'closed':
    case 'superseded':
      return { type }
    case 'replied': {
      const bytes = reader.block()
      const reply = reader.ok ? codec.decodeReply(bytes) : null
      return reply === null ? null : { type, reply }
    }
    case 'expired':
      return { type, sessions: reader.varint() }
    case 'rejected': {
      const reason = SESSION_REASONS[reader.u8()]
      return reason === undefined ? null : { type, reason }
    }
    default:
      return unreachable(type)
  }
}
