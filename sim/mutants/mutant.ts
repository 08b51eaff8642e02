// What a mutant is: an edit of our own source that makes it wrong in a way some system once was.

/** What caught a mutant when it was last recorded. */
export interface Kill {
  readonly seed: number
  /** Name of the oracle, or `invariant` when the core itself noticed. */
  readonly oracle: string
}

/** One place of the source that is changed. */
export interface SourceEdit {
  /** Path of the source from the root of the repository. */
  readonly file: string
  /** Occurs exactly once in that file. */
  readonly find: string
  /** What stands there instead. The result still type-checks. */
  readonly replace: string
}

/** One bug, to be injected into the source. The core has no switches for it. */
export interface Mutant extends SourceEdit {
  readonly id: string
  /** What else is changed, where one place is not enough. */
  readonly also?: readonly SourceEdit[]
  /** What is wrong now, in one sentence. */
  readonly story: string
  /** Where it happened, or was argued about. */
  readonly source: string
  /** Written by `lockstep mutants --record`; null when nothing caught it. */
  readonly killedBy: Kill | null
}
