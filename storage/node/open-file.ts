// One file of a FileDisk: what of it is still to be written, and the calls that write it. It
// decides nothing about when.

import * as fs from 'node:fs'
import { FileDiskError } from './file-disk-error.ts'
import type { FileOperation } from './file-disk-error.ts'
import { close, fdatasync, fsync, ftruncate, open, writev } from './system-calls.ts'

/** Elsewhere an fdatasync follows; on macOS Node's does more than this flag. */
const DSYNC: number = process.platform === 'linux' ? fs.constants.O_DSYNC : 0

/** Bytes in their place, or where the file is cut. */
type Change =
  | {
      readonly type: 'write'
      readonly offset: number
      readonly end: number
      readonly bytes: Uint8Array
    }
  | { readonly type: 'cut'; readonly size: number }

/** Writes that follow each other in the file. */
interface Run {
  readonly offset: number
  readonly buffers: Uint8Array[]
  end: number
}

/** A file that is opened once something is to be written. */
export class OpenFile {
  readonly path: string
  readonly #stepBytes: number
  #fd = -1
  /** Whether the folder has it, as far as this process has seen. */
  #exists: boolean
  /** Bytes that the file has for whoever reads it. */
  #size: number
  /** Bytes that the file has in the folder, zeros ahead included. */
  #allocated: number
  /** What another process may have left unsynced, or a cut: more than O_DSYNC covers. */
  #needsSync: boolean
  /** What is being written, for `read`. */
  #leaving: readonly Change[] = []
  #changes: Change[] = []

  /** `size` is null for a file that is yet to be made. */
  constructor(path: string, size: number | null, stepBytes: number) {
    this.path = path
    this.#stepBytes = stepBytes
    this.#exists = size !== null
    this.#needsSync = size !== null
    this.#size = size ?? 0
    this.#allocated = this.#size
  }

  get exists(): boolean {
    return this.#exists
  }

  write(offset: number, bytes: Uint8Array): void {
    const end = offset + bytes.length
    this.#changes.push({ type: 'write', offset, end, bytes })
    this.#size = Math.max(this.#size, end)
  }

  truncate(size: number): void {
    if (size >= this.#size) return
    this.#changes.push({ type: 'cut', size })
    this.#size = size
  }

  /** All bytes as of the last call, written or not. */
  read(): Uint8Array {
    const changes = [...this.#leaving, ...this.#changes]
    const ends = changes.map(change => (change.type === 'cut' ? 0 : change.end))
    const bytes = new Uint8Array(Math.max(this.#size, ...ends))
    if (this.#exists) this.#readInto(bytes)
    for (const change of changes) {
      if (change.type === 'cut') bytes.fill(0, change.size)
      else bytes.set(change.bytes, change.offset)
    }
    return bytes.subarray(0, this.#size)
  }

  #readInto(bytes: Uint8Array): void {
    try {
      const fd = fs.openSync(this.path, 'r')
      try {
        let at = 0
        for (let count = 1; count > 0 && at < bytes.length; at += count) {
          count = fs.readSync(fd, bytes, at, bytes.length - at, at)
        }
      } finally {
        fs.closeSync(fd)
      }
    } catch (error) {
      throw new FileDiskError('read', this.path, error)
    }
  }

  /** Makes durable what was changed until now. Resolves to whether it made the file. */
  async flush(): Promise<boolean> {
    const isNew = !this.#exists
    this.#leaving = this.#changes
    this.#changes = []
    await this.#opened()
    for (const change of runsOf(this.#leaving)) {
      if ('buffers' in change) await this.#writeRun(change)
      else await this.#cut(change.size)
    }
    if (this.#needsSync) {
      await this.#attempt('sync', fsync(this.#fd))
      this.#needsSync = false
    } else if (DSYNC === 0) await this.#attempt('sync', fdatasync(this.#fd))
    this.#leaving = []
    return isNew
  }

  /** Cuts off the zeros that were written ahead. */
  async cutZeros(): Promise<void> {
    if (this.#fd >= 0 && this.#allocated > this.#size) await this.#cut(this.#size)
  }

  async close(): Promise<void> {
    const fd = this.#fd
    this.#fd = -1
    if (fd >= 0) await this.#attempt('close', close(fd))
  }

  async #opened(): Promise<void> {
    if (this.#fd >= 0) return
    const flags = fs.constants.O_RDWR | fs.constants.O_CREAT | DSYNC
    this.#fd = await this.#attempt('open', open(this.path, flags))
    this.#exists = true
  }

  /** Writes a run whole, and zeros behind it when it reaches beyond those that are there. */
  async #writeRun({ offset, buffers, end }: Run): Promise<void> {
    const grows = end > this.#allocated
    let left = grows ? [...buffers, new Uint8Array(this.#stepBytes)] : buffers
    let at = offset
    while (at < end) {
      const count = await this.#attempt('write', writev(this.#fd, left, at))
      at += count
      left = behind(left, count)
    }
    this.#allocated = Math.max(this.#allocated, at)
  }

  async #cut(size: number): Promise<void> {
    await this.#attempt('cut', ftruncate(this.#fd, size))
    this.#allocated = size
    this.#needsSync = true
  }

  async #attempt<Value>(operation: FileOperation, call: Promise<Value>): Promise<Value> {
    try {
      return await call
    } catch (error) {
      throw new FileDiskError(operation, this.path, error)
    }
  }
}

/** Joins writes that follow each other: each run is one call. */
function runsOf(changes: readonly Change[]): (Run | { readonly size: number })[] {
  const runs: (Run | { readonly size: number })[] = []
  let last: Run | null = null
  for (const change of changes) {
    if (change.type === 'cut') {
      runs.push({ size: change.size })
      last = null
    } else if (last !== null && last.end === change.offset) {
      last.buffers.push(change.bytes)
      last.end = change.end
    } else {
      const { offset, bytes, end } = change
      last = { offset, buffers: [bytes], end }
      runs.push(last)
    }
  }
  return runs
}

/** What is left of `buffers` behind their first `count` bytes. */
function behind(buffers: readonly Uint8Array[], count: number): Uint8Array[] {
  let skipped = 0
  let bytes = count
  while (skipped < buffers.length && bytes >= (buffers[skipped] as Uint8Array).length) {
    bytes -= (buffers[skipped] as Uint8Array).length
    skipped += 1
  }
  const left = buffers.slice(skipped)
  if (bytes > 0) left[0] = (left[0] as Uint8Array).subarray(bytes)
  return left
}
