// The time that a picture is true to: nanoseconds if somebody knows them, else the history's own
// instants, which for files are the places of events.

import type { Operation } from '../history.ts'

/** What times are shown in. */
export interface Unit {
  /** Empty: the history's own. */
  readonly name: string
  /** How many of the picture's times make one. */
  readonly size: number
}

/** From the instants of a history to the times of its picture. */
export interface Clock {
  readonly unit: Unit
  /** The first instant of the history, and the times of its first and last event. */
  readonly origin: number
  readonly first: number
  readonly last: number
  timeOf(instant: number): number
}

/** The clock of a history; `nanosecondsAt` says when an instant was, and never decreases. */
export function clockOf(
  history: readonly Operation[],
  nanosecondsAt?: (instant: number) => number
): Clock {
  let from = Infinity
  let to = -Infinity
  for (const { call, return: answered } of history) {
    if (call < from) from = call
    if (call > to) to = call
    if (answered > to && answered < Infinity) to = answered
  }
  if (!(from <= to)) from = to = 0
  if (nanosecondsAt === undefined) {
    const unit = { name: '', size: 1 }
    return { unit, origin: from, first: from, last: to, timeOf: (instant) => instant }
  }
  const zero = nanosecondsAt(from)
  const timeOf = (instant: number): number => {
    return Number.isFinite(instant) ? nanosecondsAt(instant) - zero : instant
  }
  const last = timeOf(to)
  return { unit: unitFor(last), origin: from, first: 0, last, timeOf }
}

function unitFor(nanoseconds: number): Unit {
  if (nanoseconds >= 1e9) return { name: 's', size: 1e9 }
  if (nanoseconds >= 1e6) return { name: 'ms', size: 1e6 }
  return nanoseconds >= 1e3 ? { name: '\u00b5s', size: 1e3 } : { name: 'ns', size: 1 }
}

/** Says times so that those which differ by `gap` look different. */
export function sayTime(time: number, { name, size }: Unit, gap: number): string {
  if (!Number.isFinite(time)) return time > 0 ? 'never' : 'before all'
  const digits = Math.ceil(-Math.log10(gap / size) - 1e-9)
  const text = (time / size).toFixed(Math.max(0, Math.min(9, digits || 0)))
  return name === '' ? text : `${text} ${name}`
}
