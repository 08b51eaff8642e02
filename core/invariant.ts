// Broken invariants: the one kind of error the core throws. The host stops the node; nothing in
// the core catches it. Messages are constant strings, since a template is paid for on each call.

/** A rule that can never be broken was broken: a bug or corrupted memory. Stop the node. */
export class InvariantError extends Error {
  override readonly name: string = 'InvariantError'
}

/**
 * The group goes by a version of the machine's rules that this build does not know. Nothing is
 * lost: stop the node, and start a newer build on the same disk.
 */
export class UnknownVersionError extends InvariantError {
  override readonly name = 'UnknownVersionError'

  constructor() {
    super("the group goes by newer rules than this build's machine knows: start a newer build")
  }
}

/** Throws an `InvariantError` with the constant `message` unless `condition` holds. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message)
}

/** Ends a switch over a union: the compiler proves it unreachable, the run checks it. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable: ${String(value)}`)
}
