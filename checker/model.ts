// What a sequential object is to the checker: states, and which answers are possible in them.

import type { Operation } from './history.ts'

/** A sequential specification. States are plain data that no call changes. */
export interface Model<State, Input, Output> {
  readonly name: string
  init(): State
  /**
   * The state after `input` answered `output`, or null when that answer is impossible in `state`.
   * `output` undefined: the answer is unknown (info); the state after it took effect, or null when
   * it could not take effect here.
   */
  step(state: State, input: Input, output: Output | undefined): State | null
  equal(a: State, b: State): boolean
  /** Equal states have equal hashes. Worth having where states are many. */
  hash?(state: State): number | string
  /** Splits a history into parts that can be judged alone (P-compositionality), e.g. by key. */
  partition?(
    history: readonly Operation<Input, Output>[]
  ): readonly (readonly Operation<Input, Output>[])[]
  describe(input: Input, output: Output | undefined): string
  describeState(state: State): string
}
