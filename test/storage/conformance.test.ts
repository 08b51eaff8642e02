// The conformance suite over the real log, on a reliable disk and on one that forgets; and each
// case shown to fail, on a log or a disk that is broken for it.

import * as assert from 'uvu/assert'
import type { Persist } from '../../core/effect.ts'
import { logCases, logConformance } from '../../storage/conformance.ts'
import type { LogSupports } from '../../storage/conformance.ts'
import { checkpointOf } from '../../storage/conformance-life.ts'
import type { LogOpening, LogPlace } from '../../storage/conformance-life.ts'
import type { Disk } from '../../storage/disk.ts'
import type { LogContent } from '../../storage/log-content.ts'
import { EMPTY_LOG } from '../../storage/log-content.ts'
import { MemoryDisk } from '../../storage/memory-disk.ts'
import { rottable } from '../../storage/survey.ts'
import type { ByteRange } from '../../storage/survey.ts'
import { openLog } from '../../storage/write-ahead-log.ts'
import type { LogReport, WriteAheadLog } from '../../storage/write-ahead-log.ts'
import { suite } from '../harness.ts'
import { CrashingDisk, Lcg } from './crashing-disk.ts'
import { identity } from './support.ts'

const test = suite('log conformance')

type Report = (report: LogReport) => void

/** In what way a log, or what it stands on, is broken. */
interface Flaw {
  /** What it stands on. */
  readonly disk?: (disk: Disk) => Disk
  /** What it takes for appended. */
  readonly append?: (log: WriteAheadLog, persist: Persist, report: Report, disk: Disk) => void
  readonly stage?: (log: WriteAheadLog, bytes: Uint8Array, end: number) => void
  readonly sync?: (log: WriteAheadLog) => void
  readonly report?: (report: LogReport, pass: Report) => void
  /** What it recovers, of what it should. */
  readonly recovered?: (recovered: LogContent) => LogContent
  readonly opening?: (opening: LogOpening, tornBytes: number) => LogOpening
}

function openFlawed(disk: Disk, flaw: Flaw, report: Report): LogOpening {
  const pass: Report = made => {
    if (flaw.report === undefined) report(made)
    else flaw.report(made, report)
  }
  const under = flaw.disk?.(disk) ?? disk
  const options = { checkpointPartBytes: 4_000 }
  const opened = openLog(under, identity, pass, options)
  if (opened.type !== 'ok') return opened
  const { log } = opened
  const flawed = {
    append: (persist: Persist) => {
      if (flaw.append === undefined) log.append(persist)
      else flaw.append(log, persist, report, disk)
    },
    stage: (bytes: Uint8Array, end: number) => {
      if (flaw.stage === undefined) log.stage(bytes, end)
      else flaw.stage(log, bytes, end)
    },
    sync: () => (flaw.sync === undefined ? log.sync() : flaw.sync(log))
  }
  const recovered = flaw.recovered?.(opened.recovered) ?? opened.recovered
  const opening: LogOpening = { type: 'ok', log: flawed, recovered }
  return flaw.opening?.(opening, opened.recovered.tornBytes) ?? opening
}

/** Writes garbage behind the last file of a disk. */
function tear(disk: Disk, bytes: Uint8Array): void {
  const file = disk.list().at(-1) as string
  disk.write(file, disk.read(file).length, bytes)
}

/** Where a byte of the last file is to rot at the `attempt`-th time, and the file. */
function rotAt(disk: Disk, attempt: number): [string, number] {
  const file = disk.list().at(-1) as string
  const ranges = rottable(disk.read(file))
  const { start, end } = ranges[attempt % ranges.length] as ByteRange
  return [file, start + ((attempt * 7) % (end - start))]
}

function memoryPlace(): LogPlace {
  let disk = new MemoryDisk()
  let failing = false
  return {
    open: report => openFlawed(disk, {}, report),
    settle: () => {
      while (disk.syncsWaiting > 0) {
        disk.flush(failing ? new Error('EIO') : null)
        failing = false
      }
    },
    kill: () => {
      const next = new MemoryDisk()
      for (const file of disk.list()) next.write(file, 0, disk.read(file))
      disk = next
    },
    losePower: () => assert.unreachable('it keeps everything'),
    failSync: () => {
      failing = true
    },
    tear: bytes => tear(disk, bytes),
    rot: attempt => {
      const [file, at] = rotAt(disk, attempt)
      disk.write(file, at, Uint8Array.of((disk.read(file)[at] as number) ^ 0x21))
    }
  }
}

function crashingPlace(flaw: Flaw = {}): LogPlace {
  const disk = new CrashingDisk()
  let failing = false
  return {
    open: report => openFlawed(disk, flaw, report),
    settle: () => {
      while (disk.syncsWaiting > 0) {
        disk.endSync(failing ? new Error('EIO') : null)
        failing = false
      }
    },
    kill: () => disk.kill(),
    losePower: attempt => disk.losePower(new Lcg(attempt)),
    failSync: () => {
      failing = true
    },
    tear: bytes => tear(disk, bytes),
    rot: attempt => disk.corrupt(...rotAt(disk, attempt), 0x21)
  }
}

const all: LogSupports = { powerLoss: true, failedSync: true, tornTail: true, rot: true }

logConformance({
  test: (title, body) => test(`log in memory: ${title}`, body),
  place: memoryPlace,
  supports: { ...all, powerLoss: false }
})

logConformance({
  test: (title, body) => test(`log on a disk that forgets: ${title}`, body),
  place: crashingPlace,
  supports: all
})

test('log conformance: a place that supports less: is spared the cases that need more', () => {
  const titles: string[] = []
  const supports = { powerLoss: false, failedSync: false, tornTail: false, rot: false }
  logConformance({ test: title => titles.push(title), place: memoryPlace, supports })
  const expected = logCases.filter(({ needs }) => needs === null).map(({ title }) => title)
  assert.equal(titles, expected)
  assert.is(titles.length, logCases.length - 9)
})

/** Another disk in which some calls differ. */
function altered(disk: Disk, calls: Partial<Disk>): Disk {
  return {
    list: () => disk.list(),
    read: file => disk.read(file),
    write: (file, offset, bytes) => disk.write(file, offset, bytes),
    truncate: (file, size) => disk.truncate(file, size),
    remove: file => disk.remove(file),
    sync: done => disk.sync(done),
    ...calls
  }
}

/** A sync that says at its end what it did not do; the first `honest` of each life do it. */
const lyingSync = (honest: number) => (disk: Disk): Disk => {
  const none = new MemoryDisk()
  let count = 0
  return altered(disk, {
    sync: done => {
      count += 1
      if (count > honest) none.sync(done)
      else disk.sync(done)
      queueMicrotask(() => none.flush())
    }
  })
}

const always = (value: Partial<LogContent>) => (recovered: LogContent): LogContent => {
  return { ...recovered, ...value }
}

function changing(change: (persist: Persist) => Persist): Flaw {
  return { append: (log, persist) => log.append(change(persist)) }
}

/** A log that remembers, beyond its lives, and beyond reason. */
function withMemory(recall: (recovered: LogContent, first: LogContent) => LogContent): Flaw {
  let first: LogContent | null = null
  return {
    recovered: recovered => {
      if (first === null && recovered.snapshot !== null) first = recovered
      return recall(recovered, first ?? recovered)
    }
  }
}

let firstEntries: readonly Persist['entries'][number][] = []

/** One flaw, or more, for each case: its title begins so. */
const FLAWS: readonly (readonly [string, string, () => Flaw])[] = [
  ['an empty place', 'a vote that nobody gave', () => ({
    recovered: always({ hardState: { term: 0, vote: 'a' } })
  })],
  ['what was reported', 'recovers all but the last entry', () => ({
    recovered: ({ entries, ...rest }) => ({ ...rest, entries: entries.slice(0, -1) })
  })],
  ['what was reported', 'recovers nothing', () => ({ recovered: () => EMPTY_LOG })],
  ['an entry of any kind', 'takes a membership for a command', () => changing(persist => {
    const kindOf = (kind: string) => (kind === 'noop' ? 'noop' as const : 'command' as const)
    const entries = persist.entries.map(one => ({ ...one, kind: kindOf(one.kind) }))
    return { ...persist, entries }
  })],
  ['entries from an index on', 'keeps the tail of what it replaces', () => ({
    recovered: recovered => {
      const { entries } = recovered
      return entries.length === 4 ? { ...recovered, entries: [...entries, entries[3]!] } : recovered
    }
  })],
  ['a truncation', 'writes no record without entries', () => changing(persist => {
    return persist.entries.length > 0 ? persist : { ...persist, logChanged: false }
  })],
  ['reports: never', 'reports within append', () => ({
    append: (log, persist, report) => {
      log.append(persist)
      report({ type: 'persisted', id: persist.id })
    }
  })],
  ['reports: come only', 'syncs at each append', () => ({
    append: (log, persist) => {
      log.append(persist)
      log.sync()
    }
  })],
  ['reports: come only', 'reports twice', () => ({
    report: (made, pass) => {
      pass(made)
      if (made.type === 'persisted') pass(made)
    }
  })],
  ['reports: rise', 'reports one less', () => ({
    report: (made, pass) => {
      pass(made.type === 'persisted' ? { ...made, id: made.id - 1 } : made)
    }
  })],
  ['reports: rise', 'forgets the sync asked for during another', () => {
    let running = false
    return {
      sync: log => {
        if (!running) log.sync()
        running = true
      },
      report: (made, pass) => {
        running = false
        pass(made)
      }
    }
  }],
  ['calls out of order', 'takes whatever it is given', () => ({
    append: (log, persist) => {
      try {
        log.append(persist)
      } catch {
        // So much the worse.
      }
    }
  })],
  ['a checkpoint: takes', 'recovers no snapshot', () => ({
    recovered: always({ snapshot: null })
  })],
  ['a checkpoint: takes', 'takes the snapshot for the base', () => ({
    recovered: ({ snapshot, ...rest }) => ({
      ...rest,
      snapshot: snapshot === null ? null : { ...snapshot, ...rest.base, index: 3 }
    })
  })],
  ['persists behind', 'loses what follows a checkpoint', () => {
    let was = false
    return changing(persist => {
      if (persist.checkpoint !== null) was = true
      return was && persist.checkpoint === null ? { ...persist, logChanged: false } : persist
    })
  }],
  ['a checkpoint: keeps term', 'forgets the vote in a checkpoint', () => changing(persist => {
    const { checkpoint, hardState } = persist
    if (checkpoint === null || hardState === null) return persist
    return { ...persist, hardState: { ...hardState, vote: null } }
  })],
  ['a checkpoint: lets no', 'brings old entries back', () => ({
    append: (log, persist) => {
      if (persist.checkpoint === null && firstEntries.length === 0) firstEntries = persist.entries
      log.append(persist)
    },
    recovered: ({ entries, ...rest }) => ({
      ...rest,
      entries: rest.snapshot === null ? entries : [...entries, ...firstEntries]
    })
  })],
  ['a checkpoint: lets no', 'lets a covered entry be replaced', () => ({
    append: (log, persist) => {
      if (persist.firstIndex !== 3) log.append(persist)
    }
  })],
  ['a later checkpoint', 'recovers the first one for ever', () =>
    withMemory((recovered, { snapshot }) => ({ ...recovered, snapshot }))],
  ['a snapshot of many', 'keeps 4 MiB of it', () => ({
    recovered: recovered => {
      const { snapshot } = recovered
      if (snapshot === null) return recovered
      return { ...recovered, snapshot: { ...snapshot, bytes: snapshot.bytes.slice(0, 2 ** 22) } }
    }
  })],
  ['a staged snapshot', 'says nothing of it', () => ({ stage: () => undefined })],
  ['a staged snapshot', 'takes it for a checkpoint', () => {
    let staged: Uint8Array | null = null
    return {
      stage: (log, bytes, end) => {
        staged = bytes
        log.stage(bytes, end)
      },
      recovered: recovered => {
        if (staged === null || recovered.snapshot !== null) return recovered
        const { bytes, ...head } = checkpointOf(recovered, 5, 5, staged).checkpoint!.snapshot
        return { ...recovered, snapshot: { ...head, bytes } }
      }
    }
  }],
  ['a checkpoint of a staged', 'leaves out what was staged', () => {
    let count = 0
    return {
      stage: (_, __, end) => void (count = end),
      ...changing(persist => {
        if (persist.checkpoint === null) return persist
        const { snapshot } = persist.checkpoint
        const bytes = snapshot.bytes.slice(count)
        const cut = { ...snapshot, bytesCount: bytes.length, bytes }
        return { ...persist, checkpoint: { ...persist.checkpoint, snapshot: cut } }
      })
    }
  }],
  ['a checkpoint of other', 'takes what was staged first', () => {
    let staged: Uint8Array | null = null
    return {
      stage: (log, bytes, end) => {
        staged ??= bytes
        log.stage(bytes, end)
      },
      ...changing(persist => {
        if (persist.checkpoint === null || staged === null) return persist
        const snapshot = { ...persist.checkpoint.snapshot, bytes: staged }
        return { ...persist, checkpoint: { ...persist.checkpoint, snapshot } }
      })
    }
  }],
  ['a loss of power: drops what', 'syncs nothing but its opening', () => ({
    disk: lyingSync(1)
  })],
  ['a failed sync', 'takes it for a good one', () => ({
    report: (made, pass) => pass(made.type === 'failed' ? { type: 'persisted', id: 9 } : made)
  })],
  ['a failed sync', 'tries again', () => ({
    disk: disk => altered(disk, {
      sync: done => disk.sync(result => (result === null ? done(null) : disk.sync(done)))
    })
  })],
  ['a loss of power: takes nothing that was reported', 'syncs nothing but its opening', () => ({
    disk: lyingSync(1)
  })],
  ['a loss of power: takes nothing that was reported', 'comes back with records amiss', () => {
    let lives = 0
    return {
      recovered: recovered => {
        lives += 1
        if (lives < 2 || recovered.entries.length < 5) return recovered
        const [first, ...rest] = recovered.entries
        return { ...recovered, entries: [first!, first!, ...rest.slice(1)] }
      }
    }
  }],
  ['a loss of power: leaves all', 'removes the older file at once', () => ({
    append: (log, persist, _report, disk) => {
      log.append(persist)
      const older = disk.list().slice(0, -1)
      for (const file of older) disk.remove(file)
    }
  })],
  ['a loss of power: leaves all', 'takes an unfinished checkpoint for one', () => ({
    recovered: recovered => {
      const { snapshot } = recovered
      if (snapshot === null) return { ...recovered, base: { index: 2, term: 1, stampMs: 10 } }
      return recovered
    }
  })],
  ['a loss of power: takes no checkpoint', 'has its checkpoints synced by nobody', () => {
    let lies = false
    return {
      append: (log, persist) => {
        lies ||= persist.checkpoint !== null
        log.append(persist)
      },
      disk: disk => {
        const lying = lyingSync(0)(disk)
        return altered(disk, { sync: done => (lies ? lying : disk).sync(done) })
      }
    }
  }],
  ['a loss of power: takes nothing that was there', 'is opened without a sync', () => ({
    disk: disk => {
      const none = new MemoryDisk()
      let isFirst = true
      return altered(disk, {
        sync: done => {
          if (!isFirst) return disk.sync(done)
          isFirst = false
          if (disk.read('log-0-1').length < 30) return disk.sync(done)
          none.sync(done)
          queueMicrotask(() => none.flush())
        }
      })
    }
  })],
  ['a torn tail', 'calls every torn tail corruption', () => ({
    opening: (opening, tornBytes) => {
      return tornBytes === 0 ? opening : { type: 'corrupt', reason: 'a bad record' }
    }
  })],
  ['a torn tail', 'cuts too much', () => ({
    disk: disk => altered(disk, { truncate: (file, size) => disk.truncate(file, size - 40) })
  })],
  ['rot: is said', 'says nothing of it', () => ({ recovered: always({ damage: null }) })],
  ['rot: is said', 'takes the end that is left for the old one', () => ({
    recovered: recovered => {
      const { entries, damage } = recovered
      const end = { index: entries.length, term: entries.at(-1)?.term ?? 0 }
      return { ...recovered, damage: damage === null ? null : end }
    }
  })],
  ['rot: is said', 'forgets the vote', () => ({
    recovered: recovered => {
      const { damage, hardState } = recovered
      return damage === null ? recovered : { ...recovered, hardState: { ...hardState, vote: null } }
    }
  })],
  ['rot: is said', 'joins entries that never followed each other', () => ({
    recovered: recovered => {
      const { damage, entries } = recovered
      if (damage === null || entries.length === 0) return recovered
      return { ...recovered, entries: [...entries, { ...entries[0]!, term: 5 }] }
    }
  })],
  ['rot of a checkpoint', 'says nothing of it', () => ({ recovered: always({ damage: null }) })],
  ['rot of a checkpoint', 'forgets it at the next start', () => {
    let was = false
    return {
      recovered: recovered => {
        const { damage } = recovered
        const found = was ? { ...recovered, damage: null } : recovered
        was = damage !== null
        return found
      }
    }
  }]
]

for (const [beginning, flaw, make] of FLAWS) {
  const found = logCases.filter(({ title }) => title.startsWith(beginning))
  test(`log conformance: a log that ${flaw}: fails "${beginning} ..."`, async () => {
    assert.is(found.length, 1)
    firstEntries = []
    const made: LogPlace[] = []
    const place = (): LogPlace => {
      const next = crashingPlace(make())
      // Lies are told a moment later.
      const settle = async (): Promise<void> => {
        await next.settle()
        await Promise.resolve()
        await next.settle()
      }
      made.push(next)
      return { ...next, settle }
    }
    let error: unknown = null
    try {
      await found[0]?.run(place)
    } catch (thrown) {
      error = thrown
    }
    assert.ok(made.length > 0)
    assert.ok(error instanceof Error, 'the case passed')
    assert.is.not((error as Error).name, 'TypeError')
  })
}

test('log conformance: every case: is shown to fail', () => {
  const unproven = logCases.filter(({ title }) => {
    return !FLAWS.some(([beginning]) => title.startsWith(beginning))
  })
  assert.equal(unproven.map(({ title }) => title), [])
})

test.run()
