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
  holdings.sort((a, b) => a.acquire.return - b.acquire.return || endOf(a) - endOf(b))
  for (let at = 1; at < holdings.length; at++) {
    const [one, other] = [holdings[at - 1], holdings[at]] as [
      Holding<Input, Output>,
      Holding<Input, Output>,
    ]
    if (other.acquire.return < endOf(one)) return overlap(one, other)
  }
  return { type: 'ordered', order: inOrder(holdings) }
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
  holdings.sort((a, b) => token(a) - token(b))
  let at = -Infinity
  let before: Holding<Input, Output> | null = null
  for (const holding of holdings) {
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
  return { type: 'ordered', order: inOrder(holdings) }
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
  const counted = operations.filter(({ outcome }) => outcome !== 'fail')
  const byCall = [...counted].sort((a, b) => a.call - b.call)
  const byReturn = counted.filter(({ outcome }) => outcome === 'ok')
  byReturn.sort((a, b) => a.return - b.return)
  const open = { acquire: new Earliest<Input, Output>(), release: new Earliest<Input, Output>() }
  const order: Operation<Input, Output>[] = []
  const placed = new Set<Operation<Input, Output>>()
  let taken = 0
  let next = 0
  const place = (operation: Operation<Input, Output>): void => {
    placed.add(operation)
    order.push(operation)
    taken += stepOf(operation.input) === 'acquire' ? 1 : -1
  }
  for (const operation of byReturn) {
    for (let called = byCall[next]; called !== undefined; called = byCall[++next]) {
      if (called.call > operation.return) break
      open[stepOf(called.input)].add(called)
    }
    if (placed.has(operation)) continue
    const isAcquire = stepOf(operation.input) === 'acquire'
    if (isAcquire ? taken === permits : taken === 0) {
      const other = open[isAcquire ? 'release' : 'acquire'].take(placed)
      if (other === null) {
        const state = isAcquire ? `all ${permits} are taken` : 'none is taken'
        return conflict(`${state}, and nothing else is under way`, [...order.slice(-1), operation])
      }
      place(other)
    }
    place(operation)
  }
  return { type: 'ordered', order }
}

/** Operations that have been called, what returns first first; unanswered ones last. */
class Earliest<Input, Output> {
  readonly #heap: Operation<Input, Output>[] = []

  add(operation: Operation<Input, Output>): void {
    const heap = this.#heap
    let at = heap.push(operation) - 1
    for (let up = (at - 1) >> 1; at > 0; up = (at - 1) >> 1) {
      if (endOfOperation(heap[up]) <= endOfOperation(operation)) break
      heap[at] = heap[up] as Operation<Input, Output>
      at = up
    }
    heap[at] = operation
  }

  /** Takes out the first that is not placed yet; null when there is none. */
  take(placed: ReadonlySet<Operation<Input, Output>>): Operation<Input, Output> | null {
    for (let first = this.#pop(); first !== null; first = this.#pop()) {
      if (!placed.has(first)) return first
    }
    return null
  }

  #pop(): Operation<Input, Output> | null {
    const heap = this.#heap
    const first = heap[0] ?? null
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return first
    let at = 0
    for (let down = 1; down < heap.length; down = 2 * at + 1) {
      if (endOfOperation(heap[down + 1]) < endOfOperation(heap[down])) down += 1
      if (endOfOperation(last) <= endOfOperation(heap[down])) break
      heap[at] = heap[down] as Operation<Input, Output>
      at = down
    }
    heap[at] = last
    return first
  }
}

function endOfOperation(operation: Operation | undefined): number {
  return operation === undefined || operation.outcome === 'info' ? Infinity : operation.return
}

/** Each answered acquire with its release; or who acquires what it holds, or releases what not. */
export function holdingsOf<Input, Output>(
  operations: Operations<Input, Output>,
  { stepOf, ownerOf }: LockWords<Input>,
): Holding<Input, Output>[] | Judged<Input, Output> | null {
  const holdings: Holding<Input, Output>[] = []
  const held = new Map<string | number, Operation<Input, Output>>()
  const byCall = operations.filter(({ outcome }) => outcome !== 'fail')
  byCall.sort((a, b) => a.call - b.call)
  if (!isPlain(byCall, ownerOf)) return null
  for (const operation of byCall) {
    const { outcome } = operation
    const owner = ownerOf(operation.input)
    const acquire = held.get(owner)
    if (stepOf(operation.input) === 'release') {
      // An unanswered one of nothing may not have happened.
      if (acquire === undefined && outcome === 'info') continue
      if (acquire === undefined) return conflict('it releases what it does not hold', [operation])
      holdings.push({ acquire, release: operation })
      held.delete(owner)
    } else if (outcome === 'ok') {
      if (acquire !== undefined) return conflict('it holds it already', [acquire, operation])
      held.set(owner, operation)
    }
  }
  for (const acquire of held.values()) holdings.push({ acquire, release: null })
  return holdings
}

/** Whether each owner does one thing after the other, and nothing after what it gave up. */
export function isPlain<Input, Output>(
  byCall: Operations<Input, Output>,
  ownerOf: (input: Input) => string | number,
): boolean {
  const busyUntil = new Map<string | number, number>()
  for (const { input, call, return: answered, outcome } of byCall) {
    const owner = ownerOf(input)
    if (call <= (busyUntil.get(owner) ?? -Infinity)) return false
    busyUntil.set(owner, outcome === 'ok' ? answered : Infinity)
  }
  return true
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
