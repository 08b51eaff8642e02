// What a built-in model knows beyond its steps: the words that history files have for it.

import type { Asked, Told } from '../event.ts'
import type { Operation } from '../history.ts'
import type { Model } from '../model.ts'

/** A model that reads the words of history files. */
export interface NamedModel<State, Input, Output> extends Model<State, Input, Output> {
  hash(state: State): number | string
  isObserver(input: Input, output: Output | undefined): boolean
  /**
   * Makes the file's words an input; null when the model has no such f, or not with that value.
   *
   * @param call the instant of the invocation
   */
  ask(asked: Asked, call?: number): Input | null
  /**
   * Makes the file's answer an output; null when it can't be one. undefined: the answer tells
   * nothing. Then an answered operation took effect, unknown how, and a failed one is left out.
   */
  tell(input: Input, told: Told): Output | null | undefined
}

/** Splits a history by the key of its inputs. Keys come in the order of their first operation. */
export function partitionByKey<Input extends { readonly key?: string }, Output>(
  history: readonly Operation<Input, Output>[]
): readonly (readonly Operation<Input, Output>[])[] {
  const first = history[0]?.input.key ?? ''
  if (history.every(({ input }) => (input.key ?? '') === first)) return [history]
  const parts = new Map<string, Operation<Input, Output>[]>()
  for (const operation of history) {
    const key = operation.input.key ?? ''
    const part = parts.get(key)
    if (part === undefined) parts.set(key, [operation])
    else part.push(operation)
  }
  return [...parts.values()]
}

/** Equality of states that are strings, numbers or booleans. */
export function isSame<State>(a: State, b: State): boolean {
  return a === b
}
