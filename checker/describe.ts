// Says operations in words.

import type { Operation } from './history.ts'
import type { Model } from './model.ts'

/** An operation in a few words, with who asked and when. */
export function describeOperation<State, Input, Output>(
  model: Model<State, Input, Output>,
  { process, input, output, outcome, call, return: answered }: Operation<Input, Output>,
): string {
  const until = outcome === 'info' || answered === Infinity ? 'no answer' : `${answered}`
  return `${model.describe(input, output)} (process ${process}, ${call} to ${until})`
}

/** Several of them, in a row. */
export function describeAll<State, Input, Output>(
  model: Model<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
): string {
  return operations.map((operation) => describeOperation(model, operation)).join('; ')
}
