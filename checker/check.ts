// Judges a history of a file against a model that knows its words.

import type { Asked, Told } from './event.ts'
import type { Operation } from './history.ts'
import { linearize } from './linearize.ts'
import type { Limits } from './linearize.ts'
import type { NamedModel } from './models/named-model.ts'
import { plainText } from './models/plain.ts'
import type { Verdict } from './verdict.ts'

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
 * Decides whether a history is linearizable. Operations that name a key are of as many objects as
 * there are keys, which are judged one by one.
 *
 * @throws WordError when an operation asks, or is told, what the model has no word for
 */
export function checkHistory<State, Input, Output>(
  history: readonly FileOperation[],
  model: NamedModel<State, Input, Output>,
  limits: Limits = {},
): Verdict {
  const operations: Operation[] = history.map((one) => inWords(model, one))
  const verdict = linearize(model, operations as Operation<Input, Output>[], limits)
  if (verdict.verdict === 'ok') return { verdict: 'ok', checked: verdict.checked }
  if (verdict.verdict === 'unknown') return verdict
  const found = verdict.operations.map((one) => history[operations.indexOf(one)] ?? one)
  return { ...verdict, operations: found }
}

/** An operation as the model has it. */
function inWords<State, Input, Output>(
  model: NamedModel<State, Input, Output>,
  one: FileOperation,
): Operation<Input, Output> {
  const { process, input: asked, call, return: answered, outcome, output: told } = one
  const input = model.ask(asked)
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
