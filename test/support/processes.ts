// Starts real processes and ends them for sure: each hangs on a channel of this process, and stops
// when that closes, however this process ends. Knows how to wait for what they say and for ports.

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { connect } from 'node:net'
import { until } from './until.ts'

/** One process that was started here. */
export interface Process {
  readonly pid: number
  /** What it has written so far. */
  readonly stdout: () => string
  readonly stderr: () => string
  /** Resolves with its exit code, or with the name of the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>
  readonly isRunning: () => boolean
  readonly kill: (signal: NodeJS.Signals) => void
}

/** What a process is started with. */
export interface ProcessOptions {
  readonly folder: string
  readonly environment: NodeJS.ProcessEnv
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts `words` as a process. */
export function startProcess(words: readonly string[], options: ProcessOptions): Process {
  const [file = '', ...args] = words
  const child = spawn(file, args, {
    cwd: options.folder,
    env: options.environment,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  running.add(child)
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      running.delete(child)
      resolve(code ?? signal ?? 'SIGKILL')
    })
  })
  return {
    pid: child.pid ?? 0,
    stdout: () => stdout,
    stderr: () => stderr,
    ended,
    isRunning: () => running.has(child),
    kill: (signal) => void child.kill(signal),
  }
}

/** Whether any process has this number. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Whether anything on this machine takes connections on `port`. */
export function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    const end = (answer: boolean) => (): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.on('connect', end(true)).on('error', end(false))
  })
}

/** Ends a process, and sees that it is gone and that its ports refuse. */
export async function killed(one: Process, ports: readonly number[]): Promise<void> {
  one.kill('SIGKILL')
  await one.ended
  await until(`process ${one.pid} to be gone`, () => (isAlive(one.pid) ? undefined : true))
  for (const port of ports) {
    await until(`port ${port} to refuse`, async () => {
      return (await isListening(port)) ? undefined : true
    })
  }
}
