// Judges a history against any sequential model: is there one order of its operations that keeps
// real time and explains every answer? Exact, and exponential at worst; limits are counted in
// steps, never in time, so that a verdict is the same on every machine.

import { describeAll, describeOperation } from './describe.ts'
import { malformedReason, type Operation } from './history.ts'
import { searchJustInTime } from './just-in-time.ts'
import type { Judged, Model } from './model.ts'
import { Numbered } from './numbered.ts'
import { orderBy } from './order-by.ts'
import { findOutOfReach } from './out-of-reach.ts'
import { search, type Bounds, type SearchResult } from './search.ts'
import type { Proved, Verdict } from './verdict.ts'

/** Bounds of a search. */
export interface Limits {
  /** Steps of the search over all parts of the history; beyond it the verdict is unknown. */
  readonly steps?: number
  /** Asked now and then; true: give up, and the verdict is unknown. */
  readonly isOver?: () => boolean
}

/** Steps of a search when no limit is given: some seconds. */
export const stepsDefault = 5_000_000

/** A turn of one of the searches. */
interface Turn {
  readonly isDepthFirst?: boolean
  /** Of a search by events; undefined: all configurations are kept, so that it can refute. */
  readonly width?: number
  /** Whether it takes the first so many, promising or not. */
  readonly isHasty?: boolean
  /** For each operation. */
  readonly steps: number
}

/**
 * The searches take turns. By events it is fast for most: in haste where there are many orders,
 * then with nothing left out. A narrow one finds an order where a hasty one was too hasty; depth
 * first may find one where a return explains little. Then all of them once more.
 */
const EASY_TURNS: readonly Turn[] = [
  { width: 3, isHasty: true, steps: 12 },
  { steps: 100 },
  { isDepthFirst: true, steps: 12 },
]
const HARD_TURNS: readonly Turn[] = [
  { width: 16, steps: 400 },
  { isDepthFirst: true, steps: 100 },
  { width: 64, steps: 1_000 },
  { steps: 2_000 },
  { width: 256, steps: 10_000 },
  { steps: 10_000 },
  { isDepthFirst: true, steps: 5_000 },
  { steps: Infinity },
]

/** The states that so many steps have found would only weigh on the next search. */
const stepsShared = 100_000

/** Of fewer operations haste saves nothing. */
const hastyMin = 32

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
  const orders: Ordered<Input, Output>[] = []
  const unjudged: (readonly Operation<Input, Output>[])[] = []
  // What is judged without a search comes first: any part may refute all.
  for (const part of parts) {
    const judged = model.judge?.(part) ?? null
    if (judged?.type === 'conflict') return { verdict: 'violation', checked, ...say(model, judged) }
    if (judged === null) unjudged.push(part)
    else orders.push(judged)
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
    if (result.type === 'conflict') return { verdict: 'violation', checked, ...say(model, result) }
    if (result.type === 'ordered') orders.push(result)
  }
  const [first] = unproved
  if (first !== undefined) {
    const reason = whyUnknown(first.part, first.result, stepsMax)
    const { proved } = first.result
    const isSome = proved !== undefined && proved.answers > 0
    return { verdict: 'unknown', checked, reason, ...(isSome ? { proved } : {}) }
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

/** What comes of one part of a history. */
export type Decided<Input, Output> =
  | SearchResult<Input, Output>
  | (Judged<Input, Output> & { readonly steps: number })

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
): PartResult<Input, Output> {
  let stepsLeft = bounds.stepsMax
  let proved: Proved = { answers: 0, until: -Infinity }
  let numbered = new Numbered(model, part)
  for (const turn of [...EASY_TURNS, ...HARD_TURNS]) {
    const { isDepthFirst = false, steps, ...narrowed } = turn
    if (turn === HARD_TURNS[0]) {
      // Not an easy one: is it a plain case?
      const conflict = findOutOfReach(model, part)
      if (conflict !== null) return { ...conflict, steps: bounds.stepsMax - stepsLeft }
    }
    if (isDepthFirst && model.steps !== undefined) continue
    if (turn.isHasty === true && part.length < hastyMin) continue
    const stepsMax = Math.min(stepsLeft, steps * part.length + 50)
    const own = { ...bounds, ...narrowed, stepsMax }
    const result = isDepthFirst ? search(model, part, own) : searchJustInTime(numbered, own)
    stepsLeft -= Math.min(result.steps, stepsMax)
    if (result.type !== 'limit') return { ...result, steps: bounds.stepsMax - stepsLeft }
    if (result.steps > stepsShared) numbered = new Numbered(model, part)
    if (result.proved !== undefined && result.proved.answers > proved.answers) {
      proved = result.proved
    }
    if (stepsLeft === 0 || bounds.isOver?.() === true) break
  }
  // One more step would have been one too many.
  const steps = bounds.stepsMax - stepsLeft + (stepsLeft === 0 ? 1 : 0)
  return { type: 'limit', steps, proved }
}

type PartResult<Input, Output> =
  | SearchResult<Input, Output>
  | (Judged<Input, Output> & { readonly type: 'conflict'; readonly steps: number })

function whyUnknown<Input, Output>(
  part: readonly Operation<Input, Output>[],
  { steps, proved }: SearchResult<Input, Output> & { readonly type: 'limit' },
  stepsMax: number
): string {
  const why = steps > stepsMax ? `no answer within ${stepsMax} steps` : 'given up'
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

type Ordered<Input, Output> = Judged<Input, Output> & { readonly type: 'ordered' }

/** One order of all parts: each operation stands at the earliest instant its part allows. */
function mergeOrders<Input, Output>(
  orders: readonly Ordered<Input, Output>[]
): readonly Operation<Input, Output>[] {
  const [only] = orders
  if (orders.length === 1 && only !== undefined) return only.order
  const count = orders.reduce((sum, { order }) => sum + order.length, 0)
  const operations = new Array<Operation<Input, Output>>(count)
  const instants = new Float64Array(count)
  let next = 0
  for (const { order, calls } of orders) {
    let at = -Infinity
    for (let place = 0; place < order.length; place++) {
      const operation = order[place] as Operation<Input, Output>
      const call = calls === undefined ? operation.call : (calls[place] as number)
      if (call > at) at = call
      operations[next] = operation
      instants[next++] = at
    }
  }
  const merged = new Array<Operation<Input, Output>>(count)
  const places = orderBy(instants)
  for (let at = 0; at < count; at++) {
    merged[at] = operations[places[at] as number] as Operation<Input, Output>
  }
  return merged
}
