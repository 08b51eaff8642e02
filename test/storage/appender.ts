// Runs append-forever.ts in a process of its own, and looks at what it has left.

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { findLog } from '../../storage/generations.ts'
import { openFileDisk } from '../../storage/node/file-disk.ts'
import { payloadOf, snapshotBytes } from './append-forever.ts'
import { baseAt, entry, identity } from './support.ts'

const SCRIPT = fileURLToPath(new URL('append-forever.ts', import.meta.url))

/** How a life of the appending process went. */
export interface Appended {
  /** Everything that it said. */
  readonly lines: readonly string[]
  /** The highest index that it said is durable. */
  readonly acknowledged: number
}

/** How to run it otherwise than plainly. */
export interface AppendOptions {
  /** What a shell is to do before it becomes the process. */
  readonly shell?: string
  /** Called between its last call of the system and its death. */
  readonly whileStopped?: () => void
}

const running = new Set<ChildProcess>()

/** Kills every appending process that still runs. */
export function killAppenders(): void {
  for (const child of running) child.kill('SIGKILL')
}

/**
 * Appends in `folder` until `isEnough` of the lines so far or the process ends, then kills it.
 */
export async function appendUntil(
  folder: string,
  isEnough: (lines: readonly string[]) => boolean,
  { shell = '', whileStopped }: AppendOptions = {}
): Promise<Appended> {
  const command = `${shell} exec "$0" --import tsx "$1" "$2"`
  const child = spawn('sh', ['-c', command, process.execPath, SCRIPT, folder], {
    stdio: ['ignore', 'pipe', 'inherit']
  })
  running.add(child)
  const ended = new Promise(resolve => child.once('exit', resolve))
  const lines: string[] = []
  let isOver = false
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line)
    if (isOver || !isEnough(lines)) continue
    isOver = true
    if (whileStopped !== undefined) {
      child.kill('SIGSTOP')
      await stopped(child.pid as number)
      whileStopped()
    }
    child.kill('SIGKILL')
  }
  await ended
  running.delete(child)
  const indexes = lines.map(line => Number(/^acknowledged (\d+)$/.exec(line)?.[1] ?? 0))
  return { lines, acknowledged: Math.max(0, ...indexes) }
}

/** Resolves once no thread of the process runs, nor waits for a disk. */
async function stopped(pid: number): Promise<void> {
  const states = (): string[] => {
    const tasks = readdirSync(`/proc/${pid}/task`)
    const stats = tasks.map(task => readFileSync(`/proc/${pid}/task/${task}/stat`, 'utf8'))
    return stats.map(stat => stat.slice(stat.lastIndexOf(')') + 2)[0] ?? '')
  }
  while (states().some(state => state !== 'T')) await new Promise(done => setTimeout(done, 1))
}

/**
 * Reads what is in `folder`, holds every entry and the snapshot against what was appended, and
 * resolves to the last index.
 */
export async function lastIndexIn(folder: string): Promise<number> {
  const disk = openFileDisk(folder)
  const found = findLog(disk, identity)
  await disk.close()
  if (found.type !== 'found') throw new Error(found.reason)
  if (found.contents.type !== 'readable') return 0
  const { snapshot, base, entries } = found.contents.recovered
  assert.equal(base, base.index === 0 ? { index: 0, term: 0, stampMs: 0 } : baseAt(base.index, 1))
  for (const [at, one] of entries.entries()) {
    assert.equal(one, entry(1, ...payloadOf(base.index + at + 1)))
  }
  if (snapshot !== null) {
    assert.ok(snapshot.index <= base.index + entries.length)
    assert.equal(snapshot.bytes, snapshotBytes(snapshot.index))
  }
  return base.index + entries.length
}
