// Judges one history file for `lockstep check`, within a time and a memory. What comes of it can be
// sent from thread to thread.

import { getHeapStatistics } from 'node:v8'
import { asInFile } from '../checker/check-words.ts'
import { minimised, type CheckResult } from '../checker/check.ts'
import type { Plain } from '../checker/event.ts'
import { formatNamed } from '../checker/formats/formats.ts'
import type { Failed, FileOperation } from '../checker/formats/pairing.ts'
import { linearize } from '../checker/linearize.ts'
import { MODELS, modelNamed, recogniseModel } from '../checker/models/catalogue.ts'
import { fieldOf } from '../checker/models/plain.ts'
import type { Verdict } from '../checker/verdict.ts'
import { inWords, WordError } from '../checker/words.ts'
import { readHistory, type ReadHistory } from './read-history.ts'
import { UsageError } from './verb.ts'

/** What the user says of the files, and what a check may take. */
export interface CheckSettings {
  readonly model: string | null
  readonly format: string | null
  readonly initial: Plain
  readonly failed: Failed
  /** The field of a value that names the object meant; `tuple`: the first of `[key value]`. */
  readonly keyBy: string | null
  readonly timeoutMs: number
  readonly memoryBytes: number
}

/** What came of a file. */
export type CheckedFile =
  | { readonly file: string; readonly verdict: 'unreadable'; readonly reason: string }
  | {
      readonly file: string
      readonly verdict: 'ok' | 'violation' | 'unknown'
      /** Null: it was not known yet. */
      readonly model: string | null
      readonly operations: number
      readonly ms: number
      readonly reason?: string
      readonly violation?: { readonly operations: readonly unknown[] }
    }

/** A file, and of one that can be read what came of it in the words of its model. */
export interface Checked {
  readonly summary: CheckedFile
  readonly result: CheckResult | null
}

/** The whole of a file was not read within the limits. */
class LimitError extends Error {
  override readonly name = 'LimitError'
}

/** Reads a file and judges it. Throws nothing for a file that cannot be read. */
export async function checkFile(file: string, settings: CheckSettings): Promise<Checked> {
  const limits = limitsOf(settings)
  try {
    return await judgeFile(file, settings, limits)
  } catch (error) {
    if (error instanceof UsageError) {
      return { summary: { file, verdict: 'unreadable', reason: error.message }, result: null }
    }
    if (!(error instanceof LimitError)) throw error
    const reason = `${limits.reason()}: the file was not read to its end`
    const { model } = settings
    const common = { file, model, verdict: 'unknown', operations: 0 } as const
    return { summary: { ...common, ms: limits.ms(), reason }, result: null }
  }
}

interface FileLimits {
  /** Time or memory is used up. */
  readonly isOver: () => boolean
  readonly reason: () => string
  readonly ms: () => number
}

function limitsOf({ timeoutMs, memoryBytes }: CheckSettings): FileLimits {
  const startMs = performance.now()
  const bytesMax = Math.min(memoryBytes, HEAP_PART_MAX * getHeapStatistics().heap_size_limit)
  const ms = (): number => Math.round((performance.now() - startMs) * 10) / 10
  const isLate = (): boolean => performance.now() - startMs > timeoutMs
  return {
    isOver: () => isLate() || getHeapStatistics().used_heap_size > bytesMax,
    reason: () => (isLate() ? 'no answer in time' : 'no answer within the memory'),
    ms,
  }
}

/** Beyond that part of its heap V8 may give up before anybody asks. */
const HEAP_PART_MAX = 0.9

async function judgeFile(
  file: string,
  settings: CheckSettings,
  limits: FileLimits,
): Promise<Checked> {
  const { failed, keyBy, initial } = settings
  const format = settings.format === null ? null : formatNamed(settings.format)
  const options = { format, failed, hasTimes: settings.model === 'lease' }
  const onPiece = (): void => {
    if (limits.isOver()) throw new LimitError()
  }
  const read = await readHistory(file, { ...options, independent: keyBy === 'tuple' }, onPiece)
  const history = keyBy === null || keyBy === 'tuple' ? read.history : keyed(file, read, keyBy)
  const name = settings.model ?? recogniseModel(history)
  if (name === null) {
    const asked = [...new Set(history.map(({ input }) => input.f))].slice(0, 5).join(', ')
    throw new UsageError(`${file}: no model knows ${asked}: name one with --model`)
  }
  // Knossos takes a read of nil for one that was told nothing.
  const nilRead = read.format?.name === 'edn' && name !== 'kv' ? 'unknown' : 'value'
  const model = modelNamed(name, { initial, nilRead })
  if (model === null) throw new UsageError(`there is no model ${name}`)
  try {
    const startMs = limits.ms()
    const words = inWords(history, model)
    const { isOver } = limits
    const found = linearize(model, words, { steps: Number.MAX_SAFE_INTEGER, isOver })
    const ms = Math.round((limits.ms() - startMs) * 10) / 10
    if (found.verdict === 'unknown') {
      // Only who set the limits knows which of them it was.
      const reason = found.reason.replace(/^given up/, limits.reason)
      const said = { ...found, reason }
      const result = { ...said, model, history: words }
      return { summary: summaryOf(file, name, said, ms), result }
    }
    const result = minimised({ ...found, model, history: words }, { isOver })
    const said = asInFile(result, words, history)
    return { summary: summaryOf(file, name, said, ms), result }
  } catch (error) {
    if (!(error instanceof WordError)) throw error
    const { line, column } = read.placeOf(error.position)
    const summary = MODELS.find((one) => one.name === name)?.summary
    throw new UsageError(`${file}:${line}:${column}: ${error.message}, expected ${summary}`)
  }
}

function summaryOf(file: string, model: string, verdict: Verdict, ms: number): CheckedFile {
  const common = { file, model, verdict: verdict.verdict, operations: verdict.checked, ms }
  if (verdict.verdict === 'ok') return common
  if (verdict.verdict === 'unknown') return { ...common, reason: verdict.reason }
  const { message, operations } = verdict
  return { ...common, reason: message, violation: { operations } }
}

/** The operations with what a field of their value names as their key. */
function keyed(file: string, read: ReadHistory, field: string): FileOperation[] {
  return read.history.map((operation) => {
    const key = fieldOf(operation.input.value, field)
    if (key !== undefined) return { ...operation, input: { ...operation.input, key } }
    const { line, column } = read.placeOf(operation.call)
    const what = `the value of ${operation.input.f} has no field ${field}`
    throw new UsageError(`${file}:${line}:${column}: ${what}, expected one that names its object`)
  })
}
