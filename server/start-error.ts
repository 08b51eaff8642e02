// What keeps a node from starting, as one sentence for whoever started it.

/** A node that cannot start; `message` says why and what to do. */
export class StartError extends Error {
  override readonly name = 'StartError'
  /** True: starting it again the same way does not help, something must be changed first. */
  readonly isUsage: boolean

  constructor(message: string, isUsage: boolean, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause })
    this.isUsage = isUsage
  }
}
