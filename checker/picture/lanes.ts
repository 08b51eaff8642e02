// Who held which lock: a row for each lock, with a line for each holding of those at one time.

import type { Operation } from '../history.ts'
import type { Holding } from '../holdings.ts'
import type { AnyModel } from './bars.ts'
import type { Clock } from './clock.ts'
import { aroundSpan, isOpen, type Anchor } from './select.ts'
import { visible } from './text.ts'
import type { Bar, Row } from './view.ts'

/** A lock and those of its holdings that are shown. */
export interface Lane {
  readonly lock: string
  readonly holdings: readonly Holding[]
}

const linesMax = 8
const textLengthMax = 60

/** The locks of some operations with their holdings, those with most of the operations first. */
export function lanesOf(
  model: AnyModel,
  history: readonly Operation[],
  operations: ReadonlySet<Operation>,
  lanesMax: number
): Lane[] {
  const holdings = model.holdings?.bind(model)
  if (holdings === undefined) return []
  const parts = model.partition?.(history) ?? [history]
  const counted = parts.map((part) => ({ part, count: countOf(part, operations) }))
  const chosen = counted.filter(({ count }) => count > 0).sort((a, b) => b.count - a.count)
  return chosen.slice(0, lanesMax).flatMap(({ part }) => {
    const all = holdings(part)
    const [first] = all
    return first === undefined ? [] : [{ lock: first.lock, holdings: all }]
  })
}

/**
 * The operations of a span, those that took what was held when it began, and the next of each
 * process: all that holdings in it need, if everyone releases what they took.
 */
export function heldAround(
  model: AnyModel,
  history: readonly Operation[],
  span: Anchor
): Operation[] {
  const { within, before, after } = aroundSpan(history, span)
  const taken = before.flatMap((operations) => {
    const parts = model.partition?.(operations) ?? [operations]
    const held = parts.flatMap((part) => model.holdings?.(part) ?? [])
    return held.filter(({ to }) => to >= span.from).flatMap((holding) => holding.operations)
  })
  return [...taken, ...within, ...after]
}

function countOf(part: readonly Operation[], operations: ReadonlySet<Operation>): number {
  let count = 0
  for (const operation of part) if (operations.has(operation)) count += 1
  return count
}

/** The holdings of a lane that touch a span, at most so many: the nearest to an instant of it. */
export function withinSpan(
  { lock, holdings }: Lane,
  { from, to }: Anchor,
  instant: number,
  max: number
): Lane {
  const touching = holdings.filter((one) => one.from <= to && one.to >= from)
  if (touching.length <= max) return { lock, holdings: touching }
  const far = ({ from: begin, to: end }: Holding): number => {
    return begin > instant ? begin - instant : Math.max(0, instant - end)
  }
  const nearest = touching.toSorted((a, b) => far(a) - far(b)).slice(0, max)
  return { lock, holdings: nearest.sort((a, b) => a.from - b.from) }
}

/** The row of a lane, and its bars in that row. */
export function rowOfLane({ lock, holdings }: Lane, row: number, clock: Clock): {
  readonly row: Row
  readonly bars: readonly Bar[]
} {
  const ends: number[] = []
  const bars = holdings.map((holding): Bar => {
    const free = ends.findIndex((end) => end <= holding.from)
    const line = free >= 0 ? free : Math.min(ends.length, linesMax - 1)
    ends[line] = Math.max(holding.to, ends[line] ?? -Infinity)
    return barOfHolding(holding, row, line, clock)
  })
  const overlaps = overlapsOf(holdings).map(([from, to]): [number, number] => {
    return [clock.timeOf(from), Math.min(clock.timeOf(to), clock.last)]
  })
  const name = lock === '' ? 'lock' : `lock ${visible(lock, textLengthMax)}`
  return { row: { is: 'lock', name, lines: Math.max(1, ends.length), overlaps }, bars }
}

function barOfHolding(holding: Holding, row: number, line: number, clock: Clock): Bar {
  const { holder, label, from, to, operations } = holding
  const begun = operations[0] as Operation
  const ended = operations.at(-1) as Operation
  const said = label === '' ? holder : `${holder}, ${label}`
  const isEnded = to < Infinity
  const isReleased = isEnded && ended !== begun && ended.call <= to && !isOpen(ended)
  return {
    row,
    line,
    from: clock.timeOf(from),
    to: isEnded ? clock.timeOf(to) : null,
    is: 'held',
    text: visible(said, textLengthMax),
    early: clock.timeOf(begun.call),
    ...(isReleased ? { late: clock.timeOf(ended.return) } : {})
  }
}

/** The spans in which some hold the lock that may not hold it together. Holdings by their begin. */
function overlapsOf(holdings: readonly Holding[]): [number, number][] {
  const found: [number, number][] = []
  const open: Holding[] = []
  for (const holding of holdings) {
    const { from, to, isShared } = holding
    for (const other of open) {
      const until = Math.min(to, other.to)
      if (!(from < until) || (isShared && other.isShared)) continue
      const last = found.at(-1)
      if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], until)
      else found.push([from, until])
    }
    const still = open.filter((other) => other.to > from)
    open.splice(0, open.length, ...still, holding)
  }
  return found
}
