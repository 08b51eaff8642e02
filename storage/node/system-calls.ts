// The few calls of the operating system that files need, as promises. The callback API under them:
// a FileHandle costs several times as much a call.

import * as fs from 'node:fs'

/** Opens a file for reading and writing, making it if need be, mode 0600. */
export function open(path: string, flags: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.open(path, flags, 0o600, (error, fd) => (error === null ? resolve(fd) : reject(error)))
  })
}

/** Writes buffers one behind the other from `offset` on; resolves to how many bytes it wrote. */
export function writev(fd: number, buffers: Uint8Array[], offset: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.writev(fd, buffers, offset, (error, count) => {
      if (error === null) resolve(count)
      else reject(error)
    })
  })
}

/** Cuts or grows the file. */
export function ftruncate(fd: number, size: number): Promise<void> {
  return settled(done => fs.ftruncate(fd, size, done))
}

/** Makes the file's bytes durable, and what it takes to find them. */
export function fdatasync(fd: number): Promise<void> {
  return settled(done => fs.fdatasync(fd, done))
}

/** Makes all of a file or a folder durable. */
export function fsync(fd: number): Promise<void> {
  return settled(done => fs.fsync(fd, done))
}

/** Closes a file. */
export function close(fd: number): Promise<void> {
  return settled(done => fs.close(fd, done))
}

/** Removes a file's name. */
export function unlink(path: string): Promise<void> {
  return settled(done => fs.unlink(path, done))
}

function settled(call: (done: (error: Error | null | undefined) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    call(error => (error == null ? resolve() : reject(error)))
  })
}
