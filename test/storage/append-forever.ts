// A process that appends to the log in a folder until it is killed or a sync fails, and says on its
// standard output what was acknowledged. Entry `i` holds what `payloadOf(i)` says.
// Usage: node --import tsx append-forever.ts FOLDER

import { fileURLToPath } from 'node:url'
import type { Entry } from '../../core/raft/message.ts'
import { openFileDisk } from '../../storage/node/file-disk.ts'
import { openLog } from '../../storage/write-ahead-log.ts'
import type { LogReport } from '../../storage/write-ahead-log.ts'
import { baseAt, entry, identity } from './support.ts'
import { persistCheckpoint, persistEntries, snapshotAt } from './support.ts'

/** Every so many persists one is a checkpoint. */
const CHECKPOINT_EVERY = 16
const SNAPSHOT_BYTES = 150_000

/** A few bytes that differ from one index to the next, zeros at the end among them. */
export function payloadOf(index: number): number[] {
  return [index & 0xff, index >> 8, ...Array<number>(index % 90).fill(index % 3)]
}

/** What a snapshot up to `index` holds. */
export function snapshotBytes(index: number): Uint8Array {
  return new Uint8Array(SNAPSHOT_BYTES).fill(index & 0xff)
}

function say(what: string): void {
  process.stdout.write(`${what}\n`)
}

function append(folder: string): void {
  const recovery = openLog(openFileDisk(folder), identity, report => onReport(report))
  if (recovery.type !== 'ok') {
    say(`${recovery.type} ${recovery.reason}`)
    return
  }
  const { log, recovered } = recovery
  const entries: Entry[] = [...recovered.entries]
  let base = recovered.base.index
  let id = 0
  const end = (): number => base + entries.length
  const appendNext = (): void => {
    id += 1
    const index = end() + 1
    const added = entry(1, ...payloadOf(index))
    entries.push(added)
    if (index % CHECKPOINT_EVERY === 0) {
      const bytes = snapshotBytes(index)
      const snapshot = { ...snapshotAt(index, 1), bytes, bytesCount: bytes.length }
      entries.splice(0, entries.length - 3)
      base = index - 3
      log.append(persistCheckpoint(id, snapshot, baseAt(base, 1), ...entries))
    } else log.append(persistEntries(id, index, added))
    log.sync()
  }
  function onReport(report: LogReport): void {
    if (report.type === 'failed') return say(`failed ${report.error.message}`)
    const damage = recovered.damage === null ? 'whole' : `damaged at ${recovered.damage.index}`
    if (report.type === 'opened') say(`opened ${end()} ${recovered.tornBytes} torn, ${damage}`)
    else say(`acknowledged ${end()}`)
    appendNext()
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) append(process.argv[2] as string)
