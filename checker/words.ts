// What a file says, in the words of a model.

import type { Asked, Told } from './event.ts'
import type { Operation } from './history.ts'
import type { NamedModel } from './models/named-model.ts'
import { plainText } from './models/plain.ts'

type FileOperation = Operation<Asked, Told>

/** What a file says and a model has no word for. */
export class WordError extends Error {
  override readonly name = 'WordError'
  /** When the operation was called, or returned: of a file, the position of that event. */
  readonly position: number

  constructor(position: number, what: string) {
    super(what)
    this.position = position
  }
}

/**
 * The operations of a file as a model has them, one for each, in their order.
 *
 * @throws WordError when an operation asks, or is told, what the model has no word for
 */
export function inWords<State, Input, Output>(
  history: readonly FileOperation[],
  model: NamedModel<State, Input, Output>,
): Operation<Input, Output>[] {
  return history.map((one) => operationOf(model, one))
}

/** An operation as the model has it. */
function operationOf<State, Input, Output>(
  model: NamedModel<State, Input, Output>,
  one: FileOperation,
): Operation<Input, Output> {
  const { process, input: asked, call, return: answered, outcome, output: told } = one
  const input = model.ask(asked, call)
  if (input === null) {
    throw new WordError(call, `${noWord(one, model)} ${show(asked)}`)
  }
  if (outcome !== 'ok' || told === undefined) {
    return { process, input, call, return: answered, outcome }
  }
  const output = model.tell(input, told)
  if (output === null) {
    const what = `what ${show(asked)} is told, ${plainText(told.value)}`
    throw new WordError(answered, `${noWord(one, model)} ${what}`)
  }
  if (output !== undefined) return { process, input, call, return: answered, outcome, output }
  // It tells nothing: a failed one has not happened, another one has, and nobody knows how.
  const isFailed = told.failed === true
  return { process, input, call, return: answered, outcome: isFailed ? 'fail' : 'ok' }
}

function noWord({ process }: FileOperation, { name }: { readonly name: string }): string {
  return `process ${process}: the model ${name} has no word for`
}

function show({ f, value }: Asked): string {
  return value === null ? f : `${f} ${plainText(value)}`
}
