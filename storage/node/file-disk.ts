// A Disk of real files in one folder. It owns when bytes go to the operating system, in which
// calls, and what a failure is called; what the bytes mean it does not know.
//
// Writes wait in memory until a sync, and then go out in the thread pool: the event loop never
// waits for the device, not even for many MB of a checkpoint. A file is open for O_DSYNC, so that
// one call both writes and makes durable. It grows in steps of zeros that are written ahead: bytes
// in place of zeros change nothing of the file but its contents, so a turn costs one flush and no
// journal entry of the file system. What a killed process leaves of them behind its log says
// nothing to the reader of a log.

import * as fs from 'node:fs'
import { join } from 'node:path'
import type { Disk, SyncResult } from '../disk.ts'
import { FileDiskError } from './file-disk-error.ts'
import { OpenFile } from './open-file.ts'
import { fsync, unlink } from './system-calls.ts'

/** What may be set; tests make both small. */
export interface FileDiskOptions {
  /** Bytes of zeros by which a file grows; 1 MiB. */
  readonly stepBytes?: number
  /** Milliseconds after which writes that no sync has asked for go out all the same; 1 000. */
  readonly idleMs?: number
}

/** A disk of files that holds some of them open. */
export interface FileDisk extends Disk {
  /**
   * Makes all writes durable, cuts off the zeros ahead, and closes the files. Later syncs fail.
   * Rejects with FileDiskError when something did not become durable.
   */
  close(): Promise<void>
}

/**
 * Opens the files of an existing folder as a disk. Whoever calls it sees to it that nobody else
 * writes there. Throws FileDiskError when the folder cannot be read. A failure of any later call
 * but `read` is the result of the next sync and of every sync after it: what the operating system
 * could not write it may forget, and a second try would succeed over nothing.
 */
export function openFileDisk(folder: string, options: FileDiskOptions = {}): FileDisk {
  return new FolderDisk(folder, options.stepBytes ?? 1024 * 1024, options.idleMs ?? 1_000)
}

type Done = (result: SyncResult) => void

class FolderDisk implements FileDisk {
  readonly #folder: string
  readonly #folderFd: number
  readonly #stepBytes: number
  readonly #idleMs: number
  readonly #files = new Map<string, OpenFile>()
  /** Files with something to be written or synced. */
  readonly #dirty = new Set<OpenFile>()
  /** Files that exist in the folder and are to go. */
  #removed: OpenFile[] = []
  /** The next batch has to sync the folder; so does the first, for whoever was here before. */
  #isFolderDirty = true
  #waiting: Done[] = []
  #isRunning = false
  #idleTimer: NodeJS.Timeout | null = null
  /** Not null: the result of every sync from now on. */
  #failure: Error | null = null

  constructor(folder: string, stepBytes: number, idleMs: number) {
    this.#folder = folder
    this.#stepBytes = stepBytes
    this.#idleMs = idleMs
    try {
      for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
        if (!entry.isFile()) continue
        const { size } = fs.statSync(join(folder, entry.name))
        // Durable or not, whoever wrote it may not have lived to see: the first sync covers it.
        this.#dirty.add(this.#add(entry.name, size))
      }
      this.#folderFd = fs.openSync(folder, 'r')
    } catch (error) {
      throw new FileDiskError('open', folder, error)
    }
  }

  list(): readonly string[] {
    return [...this.#files.keys()].sort()
  }

  read(file: string): Uint8Array {
    return this.#files.get(file)?.read() ?? new Uint8Array(0)
  }

  write(file: string, offset: number, bytes: Uint8Array): void {
    if (this.#failure !== null) return
    const target = this.#files.get(file) ?? this.#add(file, null)
    target.write(offset, bytes)
    this.#changed(target)
  }

  /** Cuts the file; a size beyond its end changes nothing. */
  truncate(file: string, size: number): void {
    if (this.#failure !== null) return
    const target = this.#files.get(file) ?? this.#add(file, null)
    target.truncate(size)
    this.#changed(target)
  }

  remove(file: string): void {
    const target = this.#files.get(file)
    if (target === undefined || this.#failure !== null) return
    this.#files.delete(file)
    this.#dirty.delete(target)
    this.#removed.push(target)
    this.#wakeLater()
  }

  sync(done: Done): void {
    this.#waiting.push(done)
    if (!this.#isRunning) void this.#run()
  }

  async close(): Promise<void> {
    const result = await new Promise<SyncResult>(done => this.sync(done))
    if (this.#idleTimer !== null) clearTimeout(this.#idleTimer)
    this.#failure = new FileDiskError('use', this.#folder, new Error('it was closed'))
    let failure = result
    for (const file of this.#files.values()) {
      try {
        if (result === null) await file.cutZeros()
        await file.close()
      } catch (error) {
        failure ??= error as Error
      }
    }
    fs.closeSync(this.#folderFd)
    if (failure !== null) throw failure
  }

  /** `size` is null for a file that is yet to be made. */
  #add(name: string, size: number | null): OpenFile {
    const file = new OpenFile(join(this.#folder, name), size, this.#stepBytes)
    this.#files.set(name, file)
    return file
  }

  #changed(file: OpenFile): void {
    this.#dirty.add(file)
    this.#wakeLater()
  }

  /** Sees to it that what is written at the end of a busy time does not wait for the next. */
  #wakeLater(): void {
    if (this.#idleTimer !== null) return
    this.#idleTimer = setTimeout(() => {
      this.#idleTimer = null
      if (this.#isRunning) this.#wakeLater()
      else if (this.#dirty.size > 0 || this.#removed.length > 0) void this.#run()
    }, this.#idleMs)
    this.#idleTimer.unref()
  }

  /** Works off one batch, and more for as long as a sync waits. */
  async #run(): Promise<void> {
    this.#isRunning = true
    do {
      const waiting = this.#waiting
      this.#waiting = []
      if (this.#failure === null) await this.#batch()
      const result = this.#failure
      // What a caller throws is its own, and ends no batch.
      for (const done of waiting) queueMicrotask(() => done(result))
    } while (this.#waiting.length > 0)
    this.#isRunning = false
  }

  /** Makes durable whatever was written until now; on a failure nothing is tried any more. */
  async #batch(): Promise<void> {
    const files = [...this.#dirty]
    const removed = this.#removed
    let isFolderDirty = this.#isFolderDirty || removed.length > 0
    this.#dirty.clear()
    this.#removed = []
    this.#isFolderDirty = false
    try {
      for (const file of removed) {
        await file.close()
        await this.#unlink(file)
      }
      for (const file of files) {
        if (await file.flush()) isFolderDirty = true
      }
      if (isFolderDirty) await this.#syncFolder()
    } catch (error) {
      this.#failure = error as Error
      this.#dirty.clear()
      this.#removed = []
    }
  }

  async #unlink(file: OpenFile): Promise<void> {
    if (!file.exists) return
    try {
      await unlink(file.path)
    } catch (error) {
      throw new FileDiskError('remove', file.path, error)
    }
  }

  async #syncFolder(): Promise<void> {
    try {
      await fsync(this.#folderFd)
    } catch (error) {
      throw new FileDiskError('sync', this.#folder, error)
    }
  }
}
