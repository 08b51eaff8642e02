// When a holding can have expired at the earliest, if it began no earlier than some instant.
//
// Its deadline is set by the operations that took effect within it, in an order we may choose:
// every grant, re-entry and refresh moves it to at least its own instant + TTL, and a renew sets it
// to its own instant + TTL. So the earliest deadline comes from placing everything as early as it
// may be, and from the best choice of which renew came last, and when: what stands before that
// renew no longer counts, what is called after it still does.

import { countCalledBy } from './lock-evidence.ts'
import type { LockInput, LockOperation } from './lock-history.ts'

/** An instant, and the operation it follows from. */
export interface Deadline {
  readonly at: number
  readonly operation: LockOperation | null
}

/** Shortest time, in the history's units, that a lease of `ttlMs` runs. */
export type LeaseMin = (ttlMs: number) => number

interface Extension {
  readonly operation: LockOperation
  readonly call: number
  /** Units that the lease runs from its own instant. */
  readonly lease: number
}

interface LastRenewal extends Extension {
  /** The renewal can stand last at `from` at the earliest and at `until` at the latest. */
  readonly from: number
  readonly until: number
}

const never: Deadline = { at: -Infinity, operation: null }

/**
 * Returns a function from the earliest start of a holding to the earliest instant at which it can
 * have expired. Answered operations have taken effect, unanswered renews may have. Without any
 * answered one nothing is known of the lease, and it may have ended at once.
 */
export function expiryOf(
  grants: readonly LockOperation[],
  renewals: readonly LockOperation[],
  unanswered: readonly LockOperation[],
  leaseMin: LeaseMin
): (start: number) => Deadline {
  if (grants.length + renewals.length === 0) return () => never
  const sorted = grants.map(grant => extension(grant, leaseMin)).sort((a, b) => a.call - b.call)
  const afterAll = latestDeadlines(sorted)
  const longest = longestLeases(sorted)
  const last = lastRenewals(renewals, unanswered, leaseMin)

  const withoutRenewal = (start: number): Deadline => {
    const index = countCalledBy(sorted, start)
    const early = longest[index] as Extension | null
    const late = afterAll[index] as Deadline
    if (early === null || start + early.lease <= late.at) return late
    return { at: start + early.lease, operation: early.operation }
  }

  const withLast = ({ operation, lease, from, until }: LastRenewal, start: number): Deadline => {
    let best: Deadline = { at: Infinity, operation }
    let at = Math.max(from, start)
    while (at <= until) {
      const index = countCalledBy(sorted, at)
      const late = afterAll[index] as Deadline
      const own = at + lease
      if (Math.max(own, late.at) < best.at) best = own >= late.at ? { at: own, operation } : late
      if (own >= late.at) break
      at = (sorted[index] as Extension).call
    }
    return best
  }

  return start => {
    let best = renewals.length === 0 ? withoutRenewal(start) : { at: Infinity, operation: null }
    for (const renewal of last) {
      const deadline = withLast(renewal, start)
      if (deadline.at < best.at) best = deadline
    }
    return best
  }
}

function extension(operation: LockOperation, leaseMin: LeaseMin): Extension {
  const output = operation.output
  const input = operation.input as LockInput & { type: 'acquire' | 'renew' }
  const ttlMs = output?.type === 'renewed' ? output.ttlMs : input.ttlMs
  return { operation, call: operation.call, lease: leaseMin(ttlMs) }
}

/** At i: the latest deadline that the grants from i on set when each takes effect at its call. */
function latestDeadlines(sorted: readonly Extension[]): Deadline[] {
  const latest: Deadline[] = [never]
  for (const { operation, call, lease } of sorted.toReversed()) {
    const next = latest.at(-1) as Deadline
    latest.push(call + lease > next.at ? { at: call + lease, operation } : next)
  }
  return latest.reverse()
}

/** At i: the longest lease among the first i grants. */
function longestLeases(sorted: readonly Extension[]): (Extension | null)[] {
  let longest: Extension | null = null
  const leases: (Extension | null)[] = [null]
  for (const grant of sorted) {
    if (longest === null || grant.lease > longest.lease) longest = grant
    leases.push(longest)
  }
  return leases
}

/** The renews that can have been the last one: no answered other was called after its return. */
function lastRenewals(
  renewals: readonly LockOperation[],
  unanswered: readonly LockOperation[],
  leaseMin: LeaseMin
): LastRenewal[] {
  const sorted = [...renewals].sort((a, b) => b.call - a.call)
  const latestCall = sorted[0]?.call ?? -Infinity
  const candidates: LastRenewal[] = []
  for (const operation of sorted) {
    if (operation.return < latestCall) continue
    const until = operation.return
    candidates.push({ ...extension(operation, leaseMin), from: latestCall, until })
  }
  for (const operation of unanswered) {
    const from = Math.max(latestCall, operation.call)
    candidates.push({ ...extension(operation, leaseMin), from, until: Infinity })
  }
  return candidates
}
