// `lockstep check`: judges history files of any service against a model.

import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { Tagged, type Plain } from '../checker/event.ts'
import { FORMATS } from '../checker/formats/formats.ts'
import { MODELS } from '../checker/models/catalogue.ts'
import { plainText } from '../checker/models/plain.ts'
import { renderHtml } from '../checker/picture/picture.ts'
import { valueOf } from './arguments.ts'
import { checkFile, type CheckedFile, type CheckSettings } from './check-file.ts'
import { checkOnThreads } from './check-threads.ts'
import { follow, type FollowOptions } from './follow.ts'
import { counted, duration } from './format.ts'
import { bar } from './progress.ts'
import type { Screen } from './screen.ts'
import { withSuggestion } from '../server/suggest.ts'
import { parseBytes, parseCount, parseDurationMs } from './values.ts'
import { EXIT, UsageError, worstExit } from './verb.ts'
import type { Given, Verb } from './verb.ts'

const TIMEOUT = '60s'
const MEMORY = '2GB'
const JOBS_MAX = 1_024
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
    { name: 'key-by', value: 'FIELD', help: "what of a value names its object; or 'tuple'" },
    { name: 'timeout', value: 'TIME', help: `give up a file after this (default: ${TIMEOUT})` },
    { name: 'memory', value: 'SIZE', help: `give up a file beyond this (default: ${MEMORY})` },
    { name: 'jobs', value: 'N', help: 'files at once (default: one for each core)' },
    { name: 'follow', help: 'judge locks while the file is written, to the first violation' },
    { name: 'html', value: 'OUT', help: 'draw one file and what came of it, as a page' },
    { name: 'json', help: 'print one JSON array' },
  ],
  takesPositionals: true,
  examples: [
    { line: 'check history.edn', what: "a history of Jepsen's" },
    { line: 'check --model fenced-mutex locks.ndjson.gz', what: 'locks, with their tokens' },
    { line: 'check --html out.html history.edn', what: 'a picture: who did what when' },
    { line: 'check --json histories/*', what: 'many files, for a program to read' },
  ],
  run,
}

async function run(given: Given, screen: Screen): Promise<number> {
  const files = given.positionals
  if (files.length === 0) throw new UsageError('check wants the path of a history')
  const settings = settingsOf(given)
  if (given.values['follow'] === true) return follow(followed(given, settings), screen)
  const isJson = given.values['json'] === true
  const html = valueOf(given, 'html')
  if (html !== undefined && files.length > 1) throw new UsageError('--html takes one file')
  const checked =
    html === undefined
      ? await checkAll(files, settings, jobsOf(given), screen, !isJson)
      : [await draw(files[0] as string, html, settings, screen, !isJson)]
  if (isJson) screen.print(JSON.stringify(checked.map(jsonOf), plainJson))
  else if (files.length > 1) screen.print(summaryOf(checked.map(exitOf)))
  return worstExit(checked.map(exitOf))
}

/** Judges all files, and prints each when those before it are printed. */
async function checkAll(
  files: readonly string[],
  settings: CheckSettings,
  jobs: number,
  screen: Screen,
  isPrinted: boolean,
): Promise<readonly CheckedFile[]> {
  const all: (CheckedFile | undefined)[] = files.map(() => undefined)
  let done = 0
  let shown = 0
  const onChecked = (place: number, checked: CheckedFile): void => {
    all[place] = checked
    done += 1
    for (let next = all[shown]; next !== undefined; next = all[++shown]) {
      if (next.verdict === 'unreadable') screen.complain(`lockstep check: ${next.reason}`)
      else if (isPrinted) print(next, screen)
    }
    const count = `${done} of ${counted(files.length, 'file')}`
    screen.status(` ${screen.paint('cyan', bar(done / files.length))}  ${count}`)
  }
  if (jobs === 1 || files.length === 1 || files.includes('-')) {
    for (const [place, file] of files.entries()) {
      onChecked(place, (await checkFile(file, settings)).summary)
    }
  } else await checkOnThreads(files, settings, jobs, onChecked)
  screen.status('')
  return all as readonly CheckedFile[]
}

/** Judges one file, and writes a picture of what came of it. */
async function draw(
  file: string,
  html: string,
  settings: CheckSettings,
  screen: Screen,
  isPrinted: boolean,
): Promise<CheckedFile> {
  const { summary, result } = await checkFile(file, settings)
  if (summary.verdict === 'unreadable') screen.complain(`lockstep check: ${summary.reason}`)
  else if (isPrinted) print(summary, screen)
  // Of what was not read to its end there is nothing to draw.
  if (result === null) return summary
  try {
    writeFileSync(html, renderHtml(result, { title: file === '-' ? 'standard input' : file }))
  } catch (error) {
    throw new UsageError(`--html ${html}: ${(error as Error).message}`)
  }
  return summary
}

function settingsOf(given: Given): CheckSettings {
  const failed = valueOf(given, 'failed') ?? 'dropped'
  if (failed !== 'dropped' && failed !== 'observed') {
    throw new UsageError(`--failed wants dropped or observed, not '${failed}'`)
  }
  return {
    model: oneOf('model', valueOf(given, 'model'), MODEL_NAMES),
    format: oneOf('format', valueOf(given, 'format'), FORMAT_NAMES),
    initial: initialOf(valueOf(given, 'init')),
    failed,
    keyBy: valueOf(given, 'key-by') ?? null,
    timeoutMs: parseDurationMs('timeout', valueOf(given, 'timeout') ?? TIMEOUT),
    memoryBytes: parseBytes('memory', valueOf(given, 'memory') ?? MEMORY),
  }
}

function jobsOf(given: Given): number {
  const jobs = valueOf(given, 'jobs')
  return jobs === undefined ? availableParallelism() : parseCount('jobs', jobs, 1, JOBS_MAX)
}

function followed(
  given: Given,
  { model, format, failed, timeoutMs }: CheckSettings,
): FollowOptions {
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

function exitOf({ verdict }: CheckedFile): number {
  switch (verdict) {
    case 'ok':
      return EXIT.ok
    case 'violation':
      return EXIT.violation
    case 'unknown':
      return EXIT.undecided
    case 'unreadable':
      return EXIT.usage
  }
}

function jsonOf(checked: CheckedFile): object {
  if (checked.verdict !== 'unreadable') return checked
  const { file, verdict, reason } = checked
  return { file, model: null, verdict, reason }
}

/** What JSON has no word for, as text. */
function plainJson(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}`
  const isOther = value instanceof Set || value instanceof Map || value instanceof Tagged
  return isOther ? plainText(value) : value
}

function print(checked: CheckedFile, screen: Screen): void {
  if (checked.verdict === 'unreadable') return
  const { file, verdict, operations, model, ms, reason } = checked
  const colour = verdict === 'ok' ? 'green' : verdict === 'violation' ? 'red' : 'yellow'
  const what = `${counted(operations, 'operation')}, ${model ?? 'no model yet'}`
  const how = `${what}, ${duration(ms / 1_000)}`
  screen.print(`${file}: ${screen.paint(colour, verdict)} (${how})`)
  if (reason !== undefined) screen.print(`  ${reason}`)
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
