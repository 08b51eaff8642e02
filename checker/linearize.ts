// Judges a history against any sequential model: is there one order of its operations that keeps
// real time and explains every answer? Exact, and exponential at worst; limits are counted in
// steps, never in time, so that a verdict is the same on every machine.

import { malformedReason, type Operation } from './history.ts'
import type { Model } from './model.ts'
import { search, type SearchResult } from './search.ts'
import type { Verdict } from './verdict.ts'

/** Bounds of a search. */
export interface Limits {
  /** Calls of the model's step over all parts of the history; beyond it the verdict is unknown. */
  readonly steps?: number
}

/** Steps of a search when no limit is given: some seconds. */
export const stepsDefault = 5_000_000

const operationsShownMax = 5

/**
 * Decides whether `history` is linearizable with respect to `model`. Operations that failed are
 * left out; unanswered ones may take effect at any time after their call, or never. Two operations
 * that touch at one instant count as concurrent.
 *
 * Ref: Wing, Gong 1993; Lowe 2016; Horn, Kroening 2015 (parts).
 */
export function linearize<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Operation<Input, Output>[],
  limits: Limits = {}
): Verdict {
  const checked = history.length
  const reason = malformedReason(history)
  if (reason !== null) return { verdict: 'unknown', checked, reason }
  const parts = model.partition?.(history) ?? [history]
  const orders: (readonly Operation<Input, Output>[])[] = []
  const stepsMax = limits.steps ?? stepsDefault
  let stepsLeft = stepsMax
  for (const [index, part] of parts.entries()) {
    const share = Math.floor(stepsLeft / (parts.length - index))
    const result = search(model, part, share)
    stepsLeft -= Math.min(result.steps, share)
    if (result.type === 'stuck') {
      return { verdict: 'violation', checked, ...explain(model, result) }
    }
    if (result.type === 'ordered') orders.push(result.order)
  }
  if (orders.length < parts.length) {
    return { verdict: 'unknown', checked, reason: `no answer within ${stepsMax} steps` }
  }
  return { verdict: 'ok', checked, order: mergeOrders(orders) }
}

function explain<State, Input, Output>(
  model: Model<State, Input, Output>,
  { longest, state, next }: SearchResult<Input, Output> & { type: 'stuck' }
): { message: string; operations: readonly Operation[] } {
  const say = (operation: Operation<Input, Output>): string => {
    const text = model.describe(operation.input, operation.output)
    return `${text} (process ${operation.process}, ${operation.call} to ${operation.return})`
  }
  const [forced] = next
  const asked = forced === undefined ? 'what follows' : say(forced)
  const last = longest.slice(-1)
  const message =
    `No order explains ${asked}: the longest one places ${longest.length} operations, ` +
    `ends in the state ${state}, and cannot go on`
  return { message, operations: [...last, ...next].slice(0, operationsShownMax) }
}

/** One order of all parts: each operation stands at the earliest instant its part allows. */
function mergeOrders<Input, Output>(
  orders: readonly (readonly Operation<Input, Output>[])[]
): readonly Operation<Input, Output>[] {
  const [only] = orders
  if (orders.length === 1 && only !== undefined) return only
  const placed = orders.flatMap(order => {
    let at = -Infinity
    return order.map(operation => {
      at = Math.max(at, operation.call)
      return { at, operation }
    })
  })
  return placed.sort((a, b) => a.at - b.at).map(({ operation }) => operation)
}
