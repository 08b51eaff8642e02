// Makes a violation small, and keeps it a proof: what is left out is what an order can do without.
// So whoever shows that nothing explains the rest has shown that nothing explains the history.
//
// Three things can be left out.
// - What comes after an instant: what was called later; what returned later may have happened or
//   not.
// - What comes before an instant, if the model knows all states in which that can leave it. What
//   was under way then may happen later or have happened.
// - What only looks, and groups of operations that the model says an order can do without.

import type { Operation } from './history.ts'
import { searchJustInTime } from './just-in-time.ts'
import { decide } from './linearize.ts'
import type { Model } from './model.ts'
import { Numbered } from './numbered.ts'
import type { Span } from './verdict.ts'

/** Operations of one part of a history that no order explains, in the order of their calls. */
export interface Core<Input, Output> {
  readonly operations: readonly Operation<Input, Output>[]
  readonly span: Span
}

/** How much work may go into it. */
export interface MinimiseLimits {
  /** Steps of searches, and operations looked at. */
  readonly steps?: number
  readonly isOver?: () => boolean
}

const stepsDefault = 400_000
const stepsForTrial = 20_000
/** A core of so many needs no other beginning. */
const isSmall = 12
const windowMax = 2_000

/** What of a part is to be explained, by what it stands for. */
type View<Input, Output> = Map<Operation<Input, Output>, Operation<Input, Output>>

/**
 * The smallest core that is found within the limits: within few steps the part itself.
 *
 * @param found operations of the conflict; one at least
 */
export function minimise<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Operation<Input, Output>[],
  found: readonly Operation<Input, Output>[],
  limits: MinimiseLimits = {},
): Core<Input, Output> {
  const parts = model.partition?.(history) ?? [history]
  const [first] = found
  const part = parts.find((one) => parts.length === 1 || one.includes(first as typeof found[0]))
  return new Minimiser(model, part ?? history, limits).run(found)
}

class Minimiser<State, Input, Output> {
  readonly #model: Model<State, Input, Output>
  readonly #part: readonly Operation<Input, Output>[]
  readonly #isOver: () => boolean
  #stepsLeft: number

  constructor(
    model: Model<State, Input, Output>,
    part: readonly Operation<Input, Output>[],
    { steps = stepsDefault, isOver = () => false }: MinimiseLimits,
  ) {
    this.#model = model
    this.#part = part
    this.#isOver = isOver
    this.#stepsLeft = steps
  }

  run(found: readonly Operation<Input, Output>[]): Core<Input, Output> {
    const known = this.#aroundThese(found)
    if (known !== null) return known
    const until = this.#end()
    const near = until === Infinity ? (found[0]?.return ?? until) : until
    if (this.#model.any === undefined) return this.#shrunk(-Infinity, until, near)
    const steps = this.#stepsLeft
    this.#stepsLeft = steps >>> 1
    const whole = this.#shrunk(-Infinity, until, near)
    if (whole.operations.length <= isSmall) return whole
    this.#stepsLeft += steps >>> 1
    // A part too long for a search to find its end: what was found had come to one.
    const end = until === Infinity ? lastReturn(found) : until
    const from = this.#start(end)
    if (from === -Infinity) return whole
    const late = this.#shrunk(from, end, near)
    return late.operations.length < whole.operations.length ? late : whole
  }

  /** What was found, with no more than an order cannot do without; null when that is not small. */
  #aroundThese(found: readonly Operation<Input, Output>[]): Core<Input, Output> | null {
    const returns = found.filter(({ outcome }) => outcome === 'ok').map((one) => one.return)
    const ends = [...new Set(returns)].sort((a, b) => a - b)
    const calls = this.#model.any === undefined ? [] : found.map(({ call }) => call)
    for (const from of [-Infinity, ...calls.sort((a, b) => a - b)]) {
      const until = ends.find((end) => {
        const seen = found.map((one) => cut(this.#model, one, from, end))
        return this.#isImpossible(seen.filter((one) => one !== null), from)
      })
      if (until === undefined) continue
      const core = this.#keeping(found, from, until)
      if (core !== null && core.operations.length <= isSmall) return core
    }
    return null
  }

  /** What an order cannot do without of a span, if some of it is kept; null: that is possible. */
  #keeping(
    found: readonly Operation<Input, Output>[],
    from: number,
    until: number,
  ): Core<Input, Output> | null {
    const wanted = new Set(found)
    const view = this.#view(from, until)
    const all = [...view.keys()]
    const kept = new Set(all.filter((one) => wanted.has(view.get(one) as typeof one)))
    const rest = lessAllBut(this.#model, all, kept)
    if (!this.#isImpossible(rest, from)) return null
    return this.#core(view, this.#less(rest, from), from, until)
  }

  /** The first return that nothing explains, whatever is told later. */
  #end(): number {
    const bounds = { stepsMax: stepsForTrial, isOver: this.#isOver }
    const result = searchJustInTime(new Numbered(this.#model, this.#part), bounds)
    this.#stepsLeft -= result.steps + this.#part.length
    if (result.type !== 'stuck') return Infinity
    // It knows what those under way are told in the end, which may be why.
    const returns = result.next.map((one) => one.return).sort((a, b) => a - b)
    const isEnd = (until: number): boolean => {
      return this.#isImpossible([...this.#view(-Infinity, until).keys()], -Infinity)
    }
    return returns.find(isEnd) ?? Infinity
  }

  /** The last of the calls from which on nothing explains the part, whatever came before. */
  #start(until: number): number {
    const view = [...this.#view(-Infinity, until).keys()]
    const calls = view.map(({ call }) => call).sort((a, b) => b - a)
    const isLate = (count: number): boolean => {
      const from = calls[count - 1] as number
      return this.#isImpossible([...this.#view(from, until).keys()], from)
    }
    let few = 1
    let enough = 2
    const most = Math.min(calls.length, windowMax)
    while (enough <= most && !isLate(enough)) [few, enough] = [enough, 2 * enough]
    if (enough > most) return -Infinity
    while (enough - few > 1) {
      const middle = (few + enough) >>> 1
      if (isLate(middle)) enough = middle
      else few = middle
    }
    return calls[enough - 1] as number
  }

  #shrunk(from: number, until: number, near: number): Core<Input, Output> {
    const view = this.#view(from, until)
    const rest = this.#around(near, [...view.keys()], from)
    return this.#core(view, this.#less(rest, from), from, until)
  }

  /** As much less as is found. */
  #less(
    all: readonly Operation<Input, Output>[],
    from: number,
  ): readonly Operation<Input, Output>[] {
    let rest = all
    for (let before = Infinity; rest.length < before; ) {
      before = rest.length
      rest = this.#without(rest, unitsOf(this.#model, rest), from)
    }
    return rest
  }

  #core(
    view: View<Input, Output>,
    rest: readonly Operation<Input, Output>[],
    from: number,
    until: number,
  ): Core<Input, Output> {
    const operations = rest.map((one) => view.get(one) as typeof one)
    return { operations: operations.sort((a, b) => a.call - b.call), span: { from, until } }
  }

  /** What is nearest to an instant, twice as many groups each time, until nothing explains it. */
  #around(
    near: number,
    all: readonly Operation<Input, Output>[],
    from: number,
  ): readonly Operation<Input, Output>[] {
    const groups = unitsOf(this.#model, all).map((group) => {
      return { group, away: awayFrom(near, group) }
    })
    groups.sort((a, b) => a.away - b.away)
    for (let count = 2; count < groups.length && !this.#isOut(); count *= 2) {
      const kept = new Set(groups.slice(0, count).flatMap(({ group }) => group))
      const rest = lessAllBut(this.#model, all, kept)
      if (this.#isImpossible(rest, from)) return rest
    }
    return all
  }

  /** Less of the groups, as few as possible of them, in ever smaller portions. */
  #without(
    all: readonly Operation<Input, Output>[],
    groups: readonly (readonly Operation<Input, Output>[])[],
    from: number,
  ): Operation<Input, Output>[] {
    let rest = [...all]
    let kept = [...groups]
    for (let size = kept.length; size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let at = 0; at < kept.length && !this.#isOut(); ) {
        const out = new Set(kept.slice(at, at + size).flat())
        const less = rest.filter((one) => !out.has(one))
        if (this.#isImpossible(less, from)) {
          rest = less
          kept = [...kept.slice(0, at), ...kept.slice(at + size)]
        } else at += size
      }
    }
    return rest
  }

  #isImpossible(operations: readonly Operation<Input, Output>[], from: number): boolean {
    if (from === -Infinity) return isRefuted(this.#decide(operations, null))
    const starts = this.#model.any?.(operations) ?? []
    if (starts.length === 0) return false
    return starts.every((state) => isRefuted(this.#decide(operations, { state })))
  }

  /** @param start null: the model's first */
  #decide(
    operations: readonly Operation<Input, Output>[],
    start: { readonly state: State } | null,
  ): ReturnType<typeof decide<State, Input, Output>> {
    if (this.#isOut()) return { type: 'limit', steps: 0 }
    const model: Model<State, Input, Output> =
      start === null
        ? this.#model
        : Object.create(this.#model, {
            init: { value: () => start.state },
            judge: { value: undefined },
          })
    const stepsMax = Math.min(this.#stepsLeft, stepsForTrial)
    const result = decide(model, operations, { stepsMax, isOver: this.#isOver })
    this.#stepsLeft -= result.steps + operations.length
    return result
  }

  #isOut(): boolean {
    return this.#stepsLeft <= 0 || this.#isOver()
  }

  /** What of the part there is to explain from one instant to another. */
  #view(from: number, until: number): View<Input, Output> {
    const view: View<Input, Output> = new Map()
    for (const operation of this.#part) {
      const seen = cut(this.#model, operation, from, until)
      if (seen !== null) view.set(seen, operation)
    }
    return view
  }
}

function isRefuted({ type }: { readonly type: string }): boolean {
  return type === 'stuck' || type === 'conflict'
}

/** An operation as it is seen from one instant to another; null: there is nothing to explain. */
function cut<State, Input, Output>(
  model: Model<State, Input, Output>,
  operation: Operation<Input, Output>,
  from: number,
  until: number,
): Operation<Input, Output> | null {
  const { process, input, call, outcome } = operation
  if (outcome === 'fail' || call > until) return null
  if (outcome === 'ok') {
    if (operation.return < from) return null
    if (call >= from && operation.return <= until) return operation
  }
  // It may have happened or not.
  if (model.isObserver?.(input, undefined) === true) return null
  return outcome === 'info'
    ? operation
    : { process, input, call, return: Infinity, outcome: 'info' }
}

/** Each look by itself, and the groups that the model knows. */
function unitsOf<State, Input, Output>(
  model: Model<State, Input, Output>,
  rest: readonly Operation<Input, Output>[],
): readonly (readonly Operation<Input, Output>[])[] {
  const looks = rest.filter(({ input, output }) => model.isObserver?.(input, output) === true)
  return [...looks.map((one) => [one]), ...(model.units?.(rest) ?? [])]
}

/** When the last of them was answered; Infinity when none was. */
function lastReturn(found: readonly Operation[]): number {
  const answered = found.filter(({ outcome }) => outcome === 'ok')
  if (answered.length === 0) return Infinity
  return answered.reduce((last, one) => Math.max(last, one.return), -Infinity)
}

/** How far from an instant the first answer of a group is. */
function awayFrom(near: number, group: readonly Operation[]): number {
  return group.reduce((least, one) => {
    const at = one.outcome === 'info' ? one.call : one.return
    return Math.min(least, Math.abs(near - at))
  }, Infinity)
}

/** Less all groups of which nothing is to be kept. */
function lessAllBut<State, Input, Output>(
  model: Model<State, Input, Output>,
  all: readonly Operation<Input, Output>[],
  kept: ReadonlySet<Operation<Input, Output>>,
): readonly Operation<Input, Output>[] {
  let rest = all
  while (rest.length > kept.size) {
    const out = unitsOf(model, rest).filter((group) => !group.some((one) => kept.has(one)))
    const gone = new Set(out.flat())
    if (gone.size === 0) break
    rest = rest.filter((one) => !gone.has(one))
  }
  return rest
}
