// Writes down what killed which mutant: into the data of sim/mutants/, and into the table of
// docs/mutants.md. Only what was tried just now is rewritten.

import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Mutant } from '../sim/mutants/mutant.ts'
import type { Trial } from './mutant-hunt.ts'

const DATA = 'sim/mutants'
const TABLE = 'docs/mutants.md'

/** Rewrites the files in the checkout at `root`, where they differ. */
export function recordTrials(
  root: string,
  mutants: readonly Mutant[],
  trials: readonly Trial[],
): void {
  for (const file of readdirSync(join(root, DATA))) {
    rewrite(join(root, DATA, file), (text) => trials.reduce(withKill, text))
  }
  rewrite(join(root, TABLE), (text) => {
    return trials.reduce((page, trial) => withRow(page, trial, mutants), text)
  })
}

function rewrite(path: string, edit: (text: string) => string): void {
  const before = readFileSync(path, 'utf8')
  const after = edit(before)
  if (after !== before) writeFileSync(path, after)
}

/** The source of the mutants with another `killedBy` in one of them. */
export function withKill(text: string, { id, killed, oracle, seed }: Trial): string {
  const kill = killed ? `{ seed: ${seed}, oracle: '${oracle}' }` : 'null'
  const before = new RegExp(`(\\n    id: '${id}',\\n(?:(?!    id: ).*\\n)*?    killedBy: ).*,\\n`)
  return text.replace(before, (_, head: string) => `${head}${kill},\n`)
}

/** The page with another row for one of the mutants. */
function withRow(text: string, trial: Trial, mutants: readonly Mutant[]): string {
  const mutant = mutants.find(({ id }) => id === trial.id)
  if (mutant === undefined) return text
  const row = rowOf(mutant, trial)
  const before = new RegExp(`^\\| ${trial.id} \\|.*$`, 'm')
  if (before.test(text)) return text.replace(before, () => row)
  return text.replace('\n<!-- end of mutants -->', () => `${row}\n\n<!-- end of mutants -->`)
}

function rowOf({ id, story, source }: Mutant, { killed, oracle, seed, seconds }: Trial): string {
  const { hostname, pathname } = new URL(source)
  const name = hostname === 'github.com' ? pathname.split('/').slice(1, 3).join('/') : hostname
  const how = killed ? [oracle, seed, seconds.toFixed(1)] : ['nothing', '', '']
  return `| ${[id, story, `[${name}](${source})`, ...how].join(' | ')} |`
}
