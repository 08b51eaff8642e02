// Which operations of a long history are drawn: those nearest to what matters, as many as there is
// room for. Two passes over the history, whatever its order.

import type { Operation } from '../history.ts'

/** A span of instants that matters. */
export interface Anchor {
  readonly from: number
  readonly to: number
}

/** An operation, and how far from what matters it was. */
export interface Near {
  readonly operation: Operation
  readonly distance: number
}

/** The operations nearest to what matters, the nearest first. */
export interface Nearest {
  readonly near: readonly Near[]
  /** All that happened less than this far is among them; Infinity: all is. */
  readonly completeTo: number
}

/** Whether an operation is unanswered: it goes on for ever, or never takes effect. */
export function isOpen({ outcome, return: answered }: Operation): boolean {
  return outcome === 'info' || !(answered < Infinity)
}

/** When an operation ended; of an unanswered one, when it was called. */
export function endOf(operation: Operation): number {
  return isOpen(operation) ? operation.call : operation.return
}

/**
 * The operations nearest to the anchors, at most so many: `first` first, then those that lie there,
 * then others by their distance. Unanswered ones are where they were called.
 */
export function nearestTo(
  history: readonly Operation[],
  first: ReadonlySet<Operation>,
  anchors: readonly Anchor[],
  countMax: number
): Nearest {
  const distances = new Float64Array(history.length)
  for (let at = 0; at < history.length; at++) {
    const operation = history[at] as Operation
    const distance = distanceTo(anchors, operation)
    distances[at] = distance === 0 && first.has(operation) ? -1 : distance
  }
  const limit = nthSmallest(distances, countMax)
  let completeTo = Infinity
  const near: Near[] = []
  let atLimit = countMax - countBelow(distances, limit)
  for (let at = 0; at < history.length; at++) {
    const distance = distances[at] as number
    if (distance > limit || (distance === limit && atLimit === 0)) {
      if (distance < completeTo) completeTo = distance
      continue
    }
    if (distance === limit) atLimit -= 1
    near.push({ operation: history[at] as Operation, distance })
  }
  return { near: near.sort((a, b) => a.distance - b.distance), completeTo }
}

/** Those of the nearest that `take` has room for. */
export function takeNearest(
  { near, completeTo: all }: Nearest,
  take: (operation: Operation) => boolean
): Nearest {
  let completeTo = all
  const taken = near.filter(({ operation, distance }) => {
    const isTaken = take(operation)
    if (!isTaken && distance < completeTo) completeTo = distance
    return isTaken
  })
  return { near: taken, completeTo }
}

/** Of each process so many operations count that ended before a span. */
const beforeMax = 4

/** What processes did around a span. */
export interface Around {
  readonly within: readonly Operation[]
  /** Of each process the last ones before the span, in the order of the history. */
  readonly before: readonly (readonly Operation[])[]
  /** The first of each process after it. */
  readonly after: readonly Operation[]
}

/** The operations of a span, and the last of each process before it and the first after. */
export function aroundSpan(history: readonly Operation[], { from, to }: Anchor): Around {
  const within: Operation[] = []
  const before = new Map<number, Operation[]>()
  const after = new Map<number, Operation>()
  for (const operation of history) {
    const { process, call } = operation
    if (call > to) {
      if (!after.has(process)) after.set(process, operation)
    } else if (endOf(operation) >= from) within.push(operation)
    else {
      const its = before.get(process)
      if (its === undefined) before.set(process, [operation])
      else {
        if (its.length === beforeMax) its.shift()
        its.push(operation)
      }
    }
  }
  return { within, before: [...before.values()], after: [...after.values()] }
}

function distanceTo(anchors: readonly Anchor[], operation: Operation): number {
  const { call } = operation
  const end = endOf(operation)
  let least = Infinity
  for (const { from, to } of anchors) {
    const distance = call > to ? call - to : end < from ? from - end : 0
    if (distance < least) least = distance
  }
  return least
}

function countBelow(values: Float64Array, limit: number): number {
  let count = 0
  for (const value of values) if (value < limit) count += 1
  return count
}

/** The nth smallest value, or the greatest when there are fewer. Sorts only what may be it. */
function nthSmallest(values: Float64Array, n: number): number {
  const kept = new Float64Array(4 * n)
  let count = 0
  let limit = Infinity
  for (const value of values) {
    if (value >= limit) continue
    kept[count] = value
    count += 1
    if (count < kept.length) continue
    kept.sort()
    count = n
    limit = kept[n - 1] as number
  }
  const sorted = kept.subarray(0, count).sort()
  return sorted[Math.min(n, count) - 1] ?? Infinity
}
