// Settles what the evidence leaves open about owners: who holds a token that nobody was granted by
// name, and which holding a release without token meant. Where several readings are possible the
// weakest is taken, so that no legal history is refused.

import { hasOverlap, indexEffects } from './lock-effects.ts'
import {
  conflict,
  outputOf,
  proveRelease,
  type Conflict,
  type Evidence,
  type Holding,
  type OwnerEvidence
} from './lock-evidence.ts'
import type { LockOperation } from './lock-history.ts'

/** Earliest return among the proofs of a holding: it has begun by then. */
export function firstAnswer({ proofs }: Holding): LockOperation {
  return proofs.reduce((a, b) => (b.return < a.return ? b : a))
}

/** Latest call among the proofs of a holding: it has not ended before. */
export function lastAsked({ proofs }: Holding): LockOperation {
  return proofs.reduce((a, b) => (b.call > a.call ? b : a))
}

/**
 * Acquires that may have begun `holding`, whose owner is not known, by call: those up to the first
 * that shows that the owner remains open.
 */
export function possibleStarts(
  holding: Holding,
  all: readonly LockOperation[]
): readonly LockOperation[] {
  const others = new Set(holding.proofs.flatMap(tryingOwner))
  const until = firstAnswer(holding).return
  const starts: LockOperation[] = []
  const owners = new Set<string>()
  for (const start of all) {
    if (start.call > until || owners.size > 1) break
    const owner = ownerName(start)
    if (others.has(owner) || !canOutlast(start, holding)) continue
    owners.add(owner)
    starts.push(start)
  }
  return starts
}

/** An acquire answered `expired` was over by then: it began nothing that was asked of later. */
export function canOutlast(start: LockOperation, holding: Holding): boolean {
  return start.outcome === 'info' || start.return >= lastAsked(holding).call
}

function ownerName({ input }: LockOperation): string {
  return input.type === 'status' ? '' : input.owner
}

/** Who was refused by a try that met the holding, so is not its owner; nobody for other proofs. */
function tryingOwner(proof: LockOperation): string[] {
  return outputOf(proof).type === 'held' ? [ownerName(proof)] : []
}

/** The acquires of all owners that may have been granted a token nobody was told; by call. */
export function allStarts({ owners }: Evidence): LockOperation[] {
  return [...owners.values()].flatMap(own => own.starts).sort((a, b) => a.call - b.call)
}

/** Settles the owners, or finds the answer that no owner could have been given. */
export function settleOwners(evidence: Evidence): Conflict | null {
  nameOwners(evidence)
  return findHeldByItself(evidence) ?? assignUntokened(evidence)
}

/** A holding known from failed tries alone is its only possible starter's, if there is one. */
function nameOwners(evidence: Evidence): void {
  const starts = allStarts(evidence)
  for (const holding of evidence.holdings) {
    if (holding.owner !== null) continue
    const owners = new Set(possibleStarts(holding, starts).map(ownerName))
    if (owners.size === 1) holding.owner = [...owners][0] as string
  }
}

function findHeldByItself({ key, holdings }: Evidence): Conflict | null {
  for (const holding of holdings) {
    const denied = holding.proofs.find(proof => tryingOwner(proof)[0] === holding.owner)
    if (denied === undefined || holding.owner === null) continue
    const { token, owner } = holding
    const message = `${owner} was told that ${key} is held, by its own token ${token}`
    const [grant] = holding.grants
    return grant === undefined ? conflict(message, denied) : conflict(message, grant, denied)
  }
  return null
}

/** A release without token is the one holding's of its owner that it can have met, if just one. */
function assignUntokened(evidence: Evidence): Conflict | null {
  const windows = windowsByOwner(evidence)
  for (const [owner, own] of evidence.owners) {
    if (own.untokened.length === 0) continue
    const untold = indexEffects(own.starts)
    for (const release of own.untokened) {
      const met = windowsMet(windows.get(owner) ?? [], release)
      const [only] = met
      const isSure = !hasOverlap(untold, release)
      if (only === undefined && isSure) {
        const message = `${owner} was told that it released ${evidence.key}, which it did not hold`
        return conflict(message, release)
      }
      if (only === undefined || met.length > 1 || !isSure) noteDoubtful(own, release)
      else {
        const found = proveRelease(only.holding, release)
        if (found !== null) return found
      }
    }
  }
  return null
}

/** Where a holding can lie at most; both bounds never fall from a holding to the next. */
interface Window {
  readonly holding: Holding
  readonly startMin: number
  readonly endMax: number
}

function windowsByOwner({ holdings, owners }: Evidence): Map<string, Window[]> {
  const endsMax: number[] = []
  let endMax = Infinity
  for (const holding of holdings.toReversed()) {
    endsMax.push(endMax)
    endMax = Math.min(endMax, firstAnswer(holding).return)
  }
  const windows = new Map<string, Window[]>()
  let startMin = -Infinity
  let lastCall = -Infinity
  for (const [index, holding] of holdings.entries()) {
    startMin = Math.max(startMin, lastCall)
    lastCall = lastAsked(holding).call
    if (holding.owner === null) continue
    const begun = [...holding.grants, ...(owners.get(holding.owner)?.starts.slice(0, 1) ?? [])]
    const first = begun.reduce((least, { call }) => Math.min(least, call), Infinity)
    if (first < Infinity) startMin = Math.max(startMin, first)
    const window = { holding, startMin, endMax: endsMax[holdings.length - 1 - index] as number }
    const own = windows.get(holding.owner)
    if (own === undefined) windows.set(holding.owner, [window])
    else own.push(window)
  }
  return windows
}

function windowsMet(windows: readonly Window[], release: LockOperation): Window[] {
  let low = 0
  let high = windows.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((windows[middle] as Window).endMax < release.call) low = middle + 1
    else high = middle
  }
  const met: Window[] = []
  for (let at = low; at < windows.length; at++) {
    const window = windows[at] as Window
    if (window.startMin > release.return) break
    if (canMeet(window.holding, release)) met.push(window)
  }
  return met
}

function canMeet(holding: Holding, release: LockOperation): boolean {
  const output = outputOf(release)
  const frees = output.type === 'released' && output.count === 0
  if (!frees) return holding.end === null || holding.end.return >= release.call
  return holding.end === null && lastAsked(holding).call <= release.return
}

/** A release that may or may not have met a holding is as good as an unanswered one. */
function noteDoubtful({ unansweredReleases }: OwnerEvidence, release: LockOperation): void {
  const list = unansweredReleases.get(null)
  if (list === undefined) unansweredReleases.set(null, [release])
  else list.push(release)
}
