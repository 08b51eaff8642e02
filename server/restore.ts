// Makes the directory of the first node of a new cluster out of a backup. That node is the only
// voter: what was restored is on it alone, and others are taken in once it leads, as everywhere.
//
// The log of the new cluster begins far behind the entry of the backup. Fencing tokens, ids of
// sessions and of events all come from the index of an entry: so each of them is above all that the
// old cluster gave, which may have gone on for long after the backup.

import { randomBytes } from 'node:crypto'
import type { Persist, Snapshot } from '../core/effect.ts'
import { lockService } from '../core/lock/machine.ts'
import { restoredState } from '../core/lock/restore.ts'
import { mapSize } from '../core/ordered-map.ts'
import { foundedBy } from '../core/raft/membership.ts'
import { versionsOf } from '../core/replica.ts'
import { openFileDisk } from '../storage/node/file-disk.ts'
import type { LogIdentity } from '../storage/record.ts'
import { openLog } from '../storage/write-ahead-log.ts'
import type { LogReport } from '../storage/write-ahead-log.ts'
import { decodeBackup } from './backup-file.ts'
import type { Backup } from './backup-file.ts'
import { makeDataDirectory } from './data-directory.ts'
import { nodeIdOf } from './node-identity.ts'
import { systemTime } from './time.ts'

/**
 * How far above the newest of the backup all new tokens are, unless it is said: more than a cluster
 * gives in three months at a hundred thousand a second. There is room for nine thousand such steps.
 */
export const TOKEN_STEP = 1_000_000_000_000

/** Term of the one entry that a restored log begins behind. */
const FIRST_TERM = 1
/** Log indices, and so tokens, that are left for the new cluster, at least. */
const INDICES_LEFT_MIN = TOKEN_STEP

/** A backup that cannot be restored; `message` says why, without naming the file. */
export class RestoreError extends Error {
  override readonly name = 'RestoreError'
}

/** What is restored, and where to. */
export interface RestoreOptions {
  /** Of the file. */
  readonly backup: Uint8Array
  /** The data directory to be made; it may be there if it is empty. */
  readonly path: string
  /** What the operator calls the node. */
  readonly name: string
  /** New tokens are to be above this; null: TOKEN_STEP above the newest of the backup. */
  readonly tokensAbove: number | null
}

/** What was restored. */
export interface Restored {
  /** The new cluster. */
  readonly cluster: string
  /** The cluster of the backup. */
  readonly from: string
  readonly incarnation: string
  /** How many keys have a record: held, or kept from all by a lock-delay. */
  readonly locksCount: number
  /** Every new token is above this. */
  readonly tokensAbove: number
}

/**
 * Makes the directory: durable when it resolves. Rejects with RestoreError, before anything is
 * written, and as `makeDataDirectory` does.
 */
export async function restoreBackup(options: RestoreOptions): Promise<Restored> {
  const { path, name, tokensAbove } = options
  const backup = decodeBackup(options.backup)
  if ('problem' in backup) throw new RestoreError(backup.problem)
  const { state, tokenBase } = stateIn(backup)
  const index = firstIndex(backup, tokenBase, tokensAbove)
  const cluster = randomBytes(8).toString('hex')
  const incarnation = systemTime.random().toString(16).padStart(8, '0')
  const node = nodeIdOf({ name, incarnation })
  const bytes = lockService().encodeSnapshot(state)
  const snapshot: Snapshot = {
    index,
    term: FIRST_TERM,
    stampMs: backup.clockMs,
    membership: foundedBy([node]),
    version: backup.version,
    bytesCount: bytes.length,
    bytes,
  }
  const founding = { cluster, voters: [node], founder: node, round: 1 }
  await makeDataDirectory(path, { name, incarnation, founding, promise: null }, (folder) =>
    writeLog(folder, { cluster, group: '0', node }, snapshot),
  )
  const locksCount = mapSize(state.inner.locks)
  return { cluster, from: backup.cluster, incarnation, locksCount, tokensAbove: tokenBase + index }
}

type State = ReturnType<typeof restoredState>

function stateIn({ snapshot, clockMs, version }: Backup): { state: State; tokenBase: number } {
  const machine = lockService()
  const known = versionsOf(machine)
  if (version > known) {
    const versions = `version ${version}, this build knows up to ${known}`
    throw new RestoreError(`its cluster went by newer rules (${versions}): use a newer build`)
  }
  const saved = machine.decodeSnapshot(snapshot)
  if (saved === null) throw new RestoreError('its checksum is right and its state makes no sense')
  return { state: restoredState(saved, clockMs), tokenBase: saved.inner.tokenBase }
}

/** Where the new log begins. */
function firstIndex({ index }: Backup, tokenBase: number, tokensAbove: number | null): number {
  const newest = tokenBase + index
  const above = tokensAbove ?? newest + TOKEN_STEP
  if (above < newest) {
    throw new RestoreError(`it may hold tokens up to ${newest}: new ones cannot begin at ${above}`)
  }
  if (above > Number.MAX_SAFE_INTEGER - INDICES_LEFT_MIN) {
    throw new RestoreError(`tokens above ${above} would soon use up the numbers that there are`)
  }
  return above - tokenBase
}

/** Writes a log that holds a snapshot and nothing else: durable when it resolves. */
async function writeLog(folder: string, identity: LogIdentity, snapshot: Snapshot): Promise<void> {
  const { index, term, stampMs } = snapshot
  const persist: Persist = {
    type: 'persist',
    id: 1,
    hardState: { term, vote: null },
    checkpoint: { snapshot, base: { index, term, stampMs } },
    firstIndex: index + 1,
    entries: [],
    logChanged: true,
  }
  const disk = openFileDisk(folder)
  const written = new Promise<void>((resolve, reject) => {
    const recovery = openLog(disk, identity, (said: LogReport) => {
      if (said.type === 'failed') return reject(said.error)
      if (said.type === 'persisted') return resolve()
      if (recovery.type !== 'ok') return
      recovery.log.append(persist)
      recovery.log.sync()
    })
    if (recovery.type !== 'ok') reject(new Error(recovery.reason))
  })
  try {
    await written
  } catch (error) {
    await disk.close().catch(() => undefined)
    // What the disk advises is for a node that runs.
    throw (error as Error).cause ?? error
  }
  await disk.close()
}
