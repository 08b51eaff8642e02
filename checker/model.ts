// What a sequential object is to the checker: states, and which answers are possible in them.

import type { Operation } from './history.ts'
import type { Holding } from './holdings.ts'

/** What comes of a history: an order that explains it, or the operations that nothing explains. */
export type Judged<Input, Output> =
  | {
      readonly type: 'ordered'
      readonly order: readonly Operation<Input, Output>[]
      /** The calls of these, where they are at hand: to look them up again takes time. */
      readonly calls?: Float64Array
    }
  | {
      readonly type: 'conflict'
      /** Why these cannot be, as a sentence. */
      readonly reason: string
      readonly operations: readonly Operation<Input, Output>[]
    }

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
  /** The nondeterministic form: all states after it, none when it is impossible. For `step`. */
  steps?(state: State, input: Input, output: Output | undefined): readonly State[]
  /** Whether this call changes no state in which its answer is possible: a read, a failed cas. */
  isObserver?(input: Input, output: Output | undefined): boolean
  /** Whether this call is possible in all states, and the state after it the same: a write. */
  isOverwrite?(input: Input, output: Output | undefined): boolean
  equal(a: State, b: State): boolean
  /** Equal states have equal hashes. Worth having where states are many. */
  hash?(state: State): number | string
  /** Splits a history into parts that can be judged alone (P-compositionality), e.g. by key. */
  partition?(
    history: readonly Operation<Input, Output>[]
  ): readonly (readonly Operation<Input, Output>[])[]
  /** Judges a part without a search, exactly; null when only a search can tell. */
  judge?(part: readonly Operation<Input, Output>[]): Judged<Input, Output> | null
  /**
   * Groups of operations of a part, any of which can be left out: if an order explains the part,
   * one explains what remains. Who leaves some out can still leave out the others. What only looks
   * can always be left out, and need not be in a group.
   */
  units?(
    part: readonly Operation<Input, Output>[]
  ): readonly (readonly Operation<Input, Output>[])[]
  /** All states in which the operations of a part can find it, if nobody knows what came before. */
  any?(part: readonly Operation<Input, Output>[]): readonly State[]
  /** Of locks: who held this part's lock from when to when. */
  holdings?(part: readonly Operation<Input, Output>[]): readonly Holding<Input, Output>[]
  describe(input: Input, output: Output | undefined): string
  describeState(state: State): string
}
