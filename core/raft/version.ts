// The version of the machine's rules, as an entry raises it: what its payload says, and when a
// leader may append one. It does not know what the rules are.

import { ByteReader, ByteWriter } from '../bytes.ts'
import { invariant } from '../invariant.ts'
import type { RefusalReason } from '../outcome.ts'
import { entryAt } from './log.ts'
import type { Log } from './log.ts'
import { isVoter } from './membership.ts'
import type { Membership } from './membership.ts'
import type { Entry } from './message.ts'
import type { Leader } from './state.ts'
import type { Turn } from './turn.ts'

/** The rules that a group begins with. */
export const FIRST_VERSION = 1

/** The payload of a `version` entry. */
export function encodeVersion(version: number): Uint8Array {
  const writer = new ByteWriter()
  writer.varint(version)
  return writer.finish()
}

/** Reads the payload of a `version` entry; null on garbage, and where nothing would be raised. */
export function decodeVersion(bytes: Uint8Array): number | null {
  const reader = new ByteReader(bytes)
  const version = reader.varint()
  return reader.done && version > FIRST_VERSION ? version : null
}

/** The version that a `version` entry raises to. */
export function versionOf(entry: Entry): number {
  const version = decodeVersion(entry.payload)
  invariant(version !== null, 'raft: a version entry that names no version')
  return version
}

/** The version that is in force behind the last entry of `log`, if `before` is as of `applied`. */
export function versionAtEnd(log: Log, applied: number, before: number): number {
  for (let index = log.lastIndex; index > applied; index--) {
    const entry = entryAt(log, index)
    if (entry.kind === 'version') return versionOf(entry)
  }
  return before
}

/**
 * Whether all that `after` gives a vote have said in this term that they know `version`: a voter
 * that has to stop counts against its majority. The first version is known to all.
 */
export function newVotersKnow(
  { membership, config }: Turn,
  { progress }: Leader,
  after: Membership,
  version: number,
): boolean {
  if (version === FIRST_VERSION) return true
  return after.voters.every((voter) => {
    if (isVoter(membership, voter) || voter === config.node) return true
    return progress.some(({ peer, versions }) => peer === voter && versions >= version)
  })
}

/**
 * Why a leader that goes by `before`, having applied an entry of its own term, does not raise the
 * version now; null when it may. Who does not know a version must not get an entry that raises it:
 * so every member, learners too, has said in this term that it does.
 */
export function raiseProblem(
  { versions }: Turn,
  role: Leader,
  before: number,
  version: number,
): RefusalReason | null {
  if (role.transfer !== null) return 'transferring'
  if (version <= before) return 'versionInForce'
  const isKnown = versions >= version && role.progress.every((peer) => peer.versions >= version)
  return isKnown ? null : 'versionUnsupported'
}
