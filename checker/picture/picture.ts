// A check's result as one HTML page that needs nothing else: what is wrong first, then when it
// was. The page is bounded whatever the history: see timeline.ts for what is drawn of a long one.

import type { CheckResult } from '../check.ts'
import type { Operation } from '../history.ts'
import { clockOf } from './clock.ts'
import { densityOf } from './density.ts'
import { pageOf, type Page } from './page.ts'
import { bytesOf } from './text.ts'
import { coreView, layOut, wholeView, type Pictured } from './timeline.ts'

/** How a picture is made. */
export interface PictureOptions {
  /** The page's heading; the model's name and the verdict when not given. */
  readonly title?: string
  /**
   * The time of an instant of the history, in nanoseconds: any instant from the first call to the
   * last answer. It must not decrease. When not given, the picture is true to the instants.
   */
  readonly nanosecondsAt?: (instant: number) => number
}

const bytesMax = 148_000
const binsCount = 240
const coreMax = 16
/** Histories of fewer operations are seen at a glance. */
const densityFrom = 60

/**
 * Renders a result as one HTML page of at most 150 kB. Equal results give equal pages. Takes a
 * few passes over the history, and sorts only what is near to what it shows.
 */
export function renderHtml(result: CheckResult, options: PictureOptions = {}): string {
  const { model } = result
  const isPlaced = ({ call }: Operation): boolean => Number.isFinite(call)
  const isWhole = result.history.every(isPlaced)
  const history = isWhole ? result.history : result.history.filter(isPlaced)
  const clock = clockOf(history, options.nanosecondsAt)
  const inConflict = result.verdict === 'violation' ? result.operations.filter(isPlaced) : []
  const core = inConflict.slice(0, coreMax).toSorted((a, b) => a.call - b.call)
  const letters = new Map(core.map((one, at) => [one, String.fromCharCode(65 + at)]))
  const order = result.verdict === 'ok' ? (result.order ?? []) : []
  const provedUntil = provedUntilOf(result)
  const pictured: Pictured = { model, history, clock, core, letters, order, provedUntil }

  const layout = layOut(pictured)
  const page: Page = {
    result,
    title: options.title ?? null,
    pictured,
    processes: countProcesses(history),
    coreLeft: inConflict.length - core.length,
    density: history.length < densityFrom ? [] : densityOf(history, clock, binsCount),
    coreView: core.length === 0 ? null : coreView(layout),
    whole: null
  }
  if (history.length === 0) return pageOf(page)
  const whole = wholeView(layout, bytesMax - bytesOf(pageOf(page)))
  return pageOf({ ...page, whole })
}

function countProcesses(history: readonly Operation[]): number {
  const processes = new Set<number>()
  for (const { process } of history) processes.add(process)
  return processes.size
}

/** Until when an undecided history is proved right. */
function provedUntilOf(result: CheckResult): number | null {
  const proved = result.verdict === 'unknown' ? result.proved : undefined
  return proved !== undefined && Number.isFinite(proved.until) ? proved.until : null
}
