// Linearizability by definition: every subset of the unanswered operations, in every order. Shares
// nothing with the checker's search but the model. For up to about seven operations.

import type { Operation } from '../../checker/history.ts'
import type { Model } from '../../checker/model.ts'

/** True when some order keeps real time and explains every answer. */
export function isLinearizable<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Operation<Input, Output>[]
): boolean {
  const operations = history.filter(({ outcome }) => outcome !== 'fail')
  const explains = (state: State, left: readonly Operation<Input, Output>[]): boolean => {
    if (left.every(({ outcome }) => outcome === 'info')) return true
    return left.some(next => {
      const rest = left.filter(other => other !== next)
      if (rest.some(other => returnOf(other) < next.call)) return false
      const answer = next.outcome === 'ok' ? next.output : undefined
      const after = model.step(state, next.input, answer)
      return after !== null && explains(after, rest)
    })
  }
  return explains(model.init(), operations)
}

function returnOf({ outcome, return: answered }: Operation): number {
  return outcome === 'info' ? Infinity : answered
}

/** Says why `order` is no explanation of `history`, or null when it is one. */
export function orderProblem<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Operation<Input, Output>[],
  order: readonly Operation[]
): string | null {
  if (new Set(order).size !== order.length) return 'an operation comes twice'
  const missing = history.find(one => one.outcome === 'ok' && !order.includes(one))
  if (missing !== undefined) return 'an answered operation is missing'
  let state = model.init()
  let latestCall = -Infinity
  for (const one of order) {
    const known = history.find(other => other === one)
    if (known === undefined || known.outcome === 'fail') return 'a stranger among the operations'
    latestCall = Math.max(latestCall, known.call)
    if (returnOf(known) < latestCall) return 'real time is not kept'
    const answer = known.outcome === 'ok' ? known.output : undefined
    const after = model.step(state, known.input, answer)
    if (after === null) return 'an answer is not explained'
    state = after
  }
  return null
}
