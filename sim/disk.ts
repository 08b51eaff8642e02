// A simulated disk behind the real `Disk` interface. Writes and removals are visible at once and
// durable only after a sync; a loss of power keeps, loses or tears each unsynced one by itself. A
// sync that fails forgets: what it lost, no later sync makes up for, though it may still be read
// meanwhile.

import type { Disk, SyncResult } from '../storage/disk.ts'
import { rottable } from '../storage/survey.ts'
import type { RandomStream } from './random.ts'

interface Contents {
  bytes: Uint8Array
  size: number
}

type UnsyncedOperation =
  | {
      readonly type: 'write'
      readonly file: string
      readonly offset: number
      readonly bytes: Uint8Array
    }
  | { readonly type: 'truncate'; readonly file: string; readonly size: number }
  | { readonly type: 'remove'; readonly file: string }

/** How a crash treats what was not synced. */
export interface CrashMode {
  /** False: only the process dies, and the operating system still writes everything back. */
  readonly power: boolean
  /** True: an unsynced write may survive in part. */
  readonly torn: boolean
}

/** A disk whose syncs end when the world says so. */
export class SimulatedDisk implements Disk {
  readonly #visible = new Map<string, Contents>()
  readonly #durable = new Map<string, Contents>()
  #unsynced: UnsyncedOperation[] = []
  #syncs: { readonly covers: number; readonly done: (result: SyncResult) => void }[] = []
  #covered = 0
  /** Writes that a failed sync took away also from what is read. */
  #goneCount = 0
  readonly #startSync: () => void

  /** @param startSync called for each sync; the world then calls `finishSync` once, later. */
  constructor(startSync: () => void) {
    this.#startSync = startSync
  }

  list(): readonly string[] {
    return [...this.#visible.keys()].sort()
  }

  read(file: string): Uint8Array {
    const contents = this.#visible.get(file)
    return contents === undefined ? new Uint8Array(0) : contents.bytes.slice(0, contents.size)
  }

  write(file: string, offset: number, bytes: Uint8Array): void {
    writeTo(this.#visible, file, offset, bytes, bytes.length)
    this.#unsynced.push({ type: 'write', file, offset, bytes })
  }

  truncate(file: string, size: number): void {
    truncateTo(this.#visible, file, size)
    this.#unsynced.push({ type: 'truncate', file, size })
  }

  remove(file: string): void {
    this.#visible.delete(file)
    this.#unsynced.push({ type: 'remove', file })
  }

  sync(done: (result: SyncResult) => void): void {
    this.#syncs.push({ covers: this.#covered + this.#unsynced.length, done })
    this.#startSync()
  }

  /** Ends the oldest sync under way: what was written before it began is durable. */
  finishSync(): void {
    const sync = this.#syncs.shift()
    if (sync === undefined) return
    for (const operation of this.#takeCovered(sync.covers)) this.#makeDurable(operation, null)
    sync.done(null)
  }

  /**
   * Ends the oldest sync under way with an error. Some of the writes it was for are on the disk,
   * the others are not and never will be: the operating system takes them all for written. Until
   * the power fails they are still read, or are not, as the cache was kept or dropped. Ref: Rebello
   * et al., "Can Applications Recover from fsync Failures?", 2020.
   */
  failSync(random: RandomStream): void {
    const sync = this.#syncs.shift()
    if (sync === undefined) return
    let lost = 0
    for (const operation of this.#takeCovered(sync.covers)) {
      // The size of a file and its name are metadata, which have a journal of their own.
      if (operation.type !== 'write' || random.chance(512)) this.#makeDurable(operation, null)
      else lost++
    }
    if (random.chance(512)) {
      this.#goneCount += lost
      this.#showDurable()
      for (const operation of this.#unsynced) apply(this.#visible, operation, null)
    }
    sync.done(new Error('EIO: i/o error, fsync'))
  }

  /**
   * The machine or the process dies. Syncs under way never report. Returns how many unsynced
   * operations were lost, by failed syncs as well, and how many writes survived in part.
   */
  crash(mode: CrashMode, random: RandomStream): { readonly lost: number; readonly torn: number } {
    this.#syncs = []
    let lost = this.#goneCount
    this.#goneCount = 0
    if (!mode.power) return { lost, torn: 0 }
    let torn = 0
    const keptCount = random.below(this.#unsynced.length + 1)
    for (let at = 0; at < this.#unsynced.length; at++) {
      const operation = this.#unsynced[at] as UnsyncedOperation
      if (mode.torn && operation.type === 'write' && random.chance(512)) {
        torn++
        this.#makeDurable(operation, random.below(operation.bytes.length + 1))
      } else if (mode.torn ? random.chance(512) : at < keptCount) {
        this.#makeDurable(operation, null)
      } else lost++
    }
    this.#covered += this.#unsynced.length
    this.#unsynced = []
    this.#showDurable()
    return { lost, torn }
  }

  /** What a file holds however the power fails. */
  durable(file: string): Uint8Array {
    const contents = this.#durable.get(file)
    return contents === undefined ? new Uint8Array(0) : contents.bytes.slice(0, contents.size)
  }

  /**
   * A durable byte changes by itself, in the bits of `xor`. It is read so from now on, unless a
   * write that is not synced yet is in its place: that will be written over it. False if there is
   * no such byte.
   */
  corrupt(file: string, offset: number, xor: number): boolean {
    if (!flip(this.#durable.get(file), offset, xor)) return false
    const isCovered = this.#unsynced.some((operation) => {
      if (operation.type !== 'write' || operation.file !== file) return false
      return offset >= operation.offset && offset < operation.offset + operation.bytes.length
    })
    if (!isCovered) flip(this.#visible.get(file), offset, xor)
    return true
  }

  /** Takes out of the unsynced operations those that a sync covers. */
  #takeCovered(covers: number): readonly UnsyncedOperation[] {
    const covered = this.#unsynced.splice(0, Math.max(0, covers - this.#covered))
    this.#covered += covered.length
    return covered
  }

  #showDurable(): void {
    this.#visible.clear()
    for (const [file, { bytes, size }] of this.#durable) {
      this.#visible.set(file, { bytes: bytes.slice(), size })
    }
  }

  /** @param prefix how many bytes of a write; null for all */
  #makeDurable(operation: UnsyncedOperation, prefix: number | null): void {
    apply(this.#durable, operation, prefix)
  }
}

function flip(contents: Contents | undefined, offset: number, xor: number): boolean {
  if (contents === undefined || offset >= contents.size) return false
  contents.bytes[offset] = (contents.bytes[offset] as number) ^ xor
  return true
}

function apply(
  files: Map<string, Contents>,
  operation: UnsyncedOperation,
  prefix: number | null,
): void {
  if (operation.type === 'truncate') return truncateTo(files, operation.file, operation.size)
  if (operation.type === 'remove') return void files.delete(operation.file)
  const { file, offset, bytes } = operation
  writeTo(files, file, offset, bytes, prefix ?? bytes.length)
}

function writeTo(
  files: Map<string, Contents>,
  file: string,
  offset: number,
  bytes: Uint8Array,
  length: number,
): void {
  let contents = files.get(file)
  if (contents === undefined) files.set(file, (contents = { bytes: new Uint8Array(4096), size: 0 }))
  const end = offset + length
  if (end > contents.bytes.length) {
    const grown = new Uint8Array(Math.max(end, contents.bytes.length * 2))
    grown.set(contents.bytes)
    contents.bytes = grown
  }
  contents.bytes.set(length === bytes.length ? bytes : bytes.subarray(0, length), offset)
  if (end > contents.size) contents.size = end
}

function truncateTo(files: Map<string, Contents>, file: string, size: number): void {
  const contents = files.get(file)
  if (contents === undefined || size >= contents.size) return
  contents.bytes.fill(0, size, contents.size)
  contents.size = size
}

/** Changes a byte that is durable, where the log can tell; false when there is none. */
export function rotByte(disk: SimulatedDisk, random: RandomStream): boolean {
  for (const file of disk.list()) {
    const ranges = rottable(disk.durable(file))
    if (ranges.length === 0) continue
    const { start, end } = random.pick(ranges)
    const offset = random.between(start, end - 1)
    if (disk.corrupt(file, offset, random.between(1, 255))) return true
  }
  return false
}
