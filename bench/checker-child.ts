// One piece of work of the checker's bench, in a process of its own, so that its peak of memory is
// its own and its first pass is cold. The one argument is the task as JSON, and one line of JSON is
// what comes of it.

import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { minimised } from '../checker/check.ts'
import type { HistoryEvent } from '../checker/event.ts'
import { FormatError } from '../checker/formats/format.ts'
import { formatNamed } from '../checker/formats/formats.ts'
import type { Format } from '../checker/formats/format.ts'
import { OperationReader } from '../checker/formats/operation-reader.ts'
import type { FileOperation } from '../checker/formats/pairing.ts'
import type { Operation } from '../checker/history.ts'
import { linearize } from '../checker/linearize.ts'
import { modelNamed } from '../checker/models/catalogue.ts'
import type { AnyModel, ModelOptions } from '../checker/models/catalogue.ts'
import { checkStream } from '../checker/stream.ts'
import type { Verdict } from '../checker/verdict.ts'
import { inWords } from '../checker/words.ts'
import { measured, timed } from './bench.ts'
import type { FileTask, FileTime, GivenFile, MakeTask } from './checker-tasks.ts'
import type { Measure, RowTask, Task, Times } from './checker-tasks.ts'
import { generate } from './histories/generate.ts'

/** As much as Node reads of a file at a time, and so `lockstep check`. */
const CHUNK_BYTES = 1 << 16
const WRITTEN_EVENTS = 10_000
/** Far beyond every target. */
const LIMIT_MS = 60_000
const NDJSON = format('ndjson')

const task = JSON.parse(process.argv[2] ?? '') as Task
console.log(JSON.stringify(await perform(task)))

async function perform(task: Task): Promise<object> {
  if (task.type === 'make') return make(task)
  if (task.type === 'files') return measureFiles(task)
  return task.isStream ? measureStream(task) : measureWhole(task)
}

/** Writes a generated history as NDJSON. */
function make({ path, options }: MakeTask): object {
  const { events } = generate(options)
  const file = openSync(path, 'w')
  for (let at = 0; at < events.length; at += WRITTEN_EVENTS) {
    const lines = events.slice(at, at + WRITTEN_EVENTS).map((event) => NDJSON.write(event))
    writeSync(file, lines.join(''))
  }
  closeSync(file)
  return { events: events.length }
}

/** Reads the file whole and judges its history in passes; then both in passes, if asked. */
function measureWhole(task: RowTask): Measure {
  const { path, model: name, passes, isReading } = task
  const model = makeModel(name, { initial: 0 })
  // Nothing of the first part is kept: it would weigh on the second.
  const { reading, ...measure } = measureJudging(task, model)
  if (!isReading) return { ...measure, withReading: null }
  const cold = reading + measure.check.cold
  const both = (): unknown => judgeAll(model, inWords(readOperations(path), model))
  return { ...measure, withReading: timesOf(cold, passesOf(passes, both)) }
}

type Judging = Omit<Measure, 'check' | 'withReading'> & {
  readonly check: Times
  readonly reading: number
}

function measureJudging({ path, passes }: RowTask, model: AnyModel): Judging {
  const { ms: reading, result: history } = taken(() => inWords(readOperations(path), model))
  const { ms: cold, result: found } = taken(() => judgeAll(model, history))
  const peakMb = peakMegabytes()
  const { verdict, checked: operations } = found
  // What is beyond the limit once is so again.
  const count = verdict === 'unknown' ? 0 : passes
  const check = timesOf(cold, passesOf(count, () => judgeAll(model, history)))
  const common = { verdict, operations, reading, check, peakMb }
  if (verdict !== 'violation') return { ...common, minimiseMs: null, core: null }
  const { ms, result: small } = taken(() => {
    return minimised({ ...found, model, history }, { isOver: limit() })
  })
  const core = small.verdict === 'violation' ? small.operations.length : null
  return { ...common, minimiseMs: measured([ms]).median, core }
}

/** Reads and judges the file event by event. */
async function measureStream({ path, model, passes }: RowTask): Promise<Measure> {
  const list: number[] = []
  let peakMb = 0
  let verdict: Verdict | null = null
  for (let pass = 0; pass <= passes; pass++) {
    const before = process.cpuUsage()
    verdict = await checkStream(eventsOf(path), model, { initial: 0 })
    const { user, system } = process.cpuUsage(before)
    list.push((user + system) / 1e3)
    if (pass === 0) peakMb = peakMegabytes()
  }
  const [cold = 0, ...warm] = list
  const { verdict: found, checked: operations } = verdict as Verdict
  const withReading = timesOf(cold, warm)
  const none = { check: null, minimiseMs: null, core: null }
  return { verdict: found, operations, withReading, peakMb, ...none }
}

/** Judges each of some files in turn, in passes over all of them. */
function measureFiles({ files, passes }: FileTask): FileTime[] {
  const all = files.map((file) => {
    const { initial } = file
    const form = format(file.format)
    const operations = readGiven(file, form)
    // Knossos takes a read of nil for one that was told nothing.
    const nilRead = form.name === 'edn' && file.model !== 'kv' ? 'unknown' : 'value'
    const model = makeModel(file.model, { initial, nilRead })
    return { model, history: inWords(operations, model), list: [] as number[], verdict: '' }
  })
  for (let pass = 0; pass <= passes; pass++) {
    for (const one of all) {
      one.list.push(
        milliseconds(() => {
          one.verdict = judgeAll(one.model, one.history).verdict
        }),
      )
    }
  }
  return all.map(({ list, verdict }) => ({ verdict, ms: list }))
}

function readGiven({ path, isFailedObserved }: GivenFile, form: Format): FileOperation[] {
  const failed = isFailedObserved ? 'observed' : 'dropped'
  const reader = new OperationReader({ format: form, failed })
  const bytes = readFileSync(path)
  const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
  try {
    return [...reader.push(text), ...reader.end()]
  } catch (error) {
    // One of the logs has no event of a client.
    if (error instanceof FormatError && error.isEmpty) return []
    throw error
  }
}

function judgeAll(model: AnyModel, history: readonly Operation<unknown, unknown>[]): Verdict {
  return linearize(model, history, { steps: Number.MAX_SAFE_INTEGER, isOver: limit() })
}

function limit(): () => boolean {
  const startMs = performance.now()
  return () => performance.now() - startMs > LIMIT_MS
}

function makeModel(name: string, options: ModelOptions): AnyModel {
  const model = modelNamed(name, options)
  if (model === null) throw new Error(`there is no model ${name}`)
  return model
}

function format(name: string): Format {
  const found = formatNamed(name)
  if (found === null) throw new Error(`there is no format ${name}`)
  return found
}

function readOperations(path: string): FileOperation[] {
  const reader = new OperationReader({ format: NDJSON })
  const operations: FileOperation[] = []
  for (const text of textOf(path)) for (const one of reader.push(text)) operations.push(one)
  for (const one of reader.end()) operations.push(one)
  return operations
}

function* eventsOf(path: string): Generator<readonly HistoryEvent[]> {
  const reader = NDJSON.reader()
  for (const text of textOf(path)) yield reader.push(text)
  yield reader.end()
}

function* textOf(path: string): Generator<string> {
  const file = openSync(path, 'r')
  const decoder = new TextDecoder()
  const bytes = new Uint8Array(CHUNK_BYTES)
  try {
    for (let count = readSync(file, bytes); count > 0; count = readSync(file, bytes)) {
      yield decoder.decode(bytes.subarray(0, count), { stream: true })
    }
  } finally {
    closeSync(file)
  }
}

function taken<Result>(work: () => Result): { readonly ms: number; readonly result: Result } {
  const results: Result[] = []
  const ms = milliseconds(() => {
    results.push(work())
  })
  return { ms, result: results[0] as Result }
}

function passesOf(passes: number, work: () => unknown): number[] {
  return Array.from({ length: passes }, () => milliseconds(work))
}

function timesOf(cold: number, warm: readonly number[]): Times {
  // Without a warm pass the cold one is all that is known.
  return { cold: measured([cold]).median, warm: measured(warm.length === 0 ? [cold] : warm) }
}

function milliseconds(work: () => void): number {
  return timed(work).cpu * 1e3
}

function peakMegabytes(): number {
  return Math.round(process.resourceUsage().maxRSS / 1024)
}
