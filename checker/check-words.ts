// Judges the operations of a file against a model that knows its words.

import { check } from './check.ts'
import type { Asked, Told } from './event.ts'
import type { Operation } from './history.ts'
import type { Limits } from './linearize.ts'
import type { NamedModel } from './models/named-model.ts'
import type { Verdict } from './verdict.ts'
import { inWords } from './words.ts'

/**
 * Decides whether a history is linearizable. What it shows of a violation is as the file has it.
 *
 * @throws WordError when an operation asks, or is told, what the model has no word for
 */
export function checkWords<State, Input, Output>(
  history: readonly Operation<Asked, Told>[],
  model: NamedModel<State, Input, Output>,
  limits: Limits = {},
): Verdict {
  const words = inWords(history, model)
  const result = check(words, model, limits)
  const { model: _, history: __, ...verdict } = result
  return asInFile(verdict, words, history)
}

/** A verdict whose operations are as the file has them; an order of them is left out. */
export function asInFile(
  verdict: Verdict,
  words: readonly Operation[],
  history: readonly Operation<Asked, Told>[],
): Verdict {
  if (verdict.verdict === 'ok') return { verdict: 'ok', checked: verdict.checked }
  if (verdict.verdict === 'unknown') return verdict
  const shown = new Set(verdict.operations)
  const inFile = new Map<Operation, Operation<Asked, Told>>()
  for (const [at, operation] of history.entries()) {
    const word = words[at] as Operation
    if (shown.has(word)) inFile.set(word, operation)
  }
  const operations = verdict.operations.map((one) => inFile.get(one) ?? one)
  return { ...verdict, operations }
}
