// `lockstep replay`: runs capsules again, by the decisions that they hold, and says whether what
// they recorded comes up again.

import type { Capsule } from '../sim/capsule.ts'
import { replayOptions } from '../sim/capsule.ts'
import { simulate } from '../sim/simulate.ts'
import type { LockResult } from '../sim/simulate.ts'
import { readCapsule, TRACE_LINES } from './capsule-files.ts'
import { printFinding } from './campaign-report.ts'
import { buildFingerprint } from './fingerprint.ts'
import { shellWord } from './format.ts'
import type { Screen } from './screen.ts'
import { EXIT, UsageError, worstExit } from './verb.ts'
import type { Given, Verb } from './verb.ts'

export const replayCommand: Verb = {
  name: 'replay',
  usage: 'CAPSULE... [options]',
  summary: 'run the disasters in capsules again, decision by decision',
  options: [
    { name: 'trace', help: 'print what happened, line by line' },
    { name: 'json', help: 'print one JSON object' },
  ],
  takesPositionals: true,
  examples: [
    { line: 'replay lockstep-capsules/seed-17-1f0c2a9e.json', what: 'see a violation again' },
    { line: 'replay capsules/*.json', what: 'whatever failed once: does it still?' },
  ],
  run,
}

/** One capsule, replayed. */
interface Replay {
  readonly capsule: string
  readonly seed: number | string
  readonly verdict: LockResult['verdict']
  readonly violation: LockResult['violation']
  /** What the capsule says was found when it was written. */
  readonly recorded: LockResult['violation']
  readonly traceHash: string
  /** The same run to the last bit. */
  readonly sameTrace: boolean
  /** Written by this very build. */
  readonly sameBuild: boolean
  readonly misfit: LockResult['misfit']
  readonly trace: readonly string[]
}

/** A path that holds no capsule, and why. */
interface Unreadable {
  readonly capsule: string
  readonly reason: string
}

/** A capsule whose run threw what is no verdict. */
interface Failed {
  readonly capsule: string
  readonly error: string
}

async function run(given: Given, screen: Screen): Promise<number> {
  const paths = given.positionals
  if (paths.length === 0) throw new UsageError('replay wants the path of a capsule')
  const isJson = given.values['json'] === true
  const hasTrace = given.values['trace'] === true
  const build = buildFingerprint()
  const replays: Replay[] = []
  const unreadable: Unreadable[] = []
  const errors: Failed[] = []
  for (const path of paths) {
    const outcome = replayFile(path, build, hasTrace)
    if ('reason' in outcome) {
      unreadable.push(outcome)
      screen.complain(`lockstep replay: ${outcome.reason}`)
      continue
    }
    if ('error' in outcome) {
      errors.push(outcome)
      screen.complain(`internal error in ${path}: ${outcome.error}`)
      continue
    }
    replays.push(outcome)
    for (const warning of warningsOf(outcome)) screen.complain(`lockstep replay: ${warning}`)
    if (!isJson) printReplay(outcome, hasTrace, screen)
  }
  if (isJson) {
    screen.print(JSON.stringify({ ...replaysJson(replays, hasTrace), unreadable, errors }))
  }
  const codes = replays.map(exitCodeOf)
  if (unreadable.length > 0) codes.push(EXIT.usage)
  if (errors.length > 0) codes.push(EXIT.violation)
  return worstExit(codes)
}

function replayFile(path: string, build: string, hasTrace: boolean): Replay | Unreadable | Failed {
  let capsule: Capsule
  try {
    capsule = readCapsule(path)
  } catch (error) {
    if (error instanceof UsageError) return { capsule: path, reason: error.message }
    throw error
  }
  let result: LockResult
  try {
    const traceLines = hasTrace ? TRACE_LINES_ALL : TRACE_LINES
    result = simulate({ ...replayOptions(capsule), traceLines })
  } catch (error) {
    const { message, stack } = error as Error
    // Only by its scenario, of which the parser sees no more than the frame, is it to blame.
    if (capsule.scenario !== undefined) return { capsule: path, reason: `${path}: ${message}` }
    return { capsule: path, error: stack ?? message }
  }
  const { verdict, violation, traceHash, misfit, trace } = result
  return {
    capsule: path,
    seed: capsule.seed,
    verdict,
    violation,
    recorded: capsule.violation,
    traceHash,
    sameTrace: traceHash === capsule.traceHash,
    sameBuild: build === capsule.build,
    misfit,
    trace,
  }
}

/** More lines than a run has. */
const TRACE_LINES_ALL = 10_000_000

/** What makes this another run than the one that was recorded. */
function warningsOf(replay: Replay): string[] {
  const { capsule, sameBuild, sameTrace, misfit } = replay
  const warnings: string[] = []
  if (!sameBuild) {
    warnings.push(`${capsule} was written by another build; it is replayed by its decisions`)
  }
  if (misfit !== null) {
    const { stream, number, reason } = misfit
    const which = `decision ${number} of ${stream}`
    const what =
      reason === 'not recorded'
        ? `this run goes on where the recording ends, at ${which}`
        : `${which} no longer fits: it is ${reason}`
    warnings.push(`${capsule}: ${what}; the seed decides from there`)
  }
  if (sameBuild && !sameTrace) {
    const causes = 'it was edited, or the run is not deterministic'
    warnings.push(`${capsule}: the same build took another course than recorded: ${causes}`)
  }
  return warnings
}

function printReplay(replay: Replay, hasTrace: boolean, screen: Screen): void {
  const { capsule, seed, verdict, violation, recorded, sameTrace, trace } = replay
  if (hasTrace) screen.print(trace.join('\n'))
  const same = sameTrace ? 'the same run to the last bit' : 'another run than the one recorded'
  const colour = verdict === 'ok' ? 'green' : verdict === 'violation' ? 'red' : 'yellow'
  screen.print(`${capsule}: seed ${seed}: ${screen.paint(colour, verdict)} (${same})`)
  if (violation === null) {
    if (recorded !== null) screen.print(`  not seen again: ${recorded.oracle}: ${recorded.message}`)
    return
  }
  if (recorded !== null && recorded.oracle !== violation.oracle) {
    screen.print(`  recorded was another one: ${recorded.oracle}: ${recorded.message}`)
  }
  const reproduce = `npx lockstep replay ${shellWord(capsule)}`
  const shown = hasTrace ? [] : trace
  const seedNumber = typeof seed === 'number' ? seed : null
  const found = { seed: seedNumber, ...violation, capsule, reproduce, trace: shown, note: null }
  printFinding(found, screen)
}

/** A course other than recorded in the same build is a failure, whatever came of it. */
function exitCodeOf({ verdict, sameBuild, sameTrace }: Replay): number {
  if (verdict === 'violation' || (sameBuild && !sameTrace)) return EXIT.violation
  return verdict === 'unknown' ? EXIT.undecided : EXIT.ok
}

function replaysJson(replays: readonly Replay[], hasTrace: boolean): object {
  const verdicts = replays.map(({ verdict }) => verdict)
  const isUndecided = verdicts.includes('unknown') || replays.length === 0
  const verdict = verdicts.includes('violation') ? 'violation' : isUndecided ? 'unknown' : 'ok'
  const violations = replays.flatMap(({ seed, violation, capsule }) => {
    return violation === null ? [] : [{ seed, ...violation, capsule }]
  })
  const capsules = replays.map(({ trace, ...rest }) => (hasTrace ? { ...rest, trace } : rest))
  const [single] = replays
  const hash = replays.length === 1 && single !== undefined ? { traceHash: single.traceHash } : {}
  return { verdict, violations, capsules, ...hash }
}
