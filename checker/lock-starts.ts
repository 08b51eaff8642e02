// Where each holding can have begun at the earliest: at the call of the acquire that caused it.
// That is an answered grant of count 1 where one was called in time; else an acquire whose token
// nobody was told must have caused it, and each of those causes one holding at most.

import {
  conflict,
  ownerOf,
  type Conflict,
  type Evidence,
  type Holding
} from './lock-evidence.ts'
import { describeLock, type LockOperation } from './lock-history.ts'
import { allStarts, canOutlast, firstAnswer, possibleStarts } from './lock-owners.ts'

/** How a holding can have begun. */
export interface Start {
  /** The acquire whose call bounds the start. */
  readonly cause: LockOperation
  /** Whether the cause told nobody the token: no answered grant can be it. */
  readonly isUntold: boolean
  /** How many acquires that told nobody have begun a holding of this owner up to this one. */
  readonly untoldCount: number
}

/**
 * Returns the earliest start of each holding, or the first holding that nothing can have begun.
 * Unanswered acquires go to the holdings that want one in the order of both, which gives each the
 * earliest it can have.
 */
export function earliestStarts(evidence: Evidence): Start[] | Conflict {
  const starts: Start[] = []
  const all = allStarts(evidence)
  const untold = new Map<string, number>()
  for (const holding of evidence.holdings) {
    const { owner } = holding
    const own = owner === null ? [] : ownerOf(evidence.owners, owner).starts
    const used = owner === null ? 0 : (untold.get(owner) ?? 0)
    const grant = firstGrant(holding)
    if (grant !== undefined && grant.call <= firstAnswer(holding).return) {
      const [early] = own
      const cause = early !== undefined && early.call < grant.call ? early : grant
      starts.push({ cause, isUntold: false, untoldCount: used })
      continue
    }
    const start = owner === null ? possibleStarts(holding, all)[0] : unusedStart(holding, own, used)
    const cause = start ?? grant
    if (cause === undefined) return neverGranted(holding)
    if (owner !== null) untold.set(owner, used + 1)
    starts.push({ cause, isUntold: true, untoldCount: used + 1 })
  }
  return starts
}

/**
 * The acquire of the owner that the next holding wants, after `used` were. Those answered `expired`
 * bound their holding from both sides, so order does not decide among them: they count for all.
 */
function unusedStart(
  holding: Holding,
  own: readonly LockOperation[],
  used: number
): LockOperation | undefined {
  if (own.every(({ outcome }) => outcome === 'info')) return own[used]
  return used < own.length ? own.find(start => canOutlast(start, holding)) : undefined
}

/** The earliest called among the grants that can have begun the holding. */
function firstGrant({ grants }: Holding): LockOperation | undefined {
  const first = grants.filter(({ output }) => output?.type === 'granted' && output.count === 1)
  return first.reduce<LockOperation | undefined>((a, b) => {
    return a === undefined || b.call < a.call ? b : a
  }, undefined)
}

function neverGranted(holding: Holding): Conflict {
  const { key, token } = holding
  const proof = firstAnswer(holding)
  const message =
    `${describeLock(proof.input, proof.output)}, but no acquire ` +
    `${holding.owner === null ? '' : `by ${holding.owner} `}can have been granted ${key} ` +
    `with token ${token}`
  return conflict(message, proof)
}
