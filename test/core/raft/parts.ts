// What tests of the core are made of: entries, messages and disks made by hand, and what effects
// hold. It knows no cluster.

import * as assert from 'uvu/assert'
import type { Effect, HardState, Outcome, Persist } from '../../../core/effect.ts'
import { entryAt } from '../../../core/raft/log.ts'
import { encodeMembership } from '../../../core/raft/membership.ts'
import type { Membership } from '../../../core/raft/membership.ts'
import type { AppendAccepted, AppendRejected } from '../../../core/raft/message.ts'
import type { AppendRequest, Entry, Message } from '../../../core/raft/message.ts'
import { NOTHING_RESTORED } from '../../../core/raft/state.ts'
import type { RaftState, Restored } from '../../../core/raft/state.ts'
import type { Noted } from './journal.ts'
import { encodeText } from './journal.ts'

export type JournalEffect = Effect<string, Noted>

/** An entry for hand-made messages. */
export function entry(term: number, text: string | null = 'x', stampMs = 0): Entry {
  if (text === null) return { term, stampMs, kind: 'noop', payload: new Uint8Array(0) }
  return { term, stampMs, kind: 'command', payload: encodeText(text) }
}

/** An entry that names members. */
export function membershipEntry(term: number, membership: Membership, stampMs = 0): Entry {
  return { term, stampMs, kind: 'membership', payload: encodeMembership(membership) }
}

/** Entries of these terms. */
export function entries(...terms: number[]): Entry[] {
  return terms.map((term) => entry(term))
}

/** A disk with these terms in its log. */
export function restored(hardState: HardState, ...terms: number[]): Restored {
  return { ...NOTHING_RESTORED, hardState, entries: entries(...terms) }
}

/** An AppendEntries; what is not given is zero or empty. */
export function appendRequest(message: Partial<AppendRequest>): AppendRequest {
  const nothing = { term: 1, prevIndex: 0, prevTerm: 0, commit: 0, round: 0, entries: [] }
  return { type: 'appendRequest', ...nothing, ...message }
}

/** A refusal; what is not given is zero. */
export function appendRejected(message: Partial<AppendRejected>): AppendRejected {
  const nothing = { term: 0, prevIndex: 0, hintIndex: 0, hintTerm: 0, round: 0, damaged: false }
  return { type: 'appendRejected', ...nothing, ...message }
}

/** An acknowledgement. */
export function appendAccepted(term: number, matchIndex: number, round = 0): AppendAccepted {
  return { type: 'appendAccepted', term, matchIndex, round, versions: 1 }
}

/** The terms of a log, of what it holds. */
export function terms(raft: RaftState): number[] {
  return logOf(raft).map(({ term }) => term)
}

export function logOf(raft: RaftState): Entry[] {
  const all: Entry[] = []
  const { log } = raft
  for (let index = log.base.index + 1; index <= log.lastIndex; index++) {
    all.push(entryAt(log, index))
  }
  return all
}

/** The effects of one type. */
export function only<Type extends JournalEffect['type']>(
  effects: readonly JournalEffect[],
  type: Type,
): Extract<JournalEffect, { readonly type: Type }>[] {
  const found = effects.filter((effect) => effect.type === type)
  return found as Extract<JournalEffect, { readonly type: Type }>[]
}

/** The answers to requests among them. */
export function replies(effects: readonly JournalEffect[]): [number, Outcome<string>][] {
  return only(effects, 'reply').map(({ request, outcome }) => [request, outcome])
}

/** The messages that effects send, at once or later. */
export function messages(effects: readonly JournalEffect[]): Message[] {
  return effects.flatMap((effect) => {
    return effect.type === 'send' || effect.type === 'sendAfter' ? [effect.message] : []
  })
}

/** What the disk holds after one more record. */
export function applyWrite(disk: Restored, write: Persist): Restored {
  const hardState = write.hardState ?? disk.hardState
  const { checkpoint, entries } = write
  if (checkpoint !== null) {
    assert.ok(write.hardState !== null, 'a checkpoint holds the hard state as well')
    assert.is(write.firstIndex, checkpoint.base.index + 1, 'and all of the log')
    const { snapshot, base } = checkpoint
    return { hardState, snapshot, base, entries, damage: disk.damage }
  }
  if (!write.logChanged) return { ...disk, hardState }
  const kept = write.firstIndex - 1 - disk.base.index
  assert.ok(kept >= 0 && kept <= disk.entries.length, 'a write leaves no hole')
  return { ...disk, hardState, entries: [...disk.entries.slice(0, kept), ...entries] }
}

/** The term of the entry that a disk holds at `index`: -1 when it holds none there. */
export function diskTermAt({ snapshot, base, entries }: Restored, index: number): number {
  if (index === snapshot?.index) return snapshot.term
  if (index <= base.index) return index === base.index ? base.term : -1
  return entries[index - base.index - 1]?.term ?? -1
}

/** The last index that a disk knows of. */
export function diskLastIndex({ base, entries }: Restored): number {
  return base.index + entries.length
}

/** Freezes plain data to the leaves, but for bytes and the slots that logs share by contract. */
export function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value
  if (Object.isFrozen(value)) return value
  Object.freeze(value)
  for (const [name, part] of Object.entries(value)) if (name !== 'chunks') deepFreeze(part)
  return value
}
