// A simulated disk behind the real `Disk` interface. Writes are visible at once and durable only
// after a sync; a loss of power keeps, loses or tears each unsynced write by itself.

import type { Disk, SyncResult } from '../storage/disk.ts'
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

  sync(done: (result: SyncResult) => void): void {
    this.#syncs.push({ covers: this.#covered + this.#unsynced.length, done })
    this.#startSync()
  }

  /** Ends the oldest sync under way: what was written before it began is durable. */
  finishSync(): void {
    const sync = this.#syncs.shift()
    if (sync === undefined) return
    const done = this.#unsynced.splice(0, Math.max(0, sync.covers - this.#covered))
    for (const operation of done) this.#makeDurable(operation, null)
    this.#covered += done.length
    sync.done(null)
  }

  /**
   * The machine or the process dies. Syncs under way never report. Returns how many unsynced
   * writes were lost, and how many survived in part.
   */
  crash(mode: CrashMode, random: RandomStream): { readonly lost: number; readonly torn: number } {
    this.#syncs = []
    if (!mode.power) return { lost: 0, torn: 0 }
    let lost = 0
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
    this.#visible.clear()
    for (const [file, { bytes, size }] of this.#durable) {
      this.#visible.set(file, { bytes: bytes.slice(), size })
    }
    return { lost, torn }
  }

  #makeDurable(operation: UnsyncedOperation, prefix: number | null): void {
    if (operation.type === 'truncate') {
      truncateTo(this.#durable, operation.file, operation.size)
      return
    }
    const { file, offset, bytes } = operation
    writeTo(this.#durable, file, offset, bytes, prefix ?? bytes.length)
  }
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
