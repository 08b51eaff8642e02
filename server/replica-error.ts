// What can keep a replica from starting.

/** Why, stable for programs. */
export type ReplicaErrorCode =
  | 'badConfig'
  | 'corruptLog'
  | 'foreignLog'
  | 'diskFailed'
  | 'unknownVersion'

/** A replica that cannot start or be asked; `message` says what to do. */
export class ReplicaError extends Error {
  override readonly name = 'ReplicaError'
  readonly code: ReplicaErrorCode

  constructor(code: ReplicaErrorCode, message: string, cause?: Error) {
    super(message, cause === undefined ? {} : { cause })
    this.code = code
  }
}
