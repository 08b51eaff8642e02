// Judges a history of a lock service with fencing tokens, leases and levels in near-linear time:
// one sweep per key, since the tokens give the order of the holdings (see lock-sweep for why).
//
// It never refuses a legal history. Where only a search could tell, it gives the benefit of the
// doubt: which of an owner's several untold acquires or releases without token did what, whether
// one unanswered operation is made to serve twice, levels when more than eight answers overlap.
// The history must hold every operation on a key from a time when it was free, and each request
// once, whatever was sent again under its request id. Forced releases have no word in it.

import { malformedReason } from './history.ts'
import { gather, type Conflict } from './lock-evidence.ts'
import { byKey, type LockInput, type LockOperation, type LockOutput } from './lock-history.ts'
import type { Operation } from './history.ts'
import { findLevelConflict } from './lock-levels.ts'
import { settleOwners } from './lock-owners.ts'
import { findRoomless } from './lock-room.ts'
import { earliestStarts } from './lock-starts.ts'
import { sweep, type Terms } from './lock-sweep.ts'
import type { Verdict } from './verdict.ts'

/** What the service that made the history promises about time. */
export interface LockTiming {
  /** Units of the history's instants per millisecond: 1000 for microseconds. */
  readonly unitsPerMs: number
  /** Bound on a clock's rate error, in parts per million; a lease may run 2 of it short. */
  readonly epsilonPpm: number
  /** Granularity of the service's clock, by which a lease may run short as well. */
  readonly slackMs: number
}

/**
 * Decides whether the lock service kept its word: one holder per key at a time, tokens that grow
 * from holding to holding, no expiry before TTL * (1 - 2 epsilon) - slack, levels, true answers.
 * A violation is certain; an ok is not a proof in the doubtful cases named above. Keys are judged
 * one by one; tokens of different keys are not compared, since one log entry may grant several.
 */
export function checkLocks(
  history: readonly Operation<LockInput, LockOutput>[],
  options: LockTiming
): Verdict {
  const checked = history.length
  const reason = malformedReason(history) ?? answerlessReason(history)
  if (reason !== null) return { verdict: 'unknown', checked, reason }
  const terms = termsOf(options)
  for (const [key, operations] of byKey(history)) {
    const found = checkKey(key, operations, terms)
    if (found === null) continue
    return { verdict: 'violation', checked, message: found.message, operations: found.operations }
  }
  return { verdict: 'ok', checked }
}

function checkKey(
  key: string,
  operations: readonly LockOperation[],
  terms: Terms
): Conflict | null {
  const evidence = gather(key, operations)
  if (evidence.type === 'conflict') return evidence
  const unsettled = settleOwners(evidence)
  if (unsettled !== null) return unsettled
  const starts = earliestStarts(evidence)
  if ('type' in starts) return starts
  const ends = sweep(evidence, starts, terms)
  if ('type' in ends) return ends
  return findRoomless(evidence, ends, terms) ?? findLevelConflict(evidence, starts)
}

function answerlessReason(history: readonly LockOperation[]): string | null {
  const bad = history.find(({ outcome, output }) => outcome === 'ok' && output === undefined)
  return bad === undefined ? null : `process ${bad.process} has an ok operation without output`
}

function termsOf({ unitsPerMs, epsilonPpm, slackMs }: LockTiming): Terms {
  const shortfallPpm = 2 * epsilonPpm
  return {
    leaseMin: ttlMs => {
      const shortest = (ttlMs * unitsPerMs * (1_000_000 - shortfallPpm)) / 1_000_000
      return Math.floor(shortest) - slackMs * unitsPerMs
    },
    say: at => {
      const isWhole = Number.isInteger(at / unitsPerMs)
      return `${(at / unitsPerMs / 1000).toFixed(isWhole ? 3 : 6)} s`
    }
  }
}
