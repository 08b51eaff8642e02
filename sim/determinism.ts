// Is a run really a function of its seed? Runs it twice and names the first event at which the two
// part: what happened there, or what it led to, hangs on something that is not in the seed.

import { KIND } from './event-queue.ts'
import type { SimEvent } from './event-queue.ts'
import { simulate } from './simulate.ts'
import type { LockOptions, LockResult } from './simulate.ts'

/** The first event at which two runs part. */
export interface Difference {
  /** Its place in the run, from 1; one past the last event when only the ends differ. */
  readonly number: number
  /** Microseconds of true time; of the first run, where the times differ. */
  readonly timeUs: number
  /** The kind of event, such as `deliver`; `end` when only the ends differ. */
  readonly kind: string
  /** The endpoint it happens to: a node, then the clients; -1 for the world itself. */
  readonly target: number
  /** All of it in words. */
  readonly message: string
}

/** Two runs of the same options. */
export interface Comparison {
  /** What came of the first run. */
  readonly result: LockResult
  /** Null when the runs were the same to the last bit. */
  readonly difference: Difference | null
}

/** Runs `options` twice and compares. An `onEvent` of the caller's own is called in both runs. */
export function compareRuns(options: LockOptions): Comparison {
  const events: SimEvent[] = []
  const digests: number[] = []
  const result = simulate({
    ...options,
    onEvent: (event, digest) => {
      events.push(event)
      digests.push(digest)
      options.onEvent?.(event, digest)
    },
  })
  const nodes = result.scenario.nodes + result.scenario.spares
  let difference: Difference | null = null
  let count = 0
  const again = simulate({
    ...options,
    onEvent: (event, digest) => {
      if (difference === null && digest !== digests[count]) {
        difference = partingAt(count, events[count], event, nodes)
      }
      count++
      options.onEvent?.(event, digest)
    },
  })
  if (difference === null && count < events.length) {
    difference = partingAt(count, events[count], undefined, nodes)
  }
  if (difference === null && result.traceHash !== again.traceHash) {
    const timeUs = events.at(-1)?.timeUs ?? 0
    const message = `all ${count} events are the same, but the final states differ`
    difference = { number: count + 1, timeUs, kind: 'end', target: -1, message }
  }
  return { result, difference }
}

/** Says how the two runs part at one event; one of them may have ended before it. */
function partingAt(
  at: number,
  first: SimEvent | undefined,
  second: SimEvent | undefined,
  nodes: number,
): Difference {
  const event = (first ?? second) as SimEvent
  const { timeUs, target } = event
  return {
    number: at + 1,
    timeUs,
    kind: kindName(event),
    target,
    message: `event ${at + 1}: ${parting(first, second, nodes)}`,
  }
}

function parting(first: SimEvent | undefined, second: SimEvent | undefined, nodes: number): string {
  if (first === undefined || second === undefined) {
    const which = first === undefined ? 'first' : 'second'
    return `${describe((first ?? second) as SimEvent, nodes)}; the ${which} run ended before it`
  }
  const description = describe(first, nodes)
  const other = describe(second, nodes)
  if (description !== other) return `${description} in the first run, ${other} in the second`
  if (first.sequence !== second.sequence) {
    const order = `${first.sequence + 1} in the first run, ${second.sequence + 1} in the second`
    return `${description} is the event put in as number ${order}`
  }
  if (!samePayload(first.payload, second.payload)) {
    return `${description} carries other bytes in the second run`
  }
  return `${description} has other effects in the second run`
}

/** For example `deliver at 1.234567 s to node 2 from node 0`. */
function describe(event: SimEvent, nodes: number): string {
  const { kind, target, source, timeUs } = event
  const seconds = (timeUs / 1e6).toFixed(6)
  const isFrom = kind === KIND.deliver || kind === KIND.clientDeliver
  const from = isFrom ? ` from ${endpointName(source, nodes)}` : ` (${source})`
  return `${kindName(event)} at ${seconds} s to ${endpointName(target, nodes)}${from}`
}

function kindName(event: SimEvent): string {
  const found = Object.entries(KIND).find(([, kind]) => kind === event.kind)
  return found === undefined ? String(event.kind) : found[0]
}

function endpointName(endpoint: number, nodes: number): string {
  if (endpoint < 0) return 'the world'
  return endpoint < nodes ? `node ${endpoint}` : `client ${endpoint - nodes}`
}

/** What is not bytes went by reference: its difference shows in what it leads to. */
function samePayload(a: unknown, b: unknown): boolean {
  if (!(a instanceof Uint8Array) || !(b instanceof Uint8Array)) return true
  return a.length === b.length && a.every((byte, at) => byte === b[at])
}
