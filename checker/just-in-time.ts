// The search for one order of one part of a history, breadth first over its events: an operation is
// placed only when the return of one, itself or another, calls for it (just-in-time linearization).
// What is kept are the configurations that explain the history so far; each is a state, which of
// the open operations it has placed, and how many of the unanswered ones. So memory follows what is
// open at once and not the length. Ref: Lowe, "Testing for linearizability", 2016.
//
// Six rules keep the configurations few.
// - An observer, which changes no state, is placed as soon as its answer is right.
// - Unanswered operations that ask the same are interchangeable: only their number counts. And no
//   unanswered overwrite is placed while one that will be answered can be, and leads to the same.
// - Of open operations that ask the same and are told the same, the one that returns first is
//   placed first: in any order that has it otherwise the two can be exchanged.
// - An overwrite that nobody looks at is not placed before another one: it can be hidden right
//   before that, at no cost, whenever its return comes.
// - An overwrite that writes what is there already can be hidden too, where it stands. So an open
//   operation is placed, or settled without being placed, or not settled.
// - Who has settled as much, and placed no more, can do all that another one can: an observer may
//   always be left out of what follows, and what can be hidden may also be placed later.
//
// With a width only the most promising configurations are kept. What they explain is right; that
// they explain nothing is no proof then.

import type { Operation } from './history.ts'
import { Classes } from './classes.ts'
import { flipSlot, Frontier, hasSlot, newDraft, unite, wordsFor } from './frontier.ts'
import type { Draft, Slots } from './frontier.ts'
import type { Model } from './model.ts'
import { orderOfPlaced } from './placed-order.ts'
import type { Bounds, SearchResult } from './search.ts'

/** How often it is asked whether time is over. */
const LOOKS = 256

/** How far this search may go. */
export interface WidthBounds extends Bounds {
  /** The most configurations that are kept from one return to the next; undefined: all. */
  readonly width?: number
}

/** Looks for an order of `part` that `model` accepts, within bounds. */
export function searchJustInTime<State, Input, Output>(
  model: Model<State, Input, Output>,
  part: readonly Operation<Input, Output>[],
  bounds: WidthBounds,
): SearchResult<Input, Output> {
  return new Search(model, part, bounds).run()
}

/** The open operations that ask the same and are told the same. */
interface Kind {
  readonly classId: number
  readonly isObserver: boolean
  readonly isOverwrite: boolean
  /** Their slots, what returns first first. */
  readonly slots: number[]
  readonly set: Slots
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
  readonly #bounds: WidthBounds
  readonly #classes: Classes<State, Input, Output>
  readonly #classIds: readonly number[]
  readonly #byCall: readonly number[]
  readonly #byReturn: readonly number[]
  /** The place of each operation in the order of their returns. */
  readonly #turns: Int32Array
  readonly #words: number
  /** The operation of a slot. */
  readonly #open: number[] = []
  readonly #free: number[] = []
  /** Those that change a state, and observers, by class. */
  readonly #changing: Kind[] = []
  readonly #observing: Kind[] = []
  readonly #kindOf = new Map<number, Kind>()
  readonly #unanswered: Unanswered[] = []
  readonly #unansweredOf: ReadonlyMap<number, Unanswered>
  readonly #overwrites: Slots
  /** Slots of those that change a state and are no overwrites. */
  readonly #others: Slots
  /** By state: what asks nothing more where it is there. */
  readonly #settled: (Slots | undefined)[] = []
  #frontier: Frontier
  #result: Frontier
  #seen: Frontier
  readonly #one: Draft
  readonly #two: Draft
  #called = 0
  #steps = 0
  #looks = 0
  #isOver = false
  #isNarrowed = false

  constructor(
    model: Model<State, Input, Output>,
    part: readonly Operation<Input, Output>[],
    bounds: WidthBounds,
  ) {
    this.#model = model
    this.#bounds = bounds
    const operations = part.filter(({ outcome }) => outcome !== 'fail')
    this.#operations = operations
    this.#classes = new Classes(model)
    this.#classIds = operations.map((operation) => this.#classes.of(operation))
    this.#byCall = sortedBy(operations, ({ call }) => call)
    this.#byReturn = sortedBy(operations, (one) => one.return)
    this.#turns = new Int32Array(operations.length)
    this.#byReturn.forEach((at, turn) => (this.#turns[at] = turn))
    this.#words = wordsFor(this.#mostOpen())
    this.#overwrites = new Int32Array(this.#words)
    this.#others = new Int32Array(this.#words)
    this.#unansweredOf = this.#findUnanswered()
    const classes = this.#unanswered.length
    this.#frontier = new Frontier(this.#words, classes)
    this.#result = new Frontier(this.#words, classes)
    this.#seen = new Frontier(this.#words, classes)
    this.#one = newDraft(this.#words, classes)
    this.#two = newDraft(this.#words, classes)
    this.#one.state = this.#classes.state(model.init())
    this.#frontier.clear(this.#others)
    this.#frontier.add(this.#one)
  }

  #mostOpen(): number {
    let open = 0
    let most = 0
    let called = 0
    for (const at of this.#byReturn) {
      const { outcome, return: answered } = this.#operation(at)
      if (outcome !== 'ok') continue
      for (; called < this.#byCall.length; called++) {
        const next = this.#operation(this.#byCall[called] as number)
        if (next.call > answered) break
        if (next.outcome === 'ok') open += 1
      }
      if (open > most) most = open
      open -= 1
    }
    return most
  }

  run(): SearchResult<Input, Output> {
    const slots = new Int32Array(this.#operations.length)
    let answers = 0
    let until = -Infinity
    for (const at of this.#byReturn) {
      const operation = this.#operation(at)
      if (operation.outcome !== 'ok') continue
      this.#call(operation.return, slots)
      const slot = slots[at] as number
      this.#force(slot)
      const isStuck = this.#result.count === 0
      if (isStuck && !this.#isNarrowed && !this.#isOver) return this.#stuck(slot)
      if (isStuck || this.#isOver) {
        return { type: 'limit', steps: this.#steps, proved: { answers, until } }
      }
      this.#advance()
      this.#closeSlot(slot)
      answers += 1
      until = operation.return
    }
    return { type: 'ordered', steps: this.#steps, order: this.#order() }
  }

  /** Opens what is called up to an instant. What touches at one instant is concurrent. */
  #call(until: number, slots: Int32Array): void {
    for (; this.#called < this.#byCall.length; this.#called++) {
      const called = this.#byCall[this.#called] as number
      const { call, outcome } = this.#operation(called)
      if (call > until) return
      if (outcome === 'ok') slots[called] = this.#openSlot(called)
      else this.#unansweredOf.get(this.#classIds[called] as number)?.operations.push(called)
    }
  }

  /** What explains this return, or the most promising of it, is what the next one starts from. */
  #advance(): void {
    const { width } = this.#bounds
    const before = this.#frontier
    this.#frontier = this.#result
    this.#result = before
    if (width === undefined || this.#frontier.count <= width) return
    const kept = this.#frontier.mostPromising(width, this.#overwrites)
    if (kept === null) return
    this.#isNarrowed = true
    before.clear(this.#others)
    for (const at of kept) {
      this.#frontier.read(at, this.#one)
      before.add(this.#one)
    }
    this.#result = this.#frontier
    this.#frontier = before
  }

  /** The classes of unanswered operations. Observers among them tell nothing. */
  #findUnanswered(): ReadonlyMap<number, Unanswered> {
    const found = new Map<number, Unanswered>()
    this.#operations.forEach(({ outcome }, at) => {
      const classId = this.#classIds[at] as number
      if (outcome !== 'info' || found.has(classId) || this.#classes.isObserver(classId)) return
      const isOverwrite = this.#classes.isOverwrite(classId)
      const unanswered: Unanswered = { classId, isOverwrite, operations: [] }
      found.set(classId, unanswered)
      this.#unanswered.push(unanswered)
    })
    return found
  }

  #openSlot(operation: number): number {
    const slot = this.#free.pop() ?? this.#open.length
    this.#open[slot] = operation
    const kind = this.#kindFor(this.#classIds[operation] as number)
    this.#flip(kind, slot)
    const turn = this.#turns[operation] as number
    const { slots } = kind
    let at = slots.length
    while (at > 0 && this.#turnOf(slots[at - 1] as number) > turn) at -= 1
    slots.splice(at, 0, slot)
    return slot
  }

  #kindFor(classId: number): Kind {
    const known = this.#kindOf.get(classId)
    if (known !== undefined) return known
    const isObserver = this.#classes.isObserver(classId)
    const isOverwrite = !isObserver && this.#classes.isOverwrite(classId)
    const set = new Int32Array(this.#words)
    const kind: Kind = { classId, isObserver, isOverwrite, slots: [], set }
    this.#kindOf.set(classId, kind)
    const kinds = isObserver ? this.#observing : this.#changing
    kinds.push(kind)
    return kind
  }

  #closeSlot(slot: number): void {
    const kind = this.#kindOf.get(this.#classIds[this.#open[slot] as number] as number) as Kind
    const { slots, isObserver, classId } = kind
    this.#flip(kind, slot)
    slots.splice(slots.indexOf(slot), 1)
    this.#free.push(slot)
    if (slots.length > 0) return
    this.#kindOf.delete(classId)
    const kinds = isObserver ? this.#observing : this.#changing
    kinds.splice(kinds.indexOf(kind), 1)
  }

  /** Adds a slot to the sets of its kind, or takes it out of them. */
  #flip({ set, isObserver, isOverwrite }: Kind, slot: number): void {
    flipSlot(set, slot)
    if (isOverwrite) flipSlot(this.#overwrites, slot)
    else if (!isObserver) flipSlot(this.#others, slot)
  }

  /** Finds the configurations in which the operation of a slot, which returns, is settled. */
  #force(slot: number): void {
    this.#settled.length = 0
    this.#result.clear(this.#others)
    this.#seen.clear(this.#others)
    const one = this.#one
    const frontier = this.#frontier
    for (let at = 0; at < frontier.count; at++) {
      if (frontier.isObsolete(at)) continue
      frontier.read(at, one)
      this.#reach(one, slot)
    }
    const seen = this.#seen
    for (let at = 0; at < seen.count; at++) {
      if (seen.isObsolete(at)) continue
      if (this.#look()) return
      seen.read(at, one)
      this.#placeOpen(one, slot)
      this.#placeUnanswered(one, slot)
    }
  }

  /** Takes a configuration that may explain the return of a slot. It is left as it was. */
  #reach(one: Draft, slot: number): void {
    this.#settle(one)
    const isSettled = hasSlot(one.settled, slot)
    const isPlaced = isSettled && hasSlot(one.placed, slot)
    // What can be hidden may also be placed, now for the last time.
    if (!isSettled || (!isPlaced && hasSlot(this.#overwrites, slot))) {
      if (!this.#seen.add(one) || !isSettled || one.isFresh) return
    }
    const { isFresh } = one
    flipSlot(one.settled, slot)
    if (isPlaced) flipSlot(one.placed, slot)
    one.isFresh = false
    this.#result.add(one)
    flipSlot(one.settled, slot)
    if (isPlaced) flipSlot(one.placed, slot)
    one.isFresh = isFresh
  }

  /** Settles what asks nothing more in its state. */
  #settle(one: Draft): void {
    const settled = (this.#settled[one.state] ??= this.#settledIn(one.state))
    for (let word = 0; word < this.#words; word++) {
      const before = one.settled[word] as number
      const more = (settled[word] as number) & ~before
      if (more === 0) continue
      one.settled[word] = before | more
      if ((more & ~(this.#overwrites[word] as number)) !== 0) one.isFresh = false
    }
  }

  #settledIn(state: number): Slots {
    const set = new Int32Array(this.#words)
    for (const kind of this.#observing) {
      if (this.#classes.after(state, kind.classId).length > 0) unite(set, kind.set)
    }
    for (const { isOverwrite, classId, set: own } of this.#changing) {
      if (isOverwrite && this.#classes.after(state, classId)[0] === state) unite(set, own)
    }
    return set
  }

  #placeOpen(one: Draft, forced: number): void {
    const two = this.#two
    for (const { classId, isOverwrite, slots } of this.#changing) {
      if (isOverwrite && one.isFresh) continue
      const slot = slots.find((candidate) => !hasSlot(one.placed, candidate))
      if (slot === undefined) continue
      this.#steps += 1
      for (const state of this.#classes.after(one.state, classId)) {
        this.#change(one, state, this.#open[slot] as number, isOverwrite)
        flipSlot(two.placed, slot)
        if (!hasSlot(two.settled, slot)) flipSlot(two.settled, slot)
        this.#reach(two, forced)
      }
    }
  }

  #placeUnanswered(one: Draft, forced: number): void {
    const count = this.#unanswered.length
    for (let number = 0; number < count; number++) {
      const { classId, isOverwrite, operations } = this.#unanswered[number] as Unanswered
      const operation = operations[one.used[number] as number]
      if (operation === undefined || (isOverwrite && one.isFresh)) continue
      this.#steps += 1
      for (const state of this.#classes.after(one.state, classId)) {
        // An overwrite may be there to hide others.
        if (isOverwrite ? this.#hasOpen(one, state) : state === one.state) continue
        this.#change(one, state, operation, isOverwrite)
        this.#two.used[number] = (one.used[number] as number) + 1
        this.#reach(this.#two, forced)
      }
    }
  }

  /** Whether an overwrite is open, and not placed, that leads to this state. */
  #hasOpen(one: Draft, state: number): boolean {
    return this.#changing.some(({ isOverwrite, classId, slots }) => {
      if (!isOverwrite || this.#classes.after(one.state, classId)[0] !== state) return false
      return slots.some((slot) => !hasSlot(one.placed, slot))
    })
  }

  /** Makes the second draft of the first one, with an operation placed that leads to `state`. */
  #change(one: Draft, state: number, operation: number, isOverwrite: boolean): void {
    const two = this.#two
    two.state = state
    two.isFresh = isOverwrite
    for (let word = 0; word < this.#words; word++) {
      const hidden = isOverwrite ? (this.#overwrites[word] as number) : 0
      two.settled[word] = (one.settled[word] as number) | hidden
      two.placed[word] = one.placed[word] as number
    }
    for (let at = 0; at < two.used.length; at++) two.used[at] = one.used[at] as number
    two.chain = { operation, state, called: this.#called, before: one.chain }
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
    const isOther = (_: number, at: number): boolean => at !== slot && !this.#free.includes(at)
    const next = [this.#open[slot] as number, ...this.#open.filter(isOther)]
    const state = this.#model.describeState(this.#classes.stateAt(this.#frontier.stateOf(0)))
    return {
      type: 'stuck',
      steps: this.#steps,
      longest: this.#order(),
      state,
      next: next.map((at) => this.#operation(at)),
    }
  }

  #order(): Operation<Input, Output>[] {
    const called = this.#byCall.slice(0, this.#called).map((at) => ({
      operation: at,
      classId: this.#classIds[at] as number,
      isAnswered: this.#operation(at).outcome === 'ok',
    }))
    const first = this.#classes.state(this.#model.init())
    const order = orderOfPlaced(this.#frontier.chainOf(0), called, this.#classes, first)
    return order.map((at) => this.#operation(at))
  }

  #turnOf(slot: number): number {
    return this.#turns[this.#open[slot] as number] as number
  }

  #operation(at: number): Operation<Input, Output> {
    return this.#operations[at] as Operation<Input, Output>
  }
}

/** The places of a list by an instant; those of one instant as they come. */
function sortedBy<One>(list: readonly One[], instant: (one: One) => number): readonly number[] {
  const order: number[] = []
  const instants: number[] = []
  let isSorted = true
  for (const one of list) {
    const at = instant(one)
    if (order.length > 0 && (instants[order.length - 1] as number) > at) isSorted = false
    order.push(order.length)
    instants.push(at)
  }
  if (isSorted) return order
  return order.sort((a, b) => {
    const [one, other] = [instants[a] as number, instants[b] as number]
    return one === other ? a - b : one < other ? -1 : 1
  })
}
