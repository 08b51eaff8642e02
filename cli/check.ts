// `lockstep check`: judges history files of any service against a model.

import { asInFile } from '../checker/check-words.ts'
import { minimised } from '../checker/check.ts'
import type { Plain } from '../checker/event.ts'
import { FORMATS, formatNamed } from '../checker/formats/formats.ts'
import type { Failed } from '../checker/formats/pairing.ts'
import { linearize } from '../checker/linearize.ts'
import { MODELS, modelNamed, recogniseModel } from '../checker/models/catalogue.ts'
import type { Verdict } from '../checker/verdict.ts'
import { inWords, WordError } from '../checker/words.ts'
import { valueOf } from './arguments.ts'
import { follow, type FollowOptions } from './follow.ts'
import { counted, duration } from './format.ts'
import { readHistory } from './read-history.ts'
import type { Screen } from './screen.ts'
import { withSuggestion } from './suggest.ts'
import { parseDurationMs } from './values.ts'
import { EXIT, UsageError, worstExit } from './verb.ts'
import type { Given, Verb } from './verb.ts'

const TIMEOUT = '60s'
const MODEL_NAMES: readonly string[] = MODELS.map(({ name }) => name)
const FORMAT_NAMES: readonly string[] = FORMATS.map(({ name }) => name)

export const checkCommand: Verb = {
  name: 'check',
  usage: 'FILE... [options]',
  summary: 'judge histories of any service: are they linearizable?',
  options: [
    { name: 'model', value: 'M', help: 'what it is a history of (default: by what is asked)' },
    { name: 'format', value: 'F', help: `${FORMAT_NAMES.join(', ')} (default: as it looks)` },
    { name: 'init', value: 'JSON', help: 'the value at first (default: none)' },
    { name: 'failed', value: 'HOW', help: 'a fail was dropped (default), or observed why' },
    { name: 'timeout', value: 'TIME', help: `give up a file after this (default: ${TIMEOUT})` },
    { name: 'follow', help: 'judge locks while the file is written, to the first violation' },
    { name: 'json', help: 'print one JSON array' },
  ],
  takesPositionals: true,
  examples: [
    { line: 'check history.edn', what: "a history of Jepsen's" },
    { line: 'check --model fenced-mutex locks.ndjson.gz', what: 'locks, with their tokens' },
    { line: 'check --json histories/*', what: 'many files, for a program to read' },
  ],
  run,
}

interface Settings {
  readonly model: string | null
  readonly format: string | null
  readonly initial: Plain
  readonly failed: Failed
  readonly timeoutMs: number
}

interface Checked {
  readonly file: string
  readonly model: string
  readonly verdict: Verdict
  readonly ms: number
}

async function run(given: Given, screen: Screen): Promise<number> {
  const files = given.positionals
  if (files.length === 0) throw new UsageError('check wants the path of a history')
  const settings = settingsOf(given)
  if (given.values['follow'] === true) return follow(followed(given, settings), screen)
  const isJson = given.values['json'] === true
  const codes: number[] = []
  const results: object[] = []
  for (const [at, file] of files.entries()) {
    screen.status(` ${at} of ${counted(files.length, 'file')}  ${file}`)
    try {
      const checked = await checkFile(file, settings)
      codes.push(exitOf(checked.verdict))
      results.push(jsonOf(checked))
      if (!isJson) print(checked, screen)
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      codes.push(EXIT.usage)
      results.push({ file, model: null, verdict: 'unreadable', reason: error.message })
      screen.complain(`lockstep check: ${error.message}`)
    }
  }
  screen.status('')
  if (isJson) screen.print(JSON.stringify(results))
  else if (files.length > 1) screen.print(summaryOf(codes))
  return worstExit(codes)
}

function settingsOf(given: Given): Settings {
  const failed = valueOf(given, 'failed') ?? 'dropped'
  if (failed !== 'dropped' && failed !== 'observed') {
    throw new UsageError(`--failed wants dropped or observed, not '${failed}'`)
  }
  const model = oneOf('model', valueOf(given, 'model'), MODEL_NAMES)
  const format = oneOf('format', valueOf(given, 'format'), FORMAT_NAMES)
  const timeoutMs = parseDurationMs('timeout', valueOf(given, 'timeout') ?? TIMEOUT)
  return { model, format, initial: initialOf(valueOf(given, 'init')), failed, timeoutMs }
}

function followed(given: Given, { model, format, failed, timeoutMs }: Settings): FollowOptions {
  const [file, ...others] = given.positionals
  if (file === undefined || others.length > 0) throw new UsageError('--follow takes one file')
  if (given.values['json'] === true) throw new UsageError('--follow prints no JSON')
  if (failed === 'observed') throw new UsageError('--follow takes a fail for what did not happen')
  return { file, model, format, timeoutMs }
}

function oneOf(option: string, name: string | undefined, names: readonly string[]): string | null {
  if (name === undefined || names.includes(name)) return name ?? null
  const problem = withSuggestion(`--${option} does not know '${name}'`, name, names)
  throw new UsageError(`${problem}; it takes ${names.join(', ')}`)
}

function initialOf(text: string | undefined): Plain {
  if (text === undefined) return null
  try {
    return JSON.parse(text) as Plain
  } catch {
    throw new UsageError(`--init wants JSON such as 0 or '"a"', not '${text}'`)
  }
}

async function checkFile(file: string, settings: Settings): Promise<Checked> {
  const { failed } = settings
  const format = settings.format === null ? null : formatNamed(settings.format)
  const hasTimes = settings.model === 'lease'
  const { history, ...read } = await readHistory(file, { format, failed, hasTimes })
  const name = settings.model ?? recogniseModel(history)
  if (name === null) {
    const asked = [...new Set(history.map(({ input }) => input.f))].slice(0, 5).join(', ')
    throw new UsageError(`${file}: no model knows ${asked}: name one with --model`)
  }
  // Knossos takes a read of nil for one that was told nothing.
  const nilRead = read.format?.name === 'edn' && name !== 'kv' ? 'unknown' : 'value'
  const model = modelNamed(name, { initial: settings.initial, nilRead })
  if (model === null) throw new UsageError(`there is no model ${name}`)
  const startMs = performance.now()
  const isOver = (): boolean => performance.now() - startMs > settings.timeoutMs
  try {
    const words = inWords(history, model)
    const found = linearize(model, words, { steps: Number.MAX_SAFE_INTEGER, isOver })
    const ms = performance.now() - startMs
    const verdict = minimised({ ...found, model, history: words }, { isOver })
    return { file, model: name, verdict: asInFile(verdict, words, history), ms }
  } catch (error) {
    if (!(error instanceof WordError)) throw error
    const { line, column } = read.placeOf(error.position)
    const summary = MODELS.find((one) => one.name === name)?.summary
    throw new UsageError(`${file}:${line}:${column}: ${error.message}, expected ${summary}`)
  }
}

function exitOf({ verdict }: Verdict): number {
  if (verdict === 'ok') return EXIT.ok
  return verdict === 'violation' ? EXIT.violation : EXIT.undecided
}

function jsonOf({ file, model, verdict, ms }: Checked): object {
  const common = { file, model, verdict: verdict.verdict, operations: verdict.checked }
  const timed = { ...common, ms: Math.round(ms * 10) / 10 }
  if (verdict.verdict === 'ok') return timed
  if (verdict.verdict === 'unknown') return { ...timed, reason: verdict.reason }
  const { message, operations } = verdict
  return { ...timed, reason: message, violation: { operations } }
}

function print({ file, model, verdict, ms }: Checked, screen: Screen): void {
  const { verdict: what, checked } = verdict
  const colour = what === 'ok' ? 'green' : what === 'violation' ? 'red' : 'yellow'
  const how = `${counted(checked, 'operation')}, ${model}, ${duration(ms / 1_000)}`
  screen.print(`${file}: ${screen.paint(colour, what)} (${how})`)
  if (verdict.verdict === 'violation') screen.print(`  ${verdict.message}`)
  if (verdict.verdict === 'unknown') screen.print(`  ${verdict.reason}`)
}

function summaryOf(codes: readonly number[]): string {
  const count = (code: number): number => codes.filter((one) => one === code).length
  const parts = [
    [count(EXIT.ok), 'ok'],
    [count(EXIT.violation), 'violation'],
    [count(EXIT.undecided), 'unknown'],
    [count(EXIT.usage), 'unreadable'],
  ] as const
  return parts
    .filter(([number]) => number > 0)
    .map(([number, what]) => `${number} ${what}`)
    .join(', ')
}
