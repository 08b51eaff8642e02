// The two timelines of a picture: one of the operations in conflict alone, on which what is empty
// is cut out, and one of the history, to one scale, with what is near to the conflict in detail.

import type { Operation } from '../history.ts'
import { barOf, placesIn, sayOperation, type AnyModel, type BarMaker } from './bars.ts'
import type { Clock } from './clock.ts'
import { heldAround, lanesOf, rowOfLane, withinSpan, type Lane } from './lanes.ts'
import { brokenScale, straightScale } from './scale.ts'
import { endOf, nearestTo, takeNearest } from './select.ts'
import type { Anchor, Nearest } from './select.ts'
import { bytesOf, scriptJson, visible } from './text.ts'
import type { Bar, Region, Row, View } from './view.ts'

/** What is pictured. */
export interface Pictured {
  readonly model: AnyModel
  readonly history: readonly Operation[]
  readonly clock: Clock
  /** The operations in conflict that are shown, and the letters that name them. */
  readonly core: readonly Operation[]
  readonly letters: ReadonlyMap<Operation, string>
  /** The order that explains the history, if there is one. */
  readonly order: readonly Operation[]
  /** Until which instant the history was proved right, if it is not known whether it is. */
  readonly provedUntil: number | null
}

/** A timeline of the history, and how much of it is drawn. */
export interface WholeView {
  readonly view: View
  readonly drawn: number
}

const operationsMax = 600
const processesMax = 40
const lanesMax = 6
const holdingsMax = 60
const textLengthMax = 100
/** Characters that all texts together may have before they are cut: what making them costs. */
const charactersMax = 4_000_000
const bytesPerBar = 100
/** Among how many operations holdings are looked for. */
const heldAmongMax = 20_000
const barsAtFirst = 60
const barsOfCoreMax = 200

/** What both timelines are made of. */
export interface Layout {
  readonly pictured: Pictured
  readonly anchors: readonly Anchor[]
  readonly nearest: Nearest
  readonly lanes: readonly Lane[]
}

/** Finds what is near, and who held which locks then. */
export function layOut(pictured: Pictured): Layout {
  const { model, history, core } = pictured
  const anchors = anchorsOf(pictured)
  const nearest = nearestTo(history, new Set(core), anchors, operationsMax)
  if (model.holdings === undefined) return { pictured, anchors, nearest, lanes: [] }
  const near = nearest.near.map(({ operation }) => operation)
  const known = history.length <= heldAmongMax ? history : whoHeld(pictured, nearest, near)
  return { pictured, anchors, nearest, lanes: lanesOf(model, known, new Set(near), lanesMax) }
}

/** Of a long history, what tells who held locks at the time of what is near. */
function whoHeld(
  { model, history, core }: Pictured,
  { completeTo }: Nearest,
  near: readonly Operation[]
): readonly Operation[] {
  const span = spanOf(near)
  const held = heldAround(model, history, span)
  if (held.length <= heldAmongMax) return held
  // What is near lies far apart: the last of it must do.
  const { from, to } = spanOf(core.length === 0 ? near.slice(0, 1) : [latest(core)])
  const room = Math.max(completeTo, 0)
  return heldAround(model, history, { from: from - room, to: to + room })
}

function spanOf(operations: readonly Operation[]): Anchor {
  let from = Infinity
  let to = -Infinity
  for (const operation of operations) {
    from = Math.min(from, operation.call)
    to = Math.max(to, endOf(operation))
  }
  return { from, to }
}

function latest(operations: readonly Operation[]): Operation {
  return operations.reduce((a, b) => (endOf(b) > endOf(a) ? b : a))
}

/** The timeline of the operations in conflict. */
export function coreView({ pictured, lanes }: Layout): View {
  const { model, core, clock, letters } = pictured
  const inCore = new Set(core)
  const theirs = lanes.flatMap(({ lock, holdings }) => {
    const its = holdings.filter(({ operations }) => operations.some((one) => inCore.has(one)))
    return its.length === 0 ? [] : [{ lock, holdings: its.slice(0, 2 * core.length) }]
  })
  const held = theirs.flatMap(({ holdings }) => holdings)
  const times = core.flatMap((one) => [one.call, endOf(one)])
  times.push(...held.flatMap(({ from, to }) => [from, to]))
  const scale = brokenScale(times.filter(Number.isFinite).map(clock.timeOf))
  const maker = { model, clock, letters, places: new Map() }
  const texts = new Map(core.map((one) => [one, visible(sayOperation(model, one), textLengthMax)]))
  return {
    label: 'The operations in conflict',
    scale,
    start: [scale[0]?.time ?? 0, scale.at(-1)?.time ?? 1],
    ...rowsOf(maker, theirs, core, texts, Infinity),
    regions: []
  }
}

/** The timeline of the history, in at most so many bytes of JSON. */
export function wholeView(layout: Layout, bytesMax: number): WholeView {
  const { pictured, anchors, nearest } = layout
  const { model, clock, letters, order } = pictured
  const texts = new Map<Operation, string>()
  const { near, completeTo } = takeNearest(nearest, createTaker(pictured, texts, bytesMax))
  const operations = near.map(({ operation }) => operation).sort((a, b) => a.call - b.call)
  const places = placesIn(order, new Set(operations))
  const span = spanOf(operations)
  const middle = anchors.reduce((most, { to }) => Math.max(most, to), -Infinity)
  const lanes = layout.lanes.map((lane) => withinSpan(lane, span, middle, holdingsMax))
  const maker = { model, clock, letters, places }
  const view: View = {
    label: 'The history',
    scale: padded(clock),
    start: startOf(pictured, operations),
    ...rowsOf(maker, lanes, operations, texts, bytesMax),
    regions: regionsOf(pictured, anchors, completeTo)
  }
  return { view, drawn: operations.length }
}

/** What the picture is about: the conflict, the end of what is proved, or the beginning. */
function anchorsOf({ core, provedUntil, clock }: Pictured): Anchor[] {
  if (core.length > 0) return core.map((one) => ({ from: one.call, to: endOf(one) }))
  const instant = provedUntil ?? clock.origin
  return [{ from: instant, to: instant }]
}

/** Takes operations while there is room for their texts, and for rows of their processes. */
function createTaker(
  { model }: Pictured,
  texts: Map<Operation, string>,
  bytesMax: number
): (operation: Operation) => boolean {
  const processes = new Set<number>()
  let bytes = 0
  let characters = 0
  return (operation) => {
    const { process } = operation
    if (processes.size >= processesMax && !processes.has(process)) return false
    if (bytes > bytesMax || characters > charactersMax) return false
    const said = sayOperation(model, operation)
    characters += said.length
    const text = visible(said, textLengthMax)
    bytes += bytesOf(scriptJson(text)) + bytesPerBar
    if (bytes > bytesMax) return false
    processes.add(process)
    texts.set(operation, text)
    return true
  }
}

/** Rows of locks, of processes in conflict, of other processes; and all that stands in them. */
function rowsOf(
  maker: BarMaker,
  lanes: readonly Lane[],
  operations: readonly Operation[],
  texts: ReadonlyMap<Operation, string>,
  bytesMax: number
): { readonly rows: readonly Row[]; readonly bars: readonly Bar[] } {
  const { clock, letters } = maker
  const laid = lanes.map((lane, row) => rowOfLane(lane, row, clock))
  const isCore = new Set(operations.filter((one) => letters.has(one)).map((one) => one.process))
  const processes = [...new Set(operations.map(({ process }) => process))].sort((a, b) => {
    return Number(isCore.has(b)) - Number(isCore.has(a)) || a - b
  })
  const rowByProcess = new Map(processes.map((process, at) => [process, lanes.length + at]))
  const bars = operations.map((one) => {
    return barOf(maker, one, rowByProcess.get(one.process) ?? 0, texts.get(one) ?? '')
  })
  const rows = processes.map((process): Row => {
    return { is: 'process', name: `process ${process}`, lines: 1 }
  })
  let bytes = 0
  const held = laid.flatMap((lane) => lane.bars).filter((bar) => {
    bytes += bytesOf(scriptJson(bar)) + 1
    return bytes < bytesMax / 4
  })
  return { rows: [...laid.map(({ row }) => row), ...rows], bars: [...held, ...bars] }
}

function padded({ first, last }: Clock): View['scale'] {
  const room = (last - first) / 50 || 1
  return straightScale(first - room, last + room)
}

/** The times shown at first: all of a short history, else what is next to its anchors. */
function startOf(
  { history, core, clock, provedUntil }: Pictured,
  operations: readonly Operation[]
): [number, number] {
  const [begin, end] = padded(clock)
  const all: [number, number] = [begin?.time ?? 0, end?.time ?? 1]
  if (history.length <= barsAtFirst) return all
  const around = (some: readonly Operation[], room: number): [number, number] => {
    const { from, to } = spanOf(some)
    const time = clock.timeOf(from)
    const length = clock.timeOf(to) - time || 1
    return [time - room * length, time + (1 + room) * length]
  }
  if (core.length === 0) {
    const until = provedUntil ?? clock.origin
    const at = operations.findIndex(({ call }) => call >= until)
    const first = Math.max(0, at - barsAtFirst / 2)
    return around(operations.slice(first, first + barsAtFirst), 0.05)
  }
  const wide = around(core, 0.3)
  const shown = operations.filter((one) => {
    return clock.timeOf(one.call) <= wide[1] && clock.timeOf(endOf(one)) >= wide[0]
  })
  return shown.length <= barsOfCoreMax ? wide : around([latest(core)], 2)
}

/** Where not all is drawn, and what is not proved. */
function regionsOf(
  { clock, provedUntil }: Pictured,
  anchors: readonly Anchor[],
  completeTo: number
): Region[] {
  const regions: Region[] = []
  const { first, last } = clock
  if (completeTo < Infinity) {
    const spans = anchors.map(({ from, to }) => ({ from: from - completeTo, to: to + completeTo }))
    let from = first
    for (const span of spans.sort((a, b) => a.from - b.from)) {
      const begin = Math.max(first, clock.timeOf(span.from))
      if (begin > from) regions.push({ from, to: begin, text: 'not all drawn' })
      from = Math.max(from, clock.timeOf(span.to))
    }
    if (last > from) regions.push({ from, to: last, text: 'not all drawn' })
  }
  if (provedUntil !== null) {
    regions.push({ from: clock.timeOf(provedUntil), to: last, text: 'not proved' })
  }
  return regions
}
