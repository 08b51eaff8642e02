// The bytes of how a request ended: a client is told so, and so is a node that passed a command on.
//
//   u8 kind of outcome | its fields
//
// A number is never given to anything else; one that nobody has is malformed.

import type { ByteReader, ByteWriter } from '../core/bytes.ts'
import type { Outcome, RefusalReason } from '../core/effect.ts'
import { unreachable } from '../core/invariant.ts'

const OUTCOME_KIND: { readonly [Type in Outcome<Uint8Array>['type']]: number } = {
  done: 1,
  notLeader: 2,
  malformed: 3,
  unknown: 4,
  changed: 5,
  transferred: 6,
  tooLarge: 7,
  overloaded: 8,
  refused: 9,
  forbidden: 10,
}

const REASON_NUMBER: { readonly [Reason in RefusalReason]: number } = {
  noVoters: 1,
  badId: 2,
  duplicateId: 3,
  isJoint: 4,
  notJoint: 5,
  notCommittedInTerm: 6,
  pending: 7,
  transferring: 8,
  notVoter: 9,
  farBehind: 10,
  timedOut: 11,
  versionInForce: 12,
  versionUnsupported: 13,
}

const REASONS = Object.keys(REASON_NUMBER) as readonly RefusalReason[]

/** Writes an outcome as part of something else. */
export function writeOutcome(writer: ByteWriter, outcome: Outcome<Uint8Array>): void {
  writer.u8(OUTCOME_KIND[outcome.type])
  switch (outcome.type) {
    case 'done':
      writer.varint(outcome.index)
      writer.block(outcome.reply)
      return
    case 'changed':
      writer.varint(outcome.index)
      return
    case 'notLeader':
      writer.bool(outcome.leader !== null)
      if (outcome.leader !== null) writer.text(outcome.leader)
      return
    case 'refused':
      writer.u8(REASON_NUMBER[outcome.reason])
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

/**
 * Reads an outcome; null when there is none. It counts only while the reader is `ok`. The machine's
 * reply is a view on the bytes read, not a copy.
 */
export function readOutcome(reader: ByteReader): Outcome<Uint8Array> | null {
  switch (reader.u8()) {
    case OUTCOME_KIND.done: {
      const index = reader.varint()
      return { type: 'done', index, reply: reader.block() }
    }
    case OUTCOME_KIND.changed:
      return { type: 'changed', index: reader.varint() }
    case OUTCOME_KIND.transferred:
      return { type: 'transferred' }
    case OUTCOME_KIND.notLeader:
      return { type: 'notLeader', leader: reader.bool() ? reader.text() : null }
    case OUTCOME_KIND.malformed:
      return { type: 'malformed' }
    case OUTCOME_KIND.forbidden:
      return { type: 'forbidden' }
    case OUTCOME_KIND.tooLarge:
      return { type: 'tooLarge' }
    case OUTCOME_KIND.overloaded:
      return { type: 'overloaded' }
    case OUTCOME_KIND.refused: {
      const number = reader.u8()
      const reason = REASONS.find((one) => REASON_NUMBER[one] === number)
      return reason === undefined ? null : { type: 'refused', reason }
    }
    case OUTCOME_KIND.unknown:
      return { type: 'unknown' }
    default:
      return null
  }
}
