// Every crash point of a life with checkpoints: the process dies at each call that it makes of its
// disk, with each fate of what was not synced; then again at each call of the start that follows.
// What is found is always the state after some persist, and never one before what was reported.

import * as assert from 'uvu/assert'
import type { Persist } from '../../core/effect.ts'
import { contentAfter, EMPTY_LOG } from '../../storage/log-content.ts'
import type { LogContent } from '../../storage/log-content.ts'
import { openLog } from '../../storage/write-ahead-log.ts'
import type { LogReport, Recovery } from '../../storage/write-ahead-log.ts'
import { suite } from '../harness.ts'
import { CrashingDisk, Died, Lcg } from './crashing-disk.ts'
import type { Fate } from './crashing-disk.ts'
import {
  baseAt,
  entry,
  identity,
  persistCheckpoint,
  persistEntries,
  persistHardState,
  snapshotAt,
  textOf
} from './support.ts'

const test = suite('crash points')

type Act = Omit<Persist, 'id'> | 'sync' | 'syncEnds'

const checkpoint = persistCheckpoint
const content = Array.from({ length: 30 }, (_, at) => at)

/** A life in which each kind of persist meets a checkpoint that is, or is not yet, durable. */
const ACTS: readonly Act[] = [
  'syncEnds',
  persistHardState(0, { term: 1, vote: '0' }),
  persistEntries(0, 1, entry(1, 1), entry(1, 2), entry(1, 3)),
  'sync',
  'syncEnds',
  persistEntries(0, 3, entry(1, 33), entry(1, 4)),
  checkpoint(0, snapshotAt(2, 1, ...content), baseAt(1, 1), entry(1, 2), entry(2, 5)),
  'sync',
  persistEntries(0, 4, entry(2, 6)),
  'syncEnds',
  'sync',
  checkpoint(0, snapshotAt(4, 2, 9), baseAt(4, 2)),
  'syncEnds',
  checkpoint(0, snapshotAt(9, 3), baseAt(9, 3)),
  persistHardState(0, { term: 4, vote: null }),
  'sync',
  'syncEnds',
  persistEntries(0, 10, entry(4, 7)),
  'sync',
  'syncEnds'
]

interface Life {
  readonly disk: CrashingDisk
  /** What the log should hold after each persist that was begun. */
  readonly contents: readonly LogContent[]
  /** Number of the newest content that was reported. */
  readonly reported: number
  readonly died: boolean
}

function open(disk: CrashingDisk, report: (report: LogReport) => void): Recovery {
  return openLog(disk, identity, report, { checkpointPartBytes: 16 })
}

/** Lives until the end, or until the process dies at a call. */
function live(calls: number): Life {
  const disk = new CrashingDisk()
  disk.callsLeft = calls
  const contents = [EMPTY_LOG]
  let reported = 0
  let died = false
  try {
    const recovery = open(disk, report => {
      if (report.type === 'persisted') reported = report.id
    })
    if (recovery.type !== 'ok') throw new Error(recovery.type)
    for (const act of ACTS) {
      if (act === 'sync') recovery.log.sync()
      else if (act === 'syncEnds') disk.endSync()
      else {
        const persist = { ...act, id: contents.length }
        contents.push(contentAfter(contents.at(-1) as LogContent, persist))
        recovery.log.append(persist)
      }
    }
  } catch (error) {
    if (!(error instanceof Died)) throw error
    died = true
  }
  disk.kill()
  return { disk, contents, reported, died }
}

const FATES: readonly Fate[] = ['kept', 'lost', 'torn']
const FATES_TRIED_MAX = 2_200

/** Every combination of fates when there are few, else many of them, and all that are extreme. */
function fatesOf(count: number, random: Lcg): readonly (readonly Fate[])[] {
  const all: Fate[][] = []
  const combinations = 3 ** count
  if (combinations <= FATES_TRIED_MAX) {
    for (let number = 0; number < combinations; number++) {
      const fateOf = (at: number): Fate => FATES[Math.floor(number / 3 ** at) % 3] as Fate
      all.push(Array.from({ length: count }, (_, at) => fateOf(at)))
    }
    return all
  }
  for (const [most, other] of [['kept', 'lost'], ['lost', 'kept'], ['kept', 'torn']] as const) {
    all.push(Array<Fate>(count).fill(most))
    for (let at = 0; at < count; at++) {
      all.push(Array.from({ length: count }, (_, place) => (place === at ? other : most)))
      all.push(Array.from({ length: count }, (_, place) => (place < at ? other : most)))
    }
  }
  while (all.length < FATES_TRIED_MAX) {
    all.push(Array.from({ length: count }, () => FATES[random.below(3)] as Fate))
  }
  return all
}

/** Opens the log on a copy of the disk and says which content it holds. */
function found(disk: CrashingDisk, { contents, reported }: Life): [number, CrashingDisk] {
  const copy = disk.fork()
  const recovery = open(copy, () => undefined)
  assert.is(recovery.type, 'ok', JSON.stringify(recovery))
  if (recovery.type !== 'ok') return [-1, copy]
  const number = contents.findLastIndex(one => textOf(one) === textOf(recovery.recovered))
  assert.ok(number >= reported, `content ${number} of ${contents.length}, ${reported} was reported`)
  return [number, copy]
}

/** The start after a crash, which may itself die at any call; and the same content once opened. */
function restart(disk: CrashingDisk, life: Life, random: Lcg): number {
  const [number, opening] = found(disk, life)
  opening.endSync()
  assert.is(opening.list().length, 1)
  opening.losePowerWith([], random)
  assert.is(found(opening, life)[0], number, 'what was opened is durable')
  for (let calls = 0; ; calls++) {
    const again = disk.fork()
    again.callsLeft = calls
    let died = false
    try {
      open(again, () => undefined)
      again.endSync()
    } catch (error) {
      if (!(error instanceof Died)) throw error
      died = true
    }
    again.losePower(random)
    found(again, life)
    if (!died) return number
  }
}

test('crash points: each call, each fate: all before or all after each persist, in order', () => {
  const random = new Lcg(1)
  const seen = new Set<number>()
  let crashes = 0
  let life = live(0)
  for (let calls = 0; life.died; life = live(++calls)) {
    const killed = found(life.disk, life)[0]
    assert.ok(killed >= life.contents.length - 2, 'what was written before the last call is there')
    for (const fates of fatesOf(life.disk.unsyncedCount, random)) {
      const disk = life.disk.fork()
      disk.losePowerWith(fates, random)
      try {
        seen.add(restart(disk, life, random))
      } catch (error) {
        const where = `call ${calls}, fates ${fates.join(' ')}`
        throw new Error(`${where}: ${(error as Error).message}`, { cause: error })
      }
      crashes += 1
    }
  }
  assert.is(seen.size, life.contents.length, 'every content was found after some crash')
  assert.ok(crashes > 5_000, `${crashes} crashes`)
})

test.run()
