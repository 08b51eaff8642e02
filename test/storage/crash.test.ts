// Random lives of a log on a disk that forgets as badly as it may: what was reported durable is
// always recovered, and what is recovered is always a state that was once appended, in order.

import * as assert from 'uvu/assert'
import type { HardState, Persist } from '../../core/effect.ts'
import type { Entry } from '../../core/raft/message.ts'
import type { Recovered } from '../../storage/recovery.ts'
import { openLog } from '../../storage/write-ahead-log.ts'
import type { LogReport, WriteAheadLog } from '../../storage/write-ahead-log.ts'
import { suite } from '../harness.ts'
import { CrashingDisk, Lcg } from './crashing-disk.ts'
import { identity } from './support.ts'

const test = suite('log under crashes')

interface Content {
  readonly hardState: HardState
  readonly entries: readonly Entry[]
}

/** What a log should hold: its content after each persist that may have survived. */
interface Model {
  contents: Content[]
  /** Number of the newest content that was reported durable. */
  durable: number
  stampMs: number
}

const counts = { lives: 0, torn: 0, lost: 0, kills: 0, beforeOpened: 0, failedSyncs: 0 }

function same(content: Content, recovered: Recovered): boolean {
  const text = ({ hardState, entries }: Content): string => JSON.stringify([hardState, entries])
  return text(content) === text(recovered)
}

function randomPersist(model: Model, id: number, random: Lcg): Persist {
  const { hardState, entries } = model.contents.at(-1) as Content
  let next: HardState | null = null
  if (random.below(3) === 0) {
    const vote = [null, '0', 'n2'][random.below(3)] as string | null
    next = { term: hardState.term + random.below(3), vote }
  }
  const term = (next ?? hardState).term
  const logChanged = next === null || random.below(2) === 0
  const back = random.below(4) === 0 ? random.below(entries.length + 1) : 0
  const added: Entry[] = []
  for (let count = logChanged ? random.below(4) : 0; count > 0; count--) {
    model.stampMs += random.below(5)
    const payload = new Uint8Array(random.below(30)).fill(random.below(256))
    added.push({ term, stampMs: model.stampMs, kind: 'command', payload })
  }
  const firstIndex = logChanged ? entries.length + 1 - back : 0
  return { type: 'persist', id, hardState: next, firstIndex, entries: added, logChanged }
}

function after(content: Content, persist: Persist): Content {
  const { hardState, logChanged, firstIndex, entries } = persist
  const kept = logChanged ? content.entries.slice(0, firstIndex - 1) : content.entries
  return { hardState: hardState ?? content.hardState, entries: [...kept, ...entries] }
}

/** One life: open, check what was recovered, work, and die in some way. */
function live(disk: CrashingDisk, model: Model, random: Lcg): void {
  counts.lives += 1
  const reports: LogReport[] = []
  const recovery = openLog(disk, identity, report => reports.push(report))
  assert.is(recovery.type, 'ok', JSON.stringify(recovery))
  if (recovery.type !== 'ok') return
  const { log, recovered } = recovery
  const found = model.contents.findLastIndex(content => same(content, recovered))
  assert.ok(found >= model.durable, `content ${found} recovered, ${model.durable} was durable`)
  if (recovered.tornBytes > 0) counts.torn += 1
  if (found < model.contents.length - 1) counts.lost += 1
  model.contents = model.contents.slice(0, found + 1)

  if (random.below(5) === 0) counts.beforeOpened += 1
  else {
    disk.endSync()
    assert.equal(reports.splice(0), [{ type: 'opened' }])
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
      model.contents.push(after(model.contents.at(-1) as Content, persist))
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
    const nothing = { hardState: { term: 0, vote: null }, entries: [] }
    const model = { contents: [nothing], durable: 0, stampMs: 0 }
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
