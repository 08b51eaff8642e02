// `lockstep mutants`: injects real consensus bugs into the core, one at a time, and shows that the
// simulator catches each of them under the options that `lockstep sim` has by default.

import { availableParallelism } from 'node:os'
import { MUTANTS } from '../sim/mutants.ts'
import type { Mutant } from '../sim/mutants/mutant.ts'
import { valueOf } from './arguments.ts'
import { checkoutFolder, openWorkshop } from './mutant-build.ts'
import { HANG_MS, tryMutant } from './mutant-hunt.ts'
import type { HuntPlan, Trial } from './mutant-hunt.ts'
import { recordTrials } from './mutant-record.ts'
import type { Screen } from './screen.ts'
import { parseCount, parseDurationMs } from './values.ts'
import { EXIT, UsageError } from './verb.ts'
import type { Given, Verb } from './verb.ts'

const BUDGET_MS = 60_000
/** How long is searched when a recorded seed does not kill any more. */
const FALLBACK_MS = 10_000
const JOBS_MAX = 256

export const mutantsCommand: Verb = {
  name: 'mutants',
  usage: '[options]',
  summary: 'inject real consensus bugs into the core and catch each one',
  options: [
    { name: 'only', value: 'IDS', help: 'just these, such as E2,C1 (default: all)' },
    { name: 'budget', value: 'TIME', help: 'how long each is hunted on one core (default: 60s)' },
    { name: 'recorded', help: 'run the recorded seeds; search for 10 s where one fails' },
    { name: 'record', help: 'write what was found into sim/mutants/ and docs/mutants.md' },
    { name: 'jobs', value: 'N', help: 'how many at a time (default: all cores)' },
    { name: 'json', help: 'print one JSON object' },
  ],
  takesPositionals: false,
  examples: [
    { line: 'mutants', what: 'inject every bug, and see what catches it' },
    { line: 'mutants --only E2,C1 --budget 30s', what: 'two of them, half a minute each' },
    { line: 'mutants --recorded', what: 'the quick check that runs in CI' },
  ],
  run,
}

async function run(given: Given, screen: Screen): Promise<number> {
  const mutants = chosen(valueOf(given, 'only'))
  const recorded = given.values['recorded'] === true
  const record = given.values['record'] === true
  if (recorded && record) throw new UsageError('--record searches: it does not go with --recorded')
  const budget = valueOf(given, 'budget')
  const budgetDefaultMs = recorded ? FALLBACK_MS : BUDGET_MS
  const budgetMs = budget === undefined ? budgetDefaultMs : parseDurationMs('budget', budget)
  const jobsText = valueOf(given, 'jobs')
  const jobs =
    jobsText === undefined ? availableParallelism() : parseCount('jobs', jobsText, 1, JOBS_MAX)
  const root = checkoutFolder()
  const plan = { budgetMs, recorded, hangMs: HANG_MS }
  const trials = await tryAll(root, mutants, plan, jobs, screen)
  if (record) recordTrials(root, mutants, trials)
  if (given.values['json'] === true) screen.print(JSON.stringify({ mutants: trials.map(asJson) }))
  else printTable(mutants, trials, screen)
  return trials.every(({ killed }) => killed) ? EXIT.ok : EXIT.violation
}

/** The mutants that `--only` names. */
function chosen(only: string | undefined): readonly Mutant[] {
  if (only === undefined) return MUTANTS
  const ids = only.split(',').map((id) => id.trim())
  const known = MUTANTS.map(({ id }) => id)
  const unknown = ids.find((id) => !known.includes(id))
  if (unknown !== undefined) {
    throw new UsageError(`--only: there is no mutant '${unknown}'; there are ${known.join(', ')}`)
  }
  return MUTANTS.filter(({ id }) => ids.includes(id))
}

async function tryAll(
  root: string,
  mutants: readonly Mutant[],
  plan: Omit<HuntPlan, 'onSeed'>,
  jobs: number,
  screen: Screen,
): Promise<readonly Trial[]> {
  const workshop = await openWorkshop(root)
  const trials: (Trial | undefined)[] = mutants.map(() => undefined)
  try {
    const { original } = workshop
    const queue = mutants.map((mutant, at) => {
      const { id, killedBy } = mutant
      return { at, suspect: { id, killedBy, copy: workshop.build(mutant), original } }
    })
    let done = 0
    const work = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const { suspect, at } = next
        const onSeed = (seed: number): void => {
          screen.status(`mutants: ${done} of ${mutants.length} done, ${suspect.id} at seed ${seed}`)
        }
        trials[at] = await tryMutant(suspect, { ...plan, onSeed })
        done++
      }
    }
    await Promise.all(Array.from({ length: Math.min(jobs, mutants.length) }, work))
  } finally {
    workshop.close()
    screen.status('')
  }
  return trials as readonly Trial[]
}

function asJson({ id, killed, oracle, seed, seconds, note }: Trial): object {
  const all = { id, killed, oracle, seed, seconds: Math.round(seconds * 1_000) / 1_000 }
  return note === null ? all : { ...all, note }
}

function printTable(mutants: readonly Mutant[], trials: readonly Trial[], screen: Screen): void {
  const rows = trials.map(({ id, killed, oracle, seed, seconds, note }, at) => ({
    id,
    by: killed ? (oracle as string) : (note ?? '').startsWith('error') ? 'error' : 'NOT KILLED',
    seed: seed === null ? '-' : String(seed),
    seconds: seconds.toFixed(1),
    story: mutants[at]?.story ?? '',
    killed,
    note,
  }))
  const width = (name: 'id' | 'by' | 'seed', least: number): number =>
    Math.max(least, ...rows.map((row) => row[name].length))
  const [idWidth, byWidth, seedWidth] = [width('id', 2), width('by', 9), width('seed', 4)]
  const head = `${'id'.padEnd(idWidth)}  ${'killed by'.padEnd(byWidth)}  `
  screen.print(screen.paint('bold', `${head}${'seed'.padStart(seedWidth)}  seconds  story`))
  for (const { id, by, seed, seconds, story, killed, note } of rows) {
    const what = screen.paint(killed ? 'green' : 'red', by.padEnd(byWidth))
    const numbers = `${seed.padStart(seedWidth)}  ${seconds.padStart(7)}`
    const width = screen.columns - (idWidth + byWidth + seedWidth + 15)
    const isCut = screen.isTerminal && story.length > width && width > 20
    const told = isCut ? `${story.slice(0, width - 1)}…` : story
    screen.print(`${id.padEnd(idWidth)}  ${what}  ${numbers}  ${told}`)
    if (note !== null) screen.print(screen.paint('yellow', `${' '.repeat(idWidth)}  ${note}`))
  }
  const alive = rows.filter(({ killed }) => !killed).map(({ id }) => id)
  screen.print('')
  const all = rows.length === 1 ? 'the mutant was' : `all ${rows.length} mutants were`
  if (alive.length === 0) screen.print(`${all} killed`)
  else screen.print(`${alive.length} of ${rows.length} mutants not killed: ${alive.join(', ')}`)
}
