// Capsules on disk: written when a campaign finds a violation, read when one is replayed.

import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { buildCapsule, encodeCapsule, parseCapsule } from '../sim/capsule.ts'
import type { Capsule } from '../sim/capsule.ts'
import type { CampaignViolation, Setting } from '../sim/campaign.ts'
import { buildFingerprint } from './fingerprint.ts'
import { counted, shellWord } from './format.ts'
import { settingFlags } from './sim-options.ts'
import { UsageError } from './verb.ts'

/** A violation as the user hears of it. */
export interface Finding extends CampaignViolation {
  /** Path of the capsule; null when there is none. */
  readonly capsule: string | null
  /** The one line that shows it again; null when no single seed does. */
  readonly reproduce: string | null
  /** The last lines of its trace. */
  readonly trace: readonly string[]
  /** Why there is no capsule, when there should be one. */
  readonly note: string | null
}

/** How many violations of a campaign get a capsule: each takes a second run and a file. */
const CAPSULES_MAX = 10
/** How many lines of the trace are shown. */
export const TRACE_LINES = 30
/** Larger files are no capsules of ours, and would only fill the memory. */
const CAPSULE_BYTES_MAX = 512 * 1_024 * 1_024

/** Makes capsules of the first violations, in the order of their seeds. */
export function keepViolations(
  violations: readonly CampaignViolation[],
  setting: Setting,
  out: string,
  twice: boolean,
): readonly Finding[] {
  let build: string | null = null
  let keptCount = 0
  return violations.map((violation) => {
    const { seed } = violation
    const none = { capsule: null, trace: [], note: null }
    if (seed === null) return { ...violation, ...none, reproduce: null }
    const reproduce = ['npx lockstep sim', `--seed ${seed}`, ...settingFlags(setting)].join(' ')
    if (twice) return { ...violation, ...none, reproduce: `${reproduce} --check-determinism` }
    if (keptCount === CAPSULES_MAX) {
      const note = `only the first ${counted(CAPSULES_MAX, 'violation')} got a capsule`
      return { ...violation, ...none, reproduce, note }
    }
    keptCount++
    build ??= buildFingerprint()
    return keepViolation({ ...violation, seed }, setting, out, build, reproduce)
  })
}

function keepViolation(
  violation: CampaignViolation & { readonly seed: number },
  setting: Setting,
  out: string,
  build: string,
  reproduce: string,
): Finding {
  const { seed } = violation
  const { capsule, result } = buildCapsule(seed, setting, build, TRACE_LINES)
  const { trace } = result
  if (result.violation?.message !== violation.message) {
    const note = 'a second run of the same seed went another way: the run is not deterministic'
    const line = `${reproduce} --check-determinism`
    return { ...violation, capsule: null, reproduce: line, trace, note }
  }
  const path = join(out, `seed-${seed}-${capsule.traceHash.slice(0, 8)}.json`)
  try {
    makeFolder(out)
    writeFileSync(path, encodeCapsule(capsule))
  } catch (error) {
    const note = `the capsule could not be written: ${(error as Error).message}`
    return { ...violation, capsule: null, reproduce, trace, note }
  }
  const line = `npx lockstep replay ${shellWord(path)}`
  return { ...violation, capsule: path, reproduce: line, trace, note: null }
}

/** Level by level: asked for all levels at once, Node 20 never comes back from within /proc. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return
  makeFolder(dirname(folder))
  mkdirSync(folder)
}

/** Reads a capsule. Throws a `UsageError` in one line when the file cannot be used as one. */
export function readCapsule(path: string): Capsule {
  let text: string
  try {
    const { size } = statSync(path)
    if (size > CAPSULE_BYTES_MAX) throw new UsageError(`${path} is too large for a capsule`)
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`${path} cannot be read: ${reasonOf(error as NodeJS.ErrnoException)}`)
  }
  const parsed = parseCapsule(text)
  if ('reason' in parsed) throw new UsageError(`${path} ${parsed.reason}`)
  return parsed.capsule
}

function reasonOf(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ENOENT':
      return 'there is no such file'
    case 'EISDIR':
      return 'it is a folder'
    case 'EACCES':
      return 'permission denied'
    default:
      return error.message
  }
}
