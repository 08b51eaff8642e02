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
      /** From and until when they are a proof by themselves; undefined: they only show where. */
      readonly span?: Span
    }
  | {
      readonly verdict: 'unknown'
      readonly checked: number
      readonly reason: string
      /** The longest prefix proved good: so many answers, all those up to an instant. */
      readonly proved?: Proved
    }

/**
 * What counts of a history: what returned before `from` is left out, and the state then is any
 * (-Infinity: all from the beginning); what was called after `until` is left out (Infinity: nothing
 * is).
 */
export interface Span {
  readonly from: number
  readonly until: number
}

/** A prefix of a history that an order explains. */
export interface Proved {
  readonly answers: number
  readonly until: number
}
