// A disk for the log's tests that forgets as badly as the Disk interface allows: at a power loss
// each unsynced write is kept, lost, or kept in parts, each independently of the others. One file.

import type { Disk, SyncResult } from '../../storage/disk.ts'

/** A tiny seeded generator, so that a failing seed says everything. */
export class Lcg {
  #state: number

  constructor(seed: number) {
    this.#state = Math.imul(seed + 1, 0x9e3779b1) >>> 0
  }

  /** An integer from 0 to before `bound`. */
  below(bound: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0
    return Math.floor((this.#state / 2 ** 32) * bound)
  }
}

type Edit =
  | { readonly type: 'write'; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly type: 'truncate'; readonly size: number }

interface Waiting {
  readonly covers: number
  readonly done: (result: SyncResult) => void
}

export class CrashingDisk implements Disk {
  #durable: Uint8Array = new Uint8Array(0)
  #visible: Uint8Array = new Uint8Array(0)
  /** Edits that are visible and not durable, in order. */
  #unsynced: Edit[] = []
  #waiting: Waiting[] = []

  get syncsWaiting(): number {
    return this.#waiting.length
  }

  list(): readonly string[] {
    return this.#visible.length > 0 ? ['log-0'] : []
  }

  read(_file: string): Uint8Array {
    return this.#visible.slice()
  }

  write(_file: string, offset: number, bytes: Uint8Array): void {
    this.#edit({ type: 'write', offset, bytes: bytes.slice() })
  }

  truncate(_file: string, size: number): void {
    this.#edit({ type: 'truncate', size })
  }

  sync(done: (result: SyncResult) => void): void {
    this.#waiting.push({ covers: this.#unsynced.length, done })
  }

  /** Ends the oldest sync; after an error nothing became durable. */
  endSync(result: SyncResult = null): void {
    const ended = this.#waiting.shift()
    if (ended === undefined) throw new Error('no sync is running')
    if (result === null) {
      for (const edit of this.#unsynced.slice(0, ended.covers)) {
        this.#durable = applied(this.#durable, edit)
      }
      this.#unsynced = this.#unsynced.slice(ended.covers)
    }
    ended.done(result)
  }

  /** The process dies: no sync is answered, and what it wrote stays in the cache. */
  kill(): void {
    this.#waiting = []
  }

  /** Power is lost: each unsynced edit is kept, lost or torn. */
  losePower(random: Lcg): void {
    this.kill()
    const unsynced = this.#unsynced
    const mood = random.below(4)
    let bytes = this.#durable
    for (const edit of unsynced) {
      const fate = mood === 0 ? 2 : mood === 1 ? 0 : random.below(3)
      if (fate === 0) bytes = applied(bytes, edit)
      if (fate === 1) bytes = torn(bytes, edit, random)
    }
    this.#durable = bytes
    this.#visible = bytes
    this.#unsynced = []
  }

  /** Replaces the file as if it had always been so. */
  put(bytes: Uint8Array): void {
    this.#durable = bytes
    this.#visible = bytes
    this.#unsynced = []
    this.#waiting = []
  }

  #edit(edit: Edit): void {
    this.#visible = applied(this.#visible, edit)
    this.#unsynced.push(edit)
  }
}

function applied(bytes: Uint8Array, edit: Edit): Uint8Array {
  if (edit.type === 'truncate') return bytes.slice(0, edit.size)
  const result = new Uint8Array(Math.max(bytes.length, edit.offset + edit.bytes.length))
  result.set(bytes)
  result.set(edit.bytes, edit.offset)
  return result
}

/** Parts of a write, often with the file as long as if all were there; a cut not cut far enough. */
function torn(bytes: Uint8Array, edit: Edit, random: Lcg): Uint8Array {
  if (edit.type === 'truncate') {
    const more = Math.max(0, bytes.length - edit.size)
    return bytes.slice(0, edit.size + random.below(more + 1))
  }
  const piece = 1 + random.below(12)
  const wholeLength = random.below(2) === 0
  let result = bytes
  if (wholeLength) {
    result = new Uint8Array(Math.max(bytes.length, edit.offset + edit.bytes.length))
    result.set(bytes)
  }
  for (let at = 0; at < edit.bytes.length; at += piece) {
    if (random.below(2) === 0) continue
    const part = edit.bytes.slice(at, at + piece)
    result = applied(result, { type: 'write', offset: edit.offset + at, bytes: part })
  }
  return result
}
