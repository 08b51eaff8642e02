// Places the holdings of one key on the line of time, in the order of their tokens, or shows that
// they do not fit.
//
// Why one sweep decides. Tokens give the order of the holdings, so a placement is one start and one
// end for each, s1 <= e1 <= s2 <= e2 ... (touching is allowed: instants at one time are ordered as
// we like). Given those, every operation stands alone: a proof wants an instant in [s, e] within
// its own window, that is s <= its return and e >= its call; an answer that denies a holding wants
// an instant of its window outside of it, so its window must not lie strictly within (s, e). What
// ends a holding is its answered release (e is within that window), or an unanswered one (e >= its
// call), or expiry (e >= the earliest deadline, which never falls when s grows; see lock-lease).
// A start lies not before the acquire that caused it was called.
//
// All of these remain true for the earlier of two placements that keep them, taken bound by bound:
// upper bounds trivially; lower bounds of e because they never fall with s; and a denial because,
// where the two differ, the earlier end or the later start that saves it is still there: if both
// hold [c, r] after the end or both before the start, so does the minimum; if one is over by r
// (e <= r), the minimum is too. Hence there is an earliest placement, kept by every bound that any
// placement keeps: push every start and end to the right only as far as something demands, and the
// first upper bound that is overrun is a violation.

import { earliestRelease } from './lock-effects.ts'
import {
  conflict,
  countCalledBy,
  holderName,
  outputOf,
  ownerOf,
  type Conflict,
  type Evidence,
  type Holding,
  type OwnerEvidence
} from './lock-evidence.ts'
import { expiryOf, type LeaseMin } from './lock-lease.ts'
import type { LockOperation } from './lock-history.ts'
import { firstAnswer, lastAsked } from './lock-owners.ts'
import type { Start } from './lock-starts.ts'

/** What the lock service promises about time, in the history's units, and how to say an instant. */
export interface Terms {
  readonly leaseMin: LeaseMin
  say(at: number): string
}

/**
 * An instant that a start or an end cannot precede, and why: `open` nothing, `start` because
 * `holding` began no earlier, `held` because `holding` was still held.
 */
interface Bound {
  readonly at: number
  readonly type: 'open' | 'start' | 'held'
  readonly holding: Holding | null
  readonly operation: LockOperation | null
  /** Of an end: the start it was reckoned from. */
  readonly start: Bound | null
}

/** Returns the earliest end of each holding, or why they do not fit on the line of time. */
export function sweep(
  evidence: Evidence,
  starts: readonly Start[],
  terms: Terms
): number[] | Conflict {
  const ends: number[] = []
  let freed: Bound = { at: -Infinity, type: 'open', holding: null, operation: null, start: null }
  for (const [index, holding] of evidence.holdings.entries()) {
    const { cause } = starts[index] as Start
    const own: Bound = { at: cause.call, type: 'start', holding, operation: cause, start: null }
    const end = place(evidence, holding, later(freed, own), terms)
    if (end.type === 'conflict') return end
    freed = end
    ends.push(end.at)
  }
  return ends
}

/** Finds the earliest end of a holding that starts no earlier than `start`. */
function place(
  evidence: Evidence,
  holding: Holding,
  start: Bound,
  terms: Terms
): Bound | Conflict {
  const proof = firstAnswer(holding)
  if (start.at > proof.return) return tooEarly(holding, proof, start, terms)
  const own = holding.owner === null ? null : ownerOf(evidence.owners, holding.owner)
  const endOf = earliestEnd(holding, own, terms.leaseMin)
  let bound = start
  for (;;) {
    const end = endOf(bound)
    if (holding.end !== null && end.at > holding.end.return) {
      return afterRelease(holding, holding.end, end, terms)
    }
    const denial = latestDenial(evidence, own, holding, bound.at, end.at)
    if (denial === null) return end
    if (denial.call > proof.return) return denied(holding, proof, denial, end, terms)
    bound = { at: denial.call, type: 'start', holding, operation: denial, start: null }
  }
}

/** Returns a function from the earliest start of the holding to its earliest end. */
function earliestEnd(
  holding: Holding,
  own: OwnerEvidence | null,
  leaseMin: LeaseMin
): (start: Bound) => Bound {
  const last = lastAsked(holding)
  const seen = (start: Bound): Bound => {
    return later(start, { at: last.call, type: 'held', holding, operation: last, start })
  }
  if (holding.end !== null) return seen
  const { token } = holding
  const renewals = own?.unansweredRenewals
  const unanswered = [...(renewals?.get(null) ?? []), ...(renewals?.get(token) ?? [])]
  const expiry = expiryOf(holding.grants, holding.renewals, unanswered, leaseMin)
  return start => {
    const expired: Bound = { ...expiry(start.at), type: 'held', holding, start }
    const release = own === null ? null : earliestRelease(own, token, start.at)
    const isSooner = release !== null && release.call < expired.at
    const over = isSooner ? { ...expired, at: release.call, operation: release } : expired
    return later(seen(start), over)
  }
}

/** The latest called among the answers that deny the holding at every instant of their window. */
function latestDenial(
  { frees }: Evidence,
  own: OwnerEvidence | null,
  { token }: Holding,
  start: number,
  end: number
): LockOperation | null {
  let latest: LockOperation | null = null
  for (const denials of [frees, own?.denials.get(null), own?.denials.get(token)]) {
    if (denials === undefined) continue
    for (let at = countCalledBy(denials, start); at < denials.length; at++) {
      const denial = denials[at] as LockOperation
      if (denial.call >= end) break
      if (denial.return < end && denial.call > (latest?.call ?? -Infinity)) latest = denial
    }
  }
  return latest
}

function later(a: Bound, b: Bound): Bound {
  return b.at > a.at ? b : a
}

/** A holding was known before it can have begun: the first bound beyond that is to blame. */
function tooEarly(holding: Holding, proof: LockOperation, bound: Bound, terms: Terms): Conflict {
  let cause = bound
  while (cause.start !== null && cause.start.at > proof.return) cause = cause.start
  const told = `${tell(holding, proof)} at ${terms.say(proof.return)}`
  const at = terms.say(cause.at)
  const { type, holding: other, operation } = cause
  const operations = operation === null ? [proof] : [operation, proof]
  if (other === null || other === holding) {
    const message = `${told}, before anybody can have been granted that token, at ${at}`
    return conflict(message, ...operations)
  }
  const name = holderName(other)
  const why =
    type === 'held'
      ? ` while ${name} held it with token ${other.token} until at least ${at}`
      : `, before ${name} can have been granted the lower token ${other.token}, at ${at}`
  return conflict(`${told}${why}`, ...operations)
}

/** A holding was still known to somebody who asked after its release had been answered. */
function afterRelease(
  holding: Holding,
  release: LockOperation,
  { operation }: Bound,
  terms: Terms
): Conflict {
  const proof = operation ?? release
  const freed = `${holderName(holding)} had released it at ${terms.say(release.return)}`
  const asked = `asked at ${terms.say(proof.call)}`
  return conflict(`${tell(holding, proof)}, ${asked}, though ${freed}`, release, proof)
}

/** Somebody was told that a holding was not there while it certainly was. */
function denied(
  holding: Holding,
  proof: LockOperation,
  denial: LockOperation,
  end: Bound,
  terms: Terms
): Conflict {
  const { key, token } = holding
  const { input } = denial
  const who = input.type === 'status' ? `process ${denial.process}` : input.owner
  const told = input.type === 'status' ? `that ${key} is free` : `that it does not hold ${key}`
  const held = `${holderName(holding)} held it with token ${token}`
  const message =
    `${who} was told ${told} at ${terms.say(denial.return)} while ${held} ` +
    `from ${terms.say(proof.return)} until at least ${terms.say(end.at)}`
  return conflict(message, proof, denial, ...(end.operation === null ? [] : [end.operation]))
}

/** Says what an answer tells of a holding, as the beginning of a sentence. */
function tell({ key, token }: Holding, proof: LockOperation): string {
  const { input } = proof
  if (input.type === 'status') {
    return `process ${proof.process} was told that ${key} is held with token ${token}`
  }
  switch (outputOf(proof).type) {
    case 'granted':
      return `${input.owner} was granted ${key} with token ${token}`
    case 'held':
      return `${input.owner} was told that ${key} is held with token ${token}`
    case 'renewed':
      return `${input.owner} renewed ${key} with token ${token}`
    default:
      return `${input.owner} released ${key} with token ${token}`
  }
}
