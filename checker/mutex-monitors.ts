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
  const holdings = holdingsOf(operations, words)
  if (!Array.isArray(holdings)) return holdings
  const sorted = sortedBy(holdings, ({ acquire }) => acquire.return)
  for (let at = 1; at < sorted.length; at++) {
    const one = sorted[at - 1] as Holding<Input, Output>
    const other = sorted[at] as Holding<Input, Output>
    if (other.acquire.return < endOf(one)) return overlap(one, other)
  }
  return { type: 'ordered', order: inOrder(sorted) }
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
  const holdings = holdingsOf(operations, words)
  if (!Array.isArray(holdings)) return holdings
  const token = ({ acquire }: Holding<Input, Output>): number => tokenOf(acquire.output as Output)
  const sorted = sortedBy(holdings, token)
  let at = -Infinity
  let before: Holding<Input, Output> | null = null
  for (const holding of sorted) {
    const { acquire, release } = holding
    if (before !== null && token(before) === token(holding)) {
      return conflict(`both have the token ${token(holding)}`, [before.acquire, acquire])
    }
    at = Math.max(at, acquire.call)
    if (at > acquire.return && before !== null) return overlap(before, holding)
    at = Math.max(at, release === null ? Infinity : release.call)
    if (release !== null && at > release.return && before !== null) {
      return overlap(before, holding)
    }
    before = holding
  }
  return { type: 'ordered', order: inOrder(sorted) }
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
  // The operations of an owner mostly come one after the other.
  return pairUp(operations, words) ?? pairUp(sortedBy(operations, ({ call }) => call), words)
}

/** One who acquires and releases. */
interface Owner<Input, Output> {
  busyUntil: number
  acquire: Operation<Input, Output> | null
}

function pairUp<Input, Output>(
  operations: Operations<Input, Output>,
  { stepOf, ownerOf }: LockWords<Input>,
): Holding<Input, Output>[] | Judged<Input, Output> | null {
  const holdings: Holding<Input, Output>[] = []
  const owners = new Map<string | number, Owner<Input, Output>>()
  let problem: Judged<Input, Output> | null = null
  for (const operation of operations) {
    const { input, call, return: answered, outcome } = operation
    if (outcome === 'fail') continue
    const name = ownerOf(input)
    let owner = owners.get(name)
    if (owner === undefined) {
      owner = { busyUntil: -Infinity, acquire: null }
      owners.set(name, owner)
    }
    if (call <= owner.busyUntil) return null
    owner.busyUntil = outcome === 'ok' ? answered : Infinity
    const { acquire } = owner
    if (stepOf(input) === 'release') {
      owner.acquire = null
      if (acquire !== null) holdings.push({ acquire, release: operation })
      else if (outcome === 'ok') {
        problem ??= conflict('it releases what it does not hold', [operation])
      }
      // An unanswered one of nothing may not have happened.
    } else if (outcome === 'ok') {
      if (acquire !== null) problem ??= conflict('it holds it already', [acquire, operation])
      owner.acquire = operation
    }
  }
  if (problem !== null) return problem
  for (const { acquire } of owners.values()) {
    if (acquire !== null) holdings.push({ acquire, release: null })
  }
  return holdings
}

/** In the order of numbers, such as instants. */
function sortedBy<One>(all: readonly One[], numberOf: (one: One) => number): One[] {
  const numbers = new Float64Array(all.length)
  for (let at = 0; at < all.length; at++) numbers[at] = numberOf(all[at] as One)
  const sorted = new Array<One>(all.length)
  const order = orderBy(numbers)
  for (let at = 0; at < order.length; at++) sorted[at] = all[order[at] as number] as One
  return sorted
}

/** Until when it is held at least. */
export function endOf<Input, Output>({ release }: Holding<Input, Output>): number {
  return release === null ? Infinity : release.call
}

function inOrder<Input, Output>(
  holdings: readonly Holding<Input, Output>[],
): Operation<Input, Output>[] {
  const order: Operation<Input, Output>[] = []
  for (const { acquire, release } of holdings) {
    order.push(acquire)
    if (release !== null) order.push(release)
  }
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
