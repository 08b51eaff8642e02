// What a log holds after each persist, in a few lines: the meaning of `Persist`, without bytes.
// What real logs are held against, by the conformance suite and by anyone who wants to know better.

import { equalBytes } from '../core/bytes.ts'
import type { HardState, LogBase, LogEnd, Persist, Snapshot } from '../core/effect.ts'
import { membersOf } from '../core/raft/membership.ts'
import type { Entry } from '../core/raft/message.ts'
import { NO_BASE } from './checkpoint.ts'
import { isBehind, LogTerms } from './log-terms.ts'

/** All that a log has to give back. */
export interface LogContent {
  readonly hardState: HardState
  /** Null when no checkpoint was ever written. */
  readonly snapshot: Snapshot | null
  /** The place before the first of `entries`. */
  readonly base: LogBase
  readonly entries: readonly Entry[]
  /** Where the log once ended, while it lacks entries that were lost; else null. */
  readonly damage: LogEnd | null
}

/** What a log holds to which nothing was ever written. */
export const EMPTY_LOG: LogContent = {
  hardState: { term: 0, vote: null },
  snapshot: null,
  base: NO_BASE,
  entries: [],
  damage: null
}

/** What a log holds after `persist` that held `content` before. */
export function contentAfter(content: LogContent, persist: Persist): LogContent {
  const { checkpoint, logChanged, firstIndex } = persist
  const hardState = persist.hardState ?? content.hardState
  const { snapshot, base } = checkpoint ?? content
  if (!logChanged) return { ...content, hardState }
  const kept = checkpoint !== null ? [] : content.entries.slice(0, firstIndex - base.index - 1)
  const entries = [...kept, ...persist.entries]
  const { end } = new LogTerms(base, entries)
  const damage = content.damage !== null && isBehind(end, content.damage) ? content.damage : null
  return { hardState, snapshot, base, entries, damage }
}

/** In what `found` differs from `wanted`, in words; null when it does not. */
export function contentDifference(found: LogContent, wanted: LogContent): string | null {
  const { term, vote } = found.hardState
  if (term !== wanted.hardState.term || vote !== wanted.hardState.vote) {
    const { hardState } = wanted
    return `term ${term} and vote ${vote}, not term ${hardState.term} and vote ${hardState.vote}`
  }
  const snapshot = snapshotDifference(found.snapshot, wanted.snapshot)
  if (snapshot !== null) return snapshot
  if (!isSamePlace(found.base, wanted.base)) {
    return `a base of ${placeText(found.base)}, not ${placeText(wanted.base)}`
  }
  if (found.entries.length !== wanted.entries.length) {
    return `${found.entries.length} entries, not ${wanted.entries.length}`
  }
  const at = found.entries.findIndex((entry, place) => {
    return !isSameEntry(entry, wanted.entries[place] as Entry)
  })
  if (at >= 0) return `another entry ${wanted.base.index + 1 + at}`
  const [a, b] = [found.damage, wanted.damage]
  if (a?.index === b?.index && a?.term === b?.term) return null
  return `damage of ${endText(a)}, not of ${endText(b)}`
}

function snapshotDifference(found: Snapshot | null, wanted: Snapshot | null): string | null {
  if (found === null || wanted === null) {
    if (found === wanted) return null
    return found === null ? 'no snapshot' : 'a snapshot that was never written'
  }
  if (!isSamePlace(found, wanted)) {
    return `a snapshot of ${placeText(found)}, not ${placeText(wanted)}`
  }
  const [a, b] = [found.membership, wanted.membership]
  const isSameMembership =
    isSameList(membersOf(a), membersOf(b)) &&
    isSameList(a.voters, b.voters) &&
    isSameList(a.outgoing ?? [], b.outgoing ?? []) &&
    a.autoLeave === b.autoLeave
  if (!isSameMembership) return 'a snapshot with another membership'
  if (found.version !== wanted.version) {
    return `a snapshot of version ${found.version}, not ${wanted.version}`
  }
  if (found.bytesCount !== wanted.bytesCount || !equalBytes(found.bytes, wanted.bytes)) {
    return 'a snapshot with other bytes'
  }
  return null
}

function isSameEntry(a: Entry, b: Entry): boolean {
  if (a.term !== b.term || a.stampMs !== b.stampMs || a.kind !== b.kind) return false
  return equalBytes(a.payload, b.payload)
}

function isSamePlace(a: LogBase, b: LogBase): boolean {
  return a.index === b.index && a.term === b.term && a.stampMs === b.stampMs
}

function placeText({ index, term, stampMs }: LogBase): string {
  return `index ${index}, term ${term}, stamp ${stampMs}`
}

function endText(end: LogEnd | null): string {
  return end === null ? 'nothing' : `a log up to index ${end.index}, term ${end.term}`
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one, at) => one === b[at])
}
