// The values of options, as people write them: durations, ranges of seeds, counts, kinds of fault.
// What cannot be read is a `UsageError` that says what is accepted.

import { FAULT_KINDS } from '../sim/scenario.ts'
import type { FaultKind } from '../sim/scenario.ts'
import { withSuggestion } from '../server/suggest.ts'
import { UsageError } from './verb.ts'

/** Seeds from `first` to `last`, both included. */
export interface SeedRange {
  readonly first: number
  readonly last: number
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

/** Reads a duration such as `30s`, `500ms` or `1h30m` as milliseconds. */
export function parseDurationMs(option: string, text: string): number {
  const wanted = `--${option} wants a duration such as 30s, 5m or 500ms, not '${text}'`
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) throw new UsageError(wanted)
  let totalMs = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    totalMs += Number(amount) * (UNIT_MS[unit as string] as number)
  }
  if (totalMs <= 0) throw new UsageError(`--${option} wants more than nothing, not '${text}'`)
  if (!Number.isSafeInteger(Math.ceil(totalMs))) throw new UsageError(wanted)
  return Math.ceil(totalMs)
}

const UNIT_BYTES: Readonly<Record<string, number>> = { kB: 1e3, MB: 1e6, GB: 1e9 }

/** Reads a size such as `500MB` or `2GB` as bytes. */
export function parseBytes(option: string, text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(kB|MB|GB)$/.exec(text) ?? []
  const bytes = Number(amount) * (UNIT_BYTES[unit as string] ?? NaN)
  if (bytes >= 1 && Number.isSafeInteger(Math.ceil(bytes))) return Math.ceil(bytes)
  throw new UsageError(`--${option} wants a size such as 500MB or 2GB, not '${text}'`)
}

/** Reads an integer from `low` to `high`. */
export function parseCount(option: string, text: string, low: number, high: number): number {
  const count = parseInteger(text)
  if (count !== null && count >= low && count <= high) return count
  throw new UsageError(`--${option} wants an integer from ${low} to ${high}, not '${text}'`)
}

/** Reads one seed. */
export function parseSeed(text: string): SeedRange {
  const seed = parseInteger(text)
  if (seed !== null) return { first: seed, last: seed }
  throw new UsageError(`--seed wants an integer from 0 to ${SEED_MAX_TEXT}, not '${text}'`)
}

/** Reads `N` as the seeds from 1 to N, and `A..B` as the seeds from A to B. */
export function parseSeeds(text: string): SeedRange {
  const [from = '', to, ...rest] = text.split('..')
  const first = to === undefined ? 1 : parseInteger(from)
  const last = parseInteger(to ?? from)
  if (first === null || last === null || rest.length > 0) {
    const accepted = `N, or A..B with integers up to ${SEED_MAX_TEXT}`
    throw new UsageError(`--seeds wants ${accepted}, not '${text}'`)
  }
  if (first <= last) return { first, last }
  const why = to === undefined ? 'that is no seed at all' : `${first} comes after ${last}`
  throw new UsageError(`--seeds wants N of 1 or more, or A..B, not '${text}': ${why}`)
}

/** Reads `swarm`, `none` or a list of kinds. */
export function parseFaults(text: string): 'swarm' | readonly FaultKind[] {
  if (text === 'swarm') return text
  if (text === 'none') return []
  const names = text.split(',').map((name) => name.trim())
  const unknown = names.find((name) => !isFaultKind(name))
  if (unknown !== undefined) {
    const problem = withSuggestion(`--faults does not know '${unknown}'`, unknown, FAULT_KINDS)
    throw new UsageError(`${problem}; it takes swarm, none, or some of ${FAULT_KINDS.join(',')}`)
  }
  return FAULT_KINDS.filter((kind) => names.includes(kind))
}

const SEED_MAX_TEXT = '9007199254740991'

/** Digits only, below 2^53. */
function parseInteger(text: string): number | null {
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  return Number.isSafeInteger(number) ? number : null
}

function isFaultKind(name: string): name is FaultKind {
  return (FAULT_KINDS as readonly string[]).includes(name)
}
