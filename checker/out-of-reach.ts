// A refutation without a search, of the commonest violation there is: what was read can't have been
// there. An overwrite that was answered before an observer was called leads to one state, and from
// there only what was not answered before that overwrite was called leads on. If the observer's
// answer is wrong in all states that can be reached so, in any order and any number of times, then
// no order explains it. Finds no other violation.

import type { Operation } from './history.ts'
import { Classes } from './classes.ts'
import type { Judged, Model } from './model.ts'

/** Beyond this the states are too many to go through. */
const statesMax = 64

/** An operation with what the search for one needs of it. */
interface Known<Input, Output> {
  readonly operation: Operation<Input, Output>
  readonly classId: number
  readonly call: number
  /** Its return; Infinity: it may still happen at any time. */
  readonly end: number
}

/** An observer whose answer is out of reach, with the overwrite that shows it; null: none is. */
export function findOutOfReach<State, Input, Output>(
  model: Model<State, Input, Output>,
  part: readonly Operation<Input, Output>[],
): (Judged<Input, Output> & { readonly type: 'conflict' }) | null {
  const classes = new Classes(model)
  const first = classes.state(model.init())
  const known = part.filter(({ outcome }) => outcome !== 'fail').map((operation) => {
    const { call, outcome } = operation
    const end = outcome === 'ok' ? operation.return : Infinity
    return { operation, classId: classes.of(operation), call, end }
  })
  known.sort((a, b) => a.call - b.call)
  const isObserver = ({ classId }: Known<Input, Output>): boolean => classes.isObserver(classId)
  const windows = new Windows(known.filter((one) => !isObserver(one)))
  const overwrites = known.filter((one) => {
    return one.end < Infinity && !isObserver(one) && classes.isOverwrite(one.classId)
  })
  let called = 0
  for (const observer of known) {
    if (!isObserver(observer) || observer.end === Infinity) continue
    while ((overwrites[called]?.call ?? Infinity) < observer.call) called += 1
    let at = called - 1
    while (at >= 0 && (overwrites[at] as Known<Input, Output>).end >= observer.call) at -= 1
    const before = overwrites[at]
    const start = before === undefined ? first : (classes.after(first, before.classId)[0] ?? first)
    const between = windows.classesIn(before?.call ?? -Infinity, observer)
    const reached = reachable(classes, start, between)
    if (reached === null) return null
    if (reached.some((state) => classes.after(state, observer.classId).length > 0)) continue
    const shown = before === undefined ? [observer] : [observer, before]
    const reason = 'nothing can have led to what was answered'
    return { type: 'conflict', reason, operations: shown.map(({ operation }) => operation) }
  }
  return null
}

/** Which classes of operations may happen in a span of time. */
class Windows<Input, Output> {
  readonly #answered: readonly Known<Input, Output>[]
  /** The latest end of those up to here, in the order of the calls. */
  readonly #latestEnds: number[] = []
  /** The first call of each class of unanswered operations. */
  readonly #unanswered = new Map<number, number>()
  #called = 0

  /** @param changing by their calls */
  constructor(changing: readonly Known<Input, Output>[]) {
    this.#answered = changing.filter(({ end }) => end < Infinity)
    let latest = -Infinity
    for (const { end } of this.#answered) this.#latestEnds.push((latest = Math.max(latest, end)))
    for (const { classId, call, end } of changing) {
      if (end === Infinity && !this.#unanswered.has(classId)) this.#unanswered.set(classId, call)
    }
  }

  /** Those not over at `from` and called by the end of an observer. Ask in order of its calls. */
  classesIn(from: number, { call, end: until }: Known<Input, Output>): ReadonlySet<number> {
    const found = new Set<number>()
    for (const [classId, first] of this.#unanswered) if (first <= until) found.add(classId)
    const answered = this.#answered
    while ((answered[this.#called]?.call ?? Infinity) <= call) this.#called += 1
    for (let at = this.#called; at < answered.length; at++) {
      const one = answered[at] as Known<Input, Output>
      if (one.call > until) break
      found.add(one.classId)
    }
    for (let at = this.#called - 1; at >= 0; at--) {
      if ((this.#latestEnds[at] as number) < from) break
      const one = answered[at] as Known<Input, Output>
      if (one.end >= from) found.add(one.classId)
    }
    return found
  }
}

/** The states that operations of these classes lead to; null: too many. */
function reachable<State, Input, Output>(
  classes: Classes<State, Input, Output>,
  start: number,
  between: ReadonlySet<number>,
): readonly number[] | null {
  const reached = new Set([start])
  for (const state of reached) {
    for (const classId of between) {
      for (const after of classes.after(state, classId)) reached.add(after)
    }
    if (reached.size > statesMax) return null
  }
  return [...reached]
}
