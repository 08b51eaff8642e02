// Judges histories of locks without a search, in near-linear time: of a lock with owners, of one
// with fencing tokens, and of one that anybody may release. Each rule is exact.
//
// A holding is an acquire and the release of its owner that comes next. An acquire without an
// answer is left out: it may not have happened. A release without one frees the lock at its call,
// at the best; a holding that is never released lasts for ever. Where an owner goes on after it
// gave up waiting for an answer, or at the very instant of one, only a search can tell: then there
// is no judgement.

import { conflict } from './block-monitor.ts'
import type { Operation } from './history.ts'
import type { Judged } from './model.ts'
import { orderBy } from './order-by.ts'

/** What an operation does to a lock. */
export type LockStep = 'acquire' | 'release'

/** An answered acquire, and the release that ended it, if there is one. */
export interface Holding<Input, Output> {
  readonly acquire: Operation<Input, Output>
  readonly release: Operation<Input, Output> | null
}

type Operations<Input, Output> = readonly Operation<Input, Output>[]

/** What a model says of an operation of a lock. */
export interface LockWords<Input> {
  stepOf(input: Input): LockStep
  ownerOf(input: Input): string | number
}

/**
 * A lock that only its owner, who acquired it, releases. It is held at least from the
 * answer of each acquire to the call of its release: what happens is possible when no two of these
 * spans overlap, and then they are an order.
 */
export function judgeOwnerMutex<Input, Output>(
  operations: Operations<Input, Output>,
  words: LockWords<Input>,
): Judged<Input, Output> | null {
  const pairs = pairsOf(operations, words)
  if (pairs === null || 'type' in pairs) return pairs
  const order = orderBy(numbersOf(operations, pairs, (acquire) => acquire.return))
  for (let at = 1; at < order.length; at++) {
    const one = holdingAt(operations, pairs, order[at - 1] as number)
    const other = holdingAt(operations, pairs, order[at] as number)
    if (other.acquire.return < endOf(one)) return overlap(one, other)
  }
  return { type: 'ordered', order: inOrder(operations, pairs, order) }
}

/**
 * A lock whose holdings have tokens that grow: they give the order of the holdings, and each
 * operation is put as early as its call and those before it allow.
 */
export function judgeFencedMutex<Input, Output>(
  operations: Operations<Input, Output>,
  words: LockWords<Input>,
  tokenOf: (output: Output) => number,
): Judged<Input, Output> | null {
  const pairs = pairsOf(operations, words)
  if (pairs === null || 'type' in pairs) return pairs
  const tokens = numbersOf(operations, pairs, (acquire) => tokenOf(acquire.output as Output))
  const order = orderBy(tokens)
  let instant = -Infinity
  for (let at = 0; at < order.length; at++) {
    const place = order[at] as number
    const before = at === 0 ? -1 : (order[at - 1] as number)
    const one = (): Holding<Input, Output> => holdingAt(operations, pairs, before)
    const holding = holdingAt(operations, pairs, place)
    const { acquire, release } = holding
    if (before !== -1 && tokens[before] === tokens[place]) {
      return conflict(`both have the token ${tokens[place]}`, [one().acquire, acquire])
    }
    instant = Math.max(instant, acquire.call)
    if (instant > acquire.return && before !== -1) return overlap(one(), holding)
    instant = Math.max(instant, release === null ? Infinity : release.call)
    if (release !== null && instant > release.return && before !== -1) {
      return overlap(one(), holding)
    }
  }
  return { type: 'ordered', order: inOrder(operations, pairs, order) }
}

/**
 * `permits` of something that anybody takes and anybody gives back; one permit is a lock.
 * Operations of one kind differ in their returns alone: nothing happens before a return calls for
 * it, and then what returns first goes first.
 */
export function judgeSemaphore<Input, Output>(
  operations: Operations<Input, Output>,
  stepOf: (input: Input) => LockStep,
  permits: number,
): Judged<Input, Output> {
  const count = operations.length
  const calls = new Float64Array(count)
  const returns = new Float64Array(count)
  for (let at = 0; at < count; at++) {
    const { call, return: answered, outcome } = operations[at] as Operation
    calls[at] = call
    returns[at] = outcome === 'ok' ? answered : Infinity
  }
  const byCall = orderBy(calls)
  const open = { acquire: new Earliest(returns), release: new Earliest(returns) }
  const order: Operation<Input, Output>[] = []
  const isPlaced = new Uint8Array(count)
  let taken = 0
  let next = 0
  const place = (at: number): void => {
    const operation = operations[at] as Operation<Input, Output>
    isPlaced[at] = 1
    order.push(operation)
    taken += stepOf(operation.input) === 'acquire' ? 1 : -1
  }
  for (const at of orderBy(returns)) {
    const operation = operations[at] as Operation<Input, Output>
    if (operation.outcome !== 'ok') break
    for (; next < count; next++) {
      const called = byCall[next] as number
      if ((calls[called] as number) > operation.return) break
      const { input, outcome } = operations[called] as Operation<Input, Output>
      if (outcome !== 'fail') open[stepOf(input)].add(called)
    }
    if (isPlaced[at] === 1) continue
    const isAcquire = stepOf(operation.input) === 'acquire'
    if (isAcquire ? taken === permits : taken === 0) {
      const other = open[isAcquire ? 'release' : 'acquire'].take(isPlaced)
      if (other === -1) {
        const state = isAcquire ? `all ${permits} are taken` : 'none is taken'
        return conflict(`${state}, and nothing else is under way`, [...order.slice(-1), operation])
      }
      place(other)
    }
    place(at)
  }
  return { type: 'ordered', order }
}

/** Operations that have been called, what returns first first; unanswered ones last. */
class Earliest {
  readonly #heap: number[] = []
  readonly #returns: Float64Array

  constructor(returns: Float64Array) {
    this.#returns = returns
  }

  add(operation: number): void {
    const heap = this.#heap
    const returned = this.#returnOf(operation)
    let at = heap.push(operation) - 1
    for (let up = (at - 1) >> 1; at > 0; up = (at - 1) >> 1) {
      const above = heap[up] as number
      if (this.#returnOf(above) <= returned) break
      heap[at] = above
      at = up
    }
    heap[at] = operation
  }

  /** Takes out the first that is not placed yet; -1 when there is none. */
  take(isPlaced: Uint8Array): number {
    for (let first = this.#pop(); first !== -1; first = this.#pop()) {
      if (isPlaced[first] === 0) return first
    }
    return -1
  }

  #pop(): number {
    const heap = this.#heap
    const first = heap[0] ?? -1
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return first
    const returned = this.#returnOf(last)
    let at = 0
    for (let down = 1; down < heap.length; down = 2 * at + 1) {
      const right = heap[down + 1]
      if (right !== undefined && this.#returnOf(right) < this.#returnOf(heap[down] as number)) {
        down += 1
      }
      const below = heap[down] as number
      if (returned <= this.#returnOf(below)) break
      heap[at] = below
      at = down
    }
    heap[at] = last
    return first
  }

  #returnOf(operation: number): number {
    return this.#returns[operation] as number
  }
}

/**
 * Each answered acquire with its release; or who acquires what it holds, or releases what not.
 * Null: an owner does not do one thing after the other, or goes on after what it gave up.
 */
export function holdingsOf<Input, Output>(
  operations: Operations<Input, Output>,
  words: LockWords<Input>,
): Holding<Input, Output>[] | Judged<Input, Output> | null {
  const pairs = pairsOf(operations, words)
  if (pairs === null || 'type' in pairs) return pairs
  return Array.from(pairs.acquires, (_, at) => holdingAt(operations, pairs, at))
}

/** Holdings by the places of their operations: there may be half a million. */
interface Pairs {
  readonly acquires: Int32Array
  /** -1: it is never released. */
  readonly releases: Int32Array
}

function holdingAt<Input, Output>(
  operations: Operations<Input, Output>,
  { acquires, releases }: Pairs,
  at: number,
): Holding<Input, Output> {
  const acquire = operations[acquires[at] as number] as Operation<Input, Output>
  const released = releases[at] as number
  const release = released === -1 ? null : (operations[released] as Operation<Input, Output>)
  return { acquire, release }
}

function pairsOf<Input, Output>(
  operations: Operations<Input, Output>,
  words: LockWords<Input>,
): Pairs | Judged<Input, Output> | null {
  // The operations of an owner mostly come one after the other.
  return pairUp(operations, words) ?? pairUp(operations, words, byCall(operations))
}

function byCall(operations: readonly Operation[]): Int32Array {
  return orderBy(Float64Array.from(operations, ({ call }) => call))
}

/** One who acquires and releases. */
interface Owner {
  busyUntil: number
  /** The place of the acquire of what it holds; -1: it holds nothing. */
  acquire: number
}

function pairUp<Input, Output>(
  operations: Operations<Input, Output>,
  { stepOf, ownerOf }: LockWords<Input>,
  order: Int32Array | null = null,
): Pairs | Judged<Input, Output> | null {
  const acquires = new Int32Array(operations.length)
  const releases = new Int32Array(operations.length).fill(-1)
  let count = 0
  const owners = new Map<string | number, Owner>()
  let problem: Judged<Input, Output> | null = null
  for (let at = 0; at < operations.length; at++) {
    const place = order === null ? at : (order[at] as number)
    const operation = operations[place] as Operation<Input, Output>
    const { input, call, return: answered, outcome } = operation
    if (outcome === 'fail') continue
    const name = ownerOf(input)
    let owner = owners.get(name)
    if (owner === undefined) {
      owner = { busyUntil: -Infinity, acquire: -1 }
      owners.set(name, owner)
    }
    if (call <= owner.busyUntil) return null
    owner.busyUntil = outcome === 'ok' ? answered : Infinity
    const { acquire } = owner
    if (stepOf(input) === 'release') {
      owner.acquire = -1
      if (acquire !== -1) {
        acquires[count] = acquire
        releases[count] = place
        count += 1
      } else if (outcome === 'ok') {
        problem ??= conflict('it releases what it does not hold', [operation])
      }
      // An unanswered one of nothing may not have happened.
    } else if (outcome === 'ok') {
      if (acquire !== -1) {
        const held = operations[acquire] as Operation<Input, Output>
        problem ??= conflict('it holds it already', [held, operation])
      }
      owner.acquire = place
    }
  }
  if (problem !== null) return problem
  for (const { acquire } of owners.values()) if (acquire !== -1) acquires[count++] = acquire
  return { acquires: acquires.subarray(0, count), releases: releases.subarray(0, count) }
}

/** A number of each holding, such as an instant. */
function numbersOf<Input, Output>(
  operations: Operations<Input, Output>,
  { acquires }: Pairs,
  numberOf: (acquire: Operation<Input, Output>) => number,
): Float64Array {
  const numbers = new Float64Array(acquires.length)
  for (let at = 0; at < numbers.length; at++) {
    numbers[at] = numberOf(operations[acquires[at] as number] as Operation<Input, Output>)
  }
  return numbers
}

/** Until when it is held at least. */
export function endOf<Input, Output>({ release }: Holding<Input, Output>): number {
  return release === null ? Infinity : release.call
}

function inOrder<Input, Output>(
  operations: Operations<Input, Output>,
  { acquires, releases }: Pairs,
  holdings: Int32Array,
): Operation<Input, Output>[] {
  const order = new Array<Operation<Input, Output>>(operations.length)
  let count = 0
  for (let at = 0; at < holdings.length; at++) {
    const holding = holdings[at] as number
    order[count++] = operations[acquires[holding] as number] as Operation<Input, Output>
    const release = releases[holding] as number
    if (release !== -1) order[count++] = operations[release] as Operation<Input, Output>
  }
  order.length = count
  return order
}

/** Says that two hold what only one can. */
export function overlap<Input, Output>(
  one: Holding<Input, Output>,
  other: Holding<Input, Output>,
): Judged<Input, Output> {
  const all = [one.acquire, one.release, other.acquire]
  const operations = all.filter((operation) => operation !== null)
  return conflict('two hold it at once', operations)
}
