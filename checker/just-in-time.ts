// The search for one order of one part of a history, breadth first over its events: an operation is
// placed only when the return of one, itself or another, calls for it (just-in-time linearization).
// What is kept are the configurations that explain the history so far; each is a state, which of
// the open operations it has placed, and how many of the unanswered ones. So memory follows what is
// open at once and not the length. Ref: Lowe, "Testing for linearizability", 2016.
//
// Five rules keep the configurations few.
// - An observer, which changes no state, is placed as soon as its answer is right.
// - Unanswered operations that ask the same are interchangeable: only their number counts, and who
//   has used fewer of them can do all that the other can.
// - Of open operations that ask the same and are told the same, the one that returns first is
//   placed first: in any order that has it otherwise the two can be exchanged.
// - An overwrite that nobody looks at is not placed before another one: it can be hidden right
//   before that, at no cost, whenever its return comes.
// - So who has not placed an overwrite that it can hide can do all that one can that has.

import type { Operation } from './history.ts'
import { Classes } from './classes.ts'
import {
  firstConfiguration,
  Frontier,
  has,
  NOTHING,
  withOne,
  without,
  withSlot,
} from './frontier.ts'
import type { Configuration, Placed, Words } from './frontier.ts'
import type { Model } from './model.ts'
import type { Bounds, SearchResult } from './search.ts'

/** How often it is asked whether time is over. */
const LOOKS = 256

/** An operation that has been asked and whose return has not come. */
interface Open {
  readonly operation: number
  readonly classId: number
  /** How many operations had been called before it. */
  readonly calledAt: number
}

/** Looks for an order of `part` that `model` accepts, within bounds. */
export function searchJustInTime<State, Input, Output>(
  model: Model<State, Input, Output>,
  part: readonly Operation<Input, Output>[],
  bounds: Bounds,
): SearchResult<Input, Output> {
  return new Search(model, part, bounds).run()
}

/** The open operations that ask the same and are told the same. */
interface Kind {
  readonly classId: number
  readonly isOverwrite: boolean
  /** Their slots, what returns first first. */
  readonly slots: number[]
}

/** The unanswered operations that ask the same. */
interface Unanswered {
  readonly classId: number
  readonly isOverwrite: boolean
  /** Those called so far. */
  readonly operations: number[]
}

class Search<State, Input, Output> {
  readonly #model: Model<State, Input, Output>
  readonly #operations: readonly Operation<Input, Output>[]
  readonly #bounds: Bounds
  readonly #classes: Classes<State, Input, Output>
  /** By slot; null: free. */
  readonly #open: (Open | null)[] = []
  /** Those that change a state, by class; observers apart. */
  readonly #kinds: Kind[] = []
  readonly #kindOf = new Map<number, Kind>()
  readonly #observing = new Set<number>()
  readonly #unanswered: Unanswered[] = []
  #overwrites: Words = NOTHING
  readonly #hiddenAt = new Map<number, Words>()
  /** The place of each operation in the order of their returns. */
  readonly #turns: Int32Array
  #frontier: readonly Configuration[]
  #called = 0
  #steps = 0
  #looks = 0
  #isOver = false

  constructor(
    model: Model<State, Input, Output>,
    part: readonly Operation<Input, Output>[],
    bounds: Bounds,
  ) {
    this.#model = model
    this.#operations = part.filter(({ outcome }) => outcome !== 'fail')
    this.#turns = new Int32Array(this.#operations.length)
    this.#bounds = bounds
    this.#classes = new Classes(model)
    const state = this.#classes.state(model.init())
    this.#frontier = [firstConfiguration(state)]
  }

  run(): SearchResult<Input, Output> {
    const operations = this.#operations
    const classIds = operations.map((operation) => this.#classes.of(operation))
    const numbers = this.#numberUnanswered(classIds)
    const slots = new Int32Array(operations.length)
    const byCall = sortedBy(operations, ({ call }) => call)
    const byReturn = sortedBy(operations, (one) => one.return)
    byReturn.forEach((at, turn) => (this.#turns[at] = turn))
    let answers = 0
    let until = -Infinity
    for (const at of byReturn) {
      const operation = this.#operation(at)
      if (operation.outcome !== 'ok') continue
      // What touches at one instant is concurrent: calls come first.
      for (; this.#called < byCall.length; this.#called++) {
        const called = byCall[this.#called] as number
        const { call, outcome } = this.#operation(called)
        if (call > operation.return) break
        const classId = classIds[called] as number
        if (outcome === 'ok') slots[called] = this.#openSlot(called, classId)
        else this.#unanswered[numbers.get(classId) ?? -1]?.operations.push(called)
      }
      const slot = slots[at] as number
      const frontier = this.#forced(slot)
      if (this.#isOver) return { type: 'limit', steps: this.#steps, proved: { answers, until } }
      if (frontier.length === 0) return this.#stuck(slot)
      this.#frontier = frontier
      this.#closeSlot(slot)
      answers += 1
      until = operation.return
    }
    return { type: 'ordered', steps: this.#steps, order: this.#orderOf(this.#frontier[0] ?? null) }
  }

  /** A number for each class of unanswered operations. Observers among them tell nothing. */
  #numberUnanswered(classIds: readonly number[]): ReadonlyMap<number, number> {
    const numbers = new Map<number, number>()
    this.#operations.forEach(({ outcome }, at) => {
      const classId = classIds[at] as number
      if (outcome !== 'info' || numbers.has(classId) || this.#classes.isObserver(classId)) return
      const isOverwrite = this.#classes.isOverwrite(classId)
      numbers.set(classId, this.#unanswered.push({ classId, isOverwrite, operations: [] }) - 1)
    })
    return numbers
  }

  #openSlot(operation: number, classId: number): number {
    const free = this.#open.indexOf(null)
    const slot = free < 0 ? this.#open.length : free
    this.#open[slot] = { operation, classId, calledAt: this.#called }
    if (this.#classes.isObserver(classId)) this.#observing.add(slot)
    else this.#addToKind(slot, classId)
    return slot
  }

  #addToKind(slot: number, classId: number): void {
    let kind = this.#kindOf.get(classId)
    if (kind === undefined) {
      kind = { classId, isOverwrite: this.#classes.isOverwrite(classId), slots: [] }
      this.#kindOf.set(classId, kind)
      this.#kinds.push(kind)
    }
    const turn = this.#turnOf(slot)
    const later = kind.slots.findIndex((other) => this.#turnOf(other) > turn)
    kind.slots.splice(later < 0 ? kind.slots.length : later, 0, slot)
  }

  #closeSlot(slot: number): void {
    const { classId } = this.#open[slot] as Open
    this.#open[slot] = null
    if (this.#observing.delete(slot)) return
    const kind = this.#kindOf.get(classId) as Kind
    kind.slots.splice(kind.slots.indexOf(slot), 1)
    if (kind.slots.length > 0) return
    this.#kindOf.delete(classId)
    this.#kinds.splice(this.#kinds.indexOf(kind), 1)
  }

  /** The configurations in which the operation of a slot, which returns, is placed. */
  #forced(slot: number): readonly Configuration[] {
    const { classId, calledAt, operation } = this.#open[slot] as Open
    const canHide = this.#classes.isOverwrite(classId)
    this.#overwrites = this.#slotsOf(() => true)
    this.#hiddenAt.clear()
    const hidden = (overwrittenAt: number): Words => this.#hidden(overwrittenAt)
    const result = new Frontier(this.#overwrites, hidden)
    const seen = new Frontier(this.#overwrites, hidden)
    const todo: Configuration[] = []
    const reach = (one: Configuration): void => {
      const seeing = this.#seeing(one)
      if (has(seeing, slot)) result.add(without(seeing, slot))
      else if (seen.add(seeing)) todo.push(seeing)
    }
    for (const one of this.#frontier) reach(one)
    for (let one = todo.pop(); one !== undefined; one = todo.pop()) {
      if (one.isObsolete) continue
      if (this.#look()) return []
      if (canHide && !one.isFresh && one.overwrittenAt > calledAt) {
        const placed: Placed = { operation, how: 'hidden', before: one.placed }
        result.add({ ...one, placed, next: null })
      }
      this.#placeOpen(one, reach)
      this.#placeUnanswered(one, reach)
    }
    return result.all.filter(({ isObsolete }) => !isObsolete)
  }

  /** The overwrites that can be hidden by one that was placed then. */
  #hidden(overwrittenAt: number): Words {
    const known = this.#hiddenAt.get(overwrittenAt)
    if (known !== undefined) return known
    const words = this.#slotsOf(({ calledAt }) => calledAt < overwrittenAt)
    this.#hiddenAt.set(overwrittenAt, words)
    return words
  }

  /** The slots of open overwrites of which this holds. */
  #slotsOf(holds: (open: Open) => boolean): Words {
    let words = NOTHING
    for (const { isOverwrite, slots } of this.#kinds) {
      if (!isOverwrite) continue
      for (const slot of slots) {
        if (!holds(this.#open[slot] as Open)) continue
        words = withOne(words, slot)
      }
    }
    return words
  }

  #placeOpen(one: Configuration, reach: (one: Configuration) => void): void {
    for (const { classId, isOverwrite, slots } of this.#kinds) {
      if (isOverwrite && one.isFresh) continue
      const slot = slots.find((candidate) => !has(one, candidate))
      if (slot === undefined) continue
      this.#steps += 1
      const { operation } = this.#open[slot] as Open
      for (const state of this.#classes.after(one.state, classId)) {
        reach(this.#changed(withSlot(one, slot), state, operation, isOverwrite))
      }
    }
  }

  #placeUnanswered(one: Configuration, reach: (one: Configuration) => void): void {
    const count = this.#unanswered.length
    for (let number = 0; number < count; number++) {
      const { classId, isOverwrite, operations } = this.#unanswered[number] as Unanswered
      const operation = operations[one.used?.[number] ?? 0]
      if (operation === undefined || (isOverwrite && one.isFresh)) continue
      this.#steps += 1
      for (const state of this.#classes.after(one.state, classId)) {
        // An overwrite may be there to hide others.
        if (state === one.state && !isOverwrite) continue
        const used = one.used === null ? new Uint16Array(count) : one.used.slice()
        used[number] = (used[number] as number) + 1
        reach(this.#changed({ ...one, used }, state, operation, isOverwrite))
      }
    }
  }

  /** With an operation placed that leads to `state`. */
  #changed(
    { mask, more, used, placed: before, overwrittenAt }: Configuration,
    state: number,
    operation: number,
    isOverwrite: boolean,
  ): Configuration {
    return {
      state,
      mask,
      more,
      used,
      placed: { operation, how: isOverwrite ? 'overwrite' : 'changed', before },
      overwrittenAt: isOverwrite ? this.#called : overwrittenAt,
      isFresh: isOverwrite,
      next: null,
      isObsolete: false,
    }
  }

  /** With all open observers placed whose answer is right in its state. */
  #seeing(one: Configuration): Configuration {
    let seeing = one
    for (const slot of this.#observing) {
      if (has(seeing, slot)) continue
      const { classId, operation } = this.#open[slot] as Open
      if (this.#classes.after(one.state, classId).length === 0) continue
      const placed: Placed = { operation, how: 'observed', before: seeing.placed }
      seeing = { ...withSlot(seeing, slot), placed, isFresh: false }
    }
    return seeing
  }

  /** Whether it is time to give up. */
  #look(): boolean {
    const { stepsMax, isOver } = this.#bounds
    this.#looks += 1
    this.#isOver = this.#steps > stepsMax || (this.#looks % LOOKS === 0 && isOver?.() === true)
    return this.#isOver
  }

  /** No configuration explains the return of this slot. */
  #stuck(slot: number): SearchResult<Input, Output> {
    const one = this.#frontier[0] as Configuration
    const forced = this.#open[slot] as Open
    const others = this.#open.filter((open) => open !== null && open !== forced) as Open[]
    const next = [forced, ...others].map(({ operation }) => this.#operation(operation))
    const state = this.#model.describeState(this.#classes.stateAt(one.state))
    return { type: 'stuck', steps: this.#steps, longest: this.#orderOf(one), state, next }
  }

  /** What is placed, in order; what is hidden right before the overwrite that hides it. */
  #orderOf(one: Configuration | null): Operation<Input, Output>[] {
    const placed: Placed[] = []
    for (let at = one?.placed ?? null; at !== null; at = at.before) placed.push(at)
    const groups: number[][] = []
    let overwrite: number[] = []
    for (const { operation, how } of placed.reverse()) {
      // An overwrite is the last of its group.
      if (how === 'hidden') overwrite.splice(-1, 0, operation)
      else {
        const group = [operation]
        groups.push(group)
        if (how === 'overwrite') overwrite = group
      }
    }
    return groups.flat().map((at) => this.#operation(at))
  }

  #operation(at: number): Operation<Input, Output> {
    return this.#operations[at] as Operation<Input, Output>
  }

  #turnOf(slot: number): number {
    return this.#turns[(this.#open[slot] as Open).operation] as number
  }
}

function sortedBy<One>(list: readonly One[], instant: (one: One) => number): Int32Array {
  const instants = Float64Array.from(list, instant)
  const order = Int32Array.from(list, (_, at) => at)
  let isSorted = true
  for (let at = 1; at < instants.length && isSorted; at++) {
    isSorted = (instants[at - 1] as number) <= (instants[at] as number)
  }
  if (isSorted) return order
  return order.sort((a, b) => {
    const [one, other] = [instants[a] as number, instants[b] as number]
    return one === other ? a - b : one < other ? -1 : 1
  })
}
