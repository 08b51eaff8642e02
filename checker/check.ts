// Judges a history against a model, and makes what it finds small.

import { describeAll } from './describe.ts'
import type { Operation } from './history.ts'
import { linearize, type Limits } from './linearize.ts'
import { minimise } from './minimise.ts'
import type { Model } from './model.ts'
import { twoHolders } from './two-holders.ts'
import type { Verdict } from './verdict.ts'

/** A verdict, and what it is about. */
export type CheckResult<State = unknown, Input = unknown, Output = unknown> = Verdict & {
  readonly model: Model<State, Input, Output>
  readonly history: readonly Operation<Input, Output>[]
}

/**
 * Decides whether a history is linearizable with respect to a model. `ok` comes with an order that
 * explains it; a violation with operations, as few as are found within the limits, that nothing
 * explains whatever else the history holds. `verify` checks either.
 */
export function check<State, Input, Output>(
  history: readonly Operation<Input, Output>[],
  model: Model<State, Input, Output>,
  limits: Limits = {},
): CheckResult<State, Input, Output> {
  return minimised({ ...linearize(model, history, limits), model, history }, limits)
}

/** Beyond that a proof is nothing to look at; within the limits there was no smaller one. */
const SHOWN_MAX = 1_000

/** A result whose violation is made small. */
export function minimised<State, Input, Output>(
  result: CheckResult<State, Input, Output>,
  limits: Limits = {},
): CheckResult<State, Input, Output> {
  if (result.verdict !== 'violation') return result
  const { model, history } = result
  const found = result.operations as typeof history
  const { operations, span } = minimise(model, history, found, limits)
  if (operations.length > SHOWN_MAX) return result
  const all = new Set([...operations, ...found])
  const since = span.from === -Infinity ? '' : `, whatever was there at ${span.from}`
  const message =
    twoHolders(model, history, operations) ??
    (operations.length === all.size
      ? result.message
      : `no order explains these${since}: ${describeAll(model, operations)}`)
  return { ...result, operations, span, message }
}
