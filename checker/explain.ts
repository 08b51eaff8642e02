// Says a result as text for people.

import type { CheckResult } from './check.ts'
import type { Operation } from './history.ts'

/** A result in a sentence, and below it the operations that it names, a line each. */
export function explain<State, Input, Output>(result: CheckResult<State, Input, Output>): string {
  const { model, checked } = result
  const head = `${result.verdict}: ${checked} operations of a ${model.name}`
  if (result.verdict === 'ok') return `${head} can be explained by one order`
  if (result.verdict === 'unknown') return `${head}: ${result.reason}`
  const lines = (result.operations as readonly Operation<Input, Output>[]).map((operation) => {
    const { process, input, output, call, outcome } = operation
    const until = outcome === 'info' ? '...' : `${operation.return}`
    return `  ${`${call}`.padStart(8)} to ${until.padEnd(8)} ${model.describe(input, output)}` +
      `  (process ${process})`
  })
  return [`${head}`, `  ${result.message}`, ...lines].join('\n')
}
