// What an oracle throws when it has seen a rule broken.

/** A rule was broken in the simulated world. `message` says how, in words. */
export class Violation extends Error {
  override readonly name = 'Violation'
  readonly oracle: string

  constructor(oracle: string, message: string) {
    super(message)
    this.oracle = oracle
  }
}
