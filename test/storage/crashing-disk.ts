// A disk for the log's tests that forgets as badly as the Disk interface allows: at a power loss
// each unsynced write is kept, lost, or kept in parts, and each removal kept or undone, each
// independently of the others. It can also die between any two of its calls.

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

/** What becomes of an unsynced edit when power is lost. */
export type Fate = 'kept' | 'lost' | 'torn'

/** Thrown by the call at which the process dies, which does nothing any more. */
export class Died extends Error {}

type Edit =
  | {
      readonly type: 'write'
      readonly file: string
      readonly offset: number
      readonly bytes: Uint8Array
    }
  | { readonly type: 'truncate'; readonly file: string; readonly size: number }
  | { readonly type: 'remove'; readonly file: string }

type Files = Map<string, Uint8Array>

interface Waiting {
  readonly covers: number
  readonly done: (result: SyncResult) => void
}

export class CrashingDisk implements Disk {
  #durable: Files = new Map()
  #visible: Files = new Map()
  /** Edits that are visible and not durable, in order. */
  #unsynced: Edit[] = []
  #waiting: Waiting[] = []
  /** Calls that change something or sync, until the process dies at one. */
  callsLeft: number = Number.POSITIVE_INFINITY

  get syncsWaiting(): number {
    return this.#waiting.length
  }

  get unsyncedCount(): number {
    return this.#unsynced.length
  }

  list(): readonly string[] {
    return [...this.#visible.keys()].sort()
  }

  read(file: string): Uint8Array {
    return (this.#visible.get(file) ?? new Uint8Array(0)).slice()
  }

  write(file: string, offset: number, bytes: Uint8Array): void {
    this.#edit({ type: 'write', file, offset, bytes: bytes.slice() })
  }

  truncate(file: string, size: number): void {
    this.#edit({ type: 'truncate', file, size })
  }

  remove(file: string): void {
    this.#edit({ type: 'remove', file })
  }

  sync(done: (result: SyncResult) => void): void {
    this.#countCall()
    this.#waiting.push({ covers: this.#unsynced.length, done })
  }

  /** Ends the oldest sync; after an error nothing became durable. */
  endSync(result: SyncResult = null): void {
    const ended = this.#waiting.shift()
    if (ended === undefined) throw new Error('no sync is running')
    if (result === null) {
      for (const edit of this.#unsynced.slice(0, ended.covers)) apply(this.#durable, edit)
      this.#unsynced = this.#unsynced.slice(ended.covers)
    }
    ended.done(result)
  }

  /** The process dies: no sync is answered, and what it wrote stays in the cache. */
  kill(): void {
    this.#waiting = []
    this.callsLeft = Number.POSITIVE_INFINITY
  }

  /** Power is lost: each unsynced edit is kept, lost or torn, as the moment has it. */
  losePower(random: Lcg): void {
    const mood = random.below(4)
    const fates = this.#unsynced.map((): Fate => {
      if (mood === 0) return 'lost'
      if (mood === 1) return 'kept'
      return (['kept', 'torn', 'lost'] as const)[random.below(3)] as Fate
    })
    this.losePowerWith(fates, random)
  }

  /** Power is lost, with this fate for each unsynced edit. */
  losePowerWith(fates: readonly Fate[], random: Lcg): void {
    this.kill()
    for (const [at, edit] of this.#unsynced.entries()) {
      if (fates[at] === 'kept') apply(this.#durable, edit)
      if (fates[at] === 'torn') tear(this.#durable, edit, random)
    }
    this.#visible = new Map(this.#durable)
    this.#unsynced = []
  }

  /** What a loss of power would leave of a file for certain. */
  durable(file: string): Uint8Array {
    return (this.#durable.get(file) ?? new Uint8Array(0)).slice()
  }

  /** A durable byte changes by itself; `xor` says which bits of it. */
  corrupt(file: string, offset: number, xor: number): void {
    for (const files of [this.#durable, this.#visible]) {
      const bytes = files.get(file)
      if (bytes === undefined || offset >= bytes.length) continue
      const changed = bytes.slice()
      changed[offset] = (bytes[offset] as number) ^ xor
      files.set(file, changed)
    }
  }

  /** The same disk once more, as it is found after the process has died. */
  fork(): CrashingDisk {
    const copy = new CrashingDisk()
    copy.#durable = new Map(this.#durable)
    copy.#visible = new Map(this.#visible)
    copy.#unsynced = [...this.#unsynced]
    return copy
  }

  #edit(edit: Edit): void {
    this.#countCall()
    apply(this.#visible, edit)
    this.#unsynced.push(edit)
  }

  #countCall(): void {
    if (this.callsLeft === 0) throw new Died('the process died')
    this.callsLeft -= 1
  }
}

/** Arrays of bytes are never edited in place, so that copies of the map are copies. */
function apply(files: Files, edit: Edit): void {
  if (edit.type === 'remove') return void files.delete(edit.file)
  const before = files.get(edit.file) ?? new Uint8Array(0)
  if (edit.type === 'truncate') return void files.set(edit.file, before.slice(0, edit.size))
  const after = new Uint8Array(Math.max(before.length, edit.offset + edit.bytes.length))
  after.set(before)
  after.set(edit.bytes, edit.offset)
  files.set(edit.file, after)
}

/**
 * Parts of a write, often with the file as long as if all were there; a cut not cut far enough; a
 * removal is done or not.
 */
function tear(files: Files, edit: Edit, random: Lcg): void {
  if (edit.type === 'remove') {
    if (random.below(2) === 0) apply(files, edit)
    return
  }
  const before = files.get(edit.file) ?? new Uint8Array(0)
  if (edit.type === 'truncate') {
    const more = Math.max(0, before.length - edit.size)
    return apply(files, { ...edit, size: edit.size + random.below(more + 1) })
  }
  const piece = 1 + random.below(12)
  const { file, offset, bytes } = edit
  if (random.below(2) === 0) {
    const grown = new Uint8Array(Math.max(before.length, offset + bytes.length))
    grown.set(before)
    files.set(file, grown)
  }
  for (let at = 0; at < bytes.length; at += piece) {
    if (random.below(2) === 0) continue
    const part = bytes.slice(at, at + piece)
    apply(files, { type: 'write', file, offset: offset + at, bytes: part })
  }
}
