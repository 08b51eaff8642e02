// A lock whose leases never end: for small histories without expiry, to cross-check the monitor of
// locks, and the rules that a lock with leases shares.

import {
  byKey,
  describeLock,
  unreachable,
  type LockInput,
  type LockOutput
} from '../lock-history.ts'
import { holdingsOf, type HoldingStep } from '../holdings.ts'
import type { LockOperation } from '../lock-history.ts'
import type { Model } from '../model.ts'

/** One key of a lock service. `token` null: granted, but no answer has named the token yet. */
export interface MutexState {
  readonly tokenMax: number
  readonly holder: {
    readonly owner: string
    readonly token: number | null
    readonly count: number
  } | null
}

/**
 * A lock with owners, levels and fencing tokens, whose holdings end by release alone. An
 * unanswered release lowers by one level; an answer `expired` says nothing here.
 */
export const leaseMutex: Model<MutexState, LockInput, LockOutput> = {
  name: 'lease mutex',
  init: () => ({ tokenMax: 0, holder: null }),
  step: (state, input, output) => {
    switch (input.type) {
      case 'acquire':
        return stepAcquire(state, input.owner, output)
      case 'release':
        return stepRelease(state, input.owner, input.token, output)
      case 'renew':
        return stepRenew(state, input.owner, input.token, output)
      case 'status':
        return stepStatus(state, output)
      default:
        return unreachable(input)
    }
  },
  equal: (a, b) =>
    a.tokenMax === b.tokenMax &&
    a.holder?.owner === b.holder?.owner &&
    a.holder?.token === b.holder?.token &&
    a.holder?.count === b.holder?.count,
  hash: ({ tokenMax, holder }) =>
    holder === null ? tokenMax : `${tokenMax} ${holder.token} ${holder.count} ${holder.owner}`,
  partition: history => [...byKey(history).values()],
  holdings: part => holdingsOf(part, { isReentrant: true, stepOf: stepOfHolding }),
  describe: describeLock,
  describeState: ({ holder }) => {
    if (holder === null) return 'free'
    return `held by ${holder.owner} with token ${holder.token ?? '?'}, count ${holder.count}`
  }
}

function stepOfHolding({ input, output }: LockOperation): HoldingStep | null {
  if (input.type === 'status') return null
  const step = { lock: input.key, owner: input.owner }
  switch (output?.type) {
    case undefined:
      return input.type === 'release' ? { type: 'give', ...step } : null
    case 'granted':
      return { type: 'take', ...step, label: `token ${output.token}`, level: output.count }
    case 'renewed':
      return { type: 'keep', ...step }
    case 'released':
      return { type: 'give', ...step, level: output.count }
    default:
      return null
  }
}

function stepAcquire(
  state: MutexState,
  owner: string,
  output: LockOutput | undefined
): MutexState | null {
  const { holder } = state
  const isOwn = holder?.owner === owner
  switch (output?.type) {
    case undefined:
      return holder === null || isOwn ? enter(state, owner) : null
    case 'granted': {
      if (holder !== null && !isOwn) return null
      const isRefresh = output.count === holder?.count
      const entered = isRefresh ? state : enter(state, owner)
      return entered.holder?.count === output.count ? withToken(entered, output.token) : null
    }
    case 'held':
      return isOwn ? null : withToken(state, output.token)
    case 'timeout':
    case 'expired':
    case 'rejected':
      return state
    default:
      return null
  }
}

function stepRelease(
  state: MutexState,
  owner: string,
  token: number | null,
  output: LockOutput | undefined
): MutexState | null {
  const own = ownedState(state, owner, token)
  const count = own?.holder?.count ?? 0
  if (output === undefined) return own === null ? null : lower(own, count - 1)
  if (output.type !== 'released') return stepRefused(state, owner, token, output)
  return own === null || output.count >= count ? null : lower(own, output.count)
}

function stepRenew(
  state: MutexState,
  owner: string,
  token: number | null,
  output: LockOutput | undefined
): MutexState | null {
  const own = ownedState(state, owner, token)
  if (output === undefined) return own
  if (output.type !== 'renewed') return stepRefused(state, owner, token, output)
  return own === null ? null : withToken(own, output.token)
}

function stepStatus(state: MutexState, output: LockOutput | undefined): MutexState | null {
  if (output === undefined || output.type === 'rejected') return state
  if (output.type !== 'status') return null
  if (!output.locked) return state.holder === null ? state : null
  return state.holder?.owner === output.owner ? withToken(state, output.token) : null
}

/** A release or renew that changed nothing: not possible for the holder, unless refused. */
function stepRefused(
  state: MutexState,
  owner: string,
  token: number | null,
  output: LockOutput
): MutexState | null {
  if (output.type === 'rejected') return state
  if (output.type !== 'notHolder' && output.type !== 'expired') return null
  const { holder } = state
  const isHolder = holder?.owner === owner && (token === null || token === holder.token)
  return isHolder ? null : state
}

function enter(state: MutexState, owner: string): MutexState {
  const { holder, tokenMax } = state
  const token = holder?.token ?? null
  return { tokenMax, holder: { owner, token, count: (holder?.count ?? 0) + 1 } }
}

function lower({ tokenMax, holder }: MutexState, count: number): MutexState {
  return { tokenMax, holder: holder === null || count === 0 ? null : { ...holder, count } }
}

/** The state when `owner` holds the key with `token` (null: with any), or null. */
function ownedState(state: MutexState, owner: string, token: number | null): MutexState | null {
  if (state.holder?.owner !== owner) return null
  return token === null ? state : withToken(state, token)
}

/** The state in which the holding's token is `token`: known to be, or learnt now. */
function withToken(state: MutexState, token: number): MutexState | null {
  const { holder, tokenMax } = state
  if (holder === null) return null
  if (holder.token === token) return state
  if (holder.token !== null || token <= tokenMax) return null
  return { tokenMax: token, holder: { ...holder, token } }
}
