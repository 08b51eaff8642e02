// Numbers in place of data, so that a search compares and remembers cheaply: one for each state,
// one for each class of operations that ask and are told the same, and from each state by each
// class the states after it, asked of the model once.

import type { Model } from './model.ts'
import type { Operation } from './history.ts'

const NONE: readonly number[] = []

/** The states and classes of one search. */
export class Classes<State, Input, Output> {
  /** How often the model was asked. */
  steps = 0
  readonly #model: Model<State, Input, Output>
  readonly #states: State[] = []
  readonly #byHash = new Map<number | string, number[]>()
  readonly #classes: { readonly input: Input; readonly output: Output | undefined }[] = []
  readonly #byText = new Map<string, number>()
  /** By class, then state. */
  readonly #after: (readonly number[] | undefined)[][] = []

  constructor(model: Model<State, Input, Output>) {
    this.#model = model
  }

  /** The number of a state. */
  state(state: State): number {
    const { hash, equal } = this.#model
    const key = hash === undefined ? 0 : hash(state)
    const same = this.#byHash.get(key)
    const known = same?.find((at) => equal(this.#states[at] as State, state))
    if (known !== undefined) return known
    const number = this.#states.push(state) - 1
    if (same === undefined) this.#byHash.set(key, [number])
    else same.push(number)
    return number
  }

  /** A state by its number. */
  stateAt(number: number): State {
    return this.#states[number] as State
  }

  /** The number of what an operation asks and is told. */
  of({ input, output, outcome }: Operation<Input, Output>): number {
    const told = outcome === 'ok' ? output : undefined
    const [asked, answered] = [textOf(input), textOf(told)]
    const text = asked === null || answered === null ? null : asked + answered
    const known = text === null ? undefined : this.#byText.get(text)
    if (known !== undefined) return known
    const number = this.#classes.push({ input, output: told }) - 1
    // What has no text of its own is like nothing else.
    if (text !== null) this.#byText.set(text, number)
    this.#after.push([])
    return number
  }

  /** Whether operations of a class change no state. */
  isObserver(number: number): boolean {
    const { input, output } = this.#classAt(number)
    return this.#model.isObserver?.(input, output) ?? false
  }

  /** Whether operations of a class lead to one state, whatever it was before. */
  isOverwrite(number: number): boolean {
    const { input, output } = this.#classAt(number)
    return this.#model.isOverwrite?.(input, output) ?? false
  }

  /** The states after an operation; none, when it is impossible there. */
  after(state: number, number: number): readonly number[] {
    const known = this.#after[number] as (readonly number[] | undefined)[]
    return known[state] ?? (known[state] = this.#ask(state, number))
  }

  #ask(state: number, number: number): readonly number[] {
    this.steps += 1
    const { input, output } = this.#classAt(number)
    const before = this.stateAt(state)
    const { steps } = this.#model
    if (steps !== undefined) return steps(before, input, output).map((one) => this.state(one))
    const after = this.#model.step(before, input, output)
    return after === null ? NONE : [this.state(after)]
  }

  #classAt(number: number): { readonly input: Input; readonly output: Output | undefined } {
    return this.#classes[number] as { readonly input: Input; readonly output: Output | undefined }
  }
}

/** Plain data as text that tells it from all other; null when it is none. */
function textOf(value: unknown): string | null {
  switch (typeof value) {
    case 'string':
      // With its length no two are alike, whatever they stand beside.
      return `s${value.length}:${value}`
    case 'number':
      return Object.is(value, -0) ? 'n-0,' : `n${value},`
    case 'bigint':
      return `i${value},`
    case 'boolean':
      return value ? 't' : 'f'
    case 'undefined':
      return 'u'
    case 'object':
      return textOfObject(value)
    default:
      return null
  }
}

function textOfObject(value: object | null): string | null {
  if (value === null) return '0'
  let text = '['
  if (Array.isArray(value)) {
    for (const one of value) {
      const own = textOf(one)
      if (own === null) return null
      text += own
    }
    return `${text}]`
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return null
  text = '{'
  for (const name of Object.keys(value)) {
    const own = textOf((value as Record<string, unknown>)[name])
    if (own === null) return null
    text += `${name.length}:${name}${own}`
  }
  return `${text}}`
}
