// Checks the evidence of a verdict anew, and shares no search and no judgement with what found it.
// It trusts the model: its steps, and what it says of operations that an order can do without.

import type { Operation } from './history.ts'
import type { Model } from './model.ts'
import type { Span, Verdict } from './verdict.ts'

type Operations<Input, Output> = readonly Operation<Input, Output>[]

/** Why the evidence does not show the verdict, or null when it does. */
export function verify<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: Operations<Input, Output>,
  verdict: Verdict,
): string | null {
  if (verdict.verdict === 'unknown') return 'there is no verdict'
  if (verdict.verdict === 'ok') {
    const order = verdict.order as typeof history | undefined
    return order === undefined ? 'there is no order' : orderProblem(model, history, order)
  }
  const { operations, span } = verdict
  if (span === undefined) return 'the operations only show where'
  return coreProblem(model, history, operations as typeof history, span)
}

/** The order holds all that was answered, keeps real time, and the model explains each answer. */
function orderProblem<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: Operations<Input, Output>,
  order: Operations<Input, Output>,
): string | null {
  const left = new Set(history.filter(({ outcome }) => outcome !== 'fail'))
  let lastCall = -Infinity
  for (const one of order) {
    if (!left.delete(one)) return 'the order holds a stranger, or something twice'
    lastCall = Math.max(lastCall, one.call)
    if (endOf(one) < lastCall) return 'the order does not keep real time'
  }
  for (const one of left) {
    const tellsNothing = one.output === undefined && looks(model, one)
    if (one.outcome === 'ok' && !tellsNothing) return 'an answer is not in the order'
  }
  for (const part of model.partition?.(order) ?? [order]) {
    let states: readonly State[] = [model.init()]
    for (const one of part) {
      states = states.flatMap((state) => after(model, state, one))
      if (states.length === 0) return 'an answer is not explained'
    }
  }
  return null
}

/** The core is of one part, the rest of which can be left out, and no order explains it. */
function coreProblem<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: Operations<Input, Output>,
  operations: Operations<Input, Output>,
  { from, until }: Span,
): string | null {
  const parts = model.partition?.(history) ?? [history]
  const part = parts.find((one) => one.includes(operations[0] as (typeof one)[0])) ?? []
  const wanted = new Set(operations)
  const kept = new Set<Operation<Input, Output>>()
  let rest: Operation<Input, Output>[] = []
  for (const operation of part) {
    const seen = seenBetween(operation, from, until)
    if (seen === null || (seen.outcome === 'info' && looks(model, seen))) continue
    rest.push(seen)
    if (wanted.has(operation)) kept.add(seen)
  }
  if (kept.size !== wanted.size) return 'an operation is not of the part, or not of the time'
  while (rest.length > kept.size) {
    const units = rest.filter((one) => looks(model, one)).map((one) => [one])
    const groups = [...units, ...(model.units?.(rest) ?? [])]
    const gone = new Set(groups.filter((group) => !group.some((one) => kept.has(one))).flat())
    if (gone.size === 0) return 'something cannot be left out'
    rest = rest.filter((one) => !gone.has(one))
  }
  const starts = from === -Infinity ? [model.init()] : (model.any?.(rest) ?? [])
  if (starts.length === 0) return 'nobody knows the states at its beginning'
  const search = new Search(model, rest)
  if (starts.some((state) => search.explains(state))) return 'an order explains the operations'
  return search.isOver ? 'it takes too many steps to check' : null
}

/** What there is to explain of an operation; what may have happened or not has no answer. */
function seenBetween<Input, Output>(
  operation: Operation<Input, Output>,
  from: number,
  until: number,
): Operation<Input, Output> | null {
  const { process, input, call, outcome } = operation
  if (outcome === 'fail' || call > until || endOf(operation) < from) return null
  if (outcome === 'info' || (call >= from && endOf(operation) <= until)) return operation
  return { process, input, call, return: Infinity, outcome: 'info' }
}

function looks<State, Input, Output>(
  model: Model<State, Input, Output>,
  { input, output, outcome }: Operation<Input, Output>,
): boolean {
  return model.isObserver?.(input, outcome === 'ok' ? output : undefined) === true
}

function endOf({ outcome, return: answered }: Operation): number {
  return outcome === 'info' ? Infinity : answered
}

function after<State, Input, Output>(
  model: Model<State, Input, Output>,
  state: State,
  { input, output, outcome }: Operation<Input, Output>,
): readonly State[] {
  const told = outcome === 'ok' ? output : undefined
  if (model.steps !== undefined) return model.steps(state, input, told)
  return [model.step(state, input, told)].filter((next) => next !== null)
}

/** All orders, depth first; what was tried from one state with the same done is not tried again. */
class Search<State, Input, Output> {
  isOver = false
  readonly #tried = new Map<string, State[]>()
  readonly #model: Model<State, Input, Output>
  readonly #operations: Operations<Input, Output>
  #stepsLeft = 5_000_000

  constructor(model: Model<State, Input, Output>, rest: Operations<Input, Output>) {
    this.#model = model
    this.#operations = [...rest].sort((a, b) => a.call - b.call)
  }

  explains(state: State, done: bigint = 0n): boolean {
    const left = this.#operations.filter((_, at) => ((done >> BigInt(at)) & 1n) === 0n)
    const end = left.reduce((least, one) => Math.min(least, endOf(one)), Infinity)
    if (end === Infinity) return true
    const key = `${done} ${this.#model.hash?.(state) ?? ''}`
    const tried = this.#tried.get(key) ?? []
    if (tried.some((other) => this.#model.equal(other, state))) return false
    this.#tried.set(key, [...tried, state])
    return this.#operations.some((one, at) => {
      const bit = 1n << BigInt(at)
      if ((done & bit) !== 0n || one.call > end) return false
      this.isOver ||= this.#stepsLeft-- <= 0
      if (this.isOver) return false
      return after(this.#model, state, one).some((next) => this.explains(next, done | bit))
    })
  }
}
