// `lockstep cluster restore`: makes the first node of a new cluster out of a backup. It asks no
// cluster: there is none.

import { readFileSync } from 'node:fs'
import { DataDirectoryError } from '../server/data-directory-error.ts'
import { nodeName, Wrong } from '../server/option-values.ts'
import { RestoreError, restoreBackup } from '../server/restore.ts'
import type { Restored } from '../server/restore.ts'
import { printAnswer } from './answer.ts'
import { valueOf } from './arguments.ts'
import type { Screen } from './screen.ts'
import { parseCount } from './values.ts'
import { EXIT, UsageError } from './verb.ts'
import type { Given, OptionSpec } from './verb.ts'

/** What only a restore takes. */
export const RESTORE_OPTIONS: readonly OptionSpec[] = [
  { name: 'data-dir', value: 'DIR', help: 'restore: the directory to make (LOCKSTEP_DATA_DIR)' },
  { name: 'id', value: 'NAME', help: "restore: the node's name (LOCKSTEP_ID, or node1)" },
  {
    name: 'tokens-above',
    value: 'N',
    help: 'restore: no new fencing token is below this (default: far above the backup)',
  },
]

/** Restores `file`. */
export async function restore(given: Given, screen: Screen, file: string): Promise<number> {
  const path = valueOf(given, 'data-dir') ?? (process.env['LOCKSTEP_DATA_DIR'] || './data')
  const name = nameOf(given)
  const above = valueOf(given, 'tokens-above')
  const tokensAbove =
    above === undefined ? null : parseCount('tokens-above', above, 0, Number.MAX_SAFE_INTEGER)
  let restored: Restored
  try {
    restored = await restoreBackup({ backup: contentOf(file), path, name, tokensAbove })
  } catch (error) {
    if (error instanceof RestoreError) throw new UsageError(`${file}: ${error.message}`)
    if (!(error instanceof DataDirectoryError)) throw error
    if (error.code !== 'locked' && error.code !== 'ioFailed') throw new UsageError(error.message)
    screen.complain(`lockstep: ${error.message}`)
    return EXIT.violation
  }
  const { cluster, from, incarnation, locksCount } = restored
  const body = {
    cluster_id: cluster,
    from_cluster_id: from,
    node_id: name,
    incarnation,
    locks: locksCount,
    tokens_above: restored.tokensAbove,
  }
  printAnswer(given, screen, { status: 200, body }, () => summary(path, name, restored))
  return EXIT.ok
}

function nameOf(given: Given): string {
  const name = nodeName(valueOf(given, 'id') ?? (process.env['LOCKSTEP_ID'] || 'node1'))
  if (name instanceof Wrong) throw new UsageError(`--id ${name.why}`)
  return name
}

function contentOf(file: string): Uint8Array {
  try {
    return readFileSync(file)
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${(error as Error).message}`)
  }
}

function summary(path: string, name: string, restored: Restored): string {
  const { cluster, locksCount, tokensAbove } = restored
  return [
    `${path} is ${name}'s, the first node of cluster ${cluster}; locks: ${locksCount}`,
    `every new fencing token is above ${tokensAbove}`,
    `start it with its --peers, and those on empty directories; then, for each of them:`,
    `  lockstep cluster add NODE && lockstep cluster promote NODE`,
  ].join('\n')
}
