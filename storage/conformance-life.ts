// One life of a log under the conformance suite: it opens the log, keeps what was appended beside
// it, and checks at every point what holds at any time. It knows no cases.

import type { LogBase, Persist, Snapshot } from '../core/effect.ts'
import { foundedBy } from '../core/raft/membership.ts'
import type { Entry, EntryKind } from '../core/raft/message.ts'
import { contentAfter, contentDifference, EMPTY_LOG } from './log-content.ts'
import type { LogContent } from './log-content.ts'
import type { LogReport, WriteAheadLog } from './write-ahead-log.ts'

/** How opening ended; what `openLog` returns is one. */
export type LogOpening =
  | { readonly type: 'ok'; readonly log: WriteAheadLog; readonly recovered: LogContent }
  | { readonly type: 'corrupt' | 'foreign'; readonly reason: string }

/** Where one log lives, and what can happen to it there. Empty when made. */
export interface LogPlace {
  /** The process starts: opens the log as a host would. One life at a time. */
  open(report: (report: LogReport) => void): LogOpening | Promise<LogOpening>
  /** Ends when every sync that was asked for has ended, and its report was made. */
  settle(): void | Promise<void>
  /** The process dies: it writes and reports nothing any more, and what it had written stays. */
  kill(): void | Promise<void>
  /**
   * The process dies, and each thing that was not synced is kept, lost, or kept in part; what
   * befalls which changes with `attempt`. Never called unless `powerLoss` is supported.
   */
  losePower(attempt: number): void | Promise<void>
  /** The next sync to end fails. Never called unless `failedSync` is supported. */
  failSync(): void
  /** Writes `bytes` right behind the log's last record. Never called unless `tornTail` is. */
  tear(bytes: Uint8Array): void | Promise<void>
  /**
   * After a death: one byte changes of what the log has noted to be synced; which one changes with
   * `attempt`. Never called unless `rot` is supported.
   */
  rot(attempt: number): void | Promise<void>
}

/** A log between a start and a death. Made by `begin`. */
export class LogLife {
  readonly log: WriteAheadLog
  readonly recovered: LogContent
  readonly reports: readonly LogReport[]
  readonly #place: LogPlace
  /** What the log should hold: as recovered, then after each persist. */
  readonly #contents: LogContent[]

  constructor(place: LogPlace, log: WriteAheadLog, recovered: LogContent, reports: LogReport[]) {
    this.#place = place
    this.log = log
    this.recovered = recovered
    this.reports = reports
    this.#contents = [recovered]
  }

  /** What the log should hold after all that was appended. */
  get content(): LogContent {
    return this.#contents.at(-1) as LogContent
  }

  /** What the log should hold after each persist, the recovered content first. */
  get contents(): readonly LogContent[] {
    return this.#contents
  }

  /** Reports of this life so far, `opened` included. */
  countReports(): number {
    return this.reports.length
  }

  /** The id of the last `persisted` report, or 0. */
  get reportedId(): number {
    const last = this.reports.findLast(({ type }) => type !== 'staged')
    return last?.type === 'persisted' ? last.id : 0
  }

  /** Appends with the next id. */
  append(persist: Omit<Persist, 'id'>): void {
    const numbered = { ...persist, id: this.#contents.length }
    this.log.append(numbered)
    this.#contents.push(contentAfter(this.content, numbered))
  }

  /** Appends, syncs, and waits for the report of it. */
  async persist(persist: Omit<Persist, 'id'>): Promise<void> {
    this.append(persist)
    this.log.sync()
    await this.#place.settle()
    const id = this.#contents.length - 1
    expect(this.reportedId === id, `persist ${id} was synced and not reported`)
  }
}

/** Starts a life, and fails when the log cannot be used. Appending must wait for `beginOpened`. */
export async function begin(place: LogPlace): Promise<LogLife> {
  const reports: LogReport[] = []
  const opening = await place.open(report => reports.push(report))
  if (opening.type !== 'ok') throw new Error(`the log cannot be opened: ${opening.reason}`)
  return new LogLife(place, opening.log, opening.recovered, reports)
}

/** Starts a life and waits until it may append. */
export async function beginOpened(place: LogPlace): Promise<LogLife> {
  const life = await begin(place)
  await place.settle()
  const types = life.reports.map(({ type }) => type).join(', ')
  expect(types === 'opened', `the reports of the start were: ${types}`)
  return life
}

/** Kills the process, starts the next, and holds what that finds against `wanted`. */
export async function restart(place: LogPlace, wanted: LogContent): Promise<LogLife> {
  await place.kill()
  const life = await beginOpened(place)
  expectContent(life.recovered, wanted)
  return life
}

/** Throws unless `condition` holds. */
export function expect(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message)
}

/** Throws unless the log holds what it should. */
export function expectContent(found: LogContent, wanted: LogContent): void {
  const difference = contentDifference(found, wanted)
  expect(difference === null, `the log holds ${difference}`)
}

/** Throws unless `found` is one of `contents`, from the number `least` on. Returns which. */
export function expectOneOf(
  found: LogContent,
  contents: readonly LogContent[],
  least: number
): number {
  const number = contents.findLastIndex(content => contentDifference(found, content) === null)
  expect(number >= 0, 'the log holds what it held after no persist')
  expect(number >= least, `the log holds what it held after persist ${number}, not after ${least}`)
  return number
}

/** An entry whose stamp goes with its term. */
export function entryOf(term: number, kind: EntryKind, ...payload: number[]): Entry {
  return { term, stampMs: term * 10, kind, payload: Uint8Array.from(payload) }
}

const plain = { type: 'persist', hardState: null, checkpoint: null } as const

/** A persist of entries alone: commands of `term`, one for each number. */
export function entriesFrom(
  firstIndex: number,
  term: number,
  ...payloads: number[]
): Omit<Persist, 'id'> {
  const entries = payloads.map(payload => entryOf(term, 'command', payload))
  return { ...plain, firstIndex, entries, logChanged: true }
}

/** A persist of term and vote alone. */
export function hardStateOf(term: number, vote: string | null): Omit<Persist, 'id'> {
  return { ...plain, hardState: { term, vote }, firstIndex: 0, entries: [], logChanged: false }
}

/** A checkpoint of `content`, with a snapshot up to `index` and the log from `base` on. */
export function checkpointOf(
  content: LogContent,
  index: number,
  base: number,
  bytes: Uint8Array
): Omit<Persist, 'id'> {
  const snapshot: Snapshot = {
    ...placeIn(content, index),
    membership: foundedBy(['a', 'b', 'c']),
    version: 2,
    bytesCount: bytes.length,
    bytes
  }
  const checkpoint = { snapshot, base: placeIn(content, base) }
  const entries = content.entries.slice(base - content.base.index)
  const { hardState } = content
  return { ...plain, hardState, checkpoint, firstIndex: base + 1, entries, logChanged: true }
}

function placeIn({ base, entries }: LogContent, index: number): LogBase {
  if (index === base.index) return base
  const { term, stampMs } = entries[index - base.index - 1] as Entry
  return { index, term, stampMs }
}

/** What an empty log holds after these persists. */
export function contentOf(...persists: Omit<Persist, 'id'>[]): LogContent {
  return persists.reduce<LogContent>(
    (content, persist) => contentAfter(content, { ...persist, id: 0 }),
    EMPTY_LOG
  )
}
