// Judges a history of a file against a model that knows its words.

import type { Asked, Told } from './event.ts'
import type { Operation } from './history.ts'
import { linearize } from './linearize.ts'
import type { Limits } from './linearize.ts'
import type { NamedModel } from './models/named-model.ts'
import type { Verdict } from './verdict.ts'

type FileOperation = Operation<Asked, Told>

/** What a file says and a model has no word for. */
export class WordError extends Error {
  override readonly name = 'WordError'
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
    throw new WordError(`${say(one)}: the model ${model.name} has no word for ${show(asked)}`)
  }
  if (outcome !== 'ok' || told === undefined) {
    return { process, input, call, return: answered, outcome }
  }
  const output = model.tell(input, told)
  if (output === null) {
    const what = `what ${show(asked)} is told, ${show(told.value)}`
    throw new WordError(`${say(one)}: the model ${model.name} has no word for ${what}`)
  }
  if (output !== undefined) return { process, input, call, return: answered, outcome, output }
  // It tells nothing: a failed one has not happened, another one has, and nobody knows how.
  const isFailed = told.failed === true
  return { process, input, call, return: answered, outcome: isFailed ? 'fail' : 'ok' }
}

function say({ process, call }: FileOperation): string {
  return `event ${call}, process ${process}`
}

function show(value: unknown): string {
  if (typeof value === 'object' && value !== null && 'f' in value) {
    const { f, value: asked } = value as Asked
    return asked === null ? f : `${f} ${show(asked)}`
  }
  return JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? `${one}` : one))
}
