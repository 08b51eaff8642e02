// Judges a history that comes event by event. Of locks nothing is kept but who holds them and what
// is under way; of everything else the operations are gathered and judged at the end.

import { checkWords } from './check-words.ts'
import type { HistoryEvent } from './event.ts'
import { Pairing, type Failed } from './formats/pairing.ts'
import type { Limits } from './linearize.ts'
import { modelNamed, type ModelOptions } from './models/catalogue.ts'
import type { FileOperation } from './online/key-watch.ts'
import { isMonitored, LockMonitor } from './online/lock-monitor.ts'
import type { Verdict } from './verdict.ts'

/** What the model is told, what a `fail` says, and the bounds of a search. */
export interface StreamOptions extends ModelOptions, Limits {
  /** `dropped` when not given: it did not happen. */
  readonly failed?: Failed
}

/** A history as it comes: events one by one, or several at a time. */
export type EventStream = AsyncIterable<EventPiece> | Iterable<EventPiece>

/** An event, or some in their order. */
export type EventPiece = HistoryEvent | readonly HistoryEvent[]

/**
 * Decides whether a history is linearizable with respect to a built-in model. Stops reading at the
 * first violation if the model is one of `MONITORED`, and then keeps nothing of what is over; not
 * so when a `fail` is `observed`.
 *
 * @throws RangeError when there is no such model
 * @throws PairingError when an event cannot come next
 * @throws WordError when the model has no word for what is asked or told
 */
export async function checkStream(
  events: EventStream,
  model: string,
  options: StreamOptions = {},
): Promise<Verdict> {
  // What was refused says something of all instants that it was open: only a search follows that.
  const isWatched = isMonitored(model) && options.failed !== 'observed'
  const judge = isWatched ? new LockMonitor(model, options) : new Gatherer(model, options)
  if (Symbol.iterator in events) {
    for (const piece of events) if (isOver(judge, piece)) break
  } else {
    for await (const piece of events) if (isOver(judge, piece)) break
  }
  return judge.end(options)
}

/** Whether nothing that comes can change the verdict. */
function isOver(judge: Judge, piece: EventPiece): boolean {
  if (!isList(piece)) return judge.observe(piece) !== null
  return piece.some((event) => judge.observe(event) !== null)
}

function isList(piece: EventPiece): piece is readonly HistoryEvent[] {
  return Array.isArray(piece)
}

interface Judge {
  observe(event: HistoryEvent): Verdict | null
  end(limits: Limits): Verdict
}

/** Gathers the operations of a history, and judges them in the end. */
class Gatherer implements Judge {
  readonly #name: string
  readonly #options: StreamOptions
  readonly #pairing: Pairing
  readonly #operations: FileOperation[] = []

  constructor(name: string, options: StreamOptions) {
    this.#name = name
    this.#options = options
    this.#pairing = new Pairing({ failed: options.failed ?? 'dropped', hasTimes: name === 'lease' })
  }

  observe(event: HistoryEvent): null {
    const operation = this.#pairing.observe(event)
    if (operation !== null) this.#operations.push(operation)
    return null
  }

  end(limits: Limits): Verdict {
    const model = modelNamed(this.#name, this.#options)
    if (model === null) throw new RangeError(`there is no model ${this.#name}`)
    return checkWords([...this.#operations, ...this.#pairing.end()], model, limits)
  }
}
