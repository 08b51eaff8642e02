// The directory that a node keeps everything durable in: who may use it, which format it has, and
// whose it is. What the log in it says is the log's.
//
//   format    one line with the version of this layout
//   identity  name, incarnation, and how it came into its cluster (node-identity.ts)
//   lock/     sockets of the processes that use it or want to (directory-lock.ts)
//   log/      the files of the write-ahead log
//
// A file is written beside, synced and renamed, and then the directory is synced: after a crash it
// is there as it was or as it was to be. The log is begun before a founding is recorded: so a
// member without one has lost it, and must not vote as if it had never promised anything.

import * as fs from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { encodeHeader, logFile } from '../storage/record.ts'
import type { Founding, FoundingPromise } from '../transports/handshake.ts'
import { DataDirectoryError, systemProblem } from './data-directory-error.ts'
import { lockDirectory } from './directory-lock.ts'
import type { DirectoryLock } from './directory-lock.ts'
import { decodeIdentity, encodeIdentity, nodeIdOf } from './node-identity.ts'
import type { NodeIdentity } from './node-identity.ts'

/** Version of the layout that this build writes, and the newest that it reads. */
export const DATA_FORMAT_VERSION = 1

/** Whose directory it is to be. */
export interface DataDirectoryOptions {
  /** What the operator calls the node; a directory of another name is refused. */
  readonly name: string
  /** 32 random bits, unsigned. */
  readonly random: () => number
}

/** A data directory that this process alone uses. */
export interface DataDirectory {
  /** Absolute. */
  readonly path: string
  /** The folder for the disk of the log. */
  readonly logFolder: string
  /** Who this node is, the last recorded founding included. */
  readonly identity: NodeIdentity
  /**
   * Records of which cluster this node is, and begins its log; durable when it returns. The same
   * again changes nothing. Throws DataDirectoryError: `otherCluster` when another one is recorded.
   */
  recordFounding(founding: Founding): void
  /** Records what attempt at a founding it takes part in; durable when it returns. */
  recordPromise(promise: FoundingPromise): void
  /** Lets other processes use it. */
  close(): Promise<void>
}

/**
 * Makes the directory, or opens it: draws an incarnation for an empty one. Rejects with
 * DataDirectoryError when it is in use, not usable, or not that node's.
 */
export async function openDataDirectory(
  path: string,
  options: DataDirectoryOptions
): Promise<DataDirectory> {
  const directory = resolve(path)
  attempt(directory, () => makeFolder(directory))
  const lock = await lockDirectory(directory)
  try {
    attempt(directory, () => checkFormat(directory))
    const identity = attempt(directory, () => readOrDraw(directory, options))
    return new OpenDirectory(directory, identity, lock)
  } catch (error) {
    await lock.release()
    throw error
  }
}

/**
 * Makes the directory of a node that belongs to a cluster from its first start on, with what
 * `writeLog` puts into the folder of its log. The identity comes last: a directory that a crash
 * leaves without one is refused. Rejects with DataDirectoryError: `notEmpty` when anything is
 * there, `ioFailed` when `writeLog` rejects.
 */
export async function makeDataDirectory(
  path: string,
  identity: NodeIdentity,
  writeLog: (logFolder: string) => Promise<void>
): Promise<void> {
  const directory = resolve(path)
  const logFolder = join(directory, 'log')
  attempt(directory, () => refuseFilled(directory))
  attempt(directory, () => makeFolder(directory))
  const lock = await lockDirectory(directory)
  try {
    // Another process may have come first.
    attempt(directory, () => refuseFilled(directory))
    attempt(directory, () => checkFormat(directory))
    attempt(directory, () => makeFolder(logFolder))
    await writeLog(logFolder)
    attempt(directory, () => replaceFile(directory, 'identity', encodeIdentity(identity)))
  } catch (error) {
    if (error instanceof DataDirectoryError) throw error
    for (const made of [logFolder, join(directory, 'format')]) {
      fs.rmSync(made, { recursive: true, force: true })
    }
    const { message } = error as Error
    const why = `data directory ${directory}: ${message}; it is empty again`
    throw new DataDirectoryError('ioFailed', why, error as Error)
  } finally {
    await lock.release()
  }
}

/** Lets pass what a lock leaves behind, and what is at the root of a file system. */
function refuseFilled(directory: string): void {
  if (!fs.existsSync(directory)) return
  const names = fs.readdirSync(directory).filter(name => name !== 'lock' && name !== 'lost+found')
  const [first] = names
  if (first === undefined) return
  throw new DataDirectoryError(
    'notEmpty',
    `data directory ${directory}: it is not empty (${first}); name another one, or empty it`
  )
}

class OpenDirectory implements DataDirectory {
  readonly path: string
  readonly logFolder: string
  readonly #lock: DirectoryLock
  #identity: NodeIdentity

  constructor(path: string, identity: NodeIdentity, lock: DirectoryLock) {
    this.path = path
    this.logFolder = join(path, 'log')
    this.#identity = identity
    this.#lock = lock
  }

  get identity(): NodeIdentity {
    return this.#identity
  }

  recordFounding(founding: Founding): void {
    const recorded = this.#identity.founding
    if (recorded !== null) {
      if (isSame(recorded, founding)) return
      const wants = `and not to be made one of ${founding.cluster}`
      const advice = 'use it for that cluster, or give this node an empty directory'
      throw new DataDirectoryError(
        'otherCluster',
        `data directory ${this.path}: it belongs to cluster ${recorded.cluster} ${wants}; ${advice}`
      )
    }
    attempt(this.path, () => beginLog(this.logFolder, founding.cluster, this.#identity))
    this.#record({ ...this.#identity, founding, promise: null })
  }

  recordPromise(promise: FoundingPromise): void {
    this.#record({ ...this.#identity, promise })
  }

  async close(): Promise<void> {
    await this.#lock.release()
  }

  #record(next: NodeIdentity): void {
    attempt(this.path, () => replaceFile(this.path, 'identity', encodeIdentity(next)))
    this.#identity = next
  }
}

function isSame(a: Founding, b: Founding): boolean {
  return a.cluster === b.cluster && JSON.stringify(a.voters) === JSON.stringify(b.voters)
}

/** Gives a new directory its format; refuses one that this build does not know. */
function checkFormat(directory: string): void {
  const text = readIfAny(join(directory, 'format'))
  if (text === null) {
    // Written before all else: what is there without it was not made by a node.
    for (const name of ['identity', 'log']) {
      if (!fs.existsSync(join(directory, name))) continue
      throw damaged(directory, `it has ${name} and no format`)
    }
    const line = `lockstep data directory, format ${DATA_FORMAT_VERSION}\n`
    replaceFile(directory, 'format', line)
    return
  }
  const version = Number(/^lockstep data directory, format ([1-9][0-9]{0,8})\n$/.exec(text)?.[1])
  if (Number.isNaN(version)) {
    throw damaged(directory, `its file format says ${JSON.stringify(text.slice(0, 80))}`)
  }
  if (version > DATA_FORMAT_VERSION) {
    const known = `format ${version}, this build knows up to ${DATA_FORMAT_VERSION}`
    throw new DataDirectoryError(
      'newerFormat',
      `data directory ${directory} was written by a newer build (${known}): run that build`
    )
  }
}

function readOrDraw(directory: string, { name, random }: DataDirectoryOptions): NodeIdentity {
  const text = readIfAny(join(directory, 'identity'))
  const logFolder = join(directory, 'log')
  const hasLog = fs.existsSync(logFolder) && fs.readdirSync(logFolder).length > 0
  if (text === null) {
    if (hasLog) throw damaged(directory, 'it has a log and no identity')
    const incarnation = random().toString(16).padStart(8, '0')
    const identity = { name, incarnation, founding: null, promise: null }
    replaceFile(directory, 'identity', encodeIdentity(identity))
    makeFolder(logFolder)
    return identity
  }
  const identity = decodeIdentity(text)
  if ('problem' in identity) throw damaged(directory, `its file identity: ${identity.problem}`)
  if (identity.name !== name) {
    const whose = `it is node ${JSON.stringify(identity.name)}'s, not ${JSON.stringify(name)}'s`
    const advice = 'start the node under that name, or give it a directory of its own'
    throw new DataDirectoryError('otherNode', `data directory ${directory}: ${whose}; ${advice}`)
  }
  // A member that has forgotten its log would vote twice.
  if (identity.founding !== null && !hasLog) throw damaged(directory, 'its log is gone')
  makeFolder(logFolder)
  return identity
}

/** Writes what the log would begin with: it is opened as one that holds nothing yet. */
function beginLog(folder: string, cluster: string, identity: NodeIdentity): void {
  const group = '0'
  const header = encodeHeader({ cluster, group, node: nodeIdOf(identity) }, 1)
  replaceFile(folder, logFile(group, 1), header)
}

function damaged(directory: string, what: string): DataDirectoryError {
  const advice =
    'restore the directory from a copy of the whole, or empty it and add the node anew as a member'
  return new DataDirectoryError('damaged', `data directory ${directory}: ${what}; ${advice}`)
}

function readIfAny(path: string): string | null {
  try {
    return fs.readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** Makes the folder and those above it, durably; only their owner may enter them. */
function makeFolder(folder: string): void {
  const first = makeMissing(folder)
  fs.accessSync(folder, fs.constants.W_OK)
  if (first === null) {
    // Whoever made it may not have lived to sync it. One above may be closed to us, and not ours.
    try {
      syncFolder(dirname(folder))
    } catch {
      return
    }
  } else for (let at = folder; at.length >= first.length; at = dirname(at)) syncFolder(dirname(at))
}

/**
 * Makes what is missing of a path and answers the topmost of it, or null. The recursive call of
 * Node would try for ever where a file system takes no folders and says ENOENT, as /proc does.
 */
function makeMissing(folder: string): string | null {
  if (isFolder(folder)) return null
  const above = dirname(folder)
  const first = above === folder ? null : makeMissing(above)
  try {
    fs.mkdirSync(folder, { mode: 0o700 })
  } catch (error) {
    // Another process may have made it meanwhile.
    if (!isFolder(folder)) throw error
  }
  return first ?? folder
}

function isFolder(path: string): boolean {
  return fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

function replaceFile(directory: string, name: string, content: string | Uint8Array): void {
  const beside = join(directory, `${name}.new`)
  const fd = fs.openSync(beside, 'w', 0o600)
  try {
    fs.writeFileSync(fd, content)
    fs.fsyncSync(fd)
  } finally {
    fs.closeSync(fd)
  }
  fs.renameSync(beside, join(directory, name))
  syncFolder(directory)
}

function syncFolder(folder: string): void {
  const fd = fs.openSync(folder, 'r')
  try {
    fs.fsyncSync(fd)
  } finally {
    fs.closeSync(fd)
  }
}

/** Runs `call`; what the operating system refuses is said as a DataDirectoryError. */
function attempt<Value>(directory: string, call: () => Value): Value {
  try {
    return call()
  } catch (error) {
    throw error instanceof DataDirectoryError ? error : systemProblem(directory, error)
  }
}
