// The one queue of the simulated world: a binary heap ordered by (time, sequence), so that events
// of one instant come in the order they were put in.

/** Kinds of simulated event. The numbers are part of the trace hash. */
export const KIND = {
  deliver: 1,
  turn: 2,
  timer: 3,
  synced: 4,
  resume: 5,
  restart: 6,
  faultBegins: 7,
  faultEnds: 8,
  clientDeliver: 9,
  clientTimer: 10,
  clientOperation: 11,
  custom: 12,
  phase: 13,
  snapshot: 14,
} as const

export type Kind = (typeof KIND)[keyof typeof KIND]

/** One thing that will happen. A single shape for all kinds keeps the loop fast. */
export interface SimEvent {
  readonly timeUs: number
  readonly sequence: number
  readonly kind: Kind
  /** The endpoint it happens to: a node, or a client; -1 for the world itself. */
  readonly target: number
  /** The endpoint it comes from, or a number whose meaning depends on the kind. */
  readonly source: number
  /** What is delivered: bytes, or a message passed by reference; null for the other kinds. */
  readonly payload: unknown
}

/** Least (time, sequence) first. */
export class EventQueue {
  readonly #heap: SimEvent[] = []
  #sequence = 0

  get size(): number {
    return this.#heap.length
  }

  /** Adds an event; the sequence number is given here. */
  push(timeUs: number, kind: Kind, target: number, source: number, payload: unknown): void {
    const event = { timeUs, sequence: this.#sequence++, kind, target, source, payload }
    const heap = this.#heap
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const above = (at - 1) >>> 1
      const parent = heap[above] as SimEvent
      if (parent.timeUs < timeUs || parent.timeUs === timeUs) break
      heap[at] = parent
      at = above
    }
    heap[at] = event
  }

  /** Takes the first event, or undefined when there is none. */
  pop(): SimEvent | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    const size = heap.length
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below >= size) break
      const right = below + 1
      if (right < size && isBefore(heap[right] as SimEvent, heap[below] as SimEvent)) below = right
      const child = heap[below] as SimEvent
      if (!isBefore(child, last)) break
      heap[at] = child
      at = below
    }
    heap[at] = last
    return first
  }
}

function isBefore(a: SimEvent, b: SimEvent): boolean {
  return a.timeUs < b.timeUs || (a.timeUs === b.timeUs && a.sequence < b.sequence)
}
