// A part of a history in numbers, made once for all searches of it: each operation by its place,
// its class, and its turn among the returns.

import { Classes } from './classes.ts'
import type { Operation } from './history.ts'
import type { Model } from './model.ts'
import { orderBy } from './order-by.ts'

/** The operations of a part, without those that failed. */
export class Numbered<State, Input, Output> {
  readonly model: Model<State, Input, Output>
  readonly operations: readonly Operation<Input, Output>[]
  readonly classes: Classes<State, Input, Output>
  /** Their places in the order of their calls, and of their returns. */
  readonly byCall: Int32Array
  readonly byReturn: Int32Array
  /** The turn of each in the order of returns. */
  readonly turns: Int32Array
  /** The places of those without an answer. */
  readonly unanswered: readonly number[]
  /** How many that were answered are under way at once, at most. */
  readonly openMax: number
  readonly #classIds: Int32Array

  constructor(
    model: Model<State, Input, Output>,
    part: readonly Operation<Input, Output>[],
  ) {
    this.model = model
    this.operations = part.filter(({ outcome }) => outcome !== 'fail')
    this.classes = new Classes(model)
    const count = this.operations.length
    const calls = new Float64Array(count)
    const returns = new Float64Array(count)
    const unanswered: number[] = []
    for (let at = 0; at < count; at++) {
      const { call, return: answered, outcome } = this.operation(at)
      calls[at] = call
      returns[at] = answered
      if (outcome === 'info') unanswered.push(at)
    }
    this.unanswered = unanswered
    this.byCall = orderBy(calls)
    this.byReturn = orderBy(returns)
    this.turns = new Int32Array(count)
    for (let turn = 0; turn < count; turn++) this.turns[this.byReturn[turn] as number] = turn
    this.openMax = this.#findOpenMax()
    this.#classIds = new Int32Array(count).fill(-1)
  }

  /** The operation at a place. */
  operation(at: number): Operation<Input, Output> {
    return this.operations[at] as Operation<Input, Output>
  }

  /** The class of the operation at a place. */
  classOf(at: number): number {
    const known = this.#classIds[at] as number
    return known !== -1 ? known : (this.#classIds[at] = this.classes.of(this.operation(at)))
  }

  #findOpenMax(): number {
    let open = 0
    let most = 0
    let called = 0
    for (let turn = 0; turn < this.byReturn.length; turn++) {
      const { outcome, return: answered } = this.operation(this.byReturn[turn] as number)
      if (outcome !== 'ok') continue
      for (; called < this.byCall.length; called++) {
        const next = this.operation(this.byCall[called] as number)
        if (next.call > answered) break
        if (next.outcome === 'ok') open += 1
      }
      if (open > most) most = open
      open -= 1
    }
    return most
  }
}
