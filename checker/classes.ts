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
    const text = textOf(input) + textOf(told)
    const known = this.#byText.get(text)
    if (known !== undefined) return known
    const number = this.#classes.push({ input, output: told }) - 1
    // What has no text of its own is like nothing else.
    if (!text.includes('?')) this.#byText.set(text, number)
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

/** Plain data as text that tells it from all other; with a `?` in it when it is none. */
function textOf(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value).replaceAll('?', '\\u003f')
    case 'number':
      return Object.is(value, -0) ? 'n-0' : `n${value}`
    case 'bigint':
      return `i${value}`
    case 'boolean':
    case 'undefined':
      return String(value)
    case 'object':
      return textOfObject(value)
    default:
      return '?'
  }
}

function textOfObject(value: object | null): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return `[${value.map(textOf).join()}]`
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return '?'
  let text = '{'
  for (const [name, one] of Object.entries(value)) text += `${textOf(name)}:${textOf(one)},`
  return `${text}}`
}
