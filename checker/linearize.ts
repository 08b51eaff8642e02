// Judges a history against any sequential model: is there one order of its operations that keeps
// real time and explains every answer? Exact, and exponential at worst; limits are counted in
// steps, never in time, so that a verdict is the same on every machine.

import { describeAll, describeOperation } from './describe.ts'
import { malformedReason, type Operation } from './history.ts'
import { searchJustInTime } from './just-in-time.ts'
import type { Judged, Model } from './model.ts'
import { search, type Bounds, type SearchResult } from './search.ts'
import type { Verdict } from './verdict.ts'

/** Bounds of a search. */
export interface Limits {
  /** Steps of the search over all parts of the history; beyond it the verdict is unknown. */
  readonly steps?: number
  /** Asked now and then; true: give up, and the verdict is unknown. */
  readonly isOver?: () => boolean
}

/** Steps of a search when no limit is given: some seconds. */
export const stepsDefault = 5_000_000

/**
 * A depth-first search is the faster one where hardly any choice is wrong; breadth first is bounded
 * where none is right. So they take turns, each for longer than the turn before, in steps for each
 * operation.
 */
const TURNS = [2, 50, 100, 2_000, 5_000] as const

const operationsShownMax = 5

/**
 * Decides whether `history` is linearizable with respect to `model`. Operations that failed are
 * left out; unanswered ones may take effect at any time after their call, or never. Two operations
 * that touch at one instant count as concurrent.
 *
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
  const unjudged: (readonly Operation<Input, Output>[])[] = []
  // What is judged without a search comes first: any part may refute all.
  for (const part of parts) {
    const judged = model.judge?.(part) ?? null
    if (judged?.type === 'conflict') return { verdict: 'violation', checked, ...say(model, judged) }
    if (judged === null) unjudged.push(part)
    else orders.push(judged.order)
  }
  const unproved: Unproved<Input, Output>[] = []
  const stepsMax = limits.steps ?? stepsDefault
  let stepsLeft = stepsMax
  for (const [index, part] of unjudged.entries()) {
    const share = Math.floor(stepsLeft / (unjudged.length - index))
    const result = searchPart(model, part, { ...limits, stepsMax: share })
    stepsLeft -= Math.min(result.steps, share)
    if (result.type === 'stuck') return { verdict: 'violation', checked, ...explain(model, result) }
    if (result.type === 'limit') unproved.push({ part, result })
    else orders.push(result.order)
  }
  const [first] = unproved
  if (first !== undefined) {
    const reason = whyUnknown(first.part, first.result, stepsMax)
    const { proved } = first.result
    return { verdict: 'unknown', checked, reason, ...(proved === undefined ? {} : { proved }) }
  }
  return { verdict: 'ok', checked, order: mergeOrders(orders) }
}

function say<State, Input, Output>(
  model: Model<State, Input, Output>,
  { reason, operations }: Judged<Input, Output> & { readonly type: 'conflict' }
): { message: string; operations: readonly Operation[] } {
  return { message: `${reason}: ${describeAll(model, operations)}`, operations }
}

/** A part that could not be judged within the limits. */
interface Unproved<Input, Output> {
  readonly part: readonly Operation<Input, Output>[]
  readonly result: SearchResult<Input, Output> & { readonly type: 'limit' }
}

/** What comes of one part of a history; of a judgement without a search, no steps. */
export type Decided<Input, Output> =
  | SearchResult<Input, Output>
  | (Judged<Input, Output> & { readonly steps: 0 })

/** Decides one part of a history: without a search where the model can, else by searches. */
export function decide<State, Input, Output>(
  model: Model<State, Input, Output>,
  part: readonly Operation<Input, Output>[],
  bounds: Bounds
): Decided<Input, Output> {
  const judged = model.judge?.(part) ?? null
  return judged === null ? searchPart(model, part, bounds) : { ...judged, steps: 0 }
}

function searchPart<State, Input, Output>(
  model: Model<State, Input, Output>,
  part: readonly Operation<Input, Output>[],
  bounds: Bounds
): SearchResult<Input, Output> {
  const isDeterministic = model.steps === undefined
  let stepsLeft = bounds.stepsMax
  for (const [turn, share] of TURNS.entries()) {
    const stepsMax = Math.min(stepsLeft, share * part.length + 500)
    const isDepthFirst = turn % 2 === 0
    if (isDepthFirst && !isDeterministic) continue
    const one = isDepthFirst ? search : searchJustInTime
    const result = one(model, part, { ...bounds, stepsMax })
    stepsLeft -= Math.min(result.steps, stepsMax)
    if (result.type !== 'limit') return { ...result, steps: bounds.stepsMax - stepsLeft }
    if (stepsLeft === 0 || bounds.isOver?.() === true) break
  }
  const last = searchJustInTime(model, part, { ...bounds, stepsMax: stepsLeft })
  return { ...last, steps: bounds.stepsMax - stepsLeft + last.steps }
}

function whyUnknown<Input, Output>(
  part: readonly Operation<Input, Output>[],
  { steps, proved }: SearchResult<Input, Output> & { readonly type: 'limit' },
  stepsMax: number
): string {
  const why = steps > stepsMax ? `no answer within ${stepsMax} steps` : 'no answer in time'
  if (proved === undefined || proved.answers === 0) return why
  const { answers, until } = proved
  return `${why}: of ${part.length} operations the first ${answers} answers, to ${until}, are right`
}

function explain<State, Input, Output>(
  model: Model<State, Input, Output>,
  { longest, state, next }: SearchResult<Input, Output> & { type: 'stuck' }
): { message: string; operations: readonly Operation[] } {
  const [forced] = next
  const asked = forced === undefined ? 'what follows' : describeOperation(model, forced)
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
