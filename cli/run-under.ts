// Runs a command under a lock that was taken: what the command is told, when it is stopped, and
// what comes of it. It takes no lock.

import type { LockHandle } from '../client/index.ts'
import { startCommand } from './command-group.ts'
import type { CommandGroup } from './command-group.ts'

/** The lock was lost while the command ran. */
const LOST = 76

/** The system needs so long to end a process that was sent SIGKILL, milliseconds. */
const KILL_MS = 100

/** What runs, under what. */
export interface Section {
  readonly handle: LockHandle
  readonly words: readonly string[]
  /** From SIGTERM to SIGKILL, milliseconds. */
  readonly graceMs: number
  readonly complain: (text: string) => void
}

const FORWARDED: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']

/**
 * Answers the command's exit code, and gives the lock back; 76 when the lock was lost: then every
 * process of the command had ended before the lock could be another's.
 */
export async function runUnder(section: Section): Promise<number> {
  const { handle, words, complain } = section
  const command = startCommand(words, {
    LOCKSTEP_KEY: handle.key,
    LOCKSTEP_TOKEN: `${handle.fencingToken}`,
  })
  const forward = (name: NodeJS.Signals): void => command.signal(name)
  for (const name of FORWARDED) process.on(name, forward)
  const guard = new Guard(section, command)
  const code = await command.ended
  const isLost = guard.end()
  for (const name of FORWARDED) process.off(name, forward)
  if (isLost) {
    // Whatever it started and left behind.
    command.signal('SIGKILL')
    complain(`lockstep: lock ${handle.key} was lost, the command was stopped`)
    return LOST
  }
  try {
    await handle.release()
  } catch (error) {
    const { message } = error as Error
    complain(`lockstep: ${message}; the lock frees itself when its lease ends`)
  }
  return code
}

/** Stops the command when the lease runs out: each renewal moves the moment. */
class Guard {
  readonly #section: Section
  readonly #command: CommandGroup
  readonly #off: () => void
  #timers: NodeJS.Timeout[] = []
  #isStopping = false

  constructor(section: Section, command: CommandGroup) {
    const { handle } = section
    this.#section = section
    this.#command = command
    this.#off = handle.on('renewed', () => this.#set())
    handle.signal.addEventListener('abort', this.#kill)
    if (handle.signal.aborted) this.#kill()
    else this.#set()
  }

  /** Ends the watch; true when the lock was lost meanwhile. */
  end(): boolean {
    this.#off()
    this.#section.handle.signal.removeEventListener('abort', this.#kill)
    for (const timer of this.#timers) clearTimeout(timer)
    return this.#isStopping || !this.#section.handle.isValid()
  }

  #set(): void {
    // A command that was told to end cannot be told to go on.
    if (this.#isStopping) return
    const { handle, graceMs } = this.#section
    for (const timer of this.#timers) clearTimeout(timer)
    const leftMs = handle.expiresAt.getTime() - Date.now() - KILL_MS
    this.#timers = [setTimeout(this.#terminate, leftMs - graceMs), setTimeout(this.#kill, leftMs)]
  }

  readonly #terminate = (): void => {
    this.#isStopping = true
    this.#command.signal('SIGTERM')
  }

  readonly #kill = (): void => {
    this.#isStopping = true
    this.#command.signal('SIGKILL')
  }
}
