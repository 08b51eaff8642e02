// Which operation can take effect from some instant on, and is called first: asked for each holding
// of an owner, so answered from an index. An unanswered operation can take effect for ever.

import type { EffectIndex, OwnerEvidence } from './lock-evidence.ts'
import type { LockOperation } from './lock-history.ts'

/** Builds the index of some operations, in O(n log n). */
export function indexEffects(operations: readonly LockOperation[]): EffectIndex {
  const sorted = [...operations].sort((a, b) => {
    return lastEffect(a) === lastEffect(b) ? 0 : lastEffect(a) - lastEffect(b)
  })
  const earliest: LockOperation[] = []
  for (const operation of sorted.toReversed()) {
    const next = earliest.at(-1)
    earliest.push(next !== undefined && next.call < operation.call ? next : operation)
  }
  return { untils: sorted.map(lastEffect), earliest: earliest.reverse() }
}

/** The first called among the indexed operations that can take effect at `from` or later. */
export function earliestEffect(index: EffectIndex, from: number): LockOperation | null {
  let low = 0
  let high = index.untils.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((index.untils[middle] as number) < from) low = middle + 1
    else high = middle
  }
  return index.earliest[low] ?? null
}

/** The first called release that can have ended the owner's holding of `token` from `from` on. */
export function earliestRelease(
  own: OwnerEvidence,
  token: number,
  from: number
): LockOperation | null {
  own.untokenedIndex ??= indexEffects(own.unansweredReleases.get(null) ?? [])
  let first = earliestEffect(own.untokenedIndex, from)
  for (const release of own.unansweredReleases.get(token) ?? []) {
    if (first === null || release.call < first.call) first = release
  }
  return first
}

/** Whether one of the indexed operations can take effect while `other` runs. */
export function hasOverlap(index: EffectIndex, other: LockOperation): boolean {
  const first = earliestEffect(index, other.call)
  return first !== null && first.call <= other.return
}

function lastEffect({ outcome, return: answered }: LockOperation): number {
  return outcome === 'info' ? Infinity : answered
}
