// Random lives of a log on a disk that forgets as badly as it may: what was reported durable is
// always recovered, and what is recovered is always a state that was once appended, in order.

import * as assert from 'uvu/assert'
import type { Checkpoint, HardState, LogBase, Persist } from '../../core/effect.ts'
import { foundedBy } from '../../core/raft/membership.ts'
import type { Entry, EntryKind } from '../../core/raft/message.ts'
import { contentAfter, EMPTY_LOG } from '../../storage/log-content.ts'
import type { LogContent } from '../../storage/log-content.ts'
import { openLog } from '../../storage/write-ahead-log.ts'
import type { LogReport, WriteAheadLog } from '../../storage/write-ahead-log.ts'
import { suite } from '../harness.ts'
import { CrashingDisk, Lcg } from './crashing-disk.ts'
import { identity, textOf } from './support.ts'

const test = suite('log under crashes')

/** What a log should hold: its content after each persist that may have survived. */
interface Model {
  contents: LogContent[]
  /** Number of the newest content that was reported durable. */
  durable: number
  stampMs: number
}

const counts = {
  lives: 0,
  torn: 0,
  lost: 0,
  kills: 0,
  beforeOpened: 0,
  failedSyncs: 0,
  checkpoints: 0,
  unfinished: 0,
  olderStill: 0,
  checkpointsLost: 0
}

function entriesOf(model: Model, term: number, count: number, random: Lcg): Entry[] {
  const added: Entry[] = []
  while (added.length < count) {
    model.stampMs += random.below(5)
    const payload = new Uint8Array(random.below(30)).fill(random.below(256))
    const kinds = ['noop', 'command', 'membership', 'version'] as const
    const kind = kinds[random.below(4)] as EntryKind
    added.push({ term, stampMs: model.stampMs, kind, payload })
  }
  return added
}

function randomPersist(model: Model, id: number, random: Lcg): Persist {
  const content = model.contents.at(-1) as LogContent
  const { hardState, snapshot, base, entries } = content
  let next: HardState | null = null
  if (random.below(3) === 0) {
    const vote = [null, '0', 'n2'][random.below(3)] as string | null
    next = { term: hardState.term + random.below(3), vote }
  }
  if (random.below(5) === 0) return randomCheckpoint(model, id, next ?? hardState, random)
  const term = (next ?? hardState).term
  const logChanged = next === null || random.below(2) === 0
  const openCount = base.index + entries.length - (snapshot?.index ?? 0)
  const back = random.below(4) === 0 ? random.below(openCount + 1) : 0
  const added = entriesOf(model, term, logChanged ? random.below(4) : 0, random)
  const firstIndex = logChanged ? base.index + entries.length + 1 - back : 0
  const changed = { firstIndex, entries: added, logChanged }
  return { type: 'persist', id, hardState: next, checkpoint: null, ...changed }
}

/** Of a state of its own, with some of the log before it kept; or of another's, beyond the log. */
function randomCheckpoint(model: Model, id: number, hardState: HardState, random: Lcg): Persist {
  const { snapshot: old, base, entries } = model.contents.at(-1) as LogContent
  const lastIndex = base.index + entries.length
  const isOthers = random.below(4) === 0
  const from = old?.index ?? 0
  const index = isOthers ? lastIndex + 1 : from + random.below(lastIndex - from + 1)
  const placeOf = (at: number): LogBase => {
    if (at === base.index) return base
    if (at > lastIndex) return { index: at, term: hardState.term, stampMs: ++model.stampMs }
    const { term, stampMs } = entries[at - base.index - 1] as Entry
    return { index: at, term, stampMs }
  }
  const place = placeOf(index)
  const newBase = isOthers ? place : placeOf(base.index + random.below(index - base.index + 1))
  const kept = isOthers ? [] : entries.slice(newBase.index - base.index)
  const bytes = new Uint8Array(random.below(60)).fill(random.below(256))
  const membership = foundedBy(['0', `n${random.below(9)}`])
  const snapshot = { ...place, membership, version: 1, bytesCount: bytes.length, bytes }
  const checkpoint: Checkpoint = { snapshot, base: newBase }
  const more = entriesOf(model, hardState.term, random.below(3), random)
  const firstIndex = newBase.index + 1
  const changed = { firstIndex, entries: [...kept, ...more], logChanged: true }
  return { type: 'persist', id, hardState, checkpoint, ...changed }
}

/** One life: open, check what was recovered, work, and die in some way. */
function live(disk: CrashingDisk, model: Model, random: Lcg): void {
  counts.lives += 1
  const reports: LogReport[] = []
  const filesCount = disk.list().length
  const options = { checkpointPartBytes: 1 + random.below(60) }
  const recovery = openLog(disk, identity, report => reports.push(report), options)
  assert.is(recovery.type, 'ok', JSON.stringify(recovery))
  if (recovery.type !== 'ok') return
  const { log, recovered } = recovery
  const found = model.contents.findLastIndex(content => textOf(content) === textOf(recovered))
  assert.ok(found >= model.durable, `content ${found} recovered, ${model.durable} was durable`)
  if (recovered.tornBytes > 0) counts.torn += 1
  if (found < model.contents.length - 1) counts.lost += 1
  if (disk.list().length < filesCount) counts.unfinished += 1
  if (disk.list().length > 1) counts.olderStill += 1
  const newest = model.contents.at(-1)?.snapshot
  if (newest !== model.contents[found]?.snapshot) counts.checkpointsLost += 1
  model.contents = model.contents.slice(0, found + 1)

  if (random.below(5) === 0) counts.beforeOpened += 1
  else {
    disk.endSync()
    assert.equal(reports.splice(0), [{ type: 'opened' }])
    assert.is(disk.list().length, 1, 'only the newest generation is left')
    model.durable = found
    work(disk, log, reports, model, random)
  }
  if (random.below(3) > 0) return disk.losePower(random)
  counts.kills += 1
  disk.kill()
}

function work(
  disk: CrashingDisk,
  log: WriteAheadLog,
  reports: LogReport[],
  model: Model,
  random: Lcg
): void {
  const base = model.contents.length - 1
  let id = 0
  for (let turns = random.below(25); turns > 0; turns--) {
    const act = random.below(3)
    if (act === 0 && disk.syncsWaiting > 0) {
      const fails = random.below(25) === 0
      disk.endSync(fails ? new Error('EIO') : null)
      if (fails) counts.failedSyncs += 1
    } else {
      id += 1
      const persist = randomPersist(model, id, random)
      log.append(persist)
      if (persist.checkpoint !== null) counts.checkpoints += 1
      model.contents.push(contentAfter(model.contents.at(-1) as LogContent, persist))
      if (act === 1) log.sync()
    }
    for (const report of reports.splice(0)) {
      if (report.type === 'failed') return
      assert.is(report.type, 'persisted')
      if (report.type === 'persisted') model.durable = base + report.id
    }
  }
}

test('crash: random lives: nothing durable is lost and nothing comes back', () => {
  for (let seed = 0; seed < 3000; seed++) {
    const random = new Lcg(seed)
    const disk = new CrashingDisk()
    const model = { contents: [EMPTY_LOG], durable: 0, stampMs: 0 }
    try {
      for (let lives = 2 + random.below(8); lives > 0; lives--) live(disk, model, random)
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error })
    }
  }
})

test('crash: the random lives above: met every case', () => {
  for (const [name, count] of Object.entries(counts)) assert.ok(count > 100, `${name}: ${count}`)
})

test.run()
