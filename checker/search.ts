// The search for one order of one part of a history (Wing, Gong 1993; Lowe 2016): depth first over
// configurations, each visited once. A configuration is the set of operations placed and the state
// they lead to; the set is kept as the first answered operation not placed, a window of bits behind
// it, and bits for the unanswered ones, so that its size follows the concurrency, not the length.

import type { Operation } from './history.ts'
import type { Model } from './model.ts'
import type { Proved } from './verdict.ts'

/** How a search ended. `steps` counts the calls of the model's step. */
export type SearchResult<Input, Output> =
  | {
      readonly type: 'ordered'
      readonly steps: number
      readonly order: readonly Operation<Input, Output>[]
    }
  | {
      readonly type: 'stuck'
      readonly steps: number
      /** The longest order found, the state it ends in, and what should have come next. */
      readonly longest: readonly Operation<Input, Output>[]
      readonly state: string
      readonly next: readonly Operation<Input, Output>[]
    }
  | {
      readonly type: 'limit'
      readonly steps: number
      /** How many answers are explained, and all up to when, if the search goes by the clock. */
      readonly proved?: Proved
    }

/** How far a search may go. */
export interface Bounds {
  /** Steps of the model, or of the search where the model need not be asked. */
  readonly stepsMax: number
  /** Asked now and then; true: give up. */
  readonly isOver?: () => boolean
}

/** A configuration, linked to the one it was reached from. */
interface Node<State, Input, Output> {
  readonly parent: Node<State, Input, Output> | null
  readonly operation: Operation<Input, Output> | null
  readonly state: State
  /** Answered operations before this position are placed. */
  readonly first: number
  /** Bit i: the answered operation at `first + i` is placed. Bit 0 is clear. */
  readonly window: bigint
  /** Bit i: the unanswered operation i is placed. */
  readonly optional: bigint
  readonly placedCount: number
}

/** How often it is asked whether time is over. */
const VISITS_PER_LOOK = 1_024

/** A Map of V8 holds 2^24 entries. */
const configurationsMax = 16_000_000

/** Looks for an order of `part` that `model` accepts, within bounds. */
export function search<State, Input, Output>(
  model: Model<State, Input, Output>,
  part: readonly Operation<Input, Output>[],
  { stepsMax, isOver }: Bounds
): SearchResult<Input, Output> {
  const byCall = [...part].sort((a, b) => a.call - b.call)
  const answered = byCall.filter(operation => operation.outcome === 'ok')
  const unanswered = byCall.filter(operation => operation.outcome === 'info')
  const visited = new Map<string, State[]>()
  const root: Node<State, Input, Output> = {
    parent: null,
    operation: null,
    state: model.init(),
    first: 0,
    window: 0n,
    optional: 0n,
    placedCount: 0
  }
  const stack = [root]
  let best = root
  let steps = 0
  let visitedCount = 0
  let visits = 0
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (node.first === answered.length) return { type: 'ordered', steps, order: orderOf(node) }
    if (node.placedCount > best.placedCount) best = node
    if (++visits % VISITS_PER_LOOK === 0 && isOver?.() === true) return { type: 'limit', steps }
    const { required, horizon } = frontier(answered, node)
    const children: Node<State, Input, Output>[] = []
    for (let at = 0; at < unanswered.length; at++) {
      const operation = unanswered[at] as Operation<Input, Output>
      if (operation.call > horizon) break
      if ((node.optional >> BigInt(at)) & 1n) continue
      if (++steps > stepsMax) return { type: 'limit', steps }
      const state = model.step(node.state, operation.input, undefined)
      if (state === null || model.equal(state, node.state)) continue
      const optional = node.optional | (1n << BigInt(at))
      children.push({ ...node, parent: node, operation, state, optional })
    }
    for (const at of required) {
      const operation = answered[at] as Operation<Input, Output>
      if (++steps > stepsMax) return { type: 'limit', steps }
      const state = model.step(node.state, operation.input, operation.output)
      if (state !== null) children.push(placeAnswered(node, operation, at, state))
    }
    for (const child of mostPromisingLast(model, node, children)) {
      if (!visit(model, visited, child)) continue
      if (++visitedCount > configurationsMax) return { type: 'limit', steps }
      stack.push(child)
    }
  }
  const next = frontier(answered, best).required.map(at => answered[at] as (typeof answered)[0])
  next.sort((a, b) => a.return - b.return)
  const state = model.describeState(best.state)
  return { type: 'stuck', steps, longest: orderOf(best), state, next }
}

/** The answered operations that may come next: those called before any other one returned. */
function frontier<State, Input, Output>(
  answered: readonly Operation<Input, Output>[],
  { first, window }: Node<State, Input, Output>
): { required: number[]; horizon: number } {
  const required: number[] = []
  let horizon = Infinity
  let bits = window
  for (let at = first; at < answered.length; at++, bits >>= 1n) {
    const operation = answered[at] as Operation<Input, Output>
    if (operation.call > horizon) break
    if (bits & 1n) continue
    required.push(at)
    horizon = Math.min(horizon, operation.return)
  }
  return { required, horizon }
}

function placeAnswered<State, Input, Output>(
  node: Node<State, Input, Output>,
  operation: Operation<Input, Output>,
  at: number,
  state: State
): Node<State, Input, Output> {
  let first = node.first
  let window = node.window | (1n << BigInt(at - first))
  while (window & 1n) {
    window >>= 1n
    first += 1
  }
  const placedCount = node.placedCount + 1
  return { ...node, parent: node, operation, state, first, window, placedCount }
}

/**
 * Sorts the children for a stack: what leaves the state as it is will be tried first, then what
 * returned first; unanswered operations last.
 */
function mostPromisingLast<State, Input, Output>(
  model: Model<State, Input, Output>,
  node: Node<State, Input, Output>,
  children: Node<State, Input, Output>[]
): Node<State, Input, Output>[] {
  const rank = ({ state, operation }: Node<State, Input, Output>): number => {
    if (operation?.outcome === 'info') return Infinity
    return model.equal(state, node.state) ? -Infinity : (operation?.return ?? 0)
  }
  const ranked = children.map(child => ({ child, rank: rank(child) }))
  ranked.sort((a, b) => (a.rank === b.rank ? 0 : b.rank - a.rank))
  return ranked.map(({ child }) => child)
}

/** Notes a configuration; false when it was visited before. */
function visit<State, Input, Output>(
  model: Model<State, Input, Output>,
  visited: Map<string, State[]>,
  { first, window, optional, state }: Node<State, Input, Output>
): boolean {
  const hash = model.hash?.(state) ?? ''
  const name = `${first}|${window.toString(36)}|${optional.toString(36)}|${hash}`
  const states = visited.get(name)
  if (states === undefined) {
    visited.set(name, [state])
    return true
  }
  if (states.some(other => model.equal(other, state))) return false
  states.push(state)
  return true
}

function orderOf<State, Input, Output>(
  node: Node<State, Input, Output>
): Operation<Input, Output>[] {
  const order: Operation<Input, Output>[] = []
  for (let at: typeof node | null = node; at !== null; at = at.parent) {
    if (at.operation !== null) order.push(at.operation)
  }
  return order.reverse()
}
