// The few byte-level calls that everything durable is built on: real files in production, the
// simulator's faulty disk in tests. Whoever implements it knows nothing of logs.

/** How a sync ended: null, or what went wrong. After an error nothing written since is trusted. */
export type SyncResult = Error | null

/**
 * Named files of bytes, addressed by offset.
 *
 * Reliability: a `write`, `truncate` or `remove` is visible to `read` and `list` at once, and
 * durable only when a `sync` started after it has reported success. A crash before that may keep
 * it, lose it, or keep parts of it (a torn write), each independently of the others. That a file
 * exists, or does not any more, is part of this: on real files a sync covers the directory too.
 */
export interface Disk {
  /** Names of the files that exist, sorted. Used once, at start. */
  list(): readonly string[]
  /** All bytes of a file, for the caller to keep; empty when there is none. Used at start. */
  read(file: string): Uint8Array
  /** Writes `bytes`, which nobody changes later, at `offset`; a gap before it reads as zeros. */
  write(file: string, offset: number, bytes: Uint8Array): void
  /** Cuts the file to `size` bytes. */
  truncate(file: string, size: number): void
  /** Deletes the file with all its bytes; a crash may bring it back. Nothing when there is none. */
  remove(file: string): void
  /** Makes all earlier writes durable. `done` is called later, never within this call. */
  sync(done: (result: SyncResult) => void): void
}
