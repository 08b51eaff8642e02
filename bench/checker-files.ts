// Files of a folder of histories with a manifest: by file and in total, beside what Porcupine
// needed for the same file as the manifest says.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Plain } from '../checker/event.ts'
import { measured } from './bench.ts'
import type { Times } from './checker-tasks.ts'
import { inChild } from './checker-tasks.ts'
import type { FileTime } from './checker-tasks.ts'

interface Entry {
  readonly file: string
  readonly format: string
  readonly model: string
  readonly initial: Plain
  readonly failMeans: string
  readonly expected: boolean
  readonly porcupine_ms: number
}

/** Milliseconds of ours, of Porcupine, and how many times as long Porcupine took. */
interface Compared extends Times {
  readonly porcupine: number
  readonly ratio: number
}

export interface FilesRow {
  readonly work: string
  readonly must: string
  readonly isMet: boolean
  readonly count: number
  readonly total: Compared
  readonly files: readonly (Compared & { readonly file: string; readonly verdict: string })[]
}

interface Group {
  readonly work: string
  readonly isIn: (file: string) => boolean
  readonly must: string
  /** How many times as long as ours Porcupine has to take. */
  readonly ratio: number
  readonly fileMsMax: number
}

const GROUPS: readonly Group[] = [
  {
    work: 'etcd logs',
    isIn: (file) => file.startsWith('porcupine/jepsen/'),
    must: 'P/25',
    ratio: 25,
    fileMsMax: Infinity,
  },
  {
    work: 'Knossos cas-register files',
    isIn: (file) => file.startsWith('knossos/cas-register/'),
    must: '2 P, none over 50 ms',
    ratio: 0.5,
    fileMsMax: 50,
  },
  {
    work: 'kv, 50 clients, bad',
    isIn: (file) => file.endsWith('/c50-bad.txt'),
    must: 'P/20',
    ratio: 20,
    fileMsMax: Infinity,
  },
]
const FORMATS: Readonly<Record<string, string>> = { 'edn-lines': 'edn', 'ndjson.gz': 'ndjson' }

/** Measures the groups that the folder has files of. */
export function measureFolder(folder: string, passes: number): FilesRow[] {
  const text = readFileSync(join(folder, 'manifest.json'), 'utf8')
  const { histories } = JSON.parse(text) as { readonly histories: readonly Entry[] }
  const rows: FilesRow[] = []
  for (const group of GROUPS) {
    const entries = histories.filter(({ file }) => group.isIn(file))
    if (entries.length > 0) rows.push(measureGroup(group, folder, entries, passes))
  }
  return rows
}

function measureGroup(
  group: Group,
  folder: string,
  entries: readonly Entry[],
  passes: number,
): FilesRow {
  const files = entries.map(({ file, format, model, initial, failMeans }) => ({
    path: join(folder, file),
    format: FORMATS[format] ?? format,
    model,
    // Stores of strings begin empty by themselves.
    initial: initial === '' ? null : initial,
    isFailedObserved: failMeans.startsWith('observed'),
  }))
  const times = inChild<readonly FileTime[]>({ type: 'files', files, passes })
  const compared = entries.map(({ file, expected, porcupine_ms }, index) => {
    const { verdict, ms } = times[index] as FileTime
    const wanted = expected ? 'ok' : 'violation'
    if (verdict !== wanted) throw new Error(`${file}: ${verdict}, not ${wanted}`)
    return { file, verdict, ...compare(ms, porcupine_ms) }
  })
  const sums = Array.from({ length: passes + 1 }, (_, pass) => {
    return times.reduce((sum, { ms }) => sum + (ms[pass] ?? 0), 0)
  })
  const porcupine = entries.reduce((sum, { porcupine_ms }) => sum + porcupine_ms, 0)
  const total = compare(sums, porcupine)
  const isMet =
    total.ratio >= group.ratio &&
    compared.every(({ warm }) => warm.median <= group.fileMsMax)
  const { work, must } = group
  return { work, must, isMet, count: entries.length, total, files: compared }
}

function compare([cold = 0, ...warm]: readonly number[], porcupine: number): Compared {
  const spread = measured(warm)
  return {
    cold: measured([cold]).median,
    warm: spread,
    porcupine: measured([porcupine]).median,
    ratio: measured([porcupine / Math.max(spread.median, 0.001)]).median,
  }
}
