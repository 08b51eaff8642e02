// Backups as files, and the directory that is made out of one. `--write` makes the golden file
// anew.

import * as fs from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { LockCommand } from '../../core/lock/command.ts'
import { lockService } from '../../core/lock/machine.ts'
import { BACKUP_FORMAT_VERSION, decodeBackup, encodeBackup } from '../../server/backup-file.ts'
import type { Backup } from '../../server/backup-file.ts'
import { openDataDirectory } from '../../server/data-directory.ts'
import { DataDirectoryError } from '../../server/data-directory-error.ts'
import { nodeIdOf } from '../../server/node-identity.ts'
import { restoreBackup, RestoreError, TOKEN_STEP } from '../../server/restore.ts'
import { openFileDisk } from '../../storage/node/file-disk.ts'
import { openLog } from '../../storage/write-ahead-log.ts'
import { suite } from '../harness.ts'
import { removeTemporaryFolders, temporaryFolder } from '../support/commands.ts'

const test = suite('restore')
const golden = fileURLToPath(new URL('../golden/backup-format-1/backup.bin', import.meta.url))
const machine = lockService()

test.after(removeTemporaryFolders)

/** A state in which two keys are held, and one is waited for. */
function saved(): Backup {
  const terms = { mode: 'exclusive', ttlMs: 5_000, waitMs: 0, reentrant: false } as const
  const rest = { lockDelayMs: 0, metadata: 'm' }
  const commands: LockCommand[] = [
    { type: 'acquire', key: 'a', owner: 'x', requestId: '1', ...terms, ...rest },
    { type: 'acquire', key: 'ü/b', owner: 'y', requestId: '2', ...terms, ...rest },
    { type: 'acquire', key: 'a', owner: 'z', requestId: '3', ...terms, ...rest, waitMs: 900 },
  ]
  let state = machine.initial()
  let index = 0
  for (const command of commands) {
    const context = { index: ++index, timeMs: 1_000, version: 1 }
    ;[state] = machine.apply(state, { type: 'plain', command }, context)
  }
  const snapshot = machine.encodeSnapshot(state)
  return { cluster: '00112233445566ff', index, clockMs: 4_000, version: 1, snapshot }
}

if (process.argv.includes('--write')) {
  fs.mkdirSync(join(golden, '..'), { recursive: true })
  fs.writeFileSync(golden, encodeBackup(saved()))
}

test('backup format 1: is read, and is what this build writes', () => {
  assert.is(BACKUP_FORMAT_VERSION, 1, 'keep the file of format 1, and add one of the new format')
  const bytes = new Uint8Array(fs.readFileSync(golden))
  assert.is(Buffer.compare(bytes, encodeBackup(saved())), 0)
  const backup = decodeBackup(bytes)
  assert.ok(!('problem' in backup))
  assert.equal({ ...backup, snapshot: [...backup.snapshot] }, {
    ...saved(),
    snapshot: [...saved().snapshot],
  })
})

test('backup: with any byte changed, or cut short: says what is wrong', () => {
  const bytes = encodeBackup(saved())
  for (let at = 0; at < bytes.length; at++) {
    const changed = bytes.slice()
    changed[at] = (changed[at] as number) ^ 0x41
    assert.ok('problem' in decodeBackup(changed), `byte ${at}`)
    assert.ok('problem' in decodeBackup(bytes.slice(0, at)), `cut at ${at}`)
  }
  assert.ok('problem' in decodeBackup(new Uint8Array([...bytes, 0])))
})

test('backup: any bytes: are no backup, and nothing is thrown', () => {
  const start = encodeBackup(saved()).slice(0, 17)
  const bytes = fc.tuple(fc.boolean(), fc.uint8Array({ maxLength: 200 }))
  const run = ([isBegun, rest]: [boolean, Uint8Array]): void => {
    assert.ok('problem' in decodeBackup(isBegun ? Buffer.concat([start, rest]) : rest))
  }
  fc.assert(fc.property(bytes, run), { numRuns: 2_000 })
})

async function refused(
  restoring: Promise<unknown>,
  kind: typeof RestoreError | typeof DataDirectoryError,
  message: RegExp,
): Promise<void> {
  try {
    await restoring
  } catch (error) {
    if (!(error instanceof kind)) throw error
    assert.match(error.message, message)
    return
  }
  assert.unreachable('was not refused')
}

const place = (): string => join(temporaryFolder(), 'data')
const terms = { name: 'n1', tokensAbove: null }

test('restore: a new directory: of a new cluster, whose log begins with the state', async () => {
  const path = place()
  const backup = encodeBackup(saved())
  const restored = await restoreBackup({ ...terms, backup, path })
  assert.is(restored.from, saved().cluster)
  assert.is(restored.locksCount, 2)
  assert.is(restored.tokensAbove, TOKEN_STEP + 3)
  assert.is.not(restored.cluster, saved().cluster)
  const directory = await openDataDirectory(path, { name: 'n1', random: () => 0 })
  const { identity } = directory
  const node = nodeIdOf(identity)
  assert.equal(identity.founding, {
    cluster: restored.cluster,
    voters: [node],
    founder: node,
    round: 1,
  })
  const disk = openFileDisk(directory.logFolder)
  assert.is(disk.list().length, 1)
  const identityOfLog = { cluster: restored.cluster, group: '0', node }
  const opened = openLog(disk, identityOfLog, () => undefined)
  assert.ok(opened.type === 'ok')
  const { snapshot, entries, tornBytes } = opened.recovered
  assert.equal([entries.length, tornBytes], [0, 0])
  assert.is(snapshot?.index, TOKEN_STEP + 3)
  assert.is(snapshot?.stampMs, 4_000)
  assert.equal(snapshot?.membership.voters, [node])
  const state = machine.decodeSnapshot(snapshot?.bytes ?? new Uint8Array(0))
  const query = { type: 'status', key: 'ü/b', holder: null } as const
  const reply = state && machine.query(state, { type: 'plain', command: query }, 4_000)
  assert.ok(reply?.type === 'replied' && reply.reply.type === 'status')
  assert.equal([reply.reply.owner, reply.reply.remainingMs], ['y', 5_000])
  await disk.close()
  await directory.close()
})

test('restore: twice from one file: two clusters', async () => {
  const backup = encodeBackup(saved())
  const first = await restoreBackup({ ...terms, backup, path: place() })
  const second = await restoreBackup({ ...terms, backup, path: place() })
  assert.is.not(first.cluster, second.cluster)
})

test('restore: tokens above a number: from there, and never below the backup', async () => {
  const backup = encodeBackup(saved())
  const above = { ...terms, backup, tokensAbove: 1_000 }
  assert.is((await restoreBackup({ ...above, path: place() })).tokensAbove, 1_000)
  const low = restoreBackup({ ...above, path: place(), tokensAbove: 2 })
  await refused(low, RestoreError, /may hold tokens up to 3: new ones cannot begin at 2/)
  const high = restoreBackup({ ...above, path: place(), tokensAbove: Number.MAX_SAFE_INTEGER })
  await refused(high, RestoreError, /use up the numbers/)
})

test('restore: what is no good backup: is refused, and nothing is written', async () => {
  const good = saved()
  const sound = encodeBackup(good)
  const newer = sound.slice()
  newer[16] = 2
  const cases: [RegExp, Uint8Array][] = [
    [/no backup of lockstep/, new TextEncoder().encode('{"locks":[]}')],
    [/no backup of lockstep/, new Uint8Array(0)],
    [/damaged: its checksum/, sound.slice(0, -9)],
    [/newer build \(format 2, this build knows up to 1\)/, newer],
    [/newer rules \(version 9/, encodeBackup({ ...good, version: 9 })],
    [/state makes no sense/, encodeBackup({ ...good, snapshot: new Uint8Array([1, 2]) })],
  ]
  for (const [message, backup] of cases) {
    const path = place()
    await refused(restoreBackup({ ...terms, backup, path }), RestoreError, message)
    assert.is(fs.existsSync(path), false)
  }
})

test('restore: a directory with anything in it: is refused, and left as it is', async () => {
  const backup = encodeBackup(saved())
  const path = temporaryFolder()
  fs.writeFileSync(join(path, 'notes.txt'), 'mine')
  const message = /it is not empty \(notes\.txt\); name another one, or empty it/
  await refused(restoreBackup({ ...terms, backup, path }), DataDirectoryError, message)
  assert.equal(fs.readdirSync(path), ['notes.txt'])
  const used = temporaryFolder()
  await (await openDataDirectory(used, { name: 'n1', random: () => 1 })).close()
  await refused(restoreBackup({ ...terms, backup, path: used }), DataDirectoryError, /not empty/)
  const empty = temporaryFolder()
  await restoreBackup({ ...terms, backup, path: empty })
  await refused(restoreBackup({ ...terms, backup, path: empty }), DataDirectoryError, /not empty/)
})

test('restore: ended by a crash: what is there is not taken for an empty directory', async () => {
  const path = place()
  await restoreBackup({ ...terms, backup: encodeBackup(saved()), path })
  fs.rmSync(join(path, 'identity'))
  const opening = openDataDirectory(path, { name: 'n1', random: () => 1 })
  await refused(opening, DataDirectoryError, /it has a log and no identity/)
})

test.run()
