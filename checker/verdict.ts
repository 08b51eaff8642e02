// What every check of a history ends in: good, bad with its evidence, or undecided.

import type { Operation } from './history.ts'

/** The answer of a check. `checked` is the number of operations looked at. */
export type Verdict =
  | {
      readonly verdict: 'ok'
      readonly checked: number
      /** An order that explains every answer; only from a search. */
      readonly order?: readonly Operation[]
    }
  | {
      readonly verdict: 'violation'
      readonly checked: number
      /** One sentence that names who, what and when. */
      readonly message: string
      /** The operations in conflict: few. */
      readonly operations: readonly Operation[]
    }
  | { readonly verdict: 'unknown'; readonly checked: number; readonly reason: string }
