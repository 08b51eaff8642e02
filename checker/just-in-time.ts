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
// With a width only the most promising configurations are kept, or in haste the first that are
// found. What they explain is right; that they explain nothing is no proof then.

import type { Operation } from './history.ts'
import { countAt, countUp, flipSlot, Frontier, hasSlot, newDraft } from './frontier.ts'
import { packingFor, unite, wordsFor } from './frontier.ts'
import type { Draft, Packing, Slots } from './frontier.ts'
import type { Numbered } from './numbered.ts'
import { orderOfPlaced } from './placed-order.ts'
import type { Bounds, SearchResult } from './search.ts'

/** How often it is asked whether time is over. */
const LOOKS = 256

/** How far this search may go. */
export interface WidthBounds extends Bounds {
  /** The most configurations that are kept from one return to the next; undefined: all. */
  readonly width?: number
  /**
   * Whether no more are looked for once there are so many, and no unanswered operation is placed
   * where a return is explained without.
   */
  readonly isHasty?: boolean
}

/** Looks for an order of `part` that `model` accepts, within bounds. */
export function searchJustInTime<State, Input, Output>(
  part: Numbered<State, Input, Output>,
  bounds: WidthBounds,
): SearchResult<Input, Output> {
  return new Search(part, bounds).run()
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
  readonly #part: Numbered<State, Input, Output>
  readonly #bounds: WidthBounds
  readonly #stepsMax: number
  readonly #words: number
  /** The operation of a slot. */
  readonly #open: number[] = []
  readonly #free: number[] = []
  /** Those that change a state, and observers, by class. */
  readonly #changing: Kind[] = []
  readonly #observing: Kind[] = []
  /** By class. */
  readonly #kindOf: (Kind | undefined)[] = []
  readonly #unanswered: Unanswered[] = []
  readonly #unansweredOf: ReadonlyMap<number, Unanswered>
  readonly #used: Packing
  readonly #overwrites: Slots
  /** Slots of those that change a state and are no overwrites. */
  readonly #others: Slots
  /** By state: what asks nothing more where it is there. Made anew at each return, of old sets. */
  readonly #settled: (Slots | undefined)[] = []
  readonly #settledSets: Slots[] = []
  #settledCount = 0
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
    part: Numbered<State, Input, Output>,
    bounds: WidthBounds,
  ) {
    this.#part = part
    this.#bounds = bounds
    this.#stepsMax = bounds.stepsMax
    this.#words = wordsFor(part.openMax)
    this.#overwrites = new Int32Array(this.#words)
    this.#others = new Int32Array(this.#words)
    this.#unansweredOf = this.#findUnanswered()
    this.#used = packingFor(this.#unanswered.length, part.unanswered.length)
    this.#frontier = new Frontier(this.#words, this.#used)
    this.#result = new Frontier(this.#words, this.#used)
    this.#seen = new Frontier(this.#words, this.#used)
    this.#one = newDraft(this.#words, this.#used)
    this.#two = newDraft(this.#words, this.#used)
    this.#one.state = part.classes.state(part.model.init())
    this.#frontier.clear(this.#others)
    this.#frontier.add(this.#one)
  }

  run(): SearchResult<Input, Output> {
    const slots = new Int32Array(this.#part.operations.length)
    let answers = 0
    let until = -Infinity
    const { byReturn } = this.#part
    for (let turn = 0; turn < byReturn.length; turn++) {
      const at = byReturn[turn] as number
      const operation = this.#part.operation(at)
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
    const { byCall } = this.#part
    for (; this.#called < byCall.length; this.#called++) {
      const called = byCall[this.#called] as number
      const { call, outcome } = this.#part.operation(called)
      if (call > until) return
      if (outcome === 'ok') slots[called] = this.#openSlot(called)
      else this.#unansweredOf.get(this.#part.classOf(called))?.operations.push(called)
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
    for (const at of this.#part.unanswered) {
      const classId = this.#part.classOf(at)
      if (found.has(classId) || this.#part.classes.isObserver(classId)) continue
      const isOverwrite = this.#part.classes.isOverwrite(classId)
      const unanswered: Unanswered = { classId, isOverwrite, operations: [] }
      found.set(classId, unanswered)
      this.#unanswered.push(unanswered)
    }
    return found
  }

  #openSlot(operation: number): number {
    const slot = this.#free.pop() ?? this.#open.length
    this.#open[slot] = operation
    const kind = this.#kindFor(this.#part.classOf(operation))
    this.#flip(kind, slot)
    const turn = this.#part.turns[operation] as number
    const { slots } = kind
    if (slots.length === 0) this.#kindsLike(kind).push(kind)
    let at = slots.push(slot) - 1
    for (; at > 0 && this.#turnOf(slots[at - 1] as number) > turn; at--) {
      slots[at] = slots[at - 1] as number
    }
    slots[at] = slot
    return slot
  }

  #closeSlot(slot: number): void {
    const kind = this.#kindFor(this.#part.classOf(this.#open[slot] as number))
    const { slots } = kind
    this.#flip(kind, slot)
    slots.splice(slots.indexOf(slot), 1)
    this.#free.push(slot)
    if (slots.length > 0) return
    const kinds = this.#kindsLike(kind)
    kinds.splice(kinds.indexOf(kind), 1)
  }

  #kindFor(classId: number): Kind {
    const known = this.#kindOf[classId]
    if (known !== undefined) return known
    const isObserver = this.#part.classes.isObserver(classId)
    const isOverwrite = !isObserver && this.#part.classes.isOverwrite(classId)
    const set = new Int32Array(this.#words)
    return (this.#kindOf[classId] = { classId, isObserver, isOverwrite, slots: [], set })
  }

  /** The kinds that have open operations, with this one or to be. */
  #kindsLike({ isObserver }: Kind): Kind[] {
    return isObserver ? this.#observing : this.#changing
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
    this.#settledCount = 0
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
    const { isHasty = false, width = Infinity } = this.#bounds
    // Unanswered operations are placed last, if there are any.
    let waited = this.#unanswered.length > 0 ? 0 : Infinity
    for (let at = 0; at < seen.count || waited < seen.count; ) {
      if (this.#look()) return
      const isOpen = at < seen.count
      if (isHasty && this.#result.count >= (isOpen ? width : 1)) {
        this.#isNarrowed = true
        return
      }
      const next = isOpen ? at++ : waited++
      if (seen.isObsolete(next)) continue
      seen.read(next, one)
      if (isOpen) this.#placeOpen(one, slot)
      else this.#placeUnanswered(one, slot)
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
    const settled = this.#settledIn(one.state)
    for (let word = 0; word < this.#words; word++) {
      const before = one.settled[word] as number
      const more = (settled[word] as number) & ~before
      if (more === 0) continue
      one.settled[word] = before | more
      if ((more & ~(this.#overwrites[word] as number)) !== 0) one.isFresh = false
    }
  }

  #settledIn(state: number): Slots {
    const known = this.#settled[state]
    if (known !== undefined) return known
    const set = (this.#settledSets[this.#settledCount++] ??= new Int32Array(this.#words))
    this.#settled[state] = set
    set.fill(0)
    for (const kind of this.#observing) {
      if (this.#part.classes.after(state, kind.classId).length > 0) unite(set, kind.set)
    }
    for (const { isOverwrite, classId, set: own } of this.#changing) {
      if (isOverwrite && this.#part.classes.after(state, classId)[0] === state) unite(set, own)
    }
    return set
  }

  #placeOpen(one: Draft, forced: number): void {
    const two = this.#two
    for (const { classId, isOverwrite, slots } of this.#changing) {
      if (isOverwrite && one.isFresh) continue
      const slot = unplaced(slots, one)
      if (slot === -1) continue
      this.#steps += 1
      for (const state of this.#part.classes.after(one.state, classId)) {
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
      const operation = operations[countAt(one.used, 0, number, this.#used)]
      if (operation === undefined || (isOverwrite && one.isFresh)) continue
      this.#steps += 1
      for (const state of this.#part.classes.after(one.state, classId)) {
        // An overwrite may be there to hide others.
        if (isOverwrite ? this.#hasOpen(one, state) : state === one.state) continue
        this.#change(one, state, operation, isOverwrite)
        countUp(this.#two.used, number, this.#used)
        this.#reach(this.#two, forced)
      }
    }
  }

  /** Whether an overwrite is open, and not placed, that leads to this state. */
  #hasOpen(one: Draft, state: number): boolean {
    return this.#changing.some(({ isOverwrite, classId, slots }) => {
      if (!isOverwrite || this.#part.classes.after(one.state, classId)[0] !== state) return false
      return unplaced(slots, one) !== -1
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
    this.#looks += 1
    if (this.#steps > this.#stepsMax) this.#isOver = true
    else if (this.#looks % LOOKS === 0) this.#isOver = this.#bounds.isOver?.() === true
    return this.#isOver
  }

  /** No configuration explains the return of this slot. */
  #stuck(slot: number): SearchResult<Input, Output> {
    const isOther = (_: number, at: number): boolean => at !== slot && !this.#free.includes(at)
    const next = [this.#open[slot] as number, ...this.#open.filter(isOther)]
    const { model, classes } = this.#part
    const state = model.describeState(classes.stateAt(this.#frontier.stateOf(0)))
    return {
      type: 'stuck',
      steps: this.#steps,
      longest: this.#order(),
      state,
      next: next.map((at) => this.#part.operation(at)),
    }
  }

  #order(): Operation<Input, Output>[] {
    const order = orderOfPlaced(this.#part, this.#frontier.chainOf(0), this.#called)
    return order.map((at) => this.#part.operation(at))
  }

  #turnOf(slot: number): number {
    return this.#part.turns[this.#open[slot] as number] as number
  }
}

/** The first of these slots that is not placed; -1: all are. */
function unplaced(slots: readonly number[], { placed }: Draft): number {
  for (let at = 0; at < slots.length; at++) {
    const slot = slots[at] as number
    if (!hasSlot(placed, slot)) return slot
  }
  return -1
}
