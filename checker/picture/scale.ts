// Where times stand on a timeline. Long spans in which nothing happens are cut out and marked, or
// two operations that are hours apart would both be slivers; all else is to one scale.

import type { ScalePoint } from './view.ts'

/** A gap is cut when it is this many times as long as all shorter ones together. */
const cutFactor = 12
const cutPlacesMax = 0.4
const cutPlaceMax = 0.08
const margin = 0.02
/** To the right there is room for words, or for what is open. */
const marginRight = 0.1

/** The scale of a timeline without cuts. */
export function straightScale(from: number, to: number): ScalePoint[] {
  const isEmpty = !(from < to)
  return [
    { time: isEmpty ? from - 1 : from, place: 0 },
    { time: isEmpty ? from + 1 : to, place: 1 }
  ]
}

/** The scale of a timeline on which something happens at `times` only; some room around them. */
export function brokenScale(times: readonly number[]): ScalePoint[] {
  const events = [...new Set(times)].sort((a, b) => a - b)
  const gaps = events.slice(1).map((time, at) => time - (events[at] ?? time))
  const cutFrom = shortestCut(gaps)
  const kept = gaps.filter((gap) => gap < cutFrom)
  const cuts = gaps.length - kept.length
  const length = kept.reduce((sum, gap) => sum + gap, 0) || 1
  const cutPlace = cuts === 0 ? 0 : Math.min(cutPlaceMax, cutPlacesMax / cuts)
  const placePerTime = (1 - margin - marginRight - cuts * cutPlace) / length
  let place = margin
  const points: ScalePoint[] = [{ time: (events[0] ?? 0) - margin / placePerTime, place: 0 }]
  for (const [at, time] of events.entries()) {
    const gap = gaps[at] ?? 0
    points.push(gap >= cutFrom ? { time, place, isCut: true } : { time, place })
    place += gap >= cutFrom ? cutPlace : gap * placePerTime
  }
  points.push({ time: (events.at(-1) ?? 0) + marginRight / placePerTime, place: 1 })
  return straightened(points)
}

/** Length from which a gap is cut; Infinity: none is. */
function shortestCut(gaps: readonly number[]): number {
  let sum = 0
  for (const gap of gaps.toSorted((a, b) => a - b)) {
    if (sum > 0 && gap > cutFactor * sum) return gap
    sum += gap
  }
  return Infinity
}

/** Without the points that change nothing. */
function straightened(points: readonly ScalePoint[]): ScalePoint[] {
  const last = points.length - 1
  return points.filter(({ isCut }, at) => {
    return at === 0 || at === last || isCut === true || points[at - 1]?.isCut === true
  })
}
