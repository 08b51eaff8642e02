// Numbers in place of data, so that a search compares and remembers cheaply: one for each state,
// one for each class of operations that ask and are told the same, and from each state by each
// class the states after it, asked of the model once.

import type { Model } from './model.ts'
import type { Operation } from './history.ts'

const NONE: readonly number[] = []

/** What operations ask and are told that are alike. */
interface Class<Input, Output> {
  readonly input: Input
  readonly output: Output | undefined
  readonly isObserver: boolean
  readonly isOverwrite: boolean
}

/** The states and classes of one part of a history, for all searches of it. */
export class Classes<State, Input, Output> {
  readonly #model: Model<State, Input, Output>
  readonly #states: State[] = []
  readonly #byHash = new Map<number | string, number[]>()
  readonly #classes: Class<Input, Output>[] = []
  readonly #parts = new Parts()
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
    // What is no plain data is like nothing else.
    const parts = this.#parts.after(input)?.after(told) ?? null
    if (parts !== null && parts.classId !== -1) return parts.classId
    const isObserver = this.#model.isObserver?.(input, told) ?? false
    const isOverwrite = this.#model.isOverwrite?.(input, told) ?? false
    const classId = this.#classes.push({ input, output: told, isObserver, isOverwrite }) - 1
    if (parts !== null) parts.classId = classId
    this.#after.push([])
    return classId
  }

  /** Whether operations of a class change no state. */
  isObserver(number: number): boolean {
    return this.#classAt(number).isObserver
  }

  /** Whether operations of a class lead to one state, whatever it was before. */
  isOverwrite(number: number): boolean {
    return this.#classAt(number).isOverwrite
  }

  /** The states after an operation; none, when it is impossible there. */
  after(state: number, number: number): readonly number[] {
    const known = this.#after[number] as (readonly number[] | undefined)[]
    return known[state] ?? (known[state] = this.#ask(state, number))
  }

  #ask(state: number, number: number): readonly number[] {
    const { input, output } = this.#classAt(number)
    const before = this.stateAt(state)
    const { steps } = this.#model
    if (steps !== undefined) return steps(before, input, output).map((one) => this.state(one))
    const after = this.#model.step(before, input, output)
    return after === null ? NONE : [this.state(after)]
  }

  #classAt(number: number): Class<Input, Output> {
    return this.#classes[number] as Class<Input, Output>
  }
}

/** Stands for what a Map would take for 0, and opens and ends what has parts. */
const MINUS_ZERO = Symbol('-0')
const ARRAY = Symbol('[')
const OBJECT = Symbol('{')
const END = Symbol('end')

/** Plain data seen so far, part by part: what has come leads to what may follow. */
class Parts {
  /** The class of what ends here; -1: none does. */
  classId = -1
  readonly #next = new Map<unknown, Parts>()

  /** Where plain data leads; null when it is none. */
  after(value: unknown): Parts | null {
    switch (typeof value) {
      case 'number':
        return this.#to(Object.is(value, -0) ? MINUS_ZERO : value)
      case 'string':
      case 'bigint':
      case 'boolean':
      case 'undefined':
        return this.#to(value)
      case 'object':
        return value === null ? this.#to(null) : this.#afterObject(value)
      default:
        return null
    }
  }

  #afterObject(value: object): Parts | null {
    if (Array.isArray(value)) {
      let at: Parts | null = this.#to(ARRAY)
      for (let index = 0; index < value.length && at !== null; index++) at = at.after(value[index])
      return at === null ? null : at.#to(END)
    }
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype !== Object.prototype && prototype !== null) return null
    let at: Parts = this.#to(OBJECT)
    for (const name of Object.keys(value)) {
      const next: Parts | null = at.#to(name).after((value as Record<string, unknown>)[name])
      if (next === null) return null
      at = next
    }
    return at.#to(END)
  }

  #to(part: unknown): Parts {
    const known = this.#next.get(part)
    if (known !== undefined) return known
    const next = new Parts()
    this.#next.set(part, next)
    return next
  }
}
