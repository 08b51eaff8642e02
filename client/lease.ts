// What a holder may believe about its lock: pure functions over a plain `Lease`. It sends nothing
// and reads no clock; the host passes this client's monotonic milliseconds, rounded down.
//
// Rounding: ends are whole milliseconds, rounded down, and 1 ms earlier than the formula, because
// the leader's stamp is rounded down too: by up to 1 ms it lies before the moment it stands for.
// A leader's change adds no error: the clock of the machine stands still during an election.

import { invariant } from '../core/invariant.ts'

/** Bound on the rate error of a monotonic clock, parts per million, where none is given. */
export const DRIFT_PPM_DEFAULT = 500

/** Milliseconds taken off each end for the granularity of clocks. */
export const CLOCK_MARGIN_MS = 1

/** A lock as its holder sees it. */
export type Lease = HeldLease | EndedLease

/** Not known to have ended; whether it still counts, `isValid` tells. */
export interface HeldLease {
  readonly type: 'held'
  /** The fencing token. */
  readonly token: number
  /** Bound on the rate error of clocks, parts per million. */
  readonly driftPpm: number
  /** Safe end by what was answered, as if no renew were under way. */
  readonly answeredUntilMs: number
  /** Latest sending among the answered renews; null before the first. */
  readonly renewSentMs: number | null
  /** When the last renew was answered; null before the first. */
  readonly renewAnsweredMs: number | null
  /** Renews under way. */
  readonly renewals: readonly Renewal[]
  /** All renews of unknown end taken together: the earliest sending, the shortest TTL. */
  readonly doubt: { readonly sentMs: number; readonly ttlMs: number } | null
}

/** Over for good. */
export interface EndedLease {
  readonly type: 'ended'
  readonly token: number
  /** `late`: an answer found the lease past its safe end, which cannot be taken back. */
  readonly reason: 'released' | 'expired' | 'late'
}

/** A renew under way. */
export interface Renewal {
  /** The host's number for it. */
  readonly renew: number
  /** When it was first sent. */
  readonly sentMs: number
  readonly ttlMs: number
  /** Shortest TTL among it and the renews answered since: any of them may be the last applied. */
  readonly ttlMsMin: number
}

/** A grant as it arrived. */
export interface Grant {
  readonly token: number
  /** When this request id was sent first: never the time of a later attempt. */
  readonly firstSentMs: number
  /** Machine time from the request's own entry to its grant, from the reply; milliseconds. */
  readonly grantedAfterMs: number
  readonly ttlMs: number
  /** Clock on arrival. */
  readonly now: number
  /** Parts per million, below 500 000; `DRIFT_PPM_DEFAULT` when left out. */
  readonly driftPpm?: number
}

/**
 * The latest millisecond, exclusive, up to which a span of the machine's time that began at
 * `sentMs` or later is sure to last by this clock: `sentMs + spanMs · (1 − 2ε) − 1`, rounded down.
 * Exact: the product is taken in two parts, each far below 2⁵³.
 */
export function safeEndMs(sentMs: number, spanMs: number, driftPpm: number): number {
  const million = 1_000_000
  const lossPpm = 2 * driftPpm
  const rest = spanMs % million
  const lossMs = ((spanMs - rest) / million) * lossPpm + Math.ceil((rest * lossPpm) / million)
  return sentMs + spanMs - lossMs - CLOCK_MARGIN_MS
}

/** The lease of a grant. `tooLate`: its safe end has passed, so release it; it counts as failed. */
export function granted(grant: Grant): HeldLease | 'tooLate' {
  const { token, firstSentMs, grantedAfterMs, ttlMs, now } = grant
  const driftPpm = grant.driftPpm ?? DRIFT_PPM_DEFAULT
  invariant(driftPpm >= 0 && driftPpm < 500_000, 'lease: drift out of range')
  const answeredUntilMs = safeEndMs(firstSentMs, grantedAfterMs + ttlMs, driftPpm)
  if (now >= answeredUntilMs) return 'tooLate'
  return {
    type: 'held',
    token,
    driftPpm,
    answeredUntilMs,
    renewSentMs: null,
    renewAnsweredMs: null,
    renewals: [],
    doubt: null,
  }
}

/** When belief ends, exclusive; the host's alarm. -Infinity once ended. Falls when a renew may
 * have shortened the lease, and rises only on an answer. */
export function safeUntilMs(lease: Lease): number {
  if (lease.type === 'ended') return -Infinity
  let untilMs = lease.answeredUntilMs
  for (const { sentMs, ttlMs } of lease.renewals) {
    untilMs = Math.min(untilMs, capMs(lease, sentMs, ttlMs))
  }
  const { doubt } = lease
  return doubt === null ? untilMs : Math.min(untilMs, capMs(lease, doubt.sentMs, doubt.ttlMs))
}

/** Whether the holder may act on its lock at the reading `now` of its clock. */
export function isValid(lease: Lease, now: number): boolean {
  return now < safeUntilMs(lease)
}

/**
 * A renew is about to be sent for the first time: it may shorten the lease from here on. `renew`
 * is the host's number for it; a second call with one under way, as before a retry, does nothing.
 */
export function renewSent(lease: Lease, renew: number, now: number, ttlMs: number): Lease {
  if (lease.type === 'ended' || lease.renewals.some((other) => other.renew === renew)) return lease
  const renewal = { renew, sentMs: now, ttlMs, ttlMsMin: ttlMs }
  return withRenewals(lease, lease.renewals.concat(renewal), lease.doubt)
}

/**
 * A renew was answered `renewed` with `token`: the lease lasts from its first sending on. Another
 * lock's token, or a renew not under way, changes nothing. Past the safe end the lease is `late`.
 */
export function renewAnswered(lease: Lease, renew: number, token: number, now: number): Lease {
  if (lease.type === 'ended') return lease
  const renewal = lease.renewals.find((other) => other.renew === renew)
  if (renewal === undefined || token !== lease.token) return lease
  if (!isValid(lease, now)) return ended(lease, 'late')
  // Of renews that were under way together, the last applied came after both were sent, and has
  // one of their TTLs.
  const renewSentMs = Math.max(renewal.sentMs, lease.renewSentMs ?? renewal.sentMs)
  const ttlMs = renewal.ttlMsMin
  const others = lease.renewals.filter((other) => other !== renewal)
  return {
    type: 'held',
    token,
    driftPpm: lease.driftPpm,
    answeredUntilMs: safeEndMs(renewSentMs, ttlMs, lease.driftPpm),
    renewSentMs,
    renewAnsweredMs: Math.max(now, lease.renewAnsweredMs ?? now),
    renewals: others.map((other) => ({
      renew: other.renew,
      sentMs: other.sentMs,
      ttlMs: other.ttlMs,
      ttlMsMin: Math.min(other.ttlMsMin, ttlMs),
    })),
    doubt: lease.doubt,
  }
}

/** A renew has definitely not happened and will not: what it lowered is lifted again. */
export function renewFailed(lease: Lease, renew: number): Lease {
  if (lease.type === 'ended') return lease
  const others = lease.renewals.filter((other) => other.renew !== renew)
  return withRenewals(lease, others, lease.doubt)
}

/** A renew ended without an answer and may still happen: what it lowered stays lowered. */
export function renewUnknown(lease: Lease, renew: number): Lease {
  if (lease.type === 'ended') return lease
  const renewal = lease.renewals.find((other) => other.renew === renew)
  if (renewal === undefined) return lease
  const { sentMs, ttlMs } = lease.doubt ?? renewal
  const doubt = {
    sentMs: Math.min(sentMs, renewal.sentMs),
    ttlMs: Math.min(ttlMs, renewal.ttlMs),
  }
  return withRenewals(lease, lease.renewals.filter((other) => other !== renewal), doubt)
}

/**
 * A re-entry or refresh, first sent at `firstSentMs`, was granted with `token`. It never lowers.
 * It does not raise either when a renew was answered meanwhile, which may have come after it.
 */
export function reentered(
  lease: Lease,
  entry: {
    readonly token: number
    readonly firstSentMs: number
    readonly ttlMs: number
    /** Clock on arrival. */
    readonly now: number
  },
): Lease {
  if (lease.type === 'ended' || entry.token !== lease.token) return lease
  if (!isValid(lease, entry.now)) return ended(lease, 'late')
  const { renewAnsweredMs } = lease
  if (renewAnsweredMs !== null && renewAnsweredMs >= entry.firstSentMs) return lease
  const untilMs = safeEndMs(entry.firstSentMs, entry.ttlMs, lease.driftPpm)
  return {
    type: 'held',
    token: lease.token,
    driftPpm: lease.driftPpm,
    answeredUntilMs: Math.max(lease.answeredUntilMs, untilMs),
    renewSentMs: lease.renewSentMs,
    renewAnsweredMs,
    renewals: lease.renewals,
    doubt: lease.doubt,
  }
}

/** A release is about to be sent: the lock may be gone from here on. */
export function releaseSent(lease: Lease): Lease {
  return lease.type === 'ended' ? lease : ended(lease, 'released')
}

/** The service answered `expired`: the lock is lost. */
export function expired(lease: Lease): Lease {
  return lease.type === 'ended' ? lease : ended(lease, 'expired')
}

/**
 * Safe end if a renew of unknown fate is the last applied. Before the newest answered renew it was
 * overwritten; after it, it counts from no earlier than that one's sending.
 */
function capMs(lease: HeldLease, sentMs: number, ttlMs: number): number {
  return safeEndMs(Math.max(sentMs, lease.renewSentMs ?? sentMs), ttlMs, lease.driftPpm)
}

/** Spelled out, as above: a spread costs many times more, and makes what is slow to read. */
function withRenewals(
  lease: HeldLease,
  renewals: readonly Renewal[],
  doubt: HeldLease['doubt'],
): HeldLease {
  const { token, driftPpm, answeredUntilMs, renewSentMs, renewAnsweredMs } = lease
  return {
    type: 'held',
    token,
    driftPpm,
    answeredUntilMs,
    renewSentMs,
    renewAnsweredMs,
    renewals,
    doubt,
  }
}

function ended(lease: HeldLease, reason: EndedLease['reason']): EndedLease {
  return { type: 'ended', token: lease.token, reason }
}
