// What every write-ahead log must do, whatever it stands on: named cases for any test runner. They
// throw plain errors, and know of the log only what its contract says.
//
//   logConformance({ test, place: () => myPlace(), supports: { powerLoss: false, ... } })

import {
  begin,
  beginOpened,
  checkpointOf,
  contentOf,
  entriesFrom,
  entryOf,
  expect,
  expectContent,
  expectOneOf,
  hardStateOf,
  restart
} from './conformance-life.ts'
import type { LogLife, LogPlace } from './conformance-life.ts'
import { rotOfCheckpoint, rotOfEntries } from './conformance-rot.ts'
import { lossOfStaged, stagedAlone, stagedCheckpoint, stagedInVain } from './conformance-stage.ts'
import { EMPTY_LOG } from './log-content.ts'

/** What can be made to happen at a place; cases that need more are left out. */
export interface LogSupports {
  /** `losePower` takes away what was not synced. */
  readonly powerLoss: boolean
  /** `failSync` lets a sync fail. */
  readonly failedSync: boolean
  /** `tear` writes garbage behind the log. */
  readonly tornTail: boolean
  /** `rot` changes what was synced. */
  readonly rot: boolean
}

/** One thing that every log must do. */
export interface LogCase {
  /** `situation: expectation`. */
  readonly title: string
  readonly needs: keyof LogSupports | null
  /** Ends well, or throws. Each call of `place` makes a new, empty place. */
  run(place: () => LogPlace): Promise<void>
}

/** How to run the suite. */
export interface LogConformance {
  /** Registers a test with whatever runner there is. */
  readonly test: (title: string, body: () => Promise<void>) => void
  readonly place: () => LogPlace
  readonly supports: LogSupports
}

/** Registers a test for each case that the place supports. */
export function logConformance({ test, place, supports }: LogConformance): void {
  for (const { title, needs, run } of logCases) {
    if (needs === null || supports[needs]) test(title, () => run(place))
  }
}

const ATTEMPTS = 40
const BIG_BYTES = 9 * 1024 * 1024 + 1

/** Terms 1 and 2, five entries: a log to take checkpoints of. */
const five = [hardStateOf(2, 'b'), entriesFrom(1, 1, 1, 2, 3), entriesFrom(4, 2, 4, 5)] as const

async function withFive(place: LogPlace): Promise<LogLife> {
  const life = await beginOpened(place)
  for (const persist of five) await life.persist(persist)
  return life
}

async function anEmptyPlace(place: () => LogPlace): Promise<void> {
  const life = await beginOpened(place())
  expectContent(life.recovered, EMPTY_LOG)
}

async function whatWasReported(place: () => LogPlace): Promise<void> {
  const here = place()
  let life = await withFive(here)
  life = await restart(here, contentOf(...five))
  await life.persist(entriesFrom(6, 2, 6))
  await restart(here, contentOf(...five, entriesFrom(6, 2, 6)))
}

async function anyEntry(place: () => LogPlace): Promise<void> {
  const here = place()
  const life = await beginOpened(here)
  const entries = [
    entryOf(1, 'noop'),
    entryOf(1, 'membership', 1, 2),
    entryOf(3, 'command'),
    entryOf(3, 'version', 2),
  ]
  await life.persist({ ...entriesFrom(1, 1), entries })
  const bytes = Uint8Array.from({ length: 256 }, (_, at) => at)
  await life.persist(entriesFrom(5, 3, ...bytes))
  await restart(here, life.content)
}

async function replaced(place: () => LogPlace): Promise<void> {
  const here = place()
  const life = await withFive(here)
  await life.persist(entriesFrom(4, 3, 44))
  await restart(here, contentOf(...five, entriesFrom(4, 3, 44)))
}

async function truncated(place: () => LogPlace): Promise<void> {
  const here = place()
  const life = await withFive(here)
  await life.persist(entriesFrom(3, 2))
  await restart(here, contentOf(...five.slice(0, 1), entriesFrom(1, 1, 1, 2)))
}

async function noReportWithin(place: () => LogPlace): Promise<void> {
  const here = place()
  const life = await beginOpened(here)
  life.append(entriesFrom(1, 1, 1))
  life.log.sync()
  life.append(entriesFrom(2, 1, 2))
  life.log.sync()
  expect(life.countReports() === 1, 'a report was made within a call')
  await here.settle()
  expect(life.reportedId === 2, 'what was synced was not reported')
}

async function noReportUnasked(place: () => LogPlace): Promise<void> {
  const here = place()
  const life = await beginOpened(here)
  life.append(entriesFrom(1, 1, 1))
  await here.settle()
  expect(life.countReports() === 1, 'a report came that no sync was asked for')
  life.log.sync()
  await here.settle()
  life.log.sync()
  await here.settle()
  expect(life.countReports() === 2, 'a sync with nothing to do made a report')
}

async function reportsRise(place: () => LogPlace): Promise<void> {
  const here = place()
  const life = await beginOpened(here)
  for (let round = 0; round < 5; round++) {
    for (let count = 0; count < 3; count++) {
      life.append(entriesFrom(life.content.entries.length + 1, 1, round))
      life.log.sync()
    }
    await here.settle()
    expect(life.reportedId === (round + 1) * 3, 'the last report is not of the last persist')
  }
  let last = 0
  for (const report of life.reports.slice(1)) {
    expect(report.type === 'persisted' && report.id > last, 'ids do not rise from report to report')
    last = report.id
  }
}

async function outOfOrder(place: () => LogPlace): Promise<void> {
  const here = place()
  const early = await begin(here)
  const good = { ...entriesFrom(1, 1, 1), id: 1 }
  refuses(() => early.log.append(good), 'an append before `opened`')
  await here.settle()
  const { log } = early
  refuses(() => log.append({ ...good, id: 2 }), 'an id that leaves one out')
  refuses(() => log.append({ ...good, firstIndex: 2 }), 'entries behind a gap')
  refuses(() => log.append({ ...good, firstIndex: 0 }), 'entries before the first index')
  early.append(good)
  refuses(() => log.append(good), 'an id that was there')
}

function refuses(call: () => void, what: string): void {
  try {
    call()
  } catch {
    return
  }
  throw new Error(`${what}: was not refused`)
}

async function checkpointReplaces(place: () => LogPlace): Promise<void> {
  const here = place()
  const life = await withFive(here)
  await life.persist(checkpointOf(life.content, 4, 4, Uint8Array.of(7, 8)))
  const next = await restart(here, life.content)
  expect(next.recovered.snapshot?.index === 4, 'the snapshot is not there')
  await restart(here, life.content)
}

async function checkpointThenMore(place: () => LogPlace): Promise<void> {
  const here = place()
  const life = await withFive(here)
  life.append(checkpointOf(life.content, 3, 2, Uint8Array.of(7)))
  life.append(entriesFrom(5, 3, 55, 6))
  await life.persist(hardStateOf(9, null))
  const next = await restart(here, life.content)
  await next.persist(entriesFrom(6, 9, 66))
  await restart(here, next.content)
}

async function hardStateSurvives(place: () => LogPlace): Promise<void> {
  const here = place()
  const life = await withFive(here)
  await life.persist(hardStateOf(8, 'c'))
  await life.persist(checkpointOf(life.content, 5, 5, new Uint8Array(0)))
  const { hardState } = (await restart(here, life.content)).recovered
  expect(hardState.term === 8 && hardState.vote === 'c', 'term and vote are others')
}

async function nothingComesBack(place: () => LogPlace): Promise<void> {
  const here = place()
  const life = await withFive(here)
  // Another's snapshot, of an entry that this log has otherwise; then a shorter log than before.
  const others = contentOf(hardStateOf(4, null), entriesFrom(1, 3, 1, 2, 3))
  await life.persist(checkpointOf(others, 3, 3, Uint8Array.of(1)))
  let next = await restart(here, life.content)
  expect(next.recovered.entries.length === 0, 'entries from before the snapshot came back')
  await next.persist(entriesFrom(4, 4, 44))
  next = await restart(here, next.content)
  refuses(() => next.log.append({ ...entriesFrom(3, 4, 3), id: 1 }), 'an entry that is covered')
}

async function laterCheckpoint(place: () => LogPlace): Promise<void> {
  const here = place()
  const life = await withFive(here)
  await life.persist(checkpointOf(life.content, 2, 1, Uint8Array.of(2)))
  life.append(checkpointOf(life.content, 3, 3, Uint8Array.of(3)))
  await life.persist(checkpointOf(life.content, 4, 3, Uint8Array.of(4)))
  const next = await restart(here, life.content)
  await next.persist(checkpointOf(next.content, 5, 5, Uint8Array.of(5)))
  await restart(here, next.content)
}

async function manyBytes(place: () => LogPlace): Promise<void> {
  const here = place()
  const life = await withFive(here)
  const bytes = Uint8Array.from({ length: BIG_BYTES }, (_, at) => (at * at) & 0xff)
  await life.persist(checkpointOf(life.content, 5, 0, bytes))
  await restart(here, life.content)
}

async function failedSync(place: () => LogPlace): Promise<void> {
  const here = place()
  const life = await withFive(here)
  const reported = life.contents.length - 1
  here.failSync()
  life.append(entriesFrom(6, 2, 6))
  life.log.sync()
  life.append(checkpointOf(life.content, 5, 5, Uint8Array.of(1)))
  life.log.sync()
  await here.settle()
  expect(life.reports.at(-1)?.type === 'failed', 'the failed sync was not the last report')
  refuses(() => life.append(entriesFrom(7, 2, 7)), 'an append after a failed sync')
  refuses(() => life.log.sync(), 'a sync after a failed sync')
  await here.settle()
  expect(life.reports.at(-1)?.type === 'failed', 'a report came after the failed sync')
  await here.kill()
  expectOneOf((await beginOpened(here)).recovered, life.contents, reported)
}

/** Opens after a loss of power, and again after another once it was opened. */
async function findAfterLoss(
  here: LogPlace,
  life: LogLife,
  least: number,
  attempt: number
): Promise<void> {
  await here.losePower(attempt)
  const next = await beginOpened(here)
  const number = expectOneOf(next.recovered, life.contents, least)
  await here.losePower(attempt)
  const { recovered } = await beginOpened(here)
  expect(expectOneOf(recovered, life.contents, least) === number, 'what was opened was lost')
}

async function powerLoss(place: () => LogPlace): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const here = place()
    const life = await withFive(here)
    await life.persist(entriesFrom(4, 3, 44))
    const reported = life.contents.length - 1
    life.append(hardStateOf(4, 'a'))
    life.append(entriesFrom(5, 4, 55, 6))
    life.append(entriesFrom(6, 4))
    if (attempt % 2 === 0) life.log.sync()
    await findAfterLoss(here, life, reported, attempt)
  }
}

async function lossOfCheckpoint(place: () => LogPlace): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const here = place()
    const life = await withFive(here)
    const reported = life.contents.length - 1
    if (attempt % 3 === 0) life.append(entriesFrom(6, 2, 6))
    const bytes = new Uint8Array(100).fill(attempt)
    life.append(checkpointOf(life.content, 4, 2, bytes))
    if (attempt % 2 === 0) life.append(entriesFrom(5, 3, 55))
    if (attempt % 5 === 0) life.append(checkpointOf(life.content, 5, 5, bytes))
    await findAfterLoss(here, life, reported, attempt)
  }
}

async function lossAfterCheckpoint(place: () => LogPlace): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const here = place()
    const life = await withFive(here)
    await life.persist(checkpointOf(life.content, 4, 3, new Uint8Array(100).fill(attempt)))
    const reported = life.contents.length - 1
    if (attempt % 2 === 0) life.append(entriesFrom(6, 3, 66))
    await findAfterLoss(here, life, reported, attempt)
  }
}

async function lossAfterOpened(place: () => LogPlace): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const here = place()
    const life = await withFive(here)
    life.append(entriesFrom(6, 2, 6))
    if (attempt % 2 === 0) life.append(checkpointOf(life.content, 5, 4, Uint8Array.of(attempt)))
    const next = await restart(here, life.content)
    await here.losePower(attempt)
    expectContent((await beginOpened(here)).recovered, next.content)
  }
}

async function tornTail(place: () => LogPlace): Promise<void> {
  for (const torn of [[0], [1, 2, 3], Array<number>(40).fill(0), Array<number>(99).fill(255)]) {
    for (const isCheckpointed of [false, true]) {
      const here = place()
      const life = await withFive(here)
      if (isCheckpointed) {
        await life.persist(checkpointOf(life.content, 4, 3, Uint8Array.of(1, 2)))
      }
      await here.kill()
      await here.tear(Uint8Array.from(torn))
      const next = await beginOpened(here)
      expectContent(next.recovered, life.content)
      await next.persist(entriesFrom(6, 3, 66))
      await restart(here, next.content)
    }
  }
}

/** All cases, in the order in which a new log had best be taught them. */
export const logCases: readonly LogCase[] = [
  always('an empty place: holds nothing, and is opened', anEmptyPlace),
  always('what was reported: is found after a restart', whatWasReported),
  always('an entry of any kind and payload: comes back as it went', anyEntry),
  always('entries from an index on: replace all that stood there', replaced),
  always('a truncation without entries: is kept', truncated),
  always('reports: never come within a call', noReportWithin),
  always('reports: come only of a sync that had something to do', noReportUnasked),
  always('reports: rise, and reach the last persist that was synced', reportsRise),
  always('calls out of order: are refused', outOfOrder),
  always('a checkpoint: takes the place of all before it', checkpointReplaces),
  always('persists behind a checkpoint: are found behind it', checkpointThenMore),
  always('a checkpoint: keeps term and vote', hardStateSurvives),
  always('a checkpoint: lets no entry before its base come back', nothingComesBack),
  always('a later checkpoint: takes the place of an earlier one', laterCheckpoint),
  always('a snapshot of many bytes: comes back as it went', manyBytes),
  always('a staged snapshot: is nothing by itself', stagedAlone),
  always('a checkpoint of a staged snapshot: comes back as it went', stagedCheckpoint),
  always('a checkpoint of other bytes than were staged: takes their place', stagedInVain),
  { title: 'a failed sync: is final', needs: 'failedSync', run: failedSync },
  onLoss('a loss of power: takes nothing that was reported', powerLoss),
  onLoss('a loss of power: leaves all of a checkpoint or nothing of it', lossOfCheckpoint),
  onLoss('a loss of power: takes no checkpoint that was reported', lossAfterCheckpoint),
  onLoss('a loss of power: drops what was staged, and nothing else', lossOfStaged),
  onLoss('a loss of power: takes nothing that was there when the log opened', lossAfterOpened),
  { title: 'a torn tail: is cut, and written on behind', needs: 'tornTail', run: tornTail },
  onRot('rot: is said, with the true term, vote and end, until it is repaired', rotOfEntries),
  onRot('rot of a checkpoint: is said, until another one repairs it', rotOfCheckpoint)
]

function always(title: string, run: LogCase['run']): LogCase {
  return { title, needs: null, run }
}

function onRot(title: string, run: LogCase['run']): LogCase {
  return { title, needs: 'rot', run }
}

function onLoss(title: string, run: LogCase['run']): LogCase {
  return { title, needs: 'powerLoss', run }
}
