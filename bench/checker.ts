// How fast the checker is, by processor time, without the start of Node. What is timed is the
// verdict with its order; to make a violation small is timed by itself.
//
// The histories are made here, from a seed, and written as NDJSON to a temporary folder. Each is
// judged in a fresh process, which reads it whole, or as a stream: the peak of memory is of its
// first pass, with the engine and the reader. Given a folder with a manifest, the files in it that
// others measure with are judged as well, beside Porcupine's time for the same file.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { machine, rangeOf } from './bench.ts'
import type { Bench, BenchOptions } from './bench.ts'
import { measureFolder } from './checker-files.ts'
import type { FilesRow } from './checker-files.ts'
import { inChild } from './checker-tasks.ts'
import type { Measure, Times } from './checker-tasks.ts'
import type { GenerateOptions } from './histories/generate-world.ts'

/** A kind of history, and what is asked of the checker: milliseconds and megabytes at most. */
interface Work {
  readonly work: string
  readonly model: string
  readonly history: GenerateOptions
  readonly checkMs: number
  /** Null: reading is not measured. */
  readonly reading: { readonly ms: number; readonly mb: number; readonly streamMb: number } | null
}

interface Row extends Measure {
  readonly work: string
  readonly how: 'whole' | 'stream'
  readonly must: Must
  /** What of it is missed. */
  readonly missed: readonly string[]
}

interface Must {
  readonly checkMs: number | null
  readonly withReadingMs: number | null
  readonly peakMb: number | null
}

interface CheckerResult {
  readonly bench: 'checker'
  readonly rows: readonly Row[]
  readonly files: readonly FilesRow[]
  readonly seed: number
  readonly isQuick: boolean
  readonly passes: number
  readonly machine: object
}

const SEED = 1
const QUICK_SHARE = 1 / 500
const QUICK_OPERATIONS = 200

const WORKS: readonly Work[] = [
  ...goodAndBad({
    work: 'lock, 10^5, 10 clients',
    model: 'fenced-mutex',
    history: { kind: 'lock', operations: 100_000, clients: 10, lie: 'double-grant' },
    checkMs: 100,
    reading: { ms: Infinity, mb: 200, streamMb: Infinity },
  }),
  ...goodAndBad({
    work: 'lock, 10^6, 100 clients, 1 % crashed',
    model: 'fenced-mutex',
    history: {
      kind: 'lock',
      operations: 1_000_000,
      clients: 100,
      crashRate: 0.01,
      lie: 'double-grant',
    },
    checkMs: 500,
    reading: { ms: 4_000, mb: 400, streamMb: 150 },
  }),
  {
    work: 'anonymous mutex, 10^6, 100 clients, 10^4 crashed, good',
    model: 'mutex',
    history: { kind: 'mutex', operations: 1_000_000, clients: 100, crashRate: 0.01 },
    checkMs: 1_500,
    reading: null,
  },
  {
    work: 'register, unique writes, 10^6, 100 clients, good',
    model: 'register',
    history: { kind: 'register-unique', operations: 1_000_000, clients: 100 },
    checkMs: 800,
    reading: null,
  },
  {
    work: 'kv, unique writes, 10^6, 100 clients, 10 keys, good',
    model: 'kv',
    history: { kind: 'kv', operations: 1_000_000, clients: 100, keys: 10 },
    checkMs: 800,
    reading: null,
  },
  {
    work: 'general register, 10^3, 10 clients, 6 % crashed, bad',
    model: 'register',
    history: {
      kind: 'register',
      operations: 1_000,
      clients: 10,
      crashRate: 0.06,
      lie: 'stale-read',
    },
    checkMs: 200,
    reading: null,
  },
  ...goodAndBad({
    work: 'general register, 10^3, 100 clients',
    model: 'register',
    history: { kind: 'register', operations: 1_000, clients: 100, lie: 'stale-read' },
    checkMs: 10_000,
    reading: null,
  }),
]

/** The bench of the checker. */
export const checkerBench: Bench = {
  name: 'checker',
  summary: 'ms for a verdict on made histories, or on files: --quick, --histories FOLDER',
  takes: ['quick', 'histories'],
  run,
  lines: (result) => linesOf(result as CheckerResult),
}

function goodAndBad(work: Work): Work[] {
  const { lie: _, ...good } = work.history
  return [
    { ...work, work: `${work.work}, good`, history: good },
    { ...work, work: `${work.work}, bad` },
  ]
}

function run(passes: number, { isQuick, histories }: BenchOptions): CheckerResult {
  // First, so that a folder that is none costs no minute.
  const files = histories === null ? [] : measureFolder(histories, passes)
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-bench-'))
  try {
    const path = join(folder, 'history.ndjson')
    const rows = WORKS.flatMap((work) => measureWork(work, path, passes, isQuick))
    return { bench: 'checker', rows, files, seed: SEED, isQuick, passes, machine: machine() }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function measureWork(work: Work, path: string, passes: number, isQuick: boolean): Row[] {
  const { operations } = work.history
  const fewer = Math.max(QUICK_OPERATIONS, operations * QUICK_SHARE)
  // In a short history there are few occasions for a lie.
  const quick = { operations: fewer, lieAt: 0.5 }
  const options = { ...work.history, seed: SEED, ...(isQuick ? quick : {}) }
  inChild({ type: 'make', path, options })
  const { model, reading, checkMs } = work
  const task = { type: 'row', path, model, passes, isReading: reading !== null } as const
  const whole = inChild<Measure>({ ...task, isStream: false })
  const must = { checkMs, withReadingMs: reading?.ms ?? null, peakMb: reading?.mb ?? null }
  const rows = [rowOf(work, 'whole', whole, must)]
  if (reading !== null) {
    const stream = inChild<Measure>({ ...task, isStream: true })
    const must = { checkMs: null, withReadingMs: reading.ms, peakMb: reading.streamMb }
    rows.push(rowOf(work, 'stream', stream, must))
  }
  return rows
}

function rowOf({ work, history }: Work, how: Row['how'], measure: Measure, asked: Must): Row {
  const wanted = history.lie === undefined ? 'ok' : 'violation'
  const { verdict, check, withReading, peakMb } = measure
  if (verdict !== wanted && verdict !== 'unknown') {
    throw new Error(`${work}: ${verdict}, not ${wanted}`)
  }
  const must = {
    checkMs: finite(asked.checkMs),
    withReadingMs: finite(asked.withReadingMs),
    peakMb: finite(asked.peakMb),
  }
  const isOver = (value: number | undefined, limit: number | null): boolean =>
    limit !== null && value !== undefined && value > limit
  const missed = [
    ...(verdict === wanted ? [] : ['verdict']),
    ...(isOver(check?.warm.median, must.checkMs) ? ['check'] : []),
    ...(isOver(withReading?.warm.median, must.withReadingMs) ? ['with reading'] : []),
    ...(isOver(peakMb, must.peakMb) ? ['memory'] : []),
  ]
  return { work, how, ...measure, must, missed }
}

/** Infinity is no number in JSON. */
function finite(value: number | null): number | null {
  return value === Infinity ? null : value
}

function linesOf({ rows, files, passes, machine, seed, isQuick }: CheckerResult): string[] {
  return [
    `checker: ms of processor time, median of ${passes} warm passes (least to most)`,
    `machine: ${JSON.stringify(machine)}`,
    `histories: from seed ${seed}${isQuick ? ', short ones: the targets are for long ones' : ''}`,
    ...rows.flatMap((row) => rowLines(row)),
    ...files.flatMap((row) => filesLines(row)),
  ]
}

function rowLines(row: Row): string[] {
  const { work, how, verdict, operations, check, withReading, peakMb, must, missed } = row
  const { minimiseMs, core } = row
  const line = (what: string, figure: string, most: number | null): string =>
    `  ${what}: ${figure}${most === null ? '' : `; target: at most ${most}`}`
  return [
    `${work}, ${how}: ${verdict}, ${operations} operations` +
      (missed.length === 0 ? '' : `, MISSED: ${missed.join(', ')}`),
    ...(check === null ? [] : [line('check', timesText(check), must.checkMs)]),
    ...(withReading === null
      ? []
      : [line('with reading', timesText(withReading), must.withReadingMs)]),
    ...(minimiseMs === null
      ? []
      : [line('to make it small, once', `${Math.round(minimiseMs)}, ${core} operations`, null)]),
    line('peak of resident memory, MB', `${peakMb}`, must.peakMb),
  ]
}

function filesLines({ work, must, isMet, count, total, files }: FilesRow): string[] {
  const text = (times: FilesRow['total']): string =>
    `${timesText(times)}, Porcupine ${times.porcupine}: ${times.ratio} times as long`
  return [
    `${work}, ${count} in total: ${text(total)}; target: at most ${must}${isMet ? '' : ', MISSED'}`,
    ...files.map((file) => `  ${file.file}: ${text(file)}`),
  ]
}

function timesText({ cold, warm }: Times): string {
  return `${rangeOf(warm)}, cold ${cold}`
}
