// Files as the first released formats wrote them: every later build reads them. Those of a format
// are made once, by this file with --write, and never again.

import * as fs from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import {
  checkpointOf,
  contentOf,
  entriesFrom,
  entryOf,
  hardStateOf
} from '../../storage/conformance-life.ts'
import { contentAfter, contentDifference, EMPTY_LOG } from '../../storage/log-content.ts'
import type { LogContent } from '../../storage/log-content.ts'
import { MemoryDisk } from '../../storage/memory-disk.ts'
import { LOG_FORMAT_VERSION, logFile } from '../../storage/record.ts'
import { openLog } from '../../storage/write-ahead-log.ts'
import type { WriteAheadLog } from '../../storage/write-ahead-log.ts'
import { suite } from '../harness.ts'

const test = suite('golden files of the log')
const folder = fileURLToPath(new URL('../golden/log-format-1', import.meta.url))
const identity = { cluster: '00112233445566ff', group: '0', node: 'n1@0000000a' }

const mixed = [entryOf(1, 'noop'), entryOf(1, 'membership', 1, 2, 0), entryOf(3, 'command', 9, 0)]

/** Every kind of record: votes, entries of all kinds, replaced and truncated ones. */
const persists = [
  hardStateOf(1, null),
  hardStateOf(1, 'n1@0000000a'),
  { ...entriesFrom(1, 1), entries: mixed },
  entriesFrom(4, 3, 4, 5, 6),
  { ...entriesFrom(5, 4, 50, 60, 70), hardState: { term: 4, vote: 'n2@0000000b' } },
  entriesFrom(7, 4),
  { ...entriesFrom(7, 4), entries: [entryOf(4, 'version', 2)] }
]

/** Then a checkpoint in several records, and more behind it. */
const before = contentOf(...persists)
const snapshot = Uint8Array.from({ length: 300 }, (_, at) => (at * 7) & 0xff)
const later = [checkpointOf(before, 5, 3, snapshot), entriesFrom(7, 5, 77), hardStateOf(6, null)]

function syncAll(disk: MemoryDisk, log: WriteAheadLog): void {
  log.sync()
  while (disk.syncsWaiting > 0) disk.flush()
}

/** What this build writes: the first file before the checkpoint takes its place, and the second. */
function written(): Map<string, Uint8Array> {
  const disk = new MemoryDisk()
  const opened = openLog(disk, identity, () => undefined, { checkpointPartBytes: 128 })
  if (opened.type !== 'ok') throw new Error(opened.reason)
  const { log } = opened
  disk.flush()
  let id = 0
  for (const persist of persists) {
    log.append({ ...persist, id: ++id })
    syncAll(disk, log)
  }
  const files = new Map([[logFile('0', 1), disk.read(logFile('0', 1))]])
  for (const persist of later) {
    log.append({ ...persist, id: ++id })
    syncAll(disk, log)
  }
  return files.set(logFile('0', 2), disk.read(logFile('0', 2)))
}

if (process.argv.includes('--write')) {
  fs.mkdirSync(folder, { recursive: true })
  for (const [name, bytes] of written()) fs.writeFileSync(join(folder, name), bytes)
}

const contents: readonly [string, LogContent][] = [
  [logFile('0', 1), before],
  [logFile('0', 2), contentOf(...persists, ...later)]
]

for (const [name, content] of contents) {
  test(`log format 1: ${name}: is read, and written on`, () => {
    const disk = new MemoryDisk()
    disk.write(name, 0, new Uint8Array(fs.readFileSync(join(folder, name))))
    const opened = openLog(disk, identity, () => undefined)
    assert.ok(opened.type === 'ok')
    assert.is(contentDifference(opened.recovered, content), null)
    assert.is(opened.recovered.damage, null)
    assert.is(opened.recovered.tornBytes, 0)
    disk.flush()
    const added = { ...entriesFrom(content.base.index + content.entries.length + 1, 8, 1), id: 1 }
    opened.log.append(added)
    syncAll(disk, opened.log)
    const again = openLog(disk, identity, () => undefined)
    assert.ok(again.type === 'ok')
    assert.is(contentDifference(again.recovered, contentAfter(content, added)), null)
  })
}

test('log format 1: what this build writes: is what the first one wrote, byte for byte', () => {
  assert.is(LOG_FORMAT_VERSION, 1, 'keep the files of format 1, and add those of the new format')
  for (const [name, bytes] of written()) {
    const golden = new Uint8Array(fs.readFileSync(join(folder, name)))
    assert.is(Buffer.compare(golden, bytes), 0, `${name} differs`)
  }
})

test('log format 1: its files: hold every kind of content', () => {
  const { hardState, base, snapshot: head } = contentOf(...persists, ...later)
  assert.is.not(base.index, EMPTY_LOG.base.index)
  assert.is(head?.bytesCount, 300)
  assert.is(hardState.vote, null)
  assert.equal(before.hardState, { term: 4, vote: 'n2@0000000b' })
})

test.run()
