// Keeps two processes from using one directory. It knows nothing of what is in there.
//
// Each process that wants the directory listens on a socket of its own in it, under a name that
// nobody uses again, and then looks for others: whoever finds another that is alive goes away. Of
// two, the one that came second looks when both are there, so never do both stay. A socket is made
// under a hidden name and shown only when it listens: so one that refuses a connection belongs to a
// process that is gone, whatever ended it, and its name can be removed without harm to anybody.
//
// Why not a file with a process id: in another container the id means another process, or none,
// and ids are used again. Who listens on a socket is the kernel's word, holds across containers
// that share the directory, and ends with the process. A process that is stopped still counts as
// alive, since the kernel accepts for it. Only another machine cannot be asked: a directory on a
// network file system must not be given to two.

import { randomInt, randomUUID } from 'node:crypto'
import * as fs from 'node:fs'
import * as net from 'node:net'
import { join } from 'node:path'
import { DataDirectoryError, systemProblem } from './data-directory-error.ts'

/** A directory that no other process uses, until `release`. */
export interface DirectoryLock {
  release(): Promise<void>
}

/** Two that start at once may send each other away; they come back at different times. */
const ATTEMPTS = 6
const PAUSE_MS_MIN = 10
const PAUSE_MS_MAX = 100

/** Bytes of a socket's path, at most, on all systems; a longer one would be cut without a word. */
const PATH_BYTES_MAX = 100

const HIDDEN = 'new-'

/**
 * Takes the lock, a folder `lock` in `directory`, which must exist.
 * Rejects with DataDirectoryError `locked` when another process holds it.
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const folder = join(directory, 'lock')
  let holder = ''
  try {
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 })
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (attempt > 0) await pause(randomInt(PAUSE_MS_MIN, PAUSE_MS_MAX))
      const own = await Listener.open(folder, `${process.pid}-${randomUUID()}`)
      const other = await own.findOther()
      if (other === null) return own
      holder = other
      await own.release()
    }
  } catch (error) {
    throw systemProblem(directory, error)
  }
  const [pid] = holder.split('-')
  const advice = 'stop that one, or give this node a directory of its own'
  throw new DataDirectoryError(
    'locked',
    `data directory ${directory}: process ${pid} is using it; ${advice}`
  )
}

/** A socket in the folder, shown to others. */
class Listener implements DirectoryLock {
  readonly #folder: string
  readonly #name: string
  readonly #server: net.Server
  readonly #folderFd: number

  private constructor(folder: string, name: string, folderFd: number, server: net.Server) {
    this.#folder = folder
    this.#name = name
    this.#folderFd = folderFd
    this.#server = server
  }

  static async open(folder: string, name: string): Promise<Listener> {
    const folderFd = fs.openSync(folder, 'r')
    try {
      const server = await listen(socketPath(folder, folderFd, HIDDEN + name))
      fs.renameSync(join(folder, HIDDEN + name), join(folder, name))
      return new Listener(folder, name, folderFd, server)
    } catch (error) {
      fs.closeSync(folderFd)
      throw error
    }
  }

  /** The name of another that is alive, or null. Removes those that are not. */
  async findOther(): Promise<string | null> {
    for (const name of fs.readdirSync(this.#folder)) {
      if (name === this.#name || name.startsWith(HIDDEN)) continue
      if (await isAlive(socketPath(this.#folder, this.#folderFd, name))) return name
      fs.rmSync(join(this.#folder, name), { force: true })
    }
    return null
  }

  async release(): Promise<void> {
    fs.rmSync(join(this.#folder, this.#name), { force: true })
    await new Promise<void>(done => this.#server.close(() => done()))
    fs.closeSync(this.#folderFd)
  }
}

/** On Linux an open folder has a short name, however long its path is. */
function socketPath(folder: string, folderFd: number, name: string): string {
  const path = join(folder, name)
  if (Buffer.byteLength(path) <= PATH_BYTES_MAX) return path
  if (process.platform === 'linux') return `/proc/self/fd/${folderFd}/${name}`
  throw new Error(`the path ${path} is longer than ${PATH_BYTES_MAX} bytes: choose a shorter one`)
}

function listen(path: string): Promise<net.Server> {
  return new Promise((resolve, reject) => {
    const server = net.createServer(socket => socket.destroy())
    server.unref()
    server.once('error', reject)
    server.listen({ path, exclusive: true }, () => {
      // What goes wrong with a connection later is of no interest: it need not even be accepted.
      server.on('error', () => undefined)
      resolve(server)
    })
  })
}

/** Whether somebody listens there. Nothing but a refusal proves that nobody does. */
function isAlive(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = net.connect(path)
    const answer = (isThere: boolean): void => {
      socket.destroy()
      resolve(isThere)
    }
    socket.once('connect', () => answer(true))
    socket.once('error', ({ code }: NodeJS.ErrnoException) => {
      answer(code !== 'ECONNREFUSED' && code !== 'ENOENT')
    })
  })
}

function pause(durationMs: number): Promise<void> {
  return new Promise(done => setTimeout(done, durationMs))
}
