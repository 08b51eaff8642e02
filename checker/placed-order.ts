// The order of all operations that a search by events has explained, made of those that it placed:
// each of the others stands where it is right and changes nothing, or right before what hides it.

import type { Classes } from './classes.ts'
import type { Placed } from './frontier.ts'

/** An operation that has been called. */
export interface Called {
  readonly operation: number
  readonly classId: number
  readonly isAnswered: boolean
}

/**
 * The operations in their order.
 *
 * @param chain those placed, the last first
 * @param called all that were called, in the order of their calls
 */
export function orderOfPlaced<State, Input, Output>(
  chain: Placed | null,
  called: readonly Called[],
  classes: Classes<State, Input, Output>,
  first: number,
): readonly number[] {
  const placed: Placed[] = []
  for (let at = chain; at !== null; at = at.before) placed.push(at)
  placed.reverse()
  const named = new Set(placed.map(({ operation }) => operation))
  const classOf = new Map(called.map(({ operation, classId }) => [operation, classId]))
  const order: number[] = []
  let waiting: Called[] = []
  let state = first
  let next = 0
  const settle = (holds: (classId: number) => boolean): void => {
    const settled = waiting.filter(({ classId }) => holds(classId))
    if (settled.length === 0) return
    order.push(...settled.map(({ operation }) => operation))
    waiting = waiting.filter(({ classId }) => !holds(classId))
  }
  const isOverwrite = (classId: number): boolean => {
    return !classes.isObserver(classId) && classes.isOverwrite(classId)
  }
  const changesNothing = (classId: number): boolean => {
    const after = classes.after(state, classId)
    if (classes.isObserver(classId)) return after.length > 0
    return isOverwrite(classId) && after[0] === state
  }
  const call = (until: number): void => {
    for (; next < until; next++) {
      const one = called[next] as Called
      if (one.isAnswered && !named.has(one.operation)) waiting.push(one)
    }
    settle(changesNothing)
  }
  for (const one of placed) {
    call(one.called)
    if (isOverwrite(classOf.get(one.operation) as number)) settle(isOverwrite)
    order.push(one.operation)
    state = one.state
    settle(changesNothing)
  }
  call(called.length)
  return order
}
