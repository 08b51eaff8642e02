// A reliable disk in memory, for tests, examples and the browser. It keeps no time: whoever owns it
// says when syncs end. The disk that fails and forgets is the simulator's.

import type { Disk, SyncResult } from './disk.ts'

interface MemoryFile {
  bytes: Uint8Array
  size: number
}

/** Files in memory. A sync ends at the next `flush`. */
export class MemoryDisk implements Disk {
  readonly #files = new Map<string, MemoryFile>()
  #waiting: ((result: SyncResult) => void)[] = []

  /** Syncs that wait for a `flush`. */
  get syncsWaiting(): number {
    return this.#waiting.length
  }

  /** Ends the syncs begun so far, in order; those begun meanwhile wait for the next flush. */
  flush(result: SyncResult = null): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const done of waiting) done(result)
  }

  list(): readonly string[] {
    return [...this.#files.keys()].sort()
  }

  /** A copy, so that later writes do not change it. */
  read(file: string): Uint8Array {
    const found = this.#files.get(file)
    return found === undefined ? new Uint8Array(0) : found.bytes.slice(0, found.size)
  }

  write(file: string, offset: number, bytes: Uint8Array): void {
    const target = this.#fileOf(file)
    const end = offset + bytes.length
    if (end > target.bytes.length) {
      const grown = new Uint8Array(Math.max(end, target.bytes.length * 2))
      grown.set(target.bytes.subarray(0, target.size))
      target.bytes = grown
    }
    target.bytes.set(bytes, offset)
    target.size = Math.max(target.size, end)
  }

  /** Cuts the file; a size beyond its end changes nothing. */
  truncate(file: string, size: number): void {
    const target = this.#fileOf(file)
    if (size >= target.size) return
    target.bytes.fill(0, size, target.size)
    target.size = size
  }

  remove(file: string): void {
    this.#files.delete(file)
  }

  sync(done: (result: SyncResult) => void): void {
    this.#waiting.push(done)
  }

  #fileOf(name: string): MemoryFile {
    let file = this.#files.get(name)
    if (file === undefined) {
      file = { bytes: new Uint8Array(0), size: 0 }
      this.#files.set(name, file)
    }
    return file
  }
}
