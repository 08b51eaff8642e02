// A command that runs as a group of processes of its own, so that signals reach all that it starts.
// Knows nothing of locks.

import { spawn } from 'node:child_process'
import { constants } from 'node:os'

/** A command under way. */
export interface CommandGroup {
  /** The exit code, as a shell would say it: 128 and the signal's number where one ended it. */
  readonly ended: Promise<number>
  /** Sends a signal to every process of the group; nothing when none is left. */
  signal(name: NodeJS.Signals): void
}

/** What shells say of a command that is not there, or may not be run. */
const NOT_FOUND = 127
const NOT_EXECUTABLE = 126
const SIGNAL_BASE = 128

/** Starts `words` with the streams of this process and `environment` beside its own. */
export function startCommand(
  words: readonly string[],
  environment: Readonly<Record<string, string>>,
): CommandGroup {
  const [file = '', ...args] = words
  const child = spawn(file, args, {
    detached: true,
    env: { ...process.env, ...environment },
    stdio: 'inherit',
  })
  const ended = new Promise<number>((resolve) => {
    child.on('error', ({ message, code }: NodeJS.ErrnoException) => {
      process.stderr.write(`lockstep: ${file} cannot be run: ${message}\n`)
      resolve(code === 'EACCES' ? NOT_EXECUTABLE : NOT_FOUND)
    })
    child.on('exit', (code, signal) => {
      resolve(code ?? SIGNAL_BASE + (signal === null ? 0 : constants.signals[signal]))
    })
  })
  return {
    ended,
    signal: (name) => {
      if (child.pid === undefined) return
      try {
        process.kill(-child.pid, name)
      } catch {
        // The last of them ended meanwhile.
      }
    },
  }
}
