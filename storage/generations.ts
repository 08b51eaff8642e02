// Which of a log's files counts. A log is a sequence of generations, one file each: a checkpoint
// begins the next, and once it is durable the earlier ones are removed. It reads the disk at start
// and changes nothing there.
//
// What a crash can leave. Let g be the newest generation whose checkpoint a finished sync covers
// (or 1). All reported persists before that checkpoint are summed up in it, and all later ones went
// to g or to generations after g. So at least g is there, whole, with everything reported: it is
// removed only after a sync has covered a later checkpoint, and then that one is g.
//
//   older than g   may be there or not, in any state: their removal may have been undone. They say
//                  nothing that g does not say better, and are not even read.
//   newer than g   were never covered: each is absent, torn anywhere, or by chance complete, each
//                  independently of the others and of the tail of g. A complete one is
//                  self-contained and a state that was appended, with everything reported before
//                  it; so the highest complete one counts, whatever is torn below it. An unfinished
//                  one holds nothing that was reported.
//
// So reading goes from the highest down and takes the first that is complete, and this is g or a
// later one. What a crash cannot leave has rotted. An unfinished generation behind whose torn part
// a mark stands was covered by a sync: it is g, its checkpoint is lost, and it counts as damaged,
// since going back would forget what was reported. And nothing complete at all is corruption, since
// g was, unless the only file is generation 1 without a durable header: a log that never opened.
// Undecidable is only what is so for records too: a checkpoint that rots after its sync, before the
// next sync has made its note and the removal durable. Then the older generation is taken if a
// crash brings it back.

import type { Disk } from './disk.ts'
import { logFile } from './record.ts'
import type { LogIdentity } from './record.ts'
import { readLog } from './recovery.ts'
import type { Corrupt, Foreign, Readable, Unfinished } from './recovery.ts'
import { sizeOf } from './survey.ts'

/** What a directory holds of a log that can be used. */
export interface FoundLog {
  readonly type: 'found'
  /** The generation to go on with. */
  readonly generation: number
  /** Its bytes; none when the log has to be formatted. */
  readonly bytes: Uint8Array
  /** `unfinished` only for generation 1, to be formatted anew. */
  readonly contents: Readable | Unfinished
  /** Generations to remove once this one is durable. */
  readonly older: readonly number[]
  /** Generations that never became durable, to remove at once. */
  readonly unfinished: readonly number[]
  /** Bytes that those had. */
  readonly unfinishedBytes: number
}

/** Finds the generation of the log of `identity` that counts. */
export function findLog(disk: Disk, identity: LogIdentity): FoundLog | Corrupt | Foreign {
  const generations = generationsOf(disk.list(), identity.group)
  const nothing: Unfinished = { type: 'unfinished', offset: 0 }
  const unfinished: number[] = []
  let unfinishedBytes = 0
  let highest: Corrupt | null = null
  for (const generation of generations.toReversed()) {
    const bytes = disk.read(logFile(identity.group, generation))
    const contents = readLog(bytes, identity, generation)
    if (contents.type === 'corrupt' || contents.type === 'foreign') return contents
    const isOnly = generations.length === 1 && generation === 1
    if (contents.type === 'readable' || isOnly) {
      const older = generations.filter(other => other < generation)
      return { type: 'found', generation, bytes, contents, older, unfinished, unfinishedBytes }
    }
    const reason = 'a log that was never finished, and no older one is left'
    highest ??= { type: 'corrupt', generation, offset: contents.offset, reason }
    unfinished.push(generation)
    unfinishedBytes += sizeOf(bytes)
  }
  if (highest !== null) return highest
  const bytes = new Uint8Array(0)
  const none = { older: [], unfinished: [], unfinishedBytes: 0 }
  return { type: 'found', generation: 1, bytes, contents: nothing, ...none }
}

/** The generations of the log of `group` among `files`, from the lowest up. */
function generationsOf(files: readonly string[], group: string): readonly number[] {
  const prefix = logFile(group, 0).slice(0, -1)
  const generations: number[] = []
  for (const file of files) {
    const digits = file.startsWith(prefix) ? file.slice(prefix.length) : ''
    const generation = /^[1-9][0-9]*$/.test(digits) ? Number(digits) : 0
    if (generation > 0 && Number.isSafeInteger(generation)) generations.push(generation)
  }
  return generations.sort((a, b) => a - b)
}
