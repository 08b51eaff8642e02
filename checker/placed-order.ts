// The order of all operations that a search by events has explained, made of those that it placed:
// each of the others stands where it is right and changes nothing, or right before what hides it.

import type { Placed } from './frontier.ts'
import type { Numbered } from './numbered.ts'

/**
 * The places of the operations in their order.
 *
 * @param chain those placed, the last first
 * @param calledCount how many were called
 */
export function orderOfPlaced<State, Input, Output>(
  part: Numbered<State, Input, Output>,
  chain: Placed | null,
  calledCount: number,
): readonly number[] {
  const placed: Placed[] = []
  const isPlaced = new Uint8Array(part.operations.length)
  for (let one = chain; one !== null; one = one.before) {
    placed.push(one)
    isPlaced[one.operation] = 1
  }
  const order: number[] = []
  const waiting: number[] = []
  let state = part.classes.state(part.model.init())
  let next = 0
  for (let count = placed.length; count >= 0; count--) {
    const one = placed[count - 1]
    const called = one === undefined ? calledCount : one.called
    for (; next < called; next++) {
      const at = part.byCall[next] as number
      if (isPlaced[at] === 0 && part.operation(at).outcome === 'ok') waiting.push(at)
    }
    settle(part, state, false, waiting, order)
    if (one === undefined) break
    if (isOverwrite(part, one.operation)) settle(part, state, true, waiting, order)
    order.push(one.operation)
    state = one.state
    settle(part, state, false, waiting, order)
  }
  return order
}

/** Takes into the order what waits and changes nothing in a state, or what can be hidden there. */
function settle<State, Input, Output>(
  part: Numbered<State, Input, Output>,
  state: number,
  isHiding: boolean,
  waiting: number[],
  order: number[],
): void {
  let kept = 0
  for (let index = 0; index < waiting.length; index++) {
    const at = waiting[index] as number
    if (isHiding ? isOverwrite(part, at) : changesNothing(part, state, at)) order.push(at)
    else waiting[kept++] = at
  }
  waiting.length = kept
}

function changesNothing<State, Input, Output>(
  part: Numbered<State, Input, Output>,
  state: number,
  at: number,
): boolean {
  const after = part.classes.after(state, part.classOf(at))
  if (part.classes.isObserver(part.classOf(at))) return after.length > 0
  return isOverwrite(part, at) && after[0] === state
}

function isOverwrite<State, Input, Output>(
  part: Numbered<State, Input, Output>,
  at: number,
): boolean {
  const classId = part.classOf(at)
  return !part.classes.isObserver(classId) && part.classes.isOverwrite(classId)
}
