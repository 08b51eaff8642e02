// Random lives of a follower's log on a disk that crashes and rots: whatever is found was once a
// log, and what of it is missing is known, from one life to the next, until peers have repaired it.

import * as assert from 'uvu/assert'
import type { LogEnd, Persist } from '../../core/effect.ts'
import { contentAfter, contentDifference, EMPTY_LOG } from '../../storage/log-content.ts'
import type { LogContent } from '../../storage/log-content.ts'
import type { Recovered } from '../../storage/recovery.ts'
import { rottable } from '../../storage/survey.ts'
import { openLog } from '../../storage/write-ahead-log.ts'
import type { LogReport, WriteAheadLog } from '../../storage/write-ahead-log.ts'
import { suite } from '../harness.ts'
import { CrashingDisk, Lcg } from './crashing-disk.ts'
import { endOf, Leaders } from './raft-history.ts'
import { identity } from './support.ts'

const test = suite('log under rot')

const counts = {
  rots: 0,
  rotsOfTwo: 0,
  harmless: 0,
  damaged: 0,
  damagedAgain: 0,
  snapshotsLost: 0,
  repaired: 0,
  stale: 0,
  torn: 0,
  entriesKept: 0
}

/** A log, what it should hold after each persist of this life, and its cluster. */
interface Life {
  readonly disk: CrashingDisk
  readonly leaders: Leaders
  readonly random: Lcg
  contents: LogContent[]
  /** Number of the newest content that was reported. */
  reported: number
}

const newest = ({ contents }: Life): LogContent => contents.at(-1) as LogContent

function openOn(disk: CrashingDisk, random: Lcg, reports: LogReport[]): [WriteAheadLog, Recovered] {
  const options = { checkpointPartBytes: 1 + random.below(60) }
  const opened = openLog(disk, identity, report => reports.push(report), options)
  if (opened.type !== 'ok') throw new Error(`${opened.type}: ${opened.reason}`)
  return [opened.log, opened.recovered]
}

/** What this follower persists next. */
function nextPersist(life: Life): Persist | null {
  const { leaders, random } = life
  const content = newest(life)
  const { term } = content.hardState
  const bare = { type: 'persist', id: 0, checkpoint: null, firstIndex: 0, entries: [] } as const
  const act = random.below(8)
  if (act === 0 || term === 0) {
    const next = leaders.elect(random)
    const vote = [null, '0', '1'][random.below(3)] as string | null
    return { ...bare, hardState: { term: next, vote }, logChanged: false }
  }
  if (act === 1) return { ...bare, hardState: { term, vote: '0' }, logChanged: false }
  const log = leaders.logOf(term)
  if (act === 2) {
    const from = (content.snapshot?.index ?? 0) + 1
    if (from > log.length || term < leaders.term) return null
    return leaders.snapshotted(content, term, from + random.below(log.length - from + 1), random)
  }
  if (act < 5) leaders.grow(term, random.below(4))
  const own = content.base.index + content.entries.length
  return leaders.appended(content, term, Math.min(log.length, own + random.below(4)))
}

function work(life: Life, log: WriteAheadLog, reports: LogReport[]): void {
  const { disk, random } = life
  let id = 0
  for (let turns = 4 + random.below(25); turns > 0; turns--) {
    const persist = nextPersist(life)
    if (persist !== null) {
      id += 1
      log.append({ ...persist, id })
      life.contents.push(contentAfter(newest(life), persist))
      if (random.below(3) > 0) log.sync()
    }
    while (disk.syncsWaiting > 0 && random.below(3) > 0) disk.endSync()
    for (const report of reports.splice(0)) {
      if (report.type === 'persisted') life.reported = report.id
    }
  }
}

/** Changes one byte, or two, of what durable records prove to be durable. */
function rot({ disk, random }: Life): boolean {
  const places: [string, number][] = []
  for (const file of disk.list()) {
    for (const { start, end } of rottable(disk.durable(file))) {
      for (let at = start; at < end; at++) places.push([file, at])
    }
  }
  if (places.length === 0) return false
  const isDouble = random.below(3) === 0
  for (let times = isDouble ? 2 : 1; times > 0; times--) {
    const [file, at] = places[random.below(places.length)] as [string, number]
    disk.corrupt(file, at, 1 + random.below(255))
  }
  counts.rots += 1
  if (isDouble) counts.rotsOfTwo += 1
  return true
}

const isEnd = (a: LogEnd, b: LogEnd): boolean => a.index === b.index && a.term === b.term

/** Holds what was found after a death against what it may be. Returns it. */
function check(life: Life, whole: LogContent, found: Recovered): LogContent {
  const { contents, leaders } = life
  // What is found without rot is what is there at least; a torn record behind it may be known of.
  const least = contents.findLastIndex(one => contentDifference(one, whole) === null)
  assert.ok(least >= life.reported, 'what was reported is found where nothing has rotted')
  const later = contents.slice(least)
  if (later.some(one => contentDifference(one, found) === null)) {
    counts.harmless += 1
    return found
  }
  const { damage } = found
  assert.ok(damage !== null, 'it is other than it was and does not say so')
  const truth = later.find(one => {
    const { term, vote } = one.hardState
    const { hardState } = found
    return isEnd(endOf(one), damage as LogEnd) && term === hardState.term && vote === hardState.vote
  })
  assert.ok(truth !== undefined, 'its term, vote and end are not those that it had')
  assert.ok(leaders.knows(found), 'its entries were never a log')
  if (found.snapshot === null) assert.is(found.base.index, 0)
  else assert.equal([found.snapshot, found.base], [truth?.snapshot, truth?.base])
  count(found, truth as LogContent)
  return found
}

function count(found: LogContent, truth: LogContent): void {
  counts.damaged += 1
  if (truth.damage !== null) counts.damagedAgain += 1
  if (found.snapshot === null && truth.snapshot !== null) counts.snapshotsLost += 1
  if (found.entries.length > 0) counts.entriesKept += 1
  const isStale = found.entries.some((one, at) => {
    const other = truth.entries[found.base.index - truth.base.index + at]
    return other !== undefined && other.term !== one.term
  })
  if (isStale) counts.stale += 1
}

/** Peers may send all that is missing, and then it is whole. */
function repair(life: Life, log: WriteAheadLog): void {
  const { disk, leaders, random } = life
  const found = newest(life)
  if (found.damage === null || random.below(2) === 0) return
  const term = leaders.elect(random)
  const hardState = { term, vote: null }
  const missing = leaders.appended(found, term, Number.POSITIVE_INFINITY) as Persist
  const persist = { ...missing, hardState, id: 1 }
  log.append(persist)
  log.sync()
  disk.endSync()
  const content = contentAfter(found, persist)
  assert.is(content.damage, null)
  life.contents = [content]
  counts.repaired += 1
}

function die(life: Life): LogContent {
  const { disk, random } = life
  if (random.below(3) > 0) disk.losePower(random)
  else disk.kill()
  const [, whole] = openOn(disk.fork(), new Lcg(0), [])
  if (whole.tornBytes > 0) counts.torn += 1
  if (random.below(4) > 0) rot(life)
  return whole
}

test('rot: random lives: what is lost is known for as long as it is', () => {
  for (let seed = 0; seed < 3000; seed++) {
    const random = new Lcg(seed)
    const disk = new CrashingDisk()
    const life: Life = { disk, leaders: new Leaders(), random, contents: [EMPTY_LOG], reported: 0 }
    try {
      let whole: LogContent = EMPTY_LOG
      for (let lives = 2 + random.below(6); lives > 0; lives--) {
        const reports: LogReport[] = []
        const [log, recovered] = openOn(disk, random, [])
        life.contents = [check(life, whole, recovered)]
        disk.endSync()
        repair(life, log)
        disk.kill()
        const [next, again] = openOn(disk, random, reports)
        assert.is(contentDifference(again, newest(life)), null)
        disk.endSync()
        life.reported = 0
        work(life, next, reports)
        whole = die(life)
      }
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error })
    }
  }
})

test('rot: the random lives above: met every case', () => {
  for (const [name, number] of Object.entries(counts)) assert.ok(number > 40, `${name}: ${number}`)
})

test.run()
