// A mutex that serves its waiters in the order of their requests, or nearly.
//
// A history does not show when a request reached the service, but it shows when it was called. So
// fairness is: while an acquire waits, at most `bound` acquires that were called after it are
// granted before it. With bound 0 the grants come in the order of the calls, which a service keeps
// only if no message overtakes another; the bound is what such overtaking may cost. An acquire
// that was never granted (unanswered, failed) may never have arrived, and was not overtaken.
//
// This needs no more state than the `bound + 1` latest calls among the acquires granted so far: an
// acquire is overtaken by more than `bound` exactly when all of those were called after it.

import type { Asked } from '../event.ts'
import { askLock, describePlainLock, isRefused, plainHoldings } from './lock-words.ts'
import { tellLock, turns } from './lock-words.ts'
import type { PlainLockInput, PlainLockOutput } from './lock-words.ts'
import { partitionByKey, type NamedModel } from './named-model.ts'

/** What a fair lock is asked, and the position of its call among those of the history. */
export interface FifoLockInput extends PlainLockInput {
  readonly position: number
}

/** Who holds the lock (empty: nobody), and the latest calls among the acquires granted. */
export interface FifoLockState {
  readonly owner: string
  /** At most bound + 1, the latest first. */
  readonly latest: readonly number[]
}

/** How unfair a lock may be. */
export interface FifoLockOptions {
  /** Acquires called later that may be granted earlier, for each one; 0 when not given. */
  readonly bound?: number
}

const unheld: FifoLockState = { owner: '', latest: [] }

/** A mutex that only its holder may release, in which no waiter is overtaken too often. */
export function fifoLock(
  { bound = 0 }: FifoLockOptions = {}
): NamedModel<FifoLockState, FifoLockInput, PlainLockOutput> {
  return {
    name: 'fifo-lock',
    init: () => unheld,
    step: (state, input, output) => step(state, input, output, bound),
    isObserver: isRefused,
    equal: (a, b) => hash(a) === hash(b),
    hash,
    partition: partitionByKey,
    units: turns,
    holdings: (part) => plainHoldings(part),
    describe: describePlainLock,
    describeState: ({ owner }) => (owner === '' ? 'free' : `held by ${owner}`),
    ask: (asked: Asked, call?: number) => {
      const input = askLock(asked)
      const { position = call } = asked
      return input === null || position === undefined ? null : { ...input, position }
    },
    tell: tellLock
  }
}

function step(
  state: FifoLockState,
  { type, owner, position }: FifoLockInput,
  output: PlainLockOutput | undefined,
  bound: number
): FifoLockState | null {
  const isPossible = state.owner === (type === 'acquire' ? '' : owner)
  if (output === false) return isPossible ? null : state
  if (!isPossible) return null
  const { latest } = state
  if (type === 'release') return { owner: '', latest }
  const overtakenBy = latest.filter((call) => call > position).length
  if (overtakenBy > bound) return null
  const calls = [...latest, position].sort((a, b) => b - a)
  return { owner, latest: calls.slice(0, bound + 1) }
}

function hash({ owner, latest }: FifoLockState): string {
  return `${latest.join()} ${owner}`
}
