// Operations as bars: where they stand, and what they say.

import type { Operation } from '../history.ts'
import type { Model } from '../model.ts'
import type { Clock } from './clock.ts'
import { isOpen } from './select.ts'
import type { Bar } from './view.ts'

/** A model, whatever its states and operations. */
export type AnyModel = Model<unknown, unknown, unknown>

/** Where an operation stands in the order that explains the history. */
export interface Placed {
  readonly number: number
  readonly instant: number
}

/** What bars are made with. */
export interface BarMaker {
  readonly model: AnyModel
  readonly clock: Clock
  readonly letters: ReadonlyMap<Operation, string>
  readonly places: ReadonlyMap<Operation, Placed>
}

/** What an operation asked and was told, without its process, at any length. */
export function sayOperation(
  model: AnyModel,
  { process, input, output, outcome }: Operation
): string {
  const said = model.describe(input, outcome === 'ok' ? output : undefined)
  const own = `process ${process}: `
  return said.startsWith(own) ? said.slice(own.length) : said
}

/** The bar of an operation. */
export function barOf(
  { clock, letters, places }: BarMaker,
  operation: Operation,
  row: number,
  text: string
): Bar {
  const { call, return: answered, outcome } = operation
  const isAnswered = !isOpen(operation)
  const letter = letters.get(operation)
  const placed = places.get(operation)
  return {
    row,
    from: clock.timeOf(call),
    to: isAnswered ? clock.timeOf(answered) : null,
    is: isAnswered ? outcome : 'info',
    text,
    ...(letter === undefined ? {} : { letter }),
    ...(placed === undefined ? {} : { order: placed.number, at: clock.timeOf(placed.instant) }),
    ...(isAnswered || !(answered < Infinity) ? {} : { gaveUp: clock.timeOf(answered) })
  }
}

/** Of some operations their places in an order: each as early as those before it allow. */
export function placesIn(
  order: readonly Operation[],
  shown: ReadonlySet<Operation>
): Map<Operation, Placed> {
  const places = new Map<Operation, Placed>()
  let instant = -Infinity
  for (const [at, operation] of order.entries()) {
    if (operation.call > instant) instant = operation.call
    if (shown.has(operation)) places.set(operation, { number: at + 1, instant })
  }
  return places
}
