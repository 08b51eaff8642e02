// An immutable queue: what came first leaves first, each in O(1) on the average. An old version
// stays whole, and a fork is a reference. It knows nothing of what it holds.

import type { OrderedMap } from './ordered-map.ts'
import { emptyMap, mapDelete, mapEntries, mapFirst, mapSet } from './ordered-map.ts'

const PART_MAX = 8

/** A persistent queue: plain data, and changed only by making another. */
export interface Queue<Value> {
  /** How many have come, and how many of them are there still. */
  readonly come: number
  readonly size: number
  /** The first from `headAt` on; none only when the queue is empty. */
  readonly head: readonly Value[]
  readonly headAt: number
  /** Full parts, in the order in which they came. */
  readonly middle: OrderedMap<number, readonly Value[]>
  /** The last; fewer than a part. */
  readonly tail: readonly Value[]
}

const EMPTY: Queue<never> = {
  come: 0,
  size: 0,
  head: [],
  headAt: 0,
  middle: emptyMap(),
  tail: [],
}

/** The queue without anything. */
export function emptyQueue<Value>(): Queue<Value> {
  return EMPTY
}

/** What came first, or null. */
export function queueFirst<Value>({ size, head, headAt }: Queue<Value>): Value | null {
  return size === 0 ? null : (head[headAt] as Value)
}

/** The queue with one more at its end. */
export function queueAdd<Value>(queue: Queue<Value>, value: Value): Queue<Value> {
  const { head, headAt, middle } = queue
  const come = queue.come + 1
  const size = queue.size + 1
  if (size === 1) return { come, size, head: [value], headAt: 0, middle, tail: [] }
  const tail = queue.tail.concat([value])
  if (tail.length < PART_MAX) return { come, size, head, headAt, middle, tail }
  return { come, size, head, headAt, middle: mapSet(middle, come, tail), tail: [] }
}

/** The queue without what came first. */
export function queueDrop<Value>(queue: Queue<Value>): Queue<Value> {
  if (queue.size <= 1) return EMPTY
  const { come, head, middle, tail } = queue
  const size = queue.size - 1
  const headAt = queue.headAt + 1
  if (headAt < head.length) return { come, size, head, headAt, middle, tail }
  const part = mapFirst(middle)
  if (part === null) return { come, size, head: tail, headAt: 0, middle, tail: [] }
  return { come, size, head: part[1], headAt: 0, middle: mapDelete(middle, part[0]), tail }
}

/** All that is there, what came first first. */
export function* queueValues<Value>(queue: Queue<Value>): Generator<Value, void> {
  const { head, headAt, middle, tail } = queue
  for (let at = headAt; at < head.length; at++) yield head[at] as Value
  for (const [, part] of mapEntries(middle)) yield* part
  yield* tail
}
